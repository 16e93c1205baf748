//! What surrounds a task: the blocks, roles, includes and the play that it stands in, whose keywords and variables it
//! inherits.

use super::keyword::{Inheritance, Keyword};
use super::role::RoleUse;
use crate::diagnostic::Span;
use crate::loader::Source;
use crate::template::Value;
use std::path::PathBuf;
use std::sync::Arc;

/// The keywords that stand on one thing.
#[derive(Clone, Debug, Default)]
pub struct Keywords(Vec<(Keyword, Source)>);

impl Keywords {
    /// Sets one.
    pub fn set(&mut self, keyword: Keyword, value: Source) {
        match self.0.iter_mut().find(|(have, _)| *have == keyword) {
            Some((_, old)) => *old = value,
            None => self.0.push((keyword, value)),
        }
    }

    /// The value of one.
    pub fn get(&self, keyword: Keyword) -> Option<&Source> {
        self.0.iter().find(|(have, _)| *have == keyword).map(|(_, value)| value)
    }
}

/// What kind of thing surrounds.
#[derive(Clone, Debug)]
pub enum ScopeKind {
    /// The play.
    Play,
    /// A role, used here.
    Role(Arc<RoleUse>),
    /// A block.
    Block,
    /// `import_tasks`, `include_tasks` and `include`: its keywords hold for what it brings, and its `vars` are parameters.
    /// With the variables of the item, where it loops.
    Include(Vec<(Arc<str>, Value)>),
    /// A task itself.
    Task,
}

/// Something that surrounds a task, or a task.
#[derive(Debug)]
pub struct Scope {
    /// What it is.
    pub kind: ScopeKind,
    /// Its keywords.
    pub keywords: Keywords,
    /// Where it begins.
    pub span: Span,
    /// The directory of the file that it stands in, for relative paths.
    pub directory: PathBuf,
    /// What surrounds it.
    pub parent: Option<Arc<Scope>>,
}

impl Scope {
    /// It and what surrounds it, from the inside out.
    pub fn outward(&self) -> impl Iterator<Item = &Scope> {
        std::iter::successors(Some(self), |scope| scope.parent.as_deref())
    }

    /// A keyword's value where the innermost one counts, or one that stays where it stands.
    pub fn get(&self, keyword: Keyword) -> Option<&Source> {
        match keyword.inheritance() {
            Inheritance::Own => self.keywords.get(keyword),
            _ => self.outward().find_map(|scope| scope.keywords.get(keyword)),
        }
    }

    /// A keyword's values from the outside in.
    pub fn gathered(&self, keyword: Keyword) -> Vec<&Source> {
        let mut found: Vec<&Source> = self.outward().filter_map(|scope| scope.keywords.get(keyword)).collect();
        found.reverse();
        found
    }

    /// The role that it came with: the innermost one.
    pub fn role(&self) -> Option<&Arc<RoleUse>> {
        self.outward().find_map(|scope| match &scope.kind {
            ScopeKind::Role(role) => Some(role),
            _ => None,
        })
    }

    /// The roles around it, from the inside out.
    pub fn roles(&self) -> impl Iterator<Item = &Arc<RoleUse>> {
        self.outward().filter_map(|scope| match &scope.kind {
            ScopeKind::Role(role) => Some(role),
            _ => None,
        })
    }

    /// The directories in which relative paths of files, templates and task files are looked for, in order: of each role
    /// from the inside out, then the file's own, then the playbook's.
    pub fn search_path(&self, playbook_dir: &std::path::Path) -> Vec<PathBuf> {
        let mut path: Vec<PathBuf> = Vec::new();
        let mut add = |dir: PathBuf| {
            if !path.contains(&dir) {
                path.push(dir);
            }
        };
        for role in self.roles() {
            add(role.role.path.clone());
        }
        add(self.directory.clone());
        add(playbook_dir.to_owned());
        path
    }
}
