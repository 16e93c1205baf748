//! A plan in numbers.

use super::changes::{Changes, Kind};
use super::model::{HostPlan, Plan};
use crate::event::Status;
use indexmap::IndexMap;
use serde::Serialize;

/// What a host comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum HostOutcome {
    /// Nothing changes.
    Ok,
    /// It changes.
    Change,
    /// It may change: what is not known beforehand.
    Unknown,
    /// A task fails, and no one takes care of it.
    Fail,
    /// It could not be reached.
    Unreachable,
    /// It was not attempted, or not to the end.
    NotAttempted,
}

impl HostOutcome {
    /// All of them.
    pub const ALL: [HostOutcome; 6] = [
        HostOutcome::Change,
        HostOutcome::Unknown,
        HostOutcome::Ok,
        HostOutcome::Fail,
        HostOutcome::Unreachable,
        HostOutcome::NotAttempted,
    ];
}

/// A plan in numbers. Files and the like are counted once for each host.
#[derive(Clone, Debug, Default, Serialize, schemars::JsonSchema)]
pub struct Summary {
    /// The hosts of each outcome.
    pub hosts: IndexMap<HostOutcome, Vec<String>>,
    /// Files that are new.
    pub files_new: usize,
    /// Files that change.
    pub files_changed: usize,
    /// Files that are removed.
    pub files_removed: usize,
    /// Packages that are installed.
    pub packages_new: usize,
    /// Packages of which another version is installed.
    pub packages_changed: usize,
    /// Packages that are removed.
    pub packages_removed: usize,
    /// Users and groups that change.
    pub accounts: usize,
    /// Units that change or are restarted.
    pub units: usize,
    /// Hosts that are restarted.
    pub reboots: usize,
    /// Tasks on hosts that may change something.
    pub unknown: usize,
    /// Tasks on hosts.
    pub tasks: usize,
}

impl Summary {
    /// Of a plan with its changes.
    pub fn of(plan: &Plan, changes: &Changes) -> Summary {
        let mut summary = Summary::default();
        for (name, host) in &plan.hosts {
            summary.hosts.entry(plan.outcome(host)).or_default().push(name.clone());
            summary.tasks += host.steps.len();
            summary.unknown += plan.way(host).filter(|(_, _, step)| step.status == Status::Unknown).count();
        }
        for change in &changes.0 {
            let hosts = change.hosts.len();
            match change.kind {
                _ if change.is_temporary() => {}
                Kind::File if change.is_new => summary.files_new += hosts,
                Kind::File if change.is_gone => summary.files_removed += hosts,
                Kind::File => summary.files_changed += hosts,
                Kind::Package if change.is_new => summary.packages_new += hosts,
                Kind::Package if change.is_gone => summary.packages_removed += hosts,
                Kind::Package => summary.packages_changed += hosts,
                Kind::User | Kind::Group => summary.accounts += hosts,
                Kind::Unit => summary.units += hosts,
                Kind::Reboot => summary.reboots += hosts,
                Kind::Command | Kind::Other => {}
            }
        }
        summary
    }

    /// How many hosts come to this.
    pub fn count(&self, outcome: HostOutcome) -> usize {
        self.hosts.get(&outcome).map_or(0, Vec::len)
    }

    /// The exit code of `--detailed-exitcode`: 1 errors, 3 changes and unknowns, 2 changes, 0 nothing to do.
    pub fn exit_code(&self, errors: bool) -> i32 {
        let bad = [HostOutcome::Fail, HostOutcome::Unreachable, HostOutcome::NotAttempted];
        if errors || bad.iter().any(|outcome| self.count(*outcome) > 0) {
            1
        } else if self.unknown > 0 {
            3
        } else if self.count(HostOutcome::Change) > 0 {
            2
        } else {
            0
        }
    }
}

impl Plan {
    /// What a host comes to.
    pub fn outcome(&self, host: &HostPlan) -> HostOutcome {
        let any = |status| self.way(host).any(|(_, _, step)| step.status == status && !step.ignored);
        // Of a run that broke off: a failure that a `rescue` takes care of is followed by more.
        let last = || host.steps.last().and_then(|taken| self.steps.get(taken.step as usize));
        let ends_failed = || last().is_some_and(|step| step.status == Status::Failed && !step.ignored);
        if any(Status::Unreachable) {
            HostOutcome::Unreachable
        } else if host.failed.unwrap_or_else(ends_failed) {
            HostOutcome::Fail
        } else if host.not_attempted.is_some() {
            HostOutcome::NotAttempted
        } else if any(Status::Unknown) {
            HostOutcome::Unknown
        } else if any(Status::Changed) {
            HostOutcome::Change
        } else {
            HostOutcome::Ok
        }
    }
}
