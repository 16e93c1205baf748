//! `service_facts`: the services and their states, as facts.

use super::{Call, Module};
use crate::args;
use crate::args::Args as _;
use crate::outcome::{ModuleResult, Outcome};
use serde_json::{Map, Value, json};

args! {
    /// What `service_facts` takes: nothing.
    pub struct Args {}
}

/// The declaration.
pub static MODULE: Module = Module {
    name: "service_facts",
    aliases: &[],
    summary: "List the services and their states as facts",
    args: Args::specs,
    rules: &[],
    free_form: None,
    run: Some(run),
};

fn run(call: &Call<'_>) -> ModuleResult {
    let services: Map<String, Value> = call
        .host
        .units
        .services()?
        .into_iter()
        .map(|service| {
            let mut fact = json!({"name": service.name, "state": service.state, "source": service.source});
            if let Some(status) = service.status {
                fact["status"] = status.into();
            }
            (service.name, fact)
        })
        .collect();
    Ok(Outcome { facts: Map::from_iter([("services".to_owned(), services.into())]), ..Outcome::ok() })
}
