//! systemd's units, or the services of what stands in its place.

use super::HostResult;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// A unit's state.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct UnitState {
    /// Whether there is such a unit.
    pub exists: bool,
    /// `active`, `inactive`, `failed`, `activating`, ...
    pub active: String,
    /// `enabled`, `disabled`, `masked`, `static`, `indirect`, ...
    pub enabled: String,
    /// All properties as `systemctl show` lists them.
    pub properties: Map<String, Value>,
}

/// Units. `scope` is `system`, `user` or `global`, as systemctl's options.
pub trait Units {
    /// The service manager's name as the fact `service_mgr` has it.
    fn manager(&self) -> HostResult<String>;
    /// A unit's state.
    fn state(&self, unit: &str, scope: &str) -> HostResult<UnitState>;
    /// `start`, `stop`, `restart`, `reload`.
    fn act(&self, verb: &str, unit: &str, scope: &str, no_block: bool) -> HostResult<()>;
    /// `enable`, `disable`, `mask`, `unmask`.
    fn enable(&self, verb: &str, unit: &str, scope: &str, force: bool) -> HostResult<()>;
    /// Reads the unit files again.
    fn reload_manager(&self, scope: &str) -> HostResult<()>;
    /// Starts the manager's own program anew.
    fn reexec_manager(&self, scope: &str) -> HostResult<()>;
}
