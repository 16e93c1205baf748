//! What templates ask the run: decrypted texts, hosts of a pattern.

use super::run::Run;
use crate::diagnostic::Span;
use crate::secrets::Secrets;
use crate::template::{Decrypt, World};
use crate::vault::Vault;
use refit_agent::protocol::{Effect, ForeseenFile};
use std::path::Path;
use std::sync::{Arc, OnceLock, Weak};

/// Decrypts `!vault` texts, and remembers what came out as secret.
pub struct Decrypting {
    /// The passwords.
    pub vault: Arc<Vault>,
    /// What must not be shown.
    pub secrets: Arc<Secrets>,
}

impl Decrypt for Decrypting {
    fn decrypt(&self, text: &str, _place: &Span) -> Result<Arc<str>, String> {
        let plain = self.vault.decrypt(text).map_err(|error| error.to_string())?;
        let plain = std::str::from_utf8(&plain).map_err(|_| "what is encrypted is not UTF-8 text".to_owned())?;
        self.secrets.add(plain);
        Ok(Arc::from(plain))
    }

    fn has_read(&self, path: &Path) {
        self.vault.read_files().add(path);
    }
}

/// The run as lookups see it. Templates are there before the run is.
#[derive(Default)]
pub struct RunWorld(OnceLock<Weak<Run>>);

impl RunWorld {
    /// The run is there now.
    pub fn open(&self, run: &Arc<Run>) {
        // Only the first call counts, and there is only one.
        let _ = self.0.set(Arc::downgrade(run));
    }
}

impl World for RunWorld {
    fn hosts(&self, pattern: &str) -> Result<Vec<String>, String> {
        let Some(run) = self.0.get().and_then(Weak::upgrade) else { return Err("no inventory is loaded".to_owned()) };
        let hosts = run.select(pattern).map_err(|problem| problem.to_string())?;
        Ok(hosts.iter().map(ToString::to_string).collect())
    }

    fn foreseen(&self, path: &Path) -> ForeseenFile {
        let run = self.0.get().and_then(Weak::upgrade);
        run.map_or_else(|| ForeseenFile::Live(path.to_owned()), |run| run.links.foreseen_here(path))
    }

    fn foresee(&self, effects: Vec<Effect>) {
        if let Some(run) = self.0.get().and_then(Weak::upgrade) {
            run.links.foresee_here(effects);
        }
    }
}
