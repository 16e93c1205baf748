//! What of a user differs from what `user` was asked for.

use crate::host::{Group, Host, Shadow, User, UserChange};
use crate::outcome::Stop;
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;
use std::path::PathBuf;

/// What was asked for; `None` where nothing was.
pub(super) struct Wanted {
    pub(super) uid: Option<u32>,
    pub(super) non_unique: bool,
    pub(super) group: Option<String>,
    pub(super) groups: Option<Vec<String>>,
    pub(super) append: bool,
    pub(super) comment: Option<String>,
    pub(super) home: Option<PathBuf>,
    pub(super) move_home: bool,
    pub(super) shell: Option<String>,
    pub(super) password: Option<String>,
    pub(super) password_lock: Option<bool>,
    /// Seconds since 1970, negative for never.
    pub(super) expires: Option<f64>,
    /// Only the days of the password.
    pub(super) ages: UserChange,
    pub(super) selinux_user: Option<String>,
}

/// A change, and the fields that it changes before and after, for the diff.
pub(super) type Plan = (UserChange, Map<String, Value>, Map<String, Value>);

/// The day on which the account expires; `None` for never.
fn expiry_day(expires: f64) -> Option<i64> {
    (expires >= 0.0).then(|| (expires / 86400.0).floor() as i64)
}

impl Wanted {
    /// The fields of a new user. Its groups must be there.
    pub(super) fn for_new_user(&self, host: &Host<'_>) -> Result<UserChange, Stop> {
        if let Some(group) = &self.group {
            known_group(host, group)?;
        }
        for group in self.groups.iter().flatten() {
            known_group(host, group)?;
        }
        // A lock of a password that is not there yet is part of its hash.
        let password = match (&self.password, self.password_lock) {
            (Some(hash), Some(true)) if !hash.starts_with('!') => Some(format!("!{hash}")),
            (hash, _) => hash.clone(),
        };
        Ok(UserChange {
            uid: self.uid,
            group: self.group.clone(),
            non_unique: self.non_unique,
            groups: self.groups.clone().filter(|groups| !groups.is_empty()),
            append_groups: self.append,
            comment: self.comment.clone(),
            home: self.home.clone(),
            shell: self.shell.clone(),
            password,
            expires: self.expires.and_then(expiry_day).map(Some),
            selinux_user: self.selinux_user.clone(),
            ..self.ages.clone()
        })
    }

    /// What is to change of a user; `None` where nothing is.
    pub(super) fn against(&self, user: &User, host: &Host<'_>, set_password: bool) -> Result<Option<Plan>, Stop> {
        let mut change = UserChange { non_unique: self.non_unique, ..UserChange::default() };
        let mut fields = Fields::default();
        if let Some(uid) = self.uid.filter(|uid| *uid != user.uid) {
            change.uid = Some(uid);
            fields.differ("uid", user.uid, uid);
        }
        if let Some(name) = &self.group {
            let group = known_group(host, name)?;
            if group.gid != user.gid {
                change.group = Some(name.clone());
                fields.differ("group", user.gid, group.gid);
            }
        }
        self.compare_groups(user, host, &mut change, &mut fields)?;
        if let Some(comment) = self.comment.as_ref().filter(|comment| **comment != user.comment) {
            change.comment = Some(comment.clone());
            fields.differ("comment", user.comment.clone(), comment.clone());
        }
        if let Some(home) = self.home.as_ref().filter(|home| **home != user.home) {
            change.home = Some(home.clone());
            change.move_home = self.move_home && host.files.stat(&user.home, true)?.is_some();
            fields.differ("home", user.home.to_string_lossy(), home.to_string_lossy());
        }
        if let Some(shell) = self.shell.as_ref().filter(|shell| **shell != user.shell) {
            change.shell = Some(shell.clone());
            fields.differ("shell", user.shell.clone(), shell.clone());
        }
        if let Some(selinux_user) = &self.selinux_user {
            // Nothing of the host's own files tells it; usermod sets it again, as Ansible does.
            change.selinux_user = Some(selinux_user.clone());
        }
        if self.needs_shadow() {
            let shadow = host.accounts.shadow(&user.name)?.unwrap_or_default();
            self.compare_shadow(&shadow, set_password, &mut change, &mut fields);
        }
        let nothing = UserChange { non_unique: self.non_unique, ..UserChange::default() };
        Ok((change != nothing).then_some((change, fields.before, fields.after)))
    }

    fn needs_shadow(&self) -> bool {
        self.password.is_some()
            || self.password_lock.is_some()
            || self.expires.is_some()
            || self.ages != UserChange::default()
    }

    fn compare_groups(
        &self,
        user: &User,
        host: &Host<'_>,
        change: &mut UserChange,
        fields: &mut Fields,
    ) -> Result<(), Stop> {
        let Some(groups) = &self.groups else { return Ok(()) };
        let mut wanted = BTreeSet::new();
        for group in groups {
            let group = known_group(host, group)?;
            if group.gid != user.gid {
                wanted.insert(group.name);
            }
        }
        let current: BTreeSet<String> = host.accounts.groups_of(&user.name)?.into_iter().collect();
        let missing: BTreeSet<String> = wanted.difference(&current).cloned().collect();
        let after: BTreeSet<String> =
            if self.append { current.union(&wanted).cloned().collect() } else { wanted.clone() };
        if after == current {
            return Ok(());
        }
        change.groups = Some(if self.append { missing } else { wanted }.into_iter().collect());
        change.append_groups = self.append;
        fields.differ("groups", Vec::from_iter(current), Vec::from_iter(after));
        Ok(())
    }

    fn compare_shadow(&self, shadow: &Shadow, set_password: bool, change: &mut UserChange, fields: &mut Fields) {
        let bare = |hash: &str| hash.trim_start_matches('!').to_owned();
        if let Some(hash) = self.password.as_ref().filter(|_| set_password)
            && bare(hash) != bare(&shadow.password)
        {
            let locked = self.password_lock == Some(true) && !hash.starts_with('!');
            change.password = Some(if locked { format!("!{hash}") } else { hash.clone() });
            fields.differ("password", "(the old hash)", "(a new hash)");
        } else if let Some(lock) = self.password_lock.filter(|lock| *lock != shadow.password.starts_with('!')) {
            change.password_lock = Some(lock);
            fields.differ("password_lock", !lock, lock);
        }
        if let Some(wanted) = self.expires.map(expiry_day)
            && wanted != shadow.expires.filter(|day| *day >= 0)
        {
            change.expires = Some(wanted);
            let show = |day: Option<i64>| day.map_or(json!("never"), |day| json!(day));
            fields.differ("expires (day since 1970)", show(shadow.expires), show(wanted));
        }
        let mut days = |name: &str, wanted: Option<i64>, current: Option<i64>| {
            wanted.filter(|wanted| Some(*wanted) != current).inspect(|wanted| fields.differ(name, current, *wanted))
        };
        change.max_days = days("password_expire_max", self.ages.max_days, shadow.max_days);
        change.min_days = days("password_expire_min", self.ages.min_days, shadow.min_days);
        change.warn_days = days("password_expire_warn", self.ages.warn_days, shadow.warn_days);
        let (wanted, current) = (self.ages.inactive_days, shadow.inactive_days);
        change.inactive_days = days("password_expire_account_disable", wanted, current);
    }
}

/// The fields that differ.
#[derive(Default)]
struct Fields {
    before: Map<String, Value>,
    after: Map<String, Value>,
}

impl Fields {
    fn differ(&mut self, name: &str, before: impl Into<Value>, after: impl Into<Value>) {
        self.before.insert(name.to_owned(), before.into());
        self.after.insert(name.to_owned(), after.into());
    }
}

/// The fields of a change, for the diff of a new user.
pub(super) fn described(change: &UserChange) -> Map<String, Value> {
    let mut shown = Map::new();
    let mut put = |name: &str, value: Option<Value>| {
        if let Some(value) = value {
            shown.insert(name.to_owned(), value);
        }
    };
    put("groups", change.groups.as_ref().map(|groups| json!(groups)));
    put("password", change.password.as_ref().map(|_| json!("(a new hash)")));
    put("expires (day since 1970)", change.expires.map(|day| json!(day)));
    put("password_expire_max", change.max_days.map(Value::from));
    put("password_expire_min", change.min_days.map(Value::from));
    put("password_expire_warn", change.warn_days.map(Value::from));
    put("password_expire_account_disable", change.inactive_days.map(Value::from));
    shown
}

/// A group by its name, or by its number.
fn known_group(host: &Host<'_>, name: &str) -> Result<Group, Stop> {
    if let Some(group) = host.accounts.group(name)? {
        return Ok(group);
    }
    let numbered = match name.parse() {
        Ok(gid) => host.accounts.group_by_id(gid)?,
        Err(_) => None,
    };
    numbered.ok_or_else(|| Stop::failed(format!("Group {name} does not exist")))
}

/// Whether a password may be a hash: a crypt(3) hash of a known form, DES's 13 characters, or a mark that no password
/// fits.
pub(super) fn looks_hashed(password: &str) -> bool {
    let bare = password.trim_start_matches('!');
    if bare.is_empty() || password == "*" || password == "*************" {
        return true;
    }
    let in_alphabet = |text: &str| text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'/'));
    let fields: Vec<&str> = bare.split('$').collect();
    if fields.len() < 3 {
        return bare.len() == 13 && in_alphabet(bare) || bare.starts_with('_') && bare.len() == 20;
    }
    let (scheme, last) = (fields[1], fields[fields.len() - 1]);
    let length = match scheme {
        "1" => Some(22),
        "5" => Some(43),
        "6" => Some(86),
        _ => None,
    };
    in_alphabet(last) && length.is_none_or(|length| last.len() == length)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_are_told_from_passwords() {
        let sha512 = format!("$6$rounds=5000$salt${}", "a".repeat(86));
        for hash in [
            "!",
            "*",
            "!!",
            sha512.as_str(),
            "$y$j9T$F5Jx5fExrKuPp53xLKQ..1$tnSYvahCwPBHKZUspmcxMfb0.WiB9W.zEaKlOBL35rC",
            "rqXexS6ZhobKA",
        ] {
            assert!(looks_hashed(hash), "{hash}");
        }
        for password in ["abc", "hunter2 is long", "$6$short$abc", "a$b"] {
            assert!(!looks_hashed(password), "{password}");
        }
    }

    #[test]
    fn expiry_is_a_day() {
        assert_eq!(expiry_day(1_422_403_387.0), Some(16463));
        assert_eq!(expiry_day(0.0), Some(0));
        assert_eq!(expiry_day(-1.0), None);
    }

    fn wanted() -> Wanted {
        Wanted {
            uid: None,
            non_unique: false,
            group: None,
            groups: None,
            append: false,
            comment: None,
            home: None,
            move_home: false,
            shell: None,
            password: None,
            password_lock: None,
            expires: None,
            ages: UserChange::default(),
            selinux_user: None,
        }
    }

    fn shadow_change(wanted: &Wanted, shadow: &Shadow, set_password: bool) -> UserChange {
        let (mut change, mut fields) = (UserChange::default(), Fields::default());
        wanted.compare_shadow(shadow, set_password, &mut change, &mut fields);
        assert!(!fields.after.values().any(|shown| shown.as_str().is_some_and(|text| text.contains("$6$"))));
        change
    }

    #[test]
    fn passwords_and_locks() {
        let shadow = Shadow { password: "!$6$a$b".to_owned(), ..Shadow::default() };
        let same = Wanted { password: Some("$6$a$b".to_owned()), ..wanted() };
        assert_eq!(shadow_change(&same, &shadow, true), UserChange::default(), "a lock is no other password");
        let other = Wanted { password: Some("$6$c$d".to_owned()), ..wanted() };
        assert_eq!(shadow_change(&other, &shadow, true).password.as_deref(), Some("$6$c$d"));
        assert_eq!(shadow_change(&other, &shadow, false), UserChange::default());
        let locked = Wanted { password: Some("$6$c$d".to_owned()), password_lock: Some(true), ..wanted() };
        assert_eq!(shadow_change(&locked, &shadow, true).password.as_deref(), Some("!$6$c$d"));
        assert_eq!(shadow_change(&locked, &shadow, false), UserChange::default());
        let unlocked = Wanted { password_lock: Some(false), ..wanted() };
        assert_eq!(shadow_change(&unlocked, &shadow, true).password_lock, Some(false));
    }

    #[test]
    fn ages_and_expiry() {
        let shadow = Shadow { max_days: Some(99999), min_days: Some(0), expires: Some(16463), ..Shadow::default() };
        let ages = UserChange { max_days: Some(30), min_days: Some(0), ..UserChange::default() };
        let change = shadow_change(&Wanted { ages, expires: Some(1_422_403_387.0), ..wanted() }, &shadow, true);
        assert_eq!(change, UserChange { max_days: Some(30), ..UserChange::default() });
        let never = shadow_change(&Wanted { expires: Some(-1.0), ..wanted() }, &shadow, true);
        assert_eq!(never.expires, Some(None));
    }
}
