//! `refit vault`, `ansible-vault`.

use clap::{Args, Subcommand};
use std::path::PathBuf;

/// Arguments of `refit vault`.
#[derive(Args, Debug)]
pub struct VaultArgs {
    /// What to do.
    #[command(subcommand)]
    pub command: VaultCommand,
}

/// What can be done with encrypted files.
#[derive(Debug, Subcommand)]
pub enum VaultCommand {
    /// Make an encrypted file, and open it in the editor.
    Create(CreateArgs),
    /// Decrypt files in place, or standard input.
    Decrypt(DecryptArgs),
    /// Open an encrypted file in the editor, and encrypt it again.
    Edit(EditArgs),
    /// Show encrypted files.
    View(ViewArgs),
    /// Encrypt files in place, or standard input.
    Encrypt(EncryptArgs),
    /// Encrypt texts as values for a YAML file.
    #[command(name = "encrypt_string", visible_alias = "encrypt-string")]
    EncryptString(EncryptStringArgs),
    /// Encrypt files with another secret.
    Rekey(RekeyArgs),
}

/// Where the secrets are.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Secrets")]
pub struct SecretArgs {
    /// A vault password's id and where it is: `ID@FILE`, `ID@prompt`, or either without the id.
    #[arg(long, value_name = "ID")]
    pub vault_id: Vec<String>,
    /// Ask for the vault password.
    #[arg(short = 'J', long, alias = "ask-vault-pass")]
    pub ask_vault_password: bool,
    /// A file that holds the vault password, or a program that prints it.
    #[arg(long, alias = "vault-pass-file", value_name = "FILE", conflicts_with = "ask_vault_password")]
    pub vault_password_file: Vec<PathBuf>,
    /// Say more.
    #[arg(short, long, action = clap::ArgAction::Count)]
    pub verbose: u8,
}

/// With which secret to encrypt.
#[derive(Args, Clone, Debug, Default)]
pub struct EncryptWith {
    /// The vault id of the secret to encrypt with; needed where there are several.
    #[arg(long, value_name = "ID")]
    pub encrypt_vault_id: Option<String>,
}

/// Arguments of `refit vault create`.
#[derive(Args, Debug)]
pub struct CreateArgs {
    /// The file to make.
    #[arg(value_name = "FILE", num_args = 0..)]
    pub files: Vec<PathBuf>,
    /// Open the editor though standard output is no terminal.
    #[arg(long)]
    pub skip_tty_check: bool,
    /// With which secret.
    #[command(flatten)]
    pub with: EncryptWith,
    /// The secrets.
    #[command(flatten)]
    pub secrets: SecretArgs,
}

/// Arguments of `refit vault decrypt`.
#[derive(Args, Debug)]
pub struct DecryptArgs {
    /// The files; `-`, or none, for standard input.
    #[arg(value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// Write to this file instead; `-` for standard output.
    #[arg(long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// The secrets.
    #[command(flatten)]
    pub secrets: SecretArgs,
}

/// Arguments of `refit vault edit`.
#[derive(Args, Debug)]
pub struct EditArgs {
    /// The files.
    #[arg(value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// Encrypt with the secret of this vault id instead of the one that opened the file.
    #[command(flatten)]
    pub with: EncryptWith,
    /// The secrets.
    #[command(flatten)]
    pub secrets: SecretArgs,
}

/// Arguments of `refit vault view`.
#[derive(Args, Debug)]
pub struct ViewArgs {
    /// The files; `-` for standard input.
    #[arg(value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// The secrets.
    #[command(flatten)]
    pub secrets: SecretArgs,
}

/// Arguments of `refit vault encrypt`.
#[derive(Args, Debug)]
pub struct EncryptArgs {
    /// The files; `-`, or none, for standard input.
    #[arg(value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// Write to this file instead; `-` for standard output.
    #[arg(long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// With which secret.
    #[command(flatten)]
    pub with: EncryptWith,
    /// The secrets.
    #[command(flatten)]
    pub secrets: SecretArgs,
}

/// Arguments of `refit vault encrypt_string`.
#[derive(Args, Debug)]
pub struct EncryptStringArgs {
    /// The texts; `-`, or none, for standard input.
    #[arg(value_name = "TEXT")]
    pub texts: Vec<String>,
    /// Ask for the text.
    #[arg(short, long)]
    pub prompt: bool,
    /// Show the text while it is typed.
    #[arg(long)]
    pub show_input: bool,
    /// The variable's name; several go with the texts in their order.
    #[arg(short, long = "name", value_name = "NAME")]
    pub names: Vec<String>,
    /// The name of the variable whose value is on standard input.
    #[arg(long, value_name = "NAME")]
    pub stdin_name: Option<String>,
    /// Write to this file instead of standard output.
    #[arg(long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// With which secret.
    #[command(flatten)]
    pub with: EncryptWith,
    /// The secrets.
    #[command(flatten)]
    pub secrets: SecretArgs,
}

/// Arguments of `refit vault rekey`.
#[derive(Args, Debug)]
pub struct RekeyArgs {
    /// The files.
    #[arg(value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// A file that holds the new password, or a program that prints it.
    #[arg(long, value_name = "FILE")]
    pub new_vault_password_file: Option<PathBuf>,
    /// The new password's vault id and where it is.
    #[arg(long, value_name = "ID", conflicts_with = "new_vault_password_file")]
    pub new_vault_id: Option<String>,
    /// With which secret.
    #[command(flatten)]
    pub with: EncryptWith,
    /// The secrets.
    #[command(flatten)]
    pub secrets: SecretArgs,
}
