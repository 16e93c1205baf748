//! `hostname`: the host's name, now and after each boot.

use super::{Call, Module};
use crate::args::Args as _;
use crate::facts::full_name;
use crate::host::{Command, Finished, Foresight, Host, HostResult, WriteOptions};
use crate::outcome::{Diff, ModuleResult, Outcome, Stop};
use crate::{args, choices};
use serde_json::{Map, Value};
use std::path::Path;

choices! {
    /// How the name is kept.
    pub enum Strategy {
        /// `/etc/hostname`.
        Alpine = "alpine",
        /// `/etc/hostname`.
        Debian = "debian",
        /// Not on Linux.
        Freebsd = "freebsd",
        /// `/etc/hostname`.
        Generic = "generic",
        /// Not on Linux.
        Macos = "macos",
        /// Not on Linux.
        Macosx = "macosx",
        /// Not on Linux.
        Darwin = "darwin",
        /// Not on Linux.
        Openbsd = "openbsd",
        /// `/etc/conf.d/hostname`.
        Openrc = "openrc",
        /// `/etc/sysconfig/network`.
        Redhat = "redhat",
        /// `/etc/HOSTNAME`.
        Sles = "sles",
        /// Not on Linux.
        Solaris = "solaris",
        /// `hostnamectl`.
        Systemd = "systemd",
    }
}

args! {
    /// What `hostname` takes.
    pub struct Args {
        /// The name.
        name: String,
        /// How the name is kept, instead of what fits the host.
        [name = "use"]
        strategy: Option<Strategy>,
    }
}

/// The declaration.
pub static MODULE: Module = Module {
    name: "hostname",
    aliases: &[],
    summary: "Set the host's name",
    args: Args::specs,
    rules: &[],
    free_form: None,
    run: Some(run),
};

/// The name in force.
const KERNEL: &str = "/proc/sys/kernel/hostname";
/// The longest name that the kernel takes.
const LONGEST: usize = 64;

/// Where the name is kept for the next boot.
enum Keeper {
    /// `hostnamectl` keeps it in `/etc/hostname`.
    Systemd,
    /// A file that holds nothing else.
    File(&'static str),
    /// A setting of a file of shell variables; quoted or not.
    Setting { file: &'static str, key: &'static str, quoted: bool },
}

fn run(call: &Call<'_>) -> ModuleResult {
    let args: Args = call.args()?;
    let host = call.host;
    if args.name.len() > LONGEST || args.name.is_empty() {
        return Err(Stop::failed(format!("name cannot be longer than {LONGEST} characters, and not empty")));
    }
    let keeper = Keeper::of(host, args.strategy)?;
    let now = text(host, KERNEL)?.trim().to_owned();
    let kept = keeper.read(host)?;
    if now != args.name {
        keeper.set(host, &args.name)?;
    }
    if kept != args.name {
        keeper.keep(host, &args.name)?;
    }
    let changed = now != args.name || kept != args.name;
    let full = full_name(host, &args.name);
    let short = args.name.split('.').next().unwrap_or_default().to_owned();
    let domain = full.split_once('.').map(|(_, domain)| domain.to_owned()).unwrap_or_default();
    let facts = [
        ("ansible_hostname", short),
        ("ansible_nodename", args.name.clone()),
        ("ansible_fqdn", full),
        ("ansible_domain", domain),
    ];
    let facts: Map<String, Value> = facts.map(|(name, value)| (name.to_owned(), value.into())).into_iter().collect();
    let mut outcome = Outcome { facts, ..Outcome::changed(changed) }.with("name", args.name.clone());
    if changed {
        let before = if now != args.name { now } else { kept };
        let line = |name: &str| format!("hostname = {name}\n");
        outcome = outcome.with_diff(Diff::text("hostname", &line(&before), &line(&args.name)));
    }
    Ok(outcome)
}

fn text(host: &Host<'_>, path: &str) -> HostResult<String> {
    match host.files.read(Path::new(path)) {
        Ok(bytes) => Ok(String::from_utf8_lossy(&bytes).into_owned()),
        Err(error) if error.is_not_found() => Ok(String::new()),
        Err(error) => Err(error),
    }
}

impl Keeper {
    fn of(host: &Host<'_>, strategy: Option<Strategy>) -> Result<Keeper, Stop> {
        let exists = |path: &str| host.files.stat(Path::new(path), true).map(|stat| stat.is_some());
        Ok(match strategy {
            Some(Strategy::Systemd) => Keeper::Systemd,
            Some(Strategy::Alpine | Strategy::Debian | Strategy::Generic) => Keeper::File("/etc/hostname"),
            Some(Strategy::Sles) => Keeper::File("/etc/HOSTNAME"),
            Some(Strategy::Openrc) => Keeper::Setting { file: "/etc/conf.d/hostname", key: "hostname", quoted: true },
            Some(Strategy::Redhat) => {
                Keeper::Setting { file: "/etc/sysconfig/network", key: "HOSTNAME", quoted: false }
            }
            Some(other) => {
                return Err(Stop::failed(format!(
                    "`use`: {} is a strategy for other systems than Linux",
                    other.word()
                )));
            }
            None if host.units.manager()? == "systemd" && host.processes.which("hostnamectl")?.is_some() => {
                Keeper::Systemd
            }
            None if exists("/etc/conf.d/hostname")? => {
                Keeper::Setting { file: "/etc/conf.d/hostname", key: "hostname", quoted: true }
            }
            None if exists("/etc/HOSTNAME")? && !exists("/etc/hostname")? => Keeper::File("/etc/HOSTNAME"),
            None => Keeper::File("/etc/hostname"),
        })
    }

    /// The name for the next boot; empty where there is none.
    fn read(&self, host: &Host<'_>) -> HostResult<String> {
        match self {
            Keeper::Systemd => Ok(first_name(&text(host, "/etc/hostname")?)),
            Keeper::File(file) => Ok(first_name(&text(host, file)?)),
            Keeper::Setting { file, key, .. } => {
                let text = text(host, file)?;
                let value = text.lines().filter_map(|line| assignment(line, key)).next_back();
                Ok(value.unwrap_or_default().trim_matches(['"', '\'']).to_owned())
            }
        }
    }

    fn set(&self, host: &Host<'_>, name: &str) -> Result<(), Stop> {
        let argv = match self {
            Keeper::Systemd => vec!["hostnamectl", "--transient", "set-hostname", name],
            Keeper::File(_) | Keeper::Setting { .. } => vec!["hostname", name],
        };
        perform(host, argv, &|foresight| foresight.kernel_says(Path::new(KERNEL), format!("{name}\n").as_bytes()))
    }

    fn keep(&self, host: &Host<'_>, name: &str) -> Result<(), Stop> {
        let options = WriteOptions::default();
        match self {
            Keeper::Systemd => perform(host, vec!["hostnamectl", "--static", "set-hostname", name], &|_| {
                let options = WriteOptions { mode: Some(0o644), ..options };
                host.files.write(Path::new("/etc/hostname"), format!("{name}\n").as_bytes(), &options)
            }),
            Keeper::File(file) => Ok(host.files.write(Path::new(file), format!("{name}\n").as_bytes(), &options)?),
            Keeper::Setting { file, key, quoted } => {
                let old = text(host, file)?;
                let quote = if *quoted { "\"" } else { "" };
                let line = format!("{key}={quote}{name}{quote}\n");
                let mut new: String = old
                    .split_inclusive('\n')
                    .map(|current| if assignment(current, key).is_some() { line.as_str() } else { current })
                    .collect();
                if !old.lines().any(|current| assignment(current, key).is_some()) {
                    new.push_str(if new.is_empty() || new.ends_with('\n') { "" } else { "\n" });
                    new.push_str(&line);
                }
                Ok(host.files.write(Path::new(file), new.as_bytes(), &options)?)
            }
        }
    }
}

/// The first line that is a name.
fn first_name(text: &str) -> String {
    text.lines().map(str::trim).find(|line| !line.is_empty() && !line.starts_with('#')).unwrap_or_default().to_owned()
}

fn assignment<'a>(line: &'a str, key: &str) -> Option<&'a str> {
    line.trim().strip_prefix(key)?.strip_prefix('=')
}

fn perform(host: &Host<'_>, argv: Vec<&str>, foresee: &dyn Fn(&dyn Foresight) -> HostResult<()>) -> Result<(), Stop> {
    let shown = argv.join(" ");
    let command = Command::changing(argv, format!("what `{shown}` does"));
    let finished = host.processes.perform(&command, &|foresight| {
        foresight.must_be_root("setting the host's name")?;
        foresee(foresight).map(|()| Finished::saying(""))
    })?;
    match finished.status {
        0 => Ok(()),
        status => Err(Stop::failed(format!("`{shown}` ended with status {status}: {}", finished.stderr_text().trim()))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::Context;
    use crate::host::shadow::Shadow;
    use serde_json::json;

    #[test]
    fn a_name_that_is_foreseen_is_the_name_for_later_tasks() {
        let shadow = Shadow::new(Context::default(), std::sync::Arc::default());
        let host = shadow.host();
        if host.accounts.whoami().unwrap().uid != 0 {
            return;
        }
        let live = std::fs::read(KERNEL).unwrap();
        let args = json!({"name": "refit.example.org", "use": "debian"});
        let call = || run(&Call::new(args.as_object().unwrap(), &host)).unwrap();
        let first = call();
        assert!(first.changed && first.facts["ansible_hostname"] == "refit");
        assert_eq!(first.diff[0].after, "hostname = refit.example.org\n");
        assert!(!call().changed);
        assert_eq!(std::fs::read(KERNEL).unwrap(), live);
    }

    #[test]
    fn settings_are_replaced_in_their_lines() {
        assert_eq!(assignment("HOSTNAME=a.b\n", "HOSTNAME"), Some("a.b"));
        assert_eq!(assignment("#HOSTNAME=a.b", "HOSTNAME"), None);
        assert_eq!(first_name("# a comment\n\nname\n"), "name");
    }
}
