//! Calls of `git`.

use super::git::Args;
use crate::host::{Command, Finished, Foresight, Host, HostError, HostResult};
use crate::outcome::{Failure, Stop};
use serde_json::Value;
use std::path::Path;

/// A commit.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Revision {
    /// Its hash.
    Known(String),
    /// Known only when it runs, for this reason.
    Unknown(String),
}

impl Revision {
    pub(super) fn known(&self) -> Option<String> {
        match self {
            Revision::Known(hash) => Some(hash.clone()),
            Revision::Unknown(_) => None,
        }
    }
}

/// The repository at a place of the host, or none.
pub(super) struct Git<'a> {
    host: &'a Host<'a>,
    program: String,
    dest: Option<&'a Path>,
    environment: Vec<(String, String)>,
    umask: Option<u32>,
    repo: String,
    remote: String,
    bare: bool,
    key_check: Option<Vec<String>>,
}

fn is_hash(text: &str) -> bool {
    text.len() == 40 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

impl<'a> Git<'a> {
    pub(super) fn new(host: &'a Host<'a>, args: &Args, dest: Option<&'a Path>) -> Result<Git<'a>, Stop> {
        let program = match &args.executable {
            Some(path) => path.to_string_lossy().into_owned(),
            None => match host.processes.which("git")? {
                Some(path) => path.to_string_lossy().into_owned(),
                None => {
                    return Err(Stop::failed("Failed to find required executable \"git\"; install the package git"));
                }
            },
        };
        let umask = match &args.umask {
            None => None,
            Some(Value::Number(number)) => number.as_u64().and_then(|bits| u32::try_from(bits).ok()),
            Some(value) => {
                let text = value.as_str().unwrap_or_default();
                let bits = u32::from_str_radix(text, 8)
                    .map_err(|_| Stop::failed(format!("umask must be an octal integer: {text:?}")))?;
                Some(bits)
            }
        };
        Ok(Git {
            host,
            program,
            dest,
            environment: environment(args),
            umask,
            repo: args.repo.clone(),
            remote: args.remote.clone(),
            bare: args.bare,
            key_check: args.verify_commit.then(|| args.gpg_allowlist.clone()),
        })
    }

    fn words(&self, words: &[String]) -> Vec<String> {
        let mut argv = vec![self.program.clone()];
        if let Some(dest) = self.dest {
            argv.extend(["-C".to_owned(), dest.to_string_lossy().into_owned()]);
        }
        argv.extend(words.iter().cloned());
        argv
    }

    /// A command in the repository that only looks.
    pub(super) fn command(&self, words: &[String]) -> Command {
        self.prepared(Command::reading(self.words(words)))
    }

    fn prepared(&self, mut command: Command) -> Command {
        command.environment = self.environment.clone();
        command.umask = self.umask;
        command
    }

    fn ask(&self, words: &[&str]) -> HostResult<Finished> {
        let words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
        self.host.processes.run(&self.command(&words))
    }

    /// A command that changes the repository; a status other than zero is a failure.
    fn order(&self, words: &[String], what: &str, foresee: Foresee<'_>) -> Result<Finished, Stop> {
        self.perform(self.words(words), what, foresee)
    }

    fn perform(&self, argv: Vec<String>, what: &str, foresee: Foresee<'_>) -> Result<Finished, Stop> {
        let mut command = Command::changing(argv, format!("what git does to {what}"));
        command.streamed = true;
        let command = self.prepared(command);
        let finished =
            self.host.processes.perform(&command, &|foresight| foresee(foresight).map(|()| Finished::saying("")))?;
        if finished.status == 0 {
            return Ok(finished);
        }
        let (out, error) = (finished.stdout_text(), finished.stderr_text());
        Err(Failure::new(format!("Failed to {what}: {} {}", out.trim(), error.trim()).trim_end().to_owned())
            .with("cmd", command.argv.join(" "))
            .with("rc", finished.status)
            .with("stdout", out)
            .with("stderr", error)
            .into())
    }

    fn dest(&self) -> Result<&'a Path, Stop> {
        self.dest.ok_or_else(|| Stop::failed("`dest` is needed"))
    }

    /// Whether there is a repository.
    pub(super) fn is_repository(&self) -> Result<bool, Stop> {
        let dest = self.dest()?;
        let sign = if self.bare { dest.join("config") } else { dest.join(".git") };
        Ok(self.host.files.stat(&sign, true)?.is_some())
    }

    /// The commit of the working copy.
    pub(super) fn revision(&self) -> Result<Revision, Stop> {
        match self.ask(&["rev-parse", "HEAD"]) {
            Ok(finished) if finished.status == 0 => Ok(Revision::Known(finished.stdout_text().trim().to_owned())),
            Ok(finished) => Err(Stop::failed(format!(
                "Unable to determine hash of the working copy: {}",
                finished.stderr_text().trim()
            ))),
            Err(HostError::Unknown { why }) => Ok(Revision::Unknown(why)),
            Err(error) => Err(error.into()),
        }
    }

    /// Whether files that git knows are changed.
    pub(super) fn is_modified(&self) -> Result<bool, Stop> {
        let finished = self.ask(&["status", "--porcelain"])?;
        Ok(finished.stdout_text().lines().any(|line| !line.is_empty() && !line.starts_with("??")))
    }

    /// Whether the working copy is on the branch of this name, if it names one.
    pub(super) fn is_on(&self, version: &str) -> Result<bool, Stop> {
        if self.bare || version == "HEAD" || is_hash(version) {
            return Ok(true);
        }
        let branch = format!("refs/remotes/{}/{version}", self.remote);
        if self.ask(&["show-ref", "--verify", "--quiet", &branch])?.status != 0 {
            return Ok(true);
        }
        let finished = self.ask(&["symbolic-ref", "-q", "--short", "HEAD"])?;
        Ok(finished.stdout_text().trim() == version)
    }

    /// The commit that the remote has for a version, by `git ls-remote`.
    pub(super) fn remote_revision(&self, version: &str) -> Result<Revision, Stop> {
        if is_hash(version) {
            return Ok(Revision::Known(version.to_owned()));
        }
        let mut argv = vec![self.program.clone(), "ls-remote".to_owned(), self.repo.clone()];
        if version == "HEAD" {
            argv.push("HEAD".to_owned());
        } else {
            argv.extend([
                format!("refs/heads/{version}"),
                format!("refs/tags/{version}"),
                format!("refs/tags/{version}^{{}}"),
            ]);
        }
        let finished = self.host.processes.run(&self.prepared(Command::reading(argv)))?;
        if finished.status != 0 {
            let said = finished.stderr_text();
            return Err(Failure::new(format!("Failed to download remote objects and refs: {}", said.trim()))
                .with("rc", finished.status)
                .with("stderr", said)
                .into());
        }
        let text = finished.stdout_text();
        let of = |name: &str| {
            text.lines()
                .filter_map(|line| line.split_once('\t'))
                .find(|(_, found)| *found == name)
                .map(|(hash, _)| hash)
        };
        // A tag with a message stands for the commit that it is peeled to.
        let found = of("HEAD").filter(|_| version == "HEAD").or_else(|| of(&format!("refs/heads/{version}")));
        let found =
            found.or_else(|| of(&format!("refs/tags/{version}^{{}}"))).or_else(|| of(&format!("refs/tags/{version}")));
        match found {
            Some(hash) => Ok(Revision::Known(hash.to_owned())),
            // A part of a hash, or what only a refspec brings.
            None => Ok(Revision::Unknown(format!("the commit that {version} stands for"))),
        }
    }

    /// Lets a dry run know what the repository is afterwards: all of its files may be others.
    fn foresee(&self, foresight: &dyn Foresight, dest: &Path, revision: &Revision) -> HostResult<()> {
        foresight.hide(dest, false, &format!("what git brings from {}", self.repo))?;
        let dest = dest.to_string_lossy();
        let says = |words: &[&str], text: &str| {
            let mut argv = vec![self.program.as_str(), "-C", &dest];
            argv.extend(words);
            foresight.program_says(&argv, Finished::saying(text))
        };
        says(&["status", "--porcelain"], "")?;
        says(&["remote", "get-url", &self.remote], &format!("{}\n", self.repo))?;
        match revision {
            Revision::Known(hash) => says(&["rev-parse", "HEAD"], &format!("{hash}\n")),
            Revision::Unknown(_) => Ok(()),
        }
    }

    /// Clones the repository.
    pub(super) fn clone_it(&self, args: &Args) -> Result<(), Stop> {
        let dest = self.dest()?;
        let wanted = self.remote_revision(&args.version)?;
        let mut words = vec![self.program.clone(), "clone".to_owned()];
        if args.bare {
            words.push("--bare".to_owned());
        } else {
            words.extend(["--origin".to_owned(), args.remote.clone()]);
        }
        let named = args.version != "HEAD" && !is_hash(&args.version) && matches!(wanted, Revision::Known(_));
        if args.depth.is_some() || args.single_branch {
            words.extend(args.depth.map(|depth| format!("--depth={depth}")));
            if args.single_branch {
                words.push("--single-branch".to_owned());
            }
            if named {
                words.extend(["--branch".to_owned(), args.version.clone()]);
            }
        }
        words.extend(args.reference.as_ref().map(|reference| format!("--reference={reference}")));
        words.extend(args.separate_git_dir.as_ref().map(|path| format!("--separate-git-dir={}", path.display())));
        words.extend([args.repo.clone(), dest.to_string_lossy().into_owned()]);
        if let Some(parent) = dest.parent() {
            super::file_content::make_directories(self.host, parent, None)?;
        }
        self.perform(words, "clone", &|foresight| {
            if self.host.files.stat(dest, true)?.is_none() {
                let mode = 0o777 & !self.umask.unwrap_or_else(|| self.host.files.umask());
                self.host.files.create_dir(dest, Some(mode))?;
            } else if !self.host.files.list(dest)?.is_empty() {
                let message = format!(
                    "fatal: destination path '{}' already exists and is not an empty directory.",
                    dest.display()
                );
                return Err(HostError::other(message));
            }
            self.foresee(foresight, dest, &wanted)
        })?;
        self.fetch_refspec(args)?;
        if !args.bare {
            self.check_out(args, &wanted)?;
            if args.recursive {
                self.update_submodules(args)?;
            }
        }
        Ok(())
    }

    fn fetch_refspec(&self, args: &Args) -> Result<(), Stop> {
        let Some(refspec) = &args.refspec else { return Ok(()) };
        let mut words = vec!["fetch".to_owned(), args.remote.clone(), refspec.clone()];
        words.extend(args.depth.map(|depth| format!("--depth={depth}")));
        self.order(&words, "download remote objects and refs", &|_| Ok(())).map(drop)
    }

    /// Throws changes away.
    pub(super) fn reset(&self) -> Result<(), Stop> {
        let dest = self.dest()?;
        let argv = ["reset", "--hard", "HEAD"].map(str::to_owned);
        let now = self.revision()?;
        self.order(&argv, "reset the working copy", &|foresight| self.foresee(foresight, dest, &now)).map(drop)
    }

    /// Gives the remote this address. Whether it had another.
    pub(super) fn set_url(&self, url: &str) -> Result<bool, Stop> {
        let finished = self.ask(&["remote", "get-url", &self.remote])?;
        let now = finished.stdout_text().trim().to_owned();
        if finished.status == 0 && now == url {
            return Ok(false);
        }
        let verb = if finished.status == 0 { "set-url" } else { "add" };
        let words = ["remote", verb, &self.remote, url].map(str::to_owned);
        let dest = self.dest()?.to_string_lossy().into_owned();
        self.order(&words, "set a new url", &|foresight| {
            let argv = [self.program.as_str(), "-C", &dest, "remote", "get-url", &self.remote];
            foresight.program_says(&argv, Finished::saying(format!("{url}\n")))
        })?;
        // A path may be written in several ways.
        Ok(finished.status != 0 || now.trim_end_matches('/') != url.trim_end_matches('/'))
    }

    /// Fetches, and goes to the version.
    pub(super) fn update(&self, args: &Args, wanted: &Revision) -> Result<(), Stop> {
        let dest = self.dest()?;
        let mut words = vec!["fetch".to_owned()];
        words.extend(args.depth.map(|depth| format!("--depth={depth}")));
        words.push(args.remote.clone());
        if self.bare {
            words.push("+refs/heads/*:refs/heads/*".to_owned());
        } else if args.depth.is_some() && args.version != "HEAD" && !is_hash(&args.version) {
            let version = &args.version;
            let finished = self.ask(&["ls-remote", "--heads", &args.remote, &format!("refs/heads/{version}")])?;
            words.push(if finished.stdout_text().trim().is_empty() {
                format!("+refs/tags/{version}:refs/tags/{version}")
            } else {
                format!("+refs/heads/{version}:refs/remotes/{}/{version}", args.remote)
            });
        } else {
            words.push("--tags".to_owned());
            words.push("--force".to_owned());
            words.push(format!("+refs/heads/*:refs/remotes/{}/*", args.remote));
        }
        self.order(&words, "download remote objects and refs", &|foresight| self.foresee(foresight, dest, wanted))?;
        self.fetch_refspec(args)?;
        if self.bare { Ok(()) } else { self.check_out(args, wanted) }
    }

    /// Goes to the version in the working copy.
    fn check_out(&self, args: &Args, wanted: &Revision) -> Result<(), Stop> {
        let dest = self.dest()?;
        let foresee: Foresee<'_> = &|foresight| self.foresee(foresight, dest, wanted);
        let version = match args.version.as_str() {
            "HEAD" => match self.ask(&["symbolic-ref", "--short", &format!("refs/remotes/{}/HEAD", args.remote)]) {
                Ok(finished) if finished.status == 0 => {
                    let name = finished.stdout_text().trim().to_owned();
                    name.strip_prefix(&format!("{}/", args.remote)).unwrap_or(&name).to_owned()
                }
                // Without a head of the remote, what was cloned is what is wanted.
                Ok(_) | Err(HostError::Unknown { .. }) => return self.verify(),
                Err(error) => return Err(error.into()),
            },
            version => version.to_owned(),
        };
        let branch = format!("{}/{version}", args.remote);
        let reference = format!("refs/remotes/{branch}");
        let is_branch = match self.ask(&["show-ref", "--verify", "--quiet", &reference]) {
            Ok(finished) => finished.status == 0,
            Err(HostError::Unknown { .. }) => false,
            Err(error) => return Err(error.into()),
        };
        let words: Vec<String> = if is_branch {
            // The branch of the working copy follows the remote's, whatever it was.
            ["checkout", "--force", "-B", &version, "--track", &branch].map(str::to_owned).to_vec()
        } else {
            ["checkout", "--force", &version].map(str::to_owned).to_vec()
        };
        self.order(&words, &format!("checkout {version}"), foresee)?;
        self.verify()
    }

    /// Checks the signature of the commit, where that is asked for.
    fn verify(&self) -> Result<(), Stop> {
        let Some(allowed) = &self.key_check else { return Ok(()) };
        let finished = self.ask(&["verify-commit", "--raw", "HEAD"])?;
        let said = finished.stderr_text();
        if finished.status != 0 {
            return Err(Stop::failed(format!("Failed to verify GPG signature of commit/tag: {}", said.trim())));
        }
        let by = said.lines().find_map(|line| line.split_once("VALIDSIG ")?.1.split_whitespace().last());
        match by {
            _ if allowed.is_empty() => Ok(()),
            Some(by) if allowed.iter().any(|key| by.ends_with(key.trim_start_matches("0x"))) => Ok(()),
            _ => Err(Stop::failed(format!(
                "The gpg_allowlist does not include the public key of the signature: {}",
                by.unwrap_or("none")
            ))),
        }
    }

    /// Brings the submodules to what the commit wants. Whether one was moved.
    pub(super) fn update_submodules(&self, args: &Args) -> Result<bool, Stop> {
        let dest = self.dest()?;
        match self.host.files.stat(&dest.join(".gitmodules"), true) {
            Ok(None) => return Ok(false),
            Ok(Some(_)) => {}
            // In a dry run: what a repository has that is yet to be cloned.
            Err(HostError::Unknown { .. }) => return Ok(false),
            Err(error) => return Err(error.into()),
        }
        let state = || -> Result<String, Stop> { Ok(self.ask(&["submodule", "status", "--recursive"])?.stdout_text()) };
        let before = state()?;
        let moved = before.lines().any(|line| line.starts_with(['-', '+']));
        if !moved && !args.track_submodules {
            return Ok(false);
        }
        let sync = ["submodule", "sync", "--recursive"].map(str::to_owned);
        self.order(&sync, "sync submodules", &|_| Ok(()))?;
        let mut words = ["submodule", "update", "--init", "--recursive"].map(str::to_owned).to_vec();
        if args.track_submodules {
            words.push("--remote".to_owned());
        }
        if args.force {
            words.push("--force".to_owned());
        }
        let argv = self.words(&words);
        let mut command = Command::changing(argv, "what the submodules bring");
        command.streamed = true;
        let finished = self.host.processes.run(&self.prepared(command))?;
        if finished.status != 0 {
            return Err(Stop::failed(format!("Failed to init/update submodules: {}", finished.stderr_text().trim())));
        }
        Ok(state()? != before)
    }
}

type Foresee<'a> = &'a dyn Fn(&dyn Foresight) -> HostResult<()>;

/// Variables by which git and the ssh that it starts ask nothing.
fn environment(args: &Args) -> Vec<(String, String)> {
    let mut options: Vec<String> = args.ssh_opts.iter().cloned().collect();
    if args.accept_hostkey {
        options.push("-o StrictHostKeyChecking=no".to_owned());
    } else if args.accept_newhostkey {
        options.push("-o StrictHostKeyChecking=accept-new".to_owned());
    }
    options.push("-o BatchMode=yes".to_owned());
    if let Some(key) = &args.key_file {
        options.push(format!("-i {} -o IdentitiesOnly=yes", quoted(key)));
    }
    [
        ("LC_ALL", "C".to_owned()),
        ("GIT_TERMINAL_PROMPT", "0".to_owned()),
        // What only looks does not write the index anew.
        ("GIT_OPTIONAL_LOCKS", "0".to_owned()),
        ("GIT_SSH_COMMAND", format!("ssh {}", options.join(" "))),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .to_vec()
}

/// A path as the shell that git starts reads it.
fn quoted(path: &Path) -> String {
    format!("'{}'", path.to_string_lossy().replace('\'', "'\\''"))
}
