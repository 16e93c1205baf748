//! `systemd`, which is also `systemd_service`: systemd's units.

use super::{Call, Module, Rule};
use crate::args::Args as _;
use crate::host::{Host, Scope, UnitAction, UnitFileAction, UnitState};
use crate::outcome::{Diff, ModuleResult, Outcome, Stop};
use crate::{args, choices};
use serde_json::{Map, Value, json};

choices! {
    /// What the unit is to do.
    pub enum State {
        /// Run.
        Started = "started",
        /// Not run.
        Stopped = "stopped",
        /// Run, started anew.
        Restarted = "restarted",
        /// Run, its configuration read again.
        Reloaded = "reloaded",
    }
}

choices! {
    /// Whose units.
    pub enum ScopeArg {
        /// The system's.
        System = "system",
        /// Those of the user that the module runs as.
        User = "user",
        /// Unit files for all users.
        Global = "global",
    }
}

args! {
    /// What `systemd` takes.
    pub struct Args {
        /// The unit; `.service` is understood where there is no other ending.
        [aliases = ["service", "unit"]]
        name: Option<String>,
        /// Start or stop it where it is not in that state; `restarted` and `reloaded` always act, and start a unit that
        /// does not run.
        state: Option<State>,
        /// Start it at boot.
        enabled: Option<bool>,
        /// Make it impossible to start.
        masked: Option<bool>,
        /// Replace links that are in the way of `enabled` or `masked`.
        force: bool = false,
        /// Read the unit files again before anything else.
        [aliases = ["daemon-reload"]]
        daemon_reload: bool = false,
        /// Start systemd's own program anew before anything else.
        [aliases = ["daemon-reexec"]]
        daemon_reexec: bool = false,
        /// Whose units: the system's, the user's, or those of all users.
        scope: ScopeArg = ScopeArg::System,
        /// Don't wait for the end of starting or stopping.
        no_block: bool = false,
    }
}

/// The declaration.
pub static MODULE: Module = Module {
    name: "systemd_service",
    aliases: &["systemd", "ansible.builtin.systemd", "ansible.legacy.systemd"],
    summary: "Start, stop, enable and mask systemd's units",
    args: Args::specs,
    rules: &[
        Rule::RequiredBy("state", &["name"]),
        Rule::RequiredBy("enabled", &["name"]),
        Rule::RequiredBy("masked", &["name"]),
    ],
    free_form: None,
    run: Some(|call: &Call<'_>| run(&call.args()?, call.host)),
};

/// Does what the arguments say. The module `service` comes here too where systemd runs.
pub(super) fn run(args: &Args, host: &Host<'_>) -> ModuleResult {
    let scope = match args.scope {
        ScopeArg::System => Scope::System,
        ScopeArg::User => Scope::User,
        ScopeArg::Global => Scope::Global,
    };
    if args.daemon_reload {
        host.units.reload_manager(scope)?;
    }
    if args.daemon_reexec {
        host.units.reexec_manager(scope)?;
    }
    let Some(name) = &args.name else {
        let needy =
            [("state", args.state.is_some()), ("enabled", args.enabled.is_some()), ("masked", args.masked.is_some())];
        return match needy.iter().find(|(_, given)| *given) {
            Some((argument, _)) => {
                Err(Stop::failed(format!("missing parameter(s) required by '{argument}': name (the unit)")))
            }
            None => Ok(Outcome::ok().with("name", Value::Null).with("status", Map::new())),
        };
    };
    check_name(name)?;
    let first = host.units.state(name, scope)?;
    let mut task =
        Task { host, name, scope, force: args.force, state: first.clone(), stale: false, outcome: Outcome::ok() };
    if let Some(masked) = args.masked {
        task.mask(masked)?;
    }
    if args.enabled.is_some() || args.state.is_some() {
        task.must_exist()?;
    }
    if let Some(enabled) = args.enabled {
        task.enable(enabled)?;
        task.outcome.result.insert("enabled".to_owned(), enabled.into());
    }
    if let Some(state) = args.state {
        let reached = task.bring_to(state, args.no_block)?;
        task.outcome.result.insert("state".to_owned(), reached.into());
    }
    Ok(task.outcome.with("name", name.clone()).with("status", Value::Object(first.properties)))
}

/// systemctl takes patterns; a module acts on one unit.
fn check_name(name: &str) -> Result<(), Stop> {
    if name.is_empty() || name.starts_with('-') {
        return Err(Stop::failed(format!("{name:?} is no name of a unit")));
    }
    if name.contains(['*', '?', '[']) {
        return Err(Stop::failed(format!("{name:?} is a pattern; give the name of one unit (a loop takes several)")));
    }
    Ok(())
}

struct Task<'a> {
    host: &'a Host<'a>,
    name: &'a str,
    scope: Scope,
    force: bool,
    state: UnitState,
    /// Whether `state` is from before a change of the unit's file.
    stale: bool,
    outcome: Outcome,
}

impl Task<'_> {
    fn must_exist(&mut self) -> Result<(), Stop> {
        self.look()?;
        if self.state.exists {
            return Ok(());
        }
        Err(Stop::failed(format!("Could not find the requested service {}: host", self.name)))
    }

    fn changed(&mut self, what: &str, before: Value, after: Value) {
        self.outcome.changed = true;
        let one = |value: Value| json!({ what: value });
        self.outcome.diff.push(Diff::of_state(&format!("unit {}", self.name), one(before), one(after)));
    }

    fn act_on_file(&mut self, action: UnitFileAction) -> Result<(), Stop> {
        self.host.units.act_on_file(action, self.name, self.scope, self.force)?;
        self.stale = true;
        Ok(())
    }

    /// Looks again after a change: behind a mask there is another state.
    fn look(&mut self) -> Result<(), Stop> {
        if std::mem::take(&mut self.stale) {
            self.state = self.host.units.state(self.name, self.scope)?;
        }
        Ok(())
    }

    fn mask(&mut self, masked: bool) -> Result<(), Stop> {
        let is_masked = matches!(self.state.enabled.as_str(), "masked" | "masked-runtime");
        if masked != is_masked {
            self.act_on_file(if masked { UnitFileAction::Mask } else { UnitFileAction::Unmask })?;
            self.changed("masked", is_masked.into(), masked.into());
        }
        Ok(())
    }

    fn enable(&mut self, enabled: bool) -> Result<(), Stop> {
        let word = self.state.enabled.clone();
        if enabled != starts_at_boot(&word) {
            self.act_on_file(if enabled { UnitFileAction::Enable } else { UnitFileAction::Disable })?;
            let after = if enabled { "enabled" } else { "disabled" };
            self.changed("enabled", word.into(), after.into());
        }
        Ok(())
    }

    /// Returns the word that the result has for the state.
    fn bring_to(&mut self, state: State, no_block: bool) -> Result<&'static str, Stop> {
        let active = self.state.active.clone();
        let runs = matches!(active.as_str(), "active" | "activating" | "reloading");
        if active == "unknown" {
            // A chroot, or a container without its own systemd: nothing can run there, so nothing is started or stopped.
            self.outcome = std::mem::take(&mut self.outcome)
                .warn(format!("systemd does not run here (a chroot?), so the state of {} can't be changed", self.name));
            return Ok(state.word());
        }
        let action = match state {
            State::Started if !runs => Some(UnitAction::Start),
            State::Stopped if runs || active == "deactivating" => Some(UnitAction::Stop),
            State::Started | State::Stopped => None,
            State::Restarted => Some(UnitAction::Restart),
            State::Reloaded if runs => Some(UnitAction::Reload),
            State::Reloaded => Some(UnitAction::Start),
        };
        if let Some(action) = action {
            self.host.units.act(action, self.name, self.scope, no_block)?;
            self.changed("state", active.into(), action_done(action).into());
        }
        Ok(if state == State::Stopped { "stopped" } else { "started" })
    }
}

fn action_done(action: UnitAction) -> &'static str {
    match action {
        UnitAction::Start => "started",
        UnitAction::Stop => "stopped",
        UnitAction::Restart => "restarted",
        UnitAction::Reload => "reloaded",
    }
}

/// What `systemctl is-enabled` answers with success, but for units that are only another one's name or part.
fn starts_at_boot(word: &str) -> bool {
    matches!(word, "enabled" | "enabled-runtime" | "static" | "generated" | "transient")
}
