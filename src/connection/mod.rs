//! From the controller to the agent on a host: over SSH (libssh2, or the system's `ssh` where the user's configuration
//! needs it), or on this machine.

mod agent_channel;
mod agents;
mod askpass;
mod bootstrap;
mod command_channel;
mod driver;
mod effects;
mod known_hosts;
mod libssh2;
mod link;
mod outbox;
mod pool;
mod processes;
mod programs;
mod shell;
mod ssh_config;
mod target;
mod token;
mod wire;

pub use pool::Pool;
pub use programs::Program;
pub use target::{Become, BecomeMethod, HostKeyPolicy, Secret, Target, Transport};

use refit_agent::protocol::{Effect, ForeseenFile, Hello, ItemEnd, Run, Stream};
use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// The hosts' links of a run, made when first asked for and kept. Shared by all threads.
pub trait Links: Send + Sync {
    /// The link to a host. Does not connect yet.
    fn link(&self, target: &Target) -> Arc<dyn Link>;
    /// A file of the controller's own machine, as it would be by now in a dry run.
    fn foreseen_here(&self, path: &Path) -> ForeseenFile {
        ForeseenFile::Live(path.to_owned())
    }
    /// The controller foresees something of its own machine.
    fn foresee_here(&self, _effects: Vec<Effect>) {}
    /// Cancels what runs everywhere, and what will be asked for: the user interrupted twice.
    fn cancel(&self);
    /// Ends every agent and closes every connection.
    fn close(&self);
}

/// A host's link. Several threads may call it at once: requests travel side by side on one connection.
pub trait Link: Send + Sync {
    /// Runs a request with the agent of this user and waits for its end. Connects, and brings the agent, where that
    /// has not been done. The request's `id` and `effects` are set by the link; `content` gives what `blobs` name.
    fn run(
        &self,
        user: Option<&Become>,
        run: Run,
        content: &dyn Content,
        progress: &dyn Progress,
    ) -> Result<(), LinkError>;
    /// Runs a command line by the remote user's login shell, without the agent (`raw`); at most for as long as `limit`.
    fn raw(
        &self,
        user: Option<&Become>,
        command: &str,
        input: &[u8],
        limit: Option<Duration>,
        progress: &dyn Progress,
    ) -> Result<RawEnd, LinkError>;
    /// Copies content to a path on the host without the agent (`script`, in a raw run), mode 0700.
    fn put(&self, content: &[u8], path: &str) -> Result<(), LinkError>;
    /// Makes sure that the agent of this user answers.
    fn hello(&self, user: Option<&Become>) -> Result<Hello, LinkError>;
    /// Ends the agent that runs as this user, if it has nothing to do, and waits until it has ended: a user who has
    /// processes can't be removed. The next call brings it anew.
    fn part(&self, user: &str);
    /// Ends the host's agents and closes its connection; the next call connects anew (`meta: reset_connection`, `reboot`).
    fn reset(&self);
    /// A new connection, past whatever the link has, within this time: for `reboot` and `wait_for_connection`.
    fn probe(&self, user: Option<&Become>, timeout: Duration) -> Result<Hello, LinkError>;
    /// Cancels what runs and what will be asked for: the user interrupted twice.
    fn cancel(&self);
}

/// Content by its SHA-256.
pub trait Content: Sync {
    /// The content.
    fn get(&self, sha256: &str) -> Option<Arc<Vec<u8>>>;
}

/// Who is told of a request's progress, on the thread that asked for it.
pub trait Progress: Sync {
    /// A line of output.
    fn output(&self, index: usize, stream: Stream, line: &str);
    /// An item is done.
    fn item(&self, end: ItemEnd);
    /// The agent was heard of: after this long without, the link asks whether to go on.
    fn alive(&self) {}
}

/// How a raw command ended.
#[derive(Clone, Debug, PartialEq)]
pub struct RawEnd {
    /// Exit status; negative for a signal.
    pub status: i32,
    /// What it printed.
    pub stdout: Vec<u8>,
    /// What it printed on standard error.
    pub stderr: Vec<u8>,
}

/// Why a request had no answer. Each says what failed and what to do about it; the host's name is the caller's to add.
#[derive(Clone, Debug, PartialEq)]
pub enum LinkError {
    /// No connection: refused, timed out, name unknown, host key wrong, authentication failed, or cut while it ran.
    Unreachable {
        /// What happened.
        message: String,
        /// Whether a request was under way: then it is not known how far it came.
        midway: bool,
    },
    /// The connection is there, but the other user could not be become: wrong or missing password, no right.
    Become {
        /// What happened.
        message: String,
    },
    /// No agent could be started: no directory allows exec, an unknown architecture, the disk is full.
    Agent {
        /// What happened.
        message: String,
    },
    /// A command without the agent took longer than it may.
    TimedOut {
        /// How long it had.
        limit: Duration,
    },
    /// The user interrupted.
    Cancelled,
}

impl fmt::Display for LinkError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            LinkError::Unreachable { message, .. } | LinkError::Become { message } | LinkError::Agent { message } => {
                f.write_str(message)
            }
            LinkError::TimedOut { limit } => write!(f, "it was not done after {} s", limit.as_secs()),
            LinkError::Cancelled => f.write_str("interrupted"),
        }
    }
}

impl std::error::Error for LinkError {}
