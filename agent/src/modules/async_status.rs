//! `async_status`: how a job in the background stands.

use super::{Call, Module};
use crate::args::Args as _;
use crate::background;
use crate::host::Context;
use crate::outcome::{Diff, Failure, ModuleResult, Outcome, Stop};
use crate::{args, choices};
use serde_json::{Map, Value};

choices! {
    /// What to do with the job's file.
    pub enum Mode {
        /// Read it.
        Status = "status",
        /// Remove it.
        Cleanup = "cleanup",
    }
}

args! {
    /// What `async_status` takes.
    pub struct Args {
        /// The job: what the task that started it registered as `ansible_job_id`.
        jid: String,
        /// Whether to tell how the job stands, or to remove its file.
        mode: Mode = Mode::Status,
    }
}

/// The declaration.
pub static MODULE: Module = Module {
    name: "async_status",
    aliases: &[],
    summary: "Tell how a job in the background stands",
    args: Args::specs,
    rules: &[],
    free_form: None,
    run: Some(run),
};

fn run(call: &Call<'_>) -> ModuleResult {
    let args: Args = call.args()?;
    // A job's name is no path.
    if args.jid.is_empty() || args.jid.contains('/') {
        return Err(Stop::failed(format!("`{}` is not the name of a job", args.jid)));
    }
    let named = call.args.get("_async_dir").and_then(Value::as_str).unwrap_or("~/.ansible_async");
    let environment = call.host.processes.environment();
    let directory = background::directory(named, &Context { environment, ..Context::default() });
    let file = directory.join(&args.jid);
    let missing = call.host.files.stat(&file, true)?.is_none();
    if args.mode == Mode::Cleanup {
        if !missing {
            call.host.files.remove_file(&file)?;
        }
        let outcome = Outcome { result: background::status(&args.jid, true), ..Outcome::ok() };
        return Ok(outcome.with("erased", file.display().to_string()));
    }
    if missing {
        let result = background::status(&args.jid, true);
        return Err(Failure { result, ..Failure::new("could not find job") }.into());
    }
    let text = call.host.files.read(&file)?;
    let data: Map<String, Value> = serde_json::from_slice(&text)
        .map_err(|error| Stop::failed(format!("{} does not hold what a job writes: {error}", file.display())))?;
    told(data, &file.display().to_string())
}

/// What a job's file says, as the end of a module.
fn told(mut data: Map<String, Value>, file: &str) -> ModuleResult {
    data.insert("results_file".to_owned(), file.into());
    for stream in ["stdout", "stderr"] {
        data.entry(stream).or_insert_with(|| "".into());
    }
    let mut flag = |name: &str| data.remove(name).is_some_and(|flag| flag == true);
    let (changed, failed, skipped) = (flag("changed"), flag("failed"), flag("skipped"));
    let warnings = data.remove("warnings").and_then(|warnings| serde_json::from_value(warnings).ok());
    let warnings: Vec<String> = warnings.unwrap_or_default();
    if failed {
        let msg = data.get("msg").and_then(Value::as_str).unwrap_or("the job failed").to_owned();
        return Err(Failure { msg, changed, result: data, warnings }.into());
    }
    let facts = match data.remove("ansible_facts") {
        Some(Value::Object(facts)) => facts,
        _ => Map::new(),
    };
    let diff: Option<Vec<Diff>> = data.remove("diff").and_then(|diff| serde_json::from_value(diff).ok());
    let diff = diff.unwrap_or_default();
    Ok(Outcome { changed, skipped, result: data, diff, facts, warnings, ..Outcome::default() })
}
