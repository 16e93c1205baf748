//! What tasks can do: actions that the controller does itself or together with the host, and the agent's modules. One
//! declaration each, of the same type.

mod add_host;
mod assemble;
mod assert;
mod call;
mod copy;
mod debug;
mod encoding;
mod engine_actions;
mod fail;
mod fetch;
mod group_by;
mod include_vars;
mod pause;
mod raw;
mod reboot;
mod remote;
mod script;
mod set_fact;
mod set_stats;
mod setup;
mod sources;
mod template;
mod unarchive;
mod uri;
mod validate_argument_spec;
mod wait_for_connection;

pub use call::{Action, ActionCall, Consequence, Done, NeedsHost};
pub(crate) use call::{json, json_map};
pub use remote::{Contents, Halt, Interrupts, NoContent, Remote, result_of};

use indexmap::IndexMap;
use minijinja::Value;
use refit_agent::modules::Module;
use std::collections::HashMap;
use std::sync::LazyLock;

/// The controller's own actions, sorted by name.
pub static ACTIONS: &[&Action] = &[
    &add_host::ACTION,
    &assert::ACTION,
    &copy::ACTION,
    &debug::ACTION,
    &fail::ACTION,
    &fetch::ACTION,
    &setup::GATHER_FACTS,
    &group_by::ACTION,
    &include_vars::ACTION,
    &pause::ACTION,
    &raw::ACTION,
    &reboot::ACTION,
    &script::ACTION,
    &set_fact::ACTION,
    &set_stats::ACTION,
    &setup::SETUP,
    &template::ACTION,
    &unarchive::ACTION,
    &validate_argument_spec::ACTION,
    &wait_for_connection::ACTION,
];

/// Whether a call with these arguments concerns the controller.
type Concerns = fn(&IndexMap<String, Value>) -> bool;

/// Modules that concern the controller only where they take files of it: else the host does them alone, all items of a
/// loop at once, and in the background where that is wanted.
static SENDING: [(&Action, Concerns); 2] = [(&assemble::ACTION, assemble::concerns), (&uri::ACTION, uri::concerns)];

/// The declarations of every action and module, sorted by name.
pub fn declarations() -> Vec<&'static Module> {
    let mut all: Vec<&'static Module> = engine_actions::DECLARATIONS.to_vec();
    all.extend(ACTIONS.iter().map(|action| (action.declaration)()));
    all.extend(refit_agent::modules::MODULES.iter().copied());
    all.sort_by_key(|module| module.name);
    all.dedup_by_key(|module| module.name);
    all
}

/// The declaration that answers to a name as a playbook writes it.
pub fn find(name: &str) -> Option<&'static Module> {
    let short = short_name(name);
    let own = ACTIONS.iter().map(|action| (action.declaration)()).chain(engine_actions::DECLARATIONS.iter().copied());
    own.into_iter()
        .find(|module| module.name == short || module.aliases.contains(&name))
        .or_else(|| refit_agent::modules::find(name))
}

/// The action of a declaration's name, where the controller has a part in it.
pub fn action(name: &str) -> Option<&'static Action> {
    ACTIONS.iter().copied().find(|action| (action.declaration)().name == name)
}

/// The action of a declaration's name, where the controller has a part in some of its calls. Whether it has in one with
/// given arguments, these tell.
pub fn sending(name: &str) -> Option<(&'static Action, Concerns)> {
    SENDING.into_iter().find(|(action, _)| (action.declaration)().name == name)
}

/// The short names of all.
pub fn names() -> impl Iterator<Item = &'static str> {
    declarations().into_iter().map(|module| module.name)
}

/// The arguments of a module whose values must not be shown.
pub fn secret_args(module: &str) -> &'static [&'static str] {
    static KNOWN: LazyLock<HashMap<&'static str, Vec<&'static str>>> = LazyLock::new(|| {
        let secret = |module: &Module| {
            let specs = (module.args)().iter().filter(|spec| spec.secret);
            specs.flat_map(|spec| spec.aliases.iter().copied().chain([spec.name])).collect::<Vec<_>>()
        };
        let all = declarations().into_iter().map(|module| (module.name, secret(module)));
        all.filter(|(_, names)| !names.is_empty()).collect()
    });
    KNOWN.get(short_name(module)).map_or(&[], Vec::as_slice)
}

/// The arguments of a module that are nothing but text to be written or shown: where a part of one is not known in a dry
/// run, what becomes of the rest can be foreseen all the same.
pub fn text_args(module: &str) -> &'static [&'static str] {
    match short_name(module) {
        "copy" => &["content"],
        "lineinfile" => &["line", "value"],
        "blockinfile" => &["block", "content"],
        "debug" => &["msg"],
        _ => &[],
    }
}

/// Whether an action takes arguments of any name (`set_fact`).
pub fn takes_any_args(name: &str) -> bool {
    matches!(
        name,
        "include"
            | "set_fact"
            | "add_host"
            | "set_stats"
            | "meta"
            | "include_vars"
            | "validate_argument_spec"
            | "gather_facts"
    )
}

/// A module's name without the collection that is always there.
pub fn short_name(name: &str) -> &str {
    name.strip_prefix("ansible.builtin.").or_else(|| name.strip_prefix("ansible.legacy.")).unwrap_or(name)
}
