//! `add_host`: adds a host, or a group, to the inventory of this run.

use super::call::{Action, ActionCall, Consequence, Done, NeedsHost, json};
use refit_agent::args;
use refit_agent::args::{Arg as _, Args as _};
use refit_agent::modules::Module;
use refit_agent::outcome::Outcome;
use serde_json::{Value as Json, json as object};

args! {
    /// What `add_host` takes, besides the host's variables.
    pub struct Args {
        /// The host's name, with `:PORT` if it is not the usual one.
        [aliases = ["host", "hostname"]]
        name: String,
        /// The groups that it belongs to.
        [aliases = ["group", "groupname"]]
        groups: Option<Vec<String>>,
    }
}

static MODULE: Module = Module {
    name: "add_host",
    aliases: &[],
    summary: "Add a host to the inventory of this run",
    args: Args::specs,
    rules: &[],
    free_form: None,
    run: None,
};

/// The action.
pub static ACTION: Action = Action { declaration: || &MODULE, needs_host: NeedsHost::No, raw: &[], run };

fn run(call: &ActionCall<'_>) -> Done {
    let own = |spec: &str, name: &str| (Args::specs)().iter().any(|arg| arg.name == spec && arg.answers_to(name));
    let named = call.args.iter().find(|(name, _)| own("name", name)).map(|(_, value)| value.to_string());
    let Some(full) = named.filter(|name| !name.is_empty()) else {
        return Done::failed("`add_host` needs the argument `name`");
    };
    let mut vars: Vec<_> = call
        .args
        .iter()
        .filter(|(name, _)| !own("name", name) && !own("groups", name))
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect();
    // `host:2222`, but not an IPv6 address.
    let name = match full.rsplit_once(':') {
        Some((host, port)) if !host.contains(':') && port.parse::<u16>().is_ok() => {
            let port = port.parse::<u16>().unwrap_or(22);
            vars.push(("ansible_ssh_port".to_owned(), port.into()));
            host.to_owned()
        }
        _ => full.clone(),
    };
    let groups = match call.args.iter().find(|(name, _)| own("groups", name)) {
        None => Vec::new(),
        Some((_, value)) => match Vec::<String>::parse(&json(value)) {
            Ok(groups) => groups.into_iter().filter(|group| !group.is_empty()).collect(),
            Err(problem) => return Done::failed(format!("`groups`: {problem}")),
        },
    };
    let shown: serde_json::Map<String, Json> = vars.iter().map(|(name, value)| (name.clone(), json(value))).collect();
    let outcome =
        Outcome::changed(true).with("add_host", object!({"host_name": name, "groups": groups, "host_vars": shown}));
    Done::with(outcome, Consequence::AddHost { name, groups, vars })
}
