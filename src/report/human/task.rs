//! A task on its hosts: what is known while it runs, and its lines when it is done.

use super::detail;
use super::failure;
use super::hosts::compact;
use super::look::Look;
use super::{HumanSettings, word};
use crate::event::{EventKind, ItemResult, Place, Status, TaskResult};
use indexmap::IndexMap;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// A host that is at a task.
pub struct Running {
    pub since: Instant,
    pub last_line: String,
}

/// A task on its hosts.
pub struct Task {
    pub title: String,
    pub action: String,
    pub place: Place,
    /// How many hosts it is for, as far as known.
    pub expected: usize,
    pub running: IndexMap<String, Running>,
    pub results: IndexMap<String, Arc<TaskResult>>,
    pub items: HashMap<String, Vec<ItemResult>>,
    implicit: bool,
    began: i64,
    ended: i64,
    /// When the first failure came that was not shown yet.
    untold: Option<Instant>,
    /// Hosts whose failure was shown.
    told: HashSet<String>,
}

impl Task {
    /// A task that begins; `None` of any other event.
    pub fn begin(kind: &EventKind, at: i64) -> Option<Task> {
        let EventKind::TaskStarted { name, action, role, handler, place, implicit, hosts, .. } = kind else {
            return None;
        };
        let title = role.as_ref().map_or_else(|| name.clone(), |role| format!("{role} : {name}"));
        Some(Task {
            title: if *handler { format!("handler: {title}") } else { title },
            action: action.rsplit('.').next().unwrap_or(action).to_owned(),
            place: place.clone(),
            expected: *hosts as usize,
            running: IndexMap::new(),
            results: IndexMap::new(),
            items: HashMap::new(),
            implicit: *implicit,
            began: at,
            ended: at,
            untold: None,
            told: HashSet::new(),
        })
    }

    pub fn start(&mut self, host: &str) {
        self.running.insert(host.to_owned(), Running { since: Instant::now(), last_line: String::new() });
    }

    fn note(&mut self, host: &str, line: String) {
        let running = self.running.entry(host.to_owned());
        running.or_insert_with(|| Running { since: Instant::now(), last_line: String::new() }).last_line = line;
    }

    pub fn output(&mut self, host: &str, line: &str) {
        self.note(host, super::diff::printable(line));
    }

    pub fn retry(&mut self, host: &str, attempt: u32, left: u32) {
        self.note(host, format!("attempt {attempt} was not good enough, {left} left"));
    }

    pub fn item(&mut self, host: &str, item: &ItemResult) {
        let items = self.items.entry(host.to_owned()).or_default();
        items.push(item.clone());
        let line = format!("{} items done", items.len());
        self.note(host, line);
    }

    pub fn finish(&mut self, hosts: &[String], result: &TaskResult, at: i64) {
        if is_bad(result) {
            self.untold.get_or_insert_with(Instant::now);
        }
        let result = Arc::new(result.clone());
        for host in hosts {
            self.running.shift_remove(host);
            self.results.insert(host.clone(), result.clone());
        }
        self.ended = at;
    }

    pub fn is_done(&self) -> bool {
        self.running.is_empty() && !self.results.is_empty()
    }

    /// Whether all hosts skipped it.
    pub fn is_skipped(&self) -> bool {
        !self.results.is_empty() && self.results.values().all(|result| result.status == Status::Skipped)
    }

    /// Whether it needs no line: skipped everywhere, or one of the engine's own, or one that only brings others, and well.
    pub fn is_quiet(&self, verbosity: u8) -> bool {
        let machinery = self.implicit || matches!(self.action.as_str(), "meta" | "include_tasks" | "include_role");
        let well = self.results.values().all(|result| matches!(result.status, Status::Ok | Status::Skipped));
        self.results.is_empty() || verbosity == 0 && (self.is_skipped() || machinery && well)
    }

    /// Whether a failure waits so long already to be shown.
    pub fn has_late_failure(&self, patience: Duration) -> bool {
        self.untold.is_some_and(|since| since.elapsed() >= patience)
    }

    /// The failures that were not shown yet; from now on they were.
    pub fn failures_so_far(&mut self, plan: bool, settings: &HumanSettings, look: &Look) -> Vec<String> {
        self.untold = None;
        let new: IndexMap<&str, &TaskResult> = self
            .results
            .iter()
            .filter(|(host, result)| is_bad(result) && !self.told.contains(*host))
            .map(|(host, result)| (host.as_str(), &**result))
            .collect();
        let names = compact(new.keys().copied());
        let head = format!("  {}  {} so far: {names}", self.title, word(Status::Failed, false, plan));
        let mut lines = vec![look.failed.apply_to(head).to_string()];
        lines.extend(failure::lines(self, &new, settings, look));
        let told: Vec<String> = new.keys().map(|host| (*host).to_owned()).collect();
        self.told.extend(told);
        lines
    }

    /// The hosts that are at it, for a log without a terminal.
    pub fn still_running(&self) -> Option<String> {
        let longest = self.running.values().map(|running| running.since.elapsed()).max()?;
        let hosts = compact(self.running.keys().map(String::as_str));
        let last = self.running.values().rev().map(|running| running.last_line.as_str()).find(|line| !line.is_empty());
        let last = last.map(|line| format!(": {line}")).unwrap_or_default();
        Some(format!("  still running: {}  {hosts}  {} s{last}", self.title, longest.as_secs()))
    }

    /// The line of the task, and what is to be read below it.
    pub fn lines(&self, plan: bool, settings: &HumanSettings, look: &Look) -> Vec<String> {
        let mut lines = vec![self.head(plan, look)];
        lines.extend(detail::lines(self, plan, settings, look));
        let failed: IndexMap<&str, &TaskResult> = self
            .results
            .iter()
            .filter(|(host, result)| {
                matches!(result.status, Status::Failed | Status::Unreachable) && !self.told.contains(*host)
            })
            .map(|(host, result)| (host.as_str(), &**result))
            .collect();
        lines.extend(failure::lines(self, &failed, settings, look));
        lines
    }

    fn head(&self, plan: bool, look: &Look) -> String {
        let mut groups: IndexMap<(Status, bool), Vec<&str>> = IndexMap::new();
        for (host, result) in &self.results {
            let ignored = result.ignored && matches!(result.status, Status::Failed | Status::Unreachable);
            groups.entry((result.status, ignored)).or_default().push(host);
        }
        groups.sort_by_key(|(status, ignored), _| (weight(*status), *ignored));
        let parts: Vec<String> = groups
            .iter()
            .map(|((status, ignored), hosts)| {
                let style = match status {
                    Status::Ok => &look.ok,
                    Status::Changed => &look.changed,
                    Status::Unknown => &look.unknown,
                    Status::Skipped => &look.quiet,
                    Status::Failed | Status::Unreachable if *ignored => &look.changed,
                    Status::Failed | Status::Unreachable => &look.failed,
                };
                let quiet = matches!(status, Status::Ok | Status::Skipped);
                let who = self.who(hosts, quiet);
                format!("{} {who}", style.apply_to(format!("{}:", word(*status, *ignored, plan))))
            })
            .collect();
        let seconds = (self.ended - self.began) as f64 / 1000.0;
        let time =
            if seconds >= 1.0 { look.quiet.apply_to(format!("  {seconds:.1} s")).to_string() } else { String::new() };
        format!("  {}  {}{time}", look.strong.apply_to(&self.title), parts.join(", "))
    }

    /// Names where they matter, numbers where they don't. A delegated task names where it ran.
    fn who(&self, hosts: &[&str], quiet: bool) -> String {
        let elsewhere = |host: &&str| {
            let other = self.results.get(*host).and_then(|result| result.delegated_to.as_deref());
            other.filter(|other| other != host).map(str::to_owned)
        };
        let on: Option<Vec<String>> = hosts.iter().map(elsewhere).collect();
        let on = on.map(|mut on| {
            on.dedup();
            format!(" (on {})", compact(on.iter().map(String::as_str)))
        });
        let names = compact(hosts.iter().copied());
        let who = match hosts.len() {
            1 => names,
            many if quiet && many > 3 => format!("{many} hosts"),
            many if many > 3 => format!("{many} hosts ({names})"),
            _ => names,
        };
        who + &on.unwrap_or_default()
    }
}

/// A failure that ends the host's play.
fn is_bad(result: &TaskResult) -> bool {
    matches!(result.status, Status::Failed | Status::Unreachable) && !result.ignored
}

/// The order on a task's line.
fn weight(status: Status) -> u8 {
    match status {
        Status::Ok => 0,
        Status::Changed => 1,
        Status::Unknown => 2,
        Status::Skipped => 3,
        Status::Failed => 4,
        Status::Unreachable => 5,
    }
}
