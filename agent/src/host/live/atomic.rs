//! Replacing a file whole, with everything that belongs to it.

use crate::host::{HostError, HostResult, Replace, Times, WriteOptions};
use rustix::fs::{Gid, Mode, OFlags, Uid, XattrFlags};
use rustix::io::Errno;
use std::fs::{File, Metadata};
use std::hash::{BuildHasher, Hasher};
use std::io::{self, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};

/// Xattrs that speak of the content and not of the file: the kernel itself drops or computes them at a write.
const OF_THE_CONTENT: [&str; 3] = ["security.capability", "security.ima", "security.evm"];

/// Writes `content` to what `path` names. A symbolic link is replaced, not followed (whoever wants to write through
/// one resolves it first), but its target's attributes are kept, as Ansible does.
pub(crate) fn write(path: &Path, content: &[u8], options: &WriteOptions) -> HostResult<()> {
    let old = existing(path)?;
    if let Some(old) = &old
        && old.is_dir()
        && std::fs::symlink_metadata(path).is_ok_and(|here| here.is_dir())
    {
        return Err(refused(path, Errno::ISDIR));
    }
    let special = old.as_ref().is_some_and(|old| {
        let kind = old.file_type();
        kind.is_block_device() || kind.is_char_device() || kind.is_fifo() || kind.is_socket()
    });
    let replaced = if special {
        // A rename would put a plain file in the place of /dev/null.
        Err(HostError::other(format!(
            "{} is a device, a pipe or a socket and no file; it is not replaced by one",
            path.display()
        )))
    } else {
        replace(path, old.as_ref(), options, |file| file.write_all(content))
    };
    match (replaced, options.replace) {
        (Err(HostError::Io { source, .. }), Replace::AtomicOrInPlace) if old.is_some() && forbids_rename(&source) => {
            in_place(path, content, options)
        }
        (replaced, _) => replaced,
    }
}

/// Copies a file with its owner, mode, xattrs, ACLs and times, as `cp -p` does.
pub(crate) fn copy(from: &Path, to: &Path) -> HostResult<()> {
    let mut source = File::open(from).map_err(HostError::io("read", from))?;
    let old = source.metadata().map_err(HostError::io("read", from))?;
    if !old.is_file() {
        return Err(HostError::other(format!("cannot copy {}: it is no regular file", from.display())));
    }
    if std::fs::symlink_metadata(to).is_ok_and(|here| here.is_dir()) {
        return Err(refused(to, Errno::ISDIR));
    }
    let model = Model { path: from, metadata: &old };
    replace_like(to, Some(model), &WriteOptions::default(), |file| {
        io::copy(&mut source, file)?;
        set_times(
            file,
            Times {
                atime: Some(super::files::moment_of(old.atime(), old.atime_nsec())),
                mtime: Some(super::files::moment_of(old.mtime(), old.mtime_nsec())),
            },
        )
    })
}

/// Whether an error speaks of the directory or the mount rather than of the content: a full disk would only lose the old
/// content as well.
fn forbids_rename(error: &io::Error) -> bool {
    matches!(
        error.raw_os_error(),
        Some(libc::EPERM | libc::EACCES | libc::EXDEV | libc::EBUSY | libc::ETXTBSY | libc::EROFS)
    )
}

/// What is at the path, links followed; `None` for nothing and for a dangling link.
fn existing(path: &Path) -> HostResult<Option<Metadata>> {
    match std::fs::metadata(path) {
        Ok(metadata) => Ok(Some(metadata)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(HostError::io("write", path)(error)),
    }
}

fn refused(path: &Path, errno: Errno) -> HostError {
    HostError::Io { doing: "write", path: path.to_owned(), source: errno.into() }
}

/// The file whose attributes a new one gets.
struct Model<'a> {
    path: &'a Path,
    metadata: &'a Metadata,
}

fn replace(
    path: &Path,
    old: Option<&Metadata>,
    options: &WriteOptions,
    fill: impl FnOnce(&mut File) -> io::Result<()>,
) -> HostResult<()> {
    replace_like(path, old.map(|metadata| Model { path, metadata }), options, fill)
}

/// Makes a file beside `path`, fills it, gives it what it is to have, syncs it, and renames it to `path`. On any error
/// it is removed, and what was at `path` is untouched.
fn replace_like(
    path: &Path,
    model: Option<Model<'_>>,
    options: &WriteOptions,
    fill: impl FnOnce(&mut File) -> io::Result<()>,
) -> HostResult<()> {
    let directory = parent(path);
    // A wholly new file without a mode asked for is made with 0666, so that the kernel applies the umask or the
    // directory's default ACL; whoever may read it then may read the finished one as well.
    let open_mode = if model.is_none() && options.mode.is_none() { 0o666 } else { 0o600 };
    let (mut file, temporary) =
        create_beside(directory, open_mode).map_err(HostError::io("create a temporary file in", directory))?;
    let cleanup = Cleanup(Some(&temporary));
    fill(&mut file).map_err(HostError::io("write", path))?;
    dress(&file, path, model.as_ref(), options)?;
    file.sync_all().map_err(HostError::io("write", path))?;
    drop(file);
    std::fs::rename(&temporary, path).map_err(HostError::io("replace", path))?;
    cleanup.keep();
    sync_directory(directory).map_err(HostError::io("sync directory", directory))
}

/// Owner, xattrs, and mode, in this order: a change of owner clears set-uid bits, and an ACL's mask is the mode's
/// group part.
fn dress(file: &File, path: &Path, model: Option<&Model<'_>>, options: &WriteOptions) -> HostResult<()> {
    let made = file.metadata().map_err(HostError::io("write", path))?;
    let (mut uid_kept, mut gid_kept) = (true, true);
    if let Some(model) = model {
        let wanted_uid = options.uid.is_none().then(|| model.metadata.uid()).filter(|uid| *uid != made.uid());
        let wanted_gid = options.gid.is_none().then(|| model.metadata.gid()).filter(|gid| *gid != made.gid());
        // Who may write to a file of another owner by replacing it becomes its owner, as with Ansible; who asks for
        // an owner by name gets an error instead.
        uid_kept = keep(chown(file, wanted_uid, None), path)?;
        gid_kept = keep(chown(file, None, wanted_gid), path)?;
        copy_xattrs(model.path, file).map_err(|(name, error)| {
            HostError::other(format!(
                "cannot keep {name} of {} on its new content: {error}; the old content was left as it is",
                model.path.display()
            ))
        })?;
    }
    if options.uid.is_some() || options.gid.is_some() {
        chown(file, options.uid, options.gid).map_err(HostError::io("change the owner of", path))?;
    }
    let mode = match (options.mode, model) {
        (Some(mode), _) => Some(mode),
        (None, Some(model)) => {
            let mut mode = model.metadata.mode() & 0o7777;
            if !uid_kept {
                mode &= !0o4000;
            }
            if !gid_kept {
                mode &= !0o2000;
            }
            Some(mode)
        }
        (None, None) => None,
    };
    if let Some(mode) = mode {
        rustix::fs::fchmod(file, Mode::from_raw_mode(mode))
            .map_err(|error| HostError::io("change the mode of", path)(error.into()))?;
    }
    Ok(())
}

fn chown(file: &File, uid: Option<u32>, gid: Option<u32>) -> io::Result<()> {
    if uid.is_none() && gid.is_none() {
        return Ok(());
    }
    Ok(rustix::fs::fchown(file, uid.map(Uid::from_raw), gid.map(Gid::from_raw))?)
}

fn keep(result: io::Result<()>, path: &Path) -> HostResult<bool> {
    match result {
        Ok(()) => Ok(true),
        Err(error) if error.raw_os_error() == Some(libc::EPERM) => Ok(false),
        Err(error) => Err(HostError::io("keep the owner of", path)(error)),
    }
}

/// Copies xattrs, among them ACLs (`system.posix_acl_access`) and the SELinux context (`security.selinux`). The error
/// names the one that could not be copied.
fn copy_xattrs(from: &Path, to: &File) -> Result<(), (String, io::Error)> {
    let names = match list_xattrs(from) {
        Ok(names) => names,
        Err(Errno::OPNOTSUPP) => return Ok(()),
        Err(error) => return Err(("the xattrs".to_owned(), error.into())),
    };
    for name in names.iter().filter(|name| !OF_THE_CONTENT.contains(&name.as_str())) {
        let failed = |error: Errno| (format!("the xattr {name}"), io::Error::from(error));
        let Some(value) = read_xattr(from, name).map_err(failed)? else { continue };
        let mut already = vec![0; value.len() + 1];
        if rustix::fs::fgetxattr(to, name.as_str(), already.as_mut_slice()) == Ok(value.len())
            && already[..value.len()] == value
        {
            continue;
        }
        match rustix::fs::fsetxattr(to, name.as_str(), &value, XattrFlags::empty()) {
            Ok(()) | Err(Errno::OPNOTSUPP) => {}
            Err(error) => return Err(failed(error)),
        }
    }
    Ok(())
}

fn list_xattrs(path: &Path) -> Result<Vec<String>, Errno> {
    let mut size = rustix::fs::listxattr_query(path)?;
    let bytes = loop {
        let mut buffer = vec![0; size + 64];
        match rustix::fs::listxattr(path, buffer.as_mut_slice()) {
            Ok(count) => {
                buffer.truncate(count);
                break buffer;
            }
            Err(Errno::RANGE) => size = size * 2 + 64,
            Err(error) => return Err(error),
        }
    };
    Ok(bytes
        .split(|byte| *byte == 0)
        .filter(|name| !name.is_empty())
        .map(|name| String::from_utf8_lossy(name).into_owned())
        .collect())
}

/// An xattr's value, links followed; `None` where there is none of this name or the file system has none at all.
pub(crate) fn read_xattr(path: &Path, name: &str) -> Result<Option<Vec<u8>>, Errno> {
    let mut size = 256;
    loop {
        let mut value = vec![0; size];
        match rustix::fs::getxattr(path, name, value.as_mut_slice()) {
            Ok(count) => {
                value.truncate(count);
                return Ok(Some(value));
            }
            Err(Errno::RANGE) if size < 1 << 20 => size *= 4,
            Err(Errno::NODATA | Errno::OPNOTSUPP) => return Ok(None),
            Err(error) => return Err(error),
        }
    }
}

/// Writes over the old content: only where a rename is impossible, and only when asked for. A reader may see a half.
fn in_place(path: &Path, content: &[u8], options: &WriteOptions) -> HostResult<()> {
    let mut file =
        File::options().write(true).truncate(true).open(path).map_err(HostError::io("write in place", path))?;
    file.write_all(content).map_err(HostError::io("write in place", path))?;
    dress(&file, path, None, options)?;
    match file.sync_all() {
        // Pipes and devices can't be synced.
        Err(error) if error.raw_os_error() == Some(libc::EINVAL) => Ok(()),
        synced => synced.map_err(HostError::io("write in place", path)),
    }
}

/// A new file of a name that nothing has.
fn create_beside(directory: &Path, mode: u32) -> io::Result<(File, PathBuf)> {
    loop {
        let path = directory.join(format!(".refit-{:016x}.tmp", random()));
        let flags = OFlags::CREATE | OFlags::EXCL | OFlags::WRONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        match rustix::fs::open(&path, flags, Mode::from_raw_mode(mode)) {
            Ok(fd) => return Ok((File::from(fd), path)),
            Err(Errno::EXIST) => {}
            Err(error) => return Err(error.into()),
        }
    }
}

/// A number for a name. Nothing rests on its being secret: names are only ever taken with `O_EXCL`.
pub(crate) fn random() -> u64 {
    let mut hasher = std::hash::RandomState::new().build_hasher();
    hasher.write_u32(std::process::id());
    hasher.finish()
}

/// The directory that a path is in.
pub(crate) fn parent(path: &Path) -> &Path {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("/"))
}

fn sync_directory(directory: &Path) -> io::Result<()> {
    match File::open(directory).and_then(|opened| opened.sync_all()) {
        // Not every file system can (EINVAL), and a directory may be writable but not readable (EACCES): the rename
        // has been done.
        Err(error) if matches!(error.raw_os_error(), Some(libc::EINVAL | libc::EACCES)) => Ok(()),
        synced => synced,
    }
}

/// Sets times of an open file.
fn set_times(file: &File, times: Times) -> io::Result<()> {
    Ok(rustix::fs::futimens(file.as_fd(), &super::files::timestamps(times))?)
}

struct Cleanup<'a>(Option<&'a Path>);

impl Cleanup<'_> {
    fn keep(mut self) {
        self.0 = None;
    }
}

impl Drop for Cleanup<'_> {
    fn drop(&mut self) {
        if let Some(path) = self.0 {
            // It may be gone; there is nobody to tell otherwise.
            let _ = std::fs::remove_file(path);
        }
    }
}
