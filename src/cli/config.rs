//! `ansible-config`: the settings in force.

use super::args::{ConfigArgs, ConfigCommand};
use super::ground::refuse;
use super::print;
use crate::config::{Environment, Origin, Settings};
use anyhow::Context;
use std::fmt::Write as _;

/// Shows what was asked for. The exit code.
pub(super) fn config(args: &ConfigArgs) -> anyhow::Result<u8> {
    let environment = Environment::of_process().context("can't read the environment")?;
    let settings = match Settings::load(&environment) {
        Ok(settings) => settings,
        Err(problems) => return Ok(refuse(&problems)),
    };
    match &args.command {
        ConfigCommand::View => {
            let file = settings.file.as_ref().context("there is no configuration file")?;
            let text = std::fs::read_to_string(file).with_context(|| format!("can't read {}", file.display()))?;
            print(&text)?;
        }
        ConfigCommand::Dump { only_changed } => {
            let mut text = String::new();
            if let Some(file) = &settings.file {
                let _ = writeln!(text, "CONFIG_FILE() = {}", file.display());
            }
            for (name, value, origin) in settings.list() {
                if !only_changed || *origin != Origin::Default {
                    let _ = writeln!(text, "{}({origin}) = {value}", name.to_uppercase());
                }
            }
            print(&text)?;
        }
        ConfigCommand::List => {
            let names: Vec<String> = settings.list().into_iter().map(|(name, _, _)| format!("{name}\n")).collect();
            print(&names.concat())?;
        }
    }
    Ok(0)
}
