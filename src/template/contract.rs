//! What the rest of the program knows of templating.

use crate::diagnostic::{Diagnostic, Span};
use crate::loader::Source;
use minijinja::Value;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

/// The variables in force for a host at a task.
pub trait Variables: Send + Sync + fmt::Debug {
    /// What a name stands for.
    fn get(&self, name: &str) -> Option<Binding>;
    /// All names, for `vars`, `varnames` and suggestions.
    fn names(&self) -> Vec<Arc<str>>;
}

/// What a variable's name stands for.
#[derive(Clone, Debug)]
pub enum Binding {
    /// Something a file holds: templated when read.
    Source(Source),
    /// Plain data: never templated.
    Value(Value),
    /// Known only when a task runs; a dry run. The text says which: "`register: x` of task `make` (site.yml:12:5)".
    Unknown(Arc<str>),
}

/// What templates and lookups need to know besides variables.
#[derive(Clone, Debug, Default)]
pub struct Surroundings {
    /// Directories in which `lookup('file')`, `lookup('template')`, `include` and their like look, in order: the role's, the
    /// task file's, the playbook's. Each is tried with the kind's sub-directory (`files`, `templates`, ...) first, then plain.
    pub search_path: Vec<PathBuf>,
    /// The playbook's directory.
    pub playbook_dir: PathBuf,
    /// Whether it is a dry run: lookups that change the world (`password` that would create a file) must not.
    pub plan: bool,
}

/// A condition's value.
#[derive(Clone, Debug, PartialEq)]
pub enum Truth {
    /// It holds.
    True,
    /// It does not: the condition's text as written and, where they are short, the values it looked at.
    False {
        /// `ansible_os_family == 'Debian'  (ansible_os_family is 'RedHat')`.
        why: String,
    },
    /// A dry run can't tell.
    Unknown {
        /// Which variables are unknown, and of which task.
        why: String,
    },
}

/// What went wrong in a template.
#[derive(Clone, Debug, PartialEq)]
pub struct TemplateError {
    /// Which sort of thing.
    pub kind: TemplateErrorKind,
    /// The message with the place of the template at fault (inside a variable: that variable's), and the places on the
    /// way there as `related`.
    pub diagnostic: Box<Diagnostic>,
}

/// Sorts of errors that callers tell apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TemplateErrorKind {
    /// A name that nothing defines: the path as read (`web.port`).
    Undefined(String),
    /// A variable that needs itself.
    Recursive,
    /// A template that can't be read.
    Syntax,
    /// It can't be told in a dry run. The message says what is known only when it runs: "`register: x` of task `make`".
    Unknown,
    /// Anything else: a filter refused, a lookup failed, ...
    Failed,
}

impl TemplateError {
    /// An error of a kind at a place.
    pub fn new(kind: TemplateErrorKind, span: &Span, message: impl Into<String>) -> TemplateError {
        TemplateError { kind, diagnostic: Box::new(Diagnostic::error(span, message)) }
    }
}

impl fmt::Display for TemplateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.diagnostic.fmt(f)
    }
}

impl std::error::Error for TemplateError {}
