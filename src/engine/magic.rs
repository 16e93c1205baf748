//! Variables that the engine knows by itself.
//! <https://docs.ansible.com/ansible/latest/reference_appendices/special_variables.html>

use super::batch::Batch;
use super::host::{Host, Standing};
use crate::playbook::{Scope as PlayScope, ScopeKind};
use crate::template::{Binding, Scope, Value, Variables};
use minijinja::value::{Enumerator, Object, ObjectRepr};
use std::fmt;
use std::path::Path;
use std::sync::Arc;

/// The magic variables of a host at a task.
pub struct Magic {
    /// The batch.
    pub batch: Arc<Batch>,
    /// The host.
    pub host: Arc<Host>,
    /// The task, or what surrounds it.
    pub scope: Arc<PlayScope>,
}

impl fmt::Debug for Magic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Magic({})", self.host.name)
    }
}

/// Their names.
const NAMES: &[&str] = &[
    "ansible_check_mode",
    "ansible_collection_name",
    "ansible_config_file",
    "ansible_dependent_role_names",
    "ansible_diff_mode",
    "ansible_failed_result",
    "ansible_failed_task",
    "ansible_forks",
    "ansible_inventory_sources",
    "ansible_limit",
    "ansible_parent_role_names",
    "ansible_parent_role_paths",
    "ansible_play_batch",
    "ansible_play_hosts",
    "ansible_play_hosts_all",
    "ansible_play_name",
    "ansible_play_role_names",
    "ansible_playbook_python",
    "ansible_role_name",
    "ansible_role_names",
    "ansible_run_tags",
    "ansible_search_path",
    "ansible_skip_tags",
    "ansible_verbosity",
    "ansible_version",
    "group_names",
    "groups",
    "hostvars",
    "inventory_dir",
    "inventory_file",
    "inventory_hostname",
    "inventory_hostname_short",
    "omit",
    "play_hosts",
    "playbook_dir",
    "role_name",
    "role_names",
    "role_path",
];

impl Variables for Magic {
    fn get(&self, name: &str) -> Option<Binding> {
        self.value(name).map(Binding::Value)
    }

    fn names(&self) -> Vec<Arc<str>> {
        NAMES.iter().filter(|name| self.value(name).is_some()).map(|name| Arc::from(*name)).collect()
    }
}

impl Magic {
    fn value(&self, name: &str) -> Option<Value> {
        // Most names that are asked for are none of these.
        NAMES.binary_search(&name).ok()?;
        let (play, run) = (&self.batch.play, self.batch.run());
        Some(match name {
            "inventory_hostname" => Value::from(self.host.name.clone()),
            "inventory_hostname_short" => {
                let name = &*self.host.name;
                let address = name.parse::<std::net::IpAddr>().is_ok();
                Value::from(if address { name } else { name.split('.').next().unwrap_or(name) })
            }
            "group_names" => Value::from(run.group_names(&self.host.name)),
            "groups" => run.groups(),
            "hostvars" => Value::from_object(AllHosts { batch: self.batch.clone() }),
            // A host that no file names has neither.
            "inventory_dir" => match run.inventory_source(&self.host.name) {
                Some(file) => path_value(file.parent()?),
                None => Value::from(()),
            },
            "inventory_file" => run.inventory_source(&self.host.name).map_or(Value::from(()), |file| path_value(&file)),
            "playbook_dir" => path_value(&play.play.directory),
            "omit" => crate::template::omit(),
            "play_hosts" | "ansible_play_batch" => {
                names(self.batch.hosts.iter().filter(|host| stands(host)).map(|host| &*host.name))
            }
            "ansible_play_hosts" => names(play.hosts.iter().map(|name| &**name).filter(|name| stands(&run.host(name)))),
            "ansible_play_hosts_all" => names(play.hosts.iter().map(|name| &**name)),
            "ansible_play_name" => Value::from(play.name.clone()),
            "ansible_check_mode" => Value::from(play.is_plan()),
            "ansible_diff_mode" => Value::from(run.options.diff),
            "ansible_forks" => Value::from(run.forks()),
            "ansible_verbosity" => Value::from(run.options.fleet.verbosity),
            "ansible_limit" => Value::from(run.options.fleet.limit.clone()?),
            "ansible_run_tags" => names(if run.tags.only.is_empty() { vec!["all"] } else { texts(&run.tags.only) }),
            "ansible_skip_tags" => names(texts(&run.tags.skip)),
            "ansible_inventory_sources" => names(run.inventory_sources().iter().map(String::as_str)),
            "ansible_config_file" => run.settings.file.as_deref().map(path_value)?,
            "ansible_playbook_python" => Value::from(run.python()),
            // What playbooks ask it for is whether the language has a feature: that of ansible-core 2.19.
            "ansible_version" => crate::vars::data(&serde_json::json!({
                "full": "2.19.0", "major": 2, "minor": 19, "revision": 0, "string": "2.19.0"
            })),
            "ansible_search_path" => {
                names(self.scope.search_path(&play.play.directory).iter().filter_map(|path| path.to_str()))
            }
            "ansible_role_name" => Value::from(self.scope.role()?.role.name.clone()),
            // Of a collection's role without the collection.
            "role_name" => {
                let role = &self.scope.role()?.role;
                let collection = crate::playbook::collection_of(&role.path);
                let short = collection.and_then(|full| role.name.strip_prefix(&format!("{full}.")));
                Value::from(short.unwrap_or(&role.name))
            }
            "ansible_collection_name" => Value::from(crate::playbook::collection_of(&self.scope.role()?.role.path)?),
            "role_path" => path_value(&self.scope.role()?.role.path),
            "ansible_parent_role_names" => names(self.parents()?.iter().map(|used| used.role.name.as_str())),
            "ansible_parent_role_paths" => {
                Value::from_iter(self.parents()?.iter().map(|used| path_value(&used.role.path)))
            }
            "role_names" | "ansible_play_role_names" => names(
                play.public_roles().iter().filter(|used| !self.is_dependency(used)).map(|used| used.role.name.as_str()),
            ),
            "ansible_dependent_role_names" => names(
                play.public_roles().iter().filter(|used| self.is_dependency(used)).map(|used| used.role.name.as_str()),
            ),
            "ansible_role_names" => names(play.public_roles().iter().map(|used| used.role.name.as_str())),
            "ansible_failed_task" => self.host.state().failed.clone()?.task,
            "ansible_failed_result" => self.host.state().failed.clone()?.result,
            _ => return None,
        })
    }

    fn parents(&self) -> Option<Vec<Arc<crate::playbook::RoleUse>>> {
        let parents: Vec<_> = self.scope.roles().skip(1).cloned().collect();
        (!parents.is_empty()).then_some(parents)
    }

    fn is_dependency(&self, used: &Arc<crate::playbook::RoleUse>) -> bool {
        let all = self.batch.play.public_roles();
        all.iter().any(|other| other.dependencies.iter().any(|dependency| Arc::ptr_eq(dependency, used)))
    }
}

/// Whether the innermost surrounding of a task is this kind of role use.
pub fn begins_role(scope: &PlayScope) -> Option<&Arc<crate::playbook::RoleUse>> {
    match &scope.kind {
        ScopeKind::Role(used) => Some(used),
        _ => None,
    }
}

fn stands(host: &Host) -> bool {
    matches!(host.state().standing, Standing::Active | Standing::Ended)
}

fn texts(list: &[String]) -> Vec<&str> {
    list.iter().map(String::as_str).collect()
}

fn names<'n>(list: impl IntoIterator<Item = &'n str>) -> Value {
    // Unique, in order.
    let mut seen: Vec<&str> = Vec::new();
    for name in list {
        if !seen.contains(&name) {
            seen.push(name);
        }
    }
    Value::from_iter(seen.into_iter().map(str::to_owned))
}

fn path_value(path: &Path) -> Value {
    Value::from(super::absolute(path).to_string_lossy().into_owned())
}

/// `hostvars`: every host's variables, templated when read.
struct AllHosts {
    batch: Arc<Batch>,
}

impl fmt::Debug for AllHosts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("hostvars")
    }
}

impl Object for AllHosts {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Map
    }

    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        let name = key.as_str()?;
        let host = self.batch.run().known_host(name)?;
        Some(host_vars(&self.batch, &host))
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Enumerator::Values(self.batch.run().all_hosts().into_iter().map(Value::from).collect())
    }
}

/// `hostvars[HOST]`, also of a host that only a delegation names.
pub fn host_vars(batch: &Arc<Batch>, host: &Arc<Host>) -> Value {
    all_of(batch.play.run.bare_scope(batch, host))
}

/// The variables of a scope as a mapping; each is templated when it is read.
pub fn all_of(scope: Scope) -> Value {
    Value::from_object(OneHost { scope })
}

/// `hostvars[HOST]`.
struct OneHost {
    scope: Scope,
}

impl fmt::Debug for OneHost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("hostvars of a host")
    }
}

impl Object for OneHost {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Map
    }

    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        let name = key.as_str()?;
        match self.scope.variable(name) {
            Ok(value) => value,
            // The error is the reader's: it names the variable at fault.
            Err(error) => Some(crate::template::failed(error)),
        }
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        // Where all is looked at, hosts are not looked at from hosts again: that would have no end.
        let names = self.scope.names().into_iter().filter(|name| !matches!(&**name, "hostvars" | "omit"));
        Enumerator::Values(names.map(Value::from).collect())
    }
}
