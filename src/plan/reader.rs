//! Reads a plan off the events of a run.

use super::compare::TaskKey;
use super::model::{Batch, Content, Delta, Form, HostPlan, ItemPlan, Plan, Play, Step, Taken, Task};
use crate::actions::short_name;
use crate::event::{Event, EventKind, PlayId, RunMode, Status, TaskId, TaskResult, View};
use crate::report::{debug_message, failure_message};
use refit_agent::outcome::Diff;
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

/// The state of a file that is not there.
const ABSENT: &str = "absent";

/// Folds events to a plan.
pub struct PlanReader {
    plan: Plan,
    plays: HashMap<PlayId, u32>,
    tasks: HashMap<TaskId, u32>,
    /// By what tells them from others, and by their names: what is included several times has other names each time.
    known_tasks: HashMap<(TaskKey, String), u32>,
    known_steps: HashMap<String, u32>,
    known_contents: HashMap<[u8; 32], Content>,
    notified: HashMap<(TaskId, String), Vec<String>>,
    items: HashMap<(TaskId, String), Vec<ItemPlan>>,
}

impl Default for PlanReader {
    fn default() -> PlanReader {
        let plan = Plan {
            form: Form,
            run: String::new(),
            mode: RunMode::Plan,
            refit: String::new(),
            began: 0,
            ended: 0,
            command: Vec::new(),
            playbooks: Vec::new(),
            carries_out: None,
            exit_code: None,
            plays: Vec::new(),
            tasks: Vec::new(),
            contents: Vec::new(),
            steps: Vec::new(),
            hosts: indexmap::IndexMap::new(),
            errors: Vec::new(),
            warnings: Vec::new(),
        };
        PlanReader {
            plan,
            plays: HashMap::new(),
            tasks: HashMap::new(),
            known_tasks: HashMap::new(),
            known_steps: HashMap::new(),
            known_contents: HashMap::new(),
            notified: HashMap::new(),
            items: HashMap::new(),
        }
    }
}

impl PlanReader {
    /// The plan of all of these.
    pub fn read<'e>(events: impl IntoIterator<Item = &'e Event>) -> Plan {
        let mut reader = PlanReader::default();
        events.into_iter().for_each(|event| reader.take(event));
        reader.finish()
    }

    /// The plan so far.
    pub fn finish(self) -> Plan {
        self.plan
    }

    /// Takes an event in.
    pub fn take(&mut self, event: &Event) {
        self.plan.ended = event.at;
        match &event.kind {
            EventKind::RunStarted { run, refit, command, playbooks, mode, plan, .. } => {
                self.plan.carries_out.clone_from(plan);
                self.plan.began = event.at;
                self.plan.mode = *mode;
                self.plan.run.clone_from(run);
                self.plan.refit.clone_from(refit);
                self.plan.command.clone_from(command);
                self.plan.playbooks.clone_from(playbooks);
            }
            EventKind::PlayStarted { play, name, hosts, place, .. } => {
                self.plays.insert(*play, self.plan.plays.len() as u32);
                self.plan.plays.push(Play { name: name.clone(), place: place.clone(), batches: Vec::new() });
                for host in hosts {
                    self.host(host);
                }
            }
            EventKind::BatchStarted { play, hosts, .. } => {
                let batch = Batch { hosts: hosts.clone(), began: event.at, ended: event.at };
                if let Some(play) = self.play(*play) {
                    play.batches.push(batch);
                }
            }
            EventKind::TaskStarted { task, play, .. } => {
                let play = self.plays.get(play).copied().unwrap_or_default();
                self.begin(*task, play, &event.kind);
            }
            EventKind::Notified { task, host, handlers } => {
                let known = self.notified.entry((*task, host.clone())).or_default();
                for handler in handlers {
                    if !known.contains(handler) {
                        known.push(handler.clone());
                    }
                }
            }
            EventKind::ItemFinished { task, host, item } => {
                let status = item.result.status;
                self.hear(*task, host, &item.result);
                if matches!(status, Status::Unknown | Status::Failed) && !item.result.hidden {
                    let why = why(&item.result).unwrap_or_default();
                    let item = ItemPlan { label: item.label.clone(), status, why };
                    self.items.entry((*task, host.clone())).or_default().push(item);
                }
            }
            EventKind::HostFinished { .. } | EventKind::HostsSkipped { .. } => {
                event.kind.ends().for_each(|(task, host, result)| self.settle(task, host, result, event.at));
            }
            EventKind::Warning { message, .. } if !self.plan.warnings.contains(message) => {
                self.plan.warnings.push(message.clone());
            }
            EventKind::Deviated { task, host, why } => {
                if let Some(&task) = self.tasks.get(task) {
                    self.host(host).deviations.push((task, why.clone()));
                }
            }
            EventKind::Error { message } => self.plan.errors.push(message.clone()),
            EventKind::RunFinished { stats, not_attempted, owed_handlers, exit_code, .. } => {
                for (host, row) in stats {
                    self.host(host).failed = Some(row.failures > 0);
                }
                self.plan.exit_code = Some(*exit_code);
                for (host, why) in not_attempted {
                    self.host(host).not_attempted = Some(why.clone());
                }
                for (host, names) in owed_handlers {
                    self.host(host).owed.clone_from(names);
                }
            }
            _ => {}
        }
    }

    fn host(&mut self, name: &str) -> &mut HostPlan {
        if !self.plan.hosts.contains_key(name) {
            self.plan.hosts.insert(name.to_owned(), HostPlan::default());
        }
        &mut self.plan.hosts[name]
    }

    fn play(&mut self, id: PlayId) -> Option<&mut Play> {
        let index = *self.plays.get(&id)?;
        self.plan.plays.get_mut(index as usize)
    }

    fn begin(&mut self, id: TaskId, play: u32, kind: &EventKind) {
        let EventKind::TaskStarted { name, action, role, handler, place, .. } = kind else { return };
        let key = (play, place.file.clone(), place.line, place.column, action.clone(), role.clone(), *handler);
        let named = without_hosts(name, &self.plan);
        let plan = &mut self.plan;
        let index = *self.known_tasks.entry((key, named)).or_insert_with(|| {
            plan.tasks.push(Task {
                play,
                name: name.clone(),
                action: action.clone(),
                role: role.clone(),
                place: place.clone(),
                handler: *handler,
            });
            plan.tasks.len() as u32 - 1
        });
        self.tasks.insert(id, index);
    }

    /// Keeps what a task tells people. A loop's message is its items'.
    fn hear(&mut self, id: TaskId, host: &str, result: &TaskResult) {
        let Some(&task) = self.tasks.get(&id) else { return };
        let speaks = short_name(&self.plan.tasks[task as usize].action) == "debug"
            && matches!(result.status, Status::Ok | Status::Changed);
        if speaks && !result.hidden && !result.result.contains_key("results") {
            let text = self.content(&Value::String(debug_message(&result.result)));
            self.host(host).messages.push((task, text));
        }
    }

    fn settle(&mut self, id: TaskId, host: &str, result: &TaskResult, at: i64) {
        let Some(&task) = self.tasks.get(&id) else { return };
        self.hear(id, host, result);
        let key = (id, host.to_owned());
        let changes = matches!(result.status, Status::Changed | Status::Unknown | Status::Failed);
        let deltas =
            if changes { result.diff.iter().map(|diff| self.delta(diff, result)).collect() } else { Vec::new() };
        let step = Step {
            status: result.status,
            ignored: result.ignored,
            hidden: result.hidden,
            why: why(result),
            delegated_to: result.delegated_to.clone().filter(|other| other != host),
            deltas,
            digest: result.digest.clone(),
            notifies: self.notified.remove(&key).unwrap_or_default(),
            items: self.items.remove(&key).unwrap_or_default(),
        };
        let step = self.step(step);
        self.host(host).steps.push(Taken { task, step, took: result.took });
        let play = self.plan.tasks[task as usize].play as usize;
        let batch = self.plan.plays.get_mut(play).and_then(|play| play.batches.last_mut());
        if let Some(batch) = batch {
            batch.ended = at;
        }
    }

    fn step(&mut self, step: Step) -> u32 {
        // A step is plain data, so this can't fail; two that could not be written would be taken for the same.
        let key = serde_json::to_string(&step).unwrap_or_default();
        let steps = &mut self.plan.steps;
        *self.known_steps.entry(key).or_insert_with(|| {
            steps.push(step);
            steps.len() as u32 - 1
        })
    }

    fn delta(&mut self, diff: &Diff, result: &TaskResult) -> Delta {
        let is_absent = |side: &Value| side.get("state").is_some_and(|state| state == ABSENT);
        let (created, removed) = (diff.created || is_absent(&diff.before), diff.removed || is_absent(&diff.after));
        let (before, after) = (self.content(&diff.before), self.content(&diff.after));
        Delta { subject: subject(diff, result), before, after, created, removed }
    }

    fn content(&mut self, value: &Value) -> Content {
        let mut hash = Sha256::new();
        match value {
            Value::String(text) => hash.update(text),
            other => {
                hash.update([0]);
                hash.update(other.to_string());
            }
        }
        let contents = &mut self.plan.contents;
        *self.known_contents.entry(hash.finalize().into()).or_insert_with(|| {
            contents.push(value.clone());
            contents.len() as u32 - 1
        })
    }
}

/// A task's name with the names of hosts left open: a batch's first host often is in it, and the task is the same one for all.
fn without_hosts(name: &str, plan: &Plan) -> String {
    let is_in_name = |c: char| c.is_alphanumeric() || matches!(c, '.' | '-' | '_');
    let mut open = String::with_capacity(name.len());
    for piece in name.split_inclusive(|c| !is_in_name(c)) {
        let (word, end) = piece.split_at(piece.trim_end_matches(|c| !is_in_name(c)).len());
        open.push_str(if plan.hosts.contains_key(word) { "*" } else { word });
        open.push_str(end);
    }
    open
}

/// What a difference is of: a state and a new file say it themselves, other texts in their header.
fn subject(diff: &Diff, result: &TaskResult) -> String {
    if let Value::Object(after) = &diff.after
        && let Some(name) = ["path", "dest"].iter().find_map(|key| after.get(*key)).and_then(Value::as_str)
    {
        return name.to_owned();
    }
    if !diff.file.is_empty() {
        return diff.file.clone();
    }
    let header = if diff.before_header.is_empty() { &diff.after_header } else { &diff.before_header };
    let header = [" (content)", " (file attributes)"]
        .iter()
        .fold(header.as_str(), |header, part| header.strip_suffix(part).unwrap_or(header));
    if !header.is_empty() {
        return header.to_owned();
    }
    let named = ["dest", "path", "name"].iter().find_map(|key| result.result.get(*key));
    named.and_then(Value::as_str).unwrap_or_default().to_owned()
}

fn why(result: &TaskResult) -> Option<String> {
    match result.status {
        Status::Failed | Status::Unreachable => Some(failure_message(result)),
        Status::Skipped | Status::Unknown => result.why.clone(),
        Status::Ok | Status::Changed => None,
    }
}

/// A reader that is a view, and whose plan can be had afterwards.
#[derive(Clone, Default)]
pub struct SharedReader(Arc<Mutex<PlanReader>>);

impl SharedReader {
    /// The plan of what was read; a new one begins.
    pub fn take(&self) -> Plan {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner)).finish()
    }
}

impl View for SharedReader {
    fn event(&mut self, event: &Event) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take(event);
    }
}
