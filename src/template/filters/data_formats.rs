//! JSON, YAML and INI.

use super::Filter;
use crate::template::arguments::{Call, as_text};
use crate::template::fault::{Outcome, fail};
use crate::template::json::{JsonStyle, parse, write};
use crate::template::python::kind::{is_map, truth};
use crate::template::yaml::{Style, dump};
use minijinja::Value;

pub static FILTERS: [Filter; 10] = [
    Filter::new("to_json", "value, *more, **named", to_json),
    Filter::new("to_nice_json", "value, *more, **named", to_nice_json),
    Filter::new("tojson", "value, indent=None", tojson),
    Filter::new("from_json", "value, profile=None, **named", from_json),
    Filter::new("to_yaml", "value, *more, **named", |call| to_yaml(call, Style::default())),
    Filter::new("to_nice_yaml", "value, indent=4, *more, **named", to_nice_yaml),
    Filter::new("from_yaml", "value", |call| from_yaml(call.value(0))),
    Filter::new("from_yaml_all", "value", from_yaml_all),
    Filter::new("community.general.from_ini from_ini", "value", from_ini),
    Filter::new("community.general.to_ini to_ini", "value", to_ini),
];

/// Applies `json.dumps`' arguments.
fn json_style(call: &Call<'_, '_>, mut style: JsonStyle) -> Outcome<JsonStyle> {
    for (name, value) in &call.bound.more_named {
        match name.as_str() {
            "indent" if value.is_none() => style.indent = None,
            "indent" => match value.as_str() {
                Some(text) => style.indent = Some(text.to_owned()),
                None => style.indent = Some(" ".repeat(value.as_usize().unwrap_or(0).min(80))),
            },
            "sort_keys" => style.sort_keys = truth(value)?,
            "ensure_ascii" => style.ascii = truth(value)?,
            "separators" => {
                let parts = crate::template::python::kind::items(value)?;
                match parts.as_slice() {
                    [item, key] => style.separators = Some((as_text(item)?.into_owned(), as_text(key)?.into_owned())),
                    _ => return fail("separators must be two texts"),
                }
            }
            "default" | "cls" | "skipkeys" | "check_circular" | "allow_nan" | "preprocess_unsafe" | "vault_to_text"
            | "profile" => {}
            _ => return fail(format!("got an unexpected keyword argument '{name}'")),
        }
    }
    Ok(style)
}

fn to_json(call: &mut Call<'_, '_>) -> Outcome<Value> {
    let style = json_style(call, JsonStyle::default())?;
    write(call.value(0), &style).map(Value::from)
}

fn to_nice_json(call: &mut Call<'_, '_>) -> Outcome<Value> {
    let nice = JsonStyle { indent: Some("    ".to_owned()), sort_keys: true, ..JsonStyle::default() };
    let nice = match call.bound.more.first() {
        Some(indent) => JsonStyle { indent: Some(" ".repeat(indent.as_usize().unwrap_or(4).min(80))), ..nice },
        None => nice,
    };
    let style = json_style(call, nice)?;
    write(call.value(0), &style).map(Value::from)
}

fn tojson(call: &mut Call<'_, '_>) -> Outcome<Value> {
    let indent = match call.given(1) {
        Some(_) => Some(" ".repeat(call.size(1)?.min(80))),
        None => None,
    };
    let text = write(call.value(0), &JsonStyle { indent, sort_keys: true, ..JsonStyle::default() })?;
    Ok(Value::from(
        text.replace('<', "\\u003c").replace('>', "\\u003e").replace('&', "\\u0026").replace('\'', "\\u0027"),
    ))
}

fn from_json(call: &mut Call<'_, '_>) -> Outcome<Value> {
    let value = call.value(0);
    match (value.as_str(), value.as_bytes()) {
        (Some(text), _) => parse(text),
        (None, Some(bytes)) => parse(&String::from_utf8_lossy(bytes)),
        _ => fail(format!(
            "the JSON object must be str, bytes or bytearray, not {}",
            crate::template::python::kind::type_name(value)
        )),
    }
}

fn to_nice_yaml(call: &mut Call<'_, '_>) -> Outcome<Value> {
    let indent = if call.given(1).is_some() { call.size(1)? } else { 2 };
    to_yaml(call, Style { indent, flow: Some(false), ..Style::default() })
}

fn to_yaml(call: &mut Call<'_, '_>, mut style: Style) -> Outcome<Value> {
    for (name, value) in &call.bound.more_named {
        match name.as_str() {
            "indent" => style.indent = value.as_usize().unwrap_or(2),
            "width" => style.width = value.as_i64().map_or(80, |width| usize::try_from(width).unwrap_or(usize::MAX)),
            "sort_keys" => style.sort_keys = truth(value)?,
            "default_flow_style" => style.flow = if value.is_none() { None } else { Some(truth(value)?) },
            "explicit_start" => style.explicit_start = truth(value)?,
            "explicit_end" => style.explicit_end = truth(value)?,
            "default_style" => {
                style.quotes = match value.as_str() {
                    Some("\"") => Some('"'),
                    Some("'") => Some('\''),
                    None | Some("") => None,
                    Some(other) => return fail(format!("the style {other:?} is not supported: use ' or \"")),
                };
            }
            "allow_unicode" => return fail("got multiple values for keyword argument 'allow_unicode'"),
            "version" | "tags" | "line_break" | "encoding" | "canonical" | "dump_vault_tags" => {}
            _ => return fail(format!("got an unexpected keyword argument '{name}'")),
        }
    }
    dump(call.value(0), &style).map(Value::from)
}

/// YAML text as data: nothing in it is a template.
fn yaml_value(text: &str) -> Outcome<Value> {
    match crate::loader::load_text(std::path::Path::new("the text"), text.to_owned()) {
        Ok(loaded) => data(&loaded.source),
        Err(diagnostics) => match diagnostics.0.into_iter().next() {
            Some(diagnostic) => {
                let place =
                    diagnostic.span.as_ref().map(|span| format!(" (line {}, column {})", span.line, span.column));
                fail(format!("{}{}", diagnostic.message, place.unwrap_or_default()))
            }
            None => fail("the text is no YAML"),
        },
    }
}

fn data(source: &crate::loader::Source) -> Outcome<Value> {
    use crate::loader::Node;
    Ok(match &source.node {
        Node::Null => Value::from(()),
        Node::Bool(flag) => Value::from(*flag),
        Node::Int(int) => Value::from(*int),
        Node::BigInt(digits) => match digits.parse::<i128>() {
            Ok(int) => Value::from(int),
            Err(_) => return fail("a whole number beyond 127 bits is not supported"),
        },
        Node::Float(float) => Value::from(*float),
        Node::Text(text, _) | Node::Unsafe(text) | Node::Vault(text) => Value::from(text.clone()),
        Node::Seq(items) => Value::from(items.iter().map(data).collect::<Outcome<Vec<_>>>()?),
        Node::Map(entries) => Value::from_pairs(
            entries.iter().map(|entry| Ok((data(&entry.key)?, data(&entry.value)?))).collect::<Outcome<Vec<_>>>()?,
        ),
    })
}

fn from_yaml(value: &Value) -> Outcome<Value> {
    match value.as_str() {
        Some(text) => yaml_value(text),
        // What is data already stays so.
        None => Ok(value.clone()),
    }
}

fn from_yaml_all(call: &mut Call<'_, '_>) -> Outcome<Value> {
    let Some(text) = call.value(0).as_str() else { return Ok(call.value(0).clone()) };
    // A document ends where a line begins with `---` or `...`; no scalar can contain such a line.
    let mut documents: Vec<String> = Vec::new();
    let mut current: Option<String> = None;
    for line in text.split_inclusive('\n') {
        let mark = |mark: &str| {
            line.strip_prefix(mark).is_some_and(|rest| rest.is_empty() || rest.starts_with([' ', '\t', '\n', '\r']))
        };
        if mark("---") {
            documents.extend(current.take());
            current = Some(line[3..].to_owned());
        } else if mark("...") {
            documents.extend(current.take());
        } else {
            let is_blank = line.trim().is_empty() || line.trim_start().starts_with('#') || line.starts_with('%');
            match &mut current {
                Some(document) => document.push_str(line),
                None if !is_blank => current = Some(line.to_owned()),
                None => {}
            }
        }
    }
    documents.extend(current);
    Ok(Value::from(documents.iter().map(|document| yaml_value(document)).collect::<Outcome<Vec<_>>>()?))
}

fn from_ini(call: &mut Call<'_, '_>) -> Outcome<Value> {
    let ini = crate::template::ini::Ini::parse(call.only_text(0)?, false, false)?;
    let sections = ini.sections.iter().map(|(name, entries)| {
        let entries = entries.iter().map(|(key, value)| (key.as_str(), Value::from(value.as_str())));
        (name.as_str(), Value::from_pairs(entries))
    });
    Ok(Value::from_pairs(sections))
}

fn to_ini(call: &mut Call<'_, '_>) -> Outcome<Value> {
    let mut out = String::new();
    if !is_map(call.value(0)) {
        return fail("to_ini needs a dict of dicts");
    }
    for (section, entries) in crate::template::python::kind::pairs(call.value(0))? {
        out.push_str(&format!("[{}]\n", as_text(&section)?));
        for (key, value) in crate::template::python::kind::pairs(&entries)? {
            out.push_str(&format!("{} = {}\n", as_text(&key)?, as_text(&value)?));
        }
        out.push('\n');
    }
    Ok(Value::from(out))
}
