//! Where text comes from and goes to: a file, standard input or output.

use anyhow::Context;
use std::io::{IsTerminal, Read, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

/// Files that hold secrets are readable by their owner alone.
const PRIVATE: u32 = 0o600;

/// The files named, or standard input.
pub fn named(files: &[PathBuf]) -> Vec<PathBuf> {
    if files.is_empty() { vec![PathBuf::from("-")] } else { files.to_vec() }
}

pub fn is_standard(path: &Path) -> bool {
    path == Path::new("-")
}

/// All of a file, or of standard input. The memory is wiped when it is given back.
pub fn read(path: &Path, what: &str) -> anyhow::Result<Zeroizing<Vec<u8>>> {
    if !is_standard(path) {
        let bytes = std::fs::read(path).with_context(|| format!("can't read {}", path.display()))?;
        return Ok(Zeroizing::new(bytes));
    }
    let mut input = std::io::stdin().lock();
    if input.is_terminal() {
        eprintln!("Reading {what} from standard input (Ctrl-D ends it)");
    }
    let mut bytes = Vec::new();
    input.read_to_end(&mut bytes).context("can't read standard input")?;
    Ok(Zeroizing::new(bytes))
}

/// Writes a file whole or not at all: beside it, then in its place. It keeps its mode and owner; a new one is its owner's alone.
/// What a link points to is written, not the link.
pub fn write(path: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    if is_standard(path) {
        let mut out = std::io::stdout().lock();
        return out.write_all(bytes).and_then(|()| out.flush()).context("can't write to standard output");
    }
    let path = std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let before = std::fs::metadata(&path).ok();
    if before.as_ref().is_some_and(|before| !before.is_file()) {
        // A device or a pipe can't be put in place of.
        return std::fs::write(&path, bytes).with_context(|| format!("can't write {}", path.display()));
    }
    let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let done = || -> std::io::Result<()> {
        let mut beside = tempfile::Builder::new().prefix(".refit-vault-").tempfile_in(directory)?;
        beside.write_all(bytes)?;
        let mode = before.as_ref().map_or(PRIVATE, |before| before.mode() & 0o7777);
        if let Some(before) = &before {
            // Only root can give files away; anyone else's new file is theirs, as with any editor.
            let _ = std::os::unix::fs::fchown(beside.as_file(), Some(before.uid()), Some(before.gid()));
        }
        beside.as_file().set_permissions(std::fs::Permissions::from_mode(mode))?;
        beside.as_file().sync_all()?;
        beside.persist(&path).map(drop).map_err(|error| error.error)
    };
    done().with_context(|| format!("can't write {}", path.display()))
}
