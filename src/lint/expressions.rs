//! Every template and condition of a file.

use super::Ground;
use super::finding::{Finding, Fix, Rule};
use super::names::Names;
use super::traps;
use crate::diagnostic::Diagnostic;
use crate::loader::{Entry, Node, Source, Style};
use crate::template::{Problem, Survey, Surveyor};

/// Looks at a file's templates.
pub struct Expressions<'a> {
    pub ground: &'a Ground,
    pub findings: &'a mut Vec<Finding>,
    pub names: &'a mut Names,
}

/// Keywords whose values are conditions.
fn is_condition(key: &str) -> bool {
    matches!(key, "when" | "changed_when" | "failed_when" | "until" | "break_when")
}

impl Expressions<'_> {
    /// All of a playbook or of a file of tasks.
    pub fn tasks(&mut self, source: &Source) {
        match &source.node {
            Node::Seq(items) => {
                traps::items(items, self.findings);
                items.iter().for_each(|item| self.tasks(item));
            }
            Node::Map(entries) => {
                self.names.of_mapping(source);
                entries.iter().for_each(|entry| self.entry(entry));
            }
            _ => self.text(source),
        }
    }

    fn entry(&mut self, entry: &Entry) {
        traps::entry(entry, self.findings);
        let key = entry.key.as_str().unwrap_or_default();
        if is_condition(key) {
            return self.condition(&entry.value);
        }
        match crate::actions::short_name(key) {
            "assert" => {
                for arg in entry.value.as_map().unwrap_or_default() {
                    match arg.key.as_str() {
                        Some("that") => self.condition(&arg.value),
                        _ => self.tasks(&arg.value),
                    }
                }
                return;
            }
            "debug" => {
                for arg in entry.value.as_map().unwrap_or_default() {
                    match arg.key.as_str() {
                        Some("var") => {
                            let survey = self.ground.surveyor.expression(&arg.value);
                            self.take(survey);
                        }
                        _ => self.tasks(&arg.value),
                    }
                }
                if entry.value.as_map().is_some() {
                    return;
                }
            }
            _ => {}
        }
        if let Some(lookup) = key.strip_prefix("with_")
            && let Err(hint) = Surveyor::knows_lookup(lookup)
        {
            let problem = Diagnostic::error(&entry.key.span, format!("there is no lookup `{lookup}` for `{key}`"));
            let problem = hint.into_iter().fold(problem, Diagnostic::hint);
            self.findings.push(Finding::new(Rule::UnknownLookup, problem));
        }
        if key == "include" && (entry.value.as_str().is_some() || entry.value.as_map().is_some()) {
            let problem = Diagnostic::error(&entry.key.span, "`include` is gone from the language").warning();
            let problem = problem.hint("write `include_tasks` (or `import_tasks`, which is read before the run)");
            let fix = traps::replace(&entry.key, "include_tasks");
            self.findings.push(Finding { rule: Rule::Outdated, diagnostic: problem, fix });
        }
        self.tasks(&entry.value);
    }

    /// A file of variables, or any other data with templates.
    pub fn data(&mut self, source: &Source) {
        match &source.node {
            Node::Seq(items) => {
                traps::items(items, self.findings);
                items.iter().for_each(|item| self.data(item));
            }
            Node::Map(entries) => entries.iter().for_each(|entry| {
                traps::entry(entry, self.findings);
                self.data(&entry.value);
            }),
            _ => self.text(source),
        }
    }

    fn text(&mut self, source: &Source) {
        if let Node::Text(..) = source.node {
            let survey = self.ground.surveyor.text(source);
            self.take(survey);
        }
    }

    fn condition(&mut self, source: &Source) {
        if let Some(items) = source.as_seq() {
            return items.iter().for_each(|item| self.condition(item));
        }
        let Node::Text(text, style) = &source.node else { return };
        let trimmed = text.trim();
        if trimmed.starts_with("{{") || trimmed.starts_with("{%") {
            let inner = trimmed.strip_prefix("{{").and_then(|rest| rest.strip_suffix("}}")).map(str::trim);
            let inner = inner.filter(|inner| !inner.contains("{{") && !inner.contains("{%"));
            let message = "a condition is an expression already, and should have no `{{ }}`";
            let mut problem = Diagnostic::error(&source.span, message).warning();
            let mut fix = None;
            if let Some(inner) = inner {
                problem = problem.hint(format!("write `{inner}`"));
                // What the template makes of a bare name may be an expression in turn: then the braces do something.
                let is_expression = inner.contains([' ', '|', '=', '(']);
                fix = unbraced(source, *style, inner).filter(|_| is_expression);
            }
            self.findings.push(Finding { rule: Rule::ConditionBraces, diagnostic: problem, fix });
        }
        let survey = self.ground.surveyor.expression(source);
        self.take(survey);
    }

    pub fn take(&mut self, survey: Survey) {
        self.names.reads.extend(survey.reads);
        self.names.optional.extend(survey.optional);
        for (problem, diagnostic) in survey.problems {
            let rule = match problem {
                Problem::Syntax => Rule::TemplateSyntax,
                Problem::Filter => Rule::UnknownFilter,
                Problem::Test => Rule::UnknownTest,
                Problem::Lookup => Rule::UnknownLookup,
            };
            self.findings.push(Finding::new(rule, diagnostic));
        }
    }
}

/// The condition in the same quotes without its braces.
fn unbraced(source: &Source, style: Style, inner: &str) -> Option<Fix> {
    let raw = traps::raw(source);
    let quote = match style {
        Style::Single if raw.starts_with('\'') => '\'',
        Style::Double if raw.starts_with('"') => '"',
        _ => return None,
    };
    // Escapes stay as they are written, so the text between the braces is taken from the file.
    let written = raw.trim_matches(quote).trim().strip_prefix("{{")?.strip_suffix("}}")?.trim();
    (!inner.is_empty()).then(|| Fix { span: source.span.clone(), text: format!("{quote}{written}{quote}") })
}
