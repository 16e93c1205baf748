//! Putting roles and collections in their places.

use super::fetch::fetch;
use super::requirements::{Kind, Requirement};
use crate::loader::{Source, load_file};
use crate::vault::Vault;
use anyhow::{Context, bail};
use std::collections::VecDeque;
use std::path::{Path, PathBuf};

/// Where things are installed.
#[derive(Clone, Debug)]
pub struct Targets {
    /// The directory of roles.
    pub roles: PathBuf,
    /// The directory that holds `ansible_collections`.
    pub collections: PathBuf,
    /// Whether what is there already is replaced.
    pub force: bool,
    /// Whether roles that a role depends on are left out.
    pub no_deps: bool,
}

/// Something that was looked after.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Installed {
    /// The role's name, or the collection's with its namespace.
    pub name: String,
    /// Where it is.
    pub path: PathBuf,
    /// Whether it was put there now.
    pub outcome: Outcome,
}

/// What became of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It was installed.
    Installed,
    /// It was there.
    WasThere,
}

/// Installs what is required, and the roles that those depend on. `told` hears of each as it is done.
pub fn install(wanted: Vec<Requirement>, targets: &Targets, told: &mut dyn FnMut(&Installed)) -> anyhow::Result<()> {
    let mut open: VecDeque<Requirement> = wanted.into();
    let mut seen: Vec<PathBuf> = Vec::new();
    while let Some(requirement) = open.pop_front() {
        let place = requirement.span.place();
        let (installed, dependencies) = one(&requirement, targets, &seen).with_context(|| place)?;
        if !seen.contains(&installed.path) {
            told(&installed);
            seen.push(installed.path);
            if !targets.no_deps {
                open.extend(dependencies);
            }
        }
    }
    Ok(())
}

/// Installs one thing. `seen` was installed before in this run, and is not replaced again.
fn one(
    requirement: &Requirement,
    targets: &Targets,
    seen: &[PathBuf],
) -> anyhow::Result<(Installed, Vec<Requirement>)> {
    let parent = match requirement.kind {
        Kind::Role => targets.roles.clone(),
        Kind::Collection => targets.collections.join("ansible_collections"),
    };
    let is_there = |path: &Path| path.exists() && (!targets.force || seen.iter().any(|done| done == path));
    // A role is known by its name before it is fetched.
    if requirement.kind == Kind::Role {
        let name = requirement.name.clone().unwrap_or_else(|| requirement.default_name());
        let path = checked(&parent, &name)?;
        if is_there(&path) {
            return Ok((Installed { name, path, outcome: Outcome::WasThere }, Vec::new()));
        }
    }
    std::fs::create_dir_all(&parent).with_context(|| format!("can't make {}", parent.display()))?;
    // Beside where it goes, so that it is never half there.
    let beside = tempfile::Builder::new().prefix(".refit-galaxy-").tempdir_in(&parent)?;
    let content = fetch(requirement, &beside.path().join("content"))?;
    let (name, path) = match requirement.kind {
        Kind::Role => {
            if !["tasks", "meta", "defaults", "handlers", "vars", "templates", "files"]
                .iter()
                .any(|part| content.join(part).is_dir())
            {
                bail!("what is there is no role: it has neither tasks nor meta");
            }
            let name = requirement.name.clone().unwrap_or_else(|| requirement.default_name());
            let path = checked(&parent, &name)?;
            (name, path)
        }
        Kind::Collection => {
            let (namespace, name) = identity(&content)?;
            let path = checked(&checked(&parent, &namespace)?, &name)?;
            (format!("{namespace}.{name}"), path)
        }
    };
    if is_there(&path) {
        return Ok((Installed { name, path, outcome: Outcome::WasThere }, Vec::new()));
    }
    let dependencies = match requirement.kind {
        Kind::Role => dependencies(&content)?,
        Kind::Collection => Vec::new(),
    };
    if let Some(above) = path.parent() {
        std::fs::create_dir_all(above).with_context(|| format!("can't make {}", above.display()))?;
    }
    if path.exists() {
        std::fs::rename(&path, beside.path().join("old"))
            .with_context(|| format!("can't replace {}", path.display()))?;
    }
    std::fs::rename(&content, &path).with_context(|| format!("can't put it to {}", path.display()))?;
    Ok((Installed { name, path, outcome: Outcome::Installed }, dependencies))
}

/// A directory of this name; the name may not lead elsewhere.
fn checked(parent: &Path, name: &str) -> anyhow::Result<PathBuf> {
    if name.is_empty() || name.contains('/') || name.starts_with('.') {
        bail!("`{name}` can't be the name of a role or collection");
    }
    Ok(parent.join(name))
}

/// A collection's namespace and name: of `MANIFEST.json` where it was built, else of `galaxy.yml`.
fn identity(content: &Path) -> anyhow::Result<(String, String)> {
    let read = |file: &str| load_file(&content.join(file), &Vault::default()).ok().map(|loaded| loaded.source);
    let source = match read("MANIFEST.json") {
        Some(manifest) => manifest.get("collection_info").cloned(),
        None => read("galaxy.yml").or_else(|| read("galaxy.yaml")),
    };
    let text = |key: &str| source.as_ref()?.get(key)?.as_str().map(str::to_owned);
    match (text("namespace"), text("name")) {
        (Some(namespace), Some(name)) => Ok((namespace, name)),
        _ => {
            bail!("what is there is no collection: it has neither MANIFEST.json nor galaxy.yml with namespace and name")
        }
    }
}

/// The roles that a role depends on and says where to get.
fn dependencies(content: &Path) -> anyhow::Result<Vec<Requirement>> {
    let meta = ["main.yml", "main.yaml"].map(|name| content.join("meta").join(name));
    let Some(meta) = meta.into_iter().find(|path| path.is_file()) else { return Ok(Vec::new()) };
    let source = load_file(&meta, &Vault::default())?.source;
    let list = source.get("dependencies").and_then(Source::as_seq).unwrap_or_default();
    let from = list.iter().filter(|entry| entry.get("src").is_some());
    from.map(|entry| Requirement::of(Kind::Role, entry, content).map_err(anyhow::Error::from)).collect()
}
