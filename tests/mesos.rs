//! The Mesos roles on a simulated cluster of booted hosts: see `tests/mesos-sim/README.md`.
//!
//! These take minutes, and run where `REFIT_FLEET=1` says so, as `tests/run` does. `REFIT_MESOS` names other scenarios than
//! those of CI, such as `all`; `tests/mesos-sim/scenarios --list` has them.

#![allow(clippy::unwrap_used, reason = "a test that can't go on fails there")]

use std::{path::Path, process::Command};

/// Runs a script of the simulated cluster, its output shown as it comes.
fn script(name: &str, words: &[&str]) {
    let runs = |variable: &str| std::env::var(variable).is_ok_and(|value| value == "1");
    if !runs("REFIT_FLEET") {
        eprintln!("SKIPPED: {name} needs REFIT_FLEET=1");
        return;
    }
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/mesos-sim").join(name);
    let mut command = Command::new(path);
    command.args(words).env("REFIT_PROGRAM", env!("CARGO_BIN_EXE_refit"));
    if !runs("REFIT_ORACLE") {
        command.env("REFIT_MESOS_ENGINES", "refit");
    }
    let status = command.status().unwrap();
    if status.code() == Some(77) {
        assert!(std::env::var_os("CI").is_none(), "nothing may be skipped in CI");
        eprintln!("SKIPPED: {name}: this machine can't boot hosts");
        return;
    }
    assert!(status.success(), "{name}: {status}");
}

#[test]
fn the_simulator_answers_as_recorded() {
    script("conformance", &[]);
}

#[test]
fn upgrades_end_well_or_stop_in_the_right_place() {
    let chosen = std::env::var("REFIT_MESOS").unwrap_or_default();
    script("scenarios", &chosen.split_whitespace().collect::<Vec<_>>());
}
