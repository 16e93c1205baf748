//! `template`: renders on the controller, and sends the text along.

use super::call::{Action, ActionCall, Done, NeedsHost, json_map};
use super::remote::{Contents, Halt};
use super::sources::{content, find};
use crate::diagnostic::{SourceFile, Span};
use crate::template::{FileOptions, Holes, Scope, Syntax, TemplateErrorKind, Value};
use crate::vars::Layer;
use refit_agent::modules::copy::Payload;
use refit_agent::modules::template;
use refit_agent::outcome::{Failure, Outcome, Stop};
use refit_agent::protocol::HALF_KNOWN;
use std::os::unix::fs::{MetadataExt, PermissionsExt as _};
use std::path::Path;
use std::sync::Arc;
use std::time::UNIX_EPOCH;

/// The action.
pub static ACTION: Action = Action { declaration: || &template::MODULE, needs_host: NeedsHost::Yes, raw: &[], run };

fn run(call: &ActionCall<'_>) -> Done {
    attempt(call).into()
}

fn attempt(call: &ActionCall<'_>) -> Result<Outcome, Halt> {
    let remote = call.remote()?;
    let args: template::Args = call.parsed()?;
    let src = args.src.to_string_lossy().into_owned();
    let path = find(call, &src, "templates")?;
    let bytes = content(call, &path)?;
    let bytes = if crate::vault::is_encrypted(&bytes) {
        let plain = call
            .vault
            .decrypt(&String::from_utf8_lossy(&bytes))
            .map_err(|error| Halt::failed(format!("{}: {error}", path.display())))?;
        call.secrets.add(&String::from_utf8_lossy(&plain));
        plain.to_vec()
    } else {
        bytes
    };
    let text = String::from_utf8(bytes)
        .map_err(|error| Halt::failed(format!("{} is not UTF-8 text: {error}", path.display())))?;
    let file = Arc::new(SourceFile { path: path.clone(), text });
    let comment = |given: &Option<String>, usual: &str| given.clone().unwrap_or_else(|| usual.to_owned());
    let options = FileOptions {
        syntax: Syntax {
            block: (args.block_start_string.clone(), args.block_end_string.clone()),
            variable: (args.variable_start_string.clone(), args.variable_end_string.clone()),
            comment: (comment(&args.comment_start_string, "{#"), comment(&args.comment_end_string, "#}")),
            trim_blocks: args.trim_blocks,
            lstrip_blocks: args.lstrip_blocks,
            ..Syntax::default()
        },
        newline_sequence: args.newline_sequence.word().to_owned(),
    };
    let scope = with_own_variables(call, &src, &path, &args.dest.to_string_lossy());
    let rendered = scope.file_with_holes(&file, &options, call.holes).map_err(|error| match error.kind {
        TemplateErrorKind::Unknown => Halt::Stop(Stop::Unknown { why: error.diagnostic.message.clone() }),
        _ => {
            let details = crate::engine::details(&error.diagnostic);
            Halt::Stop(Stop::Failed(Failure::new(format!("{}\n{details}", error.diagnostic.message))))
        }
    })?;
    let rendered = super::encoding::encode(rendered, &args.output_encoding)
        .map_err(|problem| Halt::failed(format!("`output_encoding`: {problem}")))?;
    let mut contents = Contents::default();
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned());
    let payload = Payload::File {
        sha256: contents.add(rendered),
        mode: std::fs::metadata(&path).map(|meta| meta.permissions().mode() & 0o7777).ok(),
        basename: name,
        source: Some(path.display().to_string()),
    };
    let mut request = json_map(call.args);
    request.insert("_payload".to_owned(), payload.json().map_err(Halt::failed)?);
    if let Some(why) = call.holes.and_then(Holes::why) {
        request.insert(HALF_KNOWN.to_owned(), why.into());
    }
    let blobs = contents.0.keys().cloned().collect();
    remote.run("template", request, &contents, blobs)
}

/// The variables that only templates see: who renders what, where and when.
fn with_own_variables(call: &ActionCall<'_>, src: &str, path: &Path, dest: &str) -> Scope {
    let metadata = std::fs::metadata(path).ok();
    let changed = metadata.as_ref().and_then(|meta| meta.modified().ok());
    let seconds = changed.and_then(|at| at.duration_since(UNIX_EPOCH).ok()).map_or(0, |since| since.as_secs());
    let owner = metadata.as_ref().map_or(0, MetadataExt::uid);
    let owner = user_name(owner).unwrap_or_else(|| owner.to_string());
    let full = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let mut names = crate::vars::values(
        [
            ("template_host", rustix::system::uname().nodename().to_string_lossy().into_owned()),
            ("template_path", src.to_owned()),
            ("template_fullpath", full.display().to_string()),
            ("template_destpath", dest.to_owned()),
            ("template_uid", owner),
        ]
        .map(|(name, text)| (name, Value::from(text))),
    );
    let span = Span::nowhere("template");
    for (name, expression) in [
        ("template_run_date", "now()".to_owned()),
        ("template_mtime", format!("'%Y-%m-%d %H:%M:%S' | strftime({seconds}) | to_datetime")),
    ] {
        // Expressions of our own; where the clock can't be read, the template does without.
        if let Ok(value) = call.scope.expression(&expression, &span) {
            names.extend(crate::vars::values([(name, value)]));
        }
    }
    call.scope.with(Arc::new(Layer::from(names)))
}

fn user_name(id: u32) -> Option<String> {
    let accounts = std::fs::read_to_string("/etc/passwd").ok()?;
    let line = accounts.lines().find(|line| line.split(':').nth(2) == Some(&id.to_string()))?;
    line.split(':').next().map(str::to_owned)
}
