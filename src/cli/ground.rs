//! What every command needs that reads an inventory: settings, vault passwords, secrets.

use super::args::FleetArgs;
use super::vault;
use crate::config::{Environment, Settings};
use crate::diagnostic::{Diagnostic, Diagnostics, render};
use crate::engine::exit;
use crate::secrets::Secrets;
use crate::vault::{Purpose, Vault};
use anyhow::Context;
use std::sync::Arc;

/// What a command stands on.
#[derive(Clone)]
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
        let vault = Arc::new(vault::gather(&settings, &fleet.secrets(), Purpose::Open, false)?);
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
