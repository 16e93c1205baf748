//! `refit run`, `ansible-playbook`, and what `refit plan` shares with them.

use super::reach::{Ask, reach};
use super::{BecomeArgs, ConnectionArgs, FleetArgs, OutputArgs};
use crate::engine::{ListOnly, RunOptions, What};
use clap::Args;
use std::path::PathBuf;

/// What ansible-playbook takes.
#[derive(Args, Clone, Debug)]
pub struct PlaybookArgs {
    /// The playbooks, run one after the other.
    #[arg(required_unless_present = "version", value_name = "PLAYBOOK")]
    pub playbooks: Vec<PathBuf>,
    /// What all kinds of run share.
    #[command(flatten)]
    pub body: Body,
}

/// Arguments of `refit run`.
#[derive(Args, Clone, Debug)]
pub struct RunArgs {
    /// The playbooks, run one after the other.
    #[arg(required = true, value_name = "PLAYBOOK")]
    pub playbooks: Vec<PathBuf>,
    /// What all kinds of run share.
    #[command(flatten)]
    pub body: Body,
    /// How it is shown.
    #[command(flatten)]
    pub output: OutputArgs,
}

/// What all of them share.
#[derive(Args, Clone, Debug, Default)]
pub struct Body {
    /// Change nothing; show what would change.
    #[arg(short = 'C', long)]
    pub check: bool,
    /// Show differences of what is (or would be) changed.
    #[arg(short = 'D', long)]
    pub diff: bool,
    /// Only run plays and tasks with one of these tags.
    #[arg(short, long, value_name = "TAGS")]
    pub tags: Vec<String>,
    /// Leave out plays and tasks with one of these tags.
    #[arg(long, value_name = "TAGS")]
    pub skip_tags: Vec<String>,
    /// How many hosts at a time.
    #[arg(short, long, value_name = "NUMBER", value_parser = clap::value_parser!(u32).range(1..))]
    pub forks: Option<u32>,
    /// Begin at the task of this name.
    #[arg(long, value_name = "TASK")]
    pub start_at_task: Option<String>,
    /// Ask before each task.
    #[arg(long)]
    pub step: bool,
    /// Run notified handlers also on hosts where a task failed.
    #[arg(long)]
    pub force_handlers: bool,
    /// Only list the hosts.
    #[arg(long)]
    pub list_hosts: bool,
    /// Only list the tasks.
    #[arg(long)]
    pub list_tasks: bool,
    /// Only list the tags.
    #[arg(long)]
    pub list_tags: bool,
    /// Only look for errors in the playbooks.
    #[arg(long)]
    pub syntax_check: bool,
    /// Directories of modules, with colons between them.
    #[arg(short = 'M', long, value_name = "PATH")]
    pub module_path: Vec<String>,
    /// Which hosts and variables there are.
    #[command(flatten)]
    pub fleet: FleetArgs,
    /// How to reach them.
    #[command(flatten)]
    pub connection: ConnectionArgs,
    /// As whom to act on them.
    #[command(flatten)]
    pub privilege: BecomeArgs,
}

impl Body {
    /// As the engine takes it, passwords asked for.
    pub fn options(&self, playbooks: Vec<PathBuf>, command: Vec<String>, ask: Ask<'_>) -> anyhow::Result<RunOptions> {
        let list_only = ListOnly {
            hosts: self.list_hosts,
            tasks: self.list_tasks,
            tags: self.list_tags,
            syntax: self.syntax_check,
        };
        // What only lists needs no password.
        let mut nothing = |_: &str| Ok(String::new());
        let ask: Ask<'_> = if list_only.any() { &mut nothing } else { ask };
        let (connection, privilege) = reach(&self.connection, &self.privilege, ask)?;
        Ok(RunOptions {
            command,
            fleet: self.fleet.fleet(None),
            connection,
            privilege,
            tags: self.tags.clone(),
            skip_tags: self.skip_tags.clone(),
            forks: self.forks,
            check: self.check,
            diff: self.diff,
            start_at_task: self.start_at_task.clone(),
            step: self.step,
            force_handlers: self.force_handlers,
            module_path: module_paths(&self.module_path),
            list_only,
            ..RunOptions::of(What::Playbooks(playbooks))
        })
    }
}

/// Paths with colons between them, the last option's first.
pub(super) fn module_paths(given: &[String]) -> Vec<PathBuf> {
    given.iter().rev().flat_map(|paths| paths.split(':')).filter(|path| !path.is_empty()).map(PathBuf::from).collect()
}
