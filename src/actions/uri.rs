//! `uri`, where what it sends is in files of the controller: these go along.

use super::call::{Action, ActionCall, Done, NeedsHost, json_map};
use super::remote::{Contents, Halt};
use super::sources::{content, find};
use indexmap::IndexMap;
use minijinja::Value;
use refit_agent::args::boolean;
use refit_agent::modules::copy::Payload;
use refit_agent::modules::uri;
use refit_agent::outcome::Outcome;
use serde_json::{Map, Value as Json};

/// The action.
pub static ACTION: Action = Action { declaration: || &uri::MODULE, needs_host: NeedsHost::Yes, raw: &[], run };

/// Whether a call sends files of the controller.
pub fn concerns(args: &IndexMap<String, Value>) -> bool {
    let remote = args.get("remote_src").is_some_and(|word| boolean(&word.to_string()) == Some(true));
    let multipart = args.get("body_format").is_some_and(|format| format.to_string() == "form-multipart");
    !remote && (args.contains_key("src") || multipart)
}

fn run(call: &ActionCall<'_>) -> Done {
    attempt(call).into()
}

fn attempt(call: &ActionCall<'_>) -> Result<Outcome, Halt> {
    let remote = call.remote()?;
    let mut args = json_map(call.args);
    let mut contents = Contents::default();
    if let Some(src) = call.text("src") {
        let payload = file(call, &src, &mut contents)?;
        args.insert("_payload".to_owned(), payload);
    }
    let mut parts = Map::new();
    for (field, value) in args.get("body").and_then(Json::as_object).into_iter().flatten() {
        // What has content of its own takes only the name from `filename`.
        let given = |key: &str| value.get(key).filter(|value| !value.is_null());
        if let (Some(name), None) = (given("filename").and_then(Json::as_str), given("content")) {
            parts.insert(field.clone(), file(call, name, &mut contents)?);
        }
    }
    args.insert("_parts".to_owned(), parts.into());
    let blobs = contents.0.keys().cloned().collect();
    remote.run("uri", args, &contents, blobs)
}

/// A file that a task names, as what goes along. It is sent as it is, also where it is a vault.
fn file(call: &ActionCall<'_>, name: &str, contents: &mut Contents) -> Result<Json, Halt> {
    let path = find(call, name, "files")?;
    let payload = Payload::File {
        sha256: contents.add(content(call, &path)?),
        mode: None,
        basename: path.file_name().map(|name| name.to_string_lossy().into_owned()),
        source: Some(path.display().to_string()),
    };
    payload.json().map_err(Halt::failed)
}
