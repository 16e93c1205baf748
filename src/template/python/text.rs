//! `str()` and `repr()`.

use super::float::write_float;
use super::kind::{Kind, kind};
use crate::template::fault::Outcome;
use crate::template::marker::need;
use minijinja::Value;
use std::fmt::Write;

/// `str(value)`; a marker, also one deep inside, fails.
pub fn text(value: &Value) -> Outcome<String> {
    let mut out = String::new();
    write_text(&mut out, value)?;
    Ok(out)
}

/// See [`text`].
pub fn write_text(out: &mut String, value: &Value) -> Outcome<()> {
    match value.as_str() {
        Some(text) => out.push_str(text),
        None => write_repr(out, value)?,
    }
    Ok(())
}

/// `repr(value)`.
pub fn repr(value: &Value) -> Outcome<String> {
    let mut out = String::new();
    write_repr(&mut out, value)?;
    Ok(out)
}

fn write_repr(out: &mut String, value: &Value) -> Outcome<()> {
    need(value)?;
    match kind(value) {
        Kind::None => out.push_str("None"),
        Kind::Bool(true) => out.push_str("True"),
        Kind::Bool(false) => out.push_str("False"),
        Kind::Int(int) => {
            let _ = write!(out, "{int}");
        }
        Kind::Float(float) => write_float(out, float),
        Kind::Text(text) => write_quoted(out, text),
        Kind::Bytes(bytes) => write_bytes(out, bytes),
        Kind::Seq => {
            let tuple = value.is_tuple();
            out.push(if tuple { '(' } else { '[' });
            let mut count = 0;
            for item in value.try_iter().into_iter().flatten() {
                if count > 0 {
                    out.push_str(", ");
                }
                write_repr(out, &item)?;
                count += 1;
            }
            if tuple && count == 1 {
                out.push(',');
            }
            out.push(if tuple { ')' } else { ']' });
        }
        Kind::Map => {
            out.push('{');
            for (index, (key, item)) in super::kind::pairs(value)?.into_iter().enumerate() {
                if index > 0 {
                    out.push_str(", ");
                }
                write_repr(out, &key)?;
                out.push_str(": ");
                write_repr(out, &item)?;
            }
            out.push('}');
        }
        Kind::Iterable | Kind::Other => {
            let _ = write!(out, "{value}");
        }
    }
    Ok(())
}

fn write_quoted(out: &mut String, text: &str) {
    let quote = if text.contains('\'') && !text.contains('"') { '"' } else { '\'' };
    out.push(quote);
    for char in text.chars() {
        match char {
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\\' => out.push_str("\\\\"),
            char if char == quote => {
                out.push('\\');
                out.push(char);
            }
            char if (char as u32) < 0x20 || (0x7f..=0xa0).contains(&(char as u32)) || char == '\u{ad}' => {
                let _ = write!(out, "\\x{:02x}", char as u32);
            }
            '\u{2028}' | '\u{2029}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{feff}' => {
                let _ = write!(out, "\\u{:04x}", char as u32);
            }
            char => out.push(char),
        }
    }
    out.push(quote);
}

fn write_bytes(out: &mut String, bytes: &[u8]) {
    let quote = if bytes.contains(&b'\'') && !bytes.contains(&b'"') { b'"' } else { b'\'' };
    out.push('b');
    out.push(quote as char);
    for byte in bytes {
        match byte {
            b'\n' => out.push_str("\\n"),
            b'\r' => out.push_str("\\r"),
            b'\t' => out.push_str("\\t"),
            b'\\' => out.push_str("\\\\"),
            byte if *byte == quote => {
                out.push('\\');
                out.push(quote as char);
            }
            0x20..=0x7e => out.push(*byte as char),
            byte => {
                let _ = write!(out, "\\x{byte:02x}");
            }
        }
    }
    out.push(quote as char);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn containers_print_as_python_prints_them() {
        let value = Value::from_pairs([
            ("a", Value::from(vec![Value::from(1), Value::from(true), Value::from(())])),
            ("it's", Value::from("x\n'\"")),
        ]);
        assert_eq!(text(&value).unwrap_or_default(), r#"{'a': [1, True, None], "it's": 'x\n\'"'}"#);
    }
}
