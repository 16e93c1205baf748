//! Macros and call blocks.

use super::{Frame, Machine, Output};
use crate::template::fault::{Outcome, fail};
use crate::template::language::{Macro, Name, Program};
use crate::template::place::Place;
use crate::template::python::kind::undefined;
use minijinja::Value;
use minijinja::value::{Object, ObjectRepr, Tuple};
use std::sync::Arc;

/// A macro with what it can see.
#[derive(Debug)]
pub struct MacroValue {
    pub(super) declaration: Arc<Macro>,
    pub(super) program: Arc<Program>,
    pub(super) place: Place,
    pub(super) frame: Arc<Frame>,
    pub(super) isolated: bool,
}

impl Object for MacroValue {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }

    fn get_value_by_str(self: &Arc<Self>, key: &str) -> Option<Value> {
        match key {
            "name" => Some(Value::from(&*self.declaration.name)),
            "arguments" => Some(Value::from(
                self.declaration.parameters.iter().map(|name| Value::from(&**name)).collect::<Vec<_>>(),
            )),
            _ => None,
        }
    }

    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        self.get_value_by_str(key.as_str()?)
    }
}

impl Machine<'_> {
    pub(super) fn macro_value(&self, declaration: &Arc<Macro>) -> Value {
        Value::from_object(MacroValue {
            declaration: declaration.clone(),
            program: self.program.clone(),
            place: self.place.clone(),
            frame: self.frame.clone(),
            isolated: self.isolated,
        })
    }

    /// Calls a macro: the one thing that it makes, or its text.
    pub(super) fn call_macro(
        &mut self,
        called: &MacroValue,
        positional: Vec<Value>,
        named: Vec<(String, Value)>,
        caller: Option<Value>,
    ) -> Outcome<Value> {
        let declaration = called.declaration.clone();
        let frame = Frame::inside(&called.frame);
        let name = &declaration.name;
        let parameters = &declaration.parameters;
        let mut caller = caller;
        let mut more_named = Vec::new();
        for (key, value) in named {
            if let Some(index) = parameters.iter().position(|parameter| **parameter == *key) {
                if index < positional.len() {
                    return fail(format!("macro '{name}' got multiple values for argument '{key}'"));
                }
                frame.set(&parameters[index], value);
            } else if key == "caller" && declaration.takes_caller {
                caller = Some(value);
            } else if declaration.takes_more_named {
                more_named.push((Value::from(key), value));
            } else {
                return fail(format!("macro '{name}' takes no keyword argument '{key}'"));
            }
        }
        if positional.len() > parameters.len() && !declaration.takes_more {
            return fail(format!(
                "macro '{name}' takes not more than {} argument(s), not {}",
                parameters.len(),
                positional.len()
            ));
        }
        let more: Vec<Value> = positional.get(parameters.len()..).unwrap_or_default().to_vec();
        for (parameter, value) in parameters.iter().zip(positional) {
            frame.set(parameter, value);
        }
        if declaration.takes_more {
            frame.set(&Name::from("varargs"), Value::from(Tuple::from(more)));
        }
        if declaration.takes_more_named {
            frame.set(&Name::from("kwargs"), Value::from_pairs(more_named));
        }
        if declaration.takes_caller {
            let value =
                caller.unwrap_or_else(|| crate::template::marker::marker(undefined("caller", "no caller defined")));
            frame.set(&Name::from("caller"), value);
        }
        let (program, place) = (called.program.clone(), called.place.clone());
        let isolated = std::mem::replace(&mut self.isolated, called.isolated);
        let result = self.within(&program, &place, frame, |machine| {
            let first_default = declaration.parameters.len() - declaration.defaults.len();
            let given: Vec<Name> = machine.frame.own().into_iter().map(|(name, _)| name).collect();
            for (index, parameter) in declaration.parameters.iter().enumerate() {
                if given.contains(parameter) {
                    continue;
                }
                let value = match index.checked_sub(first_default).and_then(|index| declaration.defaults.get(index)) {
                    Some(default) => machine.evaluate(default)?,
                    None => crate::template::marker::marker(undefined(
                        parameter,
                        format!("parameter '{parameter}' was not provided"),
                    )),
                };
                machine.frame.set(parameter, value);
            }
            let mut output = Output::default();
            machine.without_holes(|machine| machine.execute(&declaration.body, &mut output))?;
            Ok(output.finish_text_or_value())
        });
        self.isolated = isolated;
        result
    }
}
