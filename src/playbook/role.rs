//! Roles as they stand on disk, and their uses.

use crate::diagnostic::Span;
use crate::loader::Source;
use std::path::PathBuf;
use std::sync::Arc;

/// A role as it stands on disk. Read once in a run.
#[derive(Debug)]
pub struct Role {
    /// As the user named it first.
    pub name: String,
    /// Its directory.
    pub path: PathBuf,
    /// `defaults/main.yml`, and what `defaults_from` names.
    pub defaults: Vec<Source>,
    /// `vars/main.yml`, and what `vars_from` names.
    pub vars: Vec<Source>,
    /// `meta/main.yml`.
    pub meta: Option<Source>,
    /// `meta/argument_specs.yml`, or `argument_specs` of `meta/main.yml`.
    pub argument_specs: Option<Source>,
}

impl Role {
    /// Its name without the collection that it is of.
    pub fn short_name(&self) -> &str {
        match self.name.splitn(3, '.').collect::<Vec<_>>().as_slice() {
            [_, _, own] => own,
            _ => &self.name,
        }
    }

    /// Whether it may run more than once on a host with the same parameters.
    pub fn allow_duplicates(&self) -> bool {
        let flag = self.meta.as_ref().and_then(|meta| meta.get("allow_duplicates"));
        flag.is_some_and(|flag| flag.node == crate::loader::Node::Bool(true) || flag.as_str() == Some("yes"))
    }
}

/// A use of a role: by `roles:`, `import_role`, `include_role`, or as a dependency.
#[derive(Debug)]
pub struct RoleUse {
    /// The role.
    pub role: Arc<Role>,
    /// As named here, for titles: `ROLE : TASK`.
    pub name: String,
    /// Parameters: what an entry of `roles:` or `dependencies:` says besides keywords.
    pub params: Vec<(Arc<str>, Source)>,
    /// Whether its defaults and variables are seen by the rest of the play: `roles:` and `import_role` are, `include_role` only
    /// with `public`.
    pub public: bool,
    /// What tells this use from others of the same role: `tasks_from` and parameters. Two uses with the same key run once.
    pub key: String,
    /// Whether `allow_duplicates` was said here.
    pub allow_duplicates: bool,
    /// Where it is used.
    pub span: Span,
    /// Roles that it depends on, all the way, whose variables it sees too.
    pub dependencies: Vec<Arc<RoleUse>>,
}
