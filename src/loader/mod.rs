//! From files to [`Source`]: YAML with its places, as PyYAML and Ansible read it.

mod source;

pub use source::{Entry, Node, Source, Style};
