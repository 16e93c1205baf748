//! `reboot`: restarts the host and proves that it did.
//!
//! The host's identity (the kernel's boot id) is read before; success is a *new* identity over a *new* connection. An answer
//! with the old identity only means that the host has not gone down yet. There is a time for going down and a time for
//! coming up; nothing that fails to be read is ever taken for an identity.

use super::call::{Action, ActionCall, Done, NeedsHost};
use super::remote::Halt;
use super::wait_for_connection::{Wait, pause};
use refit_agent::args;
use refit_agent::args::Args as _;
use refit_agent::modules::Module;
use refit_agent::outcome::{Failure, Outcome, Stop};
use serde_json::Map;
use std::time::{Duration, Instant};

args! {
    /// What `reboot` takes.
    pub struct Args {
        /// Seconds before the host goes down; below 60 it goes at once.
        pre_reboot_delay: i64 = 0,
        /// Seconds to wait after it answers again.
        post_reboot_delay: i64 = 0,
        /// Seconds for it to go down and come up again, and once more for the test command.
        reboot_timeout: i64 = 600,
        /// Seconds for one attempt to connect.
        connect_timeout: Option<i64>,
        /// The command that must succeed afterwards.
        test_command: Option<String>,
        /// What logged-in users are told.
        msg: String = "Reboot initiated by Refit".to_owned(),
        /// Where the shutdown program is looked for, if not in the usual places.
        search_paths: Vec<String> = ["/sbin", "/bin", "/usr/sbin", "/usr/bin", "/usr/local/sbin"].map(str::to_owned).to_vec(),
        /// The command whose answer identifies a boot, instead of the kernel's boot id.
        boot_time_command: Option<String>,
        /// The command that reboots, instead of the shutdown program.
        reboot_command: Option<String>,
    }
}

static MODULE: Module = Module {
    name: "reboot",
    aliases: &[],
    summary: "Restart the host, and wait until it is back",
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
    if remote.local {
        return Err(Halt::failed("this is the controller itself: rebooting it would end the run midway"));
    }
    if remote.is_plan() {
        return Ok(Outcome::changed(true).with("rebooted", true).with("elapsed", 0));
    }
    let before = identity(call, &args)?;
    let began = Instant::now();
    send(call, &args)?;

    let seconds = |number: i64| Duration::from_secs(u64::try_from(number).unwrap_or(0));
    // Below a minute the host goes down at once; above, shutdown itself waits so long.
    let planned = if args.pre_reboot_delay >= 60 { seconds(args.pre_reboot_delay) } else { Duration::ZERO };
    let wait = Wait {
        each: args.connect_timeout.map_or(Duration::from_secs(10), seconds),
        between: Duration::from_secs(1),
        until: began + planned + seconds(args.reboot_timeout),
    };
    let late = |what: String| {
        Halt::Stop(Stop::Failed(
            Failure { changed: true, ..Failure::new(what) }
                .with("rebooted", false)
                .with("elapsed", began.elapsed().as_secs()),
        ))
    };
    let came_back = wait.for_host(remote, &mut |_| identity(call, &args).is_ok_and(|now| now != before));
    if let Err(Halt::Stop(Stop::Failed(failure))) = &came_back {
        return Err(late(format!(
            "the host did not come back with a new boot id within {} s: {}",
            args.reboot_timeout, failure.msg
        )));
    }
    came_back?;
    pause(remote, seconds(args.post_reboot_delay))?;
    let until = Instant::now() + seconds(args.reboot_timeout);
    let command = args.test_command.as_deref().unwrap_or("whoami");
    loop {
        let problem = match remote.raw(command, &[]) {
            Ok(end) if end.status == 0 => break,
            Ok(end) => format!("it ended with {}: {}", end.status, String::from_utf8_lossy(&end.stderr).trim()),
            Err(error) => error.to_string(),
        };
        if Instant::now() >= until {
            return Err(late(format!("the host is back, but `{command}` fails: {problem}")));
        }
        pause(remote, Duration::from_secs(1))?;
    }
    Ok(Outcome::changed(true).with("rebooted", true).with("elapsed", began.elapsed().as_secs()))
}

/// What tells this boot from every other.
fn identity(call: &ActionCall<'_>, args: &Args) -> Result<String, Halt> {
    let remote = call.remote()?;
    if let Some(command) = &args.boot_time_command {
        let end = remote.raw(command, &[])?;
        let answer = String::from_utf8_lossy(&end.stdout).trim().to_owned();
        if end.status != 0 || answer.is_empty() {
            let error = String::from_utf8_lossy(&end.stderr).trim().to_owned();
            return Err(Halt::failed(format!(
                "`{command}` does not tell the boot: it ended with {} ({error})",
                end.status
            )));
        }
        return Ok(answer);
    }
    let hello = remote.link.hello(remote.user.as_ref())?;
    hello.boot_id.filter(|id| !id.trim().is_empty()).ok_or_else(|| {
        Halt::failed("the host tells no boot id (/proc/sys/kernel/random/boot_id), so a reboot could not be proved; set `boot_time_command`")
    })
}

/// Sends the host down, detached from the connection, which may end before the answer comes.
fn send(call: &ActionCall<'_>, args: &Args) -> Result<(), Halt> {
    let remote = call.remote()?;
    let command = match &args.reboot_command {
        Some(command) => command.clone(),
        None => {
            let minutes = args.pre_reboot_delay.max(0) / 60;
            let places = args
                .search_paths
                .iter()
                .map(|dir| super::raw::quoted(&format!("{dir}/shutdown")))
                .collect::<Vec<_>>()
                .join(" ");
            let message = super::raw::quoted(&args.msg);
            format!(
                "for s in {places}; do if [ -x \"$s\" ]; then exec \"$s\" -r {when} {message}; fi; done; exec reboot",
                when = if minutes == 0 { "now".to_owned() } else { format!("+{minutes}") },
            )
        }
    };
    let mut request = Map::new();
    // `setsid` and the pause let the answer out before the host goes down.
    let line =
        format!("setsid sh -c {} </dev/null >/dev/null 2>&1 &", super::raw::quoted(&format!("sleep 1; {command}")));
    request.insert("cmd".to_owned(), line.into());
    match remote.run("shell", request, &super::NoContent, Vec::new()) {
        Ok(_) | Err(Halt::Lost(_)) => Ok(()),
        Err(Halt::Stop(Stop::Failed(failure))) => {
            Err(Halt::failed(format!("the reboot command failed: {}", failure.msg)))
        }
        Err(other) => Err(other),
    }
}
