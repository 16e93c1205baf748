//! Filters of numbers.

use super::Filter;
use crate::template::arguments::Call;
use crate::template::fault::{Outcome, fail};
use crate::template::python::float::{parse_float, parse_int};
use crate::template::python::kind::{Kind, int, kind, type_name};
use crate::template::python::operators::{Operator, apply, negate};
use minijinja::Value;

pub static FILTERS: [Filter; 10] = [
    Filter::new("int", "value, default=0, base=10", whole),
    Filter::new("float", "value, default=None", float),
    Filter::new("abs", "value", |call| match kind(call.value(0)) {
        Kind::Int(int_value) => Ok(int(int_value.abs())),
        Kind::Float(float) => Ok(Value::from(float.abs())),
        Kind::Bool(flag) => Ok(int(i128::from(flag))),
        _ => negate(call.value(0)),
    }),
    Filter::new("round", "value, precision=0, method='common'", round),
    Filter::new("pow", "value, exponent", |call| {
        let (base, exponent) = (number(call.value(0))?, number(call.value(1))?);
        apply(Operator::Pow, &Value::from(base), &Value::from(exponent))
    }),
    Filter::new("root", "value, base=2", root),
    Filter::new("log", "value, base=None", log),
    Filter::new("filesizeformat", "value, binary=False", file_size),
    Filter::new("human_readable", "value, isbits=False, unit=None", human_readable),
    Filter::new("human_to_bytes", "value, default_unit=None, isbits=False", human_to_bytes),
];

fn number(value: &Value) -> Outcome<f64> {
    match kind(value) {
        Kind::Int(int) => Ok(int as f64),
        Kind::Float(float) => Ok(float),
        Kind::Bool(flag) => Ok(f64::from(u8::from(flag))),
        _ => fail(format!("must be real number, not {}", type_name(value))),
    }
}

/// A number of bytes with the unit that gives a short number.
fn file_size(call: &mut Call<'_, '_>) -> Outcome<Value> {
    const DECIMAL: [&str; 8] = ["kB", "MB", "GB", "TB", "PB", "EB", "ZB", "YB"];
    const BINARY: [&str; 8] = ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB", "ZiB", "YiB"];
    let (base, units) = if call.flag(1)? { (1024.0_f64, BINARY) } else { (1000.0_f64, DECIMAL) };
    let bytes = match call.value(0).as_str().map(parse_float) {
        Some(Some(number)) => number,
        Some(None) => return fail(format!("could not convert string to float: '{}'", call.text(0)?)),
        None => number(call.value(0))?,
    };
    if bytes == 1.0 {
        return Ok(Value::from("1 Byte"));
    }
    if bytes < base {
        return Ok(Value::from(format!("{} Bytes", bytes.trunc())));
    }
    let mut size = bytes / base;
    let mut units = units.iter();
    let mut unit = units.next();
    while size >= base
        && let Some(next) = units.next()
    {
        size /= base;
        unit = Some(next);
    }
    Ok(Value::from(format!("{size:.1} {}", unit.copied().unwrap_or_default())))
}

fn whole(call: &mut Call<'_, '_>) -> Outcome<Value> {
    let base = u32::try_from(call.int(2)?).unwrap_or(10);
    let parsed = match kind(call.value(0)) {
        Kind::Int(value) => Some(value),
        Kind::Bool(flag) => Some(i128::from(flag)),
        Kind::Float(float) if float.abs() < 1.7e38 => Some(float.trunc() as i128),
        Kind::Float(float) if float.is_finite() => return fail("a whole number beyond 127 bits is not supported"),
        // Jinja2 falls back on reading a float: '42.23' is 42.
        Kind::Text(text) => parse_int(text, base)
            .or_else(|| parse_float(text).filter(|float| float.is_finite()).map(|float| float.trunc() as i128)),
        _ => None,
    };
    Ok(parsed.map_or_else(|| call.value(1).clone(), int))
}

fn float(call: &mut Call<'_, '_>) -> Outcome<Value> {
    let parsed = match kind(call.value(0)) {
        Kind::Int(int) => Some(int as f64),
        Kind::Bool(flag) => Some(f64::from(u8::from(flag))),
        Kind::Float(float) => Some(float),
        Kind::Text(text) => parse_float(text),
        _ => None,
    };
    match (parsed, call.given(1)) {
        (Some(float), _) => Ok(Value::from(float)),
        (None, Some(default)) => Ok(default.clone()),
        (None, None) => Ok(Value::from(0.0)),
    }
}

fn round(call: &mut Call<'_, '_>) -> Outcome<Value> {
    let value = call.value(0);
    let precision = call.int(1)?.clamp(-300, 300) as i32;
    let method = call.text(2)?;
    let float =
        number(value).or_else(|_| fail(format!("type {} doesn't define __round__ method", type_name(value))))?;
    let rounded = match &*method {
        "common" => {
            if matches!(kind(value), Kind::Int(_) | Kind::Bool(_)) && precision >= 0 {
                return Ok(value.clone());
            }
            half_even(float, precision)
        }
        "ceil" => (float * 10_f64.powi(precision)).ceil() / 10_f64.powi(precision),
        "floor" => (float * 10_f64.powi(precision)).floor() / 10_f64.powi(precision),
        _ => return fail("method must be common, ceil or floor"),
    };
    if matches!(kind(value), Kind::Int(_)) && &*method == "common" {
        return Ok(int(rounded as i128));
    }
    Ok(Value::from(rounded))
}

/// Python's `round`: of the exact value of the float, a tie to the even digit.
fn half_even(float: f64, precision: i32) -> f64 {
    if precision >= 0 {
        let digits = precision as usize;
        // Formatting rounds the exact binary value, ties to even.
        return format!("{float:.digits$}").parse().unwrap_or(float);
    }
    let unit = 10_f64.powi(-precision);
    (float / unit).round_ties_even() * unit
}

fn root(call: &mut Call<'_, '_>) -> Outcome<Value> {
    let (value, base) = (number(call.value(0))?, number(call.value(1))?);
    if base == 2.0 {
        if value < 0.0 {
            return fail("math domain error");
        }
        return Ok(Value::from(value.sqrt()));
    }
    Ok(Value::from(value.powf(1.0 / base)))
}

fn log(call: &mut Call<'_, '_>) -> Outcome<Value> {
    let value = number(call.value(0))?;
    if value <= 0.0 {
        return fail("math domain error");
    }
    Ok(Value::from(match call.given(1) {
        None => value.ln(),
        Some(base) => match number(base)? {
            10.0 => value.log10(),
            base => value.ln() / base.ln(),
        },
    }))
}

/// The units of sizes and how large they are.
const UNITS: [(char, u32); 8] =
    [('Y', 80), ('Z', 70), ('E', 60), ('P', 50), ('T', 40), ('G', 30), ('M', 20), ('K', 10)];

fn human_readable(call: &mut Call<'_, '_>) -> Outcome<Value> {
    let size = match kind(call.value(0)) {
        Kind::Text(text) => match parse_float(text) {
            Some(size) => size,
            None => return fail(format!("human_readable can't interpret '{text}'")),
        },
        _ => number(call.value(0))?,
    };
    let isbits = call.flag(1)?;
    let base = if isbits { "bits" } else { "Bytes" };
    let wanted = call
        .given(2)
        .map(|unit| crate::template::arguments::as_text(unit).map(|unit| unit.to_uppercase()))
        .transpose()?;
    let (mut suffix, mut limit) = (base.to_owned(), 1.0);
    for (letter, power) in UNITS {
        let unit = 2_f64.powi(power as i32);
        let chosen = match &wanted {
            Some(wanted) => wanted.starts_with(letter),
            None => size >= unit,
        };
        if chosen {
            suffix = format!("{letter}{}", if isbits { 'b' } else { 'B' });
            limit = unit;
            break;
        }
    }
    Ok(Value::from(format!("{:.2} {suffix}", size / limit)))
}

fn human_to_bytes(call: &mut Call<'_, '_>) -> Outcome<Value> {
    let text = call.text(0)?;
    let text = text.trim();
    let isbits = call.flag(2)?;
    let end = text.find(|char: char| !(char.is_ascii_digit() || char == '.')).unwrap_or(text.len());
    let (digits, unit) = text.split_at(end);
    let Some(number) = parse_float(digits) else {
        return fail(format!("can't interpret following string: {text}"));
    };
    let unit = match (unit.trim(), call.given(1)) {
        ("", Some(_)) => call.text(1)?.into_owned(),
        (unit, _) => unit.to_owned(),
    };
    let mut letters = unit.chars();
    let first = letters.next().map(|letter| letter.to_ascii_uppercase());
    let rest = letters.as_str();
    let factor = match first {
        None => 1.0,
        Some('B') => 1.0,
        Some(letter) => match UNITS.iter().find(|(known, _)| *known == letter) {
            Some((_, power)) => 2_f64.powi(*power as i32),
            None => {
                return fail(format!(
                    "can't interpret following string: {text} (the value should be one of Y, Z, E, P, T, G, M, K, B)"
                ));
            }
        },
    };
    let ending = if first == Some('B') { &unit[..1] } else { rest.get(..1).unwrap_or("") };
    let whole_word = rest.len() > 1 || (first == Some('B') && unit.len() > 1);
    let expected = if isbits { "b" } else { "B" };
    if !ending.is_empty() && !whole_word && ending != expected {
        return fail(format!("expect {}{expected} or {}, got '{unit}'", first.unwrap_or('M'), first.unwrap_or('M')));
    }
    Ok(int(half_even(number * factor, 0) as i128))
}
