//! What useradd, usermod, userdel and their kin would do, and what they would refuse.

use super::account_numbers::{Range, setting};
use super::accounts::ShadowAccounts;
use super::files::ShadowFiles;
use crate::host::{
    Accounts, Clock, Command, Files, Group, GroupChange, HostError, HostResult, Kind, NewGroup, NewUser, Processes,
    Shadow, User, UserChange,
};
use crate::protocol::Effect;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// The error of a program that would refuse.
fn refusal(program: &str, why: impl std::fmt::Display) -> HostError {
    HostError::other(format!("{program} would fail: {why}"))
}

fn root_only(accounts: &ShadowAccounts, program: &str) -> HostResult<()> {
    accounts.0.must_be_root(|| format!("{program} would fail: only root changes users and groups (use `become`)"))
}

fn login_defs(accounts: &ShadowAccounts) -> String {
    let bytes = accounts.0.live.files.read(Path::new("/etc/login.defs")).unwrap_or_default();
    String::from_utf8_lossy(&bytes).into_owned()
}

/// `useradd -D`: what a new user gets that nobody speaks of.
fn useradd_defaults(accounts: &ShadowAccounts) -> HostResult<String> {
    if accounts.0.live.processes.which("useradd")?.is_none() {
        return Ok(String::new());
    }
    Ok(accounts.0.live.processes.run(&Command::reading(["useradd", "-D"]))?.stdout_text())
}

fn today(accounts: &ShadowAccounts) -> i64 {
    accounts.0.live.clock.now().seconds.div_euclid(86_400)
}

fn required_group(accounts: &ShadowAccounts, program: &str, name: &str) -> HostResult<Group> {
    match accounts.find_group(name)? {
        Some(group) => Ok(group),
        // It may come with a package.
        None => match accounts.known_group(name) {
            Ok(group) => Ok(group),
            Err(unknown @ HostError::Unknown { .. }) => Err(unknown),
            Err(_) => Err(refusal(program, format!("group '{name}' does not exist"))),
        },
    }
}

pub(super) fn add_user(accounts: &ShadowAccounts, new: &NewUser) -> HostResult<()> {
    root_only(accounts, "useradd")?;
    if accounts.find_user(&new.name)?.is_some() {
        return Err(refusal("useradd", format!("user '{}' already exists", new.name)));
    }
    let (defs, defaults, fields) = (login_defs(accounts), useradd_defaults(accounts)?, &new.fields);
    let users = accounts.all_users()?;
    let taken: BTreeSet<u32> = users.iter().map(|user| user.uid).collect();
    let uid = match fields.uid {
        Some(uid) if taken.contains(&uid) && !fields.non_unique => {
            return Err(refusal("useradd", format!("UID {uid} is not unique")));
        }
        Some(uid) => uid,
        None => {
            let mut range = Range::of(&defs, "UID", new.system);
            range.min = new.uid_min.unwrap_or(range.min);
            range.max = new.uid_max.unwrap_or(range.max);
            range.next(&taken).ok_or_else(|| refusal("useradd", "all numbers of the range are taken"))?
        }
    };
    let own_group = setting(&defs, "USERGROUPS_ENAB").is_some_and(|word| word.eq_ignore_ascii_case("yes"));
    let gid = match &fields.group {
        Some(name) => required_group(accounts, "useradd", name)?.gid,
        None if own_group && accounts.find_group(&new.name)?.is_none() => {
            let taken: BTreeSet<u32> = accounts.all_groups()?.iter().map(|group| group.gid).collect();
            // The user's own number, where no group has it.
            let gid = match taken.contains(&uid) {
                false => Some(uid),
                true => Range::of(&defs, "GID", new.system).next(&taken),
            };
            let gid = gid.ok_or_else(|| refusal("useradd", "all numbers for groups are taken"))?;
            let group = Group { name: new.name.clone(), gid, members: Vec::new() };
            accounts.0.foresee(Effect::Group { group })?;
            gid
        }
        None => setting(&defaults, "GROUP").and_then(|gid| gid.parse().ok()).unwrap_or(100),
    };
    let home = fields.home.clone().unwrap_or_else(|| {
        Path::new(&setting(&defaults, "HOME").unwrap_or_else(|| "/home".to_owned())).join(&new.name)
    });
    let user = User {
        name: new.name.clone(),
        uid,
        gid,
        comment: fields.comment.clone().unwrap_or_default(),
        home: home.clone(),
        shell: fields.shell.clone().or_else(|| setting(&defaults, "SHELL")).unwrap_or_default(),
    };
    let days = |name: &str| setting(&defs, name).and_then(|value| value.parse().ok()).filter(|days: &i64| *days >= 0);
    let shadow = Shadow {
        password: "!".to_owned(),
        last_change: Some(today(accounts)),
        min_days: days("PASS_MIN_DAYS").filter(|_| !new.system),
        max_days: days("PASS_MAX_DAYS").filter(|_| !new.system),
        warn_days: days("PASS_WARN_AGE").filter(|_| !new.system),
        inactive_days: None,
        expires: None,
    };
    let shadow = changed_shadow(accounts, "useradd", shadow, fields)?;
    accounts.0.foresee(Effect::User { user, shadow: Some(shadow) })?;
    if let Some(groups) = &fields.groups {
        set_groups(accounts, "useradd", &new.name, groups, false)?;
    }
    if new.create_home {
        create_home(accounts, new, &home, uid, gid, &defs, &defaults)?;
    }
    Ok(())
}

fn create_home(
    accounts: &ShadowAccounts,
    new: &NewUser,
    home: &Path,
    uid: u32,
    gid: u32,
    defs: &str,
    defaults: &str,
) -> HostResult<()> {
    let files = ShadowFiles(accounts.0.clone());
    if files.stat(home, true)?.is_some() {
        return Ok(());
    }
    let missing: Vec<PathBuf> = home
        .ancestors()
        .skip(1)
        .take_while(|above| matches!(files.stat(above, true), Ok(None)))
        .map(Path::to_owned)
        .collect();
    for above in missing.into_iter().rev() {
        files.create_dir(&above, Some(0o755))?;
    }
    let octal = |text: String| u32::from_str_radix(&text, 8).ok();
    let umask = new.umask.clone().or_else(|| setting(defs, "UMASK")).and_then(octal).unwrap_or(0o022);
    let mode = setting(defs, "HOME_MODE").and_then(octal).unwrap_or(0o777 & !umask);
    files.create_dir(home, Some(mode))?;
    files.set_owner(home, Some(uid), Some(gid), false)?;
    let skeleton = new.skeleton.clone().or_else(|| setting(defaults, "SKEL")).unwrap_or_else(|| "/etc/skel".to_owned());
    copy_skeleton(&files, Path::new(&skeleton), home, uid, gid)
}

fn copy_skeleton(files: &ShadowFiles, from: &Path, to: &Path, uid: u32, gid: u32) -> HostResult<()> {
    if files.stat(from, true)?.is_none() {
        return Ok(());
    }
    for name in files.list(from)? {
        let (source, place) = (from.join(&name), to.join(&name));
        let Some(stat) = files.stat(&source, false)? else { continue };
        match stat.kind {
            Kind::Directory => {
                files.create_dir(&place, Some(stat.mode))?;
                copy_skeleton(files, &source, &place, uid, gid)?;
            }
            Kind::File => files.copy(&source, &place)?,
            Kind::Link => files.symlink(&files.read_link(&source)?, &place)?,
            _ => continue,
        }
        files.set_owner(&place, Some(uid), Some(gid), false)?;
    }
    Ok(())
}

pub(super) fn change_user(accounts: &ShadowAccounts, name: &str, change: &UserChange) -> HostResult<()> {
    root_only(accounts, "usermod")?;
    let Some(old) = accounts.find_user(name)? else {
        return Err(refusal("usermod", format!("user '{name}' does not exist")));
    };
    let mut user = old.clone();
    if let Some(uid) = change.uid.filter(|uid| *uid != old.uid) {
        if !change.non_unique && accounts.all_users()?.iter().any(|other| other.uid == uid) {
            return Err(refusal("usermod", format!("UID '{uid}' already exists")));
        }
        user.uid = uid;
    }
    if let Some(group) = &change.group {
        user.gid = required_group(accounts, "usermod", group)?.gid;
    }
    user.comment = change.comment.clone().unwrap_or(user.comment);
    user.home = change.home.clone().unwrap_or(user.home);
    user.shell = change.shell.clone().unwrap_or(user.shell);
    let shadow = match changes_shadow(change) {
        true => {
            let shadow = accounts.shadow(name)?.unwrap_or_default();
            Some(changed_shadow(accounts, "usermod", shadow, change)?)
        }
        false => None,
    };
    if user != old || shadow.is_some() {
        accounts.0.foresee(Effect::User { user: user.clone(), shadow })?;
    }
    if let Some(groups) = &change.groups {
        set_groups(accounts, "usermod", name, groups, change.append_groups)?;
    }
    let files = ShadowFiles(accounts.0.clone());
    if change.move_home && user.home != old.home && files.stat(&old.home, false)?.is_some() {
        if files.stat(&user.home, false)?.is_some() {
            return Err(refusal("usermod", format!("directory {} exists", user.home.display())));
        }
        files.rename(&old.home, &user.home)?;
    }
    if user.uid != old.uid && files.stat(&user.home, false)?.is_some() {
        give_tree(&files, &user.home, old.uid, user.uid)?;
    }
    Ok(())
}

/// What usermod does with a home when its owner's number changes.
fn give_tree(files: &ShadowFiles, path: &Path, from: u32, to: u32) -> HostResult<()> {
    let Some(stat) = files.stat(path, false)? else { return Ok(()) };
    if stat.uid == from {
        files.set_owner(path, Some(to), None, false)?;
    }
    if stat.kind == Kind::Directory {
        for name in files.list(path)? {
            give_tree(files, &path.join(name), from, to)?;
        }
    }
    Ok(())
}

fn changes_shadow(change: &UserChange) -> bool {
    change.password.is_some()
        || change.password_lock.is_some()
        || change.expires.is_some()
        || [change.max_days, change.min_days, change.warn_days, change.inactive_days].iter().any(Option::is_some)
}

fn changed_shadow(
    accounts: &ShadowAccounts,
    program: &str,
    mut shadow: Shadow,
    change: &UserChange,
) -> HostResult<Shadow> {
    if let Some(hash) = &change.password {
        shadow.password.clone_from(hash);
        shadow.last_change = Some(today(accounts));
    }
    match change.password_lock {
        Some(true) if !shadow.password.starts_with('!') => shadow.password.insert(0, '!'),
        Some(false) if shadow.password == "!" => {
            return Err(refusal(program, "unlocking the password would leave an account without one"));
        }
        Some(false) => shadow.password = shadow.password.trim_start_matches('!').to_owned(),
        _ => {}
    }
    shadow.expires = change.expires.unwrap_or(shadow.expires);
    shadow.max_days = change.max_days.or(shadow.max_days);
    shadow.min_days = change.min_days.or(shadow.min_days);
    shadow.warn_days = change.warn_days.or(shadow.warn_days);
    shadow.inactive_days = change.inactive_days.or(shadow.inactive_days);
    Ok(shadow)
}

fn set_groups(accounts: &ShadowAccounts, program: &str, user: &str, wanted: &[String], append: bool) -> HostResult<()> {
    let mut names = BTreeSet::new();
    for name in wanted {
        names.insert(required_group(accounts, program, name)?.name);
    }
    for mut group in accounts.all_groups()? {
        let is_in = group.members.iter().any(|member| member == user);
        let wanted = names.contains(&group.name);
        if wanted && !is_in {
            group.members.push(user.to_owned());
        } else if !wanted && is_in && !append {
            group.members.retain(|member| member != user);
        } else {
            continue;
        }
        accounts.0.foresee(Effect::Group { group })?;
    }
    Ok(())
}

pub(super) fn remove_user(accounts: &ShadowAccounts, name: &str, home: bool, force: bool) -> HostResult<()> {
    root_only(accounts, "userdel")?;
    let Some(user) = accounts.find_user(name)? else {
        return Err(refusal("userdel", format!("user '{name}' does not exist")));
    };
    if !force && let Some(pid) = process_of(user.uid) {
        return Err(refusal("userdel", format!("user {name} is currently used by process {pid}")));
    }
    set_groups(accounts, "userdel", name, &[], false)?;
    accounts.0.foresee(Effect::UserGone { name: name.to_owned() })?;
    let own = accounts.find_group(name)?.filter(|group| group.members.is_empty() && group.gid == user.gid);
    let defs = login_defs(accounts);
    if own.is_some() && setting(&defs, "USERGROUPS_ENAB").is_some_and(|word| word.eq_ignore_ascii_case("yes")) {
        accounts.0.foresee(Effect::GroupGone { name: name.to_owned() })?;
    }
    if home {
        let files = ShadowFiles(accounts.0.clone());
        for path in [user.home, Path::new("/var/mail").join(name)] {
            match files.stat(&path, false)? {
                Some(stat) if stat.kind == Kind::Directory => files.remove_tree(&path)?,
                Some(_) => files.remove_file(&path)?,
                None => {}
            }
        }
    }
    Ok(())
}

/// A process of this user.
fn process_of(uid: u32) -> Option<u32> {
    use std::os::unix::fs::MetadataExt;
    let entries = std::fs::read_dir("/proc").ok()?.flatten();
    entries
        .filter_map(|entry| Some((entry.file_name().to_str()?.parse().ok()?, entry.metadata().ok()?.uid())))
        .find(|(_, owner)| *owner == uid)
        .map(|(pid, _)| pid)
}

pub(super) fn add_group(accounts: &ShadowAccounts, new: &NewGroup) -> HostResult<()> {
    root_only(accounts, "groupadd")?;
    let groups = accounts.all_groups()?;
    if groups.iter().any(|group| group.name == new.name) {
        return Err(refusal("groupadd", format!("group '{}' already exists", new.name)));
    }
    let taken: BTreeSet<u32> = groups.iter().map(|group| group.gid).collect();
    let gid = match new.gid {
        Some(gid) if taken.contains(&gid) && !new.non_unique => {
            return Err(refusal("groupadd", format!("GID '{gid}' already exists")));
        }
        Some(gid) => gid,
        None => {
            let mut range = Range::of(&login_defs(accounts), "GID", new.system);
            range.min = new.gid_min.unwrap_or(range.min);
            range.max = new.gid_max.unwrap_or(range.max);
            range.next(&taken).ok_or_else(|| refusal("groupadd", "all numbers of the range are taken"))?
        }
    };
    accounts.0.foresee(Effect::Group { group: Group { name: new.name.clone(), gid, members: Vec::new() } })
}

pub(super) fn change_group(accounts: &ShadowAccounts, name: &str, change: &GroupChange) -> HostResult<()> {
    let Some(gid) = change.gid else { return Ok(()) };
    root_only(accounts, "groupmod")?;
    let groups = accounts.all_groups()?;
    let Some(mut group) = groups.iter().find(|group| group.name == name).cloned() else {
        return Err(refusal("groupmod", format!("group '{name}' does not exist")));
    };
    if gid != group.gid && !change.non_unique && groups.iter().any(|other| other.gid == gid) {
        return Err(refusal("groupmod", format!("GID '{gid}' already exists")));
    }
    let old = std::mem::replace(&mut group.gid, gid);
    accounts.0.foresee(Effect::Group { group })?;
    // Users keep their primary group by its name.
    for mut user in accounts.all_users()?.into_iter().filter(|user| user.gid == old) {
        user.gid = gid;
        accounts.0.foresee(Effect::User { user, shadow: None })?;
    }
    Ok(())
}

pub(super) fn remove_group(accounts: &ShadowAccounts, name: &str, force: bool) -> HostResult<()> {
    root_only(accounts, "groupdel")?;
    let Some(group) = accounts.all_groups()?.into_iter().find(|group| group.name == name) else {
        return Err(refusal("groupdel", format!("group '{name}' does not exist")));
    };
    if !force && let Some(user) = accounts.all_users()?.into_iter().find(|user| user.gid == group.gid) {
        return Err(refusal("groupdel", format!("cannot remove the primary group of user '{}'", user.name)));
    }
    accounts.0.foresee(Effect::GroupGone { name: name.to_owned() })
}
