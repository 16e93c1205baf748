//! A plan as data. Its JSON form is documented by `docs/plan.schema.json`.

use crate::event::{Place, RunMode, Status};
use crate::secrets::Secrets;
use indexmap::IndexMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;

/// The version of the document's form.
pub const VERSION: u32 = 1;
/// What the document says it is.
const FORMAT: &str = "refit-plan";

/// What a document says of its own form. There is one version; another one is refused when it is read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Form;

#[derive(Serialize, Deserialize, schemars::JsonSchema)]
struct FormFields {
    name: String,
    version: u32,
}

impl Serialize for Form {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        FormFields { name: FORMAT.to_owned(), version: VERSION }.serialize(serializer)
    }
}

impl schemars::JsonSchema for Form {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Form".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "description": "The document's form.",
            "type": "object",
            "properties": {"name": {"const": FORMAT}, "version": {"const": VERSION}},
            "required": ["name", "version"],
        })
    }
}

impl<'de> Deserialize<'de> for Form {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Form, D::Error> {
        let found = FormFields::deserialize(deserializer)?;
        match (found.name.as_str(), found.version) {
            (FORMAT, VERSION) => Ok(Form),
            (FORMAT, other) => Err(serde::de::Error::custom(format!(
                "the plan has form {other}, this Refit reads {VERSION}: use the Refit that wrote it"
            ))),
            (other, _) => Err(serde::de::Error::custom(format!("this is a `{other}`, no `{FORMAT}`"))),
        }
    }
}

/// What a dry run foresaw, or what a run did. Equal things are kept once: hosts refer to steps, and these to contents.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Plan {
    /// The document's form.
    pub form: Form,
    /// The name of the run that it was read off.
    pub run: String,
    /// Whether that run changed hosts.
    pub mode: RunMode,
    /// Refit's version.
    pub refit: String,
    /// When it began: milliseconds since 1970-01-01 UTC.
    pub began: i64,
    /// When it ended.
    pub ended: i64,
    /// The command line, secrets masked.
    pub command: Vec<String>,
    /// The playbooks.
    pub playbooks: Vec<String>,
    /// The file of the plan that the run carried out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub carries_out: Option<String>,
    /// The run's exit code; none of one that did not come to its end.
    pub exit_code: Option<i32>,
    /// The plays, in order.
    pub plays: Vec<Play>,
    /// The tasks, in the order in which they were first begun.
    pub tasks: Vec<Task>,
    /// Texts and states that steps refer to.
    pub contents: Vec<Value>,
    /// What tasks do, each different thing once.
    pub steps: Vec<Step>,
    /// What each host goes through, in the order of first use.
    pub hosts: IndexMap<String, HostPlan>,
    /// Errors that are no host's.
    #[serde(default)]
    pub errors: Vec<String>,
    /// Warnings, each once.
    #[serde(default)]
    pub warnings: Vec<String>,
}

/// A play.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Play {
    /// Its name, else its pattern.
    pub name: String,
    /// Where it stands.
    pub place: Place,
    /// The hosts of each of its batches.
    pub batches: Vec<Batch>,
}

/// A batch of a play.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Batch {
    /// Its hosts.
    pub hosts: Vec<String>,
    /// When it began: milliseconds since 1970-01-01 UTC.
    pub began: i64,
    /// When its last task ended.
    pub ended: i64,
}

/// A task: where it stands and in which play. However often it is begun (for batches, in loops of includes), it is one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Task {
    /// The play: its place in [`Plan::plays`].
    pub play: u32,
    /// Its name as it was first begun.
    pub name: String,
    /// The module, as written.
    pub action: String,
    /// The role that it came with.
    pub role: Option<String>,
    /// Where it stands.
    pub place: Place,
    /// Whether it is a handler.
    pub handler: bool,
}

impl Task {
    /// Its name, with its role's.
    pub fn title(&self) -> String {
        self.role.as_ref().map_or_else(|| self.name.clone(), |role| format!("{role} : {}", self.name))
    }

    /// `FILE:LINE`.
    pub fn at(&self) -> String {
        format!("{}:{}", self.place.file, self.place.line)
    }
}

/// A place in [`Plan::contents`].
pub type Content = u32;

/// One difference.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Delta {
    /// What differs: `/etc/motd`, `unit nginx.service`, `packages`.
    pub subject: String,
    /// The text or state before.
    pub before: Content,
    /// The text or state after.
    pub after: Content,
    /// Whether the thing does not exist before.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub created: bool,
    /// Whether the thing does not exist after.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub removed: bool,
}

/// How an item of a task's loop ends, where that needs saying.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct ItemPlan {
    /// The item's label.
    pub label: Value,
    /// How it ends.
    pub status: Status,
    /// Why.
    pub why: String,
}

/// What a task does on a host.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Step {
    /// How it ends.
    pub status: Status,
    /// Whether a failure is ignored.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub ignored: bool,
    /// Whether its result is hidden (`no_log`).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub hidden: bool,
    /// Why it is skipped, fails, or may change.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// The host that it acts on, where that is another one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delegated_to: Option<String>,
    /// What differs, secrets masked.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub deltas: Vec<Delta>,
    /// What tells these differences, before masking, from all others: SHA-256, lower-case hex.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<String>,
    /// Handlers that it notifies.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notifies: Vec<String>,
    /// Items of its loop that may change or fail.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub items: Vec<ItemPlan>,
}

/// A host's way through the plan.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct HostPlan {
    /// Its tasks in order.
    pub steps: Vec<Taken>,
    /// Whether a task failed that no one took care of; none of a run that broke off.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failed: Option<bool>,
    /// Why it was not attempted, or not to the end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_attempted: Option<String>,
    /// Handlers that were notified and did not run.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub owed: Vec<String>,
    /// Tasks that did something else than was planned, for which the host stopped: the task, and what.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub deviations: Vec<(u32, String)>,
    /// What tasks tell people (`debug`): the task, and the text's place in [`Plan::contents`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub messages: Vec<(u32, Content)>,
}

/// A task on a host. In JSON: `[TASK, STEP, MICROSECONDS]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Taken {
    /// The task: its place in [`Plan::tasks`].
    pub task: u32,
    /// What it does: its place in [`Plan::steps`].
    pub step: u32,
    /// How long it took, microseconds.
    pub took: u64,
}

impl Serialize for Taken {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        (self.task, self.step, self.took).serialize(serializer)
    }
}

impl schemars::JsonSchema for Taken {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Taken".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "description": "A task on a host: [the task's place in `tasks`, the step's place in `steps`, microseconds].",
            "type": "array",
            "prefixItems": [
                {"type": "integer", "minimum": 0}, {"type": "integer", "minimum": 0}, {"type": "integer", "minimum": 0},
            ],
            "minItems": 3,
            "maxItems": 3,
        })
    }
}

impl<'de> Deserialize<'de> for Taken {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Taken, D::Error> {
        let (task, step, took) = Deserialize::deserialize(deserializer)?;
        Ok(Taken { task, step, took })
    }
}

impl Plan {
    /// Every reference points at something. A document that a hand has edited may not be so.
    pub fn check(&self) -> Result<(), String> {
        let inside = |what: &str, index: u32, length: usize| match (index as usize) < length {
            true => Ok(()),
            false => Err(format!("the plan is damaged: it refers to {what} {index} of {length}")),
        };
        for task in &self.tasks {
            inside("play", task.play, self.plays.len())?;
        }
        for delta in self.steps.iter().flat_map(|step| &step.deltas) {
            inside("content", delta.before, self.contents.len())?;
            inside("content", delta.after, self.contents.len())?;
        }
        for (task, text) in self.hosts.values().flat_map(|host| &host.messages) {
            inside("task", *task, self.tasks.len())?;
            inside("content", *text, self.contents.len())?;
        }
        for taken in self.hosts.values().flat_map(|host| &host.steps) {
            inside("task", taken.task, self.tasks.len())?;
            inside("step", taken.step, self.steps.len())?;
        }
        Ok(())
    }

    /// A host's tasks and what they do, in order.
    pub fn way<'a>(&'a self, host: &'a HostPlan) -> impl Iterator<Item = (Taken, &'a Task, &'a Step)> {
        host.steps.iter().filter_map(|taken| {
            Some((*taken, self.tasks.get(taken.task as usize)?, self.steps.get(taken.step as usize)?))
        })
    }

    /// Masks secrets, also those that became known only after an event told of them.
    pub fn mask(&mut self, secrets: &Secrets) {
        let text = |text: &mut String| *text = secrets.mask(text);
        self.contents.iter_mut().for_each(|content| secrets.mask_json(content));
        self.tasks.iter_mut().for_each(|task| text(&mut task.name));
        self.command.iter_mut().for_each(text);
        for step in &mut self.steps {
            step.why.iter_mut().for_each(text);
            for item in &mut step.items {
                secrets.mask_json(&mut item.label);
                text(&mut item.why);
            }
        }
        self.errors.iter_mut().chain(&mut self.warnings).for_each(text);
    }

    /// A text or state.
    pub fn content(&self, at: Content) -> &Value {
        self.contents.get(at as usize).unwrap_or(&Value::Null)
    }
}
