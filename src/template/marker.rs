//! A value that is none: undefined, unknown in a dry run, or an error that nothing has looked at yet. It may be passed
//! around (`default` and `is defined` look at it), and whatever needs its value fails with its fault.

use super::contract::{TemplateError, TemplateErrorKind};
use super::fault::{Fault, Outcome};
use minijinja::Value;
use minijinja::value::{Object, ObjectRepr};
use std::sync::Arc;

/// See the module.
#[derive(Debug)]
pub struct Marker {
    /// What to fail with.
    pub fault: Fault,
}

impl Object for Marker {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }

    fn is_true(self: &Arc<Self>) -> bool {
        false
    }
}

/// A value that stands for a fault.
#[expect(clippy::boxed_local, reason = "faults are boxed everywhere, and come so")]
pub fn marker(fault: Box<Fault>) -> Value {
    Value::from_object(Marker { fault: *fault })
}

/// A value that is known only when the task runs: what a dry run registers for what it can't foresee. `why` says which
/// task makes it known.
pub fn unknown(why: &str) -> Value {
    marker(Fault::new(TemplateErrorKind::Unknown, why))
}

/// A value whose template failed: whatever needs it fails with that error.
pub fn failed(error: TemplateError) -> Value {
    let mut fault = Fault::new(error.kind.clone(), error.diagnostic.message.clone());
    fault.origin = Some(Box::new(error));
    marker(fault)
}

/// The marker, where it is one.
pub fn as_marker(value: &Value) -> Option<&Marker> {
    value.downcast_object_ref::<Marker>()
}

/// Whether it stands for something undefined.
pub fn is_undefined(value: &Value) -> bool {
    value.is_undefined() || as_marker(value).is_some_and(|marker| marker.fault.is_undefined())
}

/// Whether it is known only when a task runs.
pub fn is_unknown(value: &Value) -> bool {
    as_marker(value).is_some_and(|marker| marker.fault.kind == TemplateErrorKind::Unknown)
}

/// The value, or its fault where it is none.
pub fn need(value: &Value) -> Outcome<&Value> {
    if value.is_undefined() {
        return Err(Fault::new(TemplateErrorKind::Undefined(String::new()), "an undefined value is used"));
    }
    match as_marker(value) {
        Some(marker) => Err(Box::new(marker.fault.clone())),
        None => Ok(value),
    }
}
