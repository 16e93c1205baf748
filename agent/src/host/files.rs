//! Files, directories and links.

use super::HostResult;
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// What a path names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A regular file.
    File,
    /// A directory.
    Directory,
    /// A symbolic link.
    Link,
    /// A character device.
    CharDevice,
    /// A block device.
    BlockDevice,
    /// A named pipe.
    Fifo,
    /// A socket.
    Socket,
}

/// A moment: seconds and nanoseconds since 1970-01-01 UTC.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Moment {
    /// Whole seconds.
    pub seconds: i64,
    /// And nanoseconds.
    pub nanos: u32,
}

/// What `stat` tells of a path.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Stat {
    /// What it is.
    pub kind: Kind,
    /// Permission bits with set-uid, set-gid and sticky (`0o7777`).
    pub mode: u32,
    /// The owner.
    pub uid: u32,
    /// The group.
    pub gid: u32,
    /// Bytes.
    pub size: u64,
    /// Device that holds it.
    pub dev: u64,
    /// Inode; 0 for what exists only in a shadow.
    pub inode: u64,
    /// Hard links.
    pub nlink: u64,
    /// Device number, where it is a device.
    pub rdev: u64,
    /// Allocated blocks of 512 bytes.
    pub blocks: u64,
    /// Preferred block size.
    pub block_size: u64,
    /// Last read.
    pub atime: Moment,
    /// Last content change.
    pub mtime: Moment,
    /// Last status change.
    pub ctime: Moment,
}

/// Times to set; `None` leaves one as it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Times {
    /// Last read.
    pub atime: Option<Moment>,
    /// Last content change.
    pub mtime: Option<Moment>,
}

/// How a new content takes an old one's place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Replace {
    /// A temporary file beside it, synced and renamed: readers see the old file or the new one, whole.
    Atomic,
    /// Atomic, but in place where the directory allows no rename (a bind-mounted file): Ansible's `unsafe_writes`.
    AtomicOrInPlace,
}

/// How [`Files::write`] writes. Where the path exists its owner, mode, xattrs, ACLs and SELinux context are kept,
/// except as given here.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct WriteOptions {
    /// Permission bits; `None` keeps those of the old file, or takes `0o666` less the umask for a new one.
    pub mode: Option<u32>,
    /// Owner; `None` keeps, or the agent's user.
    pub uid: Option<u32>,
    /// Group; `None` keeps, or the agent's group.
    pub gid: Option<u32>,
    /// How.
    pub replace: Replace,
}

impl Default for WriteOptions {
    fn default() -> WriteOptions {
        WriteOptions { mode: None, uid: None, gid: None, replace: Replace::Atomic }
    }
}

/// Files, directories and links. Paths are absolute.
pub trait Files {
    /// What is there; `None` where nothing is. With `follow`, of what a link points to (`None` for a dangling one).
    fn stat(&self, path: &Path, follow: bool) -> HostResult<Option<Stat>>;
    /// A file's content.
    fn read(&self, path: &Path) -> HostResult<Vec<u8>>;
    /// Calls `chunk` with a file's content, piece by piece: for checksums of large files.
    fn read_chunks(&self, path: &Path, chunk: &mut dyn FnMut(&[u8])) -> HostResult<()>;
    /// Up to `length` bytes of a file from `offset` on; fewer at its end.
    fn read_at(&self, path: &Path, offset: u64, length: u64) -> HostResult<Vec<u8>> {
        let (mut piece, mut at) = (Vec::new(), 0u64);
        self.read_chunks(path, &mut |chunk| {
            let from = offset.saturating_sub(at).min(chunk.len() as u64) as usize;
            let to = (offset.saturating_add(length)).saturating_sub(at).min(chunk.len() as u64) as usize;
            piece.extend_from_slice(&chunk[from..to.max(from)]);
            at += chunk.len() as u64;
        })?;
        Ok(piece)
    }
    /// The file's version (generation) where its file system keeps one.
    fn generation(&self, _path: &Path) -> HostResult<Option<u64>> {
        Ok(None)
    }
    /// The names in a directory, sorted.
    fn list(&self, path: &Path) -> HostResult<Vec<std::ffi::OsString>>;
    /// Where a symbolic link points, as written.
    fn read_link(&self, path: &Path) -> HostResult<PathBuf>;
    /// The path with links resolved, as `realpath -m` does.
    fn canonical(&self, path: &Path) -> HostResult<PathBuf>;
    /// Whether the agent's user may do this (`access(2)`).
    fn access(&self, path: &Path, read: bool, write: bool, execute: bool) -> HostResult<bool>;

    /// Writes a file; the directory must exist. Nobody sees a half-written file, and the content is on disk when it
    /// returns.
    fn write(&self, path: &Path, content: &[u8], options: &WriteOptions) -> HostResult<()>;
    /// Copies a file on the host with its attributes, as `cp -p` does: for backups and `remote_src`.
    fn copy(&self, from: &Path, to: &Path) -> HostResult<()>;
    /// Creates one directory, with this mode exactly (`None`: `0o777` less the umask).
    fn create_dir(&self, path: &Path, mode: Option<u32>) -> HostResult<()>;
    /// Creates a symbolic link.
    fn symlink(&self, target: &Path, path: &Path) -> HostResult<()>;
    /// Creates a hard link.
    fn hard_link(&self, target: &Path, path: &Path) -> HostResult<()>;
    /// Renames within a file system, replacing what is there.
    fn rename(&self, from: &Path, to: &Path) -> HostResult<()>;
    /// Removes a file or a link.
    fn remove_file(&self, path: &Path) -> HostResult<()>;
    /// Removes a directory with all that is in it; links in it are not followed.
    fn remove_tree(&self, path: &Path) -> HostResult<()>;
    /// Sets permission bits (`0o7777`); of a link's target with `follow`, else a link is left alone.
    fn set_mode(&self, path: &Path, mode: u32, follow: bool) -> HostResult<()>;
    /// Sets owner and group.
    fn set_owner(&self, path: &Path, uid: Option<u32>, gid: Option<u32>, follow: bool) -> HostResult<()>;
    /// Sets times.
    fn set_times(&self, path: &Path, times: Times, follow: bool) -> HostResult<()>;
    /// Extended file attributes as `lsattr` shows them (`"e"`, `"ia"`); empty where the file system has none.
    fn attributes(&self, path: &Path) -> HostResult<String>;
    /// Sets them as `chattr` does: `+i`, `-i`, `=ia`.
    fn set_attributes(&self, path: &Path, change: &str) -> HostResult<()>;
    /// An xattr's value, e.g. `security.selinux`.
    fn xattr(&self, path: &Path, name: &str) -> HostResult<Option<Vec<u8>>>;
    /// Sets one.
    fn set_xattr(&self, path: &Path, name: &str, value: &[u8]) -> HostResult<()>;
    /// Creates an empty file (mode 0600) or directory (mode 0700) of a name that nothing has yet, in `dir`.
    fn create_temporary(&self, dir: &Path, prefix: &str, suffix: &str, directory: bool) -> HostResult<PathBuf>;
    /// The umask that new files get.
    fn umask(&self) -> u32;
    /// The directory for temporary files (`TMPDIR`, else `/tmp`).
    fn temporary_dir(&self) -> PathBuf;
    /// A temporary file with a file's content, where programs can't find the file itself: in a dry run, where an earlier
    /// task would write it. The caller removes it with [`Files::discard`]. `None` where the file itself will do.
    fn for_programs(&self, _path: &Path) -> HostResult<Option<PathBuf>> {
        Ok(None)
    }
    /// Where the shadow's content of a path can be read by a program that checks it (`validate`): a temporary file on
    /// the live host which the caller removes with [`Files::discard`].
    fn stage(&self, content: &[u8], beside: &Path) -> HostResult<PathBuf>;
    /// Removes what [`Files::stage`] made.
    fn discard(&self, staged: &Path);
}
