//! `assemble`: a file put together from the files of a directory.
//!
//! With `remote_src: false` the controller puts the files of its own directory together by [`Assembly`] and sends the
//! content as [`Payload::File`](super::copy::Payload) in `_payload`.

use super::copy::{Placement, Source, payload, text};
use super::file_attributes::FileArgs;
use super::host_path::absolute;
use super::python_regex::{Flags, Regex, Subject};
use super::{Call, Module};
use crate::args;
use crate::args::Args as _;
use crate::host::Kind;
use crate::outcome::{ModuleResult, Stop};
use std::path::PathBuf;

args! {
    /// What `assemble` takes.
    pub struct Args {
        /// The directory of the files.
        src: PathBuf,
        /// The file to put together.
        dest: PathBuf,
        /// Keep the old file beside the new one.
        backup: bool = false,
        /// What to write between the files; `\n` and the like are understood.
        delimiter: Option<String>,
        /// `src` is a directory of the host; else of the controller.
        remote_src: bool = true,
        /// Take only files whose name this Python regular expression matches anywhere.
        regexp: Option<String>,
        /// Leave files out whose name begins with a dot.
        ignore_hidden: bool = false,
        /// Decrypt vault files of the controller.
        decrypt: bool = true,
        /// A command that must accept the new content before it is in its place; `%s` stands for the file.
        validate: Option<String>,
    } with {
        /// Mode, owner and the like.
        file: FileArgs,
    }
}

/// The declaration.
pub static MODULE: Module = Module {
    name: "assemble",
    aliases: &[],
    summary: "Put a file together from the files of a directory",
    args: Args::specs,
    rules: &[],
    free_form: None,
    run: Some(run),
};

/// Which files are taken, and how they are put together.
pub struct Assembly {
    delimiter: Option<Vec<u8>>,
    regexp: Option<Regex>,
    ignore_hidden: bool,
    content: Vec<u8>,
    begun: bool,
}

impl Assembly {
    /// An assembly of nothing yet. The error says what is wrong with `regexp` or `delimiter`.
    pub fn new(delimiter: Option<&str>, regexp: Option<&str>, ignore_hidden: bool) -> Result<Assembly, String> {
        let regexp = regexp.map(|pattern| Regex::new(pattern, Subject::Text, Flags::default())).transpose()?;
        let delimiter = delimiter.map(unescaped).transpose()?;
        Ok(Assembly { delimiter, regexp, ignore_hidden, content: Vec::new(), begun: false })
    }

    /// Whether a file of this name is taken.
    pub fn takes(&self, name: &str) -> Result<bool, String> {
        if self.ignore_hidden && name.starts_with('.') {
            return Ok(false);
        }
        self.regexp.as_ref().map_or(Ok(true), |regexp| regexp.matches(name))
    }

    /// Appends a file: they come in the order of their names.
    pub fn add(&mut self, content: &[u8]) {
        if self.begun {
            self.end_line();
            if let Some(delimiter) = &self.delimiter {
                self.content.extend(delimiter);
                self.end_line();
            }
        }
        self.content.extend(content);
        self.begun = true;
    }

    fn end_line(&mut self) {
        if self.content.last().is_some_and(|last| *last != b'\n') {
            self.content.push(b'\n');
        }
    }

    /// The whole.
    pub fn finish(self) -> Vec<u8> {
        self.content
    }
}

/// A text with the escapes of Python's byte strings resolved.
fn unescaped(text: &str) -> Result<Vec<u8>, String> {
    let mut out = Vec::new();
    let mut rest = text.as_bytes();
    while let Some((byte, after)) = rest.split_first() {
        rest = after;
        if *byte != b'\\' {
            out.push(*byte);
            continue;
        }
        let Some((letter, after)) = rest.split_first() else {
            return Err("a backslash ends the delimiter".to_owned());
        };
        rest = after;
        match letter {
            b'n' => out.push(b'\n'),
            b't' => out.push(b'\t'),
            b'r' => out.push(b'\r'),
            b'a' => out.push(7),
            b'b' => out.push(8),
            b'f' => out.push(12),
            b'v' => out.push(11),
            b'\\' | b'\'' | b'"' => out.push(*letter),
            b'x' => {
                let digits = rest.get(..2).and_then(|digits| std::str::from_utf8(digits).ok());
                let number = digits.and_then(|digits| u8::from_str_radix(digits, 16).ok());
                out.push(number.ok_or("\\x of the delimiter is not followed by two hexadecimal digits")?);
                rest = &rest[2..];
            }
            b'0'..=b'7' => {
                let more = rest.iter().take(2).take_while(|digit| (b'0'..=b'7').contains(digit)).count();
                let digits = rest[..more].iter().fold(u32::from(letter - b'0'), |n, d| n * 8 + u32::from(d - b'0'));
                out.push((digits & 0xFF) as u8);
                rest = &rest[more..];
            }
            other => out.extend([b'\\', *other]),
        }
    }
    Ok(out)
}

fn run(call: &Call<'_>) -> ModuleResult {
    let args: Args = call.args()?;
    let host = call.host;
    let placement = Placement {
        dest: args.dest,
        backup: args.backup,
        force: true,
        follow: false,
        directory_mode: None,
        checksum: None,
        validate: args.validate,
        file: args.file,
    };
    if let Some(payload) = payload(call)? {
        return placement.place(call, &payload);
    }
    let from = absolute(host, &args.src)?;
    match host.files.stat(&from, true)? {
        None => return Err(Stop::failed(format!("Source ({}) does not exist", from.display()))),
        Some(stat) if stat.kind != Kind::Directory => {
            return Err(Stop::failed(format!("Source ({}) is not a directory", from.display())));
        }
        Some(_) => {}
    }
    let mut assembly =
        Assembly::new(args.delimiter.as_deref(), args.regexp.as_deref(), args.ignore_hidden).map_err(Stop::failed)?;
    for name in host.files.list(&from)? {
        let path = from.join(&name);
        let file = host.files.stat(&path, true)?.is_some_and(|stat| stat.kind == Kind::File);
        if file && assembly.takes(&name.to_string_lossy()).map_err(Stop::failed)? {
            assembly.add(&host.files.read(&path)?);
        }
    }
    let content = assembly.finish();
    let shown = text(&from);
    let source = Source { content: &content, mode: None, basename: None, shown: Some(&shown), on_host: true };
    Ok(placement.place_file(call, &source)?.with("msg", "OK"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_are_those_of_byte_strings() {
        assert_eq!(unescaped(r"-\n\x41\101\\\q"), Ok(b"-\nAA\\\\q".to_vec()));
        assert!(unescaped("\\").is_err());
        assert!(unescaped(r"\xg0").is_err());
    }
}
