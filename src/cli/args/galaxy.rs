//! `refit galaxy`, `ansible-galaxy`.

use clap::{Args, Subcommand};
use std::path::PathBuf;

/// Arguments of `refit galaxy`.
#[derive(Args, Debug)]
pub struct GalaxyArgs {
    /// What to do.
    #[command(subcommand)]
    pub command: GalaxyCommand,
}

/// What can be done with roles and collections.
#[derive(Debug, Subcommand)]
pub enum GalaxyCommand {
    /// Install roles and collections from git, directories and tarballs.
    Install(InstallArgs),
    /// List what is installed.
    List(ListArgs),
    /// The same of roles only.
    Role {
        /// What to do.
        #[command(subcommand)]
        command: GalaxyOfKind,
    },
    /// The same of collections only.
    Collection {
        /// What to do.
        #[command(subcommand)]
        command: GalaxyOfKind,
    },
}

/// What can be done with one of both.
#[derive(Debug, Subcommand)]
pub enum GalaxyOfKind {
    /// Install from git, directories and tarballs.
    Install(InstallArgs),
    /// List what is installed.
    List(ListArgs),
}

/// Arguments of `refit galaxy install`.
#[derive(Args, Debug)]
pub struct InstallArgs {
    /// What to install: `git+https://host/repository[,VERSION]`, a directory, or a tarball.
    #[arg(value_name = "SOURCE")]
    pub names: Vec<String>,
    /// A file that lists what to install.
    #[arg(short = 'r', long = "requirements-file", alias = "role-file", value_name = "FILE")]
    pub requirements: Vec<PathBuf>,
    /// The directory to install roles to.
    #[arg(short = 'p', long, alias = "role-path", value_name = "DIR")]
    pub roles_path: Option<PathBuf>,
    /// The directory to install collections to.
    #[arg(long, value_name = "DIR")]
    pub collections_path: Option<PathBuf>,
    /// Replace what is there already.
    #[arg(short, long, alias = "force-with-deps")]
    pub force: bool,
    /// Leave out the roles that a role depends on.
    #[arg(short, long)]
    pub no_deps: bool,
}

/// Arguments of `refit galaxy list`.
#[derive(Args, Debug)]
pub struct ListArgs {
    /// A further directory to look in.
    #[arg(short = 'p', long, value_name = "DIR")]
    pub path: Vec<PathBuf>,
}
