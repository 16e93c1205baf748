//! `setup` and `gather_facts`: facts of the host, gathered by the agent.

use super::call::{Action, ActionCall, Done, NeedsHost, json_map};
use super::remote::Halt;
use refit_agent::args::Args as _;
use refit_agent::modules::{Module, setup};
use refit_agent::outcome::Outcome;

/// The action `setup`.
pub static SETUP: Action = Action { declaration: || &setup::MODULE, needs_host: NeedsHost::Yes, raw: &[], run };

static GATHER_FACTS_MODULE: Module = Module {
    name: "gather_facts",
    aliases: &[],
    summary: "Gather facts of the host, as the beginning of a play does",
    args: setup::Args::specs,
    rules: &[],
    free_form: None,
    run: None,
};

/// The action `gather_facts`.
pub static GATHER_FACTS: Action =
    Action { declaration: || &GATHER_FACTS_MODULE, needs_host: NeedsHost::Yes, raw: &[], run };

fn run(call: &ActionCall<'_>) -> Done {
    gather(call).into()
}

fn gather(call: &ActionCall<'_>) -> Result<Outcome, Halt> {
    let mut args = json_map(call.args);
    args.remove("parallel");
    call.remote()?.run("setup", args, &super::NoContent, Vec::new())
}
