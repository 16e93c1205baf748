//! From the parser's events to [`Source`].

use super::scalar;
use super::source::{Entry, Node, Source, Style};
use super::syntax;
use crate::diagnostic::{Diagnostic, SourceFile, Span};
use granit_parser::{Event, Marker, Parser, ScalarStyle, Tag};
use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;

/// Aliases may not make a document larger than this many nodes: ten lines of aliases of aliases can stand for billions.
const MAX_ALIASED_NODES: u64 = 1_000_000;

/// Nor deeper than this; what is written out is limited by the parser.
const MAX_DEPTH: u32 = 400;

/// Reads a document. Warnings are added to `warnings`.
///
/// The file's own text may be missing: then it is secret, and no message shows any of it.
pub(super) fn build(
    text: &str,
    file: &Arc<SourceFile>,
    is_json: bool,
    warnings: &mut Vec<Diagnostic>,
) -> Result<Source, Diagnostic> {
    let options = granit_parser::options! {
        // As libyaml: "key: |\n  text" without a final line break has none in its value.
        block_scalar_eof_without_line_feed: true,
        emit_unresolved_aliases: true,
        emit_comments: false,
        simple_key_max_lookahead: if is_json { usize::MAX } else { 1024 },
    };
    let parser = Parser::new_from_str_with_options(text, options);
    let mut builder =
        Builder { file, is_json, warnings, frames: Vec::new(), anchors: HashMap::new(), root: None, aliased: 0 };
    for next in parser {
        match next {
            Ok((event, span)) => builder.take(event, span)?,
            Err(error) => return Err(syntax::explain(text, file, &error)),
        }
    }
    Ok(builder.root.unwrap_or_else(|| Source { span: place(file, Marker::new(0, 1, 0), 0), node: Node::Null }))
}

/// A node, and what it counts for.
#[derive(Clone)]
struct Built {
    source: Source,
    /// With all below it, aliases as if written out.
    nodes: u64,
    /// Of levels below it.
    depth: u32,
    /// It is the plain scalar `<<`.
    merges: bool,
}

/// A collection that is being read.
struct Frame {
    span: Span,
    tag: Option<(Tag, Span)>,
    anchor: usize,
    nodes: u64,
    depth: u32,
    items: Items,
}

enum Items {
    Seq(Vec<Source>),
    Map { entries: Vec<Entry>, merges: Vec<usize>, key: Option<Built> },
}

struct Builder<'a> {
    file: &'a Arc<SourceFile>,
    is_json: bool,
    warnings: &'a mut Vec<Diagnostic>,
    frames: Vec<Frame>,
    /// `None` while the anchored collection is still being read.
    anchors: HashMap<usize, Option<Built>>,
    root: Option<Source>,
    aliased: u64,
}

impl Builder<'_> {
    fn take(&mut self, event: Event<'_>, at: granit_parser::Span) -> Result<(), Diagnostic> {
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                let tag = tag.map(|tag| (tag.into_owned(), self.tag_span(&at)));
                let merges = text == "<<"
                    && match &tag {
                        None => style == ScalarStyle::Plain,
                        Some((tag, _)) => tag.suffix_in_namespace(CORE).as_deref() == Some("merge"),
                    };
                let source = self.scalar(text, style, tag, self.span(&at))?;
                let built = Built { source, nodes: 1, depth: 0, merges };
                if anchor != 0 {
                    self.anchors.insert(anchor, Some(built.clone()));
                }
                self.place(built)
            }
            Event::SequenceStart(_, anchor, tag) => {
                self.open(anchor, tag, &at, Items::Seq(Vec::new()));
                Ok(())
            }
            Event::MappingStart(_, anchor, tag) => {
                self.open(anchor, tag, &at, Items::Map { entries: Vec::new(), merges: Vec::new(), key: None });
                Ok(())
            }
            Event::SequenceEnd | Event::MappingEnd => self.close(&at),
            Event::Alias(anchor) => self.alias(anchor, &self.span(&at)),
            Event::UnresolvedAlias(_) if self.file.text.is_empty() => {
                Err(Diagnostic::error(&self.span(&at), "no anchor stands before this alias"))
            }
            Event::UnresolvedAlias(name) => Err(Diagnostic::error(
                &self.span(&at),
                format!("no anchor `&{name}` stands before this alias `*{name}`"),
            )
            .hint(format!("if it is meant as text, write it in quotes: '*{name}'"))),
            Event::DocumentStart(..) if self.root.is_some() => {
                Err(Diagnostic::error(&self.span(&at), "the file holds more than one YAML document; one is expected")
                    .hint("move what follows this `---` into a file of its own, or remove the `---`"))
            }
            _ => Ok(()),
        }
    }

    fn open(&mut self, anchor: usize, tag: Option<Cow<'_, Tag>>, at: &granit_parser::Span, items: Items) {
        if anchor != 0 {
            self.anchors.insert(anchor, None);
        }
        let tag = tag.map(|tag| (tag.into_owned(), self.tag_span(at)));
        self.frames.push(Frame { span: self.span(at), tag, anchor, nodes: 1, depth: 0, items });
    }

    fn close(&mut self, at: &granit_parser::Span) -> Result<(), Diagnostic> {
        let Some(frame) = self.frames.pop() else { return Ok(()) };
        let mut span = frame.span;
        let node = match frame.items {
            Items::Seq(items) => {
                span.end = end_of(at, items.last());
                Node::Seq(items.into())
            }
            Items::Map { entries, merges, .. } => {
                span.end = end_of(at, entries.last().map(|entry| &entry.value));
                Node::Map(self.merge(entries, &merges)?.into())
            }
        };
        let mut source = Source { span, node };
        if let Some((tag, tag_span)) = &frame.tag {
            source = tagged_collection(source, tag, tag_span)?;
        }
        let built = Built { source, nodes: frame.nodes, depth: frame.depth, merges: false };
        if frame.anchor != 0 {
            self.anchors.insert(frame.anchor, Some(built.clone()));
        }
        self.place(built)
    }

    fn alias(&mut self, anchor: usize, span: &Span) -> Result<(), Diagnostic> {
        let Some(Some(built)) = self.anchors.get(&anchor).cloned() else {
            return Err(Diagnostic::error(span, "this alias stands inside the very thing that it repeats"));
        };
        self.aliased += built.nodes;
        if self.aliased > MAX_ALIASED_NODES {
            return Err(Diagnostic::error(
                span,
                format!("the aliases of this file stand for more than {MAX_ALIASED_NODES} values"),
            )
            .related(&built.source.span, "what the last one repeats"));
        }
        self.place(built)
    }

    /// Puts a finished node where it belongs.
    fn place(&mut self, built: Built) -> Result<(), Diagnostic> {
        let Some(frame) = self.frames.last_mut() else {
            self.root = Some(built.source);
            return Ok(());
        };
        frame.nodes = frame.nodes.saturating_add(built.nodes);
        frame.depth = frame.depth.max(built.depth + 1);
        if frame.depth > MAX_DEPTH {
            return Err(Diagnostic::error(&built.source.span, format!("nested more than {MAX_DEPTH} levels deep")));
        }
        match &mut frame.items {
            Items::Seq(items) => items.push(built.source),
            Items::Map { entries, merges, key } => match key.take() {
                None => {
                    if matches!(built.source.node, Node::Seq(_) | Node::Map(_)) {
                        return Err(syntax::collection_as_key(&built.source));
                    }
                    *key = Some(built);
                }
                Some(key) => {
                    if key.merges {
                        merges.push(entries.len());
                    }
                    entries.push(Entry { key: key.source, value: built.source });
                }
            },
        }
        Ok(())
    }

    /// Resolves merge keys and keys that stand twice. The order is Python's: merged entries first, a key where it
    /// stands first, with the value that stands last.
    fn merge(&mut self, entries: Vec<Entry>, merges: &[usize]) -> Result<Vec<Entry>, Diagnostic> {
        let mut result: Vec<Entry> = Vec::with_capacity(entries.len());
        let mut index = Keys::new(entries.len());
        for &at in merges {
            let value = &entries[at].value;
            let sources: Vec<&Source> = match &value.node {
                Node::Map(_) => vec![value],
                // The first one wins: it is merged last.
                Node::Seq(items) => items.iter().rev().collect(),
                _ => return Err(bad_merge(value)),
            };
            for source in sources {
                for entry in source.as_map().ok_or_else(|| bad_merge(source))? {
                    match index.find(&result, &entry.key) {
                        Some(at) => result[at] = entry.clone(),
                        None => index.push(&mut result, entry.clone()),
                    }
                }
            }
        }
        let merged = result.len();
        let mut own = vec![false; merged];
        for (at, entry) in entries.into_iter().enumerate() {
            if merges.contains(&at) {
                continue;
            }
            match index.find(&result, &entry.key) {
                Some(at) => {
                    if own[at] {
                        self.warnings.push(
                            Diagnostic::error(
                                &entry.key.span,
                                format!("found a duplicate dict key ({}): this one counts", key_text(&entry.key)),
                            )
                            .warning()
                            .related(&result[at].key.span, "the first one"),
                        );
                    }
                    own[at] = true;
                    result[at] = entry;
                }
                None => {
                    own.push(true);
                    index.push(&mut result, entry);
                }
            }
        }
        Ok(result)
    }

    fn scalar(
        &self,
        text: Cow<'_, str>,
        style: ScalarStyle,
        tag: Option<(Tag, Span)>,
        mut span: Span,
    ) -> Result<Source, Diagnostic> {
        let written = match style {
            ScalarStyle::Plain => Style::Plain,
            ScalarStyle::SingleQuoted => Style::Single,
            ScalarStyle::DoubleQuoted => Style::Double,
            ScalarStyle::Literal | ScalarStyle::Folded => Style::Block,
        };
        let untagged = || {
            if written != Style::Plain {
                return Ok(Node::Text(text.as_ref().into(), written));
            }
            if self.is_json {
                return Ok(scalar::json(&text));
            }
            if text == "=" && self.at_key() {
                return Ok(Node::Text("=".into(), written));
            }
            scalar::plain(&text).ok_or_else(|| {
                Diagnostic::error(&span, "a lone `=` has a meaning of its own in YAML 1.1")
                    .hint("write it in quotes: \"=\"")
            })
        };
        let Some((tag, tag_span)) = tag else {
            let node = untagged()?;
            return Ok(Source { span, node });
        };
        let text_as_written = || Node::Text(text.as_ref().into(), written);
        let invalid = |what: &str| {
            Diagnostic::error(&span, format!("this is not {what}")).related(&tag_span, "the tag that says so")
        };
        let node = if let Some(suffix) = tag.suffix_in_namespace(CORE) {
            match suffix.as_ref() {
                "str" | "timestamp" | "merge" | "python/unicode" | "python/str" => text_as_written(),
                "int" => scalar::tagged_integer(&text).ok_or_else(|| invalid("a whole number"))?,
                "float" => scalar::tagged_float(&text).ok_or_else(|| invalid("a number"))?,
                "bool" => scalar::tagged_boolean(&text).ok_or_else(|| invalid("a boolean"))?,
                "null" => Node::Null,
                "seq" | "map" | "set" => return Err(wrong_kind(&tag, &tag_span, "text")),
                _ => return Err(unknown_tag(&tag, &tag_span)),
            }
        } else {
            match tag_name(&tag).as_str() {
                // The non-specific tag: PyYAML on libyaml resolves it as if it were not there.
                "!" => untagged()?,
                "!unsafe" => match untagged()? {
                    Node::Text(text, _) => Node::Unsafe(text),
                    other => other,
                },
                "!vault" | "!vault-encrypted" => {
                    if !text.trim_start().starts_with("$ANSIBLE_VAULT;") {
                        return Err(Diagnostic::error(&tag_span, "what follows `!vault` is not encrypted text").hint(
                            "it has to begin with `$ANSIBLE_VAULT;`, as ansible-vault encrypt_string prints it",
                        ));
                    }
                    // The tag's place: a message about it need not show the encrypted text.
                    span.start = tag_span.start;
                    span.line = tag_span.line;
                    span.column = tag_span.column;
                    Node::Vault(text.as_ref().into())
                }
                _ => return Err(unknown_tag(&tag, &tag_span)),
            }
        };
        Ok(Source { span, node })
    }

    /// Whether the next node is a mapping's key.
    fn at_key(&self) -> bool {
        matches!(self.frames.last(), Some(Frame { items: Items::Map { key: None, .. }, .. }))
    }

    fn span(&self, at: &granit_parser::Span) -> Span {
        place(self.file, at.start, at.end.byte_offset().unwrap_or(0))
    }

    fn tag_span(&self, at: &granit_parser::Span) -> Span {
        self.span(&at.tag_span().unwrap_or(*at))
    }
}

const CORE: &str = "tag:yaml.org,2002:";

/// The place that starts at a mark and ends before a byte.
pub(super) fn place(file: &Arc<SourceFile>, start: Marker, end: usize) -> Span {
    let narrow = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
    let first = narrow(start.byte_offset().unwrap_or(0));
    Span {
        file: file.clone(),
        start: first,
        end: narrow(end).max(first),
        line: narrow(start.line()),
        column: narrow(start.col() + 1),
    }
}

/// Where a collection ends: at its closing bracket; a block one where its last item does, not at the next token.
fn end_of(at: &granit_parser::Span, last: Option<&Source>) -> u32 {
    let range = at.byte_range().unwrap_or(0..0);
    match last {
        Some(last) if range.is_empty() => last.span.end,
        _ => u32::try_from(range.end).unwrap_or(u32::MAX),
    }
}

fn tagged_collection(source: Source, tag: &Tag, tag_span: &Span) -> Result<Source, Diagnostic> {
    if let Some(suffix) = tag.suffix_in_namespace(CORE) {
        return match (suffix.as_ref(), &source.node) {
            ("seq", Node::Seq(_)) | ("map", Node::Map(_)) => Ok(source),
            ("set", Node::Map(entries)) => {
                let keys: Vec<Source> = entries.iter().map(|entry| entry.key.clone()).collect();
                Ok(Source { span: source.span, node: Node::Seq(keys.into()) })
            }
            ("seq" | "map" | "set" | "str" | "int" | "float" | "bool" | "null", _) => {
                Err(wrong_kind(tag, tag_span, source.describe()))
            }
            _ => Err(unknown_tag(tag, tag_span)),
        };
    }
    match tag_name(tag).as_str() {
        "!" => Ok(source),
        "!unsafe" => Ok(unsafe_below(source)),
        "!vault" | "!vault-encrypted" => Err(wrong_kind(tag, tag_span, source.describe())),
        _ => Err(unknown_tag(tag, tag_span)),
    }
}

/// The same with all text in it made unsafe, keys too.
fn unsafe_below(source: Source) -> Source {
    let node = match source.node {
        Node::Text(text, _) => Node::Unsafe(text),
        Node::Seq(items) => Node::Seq(items.iter().cloned().map(unsafe_below).collect()),
        Node::Map(entries) => Node::Map(
            entries
                .iter()
                .map(|entry| Entry { key: unsafe_below(entry.key.clone()), value: unsafe_below(entry.value.clone()) })
                .collect(),
        ),
        other => other,
    };
    Source { span: source.span, node }
}

/// `!vault`, `!unsafe`, `!`.
fn tag_name(tag: &Tag) -> String {
    format!("{}{}", tag.handle(), tag.suffix())
}

fn unknown_tag(tag: &Tag, span: &Span) -> Diagnostic {
    let name = tag.original();
    Diagnostic::error(span, format!("unknown tag `{name}`"))
        .hint("known are !vault, !unsafe, !!str, !!int, !!float, !!bool, !!null, !!seq, !!map and !!set")
        .hint("text that begins with `!` has to be quoted")
}

fn wrong_kind(tag: &Tag, span: &Span, found: &str) -> Diagnostic {
    Diagnostic::error(span, format!("the tag `{}` can't stand before {found}", tag.original()))
}

fn bad_merge(value: &Source) -> Diagnostic {
    let message = format!("the merge key `<<` takes a mapping or a list of mappings, not {}", value.describe());
    Diagnostic::error(&value.span, message).hint("merge an anchored mapping: `<<: *defaults`")
}

/// A key as a message shows it.
fn key_text(key: &Source) -> String {
    match &key.node {
        Node::Text(text, _) | Node::Unsafe(text) | Node::BigInt(text) => text.to_string(),
        Node::Null => "null".to_owned(),
        Node::Bool(value) => value.to_string(),
        Node::Int(number) => number.to_string(),
        Node::Float(number) => number.to_string(),
        Node::Vault(_) | Node::Seq(_) | Node::Map(_) => key.describe().to_owned(),
    }
}

/// Finds keys that are equal in Python's sense, where `1`, `true` and `1.0` are one key.
enum Keys {
    /// Few: they are compared one by one.
    Few,
    /// Many.
    Many(HashMap<KeyId, usize>),
}

#[derive(PartialEq, Eq, Hash)]
enum KeyId {
    Null,
    Int(i64),
    Float(u64),
    Text(Arc<str>),
}

impl Keys {
    fn new(expected: usize) -> Keys {
        if expected > 12 { Keys::Many(HashMap::with_capacity(expected)) } else { Keys::Few }
    }

    fn find(&self, entries: &[Entry], key: &Source) -> Option<usize> {
        match self {
            Keys::Few => {
                let id = KeyId::of(key);
                entries.iter().position(|entry| KeyId::of(&entry.key) == id)
            }
            Keys::Many(index) => index.get(&KeyId::of(key)).copied(),
        }
    }

    fn push(&mut self, entries: &mut Vec<Entry>, entry: Entry) {
        if let Keys::Many(index) = self {
            index.insert(KeyId::of(&entry.key), entries.len());
        }
        entries.push(entry);
    }
}

impl KeyId {
    fn of(key: &Source) -> KeyId {
        match &key.node {
            Node::Bool(value) => KeyId::Int(i64::from(*value)),
            Node::Int(number) => KeyId::Int(*number),
            #[expect(clippy::cast_possible_truncation, reason = "compared with the original below")]
            Node::Float(number) if (*number as i64) as f64 == *number => KeyId::Int(*number as i64),
            Node::Float(number) => KeyId::Float(number.to_bits()),
            Node::Text(text, _) | Node::Unsafe(text) | Node::Vault(text) | Node::BigInt(text) => {
                KeyId::Text(text.clone())
            }
            Node::Null | Node::Seq(_) | Node::Map(_) => KeyId::Null,
        }
    }
}
