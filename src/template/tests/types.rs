//! Tests of what a value is.

use super::Test;
use crate::template::fault::Outcome;
use crate::template::marker::{as_marker, is_undefined};
use crate::template::python::kind::{Kind, int, kind};
use crate::template::{filters, tests};
use minijinja::Value;

pub static TESTS: [Test; 18] = [
    Test::new("defined", "value", |call| defined(call.value(0))).seeing_undefined(),
    Test::new("undefined", "value", |call| defined(call.value(0)).map(|defined| !defined)).seeing_undefined(),
    Test::new("none", "value", |call| Ok(call.value(0).is_none())),
    Test::new("string", "value", |call| Ok(call.value(0).as_str().is_some())),
    Test::new("number", "value", |call| {
        Ok(matches!(kind(call.value(0)), Kind::Int(_) | Kind::Float(_) | Kind::Bool(_)))
    }),
    Test::new("integer", "value", |call| Ok(matches!(kind(call.value(0)), Kind::Int(_)))),
    Test::new("float", "value", |call| Ok(matches!(kind(call.value(0)), Kind::Float(_)))),
    Test::new("boolean", "value", |call| Ok(matches!(kind(call.value(0)), Kind::Bool(_)))),
    Test::new("true", "value", |call| Ok(matches!(kind(call.value(0)), Kind::Bool(true)))),
    Test::new("false", "value", |call| Ok(matches!(kind(call.value(0)), Kind::Bool(false)))),
    Test::new("mapping", "value", |call| Ok(matches!(kind(call.value(0)), Kind::Map))),
    Test::new("sequence", "value", |call| {
        Ok(matches!(kind(call.value(0)), Kind::Seq | Kind::Map | Kind::Text(_) | Kind::Bytes(_)))
    }),
    Test::new("iterable", "value", |call| {
        Ok(matches!(kind(call.value(0)), Kind::Seq | Kind::Map | Kind::Text(_) | Kind::Bytes(_) | Kind::Iterable))
    }),
    Test::new("callable", "value", |call| {
        let name = crate::template::machine::object_type_name(call.value(0));
        Ok(matches!(name, Some("function" | "method" | "Macro")))
    }),
    Test::new("filter", "value", |call| Ok(call.value(0).as_str().is_some_and(|name| filters::find(name).is_some()))),
    Test::new("test", "value", |call| Ok(call.value(0).as_str().is_some_and(|name| tests::find(name).is_some()))),
    Test::new("nan isnan", "value", |call| match kind(call.value(0)) {
        Kind::Float(float) => Ok(float.is_nan()),
        Kind::Int(_) | Kind::Bool(_) => Ok(false),
        _ => crate::template::fault::fail("must be real number"),
    }),
    Test::new("escaped", "value", |_| Ok(false)),
];

fn defined(value: &Value) -> Outcome<bool> {
    match as_marker(value) {
        Some(marker) if !is_undefined(value) => match crate::template::marker::is_unknown(value) {
            // What a task registers is defined once it ran, whatever it is.
            true => Ok(true),
            false => Err(Box::new(marker.fault.clone())),
        },
        _ => Ok(!is_undefined(value)),
    }
}

/// Whether a number divides another.
pub fn divides(value: &Value, by: &Value) -> Outcome<bool> {
    let rest = crate::template::python::operators::apply(crate::template::python::operators::Operator::Rem, value, by)?;
    crate::template::python::compare::equal(&rest, &int(0))
}
