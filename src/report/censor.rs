//! What is shown of a hidden result.

use crate::event::{Status, TaskResult};
use serde_json::{Map, Value};

/// What Ansible prints of a result with `no_log`.
pub(super) fn censored(result: &TaskResult) -> Map<String, Value> {
    let mut data = Map::new();
    let why = "the output has been hidden due to the fact that 'no_log: true' was specified for this result";
    data.insert("censored".to_owned(), Value::from(why));
    let changed = result.result.get("changed").cloned().unwrap_or(Value::Bool(result.status == Status::Changed));
    data.insert("changed".to_owned(), changed);
    data
}
