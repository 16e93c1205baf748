//! Changes of users and groups, by the host's own programs: shadow-utils, libuser's for `local`, and busybox's.

use super::LiveProcesses;
use crate::host::{Command, GroupChange, HostError, HostResult, NewGroup, NewUser, Processes, UserChange, date};

/// The programs of this host.
pub(crate) struct Tools<'a> {
    processes: &'a LiveProcesses,
}

impl<'a> Tools<'a> {
    pub(crate) fn new(processes: &'a LiveProcesses) -> Tools<'a> {
        Tools { processes }
    }

    fn has(&self, program: &str) -> HostResult<bool> {
        Ok(self.processes.which(program)?.is_some())
    }

    /// The program of libuser where only the local files are meant and the host has it. shadow-utils change nothing but
    /// the local files either; they only refuse names that a directory service has.
    fn named(&self, program: &str, local: bool) -> HostResult<String> {
        let libuser = format!("l{program}");
        Ok(if local && self.has(&libuser)? { libuser } else { program.to_owned() })
    }

    fn run(&self, argv: Vec<String>) -> HostResult<()> {
        self.feed(argv, Vec::new())
    }

    fn feed(&self, argv: Vec<String>, stdin: Vec<u8>) -> HostResult<()> {
        let mut command = Command::changing(argv, "users and groups");
        command.environment = vec![("LC_ALL".to_owned(), "C".to_owned())];
        command.stdin = stdin;
        let finished = self.processes.run(&command)?;
        if finished.status == 0 {
            return Ok(());
        }
        let (out, error) = (finished.stdout_text(), finished.stderr_text());
        let said = if error.trim().is_empty() { out.trim() } else { error.trim() };
        let program = &command.argv[0];
        Err(HostError::other(format!("{program} failed with status {}: {said}", finished.status)))
    }
}

fn words<const N: usize>(words: [&str; N]) -> Vec<String> {
    words.map(str::to_owned).to_vec()
}

fn push(argv: &mut Vec<String>, option: &str, value: Option<impl ToString>) {
    if let Some(value) = value {
        argv.push(option.to_owned());
        argv.push(value.to_string());
    }
}

/// The options that useradd and usermod share.
fn shared_options(fields: &UserChange) -> Vec<String> {
    let mut argv = Vec::new();
    push(&mut argv, "-u", fields.uid);
    if fields.uid.is_some() && fields.non_unique {
        argv.push("-o".to_owned());
    }
    push(&mut argv, "-g", fields.group.as_ref());
    push(&mut argv, "-c", fields.comment.as_ref());
    push(&mut argv, "-d", fields.home.as_ref().map(|home| home.display()));
    push(&mut argv, "-s", fields.shell.as_ref());
    push(&mut argv, "-e", fields.expires.map(|day| day.map(date).unwrap_or_default()));
    push(&mut argv, "-f", fields.inactive_days);
    push(&mut argv, "-Z", fields.selinux_user.as_ref());
    argv
}

/// `useradd`'s arguments.
fn useradd(user: &NewUser, group_exists: bool) -> Vec<String> {
    let mut argv = shared_options(&user.fields);
    if user.fields.group.is_none() && group_exists {
        argv.push("-N".to_owned());
    }
    if let Some(groups) = user.fields.groups.as_ref().filter(|groups| !groups.is_empty()) {
        push(&mut argv, "-G", Some(groups.join(",")));
    }
    argv.push(if user.create_home { "-m" } else { "-M" }.to_owned());
    if user.create_home {
        push(&mut argv, "-k", user.skeleton.as_ref());
        push(&mut argv, "-K", user.umask.as_ref().map(|umask| format!("UMASK={umask}")));
    }
    push(&mut argv, "-K", user.uid_min.map(|uid| format!("UID_MIN={uid}")));
    push(&mut argv, "-K", user.uid_max.map(|uid| format!("UID_MAX={uid}")));
    if user.system {
        argv.push("-r".to_owned());
    }
    argv.push("--".to_owned());
    argv.push(user.name.clone());
    argv
}

/// `usermod`'s arguments; none where there is nothing for it.
fn usermod(name: &str, change: &UserChange) -> Vec<String> {
    let mut argv = shared_options(change);
    if change.home.is_some() && change.move_home {
        argv.push("-m".to_owned());
    }
    if let Some(groups) = &change.groups {
        // `-G ''` takes the user out of all groups; `-a` with nothing to add is nothing.
        if !(change.append_groups && groups.is_empty()) {
            if change.append_groups {
                argv.push("-a".to_owned());
            }
            push(&mut argv, "-G", Some(groups.join(",")));
        }
    }
    if !argv.is_empty() {
        argv.push("--".to_owned());
        argv.push(name.to_owned());
    }
    argv
}

/// `chage`'s arguments; none where there is nothing for it.
fn chage(name: &str, change: &UserChange) -> Vec<String> {
    let mut argv = Vec::new();
    push(&mut argv, "-M", change.max_days);
    push(&mut argv, "-m", change.min_days);
    push(&mut argv, "-W", change.warn_days);
    if !argv.is_empty() {
        argv.push("--".to_owned());
        argv.push(name.to_owned());
    }
    argv
}

fn with_program(program: String, arguments: Vec<String>) -> Vec<String> {
    std::iter::once(program).chain(arguments).collect()
}

/// What no option of the programs above does: password, lock, ages.
fn finish_user(tools: &Tools<'_>, name: &str, change: &UserChange) -> HostResult<()> {
    if let Some(hash) = &change.password {
        if name.contains([':', '\n']) || hash.contains(['\n', ':']) {
            return Err(HostError::other(format!("the password hash of {name} holds a colon or a line break")));
        }
        // Not as an argument: every user of the host could read it there.
        tools.feed(words(["chpasswd", "-e"]), format!("{name}:{hash}\n").into_bytes())?;
    }
    if let Some(lock) = change.password_lock {
        if tools.has("usermod")? {
            tools.run(words(["usermod", if lock { "-L" } else { "-U" }, "--", name]))?;
        } else {
            tools.run(words(["passwd", if lock { "-l" } else { "-u" }, name]))?;
        }
    }
    let arguments = chage(name, change);
    if !arguments.is_empty() {
        tools.run(with_program("chage".to_owned(), arguments))?;
    }
    Ok(())
}

pub(crate) fn add_user(tools: &Tools<'_>, user: &NewUser, group_exists: bool) -> HostResult<()> {
    let program = tools.named("useradd", user.local)?;
    if tools.has(&program)? {
        tools.run(with_program(program, useradd(user, group_exists)))?;
        return finish_user(tools, &user.name, &user.fields);
    }
    refuse(
        &user.name,
        &[
            ("non_unique", user.fields.non_unique),
            ("expires", user.fields.expires.is_some()),
            ("the days until an account is locked", user.fields.inactive_days.is_some()),
            ("an SELinux user", user.fields.selinux_user.is_some()),
            ("a range of numbers", user.uid_min.is_some() || user.uid_max.is_some()),
            ("an umask", user.umask.is_some()),
        ],
        "useradd",
    )?;
    let fields = &user.fields;
    let mut argv = words(["adduser", "-D"]);
    push(&mut argv, "-u", fields.uid);
    push(&mut argv, "-G", fields.group.as_ref());
    push(&mut argv, "-g", fields.comment.as_ref());
    push(&mut argv, "-h", fields.home.as_ref().map(|home| home.display()));
    push(&mut argv, "-s", fields.shell.as_ref());
    if user.create_home {
        push(&mut argv, "-k", user.skeleton.as_ref());
    } else {
        argv.push("-H".to_owned());
    }
    if user.system {
        argv.push("-S".to_owned());
    }
    argv.push(user.name.clone());
    tools.run(argv)?;
    for group in fields.groups.iter().flatten() {
        tools.run(words(["adduser", &user.name, group]))?;
    }
    finish_user(tools, &user.name, fields)
}

pub(crate) fn change_user(tools: &Tools<'_>, name: &str, change: &UserChange, groups_now: &[String]) -> HostResult<()> {
    let arguments = usermod(name, change);
    if !arguments.is_empty() {
        if tools.has("usermod")? {
            tools.run(with_program("usermod".to_owned(), arguments))?;
        } else {
            change_groups_only(tools, name, change, groups_now)?;
        }
    }
    finish_user(tools, name, change)
}

/// Without usermod (busybox) only the supplementary groups can be changed.
fn change_groups_only(tools: &Tools<'_>, name: &str, change: &UserChange, groups_now: &[String]) -> HostResult<()> {
    refuse(
        name,
        &[
            ("the number", change.uid.is_some()),
            ("the primary group", change.group.is_some()),
            ("the comment", change.comment.is_some()),
            ("the home directory", change.home.is_some()),
            ("the shell", change.shell.is_some()),
            ("the expiry", change.expires.is_some()),
            ("the days until the account is locked", change.inactive_days.is_some()),
            ("the SELinux user", change.selinux_user.is_some()),
        ],
        "usermod",
    )?;
    let wanted = change.groups.as_deref().unwrap_or_default();
    for group in wanted.iter().filter(|group| !groups_now.contains(group)) {
        tools.run(words(["adduser", name, group]))?;
    }
    if !change.append_groups {
        for group in groups_now.iter().filter(|group| !wanted.contains(group)) {
            tools.run(words(["deluser", name, group]))?;
        }
    }
    Ok(())
}

fn refuse(name: &str, things: &[(&str, bool)], program: &str) -> HostResult<()> {
    let asked: Vec<&str> = things.iter().filter(|(_, asked)| *asked).map(|(thing, _)| *thing).collect();
    if asked.is_empty() {
        return Ok(());
    }
    Err(HostError::other(format!(
        "this host has no {program}, and without it {} of {name} can't be set; install shadow-utils (package shadow, \
         passwd or shadow-utils)",
        asked.join(", ")
    )))
}

pub(crate) fn remove_user(tools: &Tools<'_>, name: &str, home: bool, force: bool) -> HostResult<()> {
    if !tools.has("userdel")? {
        let mut argv = words(["deluser"]);
        if home {
            argv.push("--remove-home".to_owned());
        }
        argv.push(name.to_owned());
        return tools.run(argv);
    }
    let mut argv = words(["userdel"]);
    if force {
        argv.push("-f".to_owned());
    }
    if home {
        argv.push("-r".to_owned());
    }
    argv.extend(words(["--", name]));
    tools.run(argv)
}

pub(crate) fn add_group(tools: &Tools<'_>, group: &NewGroup) -> HostResult<()> {
    let program = tools.named("groupadd", group.local)?;
    if !tools.has(&program)? {
        let ranged = group.gid_min.is_some() || group.gid_max.is_some();
        refuse(&group.name, &[("non_unique", group.non_unique), ("a range of numbers", ranged)], "groupadd")?;
        let mut argv = words(["addgroup"]);
        push(&mut argv, "-g", group.gid);
        if group.system {
            argv.push("-S".to_owned());
        }
        argv.push(group.name.clone());
        return tools.run(argv);
    }
    let mut argv = vec![program];
    push(&mut argv, "-g", group.gid);
    if group.gid.is_some() && group.non_unique {
        argv.push("-o".to_owned());
    }
    if group.system {
        argv.push("-r".to_owned());
    }
    push(&mut argv, "-K", group.gid_min.map(|gid| format!("GID_MIN={gid}")));
    push(&mut argv, "-K", group.gid_max.map(|gid| format!("GID_MAX={gid}")));
    argv.extend(words(["--", &group.name]));
    tools.run(argv)
}

pub(crate) fn change_group(tools: &Tools<'_>, name: &str, change: &GroupChange) -> HostResult<()> {
    let Some(gid) = change.gid else { return Ok(()) };
    let program = tools.named("groupmod", change.local)?;
    if !tools.has(&program)? {
        return refuse(name, &[("the number", true)], "groupmod");
    }
    let mut argv = vec![program, "-g".to_owned(), gid.to_string()];
    if change.non_unique {
        argv.push("-o".to_owned());
    }
    argv.extend(words(["--", name]));
    tools.run(argv)
}

pub(crate) fn remove_group(tools: &Tools<'_>, name: &str, force: bool) -> HostResult<()> {
    if !tools.has("groupdel")? {
        return tools.run(words(["delgroup", name]));
    }
    let mut argv = words(["groupdel"]);
    if force {
        argv.push("-f".to_owned());
    }
    argv.extend(words(["--", name]));
    tools.run(argv)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn useradd_gets_what_was_asked_for_and_the_name_last() {
        let user = NewUser {
            name: "ann".into(),
            fields: UserChange {
                uid: Some(7),
                non_unique: true,
                groups: Some(vec!["a".into(), "b".into()]),
                expires: Some(Some(0)),
                ..UserChange::default()
            },
            create_home: true,
            umask: Some("077".into()),
            ..NewUser::default()
        };
        assert_eq!(useradd(&user, true).join(" "), "-u 7 -o -e 1970-01-01 -N -G a,b -m -K UMASK=077 -- ann");
    }

    #[test]
    fn usermod_is_only_called_for_what_it_does() {
        assert!(usermod("ann", &UserChange { password: Some("*".into()), ..UserChange::default() }).is_empty());
        let append = UserChange { groups: Some(vec![]), append_groups: true, ..UserChange::default() };
        assert!(usermod("ann", &append).is_empty());
        let none = UserChange { groups: Some(vec![]), ..UserChange::default() };
        assert_eq!(usermod("ann", &none), ["-G", "", "--", "ann"]);
        let never = UserChange { expires: Some(None), ..UserChange::default() };
        assert_eq!(usermod("ann", &never), ["-e", "", "--", "ann"]);
        assert_eq!(chage("ann", &UserChange { max_days: Some(9), ..UserChange::default() }), ["-M", "9", "--", "ann"]);
    }
}
