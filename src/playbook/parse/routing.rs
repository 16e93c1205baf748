//! What a collection's `meta/runtime.yml` says of modules: other names of them (`plugin_routing`), and groups of them that
//! `module_defaults` can name (`action_groups`).

use super::{Parser, Pass};
use crate::diagnostic::{Diagnostic, Span};
use crate::loader::Source;
use crate::playbook::keyword::Keyword;
use crate::playbook::scope::Scope;
use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

/// How many names may lead from one to the other.
const MOST_REDIRECTS: usize = 20;

/// What a collection says of modules.
#[derive(Debug, Default)]
pub(super) struct Runtime {
    /// By the module's short name.
    routes: HashMap<String, Route>,
    /// The full names of the modules of a group, and of the groups that it takes in, by the group's short name.
    groups: HashMap<String, Group>,
}

#[derive(Clone, Debug, Default)]
struct Route {
    /// The module that is meant.
    redirect: Option<String>,
    /// That the module is gone: why.
    gone: Option<String>,
    /// That it will be gone: why.
    deprecated: Option<String>,
}

#[derive(Debug, Default)]
struct Group {
    modules: Vec<String>,
    extends: Vec<String>,
}

/// Why the modules of a group can't be told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NoGroup {
    /// Its collection is not installed. Modules of it are not there either.
    NotInstalled(String),
    /// The collection has no such group.
    NotThere(String),
}

impl std::fmt::Display for NoGroup {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            NoGroup::NotInstalled(group) => {
                write!(
                    f,
                    "the collection of the action group `{group}` is not installed: its defaults are of no effect"
                )
            }
            NoGroup::NotThere(group) => write!(f, "there is no action group `{group}`"),
        }
    }
}

impl Runtime {
    fn read(source: &Source, collection: &str) -> Runtime {
        let mut runtime = Runtime::default();
        let text = |source: Option<&Source>| source.and_then(Source::as_str).map(str::to_owned);
        let routing = source.get("plugin_routing");
        // What is said of a module's action counts before what is said of the module.
        for kind in ["modules", "action"] {
            for entry in routing.and_then(|all| all.get(kind)).and_then(Source::as_map).unwrap_or_default() {
                let Some(name) = entry.key.as_str() else { continue };
                let why = |kind: &str| {
                    let said = entry.value.get(kind)?;
                    Some(text(said.get("warning_text")).unwrap_or_default())
                };
                let (gone, deprecated) = (why("tombstone"), why("deprecation"));
                let route = Route { redirect: text(entry.value.get("redirect")), gone, deprecated };
                runtime.routes.insert(name.to_owned(), route);
            }
        }
        for entry in source.get("action_groups").and_then(Source::as_map).unwrap_or_default() {
            let Some(name) = entry.key.as_str() else { continue };
            let mut group = Group::default();
            for member in entry.value.as_seq().unwrap_or_default() {
                let names = |source: Option<&Source>| {
                    let names = source.and_then(Source::as_seq).unwrap_or_default().iter().filter_map(Source::as_str);
                    names.map(|name| full_name(name, collection)).collect::<Vec<_>>()
                };
                match member.as_str() {
                    Some(name) => group.modules.push(full_name(name, collection)),
                    None => {
                        group.extends.extend(names(member.get("metadata").and_then(|data| data.get("extend_group"))))
                    }
                }
            }
            runtime.groups.insert(name.to_owned(), group);
        }
        runtime
    }
}

fn full_name(name: &str, collection: &str) -> String {
    if name.contains('.') { name.to_owned() } else { format!("{collection}.{name}") }
}

/// A full name's collection, and the rest.
fn split(full: &str) -> Option<(&str, &str)> {
    let (at, _) = full.match_indices('.').nth(1)?;
    Some((&full[..at], &full[at + 1..]))
}

/// The collection to which a group went that was Ansible's own before there were collections.
fn former_group(name: &str) -> Option<&'static str> {
    Some(match name {
        "acme" => "community.crypto",
        "aws" => "amazon.aws",
        "azure" => "azure.azcollection",
        "cpm" => "wti.remote",
        "docker" => "community.docker",
        "gcp" => "google.cloud",
        "k8s" => "kubernetes.core",
        "os" => "openstack.cloud",
        "ovirt" => "ovirt.ovirt",
        "vmware" => "community.vmware",
        _ => return None,
    })
}

impl Parser {
    /// What a collection says of modules; none where it is not installed.
    fn runtime(&self, collection: &str, playbook_dir: &Path) -> Option<Arc<Runtime>> {
        let places = self.below_collection(playbook_dir, collection, Path::new(""));
        let home = places.into_iter().find(|place| place.is_dir())?;
        let mut runtimes = self.runtimes.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if let Some(known) = runtimes.get(&home) {
            return Some(known.clone());
        }
        let file = home.join("meta/runtime.yml");
        // A collection need not say anything; one that can't be read says nothing.
        let runtime = match self.read(&file) {
            Ok(Some((source, _))) => Runtime::read(&source, collection),
            _ => Runtime::default(),
        };
        let runtime = Arc::new(runtime);
        runtimes.insert(home, runtime.clone());
        Some(runtime)
    }

    /// The name that the collections' routing leads to, and what is deprecated on the way; or why the module is gone.
    fn route(&self, name: &str, playbook_dir: &Path) -> Result<(String, Vec<String>), String> {
        let mut name = name.to_owned();
        let mut warnings = Vec::new();
        for _ in 0..MOST_REDIRECTS {
            if crate::actions::find(&name).is_some() {
                break;
            }
            let Some((collection, short)) = split(&name) else { break };
            let Some(route) =
                self.runtime(collection, playbook_dir).and_then(|runtime| runtime.routes.get(short).cloned())
            else {
                break;
            };
            if let Some(why) = route.gone {
                return Err(format!("the module `{name}` has been removed. {why}").trim_end().to_owned());
            }
            if let Some(why) = route.deprecated {
                warnings.push(format!("the module `{name}` is deprecated. {why}").trim_end().to_owned());
            }
            let Some(next) = route.redirect else { break };
            name = full_name(&next, collection);
        }
        Ok((name, warnings))
    }

    /// The declaration that a name leads to.
    pub fn module(&self, name: &str, playbook_dir: &Path) -> Option<&'static refit_agent::modules::Module> {
        crate::actions::find(&self.route(name, playbook_dir).ok()?.0)
    }

    /// The modules of an action group, by the names that Refit has for them, as `module_defaults` names it without `group/`.
    pub fn action_group(&self, name: &str, playbook_dir: &Path) -> Result<Vec<&'static str>, NoGroup> {
        let full = match split(name) {
            Some(_) => name.to_owned(),
            None => format!("{}.{name}", former_group(name).unwrap_or("ansible.builtin")),
        };
        let mut modules = Vec::new();
        let mut open = vec![full];
        let mut seen: Vec<String> = Vec::new();
        while let Some(group) = open.pop() {
            if seen.contains(&group) {
                continue;
            }
            let first = seen.is_empty();
            seen.push(group.clone());
            let Some((collection, short)) = split(&group) else { continue };
            let known = self.runtime(collection, playbook_dir);
            match known.as_ref().map(|runtime| runtime.groups.get(short)) {
                Some(Some(found)) => {
                    let names = found.modules.iter().filter_map(|name| self.route(name, playbook_dir).ok());
                    modules.extend(names.filter_map(|(name, _)| crate::actions::find(&name)).map(|module| module.name));
                    open.extend(found.extends.iter().cloned());
                }
                // A group that is taken in need not be there.
                _ if !first => {}
                None if collection != "ansible.builtin" => return Err(NoGroup::NotInstalled(group)),
                _ => return Err(NoGroup::NotThere(group)),
            }
        }
        Ok(modules)
    }
}

impl Pass<'_> {
    /// The module that a name stands for, where a collection says so; else the name itself. None where it is gone.
    pub(super) fn routed(&mut self, name: &str, parent: &Arc<Scope>, span: &Span) -> Option<String> {
        if crate::actions::find(name).is_some() {
            return Some(name.to_owned());
        }
        let full: Vec<String> = match name.contains('.') {
            true => vec![name.to_owned()],
            false => {
                self.collections_in_force(parent).iter().map(|collection| format!("{collection}.{name}")).collect()
            }
        };
        for full in full {
            match self.parser.route(&full, &self.playbook_dir) {
                Ok((found, warnings)) if crate::actions::find(&found).is_some() => {
                    let told = warnings.into_iter().map(|warning| Diagnostic::error(span, warning).warning());
                    self.problems.0.extend(told);
                    return Some(found);
                }
                Ok(_) => {}
                Err(gone) => {
                    self.error(span, gone);
                    return None;
                }
            }
        }
        Some(name.to_owned())
    }

    /// The action groups that `module_defaults` names are there.
    pub(super) fn check_module_defaults(&mut self, keywords: &crate::playbook::scope::Keywords) {
        let Some(source) = keywords.get(Keyword::ModuleDefaults) else { return };
        for mapping in crate::playbook::one_or_more(source) {
            for entry in mapping.as_map().unwrap_or_default() {
                let Some(group) = entry.key.as_str().and_then(|name| name.strip_prefix("group/")) else { continue };
                match self.parser.action_group(group, &self.playbook_dir) {
                    Ok(_) => {}
                    Err(problem @ NoGroup::NotInstalled(_)) => {
                        self.problems.push(Diagnostic::error(&entry.key.span, problem.to_string()).warning());
                    }
                    Err(problem) => self.error(&entry.key.span, problem.to_string()),
                }
            }
        }
    }
}
