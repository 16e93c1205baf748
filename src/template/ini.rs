//! INI files as Python's `configparser` reads them.

use super::fault::{Outcome, fail};
use indexmap::IndexMap;

/// What an INI file holds.
#[derive(Debug, Default)]
pub struct Ini {
    /// Sections with their entries, in order.
    pub sections: IndexMap<String, IndexMap<String, String>>,
}

impl Ini {
    /// Reads a text. Keys are in lower case unless case matters. `keyless` takes lines without a value; they have an empty one.
    pub fn parse(text: &str, case_sensitive: bool, keyless: bool) -> Outcome<Ini> {
        let mut ini = Ini::default();
        let mut section: Option<String> = None;
        let mut last: Option<String> = None;
        for (number, line) in text.lines().enumerate() {
            let number = number + 1;
            let trimmed = line.trim();
            if trimmed.is_empty() || trimmed.starts_with(['#', ';']) {
                continue;
            }
            if line.starts_with([' ', '\t'])
                && let (Some(section), Some(key)) = (&section, &last)
            {
                // An indented line goes on with the value above.
                if let Some(value) = ini.sections.get_mut(section).and_then(|entries| entries.get_mut(key)) {
                    value.push('\n');
                    value.push_str(trimmed);
                }
                continue;
            }
            if let Some(name) = trimmed.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
                ini.sections.entry(name.0.to_owned()).or_default();
                section = Some(name.0.to_owned());
                last = None;
                continue;
            }
            let Some(section) = &section else {
                return fail(format!("line {number} stands in no section"));
            };
            let (key, value) = match trimmed.find(['=', ':']) {
                Some(at) => (trimmed[..at].trim(), trimmed[at + 1..].trim()),
                None if keyless => (trimmed, ""),
                None => return fail(format!("line {number} has no value: `{trimmed}`")),
            };
            let key = if case_sensitive { key.to_owned() } else { key.to_lowercase() };
            last = Some(key.clone());
            let entries = ini.sections.entry(section.clone()).or_default();
            if entries.insert(key, value.to_owned()).is_some() {
                let key = last.unwrap_or_default();
                return fail(format!("Duplicate option in line {number}: the section '{section}' has '{key}' already"));
            }
        }
        // What stands in DEFAULT holds in every section.
        if let Some(defaults) = ini.sections.get("DEFAULT").cloned() {
            for (name, entries) in &mut ini.sections {
                if name != "DEFAULT" {
                    for (key, value) in &defaults {
                        entries.entry(key.clone()).or_insert_with(|| value.clone());
                    }
                }
            }
        }
        Ok(ini)
    }

    /// A value of a section, with each `%(name)s` in it replaced by the section's value of that name, and `%%` by `%`.
    pub fn interpolated(&self, section: &str, value: &str) -> Outcome<String> {
        self.replaced(section, value, 0)
    }

    fn replaced(&self, section: &str, value: &str, depth: usize) -> Outcome<String> {
        /// As deep as Python goes.
        const DEEPEST: usize = 10;
        if depth > DEEPEST {
            return fail(format!("`{value}` names values that name values, deeper than {DEEPEST} levels"));
        }
        let mut text = String::new();
        let mut rest = value;
        while let Some(at) = rest.find('%') {
            text.push_str(&rest[..at]);
            rest = &rest[at + 1..];
            if let Some(after) = rest.strip_prefix('%') {
                text.push('%');
                rest = after;
                continue;
            }
            let Some((name, after)) = rest.strip_prefix('(').and_then(|rest| rest.split_once(")s")) else {
                return fail(format!(
                    "'%' must be followed by '%' or '(': `{value}`; `interpolation=false` takes it as it is"
                ));
            };
            let Some(found) = self.sections.get(section).and_then(|entries| entries.get(&name.to_lowercase())) else {
                return fail(format!("`{value}` names `{name}`, which section '{section}' does not have"));
            };
            text.push_str(&self.replaced(section, found, depth + 1)?);
            rest = after;
        }
        text.push_str(rest);
        Ok(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_go_on_in_indented_lines_and_defaults_hold_everywhere() {
        let ini = Ini::parse("[DEFAULT]\nx = 1\n# c\n[a]\nKey: v\n  w\n", false, false).unwrap_or_default();
        assert_eq!(ini.sections["a"]["key"], "v\nw");
        assert_eq!(ini.sections["a"]["x"], "1");
        assert!(Ini::parse("key = 1", false, false).is_err());
    }

    #[test]
    fn what_stands_twice_or_has_no_value_is_an_error_unless_it_may() {
        assert!(Ini::parse("[a]\nk = 1\nK = 2\n", false, false).is_err());
        assert!(Ini::parse("[a]\nk = 1\nK = 2\n", true, false).is_ok());
        assert!(Ini::parse("[a]\nk\n", false, false).is_err());
        assert_eq!(Ini::parse("[a]\nk\n", false, true).unwrap_or_default().sections["a"]["k"], "");
    }

    #[test]
    fn values_are_put_into_others_by_name() {
        let ini =
            Ini::parse("[a]\nhome = /u\ndir = %(home)s/x\nhalf = 50%%\nbad = %u\nself = %(self)s\n", false, false);
        let ini = ini.unwrap_or_default();
        let value = |key: &str| ini.interpolated("a", &ini.sections["a"][key]).ok();
        assert_eq!(value("dir").as_deref(), Some("/u/x"));
        assert_eq!(value("half").as_deref(), Some("50%"));
        assert_eq!((value("bad"), value("self")), (None, None));
    }
}
