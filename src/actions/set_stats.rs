//! `set_stats`: adds to the figures that a run ends with.

use super::call::{Action, ActionCall, Consequence, Done, NeedsHost};
use refit_agent::args;
use refit_agent::args::Args as _;
use refit_agent::modules::Module;
use refit_agent::outcome::Outcome;
use serde_json::{Map, Value as Json};

args! {
    /// What `set_stats` takes.
    pub struct Args {
        /// Names and values.
        data: Map<String, Json>,
        /// Keep them by host.
        per_host: bool = false,
        /// Add to what is there instead of replacing it.
        aggregate: bool = true,
    }
}

static MODULE: Module = Module {
    name: "set_stats",
    aliases: &[],
    summary: "Add to the figures that the run ends with",
    args: Args::specs,
    rules: &[],
    free_form: None,
    run: None,
};

/// The action.
pub static ACTION: Action = Action { declaration: || &MODULE, needs_host: NeedsHost::No, raw: &[], run };

fn run(call: &ActionCall<'_>) -> Done {
    if call.arg("data").is_some_and(|data| data.kind() != minijinja::value::ValueKind::Map) {
        return Done::failed("The 'data' option needs to be a dictionary/hash");
    }
    if let Some(name) = call
        .arg("data")
        .and_then(|data| data.try_iter().ok())
        .and_then(|mut names| names.find(|name| !crate::vars::is_name(&name.to_string())).map(|name| name.to_string()))
    {
        return Done::failed(crate::vars::not_a_name(&name));
    }
    // What is no boolean is as good as no, as Ansible takes it.
    let flag = |name: &str, otherwise: bool| {
        call.arg(name).map_or(otherwise, |value| refit_agent::args::boolean(&value.to_string()).unwrap_or(false))
    };
    let data = call.arg("data").map(super::call::json).and_then(|data| data.as_object().cloned()).unwrap_or_default();
    let args = Args { data, per_host: flag("per_host", false), aggregate: flag("aggregate", true) };
    let shown = serde_json::json!({"data": args.data, "per_host": args.per_host, "aggregate": args.aggregate});
    let outcome = Outcome::ok().with("ansible_stats", shown);
    Done::with(outcome, Consequence::Stats { data: args.data, per_host: args.per_host, aggregate: args.aggregate })
}
