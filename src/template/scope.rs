//! The variables in force, and what is made of them.

use super::contract::{Binding, Surroundings, TemplateError, TemplateErrorKind, Truth, Variables};
use super::fault::{Fault, Outcome};
use super::holes::Holes;
use super::lazy::{AllVariables, LazyMap, LazySeq};
use super::machine::Machine;
use super::marker::{as_marker, marker, unknown};
use super::omit::is_omit;
use super::place::Place;
use super::python::container::freeze;
use super::python::kind::{Kind, kind};
use super::python::text::text;
use super::templater::{Templater, key_value, may_be_template};
use crate::diagnostic::{Diagnostic, Span, did_you_mean};
use crate::loader::{Node, Source};
use indexmap::IndexSet;
use minijinja::Value;
use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

/// The variables in force for a host at a task, with what was templated so far and a record of what was read.
#[derive(Clone, Debug)]
pub struct Scope(Arc<Inner>);

/// What the clones of a scope share.
#[derive(Debug)]
pub struct Inner {
    templater: Arc<Templater>,
    variables: Arc<dyn Variables>,
    surroundings: Arc<Surroundings>,
    memo: Mutex<HashMap<Arc<str>, Value>>,
    reads: Mutex<IndexSet<Arc<str>>>,
    warnings: Mutex<Vec<Diagnostic>>,
}

thread_local! {
    /// The variables that this thread is templating now, outermost first: whose they are, what they are called, where they
    /// stand.
    static OPEN: RefCell<Vec<(usize, Arc<str>, Span)>> = const { RefCell::new(Vec::new()) };
}

/// Takes a variable off the list of open ones, also when a panic passes.
struct Opened;

impl Drop for Opened {
    fn drop(&mut self) {
        OPEN.with_borrow_mut(|open| open.pop());
    }
}

/// Two layers of variables: the inner names hide the outer ones.
#[derive(Debug)]
struct Layered {
    inner: Arc<dyn Variables>,
    outer: Arc<dyn Variables>,
}

impl Variables for Layered {
    fn get(&self, name: &str) -> Option<Binding> {
        self.inner.get(name).or_else(|| self.outer.get(name))
    }

    fn names(&self) -> Vec<Arc<str>> {
        let mut names: IndexSet<Arc<str>> = self.outer.names().into_iter().collect();
        names.extend(self.inner.names());
        names.into_iter().collect()
    }
}

impl Scope {
    pub(super) fn new(
        templater: Arc<Templater>,
        variables: Arc<dyn Variables>,
        surroundings: Arc<Surroundings>,
    ) -> Scope {
        Scope(Arc::new(Inner {
            templater,
            variables,
            surroundings,
            memo: Mutex::default(),
            reads: Mutex::default(),
            warnings: Mutex::default(),
        }))
    }

    pub(super) fn from_inner(inner: Arc<Inner>) -> Scope {
        Scope(inner)
    }

    fn weak(&self) -> Weak<Inner> {
        Arc::downgrade(&self.0)
    }

    /// What the run shares.
    pub fn templater(&self) -> &Arc<Templater> {
        &self.0.templater
    }

    /// Directories, dry run or not.
    pub fn surroundings(&self) -> &Arc<Surroundings> {
        &self.0.surroundings
    }

    /// The names of all variables.
    pub fn names(&self) -> Vec<Arc<str>> {
        self.0.variables.names()
    }

    /// The same with more variables that hide those of the same name: an item of a loop, a lookup's own.
    pub fn with(&self, more: Arc<dyn Variables>) -> Scope {
        let layered = Layered { inner: more, outer: self.0.variables.clone() };
        Scope::new(self.0.templater.clone(), Arc::new(layered), self.0.surroundings.clone())
    }

    /// The same variables elsewhere: other directories to look in.
    pub fn in_surroundings(&self, surroundings: Arc<Surroundings>) -> Scope {
        Scope::new(self.0.templater.clone(), self.0.variables.clone(), surroundings)
    }

    /// The names of variables that were read so far, in order.
    pub fn reads(&self) -> Vec<Arc<str>> {
        self.0.reads.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect()
    }

    /// Takes the warnings so far.
    pub fn warnings(&self) -> Vec<Diagnostic> {
        std::mem::take(&mut *self.0.warnings.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub(super) fn warn(&self, warning: Diagnostic) {
        let mut warnings = self.0.warnings.lock().unwrap_or_else(PoisonError::into_inner);
        if !warnings.contains(&warning) {
            warnings.push(warning);
        }
    }

    /// The value of a source, with everything in it templated. A text that is one expression keeps that expression's type.
    /// Keys and items that are `omit` are left out; `omit` alone is given back (see [`is_omit`]).
    pub fn value(&self, source: &Source) -> Result<Value, TemplateError> {
        let place = Place::scalar(&source.span);
        let outcome = self.lazy(source).and_then(|value| self.whole(&value));
        outcome.map_err(|fault| self.explained(place.error(source.as_str().unwrap_or(""), *fault)))
    }

    /// The value of a source, text with marks where it is not known what will stand there. Text only: of what else is not
    /// known nothing can be shown.
    pub fn value_with_holes(&self, source: &Source, holes: &Holes) -> Result<Value, TemplateError> {
        let Node::Text(template, _) = &source.node else { return self.value(source) };
        let place = Place::scalar(&source.span);
        let outcome = self.rendered(template, &place, Some(holes)).and_then(|value| self.whole(&value));
        outcome.map_err(|fault| self.explained(place.error(template, *fault)))
    }

    /// The value of a source as text: what Python's `str()` makes of it.
    pub fn text(&self, source: &Source) -> Result<String, TemplateError> {
        let value = self.value(source)?;
        let place = Place::scalar(&source.span);
        text(&value).map_err(|fault| self.explained(place.error(source.as_str().unwrap_or(""), *fault)))
    }

    /// A variable, templated; nothing where there is none of that name.
    pub fn variable(&self, name: &str) -> Result<Option<Value>, TemplateError> {
        let outcome = match self.resolve(name) {
            Ok(Some(value)) => self.whole(&value).map(Some),
            Ok(None) => Ok(None),
            Err(fault) => Err(fault),
        };
        let place = Place::scalar(&Span::nowhere(&format!("variable `{name}`")));
        outcome.map_err(|fault| self.explained(place.error("", *fault)))
    }

    /// Whether a condition holds: text that is an expression, a boolean, or a list of conditions that must all hold.
    pub fn condition(&self, source: &Source) -> Result<Truth, TemplateError> {
        super::condition::condition(self, source).map_err(|error| self.explained(error))
    }

    /// Evaluates an expression: the text of `loop: "{{ … }}"` without its marks, `until`, `refit explain`.
    pub fn expression(&self, expression: &str, span: &Span) -> Result<Value, TemplateError> {
        let text: Arc<str> = expression.trim().into();
        let place = Place::scalar(span);
        let outcome = self.evaluate(&text, &place).and_then(|value| self.whole(&value));
        outcome.map_err(|fault| self.explained(place.error(&text, *fault)))
    }

    pub(super) fn evaluate(&self, text: &Arc<str>, place: &Place) -> Outcome<Value> {
        let program = self.0.templater.programs.expression(text)?;
        let mut machine = Machine::new(self, program, place.clone());
        machine.run().map_err(Place::passed_on)
    }

    /// All of a value: lazy parts evaluated, `omit` left out.
    pub(super) fn whole(&self, value: &Value) -> Outcome<Value> {
        if is_omit(value) {
            return Ok(value.clone());
        }
        if value.is_undefined() {
            return Err(Fault::new(
                TemplateErrorKind::Undefined(String::new()),
                "the expression has no value: its `if` does not hold, and there is no `else`",
            ));
        }
        let whole = freeze(value, &|value| match super::machine::object_type_name(value) {
            Some("Omit") => Ok(None),
            Some(name @ ("Macro" | "function" | "method")) => {
                super::fault::fail(format!("a {name} can't be a value; call it with `()`"))
            }
            _ => Ok(Some(value.clone())),
        })?;
        Ok(whole.unwrap_or_else(|| Value::from(())))
    }

    /// The value of a source, its items templated when they are read; a marker where it is undefined or unknown.
    pub(super) fn lazy(&self, source: &Source) -> Outcome<Value> {
        if let Some(value) = self.0.templater.constant(source) {
            return Ok(value);
        }
        match &source.node {
            Node::Text(text, _) => self.render(text, &Place::scalar(&source.span)),
            Node::Vault(encrypted) => match self.0.templater.vault.decrypt(encrypted, &source.span) {
                Ok(text) => Ok(Value::from(text)),
                Err(why) => {
                    let place = Place::scalar(&source.span);
                    Err(Place::passed_on(place.error("", *Fault::failed(why))))
                }
            },
            Node::Seq(items) => Ok(Value::from_object(LazySeq::new(items, self.weak()))),
            Node::Map(entries) => {
                let mut keys = Vec::with_capacity(entries.len());
                for entry in entries.iter() {
                    keys.push(match key_value(&entry.key) {
                        Some(key) => key,
                        None => self.lazy(&entry.key).and_then(|key| self.whole(&key))?,
                    });
                }
                Ok(Value::from_object(LazyMap::new(entries, keys, self.weak())))
            }
            // Scalars are constants; a whole number too large even for a float is all that is left.
            _ => super::fault::fail("a number that is too large"),
        }
    }

    /// Text with templates in it: a value where it is one expression, else text.
    pub(super) fn render(&self, template: &Arc<str>, place: &Place) -> Outcome<Value> {
        self.rendered(template, place, None)
    }

    fn rendered(&self, template: &Arc<str>, place: &Place, holes: Option<&Holes>) -> Outcome<Value> {
        if !may_be_template(template) {
            return Ok(Value::from(template.clone()));
        }
        let (text, newlines) =
            if template.ends_with('\n') { without_last_newline(template) } else { (template.clone(), 0) };
        let program = match self.0.templater.programs.template(&text) {
            Ok(program) => program,
            Err(fault) => return Err(Place::passed_on(place.error(&text, *fault))),
        };
        let mut machine = Machine::new(self, program, place.clone()).with_holes(holes);
        let value = machine.run().map_err(Place::passed_on)?;
        Ok(with_newlines(value, newlines))
    }

    /// A text literal of a condition that is a template itself.
    pub(super) fn render_embedded(&self, template: &Arc<str>, place: &Place) -> Outcome<Value> {
        self.warn(
            Diagnostic::error(&place.span("", None), "a text inside the condition has `{{ }}`")
                .warning()
                .hint("write the variable's name without quotes and braces: `x == y`, not `x == '{{ y }}'`"),
        );
        self.render(template, place)
    }

    /// What a name stands for; a marker where its value is undefined or unknown.
    pub(super) fn resolve(&self, name: &str) -> Outcome<Option<Value>> {
        if let Some(value) = self.0.memo.lock().unwrap_or_else(PoisonError::into_inner).get(name) {
            return Ok(Some(value.clone()));
        }
        let Some(binding) = self.0.variables.get(name) else {
            return Ok(match name {
                "vars" => Some(Value::from_object(AllVariables(self.weak()))),
                "ansible_managed" => Some(Value::from(self.0.templater.settings.ansible_managed.as_str())),
                _ => None,
            });
        };
        let name: Arc<str> = name.into();
        self.0.reads.lock().unwrap_or_else(PoisonError::into_inner).insert(name.clone());
        let value = match binding {
            Binding::Value(value) => value,
            Binding::Unknown(why) => unknown(&why),
            Binding::Source(source) => self.open(&name, &source)?,
        };
        self.0.memo.lock().unwrap_or_else(PoisonError::into_inner).insert(name, value.clone());
        Ok(Some(value))
    }

    /// Templates a variable, unless that is what it waits for.
    fn open(&self, name: &Arc<str>, source: &Source) -> Outcome<Value> {
        let id = Arc::as_ptr(&self.0) as usize;
        let cycle = OPEN.with_borrow(|open| {
            let first = open.iter().position(|(scope, known, _)| *scope == id && known == name)?;
            Some(open[first..].iter().map(|(_, name, span)| (name.clone(), span.clone())).collect::<Vec<_>>())
        });
        if let Some(cycle) = cycle {
            return Err(recursive(name, source, &cycle));
        }
        OPEN.with_borrow_mut(|open| open.push((id, name.clone(), source.span.clone())));
        let _opened = Opened;
        match stacker::maybe_grow(128 * 1024, 2 * 1024 * 1024, || self.lazy(source)) {
            Err(fault) if fault.is_undefined() => Ok(marker(fault)),
            other => other,
        }
    }

    /// With "did you mean" where a name is not known.
    pub(super) fn explained(&self, mut error: TemplateError) -> TemplateError {
        if let TemplateErrorKind::Undefined(path) = &error.kind
            && error.diagnostic.hints.is_empty()
            && !path.is_empty()
        {
            let names = self.names();
            if !path.contains(['.', '[', '\'']) && !names.iter().any(|known| **known == **path) {
                error.diagnostic.hints.extend(did_you_mean(path, names.iter().map(|known| &**known)));
            }
        }
        error
    }

    /// A short text that shows a value in an explanation; nothing where it is long or can't be had.
    pub(super) fn shown(&self, value: &Value) -> Option<String> {
        if as_marker(value).is_some() {
            return None;
        }
        let short = match kind(value) {
            Kind::Seq | Kind::Map => value.len().is_some_and(|length| length <= 5),
            Kind::Iterable | Kind::Other => false,
            _ => true,
        };
        let text = super::python::text::repr(value).ok().filter(|_| short)?;
        (text.chars().count() <= 60).then_some(text)
    }
}

/// A template's text without its last newline, which is no part of the template, and how many newlines it ended in.
pub fn without_last_newline(text: &str) -> (Arc<str>, usize) {
    let newlines = text.len() - text.trim_end_matches('\n').len();
    (text.strip_suffix('\n').unwrap_or(text).into(), newlines)
}

/// What a template made, ending in at least as many newlines as the template did. What is no text stays as it is.
pub fn with_newlines(made: Value, newlines: usize) -> Value {
    let Some(text) = made.as_str() else { return made };
    let missing = newlines.saturating_sub(text.len() - text.trim_end_matches('\n').len());
    if missing == 0 { made } else { Value::from(format!("{text}{}", "\n".repeat(missing))) }
}

fn recursive(name: &Arc<str>, source: &Source, cycle: &[(Arc<str>, Span)]) -> Box<Fault> {
    let mut way: Vec<&str> = cycle.iter().map(|(name, _)| &**name).collect();
    way.push(name);
    let message = if cycle.len() > 1 {
        format!("the variable '{name}' needs itself: {}", way.join(" -> "))
    } else {
        format!("the variable '{name}' needs itself")
    };
    let mut diagnostic = Diagnostic::error(&source.span, message.clone());
    for (name, span) in cycle.iter().skip(1) {
        diagnostic = diagnostic.related(span, format!("by way of '{name}'"));
    }
    let mut fault = Fault::new(TemplateErrorKind::Recursive, message);
    fault.origin =
        Some(Box::new(TemplateError { kind: TemplateErrorKind::Recursive, diagnostic: Box::new(diagnostic) }));
    fault
}
