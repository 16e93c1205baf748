//! `raw`: a command by the login shell, without the agent.

use super::call::{Action, ActionCall, Done, NeedsHost};
use super::remote::Halt;
use crate::connection::RawEnd;
use refit_agent::args;
use refit_agent::args::Args as _;
use refit_agent::modules::Module;
use refit_agent::outcome::{Failure, Outcome, Stop};
use serde_json::Map;

args! {
    /// What `raw` takes.
    pub struct Args {
        /// The command line.
        [aliases = ["_raw_params"]]
        free_form: String,
        /// The shell that runs it, instead of the login shell.
        executable: Option<String>,
    }
}

static MODULE: Module = Module {
    name: "raw",
    aliases: &[],
    summary: "Run a command by the login shell, without the agent",
    args: Args::specs,
    rules: &[],
    free_form: Some("free_form"),
    run: None,
};

/// The action.
pub static ACTION: Action = Action { declaration: || &MODULE, needs_host: NeedsHost::Yes, raw: &[], run };

fn run(call: &ActionCall<'_>) -> Done {
    attempt(call).into()
}

fn attempt(call: &ActionCall<'_>) -> Result<Outcome, Halt> {
    let remote = call.remote()?;
    let args: Args = call.parsed()?;
    if remote.is_plan() {
        return Err(Halt::Stop(Stop::Unknown { why: format!("what `{}` changes", args.free_form) }));
    }
    let exports: String = remote.environment.iter().map(|(name, value)| format!("{name}={} ", quoted(value))).collect();
    let command = match &args.executable {
        Some(shell) => format!("{exports}{shell} -c {}", quoted(&args.free_form)),
        None => format!("{exports}{}", args.free_form),
    };
    ended(remote.raw(&command, &[])?)
}

/// A text as one word of a POSIX shell.
pub(super) fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "'\\''"))
}

/// A command's end as a result.
pub(super) fn ended(end: RawEnd) -> Result<Outcome, Halt> {
    let mut result = Map::new();
    result.insert("rc".to_owned(), end.status.into());
    result.insert("stdout".to_owned(), String::from_utf8_lossy(&end.stdout).into_owned().into());
    result.insert("stderr".to_owned(), String::from_utf8_lossy(&end.stderr).into_owned().into());
    if end.status == 0 {
        return Ok(Outcome { changed: true, result, ..Outcome::default() });
    }
    let failure = Failure { msg: "non-zero return code".to_owned(), changed: true, result, warnings: Vec::new() };
    Err(Halt::Stop(Stop::Failed(failure)))
}
