//! Failures: what went wrong, what the program said, where it stands. Equal ones once, with their hosts.

use super::HumanSettings;
use super::diff::printable;
use super::hosts::compact;
use super::look::Look;
use super::task::Task;
use crate::event::{Status, TaskResult};
use indexmap::IndexMap;
use serde_json::Value;

/// Last lines of output that are shown unless more is asked for.
const TAIL: usize = 12;

/// The lines of these hosts' failures.
pub fn lines(task: &Task, failed: &IndexMap<&str, &TaskResult>, settings: &HumanSettings, look: &Look) -> Vec<String> {
    let mut groups: IndexMap<Vec<String>, Vec<&str>> = IndexMap::new();
    for (host, result) in failed {
        groups.entry(of_host(task, host, result, settings, look)).or_default().push(host);
    }
    let mut lines = Vec::new();
    for (mut body, hosts) in groups {
        let names = look.strong.apply_to(compact(hosts.iter().copied()));
        let first = if body.is_empty() { String::new() } else { body.remove(0) };
        lines.push(format!("    {names}: {first}"));
        lines.extend(body.into_iter().map(|line| format!("      {line}")));
    }
    // Where a task stands does not matter to a host that was not reached, nor to one whose failure is ignored.
    let bad = |result: &&&TaskResult| result.status == Status::Failed && !result.ignored;
    if failed.values().any(|result| bad(&result)) && task.place.line > 0 {
        let place = format!("    at {}:{}", task.place.file, task.place.line);
        lines.push(look.quiet.apply_to(place).to_string());
    }
    lines
}

fn of_host(task: &Task, host: &str, result: &TaskResult, settings: &HumanSettings, look: &Look) -> Vec<String> {
    let items = task.items.get(host).map(Vec::as_slice).unwrap_or_default();
    let failed = items.iter().filter(|item| matches!(item.result.status, Status::Failed | Status::Unreachable));
    let mut lines = Vec::new();
    for item in failed {
        let label = if item.result.hidden { "(hidden)".to_owned() } else { super::detail::label(&item.label) };
        let own = of_result(&item.result, settings, look);
        let (first, rest) = own.split_first().map_or((String::new(), &[][..]), |(first, rest)| (first.clone(), rest));
        lines.push(format!("item {label}: {first}"));
        lines.extend(rest.iter().map(|line| format!("  {line}")));
    }
    if lines.is_empty() { of_result(result, settings, look) } else { lines }
}

/// What went wrong, in one line or several.
pub fn message(result: &TaskResult) -> String {
    if result.hidden {
        return "hidden (no_log)".to_owned();
    }
    let message = result.result.get("msg").map(super::detail::plain).unwrap_or_default();
    let message = if message.is_empty() { "failed without a message".to_owned() } else { message };
    match result.result.get("rc").and_then(Value::as_i64) {
        Some(code) if code != 0 => format!("{message} (exit code {code})"),
        _ => message,
    }
}

fn of_result(result: &TaskResult, settings: &HumanSettings, look: &Look) -> Vec<String> {
    let mut lines: Vec<String> = message(result).lines().map(printable).collect();
    if result.hidden {
        return lines;
    }
    for name in ["stderr", "stdout", "module_stderr", "module_stdout"] {
        let Some(text) = result.result.get(name).and_then(Value::as_str) else { continue };
        let all: Vec<&str> = text.lines().collect();
        let hidden = if settings.verbosity > 0 { 0 } else { all.len().saturating_sub(TAIL) };
        if hidden > 0 {
            lines.push(look.quiet.apply_to(format!("{name}: … {hidden} lines before (-v shows all)")).to_string());
        }
        let head = look.quiet.apply_to(format!("{name}|"));
        lines.extend(all[hidden..].iter().map(|line| format!("{head} {}", printable(line))));
    }
    if let Some(why) = &result.why {
        lines.extend(why.lines().map(printable));
    }
    lines
}
