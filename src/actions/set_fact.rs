//! `set_fact`: sets variables of the host.

use super::call::{Action, ActionCall, Consequence, Done, NeedsHost, json};
use super::remote::Halt;
use crate::loader::Source;
use crate::template::{Binding, TemplateErrorKind};
use refit_agent::args;
use refit_agent::args::{Arg as _, Args as _};
use refit_agent::modules::Module;
use refit_agent::outcome::{Outcome, Stop};
use serde_json::Map;

args! {
    /// What `set_fact` takes, besides the variables.
    pub struct Args {
        /// Keep them in the fact cache, and among the facts, too.
        cacheable: bool = false,
    }
}

static MODULE: Module = Module {
    name: "set_fact",
    aliases: &[],
    summary: "Set variables of the host",
    args: Args::specs,
    rules: &[],
    free_form: None,
    run: None,
};

/// The action.
pub static ACTION: Action = Action { declaration: || &MODULE, needs_host: NeedsHost::No, raw: &[], run };

fn run(call: &ActionCall<'_>) -> Done {
    let cacheable = match call.arg("cacheable").map(|flag| bool::parse(&json(flag))) {
        None => false,
        Some(Ok(flag)) => flag,
        Some(Err(problem)) => return Done::failed(format!("`cacheable`: {problem}")),
    };
    let mut variables = Vec::new();
    let mut shown = Map::new();
    for (name, value) in call.args.iter().filter(|(name, _)| *name != "cacheable") {
        // A variable's name may be a template, too.
        let name = match call.scope.text(&Source::text(&call.task.action.span, name.as_str())) {
            Ok(name) => name,
            Err(error) if error.kind == TemplateErrorKind::Unknown => {
                return Done::only(Err(Halt::Stop(Stop::Unknown { why: error.diagnostic.message.clone() })));
            }
            Err(error) => return Done::failed(error.to_string()),
        };
        if !crate::vars::is_name(&name) {
            return Done::failed(crate::vars::not_a_name(&name));
        }
        shown.insert(name.clone(), json(value));
        variables.push((name.clone(), Binding::Value(value.clone())));
    }
    if variables.is_empty() {
        return Done::failed("no variable to set was given");
    }
    let outcome = Outcome { facts: shown, ..Outcome::ok() };
    Done::with(outcome, Consequence::Set { variables, cacheable })
}
