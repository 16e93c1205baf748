//! Functions of the language: `range`, `dict`, `namespace`, `lookup`, `now`, ...

use super::arguments::{Call, Signature};
use super::dates;
use super::fault::{Outcome, fail};
use super::lookups;
use super::marker::marker;
use super::python::container::Dict;
use super::python::kind::{int, undefined};
use super::python::methods::{Given, dict::entries_of};
use indexmap::IndexMap;
use minijinja::value::{Enumerator, Object, ObjectRepr};
use minijinja::{Error, ErrorKind, State, Value};
use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

/// A function.
pub struct Global {
    /// Its name.
    pub name: &'static str,
    /// Whether it looks at undefined arguments itself.
    pub sees_undefined: bool,
    /// What it does.
    pub run: fn(&mut Call<'_, '_>) -> Outcome<Value>,
    parameters: &'static str,
    signature: OnceLock<Signature>,
}

impl fmt::Debug for Global {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

impl Global {
    const fn new(name: &'static str, parameters: &'static str, run: fn(&mut Call<'_, '_>) -> Outcome<Value>) -> Global {
        Global { name, sees_undefined: false, run, parameters, signature: OnceLock::new() }
    }

    const fn seeing_undefined(mut self) -> Global {
        self.sees_undefined = true;
        self
    }

    /// What it takes.
    pub fn signature(&self) -> &Signature {
        self.signature.get_or_init(|| Signature::parse(self.parameters))
    }
}

static GLOBALS: [Global; 10] = [
    Global::new("range", "*numbers", range),
    Global::new("dict", "*source, **named", dict),
    Global::new("namespace", "*source, **named", namespace),
    Global::new("cycler", "*items", cycler),
    Global::new("joiner", "sep=None", joiner),
    Global::new("lookup", "plugin, *terms, **options", lookups::lookup).seeing_undefined(),
    Global::new("query", "plugin, *terms, **options", lookups::query).seeing_undefined(),
    Global::new("q", "plugin, *terms, **options", lookups::query).seeing_undefined(),
    Global::new("now", "utc=False, fmt=None", now),
    Global::new("undef", "hint=None", undef),
];

/// A function by its name.
pub fn find(name: &str) -> Option<&'static Global> {
    GLOBALS.iter().find(|global| global.name == name)
}

/// The longest range; a longer one would fill the memory.
const LONGEST: i128 = 10_000_000;

fn range(call: &mut Call<'_, '_>) -> Outcome<Value> {
    let numbers: Option<Vec<i128>> = call
        .bound
        .more
        .iter()
        .map(|value| if value.is_integer() { i128::try_from(value.clone()).ok() } else { None })
        .collect();
    let Some(numbers) = numbers else { return fail("range() needs whole numbers") };
    let (start, stop, step) = match numbers.as_slice() {
        [stop] => (0, *stop, 1),
        [start, stop] => (*start, *stop, 1),
        [start, stop, step] => (*start, *stop, *step),
        _ => return fail(format!("range expected 1 to 3 arguments, got {}", numbers.len())),
    };
    if step == 0 {
        return fail("range() arg 3 must not be zero");
    }
    let count = if step > 0 { (stop - start + step - 1) / step } else { (start - stop - step - 1) / -step };
    if count > LONGEST {
        return fail(format!("range() would have {count} items"));
    }
    Ok(Value::from((0..count.max(0)).map(|index| int(start + index * step)).collect::<Vec<_>>()))
}

fn entries(call: &Call<'_, '_>) -> Outcome<Vec<(Value, Value)>> {
    entries_of(&Given { name: call.name, positional: &call.bound.more, named: &call.bound.more_named })
}

fn dict(call: &mut Call<'_, '_>) -> Outcome<Value> {
    let entries: IndexMap<Value, Value> = entries(call)?.into_iter().collect();
    Ok(if call.machine.works_on_copies() { Value::from_object(Dict::new(entries)) } else { Value::from_pairs(entries) })
}

/// `namespace(…)`: the one thing whose attributes `set` can change.
#[derive(Debug)]
pub struct Namespace(Mutex<IndexMap<Arc<str>, Value>>);

impl Namespace {
    /// Sets an attribute.
    pub fn set(&self, name: &Arc<str>, value: Value) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(name.clone(), value);
    }
}

impl Object for Namespace {
    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(key.as_str()?).cloned()
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        let names = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Enumerator::Values(names.keys().map(|name| Value::from(name.clone())).collect())
    }

    fn render(self: &Arc<Self>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("<Namespace>")
    }
}

fn namespace(call: &mut Call<'_, '_>) -> Outcome<Value> {
    let entries = entries(call)?;
    let names = entries.into_iter().map(|(key, value)| (Arc::from(key.as_str().unwrap_or_default()), value)).collect();
    Ok(Value::from_object(Namespace(Mutex::new(names))))
}

#[derive(Debug)]
struct Cycler {
    items: Vec<Value>,
    at: AtomicUsize,
}

impl Object for Cycler {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }

    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        let at = self.at.load(Ordering::Relaxed) % self.items.len();
        (key.as_str() == Some("current")).then(|| self.items[at].clone())
    }

    fn call_method(self: &Arc<Self>, _: &mut State<'_, '_>, method: &str, _: &[Value]) -> Result<Value, Error> {
        match method {
            "next" => {
                let at = self.at.fetch_add(1, Ordering::Relaxed) % self.items.len();
                Ok(self.items[at].clone())
            }
            "reset" => {
                self.at.store(0, Ordering::Relaxed);
                Ok(Value::from(()))
            }
            _ => Err(Error::from(ErrorKind::UnknownMethod)),
        }
    }
}

fn cycler(call: &mut Call<'_, '_>) -> Outcome<Value> {
    if call.bound.more.is_empty() {
        return fail("at least one item has to be provided");
    }
    Ok(Value::from_object(Cycler { items: call.bound.more.clone(), at: AtomicUsize::new(0) }))
}

#[derive(Debug)]
struct Joiner {
    separator: Value,
    used: AtomicUsize,
}

impl Object for Joiner {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }

    fn call(self: &Arc<Self>, _: &mut State<'_, '_>, _: &[Value]) -> Result<Value, Error> {
        let first = self.used.fetch_add(1, Ordering::Relaxed) == 0;
        Ok(if first { Value::from("") } else { self.separator.clone() })
    }
}

fn joiner(call: &mut Call<'_, '_>) -> Outcome<Value> {
    Ok(Value::from_object(Joiner {
        separator: call.given(0).cloned().unwrap_or_else(|| Value::from(", ")),
        used: AtomicUsize::new(0),
    }))
}

fn now(call: &mut Call<'_, '_>) -> Outcome<Value> {
    let now = dates::Date::now(call.flag(0)?);
    match call.given(1) {
        Some(_) => Ok(Value::from(now.strftime(call.only_text(1)?)?)),
        None => Ok(Value::from_object(now)),
    }
}

fn undef(call: &mut Call<'_, '_>) -> Outcome<Value> {
    let hint = match call.given(0) {
        Some(_) => call.only_text(0)?.to_owned(),
        None => "Mandatory variable has not been overridden".to_owned(),
    };
    Ok(marker(undefined("", hint)))
}
