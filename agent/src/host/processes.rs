//! Commands.

use super::HostResult;
use std::path::PathBuf;
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

    fn new<S: Into<String>>(argv: impl IntoIterator<Item = S>, does: Does) -> Command {
        Command {
            argv: argv.into_iter().map(Into::into).collect(),
            environment: Vec::new(),
            directory: None,
            stdin: Vec::new(),
            timeout: None,
            umask: None,
            does,
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

/// Commands. Each runs in a process group of its own, which ends with its request.
pub trait Processes {
    /// Runs one to its end. An error means that it could not be started, was cancelled, or is unknown in a dry run; a
    /// status other than zero is the caller's to judge.
    fn run(&self, command: &Command) -> HostResult<Finished>;
    /// The program's path, looked up in `PATH` and the `sbin` directories.
    fn which(&self, program: &str) -> HostResult<Option<PathBuf>>;
    /// A variable of the request's environment.
    fn variable(&self, name: &str) -> Option<String>;
    /// The whole environment that commands of this request get.
    fn environment(&self) -> Vec<(String, String)>;
    /// Names, command lines and numbers of the running processes: (pid, argv).
    fn list(&self) -> HostResult<Vec<(u32, Vec<String>)>>;
}
