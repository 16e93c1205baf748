//! Lookups of variables, the environment, settings and hosts.

use super::{Lookup, Terms};
use crate::template::fault::{Outcome, fail};
use crate::template::marker::{is_undefined, marker, need};
use crate::template::patterns::{Options, matches};
use crate::template::python::kind::undefined;
use minijinja::Value;

pub static LOOKUPS: [Lookup; 6] = [
    Lookup { names: "env", run: env },
    Lookup { names: "vars", run: vars },
    Lookup { names: "varnames", run: varnames },
    Lookup { names: "config", run: config },
    Lookup { names: "inventory_hostnames", run: inventory_hostnames },
    Lookup { names: "community.general.merge_variables merge_variables", run: merge_variables },
];

/// The option `default` as given, also where it is undefined.
fn default_of<'t>(terms: &'t Terms<'_, '_>) -> Option<&'t Value> {
    terms.options.iter().find(|(name, _)| name == "default").map(|(_, value)| value)
}

fn env(terms: &mut Terms<'_, '_>) -> Outcome<Vec<Value>> {
    let mut found = Vec::new();
    for name in terms.texts()? {
        match (std::env::var(&name), default_of(terms)) {
            (Ok(value), _) => found.push(Value::from(value)),
            (Err(_), None) => found.push(Value::from("")),
            (Err(_), Some(default)) if is_undefined(default) => {
                return Err(undefined(&name, format!("The environment variable '{name}' is not set.")));
            }
            (Err(_), Some(default)) => found.push(default.clone()),
        }
    }
    Ok(found)
}

fn vars(terms: &mut Terms<'_, '_>) -> Outcome<Vec<Value>> {
    let mut found = Vec::new();
    for name in terms.names()? {
        let value = terms.machine.scope.resolve(&name)?;
        match (value.filter(|value| !is_undefined(value)), default_of(terms)) {
            (Some(value), _) => found.push(value),
            (None, Some(default)) => found.push(default.clone()),
            (None, None) => {
                found.push(marker(undefined(&name, format!("No variable found with this name: {name}"))));
                need(&found[found.len() - 1])?;
            }
        }
    }
    Ok(found)
}

fn varnames(terms: &mut Terms<'_, '_>) -> Outcome<Vec<Value>> {
    let names = terms.machine.scope.names();
    let mut found = Vec::new();
    for pattern in terms.names()? {
        for name in &names {
            let named = matches(&pattern, name, Options::default()).map_err(|mut fault| {
                fault.message = format!("Unable to use \"{pattern}\" for names of variables: {}", fault.message);
                fault
            })?;
            if named {
                found.push(Value::from(name.clone()));
            }
        }
    }
    Ok(found)
}

fn config(terms: &mut Terms<'_, '_>) -> Outcome<Vec<Value>> {
    let missing = terms.text("on_missing", "error")?;
    let mut found = Vec::new();
    for name in terms.texts()? {
        let setting = terms.machine.scope.templater().settings.world.setting(&name);
        match (setting, missing.as_str()) {
            (Some(setting), _) => found.push(setting),
            (None, "skip") => {}
            (None, "warn") => terms
                .machine
                .scope
                .warn(crate::diagnostic::Diagnostic::plain(format!("there is no setting named '{name}'")).warning()),
            (None, _) => return fail(format!("there is no setting named '{name}'")),
        }
    }
    Ok(found)
}

fn inventory_hostnames(terms: &mut Terms<'_, '_>) -> Outcome<Vec<Value>> {
    let pattern = terms.texts()?.join(":");
    match terms.machine.scope.templater().settings.world.hosts(&pattern) {
        Ok(hosts) => Ok(hosts.into_iter().map(Value::from).collect()),
        Err(why) => fail(why),
    }
}

fn merge_variables(terms: &mut Terms<'_, '_>) -> Outcome<Vec<Value>> {
    let how = terms.text("pattern_type", "regex")?;
    let mut names = terms.machine.scope.names();
    names.sort();
    let mut results = Vec::new();
    for term in terms.texts()? {
        let mut merged = terms.option("initial_value").cloned();
        for name in &names {
            let wanted = match how.as_str() {
                "prefix" => name.starts_with(&term),
                "suffix" => name.ends_with(&term),
                "regex" => matches(&term, name, Options::default())?,
                other => return fail(format!("'{other}' is no pattern_type: prefix, suffix or regex")),
            };
            if !wanted {
                continue;
            }
            let Some(value) = terms.machine.scope.resolve(name)? else { continue };
            merged = Some(match merged {
                None => value,
                Some(known) if crate::template::python::kind::is_map(&known) => {
                    let options = vec![("recursive".to_owned(), Value::from(true))];
                    terms.machine.filter_by_name("combine", vec![known, value], options)?
                }
                Some(known) => {
                    let mut all = crate::template::python::kind::items(&known)?;
                    all.extend(crate::template::python::kind::items(&value)?);
                    Value::from(all)
                }
            });
        }
        results.extend(merged);
    }
    Ok(results)
}
