//! `slurp`: the content of a file, in base64.

use super::host_path::absolute;
use super::{Call, Module};
use crate::args;
use crate::args::Args as _;
use crate::host::Kind;
use crate::outcome::{ModuleResult, Outcome, Stop};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use std::path::PathBuf;

args! {
    /// What `slurp` takes.
    pub struct Args {
        /// The file to read.
        [aliases = ["path"]]
        src: PathBuf,
    }
}

/// The declaration.
pub static MODULE: Module = Module {
    name: "slurp",
    aliases: &[],
    summary: "Read a file of the host, in base64",
    args: Args::specs,
    rules: &[],
    free_form: None,
    run: Some(run),
};

fn run(call: &Call<'_>) -> ModuleResult {
    let args: Args = call.args()?;
    let path = absolute(call.host, &args.src)?;
    let shown = args.src.to_string_lossy();
    match call.host.files.stat(&path, true)? {
        None => Err(Stop::failed(format!("File not found: {shown}"))),
        Some(stat) if stat.kind == Kind::Directory => {
            Err(Stop::failed(format!("Source is a directory and must be a file: {shown}")))
        }
        Some(_) => {
            let content = call.host.files.read(&path)?;
            Ok(Outcome::ok().with("content", STANDARD.encode(content)).with("source", shown).with("encoding", "base64"))
        }
    }
}
