//! Differences as a person reads them: files as unified text, states as `mode: 0644 -> 0600`.

use super::look::Look;
use refit_agent::outcome::Diff;
use serde_json::{Map, Value};
use similar::{ChangeTag, TextDiff};

/// Lines of one difference that are shown unless more is asked for.
const LINES: usize = 120;

/// The lines of a difference; none where nothing differs.
///
/// `path` is what the result says was written: a template's difference names the template as its new side.
pub fn lines(diff: &Diff, path: Option<&str>, context: usize, everything: bool, look: &Look) -> Vec<String> {
    if diff.before == diff.after {
        return Vec::new();
    }
    let headers = [diff.before_header.as_str(), path.unwrap_or_default(), diff.after_header.as_str()];
    let name = headers.into_iter().find(|header| !header.is_empty()).unwrap_or_default();
    let mut lines = match (&diff.before, &diff.after) {
        (Value::Object(before), Value::Object(after)) => of_states(name, before, after, look),
        _ => of_texts(name, &text(&diff.before), &text(&diff.after), context, look),
    };
    if lines.len() > LINES && !everything {
        let more = lines.len() - LINES;
        lines.truncate(LINES);
        lines.push(look.quiet.apply_to(format!("… {more} more lines (-v shows all)")).to_string());
    }
    lines
}

/// One side as text: what is no text is shown as YAML.
fn text(side: &Value) -> String {
    match side {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => serde_yaml::to_string(other).unwrap_or_else(|_| other.to_string()),
    }
}

/// What is the same on both sides says what the state is of, and goes before.
fn of_states(name: &str, before: &Map<String, Value>, after: &Map<String, Value>, look: &Look) -> Vec<String> {
    let is_name = |key: &str| matches!(key, "path" | "name" | "dest");
    let named = after.iter().find(|(key, value)| is_name(key) && before.get(*key) == Some(value));
    let name = named.and_then(|(_, value)| value.as_str()).unwrap_or(name);
    let mut lines = Vec::new();
    if !name.is_empty() {
        lines.push(look.strong.apply_to(name).to_string());
    }
    let gone = before.keys().filter(|key| !after.contains_key(*key));
    for key in after.keys().chain(gone) {
        let (old, new) = (before.get(key), after.get(key));
        if old == new {
            continue;
        }
        let show = |value: Option<&Value>| match value {
            None | Some(Value::Null) => "(none)".to_owned(),
            Some(Value::String(text)) if text.is_empty() => "\"\"".to_owned(),
            Some(Value::String(text)) => text.clone(),
            Some(other) => other.to_string(),
        };
        let (old, new) = (show(old), show(new));
        lines.push(format!("{key}: {} -> {}", look.removed.apply_to(old), look.added.apply_to(new)));
    }
    lines
}

/// The difference of two texts, below the name of what it is of.
pub fn of_texts(name: &str, before: &str, after: &str, context: usize, look: &Look) -> Vec<String> {
    let changes = TextDiff::from_lines(before, after);
    let mut lines = Vec::new();
    if !name.is_empty() {
        let new = if before.is_empty() {
            " (new)"
        } else if after.is_empty() {
            " (empty now)"
        } else {
            ""
        };
        lines.push(format!("{}{new}", look.strong.apply_to(name)));
    }
    for group in changes.grouped_ops(context) {
        if let (Some(first), Some(last)) = (group.first(), group.last()) {
            let (old, new) =
                (first.old_range().start..last.old_range().end, first.new_range().start..last.new_range().end);
            let range = |range: &std::ops::Range<usize>| match range.len() {
                0 => format!("{},0", range.start),
                1 => (range.start + 1).to_string(),
                length => format!("{},{length}", range.start + 1),
            };
            lines.push(look.hunk.apply_to(format!("@@ -{} +{} @@", range(&old), range(&new))).to_string());
        }
        for change in group.iter().flat_map(|op| changes.iter_inline_changes(op)) {
            let (sign, style, emphasis) = match change.tag() {
                ChangeTag::Delete => ("-", &look.removed, &look.removed_part),
                ChangeTag::Insert => ("+", &look.added, &look.added_part),
                ChangeTag::Equal => (" ", &look.plain, &look.plain),
            };
            let mut line = style.apply_to(sign).to_string();
            for (emphasised, part) in change.iter_strings_lossy() {
                let part = printable(part.trim_end_matches('\n'));
                if !part.is_empty() {
                    let style = if emphasised { emphasis } else { style };
                    line.push_str(&style.apply_to(part).to_string());
                }
            }
            lines.push(line);
            if change.missing_newline() {
                lines.push(look.quiet.apply_to("\\ no line end at the end of the file").to_string());
            }
        }
    }
    lines
}

/// Text of files must not control the terminal.
pub fn printable(text: &str) -> String {
    text.chars()
        .map(|letter| match letter {
            '\t' => '\t',
            letter if letter.is_control() => '\u{fffd}',
            letter => letter,
        })
        .collect()
}
