//! What is to be read below a task's line: messages, differences, reasons, results.

use super::HumanSettings;
use super::diff;
use super::hosts::compact;
use super::look::Look;
use super::task::Task;
use crate::event::{Status, TaskResult};
use indexmap::IndexMap;
use serde_json::{Map, Value};

/// The lines below a task's line, failures left out.
pub fn lines(task: &Task, plan: bool, settings: &HumanSettings, look: &Look) -> Vec<String> {
    let mut groups: IndexMap<Vec<String>, Vec<&str>> = IndexMap::new();
    for (host, result) in &task.results {
        let own = of_host(task, host, result, plan, settings, look);
        if !own.is_empty() {
            groups.entry(own).or_default().push(host);
        }
    }
    // Where every host that has a say says the same, the task's line has named them already.
    let anonymous = groups.len() == 1 && task.results.len() == groups.values().map(Vec::len).sum::<usize>();
    let mut lines = Vec::new();
    for (own, hosts) in groups {
        if anonymous {
            lines.extend(own.into_iter().map(|line| format!("    {line}")));
        } else {
            lines.extend(titled(look.strong.apply_to(compact(hosts.iter().copied())).to_string(), own, "    "));
        }
    }
    lines
}

fn of_host(
    task: &Task,
    host: &str,
    result: &TaskResult,
    plan: bool,
    settings: &HumanSettings,
    look: &Look,
) -> Vec<String> {
    if result.hidden {
        return Vec::new();
    }
    let items = task.items.get(host).map(Vec::as_slice).unwrap_or_default();
    if items.is_empty() {
        return of_result(task, result, settings, look);
    }
    let mut lines = Vec::new();
    // Items of which there is nothing more to say share a line.
    let mut bare: IndexMap<&str, Vec<String>> = IndexMap::new();
    for item in items {
        let name = if item.result.hidden { "(hidden)".to_owned() } else { label(&item.label) };
        let status = item.result.status;
        let word = match status {
            Status::Changed | Status::Unknown => super::word(status, false, plan),
            _ => "",
        };
        let own = of_result(task, &item.result, settings, look);
        if !own.is_empty() {
            let style = if status == Status::Changed { &look.changed } else { &look.unknown };
            let word = if word.is_empty() { String::new() } else { style.apply_to(format!("{word}: ")).to_string() };
            lines.extend(titled(format!("{word}{name}"), own, ""));
        } else if !word.is_empty() {
            bare.entry(word).or_default().push(name);
        }
    }
    for (word, names) in bare {
        let style = if word == "may change" { &look.unknown } else { &look.changed };
        let line = names.join(", ");
        let line = if settings.verbosity > 0 { line.into() } else { console::truncate_str(&line, 100, "…") };
        lines.push(format!("{} {line}", style.apply_to(format!("{word}:"))));
    }
    lines
}

/// `title: line`, or the title alone with several lines below it.
fn titled(title: String, own: Vec<String>, indent: &str) -> Vec<String> {
    match own.as_slice() {
        [line] => vec![format!("{indent}{title}: {line}")],
        _ => std::iter::once(format!("{indent}{title}:"))
            .chain(own.iter().map(|line| format!("{indent}  {line}")))
            .collect(),
    }
}

/// An item's label in one line.
pub fn label(label: &Value) -> String {
    match label {
        Value::Array(_) | Value::Object(_) => label.to_string(),
        _ => diff::printable(&plain(label)),
    }
}

fn of_result(task: &Task, result: &TaskResult, settings: &HumanSettings, look: &Look) -> Vec<String> {
    let mut lines = Vec::new();
    match result.status {
        Status::Failed | Status::Unreachable => return lines,
        Status::Unknown => lines.extend(result.why.iter().flat_map(|why| why.lines()).map(diff::printable)),
        Status::Skipped if settings.verbosity > 0 => {
            let why = result.why.clone().or_else(|| result.result.get("false_condition").map(plain));
            lines.extend(why.iter().flat_map(|why| why.lines()).map(diff::printable));
        }
        Status::Ok | Status::Changed if task.action == "debug" => {
            lines.extend(message(&result.result).lines().map(diff::printable))
        }
        _ => {}
    }
    let path = ["dest", "path"].iter().find_map(|key| result.result.get(*key)?.as_str());
    for difference in &result.diff {
        lines.extend(diff::lines(difference, path, settings.diff_context, settings.verbosity > 0, look));
    }
    let well = matches!(result.status, Status::Ok | Status::Changed);
    if settings.verbosity == 1 && well {
        for name in ["stdout", "stderr"] {
            let text = result.result.get(name).and_then(Value::as_str).unwrap_or_default();
            let head = look.quiet.apply_to(format!("{name}|"));
            lines.extend(text.lines().map(|line| format!("{head} {}", diff::printable(line))));
        }
    }
    if settings.verbosity >= 2 {
        let full = settings.verbosity >= 3;
        let shown: Map<String, Value> = result
            .result
            .iter()
            .filter(|(key, _)| full || !matches!(key.as_str(), "invocation" | "diff" | "results" | "ansible_facts"))
            .map(|(key, value)| (key.clone(), value.clone()))
            .collect();
        lines.push(look.quiet.apply_to(Value::Object(shown)).to_string());
    }
    lines
}

/// What `debug` was asked to say.
pub fn message(result: &Map<String, Value>) -> String {
    match result.get("msg") {
        // A report of several lines is written as a list.
        Some(Value::Array(lines)) if lines.iter().all(|line| line.is_string()) => {
            lines.iter().map(plain).collect::<Vec<_>>().join("\n")
        }
        Some(message) => plain(message),
        None => {
            let own = |key: &str| !matches!(key, "changed" | "failed" | "item" | "ansible_loop_var" | "invocation");
            let shown: Map<String, Value> =
                result.iter().filter(|(key, _)| own(key)).map(|(key, value)| (key.clone(), value.clone())).collect();
            plain(&Value::Object(shown))
        }
    }
}

/// A value as text: YAML where it has parts.
pub fn plain(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Bool(_) | Value::Number(_) => value.to_string(),
        Value::Array(items) if items.iter().all(|item| !item.is_object() && !item.is_array()) => {
            items.iter().map(plain).collect::<Vec<_>>().join(", ")
        }
        _ => serde_yaml::to_string(value).map_or_else(|_| value.to_string(), |text| text.trim_end().to_owned()),
    }
}

/// What modules warned of.
pub fn warnings(result: &TaskResult) -> Vec<String> {
    match result.result.get("warnings") {
        Some(Value::Array(warnings)) if !result.hidden => warnings.iter().map(plain).collect(),
        _ => Vec::new(),
    }
}
