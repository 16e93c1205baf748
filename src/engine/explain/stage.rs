//! A play as it would go on a host, task by task, as far as that can be told without the host.

use super::super::batch::{Batch, PlayRun, lock};
use super::super::ending::Ending;
use super::super::host::Host;
use super::super::on_host::{Gate, OnHost};
use super::super::run::Run;
use crate::actions::Consequence;
use crate::diagnostic::{Diagnostic, Span};
use crate::loader::Source;
use crate::playbook::{Keyword, Node, Play, Scope as PlayScope, Task};
use crate::template::{Binding, Scope};
use crate::vars::{Bindings, Facts, Stack};
use std::collections::HashMap;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize};
use std::sync::{Arc, Mutex};

/// How deep includes in includes are followed.
const DEEPEST: usize = 32;

/// A play's hosts before its first task.
pub struct Stage {
    batch: Arc<Batch>,
    /// The tasks that set variables last.
    told: Mutex<HashMap<Learned, ByTask>>,
}

/// A host and a variable of it.
type Learned = (Arc<str>, Arc<str>);
/// How a task sets a variable, for people, and where it says so.
type ByTask = (String, Span);

/// A task where it stands.
pub struct Step<'a> {
    /// The task.
    pub task: &'a Arc<Task>,
    /// The tasks that include what it stands in, the outermost first.
    pub by: &'a [Arc<Task>],
    /// The host.
    pub on: &'a OnHost,
}

impl Stage {
    /// A play with those of its hosts that are within the limit.
    pub fn of(run: &Arc<Run>, play: &Arc<Play>, id: u32) -> Result<Stage, Diagnostic> {
        let scope = run.static_scope(&play.scope, &play.directory);
        let (_, hosts) = run.hosts_of(play, &scope)?;
        let name = play.scope.keywords.get(Keyword::Name);
        let name = name.and_then(|name| scope.text(name).ok()).unwrap_or_else(|| play.span().place());
        let asked: Bindings = prompts(play)
            .filter(|(name, _)| run.extra.get(name).is_none())
            .map(|(name, place)| {
                let why = format!("`{name}`, which the user is asked for when the play begins ({place})");
                (Arc::from(name), Binding::Unknown(why.into()))
            })
            .collect();
        lock(&run.prompted).insert(id, Arc::new(asked));
        let play_run = Arc::new(PlayRun {
            run: run.clone(),
            play: play.clone(),
            id,
            name,
            hosts: hosts.clone(),
            // What can't be foreseen is unknown, as in a dry run.
            debugs: false,
            plan: true,
            force_handlers: false,
            max_fail_percentage: None,
            handlers: Mutex::new(play.handlers.clone()),
            public_roles: Mutex::new(play.static_roles.clone()),
            layers: Mutex::new(HashMap::new()),
            ended: AtomicBool::new(false),
        });
        let hosts: Vec<Arc<Host>> = hosts.iter().map(|name| run.host(name)).collect();
        for host in &hosts {
            let mut state = host.state();
            if state.vars.facts.is_empty() {
                state.vars.facts = Facts::unknown(format!("facts of {}, which a run gathers", host.name));
            }
        }
        let batch = Arc::new(Batch {
            perhaps: Mutex::default(),
            play: play_run,
            hosts,
            notified: Mutex::new(HashMap::new()),
            unsettled: AtomicUsize::new(0),
            throttles: crate::engine::throttle::Throttles::default(),
            ended: AtomicBool::new(false),
        });
        Ok(Stage { batch, told: Mutex::default() })
    }

    /// The run.
    pub fn run(&self) -> &Arc<Run> {
        self.batch.run()
    }

    /// The directory of the playbook.
    pub fn directory(&self) -> &Path {
        &self.batch.play.play.directory
    }

    /// The play's name, or where it stands.
    pub fn name(&self) -> &str {
        &self.batch.play.name
    }

    /// Its hosts.
    pub fn hosts(&self) -> &[Arc<Host>] {
        &self.batch.hosts
    }

    /// A host of it.
    pub fn host(&self, name: &str) -> Option<&Arc<Host>> {
        self.batch.hosts.iter().find(|host| &*host.name == name)
    }

    /// The variables in force for a host at a place of the play.
    pub fn stack(&self, host: &Arc<Host>, scope: &Arc<PlayScope>) -> Stack {
        self.batch.stack(host, scope, &self.batch.play.task_layers(scope))
    }

    /// Templates with them.
    pub fn scope(&self, host: &Arc<Host>, scope: &Arc<PlayScope>) -> Scope {
        self.batch.scope(host, scope, &self.batch.play.task_layers(scope))
    }

    /// The task by which the host learned a variable so far, and where it says so.
    pub fn told(&self, host: &Host, name: &str) -> Option<ByTask> {
        lock(&self.told).get(&(host.name.clone(), Arc::from(name))).cloned()
    }

    /// Goes through the tasks in their order, those of includes too, and lets the host learn what each would tell. Then the
    /// handlers. What of the includes could not be followed.
    pub fn walk(&self, host: &Arc<Host>, see: &mut dyn FnMut(&Step<'_>)) -> Vec<String> {
        let play = &self.batch.play.play;
        let mut walk = Walk { stage: self, host, see, by: Vec::new(), missed: Vec::new() };
        let sections = [&play.pre_tasks, &play.roles, &play.tasks, &play.post_tasks];
        sections.into_iter().for_each(|nodes| walk.nodes(nodes));
        let handlers = lock(&self.batch.play.handlers).clone();
        walk.nodes(&handlers);
        walk.missed
    }
}

/// The names of `vars_prompt`, and where they stand.
fn prompts(play: &Play) -> impl Iterator<Item = (&str, String)> {
    let prompts = play.get(Keyword::VarsPrompt).and_then(Source::as_seq).unwrap_or_default();
    prompts.iter().filter_map(|prompt| Some((prompt.get("name")?.as_str()?, prompt.span.place())))
}

struct Walk<'a> {
    stage: &'a Stage,
    host: &'a Arc<Host>,
    see: &'a mut dyn FnMut(&Step<'_>),
    by: Vec<Arc<Task>>,
    missed: Vec<String>,
}

impl Walk<'_> {
    fn nodes(&mut self, nodes: &[Node]) {
        for node in nodes {
            match node {
                Node::Task(task) => self.task(task),
                Node::Block(block) => {
                    [&block.body, &block.rescue, &block.always].into_iter().for_each(|part| self.nodes(part))
                }
            }
        }
    }

    fn task(&mut self, task: &Arc<Task>) {
        let on = OnHost {
            batch: self.stage.batch.clone(),
            task: task.clone(),
            id: 0,
            title: Arc::from(super::super::step::raw_title(task)),
            host: self.host.clone(),
            scope: self.stage.scope(self.host, &task.scope),
        };
        (self.see)(&Step { task, by: &self.by, on: &on });
        match task.action.module.as_str() {
            "include_tasks" | "include_role" | "include" => self.include(task, &on),
            _ => self.learn(task, &on),
        }
    }

    fn include(&mut self, task: &Arc<Task>, on: &OnHost) {
        // A file that includes itself ends by a condition that is not known here.
        let again = self.by.iter().any(|outer| outer.span() == task.span());
        if again || self.by.len() >= DEEPEST {
            return;
        }
        match on.would_bring() {
            Ok(brought) => {
                self.by.push(task.clone());
                brought.iter().for_each(|nodes| self.nodes(nodes));
                self.by.pop();
            }
            Err(why) => {
                let missed = format!("what `{}` ({}) includes: {why}", on.title, task.span().place());
                if !self.missed.contains(&missed) {
                    self.missed.push(missed);
                }
            }
        }
    }

    /// What the host would know after the task.
    fn learn(&self, task: &Arc<Task>, on: &OnHost) {
        let tells = matches!(task.action.module.as_str(), "set_fact" | "include_vars") && !task.handler;
        if !tells && on.register().is_none() {
            return;
        }
        let ending = if tells {
            on.perform()
        } else {
            match on.gate(&on.scope) {
                Gate::Shut(ending) => *ending,
                Gate::Open => Ending::unknown("it has not run".to_owned()),
            }
        };
        if ending.is_failed() {
            return;
        }
        let remember = |name: &str, by: &str, span: &Span| {
            let by = format!("{by} of task `{}`", on.title);
            lock(&self.stage.told).insert((self.host.name.clone(), Arc::from(name)), (by, span.clone()));
        };
        if let (Some(name), Some(source)) = (on.register(), task.get(Keyword::Register)) {
            remember(name, "register", &source.span);
        }
        for consequence in &ending.consequences {
            match consequence {
                Consequence::Set { variables, .. } => {
                    for (name, _) in variables {
                        let value = task.action.args.get(name);
                        remember(name, "set_fact", value.map_or(task.span(), |value| &value.span));
                    }
                }
                Consequence::Include(variables) => {
                    for (name, binding) in variables {
                        let Binding::Source(source) = binding else { continue };
                        remember(name, "include_vars", &source.span);
                    }
                }
                _ => {}
            }
        }
        on.batch.settle(task, (0, &on.title), self.host, &on.scope, ending, None);
    }
}
