//! `user`: the host's users.

use super::group::id;
use super::user_change::{self, Wanted};
use super::user_home;
use super::user_ssh_key::{self, KeyWanted};
use super::{Call, Module, Rule};
use crate::args::Args as _;
use crate::host::{Host, NewUser, User, UserChange};
use crate::outcome::{Diff, ModuleResult, Outcome, Stop};
use crate::{args, choices};
use serde_json::{Map, Value, json};
use std::path::PathBuf;

choices! {
    /// Whether the user is to be there.
    pub enum State {
        /// There, as the other arguments say.
        Present = "present",
        /// Not there.
        Absent = "absent",
    }
}

choices! {
    /// When a password is set.
    pub enum UpdatePassword {
        /// Whenever it differs.
        Always = "always",
        /// Only for a new user.
        OnCreate = "on_create",
    }
}

args! {
    /// What `user` takes.
    pub struct Args {
        /// The user's name.
        [aliases = ["user"]]
        name: String,
        /// Whether the user is to be there.
        state: State = State::Present,
        /// The user's number.
        uid: Option<u64>,
        /// Allow a number that another user has.
        non_unique: bool = false,
        /// The primary group: a name, or a number.
        group: Option<String>,
        /// The supplementary groups. The user leaves all others unless `append` is set; an empty text means none.
        groups: Option<Vec<String>>,
        /// Keep the supplementary groups that the user is in besides `groups`.
        append: bool = false,
        /// The comment (GECOS): a full name, mostly.
        comment: Option<String>,
        /// The home directory.
        home: Option<PathBuf>,
        /// Move what is in the old home to the new one, where that is not there yet.
        move_home: bool = false,
        /// Make the home directory where it is missing, for a new user and for one that is there already.
        [aliases = ["createhome"]]
        create_home: bool = true,
        /// Where a new home's files come from, instead of `/etc/skel`.
        skeleton: Option<PathBuf>,
        /// The mode of a new home is 0777 less this (octal). Not with `local`.
        umask: Option<String>,
        /// The login shell.
        shell: Option<PathBuf>,
        /// The password's hash, as `/etc/shadow` has it. `!` and `*` mean that no password fits.
        [secret]
        password: Option<String>,
        /// When to set the password: whenever it differs, or only for a new user.
        update_password: UpdatePassword = UpdatePassword::Always,
        /// Lock the password, or unlock it. Other ways in stay open.
        password_lock: Option<bool>,
        /// When the account expires: seconds since 1970; a negative number for never.
        expires: Option<f64>,
        /// Most days between changes of the password.
        password_expire_max: Option<i64>,
        /// Fewest days between changes of the password.
        password_expire_min: Option<i64>,
        /// Days of warning before the password expires.
        password_expire_warn: Option<i64>,
        /// Days between the password's expiry and the account's lock.
        password_expire_account_disable: Option<i64>,
        /// Take a number of the system's range for a new user.
        system: bool = false,
        /// With `state: absent`, remove the user even while logged in; with `generate_ssh_key`, replace a key that is there.
        force: bool = false,
        /// With `state: absent`, remove the home directory and the mail too.
        remove: bool = false,
        /// Only look at and change the local files, where the host takes users from a directory service too.
        local: bool = false,
        /// Lowest number that a new user may get. Not with `local`.
        uid_min: Option<u64>,
        /// Highest number that a new user may get. Not with `local`.
        uid_max: Option<u64>,
        /// The SELinux user that the login maps to.
        seuser: Option<String>,
        /// Make a key pair for SSH where there is none.
        generate_ssh_key: bool = false,
        /// The key's file, relative to the home directory; `.ssh/id_TYPE` where not given.
        ssh_key_file: Option<PathBuf>,
        /// The key's type.
        ssh_key_type: String = "rsa".to_owned(),
        /// The key's length in bits.
        ssh_key_bits: Option<u64>,
        /// The key's comment; `ansible-generated on HOST` where not given.
        ssh_key_comment: Option<String>,
        /// The key's passphrase; none where not given.
        [secret]
        ssh_key_passphrase: Option<String>,
        /// For BSD: without effect on Linux.
        login_class: Option<String>,
        /// For macOS: without effect on Linux.
        hidden: Option<bool>,
        /// For Solaris: without effect on Linux.
        profile: Option<String>,
        /// For Solaris: without effect on Linux.
        authorization: Option<String>,
        /// For Solaris: without effect on Linux.
        role: Option<String>,
    }
}

/// The declaration.
pub static MODULE: Module = Module {
    name: "user",
    aliases: &[],
    summary: "Add, change and remove users",
    args: Args::specs,
    rules: &[
        Rule::MutuallyExclusive(&["local", "umask"]),
        Rule::MutuallyExclusive(&["local", "uid_min"]),
        Rule::MutuallyExclusive(&["local", "uid_max"]),
    ],
    free_form: None,
    run: Some(|call: &Call<'_>| run(call.args()?, call.host)),
};

fn run(args: Args, host: &Host<'_>) -> ModuleResult {
    if args.name.is_empty() {
        return Err(Stop::failed("`name` is empty: give the user's name"));
    }
    if args.local && (args.umask.is_some() || args.uid_min.is_some() || args.uid_max.is_some()) {
        return Err(Stop::failed("`umask`, `uid_min` and `uid_max` can't be used with `local`"));
    }
    let found = host.accounts.user(&args.name)?;
    let mut outcome = match (args.state, found) {
        (State::Absent, found) => absent(&args, found, host)?,
        (State::Present, None) => create(&args, host)?,
        (State::Present, Some(user)) => change(&args, &user, host)?,
    };
    outcome = outcome.with("name", args.name.clone()).with("state", args.state.word());
    for warning in warnings(&args) {
        outcome = outcome.warn(warning);
    }
    Ok(outcome)
}

fn warnings(args: &Args) -> Vec<String> {
    let foreign = [
        ("login_class", args.login_class.is_some(), "BSD"),
        ("hidden", args.hidden.is_some(), "macOS"),
        ("profile", args.profile.is_some(), "Solaris"),
        ("authorization", args.authorization.is_some(), "Solaris"),
        ("role", args.role.is_some(), "Solaris"),
    ];
    let mut warnings: Vec<String> = foreign
        .into_iter()
        .filter(|(_, given, _)| *given)
        .map(|(name, _, system)| format!("`{name}` is for {system} and has no effect on Linux"))
        .collect();
    if args.password.as_deref().is_some_and(|password| !user_change::looks_hashed(password)) {
        warnings.push(
            "The input password appears not to have been hashed. The 'password' argument must be encrypted for this \
             module to work properly."
                .to_owned(),
        );
    }
    warnings
}

fn absent(args: &Args, found: Option<User>, host: &Host<'_>) -> ModuleResult {
    let Some(user) = found else { return Ok(Outcome::ok()) };
    host.accounts.remove_user(&args.name, args.remove, args.force)?;
    let mut before = described(&user);
    if args.remove {
        before.insert("home_directory".to_owned(), "present".into());
    }
    Ok(Outcome::changed(true).with("force", args.force).with("remove", args.remove).with_diff(difference(
        &args.name,
        before,
        Map::new(),
    )))
}

fn create(args: &Args, host: &Host<'_>) -> ModuleResult {
    let fields = wanted(args)?.for_new_user(host)?;
    if args.create_home
        && let Some(parent) = args.home.as_deref().and_then(|home| home.parent())
    {
        user_home::create_parents(host, parent)?;
    }
    host.accounts.add_user(&NewUser {
        name: args.name.clone(),
        fields: fields.clone(),
        create_home: args.create_home,
        skeleton: args.skeleton.as_ref().map(|path| path.to_string_lossy().into_owned()),
        umask: args.umask.clone(),
        system: args.system,
        local: args.local,
        uid_min: id("uid_min", args.uid_min)?,
        uid_max: id("uid_max", args.uid_max)?,
    })?;
    let user = now(args, host)?;
    let mut after = described(&user);
    after.extend(user_change::described(&fields).into_iter().filter(|(name, _)| !after_has(&user, name)));
    let outcome = Outcome::changed(true)
        .with("system", args.system)
        .with("create_home", args.create_home)
        .with_diff(difference(&args.name, Map::new(), after));
    finish(args, &user, outcome, host)
}

/// Whether a field of the diff is one of the account's own, which [`described`] shows already.
fn after_has(user: &User, field: &str) -> bool {
    described(user).contains_key(field)
}

fn change(args: &Args, user: &User, host: &Host<'_>) -> ModuleResult {
    let wanted = wanted(args)?;
    let plan = wanted.against(user, host, args.update_password == UpdatePassword::Always)?;
    let mut outcome = Outcome::changed(plan.is_some());
    if let Some((change, before, after)) = plan {
        host.accounts.change_user(&args.name, &change)?;
        outcome = outcome.with_diff(difference(&args.name, before, after));
    }
    let user = now(args, host)?;
    if args.create_home && host.files.stat(&user.home, true)?.is_none() {
        user_home::create(host, &user, args.skeleton.as_deref(), args.umask.as_deref())?;
        outcome.changed = true;
        let path = user.home.to_string_lossy();
        let state =
            |state: &str| Map::from_iter([("path".to_owned(), json!(path)), ("state".to_owned(), json!(state))]);
        outcome = outcome.with_diff(difference(&args.name, state("absent"), state("directory")));
    }
    finish(args, &user, outcome.with("append", args.append).with("move_home", args.move_home), host)
}

/// What is the same for new and for old users: the key, and the account as it is now.
fn finish(args: &Args, user: &User, mut outcome: Outcome, host: &Host<'_>) -> ModuleResult {
    outcome = outcome
        .with("uid", user.uid)
        .with("group", user.gid)
        .with("comment", user.comment.clone())
        .with("home", user.home.to_string_lossy())
        .with("shell", user.shell.clone());
    if let Some(groups) = &args.groups {
        outcome = outcome.with("groups", groups.join(","));
    }
    if args.password.is_some() {
        outcome = outcome.with("password", "NOT_LOGGING_PASSWORD");
    }
    if args.generate_ssh_key {
        let key = KeyWanted {
            file: args.ssh_key_file.as_deref(),
            kind: &args.ssh_key_type,
            bits: args.ssh_key_bits,
            comment: args.ssh_key_comment.as_deref(),
            passphrase: args.ssh_key_passphrase.as_deref().unwrap_or_default(),
            force: args.force,
        };
        outcome = user_ssh_key::ensure(host, user, &key, outcome)?;
    }
    Ok(outcome)
}

fn now(args: &Args, host: &Host<'_>) -> Result<User, Stop> {
    let user = host.accounts.user(&args.name)?;
    user.ok_or_else(|| Stop::failed(format!("user {} is not there after it was added", args.name)))
}

fn wanted(args: &Args) -> Result<Wanted, Stop> {
    Ok(Wanted {
        uid: id("uid", args.uid)?,
        non_unique: args.non_unique,
        group: args.group.clone(),
        groups: args.groups.as_ref().map(|groups| groups.iter().filter(|group| !group.is_empty()).cloned().collect()),
        append: args.append,
        comment: args.comment.clone(),
        home: args.home.clone(),
        move_home: args.move_home,
        shell: args.shell.as_ref().map(|path| path.to_string_lossy().into_owned()),
        password: args.password.clone(),
        password_lock: args.password_lock,
        expires: args.expires,
        ages: UserChange {
            max_days: args.password_expire_max,
            min_days: args.password_expire_min,
            warn_days: args.password_expire_warn,
            inactive_days: args.password_expire_account_disable,
            ..UserChange::default()
        },
        selinux_user: args.seuser.clone(),
    })
}

fn described(user: &User) -> Map<String, Value> {
    Map::from_iter([
        ("name".to_owned(), json!(user.name)),
        ("uid".to_owned(), json!(user.uid)),
        ("group".to_owned(), json!(user.gid)),
        ("comment".to_owned(), json!(user.comment)),
        ("home".to_owned(), json!(user.home.to_string_lossy())),
        ("shell".to_owned(), json!(user.shell)),
    ])
}

fn difference(name: &str, before: Map<String, Value>, after: Map<String, Value>) -> Diff {
    Diff::of_state(&format!("user {name}"), before.into(), after.into())
}
