//! Lists and dicts that change in place (`x.append(…)`, `d.update(…)`). Values are immutable and shared everywhere else;
//! a template that has a changing method works on these, made from the immutable ones where it first touches them
//! ([`thaw`]) and back at its end ([`freeze`]), so that no template can change a value that another one sees.

use super::kind::{Kind, kind};
use crate::template::fault::Outcome;
use crate::template::marker::as_marker;
use indexmap::IndexMap;
use minijinja::Value;
use minijinja::value::{Enumerator, Object, ObjectRepr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// A list that can change.
#[derive(Debug, Default)]
pub struct List(Mutex<Vec<Value>>);

/// A dict that can change.
#[derive(Debug, Default)]
pub struct Dict(Mutex<IndexMap<Value, Value>>);

impl List {
    /// A list of these.
    pub fn new(items: Vec<Value>) -> List {
        List(Mutex::new(items))
    }

    /// The items, to change them. Don't evaluate anything while holding it: the list may contain itself.
    pub fn lock(&self) -> MutexGuard<'_, Vec<Value>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Dict {
    /// A dict of these.
    pub fn new(entries: impl IntoIterator<Item = (Value, Value)>) -> Dict {
        Dict(Mutex::new(entries.into_iter().collect()))
    }

    /// The entries, to change them. Don't evaluate anything while holding it.
    pub fn lock(&self) -> MutexGuard<'_, IndexMap<Value, Value>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Object for List {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Seq
    }

    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        let index = key.as_usize()?;
        let mut items = self.lock();
        let item = items.get_mut(index)?;
        Some(thaw_in(item))
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Enumerator::Values(self.lock().iter_mut().map(thaw_in).collect())
    }

    fn enumerator_len(self: &Arc<Self>) -> Option<usize> {
        Some(self.lock().len())
    }
}

impl Object for Dict {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Map
    }

    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        self.lock().get_mut(key).map(thaw_in)
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Enumerator::Values(self.lock().keys().cloned().collect())
    }

    fn enumerator_len(self: &Arc<Self>) -> Option<usize> {
        Some(self.lock().len())
    }
}

/// An item as seen from a container that can change: able to change too, and kept so, that changes stay.
fn thaw_in(item: &mut Value) -> Value {
    *item = thaw(item);
    item.clone()
}

/// The value as a list or dict that can change; anything else as it is. Items are thawed as they are read.
pub fn thaw(value: &Value) -> Value {
    let fixed = value.is_tuple()
        || value.downcast_object_ref::<List>().is_some()
        || value.downcast_object_ref::<Dict>().is_some();
    match kind(value) {
        Kind::Seq if !fixed => match value.try_iter() {
            Ok(items) => Value::from_object(List::new(items.collect())),
            Err(_) => value.clone(),
        },
        Kind::Map if !fixed && crate::template::machine::is_plain_map(value) => match value.as_object() {
            Some(object) => Value::from_object(Dict::new(object.try_iter_pairs().into_iter().flatten())),
            None => value.clone(),
        },
        _ => value.clone(),
    }
}

/// How deep values may nest: deeper ones contain themselves.
const DEEPEST: usize = 200;

/// The value as plain immutable data, all lazy parts evaluated; a marker inside fails. What `finish` makes of a value
/// that is neither data nor a container (a date, a generator, `omit`) is kept; where it gives `None` the item or key is
/// left out.
pub fn freeze(value: &Value, finish: &dyn Fn(&Value) -> Outcome<Option<Value>>) -> Outcome<Option<Value>> {
    freeze_at(value, finish, 0)
}

fn freeze_at(value: &Value, finish: &dyn Fn(&Value) -> Outcome<Option<Value>>, depth: usize) -> Outcome<Option<Value>> {
    if let Some(marker) = as_marker(value) {
        return Err(Box::new(marker.fault.clone()));
    }
    if depth > DEEPEST {
        return crate::template::fault::fail("the value contains itself");
    }
    match kind(value) {
        Kind::Seq | Kind::Iterable => {
            let mut items = Vec::with_capacity(value.len().unwrap_or(0));
            for item in super::kind::items(value)? {
                items.extend(freeze_at(&item, finish, depth + 1)?);
            }
            Ok(Some(Value::from(items)))
        }
        Kind::Map => {
            let mut entries = Vec::with_capacity(value.len().unwrap_or(0));
            for (key, item) in super::kind::pairs(value)? {
                if let Some(item) = freeze_at(&item, finish, depth + 1)? {
                    entries.push((key, item));
                }
            }
            Ok(Some(Value::from_pairs(entries)))
        }
        Kind::Other => finish(value),
        _ => Ok(Some(value.clone())),
    }
}
