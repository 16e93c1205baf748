//! Methods of lists and tuples.

use super::{Given, immutable};
use crate::template::fault::{Outcome, fail};
use crate::template::python::compare::{equal, sort_by_key};
use crate::template::python::container::List;
use crate::template::python::kind::{int, items};
use crate::template::python::slice::position;
use minijinja::Value;

/// All of them.
pub const NAMES: &[&str] = &[
    "append",
    "clear",
    "copy",
    "count",
    "extend",
    "index",
    "insert",
    "pop",
    "remove",
    "reverse",
    "sort",
    "__setitem__",
    "__delitem__",
    "__len__",
    "__contains__",
    "__getitem__",
];

/// Calls one on a list that can't change.
pub fn call(list: &Value, given: &Given<'_>) -> Outcome<Option<Value>> {
    reading(&|| items(list), given).and_then(|found| match found {
        Some(value) => Ok(Some(value)),
        None if NAMES.contains(&given.name) => immutable(given.name, "list"),
        None => Ok(None),
    })
}

fn reading(all: &dyn Fn() -> Outcome<Vec<Value>>, given: &Given<'_>) -> Outcome<Option<Value>> {
    Ok(Some(match given.name {
        "copy" => Value::from(all()?),
        "__len__" => Value::from(all()?.len()),
        "__contains__" => {
            let wanted = given.need(0, "item")?;
            let mut found = false;
            for item in all()? {
                found = found || equal(&item, wanted)?;
            }
            Value::from(found)
        }
        "__getitem__" => {
            let all = all()?;
            match position(given.int(0, "index")?.unwrap_or(0), all.len()) {
                Some(at) => all[at].clone(),
                None => return fail("list index out of range"),
            }
        }
        "count" => {
            let wanted = given.need(0, "value")?;
            let mut count = 0;
            for item in all()? {
                count += i128::from(equal(&item, wanted)?);
            }
            int(count)
        }
        "index" => {
            let wanted = given.need(0, "value")?;
            let all = all()?;
            let bound = |bound: Option<i128>, otherwise: usize| match bound {
                Some(bound) if bound < 0 => (bound + all.len() as i128).max(0) as usize,
                Some(bound) => (bound as usize).min(all.len()),
                None => otherwise,
            };
            let (start, end) = (bound(given.int(1, "start")?, 0), bound(given.int(2, "stop")?, all.len()));
            for (at, item) in all.iter().enumerate().take(end).skip(start) {
                if equal(item, wanted)? {
                    return Ok(Some(int(at as i128)));
                }
            }
            return fail(format!("{} is not in list", crate::template::python::text::repr(wanted)?));
        }
        _ => return Ok(None),
    }))
}

/// Calls one on a list that can change.
pub fn call_changing(list: &List, given: &Given<'_>) -> Outcome<Option<Value>> {
    let none = || Ok(Some(Value::from(())));
    match given.name {
        "append" => {
            let item = given.need(0, "object")?.clone();
            list.lock().push(item);
            none()
        }
        "extend" => {
            let more = items(given.need(0, "iterable")?)?;
            list.lock().extend(more);
            none()
        }
        "insert" => {
            let index = given.int(0, "index")?.unwrap_or(0);
            let item = given.need(1, "object")?.clone();
            let mut all = list.lock();
            let length = all.len() as i128;
            let at = (if index < 0 { index + length } else { index }).clamp(0, length) as usize;
            all.insert(at, item);
            none()
        }
        "pop" => {
            let index = given.int(0, "index")?.unwrap_or(-1);
            let mut all = list.lock();
            match position(index, all.len()) {
                Some(at) => Ok(Some(all.remove(at))),
                None if all.is_empty() => fail("pop from empty list"),
                None => fail("pop index out of range"),
            }
        }
        "remove" => {
            let wanted = given.need(0, "value")?;
            let snapshot = list.lock().clone();
            for (at, item) in snapshot.iter().enumerate() {
                if equal(item, wanted)? {
                    list.lock().remove(at);
                    return none();
                }
            }
            fail("list.remove(x): x not in list")
        }
        "clear" => {
            list.lock().clear();
            none()
        }
        "reverse" => {
            list.lock().reverse();
            none()
        }
        "sort" => {
            let reverse = given.get(0, "reverse").is_some_and(Value::is_true);
            let mut sorted = list.lock().clone();
            sort_by_key(&mut sorted, reverse, Clone::clone)?;
            *list.lock() = sorted;
            none()
        }
        "__setitem__" | "__delitem__" => {
            let index = given.int(0, "index")?.unwrap_or(0);
            let item = (given.name == "__setitem__").then(|| given.need(1, "value").cloned()).transpose()?;
            let mut all = list.lock();
            let Some(at) = position(index, all.len()) else { return fail("list assignment index out of range") };
            match item {
                Some(item) => all[at] = item,
                None => {
                    all.remove(at);
                }
            }
            none()
        }
        _ => reading(&|| Ok(list.lock().clone()), given).map(|found| {
            found.map(
                |value| {
                    if given.name == "copy" { crate::template::python::container::thaw(&value) } else { value }
                },
            )
        }),
    }
}
