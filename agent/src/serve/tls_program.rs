//! The program that speaks TLS, brought to the host when it is first wanted.

use super::blobs::Collected;
use crate::gzip;
use crate::host::{HostError, HostResult, live::random};
use crate::modules::Blobs;
use std::fs::File;
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// Where the program is, or will be.
pub(super) struct TlsStore {
    sha256: Option<&'static str>,
    directory: PathBuf,
}

impl TlsStore {
    /// For the program whose packed form has this SHA-256, in the agent's own directory: programs may run there, and
    /// nobody else may write there.
    pub(super) fn new(sha256: Option<&'static str>, directory: PathBuf) -> TlsStore {
        TlsStore { sha256, directory }
    }

    /// The program's path. Where it is missing, `fetch` gets it from the controller.
    pub(super) fn path(&self, fetch: impl FnOnce(&str) -> HostResult<Collected>) -> HostResult<PathBuf> {
        let Some(sha256) = self.sha256 else {
            return Err(HostError::other("this agent was built without the program that speaks TLS"));
        };
        let path = self.directory.join(format!("agent-tls-{sha256}"));
        if !is_own_program(&path) {
            let packed = fetch(sha256)?.get(sha256).unwrap_or_default();
            write_program(&packed, &self.directory, &path)
                .map_err(HostError::io("write the program that speaks TLS to", &path))?;
        }
        Ok(path)
    }
}

/// Whether it is a program that only this user could have written.
fn is_own_program(path: &Path) -> bool {
    std::fs::symlink_metadata(path).is_ok_and(|meta| {
        meta.is_file() && meta.uid() == rustix::process::geteuid().as_raw() && meta.mode() & 0o777 == 0o700
    })
}

/// Unpacks a program beside its place, and gives it its name when it is whole.
fn write_program(packed: &[u8], directory: &Path, path: &Path) -> io::Result<()> {
    let draft = directory.join(format!(".agent-tls-{:016x}", random()));
    let write = || {
        let mut file = File::options().write(true).create_new(true).mode(0o700).open(&draft)?;
        gzip::unpack(&mut &packed[..], &mut file)?;
        file.flush()?;
        file.sync_all()?;
        std::fs::rename(&draft, path)
    };
    write().inspect_err(|_| {
        // It may not be there.
        let _ = std::fs::remove_file(&draft);
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_others_could_have_written_is_not_run() {
        use std::os::unix::fs::PermissionsExt;
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("program");
        let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        packed.write_all(b"program").unwrap();
        let packed = packed.finish().unwrap();
        assert!(!is_own_program(&path));
        write_program(&packed, directory.path(), &path).unwrap();
        assert!(is_own_program(&path) && std::fs::read(&path).unwrap() == b"program");
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o722)).unwrap();
        assert!(!is_own_program(&path));
        let link = directory.path().join("link");
        std::os::unix::fs::symlink(&path, &link).unwrap();
        assert!(!is_own_program(&link));
    }

    #[test]
    fn a_torn_program_gets_no_name() {
        let directory = tempfile::tempdir().unwrap();
        assert!(write_program(b"no gzip", directory.path(), &directory.path().join("program")).is_err());
        assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 0);
    }
}
