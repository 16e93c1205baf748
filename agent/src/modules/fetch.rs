//! `fetch`: the host's side of copying a file to the controller.
//!
//! # What the controller does
//! It calls the module again and again, with `_offset` (bytes, 0 at first) and `_length` (at most [`LONGEST_PIECE`], the
//! default), and appends the results' `content` (base64) until `eof` is true. The first result also tells `size`,
//! `checksum` (SHA-1) and `md5sum` of the whole file; with those it decides whether its own copy is good already, and
//! afterwards whether what it put together is what the host had. A host that has no such file answers `missing: true`
//! with the `msg` to show, unless `fail_on_missing`, where it fails. `dest`, `flat` and `validate_checksum` are the
//! controller's matters.

use super::checksum::Algorithm;
use super::host_path::absolute;
use super::{Call, Module};
use crate::args;
use crate::args::Args as _;
use crate::host::Kind;
use crate::outcome::{Failure, ModuleResult, Outcome, Stop};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use std::path::PathBuf;

/// Most bytes in one result.
pub const LONGEST_PIECE: u64 = 8 << 20;

args! {
    /// What `fetch` takes.
    pub struct Args {
        /// The file on the host.
        src: PathBuf,
        /// The directory on the controller that gets `HOST/PATH`; with `flat`, the file itself.
        dest: String,
        /// Save to `dest` as it is, or in it under the file's own name where it ends with `/`.
        flat: bool = false,
        /// Whether a file that can't be read is a failure.
        fail_on_missing: bool = true,
        /// Compare the checksums afterwards.
        validate_checksum: bool = true,
    }
}

/// The declaration.
pub static MODULE: Module = Module {
    name: "fetch",
    aliases: &[],
    summary: "Copy a file of the host to the controller",
    args: Args::specs,
    rules: &[],
    free_form: None,
    run: Some(run),
};

fn number(call: &Call<'_>, name: &str, default: u64) -> Result<u64, Stop> {
    match call.args.get(name) {
        None => Ok(default),
        Some(value) => value.as_u64().ok_or_else(|| Stop::failed(format!("{name} is {value}, which is no number"))),
    }
}

fn run(call: &Call<'_>) -> ModuleResult {
    let args: Args = call.args()?;
    let files = call.host.files;
    let path = absolute(call.host, &args.src)?;
    let missing = |why: &str| match args.fail_on_missing {
        true => Err(Failure::new(why).with("file", args.src.to_string_lossy()).into()),
        false => Ok(Outcome::ok()
            .with("msg", format!("{}, not transferring, ignored", why.trim_end_matches(", not transferring, ignored")))
            .with("file", args.src.to_string_lossy())
            .with("missing", true)),
    };
    let stat = match files.stat(&path, true)? {
        None => return missing("the remote file does not exist, not transferring, ignored"),
        Some(stat) if stat.kind == Kind::Directory => {
            return missing("remote file is a directory, fetch cannot work on directories");
        }
        Some(stat) => stat,
    };
    if !files.access(&path, true, false, false)? {
        return missing("no read permission on remote file, not transferring, ignored");
    }
    let offset = number(call, "_offset", 0)?;
    let length = number(call, "_length", LONGEST_PIECE)?.min(LONGEST_PIECE);
    let piece = files.read_at(&path, offset, length)?;
    // A short piece is the end, whatever the size was when it was asked for.
    let eof = (piece.len() as u64) < length || offset + length == stat.size;
    let mut outcome = Outcome::ok()
        .with("content", STANDARD.encode(&piece))
        .with("encoding", "base64")
        .with("source", args.src.to_string_lossy())
        .with("offset", offset)
        .with("eof", Value::Bool(eof));
    if offset == 0 {
        let (sha1, md5) = if eof {
            (Algorithm::Sha1.of(&piece), Algorithm::Md5.of(&piece))
        } else {
            (Algorithm::Sha1.of_file(files, &path)?, Algorithm::Md5.of_file(files, &path)?)
        };
        outcome = outcome.with("size", stat.size).with("checksum", sha1).with("md5sum", md5);
    }
    Ok(outcome)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::Context;
    use crate::host::live::Live;
    use serde_json::{Map, json};

    fn fetch(args: Value) -> ModuleResult {
        let args: Map<String, Value> = args.as_object().cloned().unwrap_or_default();
        let live = Live::new(Context::default());
        run(&Call::new(&args, &live.host()))
    }

    #[test]
    fn pieces_make_the_whole() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("big");
        let content: Vec<u8> = (0..1_000_003_u32).map(|n| (n % 251) as u8).collect();
        std::fs::write(&path, &content).expect("a file");
        let (mut got, mut told) = (Vec::new(), Value::Null);
        loop {
            let args = json!({"src": path, "dest": "x", "_offset": got.len(), "_length": 300_000});
            let outcome = fetch(args).expect("a piece");
            let piece = STANDARD.decode(outcome.result["content"].as_str().unwrap_or_default()).expect("base64");
            if got.is_empty() {
                told = Value::Object(outcome.result.clone());
            }
            got.extend(piece);
            if outcome.result["eof"] == true {
                break;
            }
        }
        assert!(got == content);
        assert_eq!(told["size"], content.len());
        assert_eq!(told["checksum"], Algorithm::Sha1.of(&content));
        assert_eq!(told["md5sum"], Algorithm::Md5.of(&content));
    }

    #[test]
    fn an_empty_file_is_one_piece() {
        let file = tempfile::NamedTempFile::new().expect("a file");
        let outcome = fetch(json!({"src": file.path(), "dest": "x"})).expect("a piece");
        assert_eq!((&outcome.result["content"], &outcome.result["eof"]), (&json!(""), &json!(true)));
        assert_eq!(outcome.result["checksum"], Algorithm::Sha1.of(b""));
    }

    #[test]
    fn what_is_missing_fails_or_is_told() {
        let directory = tempfile::tempdir().expect("a directory");
        for path in [directory.path().to_owned(), directory.path().join("none")] {
            assert!(fetch(json!({"src": path, "dest": "x"})).is_err());
            let told = fetch(json!({"src": path, "dest": "x", "fail_on_missing": false})).expect("an outcome");
            assert_eq!(told.result["missing"], true);
            assert!(told.result["msg"].as_str().is_some_and(|msg| msg.ends_with(", not transferring, ignored")));
        }
    }
}
