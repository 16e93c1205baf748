//! `ansible --tree DIR`: each host's result in a file of its own.

use super::text::{Layout, json};
use crate::event::{Event, TaskResult, View};
use crate::report::{Printer, censored};
use serde_json::Value;
use std::path::PathBuf;

/// Writes each host's result to a file named after the host.
pub struct TreeView {
    directory: PathBuf,
    err: Printer,
}

impl TreeView {
    /// A view that writes to this directory, which is made, and tells failures to do so to the printer.
    pub fn new(directory: PathBuf, err: Printer) -> TreeView {
        TreeView { directory, err }
    }
}

impl View for TreeView {
    fn event(&mut self, event: &Event) {
        event.kind.ends().for_each(|(_, host, result)| self.keep(host, result));
    }
}

impl TreeView {
    /// Writes a host's result.
    fn keep(&mut self, host: &str, result: &TaskResult) {
        // A host's name comes from an inventory: it must not lead out of the directory.
        let path = self.directory.join(host.replace('/', "_").trim_start_matches('.'));
        let fields = if result.hidden { censored(result) } else { result.result.clone() };
        let text = json(&Value::Object(fields), Layout::OneLine) + "\n";
        let written = std::fs::create_dir_all(&self.directory).and_then(|()| std::fs::write(&path, text));
        if let Err(error) = written {
            self.err.line(&format!("[WARNING]: can't write {}: {error}", path.display()));
        }
    }
}
