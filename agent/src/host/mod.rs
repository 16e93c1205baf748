//! The host that modules act on, as a few facets with narrow jobs.
//!
//! Each facet has two implementations: `live` does it, `shadow` (a dry run) reads through to the real host and keeps
//! every write in memory as an [`Effect`](crate::protocol::Effect), so that later tasks see it. A module asks for the
//! facets it uses and knows nothing of dry runs.

mod accounts;
pub(crate) mod apt;
mod clock;
mod context;
mod date;
mod error;
mod files;
pub mod live;
mod net;
mod packages;
mod path;
mod processes;
pub mod shadow;
mod systemd;
mod units;

pub use accounts::{Accounts, Group, GroupChange, NewGroup, NewUser, Shadow, User, UserChange};
pub use clock::{Clock, Zone};
pub use context::{Cancellation, Context, FindTls, Progress};
pub(crate) use date::{Civil, date};
pub use error::{HostError, HostResult};
pub use files::{Files, Kind, Moment, Replace, Stat, Times, WriteOptions};
pub use net::{Net, Ready};
pub use packages::{Offer, Package, PackageState, Packages, Simulation, Step, Transaction};
pub use processes::{Command, Does, Finished, Foresight, Processes};
pub use units::{Scope, Service, UnitAction, UnitFileAction, UnitState, Units};

/// Every effect that a module can have on a host and everything that it can learn of it.
pub struct Host<'a> {
    /// Files, directories and links.
    pub files: &'a dyn Files,
    /// Users and groups.
    pub accounts: &'a dyn Accounts,
    /// The package manager.
    pub packages: &'a dyn Packages,
    /// systemd's units, or the services of what stands in its place.
    pub units: &'a dyn Units,
    /// Commands.
    pub processes: &'a dyn Processes,
    /// Connections to other machines.
    pub net: &'a dyn Net,
    /// Time.
    pub clock: &'a dyn Clock,
}
