//! `authorized_key`: keys by which a user may log in.

use super::authorized_keys::{Key, KeyFile};
use super::file_attributes::describe;
use super::file_content::{content_diff, make_directories};
use super::lineinfile::State;
use super::url_args::failed;
use super::{Call, Module, host_path};
use crate::args;
use crate::args::Args as _;
use crate::host::{Host, Kind, User, WriteOptions};
use crate::http::{Client, Request, Settings, Url};
use crate::outcome::{ModuleResult, Outcome, Stop};
use std::path::{Path, PathBuf};

args! {
    /// What `authorized_key` takes.
    pub struct Args {
        /// The user who may log in.
        user: String,
        /// The public keys, a line each, or the URL of such lines.
        key: String,
        /// The file, instead of `.ssh/authorized_keys` in the user's home.
        path: Option<PathBuf>,
        /// Make the directory of the file, or give it to the user with mode 0700.
        manage_dir: bool = true,
        /// Whether the keys are to be there.
        state: State = State::Present,
        /// Options to set before each key: `no-pty,command="..."`.
        key_options: Option<String>,
        /// Remove all other keys.
        exclusive: bool = false,
        /// Check the certificate of the URL's server.
        validate_certs: bool = true,
        /// The comment to set on the keys.
        comment: Option<String>,
        /// Where the file is a link, write what it points to.
        follow: bool = false,
    }
}

/// The declaration.
pub static MODULE: Module = Module {
    name: "authorized_key",
    aliases: &["ansible.posix.authorized_key"],
    summary: "Add and remove SSH keys by which a user may log in",
    args: Args::specs,
    rules: &[],
    free_form: None,
    run: Some(run),
};

fn run(call: &Call<'_>) -> ModuleResult {
    let args: Args = call.args()?;
    let host = call.host;
    let text = match args.key.starts_with("http") {
        true => fetch(host, &args.key, args.validate_certs)?,
        false => args.key.clone(),
    };
    let mut wanted = Vec::new();
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')) {
        let mut key = Key::parse(line).ok_or_else(|| Stop::failed(format!("invalid key specified: {line}")))?;
        if let Some(options) = &args.key_options {
            key.options = Key::options(options);
        }
        if let Some(comment) = &args.comment {
            key.comment.clone_from(comment);
        }
        wanted.push(key);
    }
    let user = host.accounts.user(&args.user)?;
    let shown = place(host, &args, user.as_ref())?;
    let path = if args.follow { host.files.canonical(&shown)? } else { shown.clone() };
    let before = match host.files.stat(&path, true)? {
        Some(_) => Some(host.files.read(&path)?),
        None => None,
    };
    let old = String::from_utf8_lossy(before.as_deref().unwrap_or_default()).into_owned();
    let mut file = KeyFile::parse(&old);
    let edited = match args.state {
        State::Present => file.add(&wanted, args.exclusive),
        State::Absent => file.remove(&wanted),
    };
    let mut outcome = Outcome::changed(edited);
    if edited {
        let new = file.text();
        write(host, &args, &path, user.as_ref(), new.as_bytes())?;
        if call.diff {
            let header = shown.to_string_lossy();
            outcome = outcome.with_diff(content_diff(&header, &header, before.as_deref(), Some(new.as_bytes())));
        }
    }
    let told = args.path.is_some();
    outcome = outcome
        .with("user", args.user)
        .with("key", text)
        .with("path", args.path.map(|path| path.to_string_lossy().into_owned()))
        .with("keyfile", shown.to_string_lossy())
        .with("manage_dir", args.manage_dir)
        .with("state", args.state.word())
        .with("key_options", args.key_options)
        .with("exclusive", args.exclusive)
        .with("comment", args.comment)
        .with("validate_certs", args.validate_certs)
        .with("follow", args.follow);
    // As Ansible does it for results that name a path.
    if told {
        describe(host, &shown, &mut outcome.result)?;
    }
    Ok(outcome)
}

fn fetch(host: &Host<'_>, url: &str, validate_certs: bool) -> Result<String, Stop> {
    let cannot = |why: String| Stop::failed(format!("Error getting key from: {url}: {why}"));
    let settings = Settings { validate_certs, spool: host.files.temporary_dir(), ..Settings::default() };
    let parsed = Url::parse(url).map_err(cannot)?;
    let answer = failed(Client::new(host, &settings).fetch(Request::get(parsed)))?.map_err(cannot)?;
    if answer.status != 200 {
        return Err(cannot(format!("the server says {} {}", answer.status, answer.reason)));
    }
    Ok(String::from_utf8_lossy(&answer.body).into_owned())
}

/// The file that holds the user's keys.
fn place(host: &Host<'_>, args: &Args, user: Option<&User>) -> Result<PathBuf, Stop> {
    Ok(match (&args.path, user) {
        (Some(path), _) => host_path::absolute(host, path)?,
        (None, Some(user)) => user.home.join(".ssh/authorized_keys"),
        // Perhaps an account that a package brings by then.
        (None, None) => host.accounts.known_user(&args.user).map(|user| user.home.join(".ssh/authorized_keys"))?,
    })
}

fn write(host: &Host<'_>, args: &Args, path: &Path, user: Option<&User>, content: &[u8]) -> Result<(), Stop> {
    let Some(user) = user else {
        return Err(Stop::failed(format!("Failed to lookup user {}: there is no such user on this host", args.user)));
    };
    let (uid, gid) = (Some(user.uid), Some(user.gid));
    if let Some(directory) = path.parent() {
        match host.files.stat(directory, true)? {
            None if !args.manage_dir => drop(make_directories(host, directory, None)?),
            None => {
                host.files.create_dir(directory, Some(0o700))?;
                host.files.set_owner(directory, uid, gid, true)?;
            }
            Some(stat) if stat.kind != Kind::Directory => {
                return Err(Stop::failed(format!("{} is no directory", directory.display())));
            }
            Some(stat) if args.manage_dir && args.state == State::Present => {
                if (stat.uid, stat.gid) != (user.uid, user.gid) {
                    host.files.set_owner(directory, uid, gid, true)?;
                }
                if stat.mode != 0o700 {
                    host.files.set_mode(directory, 0o700, true)?;
                }
            }
            Some(_) => {}
        }
    }
    // Only who owns the account may add to its keys.
    Ok(host.files.write(path, content, &WriteOptions { mode: Some(0o600), uid, gid, ..WriteOptions::default() })?)
}
