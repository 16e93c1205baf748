//! The agent's program as the controller carries it.

#![allow(clippy::unwrap_used, reason = "a test that can't go on fails there")]

use flate2::read::GzDecoder;
use refit::connection::Program;
use sha2::{Digest, Sha256};
use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

/// Bytes that the program may have, as releases build it. It is sent to each host once.
#[cfg(not(debug_assertions))]
const BUDGET: u64 = 2_500_000;

fn unpacked(agent: &Program) -> Vec<u8> {
    let mut program = Vec::new();
    GzDecoder::new(&*agent.gzip).read_to_end(&mut program).expect("it is gzip");
    program
}

#[test]
fn each_is_what_its_hash_and_size_say() {
    for agent in Program::embedded() {
        let program = unpacked(&agent);
        assert_eq!(program.len() as u64, agent.size);
        let sha256: String = Sha256::digest(&program).iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(sha256, agent.sha256);
    }
}

#[test]
fn the_one_for_this_machine_is_static_and_runs() {
    let agent = Program::embedded()
        .into_iter()
        .find(|program| program.machine == std::env::consts::ARCH)
        .expect("an agent for this machine");
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("agent");
    std::fs::write(&path, unpacked(&agent)).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o700)).unwrap();
    let told = Command::new(&path).arg("--version").env_clear().output().unwrap();
    assert!(String::from_utf8_lossy(&told.stdout).starts_with("refit-agent "), "{told:?}");
    // A program that wants a dynamic loader has a segment that names it (PT_INTERP, 3).
    let program = unpacked(&agent);
    let word = |at: usize| u16::from_le_bytes([program[at], program[at + 1]]);
    let headers = u64::from_le_bytes(program[32..40].try_into().unwrap()) as usize;
    let (size, count) = (usize::from(word(54)), usize::from(word(56)));
    assert!(count > 0);
    for header in (0..count).map(|at| headers + at * size) {
        assert_ne!(program[header..header + 4], [3, 0, 0, 0], "it wants a dynamic loader");
    }
}

#[cfg(not(debug_assertions))]
#[test]
fn it_keeps_to_its_budget() {
    for agent in Program::embedded() {
        assert!(agent.size <= BUDGET, "the agent for {} has {} bytes of {BUDGET}", agent.machine, agent.size);
    }
}
