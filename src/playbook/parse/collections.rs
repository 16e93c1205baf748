//! Collections as `ansible-galaxy` and `refit galaxy` install them: `ansible_collections/NAMESPACE/NAME` below one of the
//! places for collections.

use super::{Parser, Pass};
use crate::playbook::keyword::Keyword;
use crate::playbook::scope::Scope;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A collection's name: `namespace.name`.
fn parts(name: &str) -> Option<(&str, &str)> {
    let (namespace, collection) = name.split_once('.')?;
    let word = |word: &str| !word.is_empty() && word.chars().all(|c| c.is_alphanumeric() || c == '_');
    (word(namespace) && word(collection)).then_some((namespace, collection))
}

/// The collection that a file belongs to.
pub fn of_path(path: &Path) -> Option<String> {
    let words: Vec<&str> = path.iter().filter_map(|word| word.to_str()).collect();
    let at = words.iter().rposition(|word| *word == "ansible_collections")?;
    Some(format!("{}.{}", words.get(at + 1)?, words.get(at + 2)?))
}

/// The full name of a role that a collection holds in this directory.
pub fn full_role_name(path: &Path) -> Option<String> {
    let collection = of_path(path)?;
    let words: Vec<&str> = path.iter().filter_map(|word| word.to_str()).collect();
    let at = words.iter().rposition(|word| *word == "ansible_collections")?;
    let (roles, role) = (words.get(at + 3)?, words.get(at + 4..)?);
    (*roles == "roles" && !role.is_empty()).then(|| format!("{collection}.{}", role.join(".")))
}

impl Pass<'_> {
    /// Where a role of a collection would be: the role's full name, or a short one with the collections that are in force
    /// here (that of the role around, those of `collections:`).
    pub(super) fn collection_role_places(&self, name: &str, parent: &Arc<Scope>) -> Vec<PathBuf> {
        let mut words = name.splitn(3, '.');
        if let (Some(namespace), Some(collection), Some(role)) = (words.next(), words.next(), words.next())
            && let full = format!("{namespace}.{collection}")
            && parts(&full).is_some()
            && !role.is_empty()
        {
            return self.below_collection(&full, &Path::new("roles").join(role.replace('.', "/")));
        }
        if name.contains(['.', '/']) {
            return Vec::new();
        }
        let collections = self.collections_in_force(parent);
        collections.iter().flat_map(|full| self.below_collection(full, &Path::new("roles").join(name))).collect()
    }

    /// The collections in which short names are looked for: that of the role around, those of `collections:`.
    pub(super) fn collections_in_force(&self, parent: &Arc<Scope>) -> Vec<String> {
        let around = parent.roles().filter_map(|used| of_path(&used.role.path));
        let named = parent.get(Keyword::Collections).map(crate::playbook::one_or_more).unwrap_or_default();
        let named = named.into_iter().filter_map(|source| source.as_str().map(str::to_owned));
        around.chain(named).collect()
    }

    fn below_collection(&self, full: &str, path: &Path) -> Vec<PathBuf> {
        self.parser.below_collection(&self.playbook_dir, full, path)
    }
}

impl Parser {
    /// A path below a collection, in each place where that may be installed.
    pub(super) fn below_collection(&self, playbook_dir: &Path, full: &str, path: &Path) -> Vec<PathBuf> {
        let Some((namespace, collection)) = parts(full) else { return Vec::new() };
        let beside = playbook_dir.join("collections");
        let places = std::iter::once(&beside).chain(&self.collections_path);
        places
            .map(|place| match place.ends_with("ansible_collections") {
                true => place.clone(),
                false => place.join("ansible_collections"),
            })
            .map(|place| place.join(namespace).join(collection).join(path))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_tells_its_collection() {
        let file = Path::new("/x/ansible_collections/one/two/roles/r/tasks/main.yml");
        assert_eq!(of_path(file).as_deref(), Some("one.two"));
        assert_eq!(of_path(Path::new("/x/roles/r")), None);
        let role = Path::new("/x/ansible_collections/one/two/roles/sub/r");
        assert_eq!(full_role_name(role).as_deref(), Some("one.two.sub.r"));
    }
}
