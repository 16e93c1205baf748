//! `ping`: proves that the agent answers on the host.

use super::{Call, Module};
use crate::args;
use crate::args::Args as _;
use crate::outcome::{Failure, ModuleResult, Outcome};

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
        // As a module's crash is told.
        let failure = Failure::new("boom: `data: crash` asks for a failure").with("rc", 1);
        return Err(failure.with("module_stdout", "").with("module_stderr", "Exception: boom").into());
    }
    Ok(Outcome::ok().with("ping", args.data))
}
