//! `validate_argument_spec`: checks variables against a specification; the engine puts one before the tasks of each role that
//! brings a specification (`meta/argument_specs.yml`).

use super::call::{Action, ActionCall, Done, NeedsHost, json};
use super::remote::Halt;
use crate::template::TemplateErrorKind;
use refit_agent::args;
use refit_agent::args::{Arg, Args as _};
use refit_agent::modules::Module;
use refit_agent::outcome::{Failure, Outcome, Stop};
use serde_json::{Map, Value as Json};

args! {
    /// What `validate_argument_spec` takes.
    pub struct Args {
        /// The specification: names with `type`, `required`, `choices`, `elements`, `options`.
        argument_spec: Map<String, Json>,
        /// The values, instead of the variables of these names.
        provided_arguments: Option<Map<String, Json>>,
        /// What the specification is of, for the result: a role's name and path.
        validate_args_context: Option<Map<String, Json>>,
    }
}

static MODULE: Module = Module {
    name: "validate_argument_spec",
    aliases: &[],
    summary: "Check variables against a specification",
    args: Args::specs,
    rules: &[],
    free_form: None,
    run: None,
};

/// The action.
pub static ACTION: Action = Action { declaration: || &MODULE, needs_host: NeedsHost::No, raw: &[], run };

fn run(call: &ActionCall<'_>) -> Done {
    attempt(call).into()
}

fn attempt(call: &ActionCall<'_>) -> Result<Outcome, Halt> {
    let spec = call.arg("argument_spec").map(json).unwrap_or_default();
    let Some(spec) = spec.as_object() else {
        return Err(Halt::failed(format!("`argument_spec` wants a mapping, this is {spec}")));
    };
    let provided = call.arg("provided_arguments").map(json);
    let mut problems = Vec::new();
    let mut values = Map::new();
    for name in spec.keys() {
        let value = match &provided {
            Some(provided) => provided.get(name).cloned(),
            None => match call.scope.variable(name) {
                Ok(value) => value.as_ref().map(json),
                Err(error) if matches!(error.kind, TemplateErrorKind::Unknown) => {
                    return Err(Halt::Stop(Stop::Unknown { why: error.diagnostic.message.clone() }));
                }
                Err(error) => return Err(Halt::failed(format!("`{name}`: {error}"))),
            },
        };
        if let Some(value) = value {
            values.insert(name.clone(), value);
        }
    }
    check(spec, &values, "", &mut problems);
    let context = call.arg("validate_args_context").map(json).unwrap_or_else(|| Json::Object(Map::new()));
    if problems.is_empty() {
        let outcome = Outcome::ok().with("msg", "The arg spec validation passed");
        return Ok(outcome.with("validate_args_context", context));
    }
    let failure = Failure::new(format!("Validation of arguments failed:\n{}", problems.join("\n")))
        .with("argument_errors", problems)
        .with("argument_spec_data", spec.clone())
        .with("validate_args_context", context);
    Err(Halt::Stop(Stop::Failed(failure)))
}

/// Checks values against a specification; `path` is where they are, for the messages.
fn check(spec: &Map<String, Json>, values: &Map<String, Json>, path: &str, problems: &mut Vec<String>) {
    let flag = |rules: &Json, name: &str| rules.get(name).is_some_and(|value| bool::parse(value).unwrap_or(false));
    let found = if path.is_empty() { String::new() } else { format!(" found in {path}") };
    let mut missing: Vec<&str> = spec
        .iter()
        .filter(|(name, rules)| flag(rules, "required") && !values.contains_key(*name))
        .map(|(name, _)| name.as_str())
        .collect();
    missing.sort_unstable();
    if !missing.is_empty() {
        problems.push(format!("missing required arguments: {}{found}", missing.join(", ")));
    }
    for (name, rules) in spec {
        // Nothing is as good as not given, where it need not be given.
        let Some(value) = values.get(name).filter(|value| !value.is_null() || flag(rules, "required")) else {
            continue;
        };
        let kind = rules.get("type").and_then(Json::as_str).unwrap_or("str");
        let here = if path.is_empty() { name.clone() } else { format!("{path} -> {name}") };
        let value = match convert(kind, value) {
            Ok(value) => value,
            Err(problem) => {
                problems.push(format!(
                    "argument '{name}' is of type {} and we were unable to convert to {kind}: {problem}{found}",
                    type_name(value)
                ));
                continue;
            }
        };
        let elements = rules.get("elements").and_then(Json::as_str);
        let mut items = Vec::new();
        if let (Some(list), Some(kind)) = (value.as_array(), elements) {
            for item in list {
                match convert(kind, item) {
                    Ok(item) => items.push(item),
                    Err(problem) => problems.push(format!(
                        "Elements value for option '{name}'{found} is of type {} and we were unable to convert to {kind}: {problem}",
                        type_name(item)
                    )),
                }
            }
        }
        if let Some(choices) = rules.get("choices").and_then(Json::as_array) {
            let shown = |value: &Json| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            let list = choices.iter().map(shown).collect::<Vec<_>>().join(", ");
            let chosen: Vec<&Json> =
                if value.is_array() { value.as_array().into_iter().flatten().collect() } else { vec![&value] };
            for one in chosen
                .into_iter()
                .filter(|one| !choices.iter().any(|choice| choice == *one || shown(choice) == shown(one)))
            {
                let which = if value.is_array() { "one or more of" } else { "one of" };
                problems.push(format!("value of {name} must be {which}: {list}, got: {}{found}", shown(one)));
            }
        }
        if let Some(options) = rules.get("options").and_then(Json::as_object) {
            match (&value, items.is_empty()) {
                (Json::Object(map), _) => {
                    unknown(options, map, &here, problems);
                    check(options, map, &here, problems);
                }
                (_, false) => {
                    for map in items.iter().filter_map(Json::as_object) {
                        unknown(options, map, &here, problems);
                        check(options, map, &here, problems);
                    }
                }
                _ => {}
            }
        }
    }
}

fn unknown(spec: &Map<String, Json>, values: &Map<String, Json>, path: &str, problems: &mut Vec<String>) {
    let aliases = |rules: &Json, name: &str| {
        rules.get("aliases").and_then(Json::as_array).is_some_and(|list| list.iter().any(|alias| alias == name))
    };
    let strange: Vec<&str> = values
        .keys()
        .filter(|name| !spec.contains_key(*name) && !spec.values().any(|rules| aliases(rules, name)))
        .map(String::as_str)
        .collect();
    if !strange.is_empty() {
        let known: Vec<&str> = spec.keys().map(String::as_str).collect();
        problems.push(format!("{path}: {}. Supported parameters include: {}.", strange.join(", "), known.join(", ")));
    }
}

/// A value as one of the types of argument specifications.
fn convert(kind: &str, value: &Json) -> Result<Json, String> {
    match kind {
        "int" | "float" if value.is_null() => {
            Err(format!("\"None\" cannot be converted to {}", if kind == "int" { "an int" } else { "a float" }))
        }
        "list" | "dict" if value.is_null() => Err(format!("<class 'NoneType'> cannot be converted to a {kind}")),
        "str" | "path" if value.is_null() => Ok(Json::from("None")),
        "str" => String::parse(value).map(Json::String),
        "path" => String::parse(value).map(Json::String),
        "bool" => bool::parse(value).map(Json::Bool),
        "int" => i64::parse(value).map(Json::from),
        "float" => f64::parse(value).map(Json::from),
        "list" => match value {
            Json::Object(_) => Err("a mapping is no list".to_owned()),
            other => Vec::<Json>::parse(other).map(Json::Array),
        },
        "dict" => Map::parse(value).map(Json::Object),
        _ => Ok(value.clone()),
    }
}

fn type_name(value: &Json) -> &'static str {
    match value {
        Json::Null => "NoneType",
        Json::Bool(_) => "bool",
        Json::Number(number) if number.is_f64() => "float",
        Json::Number(_) => "int",
        Json::String(_) => "str",
        Json::Array(_) => "list",
        Json::Object(_) => "dict",
    }
}
