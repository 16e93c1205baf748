//! `x.name` and `x[key]`.

use super::Machine;
use super::expression::missing;
use super::objects::BoundMethod;
use crate::template::fault::Outcome;
use crate::template::language::Expression;
use crate::template::marker::{as_marker, is_undefined, is_unknown};
use crate::template::python::kind::{Kind, items, kind};
use crate::template::python::methods::{self, text::character};
use crate::template::python::slice::position;
use minijinja::Value;

/// What a key or attribute of a value is; nothing where it has none. Keys go before methods, so that a key named `items`
/// can be read as `x.items`.
pub fn lookup(value: &Value, key: &Value) -> Outcome<Option<Value>> {
    let found = match (kind(value), kind(key)) {
        (Kind::Text(text), Kind::Int(index)) => {
            let length = text.chars().count();
            position(index, length).and_then(|at| character(text, at as i128))
        }
        (Kind::Seq, Kind::Int(index)) => {
            let length = value.len().unwrap_or(0);
            position(index, length).and_then(|at| value.get_item_by_index(at).ok())
        }
        (Kind::Iterable, Kind::Int(index)) => {
            let all = items(value)?;
            position(index, all.len()).map(|at| all[at].clone())
        }
        // `x['0']` and `x.0` find the same in Jinja2 where the key is text that stands for a number.
        (Kind::Map | Kind::Other, _) | (Kind::Seq, Kind::Text(_)) => {
            value.as_object().and_then(|object| object.get_value(key))
        }
        _ => None,
    };
    match found.filter(|found| !found.is_undefined()) {
        Some(found) => match as_marker(&found) {
            Some(error) if !is_undefined(&found) && !is_unknown(&found) => Err(Box::new(error.fault.clone())),
            _ => Ok(Some(found)),
        },
        None => Ok(None),
    }
}

impl Machine<'_> {
    pub(super) fn attribute(&mut self, value: &Value, name: &str, expression: &Expression) -> Outcome<Value> {
        self.member(value, &Value::from(name), expression)
    }

    pub(super) fn item(&mut self, value: &Value, key: &Value, expression: &Expression) -> Outcome<Value> {
        if as_marker(key).is_some() {
            return Ok(key.clone());
        }
        self.member(value, key, expression)
    }

    fn member(&mut self, value: &Value, key: &Value, expression: &Expression) -> Outcome<Value> {
        // A marker's members are the marker itself: `a.b.c | default(x)` looks at the whole path.
        if let Some(inner) = as_marker(value) {
            if is_undefined(value) || is_unknown(value) {
                return Ok(value.clone());
            }
            return Err(Box::new(inner.fault.clone()));
        }
        if value.is_undefined() {
            return Ok(value.clone());
        }
        if let Some(found) = lookup(value, key)? {
            return Ok(found);
        }
        if let Some(name) = key.as_str()
            && methods::has(value, name)
        {
            return Ok(Value::from_object(BoundMethod { receiver: value.clone(), name: name.to_owned() }));
        }
        Ok(self.put_off(missing(value, key, expression), expression.at))
    }
}

/// `x.a.0.b` as filters take it (`map(attribute='a.0.b')`): dots between keys, numbers are indexes.
pub fn dotted(value: &Value, path: &str) -> Outcome<Option<Value>> {
    let mut value = value.clone();
    for part in path.split('.') {
        let key = part.parse::<i64>().map_or_else(|_| Value::from(part), Value::from);
        let found = match lookup(&value, &key)? {
            None if key.as_str().is_none() => lookup(&value, &Value::from(part))?,
            found => found,
        };
        match found {
            Some(found) => value = found,
            None => return Ok(None),
        }
    }
    Ok(Some(value))
}
