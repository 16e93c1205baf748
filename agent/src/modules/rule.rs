//! Rules between the arguments of a module.

use super::Module;
use crate::args::{self, ArgSpec, Kind, boolean};
use serde_json::{Map, Value};

/// A rule between arguments, as Ansible's argument specifications have them.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Rule {
    /// At most one of these.
    MutuallyExclusive(&'static [&'static str]),
    /// At least one of these.
    RequiredOneOf(&'static [&'static str]),
    /// All of these or none.
    RequiredTogether(&'static [&'static str]),
    /// With this argument at this value, all of those.
    RequiredIf(&'static str, &'static str, &'static [&'static str]),
    /// With this argument given, all of those.
    RequiredBy(&'static str, &'static [&'static str]),
}

/// Whether an argument is given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Given {
    /// It is not.
    No,
    /// It is a template, which may turn out to be omitted.
    Perhaps,
    /// It is.
    Yes,
}

/// What a call breaks of a rule, with the arguments concerned. As text it is what a result's `msg` says of it, in words that
/// playbooks look for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Broken {
    /// More than one of these is given.
    Exclusive(&'static [&'static str]),
    /// None of these is given.
    NoneOf(&'static [&'static str]),
    /// Only some of these are given.
    NotTogether(&'static [&'static str]),
    /// These are missing for this argument at this value.
    MissingIf(&'static str, &'static str, Vec<&'static str>),
    /// These are missing for this argument.
    MissingBy(&'static str, Vec<&'static str>),
}

impl Broken {
    /// What it says of the call of the module `name` to who wrote it.
    pub fn told(&self, name: &str) -> String {
        let list = |names: &[&str]| names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
        match self {
            Broken::Exclusive(names) => format!("`{name}` takes only one of {}", list(names)),
            Broken::NoneOf(names) => format!("`{name}` needs one of {}", list(names)),
            Broken::NotTogether(names) => format!("`{name}` needs {} together", list(names)),
            Broken::MissingIf(arg, word, missing) => format!("`{name}` with `{arg}: {word}` needs {}", list(missing)),
            Broken::MissingBy(arg, missing) => format!("`{name}` with `{arg}` needs {}", list(missing)),
        }
    }
}

impl std::fmt::Display for Broken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Broken::Exclusive(names) => write!(f, "parameters are mutually exclusive: {}", names.join("|")),
            Broken::NoneOf(names) => write!(f, "one of the following is required: {}", names.join(", ")),
            Broken::NotTogether(names) => write!(f, "parameters are required together: {}", names.join(", ")),
            Broken::MissingIf(arg, word, missing) => {
                write!(f, "{arg} is {word} but all of the following are missing: {}", missing.join(", "))
            }
            Broken::MissingBy(arg, missing) => {
                write!(f, "missing parameter(s) required by '{arg}': {}", missing.join(", "))
            }
        }
    }
}

impl Rule {
    /// What a call breaks of this rule for sure. `given` tells whether an argument is given, `is` whether it has a value.
    pub fn broken(&self, given: &dyn Fn(&str) -> Given, is: &dyn Fn(&str, &str) -> bool) -> Option<Broken> {
        let surely = |name: &str| given(name) == Given::Yes;
        let missing = |needed: &[&'static str]| -> Vec<&'static str> {
            needed.iter().copied().filter(|name| given(name) == Given::No).collect()
        };
        match self {
            Rule::MutuallyExclusive(names) => {
                let count = names.iter().filter(|name| surely(name)).count();
                (count > 1).then_some(Broken::Exclusive(names))
            }
            Rule::RequiredOneOf(names) => (missing(names).len() == names.len()).then_some(Broken::NoneOf(names)),
            Rule::RequiredTogether(names) => (names.iter().any(|name| surely(name)) && !missing(names).is_empty())
                .then_some(Broken::NotTogether(names)),
            Rule::RequiredIf(arg, word, needed) => {
                let missing = missing(needed);
                (!missing.is_empty() && is(arg, word)).then_some(Broken::MissingIf(arg, word, missing))
            }
            Rule::RequiredBy(arg, needed) => {
                let missing = missing(needed);
                (!missing.is_empty() && surely(arg)).then_some(Broken::MissingBy(arg, missing))
            }
        }
    }
}

impl Module {
    /// What a call breaks of the rules: those that could not be told before its arguments were templated.
    pub fn broken_rule(&self, given: &Map<String, Value>) -> Option<Broken> {
        let specs = (self.args)();
        let spec = |name: &str| specs.iter().find(|spec| spec.name == name);
        let value = |name: &str| {
            let spec = spec(name)?;
            args::given(given, spec.name, spec.aliases).map(|(_, value)| value.clone())
        };
        let is = |name: &str, word: &str| {
            let Some(spec) = spec(name) else { return false };
            value(name).or_else(|| spec.default()).is_some_and(|value| means(spec, &value, word))
        };
        let given = |name: &str| if value(name).is_some() { Given::Yes } else { Given::No };
        self.rules.iter().find_map(|rule| rule.broken(&given, &is))
    }
}

/// Whether the value of an argument means the same as a word.
fn means(spec: &ArgSpec, value: &Value, word: &str) -> bool {
    match value {
        Value::String(text) if spec.kind == Kind::Bool => boolean(text).is_some() && boolean(text) == boolean(word),
        Value::String(text) => text == word,
        Value::Bool(flag) => boolean(word) == Some(*flag),
        Value::Number(number) => number.to_string() == word,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::modules::find;
    use serde_json::json;

    fn broken(module: &str, args: Value) -> Option<String> {
        let module = find(module).unwrap();
        module.broken_rule(args.as_object().unwrap()).map(|broken| broken.told(module.name))
    }

    #[test]
    fn arguments_that_were_templates_keep_to_the_rules() {
        assert_eq!(
            broken("copy", json!({"dest": "/x", "content": "", "src": "a"})).unwrap(),
            "`copy` takes only one of `src`, `content`"
        );
        let args = json!({"dest": "/x", "content": "", "src": "a"});
        let broken_rule = find("copy").unwrap().broken_rule(args.as_object().unwrap()).unwrap();
        assert_eq!(broken_rule.to_string(), "parameters are mutually exclusive: src|content");
        assert_eq!(broken("copy", json!({"dest": "/x", "content": "a", "src": null})), None);
        assert_eq!(broken("copy", json!({"dest": "/x"})).unwrap(), "`copy` needs one of `src`, `content`");
        let gid = "`group` with `non_unique: true` needs `gid`";
        assert_eq!(broken("group", json!({"name": "a", "non_unique": "yes"})).as_deref(), Some(gid));
        assert_eq!(broken("group", json!({"name": "a", "non_unique": true})).as_deref(), Some(gid));
        assert_eq!(broken("group", json!({"name": "a", "non_unique": "no"})), None);
        assert_eq!(broken("group", json!({"name": "a", "non_unique": true, "gid": 7})), None);
        assert_eq!(
            broken("systemd", json!({"state": "started"})).unwrap(),
            "`systemd_service` with `state` needs `name`"
        );
        assert_eq!(broken("systemd", json!({"state": "started", "unit": "x"})), None, "an alias is as good");
    }
}
