//! What `ansible-playbook` prints: the default callback of ansible-core 2.19.

use super::Settings;
use super::diff;
use super::text::{Colour, Layout, banner, json, python_str};
use crate::event::{Event, EventKind, HostStats, ItemResult, Place, Status, TaskId, TaskResult, View};
use crate::report::{Printer, censored};
use crate::secrets::Secrets;
use indexmap::IndexMap;
use serde_json::{Map, Value};
use std::collections::{HashMap, HashSet};
use std::path::PathBuf;
use std::sync::Arc;

/// A task as far as this view needs it.
struct Task {
    banner: String,
    name: String,
    /// The module without `ansible.builtin.`.
    action: String,
    place: Place,
}

/// Prints what `ansible-playbook` prints.
pub struct PlaybookView {
    settings: Settings,
    /// What the view reads of playbooks itself is masked with them; events are already.
    secrets: Arc<Secrets>,
    out: Printer,
    err: Printer,
    tasks: HashMap<TaskId, Task>,
    /// The task whose banner was printed last.
    banner: Option<TaskId>,
    /// Whether a task's banner waits for the first result: hosts that run freely start tasks in any order.
    lazy: bool,
    /// What is shown once only.
    shown: HashSet<String>,
    playbook: String,
}

impl PlaybookView {
    /// A view that prints results to the first and warnings to the second.
    pub fn new(settings: Settings, secrets: Arc<Secrets>, out: Printer, err: Printer) -> PlaybookView {
        PlaybookView {
            settings,
            secrets,
            out,
            err,
            tasks: HashMap::new(),
            banner: None,
            lazy: false,
            shown: HashSet::new(),
            playbook: String::new(),
        }
    }

    fn paint(&self, colour: Colour, text: &str) -> String {
        if self.settings.colour { colour.paint(text) } else { text.to_owned() }
    }

    fn say(&mut self, colour: Colour, text: &str) {
        let line = self.paint(colour, text);
        self.out.line(&line);
    }

    fn print_banner(&mut self, text: &str) {
        let line = banner(text, self.settings.width);
        self.out.line(&line);
    }

    fn absolute(&self, path: &str) -> PathBuf {
        self.settings.root.join(path)
    }

    fn task_banner(&mut self, id: TaskId) {
        if self.banner == Some(id) {
            return;
        }
        let Some(task) = self.tasks.get(&id) else { return };
        self.banner = Some(id);
        let (text, place) = (task.banner.clone(), task.place.clone());
        self.print_banner(&text);
        if self.settings.verbosity >= 2 && place.line > 0 {
            let path = self.absolute(&place.file);
            self.out.line(&format!("task path: {}:{}", path.display(), place.line));
        }
    }

    fn action(&self, id: TaskId) -> &str {
        self.tasks.get(&id).map_or("", |task| task.action.as_str())
    }

    /// The ` => {...}` after a host's name, where it is to be seen.
    fn shown_result(&self, id: TaskId, result: &TaskResult) -> Option<String> {
        let action = self.action(id);
        let always = matches!(action, "debug" | "assert") && result.status != Status::Skipped && !result.hidden;
        let never = matches!(action, "setup" | "gather_facts");
        (always || self.settings.verbosity > 0 && !never).then(|| format!(" => {}", self.dump(id, result)))
    }

    /// A result as JSON, without what Ansible leaves out.
    fn dump(&self, id: TaskId, result: &TaskResult) -> String {
        let action = self.action(id);
        let data = if result.hidden { censored(result) } else { result.result.clone() };
        let data: Map<String, Value> = data
            .into_iter()
            .filter(|(key, _)| match key.as_str() {
                "failed" | "skipped" | "exception" | "warnings" | "deprecations" | "diff" | "results" => false,
                "invocation" => self.settings.verbosity >= 3,
                _ => true,
            })
            .collect();
        let data = if action == "debug" { of_debug(data) } else { data };
        let said = matches!(action, "debug" | "assert") && result.status != Status::Skipped && !result.hidden;
        let indent = said || self.settings.verbosity >= 3;
        json(&Value::Object(data), if indent { Layout::Indented } else { Layout::OneLine })
    }

    fn diffs(&mut self, result: &TaskResult) {
        let text = diff::render(&result.diff, self.settings.diff_context, self.settings.colour);
        if !text.is_empty() {
            self.out.text(&text);
        }
    }

    /// The paragraph that tells an error with its place. Ansible prints each text once.
    fn error(&mut self, id: TaskId, result: &TaskResult) {
        let Some(task) = self.tasks.get(&id) else { return };
        let message = match result.result.get("msg") {
            _ if result.hidden => "Task failed: the result is hidden (no_log)".to_owned(),
            message => {
                let message = message.map(python_str).unwrap_or_default();
                // Where the module has nothing to say, the engine may: a condition of the task that failed.
                let why = || {
                    result.why.as_deref().and_then(|why| why.lines().next()).map(|why| format!("Task failed: {why}"))
                };
                if message.is_empty() { why().unwrap_or_default() } else { message }
            }
        };
        let head = if message.starts_with("Task failed") || message.is_empty() || result.status == Status::Unreachable {
            message
        } else {
            let by = if is_action(&task.action) { "Action" } else { "Module" };
            format!("Task failed: {by} failed: {message}")
        };
        let mut text = format!("[ERROR]: {head}");
        if task.place.line > 0 {
            let path = self.absolute(&task.place.file);
            text.push_str(&format!("\nOrigin: {}:{}:{}\n\n", path.display(), task.place.line, task.place.column));
            let lines = snippet(&self.settings.root.join(&task.place.file), &task.place);
            text.push_str(&self.secrets.mask(&lines));
        }
        if self.shown.insert(text.clone()) {
            self.say(Colour::Red, &text);
        }
    }

    fn warnings(&mut self, result: &TaskResult) {
        let warnings: Vec<String> = match result.result.get("warnings") {
            Some(Value::Array(warnings)) if !result.hidden => warnings.iter().map(python_str).collect(),
            _ => return,
        };
        for warning in warnings {
            self.warn(&warning, false);
        }
    }

    fn warn(&mut self, message: &str, deprecation: bool) {
        let (head, colour) =
            if deprecation { ("DEPRECATION WARNING", Colour::Purple) } else { ("WARNING", Colour::BrightPurple) };
        let text = format!("[{head}]: {message}");
        if self.shown.insert(text.clone()) {
            let line = self.paint(colour, &text);
            self.err.line(&line);
        }
    }

    fn item(&mut self, id: TaskId, host: &str, item: &ItemResult) {
        if self.is_include(id) {
            return;
        }
        let result = &item.result;
        let host = label(host, result);
        let name = if result.hidden { "(censored due to no_log)".to_owned() } else { python_str(&item.label) };
        let dump = self.shown_result(id, result).unwrap_or_default();
        match result.status {
            Status::Ok | Status::Changed if result.status == Status::Ok && !self.settings.show_ok => return,
            Status::Skipped | Status::Unknown if !self.settings.show_skipped => return,
            _ => self.task_banner(id),
        }
        self.diffs(result);
        match result.status {
            Status::Ok => self.say(Colour::Green, &format!("ok: [{host}] => (item={name}){dump}")),
            Status::Changed => self.say(Colour::Yellow, &format!("changed: [{host}] => (item={name}){dump}")),
            Status::Skipped | Status::Unknown => {
                self.say(Colour::Cyan, &format!("skipping: [{host}] => (item={name}) {dump}"));
            }
            Status::Failed | Status::Unreachable => {
                self.error(id, result);
                let dump = self.dump(id, result);
                self.say(Colour::Red, &format!("failed: [{host}] (item={name}) => {dump}"));
            }
        }
        self.warnings(result);
    }

    fn is_include(&self, id: TaskId) -> bool {
        matches!(self.action(id), "include_tasks" | "include_role")
    }

    fn host(&mut self, id: TaskId, host: &str, result: &TaskResult) {
        let name = label(host, result);
        let is_loop = result.result.contains_key("results");
        let well = matches!(result.status, Status::Ok | Status::Changed);
        if self.action(id) == "meta" {
            return;
        }
        if result.status == Status::Ok && !self.settings.show_ok
            || matches!(result.status, Status::Skipped | Status::Unknown) && !self.settings.show_skipped
        {
            return;
        }
        self.task_banner(id);
        self.warnings(result);
        if well && (self.is_include(id) || is_loop) {
            return;
        }
        if !is_loop {
            self.diffs(result);
        }
        let dump = self.shown_result(id, result).unwrap_or_default();
        match result.status {
            Status::Ok => self.say(Colour::Green, &format!("ok: [{name}]{dump}")),
            Status::Changed => self.say(Colour::Yellow, &format!("changed: [{name}]{dump}")),
            // Ansible skips in a dry run what it can't foresee.
            Status::Skipped | Status::Unknown => self.say(Colour::Cyan, &format!("skipping: [{name}]{dump}")),
            Status::Failed => {
                if !is_loop {
                    self.error(id, result);
                    let dump = self.dump(id, result);
                    self.say(Colour::Red, &format!("fatal: [{name}]: FAILED! => {dump}"));
                }
            }
            Status::Unreachable => {
                self.error(id, result);
                let dump = self.dump(id, result);
                self.say(Colour::BrightRed, &format!("fatal: [{name}]: UNREACHABLE! => {dump}"));
            }
        }
        if result.ignored && matches!(result.status, Status::Failed | Status::Unreachable) {
            self.say(Colour::Cyan, "...ignoring");
        }
    }

    fn recap(&mut self, stats: &IndexMap<String, HostStats>) {
        self.print_banner("PLAY RECAP");
        let mut hosts: Vec<_> = stats.iter().collect();
        hosts.sort_by_key(|(host, _)| host.as_str());
        for (host, row) in hosts {
            let line = self.recap_line(host, row);
            self.out.line(&line);
        }
        self.out.line("");
    }

    fn recap_line(&self, host: &str, row: &HostStats) -> String {
        let colour = if row.failures > 0 || row.unreachable > 0 {
            Colour::Red
        } else if row.changed > 0 {
            Colour::Yellow
        } else {
            Colour::Green
        };
        let name = if self.settings.colour { format!("{:<37}", colour.paint(host)) } else { format!("{host:<26}") };
        let columns = [
            ("ok", row.ok, Colour::Green),
            ("changed", row.changed, Colour::Yellow),
            ("unreachable", row.unreachable, Colour::BrightRed),
            ("failed", row.failures, Colour::Red),
            ("skipped", row.skipped, Colour::Cyan),
            ("rescued", row.rescued, Colour::Green),
            ("ignored", row.ignored, Colour::BrightPurple),
        ];
        let columns: Vec<String> = columns
            .iter()
            .map(|(name, number, colour)| {
                let text = format!("{name}={number:<4}");
                if self.settings.colour && *number > 0 { colour.paint(&text) } else { text }
            })
            .collect();
        format!("{name} : {}", columns.join(" "))
    }
}

impl View for PlaybookView {
    fn event(&mut self, event: &Event) {
        match &event.kind {
            EventKind::PlaybookStarted { path } => {
                self.playbook.clone_from(path);
                if self.settings.verbosity >= 2 {
                    let name = path.rsplit('/').next().unwrap_or(path);
                    self.print_banner(&format!("PLAYBOOK: {name}"));
                }
            }
            EventKind::PlayStarted { name, strategy, .. } => {
                self.lazy = matches!(strategy.rsplit('.').next(), Some("free" | "host_pinned"));
                self.banner = None;
                self.print_banner(&if name.trim().is_empty() { "PLAY".to_owned() } else { format!("PLAY [{name}]") });
            }
            EventKind::NoHostsMatched { .. } => self.say(Colour::Cyan, "skipping: no hosts matched"),
            EventKind::TaskStarted { task, name, action, role, handler, place, implicit, .. } => {
                let action = action
                    .strip_prefix("ansible.builtin.")
                    .or_else(|| action.strip_prefix("ansible.legacy."))
                    .unwrap_or(action);
                let kind = if *handler { "RUNNING HANDLER" } else { "TASK" };
                let banner = match role {
                    Some(role) => format!("{kind} [{role} : {name}]"),
                    None => format!("{kind} [{name}]"),
                };
                let (name, action, place) = (name.clone(), action.to_owned(), place.clone());
                let quiet = action == "meta" && *implicit;
                self.tasks.insert(*task, Task { banner, name, action, place });
                if !self.lazy && !quiet && self.settings.show_ok && self.settings.show_skipped {
                    self.task_banner(*task);
                }
            }
            EventKind::Retry { task, host, left, result, .. } => {
                self.task_banner(*task);
                let name = self.tasks.get(task).map(|task| task.name.clone()).unwrap_or_default();
                let mut text = format!("FAILED - RETRYING: [{}]: {name} ({left} retries left).", label(host, result));
                if self.settings.verbosity >= 2 {
                    text.push_str(&format!("Result was: {}", self.dump(*task, result)));
                }
                self.say(Colour::DarkGrey, &text);
            }
            EventKind::ItemFinished { task, host, item } => self.item(*task, host, item),
            EventKind::HostFinished { .. } | EventKind::HostsSkipped { .. } => {
                event.kind.ends().for_each(|(task, host, result)| self.host(task, host, result));
            }
            EventKind::Included { what, hosts, label, task } => {
                let what = if self.action(*task) == "include_role" { PathBuf::from(what) } else { self.absolute(what) };
                let item = label.as_ref().map(|label| format!(" => (item={})", python_str(label))).unwrap_or_default();
                self.say(Colour::Cyan, &format!("included: {} for {}{item}", what.display(), hosts.join(", ")));
            }
            EventKind::PlayStopped { .. } => self.print_banner("NO MORE HOSTS LEFT"),
            EventKind::Deviated { host, why, .. } => {
                self.err.line(&format!("[ERROR]: not as planned: {host}: {why}; the host stops"));
            }
            EventKind::Warning { message, deprecation } => self.warn(message, *deprecation),
            EventKind::Error { message } => {
                let line = self.paint(Colour::Red, &format!("[ERROR]: {message}"));
                self.err.line(&line);
            }
            EventKind::Interrupted { .. } => {
                let line = self.paint(Colour::Red, "[ERROR]: User interrupted execution");
                self.err.line(&line);
            }
            EventKind::RunFinished { stats, custom, .. } => {
                // Ansible prints no recap for a run that no host took part in.
                if !stats.is_empty() || self.banner.is_some() || !self.playbook.is_empty() {
                    self.recap(stats);
                }
                if self.settings.show_custom_stats && !custom.is_empty() {
                    self.custom_stats(custom);
                }
            }
            EventKind::RunStarted { .. }
            | EventKind::BatchStarted { .. }
            | EventKind::HostStarted { .. }
            | EventKind::Output { .. }
            | EventKind::TaskFinished { .. }
            | EventKind::Notified { .. } => {}
        }
    }
}

impl PlaybookView {
    fn custom_stats(&mut self, custom: &Map<String, Value>) {
        self.print_banner("CUSTOM STATS: ");
        let mut hosts: Vec<_> = custom.iter().filter(|(host, _)| *host != "_run").collect();
        hosts.sort_by_key(|(host, _)| host.as_str());
        for (host, values) in hosts {
            self.out.line(&format!("\t{host}: {}", json(values, Layout::OneLine).replace('\n', "")));
        }
        if let Some(values) = custom.get("_run") {
            self.out.line("");
            self.out.line(&format!("\tRUN: {}", json(values, Layout::OneLine).replace('\n', "")));
        }
        self.out.line("");
    }
}

/// Whether the controller does it itself: Ansible words errors of these in another way.
fn is_action(name: &str) -> bool {
    matches!(
        name,
        "add_host"
            | "assert"
            | "debug"
            | "fail"
            | "group_by"
            | "include_vars"
            | "pause"
            | "set_fact"
            | "set_stats"
            | "validate_argument_spec"
    )
}

fn label(host: &str, result: &TaskResult) -> String {
    match &result.delegated_to {
        Some(other) if other != host => format!("{host} -> {other}"),
        _ => host.to_owned(),
    }
}

/// `debug` shows what it was asked for and nothing else.
pub(super) fn of_debug(data: Map<String, Value>) -> Map<String, Value> {
    let alone = data.contains_key("msg");
    data.into_iter()
        .filter(|(key, _)| {
            if alone {
                key == "msg"
            } else {
                !matches!(key.as_str(), "changed" | "invocation" | "skip_reason" | "ansible_loop_var")
            }
        })
        .collect()
}

/// The line of a place, up to two before it, and a mark under its column.
fn snippet(path: &std::path::Path, place: &Place) -> String {
    let Ok(text) = std::fs::read_to_string(path) else { return String::new() };
    let last = place.line as usize;
    let first = last.saturating_sub(2).max(1);
    let width = last.to_string().len();
    let lines: Vec<&str> = text.lines().skip(first - 1).take(last + 1 - first).collect();
    let mut shown = String::new();
    for (number, line) in (first..).zip(&lines) {
        shown.push_str(&format!("{number:>width$} {line}\n"));
    }
    let before = " ".repeat(width + place.column as usize);
    shown.push_str(&format!("{before}^ column {}\n", place.column));
    shown
}
