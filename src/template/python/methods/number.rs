//! Methods of numbers.

use super::Given;
use crate::template::fault::Outcome;
use crate::template::python::kind::{Kind, int, kind};
use minijinja::Value;

/// Calls one.
pub fn call(number: &Value, given: &Given<'_>) -> Outcome<Option<Value>> {
    Ok(match (kind(number), given.name) {
        (Kind::Float(float), "is_integer") => Some(Value::from(float.fract() == 0.0 && float.is_finite())),
        (Kind::Int(value), "bit_length") => Some(int(i128::from(128 - value.unsigned_abs().leading_zeros()))),
        (Kind::Int(_), "is_integer") => Some(Value::from(true)),
        (_, "conjugate") => Some(number.clone()),
        _ => None,
    })
}
