//! `refit galaxy`, `ansible-galaxy`: installs roles and collections.

use super::args::{GalaxyArgs, GalaxyCommand, InstallArgs, ListArgs};
use super::ground::{refuse, warn};
use super::misused::Misused;
use super::print;
use crate::config::{Environment, Settings};
use crate::diagnostic::Span;
use crate::galaxy::{Kind, Outcome, Requirement, Targets, install, read};
use anyhow::Context;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

/// Does what was asked for. The exit code.
pub(super) fn galaxy(args: &GalaxyArgs) -> anyhow::Result<u8> {
    let environment = Environment::of_process().context("can't read the environment")?;
    let settings = match Settings::load(&environment) {
        Ok(settings) => settings,
        Err(problems) => return Ok(refuse(&problems)),
    };
    warn(&settings.warnings);
    match &args.command {
        GalaxyCommand::Install(args) => installed(args, &settings, &[Kind::Role, Kind::Collection]),
        GalaxyCommand::Role { command } => of_kind(command, &settings, Kind::Role),
        GalaxyCommand::Collection { command } => of_kind(command, &settings, Kind::Collection),
        GalaxyCommand::List(args) => list(args, &settings, &[Kind::Role, Kind::Collection]),
    }
}

fn of_kind(command: &super::args::GalaxyOfKind, settings: &Settings, kind: Kind) -> anyhow::Result<u8> {
    match command {
        super::args::GalaxyOfKind::Install(args) => installed(args, settings, &[kind]),
        super::args::GalaxyOfKind::List(args) => list(args, settings, &[kind]),
    }
}

fn installed(args: &InstallArgs, settings: &Settings, kinds: &[Kind]) -> anyhow::Result<u8> {
    let mut wanted = Vec::new();
    for file in &args.requirements {
        match read(file) {
            Ok(all) => wanted.extend(all),
            Err(problems) => return Ok(refuse(&problems)),
        }
    }
    wanted.retain(|requirement| kinds.contains(&requirement.kind));
    let kind = if kinds == [Kind::Collection] { Kind::Collection } else { Kind::Role };
    for word in &args.names {
        match Requirement::of_text(kind, word, &Span::nowhere("command line"), Path::new("")) {
            Ok(requirement) => wanted.push(requirement),
            Err(problem) => return Ok(refuse(&problem.into())),
        }
    }
    if wanted.is_empty() && args.requirements.is_empty() {
        return Misused::because("say what to install: -r requirements.yml, or where it comes from");
    }
    let first = |paths: &[PathBuf]| paths.first().cloned().context("no directory is configured to install to");
    let targets = Targets {
        roles: args.roles_path.clone().map_or_else(|| first(&settings.roles_path), Ok)?,
        collections: match &args.collections_path {
            // `ansible_collections` may be named, or what holds it.
            Some(path) if path.ends_with("ansible_collections") => path.parent().unwrap_or(Path::new("")).to_owned(),
            Some(path) => path.clone(),
            None => first(&settings.collections_path)?,
        },
        force: args.force,
        no_deps: args.no_deps,
    };
    let mut written = Ok(());
    install(wanted, &targets, &mut |installed| {
        let text = match installed.outcome {
            Outcome::Installed => format!("{} was installed to {}\n", installed.name, installed.path.display()),
            Outcome::WasThere => {
                format!("{} is already in {}; --force replaces it\n", installed.name, installed.path.display())
            }
        };
        if written.is_ok() {
            written = print(&text);
        }
    })?;
    written.map(|()| 0)
}

/// What is installed, by directory.
fn list(args: &ListArgs, settings: &Settings, kinds: &[Kind]) -> anyhow::Result<u8> {
    let below = |path: &Path| -> Vec<PathBuf> {
        let entries = std::fs::read_dir(path).into_iter().flatten().flatten().map(|entry| entry.path());
        let mut directories: Vec<PathBuf> = entries.filter(|path| path.is_dir()).collect();
        directories.sort();
        directories
    };
    let name = |path: &Path| path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let mut text = String::new();
    if kinds.contains(&Kind::Role) {
        for directory in args.path.iter().chain(settings.roles_path.iter()) {
            for role in below(directory).iter().filter(|role| role.join("tasks").is_dir() || role.join("meta").is_dir())
            {
                let _ = writeln!(text, "role {} {}", name(role), directory.display());
            }
        }
    }
    if kinds.contains(&Kind::Collection) {
        for directory in args.path.iter().chain(settings.collections_path.iter()) {
            for namespace in below(&directory.join("ansible_collections")) {
                for collection in below(&namespace) {
                    let _ =
                        writeln!(text, "collection {}.{} {}", name(&namespace), name(&collection), directory.display());
                }
            }
        }
    }
    print(&text).map(|()| 0)
}
