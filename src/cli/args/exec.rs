//! `refit exec`, `ansible`.

use super::reach::{Ask, reach};
use super::run::module_paths;
use super::{BecomeArgs, ConnectionArgs, FleetArgs, OutputArgs};
use crate::engine::{ListOnly, RunOptions, What};
use clap::Args;
use std::path::PathBuf;

/// What `ansible` takes.
#[derive(Args, Clone, Debug)]
pub struct AdHocArgs {
    /// The hosts.
    #[arg(required_unless_present = "version", value_name = "PATTERN")]
    pub pattern: Option<String>,
    /// What both kinds share.
    #[command(flatten)]
    pub body: ExecBody,
}

/// Arguments of `refit exec`.
#[derive(Args, Clone, Debug)]
pub struct ExecArgs {
    /// The hosts.
    #[arg(value_name = "PATTERN")]
    pub pattern: String,
    /// What both kinds share.
    #[command(flatten)]
    pub body: ExecBody,
    /// How it is shown.
    #[command(flatten)]
    pub output: OutputArgs,
}

/// What both share.
#[derive(Args, Clone, Debug)]
pub struct ExecBody {
    /// The module.
    #[arg(short, long, value_name = "MODULE", default_value = "command")]
    pub module_name: String,
    /// Its arguments: `name=value` words, a command line, or JSON.
    #[arg(short, long, value_name = "ARGS", default_value = "", allow_hyphen_values = true, hide_default_value = true)]
    pub args: String,
    /// Change nothing; show what would change.
    #[arg(short = 'C', long)]
    pub check: bool,
    /// Show differences of what is (or would be) changed.
    #[arg(short = 'D', long)]
    pub diff: bool,
    /// How many hosts at a time.
    #[arg(short, long, value_name = "NUMBER", value_parser = clap::value_parser!(u32).range(1..))]
    pub forks: Option<u32>,
    /// Only list the hosts.
    #[arg(long)]
    pub list_hosts: bool,
    /// Run in the background, and end after so many seconds.
    #[arg(short = 'B', long, value_name = "SECONDS")]
    pub background: Option<u32>,
    /// Seconds between two looks at what runs in the background.
    #[arg(short = 'P', long, value_name = "SECONDS")]
    pub poll: Option<u32>,
    /// Seconds that the task may take.
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u32).range(1..))]
    pub task_timeout: Option<u32>,
    /// The directory whose group_vars and roles are used.
    #[arg(long, value_name = "DIR")]
    pub playbook_dir: Option<PathBuf>,
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

impl ExecBody {
    /// As the engine takes it, passwords asked for.
    pub fn options(&self, pattern: &str, command: Vec<String>, ask: Ask<'_>) -> anyhow::Result<RunOptions> {
        let (connection, privilege) = reach(&self.connection, &self.privilege, ask)?;
        let what =
            What::Task { pattern: pattern.to_owned(), module: self.module_name.clone(), args: self.args.clone() };
        Ok(RunOptions {
            command,
            fleet: self.fleet.fleet(self.playbook_dir.clone()),
            connection,
            privilege,
            forks: self.forks,
            check: self.check,
            diff: self.diff,
            module_path: module_paths(&self.module_path),
            task_timeout: self.task_timeout,
            background: self.background,
            poll: self.poll,
            list_only: ListOnly { hosts: self.list_hosts, ..ListOnly::default() },
            ..RunOptions::of(what)
        })
    }
}
