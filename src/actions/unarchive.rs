//! `unarchive`: sends an archive of the controller along.

use super::call::{Action, ActionCall, Done, NeedsHost, json_map};
use super::copy::{flag, read};
use super::remote::{Contents, Halt};
use super::sources::find;
use refit_agent::modules::copy::Payload;
use refit_agent::modules::unarchive;
use refit_agent::outcome::Outcome;

/// The action.
pub static ACTION: Action = Action { declaration: || &unarchive::MODULE, needs_host: NeedsHost::Yes, raw: &[], run };

fn run(call: &ActionCall<'_>) -> Done {
    attempt(call).into()
}

fn attempt(call: &ActionCall<'_>) -> Result<Outcome, Halt> {
    let remote = call.remote()?;
    let mut args = json_map(call.args);
    if flag(call, "remote_src", false) || !flag(call, "copy", true) {
        return remote.run("unarchive", args, &super::NoContent, Vec::new());
    }
    let src = call.text("src").unwrap_or_default();
    let path = find(call, &src, "files")?;
    if path.is_dir() {
        return Err(Halt::failed(format!("{} is a directory and no archive", path.display())));
    }
    let mut contents = Contents::default();
    let payload = Payload::File {
        sha256: contents.add(read(call, &path)?),
        mode: None,
        basename: path.file_name().map(|name| name.to_string_lossy().into_owned()),
        source: Some(path.display().to_string()),
    };
    args.insert("_payload".to_owned(), payload.json().map_err(Halt::failed)?);
    let blobs = contents.0.keys().cloned().collect();
    remote.run("unarchive", args, &contents, blobs)
}
