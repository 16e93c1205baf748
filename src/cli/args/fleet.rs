//! Options of which hosts and variables there are.

use super::super::vault::Named;
use crate::engine::Fleet;
use clap::Args;
use std::path::PathBuf;

/// Which hosts and variables there are.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Hosts and variables")]
pub struct FleetArgs {
    /// Inventory: a file, a directory, a program, or hosts with a comma (`web1,`); several are merged in order.
    #[arg(short, long, alias = "inventory-file", value_name = "INVENTORY")]
    pub inventory: Vec<String>,
    /// Further limit the hosts to this pattern.
    #[arg(short, long, value_name = "PATTERN")]
    pub limit: Option<String>,
    /// Set variables: `name=value` words, YAML or JSON, or `@FILE`.
    #[arg(short, long, value_name = "VARS", allow_hyphen_values = true)]
    pub extra_vars: Vec<String>,
    /// Forget all cached facts first.
    #[arg(long)]
    pub flush_cache: bool,
    /// A vault password's id and where it is: `ID@FILE`, `ID@prompt`, or either without the id.
    #[arg(long, value_name = "ID")]
    pub vault_id: Vec<String>,
    /// Ask for the vault password.
    #[arg(short = 'J', long, alias = "ask-vault-pass")]
    pub ask_vault_password: bool,
    /// A file that holds the vault password, or a program that prints it.
    #[arg(long, alias = "vault-pass-file", value_name = "FILE", conflicts_with = "ask_vault_password")]
    pub vault_password_file: Vec<PathBuf>,
    /// Say more; up to six times.
    #[arg(short, long, action = clap::ArgAction::Count)]
    pub verbose: u8,
}

impl FleetArgs {
    /// As the engine takes it.
    pub fn fleet(&self, playbook_dir: Option<PathBuf>) -> Fleet {
        Fleet {
            inventory: self.inventory.clone(),
            limit: self.limit.clone(),
            extra_vars: self.extra_vars.clone(),
            vault: Vec::new(),
            flush_cache: self.flush_cache,
            playbook_dir,
            verbosity: self.verbose,
        }
    }

    /// Where vault passwords are.
    pub(in crate::cli) fn secrets(&self) -> Named<'_> {
        let files = self.vault_password_file.iter().map(PathBuf::as_path).collect();
        Named { ids: &self.vault_id, files, ask: self.ask_vault_password }
    }
}
