//! The agent's programs that this controller carries.

/// The agent for one machine type.
#[derive(Debug)]
pub struct Agent {
    /// The machine type, as `uname -m` names it.
    pub machine: &'static str,
    /// SHA-256 of the program, lower-case hex.
    pub sha256: &'static str,
    /// Bytes of the program.
    pub size: u64,
    /// The program, packed by gzip.
    pub gzip: &'static [u8],
    /// SHA-256 of `tls_gzip`, lower-case hex. The agent asks for it by this.
    pub tls_sha256: &'static str,
    /// The program that speaks TLS for the agent, packed by gzip.
    pub tls_gzip: &'static [u8],
}

/// All of them; the build script makes the list.
pub static AGENTS: &[Agent] = include!(concat!(env!("OUT_DIR"), "/agents.rs"));
