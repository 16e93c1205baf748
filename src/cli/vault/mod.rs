//! `refit vault`, `ansible-vault`: encrypted files and values.

mod edit;
mod encrypt_string;
mod files;
mod place;
mod secrets;

pub(super) use secrets::{Named, gather};

use super::args::{SecretArgs, VaultCommand};
use super::ground::{refuse, warn};
use crate::config::{Environment, Settings};
use anyhow::Context;
use std::io::IsTerminal;

/// Does what was asked for. The exit code.
pub(super) fn vault(command: &VaultCommand) -> anyhow::Result<u8> {
    let environment = Environment::of_process().context("can't read the environment")?;
    let settings = match Settings::load(&environment) {
        Ok(settings) => settings,
        Err(problems) => return Ok(refuse(&problems)),
    };
    warn(&settings.warnings);
    if secrets_of(command).verbose > 0 {
        warn(&settings.notes);
    }
    match command {
        VaultCommand::Create(args) => edit::create(&settings, args),
        VaultCommand::Decrypt(args) => files::decrypt(&settings, args),
        VaultCommand::Edit(args) => edit::edit(&settings, args),
        VaultCommand::View(args) => files::view(&settings, args),
        VaultCommand::Encrypt(args) => files::encrypt(&settings, args),
        VaultCommand::EncryptString(args) => encrypt_string::encrypt_string(&settings, args),
        VaultCommand::Rekey(args) => files::rekey(&settings, args),
    }?;
    Ok(0)
}

fn secrets_of(command: &VaultCommand) -> &SecretArgs {
    match command {
        VaultCommand::Create(args) => &args.secrets,
        VaultCommand::Decrypt(args) => &args.secrets,
        VaultCommand::Edit(args) => &args.secrets,
        VaultCommand::View(args) => &args.secrets,
        VaultCommand::Encrypt(args) => &args.secrets,
        VaultCommand::EncryptString(args) => &args.secrets,
        VaultCommand::Rekey(args) => &args.secrets,
    }
}

/// Tells who sits at a terminal; a script sees it by the exit code.
fn succeeded(what: &str) {
    if std::io::stdout().is_terminal() {
        eprintln!("{what} successful");
    }
}
