//! How tasks ended.

use refit_agent::outcome::Diff;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// How a task ended on a host.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Well, and nothing had to change.
    Ok,
    /// Well, and the host was (in a dry run: would be) changed.
    Changed,
    /// It did not apply.
    Skipped,
    /// It failed.
    Failed,
    /// The host could not be reached.
    Unreachable,
    /// A dry run can't tell: it may change the host.
    Unknown,
}

/// What a dry run says of a task on a host.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Prediction {
    /// It will change the host.
    Change,
    /// It will not.
    Ok,
    /// It will be skipped.
    Skip,
    /// It will fail.
    Fail,
    /// Known only when it runs.
    Unknown,
}

/// How a task ended on a host.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TaskResult {
    /// How.
    pub status: Status,
    /// Whether a failure was ignored (`ignore_errors`, `ignore_unreachable`).
    pub ignored: bool,
    /// Whether the result is hidden (`no_log`): `result` and `diff` hold nothing then.
    pub hidden: bool,
    /// The host that it was delegated to.
    pub delegated_to: Option<String>,
    /// The result as `register` would have it: `changed`, `failed`, `msg`, `results`, ... Secrets masked.
    pub result: Map<String, Value>,
    /// What differs, where the user asked for differences.
    pub diff: Vec<Diff>,
    /// What tells these differences, before masking and whether or not they are shown, from all others: SHA-256, lower-case
    /// hex. Times of files don't count. None where the module told of none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<String>,
    /// Why it was skipped or is unknown: the condition that was false with its values, the `register` at fault. Of a failure,
    /// what more there is to say than `msg`: the place of the variable at fault, hints.
    pub why: Option<String>,
    /// Milliseconds since 1970-01-01 UTC.
    pub began: i64,
    /// Microseconds.
    pub took: u64,
}

impl TaskResult {
    /// What a dry run with this result says.
    pub fn prediction(&self) -> Prediction {
        match self.status {
            Status::Ok => Prediction::Ok,
            Status::Changed => Prediction::Change,
            Status::Skipped => Prediction::Skip,
            Status::Failed | Status::Unreachable => Prediction::Fail,
            Status::Unknown => Prediction::Unknown,
        }
    }
}

/// How an item of a loop ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ItemResult {
    /// From 0.
    pub index: usize,
    /// `loop_control.label`, else the item.
    pub label: Value,
    /// How it ended.
    pub result: TaskResult,
}
