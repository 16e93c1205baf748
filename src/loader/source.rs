//! What the loader reads from a file: YAML whose scalars may be templates. It becomes a value by templating only.

use crate::diagnostic::Span;
use std::sync::Arc;

/// A piece of YAML with its place. Cheap to clone.
#[derive(Clone, Debug, PartialEq)]
pub struct Source {
    /// Where it stands.
    pub span: Span,
    /// What it is.
    pub node: Node,
}

/// What a piece of YAML is. Plain scalars are resolved by YAML 1.1's rules as PyYAML has them.
#[derive(Clone, Debug, PartialEq)]
pub enum Node {
    /// `null`, `~`, or nothing.
    Null,
    /// `yes`, `off`, `true`, ...
    Bool(bool),
    /// `42`, `0644`, `0x1f`, `22:22`, `1_000`.
    Int(i64),
    /// A whole number that `i64` does not hold, as decimal digits.
    BigInt(Arc<str>),
    /// `1.5`, `.inf`, `1.0e+3`.
    Float(f64),
    /// Text, which may be a template.
    Text(Arc<str>, Style),
    /// `!unsafe`: text that is never a template.
    Unsafe(Arc<str>),
    /// `!vault`: encrypted text; decrypted when it is used.
    Vault(Arc<str>),
    /// `[a, b]`.
    Seq(Arc<[Source]>),
    /// `{k: v}`, in the order of the file, merge keys resolved, of equal keys the last one.
    Map(Arc<[Entry]>),
}

/// A key with its value.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// The key: a scalar mostly.
    pub key: Source,
    /// The value.
    pub value: Source,
}

/// How text was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// `text`.
    Plain,
    /// `'text'`.
    Single,
    /// `"text"`.
    Double,
    /// `|` or `>`: its span starts at the first line of the content.
    Block,
}

impl Source {
    /// Text at a place, as if it had been written there quoted.
    pub fn text(span: &Span, text: impl Into<Arc<str>>) -> Source {
        Source { span: span.clone(), node: Node::Text(text.into(), Style::Double) }
    }

    /// The text, where it is text.
    pub fn as_str(&self) -> Option<&str> {
        match &self.node {
            Node::Text(text, _) | Node::Unsafe(text) => Some(text),
            _ => None,
        }
    }

    /// The items, where it is a sequence.
    pub fn as_seq(&self) -> Option<&[Source]> {
        match &self.node {
            Node::Seq(items) => Some(items),
            _ => None,
        }
    }

    /// The entries, where it is a mapping.
    pub fn as_map(&self) -> Option<&[Entry]> {
        match &self.node {
            Node::Map(entries) => Some(entries),
            _ => None,
        }
    }

    /// The value of a key, where it is a mapping that has it.
    pub fn get(&self, key: &str) -> Option<&Source> {
        self.as_map()?.iter().find(|entry| entry.key.as_str() == Some(key)).map(|entry| &entry.value)
    }

    /// Whether it is `null`.
    pub fn is_null(&self) -> bool {
        matches!(self.node, Node::Null)
    }

    /// What it is, for messages: "a mapping", "text", ...
    pub fn describe(&self) -> &'static str {
        match self.node {
            Node::Null => "nothing",
            Node::Bool(_) => "a boolean",
            Node::Int(_) | Node::BigInt(_) => "a whole number",
            Node::Float(_) => "a number",
            Node::Text(..) | Node::Unsafe(_) => "text",
            Node::Vault(_) => "encrypted text",
            Node::Seq(_) => "a list",
            Node::Map(_) => "a mapping",
        }
    }

    /// Whether any text in it has a template's marks (`{{`, `{%`, `{#`).
    pub fn has_template(&self) -> bool {
        match &self.node {
            Node::Text(text, _) => text.contains("{{") || text.contains("{%") || text.contains("{#"),
            Node::Seq(items) => items.iter().any(Source::has_template),
            Node::Map(entries) => entries.iter().any(|entry| entry.key.has_template() || entry.value.has_template()),
            _ => false,
        }
    }
}
