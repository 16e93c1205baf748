//! Files, directories and links of the live host.

use super::{atomic, flags};
use crate::host::path::resolve;
use crate::host::{Context, Files, HostError, HostResult, Kind, Moment, Stat, Times, WriteOptions};
use rustix::fs::{Access, AtFlags, CWD, Mode, OFlags, Timespec, Timestamps};
use rustix::io::Errno;
use std::ffi::OsString;
use std::fs::{File, Metadata};
use std::io::{self, Read, Seek, SeekFrom};
use std::os::unix::fs::{DirBuilderExt, FileTypeExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

/// Files of one request.
#[derive(Clone)]
pub struct LiveFiles {
    context: Context,
}

impl LiveFiles {
    /// Files for a request with this context.
    pub fn new(context: Context) -> LiveFiles {
        LiveFiles { context }
    }

    /// [`Files::stage`], in a directory.
    pub fn stage_in(&self, directory: &Path, content: &[u8], beside: &Path) -> HostResult<PathBuf> {
        let name = beside.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let kept: String = name.chars().rev().take(64).collect::<Vec<_>>().into_iter().rev().collect();
        let path = self.create_temporary(directory, "refit-", &format!("-{kept}"), false)?;
        if let Err(error) = std::fs::write(&path, content) {
            self.discard(&path);
            return Err(HostError::io("write", &path)(error));
        }
        Ok(path)
    }
}

/// Whether an error means that nothing is at a path.
fn is_nothing(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}

/// A time as `stat` has it.
pub(crate) fn moment_of(seconds: i64, nanos: i64) -> Moment {
    Moment { seconds, nanos: u32::try_from(nanos).unwrap_or(0) }
}

/// Times for `utimensat`.
pub(crate) fn timestamps(times: Times) -> Timestamps {
    let time = |moment: Option<Moment>| match moment {
        Some(moment) => Timespec { tv_sec: moment.seconds, tv_nsec: moment.nanos.into() },
        None => Timespec { tv_sec: 0, tv_nsec: rustix::fs::UTIME_OMIT },
    };
    Timestamps { last_access: time(times.atime), last_modification: time(times.mtime) }
}

fn kind_of(metadata: &Metadata) -> Kind {
    let kind = metadata.file_type();
    if kind.is_file() {
        Kind::File
    } else if kind.is_dir() {
        Kind::Directory
    } else if kind.is_symlink() {
        Kind::Link
    } else if kind.is_char_device() {
        Kind::CharDevice
    } else if kind.is_block_device() {
        Kind::BlockDevice
    } else if kind.is_fifo() {
        Kind::Fifo
    } else {
        Kind::Socket
    }
}

fn stat_of(metadata: &Metadata) -> Stat {
    Stat {
        kind: kind_of(metadata),
        mode: metadata.mode() & 0o7777,
        uid: metadata.uid(),
        gid: metadata.gid(),
        size: metadata.size(),
        dev: metadata.dev(),
        inode: metadata.ino(),
        nlink: metadata.nlink(),
        rdev: metadata.rdev(),
        blocks: metadata.blocks(),
        block_size: metadata.blksize(),
        atime: moment_of(metadata.atime(), metadata.atime_nsec()),
        mtime: moment_of(metadata.mtime(), metadata.mtime_nsec()),
        ctime: moment_of(metadata.ctime(), metadata.ctime_nsec()),
    }
}

/// The process's umask. `/proc` tells it without changing it, which other threads would notice.
fn process_umask() -> u32 {
    static UMASK: OnceLock<u32> = OnceLock::new();
    *UMASK.get_or_init(|| {
        let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
        let told = status.lines().find_map(|line| line.strip_prefix("Umask:"));
        told.and_then(|octal| u32::from_str_radix(octal.trim(), 8).ok()).unwrap_or_else(|| {
            // Linux before 4.7.
            let umask = rustix::process::umask(Mode::from_raw_mode(0o077));
            rustix::process::umask(umask);
            umask.bits()
        })
    })
}

impl Files for LiveFiles {
    fn stat(&self, path: &Path, follow: bool) -> HostResult<Option<Stat>> {
        let found = if follow { std::fs::metadata(path) } else { std::fs::symlink_metadata(path) };
        match found {
            Ok(metadata) => Ok(Some(stat_of(&metadata))),
            Err(error) if is_nothing(&error) => Ok(None),
            Err(error) => Err(HostError::io("look at", path)(error)),
        }
    }

    fn read(&self, path: &Path) -> HostResult<Vec<u8>> {
        std::fs::read(path).map_err(HostError::io("read", path))
    }

    fn read_chunks(&self, path: &Path, chunk: &mut dyn FnMut(&[u8])) -> HostResult<()> {
        let mut file = File::open(path).map_err(HostError::io("read", path))?;
        let mut buffer = vec![0; 256 << 10];
        loop {
            self.context.cancellation.check()?;
            match file.read(&mut buffer) {
                Ok(0) => return Ok(()),
                Ok(count) => chunk(&buffer[..count]),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(HostError::io("read", path)(error)),
            }
        }
    }

    fn read_at(&self, path: &Path, offset: u64, length: u64) -> HostResult<Vec<u8>> {
        let reading = || HostError::io("read", path);
        let mut file = File::open(path).map_err(reading())?;
        file.seek(SeekFrom::Start(offset)).map_err(reading())?;
        let mut piece = Vec::new();
        file.take(length).read_to_end(&mut piece).map_err(reading())?;
        Ok(piece)
    }

    fn generation(&self, path: &Path) -> HostResult<Option<u64>> {
        // FS_IOC_GETVERSION is declared with a long, but file systems write an int.
        const GET_VERSION: rustix::ioctl::Opcode = rustix::ioctl::opcode::read::<libc::c_long>(b'v', 1);
        let Ok(file) = open_for_flags(path) else { return Ok(None) };
        // SAFETY: the kernel writes at most the long that the opcode declares.
        let asked = unsafe { rustix::ioctl::ioctl(&file, rustix::ioctl::Getter::<GET_VERSION, [u32; 2]>::new()) };
        Ok(asked.ok().map(|version| version[usize::from(cfg!(target_endian = "big"))].into()))
    }

    fn list(&self, path: &Path) -> HostResult<Vec<OsString>> {
        let entries = std::fs::read_dir(path).map_err(HostError::io("list", path))?;
        let mut names = entries
            .map(|entry| entry.map(|entry| entry.file_name()))
            .collect::<io::Result<Vec<_>>>()
            .map_err(HostError::io("list", path))?;
        names.sort();
        Ok(names)
    }

    fn read_link(&self, path: &Path) -> HostResult<PathBuf> {
        std::fs::read_link(path).map_err(HostError::io("read the link", path))
    }

    fn canonical(&self, path: &Path) -> HostResult<PathBuf> {
        // Paths without anything missing are the common case, and the kernel is faster at them.
        if let Ok(real) = std::fs::canonicalize(path) {
            return Ok(real);
        }
        resolve(path, true, &|path| match std::fs::read_link(path) {
            Ok(target) => Ok(Some(target)),
            Err(error) if is_nothing(&error) || error.kind() == io::ErrorKind::InvalidInput => Ok(None),
            Err(error) => Err(HostError::io("resolve", path)(error)),
        })
    }

    fn access(&self, path: &Path, read: bool, write: bool, execute: bool) -> HostResult<bool> {
        let mut access = Access::EXISTS;
        access.set(Access::READ_OK, read);
        access.set(Access::WRITE_OK, write);
        access.set(Access::EXEC_OK, execute);
        match rustix::fs::access(path, access) {
            Ok(()) => Ok(true),
            Err(Errno::ACCESS | Errno::PERM | Errno::ROFS | Errno::NOENT | Errno::NOTDIR | Errno::TXTBSY) => Ok(false),
            Err(error) => Err(HostError::io("look at", path)(error.into())),
        }
    }

    fn write(&self, path: &Path, content: &[u8], options: &WriteOptions) -> HostResult<()> {
        self.context.cancellation.check()?;
        atomic::write(path, content, options)
    }

    fn copy(&self, from: &Path, to: &Path) -> HostResult<()> {
        self.context.cancellation.check()?;
        atomic::copy(from, to)
    }

    fn create_dir(&self, path: &Path, mode: Option<u32>) -> HostResult<()> {
        let mut builder = std::fs::DirBuilder::new();
        // Never wider than asked for, not even for the moment until the mode is set.
        builder.mode(mode.unwrap_or(0o777) & 0o777);
        builder.create(path).map_err(HostError::io("create directory", path))?;
        match mode {
            Some(mode) => std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode))
                .map_err(HostError::io("change the mode of", path)),
            None => Ok(()),
        }
    }

    fn symlink(&self, target: &Path, path: &Path) -> HostResult<()> {
        std::os::unix::fs::symlink(target, path).map_err(HostError::io("create the link", path))
    }

    fn hard_link(&self, target: &Path, path: &Path) -> HostResult<()> {
        std::fs::hard_link(target, path).map_err(HostError::io("create the hard link", path))
    }

    fn rename(&self, from: &Path, to: &Path) -> HostResult<()> {
        std::fs::rename(from, to).map_err(HostError::io("rename", from))
    }

    fn remove_file(&self, path: &Path) -> HostResult<()> {
        std::fs::remove_file(path).map_err(HostError::io("remove", path))
    }

    fn remove_tree(&self, path: &Path) -> HostResult<()> {
        if self.canonical(path)? == Path::new("/") {
            return Err(HostError::other(format!(
                "{} is the root of the file system; it is not removed",
                path.display()
            )));
        }
        std::fs::remove_dir_all(path).map_err(HostError::io("remove", path))
    }

    fn set_mode(&self, path: &Path, mode: u32, follow: bool) -> HostResult<()> {
        let changing = || HostError::io("change the mode of", path);
        if !follow && std::fs::symlink_metadata(path).map_err(changing())?.is_symlink() {
            return Ok(());
        }
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).map_err(changing())
    }

    fn set_owner(&self, path: &Path, uid: Option<u32>, gid: Option<u32>, follow: bool) -> HostResult<()> {
        let changed =
            if follow { std::os::unix::fs::chown(path, uid, gid) } else { std::os::unix::fs::lchown(path, uid, gid) };
        changed.map_err(HostError::io("change the owner of", path))
    }

    fn set_times(&self, path: &Path, times: Times, follow: bool) -> HostResult<()> {
        let how = if follow { AtFlags::empty() } else { AtFlags::SYMLINK_NOFOLLOW };
        rustix::fs::utimensat(CWD, path, &timestamps(times), how)
            .map_err(|error| HostError::io("change the times of", path)(error.into()))
    }

    fn attributes(&self, path: &Path) -> HostResult<String> {
        let failed = |error: Errno| HostError::io("read the attributes of", path)(error.into());
        let metadata = std::fs::symlink_metadata(path).map_err(HostError::io("read the attributes of", path))?;
        if !metadata.is_file() && !metadata.is_dir() {
            return Ok(String::new());
        }
        match open_for_flags(path).and_then(rustix::fs::ioctl_getflags) {
            Ok(found) => Ok(flags::letters(found)),
            // The file system has none, or the agent's user may not open the file.
            Err(Errno::NOTTY | Errno::OPNOTSUPP | Errno::INVAL | Errno::NOSYS | Errno::ACCESS) => Ok(String::new()),
            Err(error) => Err(failed(error)),
        }
    }

    fn set_attributes(&self, path: &Path, change: &str) -> HostResult<()> {
        let failed = |error: Errno| HostError::io("change the attributes of", path)(error.into());
        let file = open_for_flags(path).map_err(failed)?;
        let old = rustix::fs::ioctl_getflags(&file).map_err(failed)?;
        let new = flags::apply(old, change).map_err(HostError::other)?;
        if new == old {
            return Ok(());
        }
        rustix::fs::ioctl_setflags(&file, new).map_err(failed)
    }

    fn xattr(&self, path: &Path, name: &str) -> HostResult<Option<Vec<u8>>> {
        atomic::read_xattr(path, name).map_err(|error| HostError::io("read the xattrs of", path)(error.into()))
    }

    fn set_xattr(&self, path: &Path, name: &str, value: &[u8]) -> HostResult<()> {
        rustix::fs::setxattr(path, name, value, rustix::fs::XattrFlags::empty())
            .map_err(|error| HostError::io("change the xattrs of", path)(error.into()))
    }

    fn create_temporary(&self, dir: &Path, prefix: &str, suffix: &str, directory: bool) -> HostResult<PathBuf> {
        loop {
            let path = dir.join(format!("{prefix}{:016x}{suffix}", atomic::random()));
            let made = if directory {
                std::fs::DirBuilder::new().mode(0o700).create(&path)
            } else {
                let flags = OFlags::CREATE | OFlags::EXCL | OFlags::WRONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
                rustix::fs::open(&path, flags, Mode::from_raw_mode(0o600)).map(drop).map_err(io::Error::from)
            };
            match made {
                Ok(()) => return Ok(path),
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(HostError::io("create a temporary file in", dir)(error)),
            }
        }
    }

    fn umask(&self) -> u32 {
        process_umask()
    }

    fn temporary_dir(&self) -> PathBuf {
        self.context.variable("TMPDIR").filter(|directory| directory.starts_with('/')).unwrap_or("/tmp".into()).into()
    }

    fn stage(&self, content: &[u8], beside: &Path) -> HostResult<PathBuf> {
        // Not beside it: a directory such as /etc/sudoers.d takes every file in it for its own.
        self.stage_in(&self.temporary_dir(), content, beside)
    }

    fn discard(&self, staged: &Path) {
        // It may be gone already: a program may have taken it away.
        let _ = std::fs::remove_file(staged);
    }
}

fn open_for_flags(path: &Path) -> Result<File, Errno> {
    rustix::fs::open(path, OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOFOLLOW | OFlags::CLOEXEC, Mode::empty())
        .map(File::from)
}

#[cfg(test)]
#[path = "files_tests.rs"]
mod tests;
