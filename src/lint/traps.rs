//! YAML that does not mean what it looks like.

use super::finding::{Finding, Fix, Rule};
use crate::diagnostic::Diagnostic;
use crate::loader::{Entry, Node, Source};

/// As it is written in the file.
pub fn raw(source: &Source) -> &str {
    source.span.file.text.get(source.span.start as usize..source.span.end as usize).unwrap_or_default()
}

/// What is a trap in a mapping's entry.
pub fn entry(entry: &Entry, findings: &mut Vec<Finding>) {
    if let Node::Bool(flag) = entry.key.node
        && is_word(raw(&entry.key))
    {
        let word = raw(&entry.key);
        let message = format!("YAML reads the key `{word}` as {flag}");
        let diagnostic = Diagnostic::error(&entry.key.span, message).warning();
        findings.push(Finding::new(Rule::BooleanWord, diagnostic.hint(format!("quote it: \"{word}\""))));
    }
    let name = entry.key.as_str().unwrap_or_default();
    let is_mode =
        matches!(name, "mode" | "directory_mode" | "umask" | "file_mode" | "dir_mode") || name.ends_with("_mode");
    match &entry.value.node {
        Node::Int(number) => integer(name, is_mode, *number, &entry.value, findings),
        Node::Float(number) => float(*number, &entry.value, findings),
        _ => {}
    }
}

/// What is a trap in an item of a list: next to texts, words that YAML reads as booleans are hardly meant so.
pub fn items(items: &[Source], findings: &mut Vec<Finding>) {
    let texts = items.iter().filter(|item| item.as_str().is_some()).count();
    for item in items {
        match &item.node {
            Node::Bool(flag) if is_word(raw(item)) && texts > 0 => {
                let word = raw(item);
                let message = format!("YAML reads `{word}` as {flag}, and the items beside it are text");
                let diagnostic = Diagnostic::error(&item.span, message).warning();
                findings.push(Finding::new(Rule::BooleanWord, diagnostic.hint(format!("quote it: \"{word}\""))));
            }
            Node::Int(number) => integer("", false, *number, item, findings),
            Node::Float(number) => float(*number, item, findings),
            _ => {}
        }
    }
}

/// `no`, `on`, ...: not `true` and `false`, which nobody writes by mistake.
fn is_word(text: &str) -> bool {
    matches!(text.to_lowercase().as_str(), "yes" | "no" | "on" | "off")
}

fn integer(name: &str, is_mode: bool, number: i64, value: &Source, findings: &mut Vec<Finding>) {
    let text = raw(value);
    if text.contains(':') {
        let message = format!("YAML reads `{text}` as the number {number} (of base 60)");
        let diagnostic = Diagnostic::error(&value.span, message).warning().hint(format!("quote it: \"{text}\""));
        findings.push(Finding::new(Rule::BaseSixty, diagnostic));
        return;
    }
    let digits = text.trim_start_matches(['-', '+']);
    let is_octal = digits.len() > 1 && digits.starts_with('0') && digits.bytes().all(|byte| byte.is_ascii_digit());
    if is_mode && is_octal {
        // It is what it looks like. Quoted it stays so wherever it is passed on to.
        return;
    }
    if is_mode && digits.bytes().all(|byte| (b'0'..=b'7').contains(&byte)) && digits.len() >= 3 {
        let message = format!("the mode {text} is a decimal number: it sets {number:o}");
        let diagnostic = Diagnostic::error(&value.span, message).hint(format!("write \"0{digits}\""));
        findings.push(Finding::new(Rule::DecimalMode, diagnostic));
        return;
    }
    if is_octal && name != "umask" {
        let message = format!("YAML reads `{text}` as octal: {number}");
        let diagnostic = Diagnostic::error(&value.span, message).warning().hint(format!("quote it: \"{text}\""));
        findings.push(Finding::new(Rule::Octal, diagnostic));
    }
}

/// A version such as `1.10` loses its zero.
fn float(number: f64, value: &Source, findings: &mut Vec<Finding>) {
    let text = raw(value);
    let is_plain = text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.') && text.contains('.');
    if is_plain && text.ends_with('0') && !text.ends_with(".0") {
        let message = format!("YAML reads `{text}` as the number {number}");
        let diagnostic = Diagnostic::error(&value.span, message).warning();
        let hint = format!("if it is a version or the like, quote it: \"{text}\"");
        findings.push(Finding::new(Rule::TrailingZero, diagnostic.hint(hint)));
    }
}

/// A mend that writes something else in a value's place.
pub fn replace(value: &Source, text: impl Into<String>) -> Option<Fix> {
    // Only where the value's text stands as it is in the file.
    (!raw(value).is_empty()).then(|| Fix { span: value.span.clone(), text: text.into() })
}
