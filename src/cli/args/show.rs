//! Options of how a run is shown.

use clap::{Args, ValueEnum};

/// How a run is shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people: live progress, grouped results, a recap.
    #[default]
    Human,
    /// What ansible-playbook and ansible print.
    Ansible,
    /// One JSON document at the end, in the form of Ansible's JSON callback.
    Json,
    /// The events, one JSON object a line, as they happen.
    Ndjson,
}

/// How a run is shown.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Output")]
pub struct OutputArgs {
    /// How to show what happens.
    #[arg(long, value_enum, default_value_t, env = "REFIT_OUTPUT", hide_env = true)]
    pub output: Format,
    /// Lines to show around each difference.
    #[arg(long, value_name = "LINES", default_value_t = 3)]
    pub diff_context: usize,
}
