//! What a run is held to: the plan that was approved. Whatever a task does that it did not foresee stops its host.

use super::compare::TaskKey;
use super::model::Plan;
use crate::engine::{Foresight, TaskMark};
use crate::event::{Status, TaskResult};
use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::{Mutex, PoisonError};

/// What is expected of a task on a host.
struct Expected {
    status: Status,
    digest: Option<String>,
}

/// Something that was otherwise than planned.
#[derive(Clone, Debug, PartialEq)]
pub struct Deviation {
    /// The host.
    pub host: String,
    /// The task's title, and where it stands.
    pub task: String,
    /// What was planned and what was done.
    pub what: String,
}

struct Left {
    steps: HashMap<(String, TaskKey), VecDeque<Expected>>,
    deviations: Vec<Deviation>,
}

/// A plan as what is expected.
pub struct Expectation {
    left: Mutex<Left>,
    /// Hosts of which the plan can't know all tasks: something is included that is known only when it runs.
    open: HashSet<String>,
}

impl Expectation {
    /// What this plan foresees.
    pub fn of(plan: &Plan) -> Expectation {
        let mut steps: HashMap<(String, TaskKey), VecDeque<Expected>> = HashMap::new();
        let mut open = HashSet::new();
        for (host, way) in &plan.hosts {
            for (_, task, step) in plan.way(way) {
                // After what may fail, a `rescue` may run; after what may be included, what it includes.
                if step.status == Status::Unknown {
                    open.insert(host.clone());
                }
                let expected = Expected { status: step.status, digest: step.digest.clone() };
                steps.entry((host.clone(), task.key())).or_default().push_back(expected);
            }
        }
        Expectation { left: Mutex::new(Left { steps, deviations: Vec::new() }), open }
    }

    /// What was otherwise than planned, so far.
    pub fn deviations(&self) -> Vec<Deviation> {
        self.left.lock().unwrap_or_else(PoisonError::into_inner).deviations.clone()
    }
}

impl Foresight for Expectation {
    fn judge(&self, task: &TaskMark<'_>, host: &str, result: &TaskResult) -> Option<String> {
        let mut left = self.left.lock().unwrap_or_else(PoisonError::into_inner);
        let place = task.place;
        let (file, action) = (place.file.clone(), task.action.to_owned());
        let key = (task.play, file, place.line, place.column, action, task.role.map(str::to_owned), task.handler);
        let expected = left.steps.get_mut(&(host.to_owned(), key)).and_then(VecDeque::pop_front);
        let (what, stop) = verdict(expected.as_ref(), result, self.open.contains(host))?;
        left.deviations.push(Deviation {
            host: host.to_owned(),
            task: format!("{} ({}:{})", task.title, place.file, place.line),
            what: what.clone(),
        });
        stop.then_some(what)
    }
}

/// What is otherwise than expected, and whether the host must stop for it.
fn verdict(expected: Option<&Expected>, result: &TaskResult, open: bool) -> Option<(String, bool)> {
    let changed = result.status == Status::Changed;
    let Some(expected) = expected else {
        return (changed && !open).then(|| ("a task that was not planned changed the host".to_owned(), true));
    };
    let word = |status| match status {
        Status::Ok => "ok",
        Status::Changed => "changed",
        Status::Skipped => "skipped",
        Status::Failed => "failed",
        Status::Unreachable => "unreachable",
        Status::Unknown => "unknown",
    };
    match (expected.status, result.status) {
        (Status::Unknown, _) => None,
        (Status::Changed, Status::Changed) => match (&expected.digest, &result.digest) {
            (Some(planned), Some(done)) if planned != done => {
                Some(("it changed something else than was planned".to_owned(), true))
            }
            _ => None,
        },
        (planned, done) if planned == done => None,
        (planned, Status::Changed) => {
            let planned = if planned == Status::Failed { "would fail" } else { "changes nothing" };
            Some((format!("it was planned that it {planned}, and it changed the host"), true))
        }
        // It did less than was approved, or ended the host's play itself.
        (planned, done) => Some((format!("{} was planned, it was {}", word(planned), word(done)), false)),
    }
}
