//! `refit inventory`, `ansible-inventory`.

use super::FleetArgs;
use clap::Args;
use std::path::PathBuf;

/// Arguments of `refit inventory`.
pub type InventoryArgs = InventoryCommandArgs;

/// What ansible-inventory takes.
#[derive(Args, Clone, Debug)]
#[command(group = clap::ArgGroup::new("action").multiple(false))]
pub struct InventoryCommandArgs {
    /// All hosts and groups with their variables.
    #[arg(long, group = "action")]
    pub list: bool,
    /// A host's variables.
    #[arg(long, group = "action", value_name = "HOST")]
    pub host: Option<String>,
    /// The groups as a tree, from `all` or the group given.
    #[arg(long, group = "action")]
    pub graph: bool,
    /// The group that the tree begins at.
    #[arg(value_name = "GROUP")]
    pub group: Option<String>,
    /// YAML instead of JSON.
    #[arg(short, long, conflicts_with = "toml")]
    pub yaml: bool,
    /// TOML instead of JSON.
    #[arg(long)]
    pub toml: bool,
    /// Show variables in the tree.
    #[arg(long)]
    pub vars: bool,
    /// Keep groups' variables at the groups, as a file to be read again has them.
    #[arg(long)]
    pub export: bool,
    /// Write the list to this file.
    #[arg(long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// The directory whose group_vars and host_vars are used.
    #[arg(long, value_name = "DIR")]
    pub playbook_dir: Option<PathBuf>,
    /// Which hosts and variables there are.
    #[command(flatten)]
    pub fleet: FleetArgs,
}
