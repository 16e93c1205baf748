//! `pause`: waits for a time, or for the user.

use super::call::{Action, ActionCall, Consequence, Done, NeedsHost};
use super::remote::Halt;
use refit_agent::args;
use refit_agent::args::Args as _;
use refit_agent::modules::{Module, Rule};
use refit_agent::outcome::{Outcome, Stop};
use std::io::{IsTerminal as _, Write as _};
use std::time::{Duration, Instant};

args! {
    /// What `pause` takes.
    pub struct Args {
        /// For how many minutes.
        minutes: Option<f64>,
        /// For how many seconds.
        seconds: Option<f64>,
        /// What to ask the user.
        prompt: Option<String>,
        /// Whether what the user types is shown.
        echo: bool = true,
    }
}

static MODULE: Module = Module {
    name: "pause",
    aliases: &[],
    summary: "Wait for a time, or for the user",
    args: Args::specs,
    rules: &[Rule::MutuallyExclusive(&["minutes", "seconds"])],
    free_form: None,
    run: None,
};

/// The action.
pub static ACTION: Action = Action { declaration: || &MODULE, needs_host: NeedsHost::Yes, raw: &[], run };

fn run(call: &ActionCall<'_>) -> Done {
    match attempt(call) {
        Err(Halt::Stop(Stop::Cancelled { why })) => {
            Done { result: Err(Halt::failed(why)), consequences: vec![Consequence::Abort], why: None }
        }
        result => result.into(),
    }
}

fn attempt(call: &ActionCall<'_>) -> Result<Outcome, Halt> {
    let remote = call.remote()?;
    let args: Args = call.parsed()?;
    let time = args.minutes.map(|minutes| minutes * 60.0).or(args.seconds).map(|seconds| seconds.max(0.0));
    let time = time.map(|seconds| Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX));
    let began = Instant::now();
    let mut typed = String::new();
    let mut outcome = Outcome::ok();
    match time {
        // A plan says that it will wait, and goes on.
        _ if remote.is_plan() => {}
        Some(time) => {
            if let Some(prompt) = &args.prompt {
                (remote.output)(prompt);
            }
            if !remote.interrupts.sleep(time) {
                return Err(Halt::Stop(Stop::Cancelled { why: "user requested abort!".to_owned() }));
            }
        }
        None if !std::io::stdin().is_terminal() => {
            outcome = outcome.warn("there is no terminal to ask the user on: not waiting for a response to prompt");
        }
        None => {
            let prompt = args.prompt.as_deref().unwrap_or("Press enter to continue, Ctrl+C to interrupt");
            let terminal = console::Term::stderr();
            let mut out = std::io::stderr();
            // Where the prompt can't be shown, the answer can still be given.
            let _ = write!(out, "{prompt}: ").and_then(|()| out.flush());
            let line = if args.echo { terminal.read_line() } else { terminal.read_secure_line() };
            typed = line.map_err(|error| Halt::failed(format!("cannot read the answer: {error}")))?;
        }
    }
    let took = began.elapsed().as_secs_f64();
    let shown = match args.minutes {
        Some(_) => format!("Paused for {:.2} minutes", took / 60.0),
        None => format!("Paused for {took:.2} seconds"),
    };
    Ok(outcome.with("delta", took as i64).with("echo", args.echo).with("stdout", shown).with("user_input", typed))
}
