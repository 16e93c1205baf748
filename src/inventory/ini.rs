//! Inventories in INI form.

use super::address::split_port;
use super::model::{GroupId, Roster};
use super::python_literal::value;
use super::range::expand;
use super::words::split;
use crate::diagnostic::{Diagnostic, Diagnostics, SourceFile, Span, did_you_mean};
use crate::loader::{Node, Source};
use crate::template::Binding;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Adds what a text holds, whose places are in this file. Everything that is wrong in it is reported.
pub(super) fn read(text: &str, file: &Arc<SourceFile>, roster: &mut Roster) -> Result<(), Diagnostics> {
    let mut reader = Reader {
        file,
        roster,
        section: Section::Hosts(Roster::UNGROUPED),
        waiting: BTreeMap::new(),
        undefined: BTreeMap::new(),
        errors: Diagnostics::default(),
    };
    let mut start = 0;
    for (number, line) in text.split_inclusive('\n').enumerate() {
        let bom = if number == 0 && line.starts_with('\u{feff}') { '\u{feff}'.len_utf8() } else { 0 };
        reader.line(&Line { file, number, start, text: line.trim_end(), offset: bom });
        start += line.len();
    }
    reader.end()
}

/// What the lines of a section are.
#[derive(Clone, Copy)]
enum Section {
    Hosts(GroupId),
    Children(GroupId),
    Vars(GroupId),
    /// After a header that was wrong: its lines are left out.
    Unknown,
}

struct Reader<'a> {
    file: &'a Arc<SourceFile>,
    roster: &'a mut Roster,
    section: Section,
    /// Groups that were named as children and not seen yet, with where they belong.
    waiting: BTreeMap<String, Vec<(GroupId, Span)>>,
    /// Groups of which only variables were seen yet.
    undefined: BTreeMap<String, Span>,
    errors: Diagnostics,
}

/// A line of the file.
struct Line<'a> {
    file: &'a Arc<SourceFile>,
    /// From 0.
    number: usize,
    /// Its first byte in the file.
    start: usize,
    text: &'a str,
    /// Bytes in front that are not content.
    offset: usize,
}

impl Line<'_> {
    fn span(&self, from: usize, to: usize) -> Span {
        let narrow = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
        Span {
            file: self.file.clone(),
            start: narrow(self.start + from),
            end: narrow(self.start + to),
            line: narrow(self.number + 1),
            column: narrow(self.text[self.offset.min(from)..from].chars().count() + 1),
        }
    }

    /// A part of the text that was cut from it.
    fn span_of(&self, part: &str) -> Span {
        let from = part.as_ptr() as usize - self.text.as_ptr() as usize;
        self.span(from, from + part.len())
    }
}

impl Reader<'_> {
    fn line(&mut self, line: &Line<'_>) {
        let content = line.text[line.offset..].trim();
        if content.is_empty() || content.starts_with(['#', ';']) {
            return;
        }
        if content.starts_with('[') && is_header(content) {
            self.header(line, content);
            return;
        }
        let result = match self.section {
            Section::Hosts(group) => self.hosts(line, content, group),
            Section::Children(group) => self.child(line, content, group),
            Section::Vars(group) => self.variable(line, content, group),
            Section::Unknown => Ok(()),
        };
        if let Err(error) = result {
            self.errors.push(error);
        }
    }

    fn header(&mut self, line: &Line<'_>, content: &str) {
        self.section = self.section_of(line, content).unwrap_or_else(|error| {
            self.errors.push(error);
            Section::Unknown
        });
    }

    fn section_of(&mut self, line: &Line<'_>, content: &str) -> Result<Section, Diagnostic> {
        let inner = content[1..].split(']').next().unwrap_or_default();
        let (name, kind) = inner.split_once(':').map_or((inner, None), |(name, kind)| (name, Some(kind)));
        let span = line.span_of(inner);
        if name.is_empty() || name.contains(char::is_whitespace) {
            return Err(Diagnostic::error(&span, format!("`[{inner}]` is no section"))
                .hint("a section is [group], [group:vars] or [group:children], without spaces"));
        }
        let vars_only = kind == Some("vars") && self.roster.find_group(name).is_none();
        let group = self.roster.add_group(name).map_err(|error| Diagnostic::error(&span, error.to_string()))?;
        if vars_only {
            self.undefined.insert(name.to_owned(), span.clone());
        }
        if kind != Some("vars") {
            self.undefined.remove(name);
            for (parent, place) in self.waiting.remove(name).unwrap_or_default() {
                self.put(parent, group, &place);
            }
        }
        match kind {
            None => Ok(Section::Hosts(group)),
            Some("children") => Ok(Section::Children(group)),
            Some("vars") => Ok(Section::Vars(group)),
            Some(kind) => {
                let diagnostic = Diagnostic::error(&span, format!("`{kind}` is no kind of section"));
                let hint = did_you_mean(kind, ["vars", "children"]);
                Err(diagnostic
                    .hint(hint.unwrap_or_else(|| "a section is [group], [group:vars] or [group:children]".to_owned())))
            }
        }
    }

    fn put(&mut self, parent: GroupId, child: GroupId, place: &Span) {
        if let Err(error) = self.roster.put_group(parent, child) {
            self.errors.push(Diagnostic::error(place, error.to_string()));
        }
    }

    fn hosts(&mut self, line: &Line<'_>, content: &str, group: GroupId) -> Result<(), Diagnostic> {
        let base = content.as_ptr() as usize - line.text.as_ptr() as usize;
        let words = split(content)
            .map_err(|at| Diagnostic::error(&line.span(base + at, base + at + 1), "this quote is never closed"))?;
        let Some((name, assignments)) = words.split_first() else { return Ok(()) };
        let name_span = line.span(base + name.range.start, base + name.range.end);
        if name.text.ends_with(':') {
            return Err(Diagnostic::error(
                &name_span,
                format!("a host's name can't end with a colon: `{}`", name.text),
            )
            .hint("if the file is meant to be YAML, end its name in .yml"));
        }
        let (pattern, port) = split_port(&name.text);
        let names = if super::address::is_ipv6(pattern) { Ok(vec![pattern.to_owned()]) } else { expand(pattern) };
        let names = names.map_err(|error| Diagnostic::error(&name_span, error))?;
        let mut vars: Vec<(Arc<str>, Binding)> = Vec::with_capacity(assignments.len() + 1);
        if let Some(port) = port {
            let source = Source { span: name_span.clone(), node: Node::Int(i64::from(port)) };
            vars.push(("ansible_port".into(), Binding::Source(source)));
        }
        for word in assignments {
            let span = line.span(base + word.range.start, base + word.range.end);
            let Some((key, text)) = word.text.split_once('=').filter(|(key, _)| !key.trim().is_empty()) else {
                return Err(Diagnostic::error(
                    &span,
                    format!("expected `variable=value` after the host, not `{}`", word.text),
                )
                .hint("quote a value that has spaces: variable=\"a b\"; each host has a line of its own"));
            };
            // The value's own place, where nothing before it was quoted.
            let written = &line.text[base + word.range.start..base + word.range.end];
            let value_at = if written.starts_with(&format!("{key}=")) { key.len() + 1 } else { 0 };
            let value_span = line.span(base + word.range.start + value_at, base + word.range.end);
            vars.push((key.into(), Binding::Source(value(text, &value_span))));
        }
        for name in names {
            let host = self.roster.add_host(&name).map_err(|error| Diagnostic::error(&name_span, error.to_string()))?;
            self.roster.put_host(group, host);
            for (key, value) in &vars {
                self.roster.set_host_var(host, key.clone(), value.clone());
            }
        }
        Ok(())
    }

    fn child(&mut self, line: &Line<'_>, content: &str, parent: GroupId) -> Result<(), Diagnostic> {
        let name = content.split('#').next().unwrap_or_default().trim();
        let span = line.span_of(name);
        if name.contains(char::is_whitespace) || name.contains('=') {
            return Err(Diagnostic::error(&span, format!("expected the name of a group, not `{name}`")));
        }
        match self.roster.find_group(name).filter(|_| !self.undefined.contains_key(name)) {
            Some(child) => self.put(parent, child, &span),
            None => self.waiting.entry(name.to_owned()).or_default().push((parent, span)),
        }
        Ok(())
    }

    fn variable(&mut self, line: &Line<'_>, content: &str, group: GroupId) -> Result<(), Diagnostic> {
        let pair = content.split_once('=').map(|(key, text)| (key.trim(), text.trim()));
        let Some((key, text)) = pair.filter(|(key, _)| !key.is_empty()) else {
            let diagnostic =
                Diagnostic::error(&line.span_of(content), format!("expected `variable=value`, not `{content}`"));
            return Err(match content.split_once(':') {
                Some((key, text)) => diagnostic.hint(format!("write it as {}={}", key.trim(), text.trim())),
                None => diagnostic,
            });
        };
        let source = value(text, &line.span_of(text));
        self.roster.set_group_var(group, key, Binding::Source(source));
        Ok(())
    }

    fn end(mut self) -> Result<(), Diagnostics> {
        let known: Vec<String> = self.roster.groups().map(|group| self.roster.group(group).name.to_string()).collect();
        let missing = self.waiting.iter().flat_map(|(name, places)| places.iter().map(move |(_, span)| (name, span)));
        for (name, span) in missing.chain(&self.undefined) {
            let message = format!("no group `{name}` is defined in {}", self.file.path.display());
            let others = known.iter().map(String::as_str).filter(|other| other != name);
            let hint =
                did_you_mean(name, others).unwrap_or_else(|| format!("add a section [{name}], which may be empty"));
            self.errors.push(Diagnostic::error(span, message).hint(hint));
        }
        if self.errors.0.is_empty() { Ok(()) } else { Err(self.errors) }
    }
}

/// Whether a line that begins with `[` is a section's header, not a host such as `[2001:db8::1]:22` or `[a:c].example.com`.
fn is_header(content: &str) -> bool {
    content.split_once(']').is_some_and(|(_, after)| {
        after.is_empty() || after.trim_start().starts_with('#') && after.starts_with([' ', '\t', '#'])
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn errors(text: &str) -> Vec<String> {
        let file = Arc::new(SourceFile { path: "hosts".into(), text: text.to_owned() });
        let mut roster = Roster::new();
        let errors = read(&file.text, &file, &mut roster).err().unwrap_or_default();
        errors.0.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn each_mistake_is_said_with_its_place() {
        let cases = [
            (
                "[g:foo]\nh\n",
                "hosts:1:2: `foo` is no kind of section\n  hint: a section is [group], [group:vars] or [group:children]",
            ),
            ("[g:var]\n", "hosts:1:2: `var` is no kind of section\n  hint: did you mean `vars`?"),
            ("[web]\n[wbe:vars]\nx=1\n", "hosts:2:2: no group `wbe` is defined in hosts\n  hint: did you mean `web`?"),
            (
                "[g:children]\nnope\n",
                "hosts:2:1: no group `nope` is defined in hosts\n  hint: add a section [nope], which may be empty",
            ),
            ("[all:vars]\nx: 1\n", "hosts:2:1: expected `variable=value`, not `x: 1`\n  hint: write it as x=1"),
            (
                "[g]\nh a\n",
                "hosts:2:3: expected `variable=value` after the host, not `a`\n  hint: quote a value that has spaces: variable=\"a b\"; each host has a line of its own",
            ),
            ("[g]\nh a=\"x\n", "hosts:2:5: this quote is never closed"),
            (
                "[g x]\nh\n",
                "hosts:1:2: `[g x]` is no section\n  hint: a section is [group], [group:vars] or [group:children], without spaces",
            ),
            ("[a:children]\nb\n[b:children]\na\n", "hosts:4:1: the group `a` can't be in `b`, because `b` is in `a`"),
            (
                "ö h[1:x]\n",
                "hosts:1:3: expected `variable=value` after the host, not `h[1:x]`\n  hint: quote a value that has spaces: variable=\"a b\"; each host has a line of its own",
            ),
            ("  h[1:x]\n", "hosts:1:3: `x` in `[1:x]` is neither a number nor a letter"),
            (
                "host1:\n",
                "hosts:1:1: a host's name can't end with a colon: `host1:`\n  hint: if the file is meant to be YAML, end its name in .yml",
            ),
        ];
        for (text, expected) in cases {
            assert_eq!(errors(text), [expected], "{text}");
        }
        assert_eq!(errors("[g\nh a\n[:vars]\nx=1\nh b").len(), 3);
    }

    #[test]
    fn a_value_knows_its_place() {
        let text = "\u{feff}h a=1 b='x y'\n[all:vars]\n c = é\n";
        let file = Arc::new(SourceFile { path: "hosts".into(), text: text.to_owned() });
        let mut roster = Roster::new();
        read(&file.text, &file, &mut roster).unwrap();
        let place = |binding: Option<&Binding>| match binding {
            Some(Binding::Source(source)) => {
                (source.span.place(), text[source.span.start as usize..source.span.end as usize].to_owned())
            }
            other => panic!("{other:?}"),
        };
        let host = roster.host(roster.find_host("h").unwrap());
        assert_eq!(place(host.vars.get("a")), ("hosts:1:5".into(), "1".into()));
        assert_eq!(place(host.vars.get("b")), ("hosts:1:9".into(), "'x y'".into()));
        let all = roster.group(Roster::ALL);
        assert_eq!(place(all.vars.get("c")), ("hosts:3:6".into(), "é".into()));
    }
}
