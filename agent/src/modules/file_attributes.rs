//! What all modules that make files have in common: mode, owner, group, flags and SELinux context of a path.

pub use super::file_mode::{Mode, octal};
use crate::args;
use crate::host::{Command, Host, HostResult, Kind, Replace, Stat, WriteOptions};
use crate::outcome::{Diff, Stop};
use crate::sorting;
use serde_json::{Map, Value, json};
use std::path::Path;

args! {
    /// The arguments of all modules that make files.
    #[derive(Default)]
    pub struct FileArgs {
        /// The permissions: octal digits as text ('0644', '1777') or symbolic (u=rwX,g-w,o=). Where a symbolic mode
        /// names no user, the umask takes away what it takes away from new files. Some modules also take `preserve`,
        /// the source's permissions.
        mode: Option<Mode>,
        /// Name or number of the user who is to own the path.
        owner: Option<String>,
        /// Name or number of the group that is to own the path.
        group: Option<String>,
        /// Flags as lsattr shows them, to have exactly (`ie`), to add (`+i`) or to take away (`-i`).
        [aliases = ["attr"]]
        attributes: Option<String>,
        /// The user of the SELinux context; `_default` for what the policy says. Ignored where SELinux is off.
        seuser: Option<String>,
        /// The role of the SELinux context, or `_default`.
        serole: Option<String>,
        /// The type of the SELinux context, or `_default`.
        setype: Option<String>,
        /// The level of the SELinux context, or `_default`.
        selevel: Option<String>,
        /// Write in place where the file can't be replaced at once (one that is bind-mounted into a container). Readers
        /// may then see half of it. Without it the variable ANSIBLE_UNSAFE_WRITES of the task's environment decides; else no.
        unsafe_writes: Option<bool>,
    }
}

/// The attributes that a path is to have, with names looked up.
#[derive(Clone, Debug)]
pub struct Wanted {
    mode: Option<Mode>,
    uid: Option<u32>,
    gid: Option<u32>,
    flags: Option<String>,
    /// User, role, type and level; empty where SELinux is off.
    context: Vec<Option<String>>,
    /// How content is written.
    pub replace: Replace,
}

/// What of a path's attributes is not as wanted.
#[derive(Clone, Debug, Default)]
pub struct Change {
    mode: Option<u32>,
    uid: Option<u32>,
    gid: Option<u32>,
    flags: Option<String>,
    context: Option<String>,
    /// A change of the owner takes set-uid and set-gid away: they are to be set again.
    mode_again: Option<u32>,
    before: Map<String, Value>,
    after: Map<String, Value>,
}

impl FileArgs {
    /// Looks names up, before anything is touched.
    pub fn wanted(&self, host: &Host<'_>) -> Result<Wanted, Stop> {
        let uid = match &self.owner {
            None => None,
            Some(name) => Some(match name.parse() {
                Ok(uid) => uid,
                Err(_) => host.accounts.known_user(name)?.uid,
            }),
        };
        let gid = match &self.group {
            None => None,
            Some(name) => Some(match name.parse() {
                Ok(gid) => gid,
                Err(_) => host.accounts.known_group(name)?.gid,
            }),
        };
        let parts = [&self.seuser, &self.serole, &self.setype, &self.selevel];
        let context = match parts.iter().any(|part| part.is_some()) && selinux(host)? {
            true => parts.into_iter().cloned().collect(),
            false => Vec::new(),
        };
        Ok(Wanted {
            mode: self.mode.clone(),
            uid,
            gid,
            flags: self.attributes.clone(),
            context,
            replace: self.replace(host),
        })
    }

    fn replace(&self, host: &Host<'_>) -> Replace {
        let of_environment = || host.processes.variable("ANSIBLE_UNSAFE_WRITES").as_deref().and_then(args::boolean);
        match self.unsafe_writes.or_else(of_environment) {
            Some(true) => Replace::AtomicOrInPlace,
            Some(false) | None => Replace::Atomic,
        }
    }
}

/// Whether the host's kernel enforces or logs by SELinux.
fn selinux(host: &Host<'_>) -> HostResult<bool> {
    Ok(host.files.stat(Path::new("/sys/fs/selinux/enforce"), true)?.is_some())
}

/// The SELinux context of a path.
fn context_of(host: &Host<'_>, path: &Path) -> HostResult<Option<String>> {
    let value = host.files.xattr(path, "security.selinux")?;
    Ok(value.map(|value| String::from_utf8_lossy(&value).trim_end_matches('\0').to_owned()))
}

/// The attributes that a new file or directory gets where nothing else is asked for.
pub fn of_new(host: &Host<'_>, kind: Kind) -> HostResult<Stat> {
    let whoami = host.accounts.whoami()?;
    let all = if kind == Kind::Directory { 0o777 } else { 0o666 };
    let now = host.clock.now();
    Ok(Stat {
        kind,
        mode: all & !host.files.umask(),
        uid: whoami.uid,
        gid: whoami.gid,
        size: 0,
        dev: 0,
        inode: 0,
        nlink: 1,
        rdev: 0,
        blocks: 0,
        block_size: 4096,
        atime: now,
        mtime: now,
        ctime: now,
    })
}

impl Wanted {
    /// With another mode asked for, e.g. `directory_mode` for the directories on the way.
    pub fn with_mode(&self, mode: Option<Mode>) -> Wanted {
        Wanted { mode, ..self.clone() }
    }

    /// `preserve` made the source's bits.
    pub fn preserving(&self, source: u32) -> Wanted {
        match self.mode {
            Some(Mode::Preserve) => self.with_mode(Some(Mode::Bits(source))),
            _ => self.clone(),
        }
    }

    /// The bits that something like `stat` is to have, where a mode is asked for.
    pub fn bits(&self, stat: &Stat, umask: u32) -> Option<u32> {
        self.mode.as_ref().map(|mode| mode.bits(stat.mode, stat.kind == Kind::Directory, umask, None))
    }

    /// What is to change of a path that looks like `stat`. `exists` is false for one that will be made with those
    /// attributes: it has no flags and no context yet.
    pub fn change(&self, host: &Host<'_>, path: &Path, stat: &Stat, exists: bool) -> Result<Change, Stop> {
        let mut change = Change::default();
        if !self.context.is_empty() {
            self.context_change(host, path, exists, &mut change)?;
        }
        let mut note = |name: &str, before: Value, after: Value| {
            change.before.insert(name.to_owned(), before);
            change.after.insert(name.to_owned(), after);
        };
        if let Some(uid) = self.uid.filter(|uid| *uid != stat.uid) {
            note("owner", stat.uid.into(), uid.into());
            change.uid = Some(uid);
        }
        if let Some(gid) = self.gid.filter(|gid| *gid != stat.gid) {
            note("group", stat.gid.into(), gid.into());
            change.gid = Some(gid);
        }
        // Linux knows no permissions of a link itself.
        if let Some(mode) = self.mode.as_ref().filter(|_| stat.kind != Kind::Link) {
            let bits = mode.bits(stat.mode, stat.kind == Kind::Directory, host.files.umask(), None);
            if bits != stat.mode {
                note("mode", octal(stat.mode).into(), octal(bits).into());
                change.mode = Some(bits);
            } else if (change.uid.is_some() || change.gid.is_some()) && bits & 0o6000 != 0 {
                change.mode_again = Some(bits);
            }
        }
        if let Some(wanted) = self.flags.as_ref().filter(|_| stat.kind != Kind::Link) {
            let now = if exists { host.files.attributes(path)? } else { String::new() };
            if let Some(after) = flags_after(&now, wanted) {
                note("attributes", now.into(), after.into());
                change.flags = Some(wanted.clone());
            }
        }
        Ok(change)
    }

    fn context_change(&self, host: &Host<'_>, path: &Path, exists: bool, change: &mut Change) -> Result<(), Stop> {
        let now = if exists { context_of(host, path)? } else { None };
        let mut policy = None;
        let current = match &now {
            Some(now) => now.clone(),
            None => policy.insert(policy_context(host, path)?).clone(),
        };
        let mut parts: Vec<String> = current.splitn(4, ':').map(str::to_owned).collect();
        for (index, wanted) in self.context.iter().enumerate() {
            let Some(wanted) = wanted else { continue };
            let value = if wanted == "_default" {
                if policy.is_none() {
                    policy = Some(policy_context(host, path)?);
                }
                match policy.as_deref().unwrap_or_default().splitn(4, ':').nth(index) {
                    Some(part) => part.to_owned(),
                    None => continue,
                }
            } else {
                wanted.clone()
            };
            match parts.get_mut(index) {
                Some(part) => *part = value,
                // A policy without levels.
                None => continue,
            }
        }
        let wanted = parts.join(":");
        if now.as_deref() != Some(wanted.as_str()) {
            change.before.insert("secontext".to_owned(), now.into());
            change.after.insert("secontext".to_owned(), wanted.clone().into());
            change.context = Some(wanted);
        }
        Ok(())
    }

    /// Gives an existing path these attributes; `follow` is for a link's target.
    pub fn apply(&self, host: &Host<'_>, path: &Path, follow: bool) -> Result<Change, Stop> {
        let path = if follow { host.files.canonical(path)? } else { path.to_owned() };
        let Some(stat) = host.files.stat(&path, false)? else {
            return Err(Stop::failed(format!("{} does not exist, so it can be given no attributes", path.display())));
        };
        let change = self.change(host, &path, &stat, true)?;
        change.apply(host, &path)?;
        Ok(change)
    }
}

/// What SELinux's policy says of a path.
fn policy_context(host: &Host<'_>, path: &Path) -> Result<String, Stop> {
    let command = Command::reading(["matchpathcon", "-n", &path.to_string_lossy()]);
    let finished = host.processes.run(&command)?;
    if finished.status != 0 {
        return Err(Stop::failed(format!(
            "SELinux's policy does not tell the context of {}: `matchpathcon -n` ended with status {}: {}",
            path.display(),
            finished.status,
            finished.stderr_text().trim()
        )));
    }
    Ok(finished.stdout_text().trim().to_owned())
}

/// The flags after a change as chattr takes it, where that makes a difference. The order of flags means nothing.
fn flags_after(now: &str, wanted: &str) -> Option<String> {
    let (operator, letters) = match wanted.chars().next() {
        Some(operator @ ('+' | '-' | '=')) => (operator, &wanted[1..]),
        _ => ('=', wanted),
    };
    let after: String = match operator {
        '+' => now.chars().chain(letters.chars().filter(|c| !now.contains(*c))).collect(),
        '-' => now.chars().filter(|c| !letters.contains(*c)).collect(),
        _ => letters.to_owned(),
    };
    let sorted = |flags: &str| {
        let mut flags: Vec<char> = flags.chars().collect();
        sorting::sort_by(&mut flags, Ord::cmp);
        flags.dedup();
        flags
    };
    (sorted(now) != sorted(&after)).then_some(after)
}

impl Change {
    /// Whether there is anything to do.
    pub fn any(&self) -> bool {
        !self.after.is_empty()
    }

    /// What is different, before and after.
    pub fn maps(&self) -> (Map<String, Value>, Map<String, Value>) {
        (self.before.clone(), self.after.clone())
    }

    /// The difference for a view, with the path inside, where there is one.
    pub fn diff_of(&self, path: &Path) -> Option<Diff> {
        self.any().then(|| {
            let path = Value::from(path.to_string_lossy().into_owned());
            let with_path = |map: &Map<String, Value>| {
                std::iter::once(("path".to_owned(), path.clone())).chain(map.clone()).collect::<Map<_, _>>()
            };
            Diff::of_state("", with_path(&self.before).into(), with_path(&self.after).into())
        })
    }

    /// The difference for a view, where there is one.
    pub fn diff(&self, header: &str) -> Option<Diff> {
        self.any().then(|| Diff::of_state(header, self.before.clone().into(), self.after.clone().into()))
    }

    /// Mode, owner and group for a write of content, so that new content is never readable by the wrong people.
    pub fn write_options(&self, replace: Replace) -> WriteOptions {
        WriteOptions { mode: self.mode.or(self.mode_again), uid: self.uid, gid: self.gid, replace }
    }

    /// Does it all.
    pub fn apply(&self, host: &Host<'_>, path: &Path) -> HostResult<()> {
        if self.uid.is_some() || self.gid.is_some() {
            host.files.set_owner(path, self.uid, self.gid, false)?;
        }
        if let Some(mode) = self.mode.or(self.mode_again) {
            host.files.set_mode(path, mode, false)?;
        }
        self.apply_rest(host, path)
    }

    /// What [`write_options`](Change::write_options) could not do.
    pub fn apply_rest(&self, host: &Host<'_>, path: &Path) -> HostResult<()> {
        if let Some(context) = &self.context {
            let value: Vec<u8> = context.bytes().chain([0]).collect();
            host.files.set_xattr(path, "security.selinux", &value)?;
        }
        // Last: an immutable file takes no other change.
        match &self.flags {
            Some(flags) => host.files.set_attributes(path, flags),
            None => Ok(()),
        }
    }
}

/// What results tell of a path: `uid`, `gid`, `owner`, `group`, `mode`, `state`, `size`; `state: absent` alone where
/// nothing is.
pub fn describe(host: &Host<'_>, path: &Path, result: &mut Map<String, Value>) -> HostResult<()> {
    let Some(stat) = host.files.stat(path, false)? else {
        result.insert("state".to_owned(), "absent".into());
        return Ok(());
    };
    let owner = host.accounts.user_by_id(stat.uid)?.map_or_else(|| stat.uid.to_string(), |user| user.name);
    let group = host.accounts.group_by_id(stat.gid)?.map_or_else(|| stat.gid.to_string(), |group| group.name);
    let described = json!({
        "uid": stat.uid,
        "gid": stat.gid,
        "owner": owner,
        "group": group,
        "mode": octal(stat.mode),
        "state": state_word(&stat),
        "size": stat.size,
    });
    if let Value::Object(described) = described {
        result.extend(described);
    }
    if selinux(host)?
        && let Some(context) = context_of(host, path)?
    {
        result.insert("secontext".to_owned(), context.into());
    }
    Ok(())
}

/// The word that results use for what a path is.
pub fn state_word(stat: &Stat) -> &'static str {
    match stat.kind {
        Kind::Link => "link",
        Kind::Directory => "directory",
        _ if stat.nlink > 1 => "hard",
        _ => "file",
    }
}

/// Adds [`describe`]'s words to a failure, for those whose path is there.
pub fn describe_failure(host: &Host<'_>, path: &Path, stop: Stop) -> Stop {
    let Stop::Failed(mut failure) = stop else { return stop };
    let mut described = Map::new();
    // The failure is what the user must see: what the description fails of is not worth a second message.
    if describe(host, path, &mut described).is_ok() {
        failure.result.insert("path".to_owned(), path.to_string_lossy().into_owned().into());
        failure.result.extend(described);
    }
    Stop::Failed(failure)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_environment_decides_on_unsafe_writes_where_the_task_does_not() {
        use crate::args::Args as _;
        use crate::host::{Context, live::Live};
        for (variable, given, expected) in [
            (None, None, Replace::Atomic),
            (Some("1"), None, Replace::AtomicOrInPlace),
            (Some("no"), None, Replace::Atomic),
            (Some("1"), Some(false), Replace::Atomic),
            (Some("0"), Some(true), Replace::AtomicOrInPlace),
        ] {
            let variables = variable.map(|value: &str| ("ANSIBLE_UNSAFE_WRITES".to_owned(), value.to_owned()));
            let live = Live::new(Context { environment: variables.into_iter().collect(), ..Context::default() });
            let given = given.map(|value: bool| ("unsafe_writes".to_owned(), value.into()));
            let args = FileArgs::from_map(&given.into_iter().collect()).unwrap();
            assert_eq!(args.wanted(&live.host()).unwrap().replace, expected, "{variable:?} {args:?}");
        }
    }

    #[test]
    fn flags_are_sets() {
        for (now, wanted, after) in [
            ("e", "+i", Some("ei")),
            ("ie", "+i", None),
            ("ie", "-i", Some("e")),
            ("e", "-i", None),
            ("ie", "ei", None),
            ("ie", "=e", Some("e")),
            ("", "a", Some("a")),
        ] {
            assert_eq!(flags_after(now, wanted).as_deref(), after, "{now} {wanted}");
        }
    }
}
