//! What is to be installed: the entries of `requirements.yml`, or words of a command line.
//! <https://docs.ansible.com/ansible/latest/galaxy/user_guide.html>

use crate::diagnostic::{Diagnostic, Diagnostics, Span};
use crate::loader::{Source, load_file};
use crate::vault::Vault;
use std::path::{Path, PathBuf};

/// What a requirement is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A role.
    Role,
    /// A collection.
    Collection,
}

/// Where it comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// A git repository: its address, and the directory inside.
    Git(String, Option<PathBuf>),
    /// A directory, or a tarball.
    Path(PathBuf),
}

/// Something to install.
#[derive(Clone, Debug)]
pub struct Requirement {
    /// What it is.
    pub kind: Kind,
    /// Where it comes from.
    pub origin: Origin,
    /// The name of a role, where it is said.
    pub name: Option<String>,
    /// The branch, tag or commit of a repository.
    pub version: Option<String>,
    /// Where it is asked for.
    pub span: Span,
}

/// Reads a file of requirements: a list of roles, or a mapping of `roles` and `collections`.
pub fn read(path: &Path) -> Result<Vec<Requirement>, Diagnostics> {
    let source = load_file(path, &Vault::default())?.source;
    let base = path.parent().unwrap_or(Path::new(""));
    let mut errors = Diagnostics::default();
    let mut all = Vec::new();
    let parts = match source.as_seq() {
        Some(_) => vec![(Kind::Role, Some(&source))],
        None => vec![(Kind::Role, source.get("roles")), (Kind::Collection, source.get("collections"))],
    };
    for (kind, list) in parts {
        for entry in list.and_then(Source::as_seq).unwrap_or_default() {
            match Requirement::of(kind, entry, base) {
                Ok(requirement) => all.push(requirement),
                Err(problem) => errors.push(problem),
            }
        }
    }
    if errors.has_errors() { Err(errors) } else { Ok(all) }
}

impl Requirement {
    /// An entry of a file of requirements; relative paths are relative to `base`.
    pub fn of(kind: Kind, entry: &Source, base: &Path) -> Result<Requirement, Diagnostic> {
        if let Some(text) = entry.as_str() {
            return Requirement::of_text(kind, text, &entry.span, base);
        }
        let text = |key: &str| entry.get(key).filter(|value| !value.is_null()).map(crate::engine::written_text);
        if entry.get("include").is_some() {
            return Err(Diagnostic::error(&entry.span, "`include` in requirements is not supported")
                .hint("install the other file by itself: `-r FILE`"));
        }
        let source = match kind {
            Kind::Role => text("src").or_else(|| text("name")),
            Kind::Collection => text("source").filter(|_| text("type").is_some()).or_else(|| text("name")),
        };
        let Some(source) = source else {
            return Err(Diagnostic::error(&entry.span, "this entry says neither `src` nor `name`"));
        };
        let is_git = text("scm").as_deref() == Some("git") || text("type").as_deref() == Some("git");
        let mut requirement = match is_git && !source.starts_with("git+") {
            true => Requirement::of_text(kind, &format!("git+{source}"), &entry.span, base)?,
            false => Requirement::of_text(kind, &source, &entry.span, base)?,
        };
        requirement.version = text("version").filter(|version| version != "*").or(requirement.version);
        if kind == Kind::Role {
            requirement.name = text("name").filter(|_| entry.get("src").is_some()).or(requirement.name);
        }
        Ok(requirement)
    }

    /// `SOURCE[,VERSION[,NAME]]`.
    pub fn of_text(kind: Kind, text: &str, span: &Span, base: &Path) -> Result<Requirement, Diagnostic> {
        let mut words = text.split(',').map(str::trim);
        let source = words.next().unwrap_or_default();
        let said = |word: Option<&str>| word.filter(|word| !word.is_empty()).map(str::to_owned);
        let (version, name) = (said(words.next()), said(words.next()));
        let plain = source.strip_prefix("git+").unwrap_or(source);
        let is_git = plain.len() < source.len()
            || source.starts_with("git@")
            || source.contains("://")
                && (source.trim_end_matches('/').ends_with(".git") || source.starts_with("ssh://"));
        let origin = if is_git {
            let (address, inside) = plain.split_once('#').unwrap_or((plain, ""));
            let inside = inside.trim_matches('/');
            Origin::Git(address.to_owned(), (!inside.is_empty()).then(|| PathBuf::from(inside)))
        } else {
            let path = source.strip_prefix("file://").unwrap_or(source);
            let path = base.join(path);
            if !path.exists() {
                let problem =
                    Diagnostic::error(span, format!("`{source}` is no git address, and no file or directory"));
                let hint = match source.contains("://") {
                    true => "download it first, and name the file",
                    false => "Galaxy's servers are not asked: name the git repository, `git+https://...`, or a tarball",
                };
                return Err(problem.hint(hint));
            }
            Origin::Path(path)
        };
        Ok(Requirement { kind, origin, name, version, span: span.clone() })
    }

    /// The name of a role that is not named: the last part of where it comes from.
    pub fn default_name(&self) -> String {
        let text = match &self.origin {
            Origin::Git(_, Some(inside)) => inside.display().to_string(),
            Origin::Git(address, None) => address.clone(),
            Origin::Path(path) => path.canonicalize().unwrap_or_else(|_| path.clone()).display().to_string(),
        };
        let last = text.trim_end_matches('/').rsplit(['/', ':']).next().unwrap_or_default();
        [".git", ".tar.gz", ".tgz", ".tar"]
            .iter()
            .fold(last, |name, end| name.strip_suffix(end).unwrap_or(name))
            .to_owned()
    }
}
