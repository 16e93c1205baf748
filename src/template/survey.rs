//! What templates look at, without evaluating them: for `refit lint`.

use super::contract::TemplateErrorKind;
use super::fault::Fault;
use super::language::{Argument, At, Expression, Macro, Name, Node, Program, Programs, Statement, Syntax, Target};
use super::place::Place;
use super::templater::{Templater, may_be_template};
use super::{filters, globals, lookups, tests};
use crate::diagnostic::{Diagnostic, SourceFile, Span, did_you_mean};
use crate::loader::Source;
use std::collections::HashSet;
use std::sync::Arc;

/// What a template looks at.
#[derive(Debug, Default)]
pub struct Survey {
    /// Variables that it reads, with their places: what it sets itself is none.
    pub reads: Vec<(Arc<str>, Spot)>,
    /// Variables that it reckons with being undefined: `x | default(…)`, `x is defined`.
    pub optional: HashSet<Arc<str>>,
    /// Filters, tests and lookups that there are not, and text that is no template.
    pub problems: Vec<(Problem, Diagnostic)>,
}

/// A place in a template. Finding its line takes a look at the whole file, so that is put off.
#[derive(Clone, Debug)]
pub struct Spot {
    place: Place,
    text: Arc<str>,
    at: At,
}

impl Spot {
    /// The place in the file.
    pub fn span(&self) -> Span {
        self.place.span(&self.text, Some(self.at))
    }
}

/// A sort of problem.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Problem {
    /// It can't be read.
    Syntax,
    /// No such filter.
    Filter,
    /// No such test.
    Test,
    /// No such lookup.
    Lookup,
}

/// Surveys templates; what was read is kept, for the same text is found in many places.
#[derive(Debug, Default)]
pub struct Surveyor {
    programs: Programs,
}

impl Surveyor {
    /// Text of a playbook that may have templates in it.
    pub fn text(&self, source: &Source) -> Survey {
        match source.as_str().filter(|text| may_be_template(text)) {
            Some(text) => {
                let (text, _) = super::scope::without_last_newline(text);
                self.done(self.programs.template(&text), &Place::scalar(&source.span), &text)
            }
            None => Survey::default(),
        }
    }

    /// A condition, or another text that is an expression.
    pub fn expression(&self, source: &Source) -> Survey {
        let Some(text) = source.as_str().map(str::trim).filter(|text| !text.is_empty()) else {
            return Survey::default();
        };
        if text.starts_with("{{") || text.starts_with("{%") {
            return self.text(source);
        }
        let text: Arc<str> = text.into();
        self.done(self.programs.expression(&text), &Place::scalar(&source.span), &text)
    }

    /// A template file.
    pub fn file(&self, file: &Arc<SourceFile>) -> Survey {
        let place = Place::file(file, 0);
        let mut syntax = Syntax::default();
        let skipped = match super::files::header(&file.text, &mut syntax) {
            Ok((skipped, _)) => skipped,
            Err(fault) => return failed(&place, &file.text, *fault),
        };
        let text: Arc<str> = super::files::normalized(&file.text[skipped..]).into();
        let name = Arc::from(file.path.display().to_string());
        self.done(self.programs.file(&name, &text, &syntax), &Place::file(file, skipped), &text)
    }

    /// Whether there is such a lookup, for `with_NAME`; else a hint.
    pub fn knows_lookup(name: &str) -> Result<(), Option<String>> {
        match lookups::find(name) {
            Some(_) => Ok(()),
            None => Err(did_you_mean(name, lookups::names())),
        }
    }

    fn done(&self, program: Result<Arc<Program>, Box<Fault>>, place: &Place, text: &Arc<str>) -> Survey {
        let program = match program {
            Ok(program) => program,
            Err(fault) => return failed(place, text, *fault),
        };
        let mut walk = Walk::default();
        walk.statements(&program.body);
        program.blocks.iter().for_each(|(_, body)| walk.statements(body));
        let mut survey = Survey { optional: walk.optional, ..Survey::default() };
        walk.reads.retain(|(name, _)| !walk.own.contains(name));
        let spot = |(name, at)| (name, Spot { place: place.clone(), text: text.clone(), at });
        survey.reads = walk.reads.into_iter().map(spot).collect();
        for (problem, name, at) in walk.problems {
            let (what, hint) = match problem {
                Problem::Filter => ("filter", did_you_mean(&name, filters::names())),
                Problem::Test => ("test", did_you_mean(&name, tests::names())),
                _ => ("lookup", did_you_mean(&name, lookups::names())),
            };
            let diagnostic = Diagnostic::error(&place.span(text, Some(at)), format!("there is no {what} `{name}`"));
            survey.problems.push((problem, hint.into_iter().fold(diagnostic, Diagnostic::hint)));
        }
        survey
    }
}

/// How a text of a playbook is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// As text that may have templates in it.
    Text,
    /// As an expression, a condition mostly: no braces needed.
    Expression,
}

impl Templater {
    /// Why a text can't be read; what is read is kept for the run.
    pub fn unreadable(&self, source: &Source, form: Form) -> Option<Diagnostic> {
        let text = source.as_str()?;
        let trimmed = text.trim();
        let braced = trimmed.starts_with("{{") || trimmed.starts_with("{%");
        let (program, text): (_, Arc<str>) = match form {
            Form::Expression if trimmed.is_empty() => return None,
            Form::Expression if !braced => {
                let text: Arc<str> = trimmed.into();
                (self.programs.expression(&text), text)
            }
            _ if !may_be_template(text) => return None,
            _ => {
                let (text, _) = super::scope::without_last_newline(text);
                (self.programs.template(&text), text)
            }
        };
        let fault = program.err().filter(|fault| fault.kind == TemplateErrorKind::Syntax)?;
        Some(*Place::scalar(&source.span).error(&text, *fault).diagnostic)
    }
}

/// A template that can't be read.
fn failed(place: &Place, text: &str, fault: Fault) -> Survey {
    let problem = if fault.kind == TemplateErrorKind::Syntax { Problem::Syntax } else { Problem::Filter };
    Survey { problems: vec![(problem, *place.error(text, fault).diagnostic)], ..Survey::default() }
}

#[derive(Default)]
struct Walk {
    reads: Vec<(Name, At)>,
    /// Names that the template sets anywhere: loops, `set`, macros and their parameters, imports.
    own: HashSet<Name>,
    optional: HashSet<Name>,
    problems: Vec<(Problem, Name, At)>,
}

/// Names that stand for something only inside of loops, macros and templates.
const SPECIAL: [&str; 7] = ["loop", "caller", "varargs", "kwargs", "self", "super", "_"];

impl Walk {
    fn statements(&mut self, statements: &[Statement]) {
        statements.iter().for_each(|statement| self.statement(statement));
    }

    fn statement(&mut self, statement: &Statement) {
        match statement {
            Statement::Text(_) | Statement::Block(_) | Statement::Continue | Statement::Break => {}
            Statement::Emit(expression) | Statement::Do(expression) | Statement::Extends(expression) => {
                self.expression(expression);
            }
            Statement::For(looped) => {
                self.target(&looped.target);
                self.expression(&looped.items);
                looped.condition.iter().for_each(|condition| self.expression(condition));
                self.statements(&looped.body);
                self.statements(&looped.otherwise);
            }
            Statement::If(condition, then, otherwise) => {
                self.expression(condition);
                self.statements(then);
                self.statements(otherwise);
            }
            Statement::With(pairs, body) => {
                for (target, value) in pairs {
                    self.expression(value);
                    self.target(target);
                }
                self.statements(body);
            }
            Statement::Set(target, value) => {
                self.expression(value);
                self.target(target);
            }
            Statement::SetBlock(target, filter, body) => {
                self.target(target);
                filter.iter().for_each(|filter| self.expression(filter));
                self.statements(body);
            }
            Statement::FilterBlock(filter, body) => {
                filter.iter().for_each(|filter| self.expression(filter));
                self.statements(body);
            }
            Statement::Include { name, .. } => self.expression(name),
            Statement::Import { name, target, .. } => {
                self.expression(name);
                self.target(target);
            }
            Statement::FromImport { name, names, .. } => {
                self.expression(name);
                self.own.extend(names.iter().map(|(_, alias)| alias.clone()));
            }
            Statement::Macro(made) => self.made(made),
            Statement::CallBlock { callee, arguments, caller, .. } => {
                self.expression(callee);
                self.arguments(arguments);
                self.made(caller);
            }
        }
    }

    fn made(&mut self, made: &Macro) {
        self.own.insert(made.name.clone());
        self.own.extend(made.parameters.iter().cloned());
        made.defaults.iter().for_each(|default| self.expression(default));
        self.statements(&made.body);
    }

    fn target(&mut self, target: &Target) {
        match target {
            Target::Name(name) => {
                self.own.insert(name.clone());
            }
            Target::Attribute(object, _) => self.expression(object),
            Target::Several(targets) => targets.iter().for_each(|target| self.target(target)),
        }
    }

    fn arguments(&mut self, arguments: &[Argument]) {
        for argument in arguments {
            let (Argument::Positional(inner)
            | Argument::Named(_, inner)
            | Argument::Spread(inner)
            | Argument::SpreadNamed(inner)) = argument;
            self.expression(inner);
        }
    }

    fn expression(&mut self, expression: &Expression) {
        match &expression.node {
            Node::Constant(_) | Node::Embedded(_) | Node::Block(_) | Node::Captured => {}
            Node::Variable(name) => {
                if !SPECIAL.contains(&&**name) && globals::find(name).is_none() {
                    self.reads.push((name.clone(), expression.at));
                }
            }
            Node::List(items) | Node::Tuple(items) => items.iter().for_each(|item| self.expression(item)),
            Node::Map(pairs) => pairs.iter().for_each(|(key, value)| {
                self.expression(key);
                self.expression(value);
            }),
            Node::Attribute(inner, _) | Node::Negate(inner) | Node::Not(inner) => self.expression(inner),
            Node::Item(inner, key) => {
                self.expression(inner);
                self.expression(key);
            }
            Node::Slice(parts) => parts.iter().for_each(|part| self.expression(part)),
            Node::Binary(_, parts) | Node::And(parts) | Node::Or(parts) => {
                parts.iter().for_each(|part| self.expression(part));
            }
            Node::Compare(first, rest) => {
                self.expression(first);
                rest.iter().for_each(|(_, other)| self.expression(other));
            }
            Node::If { condition, then, otherwise } => {
                self.expression(condition);
                self.expression(then);
                otherwise.iter().for_each(|otherwise| self.expression(otherwise));
            }
            Node::Filter { name, filter, value, arguments } => {
                if filter.is_none() {
                    self.problems.push((Problem::Filter, name.clone(), expression.at));
                }
                if matches!(&**name, "default" | "d" | "mandatory") {
                    self.optional(value);
                }
                self.expression(value);
                self.arguments(arguments);
                self.names_in(name, arguments);
            }
            Node::Test { name, test, value, arguments } => {
                if test.is_none() {
                    self.problems.push((Problem::Test, name.clone(), expression.at));
                }
                if matches!(&**name, "defined" | "undefined") {
                    self.optional(value);
                }
                self.expression(value);
                self.arguments(arguments);
            }
            Node::Call(callee, arguments) => {
                self.lookup(callee, arguments);
                self.expression(callee);
                self.arguments(arguments);
            }
        }
    }

    /// The variable at the root of what may be undefined.
    fn optional(&mut self, value: &Expression) {
        match &value.node {
            Node::Variable(name) => {
                self.optional.insert(name.clone());
            }
            Node::Attribute(inner, _) | Node::Item(inner, _) | Node::Call(inner, _) => self.optional(inner),
            Node::Filter { value, .. } => self.optional(value),
            Node::Binary(_, parts) | Node::Or(parts) | Node::And(parts) => {
                parts.iter().for_each(|part| self.optional(part))
            }
            Node::If { then, otherwise, .. } => {
                self.optional(then);
                otherwise.iter().for_each(|otherwise| self.optional(otherwise));
            }
            _ => {}
        }
    }

    /// `lookup('name', …)`.
    fn lookup(&mut self, callee: &Expression, arguments: &[Argument]) {
        let Node::Variable(function) = &callee.node else { return };
        if !matches!(&**function, "lookup" | "query" | "q") {
            return;
        }
        let Some(Argument::Positional(first)) = arguments.first() else { return };
        let Node::Constant(name) = &first.node else { return };
        if let Some(name) = name.as_str().filter(|name| lookups::find(name).is_none()) {
            self.problems.push((Problem::Lookup, name.into(), first.at));
        }
    }

    /// `map('filter')`, `select('test')`, …: names in text.
    fn names_in(&mut self, filter: &str, arguments: &[Argument]) {
        let positional = |at: usize| match arguments.get(at) {
            Some(Argument::Positional(expression)) => match &expression.node {
                Node::Constant(value) => value.as_str().map(|name| (Arc::<str>::from(name), expression.at)),
                _ => None,
            },
            _ => None,
        };
        let problem = match filter {
            "map" => {
                positional(0).filter(|(name, _)| filters::find(name).is_none()).map(|found| (Problem::Filter, found))
            }
            "select" | "reject" => {
                positional(0).filter(|(name, _)| tests::find(name).is_none()).map(|found| (Problem::Test, found))
            }
            "selectattr" | "rejectattr" => {
                positional(1).filter(|(name, _)| tests::find(name).is_none()).map(|found| (Problem::Test, found))
            }
            _ => None,
        };
        self.problems.extend(problem.map(|(problem, (name, at))| (problem, name, at)));
    }
}
