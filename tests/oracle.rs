//! The same playbook by Ansible on one booted host and by refit on another, twice: what is reported task by task and the state
//! of the two hosts must be equal. `tests/oracle/check` does it, and tells by hand what differs.

#![allow(clippy::unwrap_used, reason = "a test that can't go on fails there")]

mod support;

use std::process::Command;
use support::{Fleet, Oracle, project};

fn nothing_differs(playbook: &str) {
    if Oracle::ready().is_none() {
        return;
    }
    let Some(fleet) = Fleet::up(2) else { return };
    let output = Command::new(project("tests/oracle/check"))
        .args(["--runner", env!("CARGO_BIN_EXE_refit"), "--fleet"])
        .arg(fleet.directory())
        .arg(project("tests/oracle/playbooks").join(playbook))
        .output()
        .unwrap();
    let printed = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{printed}{}", String::from_utf8_lossy(&output.stderr));
    // Both runs, each by its results and its state.
    assert_eq!(printed.matches(": 0 differences").count(), 4, "{printed}");
}

#[test]
fn files() {
    nothing_differs("files.yml");
}

#[test]
fn the_flow_of_a_play() {
    nothing_differs("flow.yml");
}
