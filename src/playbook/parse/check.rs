//! Arguments checked against the module's declaration, as far as they are known without variables.

use super::Pass;
use crate::diagnostic::{Diagnostic, Span, did_you_mean};
use crate::loader::{Node, Source};
use crate::playbook::model::Args;
use refit_agent::args::{ArgSpec, Kind, boolean};
use refit_agent::modules::{Module, Rule};

impl Pass<'_> {
    pub(super) fn check_args(&mut self, name: &str, span: &Span, args: &Args) {
        let Some(module) = crate::actions::find(name) else { return };
        if crate::actions::takes_any_args(module.name) {
            return;
        }
        let specs = (module.args)();
        let found_before = self.problems.0.len();
        self.check_against(module, specs, name, span, args);
        // Where the playbook reckons with the failure, it comes when the task runs.
        if self.failure_is_handled {
            for problem in self.problems.0.iter_mut().skip(found_before) {
                *problem = problem.clone().warning();
            }
        }
    }

    fn check_against(&mut self, module: &Module, specs: &[ArgSpec], name: &str, span: &Span, args: &Args) {
        for (key, value) in &args.named {
            match specs.iter().find(|spec| spec.answers_to(key)) {
                Some(spec) => self.check_value(spec, key, value),
                None => {
                    let names = specs.iter().flat_map(|spec| std::iter::once(&spec.name).chain(spec.aliases)).copied();
                    let place = args.name_span(key).unwrap_or(&value.span);
                    let mut problem = Diagnostic::error(place, format!("no argument `{key}` in `{name}`"));
                    problem = match did_you_mean(key, names) {
                        Some(hint) => problem.hint(hint),
                        None => problem.hint(format!("`refit doc {}` lists the arguments", module.name)),
                    };
                    self.problems.push(problem);
                }
            }
        }
        if args.template.is_some() {
            return;
        }
        let given = |wanted: &str| {
            specs.iter().find(|spec| spec.name == wanted).is_some_and(|spec| {
                args.named.iter().any(|(key, value)| spec.answers_to(key) && !value.is_null())
                    || (args.free_form.is_some() && module.free_form == Some(wanted))
            })
        };
        // What a play's `module_defaults` gives is known when the task runs; the rules are checked again there.
        if self.has_module_defaults {
            return;
        }
        for spec in specs.iter().filter(|spec| spec.required && !given(spec.name)) {
            self.error(span, format!("`{name}` needs the argument `{}`", spec.name));
        }
        for rule in module.rules {
            // A template may give `omit`: whether two exclude each other is then known when the task runs.
            let may_be_omitted = |wanted: &str| {
                let spec = specs.iter().find(|spec| spec.name == wanted);
                args.named.iter().any(|(key, value)| {
                    spec.is_some_and(|spec| spec.answers_to(key))
                        && value.as_str().is_some_and(|text| text.contains("omit"))
                })
            };
            let surely = |wanted: &str| given(wanted) && !may_be_omitted(wanted);
            let given: &dyn Fn(&str) -> bool =
                if matches!(rule, Rule::MutuallyExclusive(_)) { &surely } else { &given };
            if let Some(message) = broken(rule, name, given, &|arg| {
                args.named
                    .iter()
                    .find(|(key, _)| specs.iter().any(|spec| spec.name == arg && spec.answers_to(key)))
                    .map(|(_, value)| value)
            }) {
                self.error(span, message);
            }
        }
    }

    fn check_value(&mut self, spec: &ArgSpec, key: &str, value: &Source) {
        if value.has_template() {
            return;
        }
        let wanted = match (&spec.kind, &value.node) {
            (Kind::Choice(words), Node::Text(text, _)) if !words.contains(&&**text) => {
                let mut problem = Diagnostic::error(
                    &value.span,
                    format!("`{text}` is not a value of `{key}`; it takes {}", words.join(", ")),
                );
                if let Some(hint) = did_you_mean(text, words.iter().copied()) {
                    problem = problem.hint(hint);
                }
                self.problems.push(problem);
                return;
            }
            (Kind::Bool, Node::Text(text, _)) if boolean(text).is_none() => "a boolean (true or false)",
            (Kind::Bool, Node::Seq(_) | Node::Map(_)) => "a boolean (true or false)",
            (Kind::Int, Node::Text(text, _)) if text.trim().parse::<i64>().is_err() => "a whole number",
            (Kind::Int | Kind::Float, Node::Seq(_) | Node::Map(_)) => "a number",
            (Kind::Float, Node::Text(text, _)) if text.trim().parse::<f64>().is_err() => "a number",
            (Kind::Path, Node::Seq(_) | Node::Map(_)) => "a path",
            (Kind::Dict, Node::Seq(_)) => "a mapping",
            _ => return,
        };
        self.error(&value.span, format!("`{key}` wants {wanted}, this is {}", value.describe()));
    }
}

fn broken<'s>(
    rule: &Rule,
    name: &str,
    given: &dyn Fn(&str) -> bool,
    value: &dyn Fn(&str) -> Option<&'s Source>,
) -> Option<String> {
    // What a template gives may be `omit`: only then is it known whether the rule is broken.
    let surely = |name: &str| given(name) && value(name).is_none_or(|value| !value.has_template());
    let list = |names: &[&str]| names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
    match rule {
        Rule::MutuallyExclusive(names) => {
            let both: Vec<&str> = names.iter().copied().filter(|name| surely(name)).collect();
            (both.len() > 1).then(|| format!("`{name}` takes only one of {}", list(&both)))
        }
        Rule::RequiredOneOf(names) => {
            (!names.iter().any(|name| given(name))).then(|| format!("`{name}` needs one of {}", list(names)))
        }
        Rule::RequiredTogether(names) => {
            let count = names.iter().filter(|name| given(name)).count();
            (names.iter().any(|name| surely(name)) && count < names.len())
                .then(|| format!("`{name}` needs {} together", list(names)))
        }
        Rule::RequiredIf(arg, word, needed) => {
            let set = value(arg).is_some_and(|value| !value.has_template() && value.as_str() == Some(word));
            let missing: Vec<&str> = needed.iter().copied().filter(|name| !given(name)).collect();
            (set && !missing.is_empty()).then(|| format!("`{name}` with `{arg}: {word}` needs {}", list(&missing)))
        }
        Rule::RequiredBy(arg, needed) => {
            let missing: Vec<&str> = needed.iter().copied().filter(|name| !given(name)).collect();
            (surely(arg) && !missing.is_empty()).then(|| format!("`{name}` with `{arg}` needs {}", list(&missing)))
        }
    }
}
