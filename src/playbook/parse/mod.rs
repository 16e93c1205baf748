//! The parser: mappings become plays, blocks and tasks, and names of files become what they hold.

mod action;
mod alone;
mod check;
mod collections;
mod keywords;
mod play;
mod role;
mod routing;
mod tasks;

pub use alone::FileKind;
pub(crate) use collections::of_path as collection_of;
pub use role::{LoadedRole, RoleParts, RoleRequest};
pub(crate) use tasks::find_task_file;

use super::keyword::Keyword;
use super::model::Playbook;
use super::role::Role;
use super::scope::Scope;
use crate::config::DuplicateKeys;
use crate::diagnostic::{Diagnostic, Diagnostics, Span};
use crate::loader::{Node, Source};
use crate::secrets::Secrets;
use crate::template::Form;
use crate::vault::Vault;
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

/// Templates as far as they matter while reading: names that must be known then (`import_tasks: "{{ file }}.yml"`, `roles:`),
/// with the variables that exist without a host, and whether the others can be read at all.
pub trait StaticText: Sync {
    /// The text of a template at a place in the play.
    fn text(&self, source: &Source, scope: &Scope) -> Result<String, Diagnostic>;

    /// Why a text that is evaluated when its task runs can't be read as a template.
    fn unreadable(&self, source: &Source, form: Form) -> Option<Diagnostic>;
}

/// Reads playbooks, task files and roles. One for a run; files and roles are read once.
pub struct Parser {
    /// Where roles are looked for besides the playbook's `roles/` directory.
    pub roles_path: Vec<PathBuf>,
    /// Where collections are looked for besides the playbook's `collections/` directory.
    pub collections_path: Vec<PathBuf>,
    /// Decrypts what is encrypted.
    pub vault: Arc<Vault>,
    /// Where passwords are registered that stand in playbooks as they are: a file's lines may be shown for whatever reason,
    /// long before the task with the password runs, or without that it does.
    secrets: Arc<Secrets>,
    /// What becomes of keys that stand twice.
    duplicates: DuplicateKeys,
    /// Roles read, by directory and parts.
    roles: Mutex<HashMap<(PathBuf, RoleParts), Arc<Role>>>,
    /// Files read.
    files: Mutex<HashMap<PathBuf, Source>>,
    /// What collections say of modules, by the collection's directory.
    runtimes: Mutex<HashMap<PathBuf, Arc<routing::Runtime>>>,
}

/// One pass of reading: what it needs, and what it finds wrong.
pub(super) struct Pass<'a> {
    pub(super) parser: &'a Parser,
    pub(super) names: &'a dyn StaticText,
    pub(super) playbook_dir: PathBuf,
    pub(super) problems: Diagnostics,
    /// Files being read, to find one that imports itself.
    pub(super) reading: Vec<PathBuf>,
    /// Handlers of the roles met, in order.
    pub(super) role_handlers: Vec<super::Node>,
    /// Whether `module_defaults` is in force somewhere: then missing arguments are found only when the task runs.
    pub(super) has_module_defaults: bool,
    /// Whether the playbook goes on after a failure of the task that is read: it may be meant to fail.
    pub(super) failure_is_handled: bool,
    /// Whether that, or whether the task that is read may be left out by a condition.
    pub(super) failure_is_excused: bool,
    /// Roles met that the whole play sees.
    pub(super) static_roles: Vec<Arc<super::RoleUse>>,
    /// Whether a file is looked at by itself: what it imports is not read.
    pub(super) alone: bool,
}

impl Parser {
    /// A parser for a run.
    pub fn new(roles_path: Vec<PathBuf>, vault: Arc<Vault>) -> Parser {
        Parser {
            roles_path,
            collections_path: Vec::new(),
            vault,
            secrets: Arc::default(),
            duplicates: DuplicateKeys::default(),
            roles: Mutex::default(),
            files: Mutex::default(),
            runtimes: Mutex::default(),
        }
    }

    /// Registers with these what is secret in what is read.
    pub fn with_secrets(self, secrets: Arc<Secrets>) -> Parser {
        Parser { secrets, ..self }
    }

    /// With this said of keys that stand twice.
    pub fn with_duplicates(self, duplicates: DuplicateKeys) -> Parser {
        Parser { duplicates, ..self }
    }

    /// With these places for collections.
    pub fn with_collections(self, collections_path: Vec<PathBuf>) -> Parser {
        Parser { collections_path, ..self }
    }

    /// Reads a playbook. The second value holds the warnings.
    pub fn playbook(&self, path: &Path, names: &dyn StaticText) -> Result<(Playbook, Diagnostics), Diagnostics> {
        let mut pass = self.pass(path.parent().unwrap_or(Path::new("")), names);
        let plays = pass.playbook_file(path, None);
        pass.finish(Playbook { path: path.to_owned(), plays })
    }

    /// Reads a playbook that no file holds (`refit exec`).
    pub fn text(
        &self,
        path: &Path,
        source: Source,
        playbook_dir: &Path,
        names: &dyn StaticText,
    ) -> Result<(Playbook, Diagnostics), Diagnostics> {
        let mut pass = self.pass(playbook_dir, names);
        let plays = pass.plays(&source, playbook_dir, None);
        pass.finish(Playbook { path: path.to_owned(), plays })
    }

    /// Reads a task file for `include_tasks`, below the including task's scope.
    pub fn task_file(
        &self,
        path: &Path,
        parent: &Arc<Scope>,
        playbook_dir: &Path,
        names: &dyn StaticText,
        handlers: bool,
    ) -> Result<(Vec<super::Node>, Diagnostics), Diagnostics> {
        let mut pass = self.pass_below(parent, playbook_dir, names);
        let nodes = pass.task_file(path, parent, handlers, None);
        pass.finish(nodes)
    }

    /// Reads a role for `include_role`, below the including task's scope: its block, and the handlers that it brings.
    pub fn role(
        &self,
        request: &RoleRequest,
        parent: &Arc<Scope>,
        playbook_dir: &Path,
        names: &dyn StaticText,
    ) -> Result<(LoadedRole, Diagnostics), Diagnostics> {
        let mut pass = self.pass_below(parent, playbook_dir, names);
        let nodes = pass.role(request, parent);
        let handlers = std::mem::take(&mut pass.role_handlers);
        pass.finish(LoadedRole { nodes, handlers })
    }

    fn pass_below<'a>(&'a self, parent: &Scope, playbook_dir: &Path, names: &'a dyn StaticText) -> Pass<'a> {
        let has_module_defaults = !parent.gathered(Keyword::ModuleDefaults).is_empty();
        Pass { has_module_defaults, ..self.pass(playbook_dir, names) }
    }

    fn pass<'a>(&'a self, playbook_dir: &Path, names: &'a dyn StaticText) -> Pass<'a> {
        Pass {
            parser: self,
            names,
            playbook_dir: playbook_dir.to_owned(),
            problems: Diagnostics::default(),
            reading: Vec::new(),
            role_handlers: Vec::new(),
            has_module_defaults: false,
            failure_is_handled: false,
            failure_is_excused: false,
            static_roles: Vec::new(),
            alone: false,
        }
    }

    /// A file's content; `Ok(None)` where there is no such file.
    pub fn read(&self, path: &Path) -> Result<Option<(Source, Vec<Diagnostic>)>, Diagnostics> {
        if let Ok(files) = self.files.lock()
            && let Some(source) = files.get(path)
        {
            return Ok(Some((source.clone(), Vec::new())));
        }
        if !path.is_file() {
            return Ok(None);
        }
        let loaded = crate::loader::load_file(path, &self.vault)?.judged(self.duplicates)?;
        if let Ok(mut files) = self.files.lock() {
            files.insert(path.to_owned(), loaded.source.clone());
        }
        Ok(Some((loaded.source, loaded.warnings)))
    }
}

impl Pass<'_> {
    fn finish<T>(self, value: T) -> Result<(T, Diagnostics), Diagnostics> {
        if self.problems.has_errors() { Err(self.problems) } else { Ok((value, self.problems)) }
    }

    /// A file that must be there.
    pub(super) fn read(&mut self, path: &Path, wanted_by: Option<&Span>) -> Option<Source> {
        match self.parser.read(path) {
            Ok(Some((source, warnings))) => {
                self.problems.0.extend(warnings);
                Some(source)
            }
            Ok(None) => {
                let message = format!("there is no file {}", path.display());
                self.problems.push(match wanted_by {
                    Some(span) => Diagnostic::error(span, message),
                    None => Diagnostic::plain(message),
                });
                None
            }
            Err(problems) => {
                self.problems.0.extend(problems.0);
                None
            }
        }
    }

    pub(super) fn error(&mut self, span: &Span, message: impl Into<String>) {
        self.problems.push(Diagnostic::error(span, message));
    }

    /// A name that must be known while reading.
    pub(super) fn name(&mut self, source: &Source, scope: &Scope) -> Option<String> {
        match &source.node {
            Node::Bool(flag) => return Some(flag.to_string()),
            Node::Int(number) => return Some(number.to_string()),
            Node::Text(text, _) if !source.has_template() => return Some(text.to_string()),
            _ => {}
        }
        if self.alone {
            return None;
        }
        match self.names.text(source, scope) {
            Ok(text) => Some(text),
            Err(problem) => {
                self.problems.push(problem);
                None
            }
        }
    }
}
