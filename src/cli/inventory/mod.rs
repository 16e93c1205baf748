//! `refit inventory`, `ansible-inventory`: the hosts, the groups and their variables as they are written, templates and all.

mod graph;
mod list;
mod vars;

use super::args::InventoryArgs;
use super::ground::{Ground, refuse, warn};
use super::misused::Misused;
use super::print;
use crate::inventory::{Inventory, Roster};
use crate::report::ansible;
use crate::template::yaml_of_json;
use anyhow::Context;
use serde_json::Value;
use std::collections::HashSet;
use std::path::PathBuf;
use vars::Vars;

/// Shows what was asked for; the graph where nothing was and `graph_by_default`.
pub(super) fn show(args: &InventoryArgs, graph_by_default: bool) -> anyhow::Result<u8> {
    if !(args.list || args.graph || args.host.is_some() || graph_by_default) {
        return Err(Misused("say what to show: --list, --graph or --host HOST".to_owned()).into());
    }
    if args.toml {
        return Err(Misused("TOML is not written: leave out --toml for JSON, or use --yaml".to_owned()).into());
    }
    let Ground { settings, vault, secrets } = match Ground::open(&args.fleet)? {
        Ok(ground) => ground,
        Err(code) => return Ok(code),
    };
    let inventory = match Inventory::load(&args.fleet.inventory, &settings, vault, secrets) {
        Ok((inventory, warnings)) => {
            warn(&warnings.0);
            inventory
        }
        Err(problems) => return Ok(refuse(&problems)),
    };
    let playbook_dir = args.playbook_dir.clone().or_else(|| settings.playbook_dir.value.clone());
    let playbook_dir = playbook_dir.unwrap_or_else(|| PathBuf::from("."));
    let vars = Vars { inventory: &inventory, playbook_dir: &playbook_dir };
    let text = match text(args, &inventory, &vars) {
        Ok(text) => text?,
        Err(problems) => return Ok(refuse(&problems)),
    };
    warn(&inventory.take_warnings().0);
    match args.output.as_ref().filter(|_| args.list) {
        Some(file) => std::fs::write(file, text).with_context(|| format!("can't write {}", file.display()))?,
        None => print(&text)?,
    }
    Ok(0)
}

/// Errors in files of variables are outside, those of options inside.
fn text(
    args: &InventoryArgs,
    inventory: &Inventory,
    vars: &Vars<'_>,
) -> Result<anyhow::Result<String>, crate::diagnostic::Diagnostics> {
    let write = |value: &Value| if args.yaml { yaml_of_json(value) } else { ansible::json_text(value) + "\n" };
    if let Some(name) = &args.host {
        return if inventory.contains(name) {
            Ok(Ok(write(&Value::Object(vars.of_host(name)?))))
        } else {
            Ok(Err(Misused(format!("the inventory has no host `{name}`")).into()))
        };
    }
    if args.list {
        let (chosen, unmatched) = inventory.select("all", args.fleet.limit.as_deref())?;
        warn(&unmatched.0);
        let chosen: HashSet<_> = chosen.into_iter().collect();
        let list = list::List { roster: inventory.roster(), vars, chosen: &chosen, export: args.export };
        return Ok(Ok(write(&if args.yaml { list.nested()? } else { list.flat()? })));
    }
    let roster = inventory.roster();
    let top = match &args.group {
        None => Some(Roster::ALL),
        Some(name) => roster.find_group(name),
    };
    match top {
        Some(top) => graph::text(roster, vars, top, args.vars).map(Ok),
        None => Ok(Err(
            Misused(format!("the inventory has no group `{}`", args.group.as_deref().unwrap_or_default())).into()
        )),
    }
}
