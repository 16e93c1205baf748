//! `include_tasks` and `include_role`: tasks that come while the play runs.

use super::batch::{Batch, lock};
use super::ending::Ending;
use super::host::Host;
use super::keywords::KeywordReader;
use super::loops::LoopControl;
use super::on_host::{Gate, OnHost};
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::event::{EventKind, TaskId};
use crate::loader::{Entry, Node as Yaml, Source};
use crate::playbook::{Keyword, Keywords, Node, RoleRequest, Scope as PlayScope, ScopeKind, Task, find_task_file};
use crate::template::{Scope, Value};
use std::path::PathBuf;
use std::sync::Arc;

/// What a host is to run: the same of several hosts is run by them together.
#[derive(Clone)]
struct Wanted {
    what: What,
    /// Variables of the loop's item, which the included tasks see.
    item: Vec<(Arc<str>, Value)>,
    label: Option<serde_json::Value>,
}

#[derive(Clone, PartialEq, Eq, Debug)]
enum What {
    File(PathBuf),
    Role {
        name: String,
        tasks: String,
        vars: String,
        defaults: String,
        handlers: String,
        public: bool,
        duplicates: bool,
        validate: bool,
    },
}

impl Wanted {
    fn is(&self, other: &Wanted) -> bool {
        self.what == other.what && self.item == other.item
    }

    fn name(&self) -> String {
        match &self.what {
            What::File(path) => path.display().to_string(),
            What::Role { name, .. } => name.clone(),
        }
    }
}

impl Batch {
    /// Runs what a task includes on the hosts.
    pub fn include(self: &Arc<Self>, task: &Arc<Task>, hosts: &[Arc<Host>]) {
        let layers = self.play.task_layers(&task.scope);
        let Some(first) = hosts.first() else { return };
        let scope = self.scope(first, &task.scope, &layers);
        let once =
            KeywordReader { task: &task.scope, scope: &scope }.flag(Keyword::RunOnce).ok().flatten().unwrap_or(false);
        let (id, title) = self.start_task(task, &scope, hosts.len());

        let mut groups: Vec<(Wanted, Vec<Arc<Host>>)> = Vec::new();
        for host in if once { &hosts[..1] } else { hosts } {
            let on_host = OnHost {
                batch: self.clone(),
                task: task.clone(),
                id,
                title: title.clone(),
                host: host.clone(),
                scope: self.scope(host, &task.scope, &layers),
            };
            match on_host.wanted() {
                Ok(all) => {
                    // Ansible counts each file or role that is brought.
                    host.works_in_role(&task.scope);
                    host.state().stats.ok += u32::try_from(all.len()).unwrap_or(1).max(1);
                    for wanted in all {
                        let hosts_of = if once { hosts.to_vec() } else { vec![host.clone()] };
                        match groups.iter_mut().find(|(have, _)| have.is(&wanted)) {
                            Some((_, group)) => group.extend(hosts_of),
                            None => groups.push((wanted, hosts_of)),
                        }
                    }
                }
                Err(ending) => self.settle(task, (id, &title), host, &on_host.scope, *ending, once.then_some(hosts)),
            }
        }
        let mut brought = Vec::new();
        for (wanted, group) in groups {
            match self.load(task, &wanted, &group) {
                Ok(nodes) => {
                    self.run().sink.emit(EventKind::Included {
                        task: id,
                        what: wanted.name(),
                        hosts: group.iter().map(|host| host.name.to_string()).collect(),
                        label: wanted.label.clone(),
                    });
                    brought.push((nodes, group));
                }
                Err(problems) => self.include_failed(task, id, &title, &group, &problems),
            }
        }
        self.run().sink.emit(EventKind::TaskFinished { task: id });
        self.consequences_of_failures(task, hosts);
        for (nodes, group) in brought {
            self.nodes(&nodes, &group);
        }
    }

    fn include_failed(
        self: &Arc<Self>,
        task: &Arc<Task>,
        id: TaskId,
        title: &str,
        hosts: &[Arc<Host>],
        problems: &Diagnostics,
    ) {
        let lines: Vec<String> = problems.0.iter().map(ToString::to_string).collect();
        for host in hosts {
            {
                let mut state = host.state();
                state.stats.ok = state.stats.ok.saturating_sub(1);
            }
            let layers = self.play.task_layers(&task.scope);
            let scope = self.scope(host, &task.scope, &layers);
            self.settle(task, (id, title), host, &scope, Ending::failed(lines.join("\n")), None);
        }
    }

    /// Reads what is included.
    fn load(
        self: &Arc<Self>,
        task: &Arc<Task>,
        wanted: &Wanted,
        hosts: &[Arc<Host>],
    ) -> Result<Vec<Node>, Diagnostics> {
        let run = self.run();
        let parent = include_scope(task, &wanted.item);
        let names = super::run::HostNames { batch: self.clone(), host: hosts.first().cloned() };
        let directory = &self.play.play.directory;
        match &wanted.what {
            What::File(path) => {
                if !path.is_file() {
                    let span = task.span();
                    return Err(Diagnostic::error(span, format!("there is no file {}", path.display())).into());
                }
                let (nodes, warnings) = run.parser.task_file(path, &parent, directory, &names, task.handler)?;
                run.warn_all(&warnings);
                Ok(nodes)
            }
            What::Role { name, tasks, vars, defaults, handlers, public, duplicates, validate } => {
                let request = RoleRequest {
                    name: name.clone(),
                    parts: crate::playbook::RoleParts {
                        tasks: tasks.clone(),
                        vars: vars.clone(),
                        defaults: defaults.clone(),
                        handlers: handlers.clone(),
                    },
                    params: Vec::new(),
                    keywords: Keywords::default(),
                    public: *public,
                    allow_duplicates: *duplicates,
                    validate: *validate,
                    span: task.span().clone(),
                };
                let (loaded, warnings) = run.parser.role(&request, &parent, directory, &names)?;
                run.warn_all(&warnings);
                self.add_handlers(loaded.handlers);
                if *public {
                    let used = loaded.nodes.iter().filter_map(|node| match node {
                        Node::Block(block) => super::magic::begins_role(&block.scope).cloned(),
                        Node::Task(_) => None,
                    });
                    lock(&self.play.public_roles).extend(used);
                }
                Ok(loaded.nodes)
            }
        }
    }
}

/// What surrounds included tasks: of the including task only its variables and `apply`, and the item of its loop.
fn include_scope(task: &Arc<Task>, item: &[(Arc<str>, Value)]) -> Arc<PlayScope> {
    let mut keywords = Keywords::default();
    if let Some(vars) = task.scope.keywords.get(Keyword::Vars) {
        keywords.set(Keyword::Vars, vars.clone());
    }
    let apply = task.action.args.get("apply").and_then(Source::as_map).unwrap_or_default();
    for entry in apply {
        if let Some(keyword) = entry.key.as_str().and_then(Keyword::of) {
            let value = match (keyword, keywords.get(keyword)) {
                (Keyword::Vars, Some(own)) => merged(own, &entry.value),
                _ => entry.value.clone(),
            };
            keywords.set(keyword, value);
        }
    }
    Arc::new(PlayScope {
        kind: ScopeKind::Include(item.to_vec()),
        keywords,
        span: task.span().clone(),
        directory: task.scope.directory.clone(),
        parent: task.scope.parent.clone(),
    })
}

fn merged(own: &Source, more: &Source) -> Source {
    let mut entries: Vec<Entry> = more.as_map().unwrap_or_default().to_vec();
    entries.extend(own.as_map().unwrap_or_default().iter().cloned());
    Source { span: own.span.clone(), node: Yaml::Map(entries.into()) }
}

impl OnHost {
    /// What an include would bring, whether its conditions hold or not: for explanations. An error is one that explains why that
    /// can't be told.
    pub(super) fn would_bring(&self) -> Result<Vec<Vec<Node>>, String> {
        let said = |ending: Box<Ending>| {
            let message = ending.result.result.get("msg").and_then(serde_json::Value::as_str);
            ending.unknown.as_deref().or(message).unwrap_or("it can't be told").to_owned()
        };
        let mut all = Vec::new();
        if self.task.looped.is_none() {
            all.push(Wanted { what: self.what(&self.scope).map_err(said)?, item: Vec::new(), label: None });
        } else {
            let items = self.items().map_err(|error| error.to_string())?;
            let control = LoopControl::read(self).map_err(|error| error.to_string())?;
            for (index, item) in items.iter().enumerate() {
                let variables = control.names(&items, index, item);
                let names = crate::vars::Layer::from(crate::vars::values(variables.clone()));
                let what = self.what(&self.scope.with(Arc::new(names))).map_err(said)?;
                all.push(Wanted { what, item: variables, label: None });
            }
        }
        let load = |wanted: &Wanted| self.batch.load(&self.task, wanted, std::slice::from_ref(&self.host));
        all.iter().map(|wanted| load(wanted).map_err(|problems| problems.to_string())).collect()
    }

    /// What the host is to run, once for each item; or why nothing.
    fn wanted(&self) -> Result<Vec<Wanted>, Box<Ending>> {
        let template_error = |error| Box::new(Ending::template_error(error));
        if self.task.looped.is_none() {
            if let Gate::Shut(ending) = self.gate(&self.scope) {
                return Err(ending);
            }
            return Ok(vec![Wanted { what: self.what(&self.scope)?, item: Vec::new(), label: None }]);
        }
        let items = match self.items() {
            Ok(items) => items,
            Err(error) => {
                return Err(match self.gate(&self.scope) {
                    Gate::Shut(ending) => ending,
                    Gate::Open => template_error(error),
                });
            }
        };
        let control = LoopControl::read(self).map_err(template_error)?;
        let mut all = Vec::new();
        let mut last_skip = None;
        for (index, item) in items.iter().enumerate() {
            let variables = control.names(&items, index, item);
            let scope = self.scope.with(Arc::new(crate::vars::Layer::from(crate::vars::values(variables.clone()))));
            match self.gate(&scope) {
                Gate::Open => all.push(Wanted {
                    what: self.what(&scope)?,
                    item: variables,
                    label: Some(control.label(&scope, item)),
                }),
                Gate::Shut(ending) if ending.is_failed() => return Err(ending),
                Gate::Shut(ending) => last_skip = Some(ending),
            }
        }
        match (all.is_empty(), last_skip) {
            (true, Some(ending)) => Err(ending),
            (true, None) => Err(Box::new(Ending::of_items(&[]))),
            _ => Ok(all),
        }
    }

    fn what(&self, scope: &Scope) -> Result<What, Box<Ending>> {
        let mut failed = None;
        let mut text = |source: &Source| match scope.value(source) {
            Ok(value) => Some(value.to_string()),
            Err(error) => {
                failed = Some(Ending::template_error(error));
                None
            }
        };
        let args = &self.task.action.args;
        let what = if self.task.action.module == "include_role" {
            RoleRequest::of(args, &self.task.action.span, &mut text).map(|request| What::Role {
                name: request.name,
                tasks: request.parts.tasks,
                vars: request.parts.vars,
                defaults: request.parts.defaults,
                handlers: request.parts.handlers,
                public: request.public,
                duplicates: request.allow_duplicates,
                validate: request.validate,
            })
        } else {
            let file = args.free_form.as_ref().or_else(|| args.get("file"));
            let missing = || Diagnostic::error(&self.task.action.span, "the name of a file of tasks is needed");
            let kind = if self.task.handler { "handlers" } else { "tasks" };
            file.ok_or_else(missing).map(|file| {
                let name = text(file).unwrap_or_default();
                What::File(find_task_file(name.trim(), &self.task.scope, &self.batch.play.play.directory, kind))
            })
        };
        match (failed, what) {
            (Some(ending), _) => Err(Box::new(ending)),
            (None, Ok(what)) => Ok(what),
            (None, Err(problem)) => Err(Box::new(Ending::failed(problem.to_string()))),
        }
    }
}
