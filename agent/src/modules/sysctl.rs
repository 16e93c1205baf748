//! `sysctl`: a kernel parameter, in its file and in force.

use super::file_attributes::FileArgs;
use super::text_edit::{self, Edit};
use super::{Call, Module, Rule};
use crate::args::{Args as _, boolean};
use crate::host::{Command, Finished, Foresight, Host, HostError, HostResult};
use crate::outcome::{Failure, ModuleResult, Stop};
use crate::{args, choices};
use std::path::{Path, PathBuf};

choices! {
    /// Whether the file is to have the parameter.
    pub enum State {
        /// It has it, with the value.
        Present = "present",
        /// It has not.
        Absent = "absent",
    }
}

args! {
    /// What `sysctl` takes.
    pub struct Args {
        /// The parameter, with dots or slashes: `net.ipv4.ip_forward`.
        [aliases = ["key"]]
        name: String,
        /// Its value.
        [aliases = ["val"]]
        value: Option<String>,
        /// Whether the file is to have the parameter.
        state: State = State::Present,
        /// Let `sysctl -p` read the file where it changed, or where the value in force is another one.
        reload: bool = true,
        /// Set the value in force too (`sysctl -w`), where it is another one.
        sysctl_set: bool = false,
        /// Pass over parameters that the kernel does not know.
        ignoreerrors: bool = false,
        /// The file.
        sysctl_file: PathBuf = PathBuf::from("/etc/sysctl.conf"),
    }
}

/// The declaration.
pub static MODULE: Module = Module {
    name: "sysctl",
    aliases: &["ansible.posix.sysctl"],
    summary: "Set kernel parameters, for now and for each boot",
    args: Args::specs,
    rules: &[Rule::RequiredIf("state", "present", &["value"])],
    free_form: None,
    run: Some(run),
};

/// The file's line for a parameter, as (key, value); `None` for comments and what else is no setting.
fn setting(line: &str) -> Option<(&str, &str)> {
    let line = line.trim();
    if line.starts_with(['#', ';']) {
        return None;
    }
    line.split_once('=').map(|(key, value)| (key.trim(), value.trim()))
}

/// The parameter's file below `/proc/sys`. The first separator of a name decides which one it uses (sysctl(8)).
fn kernel_file(name: &str) -> PathBuf {
    let swapped = |c: char| match c {
        '.' => '/',
        '/' => '.',
        c => c,
    };
    let path: String = match name.find(['.', '/']) {
        Some(at) if name.as_bytes()[at] == b'.' => name.chars().map(swapped).collect(),
        _ => name.to_owned(),
    };
    Path::new("/proc/sys").join(path.trim_start_matches('/'))
}

/// The value in force; `None` where the kernel has no such parameter or does not tell.
fn in_force(host: &Host<'_>, name: &str) -> HostResult<Option<String>> {
    match host.files.read(&kernel_file(name)) {
        Ok(bytes) => Ok(Some(String::from_utf8_lossy(&bytes).trim().to_owned())),
        Err(HostError::Io { .. }) => Ok(None),
        Err(other) => Err(other),
    }
}

/// The kernel writes numbers of a list apart with tabs.
fn equal(one: &str, other: &str) -> bool {
    one.split_whitespace().eq(other.split_whitespace())
}

fn run(call: &Call<'_>) -> ModuleResult {
    let args: Args = call.args()?;
    let host = call.host;
    let given = args.value.as_deref().map(str::trim);
    if args.name.is_empty() {
        return Err(Stop::failed("name cannot be blank"));
    }
    let value = match (args.state, given) {
        (State::Present, None) => return Err(Stop::failed("value cannot be None")),
        (State::Present, Some("")) => return Err(Stop::failed("value cannot be blank")),
        (_, given) => match given.unwrap_or_default() {
            text if boolean(text) == Some(true) => "1",
            text if boolean(text) == Some(false) => "0",
            text => text,
        },
    };
    let edited = text_edit::read(host, &args.sysctl_file)?;
    let text = String::from_utf8(edited.before.clone().unwrap_or_default())
        .map_err(|_| Stop::failed(format!("{} is not UTF-8 text", args.sysctl_file.display())))?;
    let present = args.state == State::Present;
    let configured = text.lines().filter_map(setting).filter(|(key, _)| *key == args.name).map(|(_, v)| v).next_back();
    let writes = match configured {
        Some(configured) => !present || configured != value,
        None => present,
    };
    let running = in_force(host, &args.name)?;
    let differs = !running.as_deref().is_some_and(|running| equal(running, value));
    let sets = present && args.sysctl_set && differs;
    let reloads = args.reload && (writes || (present && differs) || sets);
    if sets {
        apply(host, &args, value)?;
    }
    let after = if writes { lines(&text, &args.name, present.then_some(value)) } else { text };
    let edit = Edit {
        after: Some(after.into_bytes()).filter(|after| writes || !after.is_empty()),
        message: String::new(),
        backup: false,
        validate: None,
        file: &FileArgs::default(),
        headers: text_edit::headers(&edited.shown),
    };
    let mut outcome = if writes { edited.finish(call, edit)?.0 } else { crate::outcome::Outcome::ok() };
    outcome.changed = writes || sets || (args.reload && present && differs);
    if reloads {
        reload(host, &args, &edited.path)?;
    }
    Ok(outcome)
}

/// The file's new text. Of a parameter that stands there twice the first line is kept, as Ansible does.
fn lines(text: &str, name: &str, value: Option<&str>) -> String {
    let (mut out, mut seen) = (String::new(), Vec::new());
    for line in text.split_inclusive('\n') {
        let Some((key, old)) = setting(line) else {
            out.push_str(line);
            continue;
        };
        if seen.contains(&key) {
            continue;
        }
        seen.push(key);
        match value {
            _ if key != name => out.push_str(&format!("{key}={old}\n")),
            Some(value) => out.push_str(&format!("{key}={value}\n")),
            None => {}
        }
    }
    if let Some(value) = value.filter(|_| !seen.contains(&name)) {
        if !out.is_empty() && !out.ends_with('\n') {
            out.push('\n');
        }
        out.push_str(&format!("{name}={value}\n"));
    }
    out
}

fn apply(host: &Host<'_>, args: &Args, value: &str) -> Result<(), Stop> {
    let mut argv = vec!["sysctl".to_owned()];
    argv.extend(args.ignoreerrors.then(|| "-e".to_owned()));
    argv.extend(["-w".to_owned(), format!("{}={value}", args.name)]);
    let command = Command::changing(argv, format!("whether the kernel takes {}={value}", args.name));
    let finished = host.processes.perform(&command, &|foresight| {
        foresight.must_be_root("setting a kernel parameter")?;
        foresee(host, foresight, &[(args.name.as_str(), value)], args.ignoreerrors)
    })?;
    judge(finished, &format!("setting {} failed", args.name))
}

fn reload(host: &Host<'_>, args: &Args, file: &Path) -> Result<(), Stop> {
    let mut argv = vec!["sysctl".to_owned()];
    argv.extend(args.ignoreerrors.then(|| "-e".to_owned()));
    argv.extend(["-p".to_owned(), file.to_string_lossy().into_owned()]);
    let command = Command::changing(argv, "what the kernel makes of its parameters");
    let finished = host.processes.perform(&command, &|foresight| {
        foresight.must_be_root("setting kernel parameters")?;
        let text = host.files.read(file)?;
        let text = String::from_utf8_lossy(&text);
        let settings: Vec<(&str, &str)> = text.lines().filter_map(setting).collect();
        foresee(host, foresight, &settings, args.ignoreerrors)
    })?;
    judge(finished, "Failed to reload sysctl")
}

/// What `sysctl` would do: the kernel has these values from then on, and refuses what it does not know.
fn foresee(
    host: &Host<'_>,
    foresight: &dyn Foresight,
    settings: &[(&str, &str)],
    ignore: bool,
) -> HostResult<Finished> {
    let mut complaints = String::new();
    for (name, value) in settings {
        let optional = ignore || name.starts_with('-');
        let path = kernel_file(name.trim_start_matches('-'));
        if host.files.stat(&path, true)?.is_none() {
            if !optional {
                complaints += &format!("sysctl: cannot stat {}: No such file or directory\n", path.display());
            }
        } else if !host.files.access(&path, false, true, false)? {
            complaints += &format!("sysctl: setting key \"{name}\": Read-only file system\n");
        } else {
            foresight.kernel_says(&path, format!("{value}\n").as_bytes())?;
        }
    }
    let status = if complaints.is_empty() { 0 } else { 1 };
    Ok(Finished { status, stdout: Vec::new(), stderr: complaints.into_bytes() })
}

fn judge(finished: Finished, what: &str) -> Result<(), Stop> {
    let said = finished.stderr_text();
    // Some versions end well all the same.
    if finished.status == 0 && !said.contains("Invalid argument") && !said.contains("Read-only file system") {
        return Ok(());
    }
    let shown = format!("{}{said}", finished.stdout_text());
    Err(Failure::new(format!("{what}: {}", shown.trim())).with("rc", finished.status).into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::Context;
    use crate::host::shadow::Shadow;
    use serde_json::json;

    #[test]
    fn names_are_files_of_the_kernel() {
        assert_eq!(
            kernel_file("net.ipv4.conf.eth0/100.forwarding"),
            Path::new("/proc/sys/net/ipv4/conf/eth0.100/forwarding")
        );
        assert_eq!(
            kernel_file("net/ipv4/conf/eth0.100/forwarding"),
            Path::new("/proc/sys/net/ipv4/conf/eth0.100/forwarding")
        );
    }

    #[test]
    fn lines_of_others_stay_and_doubles_go() {
        let text = "# c\nvm.a = 1\nvm.b=2\nvm.a=3\n; d";
        assert_eq!(lines(text, "vm.a", Some("4")), "# c\nvm.a=4\nvm.b=2\n; d");
        assert_eq!(lines(text, "vm.c", Some("4")), "# c\nvm.a=1\nvm.b=2\n; d\nvm.c=4\n");
        assert_eq!(lines(text, "vm.b", None), "# c\nvm.a=1\n; d");
    }

    #[test]
    fn a_dry_run_remembers_the_value_in_force() {
        let directory = tempfile::tempdir().unwrap();
        let shadow = Shadow::new(Context::default(), std::sync::Arc::default());
        let host = shadow.host();
        let file = directory.path().join("sysctl.conf");
        let path = Path::new("/proc/sys/kernel/printk_ratelimit");
        let live = std::fs::read_to_string(path).unwrap();
        let args = json!({"name": "kernel.printk_ratelimit", "value": 77, "sysctl_set": true, "sysctl_file": file});
        let run = |args: &serde_json::Value| run(&Call::new(args.as_object().unwrap(), &host));
        if !host.files.access(path, false, true, false).unwrap() {
            return;
        }
        assert!(run(&args).unwrap().changed);
        assert!(!run(&args).unwrap().changed);
        assert_eq!(host.files.read(path).unwrap(), b"77\n");
        assert_eq!(std::fs::read_to_string(path).unwrap(), live);
        assert!(!file.exists());
        let unknown = json!({"name": "no.such.parameter", "value": 1, "sysctl_file": file});
        assert!(matches!(run(&unknown), Err(Stop::Failed(failure)) if failure.msg.contains("No such file")));
    }
}
