//! The forms in which Ansible prints: banners, colours, Python's text of values, Python's JSON.

use serde::Serialize;
use serde_json::Value;
use serde_json::ser::{Formatter, PrettyFormatter, Serializer};
use std::io;

/// Ansible's default colours, as terminals get them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Colour {
    /// Went well; lines added.
    Green,
    /// Changed.
    Yellow,
    /// Skipped, included; where a difference begins.
    Cyan,
    /// Failed; lines removed.
    Red,
    /// Unreachable.
    BrightRed,
    /// Warnings.
    BrightPurple,
    /// Deprecations.
    Purple,
    /// Retries.
    DarkGrey,
}

impl Colour {
    fn code(self) -> &'static str {
        match self {
            Colour::Green => "0;32",
            Colour::Yellow => "0;33",
            Colour::Cyan => "0;36",
            Colour::Red => "0;31",
            Colour::BrightRed => "1;31",
            Colour::BrightPurple => "1;35",
            Colour::Purple => "0;35",
            Colour::DarkGrey => "1;30",
        }
    }

    /// Each line of the text in this colour, also an empty one after a final line end: as Ansible does it.
    pub fn paint(self, text: &str) -> String {
        let lines: Vec<String> = text.split('\n').map(|line| format!("\x1b[{}m{line}\x1b[0m", self.code())).collect();
        lines.join("\n")
    }
}

/// `TEXT ****`, up to the width, with three stars at least.
pub fn banner(text: &str, width: usize) -> String {
    let text = text.trim();
    let stars = width.saturating_sub(console::measure_text_width(text)).max(3);
    format!("\n{text} {}", "*".repeat(stars))
}

/// Text as Python's `str()` gives it.
pub fn python_str(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => python_repr(other),
    }
}

fn python_repr(value: &Value) -> String {
    match value {
        Value::Null => "None".to_owned(),
        Value::Bool(true) => "True".to_owned(),
        Value::Bool(false) => "False".to_owned(),
        Value::Number(number) => number.to_string(),
        Value::String(text) => python_quoted(text),
        Value::Array(items) => format!("[{}]", items.iter().map(python_repr).collect::<Vec<_>>().join(", ")),
        Value::Object(map) => {
            let entries: Vec<String> =
                map.iter().map(|(key, value)| format!("{}: {}", python_quoted(key), python_repr(value))).collect();
            format!("{{{}}}", entries.join(", "))
        }
    }
}

fn python_quoted(text: &str) -> String {
    let quote = if text.contains('\'') && !text.contains('"') { '"' } else { '\'' };
    let mut quoted = String::from(quote);
    for letter in text.chars() {
        match letter {
            '\n' => quoted.push_str("\\n"),
            '\r' => quoted.push_str("\\r"),
            '\t' => quoted.push_str("\\t"),
            '\\' => quoted.push_str("\\\\"),
            _ if letter == quote => quoted.extend(['\\', letter]),
            _ if (letter as u32) < 0x20 || letter as u32 == 0x7f => {
                quoted.push_str(&format!("\\x{:02x}", letter as u32))
            }
            _ => quoted.push(letter),
        }
    }
    quoted.push(quote);
    quoted
}

/// JSON as Ansible prints it: keys are sorted in each form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    /// On one line, with a space after `,` and `:`.
    OneLine,
    /// On one line, with a space after `:` only: indented by nothing, and the line ends taken out.
    Tight,
    /// Indented by four.
    Indented,
}

/// One line of JSON with a space after `:`, and this after a value.
struct OneLine(&'static [u8]);

impl Formatter for OneLine {
    fn begin_array_value<W: ?Sized + io::Write>(&mut self, writer: &mut W, first: bool) -> io::Result<()> {
        if first { Ok(()) } else { writer.write_all(self.0) }
    }
    fn begin_object_key<W: ?Sized + io::Write>(&mut self, writer: &mut W, first: bool) -> io::Result<()> {
        if first { Ok(()) } else { writer.write_all(self.0) }
    }
    fn begin_object_value<W: ?Sized + io::Write>(&mut self, writer: &mut W) -> io::Result<()> {
        writer.write_all(b": ")
    }
}

/// A value in this layout.
pub fn json(value: &Value, layout: Layout) -> String {
    let mut sorted = value.clone();
    sorted.sort_all_objects();
    let mut text = Vec::new();
    let written = match layout {
        Layout::OneLine => sorted.serialize(&mut Serializer::with_formatter(&mut text, OneLine(b", "))),
        Layout::Tight => sorted.serialize(&mut Serializer::with_formatter(&mut text, OneLine(b","))),
        Layout::Indented => {
            sorted.serialize(&mut Serializer::with_formatter(&mut text, PrettyFormatter::with_indent(b"    ")))
        }
    };
    match written.map_err(|error| error.to_string()).and_then(|()| String::from_utf8(text).map_err(|e| e.to_string())) {
        Ok(text) => text,
        // Values are JSON already, so this is never seen; an error in the output beats a lost line.
        Err(error) => format!("(not printable: {error})"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn values_are_printed_as_python_prints_them() {
        let value = json!({"a": [1, true, null, "it's", "a \"b\" 'c'\n"], "b": {}});
        assert_eq!(python_str(&value), r#"{'a': [1, True, None, "it's", 'a "b" \'c\'\n'], 'b': {}}"#);
        assert_eq!(python_str(&json!("plain 'text'")), "plain 'text'");
    }

    #[test]
    fn json_is_sorted_and_spaced_as_python_does_it() {
        assert_eq!(json(&json!({"b": [1, 2], "a": {"d": "é"}}), Layout::OneLine), r#"{"a": {"d": "é"}, "b": [1, 2]}"#);
        assert_eq!(
            json(&json!({"b": [], "a": [1]}), Layout::Indented),
            "{\n    \"a\": [\n        1\n    ],\n    \"b\": []\n}"
        );
    }

    #[test]
    fn a_banner_counts_columns_not_bytes() {
        let line = banner("PLAY [Ünïcödé]", 79);
        assert_eq!(line.trim_start_matches('\n').chars().count(), 80);
        assert!(banner(&"x".repeat(90), 79).ends_with("x ***"));
    }
}
