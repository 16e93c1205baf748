//! Places of a text that a dry run can't know: the rest of the text can be shown.

use super::contract::TemplateErrorKind;
use super::fault::{Fault, Outcome};
use super::scope::Scope;
use minijinja::Value;
use std::sync::{Mutex, PoisonError};

/// What stands where it is not known what will.
pub const HOLE: &str = "(known when run)";

/// The holes of a text, as why each is there.
#[derive(Debug, Default)]
pub struct Holes(Mutex<Vec<String>>);

impl Holes {
    /// Why not all of the text is known; nothing where all of it is.
    pub fn why(&self) -> Option<String> {
        let whys = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        (!whys.is_empty()).then(|| whys.join("; "))
    }

    /// Notes why a place is not known; a fault of another kind is given back.
    pub(super) fn note(&self, fault: Box<Fault>) -> Outcome<()> {
        if fault.kind != TemplateErrorKind::Unknown {
            return Err(fault);
        }
        let mut whys = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if !whys.contains(&fault.message) {
            whys.push(fault.message);
        }
        Ok(())
    }

    /// A value, or the hole in its place.
    pub(super) fn filled(&self, scope: &Scope, value: Outcome<Value>) -> Outcome<Value> {
        let unknown = match &value {
            Ok(value) => scope.whole(value).err().filter(|fault| fault.kind == TemplateErrorKind::Unknown),
            Err(fault) => Some(fault.clone()),
        };
        match unknown {
            None => value,
            Some(fault) => self.note(fault).map(|()| Value::from(HOLE)),
        }
    }
}
