//! From [`Source`](crate::loader::Source) to [`Value`]: Ansible's dialect of Jinja2, on minijinja. Templating is lazy (a
//! variable is templated when something reads it) and happens once (a value is never templated again).

mod contract;

pub use contract::{Binding, Surroundings, TemplateError, TemplateErrorKind, Truth, Variables};
pub use minijinja::Value;
