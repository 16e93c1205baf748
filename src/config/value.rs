//! What settings can be, and reading each kind from text.

use super::environment::Environment;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// When facts are gathered (`gathering`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gathering {
    /// Unless a play says no.
    Implicit,
    /// Only if a play says so.
    Explicit,
    /// Unless a play says no, and only of hosts whose facts are not known yet.
    Smart,
}

/// What happens to mappings of the same name (`hash_behaviour`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HashBehaviour {
    /// The one of higher precedence counts.
    Replace,
    /// They are merged, the one of higher precedence on top.
    Merge,
}

/// Where facts are kept between runs (`fact_caching`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FactCache {
    /// Nowhere.
    Memory,
    /// A JSON file a host.
    JsonFile,
    /// A YAML file a host.
    Yaml,
    /// In something that is not known here.
    Other(String),
}

/// What happens if a host pattern matches nothing (`host_pattern_mismatch`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnMismatch {
    /// A warning.
    Warning,
    /// An error.
    Error,
    /// Nothing.
    Ignore,
}

/// What happens if a key stands twice in a mapping (`duplicate_dict_key`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DuplicateKeys {
    /// A warning; the last one counts.
    #[default]
    Warn,
    /// An error.
    Error,
    /// The last one counts.
    Ignore,
}

/// Beside which playbooks `group_vars` and `host_vars` are looked for (`playbook_vars_root`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VarsRoot {
    /// Beside the one that was called.
    Top,
    /// Beside the one that is being run.
    Bottom,
    /// Beside both, and those between.
    All,
}

/// How a text is read: what relative paths are relative to, and the environment.
pub(super) struct Context<'a> {
    pub environment: &'a Environment,
    pub base: &'a Path,
}

/// A kind of value. The error completes "`text` is not ...".
pub(super) type Read<T> = fn(&Context<'_>, &str) -> Result<T, String>;

pub(super) fn boolean(_: &Context<'_>, text: &str) -> Result<bool, String> {
    match text.trim().to_lowercase().as_str() {
        "yes" | "y" | "true" | "t" | "on" | "1" => Ok(true),
        "no" | "n" | "false" | "f" | "off" | "0" => Ok(false),
        _ => Err("a boolean: yes or no".to_owned()),
    }
}

pub(super) fn number(_: &Context<'_>, text: &str) -> Result<u32, String> {
    text.trim().parse().map_err(|_| "a whole number, 0 or more".to_owned())
}

pub(super) fn forks(context: &Context<'_>, text: &str) -> Result<u32, String> {
    number(context, text).ok().filter(|forks| *forks > 0).ok_or_else(|| "a whole number, 1 or more".to_owned())
}

pub(super) fn port(_: &Context<'_>, text: &str) -> Result<Option<u16>, String> {
    text.trim().parse().map(Some).map_err(|_| "a port".to_owned())
}

pub(super) fn seconds(_: &Context<'_>, text: &str) -> Result<Duration, String> {
    text.trim().parse().map(Duration::from_secs).map_err(|_| "a number of seconds".to_owned())
}

pub(super) fn text(_: &Context<'_>, text: &str) -> Result<String, String> {
    Ok(text.to_owned())
}

pub(super) fn optional_text(_: &Context<'_>, text: &str) -> Result<Option<String>, String> {
    Ok(Some(text.to_owned()).filter(|text| !text.is_empty()))
}

/// Separated by commas.
pub(super) fn list(_: &Context<'_>, text: &str) -> Result<Vec<String>, String> {
    Ok(text.split(',').map(str::trim).filter(|item| !item.is_empty()).map(str::to_owned).collect())
}

pub(super) fn path(context: &Context<'_>, text: &str) -> Result<PathBuf, String> {
    Ok(context.environment.path(text.trim(), context.base))
}

pub(super) fn optional_path(context: &Context<'_>, text: &str) -> Result<Option<PathBuf>, String> {
    if text.trim().is_empty() { Ok(None) } else { path(context, text).map(Some) }
}

/// Separated by colons, as `PATH` is.
pub(super) fn search_path(context: &Context<'_>, text: &str) -> Result<Vec<PathBuf>, String> {
    Ok(paths(context, text.split(':')))
}

/// Inventories, separated by commas: paths, or one list of hosts with a comma in it.
pub(super) fn inventories(context: &Context<'_>, text: &str) -> Result<Vec<String>, String> {
    if text.trim().ends_with(',') {
        return Ok(vec![text.trim().to_owned()]);
    }
    Ok(paths(context, text.split(',')).into_iter().map(|path| path.display().to_string()).collect())
}

/// `id@source, ...`: the sources that are files made absolute.
pub(super) fn vault_ids(context: &Context<'_>, text: &str) -> Result<Vec<String>, String> {
    let absolute = |item: String| match item.split_once('@') {
        Some((id, source)) if !source.starts_with("prompt") => {
            format!("{id}@{}", context.environment.path(source, context.base).display())
        }
        None if !item.starts_with("prompt") => context.environment.path(&item, context.base).display().to_string(),
        _ => item,
    };
    Ok(list(context, text)?.into_iter().map(absolute).collect())
}

fn paths<'t>(context: &Context<'_>, items: impl Iterator<Item = &'t str>) -> Vec<PathBuf> {
    let items = items.map(str::trim).filter(|item| !item.is_empty());
    items.map(|item| context.environment.path(item, context.base)).collect()
}

/// One of these words.
fn choice<T: Clone>(text: &str, choices: &[(&str, T)]) -> Result<T, String> {
    let found = choices.iter().find(|(word, _)| text.trim().eq_ignore_ascii_case(word));
    found.map(|(_, value)| value.clone()).ok_or_else(|| {
        let words: Vec<&str> = choices.iter().map(|(word, _)| *word).collect();
        format!("one of: {}", words.join(", "))
    })
}

pub(super) fn gathering(_: &Context<'_>, text: &str) -> Result<Gathering, String> {
    let choices = [("implicit", Gathering::Implicit), ("explicit", Gathering::Explicit), ("smart", Gathering::Smart)];
    choice(text, &choices)
}

pub(super) fn hash_behaviour(_: &Context<'_>, text: &str) -> Result<HashBehaviour, String> {
    choice(text, &[("replace", HashBehaviour::Replace), ("merge", HashBehaviour::Merge)])
}

pub(super) fn fact_cache(_: &Context<'_>, text: &str) -> Result<FactCache, String> {
    Ok(match text.trim().rsplit('.').next().unwrap_or_default() {
        "memory" => FactCache::Memory,
        "jsonfile" => FactCache::JsonFile,
        "yaml" => FactCache::Yaml,
        _ => FactCache::Other(text.trim().to_owned()),
    })
}

pub(super) fn on_mismatch(_: &Context<'_>, text: &str) -> Result<OnMismatch, String> {
    choice(text, &[("warning", OnMismatch::Warning), ("error", OnMismatch::Error), ("ignore", OnMismatch::Ignore)])
}

pub(super) fn duplicate_keys(_: &Context<'_>, text: &str) -> Result<DuplicateKeys, String> {
    let choices = [("warn", DuplicateKeys::Warn), ("error", DuplicateKeys::Error), ("ignore", DuplicateKeys::Ignore)];
    choice(text, &choices)
}

pub(super) fn vars_root(_: &Context<'_>, text: &str) -> Result<VarsRoot, String> {
    choice(text, &[("top", VarsRoot::Top), ("bottom", VarsRoot::Bottom), ("all", VarsRoot::All)])
}
