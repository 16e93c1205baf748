//! What settings depend on besides files.

use std::collections::BTreeMap;
use std::path::{Component, Path, PathBuf};

/// The variables and the directory of a process, so that settings can be read for any.
#[derive(Clone, Debug, Default)]
pub struct Environment {
    /// The variables by name.
    pub variables: BTreeMap<String, String>,
    /// The working directory.
    pub directory: PathBuf,
}

impl Environment {
    /// This process'. Variables that are not UTF-8 are left out.
    pub fn of_process() -> std::io::Result<Environment> {
        let variables = std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
            .collect();
        Ok(Environment { variables, directory: std::env::current_dir()? })
    }

    /// A variable.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.variables.get(name).map(String::as_str)
    }

    /// The user's home directory.
    pub fn home(&self) -> Option<&Path> {
        self.get("HOME").filter(|home| !home.is_empty()).map(Path::new)
    }

    /// An absolute path from one as written: `~`, `$NAME`, `${NAME}` and `{{CWD}}` replaced, relative to `base`.
    pub fn path(&self, written: &str, base: &Path) -> PathBuf {
        let directory = self.directory.to_string_lossy();
        let text = self.with_variables(&written.replace("{{CWD}}", &directory));
        let path = match (text.strip_prefix('~'), self.home()) {
            (Some(rest), Some(home)) if rest.is_empty() || rest.starts_with('/') => {
                home.join(rest.trim_start_matches('/'))
            }
            _ => PathBuf::from(text),
        };
        normal(&base.join(path))
    }

    /// The text with `$NAME` and `${NAME}` replaced where they are set.
    fn with_variables(&self, text: &str) -> String {
        let mut out = String::with_capacity(text.len());
        let mut rest = text;
        while let Some(at) = rest.find('$') {
            out.push_str(&rest[..at]);
            let after = &rest[at + 1..];
            let (name, length) = match after.strip_prefix('{').and_then(|braced| braced.split_once('}')) {
                Some((name, _)) => (name, name.len() + 2),
                None => {
                    let end = after.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(after.len());
                    (&after[..end], end)
                }
            };
            match self.get(name) {
                Some(value) if !name.is_empty() => out.push_str(value),
                _ => out.push_str(&rest[at..at + 1 + length]),
            }
            rest = &after[length..];
        }
        out + rest
    }
}

/// The path without `.` and `..`, as far as that can be told from the text.
fn normal(path: &Path) -> PathBuf {
    let mut out = PathBuf::new();
    for component in path.components() {
        match component {
            Component::CurDir => {}
            Component::ParentDir => {
                out.pop();
            }
            other => out.push(other),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_expanded_and_made_absolute() {
        let variables = [("HOME", "/home/me"), ("X", "xx")].map(|(name, value)| (name.to_owned(), value.to_owned()));
        let environment = Environment { variables: variables.into(), directory: "/cwd".into() };
        let path = |text: &str| environment.path(text, Path::new("/etc/ansible"));
        assert_eq!(path("roles"), Path::new("/etc/ansible/roles"));
        assert_eq!(path("./a/../b/."), Path::new("/etc/ansible/b"));
        assert_eq!(path("~/r"), Path::new("/home/me/r"));
        assert_eq!(path("~"), Path::new("/home/me"));
        assert_eq!(path("$X/${X}/$NONE/r"), Path::new("/etc/ansible/xx/xx/$NONE/r"));
        assert_eq!(path("{{CWD}}/r"), Path::new("/cwd/r"));
        assert_eq!(path("/abs"), Path::new("/abs"));
    }
}
