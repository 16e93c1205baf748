//! Putting content into a file: check it, keep the old one, write, set attributes. Every module that writes a file
//! does it here.

use super::checksum::Algorithm;
use super::command_line;
use super::file_attributes::{Change, Wanted, of_new};
use crate::host::{Civil, Command, Host, HostResult, Kind, Moment};
use crate::outcome::{Diff, Failure, Stop};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

/// Longest content that a difference shows as text, in bytes; longer ones are told by size and checksum.
const LONGEST_DIFF: usize = 1 << 20;

/// A content to put in its place.
pub struct Content<'a> {
    /// The file. Links are followed by the caller where they are to be; one that is still there is replaced.
    pub path: &'a Path,
    /// What it contains; `None` where there is no file.
    pub before: Option<&'a [u8]>,
    /// What it is to contain.
    pub after: &'a [u8],
    /// Its attributes.
    pub wanted: &'a Wanted,
    /// Keep the old file.
    pub backup: bool,
    /// A command that judges the new content before it is in its place: `visudo -cf %s`.
    pub validate: Option<&'a str>,
}

/// What was done.
pub struct Done {
    /// Whether the content is another one now.
    pub written: bool,
    /// Where the old file is kept.
    pub backup_file: Option<PathBuf>,
    /// What changed of the attributes.
    pub attributes: Change,
}

impl Content<'_> {
    /// Puts it in its place; does nothing where all is as it should be.
    pub fn put(&self, host: &Host<'_>) -> Result<Done, Stop> {
        let link = host.files.stat(self.path, false)?.is_some_and(|stat| stat.kind == Kind::Link);
        // A link that is replaced gives the new file nothing of its target's attributes.
        let old = if link { None } else { host.files.stat(self.path, false)? };
        let baseline = match &old {
            Some(old) => old.clone(),
            None => of_new(host, Kind::File)?,
        };
        let attributes = self.wanted.change(host, self.path, &baseline, old.is_some())?;
        if self.before == Some(self.after) && !link {
            attributes.apply(host, self.path)?;
            return Ok(Done { written: false, backup_file: None, attributes });
        }
        if let Some(command) = self.validate {
            validate(host, command, self.after, self.path)?;
        }
        let backup_file = match self.backup && self.before.is_some() {
            true => Some(backup(host, self.path)?),
            false => None,
        };
        let mut options = attributes.write_options(self.wanted.replace);
        if link {
            options.mode.get_or_insert(baseline.mode);
            options.uid.get_or_insert(baseline.uid);
            options.gid.get_or_insert(baseline.gid);
        }
        host.files.write(self.path, self.after, &options)?;
        attributes.apply_rest(host, self.path)?;
        Ok(Done { written: true, backup_file, attributes })
    }
}

/// Lets a command judge content: `%s` stands for a file that holds it. Any status but zero is a failure.
pub fn validate(host: &Host<'_>, command: &str, content: &[u8], beside: &Path) -> Result<(), Stop> {
    if !command.contains("%s") {
        return Err(Stop::failed(format!("validate must contain %s: {command}")));
    }
    let words = command_line::split(command)
        .map_err(|error| Stop::failed(format!("the command of validate can't be read: {error}: {command}")))?;
    let staged = host.files.stage(content, beside)?;
    let path = staged.to_string_lossy();
    let argv = words.iter().map(|word| word.replace("%s", &path).replace("%%", "%"));
    let finished = host.processes.run(&Command::reading(argv));
    host.files.discard(&staged);
    let finished = finished?;
    if finished.status == 0 {
        return Ok(());
    }
    let message = format!("failed to validate: rc:{} error:{}", finished.status, finished.stderr_text());
    Err(Failure::new(message)
        .with("exit_status", finished.status)
        .with("stdout", finished.stdout_text())
        .with("stderr", finished.stderr_text())
        .into())
}

/// Copies a file to a name that tells when: `NAME.PID.YYYY-MM-DD@HH:MM:SS~`, in the host's local time.
pub fn backup(host: &Host<'_>, path: &Path) -> HostResult<PathBuf> {
    let now = host.clock.now();
    let when = timestamp(now, host.clock.utc_offset(now));
    let pid = std::process::id();
    for turn in 0u32.. {
        // One agent may well back a file up twice in a second.
        let pid = if turn == 0 { pid.to_string() } else { format!("{pid}-{turn}") };
        let mut name = path.as_os_str().to_owned();
        name.push(format!(".{pid}.{when}~"));
        let kept = PathBuf::from(name);
        if host.files.stat(&kept, false)?.is_none() {
            host.files.copy(path, &kept)?;
            return Ok(kept);
        }
    }
    Err(crate::host::HostError::other(format!("no name is free to keep {} under", path.display())))
}

/// A moment as the names of backups tell it.
fn timestamp(at: Moment, utc_offset: i32) -> String {
    let Civil { year, month, day, hour, minute, second } = Civil::of(at.seconds + i64::from(utc_offset));
    format!("{year:04}-{month:02}-{day:02}@{hour:02}:{minute:02}:{second:02}")
}

/// Creates the directories that are missing on the way to `path`, itself included, each with these attributes. Returns
/// those that it made.
pub fn make_directories(host: &Host<'_>, path: &Path, wanted: Option<&Wanted>) -> Result<Vec<PathBuf>, Stop> {
    let mut missing = Vec::new();
    for ancestor in path.ancestors() {
        match host.files.stat(ancestor, true)? {
            None => missing.push(ancestor.to_owned()),
            Some(stat) if stat.kind == Kind::Directory => break,
            Some(_) => {
                return Err(Stop::failed(format!(
                    "There was an issue creating {} as requested: {} is not a directory",
                    path.display(),
                    ancestor.display()
                )));
            }
        }
    }
    missing.reverse();
    for directory in &missing {
        match wanted {
            None => make_directory(host, directory, None)?,
            Some(wanted) => {
                let mode = wanted.bits(&of_new(host, Kind::Directory)?, host.files.umask());
                make_directory(host, directory, mode)?;
                wanted.apply(host, directory, false)?;
            }
        }
    }
    Ok(missing)
}

/// Creates one directory. That somebody else made it in the meantime is as good: several runs, or several names of one
/// host, may want the same parent at once.
fn make_directory(host: &Host<'_>, directory: &Path, mode: Option<u32>) -> HostResult<()> {
    match host.files.create_dir(directory, mode) {
        Err(error) if error.is_already_there() => match host.files.stat(directory, true)? {
            Some(stat) if stat.kind == Kind::Directory => Ok(()),
            _ => Err(error),
        },
        done => done,
    }
}

/// Puts a symbolic link in the place of whatever file or link is there, at once.
pub fn put_link(host: &Host<'_>, path: &Path, target: &Path) -> HostResult<()> {
    put_by_rename(host, path, |new| host.files.symlink(target, new))
}

/// Puts a hard link in the place of whatever file or link is there, at once.
pub fn put_hard_link(host: &Host<'_>, path: &Path, target: &Path) -> HostResult<()> {
    put_by_rename(host, path, |new| host.files.hard_link(target, new))
}

fn put_by_rename(host: &Host<'_>, path: &Path, make: impl FnOnce(&Path) -> HostResult<()>) -> HostResult<()> {
    if host.files.stat(path, false)?.is_none() {
        return make(path);
    }
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let now = host.clock.now();
    let new = path.with_file_name(format!(".{name}.{}.{}", std::process::id(), now.nanos));
    make(&new)?;
    host.files.rename(&new, path).inspect_err(|_| {
        // The rename's error is the one to tell.
        let _ = host.files.remove_file(&new);
    })
}

/// The difference of a file's content: text where it is short text, else sizes and checksums. `None` where there is no file.
pub fn content_diff(before_header: &str, after_header: &str, before: Option<&[u8]>, after: Option<&[u8]>) -> Diff {
    let shown = |content: Option<&[u8]>| content.is_none_or(|c| c.len() <= LONGEST_DIFF && !c.contains(&0));
    let text = shown(before) && shown(after);
    let value = |content: Option<&[u8]>| match content {
        None => Value::String(String::new()),
        Some(content) if text => Value::String(String::from_utf8_lossy(content).into_owned()),
        Some(content) => json!({
            "binary": content.contains(&0),
            "size": content.len(),
            "checksum": Algorithm::Sha1.of(content),
        }),
    };
    Diff {
        file: String::new(),
        created: before.is_none(),
        removed: after.is_none(),
        before_header: before_header.to_owned(),
        after_header: after_header.to_owned(),
        before: value(before),
        after: value(after),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn backups_tell_local_time() {
        let at = Moment { seconds: 1_795_440_043, nanos: 0 };
        assert_eq!(timestamp(at, 0), "2026-11-23@13:20:43");
        assert_eq!(timestamp(at, 3600), "2026-11-23@14:20:43");
    }

    #[test]
    fn binary_content_is_told_not_shown() {
        let diff = content_diff("a", "b", Some(b"text"), Some(b"\0bin"));
        assert_eq!(diff.after["binary"], true);
        assert_eq!(diff.before["size"], 4);
        let diff = content_diff("a", "b", None, Some(b"text"));
        assert_eq!((diff.before, diff.after), ("".into(), "text".into()));
    }
}
