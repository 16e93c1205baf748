//! `x[a:b:c]` and negative indexes.

use super::kind::{Kind, items, kind, type_name};
use crate::template::fault::{Outcome, fail};
use minijinja::Value;
use minijinja::value::Tuple;

/// An index that may count from the end, as a position.
pub fn position(index: i128, length: usize) -> Option<usize> {
    let length = length as i128;
    let at = if index < 0 { index + length } else { index };
    (0..length).contains(&at).then_some(at as usize)
}

/// The positions that a slice takes.
fn positions(length: usize, start: Option<i128>, stop: Option<i128>, step: i128) -> Vec<usize> {
    let length = length as i128;
    let (low, high) = if step > 0 { (0, length) } else { (-1, length - 1) };
    let clamp = |bound: i128| (if bound < 0 { bound + length } else { bound }).clamp(low, high);
    let (start, stop) = if step > 0 {
        (start.map_or(low, clamp), stop.map_or(high, clamp))
    } else {
        (start.map_or(high, clamp), stop.map_or(low, clamp))
    };
    let mut taken = Vec::new();
    let mut at = start;
    while if step > 0 { at < stop } else { at > stop } {
        taken.push(at as usize);
        at += step;
    }
    taken
}

/// `value[start:stop:step]`.
pub fn slice(value: &Value, start: &Value, stop: &Value, step: &Value) -> Outcome<Value> {
    let bound = |value: &Value| match kind(value) {
        Kind::None => Ok(None),
        Kind::Int(int) => Ok(Some(int)),
        Kind::Bool(flag) => Ok(Some(i128::from(flag))),
        _ => fail("slice indices must be integers or None or have an __index__ method"),
    };
    let (start, stop, step) = (bound(start)?, bound(stop)?, bound(step)?.unwrap_or(1));
    if step == 0 {
        return fail("slice step cannot be zero");
    }
    match kind(value) {
        Kind::Text(text) => {
            let chars: Vec<char> = text.chars().collect();
            let taken: String = positions(chars.len(), start, stop, step).into_iter().map(|at| chars[at]).collect();
            Ok(Value::from(taken))
        }
        Kind::Seq => {
            let all = items(value)?;
            let taken: Vec<Value> =
                positions(all.len(), start, stop, step).into_iter().map(|at| all[at].clone()).collect();
            Ok(if value.is_tuple() { Value::from(Tuple::from(taken)) } else { Value::from(taken) })
        }
        _ => fail(format!("'{}' object is not subscriptable by a slice", type_name(value))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slices_clamp_and_step_backwards() {
        let cut = |start: Option<i64>, stop: Option<i64>, step: Option<i64>| {
            let bound = |bound: Option<i64>| bound.map_or_else(|| Value::from(()), Value::from);
            slice(&Value::from("abcdef"), &bound(start), &bound(stop), &bound(step)).map(|text| text.to_string())
        };
        assert_eq!(cut(None, None, Some(-1)).unwrap_or_default(), "fedcba");
        assert_eq!(cut(Some(-3), Some(100), None).unwrap_or_default(), "def");
        assert_eq!(cut(Some(4), Some(1), Some(-2)).unwrap_or_default(), "ec");
        assert!(cut(None, None, Some(0)).is_err());
    }
}
