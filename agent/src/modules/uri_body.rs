//! Bodies of requests as `uri` makes them of values.

use crate::args::Arg;
use crate::sorting;
use base64::Engine as _;
use serde_json::ser::{Formatter, Serializer};
use serde_json::{Map, Value};
use std::io;

/// JSON as Python's `json.dumps` writes it: a space after `,` and `:`, nothing but ASCII.
pub fn json(value: &Value) -> Result<Vec<u8>, String> {
    let mut out = Vec::new();
    let mut serializer = Serializer::with_formatter(&mut out, PythonStyle);
    serde::Serialize::serialize(value, &mut serializer).map_err(|error| error.to_string())?;
    Ok(out)
}

struct PythonStyle;

impl Formatter for PythonStyle {
    fn begin_array_value<W: ?Sized + io::Write>(&mut self, writer: &mut W, first: bool) -> io::Result<()> {
        if first { Ok(()) } else { writer.write_all(b", ") }
    }

    fn begin_object_key<W: ?Sized + io::Write>(&mut self, writer: &mut W, first: bool) -> io::Result<()> {
        if first { Ok(()) } else { writer.write_all(b", ") }
    }

    fn begin_object_value<W: ?Sized + io::Write>(&mut self, writer: &mut W) -> io::Result<()> {
        writer.write_all(b": ")
    }

    fn write_string_fragment<W: ?Sized + io::Write>(&mut self, writer: &mut W, fragment: &str) -> io::Result<()> {
        for c in fragment.chars() {
            if c.is_ascii() && c != '\x7f' {
                writer.write_all(&[c as u8])?;
            } else {
                for unit in c.encode_utf16(&mut [0; 2]) {
                    write!(writer, "\\u{unit:04x}")?;
                }
            }
        }
        Ok(())
    }
}

/// `application/x-www-form-urlencoded` of a mapping, or of a list of pairs. A list as a value stands for several.
pub fn form(body: &Value) -> Result<String, String> {
    let pairs: Vec<(String, &Value)> = match body {
        Value::Object(map) => map.iter().map(|(name, value)| (name.clone(), value)).collect(),
        Value::Array(items) => items
            .iter()
            .map(|item| match item.as_array().map(Vec::as_slice) {
                Some([name, value]) => Ok((plain(name)?, value)),
                _ => Err(format!("{item} is no pair of a name and a value")),
            })
            .collect::<Result<_, String>>()?,
        other => return Err(format!("{other} is neither a mapping nor a list of pairs")),
    };
    let mut parts = Vec::new();
    for (name, value) in pairs {
        let values = match value {
            Value::Array(values) => values.iter().collect(),
            value => vec![value],
        };
        for value in values {
            parts.push(format!("{}={}", quote_plus(&name), quote_plus(&plain(value)?)));
        }
    }
    Ok(parts.join("&"))
}

/// A value in a form. Nothing is `None` there, as in Python.
fn plain(value: &Value) -> Result<String, String> {
    match value {
        Value::Null => Ok("None".to_owned()),
        value => String::parse(value),
    }
}

fn quote_plus(text: &str) -> String {
    let mut out = String::new();
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'_' | b'.' | b'-' | b'~' => out.push(char::from(byte)),
            b' ' => out.push('+'),
            _ => out += &format!("%{byte:02X}"),
        }
    }
    out
}

/// Finds the content of a file by the field's name and the file's.
pub type FileOf<'a> = &'a mut dyn FnMut(&str, &str) -> Result<Vec<u8>, String>;

/// `multipart/form-data` (RFC 7578) of a mapping: the value of `Content-Type` and the body. A field is a text, or a
/// mapping with `content` or `filename`, `mime_type`, `multipart_encoding`; `file` gets the content of a file by the
/// field's name and `filename`.
pub fn multipart(fields: &Map<String, Value>, boundary: &str, file: FileOf<'_>) -> Result<(String, Vec<u8>), String> {
    let mut body = Vec::new();
    let mut sorted: Vec<_> = fields.iter().collect();
    sorting::sort_by(&mut sorted, |(one, _), (other, _)| one.cmp(other));
    for (name, field) in sorted {
        let part = part(name, field, file).map_err(|why| format!("the field {name}: {why}"))?;
        body.extend_from_slice(format!("--{boundary}\r\n").as_bytes());
        body.extend(part);
        body.extend_from_slice(b"\r\n");
    }
    body.extend_from_slice(format!("--{boundary}--\r\n").as_bytes());
    Ok((format!("multipart/form-data; boundary=\"{boundary}\""), body))
}

fn part(name: &str, field: &Value, file: FileOf<'_>) -> Result<Vec<u8>, String> {
    let get = |key: &str| field.get(key).filter(|value| !value.is_null());
    let text = |key: &str| get(key).map(String::parse).transpose();
    let filename = match field {
        Value::Object(_) => text("filename")?,
        _ => None,
    };
    let (kind, content, from_file) = match field {
        Value::String(text) => ("text/plain".to_owned(), text.clone().into_bytes(), false),
        Value::Object(_) => {
            let guessed = || filename.as_deref().map_or("application/octet-stream", guess).to_owned();
            let kind = text("mime_type")?.unwrap_or_else(guessed);
            match (text("content")?, &filename) {
                (Some(content), _) => (kind, content.into_bytes(), false),
                (None, Some(path)) => (kind, file(name, path)?, true),
                (None, None) => return Err("it has neither `content` nor `filename`".to_owned()),
            }
        }
        other => return Err(format!("{other} is neither a text nor a mapping; quote it where it is to be a text")),
    };
    let mut head = String::new();
    let content = if from_file {
        match text("multipart_encoding")?.as_deref() {
            None | Some("base64") => {
                head += "Content-Transfer-Encoding: base64\r\n";
                base64_lines(&content)
            }
            Some("7or8bit") => {
                let bits = if content.is_ascii() { "7bit" } else { "8bit" };
                head += &format!("Content-Transfer-Encoding: {bits}\r\n");
                content
            }
            Some(other) => return Err(format!("`multipart_encoding`: {other:?} is neither base64 nor 7or8bit")),
        }
    } else {
        with_crlf(&content)
    };
    head += &format!("Content-Type: {kind}\r\nContent-Disposition: form-data; name=\"{}\"", quoted(name));
    if let Some(filename) = &filename {
        let base = filename.rsplit('/').next().unwrap_or_default();
        head += &format!("; filename=\"{}\"", quoted(base));
    }
    head += "\r\n\r\n";
    Ok([head.into_bytes(), content].concat())
}

fn quoted(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"").replace(['\r', '\n'], " ")
}

fn base64_lines(content: &[u8]) -> Vec<u8> {
    let encoded = base64::engine::general_purpose::STANDARD.encode(content);
    let mut out = Vec::new();
    for line in encoded.as_bytes().chunks(76) {
        out.extend_from_slice(line);
        out.extend_from_slice(b"\r\n");
    }
    out
}

/// Lines of a text end with CRLF in MIME.
fn with_crlf(content: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(content.len());
    let mut last = 0;
    for &byte in content {
        if byte == b'\n' && last != b'\r' {
            out.push(b'\r');
        }
        out.push(byte);
        last = byte;
    }
    out
}

/// The kind of content that a name tells, for the kinds that people upload.
fn guess(name: &str) -> &'static str {
    let extension = name.rsplit_once('.').map_or("", |(_, extension)| extension).to_ascii_lowercase();
    match extension.as_str() {
        "txt" | "text" | "log" | "conf" | "ini" | "c" | "h" | "pl" => "text/plain",
        "html" | "htm" => "text/html",
        "css" => "text/css",
        "csv" => "text/csv",
        "js" | "mjs" => "text/javascript",
        "xml" | "xsl" => "text/xml",
        "py" => "text/x-python",
        "json" => "application/json",
        "pdf" => "application/pdf",
        "zip" => "application/zip",
        "tar" => "application/x-tar",
        "sh" => "application/x-sh",
        "jar" => "application/java-archive",
        "wasm" => "application/wasm",
        "png" => "image/png",
        "jpg" | "jpeg" | "jpe" => "image/jpeg",
        "gif" => "image/gif",
        "svg" => "image/svg+xml",
        "ico" => "image/vnd.microsoft.icon",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn json_looks_as_python_writes_it() {
        let value = json!({"a": [1, 2.5, true, null], "\u{fc}": "\u{1f600}\"\n", "e": {}, "l": []});
        let expected = r#"{"a": [1, 2.5, true, null], "\u00fc": "\ud83d\ude00\"\n", "e": {}, "l": []}"#;
        assert_eq!(String::from_utf8(json_of(&value)).unwrap(), expected);
        let back: Value = serde_json::from_slice(&json_of(&value)).unwrap();
        assert_eq!(back, value);
    }

    fn json_of(value: &Value) -> Vec<u8> {
        super::json(value).unwrap()
    }

    #[test]
    fn forms() {
        assert_eq!(form(&json!({"a b": ["1", true, null], "c": "&="})).unwrap(), "a+b=1&a+b=True&a+b=None&c=%26%3D");
        assert_eq!(form(&json!([["a", 1], ["a", "2"]])).unwrap(), "a=1&a=2");
        assert!(form(&json!(["a"])).is_err() && form(&json!(5)).is_err());
    }

    #[test]
    fn multipart_fields_that_are_wrong() {
        let refused = |field: Value| {
            let fields = json!({"f": field});
            multipart(fields.as_object().unwrap(), "b", &mut |_, path| Err(format!("{path} is not there"))).unwrap_err()
        };
        assert!(refused(json!({"mime_type": "text/plain"})).contains("neither"));
        assert!(refused(json!(5)).contains("quote"));
        assert!(refused(json!({"filename": "/x"})).contains("/x is not there"));
        let fields = json!({"f": {"filename": "x", "multipart_encoding": "odd"}});
        assert!(multipart(fields.as_object().unwrap(), "b", &mut |_, _| Ok(Vec::new())).is_err());
    }

    #[test]
    fn names_can_not_break_out_of_their_header() {
        let fields = json!({"a\"\r\nX: y": "v"});
        let (_, body) = multipart(fields.as_object().unwrap(), "b", &mut |_, _| Ok(Vec::new())).unwrap();
        assert!(String::from_utf8(body).unwrap().contains("name=\"a\\\"  X: y\""));
    }
}
