//! `for`, and the `loop` variable.

use super::statement::Flow;
use super::{Frame, Machine, Output};
use crate::template::fault::{Outcome, fail};
use crate::template::language::{ForLoop, Name, Program};
use crate::template::place::Place;
use crate::template::python::compare::equal;
use crate::template::python::kind::{items, undefined};
use minijinja::value::{Enumerator, Object, ObjectRepr};
use minijinja::{Error, ErrorKind, State, Value};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// The `loop` variable.
#[derive(Debug)]
pub struct Loop {
    items: Vec<Value>,
    index: AtomicUsize,
    depth: usize,
    changed: Mutex<Option<Vec<Value>>>,
    each: Arc<ForLoop>,
    program: Arc<Program>,
    place: Place,
    frame: Arc<Frame>,
}

impl Loop {
    fn at(&self) -> usize {
        self.index.load(Ordering::Relaxed)
    }
}

impl Object for Loop {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }

    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        self.get_value_by_str(key.as_str()?)
    }

    fn get_value_by_str(self: &Arc<Self>, key: &str) -> Option<Value> {
        let (at, length) = (self.at(), self.items.len());
        let beyond = |what: &str| {
            crate::template::marker::marker(undefined(&format!("loop.{what}"), format!("there is no {what} item")))
        };
        Some(match key {
            "index" => Value::from(at + 1),
            "index0" => Value::from(at),
            "revindex" => Value::from(length - at),
            "revindex0" => Value::from(length - at - 1),
            "first" => Value::from(at == 0),
            "last" => Value::from(at + 1 == length),
            "length" => Value::from(length),
            "depth" => Value::from(self.depth + 1),
            "depth0" => Value::from(self.depth),
            "previtem" => {
                at.checked_sub(1).and_then(|at| self.items.get(at)).cloned().unwrap_or_else(|| beyond("previous"))
            }
            "nextitem" => self.items.get(at + 1).cloned().unwrap_or_else(|| beyond("next")),
            _ => return None,
        })
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Enumerator::NonEnumerable
    }

    fn call_method(self: &Arc<Self>, _: &mut State<'_, '_>, method: &str, args: &[Value]) -> Result<Value, Error> {
        match method {
            "cycle" if !args.is_empty() => Ok(args[self.at() % args.len()].clone()),
            "cycle" => Err(Error::new(ErrorKind::InvalidOperation, "no items for cycling given")),
            "changed" => {
                let mut last = self.changed.lock().unwrap_or_else(PoisonError::into_inner);
                let same = last.as_ref().is_some_and(|last| {
                    last.len() == args.len()
                        && last.iter().zip(args).all(|(one, other)| equal(one, other).unwrap_or(false))
                });
                *last = Some(args.to_vec());
                Ok(Value::from(!same))
            }
            _ => Err(Error::from(ErrorKind::UnknownMethod)),
        }
    }
}

impl Machine<'_> {
    pub(super) fn for_loop(&mut self, each: &Arc<ForLoop>, output: &mut Output) -> Outcome<Flow> {
        let iterated = self.evaluate(&each.items)?;
        let all = items(&iterated).map_err(|fault| fault.located(each.items.at))?;
        self.iterate(each, all, 0, output)
    }

    fn iterate(&mut self, each: &Arc<ForLoop>, all: Vec<Value>, depth: usize, output: &mut Output) -> Outcome<Flow> {
        let outer = self.frame.clone();
        let mut chosen = Vec::with_capacity(all.len());
        match &each.condition {
            None => chosen = all,
            Some(condition) => {
                for item in all {
                    self.frame = Frame::inside(&outer);
                    let holds = self.assign(&each.target, item.clone()).and_then(|()| self.holds(condition));
                    self.frame = outer.clone();
                    if holds? {
                        chosen.push(item);
                    }
                }
            }
        }
        if chosen.is_empty() {
            self.frame = Frame::inside(&outer);
            let result = self.execute(&each.otherwise, output);
            self.frame = outer;
            return result;
        }
        let state = Arc::new(Loop {
            items: chosen.clone(),
            index: AtomicUsize::new(0),
            depth,
            changed: Mutex::new(None),
            each: each.clone(),
            program: self.program.clone(),
            place: self.place.clone(),
            frame: outer.clone(),
        });
        let loop_name = Name::from("loop");
        for (index, item) in chosen.into_iter().enumerate() {
            state.index.store(index, Ordering::Relaxed);
            self.frame = Frame::inside(&outer);
            self.frame.set(&loop_name, Value::from_dyn_object(state.clone()));
            let result = self.assign(&each.target, item).and_then(|()| self.execute(&each.body, output));
            self.frame = outer.clone();
            if result? == Flow::Break {
                break;
            }
        }
        Ok(Flow::Next)
    }

    /// `loop(items)` inside a recursive loop.
    pub(super) fn recurse(&mut self, called: &Arc<Loop>, positional: Vec<Value>) -> Outcome<Value> {
        if !called.each.recursive {
            return fail("The loop must have the 'recursive' marker to be called recursively.");
        }
        let Some(first) = positional.first() else { return fail("loop() needs what to go through") };
        let all = items(first)?;
        let (program, place) = (called.program.clone(), called.place.clone());
        self.within(&program, &place, called.frame.clone(), |machine| {
            let mut output = Output::default();
            machine.iterate(&called.each, all, called.depth + 1, &mut output)?;
            output.into_text().map(Value::from)
        })
    }
}
