//! Filters of text.

use super::Filter;
use crate::template::arguments::{Call, as_text};
use crate::template::fault::{Outcome, fail};
use crate::template::python::format::percent;
use crate::template::python::kind::{Kind, is_map, items, kind, pairs};
use crate::template::python::methods::text::{capitalize, pad, splitlines};
use crate::template::python::methods::{Given, text as methods};
use minijinja::Value;
use minijinja::value::Tuple;

pub static FILTERS: [Filter; 23] = [
    Filter::new("lower", "value", |call| Ok(Value::from(call.text(0)?.to_lowercase()))),
    Filter::new("upper", "value", |call| Ok(Value::from(call.text(0)?.to_uppercase()))),
    Filter::new("capitalize", "value", |call| Ok(Value::from(capitalize(&call.text(0)?)))),
    Filter::new("title", "value", title),
    Filter::new("trim", "value, chars=None", trim),
    Filter::new("replace", "value, old, new, count=None", replace),
    Filter::new("split", "value, sep=None, maxsplit=-1", split),
    Filter::new("splitlines", "value, keepends=False", |call| {
        let keep = call.flag(1)?;
        Ok(Value::from(splitlines(&call.text(0)?, keep).into_iter().map(Value::from).collect::<Vec<_>>()))
    }),
    Filter::new("join", "value, d='', attribute=None", join),
    Filter::new("indent", "value, width=4, first=False, blank=False, indentfirst=None", indent),
    Filter::new("center", "value, width=80", |call| {
        let width = call.size(1)?;
        Ok(Value::from(pad(&call.text(0)?, width, " ", "center")))
    }),
    Filter::new("format", "value, *more, **named", format),
    Filter::new("truncate", "value, length=255, killwords=False, end='...', leeway=None", truncate),
    Filter::new("wordwrap", "value, width=79, break_long_words=True, wrapstring=None, break_on_hyphens=True", wordwrap),
    Filter::new("wordcount", "value", |call| {
        Ok(Value::from(
            call.text(0)?
                .split(|char: char| !(char.is_alphanumeric() || char == '_'))
                .filter(|word| !word.is_empty())
                .count(),
        ))
    }),
    Filter::new("striptags", "value", striptags),
    Filter::new("urlencode", "value", urlencode),
    Filter::new("quote", "value", |call| {
        let value = call.value(0);
        let text = if value.is_none() { "".into() } else { as_text(value)? };
        Ok(Value::from(quoted(&text)))
    }),
    Filter::new("comment", "value, style='plain', **options", comment),
    Filter::new("xmlattr", "value, autospace=True", xmlattr),
    Filter::new("urlize", "value, *more, **named", |call| Ok(Value::from(call.text(0)?.into_owned()))),
    Filter::new("ljust", "value, width, fillchar=' '", |call| justify(call, "ljust")),
    Filter::new("rjust", "value, width, fillchar=' '", |call| justify(call, "rjust")),
];

fn justify(call: &mut Call<'_, '_>, how: &str) -> Outcome<Value> {
    let width = call.size(1)?;
    Ok(Value::from(pad(&call.text(0)?, width, &call.text(2)?, how)))
}

fn title(call: &mut Call<'_, '_>) -> Outcome<Value> {
    // Jinja2's rule, unlike Python's: words begin after spaces, hyphens and opening brackets.
    let text = call.text(0)?;
    let mut out = String::with_capacity(text.len());
    let mut start = true;
    for char in text.chars() {
        if start {
            out.extend(char.to_uppercase());
        } else {
            out.extend(char.to_lowercase());
        }
        start = char.is_whitespace() || matches!(char, '-' | '(' | '{' | '[' | '<');
    }
    Ok(Value::from(out))
}

fn trim(call: &mut Call<'_, '_>) -> Outcome<Value> {
    let text = call.text(0)?;
    Ok(Value::from(match call.given(1) {
        Some(_) => {
            let chars: Vec<char> = call.only_text(1)?.chars().collect();
            text.trim_matches(|char| chars.contains(&char)).to_owned()
        }
        None => text.trim().to_owned(),
    }))
}

fn replace(call: &mut Call<'_, '_>) -> Outcome<Value> {
    let (text, old, new) = (call.text(0)?, call.text(1)?, call.text(2)?);
    Ok(Value::from(match call.given(3) {
        Some(_) => match usize::try_from(call.int(3)?) {
            Ok(count) => text.replacen(&*old, &new, count),
            Err(_) => text.replace(&*old, &new),
        },
        None => text.replace(&*old, &new),
    }))
}

fn split(call: &mut Call<'_, '_>) -> Outcome<Value> {
    let text = call.only_text(0)?;
    let positional = [call.value(1).clone(), call.value(2).clone()];
    let given = Given { name: "split", positional: &positional, named: &[] };
    methods::call(text, &given).map(|parts| parts.unwrap_or(Value::UNDEFINED))
}

fn join(call: &mut Call<'_, '_>) -> Outcome<Value> {
    let separator = call.text(1)?.into_owned();
    let attribute = call.given(2).cloned();
    let mut out = String::new();
    for (index, item) in items(call.value(0))?.into_iter().enumerate() {
        if index > 0 {
            out.push_str(&separator);
        }
        let item = match &attribute {
            Some(attribute) => super::select::attribute_of(&item, attribute, None)?,
            None => item,
        };
        out.push_str(&as_text(&item)?);
    }
    Ok(Value::from(out))
}

fn indent(call: &mut Call<'_, '_>) -> Outcome<Value> {
    let text = call.only_text(0)?;
    let margin = match call.value(1).as_str() {
        Some(margin) => margin.to_owned(),
        None => " ".repeat(call.size(1)?),
    };
    let first = call.flag(2)? || call.given(4).is_some_and(Value::is_true);
    let blank = call.flag(3)?;
    // As Jinja2: the text gets a newline, its lines are joined, and a last newline of its own stays as an empty line.
    let extended = format!("{text}\n");
    let lines = splitlines(&extended, false);
    let mut out = String::new();
    for (index, line) in lines.iter().enumerate() {
        if index > 0 {
            out.push('\n');
            if blank || !line.is_empty() {
                out.push_str(&margin);
            }
        }
        out.push_str(line);
    }
    if first {
        out.insert_str(0, &margin);
    }
    Ok(Value::from(out))
}

fn format(call: &mut Call<'_, '_>) -> Outcome<Value> {
    let more = &call.bound.more;
    let named = &call.bound.more_named;
    if !more.is_empty() && !named.is_empty() {
        return fail("can't handle positional and keyword arguments at the same time");
    }
    let values = if named.is_empty() {
        Value::from(Tuple::from(more.clone()))
    } else {
        Value::from_pairs(named.iter().map(|(name, value)| (name.as_str(), value.clone())))
    };
    percent(&call.text(0)?, &values).map(Value::from)
}

fn truncate(call: &mut Call<'_, '_>) -> Outcome<Value> {
    let (text, length, end) = (call.text(0)?, call.size(1)?, call.text(3)?);
    let leeway = match call.given(4) {
        Some(_) => call.size(4)?,
        None => 5,
    };
    let count = text.chars().count();
    let end_length = end.chars().count();
    if length < end_length {
        return fail(format!("expected length >= {end_length}, got {length}"));
    }
    if count <= length + leeway {
        return Ok(Value::from(text.into_owned()));
    }
    let cut: String = text.chars().take(length - end_length).collect();
    let cut = if call.flag(2)? { cut.as_str() } else { cut.rsplit_once(' ').map_or(cut.as_str(), |(head, _)| head) };
    Ok(Value::from(format!("{cut}{end}")))
}

fn wordwrap(call: &mut Call<'_, '_>) -> Outcome<Value> {
    let (text, width, long) = (call.text(0)?, call.size(1)?.max(1), call.flag(2)?);
    let newline = match call.given(3) {
        Some(_) => call.text(3)?.into_owned(),
        None => "\n".to_owned(),
    };
    let hyphens = call.flag(4)?;
    let lines: Vec<String> =
        splitlines(&text, false).into_iter().map(|line| wrap(line, width, long, hyphens).join(&newline)).collect();
    Ok(Value::from(lines.join(&newline)))
}

/// Python's `textwrap.wrap` without changing white space.
fn wrap(line: &str, width: usize, break_long: bool, hyphens: bool) -> Vec<String> {
    let mut chunks: Vec<String> = Vec::new();
    let mut blank = None;
    for char in line.chars() {
        let is_blank = char.is_whitespace();
        let after_hyphen = hyphens
            && chunks.last().is_some_and(|chunk| {
                let mut back = chunk.chars().rev();
                back.next() == Some('-') && back.next().is_some_and(char::is_alphanumeric) && char.is_alphabetic()
            });
        match chunks.last_mut() {
            Some(chunk) if blank == Some(is_blank) && !after_hyphen => chunk.push(char),
            _ => chunks.push(char.to_string()),
        }
        blank = Some(is_blank);
    }
    let length = |text: &str| text.chars().count();
    let mut lines: Vec<String> = Vec::new();
    let mut current = String::new();
    let mut queue: std::collections::VecDeque<String> = chunks.into();
    while let Some(chunk) = queue.pop_front() {
        if current.is_empty() && !lines.is_empty() && chunk.trim().is_empty() {
            continue;
        }
        if length(&current) + length(&chunk) <= width {
            current.push_str(&chunk);
            continue;
        }
        if length(&chunk) > width && break_long {
            let room = width - length(&current).min(width);
            let (head, tail): (String, String) = (
                chunk.chars().take(room.max(usize::from(current.is_empty()))).collect(),
                chunk.chars().skip(room.max(usize::from(current.is_empty()))).collect(),
            );
            current.push_str(&head);
            queue.push_front(tail);
        } else if current.is_empty() {
            current = chunk;
        } else {
            queue.push_front(chunk);
        }
        let finished = std::mem::take(&mut current);
        lines.push(finished.trim_end().to_owned());
    }
    if !current.is_empty() {
        lines.push(current.trim_end().to_owned());
    }
    lines
}

fn striptags(call: &mut Call<'_, '_>) -> Outcome<Value> {
    let (mut out, mut inside) = (String::new(), false);
    for char in call.text(0)?.chars() {
        match char {
            '<' => inside = true,
            '>' if inside => inside = false,
            char if !inside => out.push(char),
            _ => {}
        }
    }
    Ok(Value::from(out.split_whitespace().collect::<Vec<_>>().join(" ")))
}

/// Percent-encodes all but letters, digits, `_.-~` and what `keep` has.
pub fn percent_encoded(text: &str, keep: &str) -> String {
    let mut out = String::new();
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"_.-~".contains(&byte) || keep.as_bytes().contains(&byte) {
            out.push(byte as char);
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

fn urlencode(call: &mut Call<'_, '_>) -> Outcome<Value> {
    let value = call.value(0);
    if is_map(value) || matches!(kind(value), Kind::Seq) {
        let entries = if is_map(value) {
            pairs(value)?
        } else {
            let mut entries = Vec::new();
            for pair in items(value)? {
                match items(&pair)?.as_slice() {
                    [key, value] => entries.push((key.clone(), value.clone())),
                    _ => return fail("a list to encode must have pairs"),
                }
            }
            entries
        };
        let encode = |value: &Value| as_text(value).map(|text| percent_encoded(&text, "").replace("%20", "+"));
        let mut parts = Vec::new();
        for (key, value) in entries {
            parts.push(format!("{}={}", encode(&key)?, encode(&value)?));
        }
        return Ok(Value::from(parts.join("&")));
    }
    Ok(Value::from(percent_encoded(&as_text(value)?, "/")))
}

/// A text as one word of a shell.
pub fn quoted(text: &str) -> String {
    let plain = |char: char| char.is_ascii_alphanumeric() || "_@%+=:,./-".contains(char);
    if !text.is_empty() && text.chars().all(plain) {
        return text.to_owned();
    }
    format!("'{}'", text.replace('\'', "'\"'\"'"))
}

fn comment(call: &mut Call<'_, '_>) -> Outcome<Value> {
    let text = call.text(0)?.into_owned();
    let style = call.text(1)?.into_owned();
    let (decoration, beginning, end) = match style.as_str() {
        "plain" => ("# ", "", ""),
        "erlang" => ("% ", "", ""),
        "c" => ("// ", "", ""),
        "cblock" => (" * ", "/*", " */"),
        "xml" => (" - ", "<!--", "-->"),
        other => return fail(format!("'{other}' is no style of comments: plain, erlang, c, cblock or xml")),
    };
    let option = |name: &str, default: &str| -> Outcome<String> {
        match call.bound.more_named.iter().find(|(known, _)| known == name) {
            Some((_, value)) => as_text(value).map(std::borrow::Cow::into_owned),
            None => Ok(default.to_owned()),
        }
    };
    let count = |name: &str| -> Outcome<usize> {
        match call.bound.more_named.iter().find(|(known, _)| known == name) {
            Some((_, value)) => Ok(value.as_usize().unwrap_or(1)),
            None => Ok(1),
        }
    };
    const KNOWN: [&str; 8] =
        ["newline", "beginning", "prefix", "prefix_count", "decoration", "postfix", "postfix_count", "end"];
    if let Some((name, _)) = call.bound.more_named.iter().find(|(name, _)| !KNOWN.contains(&name.as_str())) {
        return fail(format!("got an unexpected keyword argument '{name}'"));
    }
    let newline = option("newline", "\n")?;
    let decoration = option("decoration", decoration)?;
    let prefix = option("prefix", decoration.trim_end())?;
    let postfix = option("postfix", decoration.trim_end())?;
    let (beginning, end) = (option("beginning", beginning)?, option("end", end)?);
    let mut out = String::new();
    if !beginning.is_empty() {
        out.push_str(&beginning);
        out.push_str(&newline);
    }
    if !prefix.is_empty() {
        out.push_str(&format!("{prefix}{newline}").repeat(count("prefix_count")?));
    }
    let body: String =
        text.split(newline.as_str()).map(|line| format!("{decoration}{line}")).collect::<Vec<_>>().join(&newline);
    // Empty lines get the decoration without its trailing blank.
    let body = body.replace(&format!("{decoration}{newline}"), &format!("{}{newline}", decoration.trim_end()));
    out.push_str(&body);
    out.push_str(&format!("{newline}{postfix}").repeat(count("postfix_count")?));
    if !end.is_empty() {
        out.push_str(&newline);
        out.push_str(&end);
    }
    Ok(Value::from(out))
}

fn xmlattr(call: &mut Call<'_, '_>) -> Outcome<Value> {
    let mut out = Vec::new();
    for (key, value) in pairs(call.value(0))? {
        if value.is_none() || value.is_undefined() {
            continue;
        }
        let escaped = as_text(&value)?
            .replace('&', "&amp;")
            .replace('<', "&lt;")
            .replace('>', "&gt;")
            .replace('\'', "&#39;")
            .replace('"', "&#34;");
        out.push(format!("{}=\"{escaped}\"", as_text(&key)?));
    }
    let joined = out.join(" ");
    Ok(Value::from(if !joined.is_empty() && call.flag(1)? { format!(" {joined}") } else { joined }))
}
