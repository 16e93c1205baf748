//! Playbooks as the engine runs them.

use super::keyword::Keyword;
use super::role::RoleUse;
use super::scope::Scope;
use crate::diagnostic::Span;
use crate::loader::Source;
use std::path::PathBuf;
use std::sync::Arc;

/// A playbook with what it imports, in order.
#[derive(Debug)]
pub struct Playbook {
    /// Its path.
    pub path: PathBuf,
    /// Its plays, those of imported playbooks in their places.
    pub plays: Vec<Arc<Play>>,
}

/// A play.
#[derive(Debug)]
pub struct Play {
    /// Its keywords; has no parent, unless `import_playbook` put its own keywords (`when`, `tags`, `vars`) around it.
    pub scope: Arc<Scope>,
    /// The directory of the playbook that it stands in.
    pub directory: PathBuf,
    /// Tasks before the roles.
    pub pre_tasks: Vec<Node>,
    /// The roles of `roles:`, as blocks.
    pub roles: Vec<Node>,
    /// Tasks.
    pub tasks: Vec<Node>,
    /// Tasks after.
    pub post_tasks: Vec<Node>,
    /// Handlers: those of roles first, in the order of the roles, then the play's own.
    pub handlers: Vec<Node>,
    /// The roles that are part of the play from its beginning, whose variables all its tasks see.
    pub static_roles: Vec<Arc<RoleUse>>,
}

impl Play {
    /// A keyword's value.
    pub fn get(&self, keyword: Keyword) -> Option<&Source> {
        self.scope.get(keyword)
    }

    /// Where it stands.
    pub fn span(&self) -> &Span {
        &self.scope.span
    }
}

/// A step of a play.
#[derive(Clone, Debug)]
pub enum Node {
    /// A block, a role, or what an import brought.
    Block(Arc<Block>),
    /// A task.
    Task(Arc<Task>),
}

impl Node {
    /// Where it stands.
    pub fn span(&self) -> &Span {
        match self {
            Node::Block(block) => &block.scope.span,
            Node::Task(task) => task.span(),
        }
    }
}

/// Tasks that belong together.
#[derive(Debug)]
pub struct Block {
    /// Its keywords and what surrounds it.
    pub scope: Arc<Scope>,
    /// Its tasks.
    pub body: Vec<Node>,
    /// Tasks for hosts on which one of them failed.
    pub rescue: Vec<Node>,
    /// Tasks that run whatever happened.
    pub always: Vec<Node>,
}

/// A task or handler.
#[derive(Clone, Debug)]
pub struct Task {
    /// Its keywords and what surrounds it.
    pub scope: Arc<Scope>,
    /// What it does.
    pub action: Action,
    /// What it loops over.
    pub looped: Option<Loop>,
    /// Whether it is a handler.
    pub handler: bool,
    /// Whether it is one of the engine's own.
    pub implicit: bool,
}

impl Task {
    /// A keyword's value, inherited where it is inherited.
    pub fn get(&self, keyword: Keyword) -> Option<&Source> {
        self.scope.get(keyword)
    }

    /// Where it stands.
    pub fn span(&self) -> &Span {
        &self.scope.span
    }

    /// Its name as written.
    pub fn name(&self) -> Option<&Source> {
        self.scope.keywords.get(Keyword::Name)
    }

    /// The items of a keyword that is a value or a list of values (`notify`, `listen`, `changed_when`).
    pub fn list(&self, keyword: Keyword) -> Vec<&Source> {
        self.get(keyword).map(one_or_more).unwrap_or_default()
    }
}

/// The items of a list, or the one value that stands in its place; none for `null`.
pub fn one_or_more(source: &Source) -> Vec<&Source> {
    match source.as_seq() {
        Some(items) => items.iter().collect(),
        None if source.is_null() => Vec::new(),
        None => vec![source],
    }
}

/// What a task does.
#[derive(Clone, Debug)]
pub struct Action {
    /// The module as written.
    pub name: String,
    /// The name's template, where only the run can tell it (`action: "{{ ansible_facts.pkg_mgr }} name=x"`).
    pub dynamic: Option<Source>,
    /// The module without `ansible.builtin.` and `ansible.legacy.`.
    pub module: String,
    /// Where its name stands.
    pub span: Span,
    /// Its arguments.
    pub args: Args,
}

/// A module's arguments as written.
#[derive(Clone, Debug, Default)]
pub struct Args {
    /// The free-form words (`command: ls /`), where the module takes such.
    pub free_form: Option<Source>,
    /// Named ones, `args:` included.
    pub named: Vec<(Arc<str>, Source)>,
    /// A template that gives a mapping: `args: "{{ options }}"` or `file: "{{ options }}"`.
    pub template: Option<Source>,
    /// Where the named ones' names stand.
    pub names: Vec<(Arc<str>, Span)>,
}

impl Args {
    /// The argument of a name.
    pub fn get(&self, name: &str) -> Option<&Source> {
        self.named.iter().find(|(have, _)| &**have == name).map(|(_, value)| value)
    }

    /// Where an argument's name stands.
    pub fn name_span(&self, name: &str) -> Option<&Span> {
        self.names.iter().find(|(have, _)| &**have == name).map(|(_, span)| span)
    }
}

/// What a task loops over.
#[derive(Clone, Debug)]
pub struct Loop {
    /// The lookup of `with_LOOKUP`; none for `loop`.
    pub lookup: Option<String>,
    /// Its terms, or the list.
    pub items: Source,
}
