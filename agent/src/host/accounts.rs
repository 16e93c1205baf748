//! Users and groups.

use super::{HostError, HostResult};
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// A user, as `/etc/passwd` has it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct User {
    /// The name.
    pub name: String,
    /// The number.
    pub uid: u32,
    /// The primary group.
    pub gid: u32,
    /// The comment (GECOS).
    pub comment: String,
    /// The home directory.
    pub home: PathBuf,
    /// The login shell.
    pub shell: String,
}

/// A user's entry in `/etc/shadow`: days count from 1970-01-01.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Shadow {
    /// The hash, `!`, `*` or empty.
    pub password: String,
    /// Day of the last change.
    pub last_change: Option<i64>,
    /// Fewest days between changes.
    pub min_days: Option<i64>,
    /// Most days.
    pub max_days: Option<i64>,
    /// Days of warning before.
    pub warn_days: Option<i64>,
    /// Days after which the account is locked.
    pub inactive_days: Option<i64>,
    /// Day on which the account expires.
    pub expires: Option<i64>,
}

/// A group, as `/etc/group` has it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Group {
    /// The name.
    pub name: String,
    /// The number.
    pub gid: u32,
    /// Its members, besides those whose primary group it is.
    pub members: Vec<String>,
}

/// A user to create (`useradd`).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct NewUser {
    /// The name.
    pub name: String,
    /// What is to differ from useradd's defaults; `create_home` and `system` beside.
    pub fields: UserChange,
    /// Create the home directory, from `skeleton` or `/etc/skel`.
    pub create_home: bool,
    /// Where the new home's files come from.
    pub skeleton: Option<String>,
    /// The mode of the new home is 0777 less this.
    pub umask: Option<String>,
    /// Take a number of the system's range.
    pub system: bool,
    /// Only in the local files, where the host has a central directory.
    pub local: bool,
    /// Lowest number to take.
    pub uid_min: Option<u32>,
    /// Highest number to take.
    pub uid_max: Option<u32>,
}

/// What is to change of a user (`usermod`, `chage`); `None` leaves a thing as it is.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct UserChange {
    /// The number.
    pub uid: Option<u32>,
    /// The primary group's name or number.
    pub group: Option<String>,
    /// Allow a number that is taken.
    pub non_unique: bool,
    /// All supplementary groups, or with `append_groups` those to add.
    pub groups: Option<Vec<String>>,
    /// Keep the supplementary groups that the user is in besides `groups`.
    pub append_groups: bool,
    /// The comment.
    pub comment: Option<String>,
    /// The home directory.
    pub home: Option<PathBuf>,
    /// Move the old home's content to the new one.
    pub move_home: bool,
    /// The login shell.
    pub shell: Option<String>,
    /// The password's hash.
    pub password: Option<String>,
    /// Lock or unlock the password.
    pub password_lock: Option<bool>,
    /// Day on which the account expires; `Some(None)` for never.
    pub expires: Option<Option<i64>>,
    /// Most days between password changes.
    pub max_days: Option<i64>,
    /// Fewest days.
    pub min_days: Option<i64>,
    /// Days of warning before a password expires.
    pub warn_days: Option<i64>,
    /// Days from the password's expiry to the account's lock.
    pub inactive_days: Option<i64>,
    /// The SELinux user that the login maps to (`usermod -Z`).
    pub selinux_user: Option<String>,
}

/// A group to create (`groupadd`).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct NewGroup {
    /// The name.
    pub name: String,
    /// The number.
    pub gid: Option<u32>,
    /// Take a number of the system's range.
    pub system: bool,
    /// Allow a number that is taken.
    pub non_unique: bool,
    /// Only in the local files.
    pub local: bool,
    /// Lowest number to take.
    pub gid_min: Option<u32>,
    /// Highest number to take.
    pub gid_max: Option<u32>,
}

/// What is to change of a group (`groupmod`).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct GroupChange {
    /// The number.
    pub gid: Option<u32>,
    /// Allow a number that is taken.
    pub non_unique: bool,
    /// Only in the local files.
    pub local: bool,
}

/// Users and groups. Reads look at the files, and ask `getent` where those miss; `local` reads only the files.
pub trait Accounts {
    /// The user of this name.
    fn user(&self, name: &str) -> HostResult<Option<User>>;
    /// The user of this name, who must be there: the owner of a file. In a dry run it is unknown whether a package that
    /// would be installed by then brings a user who is missing.
    fn known_user(&self, name: &str) -> HostResult<User> {
        self.user(name)?.ok_or_else(|| HostError::no_such("user", name))
    }
    /// The user of this number.
    fn user_by_id(&self, uid: u32) -> HostResult<Option<User>>;
    /// The group of this name.
    fn group(&self, name: &str) -> HostResult<Option<Group>>;
    /// The group of this name, which must be there (see [`Accounts::known_user`]).
    fn known_group(&self, name: &str) -> HostResult<Group> {
        self.group(name)?.ok_or_else(|| HostError::no_such("group", name))
    }
    /// The group of this number.
    fn group_by_id(&self, gid: u32) -> HostResult<Option<Group>>;
    /// The supplementary groups of a user, by name, sorted.
    fn groups_of(&self, user: &str) -> HostResult<Vec<String>>;
    /// The user's entry in `/etc/shadow`.
    fn shadow(&self, user: &str) -> HostResult<Option<Shadow>>;
    /// The agent's own user.
    fn whoami(&self) -> HostResult<User>;

    /// Creates a user.
    fn add_user(&self, user: &NewUser) -> HostResult<()>;
    /// Changes one.
    fn change_user(&self, name: &str, change: &UserChange) -> HostResult<()>;
    /// Removes one; with `home`, its home directory and mail too; with `force`, even while logged in.
    fn remove_user(&self, name: &str, home: bool, force: bool) -> HostResult<()>;
    /// Creates a group.
    fn add_group(&self, group: &NewGroup) -> HostResult<()>;
    /// Changes one.
    fn change_group(&self, name: &str, change: &GroupChange) -> HostResult<()>;
    /// Removes one; with `force`, even where it is a user's primary group.
    fn remove_group(&self, name: &str, force: bool) -> HostResult<()>;
}
