//! The inventory of a run: asked by name, changed by tasks, read again.

use super::layers::{Owner, Stage};
use super::load::{InventoryOptions, load};
use super::model::{HostId, InventoryError, Roster, VarMap};
use super::vars_files::VarsFiles;
use crate::config::{OnMismatch, Settings};
use crate::diagnostic::{Diagnostic, Diagnostics, Span};
use crate::secrets::Secrets;
use crate::template::{Binding, Value};
use crate::vars::Layer;
use crate::vault::Vault;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The hosts, groups and variables of a run.
#[derive(Debug)]
pub struct Inventory {
    roster: Roster,
    files: VarsFiles,
    sources: Vec<String>,
    options: InventoryOptions,
    stages: Vec<Stage>,
    on_mismatch: OnMismatch,
    localhost_warning: bool,
    vault: Arc<Vault>,
}

impl Inventory {
    /// Reads the sources, in order; none for those of the settings. The second value holds the warnings.
    pub fn load(
        sources: &[String],
        settings: &Settings,
        vault: Arc<Vault>,
        secrets: Arc<Secrets>,
    ) -> Result<(Inventory, Diagnostics), Diagnostics> {
        let is_default = sources.is_empty() && !settings.inventory.is_set();
        let sources = if sources.is_empty() { settings.inventory.value.clone() } else { sources.to_vec() };
        let mut stages = Vec::new();
        for name in &settings.precedence.value {
            let Some(stage) = Stage::parse(name) else {
                let place = Span::nowhere(&settings.precedence.origin.to_string());
                return Err(Diagnostic::error(&place, format!("`precedence` has no `{name}`")).into());
            };
            stages.push(stage);
        }
        let mut inventory = Inventory {
            roster: Roster::new(),
            files: VarsFiles::new(
                vault.clone(),
                secrets,
                settings.yaml_valid_extensions.value.clone(),
                settings.duplicate_dict_key.value,
            ),
            sources,
            options: InventoryOptions {
                ignore_extensions: settings.inventory_ignore_extensions.value.clone(),
                ignore_patterns: settings.inventory_ignore_patterns.value.clone(),
                optional: is_default,
                duplicates: settings.duplicate_dict_key.value,
            },
            stages,
            on_mismatch: *settings.host_pattern_mismatch,
            localhost_warning: *settings.localhost_warning,
            vault,
        };
        let warnings = inventory.refresh()?;
        Ok((inventory, warnings))
    }

    /// Reads the sources again, and files of variables when they are next asked for (`meta: refresh_inventory`). What
    /// `add_host` and `group_by` added is gone. If something is wrong the old inventory stays. The warnings.
    pub fn refresh(&mut self) -> Result<Diagnostics, Diagnostics> {
        let (roster, mut warnings) = load(&self.sources, &self.options, &self.vault)?;
        self.roster = roster;
        self.files.clear();
        if self.localhost_warning && self.roster.hosts().next().is_none() {
            let message = "no inventory names a host: there is only the implicit localhost, which `all` does not match";
            warnings.push(Diagnostic::plain(message).warning().hint("name one: -i PATH, or -i host,"));
        }
        Ok(Diagnostics(warnings))
    }

    /// The hosts and groups by index.
    pub fn roster(&self) -> &Roster {
        &self.roster
    }

    /// The hosts of a pattern, within the limit, in order; and warnings of what matches nothing. An error in the pattern has
    /// no place.
    pub fn select(&self, pattern: &str, limit: Option<&str>) -> Result<(Vec<Arc<str>>, Diagnostics), Diagnostic> {
        // The caller knows the pattern's place.
        let chosen = self.roster.select(pattern, &Span::nowhere("hosts"));
        let mut chosen = chosen.map_err(|problem| Diagnostic { span: None, ..problem })?;
        if let Some(limit) = limit {
            let limited = self.roster.limit(&chosen.hosts, limit, &Span::nowhere("--limit"))?;
            chosen.hosts = limited.hosts;
            chosen.unmatched.extend(limited.unmatched);
        }
        let mut warnings = Diagnostics::default();
        for part in chosen.unmatched {
            let mut unmatched = Diagnostic::plain(format!("no host or group matches `{part}`"));
            let known = self.roster.groups().map(|group| &*self.roster.group(group).name);
            let known = known.chain(self.roster.hosts().map(|host| &*self.roster.host(host).name));
            if let Some(hint) = crate::diagnostic::did_you_mean(&part, known) {
                unmatched = unmatched.hint(hint);
            }
            match self.on_mismatch {
                OnMismatch::Error => return Err(unmatched),
                OnMismatch::Warning => warnings.push(unmatched.warning()),
                OnMismatch::Ignore => {}
            }
        }
        Ok((self.names(&chosen.hosts), warnings))
    }

    fn names(&self, hosts: &[HostId]) -> Vec<Arc<str>> {
        hosts.iter().map(|host| self.roster.host(*host).name.clone()).collect()
    }

    /// Whether an inventory, or a task, named this host.
    pub fn contains(&self, name: &str) -> bool {
        self.roster.find_host(name).is_some_and(|host| !self.roster.host(host).implicit)
    }

    /// All hosts, in order.
    pub fn hosts(&self) -> Vec<Arc<str>> {
        self.names(&self.roster.hosts().collect::<Vec<_>>())
    }

    /// The groups of a host and those above them, sorted, without `all`.
    pub fn group_names(&self, host: &str) -> Vec<String> {
        let names = self.roster.find_host(host).map(|host| self.roster.group_names(host)).unwrap_or_default();
        names.iter().map(ToString::to_string).collect()
    }

    /// Every group with its hosts and those of the groups below it.
    pub fn groups(&self) -> Vec<(Arc<str>, Vec<Arc<str>>)> {
        let of = |group| (self.roster.group(group).name.clone(), self.names(&self.roster.hosts_of(group)));
        self.roster.groups().map(of).collect()
    }

    /// The file that first named a host.
    pub fn source_of(&self, host: &str) -> Option<PathBuf> {
        let host = self.roster.find_host(host)?;
        self.roster.host(host).source.as_deref().map(Path::to_owned)
    }

    /// The sources as given.
    pub fn sources(&self) -> Vec<String> {
        self.sources.clone()
    }

    /// A host's variables as layers, from the top, with `group_vars` and `host_vars` beside the playbook. Of a host that
    /// is not known, what it would have in `all`.
    pub fn layers(&self, host: &str, playbook_dir: &Path) -> Result<Vec<Layer>, Diagnostics> {
        let Some(host) = self.roster.find_host(host) else { return Ok(Vec::new()) };
        let directories = [playbook_dir.to_owned()];
        let layers = self.roster.layers(host, &self.files, &directories, &self.stages)?;
        Ok(layers.into_iter().rev().map(|layer| Layer::Names(layer.vars)).collect())
    }

    /// The same, each with what sets them, for people: "group_vars of the group `web`".
    pub fn named_layers(&self, host: &str, playbook_dir: &Path) -> Result<Vec<(String, Arc<VarMap>)>, Diagnostics> {
        let Some(host) = self.roster.find_host(host) else { return Ok(Vec::new()) };
        let layers = self.roster.layers(host, &self.files, &[playbook_dir.to_owned()], &self.stages)?;
        let name = |layer: super::layers::Layer| {
            let by = match (layer.owner, &layer.file) {
                (Owner::Group(group), None) => format!("inventory, group `{}`", self.roster.group(group).name),
                (Owner::Group(group), Some(_)) => {
                    format!("group_vars of the group `{}`", self.roster.group(group).name)
                }
                (Owner::Host(_), None) => "inventory, at the host".to_owned(),
                (Owner::Host(_), Some(_)) => "host_vars of the host".to_owned(),
            };
            (by, layer.vars)
        };
        Ok(layers.into_iter().rev().map(name).collect())
    }

    /// What a group or a host brings itself: of the inventory, then of `group_vars` or `host_vars`. Of two that set a variable the
    /// later one counts.
    pub fn own_vars(&self, owner: Owner, playbook_dir: &Path) -> Result<Vec<Arc<VarMap>>, Diagnostics> {
        let layers = self.roster.own_layers(owner, &self.files, &[playbook_dir.to_owned()])?;
        Ok(layers.into_iter().map(|layer| layer.vars).collect())
    }

    /// The warnings about files of variables since the last call.
    pub fn take_warnings(&self) -> Diagnostics {
        Diagnostics(self.files.take_warnings())
    }

    /// Whether a host is in these groups with these variables: then `add_host` would change nothing.
    pub fn has_host_as(&self, name: &str, groups: &[String], vars: &[(String, Value)]) -> bool {
        let Some(id) = self.roster.find_host(name) else { return false };
        let host = self.roster.host(id);
        let has =
            |name: &str, value: &Value| matches!(host.vars.get(name), Some(Binding::Value(have)) if have == value);
        !host.implicit
            && groups.iter().all(|group| self.is_member(id, group))
            && vars.iter().all(|(name, value)| has(name, value))
    }

    /// Whether a host is in this group, and the group in those: then `group_by` would change nothing.
    pub fn is_grouped(&self, host: &str, group: &str, parents: &[String]) -> bool {
        let Some(host) = self.roster.find_host(host) else { return false };
        self.is_member(host, group) && parents.iter().all(|parent| self.is_below(group, parent))
    }

    fn is_member(&self, host: HostId, group: &str) -> bool {
        self.roster.find_group(group).is_some_and(|group| self.roster.host(host).groups.contains(&group))
    }

    fn is_below(&self, group: &str, parent: &str) -> bool {
        match (self.roster.find_group(group), self.roster.find_group(parent)) {
            (Some(group), Some(parent)) => self.roster.group(group).parents.contains(&parent),
            _ => false,
        }
    }

    /// Adds a host to these groups, or changes it (`add_host`).
    pub fn add_host(
        &mut self,
        name: &str,
        groups: &[String],
        vars: Vec<(String, Value)>,
    ) -> Result<(), InventoryError> {
        let host = self.roster.add_host(name)?;
        for group in groups {
            let group = self.roster.add_group(group)?;
            self.roster.put_host(group, host);
        }
        for (name, value) in vars {
            self.roster.set_host_var(host, name, Binding::Value(value));
        }
        self.roster.settle();
        Ok(())
    }

    /// Puts a host into a group, and that into others (`group_by`).
    pub fn group_by(&mut self, host: &str, group: &str, parents: &[String]) -> Result<(), InventoryError> {
        let group = self.roster.add_group(group)?;
        for parent in parents {
            let parent = self.roster.add_group(parent)?;
            self.roster.put_group(parent, group)?;
        }
        if let Some(host) = self.roster.find_host(host) {
            self.roster.put_host(group, host);
        }
        self.roster.settle();
        Ok(())
    }
}
