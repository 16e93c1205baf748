//! `omit`: a value that makes the argument or key that has it disappear.

use minijinja::Value;
use minijinja::value::{Object, ObjectRepr};
use std::sync::{Arc, LazyLock};

#[derive(Debug)]
struct Omit;

impl Object for Omit {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }
}

static OMIT: LazyLock<Value> = LazyLock::new(|| Value::from_object(Omit));

/// The value of the variable `omit`.
pub fn omit() -> Value {
    OMIT.clone()
}

/// Whether a value is `omit`.
pub fn is_omit(value: &Value) -> bool {
    value.downcast_object_ref::<Omit>().is_some()
}
