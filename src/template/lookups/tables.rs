//! Lookups in tables and settings files: `csvfile`, `ini`, `dig`.

use super::files::{find, read};
use super::{Lookup, Terms};
use crate::template::fault::{Outcome, fail};
use crate::template::ini::Ini;
use crate::template::patterns::{Options, matches};
use minijinja::Value;
use std::net::ToSocketAddrs;

pub static LOOKUPS: [Lookup; 3] = [
    Lookup { names: "csvfile", run: csv_file },
    Lookup { names: "ini", run: ini },
    Lookup { names: "community.general.dig dig", run: dig },
];

/// A term's words: what is looked for, and options as `key=value` after it.
fn words(term: &str) -> (String, Vec<(String, String)>) {
    let mut key = Vec::new();
    let mut options = Vec::new();
    for word in term.split_whitespace() {
        match word.split_once('=') {
            Some((name, value)) => options.push((name.to_owned(), value.to_owned())),
            None => key.push(word),
        }
    }
    (key.join(" "), options)
}

fn option(terms: &Terms<'_, '_>, inline: &[(String, String)], name: &str, default: &str) -> Outcome<String> {
    match inline.iter().find(|(known, _)| known == name) {
        Some((_, value)) => Ok(value.clone()),
        None => terms.text(name, default),
    }
}

fn text_of(terms: &Terms<'_, '_>, file: &str) -> Outcome<String> {
    let path = find(terms.machine.scope, file, "files")?;
    Ok(String::from_utf8_lossy(&read(terms.machine.scope, &path)?).into_owned())
}

fn csv_file(terms: &mut Terms<'_, '_>) -> Outcome<Vec<Value>> {
    let mut found = Vec::new();
    for term in terms.texts()? {
        let (key, inline) = words(&term);
        let file = option(terms, &inline, "file", "ansible.csv")?;
        let delimiter = option(terms, &inline, "delimiter", "TAB")?;
        let delimiter = match delimiter.as_str() {
            "TAB" | "t" | "\t" | "\\t" => '\t',
            other => other.chars().next().unwrap_or('\t'),
        };
        let number = |name: &str, default: &str| -> Outcome<usize> {
            let text = option(terms, &inline, name, default)?;
            text.parse().or_else(|_| fail(format!("'{name}' must be a number, not '{text}'")))
        };
        let (column, key_column) = (number("col", "1")?, number("keycol", "0")?);
        let default = match inline.iter().find(|(name, _)| name == "default") {
            Some((_, value)) => Some(Value::from(value.as_str())),
            None => terms.option("default").cloned(),
        };
        let rows = rows(&text_of(terms, &file)?, delimiter);
        match rows.iter().find(|row| row.get(key_column).is_some_and(|cell| *cell == key)) {
            Some(row) => match row.get(column) {
                Some(cell) => found.push(Value::from(cell.as_str())),
                None => return fail(format!("the row of '{key}' has no column {column}")),
            },
            None => found.extend(default),
        }
    }
    Ok(found)
}

/// The cells of a table; quotes may hold separators and line ends.
fn rows(text: &str, delimiter: char) -> Vec<Vec<String>> {
    let mut rows = Vec::new();
    let mut row = Vec::new();
    let mut cell = String::new();
    let mut quoted = false;
    let mut chars = text.chars().peekable();
    while let Some(char) = chars.next() {
        match char {
            '"' if quoted && chars.next_if_eq(&'"').is_some() => cell.push('"'),
            '"' if quoted || cell.is_empty() => quoted = !quoted,
            '\r' if !quoted => {}
            '\n' if !quoted => {
                row.push(std::mem::take(&mut cell));
                rows.push(std::mem::take(&mut row));
            }
            char if char == delimiter && !quoted => row.push(std::mem::take(&mut cell)),
            char => cell.push(char),
        }
    }
    if !cell.is_empty() || !row.is_empty() {
        row.push(cell);
        rows.push(row);
    }
    rows
}

/// The options of `ini` that may stand in a term.
const INI_OPTIONS: &[&str] = &[
    "type",
    "section",
    "file",
    "re",
    "default",
    "encoding",
    "interpolation",
    "case_sensitive",
    "allow_no_value",
    "allow_none",
];

/// A term of `ini`: the key, then options as `name=value`; words after these belong to the last one.
fn ini_words(term: &str) -> Outcome<(String, Vec<(String, String)>)> {
    let mut key: Vec<&str> = Vec::new();
    let mut options: Vec<(String, String)> = Vec::new();
    for word in term.split_whitespace() {
        match word.split_once('=') {
            Some((name, value)) if INI_OPTIONS.contains(&name) => options.push((name.to_owned(), value.to_owned())),
            Some((name, _)) => {
                return fail(format!("`{name}` is not a valid option of ini: {}", INI_OPTIONS.join(", ")));
            }
            None => match options.last_mut() {
                Some((_, value)) => {
                    value.push(' ');
                    value.push_str(word);
                }
                None => key.push(word),
            },
        }
    }
    if key.is_empty() {
        return fail(format!("No key to lookup was provided as first term with in string inline options: {term}"));
    }
    Ok((key.join(" "), options))
}

fn ini(terms: &mut Terms<'_, '_>) -> Outcome<Vec<Value>> {
    let mut found = Vec::new();
    for term in terms.texts()? {
        let (key, inline) = ini_words(&term)?;
        let file = option(terms, &inline, "file", "ansible.ini")?;
        let section = option(terms, &inline, "section", "global")?;
        let sort = option(terms, &inline, "type", "ini")?;
        let flag = |name: &str, default: &str| -> Outcome<bool> {
            Ok(matches!(option(terms, &inline, name, default)?.to_lowercase().as_str(), "true" | "yes" | "1" | "on"))
        };
        let (by_pattern, case_sensitive) = (flag("re", "false")?, flag("case_sensitive", "false")?);
        let keyless = flag("allow_no_value", "false")? || flag("allow_none", "false")?;
        let interpolated = flag("interpolation", "true")?;
        let default = option(terms, &inline, "default", "")?;
        let path = find(terms.machine.scope, &file, "files")?;
        let bytes = read(terms.machine.scope, &path)?;
        let mut text = super::super::filters::from_bytes(&bytes, &option(terms, &inline, "encoding", "utf-8")?)?;
        let section = if sort == "properties" { "java_properties".to_owned() } else { section };
        if sort == "properties" {
            text.insert_str(0, "[java_properties]\n");
        }
        let ini = Ini::parse(&text, case_sensitive, keyless).map_err(|mut fault| {
            fault.message = format!("{file}: {}", fault.message);
            fault
        })?;
        let Some(entries) = ini.sections.get(&section) else {
            if !default.is_empty() || terms.options.iter().any(|(name, _)| name == "default") {
                found.push(Value::from(default));
                continue;
            }
            return fail(format!("No section '{section}' in the file '{file}'"));
        };
        let finished =
            |value: &str| if interpolated { ini.interpolated(&section, value) } else { Ok(value.to_owned()) };
        if by_pattern {
            for (name, value) in entries {
                let options = Options { ignore_case: !case_sensitive, ..Options::default() };
                if matches(&key, name, options)? {
                    found.push(Value::from(finished(value)?));
                }
            }
            continue;
        }
        let wanted = if case_sensitive { key.clone() } else { key.to_lowercase() };
        match entries.get(&wanted) {
            // A key without a value gives nothing.
            Some(value) if value.is_empty() && keyless => {}
            Some(value) => found.push(Value::from(finished(value)?)),
            None => found.push(Value::from(default)),
        }
    }
    Ok(found)
}

fn dig(terms: &mut Terms<'_, '_>) -> Outcome<Vec<Value>> {
    let mut found = Vec::new();
    let v6 = terms.text("qtype", "A")?.eq_ignore_ascii_case("AAAA")
        || terms.texts()?.iter().any(|term| term.eq_ignore_ascii_case("qtype=AAAA"));
    for term in terms.texts()? {
        if term.starts_with('@') || term.contains('=') {
            continue;
        }
        let (name, kind) = term.split_once('/').unwrap_or((&term, if v6 { "AAAA" } else { "A" }));
        if !matches!(kind, "A" | "AAAA") {
            return fail(format!("only addresses (A and AAAA) can be looked up, not {kind}"));
        }
        match (name, 0).to_socket_addrs() {
            Ok(addresses) => {
                for address in addresses.filter(|address| address.is_ipv6() == (kind == "AAAA")) {
                    let text = Value::from(address.ip().to_string());
                    if !found.contains(&text) {
                        found.push(text);
                    }
                }
            }
            Err(_) => found.push(Value::from("NXDOMAIN")),
        }
    }
    Ok(found)
}
