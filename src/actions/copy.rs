//! `copy`: finds what is to be copied on the controller and sends it along.

use super::call::{Action, ActionCall, Done, NeedsHost, json_map};
use super::remote::{Contents, Halt};
use super::sources::{content, find};
use crate::vars::{Layer, values};
use minijinja::Value;
use minijinja::value::ValueKind;
use refit_agent::args::boolean;
use refit_agent::modules::copy::{self, Entry, EntryKind, Payload};
use refit_agent::outcome::Outcome;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The action.
pub static ACTION: Action = Action { declaration: || &copy::MODULE, needs_host: NeedsHost::Yes, raw: &[], run };

fn run(call: &ActionCall<'_>) -> Done {
    attempt(call).into()
}

/// A boolean argument.
pub(super) fn flag(call: &ActionCall<'_>, name: &str, otherwise: bool) -> bool {
    call.text(name).and_then(|word| boolean(&word)).unwrap_or(otherwise)
}

fn attempt(call: &ActionCall<'_>) -> Result<Outcome, Halt> {
    let remote = call.remote()?;
    let mut args = json_map(call.args);
    if flag(call, "remote_src", false) {
        return remote.run("copy", args, &super::NoContent, Vec::new());
    }
    let mut contents = Contents::default();
    let payload = match (call.arg("content"), call.text("src")) {
        (Some(_), Some(_)) => return Err(Halt::failed("`copy` takes only one of `src` and `content`")),
        (Some(content), None) => Payload::File {
            sha256: contents.add(content_text(call, content)?.into_bytes()),
            mode: None,
            basename: None,
            source: None,
        },
        (None, Some(src)) => from_path(call, &src, &mut contents)?,
        (None, None) => return Err(Halt::failed("`copy` needs one of `src` and `content`")),
    };
    args.remove("content");
    args.insert("_payload".to_owned(), payload.json().map_err(Halt::failed)?);
    // The module wants to see one of the two; what it writes is the payload.
    args.entry("src").or_insert_with(|| "".into());
    let blobs = contents.0.keys().cloned().collect();
    remote.run("copy", args, &contents, blobs)
}

/// Text as it is; data as JSON, as Ansible writes it.
fn content_text(call: &ActionCall<'_>, content: &Value) -> Result<String, Halt> {
    if !matches!(content.kind(), ValueKind::Map | ValueKind::Seq) {
        return Ok(content.to_string());
    }
    let scope = call.scope.with(Arc::new(Layer::from(values([("content", content.clone())]))));
    let text = scope.expression("content | to_json", &call.task.scope.span);
    text.map(|text| text.to_string()).map_err(|error| Halt::failed(error.to_string()))
}

fn from_path(call: &ActionCall<'_>, src: &str, contents: &mut Contents) -> Result<Payload, Halt> {
    let path = find(call, src, "files")?;
    if !path.is_dir() {
        let content = read(call, &path)?;
        let mode = fs::metadata(&path).map(|meta| meta.permissions().mode() & 0o7777).ok();
        return Ok(Payload::File {
            sha256: contents.add(content),
            mode,
            basename: path.file_name().map(|name| name.to_string_lossy().into_owned()),
            source: Some(path.display().to_string()),
        });
    }
    let root = if src.ends_with('/') { None } else { path.file_name().map(|name| name.to_string_lossy().into_owned()) };
    let follow = flag(call, "local_follow", true);
    let mut entries = Vec::new();
    walk(call, &path, Path::new(""), follow, &mut entries, contents)?;
    Ok(Payload::Tree { root, entries, source: src.to_owned() })
}

/// What is in a directory, parents before their children, sorted.
fn walk(
    call: &ActionCall<'_>,
    dir: &Path,
    below: &Path,
    follow: bool,
    entries: &mut Vec<Entry>,
    contents: &mut Contents,
) -> Result<(), Halt> {
    let cannot = |error: std::io::Error| Halt::failed(format!("cannot read {}: {error}", dir.display()));
    let mut names: Vec<PathBuf> = fs::read_dir(dir)
        .map_err(cannot)?
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<Result<_, _>>()
        .map_err(cannot)?;
    names.sort();
    for path in names {
        let Some(name) = path.file_name() else { continue };
        let relative = below.join(name);
        let meta = if follow { fs::metadata(&path) } else { fs::symlink_metadata(&path) };
        let meta = meta.map_err(|error| Halt::failed(format!("cannot read {}: {error}", path.display())))?;
        if meta.is_dir() {
            entries.push(Entry { path: relative.clone(), kind: EntryKind::Directory });
            walk(call, &path, &relative, follow, entries, contents)?;
        } else if meta.is_symlink() {
            let target = fs::read_link(&path)
                .map_err(|error| Halt::failed(format!("cannot read {}: {error}", path.display())))?;
            entries.push(Entry { path: relative, kind: EntryKind::Link { target } });
        } else if meta.is_file() {
            let sha256 = contents.add(read(call, &path)?);
            entries.push(Entry {
                path: relative,
                kind: EntryKind::File { sha256, mode: meta.permissions().mode() & 0o7777 },
            });
        }
    }
    Ok(())
}

/// A file's content, decrypted where it is a vault and `decrypt` allows.
pub(super) fn read(call: &ActionCall<'_>, path: &Path) -> Result<Vec<u8>, Halt> {
    let content = content(call, path)?;
    if !flag(call, "decrypt", true) || !crate::vault::is_encrypted(&content) {
        return Ok(content);
    }
    let text = String::from_utf8_lossy(&content);
    let plain = call.vault.decrypt(&text).map_err(|error| Halt::failed(format!("{}: {error}", path.display())))?;
    call.secrets.add(&String::from_utf8_lossy(&plain));
    Ok(plain.to_vec())
}
