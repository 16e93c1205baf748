//! What a run is held to: each task's end on each host is judged by whoever knows what was foreseen.

use crate::event::{Place, PlayId, TaskResult};

/// What tells a task from others, in this run and in others of the same playbooks.
pub struct TaskMark<'a> {
    /// The play's number in the run.
    pub play: PlayId,
    /// Its title, for messages.
    pub title: &'a str,
    /// The module, as written.
    pub action: &'a str,
    /// The role that it came with.
    pub role: Option<&'a str>,
    /// Whether it is a handler.
    pub handler: bool,
    /// Where it stands.
    pub place: &'a Place,
}

/// Judges what tasks did.
pub trait Foresight: Send + Sync {
    /// Why the host must not go on after this; `None` where it may. Texts of the result are not masked yet.
    fn judge(&self, task: &TaskMark<'_>, host: &str, result: &TaskResult) -> Option<String>;
}
