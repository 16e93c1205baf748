//! `fetch`: copies a file of the host to the controller.

use super::call::{Action, ActionCall, Done, NeedsHost, json_map};
use super::remote::Halt;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use refit_agent::modules::fetch;
use refit_agent::outcome::{Failure, Outcome, Stop};
use serde_json::{Map, Value as Json};
use sha1::{Digest as _, Sha1};
use std::io::Write as _;
use std::path::{Component, Path, PathBuf};

/// The action.
pub static ACTION: Action = Action { declaration: || &fetch::MODULE, needs_host: NeedsHost::Yes, raw: &[], run };

fn run(call: &ActionCall<'_>) -> Done {
    attempt(call).into()
}

fn attempt(call: &ActionCall<'_>) -> Result<Outcome, Halt> {
    let remote = call.remote()?;
    let args: fetch::Args = call.parsed()?;
    let request = |offset: u64, length: Option<u64>| {
        let mut request = json_map(call.args);
        request.insert("_offset".to_owned(), offset.into());
        if let Some(length) = length {
            request.insert("_length".to_owned(), length.into());
        }
        request
    };
    let first = remote.run("fetch", request(0, None), &super::NoContent, Vec::new())?;
    if first.result.get("missing") == Some(&Json::Bool(true)) {
        let mut outcome = first;
        outcome.result.remove("missing");
        return Ok(outcome);
    }
    let text = |name: &str| first.result.get(name).and_then(Json::as_str).unwrap_or_default().to_owned();
    let (checksum, md5sum) = (text("checksum"), text("md5sum"));
    let dest = destination(call, &args, remote.host)?;
    let have = call.scope.controller_file(&dest).ok().map(|content| sha1_hex(&content));
    if have.as_deref() == Some(checksum.as_str()) {
        return Ok(report(Outcome::ok(), &dest, &checksum, &md5sum, &args));
    }
    if remote.is_plan() {
        let content = whole(first, |offset| remote.run("fetch", request(offset, None), &super::NoContent, Vec::new()))?;
        call.scope.foresee_controller_file(&dest, 0o644, content);
        return Ok(report(Outcome::changed(true), &dest, &checksum, &md5sum, &args));
    }

    let cannot = |doing: &str, error: std::io::Error| {
        Halt::failed(format!("cannot {doing} {} on the controller: {error}", dest.display()))
    };
    let parent = dest.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."));
    std::fs::create_dir_all(parent).map_err(|error| cannot("make the directory of", error))?;
    let mut beside = tempfile::NamedTempFile::new_in(parent).map_err(|error| cannot("write", error))?;
    let mut hash = Sha1::new();
    let mut offset = 0;
    let mut piece = first;
    loop {
        let content = piece.result.get("content").and_then(Json::as_str).unwrap_or_default();
        let bytes = STANDARD
            .decode(content)
            .map_err(|error| Halt::failed(format!("what the host sent is no base64: {error}")))?;
        hash.update(&bytes);
        beside.write_all(&bytes).map_err(|error| cannot("write", error))?;
        offset += bytes.len() as u64;
        if piece.result.get("eof") == Some(&Json::Bool(true)) {
            break;
        }
        if bytes.is_empty() {
            return Err(Halt::failed(format!("{} became shorter while it was fetched", args.src.display())));
        }
        piece = remote.run("fetch", request(offset, None), &super::NoContent, Vec::new())?;
    }
    let got: String = hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
    if args.validate_checksum && got != checksum {
        let failure = Failure::new(
            "checksum mismatch: the file changed while it was fetched; the controller's file is as it was",
        )
        .with("checksum", got)
        .with("remote_checksum", checksum);
        return Err(Halt::Stop(Stop::Failed(failure)));
    }
    beside.as_file().sync_all().map_err(|error| cannot("write", error))?;
    beside.persist(&dest).map_err(|error| cannot("write", error.error))?;
    Ok(report(Outcome::changed(true), &dest, &got, &md5sum, &args))
}

/// What a dry run keeps of a file in memory, at most, in bytes.
const MOST_KEPT: usize = 4 << 20;

/// The content of a file of which this is the first piece, or why it is not told.
fn whole(first: Outcome, more: impl Fn(u64) -> Result<Outcome, Halt>) -> Result<Result<Vec<u8>, String>, Halt> {
    let mut whole = Vec::new();
    let mut piece = first;
    loop {
        let content = piece.result.get("content").and_then(Json::as_str).unwrap_or_default();
        let bytes = STANDARD.decode(content).unwrap_or_default();
        whole.extend_from_slice(&bytes);
        if piece.result.get("eof") == Some(&Json::Bool(true)) {
            return Ok(Ok(whole));
        }
        if bytes.is_empty() || whole.len() > MOST_KEPT {
            return Ok(Err("what is fetched".to_owned()));
        }
        piece = more(whole.len() as u64)?;
    }
}

fn report(outcome: Outcome, dest: &Path, checksum: &str, md5sum: &str, args: &fetch::Args) -> Outcome {
    let mut result = Map::new();
    result.insert("dest".to_owned(), dest.display().to_string().into());
    result.insert("checksum".to_owned(), checksum.into());
    result.insert("md5sum".to_owned(), md5sum.into());
    result.insert("remote_checksum".to_owned(), checksum.into());
    result.insert("remote_md5sum".to_owned(), Json::Null);
    result.insert("file".to_owned(), args.src.display().to_string().into());
    Outcome { result, ..outcome }
}

fn sha1_hex(content: &[u8]) -> String {
    Sha1::digest(content).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Where the file goes: `DEST/HOST/PATH`, or with `flat` where `dest` says. A host can't name a path outside.
fn destination(call: &ActionCall<'_>, args: &fetch::Args, host: &str) -> Result<PathBuf, Halt> {
    let dest = match args.dest.strip_prefix("~/").zip(std::env::var_os("HOME")) {
        Some((rest, home)) => Path::new(&home).join(rest),
        None => call.playbook_dir.join(&args.dest),
    };
    if args.flat {
        if args.dest.ends_with('/') {
            let name = args.src.file_name().ok_or_else(|| Halt::failed("`src` names no file"))?;
            return Ok(dest.join(name));
        }
        if dest.is_dir() {
            return Err(Halt::failed(format!(
                "{} is a directory: end `dest` with `/` to save into it",
                dest.display()
            )));
        }
        return Ok(dest);
    }
    let below: PathBuf = args.src.components().filter(|part| matches!(part, Component::Normal(_))).collect();
    Ok(dest.join(host.replace('/', "_")).join(below))
}
