//! `file`: what a path is, and its attributes.

use super::copy::text;
use super::file_attributes::{Change, FileArgs, Wanted, describe, describe_failure, state_word};
use super::file_content::{make_directories, put_hard_link, put_link};
use super::file_times::TimeArgs;
use super::host_path::{absolute, without_slash};
use super::{Call, Module};
use crate::args::Args as _;
use crate::host::{Host, Kind, WriteOptions};
use crate::outcome::{Diff, Failure, ModuleResult, Outcome, Stop};
use crate::{args, choices};
use serde_json::{Map, Value, json};
use std::path::{Path, PathBuf};

choices! {
    /// What a path is to be.
    pub enum State {
        /// Nothing.
        Absent = "absent",
        /// A directory.
        Directory = "directory",
        /// A file that exists.
        File = "file",
        /// A hard link.
        Hard = "hard",
        /// A symbolic link.
        Link = "link",
        /// A file, made empty where it does not exist.
        Touch = "touch",
    }
}

args! {
    /// What `file` takes.
    pub struct Args {
        /// The path.
        [aliases = ["dest", "name"]]
        path: PathBuf,
        /// What it is to be. Without a state: what it is; where nothing is, a directory with `recurse`, else a file
        /// (which is an error: `touch` makes files).
        state: Option<State>,
        /// What a link points to. For `link` as it is to be written, relative to the link's directory where it is
        /// relative; for `hard` a path.
        src: Option<PathBuf>,
        /// Give everything in the directory the same attributes.
        recurse: bool = false,
        /// Make a link to what does not exist, and put a link in the place of a file or an empty directory.
        force: bool = false,
        /// Where the path is a link, act on what it points to.
        follow: bool = true,
        /// Only tell whether there is text at the path, as what comes before a difference is shown.
        [name = "_diff_peek"]
        diff_peek: Option<bool>,
    } with {
        /// Times.
        times: TimeArgs,
        /// Mode, owner and the like.
        file: FileArgs,
    }
}

/// The declaration.
pub static MODULE: Module = Module {
    name: "file",
    aliases: &[],
    summary: "Make files, directories and links, remove them, set their attributes",
    args: Args::specs,
    rules: &[],
    free_form: None,
    run: Some(run),
};

/// How much of a file tells whether it is text.
const PEEKED: u64 = 8192;

/// What is at a path now.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Now {
    Absent,
    File,
    Hard,
    Link,
    Directory,
}

impl Now {
    fn word(self) -> &'static str {
        match self {
            Now::Absent => "absent",
            Now::File => "file",
            Now::Hard => "hard",
            Now::Link => "link",
            Now::Directory => "directory",
        }
    }
}

fn look(host: &Host<'_>, path: &Path) -> Result<Now, Stop> {
    Ok(match host.files.stat(path, false)? {
        None => Now::Absent,
        Some(stat) => match state_word(&stat) {
            "link" => Now::Link,
            "directory" => Now::Directory,
            "hard" => Now::Hard,
            _ => Now::File,
        },
    })
}

fn run(call: &Call<'_>) -> ModuleResult {
    let args: Args = call.args()?;
    let host = call.host;
    let mut path = without_slash(&absolute(host, &args.path)?);
    if args.diff_peek.is_some() {
        // What can't be read may be text.
        let head = host.files.read_at(&path, 0, PEEKED).unwrap_or_default();
        return Ok(Outcome::ok().with("path", text(&path)).with("appears_binary", head.contains(&0)));
    }
    let now = look(host, &path)?;
    let state = args.state.unwrap_or(match now {
        Now::Absent if args.recurse => State::Directory,
        Now::Absent | Now::File => State::File,
        Now::Hard => State::Hard,
        Now::Link => State::Link,
        Now::Directory => State::Directory,
    });
    if !matches!(state, State::Link | State::Absent) && is_directory(host, &path)? {
        // A directory that is to be something in it: the source's name there.
        let name = call.args.get("_original_basename").and_then(Value::as_str).map(PathBuf::from);
        if let Some(name) = name.as_deref().or(args.src.as_deref()).and_then(Path::file_name) {
            path.push(name);
        }
    }
    let task = Task { call, host, wanted: args.file.wanted(host)?, args: &args };
    let done = task.checked(state).and_then(|()| match state {
        State::Absent => task.absent(&path),
        State::File => task.file(&path),
        State::Directory => task.directory(&path),
        State::Touch => task.touch(&path),
        State::Link => task.link(&path),
        State::Hard => task.hard(&path),
    });
    done.map_err(|stop| describe_failure(host, &path, stop))
}

fn is_directory(host: &Host<'_>, path: &Path) -> Result<bool, Stop> {
    Ok(host.files.stat(path, true)?.is_some_and(|stat| stat.kind == Kind::Directory))
}

/// One call with what was looked up for it.
struct Task<'a> {
    call: &'a Call<'a>,
    host: &'a Host<'a>,
    args: &'a Args,
    wanted: Wanted,
}

/// What changed of a path, for its difference.
struct Changed {
    any: bool,
    before: Map<String, Value>,
    after: Map<String, Value>,
}

impl Changed {
    fn nothing(path: &Path) -> Changed {
        let path: Map<_, _> = [("path".to_owned(), text(path).into())].into_iter().collect();
        Changed { any: false, before: path.clone(), after: path }
    }

    fn note(&mut self, name: &str, before: impl Into<Value>, after: impl Into<Value>) {
        self.any = true;
        self.before.insert(name.to_owned(), before.into());
        self.after.insert(name.to_owned(), after.into());
    }

    fn attributes(&mut self, change: &Change) {
        let (before, after) = change.maps();
        self.any |= !after.is_empty();
        self.before.extend(before);
        self.after.extend(after);
    }

    fn outcome(self) -> Outcome {
        let outcome = Outcome::changed(self.any);
        if !self.any {
            return outcome;
        }
        outcome.with_diff(Diff::of_state("", self.before.into(), self.after.into()))
    }
}

impl Task<'_> {
    fn checked(&self, state: State) -> Result<(), Stop> {
        if self.args.recurse && state != State::Directory {
            return Err(Stop::failed("recurse option requires state to be 'directory'"));
        }
        if self.args.src.is_some() && !matches!(state, State::Link | State::Hard) {
            return Err(Stop::failed("src option requires state to be 'link' or 'hard'"));
        }
        Ok(())
    }

    /// The path, or where it points to.
    fn followed(&self, path: &Path) -> Result<(PathBuf, Now), Stop> {
        let now = look(self.host, path)?;
        if now != Now::Link || !self.args.follow {
            return Ok((path.to_owned(), now));
        }
        let path = self.host.files.canonical(path)?;
        let now = look(self.host, &path)?;
        Ok((path, now))
    }

    /// Attributes and times of something that exists.
    fn attributes(&self, path: &Path, follow: bool, touch: bool, changed: &mut Changed) -> Result<(), Stop> {
        changed.attributes(&self.wanted.apply(self.host, path, follow)?);
        self.times(path, follow, touch, changed)
    }

    fn times(&self, path: &Path, follow: bool, touch: bool, changed: &mut Changed) -> Result<(), Stop> {
        for (name, before, after) in self.args.times.apply(self.host, path, follow, touch)? {
            changed.note(name, before, after);
        }
        Ok(())
    }

    fn finish(&self, changed: Changed, name: &str, path: &Path) -> ModuleResult {
        let mut outcome = changed.outcome().with(name, text(path));
        describe(self.host, path, &mut outcome.result)?;
        Ok(outcome)
    }

    fn file(&self, path: &Path) -> ModuleResult {
        let (path, now) = self.followed(path)?;
        if !matches!(now, Now::File | Now::Hard) {
            let why = format!("file ({}) is {}, cannot continue", path.display(), now.word());
            return Err(describe_failure(self.host, &path, Stop::failed(why)));
        }
        let mut changed = Changed::nothing(&path);
        self.attributes(&path, false, false, &mut changed)?;
        self.finish(changed, "path", &path)
    }

    fn absent(&self, path: &Path) -> ModuleResult {
        let now = look(self.host, path)?;
        let mut changed = Changed::nothing(path);
        if now != Now::Absent {
            changed.note("state", now.word(), "absent");
        }
        match now {
            Now::Absent => {}
            Now::Directory => {
                if self.call.diff {
                    let (mut directories, mut files) = (Vec::new(), Vec::new());
                    self.content(path, &mut directories, &mut files)?;
                    let content = json!({"directories": directories, "files": files});
                    changed.before.insert("path_content".to_owned(), content);
                }
                self.host.files.remove_tree(path)?;
            }
            Now::File | Now::Hard | Now::Link => self.host.files.remove_file(path)?,
        }
        Ok(changed.outcome().with("path", text(path)).with("state", "absent"))
    }

    /// What is in a directory, for the difference of its removal.
    fn content(&self, path: &Path, directories: &mut Vec<String>, files: &mut Vec<String>) -> Result<(), Stop> {
        for name in self.host.files.list(path)? {
            let path = path.join(name);
            if look(self.host, &path)? == Now::Directory {
                directories.push(text(&path));
                self.content(&path, directories, files)?;
            } else {
                files.push(text(&path));
            }
        }
        Ok(())
    }

    fn directory(&self, path: &Path) -> ModuleResult {
        let (path, now) = self.followed(path)?;
        let mut changed = Changed::nothing(&path);
        match now {
            Now::Absent => {
                changed.note("state", "absent", "directory");
                make_directories(self.host, &path, Some(&self.wanted))?;
            }
            Now::Directory => {}
            other => {
                let why = format!("{} already exists as a {}", path.display(), other.word());
                return Err(describe_failure(self.host, &path, Stop::failed(why)));
            }
        }
        self.attributes(&path, false, false, &mut changed)?;
        if self.args.recurse {
            self.below(&path, &mut changed, &mut Vec::new())?;
        }
        self.finish(changed, "path", &path)
    }

    /// `recurse`. `above` are the real paths of the directories on the way: links may lead back.
    fn below(&self, directory: &Path, changed: &mut Changed, above: &mut Vec<PathBuf>) -> Result<(), Stop> {
        let real = self.host.files.canonical(directory)?;
        if above.contains(&real) {
            return Ok(());
        }
        above.push(real);
        for name in self.host.files.list(directory)? {
            let path = directory.join(name);
            let mut inner = Changed::nothing(&path);
            let now = look(self.host, &path)?;
            self.attributes(&path, false, false, &mut inner)?;
            if now == Now::Directory {
                self.below(&path, changed, above)?;
            }
            changed.any |= inner.any;
            if now == Now::Link && self.args.follow {
                let target = self.host.files.canonical(&path)?;
                let target_now = look(self.host, &target)?;
                if target_now != Now::Absent {
                    let mut inner = Changed::nothing(&target);
                    self.attributes(&target, false, false, &mut inner)?;
                    changed.any |= inner.any;
                }
                if target_now == Now::Directory {
                    self.below(&target, changed, above)?;
                }
            }
        }
        above.pop();
        Ok(())
    }

    fn touch(&self, path: &Path) -> ModuleResult {
        let now = look(self.host, path)?;
        let mut changed = Changed::nothing(path);
        changed.before.insert("state".to_owned(), now.word().into());
        changed.after.insert("state".to_owned(), "touch".into());
        if now == Now::Absent {
            if let Some(parent) = path.parent()
                && !is_directory(self.host, parent)?
            {
                return Err(Stop::failed(format!(
                    "Error, could not touch target. The directory {} does not exist",
                    parent.display()
                )));
            }
            changed.any = true;
            let new = super::file_attributes::of_new(self.host, Kind::File)?;
            let options =
                WriteOptions { mode: self.wanted.bits(&new, self.host.files.umask()), ..WriteOptions::default() };
            self.host.files.write(path, b"", &options)?;
        } else if now == Now::Link && self.args.follow && self.host.files.stat(path, true)?.is_none() {
            let target = self.host.files.canonical(path)?;
            return Err(Stop::failed(format!(
                "Error while updating modification or access time: {} does not exist",
                target.display()
            )));
        }
        let mut attributes = Changed::nothing(path);
        self.attributes(path, self.args.follow, true, &mut attributes)?;
        changed.any |= attributes.any;
        changed.before.extend(attributes.before);
        changed.after.extend(attributes.after);
        self.finish(changed, "dest", path)
    }

    fn link(&self, path: &Path) -> ModuleResult {
        let host = self.host;
        let now = look(host, path)?;
        let mut changed = Changed::nothing(path);
        let src = match &self.args.src {
            Some(src) => Some(src.clone()),
            None if now != Now::Link => return Err(Stop::failed("src is required for creating new symlinks")),
            None if self.args.follow => Some(host.files.read_link(path)?),
            None => None,
        };
        if let Some(src) = self.args.src.as_ref() {
            let beside = if now == Now::Directory { path } else { path.parent().unwrap_or(path) };
            let target = beside.join(src);
            let refused = |why: String| Err(Failure::new(why).with("src", text(src)).into());
            if !self.args.force && host.files.stat(&target, true)?.is_none() {
                return refused(format!(
                    "src file does not exist, use 'force=yes' if you really want to create the link: {}",
                    target.display()
                ));
            }
            match now {
                Now::Absent => {
                    changed.note("state", "absent", "link");
                    host.files.symlink(src, path)?;
                }
                Now::Link => {
                    let before = host.files.read_link(path)?;
                    if before != *src {
                        changed.note("src", text(&before), text(src));
                        put_link(host, path, src)?;
                    }
                }
                other if !self.args.force => {
                    return refused(format!(
                        "refusing to convert from {} to symlink for {}",
                        other.word(),
                        path.display()
                    ));
                }
                Now::Directory if !host.files.list(path)?.is_empty() => {
                    return refused(format!("the directory {} is not empty, refusing to convert it", path.display()));
                }
                Now::Directory => {
                    changed.note("state", "directory", "link");
                    host.files.remove_tree(path)?;
                    host.files.symlink(src, path)?;
                }
                other => {
                    changed.note("state", other.word(), "link");
                    put_link(host, path, src)?;
                }
            }
        }
        let mut warning = None;
        if self.args.follow && host.files.stat(path, true)?.is_none() {
            warning = Some(
                "The link points to nothing, so it can be given no attributes; `follow: false` says that this is meant",
            );
        } else {
            self.attributes(path, self.args.follow, false, &mut changed)?;
        }
        let mut outcome = changed.outcome().with("dest", text(path)).with("src", src.map(|src| text(&src)));
        describe(host, path, &mut outcome.result)?;
        Ok(match warning {
            Some(warning) => outcome.warn(warning),
            None => outcome,
        })
    }

    fn hard(&self, path: &Path) -> ModuleResult {
        let host = self.host;
        let now = look(host, path)?;
        let mut changed = Changed::nothing(path);
        match &self.args.src {
            None if now == Now::Absent => return Err(Stop::failed("src is required for creating new hardlinks")),
            None => {}
            Some(src) => {
                let target = absolute(host, src)?;
                let refused = |why: &str| Err(Failure::new(why).with("dest", text(path)).with("src", text(src)).into());
                let Some(source) = host.files.stat(&target, true)? else { return refused("src does not exist") };
                match now {
                    Now::Absent => {
                        changed.note("state", "absent", "hard");
                        host.files.hard_link(&target, path)?;
                    }
                    Now::Link => {
                        changed.note("state", "link", "hard");
                        changed.note("src", text(&host.files.read_link(path)?), text(src));
                        put_hard_link(host, path, &target)?;
                    }
                    Now::Hard | Now::File => {
                        let there = host.files.stat(path, false)?;
                        let same = there.is_some_and(|there| there.inode == source.inode && there.dev == source.dev);
                        if !(same && now == Now::Hard) {
                            if !self.args.force {
                                return refused(match now {
                                    Now::Hard => "Cannot link, different hard link exists at destination",
                                    _ => "Cannot link, file exists at destination",
                                });
                            }
                            changed.note("state", now.word(), "hard");
                            put_hard_link(host, path, &target)?;
                        }
                    }
                    Now::Directory => return refused("Cannot link, directory exists at destination"),
                }
            }
        }
        self.attributes(path, self.args.follow, false, &mut changed)?;
        let src = self.args.src.as_deref().map(text);
        let mut outcome = changed.outcome().with("dest", text(path)).with("src", src);
        describe(host, path, &mut outcome.result)?;
        Ok(outcome)
    }
}
