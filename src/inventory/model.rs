//! Hosts and groups, and how they hang together.

use crate::template::Binding;
use indexmap::IndexMap;
use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock};

/// Variables by name, in the order in which they were set.
pub type VarMap = IndexMap<Arc<str>, Binding>;

static NO_VARS: LazyLock<Arc<VarMap>> = LazyLock::new(|| Arc::new(VarMap::new()));

/// The names that stand for this machine if no inventory has them.
pub(super) const LOCAL_NAMES: [&str; 3] = ["localhost", "127.0.0.1", "::1"];

/// The variable that says which of two groups of the same depth comes last.
const PRIORITY: &str = "ansible_group_priority";

/// A host of a [`Roster`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct HostId(u32);

/// A group of a [`Roster`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct GroupId(u32);

/// A host.
#[derive(Clone, Debug)]
pub struct Host {
    /// Its name in the roster.
    pub name: Arc<str>,
    /// The groups that name it themselves, in the order in which they came to do so.
    pub groups: Vec<GroupId>,
    /// Its variables of the roster.
    pub vars: Arc<VarMap>,
    /// The inventory that named it first; `None` for `add_host` and the implicit localhost.
    pub source: Option<Arc<Path>>,
    /// Whether it is the localhost that no inventory names: it is in no group, `all` included.
    pub implicit: bool,
}

/// A group.
#[derive(Clone, Debug)]
pub struct Group {
    /// Its name.
    pub name: Arc<str>,
    /// The hosts that it names itself.
    pub hosts: Vec<HostId>,
    /// The groups that it names.
    pub children: Vec<GroupId>,
    /// The groups that name it.
    pub parents: Vec<GroupId>,
    /// Its variables of the roster.
    pub vars: Arc<VarMap>,
    /// Of two groups of the same depth, the one with the higher number counts.
    pub priority: i64,
    /// The longest way from `all`.
    pub depth: u32,
}

/// All hosts and groups, by index.
#[derive(Clone, Debug)]
pub struct Roster {
    hosts: Vec<Host>,
    groups: Vec<Group>,
    host_ids: HashMap<Arc<str>, HostId>,
    group_ids: HashMap<Arc<str>, GroupId>,
    /// Directories beside which `group_vars` and `host_vars` are looked for, in order.
    pub(super) directories: Vec<PathBuf>,
    /// Which inventory is being read.
    pub(super) source: Option<Arc<Path>>,
    /// The hosts that were named, in order.
    named: Vec<HostId>,
}

/// A change that can't be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InventoryError {
    /// A group in itself.
    #[error("the group `{child}` can't be in `{parent}`, because `{parent}` is in `{child}`")]
    Loop {
        /// The group that was to hold the other.
        parent: String,
        /// The other.
        child: String,
    },
    /// A name that is empty.
    #[error("a {0} needs a name")]
    NoName(&'static str),
}

impl Default for Roster {
    fn default() -> Roster {
        Roster::new()
    }
}

impl Roster {
    /// The group of all hosts.
    pub const ALL: GroupId = GroupId(0);
    /// The group of the hosts that are in no other.
    pub const UNGROUPED: GroupId = GroupId(1);

    /// No hosts, and the two groups that are always there.
    pub fn new() -> Roster {
        let mut roster = Roster {
            hosts: Vec::new(),
            groups: Vec::new(),
            host_ids: HashMap::new(),
            group_ids: HashMap::new(),
            directories: Vec::new(),
            source: None,
            named: Vec::new(),
        };
        let all = roster.add_group_unchecked("all");
        let ungrouped = roster.add_group_unchecked("ungrouped");
        roster.link(all, ungrouped);
        roster.settle();
        roster
    }

    /// A host's data.
    pub fn host(&self, id: HostId) -> &Host {
        &self.hosts[id.0 as usize]
    }

    /// A group's data.
    pub fn group(&self, id: GroupId) -> &Group {
        &self.groups[id.0 as usize]
    }

    /// The host of this name.
    pub fn find_host(&self, name: &str) -> Option<HostId> {
        self.host_ids.get(name).copied()
    }

    /// The group of this name.
    pub fn find_group(&self, name: &str) -> Option<GroupId> {
        self.group_ids.get(name).copied()
    }

    /// All hosts that were named, in order; without the implicit localhost.
    pub fn hosts(&self) -> impl Iterator<Item = HostId> {
        self.named.iter().copied()
    }

    fn ids(&self) -> impl Iterator<Item = HostId> + use<> {
        (0..u32::try_from(self.hosts.len()).unwrap_or(u32::MAX)).map(HostId)
    }

    /// All groups, in the order in which they were named.
    pub fn groups(&self) -> impl Iterator<Item = GroupId> + use<> {
        (0..u32::try_from(self.groups.len()).unwrap_or(u32::MAX)).map(GroupId)
    }

    /// The hosts of a group and of all groups below it: its own first, then level by level.
    pub fn hosts_of(&self, group: GroupId) -> Vec<HostId> {
        let mut seen_groups = HashSet::from([group]);
        let mut order = vec![group];
        let mut at = 0;
        while at < order.len() {
            for &child in &self.group(order[at]).children {
                if seen_groups.insert(child) {
                    order.push(child);
                }
            }
            at += 1;
        }
        let mut seen = HashSet::new();
        let hosts = order.iter().flat_map(|id| &self.group(*id).hosts);
        hosts.copied().filter(|host| seen.insert(*host)).collect()
    }

    /// The groups of a host and those above them, without `all`: in the order in which their variables count, the last
    /// one most.
    pub fn groups_of(&self, host: HostId) -> Vec<GroupId> {
        let mut found: Vec<GroupId> = Vec::new();
        let mut open: Vec<GroupId> = self.host(host).groups.clone();
        while let Some(id) = open.pop() {
            if id != Roster::ALL && !found.contains(&id) {
                found.push(id);
                open.extend(&self.group(id).parents);
            }
        }
        found.sort_by(|a, b| {
            let key = |id: &GroupId| (self.group(*id).depth, self.group(*id).priority);
            key(a).cmp(&key(b)).then_with(|| self.group(*a).name.cmp(&self.group(*b).name))
        });
        found
    }

    /// The names of a host's groups, sorted: what `group_names` holds.
    pub fn group_names(&self, host: HostId) -> Vec<Arc<str>> {
        let mut names: Vec<Arc<str>> =
            self.groups_of(host).into_iter().map(|group| self.group(group).name.clone()).collect();
        names.sort();
        names
    }

    /// Adds the hosts that stand for this machine where no inventory names them.
    fn add_implicit_hosts(&mut self) {
        let span = crate::diagnostic::Span::nowhere("the implicit localhost");
        let text = |text: &str| Binding::Source(crate::loader::Source::text(&span, text));
        for name in LOCAL_NAMES.into_iter().filter(|name| !self.host_ids.contains_key(*name)).collect::<Vec<_>>() {
            let id = self.insert_host(name, true);
            self.set_host_var(id, "ansible_connection", text("local"));
            self.set_host_var(id, "ansible_python_interpreter", text("{{ ansible_playbook_python }}"));
        }
    }

    /// Adds a host, or finds the one of this name.
    pub fn add_host(&mut self, name: &str) -> Result<HostId, InventoryError> {
        if name.is_empty() {
            return Err(InventoryError::NoName("host"));
        }
        if let Some(id) = self.find_host(name) {
            let host = &mut self.hosts[id.0 as usize];
            if host.implicit {
                // It is now named: a host like any other.
                *host = Host { vars: NO_VARS.clone(), source: self.source.clone(), implicit: false, ..host.clone() };
                self.named.push(id);
            }
            return Ok(id);
        }
        let id = self.insert_host(name, false);
        self.named.push(id);
        Ok(id)
    }

    fn insert_host(&mut self, name: &str, implicit: bool) -> HostId {
        let id = HostId(u32::try_from(self.hosts.len()).unwrap_or(u32::MAX));
        let name: Arc<str> = name.into();
        let source = if implicit { None } else { self.source.clone() };
        self.hosts.push(Host { name: name.clone(), groups: Vec::new(), vars: NO_VARS.clone(), source, implicit });
        self.host_ids.insert(name, id);
        id
    }

    /// Adds a group, or finds the one of this name. [`Roster::settle`] puts it where it belongs.
    pub fn add_group(&mut self, name: &str) -> Result<GroupId, InventoryError> {
        if name.is_empty() {
            return Err(InventoryError::NoName("group"));
        }
        Ok(self.find_group(name).unwrap_or_else(|| self.add_group_unchecked(name)))
    }

    fn add_group_unchecked(&mut self, name: &str) -> GroupId {
        let id = GroupId(u32::try_from(self.groups.len()).unwrap_or(u32::MAX));
        let name: Arc<str> = name.into();
        self.groups.push(Group {
            name: name.clone(),
            hosts: Vec::new(),
            children: Vec::new(),
            parents: Vec::new(),
            vars: NO_VARS.clone(),
            priority: 1,
            depth: 0,
        });
        self.group_ids.insert(name, id);
        id
    }

    /// Puts a host into a group.
    pub fn put_host(&mut self, group: GroupId, host: HostId) {
        if !self.host(host).groups.contains(&group) {
            self.hosts[host.0 as usize].groups.push(group);
            self.groups[group.0 as usize].hosts.push(host);
        }
    }

    /// Puts a group into another.
    pub fn put_group(&mut self, parent: GroupId, child: GroupId) -> Result<(), InventoryError> {
        if parent == child || self.is_below(child, parent) {
            let name = |id: GroupId| self.group(id).name.to_string();
            return Err(InventoryError::Loop { parent: name(parent), child: name(child) });
        }
        self.link(parent, child);
        Ok(())
    }

    fn link(&mut self, parent: GroupId, child: GroupId) {
        if !self.group(parent).children.contains(&child) {
            self.groups[parent.0 as usize].children.push(child);
            self.groups[child.0 as usize].parents.push(parent);
        }
    }

    /// Whether `below` is reached from `above`.
    fn is_below(&self, above: GroupId, below: GroupId) -> bool {
        let mut seen = HashSet::new();
        let mut open = vec![above];
        while let Some(id) = open.pop() {
            for &child in &self.group(id).children {
                if child == below {
                    return true;
                }
                if seen.insert(child) {
                    open.push(child);
                }
            }
        }
        false
    }

    /// Sets a variable of a host.
    pub fn set_host_var(&mut self, host: HostId, name: impl Into<Arc<str>>, value: Binding) {
        Arc::make_mut(&mut self.hosts[host.0 as usize].vars).insert(name.into(), value);
    }

    /// Sets a variable of a group.
    pub fn set_group_var(&mut self, group: GroupId, name: impl Into<Arc<str>>, value: Binding) {
        let name = name.into();
        let group = &mut self.groups[group.0 as usize];
        if &*name == PRIORITY {
            group.priority = whole_number(&value).unwrap_or(group.priority);
            return;
        }
        Arc::make_mut(&mut group.vars).insert(name, value);
    }

    /// Brings the order of groups up to date after changes: groups that nothing names are in `all`, hosts that no group
    /// names in `ungrouped`, each group knows its depth, and this machine is a host even if nothing names it.
    pub fn settle(&mut self) {
        self.add_implicit_hosts();
        for id in self.groups().skip(1) {
            if self.group(id).parents.is_empty() {
                self.link(Roster::ALL, id);
            }
        }
        for id in self.ids() {
            let host = &self.hosts[id.0 as usize];
            if host.implicit {
                continue;
            }
            let is_grouped = host.groups.iter().any(|group| *group != Roster::ALL && *group != Roster::UNGROUPED);
            if !is_grouped {
                self.put_host(Roster::UNGROUPED, id);
            } else if host.groups.contains(&Roster::UNGROUPED) {
                self.hosts[id.0 as usize].groups.retain(|group| *group != Roster::UNGROUPED);
                self.groups[Roster::UNGROUPED.0 as usize].hosts.retain(|host| *host != id);
            }
        }
        self.measure_depths();
    }

    fn measure_depths(&mut self) {
        let mut waiting: Vec<usize> = self.groups.iter().map(|group| group.parents.len()).collect();
        let mut open = vec![Roster::ALL];
        self.groups[0].depth = 0;
        for group in &mut self.groups {
            group.depth = 0;
        }
        while let Some(id) = open.pop() {
            let depth = self.group(id).depth + 1;
            for child in self.group(id).children.clone() {
                let at = child.0 as usize;
                self.groups[at].depth = self.groups[at].depth.max(depth);
                waiting[at] = waiting[at].saturating_sub(1);
                if waiting[at] == 0 {
                    open.push(child);
                }
            }
        }
    }

    /// Names that are both a host's and a group's.
    pub fn ambiguous_names(&self) -> impl Iterator<Item = &str> {
        self.groups.iter().map(|group| &*group.name).filter(|name| self.host_ids.contains_key(*name))
    }
}

fn whole_number(value: &Binding) -> Option<i64> {
    match value {
        Binding::Source(source) => match &source.node {
            crate::loader::Node::Int(number) => Some(*number),
            crate::loader::Node::Text(text, _) => text.trim().parse().ok(),
            _ => None,
        },
        Binding::Value(value) => i64::try_from(value.clone()).ok(),
        Binding::Unknown(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_can_not_be_in_itself() {
        let mut roster = Roster::new();
        let [a, b, c] = ["a", "b", "c"].map(|name| roster.add_group(name).unwrap());
        roster.put_group(a, b).unwrap();
        roster.put_group(b, c).unwrap();
        let error = roster.put_group(c, a).unwrap_err();
        assert_eq!(error.to_string(), "the group `a` can't be in `c`, because `c` is in `a`");
        assert!(roster.put_group(a, a).is_err());
        assert!(roster.put_group(a, Roster::ALL).is_ok());
    }

    #[test]
    fn a_host_leaves_ungrouped_when_a_group_names_it_and_depth_is_the_longest_way() {
        let mut roster = Roster::new();
        let host = roster.add_host("h").unwrap();
        roster.settle();
        assert_eq!(roster.hosts_of(Roster::UNGROUPED), [host]);
        let [a, b, c] = ["a", "b", "c"].map(|name| roster.add_group(name).unwrap());
        roster.put_group(a, b).unwrap();
        roster.put_group(b, c).unwrap();
        roster.put_group(a, c).unwrap();
        roster.put_host(c, host);
        roster.settle();
        assert!(roster.hosts_of(Roster::UNGROUPED).is_empty());
        assert_eq!([a, b, c].map(|id| roster.group(id).depth), [1, 2, 3]);
        assert_eq!(roster.groups_of(host), [a, b, c]);
    }

    #[test]
    fn the_implicit_localhost_is_in_no_group() {
        let mut roster = Roster::new();
        roster.settle();
        let local = roster.find_host("localhost").unwrap();
        assert!(roster.host(local).implicit && roster.hosts().next().is_none());
        assert!(roster.hosts_of(Roster::ALL).is_empty());
        assert!(matches!(roster.host(local).vars.get("ansible_connection"), Some(Binding::Source(_))));
        roster.add_host("localhost").unwrap();
        roster.settle();
        assert_eq!(roster.hosts_of(Roster::ALL), [local]);
        assert!(roster.host(local).vars.is_empty());
    }
}
