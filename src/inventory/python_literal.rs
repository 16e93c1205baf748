//! The values of INI inventories: where one reads as a Python literal it is that, else it is text.

use crate::diagnostic::Span;
use crate::loader::{Entry, Node, Source, Style, unescaped};
use std::sync::Arc;

/// A value: a number, text, list, tuple, set or mapping as Python writes it, `True`, `False`, `None`, else the text
/// itself.
pub(super) fn value(text: &str, span: &Span) -> Source {
    let as_text = || Node::Text(Arc::from(text), Style::Plain);
    let first = text.trim_start_matches([' ', '\t']).as_bytes().first().copied();
    let may_be_literal = matches!(first, Some(b'0'..=b'9' | b'+' | b'-' | b'.' | b'\'' | b'"' | b'[' | b'(' | b'{'))
        || matches!(first, Some(b'T' | b'F' | b'N' | b'r' | b'R' | b'u' | b'U' | b'b' | b'B'));
    let node = if may_be_literal { Reader { rest: text, span, depth: 0 }.document() } else { None };
    Source { span: span.clone(), node: node.unwrap_or_else(as_text) }
}

/// Deeper ones are text.
const MAX_DEPTH: u32 = 50;

struct Reader<'a> {
    rest: &'a str,
    span: &'a Span,
    depth: u32,
}

impl Reader<'_> {
    fn document(&mut self) -> Option<Node> {
        let node = self.items(None)?;
        // Python takes what follows a `#` for a comment.
        (self.rest.is_empty() || self.rest.starts_with('#')).then_some(node)
    }

    fn source(&self, node: Node) -> Source {
        Source { span: self.span.clone(), node }
    }

    fn skip_blanks(&mut self) {
        self.rest = self.rest.trim_start_matches([' ', '\t', '\n', '\r']);
    }

    fn take(&mut self, mark: char) -> bool {
        match self.rest.strip_prefix(mark) {
            Some(rest) => {
                self.rest = rest;
                self.skip_blanks();
                true
            }
            None => false,
        }
    }

    /// One value, or a tuple of several: up to `close`, or the end.
    fn items(&mut self, close: Option<char>) -> Option<Node> {
        self.skip_blanks();
        if close.is_some_and(|close| self.take(close)) {
            return Some(Node::Seq(Arc::from([])));
        }
        let first = self.one()?;
        let mut items = vec![self.source(first)];
        let mut is_tuple = false;
        while self.take(',') {
            is_tuple = true;
            let at_end = self.rest.is_empty() || self.rest.starts_with('#');
            if close.map_or(at_end, |close| self.rest.starts_with(close)) {
                break;
            }
            let next = self.one()?;
            items.push(self.source(next));
        }
        if let Some(close) = close
            && !self.take(close)
        {
            return None;
        }
        if is_tuple { Some(Node::Seq(items.into())) } else { items.pop().map(|only| only.node) }
    }

    fn one(&mut self) -> Option<Node> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return None;
        }
        let node = if self.take('[') {
            self.list(']').map(|items| Node::Seq(items.into()))
        } else if self.take('(') {
            self.items(Some(')'))
        } else if self.take('{') {
            self.mapping_or_set()
        } else if let Some(word) = ["None", "True", "False"].into_iter().find(|word| self.has_word(word)) {
            self.rest = &self.rest[word.len()..];
            Some(match word {
                "None" => Node::Null,
                word => Node::Bool(word == "True"),
            })
        } else if self.rest.starts_with(|c: char| c.is_ascii_digit() || matches!(c, '+' | '-' | '.')) {
            self.number()
        } else {
            self.strings()
        }?;
        self.skip_blanks();
        self.depth -= 1;
        Some(node)
    }

    fn has_word(&self, word: &str) -> bool {
        self.rest.strip_prefix(word).is_some_and(|after| !after.starts_with(|c: char| c.is_alphanumeric() || c == '_'))
    }

    fn list(&mut self, close: char) -> Option<Vec<Source>> {
        let mut items = Vec::new();
        while !self.take(close) {
            let item = self.one()?;
            items.push(self.source(item));
            if !self.take(',') && !self.rest.starts_with(close) {
                return None;
            }
        }
        Some(items)
    }

    fn mapping_or_set(&mut self) -> Option<Node> {
        let mut entries: Vec<Entry> = Vec::new();
        let mut items = Vec::new();
        while !self.take('}') {
            let key = self.one()?;
            let key = self.source(key);
            if self.take(':') {
                let value = self.one()?;
                let entry = Entry { value: self.source(value), key };
                match entries.iter_mut().find(|have| have.key.node == entry.key.node) {
                    Some(have) => *have = entry,
                    None => entries.push(entry),
                }
            } else {
                items.push(key);
            }
            if !self.take(',') && !self.rest.starts_with('}') {
                return None;
            }
        }
        match (entries.is_empty(), items.is_empty()) {
            (_, true) => Some(Node::Map(entries.into())),
            (true, false) => Some(Node::Seq(items.into())),
            (false, false) => None,
        }
    }

    fn number(&mut self) -> Option<Node> {
        let negative = self.rest.starts_with('-');
        let text = self.rest.strip_prefix(['+', '-']).unwrap_or(self.rest);
        let mut end = 0;
        for (at, c) in text.char_indices() {
            let is_exponent_sign = matches!(c, '+' | '-')
                && text[..at].ends_with(['e', 'E'])
                && !text.starts_with("0x")
                && !text.starts_with("0X");
            if !(c.is_alphanumeric() || matches!(c, '.' | '_') || is_exponent_sign) {
                break;
            }
            end = at + c.len_utf8();
        }
        let word = &text[..end];
        let node = number(word, negative)?;
        self.rest = &text[end..];
        Some(node)
    }

    /// Strings side by side are one.
    fn strings(&mut self) -> Option<Node> {
        let mut text = self.string()?;
        self.skip_blanks();
        while let Some(more) = self.string() {
            text.push_str(&more);
            self.skip_blanks();
        }
        Some(Node::Text(text.into(), Style::Double))
    }

    fn string(&mut self) -> Option<String> {
        let after_prefix = self.rest.trim_start_matches(['r', 'R', 'u', 'U', 'b', 'B']);
        let prefix = &self.rest[..self.rest.len() - after_prefix.len()];
        if prefix.len() > 1 {
            return None;
        }
        let is_raw = prefix.eq_ignore_ascii_case("r");
        let quote = ["'''", "\"\"\"", "'", "\""].into_iter().find(|quote| after_prefix.starts_with(quote))?;
        let body = &after_prefix[quote.len()..];
        let mut at = 0;
        while !body[at..].starts_with(quote) {
            let mut chars = body[at..].chars();
            let c = chars.next()?;
            at += c.len_utf8();
            if c == '\\' {
                at += chars.next()?.len_utf8();
            }
        }
        self.rest = &body[at + quote.len()..];
        Some(if is_raw { body[..at].to_owned() } else { unescaped(&body[..at]) })
    }
}

/// A number as Python writes it, without its sign.
fn number(word: &str, negative: bool) -> Option<Node> {
    let is_digits = |text: &str, base: u32| {
        !text.is_empty()
            && !text.starts_with('_')
            && !text.ends_with('_')
            && !text.contains("__")
            && text.chars().all(|c| c == '_' || c.is_digit(base))
    };
    let lower = word.to_ascii_lowercase();
    for (prefix, base) in [("0x", 16), ("0o", 8), ("0b", 2)] {
        if let Some(digits) = lower.strip_prefix(prefix) {
            let digits = digits.strip_prefix('_').unwrap_or(digits);
            let value = is_digits(digits, base).then(|| i64::from_str_radix(&digits.replace('_', ""), base).ok())??;
            return Some(Node::Int(if negative { -value } else { value }));
        }
    }
    let plain = lower.replace('_', "");
    let sign = if negative { "-" } else { "" };
    if is_digits(&lower, 10) {
        // `0644` is no number in Python, `000` is.
        if plain.len() > 1 && plain.starts_with('0') && plain.bytes().any(|digit| digit != b'0') {
            return None;
        }
        let signed = format!("{sign}{plain}");
        return Some(signed.parse().map_or_else(|_| Node::BigInt(signed.into()), Node::Int));
    }
    let (mantissa, exponent) = lower.split_once('e').map_or((lower.as_str(), None), |(m, e)| (m, Some(e)));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let part = |text: &str| text.is_empty() || is_digits(text, 10);
    let exponent_fits = exponent.is_none_or(|text| is_digits(text.strip_prefix(['+', '-']).unwrap_or(text), 10));
    if !part(whole) || !part(fraction) || (whole.is_empty() && fraction.is_empty()) || !exponent_fits {
        return None;
    }
    format!("{sign}{plain}").parse().ok().map(Node::Float)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn json(source: &Source) -> serde_json::Value {
        use serde_json::json;
        match &source.node {
            Node::Null => json!(null),
            Node::Bool(value) => json!(value),
            Node::Int(number) => json!(number),
            Node::Float(number) => json!(number),
            Node::BigInt(text) => json!({"big": &**text}),
            Node::Seq(items) => items.iter().map(json_of).collect(),
            Node::Map(entries) => {
                json!(entries.iter().map(|entry| (json(&entry.key), json(&entry.value))).collect::<Vec<_>>())
            }
            Node::Text(text, _) | Node::Unsafe(text) | Node::Vault(text) => json!(&**text),
        }
    }

    fn json_of(source: &Source) -> serde_json::Value {
        json(source)
    }

    /// Each as ansible-core 2.19 reads it.
    #[test]
    fn a_value_is_a_python_literal_or_text() {
        use serde_json::json;
        let cases = [
            ("1", json!(1)),
            ("-5", json!(-5)),
            ("+1", json!(1)),
            ("0644", json!("0644")),
            ("0x1f", json!(31)),
            ("1_000", json!(1000)),
            ("1e3", json!(1000.0)),
            ("1.", json!(1.0)),
            (".5", json!(0.5)),
            ("1.2.3", json!("1.2.3")),
            ("10.0.0.1", json!("10.0.0.1")),
            ("2024-01-01", json!("2024-01-01")),
            ("True", json!(true)),
            ("true", json!("true")),
            ("Truely", json!("Truely")),
            ("None", json!(null)),
            ("1,2", json!([1, 2])),
            ("(1)", json!(1)),
            ("(1, 2,)", json!([1, 2])),
            ("()", json!([])),
            ("[1, 'two', {'three': 3}]", json!([1, "two", [["three", 3]]])),
            ("[-1, +2]", json!([-1, 2])),
            ("{1}", json!([1])),
            ("{}", json!([])),
            ("{\"a\": true}", json!("{\"a\": true}")),
            ("{'a': [True, None]}", json!([["a", [true, null]]])),
            ("'a' 'b'", json!("ab")),
            ("\"x\" # comment", json!("x")),
            ("1 # comment", json!(1)),
            ("foo # no comment", json!("foo # no comment")),
            ("r'\\n'", json!("\\n")),
            ("'\\t'", json!("\t")),
            ("'it", json!("'it")),
            ("99999999999999999999", json!({"big": "99999999999999999999"})),
            ("a=b", json!("a=b")),
            ("{{ x }}", json!("{{ x }}")),
            ("", json!("")),
        ];
        let span = Span::nowhere("here");
        for (text, expected) in cases {
            assert_eq!(json(&value(text, &span)), expected, "{text}");
        }
        let deep = "[".repeat(5000);
        assert_eq!(json(&value(&deep, &span)), json!(deep));
    }
}
