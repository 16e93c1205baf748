use super::{project, run};
use std::process::Command;

/// The programs of the oracle, Ansible.
pub struct Oracle(());

impl Oracle {
    /// Makes its environment where it is missing. `None`, with a message, where this machine can't, or where `REFIT_ORACLE=0` says
    /// not to.
    pub fn ready() -> Option<Oracle> {
        if std::env::var_os("REFIT_ORACLE").is_some_and(|value| value == "0") {
            eprintln!("SKIPPED: REFIT_ORACLE=0 says to leave the oracle out");
            return None;
        }
        run("tests/oracle/ansible", &["--prepare"])?;
        Some(Oracle(()))
    }

    /// One of its programs.
    pub fn program(&self, name: &str) -> Command {
        let mut command = Command::new(project("tests/oracle/ansible"));
        command.args(["--tool", name]);
        command
    }
}
