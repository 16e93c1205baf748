//! The package manager.

use super::{Finished, HostResult};
use serde::{Deserialize, Serialize};

/// How far a package is installed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PackageState {
    /// Installed and configured.
    Installed,
    /// Unpacked, half-installed, half-configured or waiting for a trigger: an earlier run of the manager was interrupted or failed.
    Broken,
    /// Removed; its configuration files are still there.
    ConfigFiles,
}

/// What the manager's data base says of one package.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Package {
    /// Its name.
    pub name: String,
    /// The architecture that it was built for (`amd64`, `all`, ...).
    pub architecture: String,
    /// Its version.
    pub version: String,
    /// How far it is installed.
    pub state: PackageState,
    /// Whether it is held at its version.
    pub held: bool,
    /// Whether it came only as a dependency of others.
    pub automatic: bool,
    /// Names of the virtual packages that it stands for.
    pub provides: Vec<String>,
}

/// What the sources offer under one name.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Offer {
    /// The name, as asked.
    pub name: String,
    /// The version that an installation would take; `None` where no source has the package.
    pub candidate: Option<String>,
    /// All versions that the sources have or that is installed, the newest first.
    pub versions: Vec<String>,
    /// Where the name is no package of its own: the packages that stand for it.
    pub provided_by: Vec<String>,
}

/// One package of a transaction.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Step {
    /// The package's name, with `:architecture` where it is a foreign one.
    pub name: String,
    /// The version before; `None` where it is not installed.
    pub old: Option<String>,
    /// The version after; `None` where it is removed.
    pub new: Option<String>,
    /// Whether its configuration files are removed too.
    pub purged: bool,
}

/// A change of the installed packages.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Transaction {
    /// Arguments for the manager, after the program's name: `["install", "--no-install-recommends", "nginx"]`.
    pub arguments: Vec<String>,
    /// What it does to which package, dependencies included, in the order in which the manager would do it.
    pub steps: Vec<Step>,
}

/// The answer of the manager's own simulation.
#[derive(Clone, Debug, PartialEq)]
pub struct Simulation {
    /// What would happen.
    pub transaction: Transaction,
    /// What the manager said. A status other than zero means that the transaction is impossible; the text says why.
    pub finished: Finished,
}

/// The package manager: `apt` today; others bring their own implementation of this facet.
pub trait Packages {
    /// Its name as the fact `pkg_mgr` has it; `unknown` where there is none that is known.
    fn manager(&self) -> HostResult<String>;
    /// Every package that the manager has a record of, sorted by name. Costs no process.
    fn packages(&self) -> HostResult<std::sync::Arc<Vec<Package>>>;
    /// The manager's record of one package.
    fn package(&self, name: &str) -> HostResult<Option<Package>> {
        Ok(self.packages()?.iter().find(|package| package.name == name).cloned())
    }
    /// What the sources offer under each of these names, in the same order; `release` is preferred to others
    /// (`apt-get -t`).
    fn offers(&self, names: &[String], release: Option<&str>) -> HostResult<Vec<Offer>>;
    /// Every name that the sources know, sorted.
    fn known_names(&self) -> HostResult<Vec<String>>;
    /// What these arguments would do, by the manager's own simulation (`apt-get -s`).
    fn simulate(&self, arguments: &[String]) -> HostResult<Simulation>;
    /// Does it, waiting for the manager's lock at most `lock_timeout` seconds. A status other than zero is the caller's
    /// to judge. A shadow foresees the steps, and answers what the simulation printed.
    fn perform(&self, transaction: &Transaction, lock_timeout: u64) -> HostResult<Finished>;
    /// Marks packages as asked for by name (`automatic` is false then).
    fn mark_manual(&self, names: &[String]) -> HostResult<()>;
    /// What is to be done with a package: `install`, `hold`, `deinstall`, `purge`; `None` for one that is not known.
    fn selection(&self, name: &str) -> HostResult<Option<String>>;
    /// Says what is to be done with a package.
    fn select(&self, name: &str, selection: &str) -> HostResult<()>;
    /// Fetches the lists of what is available.
    fn refresh(&self, lock_timeout: u64) -> HostResult<Finished>;
    /// When they were last fetched: seconds since 1970, 0 for never.
    fn refreshed_at(&self) -> HostResult<i64>;
}
