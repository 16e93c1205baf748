//! The host as it is: every facet does what it says.

mod account_changes;
mod account_files;
mod accounts;
mod archives;
mod atomic;
mod clock;
mod dns;
mod files;
mod flags;
mod net;
mod output_lines;
mod packages;
mod process_tree;
mod processes;
mod running_command;
mod units;

pub use accounts::LiveAccounts;
pub use archives::{Archive, Entry, EntryKind};
pub use clock::LiveClock;
pub use files::LiveFiles;
pub use net::LiveNet;
pub use packages::LivePackages;
pub use processes::LiveProcesses;
pub use units::LiveUnits;

pub(crate) use atomic::random;
pub(crate) use flags::apply_letters as apply_attributes;
pub(crate) use running_command::GIVES_UP_AFTER;

use super::{Context, Host};
use rustix::fs::{Access, access};
use std::path::Path;

/// Where files may lie that only the machine's memory holds: after them, no directory of the disk shows that something was in
/// it. `None` where there is no such place, or none for this user.
pub(crate) fn directory_in_memory() -> Option<&'static Path> {
    let memory = Path::new("/dev/shm");
    access(memory, Access::WRITE_OK | Access::EXEC_OK).is_ok().then_some(memory)
}

/// The live host for one request.
pub struct Live {
    /// Files.
    pub files: LiveFiles,
    /// Users and groups.
    pub accounts: LiveAccounts,
    /// Packages.
    pub packages: LivePackages,
    /// Units.
    pub units: LiveUnits,
    /// Commands.
    pub processes: LiveProcesses,
    /// Connections.
    pub net: LiveNet,
    /// Time.
    pub clock: LiveClock,
}

impl Live {
    /// The live host, for a request with this context.
    pub fn new(context: Context) -> Live {
        Live::with(LiveProcesses::new(context.clone()), context)
    }

    /// The live host as a dry run looks at it: programs that only look leave no trace on the disk by that.
    pub fn only_looking(context: Context) -> Live {
        let processes = LiveProcesses::new(context.clone()).with_temporary_files_in(directory_in_memory());
        let live = Live::with(processes, context);
        Live { packages: live.packages.only_looking(), ..live }
    }

    fn with(processes: LiveProcesses, context: Context) -> Live {
        let files = LiveFiles::new(context.clone());
        let clock = LiveClock::new(context.cancellation.clone());
        Live {
            accounts: LiveAccounts::new(processes.clone()),
            packages: LivePackages::new(files.clone(), processes.clone(), clock.clone()),
            units: LiveUnits::new(files.clone(), processes.clone()),
            net: LiveNet::new(context),
            files,
            processes,
            clock,
        }
    }

    /// Its facets, as modules take them.
    pub fn host(&self) -> Host<'_> {
        Host {
            files: &self.files,
            accounts: &self.accounts,
            packages: &self.packages,
            units: &self.units,
            processes: &self.processes,
            net: &self.net,
            clock: &self.clock,
        }
    }
}
