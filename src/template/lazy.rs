//! Lists and mappings of variables, each item of which is templated when it is read.

use super::fault::{Fault, Outcome};
use super::marker::marker;
use super::scope::{Inner, Scope};
use crate::loader::{Entry, Source};
use minijinja::Value;
use minijinja::value::{Enumerator, Object, ObjectRepr};
use std::sync::{Arc, OnceLock, Weak};

/// The variables that the items need. A lazy container lives no longer than they do: what leaves a scope is evaluated
/// whole.
type Home = Weak<Inner>;

fn evaluate(home: &Home, source: &Source) -> Value {
    let outcome: Outcome<Value> = match home.upgrade() {
        Some(inner) => Scope::from_inner(inner).lazy(source),
        None => Err(Fault::failed("a lazy value outlived its variables")),
    };
    outcome.unwrap_or_else(marker)
}

/// A list.
#[derive(Debug)]
pub struct LazySeq {
    items: Arc<[Source]>,
    values: Box<[OnceLock<Value>]>,
    home: Home,
}

impl LazySeq {
    pub fn new(items: &Arc<[Source]>, home: Home) -> LazySeq {
        let values = items.iter().map(|_| OnceLock::new()).collect();
        LazySeq { items: items.clone(), values, home }
    }

    fn at(&self, index: usize) -> Option<Value> {
        let (item, cell) = (self.items.get(index)?, self.values.get(index)?);
        // Not `get_or_init`: an item that needs itself would wait for itself.
        if let Some(value) = cell.get() {
            return Some(value.clone());
        }
        let value = evaluate(&self.home, item);
        Some(cell.get_or_init(|| value).clone())
    }
}

impl Object for LazySeq {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Seq
    }

    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        self.at(key.as_usize()?)
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Enumerator::Seq(self.items.len())
    }
}

/// A mapping. Its keys are not templates.
#[derive(Debug)]
pub struct LazyMap {
    entries: Arc<[Entry]>,
    keys: Box<[Value]>,
    values: Box<[OnceLock<Value>]>,
    home: Home,
}

impl LazyMap {
    pub fn new(entries: &Arc<[Entry]>, keys: Vec<Value>, home: Home) -> LazyMap {
        let values = entries.iter().map(|_| OnceLock::new()).collect();
        LazyMap { entries: entries.clone(), keys: keys.into(), values, home }
    }
}

impl Object for LazyMap {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Map
    }

    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        let index = match key.as_str() {
            Some(key) => self.keys.iter().position(|known| known.as_str() == Some(key)),
            None => self.keys.iter().position(|known| known == key),
        }?;
        let (entry, cell) = (self.entries.get(index)?, self.values.get(index)?);
        if let Some(value) = cell.get() {
            return Some(value.clone());
        }
        let value = evaluate(&self.home, &entry.value);
        Some(cell.get_or_init(|| value).clone())
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Enumerator::Values(self.keys.to_vec())
    }

    fn enumerator_len(self: &Arc<Self>) -> Option<usize> {
        Some(self.keys.len())
    }
}

/// All variables as a mapping: `vars`.
#[derive(Debug)]
pub struct AllVariables(pub Home);

impl Object for AllVariables {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Map
    }

    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        let inner = self.0.upgrade()?;
        Scope::from_inner(inner).resolve(key.as_str()?).unwrap_or_else(|fault| Some(marker(fault)))
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        let names = self.0.upgrade().map(|inner| Scope::from_inner(inner).names()).unwrap_or_default();
        // What stands for "nothing" is no variable of its own.
        let names = names.into_iter().filter(|name| &**name != "omit");
        Enumerator::Values(names.map(Value::from).collect())
    }
}
