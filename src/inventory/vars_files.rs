//! `group_vars` and `host_vars`: files of variables, named after a group or a host.

use super::model::VarMap;
use crate::config::DuplicateKeys;
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::loader::{Node, Source, load_file};
use crate::secrets::Secrets;
use crate::template::Binding;
use crate::vault::Vault;
use std::collections::{BTreeSet, HashMap};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

/// The variables of one file.
#[derive(Clone, Debug)]
pub(super) struct VarsFile {
    pub path: Arc<Path>,
    pub vars: Arc<VarMap>,
}

/// Files that were read, by directory and name.
type ReadFiles = HashMap<(PathBuf, String), Arc<[VarsFile]>>;

/// Reads files of variables when they are first asked for, and keeps them. Shared by all threads.
#[derive(Debug)]
pub struct VarsFiles {
    vault: Arc<Vault>,
    secrets: Arc<Secrets>,
    /// What names of files end with.
    extensions: Vec<String>,
    /// What becomes of keys that stand twice.
    duplicates: DuplicateKeys,
    /// The names in each directory that was asked for.
    listings: Mutex<HashMap<PathBuf, Arc<BTreeSet<String>>>>,
    /// The files of a directory that belong to a name.
    read: Mutex<ReadFiles>,
    warnings: Mutex<Vec<Diagnostic>>,
}

impl VarsFiles {
    /// Opens encrypted files with this vault, and registers what was in them with these secrets. `extensions` are
    /// those of the setting `yaml_valid_extensions`, `duplicates` is `duplicate_dict_key`.
    pub fn new(
        vault: Arc<Vault>,
        secrets: Arc<Secrets>,
        extensions: Vec<String>,
        duplicates: DuplicateKeys,
    ) -> VarsFiles {
        VarsFiles {
            vault,
            secrets,
            extensions,
            duplicates,
            listings: Mutex::default(),
            read: Mutex::default(),
            warnings: Mutex::default(),
        }
    }

    /// Forgets what was read (`meta: refresh_inventory`).
    pub fn clear(&self) {
        lock(&self.listings).clear();
        lock(&self.read).clear();
    }

    /// The warnings that came up since the last call.
    pub fn take_warnings(&self) -> Vec<Diagnostic> {
        std::mem::take(&mut *lock(&self.warnings))
    }

    /// The files that belong to a group or a host, in the order in which they count. `directory` is `group_vars` or
    /// `host_vars`; in it counts the first that there is of: a directory or a file of the name, the name with each of the
    /// extensions. Of a directory count all files in it and below, sorted.
    pub(super) fn of(&self, directory: &Path, name: &str) -> Result<Arc<[VarsFile]>, Diagnostics> {
        let listing = self.listing(directory);
        let candidates =
            std::iter::once(name.to_owned()).chain(self.extensions.iter().map(|ext| format!("{name}{ext}")));
        let Some(found) = candidates.into_iter().find(|candidate| listing.contains(candidate)) else {
            return Ok(Arc::from([]));
        };
        let key = (directory.to_owned(), name.to_owned());
        if let Some(files) = lock(&self.read).get(&key) {
            return Ok(files.clone());
        }
        let mut paths = Vec::new();
        self.collect(&directory.join(found), true, &mut paths);
        let mut files = Vec::with_capacity(paths.len());
        let mut errors = Diagnostics::default();
        for path in paths {
            match self.load(&path) {
                Ok(vars) => files.push(VarsFile { path: path.into(), vars: Arc::new(vars) }),
                Err(found) => errors.0.extend(found.0),
            }
        }
        if !errors.0.is_empty() {
            return Err(errors);
        }
        let files: Arc<[VarsFile]> = files.into();
        lock(&self.read).insert(key, files.clone());
        Ok(files)
    }

    fn listing(&self, directory: &Path) -> Arc<BTreeSet<String>> {
        if let Some(listing) = lock(&self.listings).get(directory) {
            return listing.clone();
        }
        let listing = Arc::new(names_in(directory));
        lock(&self.listings).insert(directory.to_owned(), listing.clone());
        listing
    }

    /// The files at or below a path. Those that were named themselves count whatever they end with.
    fn collect(&self, path: &Path, named: bool, paths: &mut Vec<PathBuf>) {
        if path.is_dir() {
            for name in names_in(path) {
                if !name.starts_with('.') && !name.ends_with('~') {
                    self.collect(&path.join(name), false, paths);
                }
            }
            return;
        }
        let extension = path.extension().map(|extension| format!(".{}", extension.to_string_lossy()));
        if named || extension.is_none_or(|extension| self.extensions.contains(&extension)) {
            paths.push(path.to_owned());
        }
    }

    fn load(&self, path: &Path) -> Result<VarMap, Diagnostics> {
        let loaded = load_file(path, &self.vault)?.judged(self.duplicates)?;
        if loaded.encrypted {
            register(&loaded.source, &self.secrets);
        }
        lock(&self.warnings).extend(loaded.warnings);
        let entries = match &loaded.source.node {
            Node::Null => return Ok(VarMap::new()),
            Node::Map(entries) => entries,
            _ => {
                let message = format!("a file of variables is a mapping, not {}", loaded.source.describe());
                return Err(Diagnostic::error(&loaded.source.span, message).into());
            }
        };
        let mut vars = VarMap::with_capacity(entries.len());
        for entry in entries.iter() {
            let Some(name) = entry.key.as_str() else {
                let message = format!("a variable's name is text, not {}", entry.key.describe());
                return Err(Diagnostic::error(&entry.key.span, message).hint("quote it if it is meant as text").into());
            };
            vars.insert(name.into(), Binding::Source(entry.value.clone()));
        }
        Ok(vars)
    }
}

/// Registers each text in a source as a secret.
fn register(source: &Source, secrets: &Secrets) {
    match &source.node {
        Node::Text(text, _) | Node::Unsafe(text) => secrets.add(text),
        Node::Seq(items) => items.iter().for_each(|item| register(item, secrets)),
        Node::Map(entries) => entries.iter().for_each(|entry| register(&entry.value, secrets)),
        _ => {}
    }
}

/// The names in a directory, sorted; none where there is none. Names that are not UTF-8 belong to no host or group.
fn names_in(directory: &Path) -> BTreeSet<String> {
    let Ok(entries) = std::fs::read_dir(directory) else { return BTreeSet::new() };
    entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok()).collect()
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    // What is behind it is a cache: whole after any panic.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
