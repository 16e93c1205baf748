//! systemd's units, or the services of what stands in its place.

use super::HostResult;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// Which manager is asked: `systemctl --system`, `--user` or `--global`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// The system's manager.
    #[default]
    System,
    /// The manager of the agent's user.
    User,
    /// Unit files for the managers of all users; nothing runs in this scope.
    Global,
}

/// A unit's state.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct UnitState {
    /// Whether there is such a unit.
    pub exists: bool,
    /// `active`, `inactive`, `failed`, `activating`, ...
    pub active: String,
    /// `enabled`, `disabled`, `masked`, `static`, `indirect`, ...; empty where the unit has no file.
    pub enabled: String,
    /// All properties as `systemctl show` lists them.
    pub properties: Map<String, Value>,
}

/// What to do with a running unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UnitAction {
    /// Start it.
    Start,
    /// Stop it.
    Stop,
    /// Stop it where it runs, and start it.
    Restart,
    /// Let it read its configuration again.
    Reload,
}

impl UnitAction {
    /// systemctl's word.
    pub fn word(self) -> &'static str {
        match self {
            UnitAction::Start => "start",
            UnitAction::Stop => "stop",
            UnitAction::Restart => "restart",
            UnitAction::Reload => "reload",
        }
    }
}

/// What to do with a unit's file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UnitFileAction {
    /// Start it at boot.
    Enable,
    /// Don't.
    Disable,
    /// Make it impossible to start.
    Mask,
    /// Undo that.
    Unmask,
}

impl UnitFileAction {
    /// systemctl's word.
    pub fn word(self) -> &'static str {
        match self {
            UnitFileAction::Enable => "enable",
            UnitFileAction::Disable => "disable",
            UnitFileAction::Mask => "mask",
            UnitFileAction::Unmask => "unmask",
        }
    }
}

/// A service, as the fact `services` has it.
#[derive(Clone, Debug, PartialEq)]
pub struct Service {
    /// The unit's name; for a script of `/etc/init.d`, the script's.
    pub name: String,
    /// `running`, `stopped`, `inactive`, `failed`, `active`, `unknown`.
    pub state: String,
    /// Whether it starts at boot: `enabled`, `disabled`, `static`, `masked`, `not-found`, ...
    pub status: Option<String>,
    /// Who says so: `systemd` or `sysv`.
    pub source: &'static str,
}

/// Units. Errors carry what the manager printed.
pub trait Units {
    /// The service manager's name as the fact `service_mgr` has it.
    fn manager(&self) -> HostResult<String>;
    /// All services, by name, of systemd and of the scripts in `/etc/init.d`.
    fn services(&self) -> HostResult<Vec<Service>>;
    /// A unit's state.
    fn state(&self, unit: &str, scope: Scope) -> HostResult<UnitState>;
    /// Starts, stops, ... a unit; `no_block` does not wait for the end of that.
    fn act(&self, action: UnitAction, unit: &str, scope: Scope, no_block: bool) -> HostResult<()>;
    /// Enables, masks, ... a unit; `force` replaces links that are in the way.
    fn act_on_file(&self, action: UnitFileAction, unit: &str, scope: Scope, force: bool) -> HostResult<()>;
    /// Reads the unit files again.
    fn reload_manager(&self, scope: Scope) -> HostResult<()>;
    /// Starts the manager's own program anew.
    fn reexec_manager(&self, scope: Scope) -> HostResult<()>;
}
