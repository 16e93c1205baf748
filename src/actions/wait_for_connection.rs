//! `wait_for_connection`: waits until the host can be worked on.

use super::call::{Action, ActionCall, Done, NeedsHost};
use super::remote::{Halt, Remote};
use crate::connection::LinkError;
use refit_agent::args;
use refit_agent::args::Args as _;
use refit_agent::modules::Module;
use refit_agent::outcome::{Failure, Outcome, Stop};
use refit_agent::protocol::Hello;
use std::time::{Duration, Instant};

args! {
    /// What `wait_for_connection` takes.
    pub struct Args {
        /// Seconds for one attempt to connect.
        connect_timeout: u64 = 5,
        /// Seconds to wait before the first attempt.
        delay: u64 = 0,
        /// Seconds between attempts.
        sleep: u64 = 1,
        /// Seconds to wait in all.
        timeout: u64 = 600,
    }
}

static MODULE: Module = Module {
    name: "wait_for_connection",
    aliases: &[],
    summary: "Wait until the host can be worked on",
    args: Args::specs,
    rules: &[],
    free_form: None,
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
    let began = Instant::now();
    if !remote.is_plan() {
        pause(remote, Duration::from_secs(args.delay))?;
    }
    // In a dry run one look tells what is; what an earlier task would bring about can't be seen.
    let timeout = if remote.is_plan() { Duration::ZERO } else { Duration::from_secs(args.timeout) };
    let wait = Wait {
        each: Duration::from_secs(args.connect_timeout.max(1)),
        between: Duration::from_secs(args.sleep),
        until: began + timeout,
    };
    match wait.for_host(remote, &mut |_| true) {
        Ok(_) => Ok(Outcome::ok().with("elapsed", began.elapsed().as_secs())),
        Err(_) if remote.is_plan() => {
            Err(Halt::Stop(Stop::Unknown { why: "the host can't be reached now".to_owned() }))
        }
        Err(halt) => Err(match halt {
            Halt::Stop(Stop::Failed(failure)) => Halt::Stop(Stop::Failed(
                Failure { msg: format!("timed out waiting for the host: {}", failure.msg), ..failure }
                    .with("elapsed", began.elapsed().as_secs()),
            )),
            other => other,
        }),
    }
}

/// How long to wait for a host.
pub(super) struct Wait {
    /// For one attempt.
    pub(super) each: Duration,
    /// Between attempts.
    pub(super) between: Duration,
    /// In all.
    pub(super) until: Instant,
}

impl Wait {
    /// Connects anew until the host answers as wanted.
    pub(super) fn for_host(&self, remote: &Remote<'_>, good: &mut dyn FnMut(&Hello) -> bool) -> Result<Hello, Halt> {
        loop {
            let last = match remote.link.probe(remote.user.as_ref(), self.each) {
                Ok(hello) if good(&hello) => return Ok(hello),
                Ok(_) => "the host answers, but not as wanted yet".to_owned(),
                Err(LinkError::Cancelled) => return Err(Halt::from(LinkError::Cancelled)),
                Err(error) => error.to_string(),
            };
            if Instant::now() >= self.until {
                return Err(Halt::failed(last));
            }
            pause(remote, self.between)?;
        }
    }
}

/// Waits, unless the user interrupts.
pub(super) fn pause(remote: &Remote<'_>, time: Duration) -> Result<(), Halt> {
    match time.is_zero() || remote.interrupts.sleep(time) {
        true => Ok(()),
        false => Err(Halt::from(LinkError::Cancelled)),
    }
}
