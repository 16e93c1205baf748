//! From files to [`Source`]: YAML with its places, as PyYAML and Ansible read it.

mod build;
mod file;
mod key_values;
mod scalar;
mod source;
mod syntax;
mod toml;

pub use file::{Loaded, load_file, load_text};
pub use key_values::{key_values, unescaped};
pub use scalar::is_text_when_plain;
pub use source::{Entry, Node, Source, Style};
pub use toml::load_toml;
