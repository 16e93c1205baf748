//! `service`: services, whatever manages them: systemd, or scripts in `/etc/init.d`.

use super::service_script;
use super::systemd::{self, State};
use super::{Call, Module};
use crate::args;
use crate::args::Args as _;
use crate::host::Host;
use crate::outcome::ModuleResult;

args! {
    /// What `service` takes.
    pub struct Args {
        /// The service. May be left out where only systemd's `daemon_reload` or `daemon_reexec` is asked for.
        name: Option<String>,
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
        /// For systemd: make it impossible to start.
        masked: Option<bool>,
        /// For systemd: replace links that are in the way of `enabled` or `masked`.
        force: bool = false,
        /// For systemd: read the unit files again before anything else.
        [aliases = ["daemon-reload"]]
        daemon_reload: bool = false,
        /// For systemd: start its own program anew before anything else.
        [aliases = ["daemon-reexec"]]
        daemon_reexec: bool = false,
        /// For systemd: whose units.
        scope: systemd::ScopeArg = systemd::ScopeArg::System,
        /// For systemd: don't wait for the end of starting or stopping.
        no_block: bool = false,
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
        return service_script::run(&args, &manager, host);
    }
    systemd::run(
        &systemd::Args {
            name: args.name,
            state: args.state,
            enabled: args.enabled,
            masked: args.masked,
            force: args.force,
            daemon_reload: args.daemon_reload,
            daemon_reexec: args.daemon_reexec,
            scope: args.scope,
            no_block: args.no_block,
        },
        host,
    )
}
