//! What every command needs that reads an inventory: settings, vault passwords, secrets.

use super::args::FleetArgs;
use super::prompt;
use crate::config::{Environment, Settings};
use crate::diagnostic::{Diagnostic, Diagnostics, render};
use crate::engine::exit;
use crate::secrets::Secrets;
use crate::vault::{SecretSource, Vault};
use anyhow::Context;
use std::sync::Arc;
use zeroize::Zeroizing;

/// What a command stands on.
pub(super) struct Ground {
    pub settings: Settings,
    pub vault: Arc<Vault>,
    pub secrets: Arc<Secrets>,
}

impl Ground {
    /// Reads the settings and gets the vault's passwords. `Err` within is the exit code after all that is wrong was told.
    pub fn open(fleet: &FleetArgs) -> anyhow::Result<Result<Ground, u8>> {
        let environment = Environment::of_process().context("can't read the environment")?;
        let settings = match Settings::load(&environment) {
            Ok(settings) => settings,
            Err(problems) => return Ok(Err(refuse(&problems))),
        };
        warn(&settings.warnings);
        if fleet.verbose > 0 {
            warn(&settings.notes);
        }
        let vault = Arc::new(vault(&settings, fleet)?);
        Ok(Ok(Ground { settings, vault, secrets: Arc::new(Secrets::default()) }))
    }
}

/// Everything that is wrong, at once. The exit code.
pub(super) fn refuse(problems: &Diagnostics) -> u8 {
    eprint!("{}", render(&problems.0, console::colors_enabled_stderr()));
    u8::try_from(exit::ERROR).unwrap_or(1)
}

/// What the user should know.
pub(super) fn warn(warnings: &[Diagnostic]) {
    if !warnings.is_empty() {
        eprint!("{}", render(warnings, console::colors_enabled_stderr()));
    }
}

/// The vault's passwords, of options and settings.
fn vault(settings: &Settings, fleet: &FleetArgs) -> anyhow::Result<Vault> {
    let mut sources = fleet.vault_sources();
    sources.extend(settings.vault_identity_list.iter().cloned());
    sources.extend(settings.vault_password_file.iter().map(|path| path.display().to_string()));
    if settings.ask_vault_pass.value && !fleet.ask_vault_password {
        sources.push("prompt".to_owned());
    }
    let mut vault = Vault::new(Vec::new()).matching_ids(settings.vault_id_match.value);
    for text in sources {
        let source = SecretSource::parse(&text);
        let secret = source
            .read(&|question| prompt::ask(question).map(Zeroizing::new))
            .with_context(|| format!("no vault password from {text}"))?;
        vault.add(source.id.clone(), secret);
    }
    Ok(vault)
}
