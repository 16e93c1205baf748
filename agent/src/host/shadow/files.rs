//! The foreseen files.

use super::Core;
use super::overlay::is_account_file;
use super::permissions::Identity;
use super::tree::{Body, Node, Place, hidden, parent, refused};
use crate::host::live::{apply_attributes, directory_in_memory, random};
use crate::host::{Clock, Files, HostError, HostResult, Kind, Moment, Stat, Times, WriteOptions};
use crate::protocol::{Bytes, Effect};
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Largest file that is shown to programs in memory, in bytes.
const LARGEST_IN_MEMORY: usize = 64 << 20;

/// Files of one request.
#[derive(Clone)]
pub(super) struct ShadowFiles(pub(super) Arc<Core>);

impl ShadowFiles {
    fn me(&self) -> &Identity {
        &self.0.me
    }

    pub(super) fn now(&self) -> Moment {
        let ahead = self.0.overlay().slept;
        super::clock::later(self.0.live.clock.now(), ahead)
    }

    /// The path as the overlay keys it.
    pub(super) fn real(&self, path: &Path, follow: bool) -> HostResult<PathBuf> {
        self.0.overlay().tree.resolve(path, follow, &self.0.live.files, self.me())
    }

    /// What is at a resolved path. Nothing is an error where it can't be known.
    fn look(&self, real: &Path) -> HostResult<Option<Stat>> {
        let overlay = self.0.overlay();
        overlay.tree.may_search(parent(real), self.me())?;
        let found = overlay.tree.stat(real, &self.0.live.files)?;
        if found.is_some() || matches!(overlay.tree.locate(real), Place::Nothing) && overlay.tree.differs_below(real) {
            return Ok(found);
        }
        let parent_exists = overlay.tree.stat(parent(real), &self.0.live.files)?.is_some();
        match overlay.doubt(real, parent_exists) {
            Some(why) => Err(HostError::Unknown { why }),
            None => Ok(None),
        }
    }

    fn must_look(&self, doing: &'static str, real: &Path) -> HostResult<Stat> {
        if let Some(stat) = self.look(real)? {
            return Ok(stat);
        }
        for above in real.ancestors().skip(1) {
            match self.look(above)? {
                Some(stat) if stat.kind == Kind::Directory => break,
                Some(_) => return Err(refused(doing, real, libc::ENOTDIR)),
                None => {}
            }
        }
        Err(refused(doing, real, libc::ENOENT))
    }

    /// Whether the agent's user may use what is at a resolved path.
    fn may(&self, real: &Path, stat: &Stat, read: bool, write: bool, execute: bool) -> HostResult<bool> {
        let overlay = self.0.overlay();
        match overlay.tree.locate(real) {
            Place::Nothing => Ok(false),
            Place::Hidden(why) => Err(hidden(real, why)),
            Place::Live(there) => self.0.live.files.access(&there, read, write, execute),
            Place::Node(node) => {
                let shown = match &node.body {
                    Body::Directory(shown) => shown.as_ref(),
                    Body::Live(there) => Some(there),
                    Body::Memory(_) | Body::Link(_) => None,
                };
                // A read-only file system refuses root too.
                if write
                    && self.me().uid == 0
                    && let Some(there) = shown
                {
                    return self.0.live.files.access(there, read, write, execute);
                }
                Ok(self.me().may(stat, read, write, execute))
            }
        }
    }

    /// The directory of this path; an error where there is none, or it is none.
    fn directory_of(&self, doing: &'static str, real: &Path) -> HostResult<Stat> {
        let stat = self.must_look(doing, parent(real))?;
        self.0.overlay().tree.may_search(parent(real), self.me())?;
        if stat.kind == Kind::Directory { Ok(stat) } else { Err(refused(doing, real, libc::ENOTDIR)) }
    }

    /// An error unless names may come and go in the directory of this path. Returns that directory.
    fn may_change_directory(&self, doing: &'static str, real: &Path) -> HostResult<Stat> {
        let directory = parent(real);
        let stat = self.directory_of(doing, real)?;
        if !self.may(directory, &stat, false, true, true)? {
            return Err(refused(doing, real, libc::EACCES));
        }
        Ok(stat)
    }

    /// An error unless what is there may be removed or replaced.
    fn may_unlink(&self, doing: &'static str, real: &Path, what: &Stat) -> HostResult<()> {
        let directory = self.may_change_directory(doing, real)?;
        if self.me().is_kept_from(&directory, what) {
            return Err(refused(doing, real, libc::EPERM));
        }
        self.must_be_changeable(doing, real)
    }

    /// An error for what is immutable or may only be added to (`chattr +i`, `+a`).
    fn must_be_changeable(&self, doing: &'static str, real: &Path) -> HostResult<()> {
        let letters = self.letters(real)?;
        if letters.contains(['i', 'a']) { Err(refused(doing, real, libc::EPERM)) } else { Ok(()) }
    }

    fn letters(&self, real: &Path) -> HostResult<String> {
        let overlay = self.0.overlay();
        let there = match overlay.tree.locate(real) {
            Place::Nothing => return Ok(String::new()),
            Place::Hidden(why) => return Err(hidden(real, why)),
            Place::Live(there) => there,
            Place::Node(node) => match (&node.attributes, &node.live) {
                (Some(letters), _) => return Ok(letters.clone()),
                (None, Some(there)) => there.clone(),
                (None, None) => return Ok(String::new()),
            },
        };
        self.0.live.files.attributes(&there)
    }

    /// Owner and group of something new in a directory.
    fn new_owner(&self, directory: &Stat) -> (u32, u32) {
        let inherited = directory.mode & 0o2000 != 0;
        (self.me().uid, if inherited { directory.gid } else { self.me().gid })
    }

    /// The path of something new, in a directory that may be changed; and that directory.
    fn new_place(&self, doing: &'static str, path: &Path) -> HostResult<(PathBuf, Stat)> {
        let real = self.real(path, false)?;
        if self.look(&real)?.is_some() {
            return Err(refused(doing, path, libc::EEXIST));
        }
        let directory = self.may_change_directory(doing, &real)?;
        Ok((real, directory))
    }

    /// What the tree below a directory would need to be removed by the agent's user.
    fn may_empty(&self, real: &Path) -> HostResult<()> {
        if self.me().uid == 0 {
            return Ok(());
        }
        for name in self.list(real)? {
            let below = real.join(name);
            let Some(stat) = self.look(&below)? else { continue };
            self.may_unlink("remove", &below, &stat)?;
            if stat.kind == Kind::Directory {
                self.may_empty(&below)?;
            }
        }
        Ok(())
    }

    /// A file's content on the live host or in the overlay, for reading.
    fn content(&self, path: &Path) -> HostResult<Content> {
        let real = self.real(path, true)?;
        let stat = self.must_look("read", &real)?;
        if stat.kind == Kind::Directory {
            return Err(refused("read", path, libc::EISDIR));
        }
        let overlay = self.0.overlay();
        if is_account_file(&real) && overlay.accounts.differs() {
            return Err(HostError::Unknown {
                why: format!("what {} says by then: earlier tasks would change users or groups", path.display()),
            });
        }
        let content = match overlay.tree.locate(&real) {
            Place::Nothing => return Err(refused("read", path, libc::ENOENT)),
            Place::Hidden(why) => return Err(hidden(path, why)),
            Place::Live(there) => return Ok(Content::Live(there)),
            Place::Node(Node { hidden: Some(why), .. }) => return Err(hidden(path, why)),
            Place::Node(node) => match &node.body {
                Body::Memory(bytes) => Content::Memory(bytes.clone()),
                Body::Live(there) => Content::Live(there.clone()),
                Body::Directory(_) => return Err(refused("read", path, libc::EISDIR)),
                Body::Link(_) => return Err(refused("read", path, libc::ELOOP)),
            },
        };
        drop(overlay);
        if self.may(&real, &stat, true, false, false)? { Ok(content) } else { Err(refused("read", path, libc::EACCES)) }
    }
}

enum Content {
    Memory(Arc<Vec<u8>>),
    Live(PathBuf),
}

impl Files for ShadowFiles {
    fn stat(&self, path: &Path, follow: bool) -> HostResult<Option<Stat>> {
        let real = self.real(path, follow)?;
        self.look(&real)
    }

    fn read(&self, path: &Path) -> HostResult<Vec<u8>> {
        match self.content(path)? {
            Content::Memory(bytes) => Ok(bytes.to_vec()),
            Content::Live(there) => self.0.live.files.read(&there),
        }
    }

    fn for_programs(&self, path: &Path) -> HostResult<Option<PathBuf>> {
        match self.content(path)? {
            Content::Memory(bytes) => self.stage(&bytes, &self.temporary_dir().join("refit")).map(Some),
            Content::Live(there) if there == self.real(path, true)? => Ok(None),
            Content::Live(there) => {
                let bytes = self.0.live.files.read(&there)?;
                self.stage(&bytes, &self.temporary_dir().join("refit")).map(Some)
            }
        }
    }

    fn read_chunks(&self, path: &Path, chunk: &mut dyn FnMut(&[u8])) -> HostResult<()> {
        match self.content(path)? {
            Content::Memory(bytes) => {
                chunk(&bytes);
                Ok(())
            }
            Content::Live(there) => self.0.live.files.read_chunks(&there, chunk),
        }
    }

    fn list(&self, path: &Path) -> HostResult<Vec<OsString>> {
        let real = self.real(path, true)?;
        let stat = self.must_look("list", &real)?;
        if stat.kind != Kind::Directory {
            return Err(refused("list", path, libc::ENOTDIR));
        }
        if !self.may(&real, &stat, true, false, false)? {
            return Err(refused("list", path, libc::EACCES));
        }
        self.0.overlay().tree.list(&real, &self.0.live.files)
    }

    fn read_link(&self, path: &Path) -> HostResult<PathBuf> {
        // The kernel's own links (/proc/self/cwd) lead elsewhere than to what they say.
        if path.starts_with("/proc") {
            return self.0.live.files.read_link(path);
        }
        let real = self.real(path, false)?;
        self.must_look("read the link", &real)?;
        let overlay = self.0.overlay();
        match overlay.tree.locate(&real) {
            Place::Node(node) => match &node.body {
                Body::Link(target) => Ok(target.clone()),
                _ => Err(refused("read the link", path, libc::EINVAL)),
            },
            Place::Live(there) => self.0.live.files.read_link(&there),
            Place::Hidden(why) => Err(hidden(path, why)),
            Place::Nothing => Err(refused("read the link", path, libc::ENOENT)),
        }
    }

    fn canonical(&self, path: &Path) -> HostResult<PathBuf> {
        self.real(path, true)
    }

    fn access(&self, path: &Path, read: bool, write: bool, execute: bool) -> HostResult<bool> {
        let answer = self.real(path, true).and_then(|real| match self.look(&real)? {
            None => Ok(false),
            Some(stat) => self.may(&real, &stat, read, write, execute),
        });
        match answer {
            Err(HostError::Io { source, .. }) if source.kind() == std::io::ErrorKind::PermissionDenied => Ok(false),
            answer => answer,
        }
    }

    fn write(&self, path: &Path, content: &[u8], options: &WriteOptions) -> HostResult<()> {
        let place = self.real(path, false)?;
        // What the path names, links followed, lends owner and mode.
        let old = self.look(&self.real(path, true)?)?;
        let here = self.look(&place)?;
        if here.as_ref().is_some_and(|stat| stat.kind == Kind::Directory) {
            return Err(refused("write", path, libc::EISDIR));
        }
        if let Some(old) = &old
            && matches!(old.kind, Kind::BlockDevice | Kind::CharDevice | Kind::Fifo | Kind::Socket)
        {
            return Err(HostError::other(format!(
                "{} is a device, a pipe or a socket and no file; it is not replaced by one",
                path.display()
            )));
        }
        let directory = match &here {
            Some(here) => {
                self.may_unlink("write", &place, here)?;
                self.must_look("write", parent(&place))?
            }
            None => self.may_change_directory("write", &place)?,
        };
        let (own_uid, own_gid) = self.new_owner(&directory);
        let root = self.me().uid == 0;
        // As on the live host: an owner that can't be kept is given up, one that was asked for is not.
        let kept_uid = old.as_ref().filter(|old| root || old.uid == own_uid).map(|old| old.uid);
        let kept_gid = old.as_ref().filter(|old| root || self.me().is_in(old.gid)).map(|old| old.gid);
        let uid = options.uid.or(kept_uid).unwrap_or(own_uid);
        let gid = options.gid.or(kept_gid).unwrap_or(own_gid);
        let refused_owner = options.uid.is_some_and(|uid| uid != own_uid)
            || options.gid.is_some_and(|gid| gid != own_gid && !self.me().is_in(gid));
        if !root && refused_owner {
            return Err(refused("change the owner of", path, libc::EPERM));
        }
        let mode = match (options.mode, &old) {
            (Some(mode), _) => mode,
            (None, Some(old)) => {
                let lost_uid = options.uid.is_none() && kept_uid.is_none();
                let lost_gid = options.gid.is_none() && kept_gid.is_none();
                old.mode & !(u32::from(lost_uid) * 0o4000) & !(u32::from(lost_gid) * 0o2000)
            }
            (None, None) => 0o666 & !self.umask(),
        };
        self.0.foresee(Effect::WriteFile { path: place, content: Bytes::from(content), mode, uid, gid, at: self.now() })
    }

    fn copy(&self, from: &Path, to: &Path) -> HostResult<()> {
        let source = self.real(from, true)?;
        let stat = self.must_look("read", &source)?;
        if stat.kind != Kind::File {
            return Err(HostError::other(format!("cannot copy {}: it is no regular file", from.display())));
        }
        if !self.may(&source, &stat, true, false, false)? {
            return Err(refused("read", from, libc::EACCES));
        }
        let place = self.real(to, false)?;
        let directory = match self.look(&place)? {
            Some(here) if here.kind == Kind::Directory => return Err(refused("write", to, libc::EISDIR)),
            Some(here) => {
                self.may_unlink("write", &place, &here)?;
                self.must_look("write", parent(&place))?
            }
            None => self.may_change_directory("write", &place)?,
        };
        let (own_uid, own_gid) = self.new_owner(&directory);
        let root = self.me().uid == 0;
        let uid = if root { stat.uid } else { own_uid };
        let gid = if root || self.me().is_in(stat.gid) { stat.gid } else { own_gid };
        self.0.foresee(Effect::CopyFile { from: source, path: place, uid, gid, at: self.now() })
    }

    fn create_dir(&self, path: &Path, mode: Option<u32>) -> HostResult<()> {
        let (path, directory) = self.new_place("create directory", path)?;
        let (uid, gid) = self.new_owner(&directory);
        // A directory inherits the set-gid bit, unless a mode is set on it afterwards.
        let mode = mode.unwrap_or_else(|| (0o777 & !self.umask()) | (directory.mode & 0o2000));
        self.0.foresee(Effect::CreateDir { path, mode, uid, gid, at: self.now() })
    }

    fn symlink(&self, target: &Path, path: &Path) -> HostResult<()> {
        let (path, directory) = self.new_place("create the link", path)?;
        let (uid, gid) = self.new_owner(&directory);
        self.0.foresee(Effect::Symlink { path, target: target.to_owned(), uid, gid, at: self.now() })
    }

    fn hard_link(&self, target: &Path, path: &Path) -> HostResult<()> {
        let target = self.real(target, false)?;
        let stat = self.must_look("create the hard link", &target)?;
        let (path, directory) = self.new_place("create the hard link", path)?;
        let errno = match stat.kind {
            Kind::Directory => Some(libc::EPERM),
            _ if stat.dev != directory.dev => Some(libc::EXDEV),
            _ => None,
        };
        match errno {
            Some(errno) => Err(refused("create the hard link", &path, errno)),
            None => self.0.foresee(Effect::HardLink { path, target, at: self.now() }),
        }
    }

    fn rename(&self, from: &Path, to: &Path) -> HostResult<()> {
        // In the kernel's order, so that of several reasons to refuse the same one is told.
        let (from, to) = (self.real(from, false)?, self.real(to, false)?);
        let (_, directory) = (self.directory_of("rename", &from)?, self.directory_of("rename", &to)?);
        let stat = self.must_look("rename", &from)?;
        let refusal = |errno| Err(refused("rename", &from, errno));
        if directory.dev != stat.dev {
            return refusal(libc::EXDEV);
        }
        if to != from && to.starts_with(&from) {
            return refusal(libc::EINVAL);
        }
        if to != from && from.starts_with(&to) {
            return refusal(libc::ENOTEMPTY);
        }
        if self.0.overlay().tree.are_one(&from, &to, &self.0.live.files)? {
            // Two names of one file: both stay (rename(2)).
            return Ok(());
        }
        self.may_unlink("rename", &from, &stat)?;
        match self.look(&to)? {
            None => {
                self.may_change_directory("rename", &to)?;
            }
            Some(there) => {
                self.may_unlink("rename", &to, &there)?;
                match (stat.kind == Kind::Directory, there.kind == Kind::Directory) {
                    (true, false) => return refusal(libc::ENOTDIR),
                    (false, true) => return refusal(libc::EISDIR),
                    (true, true) if !self.0.overlay().tree.list(&to, &self.0.live.files)?.is_empty() => {
                        return refusal(libc::ENOTEMPTY);
                    }
                    _ => {}
                }
            }
        }
        self.0.foresee(Effect::Rename { from, to, at: self.now() })
    }

    fn remove_file(&self, path: &Path) -> HostResult<()> {
        let real = self.real(path, false)?;
        let stat = self.must_look("remove", &real)?;
        if stat.kind == Kind::Directory {
            return Err(refused("remove", path, libc::EISDIR));
        }
        self.may_unlink("remove", &real, &stat)?;
        self.0.foresee(Effect::Remove { path: real, at: self.now() })
    }

    fn remove_tree(&self, path: &Path) -> HostResult<()> {
        let real = self.real(path, false)?;
        if self.real(path, true)? == Path::new("/") {
            return Err(HostError::other(format!(
                "{} is the root of the file system; it is not removed",
                path.display()
            )));
        }
        let stat = self.must_look("remove", &real)?;
        match stat.kind {
            Kind::Directory => self.may_empty(&real)?,
            // As on the live host: a link itself goes, anything else is no tree.
            Kind::Link => {}
            _ => return Err(refused("remove", path, libc::ENOTDIR)),
        }
        self.may_unlink("remove", &real, &stat)?;
        self.0.foresee(Effect::Remove { path: real, at: self.now() })
    }

    fn set_mode(&self, path: &Path, mode: u32, follow: bool) -> HostResult<()> {
        let here = self.must_look("change the mode of", &self.real(path, false)?)?;
        if !follow && here.kind == Kind::Link {
            return Ok(());
        }
        let path = self.real(path, true)?;
        let stat = self.must_look("change the mode of", &path)?;
        if !self.me().owns(&stat) {
            return Err(refused("change the mode of", &path, libc::EPERM));
        }
        self.must_be_changeable("change the mode of", &path)?;
        // The kernel drops the set-gid bit for who is not in the group.
        let keeps = self.me().uid == 0 || stat.kind == Kind::Directory || self.me().is_in(stat.gid);
        let mode = if keeps { mode } else { mode & !0o2000 };
        self.0.foresee(Effect::SetMode { path, mode, at: self.now() })
    }

    fn set_owner(&self, path: &Path, uid: Option<u32>, gid: Option<u32>, follow: bool) -> HostResult<()> {
        let path = self.real(path, follow)?;
        let stat = self.must_look("change the owner of", &path)?;
        let (uid, gid) = (uid.unwrap_or(stat.uid), gid.unwrap_or(stat.gid));
        if !self.me().may_give(&stat, uid, gid) {
            return Err(refused("change the owner of", &path, libc::EPERM));
        }
        self.must_be_changeable("change the owner of", &path)?;
        let at = self.now();
        self.0.foresee(Effect::SetOwner { path: path.clone(), uid, gid, at })?;
        // chown clears set-uid, and set-gid where the group may execute (chown(2)).
        let mut mode = stat.mode;
        if stat.kind == Kind::File {
            mode &= !0o4000;
            if mode & 0o010 != 0 {
                mode &= !0o2000;
            }
        }
        if mode == stat.mode { Ok(()) } else { self.0.foresee(Effect::SetMode { path, mode, at }) }
    }

    fn set_times(&self, path: &Path, times: Times, follow: bool) -> HostResult<()> {
        if times == Times::default() {
            // The kernel does not even look at the path then.
            return Ok(());
        }
        let path = self.real(path, follow)?;
        let stat = self.must_look("change the times of", &path)?;
        if !self.me().owns(&stat) {
            return Err(refused("change the times of", &path, libc::EPERM));
        }
        self.must_be_changeable("change the times of", &path)?;
        self.0.foresee(Effect::SetTimes { path, times, at: self.now() })
    }

    fn attributes(&self, path: &Path) -> HostResult<String> {
        let real = self.real(path, false)?;
        self.must_look("read the attributes of", &real)?;
        self.letters(&real)
    }

    fn set_attributes(&self, path: &Path, change: &str) -> HostResult<()> {
        let path = self.real(path, false)?;
        let stat = self.must_look("change the attributes of", &path)?;
        let old = self.letters(&path)?;
        let letters = apply_attributes(&old, change).map_err(HostError::other)?;
        if letters == old {
            return Ok(());
        }
        let privileged = |letters: &str| letters.contains(['i', 'a']);
        let needs_root = privileged(&letters) != privileged(&old);
        if !self.me().owns(&stat) || (needs_root && self.me().uid != 0) {
            return Err(refused("change the attributes of", &path, libc::EPERM));
        }
        self.0.foresee(Effect::SetAttributes { path, letters, at: self.now() })
    }

    fn xattr(&self, path: &Path, name: &str) -> HostResult<Option<Vec<u8>>> {
        let real = self.real(path, true)?;
        self.must_look("read the xattrs of", &real)?;
        let overlay = self.0.overlay();
        let there = match overlay.tree.locate(&real) {
            Place::Nothing => return Err(refused("read the xattrs of", path, libc::ENOENT)),
            Place::Hidden(why) => return Err(hidden(path, why)),
            Place::Live(there) => there,
            Place::Node(node) => match (node.xattrs.get(name), &node.live) {
                (Some(value), _) => return Ok(Some(value.clone())),
                (None, Some(there)) => there.clone(),
                (None, None) => return Ok(None),
            },
        };
        drop(overlay);
        self.0.live.files.xattr(&there, name)
    }

    fn set_xattr(&self, path: &Path, name: &str, value: &[u8]) -> HostResult<()> {
        let path = self.real(path, true)?;
        let stat = self.must_look("change the xattrs of", &path)?;
        if !self.me().owns(&stat) || (self.me().uid != 0 && !name.starts_with("user.")) {
            return Err(refused("change the xattrs of", &path, libc::EPERM));
        }
        self.0.foresee(Effect::SetXattr { path, name: name.to_owned(), value: Bytes::from(value), at: self.now() })
    }

    fn create_temporary(&self, dir: &Path, prefix: &str, suffix: &str, directory: bool) -> HostResult<PathBuf> {
        let name = dir.join(format!("{prefix}{:016x}{suffix}", random()));
        let (path, around) = self.new_place("create a temporary file in", &name)?;
        let (uid, gid) = self.new_owner(&around);
        let at = self.now();
        self.0.foresee(match directory {
            true => Effect::CreateDir { path, mode: 0o700, uid, gid, at },
            false => Effect::WriteFile { path, content: Bytes::default(), mode: 0o600, uid, gid, at },
        })?;
        Ok(name)
    }

    fn umask(&self) -> u32 {
        self.0.live.files.umask()
    }

    fn temporary_dir(&self) -> PathBuf {
        self.0.live.files.temporary_dir()
    }

    fn stage(&self, content: &[u8], beside: &Path) -> HostResult<PathBuf> {
        let live = &self.0.live.files;
        let memory = directory_in_memory().filter(|_| content.len() <= LARGEST_IN_MEMORY);
        // It may be full.
        let staged = memory.and_then(|memory| live.stage_in(memory, content, beside).ok());
        staged.map_or_else(|| live.stage(content, beside), Ok)
    }

    fn discard(&self, staged: &Path) {
        self.0.live.files.discard(staged);
    }
}

#[cfg(test)]
#[path = "files_tests.rs"]
mod tests;
