//! Inventories in YAML form, and JSON of the same shape.

use super::address::{is_ipv6, split_port};
use super::model::{GroupId, Roster};
use super::range::expand;
use crate::diagnostic::{Diagnostic, Diagnostics, did_you_mean};
use crate::loader::{Entry, Node, Source};
use crate::template::Binding;
use std::sync::Arc;

/// Adds what a document holds: a mapping of groups. Everything that is wrong in it is reported.
pub(super) fn read(source: &Source, roster: &mut Roster) -> Result<Vec<Diagnostic>, Diagnostics> {
    let mut reader = Reader { roster, errors: Diagnostics::default(), warnings: Vec::new() };
    match source.as_map() {
        Some(entries) => {
            for entry in entries {
                reader.group(entry, None);
            }
        }
        None => {
            let message = format!("an inventory is a mapping of groups, not {}", source.describe());
            reader.errors.push(Diagnostic::error(&source.span, message));
        }
    }
    if reader.errors.0.is_empty() { Ok(reader.warnings) } else { Err(reader.errors) }
}

struct Reader<'a> {
    roster: &'a mut Roster,
    errors: Diagnostics,
    warnings: Vec<Diagnostic>,
}

const PARTS: [&str; 3] = ["vars", "children", "hosts"];

impl Reader<'_> {
    fn group(&mut self, entry: &Entry, parent: Option<GroupId>) {
        let Some(name) = key_text(&entry.key) else {
            let message = format!("the name of a group is text, not {}", entry.key.describe());
            self.errors.push(Diagnostic::error(&entry.key.span, message));
            return;
        };
        let added = self
            .roster
            .add_group(&name)
            .and_then(|group| parent.map_or(Ok(()), |parent| self.roster.put_group(parent, group)).map(|()| group));
        let group = match added {
            Ok(group) => group,
            Err(error) => {
                self.errors.push(Diagnostic::error(&entry.key.span, error.to_string()));
                return;
            }
        };
        if entry.value.is_null() {
            return;
        }
        let Some(parts) = entry.value.as_map() else {
            let message = format!(
                "the group `{name}` is a mapping of `hosts`, `vars` and `children`, not {}",
                entry.value.describe()
            );
            self.errors.push(Diagnostic::error(&entry.value.span, message));
            return;
        };
        for part in parts.iter().filter(|part| !part.key.as_str().is_some_and(|key| PARTS.contains(&key))) {
            let key = key_text(&part.key).unwrap_or_default();
            let message =
                format!("`{key}` in the group `{name}` has no effect: a group has `hosts`, `vars` and `children`");
            let hint = did_you_mean(&key, PARTS).unwrap_or_else(|| {
                "put a host below `hosts`, a group below `children`, a variable below `vars`".to_owned()
            });
            self.warnings.push(Diagnostic::error(&part.key.span, message).warning().hint(hint));
        }
        // In the order of the file: it is that of the hosts.
        for part in parts.iter() {
            let add = match part.key.as_str() {
                Some("vars") => Reader::variable,
                Some("children") => Reader::child,
                Some("hosts") => Reader::host,
                _ => continue,
            };
            for entry in self.entries(part, &name) {
                add(self, &entry, group);
            }
        }
    }

    /// The entries of a part of a group. Text stands for itself as the only key.
    fn entries(&mut self, part: &Entry, name: &str) -> Vec<Entry> {
        let Entry { key, value: source } = part;
        let part = key.as_str().unwrap_or_default();
        match &source.node {
            Node::Null => Vec::new(),
            Node::Map(entries) => entries.to_vec(),
            Node::Text(..) if part != "vars" => {
                vec![Entry { key: source.clone(), value: Source { span: source.span.clone(), node: Node::Null } }]
            }
            _ => {
                let message = format!("`{part}` of the group `{name}` is a mapping, not {}", source.describe());
                let diagnostic = Diagnostic::error(&source.span, message);
                self.errors.push(match &source.node {
                    Node::Seq(_) => diagnostic.hint("write each item as a key: `name:` instead of `- name`"),
                    _ => diagnostic,
                });
                Vec::new()
            }
        }
    }

    fn variable(&mut self, entry: &Entry, group: GroupId) {
        if let Some(name) = self.variable_name(&entry.key) {
            self.roster.set_group_var(group, name, Binding::Source(entry.value.clone()));
        }
    }

    fn variable_name(&mut self, key: &Source) -> Option<Arc<str>> {
        let name = key_text(key);
        if name.is_none() {
            self.errors
                .push(Diagnostic::error(&key.span, format!("a variable's name is text, not {}", key.describe())));
        }
        name
    }

    fn child(&mut self, entry: &Entry, group: GroupId) {
        self.group(entry, Some(group));
    }

    fn host(&mut self, entry: &Entry, group: GroupId) {
        let span = &entry.key.span;
        let Some(name) = entry.key.as_str().map(str::to_owned) else {
            let written = key_text(&entry.key).unwrap_or_else(|| entry.key.describe().into());
            let problem = Diagnostic::error(span, format!("Host pattern {written} must be a string"));
            self.errors.push(problem.hint("put it in quotes, if it is the host's name"));
            return;
        };
        let (pattern, port) = split_port(&name);
        let names = if is_ipv6(pattern) { Ok(vec![pattern.to_owned()]) } else { expand(pattern) };
        let names = match names {
            Ok(names) => names,
            Err(error) => {
                self.errors.push(Diagnostic::error(span, error));
                return;
            }
        };
        let vars: &[Entry] = match &entry.value.node {
            Node::Null => &[],
            Node::Map(entries) => entries,
            _ => {
                let message = format!("the host `{name}` is a mapping of variables, not {}", entry.value.describe());
                self.errors.push(Diagnostic::error(&entry.value.span, message));
                return;
            }
        };
        let mut bindings: Vec<(Arc<str>, Binding)> = Vec::with_capacity(vars.len() + 1);
        if let Some(port) = port {
            let source = Source { span: span.clone(), node: Node::Int(i64::from(port)) };
            bindings.push(("ansible_port".into(), Binding::Source(source)));
        }
        for var in vars {
            let Some(name) = self.variable_name(&var.key) else { continue };
            bindings.push((name, Binding::Source(var.value.clone())));
        }
        for name in names {
            match self.roster.add_host(&name) {
                Ok(host) => {
                    self.roster.put_host(group, host);
                    for (name, value) in &bindings {
                        self.roster.set_host_var(host, name.clone(), value.clone());
                    }
                }
                Err(error) => self.errors.push(Diagnostic::error(span, error.to_string())),
            }
        }
    }
}

/// A key as text: names may be numbers.
fn key_text(key: &Source) -> Option<Arc<str>> {
    match &key.node {
        Node::Text(text, _) | Node::Unsafe(text) | Node::BigInt(text) => Some(text.clone()),
        Node::Int(number) => Some(number.to_string().into()),
        Node::Float(number) => Some(number.to_string().into()),
        Node::Bool(value) => Some(if *value { "True" } else { "False" }.into()),
        Node::Null | Node::Vault(_) | Node::Seq(_) | Node::Map(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::loader::load_text;

    fn load(text: &str) -> Result<Vec<Diagnostic>, Diagnostics> {
        let source = load_text("hosts.yml".as_ref(), text.to_owned()).unwrap().source;
        read(&source, &mut Roster::new())
    }

    #[test]
    fn each_mistake_is_said_with_its_place() {
        let cases = [
            ("- a\n", "hosts.yml:1:1: an inventory is a mapping of groups, not a list"),
            (
                "all:\n  hosts:\n    - h1\n",
                "hosts.yml:3:5: `hosts` of the group `all` is a mapping, not a list\n  hint: write each item as a key: `name:` instead of `- name`",
            ),
            ("all: [h]\n", "hosts.yml:1:6: the group `all` is a mapping of `hosts`, `vars` and `children`, not a list"),
            ("all: {hosts: {h: 3}}\n", "hosts.yml:1:18: the host `h` is a mapping of variables, not a whole number"),
            (
                "a: {children: {b: {children: {a: }}}}\n",
                "hosts.yml:1:31: the group `a` can't be in `b`, because `b` is in `a`",
            ),
            ("all: {hosts: {'h[1:x]': }}\n", "hosts.yml:1:15: `x` in `[1:x]` is neither a number nor a letter"),
        ];
        for (text, expected) in cases {
            assert_eq!(load(text).unwrap_err().to_string(), expected, "{text}");
        }
    }

    #[test]
    fn a_key_that_has_no_effect_is_warned_about() {
        let warnings = load("all:\n  host: {h: }\n  web: {}\n").unwrap();
        let texts: Vec<String> = warnings.iter().map(ToString::to_string).collect();
        assert!(texts[0].starts_with("hosts.yml:2:3: `host` in the group `all` has no effect"), "{texts:?}");
        assert!(texts[0].ends_with("did you mean `hosts`?"), "{texts:?}");
        assert!(texts[1].contains("a group below `children`"), "{texts:?}");
    }
}
