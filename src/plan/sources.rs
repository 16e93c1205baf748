//! The files that a plan was made of, by content hash.

use super::model::Plan;
use crate::engine::{RunOptions, What};
use crate::vault::ReadFiles;
use sha2::{Digest as _, Sha256};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Component, Path, PathBuf};

/// What stands beside a playbook and belongs to it.
const BESIDE_PLAYBOOKS: [&str; 9] =
    ["group_vars", "host_vars", "vars", "vars_files", "templates", "files", "tasks", "handlers", "defaults"];

/// The files: all that were read, whatever asked for them; playbooks with what stands beside them, task files, the roles that
/// took part, inventories, `@FILE`s, and the configuration. Paths as the user would write them.
pub fn sources(options: &RunOptions, plan: &Plan, read: &ReadFiles) -> std::io::Result<BTreeMap<String, String>> {
    let mut paths: Vec<PathBuf> = vec![PathBuf::from("ansible.cfg")];
    if let What::Playbooks(playbooks) = &options.what {
        for playbook in playbooks {
            paths.push(playbook.clone());
            let directory = playbook.parent().unwrap_or(Path::new(""));
            paths.extend(BESIDE_PLAYBOOKS.iter().map(|name| directory.join(name)));
        }
    }
    let places = plan.tasks.iter().map(|task| &task.place).chain(plan.plays.iter().map(|play| &play.place));
    for place in places {
        let file = PathBuf::from(&place.file);
        paths.extend(role_of(&file));
        paths.push(file);
    }
    for inventory in options.fleet.inventory.iter().filter(|inventory| !inventory.contains(',')) {
        let path = PathBuf::from(inventory);
        let directory = path.parent().unwrap_or(Path::new("")).to_owned();
        paths.extend([directory.join("group_vars"), directory.join("host_vars")]);
        paths.push(path);
    }
    paths.extend(options.fleet.extra_vars.iter().filter_map(|vars| vars.strip_prefix('@')).map(PathBuf::from));
    paths.extend(read.all());
    let here = std::env::current_dir()?;
    let plain = |path: PathBuf| path.strip_prefix(&here).unwrap_or(&path).components().collect::<PathBuf>();
    let paths: BTreeSet<PathBuf> = paths.into_iter().map(plain).collect();
    let mut found = BTreeMap::new();
    for path in paths {
        add(&path, &mut found)?;
    }
    Ok(found)
}

/// The role's directory, of a file in one: what stands before `tasks`, `handlers` below a directory of `roles`.
fn role_of(file: &Path) -> Option<PathBuf> {
    let parts: Vec<Component<'_>> = file.components().collect();
    let at = parts.iter().rposition(|part| part.as_os_str() == "roles")?;
    (parts.len() > at + 2).then(|| parts[..at + 2].iter().collect())
}

/// A file, or all below a directory; what is not there is left out.
fn add(path: &Path, found: &mut BTreeMap<String, String>) -> std::io::Result<()> {
    let Ok(meta) = std::fs::metadata(path) else { return Ok(()) };
    let name = path.display().to_string();
    if meta.is_dir() {
        for entry in std::fs::read_dir(path)? {
            let entry = entry?;
            if entry.file_name() != ".git" {
                add(&entry.path(), found)?;
            }
        }
    } else if meta.is_file() && !found.contains_key(&name) {
        let hash = Sha256::digest(std::fs::read(path)?);
        found.insert(name, hash.iter().map(|byte| format!("{byte:02x}")).collect());
    }
    Ok(())
}

/// Files that differ between then and now, each with what happened to it.
pub fn differing(then: &BTreeMap<String, String>, now: &BTreeMap<String, String>) -> Vec<String> {
    let mut told: Vec<String> = Vec::new();
    for (path, hash) in then {
        match now.get(path) {
            None => told.push(format!("{path} is gone")),
            Some(other) if other != hash => told.push(format!("{path} is another one")),
            Some(_) => {}
        }
    }
    told.extend(now.keys().filter(|path| !then.contains_key(*path)).map(|path| format!("{path} is new")));
    told
}
