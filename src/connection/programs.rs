//! The agent's program, for each machine type that there is one for.

use flate2::{Compression, write::GzEncoder};
use sha2::{Digest, Sha256};
use std::borrow::Cow;
use std::io::{self, Write};
use std::path::Path;

/// The program for one machine type.
pub struct Program {
    /// `uname -m` of the machines that it runs on.
    pub machine: String,
    /// SHA-256 of the program, lower-case hex. Names the file on the host.
    pub sha256: String,
    /// Bytes of the program.
    pub size: u64,
    /// The program, as gzip packs it.
    pub gzip: Cow<'static, [u8]>,
    /// The program that speaks TLS for it, which it asks for when it first needs one.
    pub tls: Option<TlsProgram>,
}

/// The program that speaks TLS for an agent.
pub struct TlsProgram {
    /// SHA-256 of the packed program, lower-case hex.
    pub sha256: &'static str,
    /// The program, as gzip packs it.
    pub gzip: &'static [u8],
}

impl Program {
    /// The programs that this controller carries.
    pub fn embedded() -> Vec<Program> {
        let own = |agent: &super::agents::Agent| Program {
            machine: agent.machine.to_owned(),
            sha256: agent.sha256.to_owned(),
            size: agent.size,
            gzip: Cow::Borrowed(agent.gzip),
            tls: Some(TlsProgram { sha256: agent.tls_sha256, gzip: agent.tls_gzip }),
        };
        super::agents::AGENTS.iter().map(own).collect()
    }

    /// A program from a file.
    pub fn read(machine: &str, path: &Path) -> io::Result<Program> {
        let content = std::fs::read(path)?;
        let mut packed = GzEncoder::new(Vec::new(), Compression::fast());
        packed.write_all(&content)?;
        Ok(Program {
            machine: machine.to_owned(),
            sha256: hex(&Sha256::digest(&content)),
            size: content.len() as u64,
            gzip: Cow::Owned(packed.finish()?),
            tls: None,
        })
    }

    /// The program itself.
    pub(super) fn unpacked(&self) -> io::Result<Vec<u8>> {
        let mut content = Vec::with_capacity(self.size as usize);
        io::Read::read_to_end(&mut flate2::read::GzDecoder::new(&*self.gzip), &mut content)?;
        Ok(content)
    }
}

/// Lower-case hex.
pub(super) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::with_capacity(2 * bytes.len()), |mut text, byte| {
        // Writing to a text can't fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}
