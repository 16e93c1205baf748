//! Statements.

use super::macros::MacroValue;
use super::objects::Module;
use super::{Frame, Machine, Output};
use crate::template::fault::{Outcome, fail};
use crate::template::globals::Namespace;
use crate::template::holes::HOLE;
use crate::template::language::{Expression, Name, Statement, Target, Within};
use crate::template::marker::{marker, need};
use crate::template::python::container::thaw;
use crate::template::python::kind::{Kind, items, kind, type_name, undefined};
use minijinja::Value;
use std::sync::Arc;

/// What comes after a statement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flow {
    Next,
    Continue,
    Break,
}

impl Machine<'_> {
    pub(super) fn execute(&mut self, statements: &[Statement], output: &mut Output) -> Outcome<Flow> {
        for statement in statements {
            match self.statement(statement, output)? {
                Flow::Next => {}
                other => return Ok(other),
            }
        }
        Ok(Flow::Next)
    }

    fn statement(&mut self, statement: &Statement, output: &mut Output) -> Outcome<Flow> {
        match statement {
            Statement::Text(text) => output.text(text)?,
            Statement::Emit(expression) => {
                let put_out = self
                    .evaluate(expression)
                    .and_then(|value| output.value(value).map_err(|fault| fault.located(expression.at)));
                match (put_out, self.holes) {
                    (Err(fault), Some(holes)) => {
                        holes.note(fault)?;
                        output.text(HOLE)?;
                    }
                    (put_out, _) => put_out?,
                }
            }
            Statement::For(each) => return self.for_loop(each, output),
            Statement::If(condition, then, otherwise) => {
                let branch = if self.holds(condition)? { then } else { otherwise };
                return self.execute(branch, output);
            }
            Statement::With(assignments, body) => {
                let outer = self.frame.clone();
                let inner = Frame::inside(&outer);
                for (target, expression) in assignments {
                    let value = self.evaluate(expression)?;
                    self.frame = inner.clone();
                    let assigned = self.assign(target, value);
                    self.frame = outer.clone();
                    assigned?;
                }
                self.frame = inner;
                let result = self.execute(body, output);
                self.frame = outer;
                return result;
            }
            Statement::Set(target, expression) => {
                let value = self.evaluate(expression)?;
                let value = if self.changes { thaw(&value) } else { value };
                self.assign(target, value).map_err(|fault| fault.located(expression.at))?;
            }
            Statement::SetBlock(target, filter, body) => {
                let value = self.captured(filter.as_ref(), body)?;
                self.assign(target, value)?;
            }
            Statement::FilterBlock(None, body) => return self.in_inner_frame(|machine| machine.execute(body, output)),
            Statement::FilterBlock(filter, body) => {
                let value = self.captured(filter.as_ref(), body)?;
                output.value(value)?;
            }
            Statement::Block(name) => {
                if self.parent.is_none() {
                    let value = self.block_text(name, 0)?;
                    output.value(value)?;
                }
            }
            Statement::Extends(expression) => {
                if self.parent.is_some() {
                    return fail("extended multiple times");
                }
                let name = self.evaluate(expression)?;
                let found = self.load(&name).map_err(|fault| fault.located(expression.at))?;
                self.parent = found;
            }
            Statement::Include { name, ignore_missing, within } => {
                self.include(name, *ignore_missing, *within, output)?;
            }
            Statement::Import { name, target, within } => {
                let (frame, text) = self.import(name, *within)?;
                self.assign(target, Value::from_object(Module { frame, text }))?;
            }
            Statement::FromImport { name, names, within } => {
                let (frame, _) = self.import(name, *within)?;
                let exported = frame.own();
                for (wanted, alias) in names {
                    let value = exported.iter().find(|(known, _)| known == wanted).map(|(_, value)| value.clone());
                    let value = value.unwrap_or_else(|| {
                        marker(undefined(wanted, format!("the imported template does not define '{wanted}'")))
                    });
                    self.frame.set(alias, value);
                }
            }
            Statement::Macro(declaration) => {
                let value = self.macro_value(declaration);
                self.frame.set(&declaration.name, value);
            }
            Statement::CallBlock { at, callee, arguments, caller } => {
                let caller = self.macro_value(caller);
                let function = self.evaluate(callee)?;
                let (mut positional, mut named) = (Vec::new(), Vec::new());
                self.more_arguments(arguments, &mut positional, &mut named)?;
                let value = match function.downcast_object::<MacroValue>() {
                    Some(called) => self.call_macro(&called, positional, named, Some(caller)),
                    None => {
                        named.push(("caller".to_owned(), caller));
                        self.call_value(&function, positional, named)
                    }
                };
                output.value(value.map_err(|fault| fault.located(*at))?)?;
            }
            Statement::Do(expression) => {
                let value = self.evaluate(expression)?;
                need(&value).map_err(|fault| fault.located(expression.at))?;
            }
            Statement::Continue => return Ok(Flow::Continue),
            Statement::Break => return Ok(Flow::Break),
        }
        Ok(Flow::Next)
    }

    fn in_inner_frame<T>(&mut self, work: impl FnOnce(&mut Self) -> Outcome<T>) -> Outcome<T> {
        let outer = self.frame.clone();
        self.frame = Frame::inside(&outer);
        let result = work(self);
        self.frame = outer;
        result
    }

    /// What the body makes, filtered.
    fn captured(&mut self, filter: Option<&Expression>, body: &[Statement]) -> Outcome<Value> {
        let mut inner = Output::default();
        self.without_holes(|machine| machine.in_inner_frame(|machine| machine.execute(body, &mut inner)))?;
        let made = inner.finish_text_or_value();
        let Some(filter) = filter else { return Ok(made) };
        self.captured.push(made);
        let result = self.evaluate(filter);
        self.captured.pop();
        result
    }

    pub(super) fn assign(&mut self, target: &Target, value: Value) -> Outcome<()> {
        match target {
            Target::Name(name) => {
                self.frame.set(name, value);
                Ok(())
            }
            Target::Attribute(object, name) => {
                let object = self.evaluate(object)?;
                match object.downcast_object_ref::<Namespace>() {
                    Some(namespace) => {
                        namespace.set(name, value);
                        Ok(())
                    }
                    None => fail("cannot assign attribute on non-namespace object"),
                }
            }
            Target::Several(targets) => {
                if !matches!(kind(&value), Kind::Seq | Kind::Iterable | Kind::Text(_) | Kind::Map) {
                    need(&value)?;
                    return fail(format!("cannot unpack non-iterable {} object", type_name(&value)));
                }
                let values = items(&value)?;
                if values.len() != targets.len() {
                    let how = if values.len() > targets.len() { "too many" } else { "not enough" };
                    return fail(format!("{how} values to unpack (expected {}, got {})", targets.len(), values.len()));
                }
                targets.iter().zip(values).try_for_each(|(target, value)| self.assign(target, value))
            }
        }
    }

    /// A block's text: that of its most derived body, or of one further up.
    pub(super) fn block_text(&mut self, name: &Name, level: usize) -> Outcome<Value> {
        let layers = self.blocks.iter().find(|(known, _)| known == name).map(|(_, layers)| layers);
        let Some((program, place, body)) = layers.and_then(|layers| layers.get(level)).cloned() else {
            return fail(if level == 0 {
                format!("there is no block '{name}'")
            } else {
                format!("block '{name}' has no parent block for super()")
            });
        };
        let before = self.block.replace((name.clone(), level));
        let frame = Frame::inside(&self.frame);
        let result = self.within(&program, &place, frame, |machine| {
            let mut output = Output::default();
            machine.execute(&body, &mut output)?;
            output.into_text().map(Value::from)
        });
        self.block = before;
        result
    }

    /// Finds a template by its name, or the first of several that exists.
    fn load(&mut self, name: &Value) -> Outcome<Option<super::super::files::Loaded>> {
        need(name)?;
        let names = match kind(name) {
            Kind::Text(_) => vec![name.clone()],
            Kind::Seq => items(name)?,
            _ => return fail(format!("a template's name must be text, not '{}'", type_name(name))),
        };
        let mut looked_at = Vec::new();
        for name in &names {
            let Some(name) = name.as_str() else { return fail("a template's name must be text") };
            if let Some(found) = self.scope.load_template(name, &self.place, &mut looked_at)? {
                return Ok(Some(found));
            }
        }
        let names: Vec<&str> = names.iter().filter_map(|name| name.as_str()).collect();
        fail(format!("the template '{}' was not found; looked at {}", names.join("', '"), looked_at.join(", ")))
    }

    fn include(&mut self, name: &Expression, ignore_missing: bool, within: Within, output: &mut Output) -> Outcome<()> {
        let value = self.evaluate(name)?;
        let found = match self.load(&value) {
            Ok(Some(found)) => found,
            Ok(None) => return Ok(()),
            Err(fault) if ignore_missing && fault.origin.is_none() => return Ok(()),
            Err(fault) => return Err(fault.located(name.at)),
        };
        let frame = match within {
            Within::Context => Frame::inside(&self.frame),
            Within::Nothing => Arc::new(Frame::default()),
        };
        let mut inner = Output::default();
        self.run_other(&found, frame, within, &mut inner).map_err(|fault| fault.located(name.at))?;
        output.text(&inner.into_text()?)
    }

    fn import(&mut self, name: &Expression, within: Within) -> Outcome<(Arc<Frame>, String)> {
        let value = self.evaluate(name)?;
        let found = self.load(&value).map_err(|fault| fault.located(name.at))?;
        let Some(found) = found else { return fail("there is nothing to import") };
        let frame = match within {
            Within::Context => Frame::inside(&self.frame),
            Within::Nothing => Arc::new(Frame::default()),
        };
        let mut inner = Output::default();
        self.without_holes(|machine| machine.run_other(&found, frame.clone(), within, &mut inner))
            .map_err(|fault| fault.located(name.at))?;
        Ok((frame, inner.into_text()?))
    }

    /// Renders another template in a frame; blocks are its own.
    fn run_other(
        &mut self,
        found: &super::super::files::Loaded,
        frame: Arc<Frame>,
        within: Within,
        output: &mut Output,
    ) -> Outcome<()> {
        let (program, place) = found;
        let isolated = self.isolated || within == Within::Nothing;
        let changes = self.changes || program.changes;
        let before = (
            std::mem::take(&mut self.blocks),
            self.block.take(),
            self.parent.take(),
            std::mem::replace(&mut self.isolated, isolated),
            std::mem::replace(&mut self.changes, changes),
        );
        let result = self.within(program, place, frame, |machine| machine.render(output));
        (self.blocks, self.block, self.parent, self.isolated, self.changes) = before;
        result
    }
}
