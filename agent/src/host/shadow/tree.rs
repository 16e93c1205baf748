//! The files of the host as a dry run has foreseen them: the live tree, and over it what would differ.

use super::permissions::Identity;
use crate::host::live::LiveFiles;
use crate::host::path::resolve;
use crate::host::{Files, HostError, HostResult, Kind, Moment, Stat, Times};
use crate::protocol::Effect;
use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::io;
use std::ops::Bound;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Content that a dry run keeps in memory, in bytes.
const MOST_CONTENT: u64 = 256 << 20;
/// Inode of what does not exist yet.
const NO_INODE: u64 = 0;

/// What differs from the live tree. Keys are paths without links in them (but for the last component).
#[derive(Default)]
pub(super) struct Tree {
    entries: BTreeMap<PathBuf, Entry>,
    content: u64,
    links: u64,
}

enum Entry {
    /// Nothing is there, whatever the live tree has.
    Gone,
    /// This is there.
    Node(Box<Node>),
}

/// What would be at a path.
#[derive(Clone)]
pub(super) struct Node {
    pub(super) stat: Stat,
    pub(super) body: Body,
    /// The live path whose xattrs and attributes it has, but for those below.
    pub(super) live: Option<PathBuf>,
    pub(super) xattrs: BTreeMap<String, Vec<u8>>,
    pub(super) attributes: Option<String>,
    /// Why its content, or what is below it, is known only when it runs.
    pub(super) hidden: Option<String>,
    /// Whether the same goes for its attributes.
    entirely_hidden: bool,
    /// What foreseen hard links of one file have in common.
    link: Option<u64>,
}

#[derive(Clone)]
pub(super) enum Body {
    /// A file with this content.
    Memory(Arc<Vec<u8>>),
    /// A file, device, pipe or socket of the live host, here or where it was before.
    Live(PathBuf),
    /// A directory; the live directory's content shows through, where there is one.
    Directory(Option<PathBuf>),
    /// A symbolic link.
    Link(PathBuf),
}

/// Where what is at a path is to be found.
pub(super) enum Place<'a> {
    /// Nowhere.
    Nothing,
    /// Here.
    Node(&'a Node),
    /// On the live host, untouched, under this name.
    Live(PathBuf),
    /// Below what is hidden: nobody knows, for this reason.
    Hidden(&'a str),
}

impl Tree {
    /// Where what is at a path is to be found. The path has no links in it but for the last component.
    pub(super) fn locate(&self, path: &Path) -> Place<'_> {
        let mut live = Some(PathBuf::from("/"));
        let mut here = PathBuf::from("/");
        let mut hidden = None;
        let mut place = match self.entries.get(&here) {
            Some(Entry::Node(node)) => Place::Node(node),
            _ => Place::Live(here.clone()),
        };
        for component in path.components().skip(1) {
            here.push(component);
            live = live.map(|live| live.join(component));
            place = match self.entries.get(&here) {
                Some(Entry::Gone) => return Place::Nothing,
                Some(Entry::Node(node)) => {
                    live = match &node.body {
                        Body::Directory(shown) => shown.clone(),
                        _ => None,
                    };
                    hidden = node.hidden.as_deref();
                    match hidden {
                        Some(why) if node.entirely_hidden => Place::Hidden(why),
                        _ => Place::Node(node),
                    }
                }
                None => match (hidden, &live) {
                    (Some(why), _) => Place::Hidden(why),
                    (None, Some(live)) => Place::Live(live.clone()),
                    (None, None) => Place::Nothing,
                },
            };
        }
        place
    }

    /// The path with links resolved; the last component too with `last`. An error for a directory on the way that this
    /// user may not search.
    pub(super) fn resolve(&self, path: &Path, last: bool, live: &LiveFiles, me: &Identity) -> HostResult<PathBuf> {
        resolve(path, last, &|path| {
            self.may_search(parent(path), me)?;
            match self.locate(path) {
                Place::Nothing | Place::Hidden(_) => Ok(None),
                Place::Node(node) => Ok(match &node.body {
                    Body::Link(target) => Some(target.clone()),
                    _ => None,
                }),
                Place::Live(there) => match look(live, &there)? {
                    Some(stat) if stat.kind == Kind::Link => Ok(Some(live.read_link(&there)?)),
                    _ => Ok(None),
                },
            }
        })
    }

    /// An error for a foreseen directory that this user may not search; the live ones look after themselves.
    pub(super) fn may_search(&self, directory: &Path, me: &Identity) -> HostResult<()> {
        match self.locate(directory) {
            Place::Node(node) if node.stat.kind == Kind::Directory && !me.may(&node.stat, false, false, true) => {
                Err(refused("search", directory, libc::EACCES))
            }
            _ => Ok(()),
        }
    }

    /// What is at a path.
    pub(super) fn stat(&self, path: &Path, live: &LiveFiles) -> HostResult<Option<Stat>> {
        match self.locate(path) {
            Place::Nothing => Ok(None),
            Place::Hidden(why) => Err(hidden(path, why)),
            Place::Node(node) => Ok(Some(node.stat.clone())),
            Place::Live(there) => look(live, &there),
        }
    }

    /// The names in a directory, sorted.
    pub(super) fn list(&self, path: &Path, live: &LiveFiles) -> HostResult<Vec<OsString>> {
        let shown = match self.locate(path) {
            Place::Nothing => return Err(refused("list", path, libc::ENOENT)),
            Place::Live(there) => Some(there),
            Place::Hidden(why) => return Err(hidden(path, why)),
            Place::Node(Node { hidden: Some(why), .. }) => return Err(hidden(path, why)),
            Place::Node(Node { body: Body::Directory(shown), .. }) => shown.clone(),
            Place::Node(_) => return Err(refused("list", path, libc::ENOTDIR)),
        };
        let mut names: BTreeSet<OsString> = match shown {
            Some(there) => live.list(&there)?.into_iter().collect(),
            None => BTreeSet::new(),
        };
        for (below, entry) in self.below(path) {
            if below.parent() != Some(path) {
                continue;
            }
            let Some(name) = below.file_name() else { continue };
            match entry {
                Entry::Gone => names.remove(name),
                Entry::Node(_) => names.insert(name.to_owned()),
            };
        }
        Ok(names.into_iter().collect())
    }

    /// Entries strictly below a path.
    fn below<'a>(&'a self, path: &'a Path) -> impl Iterator<Item = (&'a PathBuf, &'a Entry)> {
        self.entries
            .range::<Path, _>((Bound::Excluded(path), Bound::Unbounded))
            .take_while(move |(below, _)| below.starts_with(path))
    }

    /// The names in a directory that are not what the live tree has there.
    pub(super) fn names_that_differ(&self, path: &Path) -> Vec<String> {
        let names = self.below(path).filter_map(|(below, _)| below.strip_prefix(path).ok()?.iter().next());
        names.map(|name| name.to_string_lossy().into_owned()).collect()
    }

    /// Whether anything below a path differs from the live tree.
    pub(super) fn differs_below(&self, path: &Path) -> bool {
        self.entries.contains_key(path) || self.below(path).next().is_some()
    }

    /// Applies an effect that is about files; others are none of the tree's business.
    pub(super) fn apply(&mut self, effect: &Effect, live: &LiveFiles) -> HostResult<()> {
        match effect {
            Effect::WriteFile { path, content, mode, uid, gid, at } => {
                let size = content.0.len() as u64;
                self.content += size;
                if self.content > MOST_CONTENT {
                    return Err(HostError::Unknown {
                        why: format!(
                            "a dry run keeps at most {} MiB of content, and {} goes beyond",
                            MOST_CONTENT >> 20,
                            path.display()
                        ),
                    });
                }
                // What the new content replaces lends its xattrs.
                let target = self.resolve(path, true, live, &Identity::root())?;
                let old = self.node(&target, live)?;
                let mut node = self.new_node(path, Kind::File, *mode, *uid, *gid, *at, live)?;
                node.stat.size = size;
                node.stat.blocks = size.div_ceil(4096) * 8;
                node.body = Body::Memory(content.0.clone());
                if let Some(old) = old {
                    (node.live, node.xattrs) = (old.live, old.xattrs);
                    // Attributes as chattr sets them belong to the old inode.
                    node.attributes = Some(String::new());
                }
                self.place(path, node, *at, live)
            }
            Effect::CopyFile { from, path, uid, gid, at } => {
                let source = self.node(from, live)?.ok_or_else(|| refused("copy", from, libc::ENOENT))?;
                let mut node = self.new_node(path, Kind::File, source.stat.mode, *uid, *gid, *at, live)?;
                node.stat.size = source.stat.size;
                node.stat.blocks = source.stat.blocks;
                (node.stat.atime, node.stat.mtime) = (source.stat.atime, source.stat.mtime);
                (node.body, node.live, node.xattrs) = (source.body, source.live, source.xattrs);
                node.attributes = Some(String::new());
                self.place(path, node, *at, live)
            }
            // Made by several at once, as two names for one machine may do, it is made once, and keeps what is in it.
            Effect::CreateDir { path, .. } if matches!(self.stat(path, live), Ok(Some(stat)) if stat.kind == Kind::Directory) => {
                Ok(())
            }
            Effect::CreateDir { path, mode, uid, gid, at } => {
                let mut node = self.new_node(path, Kind::Directory, *mode, *uid, *gid, *at, live)?;
                node.stat.size = 4096;
                node.stat.nlink = 2;
                node.body = Body::Directory(None);
                self.place(path, node, *at, live)
            }
            Effect::Symlink { path, target, uid, gid, at } => {
                let mut node = self.new_node(path, Kind::Link, 0o777, *uid, *gid, *at, live)?;
                node.stat.size = target.as_os_str().len() as u64;
                node.body = Body::Link(target.clone());
                self.place(path, node, *at, live)
            }
            Effect::HardLink { path, target, at } => {
                let next = self.links + 1;
                self.links = next;
                self.change(target, live, |node| {
                    node.stat.nlink += 1;
                    node.stat.ctime = *at;
                    node.link.get_or_insert(next);
                })?;
                let node = self.node(target, live)?.ok_or_else(|| refused("link to", target, libc::ENOENT))?;
                self.place(path, node, *at, live)
            }
            Effect::Rename { from, to, at } => self.rename(from, to, *at, live),
            Effect::Remove { path, at } => {
                let was_directory = self.stat(path, live)?.is_some_and(|stat| stat.kind == Kind::Directory);
                self.clear(path);
                self.entries.insert(path.clone(), Entry::Gone);
                self.touch_parent(path, if was_directory { -1 } else { 0 }, *at, live)
            }
            Effect::SetMode { path, mode, at } => self.change(path, live, |node| {
                (node.stat.mode, node.stat.ctime) = (*mode, *at);
            }),
            Effect::SetOwner { path, uid, gid, at } => self.change(path, live, |node| {
                (node.stat.uid, node.stat.gid, node.stat.ctime) = (*uid, *gid, *at);
            }),
            Effect::SetTimes { path, times: Times { atime, mtime }, at } => self.change(path, live, |node| {
                node.stat.atime = atime.unwrap_or(node.stat.atime);
                node.stat.mtime = mtime.unwrap_or(node.stat.mtime);
                node.stat.ctime = *at;
            }),
            Effect::SetAttributes { path, letters, at } => self.change(path, live, |node| {
                node.attributes = Some(letters.clone());
                node.stat.ctime = *at;
            }),
            Effect::SetXattr { path, name, value, at } => self.change(path, live, |node| {
                node.xattrs.insert(name.clone(), value.0.to_vec());
                node.stat.ctime = *at;
            }),
            Effect::Hide { path, entirely, why } => {
                let below: Vec<PathBuf> = self.below(path).map(|(below, _)| below.clone()).collect();
                below.iter().for_each(|path| self.clear(path));
                self.change(path, live, |node| {
                    (node.hidden, node.entirely_hidden) = (Some(why.clone()), *entirely);
                })
            }
            _ => Ok(()),
        }
    }

    /// What is at a path, as a node of its own; `None` for nothing.
    pub(super) fn node(&self, path: &Path, live: &LiveFiles) -> HostResult<Option<Node>> {
        let there = match self.locate(path) {
            Place::Nothing => return Ok(None),
            Place::Hidden(why) => return Err(hidden(path, why)),
            Place::Node(node) => return Ok(Some(node.clone())),
            Place::Live(there) => there,
        };
        let Some(stat) = look(live, &there)? else { return Ok(None) };
        let body = match stat.kind {
            Kind::Directory => Body::Directory(Some(there.clone())),
            Kind::Link => Body::Link(live.read_link(&there)?),
            _ => Body::Live(there.clone()),
        };
        Ok(Some(Node {
            stat,
            body,
            live: Some(there),
            xattrs: BTreeMap::new(),
            attributes: None,
            hidden: None,
            entirely_hidden: false,
            link: None,
        }))
    }

    #[expect(clippy::too_many_arguments, reason = "each is one field of the new node")]
    fn new_node(
        &self,
        path: &Path,
        kind: Kind,
        mode: u32,
        uid: u32,
        gid: u32,
        at: Moment,
        live: &LiveFiles,
    ) -> HostResult<Node> {
        let parent = parent(path);
        let Some(around) = self.stat(parent, live)? else { return Err(refused("write", path, libc::ENOENT)) };
        let stat = Stat {
            kind,
            mode,
            uid,
            gid,
            size: 0,
            dev: around.dev,
            inode: NO_INODE,
            nlink: 1,
            rdev: 0,
            blocks: 0,
            block_size: around.block_size,
            atime: at,
            mtime: at,
            ctime: at,
        };
        Ok(Node {
            stat,
            body: Body::Memory(Arc::default()),
            live: None,
            xattrs: BTreeMap::new(),
            attributes: None,
            hidden: None,
            entirely_hidden: false,
            link: None,
        })
    }

    /// Puts a node in a place, instead of what is there.
    fn place(&mut self, path: &Path, node: Node, at: Moment, live: &LiveFiles) -> HostResult<()> {
        let was_directory = self.stat(path, live)?.is_some_and(|stat| stat.kind == Kind::Directory);
        let links = i64::from(node.stat.kind == Kind::Directory) - i64::from(was_directory);
        self.clear(path);
        self.entries.insert(path.to_owned(), Entry::Node(Box::new(node)));
        self.touch_parent(path, links, at, live)
    }

    fn rename(&mut self, from: &Path, to: &Path, at: Moment, live: &LiveFiles) -> HostResult<()> {
        let mut node = self.node(from, live)?.ok_or_else(|| refused("rename", from, libc::ENOENT))?;
        if from == to {
            return Ok(());
        }
        node.stat.ctime = at;
        let is_directory = node.stat.kind == Kind::Directory;
        let moved: Vec<PathBuf> = self.below(from).map(|(below, _)| below.clone()).collect();
        let moved: Vec<(PathBuf, Entry)> =
            moved.into_iter().filter_map(|below| self.entries.remove(&below).map(|entry| (below, entry))).collect();
        self.place(to, node, at, live)?;
        for (below, entry) in moved {
            if let Ok(rest) = below.strip_prefix(from) {
                self.entries.insert(to.join(rest), entry);
            }
        }
        self.entries.insert(from.to_owned(), Entry::Gone);
        self.touch_parent(from, if is_directory { -1 } else { 0 }, at, live)
    }

    /// Changes what is at a path.
    fn change(&mut self, path: &Path, live: &LiveFiles, change: impl FnOnce(&mut Node)) -> HostResult<()> {
        let mut node = self.node(path, live)?.ok_or_else(|| refused("change", path, libc::ENOENT))?;
        change(&mut node);
        for other in self.linked(node.link) {
            other.clone_from(&node);
        }
        self.entries.insert(path.to_owned(), Entry::Node(Box::new(node)));
        Ok(())
    }

    /// All names of a file that has several.
    fn linked(&mut self, link: Option<u64>) -> impl Iterator<Item = &mut Node> {
        self.entries.values_mut().filter_map(move |entry| match entry {
            Entry::Node(node) if link.is_some() && node.link == link => Some(&mut **node),
            _ => None,
        })
    }

    /// Whether two paths are names of one file.
    pub(super) fn are_one(&self, one: &Path, other: &Path, live: &LiveFiles) -> HostResult<bool> {
        if one == other {
            return Ok(true);
        }
        let (Some(one), Some(other)) = (self.node(one, live)?, self.node(other, live)?) else { return Ok(false) };
        let inode = |node: &Node| Some((node.stat.dev, node.stat.inode)).filter(|(_, inode)| *inode != NO_INODE);
        Ok((one.link.is_some() && one.link == other.link) || (inode(&one).is_some() && inode(&one) == inode(&other)))
    }

    /// Forgets a path and what is below it.
    fn clear(&mut self, path: &Path) {
        let below: Vec<PathBuf> = self.below(path).map(|(below, _)| below.clone()).collect();
        for path in below.iter().map(PathBuf::as_path).chain([path]) {
            if let Some(Entry::Node(node)) = self.entries.remove(path) {
                for other in self.linked(node.link) {
                    other.stat.nlink = other.stat.nlink.saturating_sub(1);
                }
            }
        }
    }

    /// A directory in which a name came or went.
    fn touch_parent(&mut self, path: &Path, links: i64, at: Moment, live: &LiveFiles) -> HostResult<()> {
        self.change(parent(path), live, |node| {
            (node.stat.mtime, node.stat.ctime) = (at, at);
            // File systems that do not count a directory's subdirectories leave it at 1.
            if node.stat.nlink > 1 {
                node.stat.nlink = node.stat.nlink.saturating_add_signed(links);
            }
        })
    }
}

/// What is at a path of the live host. Each process is itself in `/proc/self`, which is taken for the directory that it
/// leads to: what one agent foresees there (mounts) is true for the others of the host.
fn look(live: &LiveFiles, there: &Path) -> HostResult<Option<Stat>> {
    live.stat(there, there == Path::new("/proc/self"))
}

/// The directory that a path is in; the root is in itself.
pub(super) fn parent(path: &Path) -> &Path {
    path.parent().unwrap_or(Path::new("/"))
}

/// The error that tells why what is at a path can't be known.
pub(super) fn hidden(path: &Path, why: &str) -> HostError {
    HostError::Unknown { why: format!("what is in {}: {why}", path.display()) }
}

/// The error that the operating system would give.
pub(super) fn refused(doing: &'static str, path: &Path, errno: i32) -> HostError {
    HostError::Io { doing, path: path.to_owned(), source: io::Error::from_raw_os_error(errno) }
}
