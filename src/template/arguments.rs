//! Arguments by position and name, bound as Python binds them, from a signature written as Python writes it.

use super::fault::{Fault, Outcome, fail};
use super::machine::Machine;
use super::marker::need;
use super::python::kind::{Kind, kind, type_name};
use super::python::text::text;
use minijinja::Value;
use std::borrow::Cow;

/// What a filter, test or function takes.
#[derive(Debug)]
pub struct Signature {
    parameters: Vec<Parameter>,
    /// Whether more arguments by position (`*more`) and by name (`**more`) are taken.
    more: bool,
    more_named: bool,
}

#[derive(Debug)]
struct Parameter {
    name: &'static str,
    default: Option<Value>,
}

/// Arguments in the order of the signature.
#[derive(Debug, Default)]
pub struct Bound {
    /// One for each parameter.
    pub values: Vec<Value>,
    /// Those by position that are left.
    pub more: Vec<Value>,
    /// Those by name that are left.
    pub more_named: Vec<(String, Value)>,
}

impl Signature {
    /// Reads `value, width=4, first=False, *more, **named`. Defaults are `None`, `True`, `False`, whole numbers and quoted
    /// text.
    pub fn parse(signature: &'static str) -> Signature {
        let mut parsed = Signature { parameters: Vec::new(), more: false, more_named: false };
        for part in signature.split(", ").filter(|part| !part.is_empty()) {
            if part.starts_with("**") {
                parsed.more_named = true;
            } else if part.starts_with('*') {
                parsed.more = true;
            } else {
                let (name, default) = match part.split_once('=') {
                    Some((name, default)) => (name, Some(literal(default))),
                    None => (part, None),
                };
                parsed.parameters.push(Parameter { name, default });
            }
        }
        parsed
    }

    /// Gives each parameter its argument.
    pub fn bind(&self, what: &str, positional: &[Value], named: Vec<(String, Value)>) -> Outcome<Bound> {
        let mut bound = Bound::default();
        let mut values: Vec<Option<Value>> = positional.iter().take(self.parameters.len()).cloned().map(Some).collect();
        values.resize(self.parameters.len(), None);
        if positional.len() > self.parameters.len() {
            if !self.more {
                return fail(format!(
                    "{what} takes at most {} arguments ({} given)",
                    self.parameters.len().saturating_sub(1),
                    positional.len().saturating_sub(1)
                ));
            }
            bound.more = positional[self.parameters.len()..].to_vec();
        }
        for (name, value) in named {
            match self.parameters.iter().position(|parameter| parameter.name == name) {
                Some(index) if values[index].is_some() => {
                    return fail(format!("{what} got multiple values for argument '{name}'"));
                }
                Some(index) => values[index] = Some(value),
                None if self.more_named => bound.more_named.push((name, value)),
                None => {
                    let known = self.parameters.iter().map(|parameter| parameter.name);
                    let fault = Fault::failed(format!("{what} got an unexpected keyword argument '{name}'"));
                    return Err(match crate::diagnostic::did_you_mean(&name, known) {
                        Some(hint) => fault.hint(hint),
                        None => fault,
                    });
                }
            }
        }
        for (parameter, value) in self.parameters.iter().zip(values) {
            bound.values.push(match value.or_else(|| parameter.default.clone()) {
                Some(value) => value,
                None => return fail(format!("{what} misses the argument '{}'", parameter.name)),
            });
        }
        Ok(bound)
    }

    fn name(&self, index: usize) -> &'static str {
        self.parameters.get(index).map_or("", |parameter| parameter.name)
    }
}

fn literal(text: &str) -> Value {
    match text {
        "None" => Value::from(()),
        "True" => Value::from(true),
        "False" => Value::from(false),
        "[]" => Value::from(Vec::<Value>::new()),
        _ => text.parse::<i64>().map_or_else(|_| Value::from(text.trim_matches('\'')), Value::from),
    }
}

/// A call of a filter, test or function.
pub struct Call<'c, 'm> {
    /// Where it happens: variables, other filters, the controller's files.
    pub machine: &'c mut Machine<'m>,
    /// What it is called, for messages.
    pub name: &'c str,
    /// Its arguments.
    pub bound: Bound,
    /// What they were bound to.
    pub signature: &'static Signature,
}

impl Call<'_, '_> {
    /// The argument of a parameter: that of parameter 0 of a filter is what it is applied to.
    pub fn value(&self, index: usize) -> &Value {
        &self.bound.values[index]
    }

    /// The argument, unless it is `None`.
    pub fn given(&self, index: usize) -> Option<&Value> {
        self.bound.values.get(index).filter(|value| !value.is_none())
    }

    /// The argument as text, whatever it is: as Python's `str()` makes it.
    pub fn text(&self, index: usize) -> Outcome<Cow<'_, str>> {
        as_text(self.value(index))
    }

    /// The argument, which must be text.
    pub fn only_text(&self, index: usize) -> Outcome<&str> {
        let value = need(self.value(index))?;
        match value.as_str() {
            Some(text) => Ok(text),
            None => fail(format!(
                "{} needs text for '{}', not '{}'",
                self.name,
                self.signature.name(index),
                type_name(value)
            )),
        }
    }

    /// The argument, which must be a whole number.
    pub fn int(&self, index: usize) -> Outcome<i128> {
        let value = need(self.value(index))?;
        match kind(value) {
            Kind::Int(int) => Ok(int),
            Kind::Bool(flag) => Ok(i128::from(flag)),
            Kind::Float(float) if float.fract() == 0.0 => Ok(float as i128),
            Kind::Text(text) if super::python::float::parse_int(text, 10).is_some() => {
                Ok(super::python::float::parse_int(text, 10).unwrap_or(0))
            }
            _ => fail(format!(
                "{} needs a whole number for '{}', not '{}'",
                self.name,
                self.signature.name(index),
                type_name(value)
            )),
        }
    }

    /// The argument as a size: a whole number that is not negative and not absurd.
    pub fn size(&self, index: usize) -> Outcome<usize> {
        Ok(self.int(index)?.clamp(0, 1 << 24) as usize)
    }

    /// The argument in a condition.
    pub fn flag(&self, index: usize) -> Outcome<bool> {
        super::python::kind::truth(self.value(index))
    }
}

/// A value as text, without copying where it is text.
pub fn as_text(value: &Value) -> Outcome<Cow<'_, str>> {
    match value.as_str() {
        Some(text) => Ok(Cow::Borrowed(text)),
        None => text(value).map(Cow::Owned),
    }
}
