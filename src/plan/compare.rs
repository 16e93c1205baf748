//! Two plans side by side: what was approved and what would happen now; what was planned and what was done.

use super::model::{Plan, Step, Task};
use crate::event::Status;
use indexmap::IndexMap;
use serde_json::Value;

/// What tells a task from others: play, file, line, column, module, role, whether it is a handler.
pub type TaskKey = (u32, String, u32, u32, String, Option<String>, bool);

impl Task {
    /// What tells it from others, in this plan and in others of the same playbooks.
    pub fn key(&self) -> TaskKey {
        let place = &self.place;
        let (file, action) = (place.file.clone(), self.action.clone());
        (self.play, file, place.line, place.column, action, self.role.clone(), self.handler)
    }
}

/// A task on a host in which two plans differ.
#[derive(Clone, Debug)]
pub struct Difference<'p> {
    /// The task.
    pub task: &'p Task,
    /// What the first says of it; `None` where it does not know the task.
    pub first: Option<&'p Step>,
    /// What the second says.
    pub second: Option<&'p Step>,
}

impl Difference<'_> {
    /// Whether the first said that it is known only when it runs: then nothing was promised.
    pub fn is_excused(&self) -> bool {
        self.first.is_some_and(|step| step.status == Status::Unknown)
    }

    /// Whether the first told of a change, and the second knows nothing of the task.
    pub fn is_missing_change(&self) -> bool {
        self.second.is_none() && self.first.is_some_and(|step| step.status == Status::Changed)
    }
}

/// Two plans.
pub struct Pair<'p> {
    /// The first: what was approved, or planned.
    pub first: &'p Plan,
    /// The second: what would happen now, or was done.
    pub second: &'p Plan,
}

impl<'p> Pair<'p> {
    /// By host, where it differs: the tasks.
    pub fn differences(&self) -> IndexMap<&'p str, Vec<Difference<'p>>> {
        let names = self
            .first
            .hosts
            .keys()
            .chain(self.second.hosts.keys().filter(|name| !self.first.hosts.contains_key(*name)));
        names
            .map(|name| (name.as_str(), self.of_host(name)))
            .filter(|(_, differences)| !differences.is_empty())
            .collect()
    }

    fn of_host(&self, host: &str) -> Vec<Difference<'p>> {
        let (first, second) = (steps(self.first, host), steps(self.second, host));
        let mut found = Vec::new();
        for (key, (task, step)) in &first {
            let other = second.get(key).map(|(_, step)| *step);
            if !other.is_some_and(|other| self.same(step, other)) {
                found.push(Difference { task, first: Some(step), second: other });
            }
        }
        for (key, (task, step)) in &second {
            if !first.contains_key(key) {
                found.push(Difference { task, first: None, second: Some(step) });
            }
        }
        found
    }

    /// Whether two steps say the same.
    fn same(&self, first: &Step, second: &Step) -> bool {
        let said = |step: &Step| matches!(step.status, Status::Unknown | Status::Failed).then(|| step.why.clone());
        first.status == second.status
            && first.ignored == second.ignored
            && first.delegated_to == second.delegated_to
            && said(first) == said(second)
            && first.notifies == second.notifies
            && self.same_content(first, second)
    }

    fn same_content(&self, first: &Step, second: &Step) -> bool {
        match (&first.digest, &second.digest) {
            (Some(first), Some(second)) => first == second,
            (None, None) => {
                let texts = |plan: &'p Plan, step: &Step| -> Vec<(&'p Value, &'p Value)> {
                    step.deltas.iter().map(|delta| (plan.content(delta.before), plan.content(delta.after))).collect()
                };
                texts(self.first, first) == texts(self.second, second)
            }
            _ => false,
        }
    }
}

/// A host's steps by task and how often the task came by.
fn steps<'p>(plan: &'p Plan, host: &str) -> IndexMap<(TaskKey, u32), (&'p Task, &'p Step)> {
    let mut found = IndexMap::new();
    let Some(way) = plan.hosts.get(host) else { return found };
    let mut times: std::collections::HashMap<TaskKey, u32> = std::collections::HashMap::new();
    for (_, task, step) in plan.way(way) {
        let time = times.entry(task.key()).or_default();
        found.insert((task.key(), *time), (task, step));
        *time += 1;
    }
    found
}
