//! `--list`: the inventory as JSON in the form of inventory programs, or nested as YAML inventories are.

use super::vars::Vars;
use crate::diagnostic::Diagnostics;
use crate::inventory::{GroupId, HostId, Roster};
use serde_json::{Map, Value, json};
use std::collections::HashSet;
use std::sync::Arc;

/// What is listed.
pub(super) struct List<'a> {
    pub roster: &'a Roster,
    pub vars: &'a Vars<'a>,
    /// The hosts within the limit.
    pub chosen: &'a HashSet<Arc<str>>,
    /// `--export`: groups' variables at the groups.
    pub export: bool,
}

impl List<'_> {
    /// Each group by name, and all variables of hosts below `_meta`.
    pub fn flat(&self) -> Result<Value, Diagnostics> {
        let mut document = Map::new();
        let mut ahead = vec![Roster::ALL];
        while let Some(group) = ahead.pop() {
            let data = self.roster.group(group);
            if document.contains_key(&*data.name) {
                continue;
            }
            let mut entry = Map::new();
            let hosts: Vec<Value> = if group == Roster::ALL {
                Vec::new()
            } else {
                self.hosts(group).map(|(_, name)| name.into()).collect()
            };
            let children = data.children.iter().map(|child| Value::from(&*self.roster.group(*child).name)).collect();
            for (key, names) in [("hosts", hosts), ("children", children)] {
                if !names.is_empty() {
                    entry.insert(key.to_owned(), names.into());
                }
            }
            if self.export {
                self.add_vars(group, &mut entry)?;
            }
            document.insert(data.name.to_string(), entry.into());
            ahead.extend(&data.children);
        }
        document.retain(|_, entry| entry.as_object().is_some_and(|entry| !entry.is_empty()));
        let mut hostvars = Map::new();
        for host in self.roster.hosts() {
            let name = &self.roster.host(host).name;
            if self.chosen.contains(name) {
                let vars = self.of_host(host)?;
                if !vars.is_empty() {
                    hostvars.insert(name.to_string(), vars.into());
                }
            }
        }
        document.insert("_meta".to_owned(), json!({"hostvars": hostvars, "profile": "inventory_legacy"}));
        Ok(document.into())
    }

    /// Groups in groups, with their hosts; a host's variables where it is named first.
    pub fn nested(&self) -> Result<Value, Diagnostics> {
        let mut seen = HashSet::new();
        let all = self.nest(Roster::ALL, &mut seen)?;
        Ok(json!({"all": all}))
    }

    fn nest(&self, group: GroupId, seen: &mut HashSet<HostId>) -> Result<Value, Diagnostics> {
        let mut entry = Map::new();
        let mut children = Map::new();
        for child in &self.roster.group(group).children {
            let nested = self.nest(*child, seen)?;
            if nested.as_object().is_some_and(|nested| !nested.is_empty()) {
                children.insert(self.roster.group(*child).name.to_string(), nested);
            }
        }
        let mut hosts = Map::new();
        if group != Roster::ALL {
            for (host, name) in self.hosts(group) {
                let vars = if seen.insert(host) { self.of_host(host)? } else { Map::new() };
                hosts.insert(name.to_owned(), vars.into());
            }
        }
        for (key, map) in [("children", children), ("hosts", hosts)] {
            if !map.is_empty() {
                entry.insert(key.to_owned(), map.into());
            }
        }
        if self.export {
            self.add_vars(group, &mut entry)?;
        }
        Ok(entry.into())
    }

    /// The hosts within the limit that a group names itself.
    fn hosts(&self, group: GroupId) -> impl Iterator<Item = (HostId, &str)> {
        let hosts = self.roster.group(group).hosts.iter();
        hosts
            .map(|host| (*host, &self.roster.host(*host).name))
            .filter(|(_, name)| self.chosen.contains(*name))
            .map(|(host, name)| (host, &**name))
    }

    fn of_host(&self, host: HostId) -> Result<Map<String, Value>, Diagnostics> {
        if self.export { self.vars.of_host_alone(host) } else { self.vars.of_host(&self.roster.host(host).name) }
    }

    fn add_vars(&self, group: GroupId, entry: &mut Map<String, Value>) -> Result<(), Diagnostics> {
        let vars = self.vars.of_group(group)?;
        if !vars.is_empty() {
            entry.insert("vars".to_owned(), vars.into());
        }
        Ok(())
    }
}
