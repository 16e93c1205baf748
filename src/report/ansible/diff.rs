//! Differences as Ansible prints them.

use super::text::{Colour, Layout, json};
use refit_agent::outcome::Diff;
use serde_json::Value;
use similar::TextDiff;

const NO_LINE_END: &str = "\\ No newline at end of file\n";

/// The text of one side; mappings are compared as indented JSON.
fn side(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        state => json(state, Layout::Indented) + "\n",
    }
}

fn header(mark: &str, what: &str, name: &str) -> String {
    if name.is_empty() { format!("{mark} {what}\n") } else { format!("{mark} {what}: {name}\n") }
}

/// The unified differences of a result, or nothing where nothing differs. `colour` only where the output takes it.
pub fn render(diffs: &[Diff], context: usize, colour: bool) -> String {
    let mut text = String::new();
    for diff in diffs {
        let (before, after) = (side(&diff.before), side(&diff.after));
        if before == after {
            continue;
        }
        let changes = TextDiff::from_lines(&before, &after);
        let unified = changes.unified_diff().context_radius(context).to_string();
        let lines =
            header("---", "before", &diff.before_header) + &header("+++", "after", &diff.after_header) + &unified;
        let mut rest = lines.as_str();
        while !rest.is_empty() {
            let mut end = rest.find('\n').map_or(rest.len(), |end| end + 1);
            if rest[end..].starts_with(NO_LINE_END) {
                // It belongs to the line before it, in its colour.
                end += NO_LINE_END.len();
            }
            let (line, after) = rest.split_at(end);
            rest = after;
            let paint = match line.as_bytes().first() {
                Some(b'+') => Some(Colour::Green),
                Some(b'-') => Some(Colour::Red),
                Some(b'@') => Some(Colour::Cyan),
                _ => None,
            };
            match paint.filter(|_| colour) {
                Some(paint) => text.push_str(&paint.paint(line)),
                None => text.push_str(line),
            }
        }
        text.push('\n');
    }
    text
}
