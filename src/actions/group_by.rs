//! `group_by`: puts the host into a group that may depend on its facts.

use super::call::{Action, ActionCall, Consequence, Done, NeedsHost};
use refit_agent::args;
use refit_agent::args::Args as _;
use refit_agent::modules::Module;
use refit_agent::outcome::Outcome;

args! {
    /// What `group_by` takes.
    pub struct Args {
        /// The group's name.
        key: String,
        /// The groups that it belongs to.
        parents: Vec<String> = vec!["all".to_owned()],
    }
}

static MODULE: Module = Module {
    name: "group_by",
    aliases: &[],
    summary: "Put the host into a group",
    args: Args::specs,
    rules: &[],
    free_form: None,
    run: None,
};

/// The action.
pub static ACTION: Action = Action { declaration: || &MODULE, needs_host: NeedsHost::No, raw: &[], run };

fn run(call: &ActionCall<'_>) -> Done {
    let args: Args = match call.parsed() {
        Ok(args) => args,
        Err(stop) => return Done::only(Err(stop.into())),
    };
    let group = args.key.replace(' ', "-");
    let parents: Vec<String> = args.parents.iter().map(|parent| parent.replace(' ', "-")).collect();
    let outcome = Outcome::changed(true).with("add_group", group.clone()).with("parent_groups", parents.clone());
    Done::with(outcome, Consequence::GroupBy { group, parents })
}
