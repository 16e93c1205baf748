//! `assemble`, where the files are the controller's: puts them together and sends the whole along.

use super::call::{Action, ActionCall, Done, NeedsHost, json_map};
use super::copy::read;
use super::remote::{Contents, Halt};
use super::sources::find;
use indexmap::IndexMap;
use minijinja::Value;
use refit_agent::args::boolean;
use refit_agent::modules::assemble::{self, Args, Assembly};
use refit_agent::modules::copy::Payload;
use refit_agent::outcome::Outcome;
use std::fs;

/// The action.
pub static ACTION: Action = Action { declaration: || &assemble::MODULE, needs_host: NeedsHost::Yes, raw: &[], run };

/// Whether a call takes files of the controller.
pub fn concerns(args: &IndexMap<String, Value>) -> bool {
    args.get("remote_src").is_some_and(|word| boolean(&word.to_string()) == Some(false))
}

fn run(call: &ActionCall<'_>) -> Done {
    attempt(call).into()
}

fn attempt(call: &ActionCall<'_>) -> Result<Outcome, Halt> {
    let remote = call.remote()?;
    let given: Args = call.parsed()?;
    let directory = find(call, &given.src.to_string_lossy(), "files")?;
    if !directory.is_dir() {
        return Err(Halt::failed(format!("Source ({}) is not a directory", directory.display())));
    }
    let cannot = |error: std::io::Error| Halt::failed(format!("cannot read {}: {error}", directory.display()));
    let mut names = fs::read_dir(&directory)
        .and_then(|entries| entries.map(|entry| Ok(entry?.file_name())).collect::<Result<Vec<_>, _>>())
        .map_err(cannot)?;
    names.sort();
    let mut assembly = Assembly::new(given.delimiter.as_deref(), given.regexp.as_deref(), given.ignore_hidden)
        .map_err(Halt::failed)?;
    for name in names {
        let path = directory.join(&name);
        if path.is_file() && assembly.takes(&name.to_string_lossy()).map_err(Halt::failed)? {
            assembly.add(&read(call, &path)?);
        }
    }
    let mut contents = Contents::default();
    let payload = Payload::File {
        sha256: contents.add(assembly.finish()),
        mode: None,
        basename: None,
        source: Some(directory.display().to_string()),
    };
    let mut args = json_map(call.args);
    args.insert("_payload".to_owned(), payload.json().map_err(Halt::failed)?);
    let blobs = contents.0.keys().cloned().collect();
    remote.run("assemble", args, &contents, blobs)
}
