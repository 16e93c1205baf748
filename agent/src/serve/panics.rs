//! A panic is a defect, and ends the agent: a program that is built for size can't unwind. Its last frame says what
//! broke, and where.

use super::Server;
use std::cell::Cell;
use std::io::Write;
use std::panic::PanicHookInfo;
use std::sync::Arc;

/// The exit status after a panic, as Rust's own.
const STATUS: libc::c_int = 101;

thread_local! {
    // The module that runs in this thread.
    static MODULE: Cell<Option<&'static str>> = const { Cell::new(None) };
}

/// Runs a module's function; a panic in it is told to be the module's.
pub(super) fn named<T>(module: &'static str, run: impl FnOnce() -> T) -> T {
    MODULE.set(Some(module));
    let result = run();
    MODULE.set(None);
    result
}

/// From now on a panic anywhere in the program is told to the controller, and ends the program.
pub fn report(server: Arc<Server>) {
    std::panic::set_hook(Box::new(move |panic| {
        let why = words(panic);
        if !server.tell_broken(&why) {
            // The controller shows this where the channel ends without a word.
            let _ = writeln!(std::io::stderr(), "refit-agent: {why}");
        }
        // SAFETY: it ends the process at once. Commands that run get SIGTERM from the kernel.
        unsafe { libc::_exit(STATUS) }
    }));
}

fn words(panic: &PanicHookInfo<'_>) -> String {
    let what = match MODULE.get() {
        Some(module) => format!("the module `{module}`"),
        None => "the agent".to_owned(),
    };
    let payload = panic.payload();
    let said = payload.downcast_ref::<&str>().copied();
    let said = said.or_else(|| payload.downcast_ref::<String>().map(String::as_str)).unwrap_or("no message");
    let place = panic.location().map(|place| format!(" ({}:{})", place.file(), place.line())).unwrap_or_default();
    format!("{what} broke down: {said}{place}. This is a defect of Refit; please report it")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::modules::Module;
    use crate::outcome::Outcome;
    use crate::protocol::{self, FromAgent, Mode, Run, ToAgent};
    use std::fs::File;
    use std::os::fd::{AsFd, OwnedFd};
    use std::os::unix::net::UnixStream;
    use std::process::{Command, Stdio};

    /// Set for the process of this test that serves and panics.
    const SERVES: &str = "REFIT_TEST_SERVES_AND_PANICS";

    static MODULE: Module = Module {
        name: "unlucky",
        aliases: &[],
        summary: "Breaks down.",
        args: || &[],
        rules: &[],
        free_form: None,
        run: Some(|call| if call.diff { Ok(Outcome::ok()) } else { panic!("no {}", "luck") }),
    };

    fn serve() {
        let channel = std::io::stdin().as_fd().try_clone_to_owned().unwrap();
        let server =
            Server::new(|_| Some(&MODULE), Box::new(File::from(channel.try_clone().unwrap())), Vec::new(), None);
        report(server.clone());
        server.serve(&mut File::from(channel));
    }

    #[test]
    fn a_panic_is_told_with_module_and_place_and_ends_the_program() {
        if std::env::var_os(SERVES).is_some() {
            return serve();
        }
        let (own, its) = UnixStream::pair().unwrap();
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["a_panic_is_told_with_module_and_place_and_ends_the_program", "--nocapture"])
            .env(SERVES, "1")
            .stdin(OwnedFd::from(its))
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let run = |id, diff| {
            ToAgent::Run(Run {
                id,
                module: "unlucky".to_owned(),
                items: vec![serde_json::Map::new()],
                mode: Mode::Live,
                diff,
                environment: Vec::new(),
                timeout: None,
                blobs: Vec::new(),
                effects: Vec::new(),
                background: None,
                title: String::new(),
            })
        };
        let hear = |expected: &str| loop {
            let message = protocol::read::<FromAgent>(&mut &own).unwrap().message;
            if format!("{message:?}").starts_with(expected) {
                return message;
            }
        };
        hear("Hello");
        protocol::write(&mut &own, &run(1, true), &[]).unwrap();
        hear("Done");
        protocol::write(&mut &own, &run(2, false), &[]).unwrap();
        let FromAgent::Broken { why } = hear("Broken") else { unreachable!() };
        let place = "agent/src/serve/panics.rs:";
        assert!(why.contains("`unlucky`") && why.contains("no luck") && why.contains(place), "{why}");
        assert_eq!(child.wait().unwrap().code(), Some(STATUS));
    }
}
