//! Roles: where they are, what they hold, and their dependencies.

use super::Pass;
use crate::diagnostic::{Diagnostic, Span};
use crate::loader::{Entry, Node as Yaml, Source};
use crate::playbook::keyword::{Keyword, ROLE};
use crate::playbook::model::{Action, Args, Block, Node, Task};
use crate::playbook::role::{Role, RoleUse};
use crate::playbook::scope::{Keywords, Scope, ScopeKind};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Which files of a role count (`tasks_from`, ...).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct RoleParts {
    /// Of `tasks/`.
    pub tasks: String,
    /// Of `vars/`.
    pub vars: String,
    /// Of `defaults/`.
    pub defaults: String,
    /// Of `handlers/`.
    pub handlers: String,
}

impl Default for RoleParts {
    fn default() -> RoleParts {
        let main = || "main".to_owned();
        RoleParts { tasks: main(), vars: main(), defaults: main(), handlers: main() }
    }
}

/// A use of a role, to be read.
#[derive(Clone, Debug)]
pub struct RoleRequest {
    /// The name or path.
    pub name: String,
    /// Which files.
    pub parts: RoleParts,
    /// Parameters.
    pub params: Vec<(Arc<str>, Source)>,
    /// Keywords of the entry.
    pub keywords: Keywords,
    /// Whether the rest of the play sees its variables.
    pub public: bool,
    /// Whether it may run again.
    pub allow_duplicates: bool,
    /// Whether its parameters are validated against its argument specs.
    pub validate: bool,
    /// Where it is used.
    pub span: Span,
}

/// A role that was read for `include_role`.
pub struct LoadedRole {
    /// Its tasks with those of its dependencies.
    pub nodes: Vec<Node>,
    /// Its handlers with those of its dependencies.
    pub handlers: Vec<Node>,
}

impl Pass<'_> {
    /// The entries of `roles:` or `dependencies:`.
    pub(super) fn role_entries(&mut self, source: &Source, parent: &Arc<Scope>) -> Vec<RoleRequest> {
        source.as_seq().unwrap_or_default().iter().filter_map(|entry| self.role_entry(entry, parent)).collect()
    }

    fn role_entry(&mut self, entry: &Source, parent: &Arc<Scope>) -> Option<RoleRequest> {
        let mut request = RoleRequest {
            name: String::new(),
            parts: RoleParts::default(),
            params: Vec::new(),
            keywords: Keywords::default(),
            public: true,
            allow_duplicates: false,
            validate: true,
            span: entry.span.clone(),
        };
        if entry.as_str().is_some() {
            request.name = self.name(entry, parent)?;
            return Some(request);
        }
        let Some(entries) = entry.as_map() else {
            self.error(&entry.span, format!("a role is a name or a mapping, this is {}", entry.describe()));
            return None;
        };
        let Some(name) = entry.get("role").or_else(|| entry.get("name")).or_else(|| entry.get("src")) else {
            self.error(&entry.span, "this entry names no role: `role: NAME`");
            return None;
        };
        request.name = self.name(name, parent)?;
        let (keywords, others) = self.keywords(entries, ROLE);
        request.keywords = keywords;
        for other in others {
            let Some(key) = other.key.as_str() else {
                self.error(&other.key.span, "a role's parameter is named by text");
                continue;
            };
            match key {
                "role" | "name" | "src" | "version" | "scm" => {}
                "tasks_from" | "vars_from" | "defaults_from" | "handlers_from" => {
                    let from = self.name(&other.value, parent)?;
                    match key {
                        "tasks_from" => request.parts.tasks = from,
                        "vars_from" => request.parts.vars = from,
                        "defaults_from" => request.parts.defaults = from,
                        _ => request.parts.handlers = from,
                    }
                }
                _ => request.params.push((Arc::from(key), other.value.clone())),
            }
        }
        Some(request)
    }

    /// A role's tasks with those of its dependencies before them, below `parent`.
    pub(super) fn role(&mut self, request: &RoleRequest, parent: &Arc<Scope>) -> Vec<Node> {
        let Some(path) = self.find_role(&request.name, parent) else {
            let looked: Vec<String> =
                self.role_places(&request.name, parent).iter().map(|dir| dir.display().to_string()).collect();
            let problem = Diagnostic::error(&request.span, format!("there is no role `{}`", request.name))
                .hint(format!("looked in {}", looked.join(", ")));
            // A file by itself may be looked at where the roles of others are not installed.
            self.problems.push(if self.alone { problem.warning() } else { problem });
            return Vec::new();
        };
        if self.alone {
            return Vec::new();
        }
        // A collection's role is known by its full name, however it was called.
        let name = super::collections::full_role_name(&path).unwrap_or_else(|| request.name.clone());
        if self.reading.iter().filter(|open| **open == path).count() > 1 {
            self.error(&request.span, format!("the role `{}` depends on itself", request.name));
            return Vec::new();
        }
        let Some(role) = self.role_on_disk(&name, &path, &request.parts) else { return Vec::new() };
        self.reading.push(path.clone());

        let scope_of = |used: Arc<RoleUse>| {
            Arc::new(Scope {
                kind: ScopeKind::Role(used),
                keywords: request.keywords.clone(),
                span: request.span.clone(),
                directory: path.join("tasks"),
                parent: Some(parent.clone()),
            })
        };
        let use_of = |dependencies| {
            Arc::new(RoleUse {
                role: role.clone(),
                name: name.clone(),
                params: request.params.clone(),
                public: request.public,
                key: role_key(&path, request),
                allow_duplicates: request.allow_duplicates || role.allow_duplicates(),
                span: request.span.clone(),
                dependencies,
            })
        };

        // Dependencies see the parameters, keywords and variables of the role that asks for them.
        let mut nodes = Vec::new();
        let mut dependencies = Vec::new();
        if let Some(list) = role.meta.as_ref().and_then(|meta| meta.get("dependencies")) {
            let around = scope_of(use_of(Vec::new()));
            for dependency in self.role_entries(list, &around) {
                let brought = self.role(&RoleRequest { public: request.public, ..dependency }, &around);
                for node in &brought {
                    if let Node::Block(block) = node
                        && let ScopeKind::Role(used) = &block.scope.kind
                    {
                        dependencies.push(used.clone());
                    }
                }
                nodes.extend(brought);
            }
        }

        let used = use_of(dependencies);
        if request.public {
            self.static_roles.push(used.clone());
        }
        let scope = scope_of(used);
        if let Some(file) = self.part(&path, "handlers", &request.parts.handlers, &request.span) {
            let handler_scope = Arc::new(Scope {
                kind: scope.kind.clone(),
                keywords: scope.keywords.clone(),
                span: scope.span.clone(),
                directory: path.join("handlers"),
                parent: scope.parent.clone(),
            });
            let handlers = self.task_file(&file, &handler_scope, true, Some(&request.span));
            self.role_handlers.extend(handlers);
        }
        let mut body = Vec::new();
        if request.validate
            && let Some(task) = role_validation(&role, &request.parts.tasks, &scope)
        {
            body.push(task);
        }
        if let Some(file) = self.part(&path, "tasks", &request.parts.tasks, &request.span) {
            body.extend(self.task_file(&file, &scope, false, Some(&request.span)));
        }
        self.reading.pop();
        nodes.push(Node::Block(Arc::new(Block { scope, body, rescue: Vec::new(), always: Vec::new() })));
        nodes
    }

    fn role_on_disk(&mut self, name: &str, path: &Path, parts: &RoleParts) -> Option<Arc<Role>> {
        let key = (path.to_owned(), parts.clone());
        if let Some(role) = self.parser.roles.lock().ok().and_then(|roles| roles.get(&key).cloned()) {
            return Some(role);
        }
        let here = Span::nowhere(&path.display().to_string());
        let mut vars_of = |kind: &str, part: &str| -> Vec<Source> {
            let Some(file) = self.part(path, kind, part, &here) else { return Vec::new() };
            let files = if file.is_dir() { files_below(&file) } else { vec![file] };
            let mut maps = Vec::new();
            for file in &files {
                match self.read(file, None) {
                    Some(source) if source.as_map().is_some() => maps.push(source),
                    Some(source) if !source.is_null() => {
                        self.error(
                            &source.span,
                            format!("a file of variables is a mapping, this is {}", source.describe()),
                        );
                    }
                    _ => {}
                }
            }
            maps
        };
        let defaults = vars_of("defaults", &parts.defaults);
        let vars = vars_of("vars", &parts.vars);
        let meta = yaml_file(&path.join("meta"), "main").and_then(|file| self.read(&file, None));
        let specs = yaml_file(&path.join("meta"), "argument_specs").and_then(|file| self.read(&file, None));
        let argument_specs = specs
            .as_ref()
            .and_then(|specs| specs.get("argument_specs"))
            .or_else(|| meta.as_ref().and_then(|meta| meta.get("argument_specs")))
            .cloned();
        let role =
            Arc::new(Role { name: name.to_owned(), path: path.to_owned(), defaults, vars, meta, argument_specs });
        if let Ok(mut roles) = self.parser.roles.lock() {
            roles.insert(key, role.clone());
        }
        Some(role)
    }

    /// A part's file (or directory, for variables). A part that is not `main` must be there.
    fn part(&mut self, role: &Path, kind: &str, name: &str, asked_by: &Span) -> Option<PathBuf> {
        let dir = role.join(kind);
        let found = yaml_file(&dir, name)
            .or_else(|| Some(dir.join(name)).filter(|sub| sub.is_dir() && matches!(kind, "vars" | "defaults")));
        if found.is_none() && name != "main" {
            self.error(asked_by, format!("the role has no {}", dir.join(name).display()));
        }
        found
    }

    fn role_places(&self, name: &str, parent: &Arc<Scope>) -> Vec<PathBuf> {
        let mut places = self.collection_role_places(name, parent);
        if name.contains('/') {
            places.push(self.playbook_dir.join(name));
            places.extend(parent.outward().map(|scope| scope.directory.join(name)));
        }
        places.push(self.playbook_dir.join("roles").join(name));
        places.extend(self.parser.roles_path.iter().map(|dir| dir.join(name)));
        // A role beside the one that asks for it.
        places.extend(parent.roles().filter_map(|used| used.role.path.parent()).map(|dir| dir.join(name)));
        places.push(self.playbook_dir.join(name));
        let mut unique: Vec<PathBuf> = Vec::new();
        for place in places {
            if !unique.contains(&place) {
                unique.push(place);
            }
        }
        unique
    }

    fn find_role(&self, name: &str, parent: &Arc<Scope>) -> Option<PathBuf> {
        if Path::new(name).is_absolute() {
            return Some(PathBuf::from(name)).filter(|path| path.is_dir());
        }
        self.role_places(name, parent).into_iter().find(|path| path.is_dir())
    }
}

/// The task that checks a role's parameters against the specification that the role brings. It runs whatever tags are asked for.
fn role_validation(role: &Role, entry_point: &str, scope: &Arc<Scope>) -> Option<Node> {
    let spec = role.argument_specs.as_ref()?.get(entry_point)?;
    let options = spec.get("options")?;
    let summary = spec.get("short_description").and_then(Source::as_str);
    let title = match summary {
        Some(summary) => format!("Validating arguments against arg spec '{entry_point}' - {summary}"),
        None => format!("Validating arguments against arg spec '{entry_point}'"),
    };
    let mut keywords = Keywords::default();
    keywords.set(Keyword::Name, Source { span: spec.span.clone(), node: Yaml::Unsafe(title.into()) });
    keywords.set(Keyword::Tags, Source::text(&spec.span, "always"));
    let data = |text: &str| Source { span: spec.span.clone(), node: Yaml::Unsafe(text.into()) };
    let path = std::path::absolute(&role.path).unwrap_or_else(|_| role.path.clone());
    let context = [
        ("type", "role"),
        ("name", role.short_name()),
        ("argument_spec_name", entry_point),
        ("path", &*path.to_string_lossy()),
    ];
    let context = context.map(|(name, text)| Entry { key: Source::text(&spec.span, name), value: data(text) });
    let context = Source { span: spec.span.clone(), node: Yaml::Map(context.to_vec().into()) };
    let named = vec![(Arc::from("argument_spec"), options.clone()), (Arc::from("validate_args_context"), context)];
    let args = Args { named, ..Args::default() };
    Some(Node::Task(Arc::new(Task {
        scope: Arc::new(Scope {
            kind: ScopeKind::Task,
            keywords,
            span: spec.span.clone(),
            directory: scope.directory.clone(),
            parent: Some(scope.clone()),
        }),
        action: Action {
            name: "ansible.builtin.validate_argument_spec".to_owned(),
            dynamic: None,
            module: "validate_argument_spec".to_owned(),
            span: spec.span.clone(),
            args,
        },
        looped: None,
        handler: false,
        implicit: true,
    })))
}

/// What tells a use of a role from others: as Ansible compares them, by keywords and parameters as written.
fn role_key(path: &Path, request: &RoleRequest) -> String {
    let mut key = format!("{}|{}", path.display(), request.parts.tasks);
    for (name, value) in &request.params {
        key.push_str(&format!("|{name}={}", shape(value)));
    }
    for keyword in
        [Keyword::When, Keyword::Tags, Keyword::Vars, Keyword::Become, Keyword::BecomeUser, Keyword::DelegateTo]
    {
        if let Some(value) = request.keywords.get(keyword) {
            key.push_str(&format!("|{}:{}", keyword.name(), shape(value)));
        }
    }
    key
}

/// A source's content without its places.
fn shape(source: &Source) -> String {
    match &source.node {
        Yaml::Seq(items) => format!("[{}]", items.iter().map(shape).collect::<Vec<_>>().join(",")),
        Yaml::Map(entries) => {
            let pairs: Vec<_> =
                entries.iter().map(|entry| format!("{}:{}", shape(&entry.key), shape(&entry.value))).collect();
            format!("{{{}}}", pairs.join(","))
        }
        other => format!("{other:?}"),
    }
}

/// `NAME.yml`, `NAME.yaml`, `NAME.json` or `NAME` in a directory.
pub(crate) fn yaml_file(dir: &Path, name: &str) -> Option<PathBuf> {
    let plain = dir.join(name);
    ["yml", "yaml", "json"]
        .iter()
        .map(|extension| dir.join(format!("{name}.{extension}")))
        .chain(std::iter::once(plain))
        .find(|path| path.is_file())
}

/// The YAML files of a directory and those below it, sorted.
fn files_below(dir: &Path) -> Vec<PathBuf> {
    let mut entries: Vec<PathBuf> =
        std::fs::read_dir(dir).map(|list| list.flatten().map(|entry| entry.path()).collect()).unwrap_or_default();
    entries.sort();
    entries.into_iter().flat_map(|path| if path.is_dir() { files_below(&path) } else { vec![path] }).collect()
}
