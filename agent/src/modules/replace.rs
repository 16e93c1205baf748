//! `replace`: every match of an expression in a file.

use super::byte_text::Encoding;
use super::file_attributes::FileArgs;
use super::python_regex::{Flags, Regex, Subject};
use super::text_edit::{self, Edit};
use super::{Call, Module};
use crate::args;
use crate::args::Args as _;
use crate::outcome::{ModuleResult, Outcome, Stop};
use std::path::PathBuf;

args! {
    /// What `replace` takes.
    pub struct Args {
        /// The file to edit.
        [aliases = ["dest", "destfile", "name"]]
        path: PathBuf,
        /// The Python regular expression to find. `^` and `$` match at lines; `.` matches no newline.
        regexp: String,
        /// What takes the place of each match; `\1` and `\g<name>` stand for groups. Empty removes the matches.
        replace: String = String::new(),
        /// Only what follows a match of this expression is touched; `.` matches newlines in it.
        after: Option<String>,
        /// Only what precedes a match of this expression is touched; `.` matches newlines in it.
        before: Option<String>,
        /// Keep the old file beside the new one.
        backup: bool = false,
        /// A command that must accept the new content before it is in its place; `%s` stands for the file.
        validate: Option<String>,
        /// The encoding of the file. Bytes that are no text in UTF-8 are kept as they are.
        encoding: String = "utf-8".to_owned(),
    } with {
        /// Mode, owner and the like.
        file: FileArgs,
    }
}

/// The declaration.
pub static MODULE: Module = Module {
    name: "replace",
    aliases: &[],
    summary: "Replace every match of a regular expression in a text file",
    args: Args::specs,
    rules: &[],
    free_form: None,
    run: Some(run),
};

fn run(call: &Call<'_>) -> ModuleResult {
    let args: Args = call.args()?;
    let encoding = Encoding::named(&args.encoding).map_err(Stop::failed)?;
    let edited = text_edit::read(call.host, &args.path)?;
    let Some(before) = &edited.before else { return Err(edited.missing("Path")) };
    let text = encoding.decode(before).map_err(Stop::failed)?;
    let section = match args.section() {
        None => 0..text.len(),
        Some(pattern) => {
            let flags = Flags { dotall: true, ..Flags::default() };
            let regex = Regex::new(&pattern, Subject::Text, flags).map_err(Stop::failed)?;
            let found = regex.captures(&text).map_err(Stop::failed)?;
            match found.and_then(|groups| groups.name("subsection").map(|found| found.range())) {
                Some(section) => section,
                None => {
                    let why = format!("Pattern for before/after params did not match the given file: {pattern}");
                    return Ok(Outcome::ok().with("msg", why).with("rc", 0));
                }
            }
        }
    };
    let flags = Flags { multiline: true, ..Flags::default() };
    let regex = Regex::new(&args.regexp, Subject::Text, flags).map_err(Stop::failed)?;
    let wrong = |error| Stop::failed(format!("Unable to process replace due to error: {error}"));
    let replacement = regex.replacement(&args.replace).map_err(wrong)?;
    let (new, count) = regex.substitute(&text[section.clone()], &replacement).map_err(wrong)?;
    let whole = [&text[..section.start], &new, &text[section.end..]].concat();
    let path = edited.shown.to_string_lossy().into_owned();
    let edit = Edit {
        after: Some(encoding.encode(&whole).map_err(Stop::failed)?),
        message: format!("{count} replacements made"),
        backup: args.backup,
        validate: args.validate.as_deref(),
        file: &args.file,
        headers: [path.clone(), path],
    };
    let (outcome, done) = edited.finish(call, edit)?;
    let outcome = outcome.with("rc", 0);
    Ok(match done.backup_file {
        Some(kept) => outcome.with("backup_file", kept.to_string_lossy()),
        None => outcome,
    })
}

impl Args {
    /// The expression whose group `subsection` is what may be touched.
    fn section(&self) -> Option<String> {
        match (&self.after, &self.before) {
            (None, None) => None,
            (Some(after), None) => Some(format!("{after}(?P<subsection>.*)")),
            (None, Some(before)) => Some(format!("(?P<subsection>.*){before}")),
            (Some(after), Some(before)) => Some(format!("{after}(?P<subsection>.*?){before}")),
        }
    }
}
