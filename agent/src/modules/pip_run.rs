//! Calls of `pip`, and what is installed.

use super::pip::{Args, State};
use super::{command_line, host_path};
use crate::host::{Command, Finished, Host, HostError};
use crate::outcome::{Failure, Stop};
use std::collections::BTreeMap;
use std::path::PathBuf;

/// A package that a task names.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Wish {
    /// As pip gets it.
    text: String,
    /// Its normal name (PEP 503); `None` for addresses.
    name: Option<String>,
    /// The one version that will do, where there is one.
    version: Option<String>,
    /// Whether anything else is demanded.
    more: bool,
}

fn normal(name: &str) -> String {
    name.to_lowercase().replace(['_', '.'], "-")
}

impl Wish {
    pub(super) fn parse(text: &str) -> Wish {
        let text = text.trim();
        let end = text.find(|c: char| !(c.is_ascii_alphanumeric() || "-_.".contains(c))).unwrap_or(text.len());
        let (name, rest) = (&text[..end], text[end..].trim());
        let plain = !name.is_empty() && !text.contains("://") && !text.contains('/') && !name.starts_with('.');
        let version = rest
            .strip_prefix("==")
            .map(str::trim)
            .filter(|version| version.bytes().all(|b| b.is_ascii_alphanumeric() || b".+!".contains(&b)));
        Wish {
            text: text.to_owned(),
            name: plain.then(|| normal(name)),
            version: version.map(str::to_owned),
            more: !rest.is_empty() && version.is_none(),
        }
    }

    /// Demands one version.
    pub(super) fn pin(&mut self, version: &str) -> Result<(), String> {
        if self.more || self.version.is_some() {
            return Err(format!(
                "The 'version' argument conflicts with any version specifier provided along with a package name: {}",
                self.text
            ));
        }
        self.text = format!("{}=={version}", self.text);
        self.version = Some(version.to_owned());
        Ok(())
    }
}

/// The pip of the host or of an environment.
pub(super) struct Pip<'a> {
    host: &'a Host<'a>,
    argv: Vec<String>,
    environment: Option<PathBuf>,
    chdir: Option<PathBuf>,
    umask: Option<u32>,
}

impl<'a> Pip<'a> {
    pub(super) fn new(host: &'a Host<'a>, args: &Args) -> Result<Pip<'a>, Stop> {
        let umask = match &args.umask {
            None => None,
            Some(text) => Some(
                u32::from_str_radix(text, 8)
                    .map_err(|_| Stop::failed(format!("umask must be an octal integer: {text:?}")))?,
            ),
        };
        let chdir = args.chdir.as_ref().map(|path| host_path::absolute(host, path)).transpose()?;
        let environment = args.virtualenv.as_ref().map(|path| host_path::absolute(host, path)).transpose()?;
        let argv = match (&environment, &args.executable) {
            (Some(directory), _) => vec![directory.join("bin/pip").to_string_lossy().into_owned()],
            (None, Some(program)) => vec![program.to_string_lossy().into_owned()],
            (None, None) => {
                let found = ["pip3", "pip"].into_iter().map(|program| host.processes.which(program));
                match found.collect::<Result<Vec<_>, HostError>>()?.into_iter().flatten().next() {
                    Some(path) => vec![path.to_string_lossy().into_owned()],
                    None => return Err(Stop::failed("Unable to find any of pip3 to use.  pip needs to be installed.")),
                }
            }
        };
        Ok(Pip { host, argv, environment, chdir, umask })
    }

    fn prepared(&self, mut command: Command) -> Command {
        command.environment = vec![
            ("LC_ALL".to_owned(), "C.UTF-8".to_owned()),
            ("PIP_DISABLE_PIP_VERSION_CHECK".to_owned(), "1".to_owned()),
        ];
        command.directory.clone_from(&self.chdir);
        command.umask = self.umask;
        command
    }

    /// Makes the environment where it is not there. Whether it was made, and what was said.
    pub(super) fn environment(&self, args: &Args) -> Result<(bool, String), Stop> {
        let Some(directory) = &self.environment else { return Ok((false, String::new())) };
        if self.host.files.stat(&directory.join("bin/activate"), true)?.is_some() {
            return Ok((false, String::new()));
        }
        let mut words = command_line::split(&args.virtualenv_command)
            .map_err(|why| Stop::failed(format!("`virtualenv_command`: {why}")))?;
        let Some(program) = words.first_mut() else { return Err(Stop::failed("`virtualenv_command` is empty")) };
        match self.host.processes.which(program)? {
            Some(path) => *program = path.to_string_lossy().into_owned(),
            None => {
                return Err(Stop::failed(format!(
                    "Failed to find required executable \"{program}\": install it, or set `virtualenv_command` (`python3 -m venv`)"
                )));
            }
        }
        let venv = words.iter().any(|word| word == "venv") || words[0].ends_with("pyvenv");
        if args.virtualenv_site_packages {
            words.push("--system-site-packages".to_owned());
        }
        match &args.virtualenv_python {
            Some(_) if venv => {
                return Err(Stop::failed(
                    "virtualenv_python should not be used when using the venv module or pyvenv as virtualenv_command",
                ));
            }
            Some(python) => words.push(format!("-p{python}")),
            None if venv => {}
            None => words.push("-ppython3".to_owned()),
        }
        words.push(directory.to_string_lossy().into_owned());
        let mut command = Command::changing(words.iter().cloned(), format!("what is in {}", directory.display()));
        command.streamed = true;
        let list = self.listing();
        let finished = self.host.processes.perform(&self.prepared(command), &|foresight| {
            super::file_content::make_directories(self.host, directory, None).map_err(|stop| match stop {
                Stop::Failed(failure) => HostError::other(failure.msg),
                Stop::Unknown { why } => HostError::Unknown { why },
                Stop::Cancelled { why } => HostError::Cancelled { why },
            })?;
            foresight.hide(directory, false, "what a new environment has")?;
            foresight.program_says(&list.iter().map(String::as_str).collect::<Vec<_>>(), Finished::saying(""))?;
            Ok(Finished::saying(""))
        })?;
        match finished.status {
            0 => Ok((true, finished.stdout_text())),
            status => Err(Failure::new(format!(
                "`{}` ended with status {status}: {}",
                words.join(" "),
                finished.stderr_text().trim()
            ))
            .with("cmd", words)
            .with("rc", status)
            .into()),
        }
    }

    fn listing(&self) -> Vec<String> {
        let mut argv = self.argv.clone();
        argv.extend(["list".to_owned(), "--format=freeze".to_owned()]);
        argv
    }

    /// What is installed: versions by normal names.
    fn installed(&self) -> Result<BTreeMap<String, String>, Stop> {
        let mut command = Command::reading(self.listing());
        command.environment = vec![("PIP_DISABLE_PIP_VERSION_CHECK".to_owned(), "1".to_owned())];
        let finished = self.host.processes.run(&command)?;
        if finished.status != 0 {
            return Err(Stop::failed(format!("pip can't list what is installed: {}", finished.stderr_text().trim())));
        }
        let text = finished.stdout_text();
        let mut installed = BTreeMap::new();
        for (name, version) in text.lines().filter_map(|line| line.split_once("==")) {
            installed.insert(normal(name.trim()), version.trim().to_owned());
        }
        Ok(installed)
    }

    /// Whether all are installed as wished; `None` where only pip can tell.
    pub(super) fn has_all(&self, wishes: &[Wish]) -> Result<Option<bool>, Stop> {
        let installed = self.installed()?;
        let mut certain = true;
        for wish in wishes {
            match wish.name.as_ref().map(|name| installed.get(name)) {
                Some(None) => return Ok(Some(false)),
                Some(Some(version)) if wish.version.as_ref().is_some_and(|wanted| wanted != version) => {
                    return Ok(Some(false));
                }
                Some(Some(_)) if !wish.more => {}
                _ => certain = false,
            }
        }
        Ok(certain.then_some(true))
    }

    /// Whether none is installed; `None` where only pip can tell.
    pub(super) fn has_none(&self, wishes: &[Wish]) -> Result<Option<bool>, Stop> {
        let installed = self.installed()?;
        let names: Option<Vec<&String>> = wishes.iter().map(|wish| wish.name.as_ref()).collect();
        Ok(names.map(|names| !names.iter().any(|name| installed.contains_key(*name))))
    }

    /// The command that does it.
    pub(super) fn command(&self, args: &Args, wishes: &[Wish], extra: &[String]) -> Vec<String> {
        let mut argv = self.argv.clone();
        let words: &[&str] = match args.state {
            State::Present => &["install"],
            State::Absent => &["uninstall", "-y"],
            State::Latest => &["install", "-U"],
            State::Forcereinstall => &["install", "-U", "--force-reinstall"],
        };
        argv.extend(words.iter().map(|word| (*word).to_owned()));
        argv.extend(extra.iter().cloned());
        if args.break_system_packages {
            argv.push("--break-system-packages".to_owned());
        }
        if args.editable && args.state != State::Absent {
            argv.push("-e".to_owned());
        }
        argv.extend(wishes.iter().map(|wish| wish.text.clone()));
        if let Some(requirements) = &args.requirements {
            argv.extend(["-r".to_owned(), requirements.clone()]);
        }
        argv
    }

    /// Runs it. Where it is certain that something changes and what, a dry run knows what is installed then.
    pub(super) fn run(&self, args: &Args, argv: &[String], wishes: &[Wish], certain: bool) -> Result<Finished, Stop> {
        let mut command = Command::changing(argv.iter().cloned(), format!("what `{}` does", argv.join(" ")));
        command.streamed = true;
        let command = self.prepared(command);
        let pinned = wishes.iter().all(|wish| wish.version.is_some() || args.state == State::Absent);
        let finished = if certain && pinned {
            let before = self.installed()?;
            let listing = self.listing();
            self.host.processes.perform(&command, &|foresight| {
                let mut after = before.clone();
                for wish in wishes {
                    match (&wish.name, &wish.version, args.state) {
                        (Some(name), _, State::Absent) => drop(after.remove(name)),
                        (Some(name), Some(version), _) => drop(after.insert(name.clone(), version.clone())),
                        _ => {}
                    }
                }
                let text: String = after.iter().map(|(name, version)| format!("{name}=={version}\n")).collect();
                foresight
                    .program_says(&listing.iter().map(String::as_str).collect::<Vec<_>>(), Finished::saying(text))?;
                Err(HostError::Unknown { why: "what pip says".to_owned() })
            })?
        } else {
            self.host.processes.run(&command)?
        };
        // Nothing to remove is as good as removed.
        let gone = args.state == State::Absent && finished.stderr_text().contains("not installed");
        if finished.status == 0 || gone {
            return Ok(finished);
        }
        let (out, error) = (finished.stdout_text(), finished.stderr_text());
        Err(Failure::new(format!("`{}` ended with status {}: {}", argv.join(" "), finished.status, error.trim()))
            .with("cmd", argv.to_vec())
            .with("rc", finished.status)
            .with("stdout", out)
            .with("stderr", error)
            .into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wishes_have_names_and_versions() {
        let wish = Wish::parse("Flask_Login == 1.2");
        assert_eq!(
            (wish.name.as_deref(), wish.version.as_deref(), wish.more),
            (Some("flask-login"), Some("1.2"), false)
        );
        assert!(Wish::parse("a>=1,<2").more && Wish::parse("a[b]").more);
        for address in ["git+https://x.org/y.git", "./local", "https://x.org/a.whl"] {
            assert_eq!(Wish::parse(address).name, None, "{address}");
        }
        let mut wish = Wish::parse("a");
        wish.pin("3").unwrap();
        assert_eq!(wish.text, "a==3");
        assert!(wish.pin("4").is_err());
    }
}
