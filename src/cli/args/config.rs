//! `ansible-config`.

use clap::{Args, Subcommand};

/// Arguments of `ansible-config`.
#[derive(Args, Debug)]
pub struct ConfigArgs {
    /// What to show.
    #[command(subcommand)]
    pub command: ConfigCommand,
}

/// What of the settings to show.
#[derive(Debug, Subcommand)]
pub enum ConfigCommand {
    /// The configuration file as it is written.
    View,
    /// Every setting with its value, and where it was set.
    Dump {
        /// Only those that are not the default.
        #[arg(long, alias = "changed-only")]
        only_changed: bool,
    },
    /// The names of the settings.
    List,
}
