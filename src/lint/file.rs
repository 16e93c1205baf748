//! A file: what is wrong in it, and what it defines and uses.

use super::Ground;
use super::discover::{Found, Guess};
use super::expressions::Expressions;
use super::finding::{Finding, Rule};
use super::names::Names;
use super::tags;
use crate::diagnostic::{Diagnostic, Diagnostics, SourceFile};
use crate::loader::{Source, load_text};
use crate::playbook::{FileKind, one_or_more};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A file that was read.
pub struct Read {
    /// Its path.
    pub path: PathBuf,
    /// What is wrong in it.
    pub findings: Vec<Finding>,
    /// What it defines and uses.
    pub names: Names,
}

/// Reads a file; nothing where it turns out to be none of ours.
pub fn read(found: &Found, ground: &Ground) -> Option<Read> {
    let mut file = Read { path: found.path.clone(), findings: Vec::new(), names: Names::default() };
    let bytes = match std::fs::read(&found.path) {
        Ok(bytes) => bytes,
        Err(error) => {
            let message = format!("{}: {error}", found.path.display());
            file.findings.push(Finding::new(Rule::MissingFile, Diagnostic::plain(message)));
            return Some(file);
        }
    };
    let bytes = if crate::vault::is_encrypted(&bytes) {
        // Without its password it can't be looked into; that is no fault of the file.
        let opened = std::str::from_utf8(&bytes).ok().and_then(|text| ground.vault.decrypt(text).ok())?;
        opened.to_vec()
    } else {
        bytes
    };
    let Ok(text) = String::from_utf8(bytes) else {
        return None;
    };
    match found.guess {
        Guess::Template => file.template(text, ground),
        Guess::IniInventory => file.inventory(ground),
        _ => return file.yaml(found, text, ground).then_some(file),
    }
    Some(file)
}

impl Read {
    fn template(&mut self, text: String, ground: &Ground) {
        let source = Arc::new(SourceFile { path: self.path.clone(), text });
        let survey = ground.surveyor.file(&source);
        Expressions { ground, findings: &mut self.findings, names: &mut self.names }.take(survey);
    }

    /// Its variables are those of hosts that a run may have.
    fn inventory(&mut self, ground: &Ground) {
        let is_program = std::fs::read(&self.path).is_ok_and(|bytes| bytes.starts_with(b"#!"));
        if is_program {
            return;
        }
        match crate::inventory::variables_of(&self.path, &ground.vault) {
            Ok(names) => self.names.defined.extend(names),
            Err(problems) => self.problems(Rule::Inventory, problems),
        }
    }

    /// Whether it is one of ours.
    fn yaml(&mut self, found: &Found, text: String, ground: &Ground) -> bool {
        let is_likely =
            found.guess != Guess::Yaml || ["hosts:", "import_playbook:"].iter().any(|mark| text.contains(mark));
        let loaded = match load_text(&self.path, text) {
            Ok(loaded) => loaded,
            Err(problems) => {
                // What is YAML of something else may well be of a kind that is not read here: several documents, other tags.
                if is_likely {
                    self.problems(Rule::Yaml, problems);
                }
                return is_likely;
            }
        };
        let source = loaded.source;
        let Some(kind) = kind_of(found.guess, &source) else { return false };
        let duplicates = loaded.warnings.into_iter().map(|warning| Finding::new(Rule::DuplicateKey, warning));
        self.findings.extend(duplicates);
        let role = found.role.as_deref();
        let directory = playbook_dir(&self.path, role, &ground.roots);
        let mut looked = Expressions { ground, findings: &mut self.findings, names: &mut self.names };
        match kind {
            Kind::Vars => {
                looked.names.define(&source);
                looked.data(&source);
            }
            Kind::Tasks(kind) => {
                looked.tasks(&source);
                self.problems(Rule::Playbook, ground.parser.check_file(&source, kind, role, &directory));
                tags::tasks(&source, role, &mut self.names);
                self.handlers(&source, kind == FileKind::Handlers);
            }
            Kind::Meta(role) => {
                self.names.of_mapping(&source);
                self.problems(Rule::Playbook, ground.parser.check_meta(&source, role, &directory));
                let specs = source.get("argument_specs").and_then(Source::as_map).unwrap_or_default();
                let options = specs.iter().filter_map(|spec| spec.value.get("options"));
                options.for_each(|options| self.names.define(options));
            }
            Kind::Inventory => {
                looked.data(&source);
                self.inventory(ground);
            }
        }
        true
    }

    fn problems(&mut self, rule: Rule, problems: Diagnostics) {
        self.findings.extend(problems.0.into_iter().map(|problem| Finding::new(rule, problem)));
    }

    /// Handlers that are here, and those that are notified.
    fn handlers(&mut self, source: &Source, are_handlers: bool) {
        for item in source.as_seq().unwrap_or_default() {
            for part in ["block", "rescue", "always", "tasks", "pre_tasks", "post_tasks"] {
                item.get(part).into_iter().for_each(|part| self.handlers(part, are_handlers));
            }
            item.get("handlers").into_iter().for_each(|part| self.handlers(part, true));
            for notified in item.get("notify").map(one_or_more).unwrap_or_default() {
                let text = notified.as_str().filter(|text| !text.contains("{{") && !text.trim().is_empty());
                self.names.notified.extend(text.map(|text| (Arc::from(text), notified.span.clone())));
            }
            if !are_handlers {
                continue;
            }
            let listens = item.get("listen").map(one_or_more).unwrap_or_default();
            for name in item.get("name").into_iter().chain(listens).filter_map(Source::as_str) {
                match name.split_once("{{") {
                    Some((before, _)) => self.names.templated_handlers.push(before.to_owned()),
                    None => _ = self.names.handlers.insert(Arc::from(name)),
                }
            }
            // Handlers may be a file's that is not known by its place.
            let includes = ["include_tasks", "import_tasks", "include", "import_role", "include_role"];
            let brings = item.as_map().unwrap_or_default().iter().filter_map(|entry| entry.key.as_str());
            if brings.map(crate::actions::short_name).any(|key| includes.contains(&key)) {
                self.names.templated_handlers.push(String::new());
            }
        }
    }
}

enum Kind<'a> {
    Vars,
    Tasks(FileKind),
    Meta(&'a Path),
    Inventory,
}

/// What a file of YAML is, by its place and content.
fn kind_of<'a>(guess: Guess, source: &'a Source) -> Option<Kind<'a>> {
    let items = source.as_seq();
    let any = |wanted: &dyn Fn(&Source) -> bool| items.is_some_and(|items| items.iter().any(wanted));
    let has = |item: &Source, keys: &[&str]| keys.iter().any(|key| item.get(key).is_some());
    let plays = ["hosts", "import_playbook", "ansible.builtin.import_playbook"];
    let is_playbook = any(&|item| has(item, &plays));
    Some(match guess {
        Guess::Tasks | Guess::Handlers | Guess::Yaml if is_playbook => Kind::Tasks(FileKind::Playbook),
        Guess::Tasks => Kind::Tasks(FileKind::Tasks),
        Guess::Handlers => Kind::Tasks(FileKind::Handlers),
        Guess::Vars => Kind::Vars,
        Guess::Meta => Kind::Meta(source.span.file.path.parent().and_then(Path::parent).unwrap_or(Path::new("."))),
        Guess::Template | Guess::IniInventory => return None,
        Guess::Yaml => {
            let is_task = |item: &Source| {
                let keys = item.as_map().unwrap_or_default().iter().filter_map(|entry| entry.key.as_str());
                item.get("block").is_some()
                    || keys.filter(|key| *key != "name").any(|key| {
                        key.starts_with("ansible.builtin.")
                            || item.get("name").is_some() && crate::actions::find(key).is_some()
                    })
            };
            if any(&is_task) {
                Kind::Tasks(FileKind::Tasks)
            } else if source.get("all").is_some_and(|all| has(all, &["hosts", "children"])) {
                Kind::Inventory
            } else {
                return None;
            }
        }
    })
}

/// The directory of playbooks that would use a file: of a role the one above `roles`, else its own, or the top.
fn playbook_dir(path: &Path, role: Option<&Path>, roots: &[PathBuf]) -> PathBuf {
    let above = match role {
        Some(role) => role.parent().filter(|parent| parent.ends_with("roles")).and_then(Path::parent),
        None => path.parent(),
    };
    let root = || roots.iter().find(|root| path.starts_with(root) || root.as_os_str() == ".").cloned();
    above.map(Path::to_owned).or_else(root).unwrap_or_default()
}
