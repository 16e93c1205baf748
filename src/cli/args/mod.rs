//! The command line: names and meanings are those of ansible-playbook, ansible and ansible-inventory. The doc comments are the
//! help's text.

mod config;
mod exec;
mod explain;
mod fleet;
mod galaxy;
mod inventory;
mod lint;
mod plan;
mod reach;
mod run;
mod show;
mod vault;

pub use config::{ConfigArgs, ConfigCommand};
pub use exec::{AdHocArgs, ExecArgs};
pub use explain::ExplainArgs;
pub use fleet::FleetArgs;
pub use galaxy::{GalaxyArgs, GalaxyCommand, GalaxyOfKind, InstallArgs, ListArgs};
pub use inventory::{InventoryArgs, InventoryCommandArgs};
pub use lint::{LintArgs, LintFormat};
pub use plan::{ApplyArgs, PlanArgs, PlanLookArgs, ReportArgs, ShowArgs};
pub(super) use reach::reach;
pub use reach::{BecomeArgs, ConnectionArgs};
pub use run::{PlaybookArgs, RunArgs};
pub use show::{Format, OutputArgs};
pub use vault::{
    CreateArgs, DecryptArgs, EditArgs, EncryptArgs, EncryptStringArgs, EncryptWith, RekeyArgs, SecretArgs, VaultArgs,
    VaultCommand, ViewArgs,
};

use clap::{Args, Parser, Subcommand};
use std::path::PathBuf;

/// Runs playbooks on many hosts over SSH, and shows beforehand what will change.
///
/// Reads the playbooks, roles and inventories that Ansible reads. A managed host needs sshd and a POSIX shell, nothing else.
#[derive(Debug, Parser)]
#[command(name = "refit", version, args_override_self = true, max_term_width = 100)]
#[command(after_help = EXIT_CODES)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

const EXIT_CODES: &str = "Exit codes: 0 all went well, 1 the run could not start or broke off, 2 a host failed or the command \
line is wrong, 4 a host was unreachable, 99 interrupted, 250 a fault of refit itself.";

const PLAN_EXIT_CODES: &str = "Exit codes: those of `refit run`. With --detailed-exitcode: 0 nothing to do, 2 changes, 3 changes that \
are not all known, 1 errors.";

const APPLY_EXIT_CODES: &str = "Exit codes: those of `refit run`; 3 where what would happen now is not what was approved, and nothing was \
changed.";

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run playbooks.
    #[command(after_help = EXIT_CODES)]
    Run(RunArgs),
    /// Show what a run would change, without changing anything.
    #[command(after_help = PLAN_EXIT_CODES)]
    Plan(Box<PlanArgs>),
    /// Show a saved plan, without touching a host.
    Show(ShowArgs),
    /// Carry out a saved plan, or nothing: where a host would become something else now than was approved, nothing is changed.
    #[command(after_help = APPLY_EXIT_CODES)]
    Apply(ApplyArgs),
    /// Show what a run did, beside what was planned.
    Report(ReportArgs),
    /// Run one module on hosts.
    #[command(after_help = EXIT_CODES)]
    Exec(ExecArgs),
    /// Show the inventory.
    Inventory(InventoryArgs),
    /// Explain why a variable has its value, or why a task would be skipped.
    Explain(ExplainArgs),
    /// Find what is wrong with playbooks, roles, inventories and templates, without hosts.
    Lint(LintArgs),
    /// Install roles and collections.
    Galaxy(GalaxyArgs),
    /// Encrypt files and values, and decrypt them.
    Vault(VaultArgs),
    /// Explain modules and their arguments.
    Doc(DocArgs),
    /// Print the JSON schema of modules' arguments.
    Schema(SchemaArgs),
    /// Print a shell's completion script.
    Completion(CompletionArgs),
    /// Write the man pages.
    Man(ManArgs),
}

/// Arguments of `refit doc`.
#[derive(Args, Debug)]
pub struct DocArgs {
    /// List all modules, one a line.
    #[arg(short, long, conflicts_with = "modules")]
    pub list: bool,
    /// The modules to explain.
    #[arg(value_name = "MODULE", required_unless_present = "list")]
    pub modules: Vec<String>,
}

/// Arguments of `refit schema`.
#[derive(Args, Debug)]
pub struct SchemaArgs {
    /// The module; without one, an object with the schema of each.
    #[arg(value_name = "MODULE")]
    pub module: Option<String>,
    /// The schema of plans, as `refit plan --output json` prints them.
    #[arg(long, conflicts_with = "module")]
    pub plan: bool,
}

/// Arguments of `refit completion`.
#[derive(Args, Debug)]
pub struct CompletionArgs {
    /// The shell.
    #[arg(value_enum)]
    pub shell: clap_complete::Shell,
}

/// Arguments of `refit man`.
#[derive(Args, Debug)]
pub struct ManArgs {
    /// The directory to write to; it is made where it is missing.
    #[arg(value_name = "DIR")]
    pub directory: PathBuf,
}

/// Runs playbooks, as ansible-playbook does.
#[derive(Debug, Parser)]
#[command(name = "ansible-playbook", disable_version_flag = true, args_override_self = true, infer_long_args = true)]
pub struct AnsiblePlaybook {
    /// Print the version.
    #[arg(long)]
    pub version: bool,
    /// What to run.
    #[command(flatten)]
    pub run: PlaybookArgs,
}

/// Runs one module on hosts, as ansible does.
#[derive(Debug, Parser)]
#[command(name = "ansible", disable_version_flag = true, args_override_self = true, infer_long_args = true)]
pub struct Ansible {
    /// Print the version.
    #[arg(long)]
    pub version: bool,
    /// What to run.
    #[command(flatten)]
    pub exec: AdHocArgs,
    /// Condense each result to one line.
    #[arg(short, long)]
    pub one_line: bool,
    /// Also write each host's result to a file in this directory.
    #[arg(short, long, value_name = "DIR")]
    pub tree: Option<PathBuf>,
}

/// Shows the inventory, as ansible-inventory does.
#[derive(Debug, Parser)]
#[command(name = "ansible-inventory", disable_version_flag = true, args_override_self = true, infer_long_args = true)]
pub struct AnsibleInventory {
    /// Print the version.
    #[arg(long)]
    pub version: bool,
    /// What to show.
    #[command(flatten)]
    pub inventory: InventoryCommandArgs,
}

/// Encrypts and decrypts files and values, as ansible-vault does.
#[derive(Debug, Parser)]
#[command(name = "ansible-vault", disable_version_flag = true, args_override_self = true, infer_long_args = true)]
#[command(args_conflicts_with_subcommands = true, subcommand_required = false)]
pub struct AnsibleVault {
    /// Print the version.
    #[arg(long)]
    pub version: bool,
    /// What to do.
    #[command(subcommand)]
    pub command: Option<VaultCommand>,
}

/// Installs roles and collections, as ansible-galaxy does.
#[derive(Debug, Parser)]
#[command(name = "ansible-galaxy", args_override_self = true, infer_long_args = true)]
pub struct AnsibleGalaxy {
    /// What to do.
    #[command(flatten)]
    pub galaxy: GalaxyArgs,
}

/// Shows the settings, as ansible-config does.
#[derive(Debug, Parser)]
#[command(name = "ansible-config", args_override_self = true, infer_long_args = true)]
pub struct AnsibleConfig {
    /// What to show.
    #[command(flatten)]
    pub config: ConfigArgs,
}

/// Explains modules, as ansible-doc does.
#[derive(Debug, Parser)]
#[command(name = "ansible-doc", args_override_self = true, infer_long_args = true)]
pub struct AnsibleDoc {
    /// What to explain.
    #[command(flatten)]
    pub doc: DocArgs,
}
