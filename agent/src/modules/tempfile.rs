//! `tempfile`: a file or directory of a new name.

use super::file_attributes::describe;
use super::host_path::absolute;
use super::{Call, Module};
use crate::args::Args as _;
use crate::outcome::{ModuleResult, Outcome};
use crate::{args, choices};
use std::path::PathBuf;

choices! {
    /// What to make.
    pub enum State {
        /// A file.
        File = "file",
        /// A directory.
        Directory = "directory",
    }
}

args! {
    /// What `tempfile` takes.
    pub struct Args {
        /// What to make.
        state: State = State::File,
        /// The directory to make it in; that for temporary files where not given.
        path: Option<PathBuf>,
        /// How the name begins.
        prefix: String = "ansible.".to_owned(),
        /// How the name ends.
        suffix: String = String::new(),
    }
}

/// The declaration.
pub static MODULE: Module = Module {
    name: "tempfile",
    aliases: &[],
    summary: "Make a file or directory of a name that nothing has yet",
    args: Args::specs,
    rules: &[],
    free_form: None,
    run: Some(run),
};

fn run(call: &Call<'_>) -> ModuleResult {
    let args: Args = call.args()?;
    let host = call.host;
    let directory = match &args.path {
        Some(path) => absolute(host, path)?,
        None => host.files.temporary_dir(),
    };
    let made = host.files.create_temporary(&directory, &args.prefix, &args.suffix, args.state == State::Directory)?;
    let mut outcome = Outcome::changed(true).with("path", made.to_string_lossy());
    describe(host, &made, &mut outcome.result)?;
    Ok(outcome)
}
