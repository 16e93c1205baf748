//! `encrypt`, `decrypt`, `rekey`, `view`: of whole files.

use super::super::args::{DecryptArgs, EncryptArgs, RekeyArgs, ViewArgs};
use super::super::misused::Misused;
use super::place::{is_standard, named, read, write};
use super::secrets::{Named, encrypt_id, gather};
use super::succeeded;
use crate::config::Settings;
use crate::vault::{Purpose, Vault, is_encrypted};
use anyhow::Context;
use std::io::{IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use zeroize::Zeroizing;

pub fn encrypt(settings: &Settings, args: &EncryptArgs) -> anyhow::Result<()> {
    one_input(&args.files, args.output.as_ref())?;
    let vault = gather(settings, &Named::by(&args.secrets), Purpose::Encrypt, true)?;
    let id = encrypt_id(settings, &vault, args.with.encrypt_vault_id.as_deref())?;
    for file in named(&args.files) {
        let text = read(&file, "what to encrypt")?;
        if is_encrypted(&text) {
            anyhow::bail!("{}: input is already encrypted", shown(&file));
        }
        let sealed = vault.encrypt(&text, id.as_deref()).with_context(|| shown(&file))?;
        write(args.output.as_deref().unwrap_or(&file), sealed.as_bytes())?;
    }
    succeeded("Encryption");
    Ok(())
}

pub fn decrypt(settings: &Settings, args: &DecryptArgs) -> anyhow::Result<()> {
    one_input(&args.files, args.output.as_ref())?;
    let vault = gather(settings, &Named::by(&args.secrets), Purpose::Open, true)?;
    for file in named(&args.files) {
        let text = plain(&vault, &file)?;
        write(args.output.as_deref().unwrap_or(&file), &text)?;
    }
    succeeded("Decryption");
    Ok(())
}

pub fn rekey(settings: &Settings, args: &RekeyArgs) -> anyhow::Result<()> {
    let vault = gather(settings, &Named::by(&args.secrets), Purpose::Open, true)?;
    let wanted = args.with.encrypt_vault_id.as_deref().or(settings.vault_encrypt_identity.as_deref());
    // The settings' list counts for the new secret only where its id is named, and their password file never does: it is the
    // old one's.
    let mut others = settings.clone();
    if wanted.is_none() {
        others.vault_identity_list.value.clear();
    }
    others.vault_password_file.value = None;
    let new = Named {
        ids: args.new_vault_id.as_slice(),
        files: args.new_vault_password_file.iter().map(PathBuf::as_path).collect(),
        ask: args.secrets.ask_vault_password && args.new_vault_id.is_none() && args.new_vault_password_file.is_none(),
    };
    others.ask_vault_pass.value = false;
    let new = gather(&others, &new, Purpose::Encrypt, true)?;
    let id = encrypt_id(settings, &new, wanted)?;
    for file in &args.files {
        let text = plain(&vault, file)?;
        let sealed = new.encrypt(&text, id.as_deref()).with_context(|| shown(file))?;
        write(file, sealed.as_bytes())?;
    }
    succeeded("Rekey");
    Ok(())
}

pub fn view(settings: &Settings, args: &ViewArgs) -> anyhow::Result<()> {
    let vault = gather(settings, &Named::by(&args.secrets), Purpose::Open, true)?;
    for file in &args.files {
        page(&plain(&vault, file)?)?;
    }
    Ok(())
}

/// The text of an encrypted file.
fn plain(vault: &Vault, file: &Path) -> anyhow::Result<Zeroizing<Vec<u8>>> {
    let sealed = read(file, "what to decrypt")?;
    let sealed = std::str::from_utf8(&sealed).with_context(|| format!("{}: not encrypted text", shown(file)))?;
    vault.decrypt(sealed).with_context(|| shown(file))
}

/// Through the user's pager where there is a terminal.
fn page(text: &[u8]) -> anyhow::Result<()> {
    if std::io::stdout().is_terminal() {
        let pager = std::env::var("PAGER").unwrap_or_else(|_| "less".to_owned());
        let mut command = Command::new("/bin/sh");
        command.args(["-c", &pager]).stdin(Stdio::piped());
        // Quits at once where the text fits the screen, unless the user said otherwise.
        if std::env::var_os("LESS").is_none() {
            command.env("LESS", "FRSX");
        }
        if let Ok(mut pager) = command.spawn() {
            if let Some(mut input) = pager.stdin.take() {
                // Who quits the pager does not want the rest.
                let _ = input.write_all(text);
            }
            if pager.wait().is_ok_and(|status| status.success()) {
                return Ok(());
            }
        }
    }
    write(Path::new("-"), text)
}

fn one_input(files: &[PathBuf], output: Option<&PathBuf>) -> anyhow::Result<()> {
    match output {
        Some(_) if files.len() > 1 => Misused::because("at most one file can go to --output"),
        _ => Ok(()),
    }
}

fn shown(file: &Path) -> String {
    if is_standard(file) { "standard input".to_owned() } else { file.display().to_string() }
}
