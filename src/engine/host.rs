//! A host in a run.

use crate::event::HostStats;
use crate::playbook::Scope as PlayScope;
use crate::template::Value;
use crate::vars::HostVars;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// What became of a host in the play.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It takes part.
    Active,
    /// A task failed on it.
    Failed,
    /// It could not be reached.
    Unreachable,
    /// A task did something else than was planned: it takes part in nothing any more, and nothing rescues it.
    Deviated,
    /// It left the play without failure (`meta: end_host`, `end_play`, ...).
    Ended,
    /// It left the role that runs (`meta: end_role`).
    RoleEnded,
}

/// A task that failed, for `ansible_failed_task` and `ansible_failed_result`.
#[derive(Clone, Debug)]
pub struct FailedTask {
    /// Its name and action.
    pub task: Value,
    /// Its result.
    pub result: Value,
}

/// What a run knows of a host.
#[derive(Clone, Debug)]
pub struct HostState {
    /// What it learned of it.
    pub vars: HostVars,
    /// The recap's row.
    pub stats: HostStats,
    /// In this play.
    pub standing: Standing,
    /// The last failure.
    pub failed: Option<FailedTask>,
    /// Uses of roles (their keys) that the host has done in this play: with a task that was not skipped.
    pub roles: Vec<String>,
    /// Uses of roles (their keys) of which a task ran on the host in this play.
    pub roles_at_work: Vec<String>,
    /// Whether the host took part in a play.
    pub used: bool,
    /// In a dry run: why it is not known whether what runs now runs at all (a handler that only a task notified that may
    /// change something).
    pub perhaps: Option<Arc<str>>,
    /// In a dry run: paths that tasks would have changed so far.
    pub touched: std::collections::BTreeSet<String>,
    /// In a dry run: the first task that did something on it that can't be foreseen.
    pub unforeseen: Option<Arc<str>>,
}

/// A host in a run.
#[derive(Debug)]
pub struct Host {
    /// The inventory's name.
    pub name: Arc<str>,
    state: Mutex<HostState>,
}

impl Host {
    /// A host of which nothing is known yet.
    pub fn new(name: &str) -> Host {
        let state = HostState {
            vars: HostVars::default(),
            stats: HostStats::default(),
            standing: Standing::Active,
            failed: None,
            roles: Vec::new(),
            roles_at_work: Vec::new(),
            used: false,
            perhaps: None,
            touched: std::collections::BTreeSet::new(),
            unforeseen: None,
        };
        Host { name: Arc::from(name), state: Mutex::new(state) }
    }

    /// What the run knows of it. Held for a moment only, never while anything is waited for.
    pub fn state(&self) -> MutexGuard<'_, HostState> {
        // A thread that panicked while it held the lock left whole values behind: they are replaced, not edited.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A task of a role ran on it.
    pub fn works_in_role(&self, task: &PlayScope) {
        if let Some(used) = task.role() {
            let mut state = self.state();
            if !state.roles_at_work.contains(&used.key) {
                state.roles_at_work.push(used.key.clone());
            }
        }
    }

    /// Whether it takes part.
    pub fn is_active(&self) -> bool {
        self.state().standing == Standing::Active
    }

    /// Sets what became of it.
    pub fn stand(&self, standing: Standing) {
        self.state().standing = standing;
    }
}

/// The hosts that take part, in order.
pub fn active(hosts: &[Arc<Host>]) -> Vec<Arc<Host>> {
    hosts.iter().filter(|host| host.is_active()).cloned().collect()
}

/// The hosts on which a task failed, in order.
pub fn failed(hosts: &[Arc<Host>]) -> Vec<Arc<Host>> {
    hosts.iter().filter(|host| host.state().standing == Standing::Failed).cloned().collect()
}
