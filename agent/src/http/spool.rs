//! Content of any size: in memory while it is small, else in a file without a name.

use crate::host::live::random;
use rustix::fs::OFlags;
use rustix::mm::{MapFlags, ProtFlags, mmap, munmap};
use std::fs::File;
use std::io::{self, Write};
use std::ops::Deref;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// What stays in memory, in bytes.
const IN_MEMORY: usize = 8 << 20;

/// Takes content piece by piece.
pub(super) struct Spooler {
    directory: PathBuf,
    memory: Vec<u8>,
    file: Option<File>,
    size: usize,
}

impl Spooler {
    /// For content that goes to `directory` where it is large.
    pub(super) fn new(directory: PathBuf) -> Spooler {
        Spooler { directory, memory: Vec::new(), file: None, size: 0 }
    }

    /// Everything has come.
    pub(super) fn finish(self) -> io::Result<Spool> {
        let Some(file) = self.file.filter(|_| self.size > 0) else { return Ok(Spool::Memory(self.memory)) };
        // SAFETY: the address is the kernel's choice, and the file has no name by which anybody could shorten it.
        let address = unsafe { mmap(std::ptr::null_mut(), self.size, ProtFlags::READ, MapFlags::PRIVATE, &file, 0) }?;
        Ok(Spool::File(Mapped { address: address.cast(), size: self.size }))
    }
}

impl Write for Spooler {
    fn write(&mut self, piece: &[u8]) -> io::Result<usize> {
        if self.file.is_none() && self.memory.len() + piece.len() > IN_MEMORY {
            let mut file = nameless(&self.directory)?;
            file.write_all(&std::mem::take(&mut self.memory))?;
            self.file = Some(file);
        }
        match &mut self.file {
            Some(file) => file.write_all(piece)?,
            None => self.memory.extend_from_slice(piece),
        }
        self.size += piece.len();
        Ok(piece.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A new file in a directory, which has no name there.
fn nameless(directory: &Path) -> io::Result<File> {
    let mut options = File::options();
    options.read(true).write(true).mode(0o600);
    if let Ok(file) = options.clone().custom_flags(OFlags::TMPFILE.bits() as i32).open(directory) {
        return Ok(file);
    }
    // Not every file system can do that.
    let path = directory.join(format!(".refit-{:016x}.download", random()));
    let file = options.create_new(true).open(&path)?;
    std::fs::remove_file(&path)?;
    Ok(file)
}

/// Content; it is read as a slice of bytes.
#[derive(Debug)]
pub enum Spool {
    /// In memory.
    Memory(Vec<u8>),
    /// In a file without a name.
    File(Mapped),
}

/// A file that is seen as memory, and gone with it.
#[derive(Debug)]
pub struct Mapped {
    address: *mut u8,
    size: usize,
}

// SAFETY: nobody writes to it.
unsafe impl Send for Mapped {}
// SAFETY: as above.
unsafe impl Sync for Mapped {}

impl Drop for Mapped {
    fn drop(&mut self) {
        // SAFETY: it was mapped with this size, and nothing borrows it any more. It can't fail.
        let _ = unsafe { munmap(self.address.cast(), self.size) };
    }
}

impl Deref for Spool {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Spool::Memory(memory) => memory,
            // SAFETY: it is mapped as long as it lives, readable and of this size.
            Spool::File(mapped) => unsafe { std::slice::from_raw_parts(mapped.address, mapped.size) },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn large_content_leaves_memory_and_no_name() {
        let directory = tempfile::tempdir().unwrap();
        let mut spooler = Spooler::new(directory.path().to_owned());
        let piece: Vec<u8> = (0..1_000_000u32).map(|at| at as u8).collect();
        for _ in 0..10 {
            spooler.write_all(&piece).unwrap();
        }
        assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 0);
        let spool = spooler.finish().unwrap();
        assert!(matches!(spool, Spool::File(_)));
        assert_eq!(spool.len(), 10_000_000);
        assert!(spool.chunks(1_000_000).all(|chunk| chunk == piece));
        let mut small = Spooler::new("/no/such/directory".into());
        small.write_all(b"x").unwrap();
        assert_eq!(&*small.finish().unwrap(), b"x");
    }

    #[test]
    fn a_directory_that_takes_nothing_is_an_error() {
        let mut spooler = Spooler::new("/no/such/directory".into());
        assert!(spooler.write_all(&vec![0; IN_MEMORY + 1]).is_err());
    }
}
