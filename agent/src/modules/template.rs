//! `template`: the controller renders, the host puts the text in its place as [`copy`](super::copy) does.
//!
//! The controller sends the rendered text as [`Payload::File`](super::copy::Payload) in `_payload`, with the template's
//! file name (its `.j2` included, as Ansible does for a `dest` that is a directory), its mode and its path.

use super::copy::{Placement, payload};
use super::file_attributes::FileArgs;
use super::{Call, Module};
use crate::args;
use crate::args::{Arg, Args as _, Kind};
use crate::outcome::{ModuleResult, Stop};
use serde_json::Value;
use std::path::PathBuf;

/// How lines end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NewlineSequence {
    /// As on Unix.
    Lf,
    /// As on old Macs.
    Cr,
    /// As on Windows.
    CrLf,
}

impl NewlineSequence {
    /// The characters.
    pub fn word(self) -> &'static str {
        match self {
            NewlineSequence::Lf => "\n",
            NewlineSequence::Cr => "\r",
            NewlineSequence::CrLf => "\r\n",
        }
    }
}

impl Arg for NewlineSequence {
    const KIND: Kind = Kind::Str;

    /// Takes the characters themselves, and the escapes that stand for them in single quotes.
    fn parse(value: &Value) -> Result<Self, String> {
        match value.as_str() {
            Some("\n" | "\\n") => Ok(NewlineSequence::Lf),
            Some("\r" | "\\r") => Ok(NewlineSequence::Cr),
            Some("\r\n" | "\\r\\n") => Ok(NewlineSequence::CrLf),
            _ => Err(format!("{value} is not one of \\n, \\r, \\r\\n")),
        }
    }

    fn show(&self) -> Value {
        Value::String(self.word().to_owned())
    }
}

args! {
    /// What `template` takes.
    pub struct Args {
        /// The template: a path on the controller, looked up in the role's `templates` and beside the playbook.
        src: PathBuf,
        /// Where to: a file, or a directory where it ends with `/` or is one.
        dest: PathBuf,
        /// Keep the old file beside the new one.
        backup: bool = false,
        /// Replace a file of another content; without it only a file that doesn't exist is written.
        force: bool = true,
        /// Where `dest` is a link, write what it points to.
        follow: bool = false,
        /// What starts a block.
        block_start_string: String = "{%".to_owned(),
        /// What ends a block.
        block_end_string: String = "%}".to_owned(),
        /// What starts a variable.
        variable_start_string: String = "{{".to_owned(),
        /// What ends a variable.
        variable_end_string: String = "}}".to_owned(),
        /// What starts a comment; `{#` where not given.
        comment_start_string: Option<String>,
        /// What ends a comment; `#}` where not given.
        comment_end_string: Option<String>,
        /// How lines end in what is written.
        newline_sequence: NewlineSequence = NewlineSequence::Lf,
        /// Drop the first line end after a block.
        trim_blocks: bool = true,
        /// Drop the white space before a block on its line.
        lstrip_blocks: bool = false,
        /// The encoding of what is written.
        output_encoding: String = "utf-8".to_owned(),
        /// A command that must accept the new content before it is in its place; `%s` stands for the file.
        validate: Option<String>,
    } with {
        /// Mode, owner and the like.
        file: FileArgs,
    }
}

/// The declaration.
pub static MODULE: Module = Module {
    name: "template",
    aliases: &[],
    summary: "Render a template on the controller and put the text into a file",
    args: Args::specs,
    rules: &[],
    free_form: None,
    run: Some(run),
};

fn run(call: &Call<'_>) -> ModuleResult {
    let args: Args = call.args()?;
    let Some(payload) = payload(call)? else {
        return Err(Stop::failed("the controller sent no rendered text; please report this"));
    };
    let placement = Placement {
        dest: args.dest,
        backup: args.backup,
        force: args.force,
        follow: args.follow,
        directory_mode: None,
        checksum: None,
        validate: args.validate,
        file: args.file,
    };
    placement.place(call, &payload)
}
