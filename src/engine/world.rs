//! The run's hosts: the inventory, its variables, and how tasks change it.

use super::batch::{HostLayers, PlayRun, lock};
use super::host::Host;
use super::run::Run;
use crate::actions::Consequence;
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::playbook::{Keyword, ScopeKind};
use crate::template::{TemplateErrorKind, Value};
use crate::vars::{Bindings, Layer, bindings};
use std::path::PathBuf;
use std::sync::{Arc, PoisonError, RwLockReadGuard, RwLockWriteGuard};

impl Run {
    fn inventory(&self) -> RwLockReadGuard<'_, crate::inventory::Inventory> {
        self.inventory.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn inventory_mut(&self) -> RwLockWriteGuard<'_, crate::inventory::Inventory> {
        self.inventory.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// The hosts of a pattern, within the limit, in the inventory's order.
    pub fn select(&self, pattern: &str) -> Result<Vec<Arc<str>>, Diagnostic> {
        let (hosts, warnings) = self.inventory().select(pattern, self.options.fleet.limit.as_deref())?;
        self.warn_all(&warnings);
        Ok(hosts)
    }

    /// A host: what is known of it, from now on at least its name.
    pub fn host(&self, name: &str) -> Arc<Host> {
        if let Some(host) = self.hosts.read().unwrap_or_else(PoisonError::into_inner).get(name) {
            return host.clone();
        }
        let mut hosts = self.hosts.write().unwrap_or_else(PoisonError::into_inner);
        hosts.entry(Arc::from(name)).or_insert_with(|| self.with_cached_facts(name)).clone()
    }

    /// A host of the inventory, or the implicit localhost.
    pub fn known_host(&self, name: &str) -> Option<Arc<Host>> {
        let known = self.inventory().contains(name) || matches!(name, "localhost" | "127.0.0.1" | "::1");
        known.then(|| self.host(name))
    }

    /// The names of all hosts of the inventory.
    pub fn all_hosts(&self) -> Vec<Arc<str>> {
        self.inventory().hosts()
    }

    /// The names of the groups that a host belongs to, sorted, without `all`.
    pub fn group_names(&self, host: &str) -> Vec<String> {
        self.inventory().group_names(host)
    }

    /// `groups`: every group's hosts.
    pub fn groups(&self) -> Value {
        let inventory = self.inventory();
        Value::from_pairs(
            inventory
                .groups()
                .into_iter()
                .map(|(name, hosts)| (Value::from(name), Value::from_iter(hosts.into_iter().map(Value::from)))),
        )
    }

    /// A host's variables of the inventory, `group_vars` and `host_vars`, from the top, each with what sets them, for people.
    pub fn named_layers(
        &self,
        host: &str,
        playbook_dir: &std::path::Path,
    ) -> Vec<(String, Arc<crate::inventory::VarMap>)> {
        // What is wrong in the files was told when the host's layers were read.
        self.inventory().named_layers(host, playbook_dir).unwrap_or_default()
    }

    /// The file that a host comes from.
    pub fn inventory_source(&self, host: &str) -> Option<PathBuf> {
        self.inventory().source_of(host)
    }

    /// The inventory's sources as given.
    pub fn inventory_sources(&self) -> Vec<String> {
        self.inventory().sources()
    }

    /// A host's layers in a play: (the play's, the inventory's), each from the top.
    pub fn host_layers(self: &Arc<Self>, play: &PlayRun, host: &Arc<str>) -> HostLayers {
        if let Some(layers) = lock(&play.layers).get(host) {
            return layers.clone();
        }
        let found = self.inventory().layers(host, &play.play.directory);
        self.warn_all(&self.inventory().take_warnings());
        let inventory: Arc<[Layer]> = match found {
            Ok(layers) => layers.into(),
            Err(problems) => {
                self.fail(&problems.to_string());
                Arc::from([])
            }
        };
        let layers = (self.play_layers(play, host, &inventory), inventory);
        lock(&play.layers).insert(host.clone(), layers.clone());
        layers
    }

    /// vars_files, vars_prompt and vars of a play, from the top.
    fn play_layers(&self, play: &PlayRun, host: &Arc<str>, inventory: &Arc<[Layer]>) -> Arc<[Layer]> {
        let mut layers = Vec::new();
        let vars: Vec<Layer> = play
            .play
            .scope
            .outward()
            .filter(|scope| matches!(scope.kind, ScopeKind::Play | ScopeKind::Include(_)))
            .filter_map(|scope| scope.keywords.get(Keyword::Vars))
            .map(|vars| Layer::from(bindings(vars)))
            .collect();
        let files = play.play.get(Keyword::VarsFiles);
        for source in files.map(crate::playbook::one_or_more).unwrap_or_default() {
            match self.vars_file(source, play, host, &vars, inventory) {
                Ok(Some(layer)) => layers.insert(0, layer),
                Ok(None) => {}
                Err(problems) => self.fail(&problems.to_string()),
            }
        }
        layers.push(Layer::Names(lock(&self.prompted).get(&play.id).cloned().unwrap_or_default()));
        layers.extend(vars);
        layers.into()
    }

    /// An entry of `vars_files`: a file, or a list of files of which the first that is there counts.
    fn vars_file(
        &self,
        source: &crate::loader::Source,
        play: &PlayRun,
        host: &Arc<str>,
        vars: &[Layer],
        inventory: &Arc<[Layer]>,
    ) -> Result<Option<Layer>, Diagnostics> {
        let alternatives = crate::playbook::one_or_more(source);
        let mut looked = Vec::new();
        for alternative in &alternatives {
            let text = if alternative.has_template() {
                let scope = self.early_scope(play, host, vars, inventory);
                match scope.text(alternative) {
                    Ok(text) => text,
                    // A name that facts will tell is not known before they are gathered.
                    Err(error) if matches!(error.kind, TemplateErrorKind::Undefined(_)) => return Ok(None),
                    Err(error) => return Err((*error.diagnostic).into()),
                }
            } else {
                alternative.as_str().unwrap_or_default().to_owned()
            };
            let name = std::path::Path::new(text.trim());
            let places = [play.play.directory.join("vars").join(name), play.play.directory.join(name)];
            for path in places {
                if let Some((loaded, warnings)) = self.parser.read(&path)? {
                    self.warn_all(&Diagnostics(warnings));
                    return match loaded.as_map() {
                        Some(_) => Ok(Some(Layer::from(bindings(&loaded)))),
                        None if loaded.is_null() => Ok(None),
                        None => {
                            let message = format!("a file of variables is a mapping, this is {}", loaded.describe());
                            Err(Diagnostic::error(&loaded.span, message).into())
                        }
                    };
                }
                looked.push(path.display().to_string());
            }
        }
        let message = "none of the files of this entry of `vars_files` exists";
        Err(Diagnostic::error(&source.span, message).hint(format!("looked for {}", looked.join(", "))).into())
    }

    /// What is known of a host before the play's own files are read.
    fn early_scope(
        &self,
        play: &PlayRun,
        host: &Arc<str>,
        vars: &[Layer],
        inventory: &Arc<[Layer]>,
    ) -> crate::template::Scope {
        let state = self.host(host).state().vars.clone();
        let stack = crate::vars::Stack {
            magic: Layer::from(crate::vars::values([
                ("inventory_hostname", Value::from(host.clone())),
                ("playbook_dir", Value::from(play.play.directory.to_string_lossy().into_owned())),
            ])),
            extra: self.extra.clone(),
            task: Arc::default(),
            host: state.upper(),
            play: vars.to_vec().into(),
            facts: state.facts_layer(),
            inventory: inventory.clone(),
            fallback: None,
            merge: self.merges_mappings(),
        };
        let surroundings = crate::template::Surroundings {
            search_path: vec![play.play.directory.clone()],
            playbook_dir: play.play.directory.clone(),
            plan: play.is_plan(),
        };
        self.templater.scope(Arc::new(stack), Arc::new(surroundings))
    }

    /// `vars_prompt`: asks the user, once for the play.
    pub fn prompt_for_vars(&self, play: &PlayRun) -> Result<(), Diagnostic> {
        let Some(prompts) = play.play.get(Keyword::VarsPrompt) else { return Ok(()) };
        let mut names = Bindings::new();
        for prompt in prompts.as_seq().unwrap_or_default() {
            let text = |key: &str| prompt.get(key).and_then(|source| source.as_str()).map(str::to_owned);
            let Some(name) = text("name") else {
                return Err(Diagnostic::error(&prompt.span, "an entry of `vars_prompt` needs `name`"));
            };
            if self.extra.get(&name).is_some() {
                continue;
            }
            let flag = |key: &str, otherwise: bool| match prompt.get(key).map(|source| &source.node) {
                Some(crate::loader::Node::Bool(flag)) => *flag,
                Some(_) => text(key).and_then(|word| refit_agent::args::boolean(&word)).unwrap_or(otherwise),
                None => otherwise,
            };
            let question = text("prompt").unwrap_or_else(|| name.clone());
            let default = prompt.get("default").map(super::written_text);
            let answer = self.ask(&question, default.as_deref(), flag("private", true), flag("confirm", false))?;
            if flag("private", true) {
                self.secrets.add(&answer);
            }
            let value = match flag("unsafe", false) {
                true => crate::template::Binding::Value(Value::from(answer)),
                false => crate::template::Binding::Source(crate::loader::Source::text(&prompt.span, answer)),
            };
            names.insert(Arc::from(name), value);
        }
        lock(&self.prompted).insert(play.id, Arc::new(names));
        Ok(())
    }

    fn ask(&self, question: &str, default: Option<&str>, private: bool, confirm: bool) -> Result<String, Diagnostic> {
        let terminal = console::Term::stderr();
        if !console::user_attended() {
            return match default {
                Some(default) => Ok(default.to_owned()),
                None => Err(Diagnostic::plain(format!("there is no terminal to ask `{question}` on"))
                    .hint("give the variable with `-e`")),
            };
        }
        let mut answer = Ok(String::new());
        self.sink.undisturbed(&mut || {
            answer = loop {
                let read = |again: &str| {
                    let shown = default.map(|default| format!(" [{default}]")).unwrap_or_default();
                    terminal.write_str(&format!("{again}{question}{shown}: "))?;
                    if private { terminal.read_secure_line() } else { terminal.read_line() }
                };
                match (read(""), confirm) {
                    (Ok(first), true) => match read("confirm ") {
                        Ok(second) if second == first => break Ok(first),
                        Ok(_) => {}
                        Err(error) => break Err(error),
                    },
                    (result, _) => break result,
                }
            };
        });
        let answer =
            answer.map_err(|error| Diagnostic::plain(format!("cannot read the answer to `{question}`: {error}")))?;
        Ok(if answer.is_empty() { default.unwrap_or_default().to_owned() } else { answer })
    }

    /// Whether the inventory is already as an action wants it.
    pub fn inventory_has(&self, consequence: &Consequence, host: &str) -> bool {
        match consequence {
            Consequence::AddHost { name, groups, vars } => self.inventory().has_host_as(name, groups, vars),
            Consequence::GroupBy { group, parents } => self.inventory().is_grouped(host, group, parents),
            _ => false,
        }
    }

    /// `add_host`.
    pub fn add_host(&self, name: &str, groups: &[String], vars: Vec<(String, Value)>) {
        let added = self.inventory_mut().add_host(name, groups, vars);
        if let Err(problem) = added {
            self.fail(&problem.to_string());
        }
    }

    /// `group_by`.
    pub fn group_by(&self, host: &str, group: &str, parents: &[String]) {
        let grouped = self.inventory_mut().group_by(host, group, parents);
        if let Err(problem) = grouped {
            self.fail(&problem.to_string());
        }
    }

    /// `meta: refresh_inventory`.
    pub fn refresh_inventory(&self) -> Result<(), Diagnostics> {
        let warnings = self.inventory_mut().refresh()?;
        self.warn_all(&warnings);
        Ok(())
    }
}
