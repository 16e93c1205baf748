//! TOML as a [`Source`], with its places: for inventories.

use super::source::{Entry, Node, Source, Style};
use super::syntax::span_at;
use crate::diagnostic::{Diagnostic, Diagnostics, SourceFile, Span};
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;
use toml_edit::{Item, Table, TableLike, Value};

/// Reads a text of TOML as if it were this file's.
pub fn load_toml(path: &Path, text: String) -> Result<Source, Diagnostics> {
    let file = Arc::new(SourceFile { path: path.to_owned(), text });
    let document = toml_edit::Document::parse(file.text.as_str()).map_err(|error| {
        let at = error.span().unwrap_or(0..0);
        Diagnostics::from(Diagnostic::error(&place(&file, Some(at)), format!("no valid TOML: {}", error.message())))
    })?;
    let table: &Table = document.as_table();
    let whole = place(&file, Some(0..file.text.len()));
    Ok(Source { span: whole.clone(), node: map(table, &file, &whole) })
}

fn place(file: &Arc<SourceFile>, range: Option<Range<usize>>) -> Span {
    let length = file.text.len();
    let range = range.unwrap_or(0..0);
    span_at(&file.text, file, range.start.min(length), range.end.min(length))
}

fn map(table: &dyn TableLike, file: &Arc<SourceFile>, whole: &Span) -> Node {
    let entries = table.iter().filter(|(_, item)| !item.is_none()).map(|(name, item)| {
        let key_range = table.key(name).and_then(toml_edit::Key::span);
        let key_span = key_range.map_or_else(|| whole.clone(), |range| place(file, Some(range)));
        Entry { key: Source::text(&key_span, name), value: of_item(item, file, &key_span) }
    });
    Node::Map(entries.collect())
}

fn of_item(item: &Item, file: &Arc<SourceFile>, around: &Span) -> Source {
    let span = item.span().map_or_else(|| around.clone(), |range| place(file, Some(range)));
    let node = match item {
        Item::None => Node::Null,
        Item::Value(value) => return of_value(value, file, around),
        Item::Table(table) => map(table, file, around),
        Item::ArrayOfTables(tables) => {
            Node::Seq(tables.iter().map(|table| Source { span: span.clone(), node: map(table, file, &span) }).collect())
        }
    };
    Source { span, node }
}

fn of_value(value: &Value, file: &Arc<SourceFile>, around: &Span) -> Source {
    let span = value.span().map_or_else(|| around.clone(), |range| place(file, Some(range)));
    let node = match value {
        Value::String(text) => Node::Text(text.value().as_str().into(), Style::Double),
        Value::Integer(number) => Node::Int(*number.value()),
        Value::Float(number) => Node::Float(*number.value()),
        Value::Boolean(flag) => Node::Bool(*flag.value()),
        Value::Datetime(date) => Node::Text(date.value().to_string().into(), Style::Plain),
        Value::Array(items) => Node::Seq(items.iter().map(|item| of_value(item, file, &span)).collect()),
        Value::InlineTable(table) => map(table, file, &span),
    };
    Source { span, node }
}
