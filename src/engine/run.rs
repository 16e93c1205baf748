//! What all plays of a run share.

use super::batch::{Batch, PlayRun, lock};
use super::host::Host;
use super::options::RunOptions;
use crate::actions::Interrupts;
use crate::config::{HashBehaviour, Settings};
use crate::connection::Links;
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::event::{EventKind, Sink, TaskId};
use crate::inventory::Inventory;
use crate::loader::Source;
use crate::playbook::{Parser, Scope as PlayScope, StaticText, TagFilter, Task};
use crate::secrets::Secrets;
use crate::template::{Form, Scope, Surroundings, Templater};
use crate::vars::{Layer, Stack, TaskLayers};
use crate::vault::Vault;
use indexmap::IndexMap;
use serde_json::{Map, Value as Json};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, RwLock};

/// What all plays of a run share.
pub struct Run {
    /// What the user asked for.
    pub options: RunOptions,
    /// What is configured.
    pub settings: Settings,
    /// Reads playbooks, task files and roles.
    pub parser: Parser,
    /// Templates.
    pub templater: Arc<Templater>,
    /// Decrypts.
    pub vault: Arc<Vault>,
    /// What must not be shown.
    pub secrets: Arc<Secrets>,
    /// The hosts' links.
    pub links: Arc<dyn Links>,
    /// Told of what happens.
    pub sink: Arc<dyn Sink>,
    /// What the user does meanwhile.
    pub interrupts: Arc<Interrupts>,
    /// Judges what tasks did, where something was foreseen.
    pub foresight: Option<Arc<dyn super::foresight::Foresight>>,
    /// Threads for what waits.
    pub pool: super::pool::Pool,
    /// `--tags` and `--skip-tags`.
    pub tags: TagFilter,
    /// Extra vars.
    pub extra: Layer,
    /// The inventory; changed by `add_host`, `group_by` and `meta: refresh_inventory`.
    pub(super) inventory: RwLock<Inventory>,
    /// Hosts of which something is known.
    pub(super) hosts: RwLock<IndexMap<Arc<str>, Arc<Host>>>,
    /// What the user answered to `vars_prompt`, by play.
    pub(super) prompted: Mutex<std::collections::HashMap<u32, Arc<crate::vars::Bindings>>>,
    /// `set_stats`.
    pub(super) custom: Mutex<Map<String, Json>>,
    /// Hosts of plays that were not attempted, or not to the end: why.
    pub(super) not_attempted: Mutex<IndexMap<String, String>>,
    /// Warnings about templates that were told.
    pub(super) warned: Mutex<std::collections::HashSet<String>>,
    /// Handlers that were notified and did not run.
    pub(super) owed: Mutex<IndexMap<String, Vec<String>>>,
    /// `--start-at-task`: whether that task is still to come.
    pub(super) before_start: AtomicBool,
    /// `--step`: whether the user said to go on without asking.
    pub(super) step_all: AtomicBool,
    /// Held by who talks with the user in the task debugger.
    pub(super) conversation: Mutex<()>,
    /// Whether the user ended the run in the task debugger.
    pub(super) abandoned: AtomicBool,
    /// Whether something failed that is no host's failure.
    pub(super) broken: AtomicBool,
    pub(super) tasks: AtomicU32,
}

impl Run {
    /// How many hosts are worked on at a time.
    pub fn forks(&self) -> usize {
        self.options.forks.map_or_else(|| configured_forks(&self.settings), |forks| forks as usize).max(1)
    }

    /// Whether mappings of the same name are merged (`hash_behaviour`).
    pub(super) fn merges_mappings(&self) -> bool {
        self.settings.hash_behaviour.value == HashBehaviour::Merge
    }

    /// The controller's Python, for programs that want one: Refit itself has none.
    pub(super) fn python(&self) -> String {
        let path = std::env::var_os("PATH").unwrap_or_default();
        let found = std::env::split_paths(&path).map(|dir| dir.join("python3")).find(|program| program.is_file());
        found.map_or_else(|| "/usr/bin/python3".to_owned(), |program| program.to_string_lossy().into_owned())
    }

    /// A number for a task that starts.
    pub fn next_task(&self) -> TaskId {
        self.tasks.fetch_add(1, Ordering::SeqCst)
    }

    /// Tells the user something.
    pub fn warn(&self, message: &str) {
        self.sink.emit(EventKind::Warning { message: message.to_owned(), deprecation: false });
    }

    /// Tells the user what was dubious in templates of these variables; each thing once in a run.
    pub fn warn_of(&self, scope: &Scope) {
        for warning in scope.warnings() {
            let message = warning.to_string();
            if lock(&self.warned).insert(message.clone()) {
                self.warn(&message);
            }
        }
    }

    /// Tells the user all of these.
    pub fn warn_all(&self, warnings: &Diagnostics) {
        warnings.0.iter().for_each(|warning| self.warn(&warning.to_string()));
    }

    /// Tells of an error that is no host's task's, and remembers it for the exit code.
    pub fn fail(&self, message: &str) {
        self.broken.store(true, Ordering::SeqCst);
        self.sink.emit(EventKind::Error { message: message.to_owned() });
    }

    /// Whether a task is wanted: by its tags, and by `--start-at-task`.
    pub fn wants(&self, batch: &Arc<Batch>, task: &Arc<Task>, hosts: &[Arc<Host>]) -> bool {
        // Who notified a handler was wanted: so is the handler.
        let has_tags = || !task.scope.gathered(crate::playbook::Keyword::Tags).is_empty();
        if !task.handler && (!self.tags.is_default() || has_tags()) {
            let tags = self.tags_of(batch, &task.scope, hosts.first());
            if !self.tags.wants(&tags) {
                return false;
            }
        }
        if self.before_start.load(Ordering::SeqCst) && !task.implicit {
            let wanted = self.options.start_at_task.as_deref().unwrap_or_default();
            let name = super::step::raw_title(task);
            let full = task.scope.role().map(|used| format!("{} : {name}", used.name));
            let hit =
                [Some(name), full].into_iter().flatten().any(|title| title == wanted || super::glob(wanted, &title));
            if !hit {
                return false;
            }
            self.before_start.store(false, Ordering::SeqCst);
        }
        true
    }

    fn tags_of(&self, batch: &Arc<Batch>, scope: &Arc<PlayScope>, host: Option<&Arc<Host>>) -> Vec<String> {
        let mut tags = Vec::new();
        for source in crate::playbook::tags_of(scope) {
            if !source.has_template() {
                tags.extend(crate::playbook::tag_texts(source));
                continue;
            }
            let Some(host) = host else { continue };
            let layers = batch.play.task_layers(scope);
            match batch.scope(host, scope, &layers).value(source) {
                Ok(value) if value.as_str().is_none() && value.try_iter().is_ok() => {
                    tags.extend(value.try_iter().into_iter().flatten().map(|tag| tag.to_string()));
                }
                Ok(value) => tags.extend(value.to_string().split(',').map(|tag| tag.trim().to_owned())),
                Err(error) => self.warn(&format!("a tag can't be templated: {error}")),
            }
        }
        tags
    }

    /// `--step`: whether the user wants this task.
    pub fn confirm_step(&self, title: &str) -> bool {
        if !self.options.step || self.step_all.load(Ordering::SeqCst) {
            return true;
        }
        let terminal = console::Term::stderr();
        loop {
            let asked = terminal.write_str(&format!("Perform task: {title} (N)o/(y)es/(c)ontinue: "));
            let answer = asked.and_then(|()| terminal.read_line());
            match answer.as_deref().map(|line| line.trim().to_lowercase()).as_deref() {
                Ok("y" | "yes") => return true,
                Ok("c" | "continue") => {
                    self.step_all.store(true, Ordering::SeqCst);
                    return true;
                }
                // Without an answer nothing is done.
                Ok("" | "n" | "no") | Err(_) => return false,
                Ok(_) => {}
            }
        }
    }

    /// Templates with a host's variables, without any task's.
    pub fn bare_scope(&self, batch: &Arc<Batch>, host: &Arc<Host>) -> Scope {
        let scope = &batch.play.play.scope;
        let layers = batch.play.task_layers(scope);
        batch.scope(host, scope, &layers)
    }

    /// `set_stats`.
    pub fn add_stats(&self, host: Option<&str>, data: Map<String, Json>, aggregate: bool) {
        let mut custom = lock(&self.custom);
        let of = custom.entry(host.unwrap_or("_run")).or_insert_with(|| Json::Object(Map::new()));
        let Some(of) = of.as_object_mut() else { return };
        for (name, value) in data {
            let sum = match (of.get(&name), &value, aggregate) {
                (Some(Json::Object(old)), Json::Object(new), true) => {
                    let mut merged = old.clone();
                    merged.extend(new.clone());
                    Json::Object(merged)
                }
                (Some(Json::Array(old)), Json::Array(new), true) => old.iter().chain(new).cloned().collect(),
                (Some(Json::String(old)), Json::String(new), true) => Json::String(format!("{old}{new}")),
                (Some(Json::Number(old)), Json::Number(new), true) => match (old.as_i64(), new.as_i64()) {
                    (Some(old), Some(new)) => Json::from(old + new),
                    _ => Json::from(old.as_f64().unwrap_or(0.0) + new.as_f64().unwrap_or(0.0)),
                },
                _ => value,
            };
            of.insert(name, sum);
        }
    }

    /// Templates with what exists without a host: extra vars, and what stands around a place in the play.
    pub fn static_scope(&self, scope: &PlayScope, playbook_dir: &std::path::Path) -> Scope {
        let empty = Layer::from(crate::vars::Bindings::new());
        let play: Vec<Layer> = scope
            .outward()
            .filter(|around| matches!(around.kind, crate::playbook::ScopeKind::Play))
            .filter_map(|play| play.keywords.get(crate::playbook::Keyword::Vars))
            .map(|vars| Layer::from(crate::vars::bindings(vars)))
            .collect();
        let stack = Stack {
            magic: Layer::from(crate::vars::values([(
                "playbook_dir",
                crate::template::Value::from(super::absolute(playbook_dir).to_string_lossy().into_owned()),
            )])),
            extra: self.extra.clone(),
            task: Arc::new(TaskLayers::of(scope, &[])),
            host: [empty.clone(), empty.clone()],
            play: play.into(),
            facts: empty,
            inventory: Arc::from([]),
            fallback: None,
            merge: self.merges_mappings(),
        };
        let surroundings = Surroundings {
            search_path: scope.search_path(playbook_dir),
            playbook_dir: playbook_dir.to_owned(),
            plan: self.options.check,
        };
        self.templater.scope(Arc::new(stack), Arc::new(surroundings))
    }
}

/// How many hosts at a time where the user did not say: Ansible's default of 5 is for its processes; a host costs a link
/// next to nothing.
pub fn configured_forks(settings: &Settings) -> usize {
    if settings.forks.is_set() { settings.forks.value as usize } else { 100 }
}

/// Names that must be known while reading, with what exists without a host.
pub struct StaticNames<'a> {
    /// The run.
    pub run: &'a Run,
    /// The playbook's directory.
    pub playbook_dir: PathBuf,
}

impl StaticText for StaticNames<'_> {
    fn text(&self, source: &Source, scope: &PlayScope) -> Result<String, Diagnostic> {
        self.run.static_scope(scope, &self.playbook_dir).text(source).map_err(|error| {
            error.diagnostic.hint("this name must be known before anything runs: extra vars, the play's vars and role defaults are; `include_...` takes any variable")
        })
    }

    fn unreadable(&self, source: &Source, form: Form) -> Option<Diagnostic> {
        self.run.templater.unreadable(source, form)
    }
}

/// Names in what is included while the play runs, with a host's variables.
pub struct HostNames {
    /// The batch.
    pub batch: Arc<Batch>,
    /// The first host for which it is included.
    pub host: Option<Arc<Host>>,
}

impl StaticText for HostNames {
    fn text(&self, source: &Source, scope: &PlayScope) -> Result<String, Diagnostic> {
        let play: &PlayRun = &self.batch.play;
        let templates = match &self.host {
            Some(host) => {
                let scope = Arc::new(PlayScope {
                    kind: scope.kind.clone(),
                    keywords: scope.keywords.clone(),
                    span: scope.span.clone(),
                    directory: scope.directory.clone(),
                    parent: scope.parent.clone(),
                });
                let layers = play.task_layers(&scope);
                self.batch.scope(host, &scope, &layers)
            }
            None => self.batch.run().static_scope(scope, &play.play.directory),
        };
        templates.text(source).map_err(|error| *error.diagnostic)
    }

    fn unreadable(&self, source: &Source, form: Form) -> Option<Diagnostic> {
        self.batch.run().templater.unreadable(source, form)
    }
}
