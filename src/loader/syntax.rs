//! What the parser found wrong, in words that say what to write instead.

use super::build::place;
use super::source::Source;
use crate::diagnostic::{Diagnostic, SourceFile, Span};
use granit_parser::{ErrorKind, ScanError};
use std::sync::Arc;

/// The parser's error as a diagnostic.
pub(super) fn explain(text: &str, file: &Arc<SourceFile>, error: &ScanError) -> Diagnostic {
    let marker = *error.marker();
    if file.text.is_empty() {
        return Diagnostic::error(&place(file, marker, 0), "the decrypted text is not valid YAML here")
            .hint("look at it with `ansible-vault view`");
    }
    let mut at = marker.byte_offset().unwrap_or(0).min(text.len());
    let mut span = place(file, marker, at + text[at..].chars().next().map_or(0, char::len_utf8));
    if at == text.len() || text[at..].starts_with(['\n', '\r']) {
        // At the end of the file the marker stands on a line of its own: show the last one that holds something.
        let end = text[..at].trim_end().len();
        if !text[end..at].is_empty() {
            at = end;
            span = span_at(text, file, end, end);
        }
    }
    let line = line_around(text, at);
    if let Some(template) = unquoted_template(text, file, &line) {
        return template;
    }
    let in_value = line.value.as_ref().map(|value| value.text.as_str()).unwrap_or_default();
    match error.kind() {
        ErrorKind::TabInBlockIndentation
        | ErrorKind::TabInIndentation
        | ErrorKind::TabNotAllowed
        | ErrorKind::TabInPlainScalar
        | ErrorKind::TabAtBlockScalarStart => {
            // The tab itself: the marker is where the parser noticed, or where the text began that it stands in.
            let next_lines = text[at..].split_inclusive('\n').scan(at, |start, line| {
                let from = *start;
                *start += line.len();
                Some((from, line))
            });
            let below = next_lines.skip(1).find_map(|(from, line)| {
                line.trim_start_matches(' ').starts_with('\t').then(|| from + line.find('\t').unwrap_or(0))
            });
            let tab = line.text[..(at - line.start).min(line.text.len())].rfind('\t').map(|tab| line.start + tab);
            let tab = tab.or(below.filter(|_| !text[at..].starts_with('\t'))).unwrap_or(at);
            Diagnostic::error(&span_at(text, file, tab, tab + 1), "a tab in the indentation; YAML takes spaces only")
                .hint("replace the tab by spaces")
        }
        ErrorKind::MappingValueNotAllowed if in_value.contains(": ") || in_value.ends_with(':') => {
            let mut diagnostic =
                Diagnostic::error(&span, "a colon followed by a space inside a value that is not quoted");
            if let Some(value) = &line.value {
                diagnostic = diagnostic.hint(format!("quote the whole value: {}", quoted(&value.text)));
            }
            diagnostic
        }
        ErrorKind::MappingValueNotAllowed
        | ErrorKind::InvalidIndentation
        | ErrorKind::ExpectedBlockMappingKey
        | ErrorKind::ExpectedBlockSequenceEntry
        | ErrorKind::SimpleKeyExpected
        | ErrorKind::InvalidSimpleKey
        | ErrorKind::InvalidTrailingSingleQuotedScalar
        | ErrorKind::InvalidTrailingDoubleQuotedScalar
        | ErrorKind::ExpectedDocumentStart
            if ends_quote_early(in_value) =>
        {
            let diagnostic = Diagnostic::error(&span, "something follows the closing quote of this value");
            if in_value.starts_with('\'') && in_value.ends_with('\'') {
                diagnostic.hint("inside single quotes a quote is written twice: 'it''s'")
            } else {
                diagnostic.hint(format!("quote the whole value: {}", quoted(in_value)))
            }
        }
        ErrorKind::MappingValueNotAllowed
        | ErrorKind::InvalidIndentation
        | ErrorKind::ExpectedBlockMappingKey
        | ErrorKind::ExpectedBlockSequenceEntry
        | ErrorKind::ExpectedDocumentStart => {
            let mut diagnostic = Diagnostic::error(&span, misaligned(error.kind()));
            if let Some(previous) = line_before(text, line.start) {
                let other = span_at(text, file, previous.start + previous.indent, previous.start + previous.text.len());
                if previous.indent != line.indent {
                    let side = if line.indent > previous.indent { "deeper" } else { "less deep" };
                    diagnostic = diagnostic
                        .related(&other, format!("the line before; this one is indented {side}"))
                        .hint("items of one mapping or list start in the same column");
                }
            }
            diagnostic
        }
        ErrorKind::SimpleKeyExpected | ErrorKind::InvalidSimpleKey => {
            Diagnostic::error(&span, "this line is neither `key: value` nor `- item`")
                .hint("text that goes on from the line before has to be indented deeper than its key")
        }
        ErrorKind::UnexpectedCharacter { character } => {
            let mut diagnostic = Diagnostic::error(&span, format!("a value can't begin with `{character}`"));
            if let Some(value) = &line.value {
                diagnostic = diagnostic.hint(format!("quote it: {}", quoted(&value.text)));
            }
            diagnostic
        }
        ErrorKind::UnclosedQuotedScalar => Diagnostic::error(&span, "the quote that opens here is never closed")
            .hint("inside single quotes a quote is written twice: 'it''s'"),
        ErrorKind::UnknownQuotedScalarEscape => Diagnostic::error(&span, "an unknown escape in double quotes")
            .hint("write a backslash as `\\\\`, or use single quotes, in which a backslash is just that"),
        ErrorKind::UnclosedFlowCollection { open } => {
            Diagnostic::error(&span, format!("this `{open}` is never closed"))
        }
        ErrorKind::MismatchedFlowCollectionEnd { open, close } => {
            Diagnostic::error(&span, format!("`{close}` does not close `{open}`"))
        }
        ErrorKind::UnexpectedEofFlowSequence | ErrorKind::ExpectedFlowSequenceSeparator => {
            Diagnostic::error(&span, "expected `,` or `]` in this list")
        }
        ErrorKind::UnexpectedEofFlowMapping
        | ErrorKind::UnexpectedEofImplicitFlowMapping
        | ErrorKind::ExpectedFlowMappingSeparator => Diagnostic::error(&span, "expected `,` or `}` in this mapping"),
        ErrorKind::BlockSequenceEntryNotAllowed => {
            Diagnostic::error(&span, "a list item can't stand on the line of its key")
                .hint("start the list on a line of its own")
        }
        ErrorKind::InvalidBlockScalarHeader => Diagnostic::error(&span, "text can't stand on the line of `|` or `>`")
            .hint("begin it on the next line, indented, or quote the value"),
        ErrorKind::InvalidColonPlacement => {
            Diagnostic::error(&span, "no key can stand here; is a `[` or a `{` above not closed?")
        }
        ErrorKind::RecursionLimitExceeded => Diagnostic::error(&span, "nested too deep"),
        kind => Diagnostic::error(&span, kind.to_string()),
    }
}

/// A mapping or a list where a key is expected: mostly a template without quotes.
pub(super) fn collection_as_key(key: &Source) -> Diagnostic {
    let file = &key.span.file;
    let text = file.text.as_str();
    let start = key.span.start as usize;
    let template = text.get(..start).and_then(|before| {
        unquoted_template(text, file, &line_around(text, before.len())).or_else(|| {
            // Inside `[...]` or `{...}` the value's end can't be told: it has its own commas and brackets.
            let opening =
                before.len().checked_sub(1).filter(|_| before.ends_with('{') && text[start..].starts_with('{'))?;
            let end = text[start..].find("}}").map_or(start + 1, |close| start + close + 2);
            let message = "a value that begins with `{{` has to be quoted";
            Some(Diagnostic::error(&span_at(text, file, opening, end), message).hint(format!(
                "write a quote before `{{{{` and one at the end of the value: \"{}\"",
                &text[opening..end]
            )))
        })
    });
    template.unwrap_or_else(|| {
        Diagnostic::error(&key.span, format!("{} can't be the key of a mapping", key.describe()))
            .hint("quote the key if it is meant as text")
    })
}

fn misaligned(kind: &ErrorKind) -> &'static str {
    match kind {
        ErrorKind::MappingValueNotAllowed => "no `key: value` can begin here",
        ErrorKind::ExpectedBlockMappingKey => "expected the next key of the mapping",
        ErrorKind::ExpectedBlockSequenceEntry => "expected the next `- item` of the list",
        ErrorKind::ExpectedDocumentStart => "the document has ended before this",
        _ => "this line's indentation fits none of the lines above",
    }
}

/// A line, and the value in it.
struct Line<'a> {
    /// Its first byte in the file.
    start: usize,
    text: &'a str,
    /// Its spaces in front.
    indent: usize,
    value: Option<Value>,
}

/// What follows `key: ` or `- ` in a line.
struct Value {
    /// Its first byte in the file.
    start: usize,
    text: String,
}

fn line_around(text: &str, at: usize) -> Line<'_> {
    let start = text[..at].rfind('\n').map_or(0, |newline| newline + 1);
    let end = text[at..].find('\n').map_or(text.len(), |newline| at + newline);
    let line = text[start..end].trim_end();
    let indent = line.len() - line.trim_start_matches(' ').len();
    let mut rest = indent;
    while let Some(item) = line[rest..].strip_prefix("- ") {
        rest = line.len() - item.trim_start().len();
    }
    let value = line[rest..]
        .find(": ")
        .map(|colon| rest + colon + 2)
        .filter(|_| !line[rest..].starts_with(['"', '\'', '{', '[']))
        .or_else(|| (rest > indent).then_some(rest))
        .map(|from| {
            let value = line[from..].trim_start();
            Value { start: start + line.len() - value.len(), text: value.to_owned() }
        });
    Line { start, text: line, indent, value }
}

/// The last line before this byte that holds something.
fn line_before(text: &str, start: usize) -> Option<Line<'_>> {
    let held = text[..start].trim_end();
    let (last, _) = held.char_indices().next_back()?;
    Some(line_around(text, last))
}

/// `"a" b`: a quote that is closed before the value ends.
fn ends_quote_early(value: &str) -> bool {
    let Some(quote) = value.chars().next().filter(|c| matches!(c, '"' | '\'')) else { return false };
    value[1..].find(quote).is_some_and(|close| {
        let rest = value[close + 2..].trim_start();
        !rest.is_empty() && !rest.starts_with('#')
    })
}

/// The line's value where it begins with `{{` and is not quoted.
fn unquoted_template(text: &str, file: &Arc<SourceFile>, line: &Line<'_>) -> Option<Diagnostic> {
    let value = line.value.as_ref().filter(|value| value.text.starts_with("{{"))?;
    let span = span_at(text, file, value.start, value.start + value.text.len());
    Some(
        Diagnostic::error(&span, "a value that begins with `{{` has to be quoted")
            .hint(format!("write it as {}", quoted(&value.text))),
    )
}

/// The text as a quoted scalar.
fn quoted(text: &str) -> String {
    if text.contains(['"', '\\']) { format!("'{}'", text.replace('\'', "''")) } else { format!("\"{text}\"") }
}

/// A span from its bytes.
pub(super) fn span_at(text: &str, file: &Arc<SourceFile>, start: usize, end: usize) -> Span {
    let before = &text[..start];
    let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
    let narrow = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
    Span {
        file: file.clone(),
        start: narrow(start),
        end: narrow(end),
        line: narrow(before.bytes().filter(|b| *b == b'\n').count() + 1),
        column: narrow(before[line_start..].trim_start_matches('\u{feff}').chars().count() + 1),
    }
}
