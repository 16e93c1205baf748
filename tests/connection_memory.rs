//! What a further host costs the controller. A program of its own: its memory is measured.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod support;

use refit::connection::{HostKeyPolicy, Links, Pool, Program, Target, Transport};
use std::time::Duration;
use support::PrivateSshd;

/// KiB of this process that are its own.
fn own_memory() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("RssAnon:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

#[test]
fn a_further_host_costs_little_memory() {
    let Some(sshd) = PrivateSshd::start(&[]) else { return };
    let directory = tempfile::tempdir().unwrap();
    let pool = Pool::new(Program::embedded(), 8);
    let connect = |from: usize, to: usize| {
        for number in from..to {
            let target = Target {
                name: format!("host{number}"),
                address: "127.0.0.1".to_owned(),
                port: Some(sshd.port),
                user: None,
                transport: Transport::Libssh2,
                password: None,
                private_key: Some(sshd.key()),
                host_keys: HostKeyPolicy::Strict,
                ssh_args: ["-F", "none", "-o", &format!("UserKnownHostsFile={}", sshd.known_hosts().display())]
                    .map(str::to_owned)
                    .to_vec(),
                ssh_program: "ssh".to_owned(),
                timeout: Duration::from_secs(30),
                agent_dir: Some(directory.path().join("agents").display().to_string()),
            };
            pool.link(&target).hello(None).unwrap();
        }
    };
    connect(0, 32);
    let before = own_memory();
    connect(32, 96);
    let further = (own_memory() - before) / 64;
    eprintln!("a further host costs {further} KiB of the controller's memory");
    assert!(further <= 150, "{further} KiB");
}
