//! Lookups of the controller's files: `file`, `template`, `fileglob`, `first_found`, `unvault`, `filetree`.

use super::{Lookup, Terms};
use crate::diagnostic::SourceFile;
use crate::template::contract::{Binding, Variables};
use crate::template::fault::{Fault, Outcome, fail};
use crate::template::files::FileOptions;
use crate::template::marker::{is_undefined, need};
use crate::template::paths::expanded;
use crate::template::place::Place;
use crate::template::python::kind::{Kind, items, kind, pairs};
use crate::template::scope::Scope;
use minijinja::Value;
use std::path::{Path, PathBuf};
use std::sync::Arc;

pub static LOOKUPS: [Lookup; 6] = [
    Lookup { names: "file", run: file },
    Lookup { names: "unvault", run: |terms| contents(terms, false) },
    Lookup { names: "template", run: template },
    Lookup { names: "fileglob", run: file_glob },
    Lookup { names: "first_found", run: first_found },
    Lookup { names: "community.general.filetree filetree", run: file_tree },
];

/// Where a file may be: in each directory of the search path its kind's sub-directory first, then itself.
fn candidates(scope: &Scope, name: &str, kind: &str) -> Vec<PathBuf> {
    let name = expanded(name);
    if Path::new(&name).is_absolute() {
        return vec![PathBuf::from(name)];
    }
    let surroundings = scope.surroundings();
    let mut all = Vec::new();
    for folder in surroundings.search_path.iter().chain(std::iter::once(&surroundings.playbook_dir)) {
        for candidate in [folder.join(kind).join(&name), folder.join(&name)] {
            if !all.contains(&candidate) {
                all.push(candidate);
            }
        }
    }
    all
}

/// The file of a name, or where it was looked for.
pub fn find(scope: &Scope, name: &str, kind: &str) -> Outcome<PathBuf> {
    let all = candidates(scope, name, kind);
    match all.iter().find(|candidate| scope.controller_has(candidate)) {
        Some(found) => Ok(found.clone()),
        None => {
            let looked: Vec<String> = all.iter().map(|candidate| candidate.display().to_string()).collect();
            fail(format!("the file '{name}' was not found"))
                .map_err(|fault: Box<Fault>| fault.hint(format!("looked at {}", looked.join(", "))))
        }
    }
}

/// A file's content, decrypted where it is encrypted.
pub fn read(scope: &Scope, path: &Path) -> Outcome<Vec<u8>> {
    let bytes = scope.needed_file(path)?;
    if !crate::vault::is_encrypted(&bytes) {
        return Ok(bytes);
    }
    let place = crate::diagnostic::Span::nowhere(&path.display().to_string());
    match scope.templater().vault.decrypt(&String::from_utf8_lossy(&bytes), &place) {
        Ok(text) => Ok(text.as_bytes().to_vec()),
        Err(why) => fail(format!("the file {} can't be decrypted: {why}", path.display())),
    }
}

fn text_of(scope: &Scope, path: &Path) -> Outcome<String> {
    match String::from_utf8(read(scope, path)?) {
        Ok(text) => Ok(text),
        Err(_) => fail(format!("the file {} is not UTF-8 text", path.display())),
    }
}

fn contents(terms: &mut Terms<'_, '_>, may_strip: bool) -> Outcome<Vec<Value>> {
    let (lstrip, rstrip) = (terms.flag("lstrip", false)?, terms.flag("rstrip", true)?);
    let mut found = Vec::new();
    for name in terms.texts()? {
        let path = find(terms.machine.scope, &name, "files")?;
        let text = text_of(terms.machine.scope, &path)?;
        let text = if may_strip && lstrip { text.trim_start() } else { &text };
        let text = if may_strip && rstrip { text.trim_end() } else { text };
        found.push(Value::from(text));
    }
    Ok(found)
}

fn file(terms: &mut Terms<'_, '_>) -> Outcome<Vec<Value>> {
    contents(terms, true)
}

/// Variables that a lookup is given.
#[derive(Debug)]
struct Given(Vec<(Arc<str>, Value)>);

impl Variables for Given {
    fn get(&self, name: &str) -> Option<Binding> {
        self.0.iter().find(|(known, _)| &**known == name).map(|(_, value)| Binding::Value(value.clone()))
    }

    fn names(&self) -> Vec<Arc<str>> {
        self.0.iter().map(|(name, _)| name.clone()).collect()
    }
}

fn template(terms: &mut Terms<'_, '_>) -> Outcome<Vec<Value>> {
    let mut options = FileOptions::default();
    for (name, mark) in [
        ("variable_start_string", &mut options.syntax.variable.0),
        ("variable_end_string", &mut options.syntax.variable.1),
        ("comment_start_string", &mut options.syntax.comment.0),
        ("comment_end_string", &mut options.syntax.comment.1),
    ] {
        *mark = terms.text(name, mark)?;
    }
    options.syntax.trim_blocks = terms.flag("trim_blocks", true)?;
    options.syntax.lstrip_blocks = terms.flag("lstrip_blocks", false)?;
    let mut given: Vec<(Arc<str>, Value)> = Vec::new();
    if let Some(more) = terms.option("template_vars") {
        for (name, value) in pairs(more)? {
            given.push((name.as_str().unwrap_or_default().into(), value));
        }
    }
    let outer = terms.machine.scope;
    let mut made = Vec::new();
    for name in terms.texts()? {
        let path = find(outer, &name, "templates")?;
        let text = text_of(outer, &path)?;
        let mut known = given.clone();
        let shown = path.display().to_string();
        known.push(("template_path".into(), Value::from(shown.as_str())));
        known.push(("template_fullpath".into(), Value::from(crate::template::paths::absolute(&shown))));
        // Templates that it includes are looked for beside it first.
        let mut surroundings = (**outer.surroundings()).clone();
        surroundings.search_path.splice(0..0, path.parent().map(Path::to_path_buf));
        let scope = outer.with(Arc::new(Given(known))).in_surroundings(Arc::new(surroundings));
        let file = Arc::new(SourceFile { path, text });
        let value = scope.file_value(&file, &options).map_err(Place::passed_on)?;
        for warning in scope.warnings() {
            outer.warn(warning);
        }
        made.push(value);
    }
    Ok(made)
}

/// The files that a pattern of the shell matches, sorted.
pub fn glob(pattern: &str) -> Outcome<Vec<String>> {
    let pattern = expanded(pattern);
    let (folder, name) = pattern
        .rsplit_once('/')
        .map_or((".", pattern.as_str()), |(folder, name)| (if folder.is_empty() { "/" } else { folder }, name));
    let mut folders = vec![String::new()];
    // Only the last part may be a pattern with files; those before it name directories, which may be patterns too.
    if folder.contains(['*', '?', '[']) {
        folders = directories(folder)?;
    } else {
        folder.clone_into(&mut folders[0]);
    }
    let wanted = to_regex(name)?;
    let mut found = Vec::new();
    for folder in folders {
        let Ok(entries) = std::fs::read_dir(&folder) else { continue };
        for entry in entries.flatten() {
            let file = entry.file_name().to_string_lossy().into_owned();
            let hidden = file.starts_with('.') && !name.starts_with('.');
            if !hidden && entry.path().is_file() && wanted.matches(&file).or_else(fail)? {
                let prefix =
                    if pattern.contains('/') { format!("{}/", folder.trim_end_matches('/')) } else { String::new() };
                found.push(format!("{prefix}{file}"));
            }
        }
    }
    found.sort();
    Ok(found)
}

fn directories(pattern: &str) -> Outcome<Vec<String>> {
    let mut all = vec![if pattern.starts_with('/') { "/".to_owned() } else { ".".to_owned() }];
    for part in pattern.split('/').filter(|part| !part.is_empty()) {
        let wanted = to_regex(part)?;
        let mut next = Vec::new();
        for folder in all {
            if !part.contains(['*', '?', '[']) {
                next.push(crate::template::paths::joined([folder.as_str(), part]));
                continue;
            }
            let Ok(entries) = std::fs::read_dir(&folder) else { continue };
            for entry in entries.flatten() {
                let name = entry.file_name().to_string_lossy().into_owned();
                if entry.path().is_dir() && !name.starts_with('.') && wanted.matches(&name).or_else(fail)? {
                    next.push(crate::template::paths::joined([folder.as_str(), &name]));
                }
            }
        }
        all = next;
    }
    Ok(all)
}

fn to_regex(name: &str) -> Outcome<Arc<refit_agent::modules::python_regex::Regex>> {
    let mut pattern = String::new();
    let mut chars = name.chars().peekable();
    while let Some(char) = chars.next() {
        match char {
            '*' => pattern.push_str(".*"),
            '?' => pattern.push('.'),
            '[' if chars.clone().any(|char| char == ']') => {
                pattern.push('[');
                if chars.next_if(|char| matches!(char, '!' | '^')).is_some() {
                    pattern.push('^');
                }
                for inner in chars.by_ref() {
                    match inner {
                        ']' => break,
                        '\\' => pattern.push_str("\\\\"),
                        inner => pattern.push(inner),
                    }
                }
                pattern.push(']');
            }
            char if char.is_alphanumeric() || char == '_' => pattern.push(char),
            char => {
                pattern.push('\\');
                pattern.push(char);
            }
        }
    }
    let options =
        crate::template::patterns::Options { anchor: crate::template::patterns::Anchor::Both, ..Default::default() };
    crate::template::patterns::compile(&pattern, options)
}

fn file_glob(terms: &mut Terms<'_, '_>) -> Outcome<Vec<Value>> {
    let mut found: Vec<Value> = Vec::new();
    for pattern in terms.texts()? {
        let (folder, name) = pattern.rsplit_once('/').map_or(("", pattern.as_str()), |(folder, name)| (folder, name));
        let folders: Vec<PathBuf> = if folder.is_empty() {
            let surroundings = terms.machine.scope.surroundings();
            let all = surroundings.search_path.iter().chain(std::iter::once(&surroundings.playbook_dir));
            all.flat_map(|folder| [folder.join("files"), folder.clone()]).collect()
        } else {
            // As with Ansible the first directory that exists is the one.
            let all = candidates(terms.machine.scope, folder, "files");
            let first = all.iter().find(|folder| folder.is_dir()).cloned();
            first.or_else(|| all.last().cloned()).into_iter().collect()
        };
        for folder in folders {
            let matches = glob(&format!("{}/{name}", folder.display()))?;
            if !matches.is_empty() {
                for path in matches {
                    if !found.iter().any(|known| known.as_str() == Some(&path)) {
                        found.push(Value::from(path));
                    }
                }
                break;
            }
        }
    }
    Ok(found)
}

/// A list, or a text with commas, colons or semicolons.
fn several(value: &Value, separators: &[char]) -> Outcome<Vec<Value>> {
    match kind(value) {
        Kind::Text(text) => Ok(text.split(separators).filter(|part| !part.is_empty()).map(Value::from).collect()),
        Kind::None => Ok(Vec::new()),
        Kind::Seq => {
            let mut flat = Vec::new();
            for item in items(value)? {
                flat.extend(if matches!(kind(&item), Kind::Seq) { items(&item)? } else { vec![item] });
            }
            Ok(flat)
        }
        _ => Ok(vec![value.clone()]),
    }
}

/// With the option `subdir`, which `with_first_found` sets, files are looked for in that directory of a role, not in `files`.
fn first_found(terms: &mut Terms<'_, '_>) -> Outcome<Vec<Value>> {
    let kind_of_file = terms.text("subdir", "files")?;
    let mut skip = terms.flag("skip", false)?;
    // (where to look, what for), in order; nowhere means the search path.
    let mut wanted: Vec<(Option<Value>, Value)> = Vec::new();
    let expand = |wanted: &mut Vec<(Option<Value>, Value)>, files: &Value, paths: &Value| -> Outcome<()> {
        let files = several(files, &[',', ';'])?;
        let paths = several(paths, &[',', ':', ';'])?;
        if files.is_empty() {
            wanted.extend(paths.into_iter().map(|path| (None, path)));
        } else if paths.is_empty() {
            wanted.extend(files.into_iter().map(|file| (None, file)));
        } else {
            for path in paths {
                wanted.extend(files.iter().map(|file| (Some(path.clone()), file.clone())));
            }
        }
        Ok(())
    };
    let mut queue: std::collections::VecDeque<Value> = terms.terms.clone().into();
    let given_files = terms.option("files").cloned();
    let given_paths = terms.option("paths").cloned();
    let none = Value::from(());
    if given_files.is_some() || given_paths.is_some() {
        expand(&mut wanted, given_files.as_ref().unwrap_or(&none), given_paths.as_ref().unwrap_or(&none))?;
    }
    while let Some(term) = queue.pop_front() {
        // A name made of an undefined variable is one that does not exist.
        if is_undefined(&term) {
            continue;
        }
        need(&term)?;
        match kind(&term) {
            Kind::Seq => items(&term)?.into_iter().rev().for_each(|item| queue.push_front(item)),
            Kind::Map => {
                let get = |name: &str| crate::template::machine::lookup(&term, &Value::from(name));
                skip |= get("skip")?.is_some_and(|skip| super::super::filters::as_bool(&skip).unwrap_or(false));
                expand(
                    &mut wanted,
                    &get("files")?.unwrap_or_else(|| none.clone()),
                    &get("paths")?.unwrap_or_else(|| none.clone()),
                )?;
            }
            Kind::None | Kind::Bool(_) | Kind::Int(_) | Kind::Float(_) => {
                let given = crate::template::python::kind::type_name(&term);
                return fail(format!("what to look for is a text, a list or a mapping, not '{given}'"));
            }
            _ => match &given_paths {
                Some(paths) => expand(&mut wanted, &Value::from(vec![term]), paths)?,
                None => wanted.push((None, term)),
            },
        }
    }
    let mut looked = Vec::new();
    for (folder, name) in wanted {
        if is_undefined(&name) {
            continue;
        }
        let name = crate::template::arguments::as_text(&name)?.into_owned();
        let full = match folder {
            Some(folder) => {
                crate::template::paths::joined([&*crate::template::arguments::as_text(&folder)?, name.as_str()])
            }
            None => name,
        };
        let all = candidates(terms.machine.scope, &full, &kind_of_file);
        if let Some(found) = all.iter().find(|candidate| candidate.exists()) {
            let path = crate::template::paths::absolute(&found.display().to_string());
            return Ok(vec![Value::from(path)]);
        }
        looked.push(full);
    }
    if skip {
        return Ok(Vec::new());
    }
    fail(format!("no file was found; looked for {}", looked.join(", ")))
        .map_err(|fault: Box<Fault>| fault.hint("`skip=true` makes that no error"))
}

fn file_tree(terms: &mut Terms<'_, '_>) -> Outcome<Vec<Value>> {
    use std::os::unix::fs::MetadataExt;
    fn walk(rows: &mut Vec<Value>, root: &Path, folder: &Path) -> Outcome<()> {
        let mut entries: Vec<PathBuf> = match std::fs::read_dir(folder) {
            Ok(entries) => entries.flatten().map(|entry| entry.path()).collect(),
            Err(error) => return fail(format!("the directory {} can't be read: {error}", folder.display())),
        };
        entries.sort();
        for path in entries {
            let Ok(metadata) = path.symlink_metadata() else { continue };
            let state = if metadata.is_symlink() {
                "link"
            } else if metadata.is_dir() {
                "directory"
            } else if metadata.is_file() {
                "file"
            } else {
                continue;
            };
            let relative = path.strip_prefix(root).unwrap_or(&path).display().to_string();
            let mut row = vec![
                ("root", Value::from(format!("{}/", root.display()))),
                ("path", Value::from(relative)),
                ("state", Value::from(state)),
                (
                    "src",
                    Value::from(match state {
                        "link" => std::fs::read_link(&path).map(|to| to.display().to_string()).unwrap_or_default(),
                        _ => path.display().to_string(),
                    }),
                ),
                ("mode", Value::from(format!("0{:o}", metadata.mode() & 0o7777))),
                ("uid", Value::from(metadata.uid())),
                ("gid", Value::from(metadata.gid())),
                ("size", Value::from(metadata.size())),
                ("mtime", Value::from(metadata.mtime() as f64)),
                ("ctime", Value::from(metadata.ctime() as f64)),
            ];
            row.retain(|(_, value)| !value.is_undefined());
            rows.push(Value::from_pairs(row));
            if metadata.is_dir() {
                walk(rows, root, &path)?;
            }
        }
        Ok(())
    }
    let mut rows = Vec::new();
    for name in terms.texts()? {
        let all = candidates(terms.machine.scope, name.trim_end_matches('/'), "files");
        for folder in all.iter().filter(|folder| folder.is_dir()) {
            walk(&mut rows, folder, folder)?;
        }
    }
    Ok(rows)
}
