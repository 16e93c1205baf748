//! Values that are neither data nor markers: functions, modules, bound methods, and what they have in common with dates.

use super::Frame;
use crate::template::dates::{Date, Span};
use crate::template::fault::Outcome;
use crate::template::globals::Global;
use crate::template::python::operators::Operator;
use minijinja::value::{Enumerator, Object, ObjectRepr};
use minijinja::{Environment, Value};
use std::cmp::Ordering;
use std::fmt;
use std::sync::{Arc, LazyLock};

/// A function of the language: `range`, `lookup`, ...
#[derive(Debug)]
pub struct Function(pub &'static Global);

impl Object for Function {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }

    fn render(self: &Arc<Self>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<function {}>", self.0.name)
    }
}

/// `x.append` without a call.
#[derive(Debug)]
pub struct BoundMethod {
    pub receiver: Value,
    pub name: String,
}

impl Object for BoundMethod {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }

    fn render(self: &Arc<Self>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<built-in method {}>", self.name)
    }
}

/// `super` inside a block.
#[derive(Debug)]
pub struct Super;

impl Object for Super {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }
}

/// An imported template: its macros and what it set. Printed, it is what the template printed.
#[derive(Debug)]
pub struct Module {
    pub frame: Arc<Frame>,
    pub text: String,
}

impl Object for Module {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }

    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        let key = key.as_str()?;
        self.frame.own().into_iter().find(|(name, _)| &**name == key).map(|(_, value)| value)
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Enumerator::NonEnumerable
    }

    fn render(self: &Arc<Self>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// An environment for the calls of objects that have their own methods.
pub fn environment() -> &'static Environment<'static> {
    static ENVIRONMENT: LazyLock<Environment<'static>> = LazyLock::new(Environment::empty);
    &ENVIRONMENT
}

/// Python's name of an object's type, where it has one.
pub fn object_type_name(value: &Value) -> Option<&'static str> {
    if value.downcast_object_ref::<Date>().is_some() {
        Some("datetime")
    } else if value.downcast_object_ref::<Span>().is_some() {
        Some("timedelta")
    } else if value.downcast_object_ref::<super::macros::MacroValue>().is_some() {
        Some("Macro")
    } else if value.downcast_object_ref::<Function>().is_some() {
        Some("function")
    } else if value.downcast_object_ref::<BoundMethod>().is_some() {
        Some("method")
    } else if crate::template::omit::is_omit(value) {
        Some("Omit")
    } else {
        None
    }
}

/// How two objects stand to each other, where they have an order.
pub fn object_order(left: &Value, right: &Value) -> Option<Ordering> {
    if let (Some(left), Some(right)) = (left.downcast_object_ref::<Date>(), right.downcast_object_ref::<Date>()) {
        return left.order(right);
    }
    let (left, right) = (left.downcast_object_ref::<Span>()?, right.downcast_object_ref::<Span>()?);
    Some(left.microseconds.cmp(&right.microseconds))
}

/// Arithmetic with objects: dates and spans of time.
pub fn object_arithmetic(operator: Operator, left: &Value, right: &Value) -> Option<Outcome<Value>> {
    crate::template::dates::arithmetic(operator, left, right)
}

/// Whether a mapping is data: a dict, not a namespace, which may look like one.
pub fn is_plain_map(value: &Value) -> bool {
    value.downcast_object_ref::<crate::template::globals::Namespace>().is_none()
}
