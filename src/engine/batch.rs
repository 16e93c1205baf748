//! A play with its hosts, and a batch of them.

use super::host::{Host, Standing};
use super::magic::Magic;
use super::run::Run;
use crate::event::PlayId;
use crate::playbook::{Node, Play, RoleUse, Scope as PlayScope};
use crate::template::{Scope, Surroundings};
use crate::vars::{Layer, Stack, TaskLayers};
use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// A play that runs.
pub struct PlayRun {
    /// The run.
    pub run: Arc<Run>,
    /// The play.
    pub play: Arc<Play>,
    /// Its number.
    pub id: PlayId,
    /// Its name.
    pub name: String,
    /// The hosts that it is for, in order.
    pub hosts: Vec<Arc<str>>,
    /// Whether it is a dry run (`check_mode` of the play, else of the run).
    pub plan: bool,
    /// Whether the user is asked what to do about failures (`strategy: debug`).
    pub debugs: bool,
    /// Whether notified handlers run on failed hosts.
    pub force_handlers: bool,
    /// How many percent of a batch's hosts may fail.
    pub max_fail_percentage: Option<f64>,
    /// Handlers: the play's, and those that included roles bring.
    pub handlers: Mutex<Vec<Node>>,
    /// Roles whose variables the whole play sees.
    pub public_roles: Mutex<Vec<Arc<RoleUse>>>,
    /// Layers of hosts: (play's, inventory's).
    pub layers: Mutex<HashMap<Arc<str>, HostLayers>>,
    /// Whether the play ends here (`meta: end_play`, or a failure that concerns all).
    pub ended: AtomicBool,
}

/// A host's layers: the play's (vars_files, vars_prompt, vars), and the inventory's.
pub type HostLayers = (Arc<[Layer]>, Arc<[Layer]>);

impl PlayRun {
    /// Whether it is a dry run.
    pub fn is_plan(&self) -> bool {
        self.plan
    }

    /// The roles that the whole play sees.
    pub fn public_roles(&self) -> Vec<Arc<RoleUse>> {
        lock(&self.public_roles).clone()
    }

    /// The layers that a task brings.
    pub fn task_layers(&self, scope: &PlayScope) -> Arc<TaskLayers> {
        Arc::new(TaskLayers::of(scope, &lock(&self.public_roles)))
    }
}

/// By handler (its place in the play's list) and host: why it is not known whether it runs.
pub type Perhaps = HashMap<(usize, Arc<str>), Arc<str>>;

/// A batch of a play's hosts.
pub struct Batch {
    /// The play.
    pub play: Arc<PlayRun>,
    /// The batch's hosts, those that failed included.
    pub hosts: Vec<Arc<Host>>,
    /// Handlers that were notified: by handler (its place in the play's list), the hosts.
    pub notified: Mutex<HashMap<usize, Vec<Arc<str>>>>,
    /// In a dry run: of these handlers on these hosts it is not known whether they run, and why.
    pub perhaps: Mutex<Perhaps>,
    /// Whether the batch ends here (`meta: end_batch`).
    pub ended: AtomicBool,
    /// How many blocks with a `rescue` or an `always` are under way, one in the other: until they are over it is not
    /// settled which hosts have failed.
    pub unsettled: AtomicUsize,
    /// Hosts at work on tasks with a `throttle`: those that run freely come to a task one by one.
    pub throttles: super::throttle::Throttles,
}

impl Batch {
    /// The run.
    pub fn run(&self) -> &Arc<Run> {
        &self.play.run
    }

    /// Whether no further task is to start.
    pub fn is_over(&self) -> bool {
        self.ended.load(Ordering::SeqCst) || self.play.ended.load(Ordering::SeqCst) || self.run().interrupts.times() > 0
    }

    /// Ends the play for all hosts of the batch.
    pub fn end_play(&self, standing: Standing) {
        self.play.ended.store(true, Ordering::SeqCst);
        for host in self.hosts.iter().filter(|host| host.is_active()) {
            host.stand(standing);
        }
    }

    /// The variables in force for a host at a task, or at what surrounds tasks.
    pub fn stack(self: &Arc<Self>, host: &Arc<Host>, scope: &Arc<PlayScope>, task: &Arc<TaskLayers>) -> Stack {
        let (play, inventory) = self.play.run.host_layers(&self.play, &host.name);
        let magic = Arc::new(Magic { batch: self.clone(), host: host.clone(), scope: scope.clone() });
        let (upper, facts) = {
            let state = host.state();
            (state.vars.upper(), state.vars.facts_layer())
        };
        Stack {
            magic: Layer::Computed(magic.clone()),
            extra: self.run().extra.clone(),
            task: task.clone(),
            host: upper,
            play,
            facts,
            inventory,
            fallback: Some(magic),
            merge: self.run().merges_mappings(),
        }
    }

    /// Templates with those variables.
    pub fn scope(self: &Arc<Self>, host: &Arc<Host>, scope: &Arc<PlayScope>, task: &Arc<TaskLayers>) -> Scope {
        self.scope_in(host, scope, task, &self.surroundings(scope))
    }

    /// The same for many hosts: what surrounds the task is worked out once.
    pub fn scope_in(
        self: &Arc<Self>,
        host: &Arc<Host>,
        scope: &Arc<PlayScope>,
        task: &Arc<TaskLayers>,
        surroundings: &Arc<Surroundings>,
    ) -> Scope {
        let stack = self.stack(host, scope, task);
        self.run().templater.scope(Arc::new(stack), surroundings.clone())
    }

    /// Where files of a task are looked for.
    pub fn surroundings(&self, scope: &PlayScope) -> Arc<Surroundings> {
        Arc::new(Surroundings {
            search_path: scope
                .search_path(&self.play.play.directory)
                .iter()
                .map(|path| super::absolute(path))
                .collect(),
            playbook_dir: super::absolute(&self.play.play.directory),
            plan: self.play.is_plan(),
        })
    }
}

/// A lock whose holder panicked guards whole values all the same.
pub fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
