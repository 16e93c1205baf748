//! Home directories that useradd does not make: their parents, and those of users that are there already.

use crate::host::{Host, HostResult, Kind, User, WriteOptions};
use crate::outcome::Stop;
use std::path::Path;

/// Makes the directories above a home, with the mode that new directories have.
pub(super) fn create_parents(host: &Host<'_>, path: &Path) -> HostResult<()> {
    if path.as_os_str().is_empty() || host.files.stat(path, true)?.is_some() {
        return Ok(());
    }
    if let Some(parent) = path.parent() {
        create_parents(host, parent)?;
    }
    host.files.create_dir(path, None)
}

/// Makes a user's home with the files of the skeleton in it, all of them the user's.
pub(super) fn create(host: &Host<'_>, user: &User, skeleton: Option<&Path>, umask: Option<&str>) -> Result<(), Stop> {
    let mode = match umask {
        Some(text) => 0o777 & !octal("umask", text)?,
        None => default_mode(host),
    };
    if let Some(parent) = user.home.parent() {
        create_parents(host, parent)?;
    }
    host.files.create_dir(&user.home, Some(mode))?;
    host.files.set_owner(&user.home, Some(user.uid), Some(user.gid), false)?;
    let skeleton = skeleton.unwrap_or(Path::new("/etc/skel"));
    if host.files.stat(skeleton, true)?.is_some_and(|stat| stat.kind == Kind::Directory) {
        fill(host, user, skeleton, &user.home)?;
    }
    Ok(())
}

fn fill(host: &Host<'_>, user: &User, from: &Path, to: &Path) -> HostResult<()> {
    for name in host.files.list(from)? {
        let (source, target) = (from.join(&name), to.join(&name));
        let Some(stat) = host.files.stat(&source, false)? else { continue };
        match stat.kind {
            Kind::Directory => {
                host.files.create_dir(&target, Some(stat.mode))?;
                fill(host, user, &source, &target)?;
            }
            Kind::Link => host.files.symlink(&host.files.read_link(&source)?, &target)?,
            Kind::File => {
                let options = WriteOptions { mode: Some(stat.mode), ..WriteOptions::default() };
                host.files.write(&target, &host.files.read(&source)?, &options)?;
            }
            // Devices and pipes are no part of a home.
            Kind::CharDevice | Kind::BlockDevice | Kind::Fifo | Kind::Socket => continue,
        }
        host.files.set_owner(&target, Some(user.uid), Some(user.gid), false)?;
    }
    Ok(())
}

fn octal(name: &str, text: &str) -> Result<u32, Stop> {
    u32::from_str_radix(text, 8).map_err(|_| Stop::failed(format!("`{name}`: {text:?} is not an octal number")))
}

/// `HOME_MODE` in `/etc/login.defs`, else what its `UMASK` leaves, else 0755.
fn default_mode(host: &Host<'_>) -> u32 {
    let bytes = host.files.read(Path::new("/etc/login.defs")).unwrap_or_default();
    mode_of_login_defs(&String::from_utf8_lossy(&bytes))
}

fn mode_of_login_defs(text: &str) -> u32 {
    let setting = |name: &str| {
        let mut lines = text.lines().filter_map(|line| line.trim().split_once(char::is_whitespace));
        let (_, value) = lines.find(|(key, _)| *key == name)?;
        u32::from_str_radix(value.split_whitespace().next()?, 8).ok()
    };
    setting("HOME_MODE").unwrap_or_else(|| 0o777 & !setting("UMASK").unwrap_or(0o022))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modes_in_login_defs() {
        assert_eq!(mode_of_login_defs("UMASK\t\t022\n#HOME_MODE 0700\n"), 0o755);
        assert_eq!(mode_of_login_defs("UMASK 022\nHOME_MODE\t0700\n"), 0o700);
        assert_eq!(mode_of_login_defs(""), 0o755);
    }
}
