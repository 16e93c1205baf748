//! `copy`: files and directories, from the controller or from another place of the host.
//!
//! # What the controller does
//! A task with `remote_src` is sent as it is. Otherwise the controller finds `src` (or takes `content`), decrypts it
//! where it is a vault file and `decrypt` allows, follows links in a directory unless `local_follow` is false, and sends
//! what it found as [`Payload`], in JSON, in the argument `_payload`; the contents go along as blobs. `content` that is
//! no text is written as JSON. [`template`](super::template) is the same with the rendered text.

use super::checksum::Algorithm;
use super::file_attributes::{FileArgs, Mode, Wanted, describe};
use super::file_content::{Content, Done, content_diff, make_directories};
use super::host_path::{absolute, ends_with_slash, without_slash};
use super::{Call, Module, Rule, copy_tree};
use crate::args;
use crate::args::Args as _;
use crate::host::{Host, Kind};
use crate::outcome::{Diff, Failure, ModuleResult, Outcome, Stop};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};
use std::sync::Arc;

args! {
    /// What `copy` takes.
    pub struct Args {
        /// What to copy: a path on the controller, or with `remote_src` on the host. Of a directory that ends with `/`
        /// the content is copied, else the directory itself.
        src: Option<PathBuf>,
        /// The text of the file, instead of `src`.
        content: Option<String>,
        /// Where to: a file, or a directory where it ends with `/` or is one.
        dest: PathBuf,
        /// Keep the old file beside the new one.
        backup: bool = false,
        /// Replace a file of another content; without it only files that don't exist are written.
        force: bool = true,
        /// The mode of directories that are made.
        directory_mode: Option<Mode>,
        /// `src` is a path on the host.
        remote_src: bool = false,
        /// Where `dest` is a link, write what it points to.
        follow: bool = false,
        /// Copy what links in a directory point to, not the links. The default is true for a directory of the
        /// controller, false with `remote_src`.
        local_follow: Option<bool>,
        /// Decrypt vault files.
        decrypt: bool = true,
        /// The SHA-1 that the content must have.
        checksum: Option<String>,
        /// A command that must accept the new content before it is in its place; `%s` stands for the file.
        validate: Option<String>,
    } with {
        /// Mode, owner and the like.
        file: FileArgs,
    }
}

/// The declaration.
pub static MODULE: Module = Module {
    name: "copy",
    aliases: &[],
    summary: "Copy files and directories to the host, or within it",
    args: Args::specs,
    rules: &[Rule::MutuallyExclusive(&["src", "content"]), Rule::RequiredOneOf(&["src", "content"])],
    free_form: None,
    run: Some(run),
};

/// What the controller sends along, as the argument `_payload`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Payload {
    /// One file.
    File {
        /// SHA-256 of the content, lower-case hex: a blob of the request.
        sha256: String,
        /// The source's permission bits, for `mode: preserve`.
        mode: Option<u32>,
        /// The source's file name, for a `dest` that is a directory; none for `content`.
        basename: Option<String>,
        /// The source's path on the controller, for results and headers; none for `content`.
        source: Option<String>,
    },
    /// A directory.
    Tree {
        /// The name that the directory gets below `dest`; none where `src` ends with `/`.
        root: Option<String>,
        /// What is in it, parents before their children.
        entries: Vec<Entry>,
        /// The source's path as the task has it.
        source: String,
    },
}

impl Payload {
    /// As an argument. The error says that it can't be written as JSON.
    pub fn json(&self) -> Result<serde_json::Value, String> {
        serde_json::to_value(self).map_err(|error| error.to_string())
    }
}

/// Something in a directory.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    /// The path below the directory.
    pub path: PathBuf,
    /// What it is.
    #[serde(flatten)]
    pub kind: EntryKind,
}

/// What it is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EntryKind {
    /// A directory.
    Directory,
    /// A file.
    File {
        /// SHA-256 of the content, lower-case hex: a blob of the request.
        sha256: String,
        /// Its permission bits, for `mode: preserve`.
        mode: u32,
    },
    /// A symbolic link, where links are not followed.
    Link {
        /// Where it points, as written.
        target: PathBuf,
    },
}

/// Where and how content is put, whatever it came from: what `copy`, `template` and `assemble` have in common.
pub struct Placement {
    /// As the task has it.
    pub dest: PathBuf,
    /// Keep the old file.
    pub backup: bool,
    /// Replace files that exist.
    pub force: bool,
    /// Write what a link points to.
    pub follow: bool,
    /// The mode of directories that are made.
    pub directory_mode: Option<Mode>,
    /// The SHA-1 that the content must have.
    pub checksum: Option<String>,
    /// The command that judges the content.
    pub validate: Option<String>,
    /// Mode, owner and the like.
    pub file: FileArgs,
}

/// A file's content with what is known of where it came from.
pub struct Source<'a> {
    /// The content.
    pub content: &'a [u8],
    /// Its permission bits.
    pub mode: Option<u32>,
    /// Its name.
    pub basename: Option<&'a str>,
    /// Its path.
    pub shown: Option<&'a str>,
    /// Whether that is a path on the host.
    pub on_host: bool,
}

/// Reads `_payload`.
pub fn payload(call: &Call<'_>) -> Result<Option<Payload>, Stop> {
    let Some(value) = call.args.get("_payload") else { return Ok(None) };
    serde_json::from_value(value.clone())
        .map(Some)
        .map_err(|error| Stop::failed(format!("the controller sent a payload that is none: {error}")))
}

/// The content of a blob.
pub fn blob(call: &Call<'_>, sha256: &str) -> Result<Arc<Vec<u8>>, Stop> {
    call.blobs
        .get(sha256)
        .ok_or_else(|| Stop::failed(format!("the content {sha256} did not come with the request; please report this")))
}

fn run(call: &Call<'_>) -> ModuleResult {
    let args: Args = call.args()?;
    let placement = Placement {
        dest: args.dest,
        backup: args.backup,
        force: args.force,
        follow: args.follow,
        directory_mode: args.directory_mode,
        checksum: args.checksum,
        validate: args.validate,
        file: args.file,
    };
    if let Some(payload) = payload(call)? {
        return placement.place(call, &payload);
    }
    match (args.src, args.content) {
        (Some(_), Some(_)) => Err(Stop::failed("src and content are mutually exclusive")),
        (None, None) => Err(Stop::failed("src (or content) is required")),
        (None, Some(content)) => {
            let source =
                Source { content: content.as_bytes(), mode: None, basename: None, shown: None, on_host: false };
            placement.place_file(call, &source)
        }
        (Some(src), None) if args.remote_src => {
            placement.place_from_host(call, &src, args.local_follow.unwrap_or(false))
        }
        (Some(src), None) => Err(Stop::failed(format!(
            "{} is on the controller, which sent no content of it; with `remote_src: true` it is taken from the host",
            src.display()
        ))),
    }
}

impl Placement {
    /// Puts what the controller sent.
    pub fn place(&self, call: &Call<'_>, payload: &Payload) -> ModuleResult {
        match payload {
            Payload::File { sha256, mode, basename, source } => {
                let content = blob(call, sha256)?;
                let source = Source {
                    content: &content,
                    mode: *mode,
                    basename: basename.as_deref(),
                    shown: source.as_deref(),
                    on_host: false,
                };
                self.place_file(call, &source)
            }
            Payload::Tree { root, entries, source } => {
                copy_tree::from_controller(self, call, root.as_deref(), entries, source)
            }
        }
    }

    /// `remote_src`.
    fn place_from_host(&self, call: &Call<'_>, src: &Path, follow_links: bool) -> ModuleResult {
        let host = call.host;
        let from = absolute(host, src)?;
        match host.files.stat(&from, true)? {
            None => Err(Stop::failed(format!("Source {} not found", src.display()))),
            Some(stat) if stat.kind == Kind::Directory => {
                copy_tree::within_host(self, call, &from, src, stat.mode, follow_links)
            }
            Some(stat) => {
                let content = host.files.read(&from)?;
                let name = from.file_name().map(|name| name.to_string_lossy().into_owned());
                let source = Source {
                    content: &content,
                    mode: Some(stat.mode),
                    basename: name.as_deref(),
                    shown: Some(&src.to_string_lossy()),
                    on_host: true,
                };
                self.place_file(call, &source)
            }
        }
    }

    /// Puts one file where `dest` says. A failure, too, tells the checksum of what the controller sent.
    pub fn place_file(&self, call: &Call<'_>, source: &Source<'_>) -> ModuleResult {
        let checksum = Algorithm::Sha1.of(source.content);
        self.place_content(call, source, &checksum).map_err(|stop| match stop {
            Stop::Failed(failure) if !source.on_host => failure.with("checksum", checksum).into(),
            other => other,
        })
    }

    fn place_content(&self, call: &Call<'_>, source: &Source<'_>, checksum: &str) -> ModuleResult {
        let host = call.host;
        if let Some(expected) = self.checksum.as_ref().filter(|expected| !expected.eq_ignore_ascii_case(checksum)) {
            return Err(Failure::new("Copied file does not match the expected checksum. Transfer failed.")
                .with("checksum", checksum)
                .with("expected_checksum", expected.as_str())
                .into());
        }
        let wanted = self.file.wanted(host)?;
        let path = self.destination(host, &wanted, source.basename)?;
        let Some(put) = self.put(call, &path, source, &wanted)? else {
            // The file exists and `force` is off: Ansible leaves its attributes alone too.
            let outcome = Outcome::ok().with("dest", text(&path));
            return Ok(match source.shown {
                Some(shown) => outcome.with("src", shown),
                None => outcome,
            });
        };
        let mut outcome = Outcome::changed(put.done.written || put.done.attributes.any());
        if put.done.written || source.on_host {
            outcome = outcome.with("dest", text(&put.path));
            if let Some(shown) = source.shown {
                outcome = outcome.with("src", shown);
            }
            outcome = outcome.with("md5sum", Algorithm::Md5.of(source.content));
        } else {
            outcome = outcome.with("path", text(&put.path)).with("dest", text(&put.path));
        }
        outcome = outcome.with("checksum", checksum);
        if let Some(kept) = &put.done.backup_file {
            outcome = outcome.with("backup_file", text(kept));
        }
        describe(host, &put.path, &mut outcome.result)?;
        outcome.diff = put.diffs(call, source, &path);
        Ok(outcome)
    }

    /// The file that content goes to: `dest`, or the source's name in it. Makes the directories of a `dest` that ends
    /// with a slash.
    fn destination(&self, host: &Host<'_>, wanted: &Wanted, basename: Option<&str>) -> Result<PathBuf, Stop> {
        let written = absolute(host, &self.dest)?;
        let path = without_slash(&written);
        let directory = match host.files.stat(&path, true)? {
            Some(stat) if stat.kind == Kind::Directory => true,
            Some(_) if ends_with_slash(&written) => {
                return Err(Stop::failed(format!(
                    "{} is a file, and not the directory that its final slash says",
                    path.display()
                )));
            }
            Some(_) => false,
            None => ends_with_slash(&written),
        };
        if directory {
            let Some(basename) = basename else {
                return Err(Stop::failed("can not use content with a dir as dest"));
            };
            make_directories(host, &path, Some(&wanted.with_mode(self.directory_mode.clone())))?;
            return Ok(path.join(basename));
        }
        match path.parent() {
            Some(parent) if !host.files.stat(parent, true)?.is_some_and(|stat| stat.kind == Kind::Directory) => {
                Err(Stop::failed(format!("Destination directory {} does not exist", parent.display())))
            }
            _ => Ok(path),
        }
    }

    /// Puts one file at a path; `None` where it exists and is to be left alone.
    pub fn put(&self, call: &Call<'_>, path: &Path, source: &Source<'_>, wanted: &Wanted) -> Result<Option<Put>, Stop> {
        let host = call.host;
        let mut path = path.to_owned();
        let mut before = None;
        if let Some(stat) = host.files.stat(&path, true)? {
            if stat.kind != Kind::File {
                return Err(Stop::failed(format!(
                    "{} is there and is no file, so no content can be put into it",
                    path.display()
                )));
            }
            if !self.force {
                return Ok(None);
            }
            if self.follow {
                path = host.files.canonical(&path)?;
            }
            before = Some(host.files.read(&path)?);
        }
        let default = if source.basename.is_none() { 0o600 } else { 0o644 };
        let done = Content {
            path: &path,
            before: before.as_deref(),
            after: source.content,
            wanted: &wanted.preserving(source.mode.unwrap_or(default)),
            backup: self.backup,
            validate: self.validate.as_deref(),
        }
        .put(host)?;
        Ok(Some(Put { path, before, done }))
    }
}

/// A file that was put in its place.
pub struct Put {
    /// Where it is, links resolved where they are followed.
    pub path: PathBuf,
    /// Its content before.
    pub before: Option<Vec<u8>>,
    /// What was done.
    pub done: Done,
}

impl Put {
    /// The differences: of the content and of the attributes, each where there is one.
    pub fn diffs(&self, call: &Call<'_>, source: &Source<'_>, path: &Path) -> Vec<Diff> {
        let mut diffs = Vec::new();
        if self.done.written && call.diff {
            let shown = text(path);
            let after = source.shown.unwrap_or(&shown);
            // A file that was not there has no name before.
            let before = if self.before.is_some() { shown.as_str() } else { "" };
            let diff = content_diff(before, after, self.before.as_deref(), Some(source.content));
            diffs.push(if before.is_empty() { Diff { file: shown, ..diff } } else { diff });
        }
        diffs.extend(self.done.attributes.diff_of(&self.path));
        diffs
    }
}

/// A path for a result.
pub fn text(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::Context;
    use crate::host::live::Live;
    use serde_json::{Map, Value, json};
    use std::os::unix::fs::PermissionsExt as _;

    fn copy(args: Value, diff: bool) -> ModuleResult {
        let args: Map<String, Value> = args.as_object().cloned().unwrap_or_default();
        let live = Live::new(Context::default());
        run(&Call { diff, ..Call::new(&args, &live.host()) })
    }

    #[test]
    fn content_and_attributes_are_both_shown() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("f");
        std::fs::write(&path, "old\n").expect("a file");
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).expect("a mode");
        let args = json!({"content": "new\n", "dest": path, "mode": "0600"});
        let outcome = copy(args.clone(), true).expect("an outcome");
        let shown: Vec<_> = outcome.diff.iter().map(|diff| (diff.before.clone(), diff.after.clone())).collect();
        let of = |mode: &str| json!({"path": path, "mode": mode});
        assert_eq!(shown, [(json!("old\n"), json!("new\n")), (of("0644"), of("0600"))]);
        let again = copy(args, true).expect("an outcome");
        assert!(!again.changed && again.diff.is_empty());
    }

    #[test]
    fn two_backups_in_one_second_are_two() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("f");
        std::fs::write(&path, "0").expect("a file");
        let mut kept = Vec::new();
        for content in ["1", "2", "3"] {
            let outcome = copy(json!({"content": content, "dest": path, "backup": true}), false).expect("an outcome");
            let name = outcome.result["backup_file"].as_str().expect("a backup").to_owned();
            kept.push(std::fs::read_to_string(&name).expect("the old content"));
        }
        assert_eq!(kept, ["0", "1", "2"]);
        assert_eq!(std::fs::read_dir(directory.path()).expect("a directory").count(), 4);
    }

    #[test]
    fn nothing_is_left_of_a_content_that_is_refused() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("f");
        for wrong in [
            json!({"content": "x", "dest": path, "validate": "grep -q y %s"}),
            json!({"content": "x", "dest": path, "checksum": "00"}),
            json!({"content": "x", "dest": path, "owner": "no-such-user"}),
            json!({"content": "x", "dest": path.join("below")}),
        ] {
            assert!(copy(wrong, false).is_err());
            assert_eq!(std::fs::read_dir(directory.path()).expect("a directory").count(), 0);
        }
    }

    #[test]
    fn a_payload_is_read_as_it_is_written() {
        let payload = Payload::Tree {
            root: None,
            entries: vec![
                Entry { path: "d".into(), kind: EntryKind::Directory },
                Entry { path: "d/f".into(), kind: EntryKind::File { sha256: "00".to_owned(), mode: 0o644 } },
                Entry { path: "l".into(), kind: EntryKind::Link { target: "d".into() } },
            ],
            source: "files/".to_owned(),
        };
        let json = serde_json::to_value(&payload).expect("JSON");
        assert_eq!(serde_json::from_value::<Payload>(json).expect("a payload"), payload);
    }
}
