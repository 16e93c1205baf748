//! How true dry runs are, on booted hosts: a few of the playbooks that `tests/fidelity/measure` measures all of.

use std::process::Command;

/// Exit code of a suite that can't run here.
const SKIPPED: i32 = 77;

#[test]
fn what_is_planned_for_everyday_playbooks_is_what_then_happens() {
    if std::env::var_os("REFIT_FLEET").is_some_and(|value| value == "0") {
        eprintln!("SKIPPED: REFIT_FLEET=0 says not to boot hosts");
        return;
    }
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fidelity/measure");
    let mut command = Command::new(script);
    command.args(["--refit", env!("CARGO_BIN_EXE_refit"), "--only", "refit"]);
    let output = command.args(["blocks", "converged", "delegate", "onefile", "others"]).output().unwrap();
    let text = [&output.stdout, &output.stderr].map(|bytes| String::from_utf8_lossy(bytes).into_owned()).concat();
    if output.status.code() == Some(SKIPPED) {
        eprintln!("{text}");
        return;
    }
    assert!(output.status.success(), "{text}");
}
