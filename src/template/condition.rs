//! Conditions: `when`, `changed_when`, `failed_when`, `until`, `that`.

use super::contract::{TemplateError, TemplateErrorKind, Truth};
use super::fault::{Fault, Outcome};
use super::language::{Expression, Node, Statement};
use super::machine::{Machine, path};
use super::place::Place;
use super::python::kind::{Kind, kind, truth, type_name};
use super::scope::Scope;
use super::templater::may_be_template;
use crate::diagnostic::Diagnostic;
use crate::loader::{Node as SourceNode, Source};
use minijinja::Value;
use std::sync::Arc;

/// See [`Scope::condition`].
pub fn condition(scope: &Scope, source: &Source) -> Result<Truth, TemplateError> {
    let place = Place::scalar(&source.span);
    match &source.node {
        SourceNode::Bool(true) => Ok(Truth::True),
        SourceNode::Bool(false) => Ok(Truth::False { why: "false".to_owned() }),
        SourceNode::Seq(parts) => {
            // A false part decides, also after one that can't be told.
            let mut undecided = None;
            for part in parts.iter() {
                match condition(scope, part)? {
                    Truth::True => {}
                    no @ Truth::False { .. } => return Ok(no),
                    unknown @ Truth::Unknown { .. } => undecided = undecided.or(Some(unknown)),
                }
            }
            Ok(undecided.unwrap_or(Truth::True))
        }
        SourceNode::Text(text, _) | SourceNode::Unsafe(text) => of_text(scope, source, text, &place),
        SourceNode::Null => Ok(Truth::True),
        _ => {
            let value = scope.value(source)?;
            decide(scope, source, &value, source.describe())
        }
    }
}

fn of_text(scope: &Scope, source: &Source, text: &Arc<str>, place: &Place) -> Result<Truth, TemplateError> {
    let trimmed: Arc<str> = if text.trim().len() == text.len() { text.clone() } else { text.trim().into() };
    if trimmed.is_empty() {
        return Ok(Truth::True);
    }
    if may_be_template(&trimmed) && !is_expression(scope, &trimmed) {
        return of_template(scope, source, text, place);
    }
    match evaluate(scope, &trimmed, place, Text::Written) {
        Ok((value, why)) => match decide(scope, source, &value, &trimmed)? {
            Truth::False { .. } => Ok(Truth::False { why }),
            other => Ok(other),
        },
        Err(error) if error.kind == TemplateErrorKind::Unknown => {
            Ok(Truth::Unknown { why: error.diagnostic.message.clone() })
        }
        Err(error) => Err(error),
    }
}

/// Text with braces that is an expression all the same: a dict literal, or text literals with templates in them.
fn is_expression(scope: &Scope, text: &Arc<str>) -> bool {
    !text.starts_with("{{") && !text.starts_with("{%") && scope.templater().programs.expression(text).is_ok()
}

/// `when: "{{ x }}"`: the template's value is the condition, or its text is.
fn of_template(scope: &Scope, source: &Source, text: &Arc<str>, place: &Place) -> Result<Truth, TemplateError> {
    scope.warn(
        Diagnostic::error(&source.span, "a condition is an expression already, and should have no `{{ }}` or `{% %}`")
            .warning()
            .hint(match text.trim().strip_prefix("{{").and_then(|rest| rest.strip_suffix("}}")) {
                Some(inner) if !inner.contains("{{") => format!("write `{}`", inner.trim()),
                _ => "write the variables' names without braces".to_owned(),
            }),
    );
    let value = match scope.value(source) {
        Ok(value) => value,
        Err(error) if error.kind == TemplateErrorKind::Unknown => {
            return Ok(Truth::Unknown { why: error.diagnostic.message.clone() });
        }
        Err(error) => return Err(error),
    };
    match value.as_str() {
        // What the template made is an expression in turn; text that is none is just text.
        Some(made) if !made.trim().is_empty() && !may_be_template(made) => {
            let made: Arc<str> = made.trim().into();
            match evaluate(scope, &made, place, Text::Made) {
                Ok((value, why)) => match decide(scope, source, &value, &made)? {
                    Truth::False { .. } => Ok(Truth::False { why: format!("{}  (that is {why})", text.trim()) }),
                    other => Ok(other),
                },
                Err(error) if error.kind == TemplateErrorKind::Unknown => {
                    Ok(Truth::Unknown { why: error.diagnostic.message.clone() })
                }
                Err(error) => Err(error),
            }
        }
        _ => decide(scope, source, &value, text.trim()),
    }
}

/// A value as a truth; one that is no boolean is warned about.
fn decide(scope: &Scope, source: &Source, value: &Value, why: &str) -> Result<Truth, TemplateError> {
    let place = Place::scalar(&source.span);
    let holds = match truth(value) {
        Ok(holds) => holds,
        Err(fault) if fault.kind == TemplateErrorKind::Unknown => {
            return Ok(Truth::Unknown { why: fault.message.clone() });
        }
        Err(fault) => return Err(place.error(why, *fault)),
    };
    if !matches!(kind(value), Kind::Bool(_)) {
        scope.warn(
            Diagnostic::error(
                &source.span,
                format!("the condition is no boolean but '{}'; taken as {holds}", type_name(value)),
            )
            .warning()
            .hint("add a comparison, `| bool`, or `| length > 0`"),
        );
    }
    Ok(if holds { Truth::True } else { Truth::False { why: why.to_owned() } })
}

/// Where a condition's text comes from.
#[derive(Clone, Copy, PartialEq)]
enum Text {
    /// It stands in a playbook.
    Written,
    /// A template made it, perhaps of what a host said.
    Made,
}

/// The value of an expression, and why it would not hold.
fn evaluate(scope: &Scope, text: &Arc<str>, place: &Place, of: Text) -> Result<(Value, String), TemplateError> {
    let fail = |fault: Box<Fault>| place.error(text, *fault);
    let program = scope.templater().programs.expression(text).map_err(fail)?;
    let mut machine = Machine::new(scope, program.clone(), place.clone());
    machine.in_condition();
    if of == Text::Made {
        machine.of_made_text();
    }
    let Some(Statement::Emit(root)) = program.body.first() else { return Ok((Value::from(true), String::new())) };
    let mut culprit = root;
    let value = conjunction(&mut machine, root, &mut culprit).map_err(fail)?;
    let holds = truth(&value);
    let why = match holds {
        Ok(false) => explain(scope, text, culprit),
        _ => String::new(),
    };
    // A marker fails here, where its place is known.
    holds.map_err(fail)?;
    Ok((value, why))
}

/// Evaluates `a and b and c`, remembering the part that did not hold. A part that is false decides even where one before it
/// can't be told yet.
fn conjunction<'e>(
    machine: &mut Machine<'_>,
    expression: &'e Expression,
    culprit: &mut &'e Expression,
) -> Outcome<Value> {
    let Node::And(parts) = &expression.node else {
        *culprit = expression;
        return machine.evaluate_expression(expression);
    };
    let first = conjunction(machine, &parts[0], culprit);
    let unknown = match first {
        Ok(left) => match truth(&left) {
            Ok(false) => return Ok(left),
            Ok(true) => return conjunction(machine, &parts[1], culprit),
            Err(fault) => fault,
        },
        Err(fault) => fault,
    };
    if unknown.kind == TemplateErrorKind::Unknown
        && let Ok(right) = conjunction(machine, &parts[1], culprit)
        && truth(&right).is_ok_and(|holds| !holds)
    {
        return Ok(right);
    }
    Err(unknown)
}

/// `expression  (a is 1, b.c is 'x')`.
fn explain(scope: &Scope, text: &str, culprit: &Expression) -> String {
    let written = text.get(culprit.start() as usize..culprit.at.1 as usize).unwrap_or(text);
    // An opening parenthesis belongs to what stands in it, and is no part of any place.
    let unbalanced = written.matches(')').count() != written.matches('(').count();
    let whole = if written.is_empty() || unbalanced { text } else { written };
    let mut paths = Vec::new();
    collect(culprit, &mut paths);
    let mut seen = Vec::new();
    for expression in paths {
        let Some(path) = path(expression) else { continue };
        if seen.iter().any(|(known, _): &(String, String)| *known == path) {
            continue;
        }
        let place = Place::scalar(&crate::diagnostic::Span::nowhere("condition"));
        let value = scope.evaluate(&Arc::from(path.as_str()), &place);
        if let Some(shown) = value.ok().and_then(|value| scope.shown(&value)) {
            seen.push((path, shown));
        }
    }
    if seen.is_empty() {
        return whole.to_owned();
    }
    let values: Vec<String> = seen.into_iter().map(|(path, value)| format!("{path} is {value}")).collect();
    format!("{whole}  ({})", values.join(", "))
}

/// The variables that an expression looks at, each with its whole path.
fn collect<'e>(expression: &'e Expression, paths: &mut Vec<&'e Expression>) {
    if path(expression).is_some() {
        paths.push(expression);
        return;
    }
    let mut all = |several: &[&'e Expression]| several.iter().for_each(|inner| collect(inner, paths));
    match &expression.node {
        Node::Negate(inner) | Node::Not(inner) | Node::Attribute(inner, _) => all(&[inner]),
        Node::Item(inner, key) => all(&[inner, key]),
        Node::And(parts) | Node::Or(parts) | Node::Binary(_, parts) => all(&[&parts[0], &parts[1]]),
        Node::Compare(first, rest) => {
            all(&[first]);
            rest.iter().for_each(|(_, inner)| collect(inner, paths));
        }
        Node::Filter { value, .. } | Node::Test { value, .. } => all(&[value]),
        Node::If { condition, then, .. } => all(&[condition, then]),
        _ => {}
    }
}
