//! Which files of the controller were read: what a plan was made of.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

/// The files that were read so far. Clones are one.
#[derive(Clone, Debug, Default)]
pub struct ReadFiles(Arc<Mutex<BTreeSet<PathBuf>>>);

impl ReadFiles {
    /// Notes one.
    pub fn add(&self, path: &Path) {
        let mut files = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if !files.contains(path) {
            files.insert(path.to_owned());
        }
    }

    /// All of them.
    pub fn all(&self) -> Vec<PathBuf> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect()
    }
}
