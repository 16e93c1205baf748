//! Services of scripts in `/etc/init.d`: SysV's, started by links in `/etc/rc?.d`, and OpenRC's, by links in `/etc/runlevels`.

use super::command_line;
use super::service::Args;
use super::systemd::State;
use crate::host::{Command, Finished, Foresight, Host, HostResult};
use crate::outcome::{Diff, ModuleResult, Outcome, Stop};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

/// Where the scripts are.
const SCRIPTS: &str = "/etc/init.d";
/// Runlevels in which a machine works, and those in which it ends or has one user.
const WORKING: [&str; 4] = ["2", "3", "4", "5"];
const ENDING: [&str; 3] = ["0", "1", "6"];
/// What scripts say with a status of their own when nothing runs: dead (with or without what it left behind), not running,
/// not known, not installed.
const NOT_RUNNING: [i32; 5] = [1, 2, 3, 4, 69];

/// One service, and the programs of the host for it.
struct Script<'a> {
    host: &'a Host<'a>,
    args: &'a Args,
    name: &'a str,
    /// What the script is run by: `service NAME`, `rc-service NAME`, or the script itself.
    run: Vec<String>,
    /// The script's own arguments.
    arguments: Vec<String>,
    boot: Boot,
}

/// What decides whether a service starts at boot.
#[derive(Clone, Copy, PartialEq)]
enum Boot {
    OpenRc,
    UpdateRcD,
    ChkConfig,
    Unknown,
}

/// Does what the arguments say.
pub(super) fn run(args: &Args, manager: &str, host: &Host<'_>) -> ModuleResult {
    let for_systemd = [
        ("masked", args.masked.is_some()),
        ("daemon_reload", args.daemon_reload),
        ("daemon_reexec", args.daemon_reexec),
        ("no_block", args.no_block),
    ];
    if let Some((argument, _)) = for_systemd.iter().find(|(_, given)| *given) {
        return Err(Stop::failed(format!("argument `{argument}` is for systemd, and this host has {manager:?}")));
    }
    let Some(name) = args.name.as_deref() else { return Err(Stop::failed("missing required arguments: name")) };
    if name.is_empty() || name.starts_with(['-', '.']) || name.contains('/') {
        return Err(Stop::failed(format!("{name:?} is no name of a service")));
    }
    let path = Path::new(SCRIPTS).join(name);
    if host.files.stat(&path, true)?.is_none() {
        return Err(Stop::failed(format!("Could not find the requested service {name}: host")));
    }
    let arguments =
        command_line::split(&args.arguments).map_err(|error| Stop::failed(format!("argument `arguments`: {error}")))?;
    let has = |program: &str| Ok::<_, Stop>(host.processes.which(program)?.is_some());
    let (program, boot) = if has("rc-service")? && has("rc-update")? {
        (Some("rc-service"), Boot::OpenRc)
    } else {
        let boot = if has("update-rc.d")? {
            Boot::UpdateRcD
        } else if has("chkconfig")? {
            Boot::ChkConfig
        } else {
            Boot::Unknown
        };
        (if has("service")? { Some("service") } else { None }, boot)
    };
    let run = match program {
        Some(program) => vec![program.to_owned(), name.to_owned()],
        None => vec![path.to_string_lossy().into_owned()],
    };
    let script = Script { host, args, name, run, arguments, boot };
    let mut outcome = Outcome::ok().with("name", name);
    if let Some(enabled) = args.enabled {
        script.enable(enabled, &mut outcome)?;
        outcome = outcome.with("enabled", enabled);
    }
    if let Some(state) = args.state {
        script.bring_to(state, &mut outcome)?;
        outcome = outcome.with("state", if state == State::Stopped { "stopped" } else { "started" });
    }
    Ok(outcome)
}

impl Script<'_> {
    fn command(&self, action: &str) -> Vec<String> {
        self.run.iter().cloned().chain([action.to_owned()]).chain(self.arguments.iter().cloned()).collect()
    }

    fn bring_to(&self, state: State, outcome: &mut Outcome) -> Result<(), Stop> {
        let runs = self.runs()?;
        let actions: &[&str] = match (state, runs) {
            (State::Restarted, _) => &["stop", "start"],
            (_, None) => {
                return Err(Stop::failed(format!(
                    "cannot tell whether {} runs: `{}` says neither; give `pattern`, a text in the line of its process",
                    self.name,
                    self.command("status").join(" ")
                )));
            }
            (State::Started, Some(true)) | (State::Stopped, Some(false)) => &[],
            (State::Started | State::Reloaded, Some(false)) => &["start"],
            (State::Stopped, Some(true)) => &["stop"],
            (State::Reloaded, Some(true)) => &["reload"],
        };
        // Some scripts leave a service stopped that `restart` finds stopped, so it is both, and only the start has to succeed.
        for (index, action) in actions.iter().enumerate() {
            if index > 0
                && let Some(seconds) = self.args.sleep
            {
                self.host.clock.sleep(std::time::Duration::from_secs(seconds))?;
            }
            let finished = self.act(action)?;
            if finished.status != 0 && index + 1 == actions.len() {
                return Err(failed(&self.command(action), &finished));
            }
        }
        if !actions.is_empty() {
            let before = match runs {
                Some(true) => "started",
                Some(false) => "stopped",
                None => "unknown",
            };
            let after = match state {
                State::Stopped => "stopped",
                State::Restarted => "restarted",
                State::Reloaded if runs == Some(true) => "reloaded",
                State::Started | State::Reloaded => "started",
            };
            self.changed(outcome, "state", before.into(), after.into());
        }
        Ok(())
    }

    fn changed(&self, outcome: &mut Outcome, what: &str, before: Value, after: Value) {
        outcome.changed = true;
        let one = |value: Value| json!({ what: value });
        outcome.diff.push(Diff::of_state(&format!("service {}", self.name), one(before), one(after)));
    }

    fn act(&self, action: &str) -> HostResult<Finished> {
        let argv = self.command(action);
        let what = format!("what `{}` does", argv.join(" "));
        self.host.processes.perform(&Command::changing(argv.clone(), what), &|foresight| {
            foresight.must_be_root(&format!("`{}`", argv.join(" ")))?;
            if action != "reload" {
                self.foresee_running(foresight, action == "start")?;
            }
            Ok(Finished::saying(""))
        })
    }

    /// What tells whether it runs says so from now on.
    fn foresee_running(&self, foresight: &dyn Foresight, runs: bool) -> HostResult<()> {
        let (query, says) = match &self.args.pattern {
            None => {
                let status = if runs { 0 } else { 3 };
                (self.command("status"), Finished { status, ..Finished::saying("") })
            }
            Some(pattern) => {
                let now = self.host.processes.run(&Command::reading(PROCESSES))?.stdout_text();
                let mut lines: Vec<&str> = now.lines().filter(|line| !line.contains(pattern)).collect();
                lines.extend(runs.then_some(pattern.as_str()));
                (PROCESSES.map(str::to_owned).to_vec(), Finished::saying(lines.join("\n")))
            }
        };
        foresight.program_says(&query.iter().map(String::as_str).collect::<Vec<_>>(), says)
    }

    /// Whether it runs; `None` where that can't be told.
    fn runs(&self) -> Result<Option<bool>, Stop> {
        if let Some(pattern) = &self.args.pattern {
            let all = self.host.processes.run(&Command::reading(PROCESSES))?;
            return Ok(Some(all.stdout_text().lines().any(|line| line.contains(pattern))));
        }
        let mut command = Command::reading(self.command("status"));
        // The words that are looked for are English.
        command.environment.push(("LC_ALL".to_owned(), "C".to_owned()));
        let finished = self.host.processes.run(&command)?;
        Ok(judged(self.name, finished.status, &finished.stdout_text()))
    }

    /// The links by which it is started, and those by which it is stopped, for a runlevel of SysV's.
    fn links(&self) -> HostResult<Vec<(PathBuf, bool)>> {
        let mut found = Vec::new();
        for level in ENDING.iter().chain(&WORKING) {
            let directory = PathBuf::from(format!("/etc/rc{level}.d"));
            if self.host.files.stat(&directory, true)?.is_none() {
                continue;
            }
            for link in self.host.files.list(&directory)? {
                let text = link.to_string_lossy();
                // `S03cron`: two digits say in which order.
                let Some((kind, rest)) = text.split_at_checked(1) else { continue };
                let named = rest
                    .split_at_checked(2)
                    .is_some_and(|(order, name)| order.bytes().all(|byte| byte.is_ascii_digit()) && name == self.name);
                if named && matches!(kind, "S" | "K") {
                    found.push((directory.join(&link), kind == "S"));
                }
            }
        }
        Ok(found)
    }

    fn at_boot(&self) -> HostResult<bool> {
        match self.boot {
            Boot::OpenRc => Ok(self.host.files.stat(&self.runlevel_link(), false)?.is_some()),
            _ => Ok(self.links()?.iter().any(|(_, starts)| *starts)),
        }
    }

    fn runlevel_link(&self) -> PathBuf {
        Path::new("/etc/runlevels").join(&self.args.runlevel).join(self.name)
    }

    fn enable(&self, enabled: bool, outcome: &mut Outcome) -> Result<(), Stop> {
        if self.at_boot()? == enabled {
            return Ok(());
        }
        let name = self.name;
        let known = self.boot == Boot::OpenRc || !self.links()?.is_empty();
        let commands: Vec<Vec<&str>> = match self.boot {
            Boot::OpenRc => {
                vec![vec!["rc-update", if enabled { "add" } else { "delete" }, name, &self.args.runlevel]]
            }
            // The first makes the links where there are none yet, the second says which of them start it.
            Boot::UpdateRcD => {
                let defaults = (!known).then(|| vec!["update-rc.d", name, "defaults"]);
                let word = if enabled { "enable" } else { "disable" };
                defaults.into_iter().chain([vec!["update-rc.d", name, word]]).collect()
            }
            Boot::ChkConfig => {
                let add = (!known).then(|| vec!["chkconfig", "--add", name]);
                add.into_iter().chain([vec!["chkconfig", name, if enabled { "on" } else { "off" }]]).collect()
            }
            Boot::Unknown => {
                return Err(Stop::failed(format!(
                    "cannot say whether {name} starts at boot: this host has neither update-rc.d, nor chkconfig, nor rc-update"
                )));
            }
        };
        for (index, argv) in commands.iter().enumerate() {
            let what = format!("what `{}` does", argv.join(" "));
            let finished =
                self.host.processes.perform(&Command::changing(argv.iter().copied(), what), &|foresight| {
                    foresight.must_be_root(&format!("`{}`", argv.join(" ")))?;
                    if index + 1 == commands.len() {
                        self.foresee_links(enabled)?;
                    }
                    Ok(Finished::saying(""))
                })?;
            if finished.status != 0 {
                let argv: Vec<String> = argv.iter().map(|word| (*word).to_owned()).collect();
                return Err(failed(&argv, &finished));
            }
        }
        if self.at_boot()? != enabled {
            let word = if enabled { "starts" } else { "does not start" };
            return Err(Stop::failed(format!(
                "`{}` ended well, and it is not so that {name} {word} at boot: look at its script's header",
                commands.last().map(|argv| argv.join(" ")).unwrap_or_default()
            )));
        }
        self.changed(outcome, "enabled", (!enabled).into(), enabled.into());
        Ok(())
    }

    /// The links as they will be, but for the numbers, which follow from what other scripts need.
    fn foresee_links(&self, enabled: bool) -> HostResult<()> {
        let files = self.host.files;
        if self.boot == Boot::OpenRc {
            let link = self.runlevel_link();
            return match enabled {
                true => files.symlink(&Path::new(SCRIPTS).join(self.name), &link),
                false => files.remove_file(&link),
            };
        }
        for (link, _) in self.links()? {
            files.remove_file(&link)?;
        }
        let target = PathBuf::from("../init.d").join(self.name);
        let starts = WORKING.iter().map(|level| (level, if enabled { "S" } else { "K" }));
        for (level, kind) in starts.chain(ENDING.iter().map(|level| (level, "K"))) {
            let directory = PathBuf::from(format!("/etc/rc{level}.d"));
            if files.stat(&directory, true)?.is_some() {
                files.symlink(&target, &directory.join(format!("{kind}01{}", self.name)))?;
            }
        }
        Ok(())
    }
}

/// Lists the processes with their arguments.
const PROCESSES: [&str; 2] = ["ps", "auxww"];

fn failed(argv: &[String], finished: &Finished) -> Stop {
    let said = match finished.stderr_text().trim() {
        "" => finished.stdout_text().trim().to_owned(),
        stderr => stderr.to_owned(),
    };
    Stop::failed(format!("`{}` ended with status {}: {said}", argv.join(" "), finished.status))
}

/// Whether a service runs, by what its script answers to `status`: its exit status, and where that says nothing (many an old
/// script ends with 0 whatever it found), the words of a single line.
fn judged(name: &str, status: i32, said: &str) -> Option<bool> {
    if NOT_RUNNING.contains(&status) {
        return Some(false);
    }
    if said.trim_end().lines().count() <= 1 {
        let said = said.to_lowercase().replace(&name.to_lowercase(), "");
        if ["stop", "could not access pid file", "is dead and pid file exists", "dead but"]
            .iter()
            .any(|words| said.contains(words))
        {
            return Some(false);
        }
        if said.contains("run") || said.contains("start") {
            return Some(!said.contains("not "));
        }
    }
    (status == 0).then_some(true)
}

#[cfg(test)]
mod tests {
    use super::judged;

    #[test]
    fn scripts_are_understood_by_status_and_words() {
        for (status, said, expected) in [
            (0, "", Some(true)),
            (0, "web is running.\n", Some(true)),
            (0, "web (pid  123) is running...", Some(true)),
            (0, "web is not running\n", Some(false)),
            (0, "web is stopped", Some(false)),
            (0, "Web not started", Some(false)),
            (0, "web start/running, process 1", Some(true)),
            (0, "web dead but subsys locked", Some(false)),
            (3, "web is running", Some(false)),
            (0, "one\nis not running\n", Some(true)),
            (5, "who knows", None),
            // The name's own letters say nothing.
            (5, "runner is fine", None),
        ] {
            let name = if said.starts_with("runner") { "runner" } else { "web" };
            assert_eq!(judged(name, status, said), expected, "{status} {said:?}");
        }
    }
}
