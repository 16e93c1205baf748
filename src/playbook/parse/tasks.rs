//! Lists of tasks and blocks, and what `import_tasks` and `import_role` bring.

use super::Pass;
use super::role::{RoleParts, RoleRequest};
use crate::diagnostic::{Diagnostic, Span};
use crate::loader::{Entry, Source, key_values};
use crate::playbook::keyword::{BLOCK, HANDLER, Keyword, TASK};
use crate::playbook::model::{Action, Block, Loop, Node, Task};
use crate::playbook::role::RoleUse;
use crate::playbook::scope::{Keywords, Scope, ScopeKind};
use crate::template::Form;
use std::path::{Path, PathBuf};
use std::sync::Arc;

impl Pass<'_> {
    /// A list of tasks and blocks.
    pub(super) fn tasks(
        &mut self,
        source: &Source,
        parent: &Arc<Scope>,
        handlers: bool,
        directory: &Path,
    ) -> Vec<Node> {
        if source.is_null() {
            return Vec::new();
        }
        let Some(items) = source.as_seq() else {
            let message = format!("a list of tasks is wanted here, this is {}", source.describe());
            self.problems.push(Diagnostic::error(&source.span, message).hint("each task begins with `- `"));
            return Vec::new();
        };
        items.iter().flat_map(|item| self.task_or_block(item, parent, handlers, directory)).collect()
    }

    /// A file of tasks. `asked_by` is the place that names it.
    pub(super) fn task_file(
        &mut self,
        path: &Path,
        parent: &Arc<Scope>,
        handlers: bool,
        asked_by: Option<&Span>,
    ) -> Vec<Node> {
        if self.reading.iter().any(|open| open == path) {
            let message = format!("{} imports itself", path.display());
            self.problems.push(match asked_by {
                Some(span) => Diagnostic::error(span, message).hint("`include_tasks` reads a file only when it runs"),
                None => Diagnostic::plain(message),
            });
            return Vec::new();
        }
        let Some(source) = self.read(path, asked_by) else { return Vec::new() };
        self.reading.push(path.to_owned());
        let nodes = self.tasks(&source, parent, handlers, path.parent().unwrap_or(Path::new("")));
        self.reading.pop();
        nodes
    }

    fn task_or_block(&mut self, item: &Source, parent: &Arc<Scope>, handlers: bool, directory: &Path) -> Vec<Node> {
        let Some(entries) = item.as_map() else {
            if !item.is_null() {
                self.error(&item.span, format!("a task must be a mapping, this is {}", item.describe()));
            }
            return Vec::new();
        };
        if ["block", "rescue", "always"].iter().any(|key| item.get(key).is_some()) {
            return self.block(item, entries, parent, handlers, directory).into_iter().collect();
        }
        self.task(item, entries, parent, handlers, directory)
    }

    fn block(
        &mut self,
        item: &Source,
        entries: &[Entry],
        parent: &Arc<Scope>,
        handlers: bool,
        directory: &Path,
    ) -> Option<Node> {
        let (keywords, others) = self.keywords(entries, BLOCK);
        for entry in others {
            self.unknown_key(entry, BLOCK);
        }
        if item.get("block").is_none() {
            self.error(&item.span, "`rescue` and `always` need a `block` before them");
            return None;
        }
        self.has_module_defaults |= keywords.get(Keyword::ModuleDefaults).is_some();
        self.check_module_defaults(&keywords);
        self.failure_is_handled = failure_is_handled(&keywords, parent);
        self.check_conditions(&keywords);
        let scope = Arc::new(Scope {
            kind: ScopeKind::Block,
            keywords,
            span: item.span.clone(),
            directory: directory.to_owned(),
            parent: Some(parent.clone()),
        });
        let mut section = |keyword| match scope.keywords.get(keyword) {
            Some(source) => self.tasks(source, &scope, handlers, directory),
            None => Vec::new(),
        };
        let (body, rescue, always) = (section(Keyword::Block), section(Keyword::Rescue), section(Keyword::Always));
        Some(Node::Block(Arc::new(Block { scope, body, rescue, always })))
    }

    fn task(
        &mut self,
        item: &Source,
        entries: &[Entry],
        parent: &Arc<Scope>,
        handlers: bool,
        directory: &Path,
    ) -> Vec<Node> {
        let place = if handlers { HANDLER } else { TASK };
        let (mut keywords, others) = self.keywords(entries, place);
        self.has_module_defaults |= keywords.get(Keyword::ModuleDefaults).is_some();
        self.check_module_defaults(&keywords);
        self.failure_is_handled = failure_is_handled(&keywords, parent);
        self.check_conditions(&keywords);
        let has_condition = keywords.get(Keyword::When).is_some() || !parent.gathered(Keyword::When).is_empty();
        self.failure_is_excused = self.failure_is_handled || has_condition;
        let Some(found) = self.action(&others, &keywords, &item.span, place, parent) else { return Vec::new() };
        if found.local {
            keywords.set(Keyword::DelegateTo, Source::text(&item.span, "localhost"));
            keywords.set(Keyword::Connection, Source::text(&item.span, "local"));
        }
        let looped = self.looped(&others, &keywords);
        if let Some(looped) = &looped {
            self.check_readable(&looped.items, Form::Text);
        }
        let mut action = found.action;
        if action.module == "include_role"
            && let Err(problem) = RoleRequest::check_parts(&action.args)
        {
            self.problems.push(problem);
        }
        if action.module == "include" {
            self.old_include(&mut action, &mut keywords);
        }
        let scope = |kind, keywords| {
            Arc::new(Scope {
                kind,
                keywords,
                span: item.span.clone(),
                directory: directory.to_owned(),
                parent: Some(parent.clone()),
            })
        };
        match action.module.as_str() {
            "import_tasks" => {
                if let Some(looped) = &looped {
                    let problem = Diagnostic::error(
                        &looped.items.span,
                        "`import_tasks` can't loop: it is read before anything runs",
                    );
                    self.problems.push(problem.hint("`include_tasks` can"));
                }
                let around = scope(ScopeKind::Include(Vec::new()), import_keywords(&keywords));
                self.import_tasks(&action, &around, handlers)
            }
            "import_role" => {
                let around = scope(ScopeKind::Include(Vec::new()), import_keywords(&keywords));
                let named = action.args.get("name").or_else(|| action.args.get("role"));
                if self.alone && named.is_some_and(Source::has_template) {
                    return Vec::new();
                }
                match RoleRequest::of(&action.args, &action.span, &mut |source| self.name(source, &around)) {
                    Ok(request) => self.role(&RoleRequest { public: true, ..request }, &around),
                    Err(problem) => {
                        self.problems.push(problem);
                        Vec::new()
                    }
                }
            }
            _ => {
                let task = Task {
                    scope: scope(ScopeKind::Task, keywords),
                    action,
                    looped,
                    handler: handlers,
                    implicit: false,
                };
                vec![Node::Task(Arc::new(task))]
            }
        }
    }

    /// `include: FILE a=1`: what `include_tasks` does, with the other words as variables.
    fn old_include(&mut self, action: &mut Action, keywords: &mut Keywords) {
        let problem =
            Diagnostic::error(&action.span, "`include` was taken out of Ansible; it is read as `include_tasks`");
        self.problems.push(
            problem.warning().hint("write `include_tasks: FILE` (or `import_tasks`), and variables below `vars:`"),
        );
        if let Some((text, span)) =
            action.args.free_form.as_ref().and_then(|words| Some((words.as_str()?, &words.span)))
        {
            match key_values(text, span, false) {
                Ok((file, pairs)) => {
                    let pairs = pairs.into_iter().filter_map(|pair| Some((Arc::from(pair.key.as_str()?), pair.value)));
                    action.args.named.extend(pairs);
                    action.args.free_form = file;
                }
                Err(problem) => self.problems.push(problem),
            }
        }
        let is_own = |name: &str| matches!(name, "file" | "apply");
        let (own, given): (Vec<_>, Vec<_>) =
            std::mem::take(&mut action.args.named).into_iter().partition(|(name, _)| is_own(name));
        action.args.named = own;
        let variables = given.into_iter().map(|(name, value)| Entry { key: Source::text(&value.span, &*name), value });
        let mut variables: Vec<Entry> = variables.collect();
        if !variables.is_empty() {
            variables.extend(keywords.get(Keyword::Vars).and_then(Source::as_map).unwrap_or_default().to_vec());
            let span = action.span.clone();
            keywords.set(Keyword::Vars, Source { span, node: crate::loader::Node::Map(variables.into()) });
        }
    }

    fn looped(&mut self, others: &[&Entry], keywords: &Keywords) -> Option<Loop> {
        let with = others.iter().find_map(|entry| Some((entry, entry.key.as_str()?.strip_prefix("with_")?)));
        match (with, keywords.get(Keyword::Loop)) {
            (Some((entry, _)), Some(_)) => {
                self.error(&entry.key.span, "a task has one loop: either `loop` or `with_...`");
                None
            }
            (Some((entry, lookup)), None) => Some(Loop { lookup: Some(lookup.to_owned()), items: entry.value.clone() }),
            (None, Some(items)) => Some(Loop { lookup: None, items: items.clone() }),
            (None, None) => None,
        }
    }

    fn import_tasks(
        &mut self,
        action: &crate::playbook::model::Action,
        around: &Arc<Scope>,
        handlers: bool,
    ) -> Vec<Node> {
        let Some(file) = action.args.free_form.as_ref().or_else(|| action.args.get("file")) else {
            self.error(&action.span, "`import_tasks` needs the name of a file");
            return Vec::new();
        };
        let Some(name) = self.name(file, around) else { return Vec::new() };
        let path = find_task_file(&name, around, &self.playbook_dir, if handlers { "handlers" } else { "tasks" });
        if self.alone {
            self.must_be_there(&path, &file.span);
            return Vec::new();
        }
        let nodes = self.task_file(&path, around, handlers, Some(&file.span));
        vec![Node::Block(Arc::new(Block {
            scope: around.clone(),
            body: nodes,
            rescue: Vec::new(),
            always: Vec::new(),
        }))]
    }
}

/// Whether a task's failure is ignored, judged by the task itself, or rescued.
fn failure_is_handled(own: &Keywords, parent: &Scope) -> bool {
    let ignored = own.get(Keyword::IgnoreErrors).or_else(|| parent.get(Keyword::IgnoreErrors));
    let never = |source: &Source| match &source.node {
        crate::loader::Node::Bool(flag) => !flag,
        crate::loader::Node::Text(text, _) => refit_agent::args::boolean(text) == Some(false),
        _ => false,
    };
    ignored.is_some_and(|source| !never(source))
        || own.get(Keyword::FailedWhen).is_some()
        || parent.outward().any(|around| around.keywords.get(Keyword::Rescue).is_some())
}

/// The keywords of an import hold for what it brings; the import's own ones stay behind.
fn import_keywords(keywords: &Keywords) -> Keywords {
    let mut kept = Keywords::default();
    for keyword in Keyword::ALL {
        let own = matches!(
            keyword,
            Keyword::Name | Keyword::Args | Keyword::Loop | Keyword::LoopControl | Keyword::Register | Keyword::Action
        );
        if !own && let Some(value) = keywords.get(*keyword) {
            kept.set(*keyword, value.clone());
        }
    }
    kept
}

/// Where a file of tasks is: relative to the file that names it, else in the role's `tasks`, else beside the playbook. Where
/// it is nowhere, the first place that was looked at.
pub(crate) fn find_task_file(name: &str, scope: &Scope, playbook_dir: &Path, kind: &str) -> PathBuf {
    let name = Path::new(name);
    if name.is_absolute() {
        return name.to_owned();
    }
    let mut places: Vec<PathBuf> = Vec::new();
    // In a role the role's own directory of tasks counts, wherever below it the naming file stands.
    // A handler may include a file of tasks.
    let kinds = if kind == "tasks" { vec!["tasks"] } else { vec![kind, "tasks"] };
    let in_role =
        |role: &Arc<RoleUse>| kinds.iter().map(|kind| role.role.path.join(kind).join(name)).collect::<Vec<_>>();
    places.push(scope.directory.join(name));
    places.extend(scope.roles().flat_map(in_role));
    for around in scope.outward() {
        places.push(around.directory.join(name));
    }
    places.push(playbook_dir.join(kind).join(name));
    places.push(playbook_dir.join(name));
    let first = places[0].clone();
    places.into_iter().find(|path| path.is_file()).unwrap_or(first)
}

impl RoleRequest {
    /// Each part is named by one text.
    pub(super) fn check_parts(args: &crate::playbook::model::Args) -> Result<(), Diagnostic> {
        for key in ["tasks_from", "vars_from", "defaults_from", "handlers_from"] {
            if let Some(source) = args.get(key).filter(|source| source.as_seq().is_some() || source.as_map().is_some())
            {
                let problem = format!("Expected a string for {key} but got {}", source.describe());
                return Err(Diagnostic::error(&source.span, problem).hint("it takes the name of one file"));
            }
        }
        Ok(())
    }

    /// What `import_role` or `include_role` asks for. `name` gives texts of arguments that may be templates.
    pub(crate) fn of(
        args: &crate::playbook::model::Args,
        span: &Span,
        name: &mut dyn FnMut(&Source) -> Option<String>,
    ) -> Result<RoleRequest, Diagnostic> {
        RoleRequest::check_parts(args)?;
        let mut text = |key: &str| args.get(key).and_then(&mut *name);
        let Some(role) = text("name").or_else(|| text("role")) else {
            return Err(Diagnostic::error(span, "the role's name is needed: `name: ROLE`"));
        };
        Ok(RoleRequest {
            name: role,
            parts: RoleParts {
                tasks: text("tasks_from").unwrap_or_else(|| "main".to_owned()),
                vars: text("vars_from").unwrap_or_else(|| "main".to_owned()),
                defaults: text("defaults_from").unwrap_or_else(|| "main".to_owned()),
                handlers: text("handlers_from").unwrap_or_else(|| "main".to_owned()),
            },
            params: Vec::new(),
            keywords: Keywords::default(),
            public: text("public").and_then(|word| refit_agent::args::boolean(&word)).unwrap_or(false),
            allow_duplicates: true,
            validate: text("rolespec_validate").and_then(|word| refit_agent::args::boolean(&word)).unwrap_or(true),
            span: span.clone(),
        })
    }
}
