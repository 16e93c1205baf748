//! Hosts, groups and their variables. So far only host lists (`-i host,host`); files, directories and programs come next.

use crate::config::Settings;
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::template::Value;
use crate::vars::{Layer, values};
use crate::vault::Vault;
use indexmap::IndexMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The inventory of a run.
#[derive(Debug, Default)]
pub struct Inventory {
    sources: Vec<String>,
    hosts: IndexMap<Arc<str>, Vec<(String, Value)>>,
    groups: IndexMap<Arc<str>, Vec<Arc<str>>>,
}

impl Inventory {
    /// Reads the sources, in order. The second value holds the warnings.
    pub fn load(
        sources: &[String],
        _settings: &Settings,
        _vault: &Vault,
    ) -> Result<(Inventory, Diagnostics), Diagnostics> {
        let mut inventory = Inventory { sources: sources.to_vec(), ..Inventory::default() };
        for source in sources {
            if !source.contains(',') {
                return Err(Diagnostic::plain(format!(
                    "the inventory {source} can't be read yet: only host lists can"
                ))
                .into());
            }
            for name in source.split(',').map(str::trim).filter(|name| !name.is_empty()) {
                inventory.hosts.entry(Arc::from(name)).or_default();
            }
        }
        Ok((inventory, Diagnostics::default()))
    }

    /// The hosts of a pattern, within the limit, in order.
    pub fn select(&self, pattern: &str, _limit: Option<&str>) -> Result<Vec<Arc<str>>, Diagnostic> {
        let mut found = Vec::new();
        for word in pattern.split([',', ':']) {
            match word {
                "all" | "*" => found.extend(self.hosts.keys().cloned()),
                word if self.groups.contains_key(word) => found.extend(self.groups[word].iter().cloned()),
                word if self.hosts.contains_key(word) || word == "localhost" => found.push(Arc::from(word)),
                _ => {}
            }
        }
        Ok(found)
    }

    /// Whether there is such a host.
    pub fn contains(&self, name: &str) -> bool {
        self.hosts.contains_key(name)
    }

    /// All hosts, in order.
    pub fn hosts(&self) -> Vec<Arc<str>> {
        self.hosts.keys().cloned().collect()
    }

    /// The groups of a host, sorted, without `all`.
    pub fn group_names(&self, host: &str) -> Vec<String> {
        let of = self.groups.iter().filter(|(_, hosts)| hosts.iter().any(|name| &**name == host));
        of.map(|(name, _)| name.to_string()).collect()
    }

    /// Every group with its hosts.
    pub fn groups(&self) -> Vec<(Arc<str>, Vec<Arc<str>>)> {
        let all = (Arc::from("all"), self.hosts());
        std::iter::once(all).chain(self.groups.iter().map(|(name, hosts)| (name.clone(), hosts.clone()))).collect()
    }

    /// The file that a host comes from.
    pub fn source_of(&self, _host: &str) -> Option<PathBuf> {
        None
    }

    /// The sources as given.
    pub fn sources(&self) -> Vec<String> {
        self.sources.clone()
    }

    /// A host's variables as layers, from the top, with `group_vars` and `host_vars` beside the playbook.
    pub fn layers(&self, host: &str, _playbook_dir: &Path) -> Result<Vec<Layer>, Diagnostics> {
        let mut vars = self.hosts.get(host).cloned().unwrap_or_default();
        if !self.hosts.contains_key(host) && host == "localhost" {
            vars.push(("ansible_connection".to_owned(), Value::from("local")));
        }
        Ok(vec![Layer::from(values(vars))])
    }

    /// `add_host`.
    pub fn add_host(&mut self, name: &str, groups: &[String], vars: Vec<(String, Value)>) {
        self.hosts.entry(Arc::from(name)).or_default().extend(vars);
        groups.iter().for_each(|group| self.group_by(name, group, &[]));
    }

    /// `group_by`.
    pub fn group_by(&mut self, host: &str, group: &str, _parents: &[String]) {
        let hosts = self.groups.entry(Arc::from(group)).or_default();
        if !hosts.iter().any(|name| &**name == host) {
            hosts.push(Arc::from(host));
        }
    }

    /// `meta: refresh_inventory`. The warnings.
    pub fn refresh(&mut self) -> Result<Diagnostics, Diagnostics> {
        Ok(Diagnostics::default())
    }
}
