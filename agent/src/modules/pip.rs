//! `pip`: Python packages, by the host's `pip`.

use super::command_line;
use super::pip_run::{Pip, Wish};
use super::{Call, Module, Rule};
use crate::args::Args as _;
use crate::outcome::{ModuleResult, Outcome, Stop};
use crate::{args, choices};
use std::path::PathBuf;

choices! {
    /// What the packages are to be.
    pub enum State {
        /// Not installed.
        Absent = "absent",
        /// Installed once more.
        Forcereinstall = "forcereinstall",
        /// Installed in the newest version.
        Latest = "latest",
        /// Installed.
        Present = "present",
    }
}

args! {
    /// What `pip` takes.
    pub struct Args {
        /// The packages: names, with demands on their versions; addresses of archives and repositories.
        name: Option<Vec<String>>,
        /// The version of the one package of `name`.
        version: Option<String>,
        /// A file that lists requirements.
        requirements: Option<String>,
        /// The virtual environment to install into; made where it is not there.
        virtualenv: Option<PathBuf>,
        /// Let a new environment see the system's packages.
        virtualenv_site_packages: bool = false,
        /// The command that makes a new environment.
        virtualenv_command: String = "virtualenv".to_owned(),
        /// The Python of a new environment.
        virtualenv_python: Option<String>,
        /// What the packages are to be.
        state: State = State::Present,
        /// Words for pip.
        extra_args: Option<String>,
        /// Install as editable.
        editable: bool = false,
        /// Change into this directory before.
        chdir: Option<PathBuf>,
        /// The pip program.
        executable: Option<PathBuf>,
        /// The umask for what is written, in octal.
        umask: Option<String>,
        /// Install although the system's package manager looks after Python's packages (PEP 668).
        break_system_packages: bool = false,
    }
}

/// The declaration.
pub static MODULE: Module = Module {
    name: "pip",
    aliases: &[],
    summary: "Install and remove Python packages",
    args: Args::specs,
    rules: &[
        Rule::RequiredOneOf(&["name", "requirements"]),
        Rule::MutuallyExclusive(&["name", "requirements"]),
        Rule::MutuallyExclusive(&["executable", "virtualenv"]),
    ],
    free_form: None,
    run: Some(run),
};

fn run(call: &Call<'_>) -> ModuleResult {
    let args: Args = call.args()?;
    let mut wishes: Vec<Wish> = args.name.iter().flatten().map(|name| Wish::parse(name)).collect();
    if let Some(version) = &args.version {
        match (wishes.as_mut_slice(), args.state) {
            (_, State::Latest) => return Err(Stop::failed("version is incompatible with state=latest")),
            ([wish], _) => wish.pin(version).map_err(Stop::failed)?,
            _ => {
                return Err(Stop::failed(
                    "'version' argument is ambiguous when installing multiple package distributions. Please specify version restrictions next to each package in 'name' argument.",
                ));
            }
        }
    }
    let pip = Pip::new(call.host, &args)?;
    let (made, mut output) = pip.environment(&args)?;
    let extra = command_line::split(args.extra_args.as_deref().unwrap_or_default())
        .map_err(|why| Stop::failed(format!("`extra_args`: {why}")))?;
    let argv = pip.command(&args, &wishes, &extra);
    let mut outcome = Outcome::changed(made);
    // Only what is surely there already is left alone without a call of pip.
    let settled = match args.state {
        State::Present if args.requirements.is_none() && !args.editable => pip.has_all(&wishes)?,
        State::Absent if args.requirements.is_none() => pip.has_none(&wishes)?,
        _ => None,
    };
    if settled != Some(true) {
        match pip.run(&args, &argv, &wishes, settled == Some(false)) {
            Ok(finished) => {
                let text = finished.stdout_text();
                outcome.changed |= match args.state {
                    State::Absent => text.contains("Successfully uninstalled"),
                    _ => text.contains("Successfully installed"),
                };
                output += &text;
                outcome = outcome.with("stderr", finished.stderr_text());
            }
            // That something changes is known, what pip says is not.
            Err(Stop::Unknown { .. }) if settled == Some(false) => {
                outcome.changed = true;
                outcome.unknown.extend(["stdout".to_owned(), "stdout_lines".to_owned(), "stderr".to_owned()]);
            }
            Err(other) => return Err(other),
        }
    } else {
        outcome = outcome.with("stderr", "");
    }
    if !outcome.unknown.contains(&"stdout".to_owned()) {
        outcome = outcome.with("stdout", output);
    }
    Ok(outcome
        .with("cmd", argv)
        .with("name", args.name)
        .with("version", args.version)
        .with("state", args.state.word())
        .with("requirements", args.requirements)
        .with("virtualenv", args.virtualenv.map(|path| path.to_string_lossy().into_owned())))
}
