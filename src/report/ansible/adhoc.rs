//! What `ansible` prints for one task on many hosts: the minimal callback, and the one-line one (`-o`).

use super::playbook::of_debug;
use super::text::{Colour, Layout, json};
use super::{Settings, diff};
use crate::event::{Event, EventKind, Status, TaskResult, View};
use crate::report::{Printer, censored};
use serde_json::{Map, Value};

/// Prints what `ansible` prints.
pub struct AdHocView {
    settings: Settings,
    one_line: bool,
    out: Printer,
    err: Printer,
    action: String,
}

impl AdHocView {
    /// A view that prints results to the first printer and warnings to the second. `one_line` is `-o`.
    pub fn new(settings: Settings, one_line: bool, out: Printer, err: Printer) -> AdHocView {
        AdHocView { settings, one_line, out, err, action: String::new() }
    }

    fn say(&mut self, colour: Colour, text: &str) {
        let line = if self.settings.colour { colour.paint(text) } else { text.to_owned() };
        self.out.line(&line);
    }

    /// Modules whose output is text, not a result.
    fn prints_text(&self) -> bool {
        matches!(self.action.as_str(), "command" | "shell" | "raw" | "script")
    }

    fn host(&mut self, host: &str, result: &TaskResult) {
        let text = diff::render(&result.diff, self.settings.diff_context, self.settings.colour);
        if !text.is_empty() {
            self.out.text(&text);
        }
        let (word, colour) = match result.status {
            Status::Ok => ("SUCCESS", Colour::Green),
            Status::Changed => ("CHANGED", Colour::Yellow),
            Status::Failed => ("FAILED", Colour::Red),
            Status::Unreachable => ("UNREACHABLE!", Colour::BrightRed),
            Status::Skipped | Status::Unknown => ("SKIPPED", Colour::Cyan),
        };
        let data = if result.hidden { censored(result) } else { result.result.clone() };
        let rc = data.get("rc").cloned();
        let skipped = matches!(result.status, Status::Skipped | Status::Unknown);
        let code = rc.filter(|_| self.prints_text() && !skipped);
        if let Some(code) = &code {
            let line = self.with_output(host, word, code, &data);
            self.say(colour, &line);
        }
        // Of a failure, the one-line form has both lines.
        if code.is_none() || self.one_line && result.status == Status::Failed {
            let word = if word == "FAILED" { "FAILED!" } else { word };
            let line = format!("{host} | {word} => {}", self.dump(data));
            self.say(colour, &line);
        }
    }

    fn with_output(&self, host: &str, word: &str, rc: &Value, data: &Map<String, Value>) -> String {
        let text = |key: &str| data.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
        let (stdout, stderr) = (text("stdout"), text("stderr"));
        if self.one_line {
            let stdout = stdout.replace('\n', "\\n").replace('\r', "\\r");
            let stderr = stderr.replace('\n', "\\n").replace('\r', "\\r");
            return if stderr.is_empty() {
                format!("{host} | {word} | rc={rc} | (stdout) {stdout}")
            } else {
                format!("{host} | {word} | rc={rc} | (stdout) {stdout} (stderr) {stderr}")
            };
        }
        // Ansible puts the three beside each other, whatever ends a line in them.
        format!("{host} | {word} | rc={rc} >>\n{stdout}{stderr}{}", text("msg"))
    }

    fn dump(&self, data: Map<String, Value>) -> String {
        let data: Map<String, Value> = data
            .into_iter()
            .filter(|(key, _)| match key.as_str() {
                "failed" | "skipped" | "exception" | "warnings" | "deprecations" | "diff" => false,
                "invocation" => self.settings.verbosity >= 3,
                _ => true,
            })
            .collect();
        let data = if self.action == "debug" { of_debug(data) } else { data };
        json(&Value::Object(data), if self.one_line { Layout::Tight } else { Layout::Indented })
    }
}

impl View for AdHocView {
    fn event(&mut self, event: &Event) {
        match &event.kind {
            EventKind::TaskStarted { action, .. } => {
                self.action = action.rsplit('.').next().unwrap_or(action).to_owned();
            }
            EventKind::HostFinished { .. } | EventKind::HostsSkipped { .. } => {
                event.kind.ends().for_each(|(_, host, result)| self.host(host, result));
            }
            EventKind::Warning { message, deprecation } => {
                let head = if *deprecation { "DEPRECATION WARNING" } else { "WARNING" };
                self.err.line(&format!("[{head}]: {message}"));
            }
            EventKind::Error { message } => self.err.line(&format!("[ERROR]: {message}")),
            EventKind::NoHostsMatched { .. } => self.err.line("[WARNING]: No hosts matched, nothing to do"),
            _ => {}
        }
    }
}
