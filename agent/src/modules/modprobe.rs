//! `modprobe`: the kernel's modules, loaded now and at each boot.

use super::command_line;
use super::file_content::content_diff;
use super::lineinfile::State;
use super::{Call, Module};
use crate::args::Args as _;
use crate::host::{Command, Finished, Host, HostResult, WriteOptions};
use crate::outcome::{ModuleResult, Outcome, Stop};
use crate::{args, choices};
use std::path::{Path, PathBuf};

choices! {
    /// Whether the module is loaded at each boot.
    pub enum Persistent {
        /// As it is.
        Disabled = "disabled",
        /// It is not.
        Absent = "absent",
        /// It is.
        Present = "present",
    }
}

args! {
    /// What `modprobe` takes.
    pub struct Args {
        /// The module.
        name: String,
        /// Whether it is loaded.
        state: State = State::Present,
        /// Its parameters.
        params: String = String::new(),
        /// Whether it is loaded at each boot, by files in `/etc/modules-load.d` and `/etc/modprobe.d`.
        persistent: Persistent = Persistent::Disabled,
    }
}

/// The declaration.
pub static MODULE: Module = Module {
    name: "modprobe",
    aliases: &["community.general.modprobe"],
    summary: "Load and unload modules of the kernel",
    args: Args::specs,
    rules: &[],
    free_form: None,
    run: Some(run),
};

const LOADED: &str = "/proc/modules";
const LOADED_AT_BOOT: &str = "/etc/modules-load.d";
const OPTIONS: &str = "/etc/modprobe.d";

/// Modules go by either letter.
fn same(one: &str, other: &str) -> bool {
    one.replace('-', "_") == other.replace('-', "_")
}

fn run(call: &Call<'_>) -> ModuleResult {
    let args: Args = call.args()?;
    let host = call.host;
    let mut outcome = Outcome::ok();
    let there = loaded(host, &args.name)?;
    match (args.state, there) {
        (State::Present, false) => {
            let mut argv = vec!["modprobe".to_owned(), args.name.clone()];
            argv.extend(command_line::split(&args.params).map_err(|why| Stop::failed(format!("`params`: {why}")))?);
            change(host, argv, |text| format!("{text}{} 0 0 - Live 0x0\n", args.name.replace('-', "_")))?;
            outcome.changed = true;
        }
        (State::Absent, true) => {
            let argv = vec!["modprobe".to_owned(), "-r".to_owned(), args.name.clone()];
            change(host, argv, |text| {
                let is = |line: &&str| line.split(' ').next().is_none_or(|name| !same(name, &args.name));
                text.split_inclusive('\n').filter(is).collect()
            })?;
            outcome.changed = true;
        }
        _ => {}
    }
    match args.persistent {
        Persistent::Disabled => {}
        Persistent::Present => persist(call, &args, &mut outcome)?,
        Persistent::Absent => forget(call, &args, &mut outcome)?,
    }
    Ok(outcome.with("name", args.name).with("params", args.params).with("state", args.state.word()))
}

/// Whether it is loaded, or a part of the kernel itself.
fn loaded(host: &Host<'_>, name: &str) -> Result<bool, Stop> {
    let modules = host.files.read(Path::new(LOADED))?;
    let text = String::from_utf8_lossy(&modules);
    if text.lines().any(|line| line.split(' ').next().is_some_and(|module| same(module, name))) {
        return Ok(true);
    }
    let release = rustix::system::uname().release().to_string_lossy().into_owned();
    let built_in = PathBuf::from(format!("/lib/modules/{release}/modules.builtin"));
    match host.files.read(&built_in) {
        Ok(list) => Ok(String::from_utf8_lossy(&list).lines().any(|line| {
            let file = line.rsplit('/').next().unwrap_or_default();
            file.split(".ko").next().is_some_and(|module| same(module, name))
        })),
        Err(error) if error.is_not_found() => Ok(false),
        Err(error) => Err(error.into()),
    }
}

fn change(host: &Host<'_>, argv: Vec<String>, after: impl Fn(&str) -> String) -> Result<(), Stop> {
    let shown = argv.join(" ");
    let command = Command::changing(argv.iter().cloned(), format!("what `{shown}` does"));
    let finished = host.processes.perform(&command, &|foresight| {
        foresight.must_be_root("loading and unloading modules of the kernel")?;
        let mut trial = vec![argv[0].clone(), "--dry-run".to_owned()];
        trial.extend(argv[1..].iter().cloned());
        let tried: Finished = host.processes.run(&Command::reading(trial))?;
        if tried.status == 0 {
            let text = host.files.read(Path::new(LOADED))?;
            foresight.kernel_says(Path::new(LOADED), after(&String::from_utf8_lossy(&text)).as_bytes())?;
        }
        Ok(tried)
    })?;
    match finished.status {
        0 => Ok(()),
        status => Err(crate::outcome::Failure::new(finished.stderr_text().trim().to_owned())
            .with("rc", status)
            .with("stdout", finished.stdout_text())
            .with("stderr", finished.stderr_text())
            .into()),
    }
}

/// The files of a directory that end with `.conf`, with their text.
fn files(host: &Host<'_>, directory: &str) -> HostResult<Vec<(PathBuf, String)>> {
    let names = match host.files.list(Path::new(directory)) {
        Ok(names) => names,
        Err(error) if error.is_not_found() => Vec::new(),
        Err(error) => return Err(error),
    };
    let paths = names.into_iter().map(|name| Path::new(directory).join(name));
    paths
        .filter(|path| path.extension().is_some_and(|extension| extension == "conf"))
        .map(|path| Ok((path.clone(), String::from_utf8_lossy(&host.files.read(&path)?).into_owned())))
        .collect()
}

fn put(call: &Call<'_>, path: &Path, before: Option<&str>, after: &str, outcome: &mut Outcome) -> Result<(), Stop> {
    if let Some(directory) = path.parent() {
        super::file_content::make_directories(call.host, directory, None)?;
    }
    let options = WriteOptions { mode: before.is_none().then_some(0o644), ..WriteOptions::default() };
    call.host.files.write(path, after.as_bytes(), &options)?;
    outcome.changed = true;
    if call.diff {
        let shown = path.to_string_lossy();
        outcome.diff.push(content_diff(&shown, &shown, before.map(str::as_bytes), Some(after.as_bytes())));
    }
    Ok(())
}

/// Whether a line loads the module at boot.
fn loads(line: &str, name: &str) -> bool {
    line.split('#').next().is_some_and(|word| same(word.trim(), name))
}

/// The parameters that a line gives the module.
fn parameters<'a>(line: &'a str, name: &str) -> Option<Vec<&'a str>> {
    let mut words = line.split('#').next()?.split_whitespace();
    (words.next()? == "options" && words.next().is_some_and(|module| same(module, name))).then(|| words.collect())
}

fn persist(call: &Call<'_>, args: &Args, outcome: &mut Outcome) -> Result<(), Stop> {
    let name = &args.name;
    let at_boot = files(call.host, LOADED_AT_BOOT)?;
    if !at_boot.iter().any(|(_, text)| text.lines().any(|line| loads(line, name))) {
        let path = Path::new(LOADED_AT_BOOT).join(format!("{name}.conf"));
        let before = at_boot.iter().find(|(there, _)| *there == path).map(|(_, text)| text.as_str());
        put(call, &path, before, &format!("{name}\n"), outcome)?;
    }
    let mut wanted: Vec<&str> = args.params.split_whitespace().collect();
    wanted.sort_unstable();
    let options = files(call.host, OPTIONS)?;
    let mut there: Vec<&str> =
        options.iter().flat_map(|(_, text)| text.lines().filter_map(|line| parameters(line, name)).flatten()).collect();
    there.sort_unstable();
    if wanted != there {
        comment_out(call, &options, outcome, |line| parameters(line, name).is_some())?;
        if !wanted.is_empty() {
            let path = Path::new(OPTIONS).join(format!("{name}.conf"));
            let before = match call.host.files.read(&path) {
                Ok(bytes) => Some(String::from_utf8_lossy(&bytes).into_owned()),
                Err(error) if error.is_not_found() => None,
                Err(error) => return Err(error.into()),
            };
            let lines: String =
                args.params.split_whitespace().map(|parameter| format!("options {name} {parameter}\n")).collect();
            put(call, &path, before.as_deref(), &lines, outcome)?;
        }
    }
    Ok(())
}

fn forget(call: &Call<'_>, args: &Args, outcome: &mut Outcome) -> Result<(), Stop> {
    comment_out(call, &files(call.host, LOADED_AT_BOOT)?, outcome, |line| loads(line, &args.name))?;
    comment_out(call, &files(call.host, OPTIONS)?, outcome, |line| parameters(line, &args.name).is_some())
}

fn comment_out(
    call: &Call<'_>,
    files: &[(PathBuf, String)],
    outcome: &mut Outcome,
    goes: impl Fn(&str) -> bool,
) -> Result<(), Stop> {
    for (path, text) in files {
        let after: String = text
            .split_inclusive('\n')
            .map(|line| if goes(line) { format!("#{line}") } else { line.to_owned() })
            .collect();
        if after != *text {
            put(call, path, Some(text), &after, outcome)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_that_load_and_set_options() {
        assert!(loads("br-netfilter # why\n", "br_netfilter") && !loads("# br_netfilter", "br_netfilter"));
        assert_eq!(parameters("options dummy numdummies=2 x", "dummy"), Some(vec!["numdummies=2", "x"]));
        assert_eq!(parameters("#options dummy x", "dummy"), None);
    }
}
