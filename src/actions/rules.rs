//! Rules between a module's arguments, checked when the arguments are known: with templates, `module_defaults` and omitted
//! ones settled. In the words that playbooks know to look for in a result's `msg`.

use crate::template::Value;
use indexmap::IndexMap;
use refit_agent::modules::{Module, Rule};

/// What is wrong between a call's arguments, if anything is.
pub fn broken(module: &Module, args: &IndexMap<String, Value>) -> Option<String> {
    let specs = (module.args)();
    let given = |name: &str| {
        let spec = specs.iter().find(|spec| spec.name == name)?;
        args.iter().find(|(key, value)| spec.answers_to(key) && !value.is_none()).map(|(_, value)| value)
    };
    module.rules.iter().find_map(|rule| match rule {
        Rule::MutuallyExclusive(names) => {
            let both: Vec<&str> = names.iter().copied().filter(|name| given(name).is_some()).collect();
            (both.len() > 1).then(|| format!("parameters are mutually exclusive: {}", names.join("|")))
        }
        Rule::RequiredOneOf(names) => (!names.iter().any(|name| given(name).is_some()))
            .then(|| format!("one of the following is required: {}", names.join(", "))),
        Rule::RequiredTogether(names) => {
            let count = names.iter().filter(|name| given(name).is_some()).count();
            (count > 0 && count < names.len())
                .then(|| format!("parameters are required together: {}", names.join(", ")))
        }
        Rule::RequiredIf(arg, word, needed) => {
            let set = given(arg).is_some_and(|value| value.to_string() == *word);
            let missing: Vec<&str> = needed.iter().copied().filter(|name| given(name).is_none()).collect();
            (set && !missing.is_empty())
                .then(|| format!("{arg} is {word} but all of the following are missing: {}", missing.join(", ")))
        }
        Rule::RequiredBy(arg, needed) => {
            let missing: Vec<&str> = needed.iter().copied().filter(|name| given(name).is_none()).collect();
            (given(arg).is_some() && !missing.is_empty())
                .then(|| format!("missing parameter(s) required by '{arg}': {}", missing.join(", ")))
        }
    })
}
