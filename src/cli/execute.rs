//! From options to a run: settings, vault passwords, views, and what the user does meanwhile.

use super::args::{BecomeArgs, ConnectionArgs, FleetArgs, reach};
use super::ground::{Ground, refuse, warn};
use super::{Shown, print, prompt};
use crate::actions::Interrupts;
use crate::config::Settings;
use crate::connection::{Links, Pool, Program};
use crate::diagnostic::{Diagnostic, Severity};
use crate::engine::{self, Foresight, RunOptions, Tools};
use crate::event::{EventKind, Sink, View};
use anyhow::Context;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use std::sync::Arc;

/// How many hosts shake hands at once: each handshake costs the controller some milliseconds of CPU.
const HANDSHAKES: usize = 32;

/// ansible-playbook's exit code for what can't be read.
const UNREADABLE: u8 = 4;

/// Runs what was asked for, or lists it. The exit code.
pub(super) fn run(options: RunOptions, fleet: &FleetArgs, shown: Shown) -> anyhow::Result<u8> {
    match Ground::open(fleet)? {
        Ok(ground) => run_on(ground, options, shown, Vec::new(), None),
        Err(code) => Ok(code),
    }
}

/// The same on a ground that is there, seen by these views too, and held to what was foreseen.
pub(super) fn run_on(
    ground: Ground,
    options: RunOptions,
    shown: Shown,
    views: Vec<Box<dyn View>>,
    foresight: Option<Arc<dyn Foresight>>,
) -> anyhow::Result<u8> {
    let Ground { settings, vault, secrets } = ground;
    let mut options = options;
    ask_as_configured(&mut options, &settings)?;
    let shown = shown.configured(&settings);
    for password in [&options.connection.password, &options.privilege.password].into_iter().flatten() {
        secrets.add(password.expose());
    }
    let listing = options.list_only.any();
    let name = options.run.clone();

    let sink = Arc::new(LateSink::default());
    let links: Arc<dyn Links> = Arc::new(Pool::new(Program::embedded(), HANDSHAKES));
    let interrupts = Arc::new(Interrupts::default());
    let tools = Tools {
        settings,
        sink: sink.clone(),
        secrets: secrets.clone(),
        vault,
        links: links.clone(),
        interrupts: interrupts.clone(),
        foresight,
    };
    let ready = match engine::prepare(options, tools) {
        Ok(ready) => ready,
        Err(problems) => {
            let code = refuse(&problems);
            // Under Ansible's names with Ansible's code for playbooks that can't be read.
            let unread = |problem: &Diagnostic| problem.span.as_ref().is_some_and(|span| span.line > 0);
            return Ok(
                if shown.as_ansible
                    && problems.0.iter().any(|problem| problem.severity == Severity::Error && unread(problem))
                {
                    UNREADABLE
                } else {
                    code
                },
            );
        }
    };
    if listing {
        warn(&ready.warnings.0);
        return match engine::list(&ready) {
            Ok(text) => print(&text).map(|()| 0),
            Err(problem) => Ok(refuse(&problem.into())),
        };
    }
    let bus = shown.start(&name, secrets, views)?;
    sink.open(bus.clone());
    watch_signals(interrupts, links, bus.clone())?;
    let code = engine::run(ready);
    bus.finish().map_err(|why| anyhow::anyhow!(why))?;
    Ok(u8::try_from(code).unwrap_or(1))
}

/// Gets the passwords that settings ask for and options don't.
fn ask_as_configured(options: &mut RunOptions, settings: &Settings) -> anyhow::Result<()> {
    if options.list_only.any() {
        return Ok(());
    }
    let connection = ConnectionArgs {
        ask_pass: settings.ask_pass.value,
        connection_password_file: settings.connection_password_file.value.clone(),
        ..ConnectionArgs::default()
    };
    let privilege = BecomeArgs {
        ask_become_pass: settings.become_ask_pass.value,
        become_password_file: settings.become_password_file.value.clone(),
        ..BecomeArgs::default()
    };
    let connection = if options.connection.password.is_some() { ConnectionArgs::default() } else { connection };
    let privilege = if options.privilege.password.is_some() { BecomeArgs::default() } else { privilege };
    let (connection, privilege) = reach(&connection, &privilege, &mut prompt::ask)?;
    options.connection.password = options.connection.password.take().or(connection.password);
    options.privilege.password = options.privilege.password.take().or(privilege.password);
    Ok(())
}

/// Events before the views are there are none; the sink is given to the engine before.
#[derive(Default)]
struct LateSink(std::sync::OnceLock<Arc<crate::event::Bus>>);

impl LateSink {
    fn open(&self, bus: Arc<crate::event::Bus>) {
        // Only the first call counts, and there is only one.
        let _ = self.0.set(bus);
    }
}

impl Sink for LateSink {
    fn emit(&self, kind: EventKind) {
        if let Some(bus) = self.0.get() {
            bus.emit(kind);
        }
    }

    fn emit_all(&self, kinds: Vec<EventKind>) {
        if let Some(bus) = self.0.get() {
            bus.emit_all(kinds);
        }
    }

    fn undisturbed(&self, talk: &mut dyn FnMut()) {
        match self.0.get() {
            Some(bus) => bus.undisturbed(talk),
            None => talk(),
        }
    }
}

/// The first interrupt lets what runs come to its end and starts nothing more; the second ends what runs.
fn watch_signals(
    interrupts: Arc<Interrupts>,
    links: Arc<dyn Links>,
    bus: Arc<crate::event::Bus>,
) -> anyhow::Result<()> {
    let mut signals =
        signal_hook::iterator::Signals::new([SIGINT, SIGTERM, SIGHUP]).context("can't watch for signals")?;
    let watch = move || {
        for _signal in signals.forever() {
            let times = interrupts.add();
            bus.emit(EventKind::Interrupted { times: u32::from(times) });
            if times >= 2 {
                links.cancel();
            }
        }
    };
    std::thread::Builder::new().name("signals".to_owned()).spawn(watch).context("can't watch for signals")?;
    Ok(())
}
