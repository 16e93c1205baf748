//! INI text as Python's `configparser` reads it with its defaults: that is what local facts are written for.

use serde_json::{Map, Value};

/// The options of a section: a key and the lines of its value.
type Options = Vec<(String, Vec<String>)>;

/// Reads INI text: a mapping for each section. The error says what is wrong.
pub(super) fn parse(text: &str) -> Result<Map<String, Value>, String> {
    let mut sections: Vec<(String, Options)> = Vec::new();
    let mut defaults: Options = Vec::new();
    let mut in_defaults = false;
    // How far the last option's line was indented: deeper lines continue its value.
    let mut option_indent: Option<usize> = None;
    for (number, line) in text.lines().enumerate() {
        let trimmed = line.trim();
        let indent = line.len() - line.trim_start().len();
        if trimmed.starts_with(['#', ';']) {
            continue;
        }
        let current = if in_defaults { Some(&mut defaults) } else { sections.last_mut().map(|(_, options)| options) };
        if trimmed.is_empty() {
            // An empty line may be part of a value that goes on.
            if option_indent.is_some()
                && let Some((_, value)) = current.and_then(|options| options.last_mut())
            {
                value.push(String::new());
            }
            continue;
        }
        if option_indent.is_some_and(|depth| indent > depth)
            && let Some((_, value)) = current.and_then(|options| options.last_mut())
        {
            value.push(trimmed.to_owned());
            continue;
        }
        option_indent = None;
        if let Some(name) = trimmed.strip_prefix('[').and_then(|rest| rest.rsplit_once(']')).map(|(name, _)| name) {
            in_defaults = name == "DEFAULT";
            if !in_defaults {
                if sections.iter().any(|(known, _)| known == name) {
                    return Err(format!("line {}: section {name:?} stands there twice", number + 1));
                }
                sections.push((name.to_owned(), Vec::new()));
            }
            continue;
        }
        let Some(at) = trimmed.find(['=', ':']) else {
            return Err(format!("line {}: {trimmed:?} is neither a section nor `key = value`", number + 1));
        };
        let key = trimmed[..at].trim().to_lowercase();
        let options = if in_defaults {
            &mut defaults
        } else {
            match sections.last_mut() {
                Some((_, options)) => options,
                None => return Err(format!("line {}: {trimmed:?} stands before any section", number + 1)),
            }
        };
        if options.iter().any(|(known, _)| *known == key) {
            return Err(format!("line {}: option {key:?} stands there twice", number + 1));
        }
        options.push((key, vec![trimmed[at + 1..].trim().to_owned()]));
        option_indent = Some(indent);
    }
    let joined = |value: &[String]| value.join("\n").trim_end().to_owned();
    let mut read = Map::new();
    for (name, options) in &sections {
        let mut raw: Vec<(String, String)> = defaults.iter().map(|(key, value)| (key.clone(), joined(value))).collect();
        for (key, value) in options {
            raw.retain(|(known, _)| known != key);
            raw.push((key.clone(), joined(value)));
        }
        let mut values = Map::new();
        for (key, value) in &raw {
            values.insert(key.clone(), Value::String(interpolate(name, key, value, &raw, 10)?));
        }
        read.insert(name.clone(), Value::Object(values));
    }
    Ok(read)
}

/// `%(other)s` stands for another option of the section, `%%` for a percent sign.
fn interpolate(
    section: &str,
    key: &str,
    value: &str,
    options: &[(String, String)],
    depth: u32,
) -> Result<String, String> {
    let mut out = String::new();
    let mut rest = value;
    while let Some(at) = rest.find('%') {
        out.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        if let Some(after) = rest.strip_prefix('%') {
            out.push('%');
            rest = after;
        } else if let Some((name, after)) = rest.strip_prefix('(').and_then(|inner| inner.split_once(")s")) {
            let name = name.to_lowercase();
            let found = options.iter().find(|(known, _)| *known == name);
            match found {
                Some((_, inner)) if depth > 0 => out.push_str(&interpolate(section, &name, inner, options, depth - 1)?),
                _ => {
                    return Err(format!(
                        "option {key:?} in section {section:?} refers to {name:?}, which the section does not have"
                    ));
                }
            }
            rest = after;
        } else {
            return Err(format!("option {key:?} in section {section:?}: `%` must be followed by `%` or `(`"));
        }
    }
    out.push_str(rest);
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn reads_what_configparser_reads() {
        let text = "[general]\nkey=Value\nOther_Key : two words\n; comment\n[second]\nx = 1\nmulti = a\n  b\nempty =\n";
        assert_eq!(
            Value::Object(parse(text).unwrap()),
            json!({"general": {"key": "Value", "other_key": "two words"}, "second": {"x": "1", "multi": "a\nb", "empty": ""}})
        );
        assert_eq!(parse("").unwrap(), Map::new());
    }

    #[test]
    fn defaults_and_interpolation() {
        let text = "[DEFAULT]\nbase=/opt\n[a]\ndir=%(base)s/x\nrate=5%%\n";
        assert_eq!(Value::Object(parse(text).unwrap()), json!({"a": {"base": "/opt", "dir": "/opt/x", "rate": "5%"}}));
        assert!(parse("[a]\nb=%(nothing)s\n").is_err());
    }

    #[test]
    fn refuses_what_configparser_refuses() {
        for text in ["not ini", "[a]\nflag\n", "[a]\nx=1\nX=2\n", "[a]\n[a]\n", "k=v\n"] {
            assert!(parse(text).is_err(), "{text:?}");
        }
    }
}
