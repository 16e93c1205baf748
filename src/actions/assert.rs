//! `assert`: fails where a condition does not hold.

use super::call::{Action, ActionCall, Done, NeedsHost, json};
use super::remote::Halt;
use crate::playbook::one_or_more;
use crate::template::{TemplateErrorKind, Truth};
use refit_agent::args;
use refit_agent::args::{Arg as _, Args as _};
use refit_agent::modules::Module;
use refit_agent::outcome::{Failure, Outcome, Stop};
use serde_json::Value as Json;

args! {
    /// What `assert` takes.
    pub struct Args {
        /// Conditions that must all hold.
        that: Json,
        /// What to say where one does not.
        [aliases = ["msg"]]
        fail_msg: Option<Json>,
        /// What to say where all hold.
        success_msg: Option<Json>,
        /// Say nothing where all hold.
        quiet: bool = false,
    }
}

static MODULE: Module = Module {
    name: "assert",
    aliases: &[],
    summary: "Fail where a condition does not hold",
    args: Args::specs,
    rules: &[],
    free_form: None,
    run: None,
};

/// The action.
pub static ACTION: Action = Action { declaration: || &MODULE, needs_host: NeedsHost::No, raw: &["that"], run };

fn run(call: &ActionCall<'_>) -> Done {
    let Some(that) = call.raw.get("that") else { return Done::failed("`assert` needs the argument `that`") };
    let said = |name: &str, otherwise: &str| match call.arg(name) {
        Some(text) => json(text),
        None => Json::String(otherwise.to_owned()),
    };
    let quiet = call.arg("quiet").is_some_and(|quiet| bool::parse(&json(quiet)).unwrap_or(false));
    for condition in one_or_more(that) {
        let assertion = condition
            .as_str()
            .map_or_else(|| Json::String(condition.describe().to_owned()), |text| Json::String(text.to_owned()));
        match call.scope.condition(condition) {
            Ok(Truth::True) => {}
            Ok(Truth::False { why }) => {
                let mut failure = Failure::default().with("assertion", assertion).with("evaluated_to", false);
                let message = call
                    .arg("fail_msg")
                    .or_else(|| call.arg("msg"))
                    .map_or(Json::String("Assertion failed".to_owned()), json);
                // A message may be a list of lines; a result's `msg` keeps it as it is.
                failure.msg = message.as_str().map_or_else(|| message.to_string(), str::to_owned);
                if !message.is_string() {
                    failure.result.insert("msg".to_owned(), message);
                }
                let failed = Done::only(Err(Halt::Stop(Stop::Failed(failure))));
                return Done { why: Some(why), ..failed };
            }
            Ok(Truth::Unknown { why }) => return Done::only(Err(Halt::Stop(Stop::Unknown { why }))),
            Err(error) if error.kind == TemplateErrorKind::Unknown => {
                return Done::only(Err(Halt::Stop(Stop::Unknown { why: error.to_string() })));
            }
            Err(error) => {
                let failure = Failure::new(error.to_string()).with("assertion", assertion);
                return Done::only(Err(Halt::Stop(Stop::Failed(failure))));
            }
        }
    }
    let outcome =
        if quiet { Outcome::ok() } else { Outcome::ok().with("msg", said("success_msg", "All assertions passed")) };
    Done::only(Ok(outcome))
}
