//! A setting's value, and where it was set.

use crate::diagnostic::Span;
use std::fmt;
use std::ops::Deref;

/// Where a setting was set.
#[derive(Clone, Debug, PartialEq)]
pub enum Origin {
    /// Nowhere: it is the default.
    Default,
    /// In a configuration file.
    File(Span),
    /// By a variable of the environment.
    Variable(&'static str),
    /// On the command line: the option.
    Option(&'static str),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Origin::Default => f.write_str("default"),
            Origin::File(span) => write!(f, "{}:{}", span.file.path.display(), span.line),
            Origin::Variable(name) => write!(f, "variable {name}"),
            Origin::Option(name) => write!(f, "option {name}"),
        }
    }
}

/// A value that knows where it was set. It reads as its value.
#[derive(Clone, Debug, PartialEq)]
pub struct Setting<T> {
    /// The value.
    pub value: T,
    /// Where it was set.
    pub origin: Origin,
}

impl<T> Setting<T> {
    /// Sets it from the command line.
    pub fn set(&mut self, value: T, option: &'static str) {
        *self = Setting { value, origin: Origin::Option(option) };
    }

    /// Whether somebody has set it.
    pub fn is_set(&self) -> bool {
        self.origin != Origin::Default
    }
}

impl<T> Deref for Setting<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}
