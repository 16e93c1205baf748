//! Methods of dicts.

use super::{Given, immutable};
use crate::template::fault::{Outcome, fail};
use crate::template::python::compare::has_key;
use crate::template::python::container::{Dict, thaw};
use crate::template::python::kind::{is_map, items, pairs};
use crate::template::python::text::repr;
use minijinja::Value;
use minijinja::value::Tuple;

/// All of them, with those of Python 2 that old playbooks still call.
pub const NAMES: &[&str] = &[
    "clear",
    "copy",
    "get",
    "has_key",
    "items",
    "iteritems",
    "iterkeys",
    "itervalues",
    "keys",
    "pop",
    "popitem",
    "setdefault",
    "update",
    "values",
    "fromkeys",
    "__setitem__",
    "__delitem__",
    "__getitem__",
    "__contains__",
    "__len__",
];

/// Calls one on a dict that can't change.
pub fn call(dict: &Value, given: &Given<'_>) -> Outcome<Option<Value>> {
    match reading(dict, given)? {
        Some(value) => Ok(Some(value)),
        None if NAMES.contains(&given.name) => immutable(given.name, "dict"),
        None => Ok(None),
    }
}

fn find(dict: &Value, key: &Value) -> Outcome<Option<Value>> {
    if !has_key(dict, key)? {
        return Ok(None);
    }
    Ok(dict.get_item(key).ok().filter(|value| !value.is_undefined()))
}

fn pair(key: Value, value: Value) -> Value {
    Value::from(Tuple::from(vec![key, value]))
}

fn reading(dict: &Value, given: &Given<'_>) -> Outcome<Option<Value>> {
    Ok(Some(match given.name {
        "items" | "iteritems" => {
            Value::from(pairs(dict)?.into_iter().map(|(key, value)| pair(key, value)).collect::<Vec<_>>())
        }
        "keys" | "iterkeys" => Value::from(items(dict)?),
        "values" | "itervalues" => Value::from(pairs(dict)?.into_iter().map(|(_, value)| value).collect::<Vec<_>>()),
        "get" => {
            given.at_most(2)?;
            match find(dict, given.need(0, "key")?)? {
                Some(value) => value,
                None => given.get(1, "default").cloned().unwrap_or_else(|| Value::from(())),
            }
        }
        "has_key" | "__contains__" => Value::from(has_key(dict, given.need(0, "key")?)?),
        "__getitem__" => {
            let key = given.need(0, "key")?;
            match find(dict, key)? {
                Some(value) => value,
                None => return fail(format!("KeyError: {}", repr(key)?)),
            }
        }
        "__len__" => Value::from(dict.len().unwrap_or(0)),
        "copy" => Value::from_pairs(pairs(dict)?),
        "fromkeys" => {
            let value = given.get(1, "value").cloned().unwrap_or_else(|| Value::from(()));
            Value::from_pairs(items(given.need(0, "iterable")?)?.into_iter().map(|key| (key, value.clone())))
        }
        _ => return Ok(None),
    }))
}

/// What `dict(…)` and `update(…)` take: a dict or pairs, and names.
pub fn entries_of(given: &Given<'_>) -> Outcome<Vec<(Value, Value)>> {
    let mut entries = match given.positional.first() {
        None => Vec::new(),
        Some(source) if is_map(source) => pairs(source)?,
        Some(source) => {
            let mut entries = Vec::new();
            for (index, entry) in items(source)?.into_iter().enumerate() {
                let parts = items(&entry)?;
                let [key, value] = parts.as_slice() else {
                    return fail(format!(
                        "dictionary update sequence element #{index} has length {}; 2 is required",
                        parts.len()
                    ));
                };
                entries.push((key.clone(), value.clone()));
            }
            entries
        }
    };
    entries.extend(given.named.iter().map(|(name, value)| (Value::from(name.as_str()), value.clone())));
    Ok(entries)
}

/// Calls one on a dict that can change.
pub fn call_changing(dict: &Dict, receiver: &Value, given: &Given<'_>) -> Outcome<Option<Value>> {
    let none = || Ok(Some(Value::from(())));
    match given.name {
        "update" => {
            given.at_most(1)?;
            let entries = entries_of(given)?;
            dict.lock().extend(entries);
            none()
        }
        "setdefault" => {
            let key = given.need(0, "key")?;
            if let Some(value) = find(receiver, key)? {
                return Ok(Some(value));
            }
            let value = thaw(given.get(1, "default").unwrap_or(&Value::from(())));
            dict.lock().insert(key.clone(), value.clone());
            Ok(Some(value))
        }
        "pop" => {
            let key = given.need(0, "key")?;
            match (dict.lock().shift_remove(key), given.get(1, "default")) {
                (Some(value), _) => Ok(Some(value)),
                (None, Some(default)) => Ok(Some(default.clone())),
                (None, None) => fail(format!("KeyError: {}", repr(key)?)),
            }
        }
        "popitem" => match dict.lock().pop() {
            Some((key, value)) => Ok(Some(pair(key, value))),
            None => fail("popitem(): dictionary is empty"),
        },
        "clear" => {
            dict.lock().clear();
            none()
        }
        "__setitem__" => {
            let (key, value) = (given.need(0, "key")?.clone(), given.need(1, "value")?.clone());
            dict.lock().insert(key, value);
            none()
        }
        "__delitem__" => {
            let key = given.need(0, "key")?;
            match dict.lock().shift_remove(key) {
                Some(_) => none(),
                None => fail(format!("KeyError: {}", repr(key)?)),
            }
        }
        "copy" => reading(receiver, given).map(|copy| copy.map(|copy| thaw(&copy))),
        _ => reading(receiver, given),
    }
}
