//! `service`: services, whatever manages them. systemd is the manager that is known.

use super::systemd::{self, State};
use super::{Call, Module};
use crate::args;
use crate::args::Args as _;
use crate::host::Host;
use crate::outcome::{ModuleResult, Stop};

args! {
    /// What `service` takes.
    pub struct Args {
        /// The service.
        name: String,
        /// Start or stop it where it is not in that state; `restarted` and `reloaded` always act.
        state: Option<State>,
        /// Start it at boot.
        enabled: Option<bool>,
        /// Words for an init script's command line; systemd takes none.
        [aliases = ["args"]]
        arguments: String = String::new(),
        /// Text to look for among the running processes where an init script can't tell its state; systemd can.
        pattern: Option<String>,
        /// OpenRC's runlevel; systemd has none.
        runlevel: String = "default".to_owned(),
        /// Seconds between stop and start of a restart by an init script; systemd needs none.
        sleep: Option<u64>,
        /// The manager: `auto`, or `systemd`.
        [name = "use"]
        manager: String = "auto".to_owned(),
    }
}

/// The declaration.
pub static MODULE: Module = Module {
    name: "service",
    aliases: &[],
    summary: "Start, stop and enable services",
    args: Args::specs,
    // Ansible documents that `state` or `enabled` must be given, and does not ask for it: the result has the status.
    rules: &[],
    free_form: None,
    run: Some(|call: &Call<'_>| run(call.args()?, call.host)),
};

fn run(args: Args, host: &Host<'_>) -> ModuleResult {
    let manager = match args.manager.rsplit('.').next().unwrap_or_default() {
        "auto" | "" | "service" => host.units.manager()?,
        "systemd" | "systemd_service" => "systemd".to_owned(),
        other => other.to_owned(),
    };
    // A container may have been started with another first process, and still be asked for its unit files.
    if manager != "systemd" && host.processes.which("systemctl")?.is_none() {
        return Err(Stop::failed(format!(
            "{} can't be managed: the service manager of this host is {manager:?}, and only systemd is supported",
            args.name
        )));
    }
    systemd::run(
        &systemd::Args {
            name: Some(args.name),
            state: args.state,
            enabled: args.enabled,
            masked: None,
            force: false,
            daemon_reload: false,
            daemon_reexec: false,
            scope: systemd::ScopeArg::System,
            no_block: false,
        },
        host,
    )
}
