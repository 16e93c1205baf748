//! A file by itself: what it imports is not read, but must be there. For `refit lint`, which reads every file once.

use super::{Parser, Pass, StaticText};
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::loader::Source;
use crate::playbook::role::{Role, RoleUse};
use crate::playbook::scope::{Keywords, Scope, ScopeKind};
use crate::template::Form;
use std::path::Path;
use std::sync::Arc;

/// What a file holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileKind {
    /// Plays.
    Playbook,
    /// Tasks.
    Tasks,
    /// Handlers.
    Handlers,
}

/// Names that templates make are not known without a run.
struct NotKnown;

impl StaticText for NotKnown {
    fn text(&self, source: &Source, _scope: &Scope) -> Result<String, Diagnostic> {
        Err(Diagnostic::error(&source.span, "not known without a run"))
    }

    /// The look at a file's templates is one of its own.
    fn unreadable(&self, _source: &Source, _form: Form) -> Option<Diagnostic> {
        None
    }
}

impl Parser {
    /// What is wrong in a file. `role` is the directory of the role that it belongs to, `playbook_dir` where playbooks are that
    /// would use it.
    pub fn check_file(&self, source: &Source, kind: FileKind, role: Option<&Path>, playbook_dir: &Path) -> Diagnostics {
        let mut pass = self.pass(playbook_dir, &NotKnown);
        pass.alone = true;
        let directory = source.span.file.path.parent().unwrap_or(Path::new("")).to_owned();
        let scope = |kind| Scope {
            kind,
            keywords: Keywords::default(),
            span: source.span.clone(),
            directory: directory.clone(),
            parent: None,
        };
        let around = match role {
            Some(path) => scope(ScopeKind::Role(Arc::new(use_of(path, source)))),
            None => scope(ScopeKind::Play),
        };
        match kind {
            FileKind::Playbook => drop(pass.plays(source, &directory, None)),
            FileKind::Tasks => drop(pass.tasks(source, &Arc::new(around), false, &directory)),
            FileKind::Handlers => drop(pass.tasks(source, &Arc::new(around), true, &directory)),
        }
        pass.problems
    }

    /// What is wrong with the dependencies of a role's `meta/main.yml`.
    pub fn check_meta(&self, meta: &Source, role: &Path, playbook_dir: &Path) -> Diagnostics {
        let mut pass = self.pass(playbook_dir, &NotKnown);
        pass.alone = true;
        let around = Arc::new(Scope {
            kind: ScopeKind::Role(Arc::new(use_of(role, meta))),
            keywords: Keywords::default(),
            span: meta.span.clone(),
            directory: role.join("meta"),
            parent: None,
        });
        if let Some(list) = meta.get("dependencies") {
            for request in pass.role_entries(list, &around) {
                pass.role(&request, &around);
            }
        }
        pass.problems
    }
}

fn use_of(path: &Path, source: &Source) -> RoleUse {
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let role = Role {
        name: name.clone(),
        path: path.to_owned(),
        defaults: Vec::new(),
        vars: Vec::new(),
        meta: None,
        argument_specs: None,
    };
    RoleUse {
        role: Arc::new(role),
        name,
        params: Vec::new(),
        public: false,
        key: String::new(),
        allow_duplicates: false,
        span: source.span.clone(),
        dependencies: Vec::new(),
    }
}

impl Pass<'_> {
    /// Of a file by itself: says that a file which it names is not there.
    pub(super) fn must_be_there(&mut self, path: &Path, span: &crate::diagnostic::Span) {
        if !path.is_file() {
            self.error(span, format!("there is no file {}", path.display()));
        }
    }
}
