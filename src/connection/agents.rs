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
}

/// All of them; the build script makes the list.
pub static AGENTS: &[Agent] = include!(concat!(env!("OUT_DIR"), "/agents.rs"));

/// The agent for a host's machine type, as its `uname -m` prints it.
pub fn for_machine(machine: &str) -> Option<&'static Agent> {
    let machine = match machine {
        "amd64" => "x86_64",
        "arm64" => "aarch64",
        other => other,
    };
    AGENTS.iter().find(|agent| agent.machine == machine)
}
