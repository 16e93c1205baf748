//! From [`Source`](crate::loader::Source) to [`Value`]: Ansible's dialect of Jinja2. Templating is lazy (a variable is
//! templated when something reads it) and happens once (a value is never templated again).
//!
//! minijinja reads the templates (its lexer and parser, delimiters, whitespace control) and gives the values. What an
//! operation *means* is decided here, because playbooks rely on Python's meaning: lists and dicts that change in place,
//! `%` formatting, comparisons that refuse to order text and numbers, an undefined value that `default` sees through any
//! chain of attributes and filters, and a value that is unknown in a dry run. The way of a template:
//!
//! ```text
//! text ── language ──> Program ── machine, with a Scope ──> Value
//!                                    ├── python/   what values mean
//!                                    ├── filters/, tests/, globals, lookups/
//!                                    └── variables: each a template in turn (lazy)
//! ```

mod addresses;
mod arguments;
mod condition;
mod contract;
mod controller_files;
mod dates;
mod fault;
mod files;
mod filters;
mod globals;
mod holes;
mod ini;
mod json;
mod language;
mod lazy;
mod lookups;
mod machine;
mod marker;
mod omit;
mod passwords;
mod paths;
mod patterns;
mod place;
mod python;
mod scope;
mod survey;
mod templater;
mod tests;
mod yaml;

pub use contract::{Binding, Surroundings, TemplateError, TemplateErrorKind, Truth, Variables};
pub use controller_files::Unread;
pub use files::FileOptions;
pub use holes::{HOLE, Holes};
pub use language::Syntax;
pub use lookups::failure_prefix as lookup_failure_prefix;
pub use marker::{failed, is_undefined, is_unknown, unknown};
pub use minijinja::Value;
pub use omit::{is_omit, omit};
pub(crate) use python::methods::text::splitlines;
pub use scope::Scope;
pub use survey::{Form, Problem, Spot, Survey, Surveyor};
pub use templater::{Decrypt, NoVault, Settings, Templater, World};
pub use yaml::of_json as yaml_of_json;
