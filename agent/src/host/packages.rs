//! The package manager.

use super::HostResult;
use serde::{Deserialize, Serialize};

/// What is asked of one package.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Query {
    /// The installed version; `None` where it is not installed.
    pub installed: Option<String>,
    /// The version that an installation would take; `None` where no source has it.
    pub candidate: Option<String>,
    /// Whether the name is only provided by other packages, and by which.
    pub provided_by: Vec<String>,
    /// Whether it was asked for by name rather than came as a dependency.
    pub manual: bool,
    /// Whether it is held at its version.
    pub held: bool,
}

/// A change of the installed packages, in the package manager's own terms (`name`, `name=version`).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Transaction {
    /// Exact arguments for the manager, after the program's name: `["install", "--no-install-recommends", "nginx"]`.
    pub arguments: Vec<String>,
    /// Names and versions that it brings: (name, old version or none, new version), as simulated.
    pub installs: Vec<(String, Option<String>, String)>,
    /// Names and versions that it takes away.
    pub removes: Vec<(String, String)>,
}

/// The package manager: `apt` today; others bring their own implementation of this facet.
pub trait Packages {
    /// Its name as the fact `pkg_mgr` has it.
    fn manager(&self) -> HostResult<String>;
    /// What is known of a package.
    fn query(&self, name: &str) -> HostResult<Query>;
    /// What these arguments would do, by the manager's own simulation (`apt-get -s`).
    fn simulate(&self, arguments: &[String]) -> HostResult<Transaction>;
    /// Does it, waiting for the manager's lock at most `lock_timeout` seconds. Returns what the manager printed.
    fn perform(&self, transaction: &Transaction, lock_timeout: u64) -> HostResult<super::Finished>;
    /// Fetches the lists of what is available.
    fn refresh(&self, lock_timeout: u64) -> HostResult<()>;
    /// When they were last fetched: seconds since 1970, 0 for never.
    fn refreshed_at(&self) -> HostResult<i64>;
}
