//! Commands.

use super::HostResult;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// What running a command does to the host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Does {
    /// It only looks: a dry run runs it too.
    Reads,
    /// It may change anything: a dry run does not run it, and what it would have said is unknown. The text says what
    /// is unknown: "what `make install` changes".
    Changes(String),
}

/// A command to run.
#[derive(Clone, Debug)]
pub struct Command {
    /// The program and its arguments. No shell is involved.
    pub argv: Vec<String>,
    /// Names and values that the environment has besides (or instead of) the request's.
    pub environment: Vec<(String, String)>,
    /// The working directory.
    pub directory: Option<PathBuf>,
    /// What it gets on standard input.
    pub stdin: Vec<u8>,
    /// When to give up.
    pub timeout: Option<Duration>,
    /// Its umask.
    pub umask: Option<u32>,
    /// What it does.
    pub does: Does,
    /// Files on which it depends what a command that only looks says. Where earlier tasks of a dry run would change one,
    /// the answer is unknown.
    pub looks_at: Vec<PathBuf>,
    /// Whether its lines are shown to the user while it runs.
    pub streamed: bool,
}

impl Command {
    /// A command that only looks.
    pub fn reading<S: Into<String>>(argv: impl IntoIterator<Item = S>) -> Command {
        Command::new(argv, Does::Reads)
    }

    /// A command that may change anything.
    pub fn changing<S: Into<String>>(argv: impl IntoIterator<Item = S>, what: impl Into<String>) -> Command {
        Command::new(argv, Does::Changes(what.into()))
    }

    /// With files on which it depends what it says.
    pub fn looking_at<P: Into<PathBuf>>(mut self, files: impl IntoIterator<Item = P>) -> Command {
        self.looks_at.extend(files.into_iter().map(Into::into));
        self
    }

    fn new<S: Into<String>>(argv: impl IntoIterator<Item = S>, does: Does) -> Command {
        Command {
            argv: argv.into_iter().map(Into::into).collect(),
            environment: Vec::new(),
            directory: None,
            stdin: Vec::new(),
            timeout: None,
            umask: None,
            does,
            looks_at: Vec::new(),
            streamed: false,
        }
    }
}

/// A command that ended.
#[derive(Clone, Debug, PartialEq)]
pub struct Finished {
    /// Exit status; the signal's number negated (`-9`), as Python has it, for one that a signal ended.
    pub status: i32,
    /// What it printed.
    pub stdout: Vec<u8>,
    /// What it printed on standard error.
    pub stderr: Vec<u8>,
}

impl Finished {
    /// Standard output as text.
    pub fn stdout_text(&self) -> String {
        String::from_utf8_lossy(&self.stdout).into_owned()
    }

    /// Standard error as text.
    pub fn stderr_text(&self) -> String {
        String::from_utf8_lossy(&self.stderr).into_owned()
    }
}

/// What a dry run takes in of a command that it does not run.
pub trait Foresight {
    /// An error, unless the agent's user is root: the command would be refused. `what` names the deed.
    fn must_be_root(&self, what: &str) -> HostResult<()>;
    /// A file of the kernel's own (`/proc/mounts`, below `/proc/sys`) would read like this.
    fn kernel_says(&self, path: &Path, content: &[u8]) -> HostResult<()>;
    /// What is in this file, or below this directory, is known only when it runs; `entirely`, its owner, mode and times
    /// too. It must be there. `why` tells it to the user: "what git fetches".
    fn hide(&self, path: &Path, entirely: bool, why: &str) -> HostResult<()>;
    /// A command that only looks would say this from now on.
    fn program_says(&self, argv: &[&str], finished: Finished) -> HostResult<()>;
}

impl Finished {
    /// A command that ended well, and printed this.
    pub fn saying(stdout: impl Into<Vec<u8>>) -> Finished {
        Finished { status: 0, stdout: stdout.into(), stderr: Vec::new() }
    }
}

/// Commands. Each runs in a process group of its own, which ends with its request.
pub trait Processes {
    /// Runs one to its end. An error means that it could not be started, was cancelled, or is unknown in a dry run; a
    /// status other than zero is the caller's to judge.
    fn run(&self, command: &Command) -> HostResult<Finished>;
    /// Runs a command whose effects are known beforehand. A dry run does not run it but asks `foresee`, which does the
    /// same by the facets of its host and by what [`Foresight`] offers, and returns what the command would print.
    fn perform(
        &self,
        command: &Command,
        foresee: &dyn Fn(&dyn Foresight) -> HostResult<Finished>,
    ) -> HostResult<Finished>;
    /// The program's path, looked up in `PATH` and the `sbin` directories.
    fn which(&self, program: &str) -> HostResult<Option<PathBuf>>;
    /// A variable of the request's environment.
    fn variable(&self, name: &str) -> Option<String>;
    /// The whole environment that commands of this request get.
    fn environment(&self) -> Vec<(String, String)>;
    /// Names, command lines and numbers of the running processes: (pid, argv).
    fn list(&self) -> HostResult<Vec<(u32, Vec<String>)>>;
}
