//! `refit plan`.

use super::Format;
use super::run::Body;
use crate::report::Only;
use clap::Args;
use std::path::PathBuf;

/// Arguments of `refit plan`.
#[derive(Args, Clone, Debug)]
pub struct PlanArgs {
    /// The playbooks, planned one after the other.
    #[arg(required = true, value_name = "PLAYBOOK")]
    pub playbooks: Vec<PathBuf>,
    /// What all kinds of run share.
    #[command(flatten)]
    pub body: Body,
    /// Tell by the exit code what the plan says: 0 nothing to do, 2 changes, 3 changes that are not all known, 1 errors.
    #[arg(long)]
    pub detailed_exitcode: bool,
    /// How it is shown.
    #[command(flatten)]
    pub look: PlanLookArgs,
}

/// How a plan is shown.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Output")]
pub struct PlanLookArgs {
    /// How to show the plan: `human` and `json` when it is made, the others as it is made.
    #[arg(long, value_enum, default_value_t, env = "REFIT_OUTPUT", hide_env = true)]
    pub output: Format,
    /// Lines to show around each difference.
    #[arg(long, value_name = "LINES", default_value_t = 3)]
    pub diff_context: usize,
    /// Show only what concerns these hosts: names and patterns (`web*`), with commas between them.
    #[arg(long, value_name = "HOSTS", value_delimiter = ',')]
    pub hosts: Vec<String>,
    /// Show only what is known to change, or only what may change.
    #[arg(long, value_enum, value_name = "WHAT")]
    pub only: Option<Only>,
}
