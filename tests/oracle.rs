//! The same playbooks by Ansible on one booted host and by refit on another, twice: what is reported task by task and the state
//! of the two hosts must be equal. `tests/oracle/check` does it, and tells by hand what differs.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::process::Command;
use support::{Fleet, Oracle, project};

/// One pair of hosts for all of these, one after the other.
fn nothing_differs(playbooks: &[&str]) {
    if Oracle::ready().is_none() {
        return;
    }
    let Some(fleet) = Fleet::up(2) else { return };
    let output = Command::new(project("tests/oracle/check"))
        .args(["--runner", env!("CARGO_BIN_EXE_refit"), "--fleet"])
        .arg(fleet.directory())
        .args(playbooks.iter().map(|name| project("tests/oracle/playbooks").join(name).with_extension("yml")))
        .output()
        .unwrap();
    let printed = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{printed}{}", String::from_utf8_lossy(&output.stderr));
    // Both runs of each, by their results and their states.
    assert_eq!(printed.matches(": 0 differences").count(), 4 * playbooks.len(), "{printed}");
}

#[test]
fn files_flows_accounts_and_packages() {
    nothing_differs(&["files", "flow", "accounts", "packages"]);
}

#[test]
fn commands_servers_settings_and_software() {
    nothing_differs(&["commands", "http", "system", "software"]);
}
