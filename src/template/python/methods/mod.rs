//! The methods of Python's text, lists and dicts.

pub mod dict;
mod list;
mod number;
pub mod text;

use super::container::{Dict, List};
use super::kind::{Kind, kind};
use crate::template::fault::{Outcome, fail};
use minijinja::Value;

/// A call's arguments.
pub struct Given<'a> {
    /// The method's name, for messages.
    pub name: &'a str,
    /// By position.
    pub positional: &'a [Value],
    /// By name.
    pub named: &'a [(String, Value)],
}

impl Given<'_> {
    /// An argument by position or name.
    pub fn get(&self, index: usize, name: &str) -> Option<&Value> {
        self.positional.get(index).or_else(|| self.named.iter().find(|(key, _)| key == name).map(|(_, value)| value))
    }

    /// An argument that must be there.
    pub fn need(&self, index: usize, name: &str) -> Outcome<&Value> {
        match self.get(index, name) {
            Some(value) => crate::template::marker::need(value),
            None => fail(format!("{}() needs the argument `{name}`", self.name)),
        }
    }

    /// A text argument that must be there.
    pub fn text(&self, index: usize, name: &str) -> Outcome<&str> {
        let value = self.need(index, name)?;
        match value.as_str() {
            Some(text) => Ok(text),
            None => fail(format!(
                "{}() argument {} must be str, not {}",
                self.name,
                index + 1,
                super::kind::type_name(value)
            )),
        }
    }

    /// A whole number, where given (and not `None`).
    pub fn int(&self, index: usize, name: &str) -> Outcome<Option<i128>> {
        match self.get(index, name).map(|value| (kind(value), value)) {
            None | Some((Kind::None, _)) => Ok(None),
            Some((Kind::Int(int), _)) => Ok(Some(int)),
            Some((Kind::Bool(flag), _)) => Ok(Some(i128::from(flag))),
            Some((_, value)) => {
                fail(format!("'{}' object cannot be interpreted as an integer", super::kind::type_name(value)))
            }
        }
    }

    /// At most this many arguments by position.
    pub fn at_most(&self, count: usize) -> Outcome<()> {
        if self.positional.len() > count {
            return fail(format!("{}() takes at most {count} arguments ({} given)", self.name, self.positional.len()));
        }
        Ok(())
    }
}

/// The names of methods that change their object: a template that has one works on lists and dicts that can change.
pub const CHANGING: &[&str] = &[
    "append",
    "extend",
    "insert",
    "remove",
    "pop",
    "popitem",
    "clear",
    "sort",
    "reverse",
    "update",
    "setdefault",
    "__setitem__",
    "__delitem__",
];

/// Calls a method; `None` where the type has none of that name.
pub fn call(receiver: &Value, given: &Given<'_>) -> Outcome<Option<Value>> {
    match kind(receiver) {
        Kind::Text(content) => text::call(content, given),
        Kind::Bytes(bytes) if given.name == "decode" => {
            Ok(Some(Value::from(String::from_utf8_lossy(bytes).into_owned())))
        }
        Kind::Seq => match receiver.downcast_object::<List>() {
            Some(list) => list::call_changing(&list, given),
            None => list::call(receiver, given),
        },
        Kind::Map => match receiver.downcast_object::<Dict>() {
            Some(dict) => dict::call_changing(&dict, receiver, given),
            None => dict::call(receiver, given),
        },
        Kind::Int(_) | Kind::Float(_) | Kind::Bool(_) => number::call(receiver, given),
        _ => Ok(None),
    }
}

/// Whether the type has a method of that name.
pub fn has(receiver: &Value, name: &str) -> bool {
    match kind(receiver) {
        Kind::Text(_) => text::NAMES.contains(&name),
        Kind::Seq => list::NAMES.contains(&name),
        Kind::Map => dict::NAMES.contains(&name),
        _ => false,
    }
}

/// What a method that would change an immutable value says. Templates that call one work on changeable copies, so this
/// is reached through values that no template could change (a host's facts through `hostvars`).
fn immutable(name: &str, what: &str) -> Outcome<Option<Value>> {
    fail(format!(
        "`{name}` can't change this {what}: it is shared, not the template's own; copy it first with `.copy()`"
    ))
}
