//! The variables that an inventory and the files beside it give a host, one layer upon the other.

use super::model::{GroupId, HostId, Roster, VarMap};
use super::vars_files::VarsFiles;
use crate::diagnostic::Diagnostics;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Some variables, and where they come from.
#[derive(Clone, Debug)]
pub struct Layer {
    /// Which sort of place.
    pub level: Level,
    /// The group or host that they were set for.
    pub owner: Owner,
    /// The file of variables; `None` for what an inventory says itself.
    pub file: Option<Arc<Path>>,
    /// The variables.
    pub vars: Arc<VarMap>,
}

/// Where a host's variables can come from, in the order in which they count (3 to 10 of Ansible's list of precedence).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Of a group, in an roster.
    GroupInInventory,
    /// `group_vars/all` beside an roster.
    AllBesideInventory,
    /// `group_vars/all` beside the playbook.
    AllBesidePlaybook,
    /// `group_vars/*` beside an roster.
    GroupBesideInventory,
    /// `group_vars/*` beside the playbook.
    GroupBesidePlaybook,
    /// Of the host, in an roster.
    HostInInventory,
    /// `host_vars/*` beside an roster.
    HostBesideInventory,
    /// `host_vars/*` beside the playbook.
    HostBesidePlaybook,
}

/// Whose variables they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Owner {
    /// A group's.
    Group(GroupId),
    /// A host's.
    Host(HostId),
}

/// A step of the setting `precedence`, which orders the variables of groups.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// `all_inventory`: of `all`, in inventories.
    AllInventory,
    /// `groups_inventory`: of the other groups, in inventories.
    GroupsInventory,
    /// `all_plugins_inventory`: `group_vars/all` beside inventories.
    AllFilesInventory,
    /// `all_plugins_play`: `group_vars/all` beside the playbook.
    AllFilesPlay,
    /// `groups_plugins_inventory`: `group_vars/*` beside inventories.
    GroupsFilesInventory,
    /// `groups_plugins_play`: `group_vars/*` beside the playbook.
    GroupsFilesPlay,
}

impl Stage {
    /// The order that counts if nothing else is set.
    pub const DEFAULT: [Stage; 6] = [
        Stage::AllInventory,
        Stage::GroupsInventory,
        Stage::AllFilesInventory,
        Stage::AllFilesPlay,
        Stage::GroupsFilesInventory,
        Stage::GroupsFilesPlay,
    ];

    /// The stage that the setting calls so.
    pub fn parse(name: &str) -> Option<Stage> {
        let names = [
            "all_inventory",
            "groups_inventory",
            "all_plugins_inventory",
            "all_plugins_play",
            "groups_plugins_inventory",
            "groups_plugins_play",
        ];
        names.iter().position(|known| *known == name).map(|at| Stage::DEFAULT[at])
    }
}

impl Roster {
    /// The variables of a host from inventories, `group_vars` and `host_vars`: of two layers that set a variable, the
    /// later one counts. `playbook_dirs` are the directories of playbooks beside which files are looked for. Nothing is
    /// copied: groups share their layers.
    ///
    /// Fails with what is wrong in the files.
    pub fn layers(
        &self,
        host: HostId,
        files: &VarsFiles,
        playbook_dirs: &[PathBuf],
        stages: &[Stage],
    ) -> Result<Vec<Layer>, Diagnostics> {
        let groups = self.groups_of(host);
        let all = [Roster::ALL];
        let mut layers = Layers { roster: self, files, layers: Vec::new(), errors: Diagnostics::default() };
        for stage in stages {
            match stage {
                Stage::AllInventory => layers.of_groups(&all),
                Stage::GroupsInventory => layers.of_groups(&groups),
                Stage::AllFilesInventory => layers.beside(&self.directories, &all, Level::AllBesideInventory),
                Stage::AllFilesPlay => layers.beside(playbook_dirs, &all, Level::AllBesidePlaybook),
                Stage::GroupsFilesInventory => layers.beside(&self.directories, &groups, Level::GroupBesideInventory),
                Stage::GroupsFilesPlay => layers.beside(playbook_dirs, &groups, Level::GroupBesidePlaybook),
            }
        }
        let own = self.host(host);
        layers.add(Level::HostInInventory, Owner::Host(host), None, &own.vars);
        for (directories, level) in
            [(self.directories.as_slice(), Level::HostBesideInventory), (playbook_dirs, Level::HostBesidePlaybook)]
        {
            for directory in directories {
                layers.read(&directory.join("host_vars"), &own.name, level, Owner::Host(host));
            }
        }
        if layers.errors.0.is_empty() { Ok(layers.layers) } else { Err(layers.errors) }
    }
}

impl Roster {
    /// The layers of a group or a host alone, not those of the groups above it. Of two that set a variable the later one counts.
    ///
    /// Fails with what is wrong in the files.
    pub fn own_layers(
        &self,
        owner: Owner,
        files: &VarsFiles,
        playbook_dirs: &[PathBuf],
    ) -> Result<Vec<Layer>, Diagnostics> {
        let mut layers = Layers { roster: self, files, layers: Vec::new(), errors: Diagnostics::default() };
        match owner {
            Owner::Group(group) => {
                layers.of_groups(&[group]);
                layers.beside(&self.directories, &[group], Level::GroupBesideInventory);
                layers.beside(playbook_dirs, &[group], Level::GroupBesidePlaybook);
            }
            Owner::Host(host) => {
                let own = self.host(host);
                layers.add(Level::HostInInventory, owner, None, &own.vars);
                for (directories, level) in [
                    (self.directories.as_slice(), Level::HostBesideInventory),
                    (playbook_dirs, Level::HostBesidePlaybook),
                ] {
                    for directory in directories {
                        layers.read(&directory.join("host_vars"), &own.name, level, owner);
                    }
                }
            }
        }
        if layers.errors.0.is_empty() { Ok(layers.layers) } else { Err(layers.errors) }
    }
}

struct Layers<'a> {
    roster: &'a Roster,
    files: &'a VarsFiles,
    layers: Vec<Layer>,
    errors: Diagnostics,
}

impl Layers<'_> {
    fn add(&mut self, level: Level, owner: Owner, file: Option<Arc<Path>>, vars: &Arc<VarMap>) {
        if !vars.is_empty() {
            self.layers.push(Layer { level, owner, file, vars: vars.clone() });
        }
    }

    fn of_groups(&mut self, groups: &[GroupId]) {
        for group in groups {
            let vars = self.roster.group(*group).vars.clone();
            self.add(Level::GroupInInventory, Owner::Group(*group), None, &vars);
        }
    }

    fn beside(&mut self, directories: &[PathBuf], groups: &[GroupId], level: Level) {
        for directory in directories {
            let directory = directory.join("group_vars");
            for group in groups {
                let name = self.roster.group(*group).name.clone();
                self.read(&directory, &name, level, Owner::Group(*group));
            }
        }
    }

    fn read(&mut self, directory: &Path, name: &str, level: Level, owner: Owner) {
        match self.files.of(directory, name) {
            Ok(files) => {
                for file in files.iter() {
                    self.add(level, owner, Some(file.path.clone()), &file.vars);
                }
            }
            Err(errors) => self.errors.0.extend(errors.0),
        }
    }
}
