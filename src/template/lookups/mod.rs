//! Lookups: `lookup('name', terms…, options…)` and `query`. Each family has a file with an array of its lookups.

mod files;
mod lists;
mod processes;
mod tables;
mod variables;

pub use files::glob;

use super::arguments::{Call, as_text};
use super::fault::{Fault, Outcome};
use super::machine::Machine;
use super::marker::{as_marker, is_undefined, is_unknown};
use super::python::kind::truth;
use minijinja::Value;
use std::collections::HashMap;
use std::fmt;
use std::sync::LazyLock;

/// A lookup.
pub struct Lookup {
    /// Its names, separated by spaces. Those without a dot are also found as `ansible.builtin.NAME`.
    pub names: &'static str,
    /// What it finds, one result for each.
    pub run: fn(&mut Terms<'_, '_>) -> Outcome<Vec<Value>>,
}

impl fmt::Debug for Lookup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.names)
    }
}

/// What a lookup was asked.
pub struct Terms<'t, 'm> {
    /// Where it happens.
    pub machine: &'t mut Machine<'m>,
    /// What it looks for.
    pub terms: Vec<Value>,
    /// How, by name.
    pub options: Vec<(String, Value)>,
}

impl Terms<'_, '_> {
    /// An option, unless it is not given or `None`.
    pub fn option(&self, name: &str) -> Option<&Value> {
        self.options.iter().find(|(known, value)| known == name && !value.is_none()).map(|(_, value)| value)
    }

    /// An option as text.
    pub fn text(&self, name: &str, default: &str) -> Outcome<String> {
        self.option(name)
            .map_or_else(|| Ok(default.to_owned()), |value| as_text(value).map(std::borrow::Cow::into_owned))
    }

    /// An option in a condition.
    pub fn flag(&self, name: &str, default: bool) -> Outcome<bool> {
        match self.option(name) {
            Some(value) => Ok(super::filters::as_bool(value).map_or_else(|| truth(value), Ok)?),
            None => Ok(default),
        }
    }

    /// The terms, which must be names of variables.
    pub fn names(&self) -> Outcome<Vec<String>> {
        let name = |term: &Value| match term.as_str() {
            Some(name) => Ok(name.to_owned()),
            None => {
                let (shown, found) = (as_text(term)?, super::python::kind::type_name(term));
                super::fault::fail(format!(
                    "Invalid setting identifier, \"{shown}\" is not a string but of type {found}"
                ))
            }
        };
        self.terms.iter().map(name).collect()
    }

    /// The terms as text.
    pub fn texts(&self) -> Outcome<Vec<String>> {
        self.terms.iter().map(|term| as_text(term).map(std::borrow::Cow::into_owned)).collect()
    }
}

static FAMILIES: [&[Lookup]; 5] =
    [&lists::LOOKUPS, &variables::LOOKUPS, &files::LOOKUPS, &tables::LOOKUPS, &processes::LOOKUPS];

static BY_NAME: LazyLock<HashMap<&'static str, &'static Lookup>> = LazyLock::new(|| {
    let all = FAMILIES.iter().flat_map(|family| family.iter());
    all.flat_map(|lookup| lookup.names.split(' ').map(move |name| (name, lookup))).collect()
});

/// The names of all.
pub fn names() -> impl Iterator<Item = &'static str> {
    BY_NAME.keys().copied()
}

/// A lookup by its name.
pub fn find(name: &str) -> Option<&'static Lookup> {
    let short = ["ansible.builtin.", "ansible.legacy."].iter().find_map(|prefix| name.strip_prefix(prefix));
    BY_NAME.get(short.unwrap_or(name)).copied()
}

/// What the message of a lookup that failed begins with.
pub fn failure_prefix(name: &str) -> String {
    format!("the lookup '{name}' failed: ")
}

/// `lookup(…)`: one result as it is, several texts joined by commas.
pub fn lookup(call: &mut Call<'_, '_>) -> Outcome<Value> {
    run(call, false)
}

/// `query(…)`: always a list.
pub fn query(call: &mut Call<'_, '_>) -> Outcome<Value> {
    run(call, true)
}

fn run(call: &mut Call<'_, '_>, always_list: bool) -> Outcome<Value> {
    let name = call.only_text(0)?.to_owned();
    let terms = std::mem::take(&mut call.bound.more);
    let mut options = std::mem::take(&mut call.bound.more_named);
    let mut take = |name: &str| options.iter().position(|(known, _)| known == name).map(|at| options.remove(at).1);
    let wantlist = always_list | take("wantlist").is_some_and(|value| super::filters::as_bool(&value).unwrap_or(false));
    let errors = take("errors").and_then(|errors| errors.as_str().map(str::to_lowercase));
    let Some(lookup) = find(&name) else {
        let fault = Fault::failed(format!("no lookup named '{name}'"));
        return Err(match crate::diagnostic::did_you_mean(&name, BY_NAME.keys().copied()) {
            Some(hint) => fault.hint(hint),
            None => fault,
        });
    };
    // `first_found` looks at undefined terms itself; an undefined `default` says that there is none.
    if lookup.names != "first_found" {
        let options = options.iter().filter(|(name, value)| name != "default" || !is_undefined(value));
        for value in terms.iter().chain(options.map(|(_, value)| value)) {
            if is_undefined(value) || is_unknown(value) {
                return Ok(value.clone());
            }
            if let Some(marker) = as_marker(value) {
                return Err(Box::new(marker.fault.clone()));
            }
        }
    }
    let result = (lookup.run)(&mut Terms { machine: call.machine, terms, options });
    let mut found = match (result, errors.as_deref()) {
        (Ok(found), _) => found,
        (Err(fault), _) if fault.is_undefined() || fault.kind == super::TemplateErrorKind::Unknown => {
            return Err(fault);
        }
        (Err(fault), Some(how @ ("warn" | "ignore"))) => {
            if how == "warn" {
                let warning = format!("{}{}", failure_prefix(&name), fault.message);
                call.machine.scope.warn(crate::diagnostic::Diagnostic::plain(warning).warning());
            }
            return Ok(if wantlist { Value::from(Vec::<Value>::new()) } else { Value::from(()) });
        }
        (Err(mut fault), _) => {
            if fault.origin.is_none() && fault.home.is_none() {
                fault.message = format!("{}{}", failure_prefix(&name), fault.message);
            }
            return Err(fault);
        }
    };
    if wantlist || found.is_empty() {
        return Ok(Value::from(found));
    }
    if found.len() == 1 {
        return Ok(found.remove(0));
    }
    let texts: Option<Vec<&str>> = found.iter().map(Value::as_str).collect();
    Ok(match texts {
        Some(texts) => Value::from(texts.join(",")),
        None => Value::from(found),
    })
}
