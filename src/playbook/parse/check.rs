//! What is known to be wrong without variables: arguments against the module's declaration, templates that can't be read.

use super::Pass;
use crate::diagnostic::{Diagnostic, Span, did_you_mean};
use crate::loader::{Node, Source};
use crate::playbook::keyword::Keyword;
use crate::playbook::model::Args;
use crate::playbook::scope::Keywords;
use crate::template::Form;
use refit_agent::args::{ArgSpec, Kind, boolean};
use refit_agent::modules::{Given, Module};

impl Pass<'_> {
    pub(super) fn check_args(&mut self, name: &str, span: &Span, args: &Args) {
        let Some(module) = crate::actions::find(name) else { return };
        if crate::actions::takes_any_args(module.name) {
            return;
        }
        let specs = (module.args)();
        let found_before = self.problems.0.len();
        self.check_against(module, specs, name, span, args);
        self.soften(found_before);
    }

    /// Where the playbook reckons with the task's failure, what is wrong with it is an error only when it runs.
    fn soften(&mut self, found_before: usize) {
        if self.failure_is_handled {
            for problem in self.problems.0.iter_mut().skip(found_before) {
                *problem = problem.clone().warning();
            }
        }
    }

    /// The conditions of a task or block.
    pub(super) fn check_conditions(&mut self, keywords: &Keywords) {
        for keyword in [Keyword::When, Keyword::Until, Keyword::ChangedWhen, Keyword::FailedWhen] {
            if let Some(source) = keywords.get(keyword) {
                self.check_readable(source, Form::Expression);
            }
        }
    }

    /// The templates in an action's arguments.
    pub(super) fn check_templates(&mut self, name: &str, args: &Args) {
        for source in args.free_form.iter().chain(&args.template) {
            self.check_readable(source, Form::Text);
        }
        for (key, value) in &args.named {
            let form = match (crate::actions::short_name(name), &**key) {
                ("assert", "that") | ("debug", "var") => Form::Expression,
                _ => Form::Text,
            };
            self.check_readable(value, form);
        }
    }

    /// A text, or all in a list or mapping.
    pub(super) fn check_readable(&mut self, source: &Source, form: Form) {
        match &source.node {
            Node::Seq(items) => items.iter().for_each(|item| self.check_readable(item, form)),
            Node::Map(entries) => entries.iter().for_each(|entry| self.check_readable(&entry.value, form)),
            Node::Text(..) => {
                if let Some(problem) = self.names.unreadable(source, form) {
                    let found_before = self.problems.0.len();
                    self.problems.push(problem);
                    self.soften(found_before);
                }
            }
            _ => {}
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
        let value = |wanted: &str| {
            let spec = specs.iter().find(|spec| spec.name == wanted)?;
            args.named.iter().find(|(key, value)| spec.answers_to(key) && !value.is_null()).map(|(_, value)| value)
        };
        let given = |wanted: &str| match value(wanted) {
            // It may be `omit`.
            Some(value) if value.has_template() => Given::Perhaps,
            Some(_) => Given::Yes,
            None if args.free_form.is_some() && module.free_form == Some(wanted) => Given::Yes,
            None => Given::No,
        };
        // What a play's `module_defaults` gives is known when the task runs; the rules are checked again there.
        if self.has_module_defaults {
            return;
        }
        for spec in specs.iter().filter(|spec| spec.required && given(spec.name) == Given::No) {
            self.error(span, format!("`{name}` needs the argument `{}`", spec.name));
        }
        let is = |arg: &str, word: &str| {
            value(arg).is_some_and(|value| !value.has_template() && value.as_str() == Some(word))
        };
        for rule in module.rules {
            if let Some(broken) = rule.broken(&given, &is) {
                self.error(span, broken.told(name));
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
