//! Writes the journal.

use crate::event::{Event, EventKind, Record};
use std::ffi::OsString;
use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// Where journals are: `refit/runs` in `$XDG_STATE_HOME`, else in `~/.local/state`. The two arguments are the values of
/// `XDG_STATE_HOME` and `HOME`. `None` where neither says where to.
pub fn directory(state_home: Option<OsString>, home: Option<OsString>) -> Option<PathBuf> {
    let absolute = |path: OsString| Some(PathBuf::from(path)).filter(|path| path.is_absolute());
    let state =
        state_home.and_then(absolute).or_else(|| home.and_then(absolute).map(|home| home.join(".local/state")))?;
    Some(state.join("refit/runs"))
}

/// Room for lines that is kept from one writing to the next, in bytes.
const MOST_KEPT: usize = 64 << 10;

/// A run's journal.
#[derive(Debug)]
pub struct Journal {
    path: PathBuf,
    file: File,
    lines: Vec<u8>,
}

impl Journal {
    /// Makes `RUN.ndjson` in the directory, which is made where it is missing. Only the user can read either: results hold what
    /// hosts hold.
    pub fn create(directory: &Path, run: &str) -> io::Result<Journal> {
        DirBuilder::new().recursive(true).mode(0o700).create(directory)?;
        let path = directory.join(format!("{run}.ndjson"));
        let file = OpenOptions::new().append(true).create_new(true).mode(0o600).open(&path)?;
        Ok(Journal { path, file, lines: Vec::new() })
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Record for Journal {
    /// One `write` for all, so that a reader never sees half a line but the last. The end of a play and of the run are also
    /// brought to the disk itself; the rest survives this program's end, and all but the last seconds a power cut.
    fn record(&mut self, events: &[Event]) -> io::Result<()> {
        self.lines.clear();
        // What a program prints is in its result; line by line it is only for watching.
        for event in events.iter().filter(|event| !matches!(event.kind, EventKind::Output { .. })) {
            serde_json::to_writer(&mut self.lines, event)?;
            self.lines.push(b'\n');
        }
        self.file.write_all(&self.lines)?;
        self.lines.shrink_to(MOST_KEPT);
        let milestone =
            |event: &Event| matches!(event.kind, EventKind::PlayStarted { .. } | EventKind::RunFinished { .. });
        if events.iter().any(milestone) {
            self.file.sync_data()?;
        }
        Ok(())
    }

    fn what(&self) -> String {
        format!("the journal {}", self.path.display())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn the_state_directory_is_the_users() {
        let at = |state: Option<&str>, home: Option<&str>| directory(state.map(Into::into), home.map(Into::into));
        assert_eq!(at(Some("/s"), Some("/h")), Some("/s/refit/runs".into()));
        assert_eq!(at(Some("relative"), Some("/h")), Some("/h/.local/state/refit/runs".into()));
        assert_eq!(at(None, None), None);
    }

    #[test]
    fn no_one_else_can_read_a_journal() {
        let home = tempfile::tempdir().unwrap();
        let runs = home.path().join("refit/runs");
        let journal = Journal::create(&runs, "r1").unwrap();
        let mode = |path: &Path| path.metadata().unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(journal.path()), 0o600);
        assert_eq!(mode(&runs), 0o700);
        assert!(Journal::create(&runs, "r1").is_err(), "a run's journal is never written over");
    }
}
