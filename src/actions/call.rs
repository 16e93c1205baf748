//! What an action gets, and what it gives.

use super::{Halt, Remote};
use crate::loader::Source;
use crate::playbook::Task;
use crate::secrets::Secrets;
use crate::template::{Binding, Holes, Scope, Value};
use crate::vault::Vault;
use indexmap::IndexMap;
use refit_agent::modules::Module;
use refit_agent::outcome::{Outcome, Stop};
use serde_json::{Map, Value as Json};
use std::path::Path;
use std::sync::Arc;

/// Whether an action needs the host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NeedsHost {
    /// It does its work on the controller, at once.
    No,
    /// It talks to the host, or waits.
    Yes,
}

/// An action of the controller.
pub struct Action {
    /// Its declaration: its own, or that of the agent's module whose work it prepares.
    pub declaration: fn() -> &'static Module,
    /// Whether it needs the host.
    pub needs_host: NeedsHost,
    /// Arguments that it gets as written, in [`ActionCall::raw`]: conditions, names of variables.
    pub raw: &'static [&'static str],
    /// Does it.
    pub run: fn(&ActionCall<'_>) -> Done,
}

/// One call of an action on a host (for an item).
pub struct ActionCall<'a> {
    /// The arguments, templated; without those that are omitted.
    pub args: &'a IndexMap<String, Value>,
    /// Arguments as written, of those that the action declares raw.
    pub raw: &'a IndexMap<String, Source>,
    /// The task.
    pub task: &'a Task,
    /// The variables in force.
    pub scope: &'a Scope,
    /// The host, for an action that needs it.
    pub host: Option<&'a Remote<'a>>,
    /// The playbook's directory.
    pub playbook_dir: &'a Path,
    /// Decrypts files.
    pub vault: &'a Vault,
    /// What must not be shown.
    pub secrets: &'a Secrets,
    /// In a dry run: the places of texts that are known only when it runs.
    pub holes: Option<&'a Holes>,
    /// How many `-v` the user gave.
    pub verbosity: u8,
}

impl<'a> ActionCall<'a> {
    /// The host.
    pub fn remote(&self) -> Result<&'a Remote<'a>, Halt> {
        self.host.ok_or_else(|| Halt::failed("this action has no host to work on"))
    }

    /// An argument.
    pub fn arg(&self, name: &str) -> Option<&Value> {
        self.args.get(name)
    }

    /// An argument as text.
    pub fn text(&self, name: &str) -> Option<String> {
        self.args.get(name).map(ToString::to_string)
    }

    /// The arguments as the module's own struct: validated, with defaults.
    pub fn parsed<A: refit_agent::args::Args>(&self) -> Result<A, Stop> {
        refit_agent::args::parse(&json_map(self.args)).map_err(|error| Stop::failed(error.to_string()))
    }
}

/// Something on the controller that follows of an action.
#[derive(Clone, Debug)]
pub enum Consequence {
    /// `set_fact`.
    Set {
        /// Names and values.
        variables: Vec<(String, Binding)>,
        /// Whether they are facts too, and kept in the fact cache.
        cacheable: bool,
    },
    /// `include_vars`.
    Include(Vec<(Arc<str>, Binding)>),
    /// `add_host`.
    AddHost {
        /// Its name.
        name: String,
        /// Its groups.
        groups: Vec<String>,
        /// Its variables.
        vars: Vec<(String, Value)>,
    },
    /// `group_by`.
    GroupBy {
        /// The group.
        group: String,
        /// Its parents.
        parents: Vec<String>,
    },
    /// `set_stats`.
    Stats {
        /// Names and values.
        data: Map<String, Json>,
        /// By host, or for the run.
        per_host: bool,
        /// Whether numbers are added and mappings merged.
        aggregate: bool,
    },
    /// The play ends here for the host or all hosts, without failure (`pause` that the user aborted).
    Abort,
}

impl Consequence {
    /// Whether it makes the same of the inventory as another one.
    pub fn changes_inventory_as(&self, other: &Consequence) -> bool {
        match (self, other) {
            (
                Consequence::AddHost { name, groups, vars },
                Consequence::AddHost { name: other, groups: in_, vars: with },
            ) => (name, groups, vars) == (other, in_, with),
            (Consequence::GroupBy { group, parents }, Consequence::GroupBy { group: other, parents: of }) => {
                (group, parents) == (other, of)
            }
            _ => false,
        }
    }
}

/// What an action gives.
pub struct Done {
    /// As a module ends, unless the host was lost.
    pub result: Result<Outcome, Halt>,
    /// What follows on the controller.
    pub consequences: Vec<Consequence>,
    /// Why it ended as it did, for the user: which condition with which values.
    pub why: Option<String>,
}

impl Done {
    /// An end without consequences.
    pub fn only(result: Result<Outcome, Halt>) -> Done {
        Done { result, consequences: Vec::new(), why: None }
    }

    /// A good end with one consequence.
    pub fn with(outcome: Outcome, consequence: Consequence) -> Done {
        Done { result: Ok(outcome), consequences: vec![consequence], why: None }
    }

    /// A failure that is only a message.
    pub fn failed(message: impl Into<String>) -> Done {
        Done::only(Err(Halt::failed(message)))
    }
}

impl From<Result<Outcome, Halt>> for Done {
    fn from(result: Result<Outcome, Halt>) -> Done {
        Done::only(result)
    }
}

/// A template's value as JSON, for results and requests.
pub(crate) fn json(value: &Value) -> Json {
    serde_json::to_value(value).unwrap_or_else(|_| Json::String(value.to_string()))
}

/// Arguments as JSON.
pub(crate) fn json_map(args: &IndexMap<String, Value>) -> Map<String, Json> {
    args.iter().map(|(name, value)| (name.clone(), json(value))).collect()
}
