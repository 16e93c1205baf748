//! The events.

use super::{ItemResult, TaskResult};
use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

/// A play's number in the run, from 0.
pub type PlayId = u32;
/// A started task's number in the run, from 0. A task that is started again (an include in a loop, a handler) gets a new one.
pub type TaskId = u32;

/// Something that happened.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// Number in the run, from 0.
    pub sequence: u64,
    /// Milliseconds since 1970-01-01 UTC.
    pub at: i64,
    /// What happened. Its fields stand beside the other two in JSON.
    #[serde(flatten)]
    pub kind: EventKind,
}

/// A place in a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Place {
    /// The file, as the user would write it.
    pub file: String,
    /// From 1.
    pub line: u32,
    /// From 1.
    pub column: u32,
}

/// Whether hosts are changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RunMode {
    /// They are.
    Live,
    /// A dry run.
    Plan,
}

/// What a host came to in a run. The first eight are the recap's columns, counted as Ansible counts them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct HostStats {
    /// Tasks that ended well, changed ones included.
    pub ok: u32,
    /// Tasks that changed the host.
    pub changed: u32,
    /// Times that it was unreachable.
    pub unreachable: u32,
    /// Tasks that failed (and were neither ignored nor rescued).
    pub failures: u32,
    /// Tasks skipped.
    pub skipped: u32,
    /// Failures that a `rescue` took care of.
    pub rescued: u32,
    /// Failures ignored.
    pub ignored: u32,
    /// Dry run only: tasks that may change the host.
    pub unknown: u32,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum EventKind {
    /// The run begins. Always the first event.
    RunStarted {
        /// [`FORMAT`](super::FORMAT).
        format: u32,
        /// The run's name: when it began, and some random letters.
        run: String,
        /// Refit's version.
        refit: String,
        /// The command line, secrets masked.
        command: Vec<String>,
        /// The playbooks.
        playbooks: Vec<String>,
        /// Whether hosts are changed.
        mode: RunMode,
        /// The file of the plan that is carried out.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        plan: Option<String>,
    },
    /// A playbook begins.
    PlaybookStarted {
        /// Its path.
        path: String,
    },
    /// A play begins.
    PlayStarted {
        /// Its number.
        play: PlayId,
        /// Its name, else its pattern.
        name: String,
        /// The hosts that it is for, in order.
        hosts: Vec<String>,
        /// How its hosts go through its tasks: `linear`, `free`, ...
        strategy: String,
        /// Where it stands.
        place: Place,
    },
    /// A play's pattern matched no host (in the limit).
    NoHostsMatched {
        /// The play.
        play: PlayId,
    },
    /// A batch of a play (`serial`) begins. A play without `serial` has one.
    BatchStarted {
        /// The play.
        play: PlayId,
        /// From 1.
        number: u32,
        /// How many there are.
        of: u32,
        /// Its hosts.
        hosts: Vec<String>,
    },
    /// A task begins on hosts.
    TaskStarted {
        /// Its number.
        task: TaskId,
        /// The play.
        play: PlayId,
        /// Its name, templated as far as possible; the module's name where it has none.
        name: String,
        /// The module, as written.
        action: String,
        /// The role that it came with.
        role: Option<String>,
        /// Whether it runs as a handler.
        handler: bool,
        /// Where it stands.
        place: Place,
        /// Its arguments as written, for `-v` views that show them; none with `no_log`.
        args: Option<serde_json::Value>,
        /// Whether it is one of the engine's own (`Gathering Facts`).
        implicit: bool,
        /// How many hosts it is for, as far as known: those of which an end is to come ([`EventKind::ends`]).
        hosts: u32,
    },
    /// A host begins with a task: its request is on the way.
    HostStarted {
        /// The task.
        task: TaskId,
        /// The host.
        host: String,
    },
    /// A line of output of what runs.
    Output {
        /// The task.
        task: TaskId,
        /// The host.
        host: String,
        /// The line.
        line: String,
    },
    /// An attempt of `until` was not good enough.
    Retry {
        /// The task.
        task: TaskId,
        /// The host.
        host: String,
        /// The attempt that is over, from 1.
        attempt: u32,
        /// How many are left.
        left: u32,
        /// What the attempt gave.
        result: TaskResult,
    },
    /// An item of a loop is done on a host.
    ItemFinished {
        /// The task.
        task: TaskId,
        /// The host.
        host: String,
        /// How it ended.
        item: ItemResult,
    },
    /// A task is done on a host.
    HostFinished {
        /// The task.
        task: TaskId,
        /// The host.
        host: String,
        /// How it ended.
        result: TaskResult,
    },
    /// A task does not apply to several hosts, and of all of them the same is to be said: one event for what may be thousands.
    HostsSkipped {
        /// The task.
        task: TaskId,
        /// The hosts.
        hosts: Vec<String>,
        /// How it ended on each.
        result: TaskResult,
    },
    /// A task did something else than was planned, and the host stops.
    Deviated {
        /// The task.
        task: TaskId,
        /// The host.
        host: String,
        /// What was planned, and what was done.
        why: String,
    },
    /// A task is done on all hosts that it was started for. Every started task ends with it, also in an interrupted run.
    TaskFinished {
        /// The task.
        task: TaskId,
    },
    /// `include_tasks`, `include_role` brought tasks for hosts.
    Included {
        /// The task.
        task: TaskId,
        /// The file or role.
        what: String,
        /// The hosts.
        hosts: Vec<String>,
        /// The loop item's label, where it came of one.
        label: Option<serde_json::Value>,
    },
    /// Handlers were notified.
    Notified {
        /// The task.
        task: TaskId,
        /// The host.
        host: String,
        /// The names of the handlers that are to run for it: of a `listen` topic, of all that listen.
        handlers: Vec<String>,
    },
    /// The play ends for all hosts: no host is left, `max_fail_percentage` was passed, `any_errors_fatal`.
    PlayStopped {
        /// The play.
        play: PlayId,
        /// Why, for the user.
        why: String,
    },
    /// Something the user should know.
    Warning {
        /// What, with its place and hints, as [`Diagnostic`](crate::diagnostic::Diagnostic) displays it.
        message: String,
        /// Whether it is about something that will stop working.
        deprecation: bool,
    },
    /// An error outside any host's task (a playbook that can't be read midway, ...).
    Error {
        /// What, with its place and hints.
        message: String,
    },
    /// The user interrupted the run: once (finish what runs), twice (end what runs).
    Interrupted {
        /// How often.
        times: u32,
    },
    /// The run is over. Always the last event.
    RunFinished {
        /// A row a host, in the order of first use.
        stats: IndexMap<String, HostStats>,
        /// Hosts of plays that were not attempted or not to the end: (host, why).
        not_attempted: IndexMap<String, String>,
        /// Handlers that were notified and did not run: (host, their names).
        owed_handlers: IndexMap<String, Vec<String>>,
        /// `set_stats`, by host; `_run` for those of the run.
        custom: serde_json::Map<String, serde_json::Value>,
        /// The program's exit code.
        exit_code: i32,
    },
}

impl EventKind {
    /// How a task ended on hosts, of events that tell that: the task, the host, the result.
    pub fn ends(&self) -> impl Iterator<Item = (TaskId, &str, &TaskResult)> {
        let (task, hosts, result) = match self {
            EventKind::HostFinished { task, host, result } => (*task, std::slice::from_ref(host), Some(result)),
            EventKind::HostsSkipped { task, hosts, result } => (*task, &hosts[..], Some(result)),
            _ => (0, &[][..], None),
        };
        result.into_iter().flat_map(move |result| hosts.iter().map(move |host| (task, &**host, result)))
    }
}
