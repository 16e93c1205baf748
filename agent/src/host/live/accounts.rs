//! Users and groups of the live host.
//!
//! They are read from the files themselves: a static program has no NSS plug-ins. What the files miss (a directory
//! service) is asked of `getent`, where the host has it. They are changed by the host's own programs.

use super::account_changes::{self, Tools};
use super::{LiveProcesses, account_files};
use crate::host::{
    Accounts, Command, Group, GroupChange, HostError, HostResult, NewGroup, NewUser, Processes, Shadow, User,
    UserChange,
};
use std::io;
use std::path::PathBuf;

/// Users and groups of one request.
#[derive(Clone)]
pub struct LiveAccounts {
    etc: PathBuf,
    processes: LiveProcesses,
}

impl LiveAccounts {
    /// Those of the host.
    pub fn new(processes: LiveProcesses) -> LiveAccounts {
        LiveAccounts { etc: "/etc".into(), processes }
    }

    /// Those whose files are in another directory than `/etc`.
    #[cfg(test)]
    pub(crate) fn in_directory(etc: &std::path::Path, processes: LiveProcesses) -> LiveAccounts {
        LiveAccounts { etc: etc.to_owned(), processes }
    }

    /// All lines of one of the files that are readable; an error unless the file is there and may be read.
    fn lines(&self, file: &str) -> HostResult<String> {
        let path = self.etc.join(file);
        match std::fs::read(&path) {
            Ok(bytes) => Ok(String::from_utf8_lossy(&bytes).into_owned()),
            // A host can be without them: a container with users elsewhere.
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(String::new()),
            Err(error) => Err(HostError::io("read", &path)(error)),
        }
    }

    /// What `getent` says of a key, if it is there and knows.
    fn getent(&self, database: &str, key: &str) -> HostResult<Option<String>> {
        if key.is_empty() || key.starts_with('-') || self.processes.which("getent")?.is_none() {
            return Ok(None);
        }
        let finished = self.processes.run(&Command::reading(["getent", database, key]))?;
        Ok((finished.status == 0).then(|| finished.stdout_text()))
    }

    /// All users of the local files.
    pub(crate) fn local_users(&self) -> HostResult<Vec<User>> {
        Ok(self.lines("passwd")?.lines().filter_map(account_files::user).collect())
    }

    /// All groups of the local files.
    pub(crate) fn local_groups(&self) -> HostResult<Vec<Group>> {
        Ok(self.lines("group")?.lines().filter_map(account_files::group).collect())
    }

    fn tools(&self) -> Tools<'_> {
        Tools::new(&self.processes)
    }
}

impl Accounts for LiveAccounts {
    fn user(&self, name: &str) -> HostResult<Option<User>> {
        if let Some(user) = self.local_users()?.into_iter().find(|user| user.name == name) {
            return Ok(Some(user));
        }
        // `getent passwd 7` is the user of that number, which was not asked for.
        let told = self.getent("passwd", name)?;
        Ok(told.iter().flat_map(|text| text.lines()).filter_map(account_files::user).find(|user| user.name == name))
    }

    fn user_by_id(&self, uid: u32) -> HostResult<Option<User>> {
        if let Some(user) = self.local_users()?.into_iter().find(|user| user.uid == uid) {
            return Ok(Some(user));
        }
        let told = self.getent("passwd", &uid.to_string())?;
        Ok(told.iter().flat_map(|text| text.lines()).filter_map(account_files::user).find(|user| user.uid == uid))
    }

    fn group(&self, name: &str) -> HostResult<Option<Group>> {
        if let Some(group) = self.local_groups()?.into_iter().find(|group| group.name == name) {
            return Ok(Some(group));
        }
        let told = self.getent("group", name)?;
        Ok(told.iter().flat_map(|text| text.lines()).filter_map(account_files::group).find(|group| group.name == name))
    }

    fn group_by_id(&self, gid: u32) -> HostResult<Option<Group>> {
        if let Some(group) = self.local_groups()?.into_iter().find(|group| group.gid == gid) {
            return Ok(Some(group));
        }
        let told = self.getent("group", &gid.to_string())?;
        Ok(told.iter().flat_map(|text| text.lines()).filter_map(account_files::group).find(|group| group.gid == gid))
    }

    fn groups_of(&self, user: &str) -> HostResult<Vec<String>> {
        let mut names: Vec<String> = self
            .local_groups()?
            .into_iter()
            .filter(|group| group.members.iter().any(|member| member == user))
            .map(|group| group.name)
            .collect();
        let central = !self.local_users()?.iter().any(|local| local.name == user);
        if central && let Some(told) = self.getent("initgroups", user)? {
            let primary = self.user(user)?.map(|user| user.gid);
            for gid in told.split_ascii_whitespace().skip(1).filter_map(|word| word.parse().ok()) {
                if Some(gid) != primary
                    && let Some(group) = self.group_by_id(gid)?
                {
                    names.push(group.name);
                }
            }
        }
        names.sort();
        names.dedup();
        Ok(names)
    }

    fn shadow(&self, user: &str) -> HostResult<Option<Shadow>> {
        let text = self.lines("shadow")?;
        Ok(text.lines().filter_map(account_files::shadow).find(|(name, _)| *name == user).map(|(_, shadow)| shadow))
    }

    fn whoami(&self) -> HostResult<User> {
        let uid = rustix::process::geteuid().as_raw();
        // A container may run under a number that no file knows.
        Ok(self.user_by_id(uid)?.unwrap_or_else(|| User {
            name: uid.to_string(),
            uid,
            gid: rustix::process::getegid().as_raw(),
            comment: String::new(),
            home: self.processes.variable("HOME").unwrap_or_else(|| "/".to_owned()).into(),
            shell: "/bin/sh".to_owned(),
        }))
    }

    fn add_user(&self, user: &NewUser) -> HostResult<()> {
        // useradd would want to create that group once more.
        let group_exists = self.group(&user.name)?.is_some();
        account_changes::add_user(&self.tools(), user, group_exists)
    }

    fn change_user(&self, name: &str, change: &UserChange) -> HostResult<()> {
        account_changes::change_user(&self.tools(), name, change, &self.groups_of(name)?)
    }

    fn remove_user(&self, name: &str, home: bool, force: bool) -> HostResult<()> {
        account_changes::remove_user(&self.tools(), name, home, force)
    }

    fn add_group(&self, group: &NewGroup) -> HostResult<()> {
        account_changes::add_group(&self.tools(), group)
    }

    fn change_group(&self, name: &str, change: &GroupChange) -> HostResult<()> {
        account_changes::change_group(&self.tools(), name, change)
    }

    fn remove_group(&self, name: &str, force: bool) -> HostResult<()> {
        account_changes::remove_group(&self.tools(), name, force)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::Context;

    fn accounts(passwd: &str, group: &str) -> (tempfile::TempDir, LiveAccounts) {
        let etc = tempfile::tempdir().unwrap();
        std::fs::write(etc.path().join("passwd"), passwd).unwrap();
        std::fs::write(etc.path().join("group"), group).unwrap();
        let accounts = LiveAccounts::in_directory(etc.path(), LiveProcesses::new(Context::default()));
        (etc, accounts)
    }

    #[test]
    fn users_groups_and_memberships_come_from_the_files() {
        let (_etc, accounts) = accounts(
            "root:x:0:0:root:/root:/bin/bash\nann:x:1001:1001::/home/ann:/bin/sh\n",
            "root:x:0:\nann:x:1001:\nweb:x:33:ann\nadm:x:4:bob,ann\n",
        );
        assert_eq!(accounts.user("ann").unwrap().unwrap().uid, 1001);
        assert_eq!(accounts.user_by_id(1001).unwrap().unwrap().name, "ann");
        assert_eq!(accounts.group("web").unwrap().unwrap().gid, 33);
        assert_eq!(accounts.group_by_id(4).unwrap().unwrap().members, ["bob", "ann"]);
        assert_eq!(accounts.groups_of("ann").unwrap(), ["adm", "web"]);
        assert_eq!(accounts.user("refit-nobody-has-this-name").unwrap(), None);
        assert_eq!(accounts.shadow("ann").unwrap(), None);
    }

    #[test]
    fn a_number_is_no_name() {
        let (_etc, accounts) = accounts("", "");
        // getent knows user number 0, but there is no user named "0".
        assert_eq!(accounts.user("0").unwrap(), None);
        assert_eq!(accounts.group("0").unwrap(), None);
        assert_eq!(accounts.user("").unwrap(), None);
        assert_eq!(accounts.user("--help").unwrap(), None);
    }

    #[test]
    fn what_the_files_miss_is_asked_of_getent() {
        let (_etc, accounts) = accounts("", "");
        if accounts.processes.which("getent").unwrap().is_some() {
            assert_eq!(accounts.user_by_id(0).unwrap().unwrap().name, "root");
            assert_eq!(accounts.group_by_id(0).unwrap().unwrap().name, "root");
        }
        assert_eq!(accounts.whoami().unwrap().uid, rustix::process::geteuid().as_raw());
    }
}
