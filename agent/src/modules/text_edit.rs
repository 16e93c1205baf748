//! What `lineinfile`, `blockinfile` and `replace` share: find the file, read it, write what came out, report it.

use super::Call;
use super::file_attributes::FileArgs;
use super::file_content::{Content, Done, content_diff, make_directories};
use crate::host::{Host, Kind};
use crate::outcome::{Failure, Outcome, Stop};
use std::path::{Path, PathBuf};

/// A file to edit.
pub struct Edited {
    /// The path as the task has it, absolute.
    pub shown: PathBuf,
    /// With links resolved: where the content is.
    pub path: PathBuf,
    /// Its content; `None` where there is no file.
    pub before: Option<Vec<u8>>,
}

/// What is to become of it.
pub struct Edit<'a> {
    /// The new content; `None` where there is no file and none is made.
    pub after: Option<Vec<u8>>,
    /// Words for the user; empty where nothing is to be done.
    pub message: String,
    /// Keep the old file.
    pub backup: bool,
    /// The command that judges the new content.
    pub validate: Option<&'a str>,
    /// The attributes.
    pub file: &'a FileArgs,
    /// The headers of differences: with what they are of (`PATH (content)`), or the path alone.
    pub headers: [String; 2],
}

/// Reads the file. It is an error where a directory has its name.
pub fn read(host: &Host<'_>, path: &Path) -> Result<Edited, Stop> {
    let shown = super::host_path::absolute(host, path)?;
    let path = host.files.canonical(&shown)?;
    let before = match host.files.stat(&path, true)? {
        None => None,
        Some(stat) if stat.kind == Kind::Directory => {
            return Err(Failure::new(format!("Path {} is a directory !", shown.display())).with("rc", 256).into());
        }
        Some(_) => Some(host.files.read(&path)?),
    };
    Ok(Edited { shown, path, before })
}

impl Edited {
    /// The failure of a module that makes no files.
    pub fn missing(&self, what: &str) -> Stop {
        Failure::new(format!("{what} {} does not exist !", self.shown.display())).with("rc", 257).into()
    }

    /// Writes the new content where it is another one, sets the attributes, and says what was done.
    pub fn finish(&self, call: &Call<'_>, edit: Edit<'_>) -> Result<(Outcome, Done), Stop> {
        let host = call.host;
        let wanted = edit.file.wanted(host)?;
        let after = edit.after.as_deref().unwrap_or_default();
        if self.before.is_none()
            && let Some(directory) = self.path.parent()
        {
            make_directories(host, directory, None)?;
        }
        let done = Content {
            path: &self.path,
            before: self.before.as_deref(),
            after,
            wanted: &wanted,
            backup: edit.backup,
            validate: edit.validate,
        }
        .put(host)?;
        let mut message = if done.written { edit.message } else { String::new() };
        if done.attributes.any() {
            if !message.is_empty() {
                message.push_str(" and ");
            }
            message.push_str("ownership, perms or SE linux context changed");
        }
        let mut outcome = Outcome::changed(done.written || done.attributes.any()).with("msg", message);
        let [content, attributes] = edit.headers;
        if done.written && call.diff {
            outcome = outcome.with_diff(content_diff(&content, &content, self.before.as_deref(), Some(after)));
        }
        outcome.diff.extend(done.attributes.diff(&attributes));
        Ok((outcome, done))
    }
}

/// The headers that say what of a path differs.
pub fn headers(path: &Path) -> [String; 2] {
    [format!("{} (content)", path.display()), format!("{} (file attributes)", path.display())]
}
