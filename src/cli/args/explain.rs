//! `refit explain`.

use super::FleetArgs;
use clap::Args;
use std::path::PathBuf;

/// Arguments of `refit explain`.
#[derive(Args, Debug)]
pub struct ExplainArgs {
    /// The host.
    #[arg(value_name = "HOST", required_unless_present = "task")]
    pub host: Option<String>,
    /// The variable.
    #[arg(value_name = "VAR", required_unless_present = "task")]
    pub variable: Option<String>,
    /// Explain why this task would be skipped; with a host and a variable: explain the variable as that task sees it.
    #[arg(long, value_name = "NAME", requires = "playbook")]
    pub task: Option<String>,
    /// The playbook whose plays are looked at; without one only the inventory is.
    #[arg(short, long, value_name = "PLAYBOOK")]
    pub playbook: Vec<PathBuf>,
    /// Only tasks with one of these tags would run.
    #[arg(short, long, value_name = "TAGS")]
    pub tags: Vec<String>,
    /// Tasks with one of these tags would not run.
    #[arg(long, value_name = "TAGS")]
    pub skip_tags: Vec<String>,
    /// The directory whose group_vars and host_vars are used without a playbook.
    #[arg(long, value_name = "DIR")]
    pub playbook_dir: Option<PathBuf>,
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
    /// Which hosts and variables there are.
    #[command(flatten)]
    pub fleet: FleetArgs,
}
