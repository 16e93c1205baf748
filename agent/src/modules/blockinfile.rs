//! `blockinfile`: some lines of a file, between two marker lines.

use super::byte_text::{Encoding, of_bytes, to_bytes};
use super::file_attributes::FileArgs;
use super::lineinfile::State;
use super::python_regex::{Flags, Regex, Subject};
use super::text_edit::{self, Edit};
use super::{Call, Module, Rule};
use crate::args;
use crate::args::Args as _;
use crate::outcome::{ModuleResult, Stop};
use std::path::PathBuf;

args! {
    /// What `blockinfile` takes.
    pub struct Args {
        /// The file to edit.
        [aliases = ["dest", "destfile", "name"]]
        path: PathBuf,
        /// The lines to have between the markers. None at all takes the block away, markers included.
        [aliases = ["content"]]
        block: String = String::new(),
        /// Whether the block is to be there.
        state: State = State::Present,
        /// The marker lines; `{mark}` becomes `marker_begin` in the first and `marker_end` in the last.
        marker: String = "# {mark} ANSIBLE MANAGED BLOCK".to_owned(),
        /// What `{mark}` becomes in the first marker line.
        marker_begin: String = "BEGIN".to_owned(),
        /// What `{mark}` becomes in the last marker line.
        marker_end: String = "END".to_owned(),
        /// A new block goes after the last line that this expression matches; `EOF` for the end. With `(?m)` in it the
        /// whole file is searched, and the first match is the one.
        insertafter: Option<String>,
        /// A new block goes before the last line that this expression matches; `BOF` for the start.
        insertbefore: Option<String>,
        /// Have an empty line after the block, unless it ends the file.
        append_newline: bool = false,
        /// Have an empty line before the block, unless it starts the file.
        prepend_newline: bool = false,
        /// Make the file, and the directories on the way, where it does not exist.
        create: bool = false,
        /// Keep the old file beside the new one.
        backup: bool = false,
        /// A command that must accept the new content before it is in its place; `%s` stands for the file.
        validate: Option<String>,
        /// The encoding of the file: the block and the markers are written in it.
        encoding: String = "utf-8".to_owned(),
    } with {
        /// Mode, owner and the like.
        file: FileArgs,
    }
}

/// The declaration.
pub static MODULE: Module = Module {
    name: "blockinfile",
    aliases: &[],
    summary: "Have a block of lines between two marker lines in a text file",
    args: Args::specs,
    rules: &[Rule::MutuallyExclusive(&["insertbefore", "insertafter"])],
    free_form: None,
    run: Some(run),
};

fn run(call: &Call<'_>) -> ModuleResult {
    let args: Args = call.args()?;
    let encoding = Encoding::named(&args.encoding).map_err(Stop::failed)?;
    let edited = text_edit::read(call.host, &args.path)?;
    if edited.before.is_none() && !args.create {
        return Err(edited.missing("Path"));
    }
    let before = edited.before.as_deref().unwrap_or_default();
    let after = if encoding == Encoding::Utf8 {
        to_bytes(&args.edit(&of_bytes(before), Subject::Bytes, &|text| of_bytes(text.as_bytes()))?)
    } else {
        let text = encoding.decode(before).map_err(Stop::failed)?;
        encoding.encode(&args.edit(&text, Subject::Text, &str::to_owned)?).map_err(Stop::failed)?
    };
    let message = match edited.before {
        None => "File created",
        Some(_) if args.wants_block() => "Block inserted",
        Some(_) => "Block removed",
    };
    let edit = Edit {
        after: Some(after),
        message: message.to_owned(),
        backup: args.backup,
        validate: args.validate.as_deref(),
        file: &args.file,
        headers: text_edit::headers(&edited.shown),
    };
    let (mut outcome, done) = edited.finish(call, edit)?;
    if let Some(kept) = done.backup_file {
        outcome = outcome.with("backup_file", kept.to_string_lossy());
    }
    Ok(outcome)
}

impl Args {
    fn wants_block(&self) -> bool {
        self.state == State::Present && !self.block.is_empty()
    }

    /// The file's new text. `own` writes the arguments' texts as the file's.
    fn edit(&self, text: &str, subject: Subject, own: &dyn Fn(&str) -> String) -> Result<String, Stop> {
        let line = |text: String| if text.ends_with('\n') { text } else { text + "\n" };
        let marker = |mark: &str| line(own(&self.marker.replace("{mark}", mark)));
        let (begin, end) = (marker(&self.marker_begin), marker(&self.marker_end));
        let mut lines: Vec<String> = text.split_inclusive('\n').map(str::to_owned).collect();
        let first = lines.iter().rposition(|current| *current == begin);
        // An end that ends the file without a line's end is one all the same.
        let last = lines.iter().rposition(|current| *current == end || format!("{current}\n") == end);
        let mut at = match (first, last) {
            (Some(first), Some(last)) => {
                let (from, to) = (first.min(last), first.max(last));
                lines.drain(from..=to);
                from
            }
            _ if !self.wants_block() => return Ok(text.to_owned()),
            _ => self.place(text, &lines, subject)?,
        };
        if self.wants_block() {
            if at > 0
                && let Some(previous) = lines.get_mut(at - 1)
                && !previous.ends_with('\n')
            {
                previous.push('\n');
            }
            if self.prepend_newline && at > 0 && lines[at - 1] != "\n" {
                lines.insert(at, "\n".to_owned());
                at += 1;
            }
            if self.append_newline && at < lines.len() && lines[at] != "\n" {
                lines.insert(at, "\n".to_owned());
            }
            lines.insert(at, begin + &line(own(&self.block)) + &end);
        }
        Ok(lines.concat())
    }

    /// The line before which a new block goes.
    fn place(&self, text: &str, lines: &[String], subject: Subject) -> Result<usize, Stop> {
        let (pattern, after) = match (&self.insertafter, &self.insertbefore) {
            (Some(pattern), _) => (pattern, true),
            (None, Some(pattern)) => (pattern, false),
            (None, None) => return Ok(lines.len()),
        };
        match pattern.as_str() {
            "BOF" => return Ok(0),
            "EOF" => return Ok(lines.len()),
            _ => {}
        }
        let regex = Regex::new(pattern, subject, Flags::default()).map_err(Stop::failed)?;
        if regex.multiline() {
            // The first match, unlike below: so does Ansible.
            let Some(found) = regex.find(text).map_err(Stop::failed)? else { return Ok(lines.len()) };
            let ends = |until: usize| text[..until].matches('\n').count();
            return Ok(if after { (ends(found.end) + 1).min(lines.len()) } else { ends(found.start) });
        }
        let mut place = lines.len();
        for (index, line) in lines.iter().enumerate() {
            if regex.matches(line).map_err(Stop::failed)? {
                place = index + usize::from(after);
            }
        }
        Ok(place)
    }
}
