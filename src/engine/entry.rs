//! A run from its options to its end.

use super::batch::lock;
use super::foresight::Foresight;
use super::host::Standing;
use super::options::{RunOptions, What};
use super::play::Next;
use super::run::{Run, StaticNames};
use super::templates::{Decrypting, RunWorld};
use crate::actions::Interrupts;
use crate::config::Settings;
use crate::connection::Links;
use crate::diagnostic::Diagnostics;
use crate::event::{EventKind, FORMAT, HostStats, RunMode, Sink};
use crate::inventory::Inventory;
use crate::playbook::{Parser, Playbook, TagFilter};
use crate::secrets::Secrets;
use crate::template::Templater;
use crate::vars::Layer;
use crate::vault::Vault;
use indexmap::IndexMap;
use serde_json::Map;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, RwLock};

/// Exit codes, those of ansible-playbook.
pub mod exit {
    /// All went well.
    pub const OK: i32 = 0;
    /// The run could not start, or something failed that is no host's failure.
    pub const ERROR: i32 = 1;
    /// A task failed on a host.
    pub const FAILED: i32 = 2;
    /// A host could not be reached.
    pub const UNREACHABLE: i32 = 4;
    /// The user interrupted.
    pub const INTERRUPTED: i32 = 99;
}

/// What a run works with.
pub struct Tools {
    /// What is configured.
    pub settings: Settings,
    /// Told of what happens.
    pub sink: Arc<dyn Sink>,
    /// What must not be shown.
    pub secrets: Arc<Secrets>,
    /// Decrypts.
    pub vault: Arc<Vault>,
    /// The hosts' links.
    pub links: Arc<dyn Links>,
    /// What the user does meanwhile.
    pub interrupts: Arc<Interrupts>,
    /// Judges what tasks did, where something was foreseen.
    pub foresight: Option<Arc<dyn Foresight>>,
}

/// A run whose playbooks and inventory were read: nothing has happened yet.
pub struct Ready {
    /// What its plays share.
    pub run: Arc<Run>,
    /// What it runs.
    pub playbooks: Vec<Playbook>,
    /// What the user should know.
    pub warnings: Diagnostics,
}

/// Reads everything that a run needs, and finds all that is wrong with it. No host is contacted.
pub fn prepare(options: RunOptions, tools: Tools) -> Result<Ready, Diagnostics> {
    let mut warnings = Diagnostics::default();
    let playbook_dir = match &options.what {
        What::Playbooks(paths) => paths.first().and_then(|path| path.parent()).map(Path::to_owned),
        What::Task { .. } => options.fleet.playbook_dir.clone(),
    };
    let playbook_dir = playbook_dir.unwrap_or_default();
    let (inventory, noted) =
        Inventory::load(&options.fleet.inventory, &tools.settings, tools.vault.clone(), tools.secrets.clone())?;
    warnings.0.extend(noted.0);
    let extra = super::extra_vars::read(&options.fleet.extra_vars, &tools.vault)?;
    let world = Arc::new(RunWorld::default());
    let decrypt = Arc::new(Decrypting { vault: tools.vault.clone(), secrets: tools.secrets.clone() });
    let templater = Templater::new(decrypt, crate::template::Settings { world: world.clone(), ..Default::default() });
    let tags = TagFilter { only: split(&options.tags), skip: split(&options.skip_tags) };
    let forks = options.forks.map_or_else(|| super::run::configured_forks(&tools.settings), |forks| forks as usize);
    let run = Arc::new(Run {
        parser: Parser::new(tools.settings.roles_path.value.clone(), tools.vault.clone())
            .with_secrets(tools.secrets.clone())
            .with_collections(tools.settings.collections_path.value.clone())
            .with_duplicates(tools.settings.duplicate_dict_key.value),
        templater,
        vault: tools.vault,
        secrets: tools.secrets,
        links: tools.links,
        sink: tools.sink,
        interrupts: tools.interrupts,
        foresight: tools.foresight,
        pool: super::pool::Pool::new(forks),
        tags,
        extra: Layer::from(extra),
        inventory: RwLock::new(inventory),
        hosts: RwLock::default(),
        prompted: Mutex::default(),
        custom: Mutex::new(Map::new()),
        not_attempted: Mutex::default(),
        owed: Mutex::default(),
        warned: Mutex::default(),
        before_start: AtomicBool::new(options.start_at_task.is_some()),
        step_all: AtomicBool::new(false),
        conversation: Mutex::default(),
        abandoned: AtomicBool::new(false),
        broken: AtomicBool::new(false),
        tasks: AtomicU32::new(0),
        settings: tools.settings,
        options,
    });
    world.open(&run);
    let mut problems = Diagnostics::default();
    let mut playbooks = Vec::new();
    let names = |dir: &Path| StaticNames { run: &run, playbook_dir: dir.to_owned() };
    match &run.options.what {
        What::Playbooks(paths) => {
            for path in paths {
                match run.parser.playbook(path, &names(path.parent().unwrap_or(Path::new("")))) {
                    Ok((playbook, noted)) => {
                        warnings.0.extend(noted.0);
                        playbooks.push(playbook);
                    }
                    Err(found) => problems.0.extend(found.0),
                }
            }
        }
        What::Task { pattern, module, args } => {
            let adhoc = super::adhoc::Adhoc { pattern, module, args, options: &run.options };
            match run.parser.text(
                &PathBuf::from("command line"),
                adhoc.playbook()?,
                &playbook_dir,
                &names(&playbook_dir),
            ) {
                Ok((playbook, noted)) => {
                    warnings.0.extend(noted.0);
                    playbooks.push(playbook);
                }
                Err(found) => problems.0.extend(found.0),
            }
        }
    }
    if problems.has_errors() {
        problems.0.splice(0..0, warnings.0);
        return Err(problems);
    }
    Ok(Ready { run, playbooks, warnings })
}

fn split(lists: &[String]) -> Vec<String> {
    lists
        .iter()
        .flat_map(|list| list.split(','))
        .map(|tag| tag.trim().to_owned())
        .filter(|tag| !tag.is_empty())
        .collect()
}

/// Runs what was prepared. The exit code.
pub fn run(ready: Ready) -> i32 {
    let Ready { run, playbooks, warnings } = ready;
    let paths: Vec<String> = playbooks.iter().map(|playbook| playbook.path.display().to_string()).collect();
    run.sink.emit(EventKind::RunStarted {
        format: FORMAT,
        run: run.options.run.clone(),
        refit: env!("CARGO_PKG_VERSION").to_owned(),
        command: run.options.command.clone(),
        playbooks: paths,
        mode: if run.options.check { RunMode::Plan } else { RunMode::Live },
        plan: run.options.plan.clone(),
    });
    run.warn_all(&warnings);
    let mut play_id = 0;
    'all: for playbook in &playbooks {
        run.sink.emit(EventKind::PlaybookStarted { path: playbook.path.display().to_string() });
        for play in &playbook.plays {
            if run.interrupts.times() > 0 {
                break 'all;
            }
            match run.play(play, play_id) {
                Ok(Next::GoOn) => {}
                Ok(Next::Stop) => break 'all,
                Err(problem) => {
                    run.fail(&problem.to_string());
                    break 'all;
                }
            }
            play_id += 1;
        }
    }
    if run.before_start.load(Ordering::SeqCst) {
        let wanted = run.options.start_at_task.as_deref().unwrap_or_default();
        run.fail(&format!("no task matches `--start-at-task {wanted}`"));
    }
    let exit_code = run.exit_code();
    let mut stats: IndexMap<String, HostStats> = IndexMap::new();
    let hosts: Vec<_> = run.hosts.read().unwrap_or_else(std::sync::PoisonError::into_inner).values().cloned().collect();
    for host in hosts {
        let state = host.state();
        if state.used && state.stats != HostStats::default() {
            stats.insert(host.name.to_string(), state.stats.clone());
        }
    }
    run.sink.emit(EventKind::RunFinished {
        stats,
        not_attempted: lock(&run.not_attempted).clone(),
        owed_handlers: lock(&run.owed).clone(),
        custom: lock(&run.custom).clone(),
        exit_code,
    });
    run.links.close();
    exit_code
}

impl Run {
    fn exit_code(&self) -> i32 {
        if self.broken.load(Ordering::SeqCst) {
            return exit::ERROR;
        }
        if self.abandoned.load(Ordering::SeqCst) {
            return exit::INTERRUPTED;
        }
        let hosts = self.hosts.read().unwrap_or_else(std::sync::PoisonError::into_inner);
        let stands = |standing| hosts.values().any(|host| host.state().standing == standing);
        if stands(Standing::Unreachable) {
            exit::UNREACHABLE
        } else if stands(Standing::Failed) || stands(Standing::Deviated) {
            exit::FAILED
        } else if self.interrupts.times() > 0 {
            exit::INTERRUPTED
        } else {
            exit::OK
        }
    }
}
