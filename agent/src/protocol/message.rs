//! The messages.

use super::Effect;
use crate::outcome::{Outcome, Stop};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// The protocol's version. An agent is found by the hash of its program, so the two sides differ only by mistake.
pub const VERSION: u32 = 1;

/// From the controller.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ToAgent {
    /// Run a module.
    Run(Run),
    /// A piece of content; the attachment is the bytes. The last piece makes it whole, and the hash is checked.
    Blob {
        /// SHA-256 of the whole content, lower-case hex.
        sha256: String,
        /// Whether this is the last piece.
        last: bool,
    },
    /// End a running request and all that it started.
    Cancel {
        /// Which.
        id: u64,
    },
    /// End everything and exit.
    Bye,
}

/// Whether the host is changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// Do it.
    Live,
    /// A dry run: the same code on the shadow.
    Shadow,
}

/// The argument that says, in a dry run, that other arguments have marks where it is not known what will stand there, and
/// why: what the module writes is not known either.
pub const HALF_KNOWN: &str = "_half_known";

/// A module to run, once for each item.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Run {
    /// The request's number, the controller's choice.
    pub id: u64,
    /// The module's short name.
    pub module: String,
    /// The arguments, once for each item of a loop (once for a task without one), templated.
    pub items: Vec<Map<String, Value>>,
    /// Whether the host is changed.
    pub mode: Mode,
    /// Whether differences are wanted.
    pub diff: bool,
    /// Variables for the environment of what it starts.
    pub environment: Vec<(String, String)>,
    /// Seconds after which the request is cancelled; none for no limit.
    pub timeout: Option<u64>,
    /// Hashes (SHA-256, lower-case hex) of content that the arguments name. What the agent has not got it asks for.
    pub blobs: Vec<String>,
    /// Effects that other agents on the same host foresaw since this one's last request (a dry run only).
    pub effects: Vec<Effect>,
    /// What the user calls the task: for "still running" lines.
    pub title: String,
    /// Whether to only start it, in the background (not in a dry run).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub background: Option<Background>,
}

/// A module that runs in the background.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Background {
    /// Seconds after which it is ended.
    pub limit: u64,
    /// Where the jobs' files are; `~/` begins the user's home.
    pub directory: String,
}

/// From the agent.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FromAgent {
    /// The first message.
    Hello(Hello),
    /// The request waits for this content.
    Need {
        /// The request.
        id: u64,
        /// Hashes of the content that is missing.
        blobs: Vec<String>,
    },
    /// A line of output of what a request started.
    Output {
        /// The request.
        id: u64,
        /// The item.
        index: usize,
        /// Where it was printed.
        stream: Stream,
        /// The line, without its end.
        line: String,
    },
    /// An item is done.
    Item(ItemEnd),
    /// All items of a request are done.
    Done {
        /// The request.
        id: u64,
        /// What the shadow foresaw (a dry run only).
        effects: Vec<Effect>,
    },
    /// Sent every few seconds while requests run: the agent lives.
    Alive,
    /// The agent's last message: it met a defect of its own, and ends with all requests.
    Broken {
        /// What broke, where, and what to do about it.
        why: String,
    },
}

/// The agent's first message.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Hello {
    /// The protocol's version.
    pub version: u32,
    /// The agent's process.
    pub pid: u32,
    /// Its user.
    pub uid: u32,
    /// That user's name.
    pub user: String,
    /// The kernel's identity of this boot (`/proc/sys/kernel/random/boot_id`), where there is one.
    pub boot_id: Option<String>,
    /// `uname -m`.
    pub machine: String,
}

/// Where a line was printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stream {
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
}

/// How one item of a request ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ItemEnd {
    /// The request.
    pub id: u64,
    /// The item.
    pub index: usize,
    /// Milliseconds since 1970-01-01 UTC on the host when it began.
    pub began: i64,
    /// Microseconds that it took.
    pub took: u64,
    /// How it ended.
    pub ended: Ended,
}

/// How it ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ended {
    /// Well.
    Outcome(Outcome),
    /// Otherwise.
    Stop(Stop),
}
