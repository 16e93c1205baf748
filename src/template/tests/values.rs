//! Tests of values against others.

use super::Test;
use crate::template::arguments::Call;
use crate::template::fault::Outcome;
use crate::template::filters::as_bool;
use crate::template::python::compare::{contains, equal, identity, order};
use crate::template::python::kind::{Kind, is_seq, items, kind, truth};
use minijinja::Value;
use std::cmp::Ordering;
use std::collections::HashSet;

pub static TESTS: [Test; 21] = [
    Test::new("eq == equalto", "value, other", |call| equal(call.value(0), call.value(1))),
    Test::new("ne !=", "value, other", |call| equal(call.value(0), call.value(1)).map(|equal| !equal)),
    Test::new("lt < lessthan", "value, other", |call| ordered(call, "<", &[Ordering::Less])),
    Test::new("le <=", "value, other", |call| ordered(call, "<=", &[Ordering::Less, Ordering::Equal])),
    Test::new("gt > greaterthan", "value, other", |call| ordered(call, ">", &[Ordering::Greater])),
    Test::new("ge >=", "value, other", |call| ordered(call, ">=", &[Ordering::Greater, Ordering::Equal])),
    Test::new("sameas", "value, other", |call| {
        let (one, other) = (call.value(0), call.value(1));
        Ok(crate::template::python::kind::type_name(one) == crate::template::python::kind::type_name(other)
            && equal(one, other)?)
    }),
    Test::new("in", "value, seq", |call| contains(call.value(1), call.value(0))),
    Test::new("contains", "value, item", |call| contains(call.value(0), call.value(1))),
    Test::new("divisibleby", "value, num", |call| super::types::divides(call.value(0), call.value(1))),
    Test::new("even", "value", |call| super::types::divides(call.value(0), &Value::from(2))),
    Test::new("odd", "value", |call| super::types::divides(call.value(0), &Value::from(2)).map(|even| !even)),
    Test::new("lower", "value", |call| {
        let text = call.text(0)?;
        Ok(text.chars().any(char::is_lowercase) && !text.chars().any(char::is_uppercase))
    }),
    Test::new("upper", "value", |call| {
        let text = call.text(0)?;
        Ok(text.chars().any(char::is_uppercase) && !text.chars().any(char::is_lowercase))
    }),
    Test::new("truthy", "value, convert_bool=False", truthy),
    Test::new("falsy", "value, convert_bool=False", |call| truthy(call).map(|truthy| !truthy)),
    // Encrypted values are decrypted when they are read, so that no value is one.
    Test::new("vault_encrypted", "value", |_| Ok(false)),
    Test::new("subset issubset", "value, other", |call| within(call.value(0), call.value(1))),
    Test::new("superset issuperset", "value, other", |call| within(call.value(1), call.value(0))),
    Test::new("all", "value", |call| {
        for item in items(call.value(0))? {
            if !truth(&item)? {
                return Ok(false);
            }
        }
        Ok(true)
    }),
    Test::new("any", "value", |call| {
        for item in items(call.value(0))? {
            if truth(&item)? {
                return Ok(true);
            }
        }
        Ok(false)
    }),
];

fn ordered(call: &mut Call<'_, '_>, operator: &str, wanted: &[Ordering]) -> Outcome<bool> {
    let ordering = order(call.value(0), call.value(1), operator)?;
    Ok(ordering.is_some_and(|ordering| wanted.contains(&ordering)))
}

fn truthy(call: &mut Call<'_, '_>) -> Outcome<bool> {
    let value = call.value(0);
    if call.flag(1)?
        && let Kind::Text(_) | Kind::Int(_) | Kind::Float(_) | Kind::Bool(_) = kind(value)
        && let Some(flag) = converted(value)
    {
        return Ok(flag);
    }
    truth(value)
}

/// What stands for a boolean by Ansible's words; nothing for any other text.
fn converted(value: &Value) -> Option<bool> {
    let word = match kind(value) {
        Kind::Text(text) => text.trim().to_lowercase(),
        Kind::Bool(flag) => return Some(flag),
        Kind::Int(int) => int.to_string(),
        _ => return None,
    };
    match word.as_str() {
        "n" | "no" | "off" | "0" | "false" | "f" => Some(false),
        _ => as_bool(value).filter(|flag| *flag),
    }
}

fn within(inner: &Value, outer: &Value) -> Outcome<bool> {
    if !is_seq(inner) || !is_seq(outer) {
        // Text and dicts work as what they can be gone through as.
        items(inner)?;
    }
    let outer: HashSet<String> = items(outer)?.iter().map(identity).collect::<Outcome<_>>()?;
    for item in items(inner)? {
        if !outer.contains(&identity(&item)?) {
            return Ok(false);
        }
    }
    Ok(true)
}
