//! A plan as JSON: the document with its summary and its changes. `docs/plan.schema.json` documents it.

use crate::plan::{Changes, Field, Kind, Plan, Summary};
use serde::Serialize;

/// A plan, or what a run did, as `refit plan --output json` prints it: the plan itself, and what a reader would work out of it.
#[derive(Serialize, schemars::JsonSchema)]
#[schemars(rename = "PrintedPlan")]
struct Printed<'a> {
    #[serde(flatten)]
    plan: &'a Plan,
    /// The plan in numbers.
    summary: Summary,
    /// What becomes of each thing: differences that tasks make one after the other, as one.
    changes: Vec<PrintedChange<'a>>,
}

/// What becomes of one thing, on all hosts where it is the same.
#[derive(Serialize, schemars::JsonSchema)]
#[schemars(rename = "Change")]
struct PrintedChange<'a> {
    /// What kind of thing it is.
    kind: Kind,
    /// Its name.
    subject: &'a str,
    /// Its text before the first and after the last of the tasks.
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<PrintedText>,
    /// Fields of its state that differ.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    fields: &'a [Field],
    /// Whether a task that may change it is among them.
    uncertain: bool,
    /// The tasks that make it, in order: places in `tasks`.
    tasks: &'a [u32],
    /// The hosts.
    hosts: &'a [String],
}

/// Places in the document's `contents`.
#[derive(Serialize, schemars::JsonSchema)]
#[schemars(rename = "Text")]
struct PrintedText {
    /// The text before.
    before: u32,
    /// The text after.
    after: u32,
}

/// The JSON schema of the document.
pub fn plan_schema() -> schemars::Schema {
    schemars::schema_for!(Printed<'_>)
}

/// The document. Changes are those of the hosts that are wanted.
pub fn plan_json(plan: &Plan, wanted: impl Fn(&str) -> bool) -> Result<String, serde_json::Error> {
    let changes = Changes::of(plan, wanted);
    let summary = Summary::of(plan, &changes);
    let shown = changes.0.iter().map(|change| PrintedChange {
        kind: change.kind,
        subject: &change.subject,
        text: change.text.map(|(before, after)| PrintedText { before, after }),
        fields: &change.fields,
        uncertain: change.uncertain,
        tasks: &change.tasks,
        hosts: &change.hosts,
    });
    let printed = Printed { plan, summary, changes: shown.collect() };
    Ok(serde_json::to_string(&printed)? + "\n")
}
