//! `ping`: proves that the agent answers on the host.

use super::{Call, Module};
use crate::args;
use crate::args::Args as _;
use crate::outcome::{ModuleResult, Outcome, Stop};

args! {
    /// What `ping` takes.
    pub struct Args {
        /// The word to answer with. `crash` makes the module fail.
        data: String = "pong".to_owned(),
    }
}

/// The declaration.
pub static MODULE: Module = Module {
    name: "ping",
    aliases: &[],
    summary: "Answer, to prove that the host can be worked on",
    args: Args::specs,
    rules: &[],
    free_form: None,
    run: Some(|call: &Call<'_>| run(call.args()?)),
};

fn run(args: Args) -> ModuleResult {
    if args.data == "crash" {
        return Err(Stop::failed("boom: `data: crash` asks for a failure"));
    }
    Ok(Outcome::ok().with("ping", args.data))
}
