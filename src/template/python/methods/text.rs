//! Methods of text.

use super::Given;
use crate::template::fault::{Outcome, fail};
use crate::template::python::format::braces;
use crate::template::python::kind::{Kind, int, items, kind, pairs, type_name};
use crate::template::python::slice::slice;
use minijinja::Value;
use minijinja::value::Tuple;

/// All of them.
pub const NAMES: &[&str] = &[
    "capitalize",
    "casefold",
    "center",
    "count",
    "encode",
    "endswith",
    "expandtabs",
    "find",
    "format",
    "format_map",
    "index",
    "isalnum",
    "isalpha",
    "isascii",
    "isdecimal",
    "isdigit",
    "isidentifier",
    "islower",
    "isnumeric",
    "isprintable",
    "isspace",
    "istitle",
    "isupper",
    "join",
    "ljust",
    "lower",
    "lstrip",
    "maketrans",
    "partition",
    "removeprefix",
    "removesuffix",
    "replace",
    "rfind",
    "rindex",
    "rjust",
    "rpartition",
    "rsplit",
    "rstrip",
    "split",
    "splitlines",
    "startswith",
    "strip",
    "swapcase",
    "title",
    "translate",
    "upper",
    "zfill",
];

/// Calls one.
pub fn call(text: &str, given: &Given<'_>) -> Outcome<Option<Value>> {
    let all = |test: fn(char) -> bool| Value::from(!text.is_empty() && text.chars().all(test));
    Ok(Some(match given.name {
        "capitalize" => Value::from(capitalize(text)),
        "lower" => Value::from(text.to_lowercase()),
        "casefold" => Value::from(text.to_lowercase().replace('ß', "ss")),
        "upper" => Value::from(text.to_uppercase()),
        "swapcase" => Value::from(swapcase(text)),
        "title" => Value::from(title(text)),
        "strip" => Value::from(strip(text, given, true, true)?),
        "lstrip" => Value::from(strip(text, given, true, false)?),
        "rstrip" => Value::from(strip(text, given, false, true)?),
        "split" => split(text, given, false)?,
        "rsplit" => split(text, given, true)?,
        "splitlines" => {
            let keep = given.get(0, "keepends").is_some_and(Value::is_true);
            Value::from(splitlines(text, keep).into_iter().map(Value::from).collect::<Vec<_>>())
        }
        "join" => Value::from(join(text, given.need(0, "iterable")?)?),
        "replace" => replace(text, given)?,
        "startswith" => affix(text, given, |text, affix| text.starts_with(affix))?,
        "endswith" => affix(text, given, |text, affix| text.ends_with(affix))?,
        "find" => int(find(text, given, false)?.map_or(-1, |at| at as i128)),
        "rfind" => int(find(text, given, true)?.map_or(-1, |at| at as i128)),
        "index" | "rindex" => match find(text, given, given.name == "rindex")? {
            Some(at) => int(at as i128),
            None => return fail("substring not found"),
        },
        "count" => {
            let part = given.text(0, "sub")?;
            let within = window(text, given)?.0;
            let count = if part.is_empty() { within.chars().count() + 1 } else { within.matches(part).count() };
            int(count as i128)
        }
        "format" => Value::from(braces(text, given.positional, given.named)?),
        "format_map" => {
            let named: Vec<(String, Value)> = pairs(given.need(0, "mapping")?)?
                .into_iter()
                .filter_map(|(key, value)| Some((key.as_str()?.to_owned(), value)))
                .collect();
            Value::from(braces(text, &[], &named)?)
        }
        "ljust" | "rjust" | "center" => justify(text, given)?,
        "zfill" => {
            let width = given.int(0, "width")?.unwrap_or(0).clamp(0, 1 << 20) as usize;
            let missing = width.saturating_sub(text.chars().count());
            let (sign, digits) = text.split_at(usize::from(text.starts_with(['+', '-'])));
            Value::from(format!("{sign}{}{digits}", "0".repeat(missing)))
        }
        "partition" => {
            let separator = non_empty(given)?;
            let (head, rest) = text.split_once(separator).map_or((text, None), |(head, tail)| (head, Some(tail)));
            triple(head, rest.map_or("", |_| separator), rest.unwrap_or(""))
        }
        "rpartition" => {
            let separator = non_empty(given)?;
            match text.rsplit_once(separator) {
                Some((head, tail)) => triple(head, separator, tail),
                None => triple("", "", text),
            }
        }
        "removeprefix" => Value::from(text.strip_prefix(given.text(0, "prefix")?).unwrap_or(text)),
        "removesuffix" => Value::from(text.strip_suffix(given.text(0, "suffix")?).unwrap_or(text)),
        "expandtabs" => Value::from(expand_tabs(text, given.int(0, "tabsize")?.unwrap_or(8).clamp(0, 1024) as usize)),
        "encode" => Value::from_bytes(text.as_bytes().to_vec()),
        "isalnum" => all(char::is_alphanumeric),
        "isalpha" => all(char::is_alphabetic),
        "isascii" => Value::from(text.is_ascii()),
        "isdecimal" | "isdigit" => all(|char| char.is_ascii_digit()),
        "isnumeric" => all(char::is_numeric),
        "isspace" => all(char::is_whitespace),
        "isprintable" => Value::from(!text.chars().any(char::is_control)),
        "islower" => Value::from(text.chars().any(char::is_lowercase) && !text.chars().any(char::is_uppercase)),
        "isupper" => Value::from(text.chars().any(char::is_uppercase) && !text.chars().any(char::is_lowercase)),
        "istitle" => Value::from(text.chars().any(char::is_alphabetic) && title(text) == text),
        "isidentifier" => Value::from(
            text.starts_with(|first: char| first.is_alphabetic() || first == '_')
                && text.chars().all(|char| char.is_alphanumeric() || char == '_'),
        ),
        "maketrans" => maketrans(given)?,
        "translate" => translate(text, given.need(0, "table")?)?,
        _ => return Ok(None),
    }))
}

fn triple(head: &str, separator: &str, tail: &str) -> Value {
    Value::from(Tuple::from(vec![Value::from(head), Value::from(separator), Value::from(tail)]))
}

fn non_empty<'a>(given: &'a Given<'_>) -> Outcome<&'a str> {
    match given.text(0, "sep")? {
        "" => fail("empty separator"),
        separator => Ok(separator),
    }
}

/// First character in upper case, the rest in lower case.
pub fn capitalize(text: &str) -> String {
    let mut chars = text.chars();
    match chars.next() {
        Some(first) => first.to_uppercase().chain(chars.as_str().to_lowercase().chars()).collect(),
        None => String::new(),
    }
}

fn swapcase(text: &str) -> String {
    text.chars()
        .flat_map(|char| {
            let swapped: Vec<char> =
                if char.is_uppercase() { char.to_lowercase().collect() } else { char.to_uppercase().collect() };
            swapped
        })
        .collect()
}

/// Each run of letters capitalised.
fn title(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut inside = false;
    for char in text.chars() {
        if inside {
            out.extend(char.to_lowercase());
        } else {
            out.extend(char.to_uppercase());
        }
        inside = char.is_alphabetic();
    }
    out
}

fn strip<'a>(text: &'a str, given: &Given<'_>, left: bool, right: bool) -> Outcome<&'a str> {
    let chars: Option<Vec<char>> = match given.get(0, "chars") {
        Some(value) if !value.is_none() => Some(given.text(0, "chars")?.chars().collect()),
        _ => None,
    };
    let drop = |char: char| chars.as_ref().map_or(char.is_whitespace(), |chars| chars.contains(&char));
    let text = if left { text.trim_start_matches(drop) } else { text };
    Ok(if right { text.trim_end_matches(drop) } else { text })
}

fn split(text: &str, given: &Given<'_>, from_right: bool) -> Outcome<Value> {
    given.at_most(2)?;
    let limit = given.int(1, "maxsplit")?.and_then(|limit| usize::try_from(limit).ok());
    let separator = match given.get(0, "sep") {
        Some(value) if !value.is_none() => Some(non_empty(given)?),
        _ => None,
    };
    Ok(Value::from(split_text(text, separator, limit, from_right).into_iter().map(Value::from).collect::<Vec<_>>()))
}

/// `text.split(separator, limit)`, or `rsplit`.
pub fn split_text<'a>(text: &'a str, separator: Option<&str>, limit: Option<usize>, from_right: bool) -> Vec<&'a str> {
    match (separator, limit, from_right) {
        (Some(separator), None, _) => text.split(separator).collect(),
        (Some(separator), Some(limit), false) => text.splitn(limit + 1, separator).collect(),
        (Some(separator), Some(limit), true) => {
            let mut parts: Vec<&str> = text.rsplitn(limit + 1, separator).collect();
            parts.reverse();
            parts
        }
        (None, None, _) => text.split_whitespace().collect(),
        (None, Some(limit), false) => {
            let mut parts = Vec::new();
            let mut rest = text.trim_start();
            while !rest.is_empty() {
                if parts.len() == limit {
                    parts.push(rest.trim_end());
                    break;
                }
                let end = rest.find(char::is_whitespace).unwrap_or(rest.len());
                parts.push(&rest[..end]);
                rest = rest[end..].trim_start();
            }
            parts
        }
        (None, Some(limit), true) => {
            let mut parts = Vec::new();
            let mut rest = text.trim_end();
            while !rest.is_empty() {
                if parts.len() == limit {
                    parts.push(rest.trim_start());
                    break;
                }
                let start = rest
                    .char_indices()
                    .rev()
                    .find(|(_, char)| char.is_whitespace())
                    .map_or(0, |(at, char)| at + char.len_utf8());
                parts.push(&rest[start..]);
                rest = rest[..start].trim_end();
            }
            parts.reverse();
            parts
        }
    }
}

/// `text.splitlines(keep)`.
pub fn splitlines(text: &str, keep: bool) -> Vec<&str> {
    let mut lines = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let end = rest.find(['\n', '\r', '\x0b', '\x0c', '\x1c', '\x1d', '\x1e', '\u{85}', '\u{2028}', '\u{2029}']);
        match end {
            Some(at) => {
                let after = if rest[at..].starts_with("\r\n") {
                    at + 2
                } else {
                    at + rest[at..].chars().next().map_or(1, char::len_utf8)
                };
                lines.push(if keep { &rest[..after] } else { &rest[..at] });
                rest = &rest[after..];
            }
            None => {
                lines.push(rest);
                break;
            }
        }
    }
    lines
}

fn join(separator: &str, values: &Value) -> Outcome<String> {
    let mut out = String::new();
    for (index, item) in items(values)?.iter().enumerate() {
        if index > 0 {
            out.push_str(separator);
        }
        match crate::template::marker::need(item)?.as_str() {
            Some(text) => out.push_str(text),
            None => {
                return fail(format!("sequence item {index}: expected str instance, {} found", type_name(item)));
            }
        }
    }
    Ok(out)
}

fn replace(text: &str, given: &Given<'_>) -> Outcome<Value> {
    let (old, new) = (given.text(0, "old")?, given.text(1, "new")?);
    Ok(Value::from(match given.int(2, "count")?.and_then(|count| usize::try_from(count).ok()) {
        Some(count) => text.replacen(old, new, count),
        None => text.replace(old, new),
    }))
}

fn affix(text: &str, given: &Given<'_>, test: fn(&str, &str) -> bool) -> Outcome<Value> {
    let wanted = given.need(0, "prefix")?;
    let within = window(text, given)?.0;
    if wanted.is_tuple() {
        return Ok(Value::from(
            items(wanted)?.iter().any(|affix| affix.as_str().is_some_and(|affix| test(within, affix))),
        ));
    }
    match wanted.as_str() {
        Some(wanted) => Ok(Value::from(test(within, wanted))),
        None => fail(format!("{} first arg must be str or a tuple of str, not {}", given.name, type_name(wanted))),
    }
}

/// The part of the text between the second and third argument, and how many characters stand before it.
fn window<'a>(text: &'a str, given: &Given<'_>) -> Outcome<(&'a str, usize)> {
    let (start, end) = (given.int(1, "start")?, given.int(2, "end")?);
    if start.is_none() && end.is_none() {
        return Ok((text, 0));
    }
    let length = text.chars().count() as i128;
    let clamp = |bound: i128| (if bound < 0 { bound + length } else { bound }).clamp(0, length) as usize;
    let (start, end) = (clamp(start.unwrap_or(0)), clamp(end.unwrap_or(length)));
    let byte = |index: usize| text.char_indices().nth(index).map_or(text.len(), |(at, _)| at);
    Ok((text.get(byte(start)..byte(end.max(start))).unwrap_or(""), start))
}

fn find(text: &str, given: &Given<'_>, last: bool) -> Outcome<Option<usize>> {
    let part = given.text(0, "sub")?;
    let (within, before) = window(text, given)?;
    let at = if last { within.rfind(part) } else { within.find(part) };
    Ok(at.map(|at| before + within[..at].chars().count()))
}

fn justify(text: &str, given: &Given<'_>) -> Outcome<Value> {
    let width = given.int(0, "width")?.unwrap_or(0).clamp(0, 1 << 20) as usize;
    let fill = match given.get(1, "fillchar") {
        Some(_) => given.text(1, "fillchar")?,
        None => " ",
    };
    if fill.chars().count() != 1 {
        return fail("The fill character must be exactly one character long");
    }
    Ok(Value::from(pad(text, width, fill, given.name)))
}

/// A text padded on one side or both: `ljust`, `rjust`, `center`.
pub fn pad(text: &str, width: usize, fill: &str, how: &str) -> String {
    let missing = width.saturating_sub(text.chars().count());
    let (left, right) = match how {
        "ljust" => (0, missing),
        "rjust" => (missing, 0),
        // CPython's choice where the padding is odd.
        _ => {
            let left = missing / 2 + (missing & width & 1);
            (left, missing - left)
        }
    };
    format!("{}{text}{}", fill.repeat(left), fill.repeat(right))
}

fn expand_tabs(text: &str, size: usize) -> String {
    let mut out = String::new();
    let mut column = 0;
    for char in text.chars() {
        match char {
            '\t' => {
                let missing = if size == 0 { 0 } else { size - column % size };
                out.push_str(&" ".repeat(missing));
                column += missing;
            }
            '\n' | '\r' => {
                out.push(char);
                column = 0;
            }
            char => {
                out.push(char);
                column += 1;
            }
        }
    }
    out
}

fn maketrans(given: &Given<'_>) -> Outcome<Value> {
    if let [table] = given.positional {
        let by_code = |(key, value): (Value, Value)| match key.as_str().and_then(|key| key.chars().next()) {
            Some(char) => (Value::from(char as u32), value),
            None => (key, value),
        };
        return Ok(Value::from_pairs(pairs(table)?.into_iter().map(by_code)));
    }
    let mut table: Vec<(Value, Value)> = given
        .text(0, "x")?
        .chars()
        .zip(given.text(1, "y")?.chars())
        .map(|(from, to)| (Value::from(from as u32), Value::from(to as u32)))
        .collect();
    if given.get(2, "z").is_some() {
        table.extend(given.text(2, "z")?.chars().map(|char| (Value::from(char as u32), Value::from(()))));
    }
    Ok(Value::from_pairs(table))
}

fn translate(text: &str, table: &Value) -> Outcome<Value> {
    let mut out = String::with_capacity(text.len());
    for char in text.chars() {
        let found = table.get_item(&Value::from(char as u32)).ok().filter(|value| !value.is_undefined());
        match found.as_ref().map(|value| (kind(value), value)) {
            None => out.push(char),
            Some((Kind::None, _)) => {}
            Some((Kind::Int(code), _)) => out.extend(u32::try_from(code).ok().and_then(char::from_u32)),
            Some((_, value)) => out.push_str(value.as_str().unwrap_or_default()),
        }
    }
    Ok(Value::from(out))
}

/// `text[index]`.
pub fn character(text: &str, index: i128) -> Option<Value> {
    let found = slice(
        &Value::from(text),
        &int(index),
        &if index == -1 { Value::from(()) } else { int(index + 1) },
        &Value::from(()),
    );
    found.ok().filter(|found| found.len() != Some(0))
}
