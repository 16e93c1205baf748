//! `debug`: shows a text or a variable.

use super::Halt;
use super::call::{Action, ActionCall, Done, NeedsHost, json};
use crate::loader::Source;
use crate::template::{HOLE, Holes, TemplateError, TemplateErrorKind};
use refit_agent::args;
use refit_agent::args::{Arg as _, Args as _};
use refit_agent::modules::{Module, Rule};
use refit_agent::outcome::{Outcome, Stop};
use serde_json::Value as Json;

args! {
    /// What `debug` takes.
    pub struct Args {
        /// The text, or any value, to show.
        msg: Option<Json>,
        /// The name of a variable, or an expression, to show.
        var: Option<Json>,
        /// Show it only with at least so many `-v`.
        verbosity: i64 = 0,
    }
}

static MODULE: Module = Module {
    name: "debug",
    aliases: &[],
    summary: "Show a text or a variable",
    args: Args::specs,
    rules: &[Rule::MutuallyExclusive(&["msg", "var"])],
    free_form: None,
    run: None,
};

/// The action.
pub static ACTION: Action = Action { declaration: || &MODULE, needs_host: NeedsHost::No, raw: &["var"], run };

fn run(call: &ActionCall<'_>) -> Done {
    let wanted = match call.arg("verbosity").map(|value| i64::parse(&json(value))) {
        None => 0,
        Some(Ok(level)) => level,
        Some(Err(problem)) => return Done::failed(format!("`verbosity`: {problem}")),
    };
    if i64::from(call.verbosity) < wanted {
        let mut outcome = Outcome::ok().with("skipped_reason", "Verbosity threshold not met.");
        outcome.skipped = true;
        return Done::only(Ok(outcome));
    }
    let outcome = if let Some(var) = call.raw.get("var") {
        let (name, value) = match show(call, var) {
            Ok(shown) => shown,
            Err(halt) => return Err(halt).into(),
        };
        let unknown = if value.as_str() == Some(HOLE) { vec![name.clone()] } else { Vec::new() };
        Outcome { unknown, ..Outcome::ok().with(&name, value) }
    } else {
        // Whatever it shows, it changes nothing.
        let unknown = call.holes.and_then(Holes::why).map(|_| "msg".to_owned()).into_iter().collect();
        let msg = call.arg("msg").map_or(Json::String("Hello world!".to_owned()), json);
        Outcome { unknown, ..Outcome::ok().with("msg", msg) }
    };
    Done::only(Ok(outcome))
}

/// The name or expression as shown, and its value.
fn show(call: &ActionCall<'_>, var: &Source) -> Result<(String, Json), Halt> {
    let Some(text) = var.as_str() else {
        let value = call.scope.value(var).map_err(halted)?;
        return Ok((value.to_string(), json(&value)));
    };
    let expression = match text.contains("{{") {
        // A template gives the name; that it can't be had is a failure.
        true => match call.scope.value(var) {
            Ok(value) if value.as_str().is_none() => return Ok((value.to_string(), json(&value))),
            Ok(_) => text.to_owned(),
            Err(error) => return Err(halted(error)),
        },
        false => format!("{{{{ {text} }}}}"),
    };
    match call.scope.value(&Source::text(&var.span, expression)) {
        Ok(value) => Ok((text.to_owned(), json(&value))),
        Err(error) if matches!(error.kind, TemplateErrorKind::Undefined(_)) => {
            Ok((text.to_owned(), Json::String("VARIABLE IS NOT DEFINED!".to_owned())))
        }
        Err(error) if error.kind == TemplateErrorKind::Unknown => Ok((text.to_owned(), Json::String(HOLE.to_owned()))),
        Err(error) => Err(halted(error)),
    }
}

/// What a dry run can't know is no failure.
fn halted(error: TemplateError) -> Halt {
    match error.kind {
        TemplateErrorKind::Unknown => Halt::Stop(Stop::Unknown { why: error.diagnostic.message }),
        _ => Halt::failed(error.to_string()),
    }
}
