//! What a run shares: compiled templates, decrypted texts, settings.

use super::contract::{Surroundings, Variables};
use super::language::Programs;
use super::scope::Scope;
use crate::diagnostic::Span;
use crate::loader::{Entry, Node, Source};
use minijinja::Value;
use refit_agent::protocol::{Effect, ForeseenFile};
use std::collections::HashMap;
use std::fmt;
use std::path::Path;
use std::sync::{Arc, PoisonError, RwLock};

/// Decrypts what `!vault` marks. Implementations register what they decrypt as secret.
pub trait Decrypt: Send + Sync {
    /// The plain text of an encrypted one, or why it can't be had.
    fn decrypt(&self, text: &str, place: &Span) -> Result<Arc<str>, String>;

    /// Is told of a file that a template or lookup read.
    fn has_read(&self, _path: &Path) {}
}

/// What templates and lookups ask the rest of the program.
pub trait World: Send + Sync {
    /// The names of the hosts that a pattern selects, for `lookup('inventory_hostnames')`.
    fn hosts(&self, pattern: &str) -> Result<Vec<String>, String> {
        Err(format!("no inventory is loaded to look for '{pattern}' in"))
    }

    /// In a dry run: a file of the controller as it would be by now.
    fn foreseen(&self, path: &Path) -> ForeseenFile {
        ForeseenFile::Live(path.to_owned())
    }

    /// In a dry run: what becomes of the controller's own machine.
    fn foresee(&self, _effects: Vec<Effect>) {}

    /// A setting of the configuration by its name (`DEFAULT_ROLES_PATH`), for `lookup('config')`.
    fn setting(&self, _name: &str) -> Option<Value> {
        None
    }
}

/// Settings of templating.
pub struct Settings {
    /// What `ansible_managed` is where no variable of that name is set.
    pub ansible_managed: String,
    /// The rest of the program.
    pub world: Arc<dyn World>,
    /// How vaults are encrypted: for the filter `vault` and its like.
    pub vault_secrets: Vec<(String, Vec<u8>)>,
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings").field("ansible_managed", &self.ansible_managed).finish_non_exhaustive()
    }
}

struct Nowhere;

impl World for Nowhere {}

impl Default for Settings {
    fn default() -> Settings {
        Settings { ansible_managed: "Ansible managed".to_owned(), world: Arc::new(Nowhere), vault_secrets: Vec::new() }
    }
}

/// Decrypts nothing: for runs without a vault.
#[derive(Debug)]
pub struct NoVault;

impl Decrypt for NoVault {
    fn decrypt(&self, _text: &str, _place: &Span) -> Result<Arc<str>, String> {
        Err("the text is encrypted, and no vault password was given".to_owned())
    }
}

/// Compiled templates and expressions, for a run: shared by all threads.
pub struct Templater {
    pub(super) programs: Programs,
    pub(super) vault: Arc<dyn Decrypt>,
    pub(super) settings: Settings,
    constants: RwLock<HashMap<usize, Constant>>,
    pub(super) files: super::files::Files,
}

impl fmt::Debug for Templater {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Templater").finish_non_exhaustive()
    }
}

/// A list or mapping of a file, kept so that its address stays its own, and its value where it has no templates.
#[derive(Clone)]
struct Constant {
    _source: Source,
    value: Option<Value>,
}

/// How many lists and mappings are kept as values. A run has far fewer that are written in files; those that are made on
/// the way must not fill the memory.
const MOST_CONSTANTS: usize = 50_000;

impl Templater {
    /// One for a run.
    pub fn new(vault: Arc<dyn Decrypt>, settings: Settings) -> Arc<Templater> {
        Arc::new(Templater {
            programs: Programs::default(),
            vault,
            settings,
            constants: RwLock::default(),
            files: super::files::Files::default(),
        })
    }

    /// The variables in force for a host at a task.
    pub fn scope(self: &Arc<Self>, variables: Arc<dyn Variables>, surroundings: Arc<Surroundings>) -> Scope {
        Scope::new(self.clone(), variables, surroundings)
    }

    /// The value of a list or mapping that has no templates: made once.
    pub(super) fn constant(&self, source: &Source) -> Option<Value> {
        let address = match &source.node {
            Node::Seq(items) if !items.is_empty() => items.as_ptr() as usize,
            Node::Map(entries) if !entries.is_empty() => entries.as_ptr() as usize,
            _ => return plain(source),
        };
        let known = self.constants.read().unwrap_or_else(PoisonError::into_inner).get(&address).cloned();
        if let Some(known) = known {
            return known.value;
        }
        let value = plain(source);
        let mut constants = self.constants.write().unwrap_or_else(PoisonError::into_inner);
        if constants.len() >= MOST_CONSTANTS {
            constants.clear();
        }
        constants.insert(address, Constant { _source: source.clone(), value: value.clone() });
        value
    }
}

/// The value of a source without templates or encrypted text.
fn plain(source: &Source) -> Option<Value> {
    Some(match &source.node {
        Node::Null => Value::from(()),
        Node::Bool(flag) => Value::from(*flag),
        Node::Int(int) => Value::from(*int),
        Node::BigInt(digits) => match digits.parse::<i128>() {
            Ok(int) => Value::from(int),
            Err(_) => Value::from(digits.parse::<f64>().ok()?),
        },
        Node::Float(float) => Value::from(*float),
        Node::Text(text, _) if may_be_template(text) => return None,
        Node::Text(text, _) | Node::Unsafe(text) => Value::from(text.clone()),
        Node::Vault(_) => return None,
        Node::Seq(items) => Value::from(items.iter().map(plain).collect::<Option<Vec<_>>>()?),
        Node::Map(entries) => Value::from_pairs(
            entries
                .iter()
                .map(|Entry { key, value }| Some((key_value(key)?, plain(value)?)))
                .collect::<Option<Vec<_>>>()?,
        ),
    })
}

/// A key as a value: keys of variables are not templates.
pub(super) fn key_value(key: &Source) -> Option<Value> {
    match &key.node {
        Node::Text(text, _) => Some(Value::from(text.clone())),
        _ => plain(key),
    }
}

/// Whether text may have a template in it.
pub(super) fn may_be_template(text: &str) -> bool {
    text.contains('{') && (text.contains("{{") || text.contains("{%") || text.contains("{#"))
}
