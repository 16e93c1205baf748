//! What a module says when it is done.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// One difference that a module made, or in a dry run would make.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Diff {
    /// The file that differs, where the headers don't say it: one that was not there has no name before, and after it
    /// there is the name of what it is made of.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub file: String,
    /// Whether the file did not exist before: its text is none then, and not an empty one.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub created: bool,
    /// Whether the file does not exist after.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub removed: bool,
    /// What differs before: a path, mostly.
    pub before_header: String,
    /// What differs after.
    pub after_header: String,
    /// The text before, or the state before as a mapping.
    pub before: Value,
    /// The text after, or the state after as a mapping.
    pub after: Value,
}

impl Diff {
    /// A difference of a text file's content.
    pub fn text(path: &str, before: &str, after: &str) -> Diff {
        Diff::of_state(path, before.into(), after.into())
    }

    /// A difference of the state of what the header names (`user www`); it is empty where the states say it themselves.
    pub fn of_state(header: &str, before: Value, after: Value) -> Diff {
        let header = header.to_owned();
        Diff { before_header: header.clone(), after_header: header, before, after, ..Diff::default() }
    }
}

/// A module's success.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Outcome {
    /// Whether the host is, or in a dry run would be, different now.
    pub changed: bool,
    /// Set where the module did nothing for a reason that Ansible reports as skipped (`creates` exists, ...).
    pub skipped: bool,
    /// The names and values that Ansible documents as the module's return values.
    pub result: Map<String, Value>,
    /// What differs, where the module can show it.
    pub diff: Vec<Diff>,
    /// Facts to set on the host (`ansible_facts` of the result).
    pub facts: Map<String, Value>,
    /// Warnings for the user.
    pub warnings: Vec<String>,
    /// Names of return values that a dry run can't foresee (the fingerprint of a key that would be made): the task's
    /// change is known, and what it registers is unknown under these names.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unknown: Vec<String>,
}

impl Outcome {
    /// Nothing had to be done.
    pub fn ok() -> Outcome {
        Outcome::default()
    }

    /// `changed` as given.
    pub fn changed(changed: bool) -> Outcome {
        Outcome { changed, ..Outcome::default() }
    }

    /// With one more return value.
    pub fn with(mut self, name: &str, value: impl Into<Value>) -> Outcome {
        self.result.insert(name.to_owned(), value.into());
        self
    }

    /// With one more difference.
    pub fn with_diff(mut self, diff: Diff) -> Outcome {
        self.diff.push(diff);
        self
    }

    /// With one more warning.
    pub fn warn(mut self, warning: impl Into<String>) -> Outcome {
        self.warnings.push(warning.into());
        self
    }
}

/// A module's failure: the host may have been touched before it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Failure {
    /// What failed and what to do about it.
    pub msg: String,
    /// Whether something was changed before the failure.
    pub changed: bool,
    /// Other return values (`rc`, `stdout`, ...).
    pub result: Map<String, Value>,
    /// Warnings for the user.
    pub warnings: Vec<String>,
}

impl Failure {
    /// A failure that is only a message.
    pub fn new(msg: impl Into<String>) -> Failure {
        Failure { msg: msg.into(), ..Failure::default() }
    }

    /// It was ended because it took longer than the task's `timeout`, in seconds. Playbooks look for `timedout`.
    pub fn timed_out(seconds: u64) -> Failure {
        let period = Map::from_iter([("period".to_owned(), seconds.into())]);
        Failure::new(format!("Timed out after {seconds} second(s).")).with("timedout", period)
    }

    /// With one more return value.
    pub fn with(mut self, name: &str, value: impl Into<Value>) -> Failure {
        self.result.insert(name.to_owned(), value.into());
        self
    }
}

/// Why a module ended without an outcome.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stop {
    /// It failed.
    Failed(Failure),
    /// It is a dry run, and what the module would do can't be foreseen.
    Unknown {
        /// Why not, for the user: "what `make install` changes is known only when it runs".
        why: String,
    },
    /// The controller cancelled it, or its deadline passed. What it had started was ended.
    Cancelled {
        /// Which of the two, for the user.
        why: String,
    },
}

impl From<Failure> for Stop {
    fn from(failure: Failure) -> Stop {
        Stop::Failed(failure)
    }
}

impl Stop {
    /// A failure that is only a message.
    pub fn failed(msg: impl Into<String>) -> Stop {
        Stop::Failed(Failure::new(msg))
    }
}

/// What a module returns.
pub type ModuleResult = Result<Outcome, Stop>;
