//! Expressions.

use super::Machine;
use super::objects::Function;
use crate::template::fault::{Fault, Outcome};
use crate::template::globals;
use crate::template::language::{At, Comparison, Expression, Node};
use crate::template::marker::{as_marker, marker};
use crate::template::python::compare::{contains, equal, order};
use crate::template::python::container::{Dict, List, thaw};
use crate::template::python::kind::{Kind, kind, truth, type_name, undefined};
use crate::template::python::operators::{apply, negate};
use crate::template::python::slice::slice;
use minijinja::Value;
use minijinja::value::Tuple;
use std::cmp::Ordering;

impl Machine<'_> {
    /// The value of an expression; a marker where it is undefined or unknown and nothing needed it.
    pub(super) fn evaluate(&mut self, expression: &Expression) -> Outcome<Value> {
        let result = match &expression.node {
            Node::Constant(value) => return Ok(value.clone()),
            Node::Embedded(text) if self.condition => self.scope.render_embedded(text, &self.place),
            Node::Embedded(text) => return Ok(Value::from(text.clone())),
            Node::Variable(name) => self.variable(name, expression.at),
            Node::List(items) => self.list(items),
            Node::Tuple(items) => self.evaluate_all(items).map(|items| Value::from(Tuple::from(items))),
            Node::Map(entries) => self.map(entries),
            Node::Attribute(object, name) => {
                self.evaluate(object).and_then(|value| self.attribute(&value, name, expression))
            }
            Node::Item(object, key) => self.evaluate(object).and_then(|value| {
                let key = self.evaluate(key)?;
                self.item(&value, &key, expression)
            }),
            Node::Slice(parts) => self.slice(parts),
            Node::Binary(operator, operands) => self.evaluate(&operands[0]).and_then(|left| {
                let right = self.evaluate(&operands[1])?;
                apply(*operator, &left, &right)
            }),
            Node::Negate(operand) => self.evaluate(operand).and_then(|value| negate(&value)),
            Node::Not(operand) => self.holds(operand).map(|holds| Value::from(!holds)),
            Node::And(operands) => self
                .evaluate(&operands[0])
                .and_then(|left| if truth(&left)? { self.evaluate(&operands[1]) } else { Ok(left) }),
            Node::Or(operands) => self
                .evaluate(&operands[0])
                .and_then(|left| if truth(&left)? { Ok(left) } else { self.evaluate(&operands[1]) }),
            Node::Compare(first, rest) => self.compare(first, rest),
            Node::If { condition, then, otherwise } => {
                self.holds(condition).and_then(|holds| match (holds, otherwise) {
                    (true, _) => self.evaluate(then),
                    (false, Some(otherwise)) => self.evaluate(otherwise),
                    (false, None) => Ok(Value::UNDEFINED),
                })
            }
            Node::Filter { name, filter, value, arguments } => self.evaluate(value).and_then(|value| {
                let (positional, named) = self.arguments(value, arguments)?;
                self.filter(name, *filter, positional, named)
            }),
            Node::Test { name, test, value, arguments } => self.evaluate(value).and_then(|value| {
                let (positional, named) = self.arguments(value, arguments)?;
                self.test(name, *test, positional, named)
            }),
            Node::Call(callee, arguments) => self.call(callee, arguments),
            Node::Block(name) => self.block_text(&name.clone(), 0),
            Node::Captured => Ok(self.captured.last().cloned().unwrap_or(Value::UNDEFINED)),
        };
        match result {
            // What a call or a filter found undefined is an undefined value, which `default` may still replace.
            Err(fault)
                if fault.is_put_off()
                    && matches!(expression.node, Node::Filter { .. } | Node::Test { .. } | Node::Call(..)) =>
            {
                Ok(self.put_off(fault, expression.at))
            }
            result => result.map_err(|fault| fault.located(expression.at)),
        }
    }

    /// Whether an expression holds in a condition.
    pub(super) fn holds(&mut self, expression: &Expression) -> Outcome<bool> {
        let value = self.evaluate(expression)?;
        truth(&value).map_err(|fault| fault.located(expression.at))
    }

    pub(super) fn evaluate_all(&mut self, expressions: &[Expression]) -> Outcome<Vec<Value>> {
        expressions.iter().map(|expression| self.evaluate(expression)).collect()
    }

    fn list(&mut self, items: &[Expression]) -> Outcome<Value> {
        let items = self.evaluate_all(items)?;
        Ok(if self.changes { Value::from_object(List::new(items)) } else { Value::from(items) })
    }

    fn map(&mut self, entries: &[(Expression, Expression)]) -> Outcome<Value> {
        let mut evaluated = Vec::with_capacity(entries.len());
        for (key, value) in entries {
            let key_value = self.evaluate(key)?;
            crate::template::marker::need(&key_value).map_err(|fault| fault.located(key.at))?;
            evaluated.push((key_value, self.evaluate(value)?));
        }
        Ok(if self.changes { Value::from_object(Dict::new(evaluated)) } else { Value::from_pairs(evaluated) })
    }

    fn slice(&mut self, parts: &[Expression; 4]) -> Outcome<Value> {
        let value = self.evaluate(&parts[0])?;
        if as_marker(&value).is_some() {
            return Ok(value);
        }
        let (start, stop, step) = (self.evaluate(&parts[1])?, self.evaluate(&parts[2])?, self.evaluate(&parts[3])?);
        slice(&value, &start, &stop, &step)
    }

    fn compare(&mut self, first: &Expression, rest: &[(Comparison, Expression)]) -> Outcome<Value> {
        let mut left = self.evaluate(first)?;
        for (comparison, right) in rest {
            let right = self.evaluate(right)?;
            if !compare(*comparison, &left, &right)? {
                return Ok(Value::from(false));
            }
            left = right;
        }
        Ok(Value::from(true))
    }

    /// What a name stands for: what the template set, a variable, or a global of the language.
    fn variable(&mut self, name: &str, at: At) -> Outcome<Value> {
        if let Some(value) = self.frame.get(name) {
            return Ok(value);
        }
        if !self.isolated {
            if self.changes
                && let Some((_, value)) = self.thawed.iter().find(|(known, _)| &**known == name)
            {
                return Ok(value.clone());
            }
            if let Some(value) = self.scope.resolve(name)? {
                if !self.changes || !matches!(kind(&value), Kind::Seq | Kind::Map) {
                    return Ok(value);
                }
                let value = thaw(&value);
                self.thawed.push((name.into(), value.clone()));
                return Ok(value);
            }
        }
        if let Some(function) = globals::find(name) {
            return Ok(Value::from_object(Function(function)));
        }
        match name {
            "omit" => Ok(crate::template::omit::omit()),
            "super" if self.block.is_some() => Ok(Value::from_object(super::objects::Super)),
            _ => Ok(self.put_off(undefined(name, format!("'{name}' is undefined")), at)),
        }
    }

    /// A marker that remembers where it arose.
    pub(super) fn put_off(&self, mut fault: Box<Fault>, at: At) -> Value {
        if fault.origin.is_none() && fault.home.is_none() {
            fault.at.get_or_insert(at);
            fault.home = Some((self.place.clone(), self.program.text.clone()));
        }
        marker(fault)
    }
}

/// One comparison.
pub(super) fn compare(comparison: Comparison, left: &Value, right: &Value) -> Outcome<bool> {
    let ordered = |operator: &str, wanted: &[Ordering]| {
        order(left, right, operator).map(|ordering| ordering.is_some_and(|ordering| wanted.contains(&ordering)))
    };
    match comparison {
        Comparison::Equal => equal(left, right),
        Comparison::NotEqual => equal(left, right).map(|equal| !equal),
        Comparison::Less => ordered("<", &[Ordering::Less]),
        Comparison::LessOrEqual => ordered("<=", &[Ordering::Less, Ordering::Equal]),
        Comparison::Greater => ordered(">", &[Ordering::Greater]),
        Comparison::GreaterOrEqual => ordered(">=", &[Ordering::Greater, Ordering::Equal]),
        Comparison::In => contains(right, left),
        Comparison::NotIn => contains(right, left).map(|contains| !contains),
    }
}

/// How an expression reads as a path: `web.port`, `hosts[0]`; nothing where it is not a plain path.
pub fn path(expression: &Expression) -> Option<String> {
    match &expression.node {
        Node::Variable(name) => Some(name.to_string()),
        Node::Attribute(object, name) => Some(format!("{}.{name}", path(object)?)),
        Node::Item(object, key) => {
            let object = path(object)?;
            match &key.node {
                Node::Constant(key) => Some(format!("{object}[{}]", crate::template::python::text::repr(key).ok()?)),
                _ => Some(format!("{object}[{}]", path(key)?)),
            }
        }
        _ => None,
    }
}

/// The fault of a key that an object does not have.
pub(super) fn missing(object: &Value, key: &Value, expression: &Expression) -> Box<Fault> {
    let shown = crate::template::python::text::repr(key).unwrap_or_default();
    let what = format!("object of type '{}' has no attribute {shown}", type_name(object));
    let mut fault = match path(expression) {
        Some(path) => undefined(&path, format!("'{path}' is undefined: {what}")),
        None => undefined(&shown, what),
    };
    fault.missing = key.as_str().map(|key| (key.to_owned(), object.clone()));
    fault
}
