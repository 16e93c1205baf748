//! The form of `ansible.cfg`: sections of keys and values, as Python's configparser reads them.

use crate::diagnostic::{Diagnostic, Diagnostics, SourceFile, Span};
use std::sync::Arc;

/// A key with its value.
#[derive(Debug, PartialEq)]
pub(super) struct Item {
    pub section: String,
    /// In small letters.
    pub key: String,
    pub value: String,
    /// The key's place.
    pub key_span: Span,
    /// The value's place: its first line.
    pub value_span: Span,
}

/// Reads a file. What is no section, key or comment is an error.
pub(super) fn parse(file: &Arc<SourceFile>, errors: &mut Diagnostics) -> Vec<Item> {
    let mut items: Vec<Item> = Vec::new();
    let mut section: Option<String> = None;
    let mut start = 0;
    // The indentation of the key that a deeper line goes on with.
    let mut open: Option<usize> = None;
    for (number, line) in file.text.split_inclusive('\n').enumerate() {
        let from = start;
        start += line.len();
        let text = without_comment(line.trim_end());
        let content = text.trim();
        let indent = text.len() - text.trim_start().len();
        let span = |at: usize, length: usize| Span {
            file: file.clone(),
            start: narrow(from + at),
            end: narrow(from + at + length),
            line: narrow(number + 1),
            column: narrow(line[..at].chars().count() + 1),
        };
        if content.is_empty() {
            continue;
        }
        if let (Some(key_indent), Some(item)) = (open, items.last_mut())
            && indent > key_indent
        {
            item.value.push('\n');
            item.value.push_str(content);
            continue;
        }
        if let Some(name) = content.strip_prefix('[').and_then(|rest| rest.split_once(']')).map(|(name, _)| name) {
            section = Some(name.trim().to_owned());
            open = None;
            continue;
        }
        let Some(section) = &section else {
            errors.push(Diagnostic::error(&span(indent, content.len()), "this stands before the first [section]"));
            return items;
        };
        let Some(at) = content.find(['=', ':']) else {
            errors.push(Diagnostic::error(&span(indent, content.len()), "neither a [section] nor `key = value`"));
            continue;
        };
        let key = content[..at].trim_end();
        let value = content[at + 1..].trim_start();
        let value_at = indent + content.len() - value.len();
        items.push(Item {
            section: section.clone(),
            key: key.to_lowercase(),
            value: value.to_owned(),
            key_span: span(indent, key.len()),
            value_span: span(value_at, value.len().max(1).min(line.len().saturating_sub(value_at))),
        });
        open = Some(indent);
    }
    for item in &mut items {
        item.value = unquoted(&item.value).to_owned();
    }
    items
}

/// Comments are lines that begin with `#` or `;`, and what follows a `;` after white space.
fn without_comment(line: &str) -> &str {
    if line.trim_start().starts_with(['#', ';']) {
        return "";
    }
    let comment = line.match_indices(';').map(|(at, _)| at).find(|&at| line[..at].ends_with(char::is_whitespace));
    comment.map_or(line, |at| line[..at].trim_end())
}

fn unquoted(text: &str) -> &str {
    ['"', '\''].into_iter().find_map(|quote| text.strip_prefix(quote)?.strip_suffix(quote)).unwrap_or(text)
}

fn narrow(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}
