//! How `apt` runs apt-get: first simulated, so that what it will do is known, then for real.

use super::apt::{Args, Upgrade};
use crate::host::{Finished, Host, Simulation, Stat, Step, WriteOptions};
use crate::outcome::{Diff, Failure, ModuleResult, Outcome, Stop};
use serde_json::{Map, Value};
use std::path::Path;

const POLICY: &str = "/usr/sbin/policy-rc.d";

/// The arguments, and the host that they are for.
pub(super) struct Runner<'a> {
    pub(super) host: &'a Host<'a>,
    pub(super) args: &'a Args,
}

impl Runner<'_> {
    /// Options that stand before apt-get's command whatever it is.
    fn common(&self) -> Vec<String> {
        let mut options = vec!["-y".to_owned()];
        for option in self.args.dpkg_options.split(',').map(str::trim).filter(|option| !option.is_empty()) {
            options.extend(["-o".to_owned(), format!("Dpkg::Options::=--{option}")]);
        }
        options
    }

    /// Options that allow what apt refuses by itself.
    fn allowances(&self) -> Vec<String> {
        let args = self.args;
        [
            ("--allow-unauthenticated", args.allow_unauthenticated || args.force),
            ("--allow-downgrades", args.allow_downgrade || args.force),
            ("--allow-change-held-packages", args.allow_change_held_packages || args.force),
            ("--allow-remove-essential", args.force),
        ]
        .into_iter()
        .filter(|(_, allowed)| *allowed)
        .map(|(option, _)| option.to_owned())
        .collect()
    }

    /// The arguments of a command that brings packages.
    pub(super) fn bringing(&self, command: &str, extra: &[&str], names: &[String]) -> Vec<String> {
        let args = self.args;
        let mut arguments = self.common();
        arguments.extend(self.allowances());
        for (option, given) in [
            ("--only-upgrade", args.only_upgrade),
            ("--no-remove", args.fail_on_autoremove),
            ("--auto-remove", args.autoremove),
        ] {
            if given {
                arguments.push(option.to_owned());
            }
        }
        if args.autoremove && args.purge {
            arguments.push("--purge".to_owned());
        }
        if let Some(recommends) = args.install_recommends {
            let word = if recommends { "yes" } else { "no" };
            arguments.extend(["-o".to_owned(), format!("APT::Install-Recommends={word}")]);
        }
        if let Some(release) = &args.default_release {
            arguments.extend(["-t".to_owned(), release.clone()]);
        }
        arguments.extend(extra.iter().map(|option| (*option).to_owned()));
        arguments.push(command.to_owned());
        if !names.is_empty() {
            arguments.push("--".to_owned());
            arguments.extend(names.iter().cloned());
        }
        arguments
    }

    /// The arguments of a command that takes packages away.
    pub(super) fn taking(&self, command: &str, names: &[String]) -> Vec<String> {
        let args = self.args;
        let mut arguments = self.common();
        for (option, given) in [
            ("--purge", args.purge),
            ("--auto-remove", args.autoremove && command == "remove"),
            ("--allow-change-held-packages", args.allow_change_held_packages || args.force),
            ("--allow-remove-essential", args.force),
        ] {
            if given {
                arguments.push(option.to_owned());
            }
        }
        arguments.push(command.to_owned());
        if !names.is_empty() {
            arguments.push("--".to_owned());
            arguments.extend(names.iter().cloned());
        }
        arguments
    }

    /// Upgrades all packages.
    pub(super) fn upgrade(&self, upgrade: Upgrade) -> ModuleResult {
        let arguments = match upgrade {
            Upgrade::Dist | Upgrade::Full => self.bringing("dist-upgrade", &[], &[]),
            Upgrade::Yes | Upgrade::Safe | Upgrade::No => self.bringing("upgrade", &["--with-new-pkgs"], &[]),
        };
        let outcome = self.settle(&arguments)?;
        let said = outcome.result.get("stdout").cloned().unwrap_or_default();
        Ok(outcome.with("msg", said))
    }

    /// `autoremove` and `autoclean`.
    pub(super) fn tidy(&self, command: &str) -> ModuleResult {
        self.settle(&self.taking(command, &[]))
    }

    /// `clean`: Ansible counts it as a change whatever was there.
    pub(super) fn clean(&self) -> ModuleResult {
        let simulation = self.simulate(&["clean".to_owned()])?;
        let finished = self.host.packages.perform(&simulation.transaction, self.args.lock_timeout)?;
        if finished.status != 0 {
            return Err(failed("clean", &finished));
        }
        let said = finished.stdout_text();
        Ok(told(Outcome::changed(true), &finished).with("msg", said))
    }

    /// What apt would do; an error where it can't.
    pub(super) fn simulate(&self, arguments: &[String]) -> Result<Simulation, Stop> {
        let simulation = self.host.packages.simulate(arguments)?;
        if simulation.finished.status != 0 {
            return Err(failed(&arguments.join(" "), &simulation.finished));
        }
        Ok(simulation)
    }

    /// Does what the arguments mean, where that is anything.
    pub(super) fn settle(&self, arguments: &[String]) -> ModuleResult {
        let simulation = self.simulate(arguments)?;
        let deletes = simulation.finished.stdout_text().lines().any(|line| line.starts_with("Del "));
        if simulation.transaction.steps.is_empty() && !deletes {
            return Ok(told(Outcome::ok(), &simulation.finished));
        }
        let policy = self.override_policy()?;
        let performed = self.host.packages.perform(&simulation.transaction, self.args.lock_timeout);
        policy.restore(self.host)?;
        let finished = performed?;
        if finished.status != 0 {
            let Stop::Failed(mut failure) = failed(&arguments.join(" "), &finished) else {
                return Err(Stop::failed("apt-get failed"));
            };
            // apt stops in the middle: some of it may be done.
            failure.changed = !finished.stdout.is_empty() && finished.stdout_text().lines().any(touches);
            return Err(Stop::Failed(failure));
        }
        let outcome = told(Outcome::changed(true), &finished);
        Ok(match difference(&simulation.transaction.steps) {
            Some(diff) => outcome.with_diff(diff),
            None => outcome,
        })
    }

    fn override_policy(&self) -> Result<Policy, Stop> {
        let Some(status) = self.args.policy_rc_d else { return Ok(Policy::Untouched) };
        let path = Path::new(POLICY);
        let before = match self.host.files.stat(path, false)? {
            Some(stat) => Some((self.host.files.read(path)?, stat)),
            None => None,
        };
        let script = format!("#!/bin/sh\nexit {status}\n");
        let options = WriteOptions { mode: Some(0o755), ..WriteOptions::default() };
        self.host.files.write(path, script.as_bytes(), &options)?;
        Ok(Policy::Overridden(before))
    }
}

/// `/usr/sbin/policy-rc.d` while packages are installed.
enum Policy {
    Untouched,
    /// What was there before.
    Overridden(Option<(Vec<u8>, Stat)>),
}

impl Policy {
    fn restore(self, host: &Host<'_>) -> Result<(), Stop> {
        let path = Path::new(POLICY);
        match self {
            Policy::Untouched => {}
            Policy::Overridden(None) => host.files.remove_file(path)?,
            Policy::Overridden(Some((content, stat))) => {
                let options = WriteOptions {
                    mode: Some(stat.mode),
                    uid: Some(stat.uid),
                    gid: Some(stat.gid),
                    ..WriteOptions::default()
                };
                host.files.write(path, &content, &options)?;
            }
        }
        Ok(())
    }
}

/// Whether a line of apt-get's output says that dpkg began to work.
fn touches(line: &str) -> bool {
    ["Unpacking ", "Setting up ", "Removing ", "Purging "].iter().any(|start| line.starts_with(start))
}

/// A failure as Ansible tells it.
pub(super) fn failed(arguments: &str, finished: &Finished) -> Stop {
    let said = finished.stderr_text();
    Stop::Failed(
        Failure::new(format!("'apt-get {arguments}' failed: {}", said.trim_end()))
            .with("rc", finished.status)
            .with("stdout", finished.stdout_text())
            .with("stderr", said),
    )
}

/// The errors among what apt printed, else all of it.
pub(super) fn complaints(stderr: &str) -> String {
    let errors: Vec<&str> = stderr.lines().filter(|line| line.starts_with("E: ")).collect();
    let lines =
        if errors.is_empty() { stderr.lines().filter(|line| !line.trim().is_empty()).collect() } else { errors };
    if lines.is_empty() { "apt-get did not say why".to_owned() } else { lines.join("; ") }
}

pub(super) fn told(outcome: Outcome, finished: &Finished) -> Outcome {
    outcome.with("stdout", finished.stdout_text()).with("stderr", finished.stderr_text())
}

/// Names and versions before and after.
fn difference(steps: &[Step]) -> Option<Diff> {
    if steps.is_empty() {
        return None;
    }
    let (mut before, mut after) = (Map::new(), Map::new());
    for step in steps {
        let note = |version: &str| -> Value {
            if step.old == step.new { format!("{version} (not configured)").into() } else { version.into() }
        };
        if let Some(old) = &step.old {
            before.insert(step.name.clone(), note(old));
        }
        match &step.new {
            Some(new) => {
                after.insert(step.name.clone(), new.clone().into());
            }
            None if step.purged => {
                after.insert(step.name.clone(), "purged".into());
            }
            None => {}
        }
    }
    Some(Diff::of_state("packages", before.into(), after.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_diff_has_versions_and_removals() {
        let step = |name: &str, old: Option<&str>, new: Option<&str>, purged| Step {
            name: name.to_owned(),
            old: old.map(str::to_owned),
            new: new.map(str::to_owned),
            purged,
        };
        let diff = difference(&[
            step("new", None, Some("1.0"), false),
            step("up", Some("1.0"), Some("2.0"), false),
            step("gone", Some("3.0"), None, false),
            step("stuck", Some("4.0"), Some("4.0"), false),
        ])
        .unwrap();
        assert_eq!(diff.before, serde_json::json!({"up": "1.0", "gone": "3.0", "stuck": "4.0 (not configured)"}));
        assert_eq!(diff.after, serde_json::json!({"new": "1.0", "up": "2.0", "stuck": "4.0"}));
        assert!(difference(&[]).is_none());
    }

    #[test]
    fn complaints_are_errors_first() {
        assert_eq!(complaints("W: x\nE: no route\nE: no lists\n"), "E: no route; E: no lists");
        assert_eq!(complaints("W: x\n"), "W: x");
    }
}
