//! Filters of paths.

use super::Filter;
use crate::template::arguments::{Call, as_text};
use crate::template::fault::{Outcome, fail};
use crate::template::paths;
use crate::template::python::kind::{Kind, items, kind};
use minijinja::Value;

pub static FILTERS: [Filter; 14] = [
    Filter::new("basename", "value", |call| Ok(Value::from(paths::basename(&call.text(0)?)))),
    Filter::new("dirname", "value", |call| Ok(Value::from(paths::dirname(&call.text(0)?)))),
    Filter::new("splitext", "value", |call| {
        let text = call.text(0)?;
        let (name, extension) = paths::split_extension(&text);
        Ok(Value::from(vec![Value::from(name), Value::from(extension)]))
    }),
    Filter::new("path_join", "value", path_join),
    Filter::new("expanduser", "value", |call| Ok(Value::from(paths::expanded(&call.text(0)?)))),
    Filter::new("expandvars", "value", expand_variables),
    Filter::new("realpath", "value", realpath),
    Filter::new("normpath", "value", |call| Ok(Value::from(paths::normalized(&call.text(0)?)))),
    Filter::new("relpath", "value, start='.'", |call| Ok(Value::from(paths::relative(&call.text(0)?, &call.text(1)?)))),
    Filter::new("commonpath", "value", common_path),
    Filter::new("fileglob", "value", |call| {
        let found = crate::template::lookups::glob(&call.text(0)?)?;
        Ok(Value::from(found.into_iter().map(Value::from).collect::<Vec<_>>()))
    }),
    Filter::new("win_basename", "value", |call| {
        let text = call.text(0)?;
        Ok(Value::from(text.rsplit(['\\', '/']).next().unwrap_or("")))
    }),
    Filter::new("win_dirname", "value", |call| {
        let text = call.text(0)?;
        let head = text.rfind(['\\', '/']).map_or("", |at| &text[..=at]);
        let stripped = head.trim_end_matches(['\\', '/']);
        // A root keeps its backslash.
        let root = stripped.is_empty() || stripped.ends_with(':');
        Ok(Value::from(if root { head } else { stripped }))
    }),
    Filter::new("win_splitdrive", "value", |call| {
        let text = call.text(0)?;
        let drive = if text.as_bytes().get(1) == Some(&b':') { 2 } else { 0 };
        Ok(Value::from(vec![Value::from(&text[..drive]), Value::from(&text[drive..])]))
    }),
];

fn path_join(call: &mut Call<'_, '_>) -> Outcome<Value> {
    let parts = match kind(call.value(0)) {
        Kind::Text(text) => vec![text.to_owned()],
        Kind::Seq | Kind::Iterable => items(call.value(0))?
            .iter()
            .map(|part| as_text(part).map(std::borrow::Cow::into_owned))
            .collect::<Outcome<Vec<_>>>()?,
        _ => return fail("path_join expects text or a list"),
    };
    Ok(Value::from(paths::joined(parts.iter().map(String::as_str))))
}

fn expand_variables(call: &mut Call<'_, '_>) -> Outcome<Value> {
    let text = call.text(0)?;
    let mut out = String::new();
    let mut rest: &str = &text;
    while let Some(at) = rest.find('$') {
        out.push_str(&rest[..at]);
        let after = &rest[at + 1..];
        let (name, length) = match after.strip_prefix('{').and_then(|inner| inner.split_once('}')) {
            Some((name, _)) => (name, name.len() + 2),
            None => {
                let end =
                    after.find(|char: char| !(char.is_ascii_alphanumeric() || char == '_')).unwrap_or(after.len());
                (&after[..end], end)
            }
        };
        match std::env::var(name) {
            Ok(value) if !name.is_empty() => out.push_str(&value),
            _ => out.push_str(&rest[at..at + 1 + length]),
        }
        rest = &after[length..];
    }
    out.push_str(rest);
    Ok(Value::from(out))
}

fn realpath(call: &mut Call<'_, '_>) -> Outcome<Value> {
    let path = paths::absolute(&call.text(0)?);
    // What does not exist is resolved as far as it does.
    let mut known = std::path::PathBuf::from(&path);
    let mut rest = Vec::new();
    loop {
        if let Ok(real) = known.canonicalize() {
            let all = rest.iter().rev().fold(real, |path, part| path.join(part));
            return Ok(Value::from(all.display().to_string()));
        }
        match (known.file_name().map(ToOwned::to_owned), known.pop()) {
            (Some(name), true) => rest.push(name),
            _ => return Ok(Value::from(path)),
        }
    }
}

fn common_path(call: &mut Call<'_, '_>) -> Outcome<Value> {
    let all: Vec<String> = items(call.value(0))?
        .iter()
        .map(|path| {
            as_text(path).map(|path| {
                path.split('/').filter(|part| !part.is_empty()).collect::<Vec<_>>().join("/")
                    + if path.starts_with('/') { "\0" } else { "" }
            })
        })
        .collect::<Outcome<_>>()?;
    let Some(first) = all.first() else { return fail("commonpath() arg is an empty sequence") };
    let rooted = first.ends_with('\0');
    if all.iter().any(|path| path.ends_with('\0') != rooted) {
        return fail("Can't mix absolute and relative paths");
    }
    let split: Vec<Vec<&str>> = all.iter().map(|path| path.trim_end_matches('\0').split('/').collect()).collect();
    let common =
        (0..split[0].len()).take_while(|at| split.iter().all(|parts| parts.get(*at) == split[0].get(*at))).count();
    let joined = split[0][..common].join("/");
    Ok(Value::from(if rooted { format!("/{joined}") } else { joined }))
}
