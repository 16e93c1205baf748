//! `refit doc`, `refit schema`, `refit man`: what is generated from declarations.

use super::args::{Cli, DocArgs, ManArgs, SchemaArgs};
use super::print;
use crate::diagnostic::did_you_mean;
use crate::doc;
use anyhow::Context;
use clap::CommandFactory;
use refit_agent::modules::Module;

/// The declarations of everything that a task can name.
fn declarations() -> Vec<&'static Module> {
    crate::actions::declarations()
}

fn find(name: &str) -> anyhow::Result<&'static Module> {
    crate::actions::find(name).with_context(|| {
        let modules = declarations();
        let hint = did_you_mean(name, modules.iter().map(|module| module.name));
        let hint = hint.unwrap_or_else(|| "`refit doc --list` lists them all".to_owned());
        format!("there is no module `{name}`; {hint}")
    })
}

pub(super) fn doc(args: &DocArgs) -> anyhow::Result<u8> {
    if args.list {
        print(&doc::list(&declarations()))?;
        return Ok(0);
    }
    let terminal = console::Term::stdout();
    let columns = if terminal.is_term() { usize::from(terminal.size().1).clamp(40, 100) } else { 100 };
    let pages: Vec<String> = args
        .modules
        .iter()
        .map(|name| find(name).map(|module| doc::page(module, columns, console::colors_enabled())))
        .collect::<anyhow::Result<_>>()?;
    print(&pages.join("\n"))?;
    Ok(0)
}

pub(super) fn schema(args: &SchemaArgs) -> anyhow::Result<u8> {
    if args.plan {
        print(&(serde_json::to_string_pretty(&crate::report::plan_schema())? + "\n"))?;
        return Ok(0);
    }
    let schema = match &args.module {
        Some(name) => doc::schema_of(find(name)?),
        None => doc::schema_of_all(&declarations()),
    };
    print(&(serde_json::to_string_pretty(&schema)? + "\n"))?;
    Ok(0)
}

pub(super) fn man(args: &ManArgs) -> anyhow::Result<u8> {
    let directory = &args.directory;
    std::fs::create_dir_all(directory).with_context(|| format!("can't make {}", directory.display()))?;
    clap_mangen::generate_to(Cli::command(), directory)
        .with_context(|| format!("can't write man pages to {}", directory.display()))?;
    Ok(0)
}
