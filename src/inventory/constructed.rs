//! `plugin: constructed`: variables and groups that follow from the variables of the hosts read so far.
//! <https://docs.ansible.com/ansible/latest/collections/ansible/builtin/constructed_inventory.html>

use super::model::{HostId, InventoryError, Roster, VarMap};
use crate::diagnostic::{Diagnostic, Diagnostics, Span, did_you_mean};
use crate::loader::{Node, Source};
use crate::template::{Binding, NoVault, Scope, Settings, Surroundings, Templater, Truth, Value};
use crate::vars::Layer;
use std::sync::Arc;

const OPTIONS: [&str; 9] = [
    "plugin",
    "strict",
    "compose",
    "groups",
    "keyed_groups",
    "use_vars_plugins",
    "use_extra_vars",
    "leading_separator",
    "cache",
];

/// Adds what the configuration says of each host.
pub(super) fn read(source: &Source, roster: &mut Roster) -> Result<Vec<Diagnostic>, Diagnostics> {
    let mut warnings = Vec::new();
    for entry in source.as_map().unwrap_or_default() {
        let key = entry.key.as_str().unwrap_or_default();
        if matches!(key, "use_vars_plugins" | "use_extra_vars") && entry.value.node == Node::Bool(true) {
            let message = format!("`{key}` has no effect here: only variables of inventories are looked at");
            warnings.push(Diagnostic::error(&entry.key.span, message).warning());
        } else if !OPTIONS.contains(&key) {
            let problem = Diagnostic::error(&entry.key.span, format!("`constructed` has no option `{key}`")).warning();
            warnings.push(did_you_mean(key, OPTIONS).into_iter().fold(problem, Diagnostic::hint));
        }
    }
    let flag = |key: &str, otherwise: bool| match source.get(key).map(|value| &value.node) {
        Some(Node::Bool(flag)) => *flag,
        _ => otherwise,
    };
    let rules = Rules {
        source,
        strict: flag("strict", false),
        leading_separator: flag("leading_separator", true),
        templater: Templater::new(Arc::new(NoVault), Settings::default()),
    };
    // The order of groups, by which their variables count, follows from all of them.
    roster.settle();
    let hosts: Vec<HostId> = roster.hosts().collect();
    for host in hosts {
        rules.compose(host, roster)?;
        rules.groups(host, roster)?;
        rules.keyed_groups(host, roster)?;
    }
    Ok(warnings)
}

struct Rules<'a> {
    source: &'a Source,
    strict: bool,
    leading_separator: bool,
    templater: Arc<Templater>,
}

impl Rules<'_> {
    /// Templates with a host's variables.
    fn scope(&self, host: HostId, roster: &Roster) -> Scope {
        let mut all = VarMap::default();
        for group in [Roster::ALL].into_iter().chain(roster.groups_of(host)) {
            all.extend(roster.group(group).vars.iter().map(|(name, value)| (name.clone(), value.clone())));
        }
        let own = roster.host(host);
        all.extend(own.vars.iter().map(|(name, value)| (name.clone(), value.clone())));
        let short = own.name.split('.').next().unwrap_or(&own.name);
        let groups = roster.group_names(host).iter().map(|name| Value::from(name.to_string())).collect::<Vec<_>>();
        for (name, value) in [
            ("inventory_hostname", Value::from(own.name.to_string())),
            ("inventory_hostname_short", Value::from(short)),
            ("group_names", Value::from(groups)),
        ] {
            all.insert(Arc::from(name), Binding::Value(value));
        }
        self.templater.scope(Arc::new(Layer::Names(Arc::new(all))), Arc::new(Surroundings::default()))
    }

    /// The value of an expression; nothing where it has none and that does not matter.
    fn value(&self, scope: &Scope, expression: &Source) -> Result<Option<Value>, Diagnostic> {
        let value = match expression.as_str() {
            Some(text) => scope.expression(text, &expression.span),
            None => scope.value(expression),
        };
        match value {
            Ok(value) => Ok(Some(value)),
            Err(error) => self.lenient(*error.diagnostic),
        }
    }

    fn lenient<T>(&self, problem: Diagnostic) -> Result<Option<T>, Diagnostic> {
        if self.strict { Err(problem) } else { Ok(None) }
    }

    /// `compose`: variables.
    fn compose(&self, host: HostId, roster: &mut Roster) -> Result<(), Diagnostic> {
        for entry in self.source.get("compose").and_then(Source::as_map).unwrap_or_default() {
            let Some(name) = entry.key.as_str() else { continue };
            let scope = self.scope(host, roster);
            if let Some(value) = self.value(&scope, &entry.value)? {
                roster.set_host_var(host, name, Binding::Value(value));
            }
        }
        Ok(())
    }

    /// `groups`: by conditions.
    fn groups(&self, host: HostId, roster: &mut Roster) -> Result<(), Diagnostic> {
        let scope = self.scope(host, roster);
        for entry in self.source.get("groups").and_then(Source::as_map).unwrap_or_default() {
            let Some(name) = entry.key.as_str() else { continue };
            match scope.condition(&entry.value) {
                Ok(Truth::True) => join(roster, &safe(name), host, &entry.key.span)?,
                Ok(_) => {}
                Err(error) => _ = self.lenient::<()>(*error.diagnostic)?,
            }
        }
        Ok(())
    }

    /// `keyed_groups`: by values.
    fn keyed_groups(&self, host: HostId, roster: &mut Roster) -> Result<(), Diagnostic> {
        let scope = self.scope(host, roster);
        for rule in self.source.get("keyed_groups").and_then(Source::as_seq).unwrap_or_default() {
            let text =
                |key: &str| rule.get(key).filter(|value| !value.is_null()).map(|value| scope.text(value)).transpose();
            let text = |key: &str| text(key).map_err(|error| *error.diagnostic);
            let Some(key) = rule.get("key") else {
                return Err(Diagnostic::error(&rule.span, "an entry of `keyed_groups` needs `key`"));
            };
            let Some(value) = self.value(&scope, key)? else { continue };
            let separator = text("separator")?.unwrap_or_else(|| "_".to_owned());
            let prefix = text("prefix")?.unwrap_or_default();
            let default = text("default_value")?;
            let trailing = rule.get("trailing_separator").is_none_or(|flag| flag.node != Node::Bool(false));
            let names = names(&value, &separator, default.as_deref(), trailing).ok_or_else(|| {
                Diagnostic::error(&key.span, format!("`key` gives text, a list or a mapping, not {value}"))
            })?;
            let parent = match text("parent_group")? {
                Some(parent) => {
                    let added = roster.add_group(&safe(&parent));
                    Some(added.map_err(|error| wrong(&error, &rule.span))?)
                }
                None => None,
            };
            let between = if prefix.is_empty() && !self.leading_separator { "" } else { &separator };
            for name in names {
                let name = safe(&format!("{prefix}{between}{name}"));
                join(roster, &name, host, &rule.span)?;
                if let (Some(parent), Some(group)) = (parent, roster.find_group(&name)) {
                    roster.put_group(parent, group).map_err(|error| wrong(&error, &rule.span))?;
                }
            }
        }
        Ok(())
    }
}

/// The names of groups that a value gives, without the prefix.
fn names(value: &Value, separator: &str, default: Option<&str>, trailing: bool) -> Option<Vec<String>> {
    let of_text = |text: String| if text.is_empty() { default.map(str::to_owned) } else { Some(text) };
    if let Some(text) = value.as_str() {
        return Some(of_text(text.to_owned()).into_iter().collect());
    }
    if value.is_none() || value.is_undefined() {
        return Some(default.map(str::to_owned).into_iter().collect());
    }
    match value.kind() {
        minijinja::value::ValueKind::Map => {
            let pair = |key: Value| {
                let item = value.get_item(&key).unwrap_or_default().to_string();
                match (item.is_empty(), default) {
                    (true, Some(default)) => format!("{key}{separator}{default}"),
                    (true, None) if !trailing => key.to_string(),
                    _ => format!("{key}{separator}{item}"),
                }
            };
            Some(value.try_iter().ok()?.map(pair).collect())
        }
        minijinja::value::ValueKind::Seq | minijinja::value::ValueKind::Iterable => {
            let of_item = |item: Value| of_text(item.to_string()).unwrap_or_default();
            Some(value.try_iter().ok()?.map(of_item).collect())
        }
        minijinja::value::ValueKind::Number | minijinja::value::ValueKind::Bool => Some(vec![value.to_string()]),
        _ => None,
    }
}

fn join(roster: &mut Roster, name: &str, host: HostId, span: &Span) -> Result<(), Diagnostic> {
    let group = roster.add_group(name).map_err(|error| wrong(&error, span))?;
    roster.put_host(group, host);
    Ok(())
}

fn wrong(error: &InventoryError, span: &Span) -> Diagnostic {
    Diagnostic::error(span, error.to_string())
}

/// A name that can stand in patterns and as a variable: each other letter becomes `_`.
fn safe(name: &str) -> String {
    let fits = |(at, letter): (usize, char)| {
        if letter.is_alphanumeric() && !(at == 0 && letter.is_numeric()) || letter == '_' { letter } else { '_' }
    };
    name.chars().enumerate().map(fits).collect()
}
