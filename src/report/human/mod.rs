//! The view for people: dense, grouped, nothing that matters hidden, nothing said twenty times.
//!
//! A task is one line once all its hosts are done, with whatever needs reading below it: differences once for all hosts that have
//! them, failures with their output and place. On a terminal, what runs is drawn below.

mod detail;
pub(super) mod diff;
mod failure;
pub(super) mod hosts;
mod live;
pub(super) mod look;
mod margin;
mod recap;
mod task;

pub use detail::message as debug_message;
pub use failure::message as failure_message;

use super::Printer;
use crate::event::{Event, EventKind, RunMode, Status, TaskId, TaskResult, View};
use hosts::compact;
use indexmap::IndexMap;
use live::Live;
use look::Look;
use recap::Recap;
use std::collections::HashSet;
use std::time::{Duration, Instant};
use task::Task;

/// How the human view looks.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct HumanSettings {
    /// How many `-v`.
    pub verbosity: u8,
    /// Whether to use colours.
    pub colour: bool,
    /// Lines around each difference.
    pub diff_context: usize,
    /// Whether there is but one task: its line says what a recap would.
    pub one_task: bool,
    /// Whether what runs is drawn on the terminal (standard error).
    pub live: bool,
}

/// A failure is shown at the latest so long after it happened, however long other hosts still need for the task.
const PATIENCE: Duration = Duration::from_secs(2);

/// Without a terminal, what still runs is said so long after the last line.
const SILENCE: Duration = Duration::from_secs(30);

/// The view for people.
pub struct HumanView {
    settings: HumanSettings,
    look: Look,
    out: Printer,
    live: Option<Live>,
    plan: bool,
    tasks: IndexMap<TaskId, Task>,
    /// Tasks that no host had to do, since the last line.
    skipped: usize,
    recap: Recap,
    spoke: Instant,
    warned: HashSet<String>,
}

impl HumanView {
    /// A view that prints to this.
    pub fn new(settings: HumanSettings, out: Printer) -> HumanView {
        HumanView {
            look: Look::new(settings.colour),
            live: settings.live.then(Live::new),
            settings,
            out,
            plan: false,
            tasks: IndexMap::new(),
            skipped: 0,
            recap: Recap::default(),
            spoke: Instant::now(),
            warned: HashSet::new(),
        }
    }

    fn say(&mut self, lines: &[String]) {
        if lines.is_empty() {
            return;
        }
        let mut text = String::new();
        if self.skipped > 0 {
            let tasks = if self.skipped == 1 { "1 task".to_owned() } else { format!("{} tasks", self.skipped) };
            let folded = format!("  ({tasks} skipped; -v says why)");
            text.push_str(&format!("{}\n", self.look.quiet.apply_to(folded)));
            self.skipped = 0;
        }
        for line in lines {
            text.push_str(line.trim_end());
            text.push('\n');
        }
        let out = &mut self.out;
        match &self.live {
            Some(live) => live.beside(|| out.text(&text)),
            None => out.text(&text),
        }
        self.spoke = Instant::now();
    }

    /// Shows a task that is done.
    fn close(&mut self, id: TaskId) {
        let Some(mut task) = self.tasks.shift_remove(&id) else { return };
        // In the play's order, whichever was done first.
        task.results.sort_by_cached_key(|host, _| self.recap.rank(host));
        if task.is_quiet(self.settings.verbosity) {
            self.skipped += usize::from(task.is_skipped());
            return;
        }
        let lines = task.lines(self.plan, &self.settings, &self.look);
        self.say(&lines);
    }

    /// Shows every task that is done although no event said so: a stream that broke off, or another program's.
    fn close_done(&mut self, all: bool) {
        let done: Vec<TaskId> =
            self.tasks.iter().filter(|(_, task)| all || task.is_done()).map(|(id, _)| *id).collect();
        for id in done {
            self.close(id);
        }
    }

    fn warn(&mut self, message: &str) {
        if self.warned.insert(message.to_owned()) {
            let mut lines = message.lines();
            let head = format!("{} {}", self.look.changed.apply_to("warning:"), lines.next().unwrap_or_default());
            let rest = lines.map(|line| format!("  {line}"));
            let all: Vec<String> = std::iter::once(head).chain(rest).collect();
            self.say(&all);
        }
    }

    /// A task is done on hosts, all in the same way.
    fn finish(&mut self, id: TaskId, hosts: &[String], result: &TaskResult, at: i64) {
        for warning in detail::warnings(result) {
            self.warn(&warning);
        }
        if let Some(task) = self.tasks.get_mut(&id) {
            hosts.iter().for_each(|host| self.recap.count(task, host, result));
            task.finish(hosts, result, at);
        }
    }

    fn title(&self, id: TaskId) -> String {
        self.tasks.get(&id).map(|task| task.title.clone()).unwrap_or_default()
    }

    /// What moves by itself: the live area, and what a run without a terminal says of long silences.
    fn look_around(&mut self) {
        let late: Vec<TaskId> =
            self.tasks.iter().filter(|(_, task)| task.has_late_failure(PATIENCE)).map(|(id, _)| *id).collect();
        for id in late {
            let Some(task) = self.tasks.get_mut(&id) else { continue };
            let lines = task.failures_so_far(self.plan, &self.settings, &self.look);
            self.say(&lines);
        }
        if let Some(live) = &mut self.live {
            live.draw(self.tasks.values(), &self.look);
        } else if self.spoke.elapsed() >= SILENCE {
            let lines: Vec<String> = self.tasks.values().filter_map(Task::still_running).collect();
            self.spoke = Instant::now();
            self.say(&lines);
        }
    }
}

impl View for HumanView {
    fn event(&mut self, event: &Event) {
        match &event.kind {
            EventKind::RunStarted { mode, .. } => {
                self.plan = *mode == RunMode::Plan;
                self.recap.begin(event.at);
            }
            EventKind::PlaybookStarted { .. } | EventKind::Notified { .. } => {}
            EventKind::PlayStarted { name, hosts, place, .. } => {
                self.close_done(true);
                let who = match hosts.len() {
                    0 => String::new(),
                    1..=3 => format!("  {}", compact(hosts.iter().map(String::as_str))),
                    many => format!("  {many} hosts: {}", compact(hosts.iter().map(String::as_str))),
                };
                let name = self.look.strong.apply_to(format!("Play {name}"));
                let place = if place.line > 0 { format!("  {}:{}", place.file, place.line) } else { String::new() };
                let place = self.look.quiet.apply_to(place);
                self.say(&[String::new(), format!("{name}{who}{place}")]);
                self.recap.expect(hosts);
            }
            EventKind::NoHostsMatched { .. } => self.say(&["  no host matches".to_owned()]),
            EventKind::BatchStarted { number, of, hosts, .. } => {
                self.close_done(true);
                if *of > 1 {
                    let hosts = compact(hosts.iter().map(String::as_str));
                    let head = self.look.strong.apply_to(format!("  Batch {number} of {of}:"));
                    self.say(&[format!("{head} {hosts}")]);
                }
            }
            EventKind::TaskStarted { task, .. } => {
                self.close_done(false);
                if let Some(new) = Task::begin(&event.kind, event.at) {
                    self.tasks.insert(*task, new);
                }
            }
            EventKind::HostStarted { task, host } => {
                if let Some(task) = self.tasks.get_mut(task) {
                    task.start(host);
                }
            }
            EventKind::Output { task, host, line } => {
                if let Some(running) = self.tasks.get_mut(task) {
                    running.output(host, line);
                }
                if self.settings.verbosity >= 2 {
                    let line = format!("    {host}| {}", diff::printable(line));
                    self.say(&[self.look.quiet.apply_to(line).to_string()]);
                }
            }
            EventKind::Retry { task, host, attempt, left, result } => {
                if let Some(running) = self.tasks.get_mut(task) {
                    running.retry(host, *attempt, *left);
                }
                if self.settings.verbosity >= 1 {
                    let why = failure::message(result);
                    let line = format!("  {}: {host}: attempt {attempt}, {left} left: {why}", self.title(*task));
                    self.say(&[self.look.quiet.apply_to(line).to_string()]);
                }
            }
            EventKind::ItemFinished { task, host, item } => {
                if let Some(task) = self.tasks.get_mut(task) {
                    task.item(host, item);
                }
            }
            EventKind::HostFinished { task, host, result } => {
                self.finish(*task, std::slice::from_ref(host), result, event.at);
            }
            EventKind::HostsSkipped { task, hosts, result } => self.finish(*task, hosts, result, event.at),
            EventKind::Deviated { task, host, why } => {
                let head = self.look.failed.apply_to("Not as planned:");
                self.say(&[format!("  {head} {}: {host}: {why}; the host stops", self.title(*task))]);
            }
            EventKind::TaskFinished { task } => self.close(*task),
            EventKind::Included { what, hosts, label, .. } => {
                if self.settings.verbosity >= 1 {
                    let item =
                        label.as_ref().map(|label| format!(" (item {})", detail::label(label))).unwrap_or_default();
                    let line = format!("  included {what}{item}: {}", compact(hosts.iter().map(String::as_str)));
                    self.say(&[self.look.quiet.apply_to(line).to_string()]);
                }
            }
            EventKind::PlayStopped { why, .. } => {
                self.close_done(true);
                let line = format!("  {} {why}", self.look.failed.apply_to("The play stops:"));
                self.say(&[line]);
            }
            EventKind::Warning { message, .. } => self.warn(message),
            EventKind::Error { message } => {
                let line = format!("{} {message}", self.look.failed.apply_to("error:"));
                self.say(&[line]);
            }
            EventKind::Interrupted { times } => {
                let what = if *times > 1 {
                    "Interrupted again: what runs is ended"
                } else {
                    "Interrupted: what runs is finished, nothing new is begun (once more ends what runs)"
                };
                self.say(&[self.look.failed.apply_to(what).to_string()]);
            }
            EventKind::RunFinished { .. } => {
                self.close_done(true);
                let lines = self.recap.lines(event, self.plan, self.settings.one_task, &self.look);
                self.say(&lines);
                if let Some(live) = &mut self.live {
                    live.clear();
                }
            }
        }
        if matches!(event.kind, EventKind::TaskStarted { .. }) || event.kind.ends().next().is_some() {
            self.look_around();
        }
    }

    fn tick(&mut self) {
        self.look_around();
    }

    fn clear(&mut self) {
        if let Some(live) = &mut self.live {
            live.clear();
        }
    }
}

/// The word for how a task ended.
fn word(status: Status, ignored: bool, plan: bool) -> &'static str {
    match (status, plan) {
        (Status::Ok, _) => "ok",
        (Status::Changed, false) => "changed",
        (Status::Changed, true) => "will change",
        (Status::Skipped, _) => "skipped",
        (Status::Failed, false) if ignored => "failed, ignored",
        (Status::Failed, true) if ignored => "will fail, ignored",
        (Status::Failed, false) => "FAILED",
        (Status::Failed, true) => "WILL FAIL",
        (Status::Unreachable, _) if ignored => "unreachable, ignored",
        (Status::Unreachable, _) => "UNREACHABLE",
        (Status::Unknown, _) => "may change",
    }
}

#[cfg(test)]
mod tests;
