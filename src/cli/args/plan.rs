//! `refit plan`, and what is done with plans: `refit show`, `refit apply`, `refit report`.

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
    /// Save the plan in this file, for `refit show` and `refit apply`.
    #[arg(short, long, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// Sign the saved plan: with an SSH key's file, or one that holds the key of an HMAC.
    #[arg(long, value_name = "KEY", requires = "out")]
    pub sign: Option<PathBuf>,
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

/// Arguments of `refit show`.
#[derive(Args, Clone, Debug)]
pub struct ShowArgs {
    /// The saved plan.
    #[arg(value_name = "PLAN")]
    pub plan: PathBuf,
    /// Write it as one HTML file that needs nothing else.
    #[arg(long, value_name = "FILE")]
    pub html: Option<PathBuf>,
    /// Refuse a plan that is not signed by one of these: a file of allowed signers, or the key of an HMAC.
    #[arg(long, value_name = "ALLOWED_SIGNERS")]
    pub require_signature: Option<PathBuf>,
    /// Show every line of long differences.
    #[arg(short, long, action = clap::ArgAction::Count)]
    pub verbose: u8,
    /// How it is shown.
    #[command(flatten)]
    pub look: PlanLookArgs,
}

/// Arguments of `refit apply`.
#[derive(Args, Clone, Debug)]
pub struct ApplyArgs {
    /// The saved plan that was approved.
    #[arg(value_name = "PLAN")]
    pub plan: PathBuf,
    /// Go on although what would happen on these hosts now is not what was approved: names and patterns.
    #[arg(long, value_name = "HOST", num_args = 1.., value_delimiter = ',')]
    pub accept_drift: Vec<String>,
    /// Refuse a plan that is not signed by one of these: a file of allowed signers, or the key of an HMAC.
    #[arg(long, value_name = "ALLOWED_SIGNERS")]
    pub require_signature: Option<PathBuf>,
    /// Variables that the plan could not keep because they held secrets.
    #[arg(short, long, value_name = "VARS", allow_hyphen_values = true)]
    pub extra_vars: Vec<String>,
    /// How to show the run.
    #[arg(long, value_enum, default_value_t, env = "REFIT_OUTPUT", hide_env = true)]
    pub output: Format,
    /// Lines to show around each difference.
    #[arg(long, value_name = "LINES", default_value_t = 3)]
    pub diff_context: usize,
    /// Say more; up to six times.
    #[arg(short, long, action = clap::ArgAction::Count)]
    pub verbose: u8,
}

/// Arguments of `refit report`.
#[derive(Args, Clone, Debug)]
pub struct ReportArgs {
    /// The run: its name or the beginning of it, `last`, or a journal's file.
    #[arg(value_name = "RUN")]
    pub run: String,
    /// Write it as one HTML file that needs nothing else.
    #[arg(long, value_name = "FILE")]
    pub html: Option<PathBuf>,
    /// The saved plan to set beside it, if not the one that the run carried out.
    #[arg(long, value_name = "PLAN")]
    pub plan: Option<PathBuf>,
    /// Show every line of long differences.
    #[arg(short, long, action = clap::ArgAction::Count)]
    pub verbose: u8,
    /// How it is shown.
    #[command(flatten)]
    pub look: PlanLookArgs,
}
