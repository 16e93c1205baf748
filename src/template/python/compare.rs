//! `==`, `<`, `in` across types.

use super::kind::{Kind, kind, pairs, type_name};
use super::text::repr;
use crate::template::fault::{Outcome, fail};
use crate::template::marker::need;
use minijinja::Value;
use std::cmp::Ordering;

/// `left == right`. Never fails but for markers: what can't be compared differs.
pub fn equal(left: &Value, right: &Value) -> Outcome<bool> {
    need(left)?;
    need(right)?;
    Ok(match (kind(left), kind(right)) {
        (Kind::Text(left), Kind::Text(right)) => left == right,
        (Kind::None, Kind::None) => true,
        (Kind::Bytes(left), Kind::Bytes(right)) => left == right,
        (Kind::Seq, Kind::Seq) => {
            if left.is_tuple() != right.is_tuple() || left.len() != right.len() {
                return Ok(false);
            }
            for (one, other) in left.try_iter().into_iter().flatten().zip(right.try_iter().into_iter().flatten()) {
                if !equal(&one, &other)? {
                    return Ok(false);
                }
            }
            true
        }
        (Kind::Map, Kind::Map) => {
            let entries = pairs(left)?;
            if Some(entries.len()) != right.len() {
                return Ok(false);
            }
            for (key, one) in entries {
                match right.get_item(&key) {
                    Ok(other) if !other.is_undefined() && equal(&one, &other)? => {}
                    _ => return Ok(false),
                }
            }
            true
        }
        (Kind::Iterable | Kind::Other, _) | (_, Kind::Iterable | Kind::Other) => left == right,
        (one, other) => numeric_order(&one, &other) == Some(Ordering::Equal),
    })
}

/// How two numbers (booleans are numbers) stand to each other.
fn numeric_order(left: &Kind<'_>, right: &Kind<'_>) -> Option<Ordering> {
    let whole = |kind: &Kind<'_>| match kind {
        Kind::Bool(flag) => Some(i128::from(*flag)),
        Kind::Int(int) => Some(*int),
        _ => None,
    };
    match (whole(left), whole(right)) {
        (Some(left), Some(right)) => Some(left.cmp(&right)),
        (left_whole, right_whole) => {
            let float = |kind: &Kind<'_>, whole: Option<i128>| match kind {
                Kind::Float(float) => Some(*float),
                _ => whole.map(|int| int as f64),
            };
            float(left, left_whole)?.partial_cmp(&float(right, right_whole)?)
        }
    }
}

/// How two values stand to each other, where Python orders them; `operator` is for the message where it does not.
/// `None` where one is not a number (`nan`): then no comparison holds.
pub fn order(left: &Value, right: &Value, operator: &str) -> Outcome<Option<Ordering>> {
    need(left)?;
    need(right)?;
    let refuse = || {
        fail(format!(
            "'{operator}' not supported between instances of '{}' and '{}'",
            type_name(left),
            type_name(right)
        ))
    };
    match (kind(left), kind(right)) {
        (Kind::Text(left), Kind::Text(right)) => Ok(Some(left.cmp(right))),
        (Kind::Bytes(left), Kind::Bytes(right)) => Ok(Some(left.cmp(right))),
        (Kind::Seq, Kind::Seq) if left.is_tuple() == right.is_tuple() => {
            let mut ones = left.try_iter().into_iter().flatten();
            let mut others = right.try_iter().into_iter().flatten();
            loop {
                match (ones.next(), others.next()) {
                    (None, None) => return Ok(Some(Ordering::Equal)),
                    (None, Some(_)) => return Ok(Some(Ordering::Less)),
                    (Some(_), None) => return Ok(Some(Ordering::Greater)),
                    (Some(one), Some(other)) => {
                        if !equal(&one, &other)? {
                            return order(&one, &other, operator);
                        }
                    }
                }
            }
        }
        (Kind::Other, Kind::Other) => match crate::template::machine::object_order(left, right) {
            Some(ordering) => Ok(Some(ordering)),
            None => refuse(),
        },
        (one, other) => {
            let is_number = |kind: &Kind<'_>| matches!(kind, Kind::Bool(_) | Kind::Int(_) | Kind::Float(_));
            if is_number(&one) && is_number(&other) { Ok(numeric_order(&one, &other)) } else { refuse() }
        }
    }
}

/// `needle in haystack`.
pub fn contains(haystack: &Value, needle: &Value) -> Outcome<bool> {
    need(haystack)?;
    need(needle)?;
    match kind(haystack) {
        Kind::Text(text) => match needle.as_str() {
            Some(part) => Ok(text.contains(part)),
            None => fail(format!("'in <string>' requires string as left operand, not {}", type_name(needle))),
        },
        Kind::Map => has_key(haystack, needle),
        Kind::Seq | Kind::Iterable => {
            for item in haystack.try_iter().into_iter().flatten() {
                if equal(&item, needle)? {
                    return Ok(true);
                }
            }
            Ok(false)
        }
        _ => fail(format!("argument of type '{}' is not iterable", type_name(haystack))),
    }
}

/// Whether a dict has a key.
pub fn has_key(map: &Value, key: &Value) -> Outcome<bool> {
    if matches!(kind(key), Kind::Seq if !key.is_tuple()) || matches!(kind(key), Kind::Map) {
        return fail(format!("unhashable type: '{}'", type_name(key)));
    }
    Ok(match map.as_object() {
        Some(object) => object.get_value(key).is_some_and(|value| !value.is_undefined()),
        None => false,
    })
}

/// Sorts as Python's `sorted` does: stable, and fails where two can't be ordered.
pub fn sort_by_key<T>(items: &mut [T], reverse: bool, key: impl Fn(&T) -> Value) -> Outcome<()> {
    let mut failure = None;
    items.sort_by(|left, right| {
        if failure.is_some() {
            return Ordering::Equal;
        }
        match order(&key(left), &key(right), "<") {
            Ok(ordering) => {
                let ordering = ordering.unwrap_or(Ordering::Equal);
                if reverse { ordering.reverse() } else { ordering }
            }
            Err(fault) => {
                failure = Some(fault);
                Ordering::Equal
            }
        }
    });
    failure.map_or(Ok(()), Err)
}

/// What identifies a value among others that may equal it: for `unique`, `union` and the like, where comparing each
/// with each would be slow. Equal values have equal keys.
pub fn identity(value: &Value) -> Outcome<String> {
    Ok(match kind(value) {
        Kind::Bool(flag) => format!("n{}", i128::from(flag)),
        Kind::Int(int) => format!("n{int}"),
        Kind::Float(float) if float.fract() == 0.0 && float.abs() < 1e30 => format!("n{}", float as i128),
        Kind::Float(float) => format!("n{float:?}"),
        Kind::Text(text) => format!("t{text}"),
        Kind::Map => {
            let mut entries = Vec::new();
            for (key, item) in pairs(value)? {
                let (key, item) = (identity(&key)?, identity(&item)?);
                entries.push(format!("{}:{key}={}:{item}", key.len(), item.len()));
            }
            entries.sort();
            format!("d{}", entries.join(","))
        }
        Kind::Seq => {
            let mut out = String::from(if value.is_tuple() { "u" } else { "l" });
            for item in value.try_iter().into_iter().flatten() {
                let item = identity(&item)?;
                out.push_str(&format!("{}:{item},", item.len()));
            }
            out
        }
        _ => format!("o{}", repr(value)?),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_booleans_are_equal_across_types_and_text_is_not() {
        let holds = |left: Value, right: Value| equal(&left, &right).unwrap_or(false);
        assert!(holds(Value::from(1), Value::from(true)));
        assert!(holds(Value::from(1), Value::from(1.0)));
        assert!(!holds(Value::from(1), Value::from("1")));
        assert!(!holds(Value::from(()), Value::from(false)));
    }

    #[test]
    fn text_and_numbers_have_no_order() {
        assert!(order(&Value::from("a"), &Value::from(1), "<").is_err());
        assert!(matches!(order(&Value::from(1), &Value::from(1.5), "<"), Ok(Some(Ordering::Less))));
    }
}
