//! `plugin: generator`: hosts and groups from all combinations of layers.
//! <https://docs.ansible.com/ansible/latest/collections/ansible/builtin/generator_inventory.html>

use super::model::{GroupId, HostId, Roster};
use crate::diagnostic::{Diagnostic, Diagnostics, Span};
use crate::loader::Source;
use crate::playbook::one_or_more;
use crate::template::{Binding, NoVault, Scope, Settings, Surroundings, Templater};
use crate::vars::{Bindings, Layer};
use std::sync::Arc;

/// More hosts than this are a mistake in the layers.
const MOST: usize = 1_000_000;

/// Adds the hosts of all combinations.
pub(super) fn read(source: &Source, roster: &mut Roster) -> Result<(), Diagnostics> {
    let missing = |key: &str| Diagnostic::error(&source.span, format!("`generator` needs `{key}`"));
    let layers = source.get("layers").and_then(Source::as_map).ok_or_else(|| missing("layers"))?;
    let hosts = source.get("hosts").ok_or_else(|| missing("hosts"))?;
    let layers: Vec<(&str, Vec<&Source>)> =
        layers.iter().filter_map(|layer| Some((layer.key.as_str()?, one_or_more(&layer.value)))).collect();
    let count = layers.iter().try_fold(1usize, |count, (_, values)| count.checked_mul(values.len()));
    if count.is_none_or(|count| count > MOST) {
        return Err(Diagnostic::error(&source.span, format!("the layers make more than {MOST} hosts")).into());
    }
    let templater = Templater::new(Arc::new(NoVault), Settings::default());
    for mut number in 0..count.unwrap_or_default() {
        let mut names = Bindings::new();
        // The last layer turns fastest.
        for (name, values) in layers.iter().rev() {
            names.insert(Arc::from(*name), Binding::Source(values[number % values.len()].clone()));
            number /= values.len();
        }
        let scope = templater.scope(Arc::new(Layer::from(names)), Arc::new(Surroundings::default()));
        let name = hosts.get("name").ok_or_else(|| Diagnostic::error(&hosts.span, "`hosts` needs `name`"))?;
        let host =
            roster.add_host(&text(&scope, name)?).map_err(|error| Diagnostic::error(&name.span, error.to_string()))?;
        parents(&scope, hosts, Child::Host(host), roster)?;
    }
    Ok(())
}

#[derive(Clone, Copy)]
enum Child {
    Host(HostId),
    Group(GroupId),
}

/// Puts a host or a group into its groups, and those into theirs.
fn parents(scope: &Scope, source: &Source, child: Child, roster: &mut Roster) -> Result<(), Diagnostic> {
    for parent in source.get("parents").map(one_or_more).unwrap_or_default() {
        let name =
            parent.get("name").ok_or_else(|| Diagnostic::error(&parent.span, "an entry of `parents` needs `name`"))?;
        let wrong = |error: super::model::InventoryError, span: &Span| Diagnostic::error(span, error.to_string());
        let group = roster.add_group(&text(scope, name)?).map_err(|error| wrong(error, &name.span))?;
        for var in parent.get("vars").and_then(Source::as_map).unwrap_or_default() {
            let Some(key) = var.key.as_str() else { continue };
            let value = scope.value(&var.value).map_err(|error| *error.diagnostic)?;
            roster.set_group_var(group, key, Binding::Value(value));
        }
        match child {
            Child::Host(host) => roster.put_host(group, host),
            Child::Group(child) => roster.put_group(group, child).map_err(|error| wrong(error, &name.span))?,
        }
        parents(scope, parent, Child::Group(group), roster)?;
    }
    Ok(())
}

fn text(scope: &Scope, source: &Source) -> Result<String, Diagnostic> {
    scope.text(source).map_err(|error| *error.diagnostic)
}
