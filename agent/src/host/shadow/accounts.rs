//! The foreseen users and groups.

use super::{Core, account_changes};
use crate::host::{Accounts, Group, GroupChange, HostError, HostResult, NewGroup, NewUser, Shadow, User, UserChange};
use crate::protocol::Effect;
use std::collections::BTreeMap;
use std::sync::Arc;

/// What would be different of users and groups. `None` stands for one that would be gone.
#[derive(Default)]
pub(super) struct AccountBook {
    users: BTreeMap<String, Option<(User, Option<Shadow>)>>,
    groups: BTreeMap<String, Option<Group>>,
}

impl AccountBook {
    pub(super) fn apply(&mut self, effect: &Effect) {
        match effect {
            Effect::User { user, shadow } => {
                let known = self.users.remove(&user.name).flatten().and_then(|(_, shadow)| shadow);
                self.users.insert(user.name.clone(), Some((user.clone(), shadow.clone().or(known))));
            }
            Effect::UserGone { name } => drop(self.users.insert(name.clone(), None)),
            Effect::Group { group } => drop(self.groups.insert(group.name.clone(), Some(group.clone()))),
            Effect::GroupGone { name } => drop(self.groups.insert(name.clone(), None)),
            _ => {}
        }
    }

    /// Whether anything would be different.
    pub(super) fn differs(&self) -> bool {
        !self.users.is_empty() || !self.groups.is_empty()
    }
}

/// Users and groups of one request.
#[derive(Clone)]
pub(super) struct ShadowAccounts(pub(super) Arc<Core>);

impl ShadowAccounts {
    /// All users of the local files, as they would be.
    pub(super) fn all_users(&self) -> HostResult<Vec<User>> {
        let mut users = self.0.live.accounts.local_users()?;
        let overlay = self.0.overlay();
        users.retain(|user| !overlay.accounts.users.contains_key(&user.name));
        users.extend(overlay.accounts.users.values().flatten().map(|(user, _)| user.clone()));
        Ok(users)
    }

    /// All groups of the local files, as they would be.
    pub(super) fn all_groups(&self) -> HostResult<Vec<Group>> {
        let mut groups = self.0.live.accounts.local_groups()?;
        let overlay = self.0.overlay();
        groups.retain(|group| !overlay.accounts.groups.contains_key(&group.name));
        groups.extend(overlay.accounts.groups.values().flatten().cloned());
        Ok(groups)
    }

    /// The user of this name; nobody where nobody is known, whatever packages may bring.
    pub(super) fn find_user(&self, name: &str) -> HostResult<Option<User>> {
        if let Some(foreseen) = self.0.overlay().accounts.users.get(name) {
            return Ok(foreseen.as_ref().map(|(user, _)| user.clone()));
        }
        self.0.live.accounts.user(name)
    }

    /// The group of this name, or with a number for a name of this number, as the tools understand `-g`.
    pub(super) fn find_group(&self, name: &str) -> HostResult<Option<Group>> {
        if let Some(foreseen) = self.0.overlay().accounts.groups.get(name) {
            return Ok(foreseen.clone());
        }
        match (self.0.live.accounts.group(name)?, name.parse()) {
            (Some(group), _) => Ok(Some(group)),
            (None, Ok(gid)) => self.group_by_id(gid),
            (None, Err(_)) => Ok(None),
        }
    }

    /// Why it can't be known whether there is an account of this name; it is only asked when none is known.
    fn doubt(&self, what: &str, name: &str, must_exist: bool) -> Option<HostError> {
        let overlay = self.0.overlay();
        // A package without a script that adds accounts brings none.
        let adds = |package: &&str| {
            overlay.packages.listings.get(*package).is_none_or(|listing| {
                ["adduser", "useradd", "addgroup", "groupadd", "sysusers"]
                    .iter()
                    .any(|word| listing.scripts.contains(word))
            })
        };
        let new: Vec<&str> = overlay.packages.new_ones().into_iter().filter(adds).collect();
        let speaks = new.iter().any(|package| package.contains(name) || name.contains(*package));
        if new.is_empty() || !(speaks || must_exist) {
            return None;
        }
        let why = format!(
            "whether there is a {what} {name} by then: earlier tasks would install packages ({}), which may bring it",
            new.first().copied().unwrap_or_default()
        );
        Some(HostError::Unknown { why })
    }
}

impl Accounts for ShadowAccounts {
    fn user(&self, name: &str) -> HostResult<Option<User>> {
        match self.find_user(name)? {
            Some(user) => Ok(Some(user)),
            None => self.doubt("user", name, false).map_or(Ok(None), Err),
        }
    }

    fn known_user(&self, name: &str) -> HostResult<User> {
        match self.find_user(name)? {
            Some(user) => Ok(user),
            None => Err(self.doubt("user", name, true).unwrap_or_else(|| HostError::no_such("user", name))),
        }
    }

    fn user_by_id(&self, uid: u32) -> HostResult<Option<User>> {
        let overlay = self.0.overlay();
        if let Some((user, _)) = overlay.accounts.users.values().flatten().find(|(user, _)| user.uid == uid) {
            return Ok(Some(user.clone()));
        }
        let live = self.0.live.accounts.user_by_id(uid)?;
        Ok(live.filter(|user| !overlay.accounts.users.contains_key(&user.name)))
    }

    fn group(&self, name: &str) -> HostResult<Option<Group>> {
        if let Some(foreseen) = self.0.overlay().accounts.groups.get(name) {
            return Ok(foreseen.clone());
        }
        match self.0.live.accounts.group(name)? {
            Some(group) => Ok(Some(group)),
            None => self.doubt("group", name, false).map_or(Ok(None), Err),
        }
    }

    fn known_group(&self, name: &str) -> HostResult<Group> {
        if let Some(Some(foreseen)) = self.0.overlay().accounts.groups.get(name) {
            return Ok(foreseen.clone());
        }
        match self.group(name)? {
            Some(group) => Ok(group),
            None => Err(self.doubt("group", name, true).unwrap_or_else(|| HostError::no_such("group", name))),
        }
    }

    fn group_by_id(&self, gid: u32) -> HostResult<Option<Group>> {
        let overlay = self.0.overlay();
        if let Some(group) = overlay.accounts.groups.values().flatten().find(|group| group.gid == gid) {
            return Ok(Some(group.clone()));
        }
        let live = self.0.live.accounts.group_by_id(gid)?;
        Ok(live.filter(|group| !overlay.accounts.groups.contains_key(&group.name)))
    }

    fn groups_of(&self, user: &str) -> HostResult<Vec<String>> {
        let mut names = self.0.live.accounts.groups_of(user)?;
        let overlay = self.0.overlay();
        names.retain(|name| !overlay.accounts.groups.contains_key(name));
        let foreseen = overlay.accounts.groups.values().flatten();
        names.extend(
            foreseen.filter(|group| group.members.iter().any(|member| member == user)).map(|group| group.name.clone()),
        );
        names.sort();
        Ok(names)
    }

    fn shadow(&self, user: &str) -> HostResult<Option<Shadow>> {
        match self.0.overlay().accounts.users.get(user) {
            Some(None) => return Ok(None),
            Some(Some((_, Some(shadow)))) => return Ok(Some(shadow.clone())),
            Some(Some((_, None))) | None => {}
        }
        self.0.live.accounts.shadow(user)
    }

    fn whoami(&self) -> HostResult<User> {
        self.0.live.accounts.whoami()
    }

    fn add_user(&self, user: &NewUser) -> HostResult<()> {
        account_changes::add_user(self, user)
    }

    fn change_user(&self, name: &str, change: &UserChange) -> HostResult<()> {
        account_changes::change_user(self, name, change)
    }

    fn remove_user(&self, name: &str, home: bool, force: bool) -> HostResult<()> {
        account_changes::remove_user(self, name, home, force)
    }

    fn add_group(&self, group: &NewGroup) -> HostResult<()> {
        account_changes::add_group(self, group)
    }

    fn change_group(&self, name: &str, change: &GroupChange) -> HostResult<()> {
        account_changes::change_group(self, name, change)
    }

    fn remove_group(&self, name: &str, force: bool) -> HostResult<()> {
        account_changes::remove_group(self, name, force)
    }
}

#[cfg(test)]
#[path = "accounts_tests.rs"]
mod tests;
