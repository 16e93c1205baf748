//! From options to a run: settings, vault passwords, views, and what the user does meanwhile.

use super::args::FleetArgs;
use super::{Shown, print, prompt};
use crate::actions::Interrupts;
use crate::config::{Environment, Settings};
use crate::connection::{Links, Pool, Program};
use crate::diagnostic::{Diagnostics, render};
use crate::engine::{self, RunOptions, Tools, exit};
use crate::event::{EventKind, Sink};
use crate::secrets::Secrets;
use crate::vault::{SecretSource, Vault};
use anyhow::Context;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use std::sync::Arc;
use zeroize::Zeroizing;

/// How many hosts shake hands at once: each handshake costs the controller some milliseconds of CPU.
const HANDSHAKES: usize = 32;

/// Runs what was asked for, or lists it. The exit code.
pub(super) fn run(options: RunOptions, fleet: &FleetArgs, shown: Shown) -> anyhow::Result<u8> {
    let environment = Environment::of_process().context("can't read the environment")?;
    let settings = match Settings::load(&environment) {
        Ok(settings) => settings,
        Err(problems) => return Ok(refuse(&problems)),
    };
    warn(&settings.warnings);
    if options.fleet.verbosity > 0 {
        warn(&settings.notes);
    }
    let shown = shown.configured(&settings);
    let secrets = Arc::new(Secrets::default());
    for password in [&options.connection.password, &options.privilege.password].into_iter().flatten() {
        secrets.add(password.expose());
    }
    let vault = Arc::new(vault(&settings, fleet)?);
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
    };
    let ready = match engine::prepare(options, tools) {
        Ok(ready) => ready,
        Err(problems) => return Ok(refuse(&problems)),
    };
    if listing {
        warn(&ready.warnings.0);
        return match engine::list(&ready) {
            Ok(text) => print(&text).map(|()| 0),
            Err(problem) => Ok(refuse(&problem.into())),
        };
    }
    let bus = shown.start(&name, secrets)?;
    sink.open(bus.clone());
    watch_signals(interrupts, links, bus.clone())?;
    let code = engine::run(ready);
    bus.finish().map_err(|why| anyhow::anyhow!(why))?;
    Ok(u8::try_from(code).unwrap_or(1))
}

/// Everything that is wrong, at once. The exit code.
fn refuse(problems: &Diagnostics) -> u8 {
    eprint!("{}", render(&problems.0, console::colors_enabled_stderr()));
    u8::try_from(exit::ERROR).unwrap_or(1)
}

fn warn(warnings: &[crate::diagnostic::Diagnostic]) {
    if !warnings.is_empty() {
        eprint!("{}", render(warnings, console::colors_enabled_stderr()));
    }
}

/// The vault's passwords, of options and settings.
fn vault(settings: &Settings, fleet: &FleetArgs) -> anyhow::Result<Vault> {
    let mut sources = fleet.vault_sources();
    sources.extend(settings.vault_identity_list.iter().cloned());
    sources.extend(settings.vault_password_file.iter().map(|path| path.display().to_string()));
    let mut vault = Vault::new(Vec::new()).matching_ids(settings.vault_id_match.value);
    for text in sources {
        let source = SecretSource::parse(&text);
        let secret = source
            .read(&|question| prompt::ask(question).map(Zeroizing::new))
            .with_context(|| format!("no vault password from {text}"))?;
        vault.add(source.id.clone(), secret);
    }
    Ok(vault)
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
