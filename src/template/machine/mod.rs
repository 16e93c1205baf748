//! Evaluates programs. minijinja's own machine is not used: what an operation means in Ansible's templates is what it means
//! in Python, values may change in place, and an undefined or unknown value is passed on until something needs it.

mod access;
mod call;
mod expression;
mod frame;
mod loops;
mod macros;
mod objects;
mod output;
mod statement;

pub use access::{dotted, lookup};
pub use expression::path;
pub use frame::Frame;
pub use objects::{is_plain_map, object_arithmetic, object_order, object_type_name};
pub use output::Output;

use super::contract::TemplateError;
use super::fault::{Fault, Outcome};
use super::holes::Holes;
use super::language::{Name, Program, Statement};
use super::place::Place;
use super::scope::Scope;
use minijinja::Value;
use std::sync::Arc;

/// The state of an evaluation.
pub struct Machine<'a> {
    /// The variables, and what surrounds them.
    pub scope: &'a Scope,
    program: Arc<Program>,
    place: Place,
    frame: Arc<Frame>,
    /// Whether variables are copied before use, and those that were.
    changes: bool,
    thawed: Vec<(Name, Value)>,
    /// For each block the bodies that define it, the most derived first.
    blocks: Vec<(Name, Vec<Body>)>,
    /// The block that is being rendered, and which of its bodies.
    block: Option<(Name, usize)>,
    /// The template that this one extends, once it said so.
    parent: Option<(Arc<Program>, Place)>,
    /// An imported template without context sees no variables.
    isolated: bool,
    /// A condition's text literals may be templates.
    condition: bool,
    /// The program was made by a template, perhaps of what a host said.
    made: bool,
    captured: Vec<Value>,
    depth: usize,
    /// Where what is put out is not known, its place is marked. Only what goes straight to the end of the text may be so:
    /// in what the template looks at in turn a mark would be taken for the text.
    holes: Option<&'a Holes>,
}

type Body = (Arc<Program>, Place, Arc<Vec<Statement>>);

/// How deep macros, includes and loops may call each other.
const DEEPEST: usize = 250;

impl<'a> Machine<'a> {
    /// A machine for a program.
    pub fn new(scope: &'a Scope, program: Arc<Program>, place: Place) -> Machine<'a> {
        Machine {
            scope,
            changes: program.changes,
            program,
            place,
            frame: Arc::new(Frame::default()),
            thawed: Vec::new(),
            blocks: Vec::new(),
            block: None,
            parent: None,
            isolated: false,
            condition: false,
            made: false,
            captured: Vec::new(),
            depth: 0,
            holes: None,
        }
    }

    /// One that marks what is not known.
    pub fn with_holes(self, holes: Option<&'a Holes>) -> Machine<'a> {
        Machine { holes, ..self }
    }

    /// Runs the whole program: the value of its only expression, or the text that it makes. Nothing at all is `None`.
    pub fn run(&mut self) -> Result<Value, TemplateError> {
        self.run_program().map_err(|fault| self.place.error(&self.program.text, *fault))
    }

    fn run_program(&mut self) -> Outcome<Value> {
        let program = self.program.clone();
        if let [Statement::Emit(expression)] = program.body.as_slice() {
            let value = self.evaluate(expression);
            return match self.holes {
                Some(holes) => holes.filled(self.scope, value),
                None => value,
            };
        }
        let mut output = Output::default();
        self.render(&mut output)?;
        Ok(output.finish())
    }

    /// Renders the program, and what it extends, in the present frame.
    fn render(&mut self, output: &mut Output) -> Outcome<()> {
        let entry = (self.program.clone(), self.place.clone());
        let mut first = true;
        loop {
            let program = self.program.clone();
            for (name, body) in &program.blocks {
                let layer = (program.clone(), self.place.clone(), body.clone());
                match self.blocks.iter_mut().find(|(known, _)| known == name) {
                    Some((_, layers)) => layers.push(layer),
                    None => self.blocks.push((name.clone(), vec![layer])),
                }
            }
            let mut body = Output::default();
            let result = self.execute(&program.body, &mut body);
            if let Err(fault) = result {
                if first {
                    return Err(fault);
                }
                let error = self.place.error(&program.text, *fault);
                (self.program, self.place) = entry;
                return Err(Place::passed_on(error));
            }
            match self.parent.take() {
                // What stands outside blocks in a template that extends another is not shown.
                Some((parent, place)) => {
                    self.program = parent;
                    self.place = place;
                    first = false;
                }
                None => {
                    (self.program, self.place) = entry;
                    output.append(body)?;
                    return Ok(());
                }
            }
        }
    }

    /// Does something whose text the template looks at before it is put out.
    fn without_holes<T>(&mut self, work: impl FnOnce(&mut Self) -> Outcome<T>) -> Outcome<T> {
        let holes = self.holes.take();
        let result = work(self);
        self.holes = holes;
        result
    }

    /// Does something in the terms of another program: a fault in it gets its place there.
    fn within<T>(
        &mut self,
        program: &Arc<Program>,
        place: &Place,
        frame: Arc<Frame>,
        work: impl FnOnce(&mut Self) -> Outcome<T>,
    ) -> Outcome<T> {
        if self.depth >= DEEPEST {
            return Err(Fault::failed("templates, macros or loops call each other without end"));
        }
        let other = !Arc::ptr_eq(program, &self.program);
        let before = (
            std::mem::replace(&mut self.program, program.clone()),
            std::mem::replace(&mut self.place, place.clone()),
            std::mem::replace(&mut self.frame, frame),
        );
        self.depth += 1;
        let result = stacker::maybe_grow(128 * 1024, 2 * 1024 * 1024, || work(self));
        self.depth -= 1;
        let result = match result {
            Err(fault) if other => Err(Place::passed_on(self.place.error(&self.program.text, *fault))),
            result => result,
        };
        (self.program, self.place, self.frame) = before;
        result
    }
}

impl Machine<'_> {
    /// Text literals that have templates in them are templated, as old conditions expect.
    pub fn in_condition(&mut self) {
        self.condition = true;
    }

    /// The program is what a template made, and that may be what a host said: it may compare, and look nothing up. A lookup
    /// can run programs on the controller.
    pub fn of_made_text(&mut self) {
        self.made = true;
    }

    /// Evaluates one expression of the program.
    pub fn evaluate_expression(&mut self, expression: &super::language::Expression) -> Outcome<Value> {
        self.evaluate(expression)
    }
}

impl Machine<'_> {
    /// Whether the template changes values, so that new lists and dicts must be able to change.
    pub fn works_on_copies(&self) -> bool {
        self.changes
    }
}
