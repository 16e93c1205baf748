//! Directories that `copy` copies.

use super::Call;
use super::copy::{Entry, EntryKind, Placement, Source, blob, text};
use super::file_attributes::{Mode, Wanted, describe};
use super::file_content::{make_directories, put_link};
use super::host_path::{absolute, ends_with_slash, without_slash};
use crate::host::{Host, Kind};
use crate::outcome::{Diff, ModuleResult, Outcome, Stop};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

/// A directory of the controller.
pub fn from_controller(
    placement: &Placement,
    call: &Call<'_>,
    root: Option<&str>,
    entries: &[Entry],
    source: &str,
) -> ModuleResult {
    let host = call.host;
    let wanted = placement.file.wanted(host)?;
    let dest = without_slash(&absolute(host, &placement.dest)?);
    let below = root.map_or_else(|| dest.clone(), |root| dest.join(root));
    let directories = wanted.with_mode(placement.directory_mode.clone());
    let mut outcome = Outcome::ok().with("dest", format!("{}/", text(&dest))).with("src", source);
    made(&mut outcome, make_directories(host, &dest, Some(&directories))?);
    if root.is_some() {
        directory(host, &below, &directories, &mut outcome)?;
    }
    for entry in entries {
        let path = below.join(&entry.path);
        match &entry.kind {
            EntryKind::Directory => directory(host, &path, &directories, &mut outcome)?,
            EntryKind::Link { target } => link(host, &path, target, &mut outcome)?,
            EntryKind::File { sha256, mode } => {
                let content = blob(call, sha256)?;
                let name = text(&entry.path);
                let shown = text(&Path::new(source).join(&entry.path));
                let source = Source {
                    content: &content,
                    mode: Some(*mode),
                    basename: Some(&name),
                    shown: Some(&shown),
                    on_host: false,
                };
                if let Some(parent) = path.parent() {
                    made(&mut outcome, make_directories(host, parent, Some(&directories))?);
                }
                if let Some(put) = placement.put(call, &path, &source, &wanted)? {
                    outcome.changed |= put.done.written || put.done.attributes.any();
                    outcome.diff.extend(put.diffs(call, &source, &path));
                }
            }
        }
    }
    Ok(outcome)
}

/// A directory of the host itself. What is new or different takes its source's mode; `mode` is of the directory that
/// is made. Only owner and group are of everything in it.
pub fn within_host(
    placement: &Placement,
    call: &Call<'_>,
    from: &Path,
    shown: &Path,
    mode: u32,
    follow_links: bool,
) -> ModuleResult {
    let host = call.host;
    let wanted = placement.file.wanted(host)?.preserving(mode);
    let dest = absolute(host, &placement.dest)?;
    let content_only = ends_with_slash(shown);
    let existing = host.files.stat(&dest, true)?;
    let base = without_slash(&dest);
    // As Ansible spells it in results.
    let slashed = |path: &Path| if content_only { format!("{}/", text(path)) } else { text(path) };
    match &existing {
        Some(stat) if stat.kind != Kind::Directory => {
            return Err(Stop::failed(format!(
                "{} is a file, so the directory {} can't be copied to it",
                dest.display(),
                shown.display()
            )));
        }
        Some(_) if !placement.force => {
            let mut outcome = Outcome::ok().with("msg", "file already exists").with("src", text(shown));
            outcome = outcome.with("dest", slashed(&base));
            describe(host, &base, &mut outcome.result)?;
            return Ok(outcome);
        }
        _ => {}
    }
    let root = match from.file_name() {
        Some(name) if !content_only => base.join(name),
        _ => base.clone(),
    };
    let mut outcome = Outcome::ok();
    made(&mut outcome, make_directories(host, &base, None)?);
    let inner = wanted.with_mode(None);
    let mut walk = Walk { placement, call, wanted: &inner, follow_links, outcome };
    walk.directory(&without_slash(from), &root, mode, &mut Vec::new())?;
    let mut outcome = walk.outcome;
    let target = if existing.is_some() { &root } else { &base };
    let change = wanted.apply(host, target, false)?;
    outcome.changed |= change.any();
    outcome.diff.extend(change.diff_of(target));
    let reported = if existing.is_some() { slashed(&root) } else { text(target) };
    outcome = outcome.with("dest", reported).with("src", text(shown));
    outcome = outcome.with("checksum", Value::Null).with("md5sum", Value::Null);
    describe(host, target, &mut outcome.result)?;
    Ok(outcome)
}

/// A copy of a directory on its way.
struct Walk<'a> {
    placement: &'a Placement,
    call: &'a Call<'a>,
    wanted: &'a Wanted,
    follow_links: bool,
    outcome: Outcome,
}

impl Walk<'_> {
    /// `above` are the real paths of the directories that this one is in: a link to one of them would never end.
    fn directory(&mut self, from: &Path, to: &Path, mode: u32, above: &mut Vec<PathBuf>) -> Result<(), Stop> {
        let host = self.call.host;
        let real = host.files.canonical(from)?;
        if above.contains(&real) {
            return Err(Stop::failed(format!("{} is a link to a directory that it is in", from.display())));
        }
        let wanted = self.wanted.with_mode(Some(Mode::Bits(mode)));
        match host.files.stat(to, true)? {
            None => made(&mut self.outcome, make_directories(host, to, Some(&wanted))?),
            Some(stat) if stat.kind == Kind::Directory => {
                let change = self.wanted.apply(host, to, true)?;
                self.outcome.changed |= change.any();
                self.outcome.diff.extend(change.diff_of(to));
            }
            Some(_) => {
                return Err(Stop::failed(format!(
                    "{} is there and is no directory, so {} can't be copied to it",
                    to.display(),
                    from.display()
                )));
            }
        }
        above.push(real);
        for name in host.files.list(from)? {
            let (from, to) = (from.join(&name), to.join(&name));
            let Some(stat) = host.files.stat(&from, self.follow_links)? else {
                return Err(Stop::failed(format!("{} is a link to nothing", from.display())));
            };
            match stat.kind {
                Kind::Directory => self.directory(&from, &to, stat.mode, above)?,
                Kind::Link => link(host, &to, &host.files.read_link(&from)?, &mut self.outcome)?,
                _ => self.file(&from, &to, stat.mode)?,
            }
        }
        above.pop();
        Ok(())
    }

    fn file(&mut self, from: &Path, to: &Path, mode: u32) -> Result<(), Stop> {
        let host = self.call.host;
        let content = host.files.read(from)?;
        let same = match host.files.stat(to, true)? {
            Some(stat) => {
                stat.kind == Kind::File && stat.size == content.len() as u64 && host.files.read(to)? == content
            }
            None => false,
        };
        let wanted = if same { self.wanted.clone() } else { self.wanted.with_mode(Some(Mode::Bits(mode))) };
        let shown = text(from);
        let source =
            Source { content: &content, mode: Some(mode), basename: Some(&shown), shown: Some(&shown), on_host: true };
        if let Some(put) = self.placement.put(self.call, to, &source, &wanted)? {
            self.outcome.changed |= put.done.written || put.done.attributes.any();
            self.outcome.diff.extend(put.diffs(self.call, &source, to));
        }
        Ok(())
    }
}

/// Tells of directories that were made.
fn made(outcome: &mut Outcome, directories: Vec<PathBuf>) {
    for path in directories {
        outcome.changed = true;
        let path = text(&path);
        let state = |state: &str| json!({"path": path, "state": state});
        outcome.diff.push(Diff::of_state("", state("absent"), state("directory")));
    }
}

fn directory(host: &Host<'_>, path: &Path, wanted: &Wanted, outcome: &mut Outcome) -> Result<(), Stop> {
    let missing = make_directories(host, path, Some(wanted))?;
    if missing.is_empty() {
        let change = wanted.apply(host, path, true)?;
        outcome.changed |= change.any();
        outcome.diff.extend(change.diff_of(path));
    }
    made(outcome, missing);
    Ok(())
}

fn link(host: &Host<'_>, path: &Path, target: &Path, outcome: &mut Outcome) -> Result<(), Stop> {
    let before = match host.files.stat(path, false)? {
        Some(stat) if stat.kind == Kind::Link => Some(host.files.read_link(path)?),
        Some(stat) if stat.kind == Kind::Directory => {
            return Err(Stop::failed(format!("{} is a directory, so no link can take its place", path.display())));
        }
        _ => None,
    };
    if before.as_deref() == Some(target) {
        return Ok(());
    }
    put_link(host, path, target)?;
    outcome.changed = true;
    let shown = text(path);
    let state = |target: Option<&Path>| json!({"path": shown, "src": target.map(text)});
    outcome.diff.push(Diff::of_state("", state(before.as_deref()), state(Some(target))));
    Ok(())
}
