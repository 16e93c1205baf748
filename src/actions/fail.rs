//! `fail`: fails, with a message.

use super::call::{Action, ActionCall, Done, NeedsHost, json};
use super::remote::Halt;
use refit_agent::args;
use refit_agent::args::Args as _;
use refit_agent::modules::Module;
use refit_agent::outcome::{Failure, Stop};
use serde_json::Value as Json;

args! {
    /// What `fail` takes.
    pub struct Args {
        /// What to say.
        msg: Json = Json::String("Failed as requested from task".to_owned()),
    }
}

static MODULE: Module = Module {
    name: "fail",
    aliases: &[],
    summary: "Fail with a message",
    args: Args::specs,
    rules: &[],
    free_form: None,
    run: None,
};

/// The action.
pub static ACTION: Action = Action { declaration: || &MODULE, needs_host: NeedsHost::No, raw: &[], run };

fn run(call: &ActionCall<'_>) -> Done {
    let message = call.arg("msg").map_or_else(|| Json::String("Failed as requested from task".to_owned()), json);
    let text = message.as_str().map_or_else(|| message.to_string(), str::to_owned);
    let mut failure = Failure::new(text);
    if !message.is_string() {
        failure.result.insert("msg".to_owned(), message);
    }
    Done::only(Err(Halt::Stop(Stop::Failed(failure))))
}
