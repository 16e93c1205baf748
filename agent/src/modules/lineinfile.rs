//! `lineinfile`: one line of a file is there, or is not.

use super::byte_text::{of_bytes, to_bytes};
use super::file_attributes::FileArgs;
use super::python_regex::{Flags, Regex, Subject};
use super::text_edit::{self, Edit};
use super::{Call, Module, Rule};
use crate::args::Args as _;
use crate::outcome::{ModuleResult, Outcome, Stop};
use crate::{args, choices};
use std::path::PathBuf;

choices! {
    /// Whether the line is to be there.
    pub enum State {
        /// There.
        Present = "present",
        /// Not there.
        Absent = "absent",
    }
}

args! {
    /// What `lineinfile` takes.
    pub struct Args {
        /// The file to edit.
        [aliases = ["dest", "destfile", "name"]]
        path: PathBuf,
        /// The line to have; with `backrefs`, `\1` and `\g<name>` in it stand for the groups of `regexp`.
        [aliases = ["value"]]
        line: Option<String>,
        /// The last line that this Python regular expression matches is replaced by `line` (or every one removed). It
        /// should match the line before and after the replacement.
        [aliases = ["regex"]]
        regexp: Option<String>,
        /// As `regexp`, but text to be found anywhere in the line.
        search_string: Option<String>,
        /// Whether the line is to be there.
        state: State = State::Present,
        /// Fill the groups of `regexp` into `line`; where `regexp` does not match the file is left alone.
        backrefs: bool = false,
        /// Where nothing matches, insert after the last line that this expression matches; `EOF` for the end.
        insertafter: Option<String>,
        /// Where nothing matches, insert before the last line that this expression matches; `BOF` for the start.
        insertbefore: Option<String>,
        /// Take the first line that matches, not the last.
        firstmatch: bool = false,
        /// Make the file, and the directories on the way, where it does not exist.
        create: bool = false,
        /// Keep the old file beside the new one.
        backup: bool = false,
        /// A command that must accept the new content before it is in its place; `%s` stands for the file.
        validate: Option<String>,
    } with {
        /// Mode, owner and the like.
        file: FileArgs,
    }
}

/// The declaration.
pub static MODULE: Module = Module {
    name: "lineinfile",
    aliases: &[],
    summary: "Make sure that a line is in a text file, or is not, or replace a line",
    args: Args::specs,
    rules: &[
        Rule::MutuallyExclusive(&["insertbefore", "insertafter"]),
        Rule::MutuallyExclusive(&["regexp", "search_string"]),
        Rule::MutuallyExclusive(&["backrefs", "search_string"]),
    ],
    free_form: None,
    run: Some(run),
};

/// What makes a line the one that is meant.
enum Finder {
    Regexp(Regex),
    Text(String),
    Line(String),
}

fn compile(pattern: &str) -> Result<Regex, Stop> {
    Regex::new(pattern, Subject::Bytes, Flags::default()).map_err(Stop::failed)
}

/// A line without its end.
fn bare(line: &str) -> &str {
    line.trim_end_matches(['\r', '\n'])
}

fn run(call: &Call<'_>) -> ModuleResult {
    let args: Args = call.args()?;
    args.check()?;
    let edited = text_edit::read(call.host, &args.path)?;
    if edited.before.is_none() {
        match args.state {
            State::Absent => return Ok(Outcome::ok().with("msg", "file not present")),
            State::Present if !args.create => return Err(edited.missing("Destination")),
            State::Present => {}
        }
    }
    let mut lines: Vec<String> =
        of_bytes(edited.before.as_deref().unwrap_or_default()).split_inclusive('\n').map(str::to_owned).collect();
    let (message, found) = match args.state {
        State::Present => (args.present(&mut lines)?.to_owned(), None),
        State::Absent => {
            let removed = args.absent(&mut lines)?;
            (format!("{removed} line(s) removed"), Some(removed))
        }
    };
    let edit = Edit {
        after: Some(to_bytes(&lines.concat())),
        message,
        backup: args.backup,
        validate: args.validate.as_deref(),
        file: &args.file,
        headers: text_edit::headers(&edited.shown),
    };
    let (mut outcome, done) = edited.finish(call, edit)?;
    let backup = done.backup_file.map(|path| path.to_string_lossy().into_owned()).unwrap_or_default();
    outcome = outcome.with("backup", backup);
    if let Some(found) = found {
        outcome = outcome.with("found", found);
    }
    for (name, value) in [("regexp", &args.regexp), ("search_string", &args.search_string)] {
        if value.as_deref() == Some("") {
            outcome =
                outcome.warn(format!("`{name}` is empty: it matches every line, so the last one is the one meant"));
        }
    }
    Ok(outcome)
}

impl Args {
    fn check(&self) -> Result<(), Stop> {
        let wrong = match self.state {
            State::Present if self.backrefs && self.regexp.is_none() => "regexp is required with backrefs=true",
            State::Present if self.line.is_none() => "line is required with state=present",
            State::Absent if self.line.is_none() && self.regexp.is_none() && self.search_string.is_none() => {
                "one of line, search_string, or regexp is required with state=absent"
            }
            _ => return Ok(()),
        };
        Err(Stop::failed(wrong))
    }

    fn finder(&self) -> Result<Finder, Stop> {
        Ok(match (&self.regexp, &self.search_string, &self.line) {
            (Some(pattern), _, _) => Finder::Regexp(compile(pattern)?),
            (None, Some(text), _) => Finder::Text(of_bytes(text.as_bytes())),
            (None, None, line) => Finder::Line(of_bytes(line.clone().unwrap_or_default().as_bytes())),
        })
    }

    /// Edits the lines and says what was done; nothing was where they are as before.
    fn present(&self, lines: &mut Vec<String>) -> Result<&'static str, Stop> {
        let line = of_bytes(self.line.clone().unwrap_or_default().as_bytes());
        let finder = self.finder()?;
        let (place, after) = match (&self.insertafter, &self.insertbefore) {
            (Some(place), _) => (Some(place.as_str()), true),
            (None, place) => (place.as_deref(), false),
        };
        let place_regexp = match place {
            Some(pattern) if !matches!(pattern, "BOF" | "EOF") => Some(compile(pattern)?),
            _ => None,
        };
        let (mut meant, mut there, mut insert_at) = (None, None, None);
        for (index, current) in lines.iter().enumerate() {
            let found = match &finder {
                Finder::Regexp(regex) => regex.matches(current).map_err(Stop::failed)?,
                Finder::Text(text) => current.contains(text.as_str()),
                Finder::Line(line) => bare(current) == line,
            };
            if found {
                meant = Some(index);
                if self.firstmatch {
                    break;
                }
            } else if bare(current) == line {
                there = Some(index);
            } else if let Some(regex) = &place_regexp
                && !(self.firstmatch && insert_at.is_some())
                && regex.matches(current).map_err(Stop::failed)?
            {
                insert_at = Some(index + usize::from(after));
            }
        }
        if let Some(index) = meant {
            let mut new = line;
            if self.backrefs
                && let Finder::Regexp(regex) = &finder
                && let Some(groups) = regex.captures(&lines[index]).map_err(Stop::failed)?
            {
                let template = self.line.as_deref().unwrap_or_default();
                new = String::new();
                regex.replacement(template).map_err(Stop::failed)?.expand(&groups, &mut new);
            }
            if !new.ends_with('\n') {
                new.push('\n');
            }
            lines[index] = new;
            return Ok("line replaced");
        }
        if self.backrefs || there.is_some() {
            return Ok("");
        }
        let at = match (place, insert_at) {
            (Some("BOF"), _) => 0,
            (_, Some(at)) => at,
            _ => lines.len(),
        };
        // The last line may lack its end: what follows it must not become a part of it.
        if at == lines.len()
            && let Some(last) = lines.last_mut()
            && !last.ends_with('\n')
        {
            last.push('\n');
        }
        lines.insert(at, line + "\n");
        Ok("line added")
    }

    /// Removes what matches and says how many lines that were.
    fn absent(&self, lines: &mut Vec<String>) -> Result<usize, Stop> {
        let finder = self.finder()?;
        let before = lines.len();
        let mut kept = Vec::with_capacity(before);
        for line in lines.drain(..) {
            let found = match &finder {
                Finder::Regexp(regex) => regex.matches(&line).map_err(Stop::failed)?,
                Finder::Text(text) => line.contains(text.as_str()),
                Finder::Line(text) => bare(&line) == text,
            };
            if !found {
                kept.push(line);
            }
        }
        *lines = kept;
        Ok(before - lines.len())
    }
}
