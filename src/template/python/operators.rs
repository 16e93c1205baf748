//! Arithmetic: `+`, `-`, `*`, `/`, `//`, `%`, `**`, `~` and unary minus.

use super::container::{List, thaw};
use super::format::percent;
use super::kind::{Kind, int, items, kind, type_name};
use super::text::write_text;
use crate::template::fault::{Fault, Outcome, fail};
use crate::template::marker::need;
use minijinja::Value;
use minijinja::value::Tuple;

/// An operator between two values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operator {
    Add,
    Sub,
    Mul,
    Div,
    FloorDiv,
    Rem,
    Pow,
    Concat,
}

impl Operator {
    fn symbol(self) -> &'static str {
        match self {
            Operator::Add => "+",
            Operator::Sub => "-",
            Operator::Mul => "*",
            Operator::Div => "/",
            Operator::FloorDiv => "//",
            Operator::Rem => "%",
            Operator::Pow => "** or pow()",
            Operator::Concat => "~",
        }
    }
}

/// The largest text or list that `*` makes; more is a mistake, and would fill the memory.
const LARGEST: usize = 64 << 20;

enum Number {
    Int(i128),
    Float(f64),
}

fn number(value: &Kind<'_>) -> Option<Number> {
    match value {
        Kind::Bool(flag) => Some(Number::Int(i128::from(*flag))),
        Kind::Int(int) => Some(Number::Int(*int)),
        Kind::Float(float) => Some(Number::Float(*float)),
        _ => None,
    }
}

/// `left operator right`.
pub fn apply(operator: Operator, left: &Value, right: &Value) -> Outcome<Value> {
    need(left)?;
    need(right)?;
    let (one, other) = (kind(left), kind(right));
    if operator == Operator::Concat {
        let mut out = String::new();
        write_text(&mut out, left)?;
        write_text(&mut out, right)?;
        return Ok(Value::from(out));
    }
    if let (Operator::Rem, Kind::Text(template)) = (operator, &one) {
        return percent(template, right).map(Value::from);
    }
    if let (Some(left), Some(right)) = (number(&one), number(&other)) {
        return arithmetic(operator, left, right);
    }
    match (operator, one, other) {
        (Operator::Add, Kind::Text(left), Kind::Text(right)) => Ok(Value::from([left, right].concat())),
        (Operator::Add, Kind::Text(_), _) => {
            fail(format!("can only concatenate str (not \"{}\") to str", type_name(right)))
                .map_err(|fault: Box<Fault>| fault.hint("use `~` to join values of any type into text"))
        }
        (Operator::Add, Kind::Seq, Kind::Seq) if left.is_tuple() == right.is_tuple() => {
            let mut all = items(left)?;
            all.extend(items(right)?);
            Ok(sequence_like(left, all))
        }
        (Operator::Add, Kind::Seq, _) => {
            let name = type_name(left);
            fail(format!("can only concatenate {name} (not \"{}\") to {name}", type_name(right)))
        }
        (Operator::Mul, Kind::Text(text), count) | (Operator::Mul, count, Kind::Text(text)) => match number(&count) {
            Some(Number::Int(times)) => repeat_text(text, times),
            _ => unsupported(operator, left, right),
        },
        (Operator::Mul, Kind::Seq, count) => repeat_list(operator, left, right, left, &count),
        (Operator::Mul, count, Kind::Seq) => repeat_list(operator, left, right, right, &count),
        (_, Kind::Other, _) | (_, _, Kind::Other) => {
            match crate::template::machine::object_arithmetic(operator, left, right) {
                Some(result) => result,
                None => unsupported(operator, left, right),
            }
        }
        _ => unsupported(operator, left, right),
    }
}

fn sequence_like(model: &Value, items: Vec<Value>) -> Value {
    if model.is_tuple() {
        Value::from(Tuple::from(items))
    } else if model.downcast_object_ref::<List>().is_some() {
        thaw(&Value::from(items))
    } else {
        Value::from(items)
    }
}

fn unsupported(operator: Operator, left: &Value, right: &Value) -> Outcome<Value> {
    fail(format!(
        "unsupported operand type(s) for {}: '{}' and '{}'",
        operator.symbol(),
        type_name(left),
        type_name(right)
    ))
}

fn repeat_text(text: &str, times: i128) -> Outcome<Value> {
    let times = usize::try_from(times.max(0)).unwrap_or(usize::MAX);
    if text.len().saturating_mul(times) > LARGEST {
        return fail("the repeated text would be larger than 64 MB");
    }
    Ok(Value::from(text.repeat(times)))
}

fn repeat_list(operator: Operator, left: &Value, right: &Value, list: &Value, count: &Kind<'_>) -> Outcome<Value> {
    let Some(Number::Int(times)) = number(count) else { return unsupported(operator, left, right) };
    let once = items(list)?;
    let times = usize::try_from(times.max(0)).unwrap_or(usize::MAX);
    if once.len().saturating_mul(times) > LARGEST / 16 {
        return fail("the repeated list would have more than 4 million items");
    }
    let mut all = Vec::with_capacity(once.len() * times);
    for _ in 0..times {
        all.extend(once.iter().cloned());
    }
    Ok(sequence_like(list, all))
}

fn arithmetic(operator: Operator, left: Number, right: Number) -> Outcome<Value> {
    let too_large = || Fault::failed("a whole number beyond 127 bits is not supported");
    match (left, right) {
        (Number::Int(left), Number::Int(right)) => {
            let result = match operator {
                Operator::Add => left.checked_add(right),
                Operator::Sub => left.checked_sub(right),
                Operator::Mul => left.checked_mul(right),
                Operator::Div => {
                    if right == 0 {
                        return fail("division by zero");
                    }
                    return Ok(Value::from(left as f64 / right as f64));
                }
                Operator::FloorDiv if right == 0 => return fail("integer division or modulo by zero"),
                Operator::Rem if right == 0 => return fail("integer modulo by zero"),
                Operator::FloorDiv => {
                    let quotient = left.checked_div(right);
                    let down = left % right != 0 && (left < 0) != (right < 0);
                    quotient.map(|quotient| if down { quotient - 1 } else { quotient })
                }
                Operator::Rem => {
                    let rest = left.checked_rem(right);
                    rest.map(|rest| if rest != 0 && (rest < 0) != (right < 0) { rest + right } else { rest })
                }
                Operator::Pow if right < 0 => return power(left as f64, right as f64),
                Operator::Pow => u32::try_from(right).ok().and_then(|exponent| left.checked_pow(exponent)),
                Operator::Concat => None,
            };
            result.map(int).ok_or_else(too_large)
        }
        (left, right) => {
            let float = |number: Number| match number {
                Number::Int(int) => int as f64,
                Number::Float(float) => float,
            };
            let (left, right) = (float(left), float(right));
            let zero = right == 0.0;
            Ok(Value::from(match operator {
                Operator::Add => left + right,
                Operator::Sub => left - right,
                Operator::Mul => left * right,
                Operator::Div if zero => return fail("float division by zero"),
                Operator::FloorDiv if zero => return fail("float floor division by zero"),
                Operator::Rem if zero => return fail("float modulo"),
                Operator::Div => left / right,
                Operator::FloorDiv => (left / right).floor(),
                Operator::Rem => left - right * (left / right).floor(),
                Operator::Pow => return power(left, right),
                Operator::Concat => return fail("not arithmetic"),
            }))
        }
    }
}

fn power(base: f64, exponent: f64) -> Outcome<Value> {
    if base == 0.0 && exponent < 0.0 {
        return fail("0.0 cannot be raised to a negative power");
    }
    Ok(Value::from(base.powf(exponent)))
}

/// `-value`.
pub fn negate(value: &Value) -> Outcome<Value> {
    need(value)?;
    match number(&kind(value)) {
        Some(Number::Int(whole)) => Ok(int(-whole)),
        Some(Number::Float(float)) => Ok(Value::from(-float)),
        None => fail(format!("bad operand type for unary -: '{}'", type_name(value))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::template::python::text::text;

    fn calculate(operator: Operator, left: impl Into<Value>, right: impl Into<Value>) -> String {
        match apply(operator, &left.into(), &right.into()) {
            Ok(value) => text(&value).unwrap_or_default(),
            Err(fault) => fault.message,
        }
    }

    #[test]
    fn division_is_pythons() {
        assert_eq!(calculate(Operator::Div, 6, 2), "3.0");
        assert_eq!(calculate(Operator::FloorDiv, -7, 2), "-4");
        assert_eq!(calculate(Operator::Rem, -7, 3), "2");
        assert_eq!(calculate(Operator::FloorDiv, 7.5, 2), "3.0");
        assert_eq!(calculate(Operator::Pow, 2, -1), "0.5");
        assert_eq!(calculate(Operator::Div, 1, 0), "division by zero");
    }

    #[test]
    fn text_does_not_add_to_numbers() {
        assert_eq!(calculate(Operator::Add, "a", 1), "can only concatenate str (not \"int\") to str");
        assert_eq!(calculate(Operator::Add, 1, "a"), "unsupported operand type(s) for +: 'int' and 'str'");
        assert_eq!(calculate(Operator::Concat, "a", 1), "a1");
        assert_eq!(calculate(Operator::Mul, 3, "ab"), "ababab");
    }
}
