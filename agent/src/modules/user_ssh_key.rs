//! A user's SSH key pair.

use crate::host::{Command, Finished, Host, HostError, User};
use crate::outcome::{ModuleResult, Outcome, Stop};
use std::path::{Path, PathBuf};

/// The key that was asked for.
pub(super) struct KeyWanted<'a> {
    pub(super) file: Option<&'a Path>,
    pub(super) kind: &'a str,
    pub(super) bits: Option<u64>,
    pub(super) comment: Option<&'a str>,
    pub(super) passphrase: &'a str,
    pub(super) force: bool,
}

/// Makes the key where there is none, and tells its fingerprint and its public half.
pub(super) fn ensure(host: &Host<'_>, user: &User, key: &KeyWanted<'_>, mut outcome: Outcome) -> ModuleResult {
    let default = PathBuf::from(format!(".ssh/id_{}", key.kind));
    let path = user.home.join(key.file.unwrap_or(&default));
    let exists = host.files.stat(&path, true)?.is_some();
    let mut made = false;
    if exists && !key.force {
        outcome = outcome.warn(format!(
            "Found existing ssh key private file \"{}\", no force, so skipping ssh-keygen generation",
            path.display()
        ));
    } else {
        make(host, user, key, &path, exists)?;
        made = true;
        outcome.changed = true;
    }
    outcome = outcome.with("ssh_key_file", path.to_string_lossy());
    let public = PathBuf::from(format!("{}.pub", path.display()));
    let told = fingerprint(host, &path).and_then(|fingerprint| {
        let text = host.files.read(&public)?;
        Ok((fingerprint, String::from_utf8_lossy(&text).trim().to_owned()))
    });
    match told {
        Ok((fingerprint, public)) => Ok(outcome.with("ssh_fingerprint", fingerprint).with("ssh_public_key", public)),
        // A dry run makes no key, so what it would be is known only when it runs. That it would be made is known.
        Err(_) if made && !real(host, &path) => {
            outcome.unknown.extend(["ssh_fingerprint".to_owned(), "ssh_public_key".to_owned()]);
            Ok(outcome)
        }
        Err(error) => Err(error.into()),
    }
}

/// Whether the file holds a key.
fn real(host: &Host<'_>, path: &Path) -> bool {
    host.files.read(path).is_ok_and(|content| !content.is_empty())
}

fn make(host: &Host<'_>, user: &User, key: &KeyWanted<'_>, path: &Path, exists: bool) -> Result<(), Stop> {
    if host.files.stat(&user.home, true)?.is_none() {
        return Err(Stop::failed(format!(
            "{} has no home directory at {} for a key; set `create_home`",
            user.name,
            user.home.display()
        )));
    }
    if let Some(directory) = path.parent()
        && host.files.stat(directory, true)?.is_none()
    {
        host.files.create_dir(directory, Some(0o700))?;
        host.files.set_owner(directory, Some(user.uid), Some(user.gid), true)?;
    }
    if exists {
        host.files.remove_file(path)?;
    }
    let default_comment = || {
        let name = rustix::system::uname().nodename().to_string_lossy().into_owned();
        format!("ansible-generated on {name}")
    };
    let comment = key.comment.map_or_else(default_comment, str::to_owned);
    let file = path.to_string_lossy().into_owned();
    let mut argv = vec!["ssh-keygen".to_owned(), "-q".to_owned(), "-t".to_owned(), key.kind.to_owned()];
    if let Some(bits) = key.bits {
        argv.extend(["-b".to_owned(), bits.to_string()]);
    }
    argv.extend(["-C".to_owned(), comment, "-f".to_owned(), file]);
    argv.extend(["-N".to_owned(), key.passphrase.to_owned()]);
    match host.processes.run(&Command::changing(argv, "the key that ssh-keygen makes")) {
        Ok(finished) if finished.status == 0 => {
            for path in [path.to_owned(), PathBuf::from(format!("{}.pub", path.display()))] {
                host.files.set_owner(&path, Some(user.uid), Some(user.gid), true)?;
            }
            Ok(())
        }
        Ok(finished) => Err(Stop::failed(format!("ssh-keygen failed: {}", said(&finished)))),
        // Nothing more can be foreseen of a key than that it will be there.
        Err(HostError::Unknown { .. }) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

fn fingerprint(host: &Host<'_>, path: &Path) -> Result<String, HostError> {
    let argv = ["ssh-keygen".to_owned(), "-l".to_owned(), "-f".to_owned(), path.to_string_lossy().into_owned()];
    let finished = host.processes.run(&Command::reading(argv))?;
    match finished.status {
        0 => Ok(finished.stdout_text().trim().to_owned()),
        _ => Err(HostError::other(format!("cannot read the key {}: {}", path.display(), said(&finished)))),
    }
}

fn said(finished: &Finished) -> String {
    let (out, error) = (finished.stdout_text(), finished.stderr_text());
    if error.trim().is_empty() { out.trim().to_owned() } else { error.trim().to_owned() }
}
