//! The vault secrets that options and settings name.

use super::super::args::SecretArgs;
use super::super::misused::Misused;
use super::super::{ground, prompt};
use crate::config::Settings;
use crate::diagnostic::Diagnostic;
use crate::vault::{Purpose, SecretOrigin, SecretSource, Vault, VaultError};
use anyhow::Context;
use std::path::Path;
use zeroize::Zeroizing;

/// What options say of secrets, in the form of `--vault-id`.
#[derive(Default)]
pub struct Named<'a> {
    /// `--vault-id`.
    pub ids: &'a [String],
    /// `--vault-password-file`.
    pub files: Vec<&'a Path>,
    /// `--ask-vault-password`.
    pub ask: bool,
}

impl<'a> Named<'a> {
    /// By options of `refit vault`.
    pub fn by(args: &'a SecretArgs) -> Named<'a> {
        let files = args.vault_password_file.iter().map(|file| file.as_path()).collect();
        Named { ids: &args.vault_id, files, ask: args.ask_vault_password }
    }
}

/// The secrets of options and settings, those of the settings' list first. One that can't be had is only warned of while there
/// are others. Where nothing is named the user is asked if `must_have`.
pub fn gather(settings: &Settings, named: &Named<'_>, purpose: Purpose, must_have: bool) -> anyhow::Result<Vault> {
    let ids = settings.vault_identity_list.iter().chain(named.ids);
    if let Some(bad) = ids.clone().find(|id| id.contains(';')) {
        return Misused::because(format!("`{bad}` is no vault id: `;` may not be in it"));
    }
    let mut sources: Vec<SecretSource> = ids.map(|id| SecretSource::parse(id)).collect();
    let files = named.files.iter().copied().chain(settings.vault_password_file.as_deref());
    let default = || settings.vault_identity.value.clone();
    sources.extend(files.map(|file| SecretSource { id: default(), origin: SecretOrigin::File(file.to_owned()) }));
    let ask = named.ask || settings.ask_vault_pass.value;
    if ask || sources.is_empty() && must_have {
        sources.push(SecretSource { id: default(), origin: SecretOrigin::PlainPrompt });
    }

    let mut vault = Vault::default()
        .matching_ids(settings.vault_id_match.value)
        .with_salt(settings.vault_encrypt_salt.value.clone());
    let mut missed = None;
    for source in sources {
        match source.read(purpose, &vault, &|question| prompt::ask(question).map(Zeroizing::new)) {
            Ok(secret) => vault.add(source.id, secret),
            // Who is asked and does not answer wants to stop.
            Err(error @ VaultError::Prompt { .. }) => return Err(error.into()),
            Err(error) => {
                let message = format!("no secret for the vault id `{}`: {error}", source.id);
                ground::warn(&[Diagnostic::plain(message).warning()]);
                missed = Some(error);
            }
        }
    }
    match missed {
        Some(error) if vault.is_empty() => Err(error).context("there is no vault secret"),
        _ => Ok(vault),
    }
}

/// The id to encrypt with, by option or setting, where there is a choice.
pub fn encrypt_id(settings: &Settings, vault: &Vault, given: Option<&str>) -> anyhow::Result<Option<String>> {
    let ids: Vec<&str> = vault.ids().collect();
    let Some(id) = given.or(settings.vault_encrypt_identity.as_deref()) else {
        if ids.len() > 1 {
            let ids = ids.join(", ");
            return Misused::because(format!("say by --encrypt-vault-id which to encrypt with; there are: {ids}"));
        }
        return Ok(None);
    };
    if !ids.contains(&id) {
        let known = ids.iter().map(|id| format!("'{id}'")).collect::<Vec<_>>().join(", ");
        anyhow::bail!("no secret has the id given by --encrypt-vault-id={id}; known vault ids: [{known}]");
    }
    Ok(Some(id.to_owned()))
}
