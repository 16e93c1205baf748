//! Filters that apply filters and tests to items: `map`, `select`, `reject`, `selectattr`, `rejectattr`.

use super::Filter;
use crate::template::arguments::Call;
use crate::template::fault::{Outcome, fail};
use crate::template::machine::dotted;
use crate::template::marker::{is_undefined, marker, need};
use crate::template::python::kind::{items, truth, type_name, undefined};
use minijinja::Value;

pub static FILTERS: [Filter; 5] = [
    Filter::new("map", "value, *more, **named", map),
    Filter::new("select", "value, *more, **named", |call| select(call, true)),
    Filter::new("reject", "value, *more, **named", |call| select(call, false)),
    Filter::new("selectattr", "value, attribute, *more, **named", |call| select_attribute(call, true)),
    Filter::new("rejectattr", "value, attribute, *more, **named", |call| select_attribute(call, false)),
];

/// `item.attribute`, where the attribute may be a path with dots or an index; a marker where there is none.
pub fn attribute_of(item: &Value, attribute: &Value, default: Option<&Value>) -> Outcome<Value> {
    if is_undefined(item) {
        return Ok(default.cloned().unwrap_or_else(|| item.clone()));
    }
    need(item)?;
    let found = match attribute.as_str() {
        Some(path) => dotted(item, path)?,
        None => crate::template::machine::lookup(item, attribute)?,
    };
    Ok(match (found, default) {
        (Some(found), Some(default)) if is_undefined(&found) => default.clone(),
        (Some(found), _) => found,
        (None, Some(default)) => default.clone(),
        (None, None) => {
            let shown = crate::template::python::text::repr(attribute)?;
            marker(undefined(&shown, format!("object of type '{}' has no attribute {shown}", type_name(item))))
        }
    })
}

fn map(call: &mut Call<'_, '_>) -> Outcome<Value> {
    let all = items(call.value(0))?;
    let mut named = call.bound.more_named.clone();
    let mut out = Vec::with_capacity(all.len());
    let attribute = named.iter().position(|(name, _)| name == "attribute");
    if let (true, Some(at)) = (call.bound.more.is_empty(), attribute) {
        let (_, attribute) = named.remove(at);
        let default = named.iter().position(|(name, _)| name == "default").map(|at| named.remove(at).1);
        if let Some((name, _)) = named.first() {
            return fail(format!("got an unexpected keyword argument '{name}'"));
        }
        for item in &all {
            out.push(attribute_of(item, &attribute, default.as_ref())?);
        }
        return Ok(Value::from(out));
    }
    let Some((name, more)) = call.bound.more.split_first() else { return fail("map requires a filter argument") };
    let Some(name) = name.as_str().map(ToOwned::to_owned) else { return fail("the filter's name must be text") };
    let more = more.to_vec();
    for item in all {
        let positional = std::iter::once(item).chain(more.iter().cloned()).collect();
        out.push(call.machine.filter_by_name(&name, positional, named.clone())?);
    }
    Ok(Value::from(out))
}

/// Whether an item passes: the test named first among the arguments, or its truth.
fn passes(call: &mut Call<'_, '_>, item: Value) -> Outcome<bool> {
    let Some((name, more)) = call.bound.more.split_first() else { return truth(&item) };
    let Some(name) = name.as_str().map(ToOwned::to_owned) else { return fail("the test's name must be text") };
    let positional = std::iter::once(item).chain(more.iter().cloned()).collect();
    let named = call.bound.more_named.clone();
    call.machine.test_by_name(&name, positional, named)
}

fn select(call: &mut Call<'_, '_>, wanted: bool) -> Outcome<Value> {
    let mut out = Vec::new();
    for item in items(call.value(0))? {
        if passes(call, item.clone())? == wanted {
            out.push(item);
        }
    }
    Ok(Value::from(out))
}

fn select_attribute(call: &mut Call<'_, '_>, wanted: bool) -> Outcome<Value> {
    let attribute = call.value(1).clone();
    let mut out = Vec::new();
    for item in items(call.value(0))? {
        let value = attribute_of(&item, &attribute, None)?;
        if passes(call, value)? == wanted {
            out.push(item);
        }
    }
    Ok(Value::from(out))
}
