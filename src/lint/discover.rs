//! Which files there are, and what each is by its place.

use std::path::{Path, PathBuf};

/// What a file may be, by its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Guess {
    /// In `tasks/`.
    Tasks,
    /// In `handlers/`.
    Handlers,
    /// In `vars/`, `defaults/`, `group_vars/` or `host_vars/`.
    Vars,
    /// `meta/main.yml` of a role.
    Meta,
    /// A template.
    Template,
    /// An inventory in INI form.
    IniInventory,
    /// YAML whose content tells.
    Yaml,
}

/// A file to look at.
#[derive(Clone, Debug)]
pub struct Found {
    /// Its path, as the user would write it.
    pub path: PathBuf,
    /// What it may be.
    pub guess: Guess,
    /// The directory of the role that it belongs to.
    pub role: Option<PathBuf>,
}

/// Directories that hold nothing of ours.
const FOREIGN: [&str; 5] = ["node_modules", "__pycache__", "venv", "target", "ansible_collections"];

/// Adds the files below a path; a path that is a file is itself looked at whatever its name.
pub fn below(path: &Path, files: &mut Vec<Found>) -> std::io::Result<()> {
    if path.metadata()?.is_file() {
        let found = classify(path).unwrap_or(Found { path: path.to_owned(), guess: Guess::Yaml, role: None });
        files.push(found);
        return Ok(());
    }
    let mut entries: Vec<_> = std::fs::read_dir(path)?.collect::<Result<_, _>>()?;
    entries.sort_by_key(std::fs::DirEntry::file_name);
    for entry in entries {
        let name = entry.file_name();
        let name = name.to_string_lossy();
        let kind = entry.file_type()?;
        // `.` itself is only ever given by the user.
        if name.starts_with('.') || FOREIGN.contains(&&*name) {
            continue;
        }
        let path = if path == Path::new(".") { PathBuf::from(&*name) } else { entry.path() };
        if kind.is_dir() {
            below(&path, files)?;
        } else if kind.is_file() {
            files.extend(classify(&path));
        }
    }
    Ok(())
}

fn classify(path: &Path) -> Option<Found> {
    let name = path.file_name()?.to_string_lossy();
    let extension = path.extension().map(|extension| extension.to_string_lossy().to_lowercase()).unwrap_or_default();
    let parts: Vec<&str> =
        path.parent().map(|dir| dir.iter().filter_map(|part| part.to_str()).collect()).unwrap_or_default();
    let role = role_of(path, &parts);
    let within = |names: &[&str]| parts.iter().any(|part| names.contains(part));
    let is_yaml = matches!(extension.as_str(), "yml" | "yaml");
    let guess = if matches!(extension.as_str(), "j2" | "jinja2" | "jinja") {
        Guess::Template
    } else if within(&["files"]) {
        return None;
    } else if within(&["templates"]) {
        // What is no text is left out when it is read.
        Guess::Template
    } else if within(&["group_vars", "host_vars"]) && (is_yaml || extension.is_empty() || extension == "json") {
        Guess::Vars
    } else if is_yaml && role.is_some() && parts.last() == Some(&"meta") {
        Guess::Meta
    } else if is_yaml {
        match parts.iter().rev().find(|part| matches!(**part, "tasks" | "handlers" | "vars" | "defaults")) {
            Some(&"tasks") => Guess::Tasks,
            Some(&"handlers") => Guess::Handlers,
            Some(_) => Guess::Vars,
            None => Guess::Yaml,
        }
    } else {
        let inventories = ["inventory", "inventories", "hosts", "environments"];
        let plain = extension.is_empty() || extension == "ini";
        let is_named = matches!(&*name, "hosts" | "hosts.ini" | "inventory" | "inventory.ini");
        let is_sample = !matches!(&*name, "ansible.cfg" | "README" | "LICENSE" | "Makefile" | "Vagrantfile");
        if plain && (is_named || within(&inventories) && is_sample) {
            Guess::IniInventory
        } else {
            return None;
        }
    };
    Some(Found { path: path.to_owned(), guess, role })
}

/// The directory above the first of the directories that make a role, where it looks like one.
fn role_of(path: &Path, parts: &[&str]) -> Option<PathBuf> {
    let own = ["tasks", "handlers", "vars", "defaults", "meta", "templates"];
    // The outermost: `tasks/` may have any directories below.
    let at = parts.iter().position(|part| own.contains(part))?;
    let above: PathBuf = path.iter().take(path.iter().count() - 1 - (parts.len() - at)).collect();
    let above = if above.as_os_str().is_empty() { PathBuf::from(".") } else { above };
    let is_role = ["tasks", "meta", "defaults"].iter().filter(|part| above.join(part).is_dir()).count() >= 1
        && above.file_name().is_none_or(|name| name != "playbooks");
    is_role.then_some(above)
}
