//! Inventories in TOML form: those in YAML form, but for the children of a group, which are a list.

use super::model::Roster;
use super::yaml;
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::loader::{Entry, Node, Source};

/// Adds what a document holds.
pub(super) fn read(source: &Source, roster: &mut Roster) -> Result<Vec<Diagnostic>, Diagnostics> {
    let groups = source.as_map().unwrap_or_default().iter();
    let groups = groups.map(|group| Entry { key: group.key.clone(), value: with_children(&group.value) });
    yaml::read(&Source { span: source.span.clone(), node: Node::Map(groups.collect()) }, roster)
}

/// A group whose children are keys.
fn with_children(group: &Source) -> Source {
    let Some(parts) = group.as_map() else { return group.clone() };
    let parts = parts.iter().map(|part| {
        let names = part.value.as_seq().filter(|_| part.key.as_str() == Some("children"));
        let Some(names) = names else { return part.clone() };
        let nothing =
            |name: &Source| Entry { key: name.clone(), value: Source { span: name.span.clone(), node: Node::Null } };
        let children = Source { span: part.value.span.clone(), node: Node::Map(names.iter().map(nothing).collect()) };
        Entry { key: part.key.clone(), value: children }
    });
    Source { span: group.span.clone(), node: Node::Map(parts.collect()) }
}
