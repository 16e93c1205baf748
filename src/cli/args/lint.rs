//! `refit lint`.

use super::vault::SecretArgs;
use clap::{Args, ValueEnum};
use std::path::PathBuf;

/// How findings are shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum LintFormat {
    /// For people.
    #[default]
    Human,
    /// A list of objects.
    Json,
    /// SARIF 2.1.0, as code scanners read it.
    Sarif,
    /// Annotations of GitHub's workflows.
    Github,
}

/// Arguments of `refit lint`.
#[derive(Args, Debug)]
pub struct LintArgs {
    /// What to look at: files, or directories with all below.
    #[arg(value_name = "PATH", default_value = ".")]
    pub paths: Vec<PathBuf>,
    /// How to show what is found.
    #[arg(long, value_enum, default_value_t)]
    pub format: LintFormat,
    /// Mend what can be mended without changing what a run does.
    #[arg(long)]
    pub fix: bool,
    /// Fail for warnings, too.
    #[arg(long)]
    pub strict: bool,
    /// The secrets.
    #[command(flatten)]
    pub secrets: SecretArgs,
}
