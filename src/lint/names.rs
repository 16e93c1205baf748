//! What a file defines and what it uses: variables, handlers, tags.

use crate::diagnostic::Span;
use crate::loader::{Node, Source};
use crate::template::Spot;
use std::collections::HashSet;
use std::path::PathBuf;
use std::sync::Arc;

/// What a file defines and uses.
#[derive(Debug, Default)]
pub struct Names {
    /// Variables that it sets.
    pub defined: HashSet<Arc<str>>,
    /// Variables that it reckons with being undefined.
    pub optional: HashSet<Arc<str>>,
    /// Variables that it reads.
    pub reads: Vec<(Arc<str>, Spot)>,
    /// Handlers by name and topic.
    pub handlers: HashSet<Arc<str>>,
    /// What stands before the first template in names of handlers that have one.
    pub templated_handlers: Vec<String>,
    /// Handlers that it notifies.
    pub notified: Vec<(Arc<str>, Span)>,
    /// Roles that it brings in by names that are no templates.
    pub roles: HashSet<Arc<str>>,
    /// Files of tasks that it brings in.
    pub brings: Vec<Brings>,
    /// Tags that its tasks have.
    pub tags: Vec<(Arc<str>, Span)>,
}

/// A file of tasks that is included or imported.
#[derive(Debug)]
pub struct Brings {
    /// Where it is, as far as that can be told.
    pub files: Vec<PathBuf>,
    /// Whether its own tags decide whether the file is read at all.
    pub dynamic: bool,
    /// Its tags, with those of the blocks around it.
    pub tags: Vec<Arc<str>>,
    /// Where it stands.
    pub span: Span,
}

/// Modules whose arguments are variables.
fn sets_facts(key: &str) -> bool {
    matches!(crate::actions::short_name(key), "set_fact" | "add_host" | "ansible.utils.update_fact")
}

impl Names {
    /// Takes in a mapping of variables.
    pub fn define(&mut self, vars: &Source) {
        match &vars.node {
            Node::Map(entries) => {
                self.defined.extend(entries.iter().filter_map(|entry| entry.key.as_str()).map(Arc::from));
            }
            Node::Seq(items) => items.iter().for_each(|item| self.define(item)),
            // `set_fact: a=b c=d`.
            Node::Text(text, _) => {
                let words = text.split_whitespace().filter_map(|word| word.split_once('='));
                self.defined.extend(words.map(|(name, _)| Arc::from(name)));
            }
            _ => {}
        }
    }

    fn brings_role(&mut self, role: &Source) {
        let named = role.as_str().or_else(|| ["role", "name"].iter().find_map(|key| role.get(key)?.as_str()));
        self.roles.extend(named.filter(|name| !name.contains("{{")).map(Arc::from));
    }

    /// Takes in what a mapping of a playbook or a file of tasks defines by its keys.
    pub fn of_mapping(&mut self, source: &Source) {
        for entry in source.as_map().unwrap_or_default() {
            let Some(key) = entry.key.as_str() else { continue };
            let value = &entry.value;
            match key {
                "vars" => self.define(value),
                "register" | "loop_var" | "index_var" => self.defined.extend(value.as_str().map(Arc::from)),
                "vars_prompt" => {
                    let prompts = value.as_seq().unwrap_or_default();
                    let names = prompts.iter().filter_map(|prompt| prompt.get("name")?.as_str());
                    self.defined.extend(names.map(Arc::from));
                }
                "roles" | "dependencies" => {
                    for role in value.as_seq().unwrap_or_default() {
                        self.define(role);
                        self.brings_role(role);
                    }
                }
                key if matches!(crate::actions::short_name(key), "include_role" | "import_role") => {
                    self.brings_role(value);
                }
                "include_vars" | "ansible.builtin.include_vars" => {
                    self.defined.extend(value.get("name").and_then(Source::as_str).map(Arc::from));
                }
                "set_stats" | "ansible.builtin.set_stats" => {
                    value.get("data").into_iter().for_each(|data| self.define(data));
                }
                key if sets_facts(key) => self.define(value),
                _ => {}
            }
        }
    }
}
