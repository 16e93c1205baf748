//! The controller's own files: in a dry run, as earlier tasks would leave them.

use super::contract::TemplateErrorKind;
use super::fault::{Fault, Outcome, fail};
use super::scope::Scope;
use refit_agent::host::Moment;
use refit_agent::protocol::{Bytes, Effect, ForeseenFile};
use std::io;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

/// Why a file of the controller has no content.
#[derive(Debug)]
pub enum Unread {
    /// It can't be read.
    Failed(io::Error),
    /// What is in it is known only when it runs.
    Unknown(String),
}

impl Scope {
    fn foreseen(&self, path: &Path) -> ForeseenFile {
        match self.surroundings().plan {
            true => self.templater().settings.world.foreseen(path),
            false => ForeseenFile::Live(path.to_owned()),
        }
    }

    /// Whether the controller has a file or directory of this path.
    pub fn controller_has(&self, path: &Path) -> bool {
        match self.foreseen(path) {
            ForeseenFile::Live(path) => path.exists(),
            ForeseenFile::Content(_) | ForeseenFile::Unknown(_) => true,
            ForeseenFile::Gone => false,
        }
    }

    /// The content of a file of the controller.
    pub fn controller_file(&self, path: &Path) -> Result<Vec<u8>, Unread> {
        let content = match self.foreseen(path) {
            ForeseenFile::Live(path) => std::fs::read(path).map_err(Unread::Failed)?,
            ForeseenFile::Content(content) => return Ok(content.0.to_vec()),
            ForeseenFile::Gone => return Err(Unread::Failed(io::ErrorKind::NotFound.into())),
            ForeseenFile::Unknown(why) => return Err(Unread::Unknown(why)),
        };
        self.templater().vault.has_read(path);
        Ok(content)
    }

    /// The same as a template's value has it.
    pub(super) fn needed_file(&self, path: &Path) -> Outcome<Vec<u8>> {
        self.controller_file(path).or_else(|why| match why {
            Unread::Failed(error) => fail(format!("the file {} can't be read: {error}", path.display())),
            Unread::Unknown(why) => Err(Fault::new(TemplateErrorKind::Unknown, why)),
        })
    }

    /// In a dry run: what would be written to a file of the controller, or why that is not known.
    pub fn foresee_controller_file(&self, path: &Path, mode: u32, content: Result<Vec<u8>, String>) {
        let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let at = Moment { seconds: since.as_secs() as i64, nanos: since.subsec_nanos() };
        let (uid, gid) = (rustix::process::getuid().as_raw(), rustix::process::getgid().as_raw());
        let above: Vec<&Path> = path.ancestors().skip(1).take_while(|above| !self.controller_has(above)).collect();
        let directory = |path: &Path| Effect::CreateDir { path: path.to_owned(), mode: 0o755, uid, gid, at };
        let mut effects: Vec<Effect> = above.into_iter().rev().map(directory).collect();
        let (content, hidden) = match content {
            Ok(content) => (content, None),
            Err(why) => (Vec::new(), Some(Effect::Hide { path: real(&path), entirely: false, why })),
        };
        let content = Bytes::from(content.as_slice());
        effects.push(Effect::WriteFile { path: real(&path), content, mode, uid, gid, at });
        effects.extend(hidden);
        self.templater().settings.world.foresee(effects);
    }
}

/// The path of what is written, without links in its directories.
fn real(path: &Path) -> PathBuf {
    match (path.parent().and_then(|parent| parent.canonicalize().ok()), path.file_name()) {
        (Some(parent), Some(name)) => parent.join(name),
        _ => path.to_owned(),
    }
}
