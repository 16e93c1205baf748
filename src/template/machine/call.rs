//! Calls: of filters and tests, functions, methods and macros.

use super::Machine;
use super::loops::Loop;
use super::macros::MacroValue;
use super::objects::{BoundMethod, Function, Module, Super};
use crate::diagnostic::did_you_mean;
use crate::template::arguments::{Call, Signature};
use crate::template::contract::TemplateErrorKind;
use crate::template::fault::{Fault, Outcome, fail};
use crate::template::filters::{self, Filter};
use crate::template::language::{Argument, Expression, Node};
use crate::template::marker::{as_marker, is_undefined, need};
use crate::template::python::kind::{items, pairs, truth, type_name};
use crate::template::python::methods::{self, Given};
use crate::template::tests::{self, Test};
use minijinja::Value;

/// Arguments by position and by name.
pub(super) type Given2 = (Vec<Value>, Vec<(String, Value)>);

impl Machine<'_> {
    /// Evaluates arguments after a first one.
    pub(super) fn arguments(&mut self, first: Value, arguments: &[Argument]) -> Outcome<Given2> {
        let mut positional = Vec::with_capacity(1 + arguments.len());
        positional.push(first);
        let mut named = Vec::new();
        self.more_arguments(arguments, &mut positional, &mut named)?;
        Ok((positional, named))
    }

    pub(super) fn more_arguments(
        &mut self,
        arguments: &[Argument],
        positional: &mut Vec<Value>,
        named: &mut Vec<(String, Value)>,
    ) -> Outcome<()> {
        for argument in arguments {
            match argument {
                Argument::Positional(value) => positional.push(self.evaluate(value)?),
                Argument::Named(name, value) => named.push((name.to_string(), self.evaluate(value)?)),
                Argument::Spread(value) => {
                    let list = self.evaluate(value)?;
                    positional.extend(items(&list)?);
                }
                Argument::SpreadNamed(value) => {
                    let dict = self.evaluate(value)?;
                    for (name, value) in pairs(&dict)? {
                        match name.as_str() {
                            Some(name) => named.push((name.to_owned(), value)),
                            None => return fail("keywords must be strings"),
                        }
                    }
                }
            }
        }
        Ok(())
    }

    /// Applies a filter. One that does not look at undefined arguments gives the first of them back.
    pub fn filter(
        &mut self,
        name: &str,
        filter: Option<&'static Filter>,
        positional: Vec<Value>,
        named: Vec<(String, Value)>,
    ) -> Outcome<Value> {
        let Some(filter) = filter else { return Err(unknown_name("filter", name, &filters::names())) };
        if !filter.sees_undefined
            && let Some(first) = first_marker(&positional, &named)?
        {
            return Ok(first);
        }
        let what = format!("the filter '{name}'");
        let signature: &'static Signature = filter.signature();
        let bound = signature.bind(&what, &positional, named)?;
        (filter.run)(&mut Call { machine: self, name: &what, bound, signature })
            .map_err(|fault| named_fault(fault, &what))
    }

    /// Applies a filter by its name, as `map('name')` does.
    pub fn filter_by_name(
        &mut self,
        name: &str,
        positional: Vec<Value>,
        named: Vec<(String, Value)>,
    ) -> Outcome<Value> {
        self.filter(name, filters::find(name), positional, named)
    }

    /// Applies a test.
    pub fn test(
        &mut self,
        name: &str,
        test: Option<&'static Test>,
        positional: Vec<Value>,
        named: Vec<(String, Value)>,
    ) -> Outcome<Value> {
        let Some(test) = test else { return Err(unknown_name("test", name, &tests::names())) };
        if !test.sees_undefined
            && let Some(first) = first_marker(&positional, &named)?
        {
            return Ok(first);
        }
        let what = format!("the test '{name}'");
        let signature: &'static Signature = test.signature();
        let bound = signature.bind(&what, &positional, named)?;
        (test.run)(&mut Call { machine: self, name: &what, bound, signature })
            .map(Value::from)
            .map_err(|fault| named_fault(fault, &what))
    }

    /// Applies a test by its name, as `select('name')` does.
    pub fn test_by_name(&mut self, name: &str, positional: Vec<Value>, named: Vec<(String, Value)>) -> Outcome<bool> {
        let result = self.test(name, tests::find(name), positional, named)?;
        truth(&result)
    }

    pub(super) fn call(&mut self, callee: &Expression, arguments: &[Argument]) -> Outcome<Value> {
        let (mut positional, mut named) = (Vec::with_capacity(arguments.len()), Vec::new());
        if let Node::Attribute(object, name) = &callee.node {
            let receiver = self.evaluate(object)?;
            if as_marker(&receiver).is_some() {
                need(&receiver).map_err(|fault| fault.located(object.at))?;
            }
            self.more_arguments(arguments, &mut positional, &mut named)?;
            return self.call_method(&receiver, name, positional, named, callee);
        }
        let function = self.evaluate(callee)?;
        self.more_arguments(arguments, &mut positional, &mut named)?;
        self.call_value(&function, positional, named).map_err(|fault| fault.located(callee.at))
    }

    fn call_method(
        &mut self,
        receiver: &Value,
        name: &str,
        positional: Vec<Value>,
        named: Vec<(String, Value)>,
        callee: &Expression,
    ) -> Outcome<Value> {
        if receiver.downcast_object_ref::<Module>().is_none() {
            let given = Given { name, positional: &positional, named: &named };
            if methods::has(receiver, name)
                && let Some(first) = first_marker(&positional, &named)?
                && !matches!(name, "append" | "insert" | "update" | "get" | "setdefault" | "__setitem__")
            {
                return Ok(first);
            }
            if let Some(result) = methods::call(receiver, &given)? {
                return Ok(result);
            }
        }
        if let Some(member) = super::lookup(receiver, &Value::from(name))? {
            return self.call_value(&member, positional, named);
        }
        if let Some(object) = receiver.as_object() {
            let mut arguments = positional;
            if !named.is_empty() {
                arguments.push(Value::from(minijinja::value::Kwargs::from_iter(named)));
            }
            let environment = super::objects::environment();
            match object.call_method(&mut environment.empty_state(), name, &arguments) {
                Ok(result) => return Ok(result),
                Err(error) if error.kind() == minijinja::ErrorKind::UnknownMethod => {}
                Err(error) => return fail(error.detail().unwrap_or("the call failed").to_owned()),
            }
        }
        Err(super::expression::missing(receiver, &Value::from(name), callee))
    }

    /// Calls a value.
    pub(super) fn call_value(
        &mut self,
        function: &Value,
        positional: Vec<Value>,
        named: Vec<(String, Value)>,
    ) -> Outcome<Value> {
        need(function)?;
        if let Some(function) = function.downcast_object_ref::<Function>() {
            let function = function.0;
            if self.made && matches!(function.name, "lookup" | "query" | "q") {
                return fail("a condition that a template makes may look nothing up: the text may be a host's");
            }
            if !function.sees_undefined
                && let Some(first) = first_marker(&positional, &named)?
            {
                return Ok(first);
            }
            let what = format!("{}()", function.name);
            let signature: &'static Signature = function.signature();
            let bound = signature.bind(&what, &positional, named)?;
            return (function.run)(&mut Call { machine: self, name: &what, bound, signature });
        }
        if let Some(called) = function.downcast_object::<MacroValue>() {
            return self.call_macro(&called, positional, named, None);
        }
        if let Some(called) = function.downcast_object::<Loop>() {
            return self.recurse(&called, positional);
        }
        if let Some(method) = function.downcast_object_ref::<BoundMethod>() {
            let given = Given { name: &method.name, positional: &positional, named: &named };
            return match methods::call(&method.receiver, &given)? {
                Some(result) => Ok(result),
                None => fail(format!("'{}' object is not callable", type_name(function))),
            };
        }
        if function.downcast_object_ref::<Super>().is_some() {
            let Some((name, level)) = self.block.clone() else { return fail("super() stands in no block") };
            return self.block_text(&name, level + 1);
        }
        if let Some(object) = function.as_object() {
            let environment = super::objects::environment();
            return object
                .call(&mut environment.empty_state(), &positional)
                .or_else(|error| fail(error.detail().unwrap_or("the call failed").to_owned()));
        }
        fail(format!("'{}' object is not callable", type_name(function)))
    }
}

/// The first argument that is undefined or unknown; an error that was put off is raised.
fn first_marker(positional: &[Value], named: &[(String, Value)]) -> Outcome<Option<Value>> {
    for value in positional.iter().chain(named.iter().map(|(_, value)| value)) {
        if let Some(marker) = as_marker(value) {
            return match marker.fault.kind {
                TemplateErrorKind::Undefined(_) | TemplateErrorKind::Unknown => Ok(Some(value.clone())),
                _ => Err(Box::new(marker.fault.clone())),
            };
        }
        if is_undefined(value) {
            return Ok(Some(value.clone()));
        }
    }
    Ok(None)
}

/// Says in which filter or test something failed, unless the fault is another's.
fn named_fault(mut fault: Box<Fault>, what: &str) -> Box<Fault> {
    if fault.kind == TemplateErrorKind::Failed
        && fault.at.is_none()
        && fault.origin.is_none()
        && !fault.message.contains(what)
    {
        fault.message = format!("{what} failed: {}", fault.message);
    }
    fault
}

fn unknown_name(what: &str, name: &str, known: &[&'static str]) -> Box<Fault> {
    let fault = Fault::failed(format!("no {what} named '{name}'"));
    match did_you_mean(name, known.iter().copied()) {
        Some(hint) => fault.hint(hint),
        None => fault,
    }
}
