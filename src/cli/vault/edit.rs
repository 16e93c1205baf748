//! `edit` and `create`: in the user's editor.

use super::super::args::{CreateArgs, EditArgs};
use super::super::misused::Misused;
use super::place::{read, write};
use super::secrets::{Named, encrypt_id, gather};
use crate::config::Settings;
use crate::vault::Purpose;
use anyhow::Context;
use signal_hook::consts::{SIGINT, SIGQUIT};
use std::io::{IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use zeroize::Zeroizing;

pub fn create(settings: &Settings, args: &CreateArgs) -> anyhow::Result<()> {
    let [file] = args.files.as_slice() else {
        return Misused::because("one file can be created at a time");
    };
    let vault = gather(settings, &Named::by(&args.secrets), Purpose::Encrypt, true)?;
    let id = encrypt_id(settings, &vault, args.with.encrypt_vault_id.as_deref())?;
    if !(std::io::stdout().is_terminal() || args.skip_tty_check) {
        return Misused::because("standard output is not a tty, the editor can't be opened");
    }
    if file.exists() {
        anyhow::bail!("{} exists, please use `edit` instead", file.display());
    }
    let text = edited(file, b"")?;
    if let Some(parent) = file.parent().filter(|parent| !parent.as_os_str().is_empty()) {
        std::fs::create_dir_all(parent).with_context(|| format!("can't make {}", parent.display()))?;
    }
    write(file, vault.encrypt(&text, id.as_deref())?.as_bytes())
}

pub fn edit(settings: &Settings, args: &EditArgs) -> anyhow::Result<()> {
    let vault = gather(settings, &Named::by(&args.secrets), Purpose::Open, true)?;
    let id = args.with.encrypt_vault_id.as_deref();
    let id = id.map(|id| encrypt_id(settings, &vault, Some(id))).transpose()?.flatten();
    for file in &args.files {
        let sealed = read(file, "what to edit")?;
        let sealed = std::str::from_utf8(&sealed).with_context(|| format!("{}: not encrypted text", file.display()))?;
        let opened = vault.open(sealed).with_context(|| file.display().to_string())?;
        let text = edited(file, &opened.text)?;
        if *text == *opened.text && id.is_none() {
            continue;
        }
        let sealed = match &id {
            Some(id) => vault.encrypt(&text, Some(id))?,
            None => vault.encrypt_again(&text, &opened)?,
        };
        write(file, sealed.as_bytes())?;
    }
    Ok(())
}

/// What the user makes of the text. The editor's file lies in memory where the machine has such a place, is the user's alone, and
/// is overwritten before it is removed.
fn edited(file: &Path, text: &[u8]) -> anyhow::Result<Zeroizing<Vec<u8>>> {
    let editor = std::env::var("ANSIBLE_EDITOR").or_else(|_| std::env::var("EDITOR"));
    let editor = editor.ok().filter(|editor| !editor.trim().is_empty()).unwrap_or_else(|| "vi".to_owned());
    let draft = Draft::new(file, text).context("can't make the file to edit")?;
    // An interrupt is the editor's to take: this program goes on, to clean up.
    let ignored = Arc::new(AtomicBool::new(false));
    let watches: Vec<_> = [SIGINT, SIGQUIT]
        .into_iter()
        .filter_map(|signal| signal_hook::flag::register(signal, ignored.clone()).ok())
        .collect();
    let status = Command::new("/bin/sh").arg("-c").arg(format!("{editor} \"$0\"")).arg(&draft.path).status();
    watches.into_iter().for_each(|watch| {
        signal_hook::low_level::unregister(watch);
    });
    let status = status.with_context(|| format!("can't run the editor `{editor}`"))?;
    if !status.success() {
        anyhow::bail!("the editor `{editor}` ended with {status}; {} is as it was", file.display());
    }
    Ok(Zeroizing::new(std::fs::read(&draft.path).context("can't read what was edited")?))
}

/// The decrypted file while it is edited.
struct Draft {
    path: PathBuf,
    /// Removed with all that the editor left beside the file.
    directory: tempfile::TempDir,
}

impl Draft {
    fn new(file: &Path, text: &[u8]) -> std::io::Result<Draft> {
        let in_memory = Path::new("/dev/shm");
        let make = |builder: &tempfile::Builder<'_, '_>| builder.tempdir_in(in_memory).or_else(|_| builder.tempdir());
        let directory = make(tempfile::Builder::new().prefix("refit-vault-"))?;
        // The editor tells the kind of text by the name.
        let path = directory.path().join(file.file_name().unwrap_or_else(|| "text".as_ref()));
        let mut draft = std::fs::File::create_new(&path)?;
        draft.write_all(text)?;
        Ok(Draft { path, directory })
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        // Also backups and the like that the editor left.
        let Ok(entries) = std::fs::read_dir(self.directory.path()) else { return };
        for entry in entries.flatten() {
            let Ok(length) = entry.metadata().map(|data| data.len()) else { continue };
            if let Ok(mut file) = std::fs::File::options().write(true).open(entry.path()) {
                let zeros = vec![0; usize::try_from(length).unwrap_or_default()];
                // Removed in any case: there is nothing more to be done where it can't be overwritten.
                let _ = file.write_all(&zeros).and_then(|()| file.sync_all());
            }
        }
    }
}
