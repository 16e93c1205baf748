//! What stops an evaluation, before it has a place.

use super::contract::{TemplateError, TemplateErrorKind};
use super::language::At;
use super::place::Place;
use minijinja::Value;
use std::sync::Arc;

/// Why an expression has no value. It becomes a [`TemplateError`] where it leaves the template.
#[derive(Clone, Debug)]
pub struct Fault {
    /// Which sort of thing.
    pub kind: TemplateErrorKind,
    /// What is wrong; no final stop.
    pub message: String,
    /// What to do about it.
    pub hints: Vec<String>,
    /// Where in the template, once known.
    pub at: Option<At>,
    /// The template in which it arose, where that may be another than the one in which it is noticed.
    pub home: Option<(Place, Arc<str>)>,
    /// Where in the present template what arose elsewhere is used.
    pub used_at: Option<At>,
    /// The finished error, if it arose in another template: a variable's own, an included file.
    pub origin: Option<Box<TemplateError>>,
    /// A key that an object does not have, for "did you mean".
    pub missing: Option<(String, Value)>,
}

/// What evaluating gives.
pub type Outcome<T> = Result<T, Box<Fault>>;

impl Fault {
    /// A fault of a kind.
    pub fn new(kind: TemplateErrorKind, message: impl Into<String>) -> Box<Fault> {
        Box::new(Fault {
            kind,
            message: message.into(),
            hints: Vec::new(),
            at: None,
            home: None,
            used_at: None,
            origin: None,
            missing: None,
        })
    }

    /// Something refused: a filter, an operator, a lookup.
    pub fn failed(message: impl Into<String>) -> Box<Fault> {
        Fault::new(TemplateErrorKind::Failed, message)
    }

    /// With what to do about it.
    pub fn hint(mut self: Box<Fault>, hint: impl Into<String>) -> Box<Fault> {
        self.hints.push(hint.into());
        self
    }

    /// Whether it says that nothing defines a name.
    pub fn is_undefined(&self) -> bool {
        matches!(self.kind, TemplateErrorKind::Undefined(_))
    }

    /// Whether it may be passed on as a value until something needs it: undefined, or unknown in a dry run.
    pub fn is_put_off(&self) -> bool {
        self.is_undefined() || self.kind == TemplateErrorKind::Unknown
    }

    /// With the place in the template, unless an inner expression gave one.
    pub fn located(mut self: Box<Fault>, at: At) -> Box<Fault> {
        if self.home.is_some() || self.origin.is_some() {
            self.used_at.get_or_insert(at);
        } else {
            self.at.get_or_insert(at);
        }
        self
    }
}

/// A fault that is only a message, as `Err`.
pub fn fail<T>(message: impl Into<String>) -> Outcome<T> {
    Err(Fault::failed(message))
}
