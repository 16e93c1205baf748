//! `--output ndjson`: the event stream itself.

use super::Printer;
use crate::event::{Event, View};

/// Prints each event as a JSON object on a line. The first says which version of the form it is.
pub struct NdjsonView {
    out: Printer,
}

impl NdjsonView {
    /// A view that prints to this.
    pub fn new(out: Printer) -> NdjsonView {
        NdjsonView { out }
    }
}

impl View for NdjsonView {
    fn event(&mut self, event: &Event) {
        // Events are plain data, so this can't fail; a missing line would show in `sequence`.
        if let Ok(line) = serde_json::to_string(event) {
            self.out.line(&line);
        }
    }
}
