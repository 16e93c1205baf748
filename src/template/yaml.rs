//! YAML as PyYAML's dumper writes it (with libyaml's emitter, which Ansible uses): `to_yaml`, `to_nice_yaml`.

use super::dates::Date;
use super::fault::{Outcome, fail};
use super::marker::need;
use super::python::float::float_text;
use super::python::kind::{Kind, items, kind, pairs, type_name};
use crate::loader::is_text_when_plain;
use minijinja::Value;

/// How it is written: the arguments of `yaml.dump`.
#[derive(Clone, Debug)]
pub struct Style {
    /// Columns of a level, 2 to 9.
    pub indent: usize,
    /// Texts are broken at a blank after this column.
    pub width: usize,
    /// Whether keys are sorted.
    pub sort_keys: bool,
    /// Collections in braces: never, always, or where they contain only scalars.
    pub flow: Option<bool>,
    /// `---` first.
    pub explicit_start: bool,
    /// `...` last.
    pub explicit_end: bool,
    /// The quotes of all scalars.
    pub quotes: Option<char>,
    /// Whether characters beyond ASCII are written as they are.
    pub unicode: bool,
}

impl Default for Style {
    fn default() -> Style {
        Style {
            indent: 2,
            width: 80,
            sort_keys: true,
            flow: None,
            explicit_start: false,
            explicit_end: false,
            quotes: None,
            unicode: true,
        }
    }
}

/// A value as a tree of what will be written.
enum Node {
    Scalar { text: String, is_text: bool },
    Seq { items: Vec<Node>, flow: bool },
    Map { entries: Vec<(Node, Node)>, flow: bool },
}

impl Node {
    fn is_scalar(&self) -> bool {
        matches!(self, Node::Scalar { .. })
    }

    fn of(value: &Value, style: &Style) -> Outcome<Node> {
        need(value)?;
        let other = |text: &str| Node::Scalar { text: text.to_owned(), is_text: false };
        Ok(match kind(value) {
            Kind::None => other("null"),
            Kind::Bool(true) => other("true"),
            Kind::Bool(false) => other("false"),
            Kind::Int(int) => other(&int.to_string()),
            Kind::Float(float) => other(&yaml_float(float)),
            Kind::Text(text) => Node::Scalar { text: text.to_owned(), is_text: true },
            Kind::Bytes(bytes) => Node::Scalar { text: String::from_utf8_lossy(bytes).into_owned(), is_text: true },
            Kind::Seq | Kind::Iterable => {
                let items = items(value)?.iter().map(|item| Node::of(item, style)).collect::<Outcome<Vec<_>>>()?;
                let plain = style.quotes.is_none() && items.iter().all(Node::is_scalar);
                Node::Seq { flow: style.flow.unwrap_or(plain), items }
            }
            Kind::Map => {
                let mut entries = pairs(value)?;
                if style.sort_keys {
                    // Keys that have no common order stay as they are.
                    let mut sorted = entries.clone();
                    if super::python::compare::sort_by_key(&mut sorted, false, |(key, _)| key.clone()).is_ok() {
                        entries = sorted;
                    }
                }
                let entries = entries
                    .iter()
                    .map(|(key, value)| Ok((Node::of(key, style)?, Node::of(value, style)?)))
                    .collect::<Outcome<Vec<_>>>()?;
                let plain =
                    style.quotes.is_none() && entries.iter().all(|(key, value)| key.is_scalar() && value.is_scalar());
                Node::Map { flow: style.flow.unwrap_or(plain), entries }
            }
            Kind::Other if value.downcast_object_ref::<Date>().is_some() => other(&value.to_string()),
            Kind::Other => return fail(format!("a '{}' can't be written as YAML", type_name(value))),
        })
    }
}

fn yaml_float(float: f64) -> String {
    if float.is_nan() {
        return ".nan".to_owned();
    }
    if float.is_infinite() {
        return if float > 0.0 { ".inf" } else { "-.inf" }.to_owned();
    }
    let text = float_text(float);
    if text.contains('.') { text } else { text.replacen('e', ".0e", 1) }
}

/// Data in the form of `to_nice_yaml`: sorted keys, an indent of two.
pub fn of_json(data: &serde_json::Value) -> String {
    let style = Style { flow: Some(false), ..Style::default() };
    // Data has nothing that could not be written; if it had, JSON is YAML, too.
    dump(&Value::from(minijinja::value::Serde(data)), &style).unwrap_or_else(|_| data.to_string())
}

/// Writes a value.
pub fn dump(value: &Value, style: &Style) -> Outcome<String> {
    let root = Node::of(value, style)?;
    let indent = if (2..=9).contains(&style.indent) { style.indent } else { 2 };
    let width = if style.width <= indent * 2 { 80 } else { style.width };
    let mut emitter = Emitter {
        out: String::new(),
        column: 0,
        whitespace: true,
        indention: true,
        indent: -1,
        flow_level: 0,
        best_indent: indent as i64,
        width,
        style: style.clone(),
    };
    if style.explicit_start {
        emitter.indicator("---", true, false, false);
    }
    emitter.node(&root, false, false);
    emitter.write_indent(0);
    if style.explicit_end {
        emitter.indicator("...", true, false, false);
        emitter.write_indent(0);
    }
    Ok(emitter.out)
}

/// What may be said about a text before it is written.
struct Analysis {
    multiline: bool,
    plain_in_flow: bool,
    plain_in_block: bool,
    single_quoted: bool,
}

fn is_break(char: char) -> bool {
    matches!(char, '\n' | '\r' | '\u{85}' | '\u{2028}' | '\u{2029}')
}

fn is_printable(char: char) -> bool {
    matches!(char, '\n' | '\u{20}'..='\u{7e}' | '\u{85}' | '\u{a0}'..='\u{d7ff}' | '\u{e000}'..='\u{fffd}'
        | '\u{10000}'..='\u{10ffff}')
        && char != '\u{feff}'
}

fn analyze(text: &str, unicode: bool) -> Analysis {
    if text.is_empty() {
        return Analysis { multiline: false, plain_in_flow: false, plain_in_block: true, single_quoted: true };
    }
    let chars: Vec<char> = text.chars().collect();
    let (mut flow_indicators, mut block_indicators) = (false, false);
    if text.starts_with("---") || text.starts_with("...") {
        (flow_indicators, block_indicators) = (true, true);
    }
    let (mut line_breaks, mut special, mut edge_space, mut break_space, mut space_break) =
        (false, false, false, false, false);
    let (mut previous_space, mut previous_break) = (false, false);
    let mut preceded_by_blank = true;
    for (at, char) in chars.iter().copied().enumerate() {
        let followed_by_blank = chars.get(at + 1).is_none_or(|next| matches!(next, ' ' | '\t') || is_break(*next));
        let (flow, block) = if at == 0 {
            match char {
                '#' | ',' | '[' | ']' | '{' | '}' | '&' | '*' | '!' | '|' | '>' | '\'' | '"' | '%' | '@' | '`' => {
                    (true, true)
                }
                '?' | ':' => (true, followed_by_blank),
                '-' => (followed_by_blank, followed_by_blank),
                _ => (false, false),
            }
        } else {
            match char {
                ',' | '?' | '[' | ']' | '{' | '}' => (true, false),
                ':' => (true, followed_by_blank),
                '#' => (preceded_by_blank, preceded_by_blank),
                _ => (false, false),
            }
        };
        flow_indicators |= flow;
        block_indicators |= block;
        special |= !is_printable(char) || (!char.is_ascii() && !unicode);
        line_breaks |= is_break(char);
        let at_edge = at == 0 || at + 1 == chars.len();
        if char == ' ' {
            edge_space |= at_edge;
            break_space |= previous_break;
            (previous_space, previous_break) = (true, false);
        } else if is_break(char) {
            edge_space |= at_edge;
            space_break |= previous_space;
            (previous_space, previous_break) = (false, true);
        } else {
            (previous_space, previous_break) = (false, false);
        }
        preceded_by_blank = matches!(char, ' ' | '\t') || is_break(char);
    }
    let quoted_only = edge_space || break_space || space_break || special || line_breaks;
    Analysis {
        multiline: line_breaks,
        plain_in_flow: !quoted_only && !flow_indicators,
        plain_in_block: !quoted_only && !block_indicators,
        single_quoted: !break_space && !space_break && !special,
    }
}

struct Emitter {
    out: String,
    column: usize,
    /// Whether the last thing written was blank.
    whitespace: bool,
    /// Whether only indentation and `-`, `?`, `:` stand in the line.
    indention: bool,
    indent: i64,
    flow_level: usize,
    best_indent: i64,
    width: usize,
    style: Style,
}

impl Emitter {
    fn put(&mut self, char: char) {
        self.out.push(char);
        self.column += 1;
    }

    fn put_break(&mut self, char: char) {
        self.out.push(char);
        self.column = 0;
    }

    fn write_indent(&mut self, indent: i64) {
        let wanted = usize::try_from(indent.max(0)).unwrap_or(0);
        if !self.indention || self.column > wanted || (self.column == wanted && !self.whitespace) {
            self.put_break('\n');
        }
        while self.column < wanted {
            self.put(' ');
        }
        self.whitespace = true;
        self.indention = true;
    }

    fn indicator(&mut self, text: &str, needs_blank: bool, is_blank: bool, keeps_indention: bool) {
        if needs_blank && !self.whitespace {
            self.put(' ');
        }
        text.chars().for_each(|char| self.put(char));
        self.whitespace = is_blank;
        self.indention = self.indention && keeps_indention;
    }

    /// Deeper by a level; gives what was before.
    fn deeper(&mut self, flow: bool, indentless: bool) -> i64 {
        let before = self.indent;
        if self.indent < 0 {
            self.indent = if flow { self.best_indent } else { 0 };
        } else if !indentless {
            self.indent += self.best_indent;
        }
        before
    }

    fn node(&mut self, node: &Node, in_mapping: bool, simple_key: bool) {
        match node {
            Node::Scalar { text, is_text } => self.scalar(text, *is_text, simple_key),
            Node::Seq { items, flow } if *flow || self.flow_level > 0 || items.is_empty() => self.flow_seq(items),
            Node::Map { entries, flow } if *flow || self.flow_level > 0 || entries.is_empty() => self.flow_map(entries),
            Node::Seq { items, .. } => {
                let before = self.deeper(false, in_mapping && !self.indention);
                for item in items {
                    self.write_indent(self.indent);
                    self.indicator("-", true, false, true);
                    self.node(item, false, false);
                }
                self.indent = before;
            }
            Node::Map { entries, .. } => {
                let before = self.deeper(false, false);
                for (key, value) in entries {
                    self.write_indent(self.indent);
                    if self.is_simple_key(key) {
                        self.node(key, true, true);
                        self.indicator(":", false, false, false);
                    } else {
                        self.indicator("?", true, false, true);
                        self.node(key, true, false);
                        self.write_indent(self.indent);
                        self.indicator(":", true, false, true);
                    }
                    self.node(value, true, false);
                }
                self.indent = before;
            }
        }
    }

    fn flow_seq(&mut self, items: &[Node]) {
        self.indicator("[", true, true, false);
        let before = self.deeper(true, false);
        self.flow_level += 1;
        for (index, item) in items.iter().enumerate() {
            if index > 0 {
                self.indicator(",", false, false, false);
            }
            if self.column > self.width {
                self.write_indent(self.indent);
            }
            self.node(item, false, false);
        }
        self.flow_level -= 1;
        self.indent = before;
        self.indicator("]", false, false, false);
    }

    fn flow_map(&mut self, entries: &[(Node, Node)]) {
        self.indicator("{", true, true, false);
        let before = self.deeper(true, false);
        self.flow_level += 1;
        for (index, (key, value)) in entries.iter().enumerate() {
            if index > 0 {
                self.indicator(",", false, false, false);
            }
            if self.column > self.width {
                self.write_indent(self.indent);
            }
            if self.is_simple_key(key) {
                self.node(key, true, true);
                self.indicator(":", false, false, false);
            } else {
                self.indicator("?", true, false, false);
                self.node(key, true, false);
                if self.column > self.width {
                    self.write_indent(self.indent);
                }
                self.indicator(":", true, false, false);
            }
            self.node(value, true, false);
        }
        self.flow_level -= 1;
        self.indent = before;
        self.indicator("}", false, false, false);
    }

    fn is_simple_key(&self, key: &Node) -> bool {
        match key {
            Node::Scalar { text, .. } => text.len() <= 128 && !text.contains(is_break),
            Node::Seq { items, .. } => items.is_empty(),
            Node::Map { entries, .. } => entries.is_empty(),
        }
    }

    fn scalar(&mut self, text: &str, is_text: bool, simple_key: bool) {
        let analysis = analyze(text, self.style.unicode);
        let plain_allowed = if self.flow_level > 0 { analysis.plain_in_flow } else { analysis.plain_in_block };
        let empty = text.is_empty() && (self.flow_level > 0 || simple_key);
        let quotes = match self.style.quotes {
            Some(quotes) => {
                if !is_text {
                    self.indicator("!", true, false, false);
                }
                Some(quotes)
            }
            None if !is_text => None,
            None if !plain_allowed || empty || !is_text_when_plain(text) => Some('\''),
            None => None,
        };
        let double =
            quotes == Some('"') || (quotes.is_some() && !analysis.single_quoted) || (simple_key && analysis.multiline);
        let indent = self.indent;
        // A scalar stands one level deeper than what it belongs to.
        let before = self.deeper(true, false);
        match quotes {
            None => self.plain(text, simple_key),
            Some(_) if double => self.double_quoted(text, simple_key),
            Some(_) => self.single_quoted(text, simple_key),
        }
        debug_assert_eq!(before, indent);
        self.indent = before;
    }

    fn plain(&mut self, text: &str, simple_key: bool) {
        if !self.whitespace && (!text.is_empty() || self.flow_level > 0) {
            self.put(' ');
        }
        let mut spaces = false;
        let mut chars = text.chars().peekable();
        while let Some(char) = chars.next() {
            if char == ' ' {
                if !simple_key && !spaces && self.column > self.width && chars.peek() != Some(&' ') {
                    self.write_indent(self.indent);
                } else {
                    self.put(' ');
                }
                spaces = true;
            } else {
                self.put(char);
                self.indention = false;
                spaces = false;
            }
        }
        self.whitespace = false;
        self.indention = false;
    }

    fn single_quoted(&mut self, text: &str, simple_key: bool) {
        self.indicator("'", true, false, false);
        let (mut spaces, mut breaks) = (false, false);
        let chars: Vec<char> = text.chars().collect();
        for (at, char) in chars.iter().copied().enumerate() {
            let inside = at > 0 && at + 1 < chars.len();
            if char == ' ' {
                let next_is_space = chars.get(at + 1) == Some(&' ');
                if !simple_key && !spaces && self.column > self.width && inside && !next_is_space {
                    self.write_indent(self.indent);
                } else {
                    self.put(' ');
                }
                spaces = true;
            } else if is_break(char) {
                if !breaks && char == '\n' {
                    self.put_break('\n');
                }
                self.put_break(char);
                self.indention = true;
                breaks = true;
            } else {
                if breaks {
                    self.write_indent(self.indent);
                }
                if char == '\'' {
                    self.put('\'');
                }
                self.put(char);
                self.indention = false;
                (spaces, breaks) = (false, false);
            }
        }
        if breaks {
            self.write_indent(self.indent);
        }
        self.indicator("'", false, false, false);
        self.whitespace = false;
        self.indention = false;
    }

    fn double_quoted(&mut self, text: &str, simple_key: bool) {
        self.indicator("\"", true, false, false);
        let mut spaces = false;
        let chars: Vec<char> = text.chars().collect();
        for (at, char) in chars.iter().copied().enumerate() {
            let escaped = !is_printable(char)
                || (!self.style.unicode && !char.is_ascii())
                || is_break(char)
                || matches!(char, '"' | '\\');
            if escaped {
                let text = match char {
                    '\0' => "\\0".to_owned(),
                    '\x07' => "\\a".to_owned(),
                    '\x08' => "\\b".to_owned(),
                    '\t' => "\\t".to_owned(),
                    '\n' => "\\n".to_owned(),
                    '\x0b' => "\\v".to_owned(),
                    '\x0c' => "\\f".to_owned(),
                    '\r' => "\\r".to_owned(),
                    '\x1b' => "\\e".to_owned(),
                    '"' => "\\\"".to_owned(),
                    '\\' => "\\\\".to_owned(),
                    '\u{85}' => "\\N".to_owned(),
                    '\u{a0}' => "\\_".to_owned(),
                    '\u{2028}' => "\\L".to_owned(),
                    '\u{2029}' => "\\P".to_owned(),
                    char => match char as u32 {
                        code @ 0..=0xff => format!("\\x{code:02X}"),
                        code @ 0..=0xffff => format!("\\u{code:04X}"),
                        code => format!("\\U{code:08X}"),
                    },
                };
                text.chars().for_each(|char| self.put(char));
                spaces = false;
            } else if char == ' ' {
                if !simple_key && !spaces && self.column > self.width && at > 0 && at + 1 < chars.len() {
                    self.write_indent(self.indent);
                    if chars.get(at + 1) == Some(&' ') {
                        self.put('\\');
                    }
                } else {
                    self.put(' ');
                }
                spaces = true;
            } else {
                self.put(char);
                spaces = false;
            }
        }
        self.indicator("\"", false, false, false);
        self.whitespace = false;
        self.indention = false;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nice(value: &Value) -> String {
        dump(value, &Style { indent: 4, flow: Some(false), ..Style::default() }).unwrap_or_else(|fault| fault.message)
    }

    #[test]
    fn texts_that_would_be_read_as_something_else_are_quoted() {
        let value =
            Value::from_pairs([("a", "yes"), ("b", "y"), ("c", "0644"), ("d", "x: y"), ("e", "it's"), ("f", "a\nb\n")]);
        assert_eq!(nice(&value), "a: 'yes'\nb: y\nc: '0644'\nd: 'x: y'\ne: it's\nf: 'a\n\n    b\n\n    '\n");
    }

    #[test]
    fn lists_in_mappings_are_not_indented_and_mappings_in_lists_are() {
        let value = Value::from_pairs([("l", Value::from(vec![Value::from_pairs([("a", 1), ("b", 2)])]))]);
        assert_eq!(nice(&value), "l:\n-   a: 1\n    b: 2\n");
    }
}
