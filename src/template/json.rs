//! JSON as Python's `json` writes and reads it.

use super::dates::Date;
use super::fault::{Outcome, fail};
use super::marker::need;
use super::python::float::float_text;
use super::python::kind::{Kind, int, items, kind, pairs, type_name};
use minijinja::Value;
use std::fmt::Write;

/// How it is written: the arguments of `json.dumps`.
#[derive(Clone, Debug)]
pub struct JsonStyle {
    /// What a level is indented by; all on one line without.
    pub indent: Option<String>,
    /// Whether keys are sorted.
    pub sort_keys: bool,
    /// Whether characters beyond ASCII are escaped.
    pub ascii: bool,
    /// What stands between items, and after a key.
    pub separators: Option<(String, String)>,
}

impl Default for JsonStyle {
    fn default() -> JsonStyle {
        JsonStyle { indent: None, sort_keys: false, ascii: true, separators: None }
    }
}

/// Writes a value.
pub fn write(value: &Value, style: &JsonStyle) -> Outcome<String> {
    let (item, key) = match &style.separators {
        Some((item, key)) => (item.as_str(), key.as_str()),
        None if style.indent.is_some() => (",", ": "),
        None => (", ", ": "),
    };
    let mut out = String::new();
    Writer { style, item, key }.value(&mut out, value, 0)?;
    Ok(out)
}

struct Writer<'s> {
    style: &'s JsonStyle,
    item: &'s str,
    key: &'s str,
}

impl Writer<'_> {
    fn line(&self, out: &mut String, depth: usize) {
        if let Some(indent) = &self.style.indent {
            out.push('\n');
            out.push_str(&indent.repeat(depth));
        }
    }

    fn value(&self, out: &mut String, value: &Value, depth: usize) -> Outcome<()> {
        need(value)?;
        if depth > 200 {
            return fail("Circular reference detected");
        }
        match kind(value) {
            Kind::None => out.push_str("null"),
            Kind::Bool(flag) => out.push_str(if flag { "true" } else { "false" }),
            Kind::Int(int) => {
                let _ = write!(out, "{int}");
            }
            Kind::Float(float) => out.push_str(&json_float(float)),
            Kind::Text(text) => self.text(out, text),
            Kind::Bytes(bytes) => self.text(out, &String::from_utf8_lossy(bytes)),
            Kind::Seq | Kind::Iterable => {
                let all = items(value)?;
                out.push('[');
                for (index, item) in all.iter().enumerate() {
                    if index > 0 {
                        out.push_str(self.item);
                    }
                    self.line(out, depth + 1);
                    self.value(out, item, depth + 1)?;
                }
                if !all.is_empty() {
                    self.line(out, depth);
                }
                out.push(']');
            }
            Kind::Map => {
                let mut entries = pairs(value)?;
                if self.style.sort_keys {
                    super::python::compare::sort_by_key(&mut entries, false, |(key, _)| key.clone())?;
                }
                out.push('{');
                for (index, (key, item)) in entries.iter().enumerate() {
                    if index > 0 {
                        out.push_str(self.item);
                    }
                    self.line(out, depth + 1);
                    self.text(out, &key_text(key)?);
                    out.push_str(self.key);
                    self.value(out, item, depth + 1)?;
                }
                if !entries.is_empty() {
                    self.line(out, depth);
                }
                out.push('}');
            }
            Kind::Other => match value.downcast_object::<Date>() {
                Some(date) => self.text(out, &Value::from_dyn_object(date).to_string().replacen(' ', "T", 1)),
                None => return fail(format!("Object of type {} is not JSON serializable", type_name(value))),
            },
        }
        Ok(())
    }

    fn text(&self, out: &mut String, text: &str) {
        out.push('"');
        for char in text.chars() {
            match char {
                '"' => out.push_str("\\\""),
                '\\' => out.push_str("\\\\"),
                '\n' => out.push_str("\\n"),
                '\r' => out.push_str("\\r"),
                '\t' => out.push_str("\\t"),
                '\x08' => out.push_str("\\b"),
                '\x0c' => out.push_str("\\f"),
                char if (char as u32) < 0x20 || (self.style.ascii && char == '\x7f') => {
                    // DEL is written as it is by Python, too.
                    if char == '\x7f' {
                        out.push(char);
                    } else {
                        let _ = write!(out, "\\u{:04x}", char as u32);
                    }
                }
                char if self.style.ascii && !char.is_ascii() => {
                    for unit in char.encode_utf16(&mut [0; 2]) {
                        let _ = write!(out, "\\u{unit:04x}");
                    }
                }
                char => out.push(char),
            }
        }
        out.push('"');
    }
}

fn json_float(float: f64) -> String {
    if float.is_nan() {
        "NaN".to_owned()
    } else if float.is_infinite() {
        if float > 0.0 { "Infinity" } else { "-Infinity" }.to_owned()
    } else {
        float_text(float)
    }
}

fn key_text(key: &Value) -> Outcome<String> {
    Ok(match kind(key) {
        Kind::Text(text) => text.to_owned(),
        Kind::None => "null".to_owned(),
        Kind::Bool(flag) => flag.to_string(),
        Kind::Int(int) => int.to_string(),
        Kind::Float(float) => json_float(float),
        _ => return fail(format!("keys must be str, int, float, bool or None, not {}", type_name(key))),
    })
}

/// Reads a text.
pub fn parse(text: &str) -> Outcome<Value> {
    match serde_json::from_str::<serde_json::Value>(text) {
        Ok(json) => Ok(from_json(&json)),
        // Python reads these three words, too.
        Err(error) => match text.trim() {
            "NaN" => Ok(Value::from(f64::NAN)),
            "Infinity" => Ok(Value::from(f64::INFINITY)),
            "-Infinity" => Ok(Value::from(f64::NEG_INFINITY)),
            _ => fail(format!("the text is no JSON: {error}")),
        },
    }
}

/// serde_json's data as a value.
pub fn from_json(json: &serde_json::Value) -> Value {
    match json {
        serde_json::Value::Null => Value::from(()),
        serde_json::Value::Bool(flag) => Value::from(*flag),
        serde_json::Value::Number(number) => match (number.as_i128(), number.as_f64()) {
            (Some(whole), _) => int(whole),
            (None, Some(float)) => Value::from(float),
            (None, None) => Value::from(number.to_string()),
        },
        serde_json::Value::String(text) => Value::from(text.as_str()),
        serde_json::Value::Array(items) => Value::from(items.iter().map(from_json).collect::<Vec<_>>()),
        serde_json::Value::Object(entries) => {
            Value::from_pairs(entries.iter().map(|(key, value)| (key.as_str(), from_json(value))))
        }
    }
}

/// A value as serde_json's data.
pub fn to_json(value: &Value) -> Outcome<serde_json::Value> {
    need(value)?;
    Ok(match kind(value) {
        Kind::None => serde_json::Value::Null,
        Kind::Bool(flag) => flag.into(),
        Kind::Int(int) => match i64::try_from(int) {
            Ok(small) => small.into(),
            Err(_) => (int as f64).into(),
        },
        Kind::Float(float) => float.into(),
        Kind::Text(text) => text.into(),
        Kind::Seq | Kind::Iterable => items(value)?.iter().map(to_json).collect::<Outcome<Vec<_>>>()?.into(),
        Kind::Map => {
            let mut map = serde_json::Map::new();
            for (key, item) in pairs(value)? {
                map.insert(key_text(&key)?, to_json(&item)?);
            }
            map.into()
        }
        Kind::Bytes(bytes) => String::from_utf8_lossy(bytes).into(),
        Kind::Other => value.to_string().into(),
    })
}
