//! Which of Python's types a value has.

use crate::template::contract::TemplateErrorKind;
use crate::template::fault::{Fault, Outcome, fail};
use crate::template::marker::{Marker, need};
use minijinja::Value;
use minijinja::value::ValueKind;

/// A value by its Python type.
#[derive(Debug)]
pub enum Kind<'a> {
    None,
    Bool(bool),
    Int(i128),
    Float(f64),
    Text(&'a str),
    Bytes(&'a [u8]),
    /// A list, a tuple, or another sequence.
    Seq,
    /// A dict.
    Map,
    /// Something that can be gone through once: a generator.
    Iterable,
    /// A marker, a function, a date, ...
    Other,
}

/// A value's kind.
pub fn kind(value: &Value) -> Kind<'_> {
    match value.kind() {
        ValueKind::None => Kind::None,
        ValueKind::Bool => Kind::Bool(value.is_true()),
        ValueKind::Number => number(value),
        ValueKind::String => Kind::Text(value.as_str().unwrap_or_default()),
        ValueKind::Bytes => Kind::Bytes(value.as_bytes().unwrap_or_default()),
        ValueKind::Seq => Kind::Seq,
        ValueKind::Map => Kind::Map,
        ValueKind::Iterable => Kind::Iterable,
        _ => Kind::Other,
    }
}

fn number(value: &Value) -> Kind<'_> {
    if let Some(small) = value.is_integer().then(|| value.as_i64()).flatten() {
        return Kind::Int(i128::from(small));
    }
    if value.is_integer() {
        return match i128::try_from(value.clone()) {
            Ok(int) => Kind::Int(int),
            // Beyond 127 bits; only literals get there.
            Err(_) => Kind::Float(f64::try_from(value.clone()).unwrap_or(f64::INFINITY)),
        };
    }
    Kind::Float(f64::try_from(value.clone()).unwrap_or(f64::NAN))
}

/// A whole number as a value.
pub fn int(number: i128) -> Value {
    i64::try_from(number).map_or_else(|_| Value::from(number), Value::from)
}

/// Whether it holds in a condition; a marker fails.
pub fn truth(value: &Value) -> Outcome<bool> {
    need(value)?;
    Ok(match kind(value) {
        Kind::Float(float) => float != 0.0,
        Kind::Seq | Kind::Map => value.len() != Some(0),
        Kind::Bytes(bytes) => !bytes.is_empty(),
        Kind::Iterable | Kind::Other => value.as_object().is_none_or(|object| object.is_true()),
        _ => value.is_true(),
    })
}

/// Python's name of the type: `str`, `list`, `NoneType`, ...
pub fn type_name(value: &Value) -> &'static str {
    match kind(value) {
        Kind::None => "NoneType",
        Kind::Bool(_) => "bool",
        Kind::Int(_) => "int",
        Kind::Float(_) => "float",
        Kind::Text(_) => "str",
        Kind::Bytes(_) => "bytes",
        Kind::Seq if value.is_tuple() => "tuple",
        Kind::Seq => "list",
        Kind::Map => "dict",
        Kind::Iterable => "generator",
        Kind::Other => match value.downcast_object_ref::<Marker>() {
            Some(marker) if marker.fault.kind == TemplateErrorKind::Unknown => "unknown",
            Some(_) => "UndefinedMarker",
            None if value.is_undefined() => "UndefinedMarker",
            None => crate::template::machine::object_type_name(value).unwrap_or("object"),
        },
    }
}

/// The items of what can be gone through: a list's, a dict's keys, a text's characters.
pub fn items(value: &Value) -> Outcome<Vec<Value>> {
    need(value)?;
    match kind(value) {
        Kind::Text(text) => Ok(text.chars().map(Value::from).collect()),
        Kind::Bytes(bytes) => Ok(bytes.iter().map(|byte| Value::from(*byte)).collect()),
        Kind::Seq | Kind::Map | Kind::Iterable => match value.try_iter() {
            Ok(items) => Ok(items.collect()),
            Err(error) => fail(error.to_string()),
        },
        _ => fail(format!("'{}' object is not iterable", type_name(value))),
    }
}

/// Keys and values of a dict, in order.
pub fn pairs(value: &Value) -> Outcome<Vec<(Value, Value)>> {
    need(value)?;
    match (kind(value), value.as_object()) {
        (Kind::Map, Some(object)) => Ok(object.try_iter_pairs().map_or_else(Vec::new, std::iter::Iterator::collect)),
        _ => fail(format!("a dict is needed, not '{}'", type_name(value))),
    }
}

/// How many items, characters or keys.
pub fn length(value: &Value) -> Outcome<usize> {
    need(value)?;
    match kind(value) {
        Kind::Text(text) => Ok(text.chars().count()),
        Kind::Bytes(bytes) => Ok(bytes.len()),
        Kind::Seq | Kind::Map | Kind::Iterable => match value.len() {
            Some(length) => Ok(length),
            None => items(value).map(|items| items.len()),
        },
        _ => fail(format!("object of type '{}' has no len()", type_name(value))),
    }
}

/// Whether it is a dict.
pub fn is_map(value: &Value) -> bool {
    value.kind() == ValueKind::Map
}

/// Whether it is a list or a tuple.
pub fn is_seq(value: &Value) -> bool {
    value.kind() == ValueKind::Seq
}

/// An undefined value with its path as read.
pub fn undefined(path: &str, message: impl Into<String>) -> Box<Fault> {
    Fault::new(TemplateErrorKind::Undefined(path.to_owned()), message)
}
