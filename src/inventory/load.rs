//! Reading inventories, whatever their form, into one.

use super::model::Roster;
use super::{host_list, ini, plugin, script, toml, yaml};
use crate::config::DuplicateKeys;
use crate::diagnostic::{Diagnostic, Diagnostics, SourceFile, Span};
use crate::loader::{Node, load_file, load_text, load_toml};
use crate::vault::{self, Vault};
use fancy_regex::Regex;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// What reading depends on.
#[derive(Clone, Debug, Default)]
pub struct InventoryOptions {
    /// Names in a directory that end so are left out (`inventory_ignore_extensions`).
    pub ignore_extensions: Vec<String>,
    /// Names in a directory in which one of these regular expressions is found are left out.
    pub ignore_patterns: Vec<String>,
    /// Whether it is no error if an inventory is not there: nobody named it, it is the default.
    pub optional: bool,
    /// What becomes of keys that stand twice.
    pub duplicates: DuplicateKeys,
}

/// Reads these inventories in order: files in INI, YAML or JSON form, programs, directories of them, lists of hosts with a
/// comma. Of a variable that several set, the last one counts. Comes back with warnings.
///
/// Fails with everything that is wrong in any of them: a run on half the hosts would be worse than none.
pub fn load(
    sources: &[String],
    options: &InventoryOptions,
    vault: &Vault,
) -> Result<(Roster, Vec<Diagnostic>), Diagnostics> {
    let mut roster = Roster::new();
    let mut errors = Diagnostics::default();
    let mut ignored = Vec::new();
    for pattern in &options.ignore_patterns {
        match Regex::new(pattern) {
            Ok(regex) => ignored.push(regex),
            Err(error) => errors.push(Diagnostic::plain(format!("inventory_ignore_patterns: `{pattern}`: {error}"))),
        }
    }
    let mut loader = Loader { roster: &mut roster, options, ignored, vault, warnings: Vec::new() };
    for source in sources {
        if let Err(found) = loader.source(source) {
            errors.0.extend(found.0);
        }
    }
    let mut warnings = loader.warnings;
    if !errors.0.is_empty() {
        return Err(errors);
    }
    roster.source = None;
    roster.settle();
    for name in roster.ambiguous_names() {
        let message = format!("`{name}` is the name of a host and of a group");
        warnings
            .push(Diagnostic::plain(message).warning().hint("in patterns it stands for the host; rename one of them"));
    }
    Ok((roster, warnings))
}

struct Loader<'a> {
    roster: &'a mut Roster,
    options: &'a InventoryOptions,
    ignored: Vec<Regex>,
    vault: &'a Vault,
    warnings: Vec<Diagnostic>,
}

/// Directories beside inventories that hold none.
const NO_INVENTORIES: [&str; 3] = ["group_vars", "host_vars", "vars_plugins"];

impl Loader<'_> {
    fn source(&mut self, text: &str) -> Result<(), Diagnostics> {
        let path = Path::new(text);
        if text.contains(',') && !path.exists() {
            self.roster.source = None;
            return host_list::read(text, self.roster);
        }
        if !path.exists() {
            let nowhere = Span::nowhere(text);
            let missing = Diagnostic::error(&nowhere, "there is no such inventory")
                .hint("a list of hosts needs a comma: `-i host,`");
            if !self.options.optional {
                return Err(missing.into());
            }
            return Ok(());
        }
        let directory = if path.is_dir() { path.to_owned() } else { parent_of(path) };
        if !self.roster.directories.contains(&directory) {
            self.roster.directories.push(directory);
        }
        self.path(path)
    }

    fn path(&mut self, path: &Path) -> Result<(), Diagnostics> {
        if !path.is_dir() {
            self.roster.source = Some(path.into());
            return self.file(path);
        }
        let nowhere = Span::nowhere(&path.display().to_string());
        let entries = std::fs::read_dir(path)
            .and_then(Iterator::collect::<Result<Vec<_>, _>>)
            .map_err(|error| Diagnostic::error(&nowhere, format!("can't read the directory: {error}")))?;
        let mut names: Vec<PathBuf> = entries.into_iter().map(|entry| entry.path()).collect();
        names.sort();
        let mut errors = Diagnostics::default();
        for path in names {
            if !self.is_ignored(&path)
                && let Err(found) = self.path(&path)
            {
                errors.0.extend(found.0);
            }
        }
        if errors.0.is_empty() { Ok(()) } else { Err(errors) }
    }

    fn is_ignored(&self, path: &Path) -> bool {
        let name = path.file_name().map(|name| name.to_string_lossy()).unwrap_or_default();
        name.starts_with('.')
            || NO_INVENTORIES.contains(&&*name)
            || self.options.ignore_extensions.iter().any(|extension| name.ends_with(extension.as_str()))
            || self.ignored.iter().any(|regex| regex.is_match(&*name).unwrap_or(false))
    }

    fn file(&mut self, path: &Path) -> Result<(), Diagnostics> {
        let nowhere = Span::nowhere(&path.display().to_string());
        let bytes = std::fs::read(path)
            .map_err(|error| Diagnostic::error(&nowhere, format!("can't read the inventory: {error}")))?;
        let is_program = bytes.starts_with(b"#!") || bytes.starts_with(b"\x7fELF");
        if is_program {
            let may_run = path.metadata().is_ok_and(|data| data.permissions().mode() & 0o111 != 0);
            if !may_run {
                return Err(Diagnostic::error(&nowhere, "this is a program, but it is not executable")
                    .hint(format!("chmod +x {}", path.display()))
                    .into());
            }
            self.warnings.extend(script::read(path, self.roster)?);
            return Ok(());
        }
        let extension = path.extension().map(|extension| extension.to_string_lossy().to_lowercase());
        match extension.as_deref() {
            Some("yml" | "yaml" | "json") => {
                let loaded = load_file(path, self.vault)?.judged(self.options.duplicates)?;
                self.warnings.extend(loaded.warnings);
                if loaded.source.is_null() {
                    return Ok(());
                }
                let read = match plugin::configured(&loaded.source) {
                    Some(_) => plugin::read(path, &loaded.source, self.roster),
                    None => yaml::read(&loaded.source, self.roster),
                };
                self.warnings.extend(read?);
                Ok(())
            }
            Some("toml") => {
                let text = self.text_of(path, bytes)?;
                let source = load_toml(path, text)?;
                self.warnings.extend(toml::read(&source, self.roster)?);
                Ok(())
            }
            _ => self.ini_or_yaml(path, bytes, extension.is_none()),
        }
    }

    /// A file's text, decrypted where it was encrypted.
    fn text_of(&self, path: &Path, bytes: Vec<u8>) -> Result<String, Diagnostics> {
        let nowhere = Span::nowhere(&path.display().to_string());
        let text = if vault::is_encrypted(&bytes) {
            let opened = self.vault.decrypt(&String::from_utf8_lossy(&bytes));
            opened.map_err(|error| Diagnostic::error(&nowhere, error.to_string()))?.to_vec()
        } else {
            bytes
        };
        String::from_utf8(text).map_err(|_| Diagnostic::error(&nowhere, "the inventory is not UTF-8 text").into())
    }

    /// A file whose name does not tell its form. Without an extension it is YAML if it reads as a mapping.
    fn ini_or_yaml(&mut self, path: &Path, bytes: Vec<u8>, may_be_yaml: bool) -> Result<(), Diagnostics> {
        let is_encrypted = vault::is_encrypted(&bytes);
        let text = self.text_of(path, bytes)?;
        if may_be_yaml && !begins_as_ini(&text) {
            let loaded = if is_encrypted { load_file(path, self.vault) } else { load_text(path, text.clone()) };
            match loaded {
                Ok(loaded) if matches!(loaded.source.node, Node::Map(_)) => {
                    let loaded = loaded.judged(self.options.duplicates)?;
                    self.warnings.extend(loaded.warnings);
                    self.warnings.extend(yaml::read(&loaded.source, self.roster)?);
                    return Ok(());
                }
                Err(errors) if begins_as_yaml(&text) => return Err(errors),
                _ => {}
            }
        }
        let shown = if is_encrypted { String::new() } else { text.clone() };
        let file = Arc::new(SourceFile { path: path.to_owned(), text: shown });
        ini::read(&text, &file, self.roster)
    }
}

/// The first line that says something.
fn first_line(text: &str) -> &str {
    let mut lines = text.trim_start_matches('\u{feff}').lines().map(str::trim);
    lines.find(|line| !line.is_empty() && !line.starts_with(['#', ';'])).unwrap_or_default()
}

fn begins_as_ini(text: &str) -> bool {
    let first = first_line(text);
    first.starts_with('[') && first.contains(']') && !first.contains(['"', ',', '{'])
}

fn begins_as_yaml(text: &str) -> bool {
    let first = first_line(text);
    first.starts_with("---") || first.starts_with('{') || (first.ends_with(':') && !first.contains(' '))
}

fn parent_of(path: &Path) -> PathBuf {
    path.parent().map(Path::to_owned).unwrap_or_default()
}

/// The names of all variables that an inventory's file sets, for hosts and groups.
pub fn variables_of(path: &Path, vault: &Vault) -> Result<Vec<std::sync::Arc<str>>, Diagnostics> {
    let options =
        InventoryOptions { ignore_extensions: Vec::new(), ignore_patterns: Vec::new(), ..InventoryOptions::default() };
    let (roster, _) = load(&[path.display().to_string()], &options, vault)?;
    let of_hosts = roster.hosts().flat_map(|host| roster.host(host).vars.keys().cloned().collect::<Vec<_>>());
    let of_groups = roster.groups().flat_map(|group| roster.group(group).vars.keys().cloned().collect::<Vec<_>>());
    Ok(of_hosts.chain(of_groups).collect())
}
