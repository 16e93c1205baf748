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
    /// Reads a text. Keys are in lower case unless case matters.
    pub fn parse(text: &str, case_sensitive: bool) -> Outcome<Ini> {
        let mut ini = Ini::default();
        let mut section: Option<String> = None;
        let mut last: Option<String> = None;
        for (number, line) in text.lines().enumerate() {
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
                return fail(format!("line {} stands in no section", number + 1));
            };
            let (key, value) = match trimmed.find(['=', ':']) {
                Some(at) => (trimmed[..at].trim(), trimmed[at + 1..].trim()),
                None => (trimmed, ""),
            };
            let key = if case_sensitive { key.to_owned() } else { key.to_lowercase() };
            last = Some(key.clone());
            ini.sections.entry(section.clone()).or_default().insert(key, value.to_owned());
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
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_go_on_in_indented_lines_and_defaults_hold_everywhere() {
        let ini = Ini::parse("[DEFAULT]\nx = 1\n# c\n[a]\nKey: v\n  w\n", false).unwrap_or_default();
        assert_eq!(ini.sections["a"]["key"], "v\nw");
        assert_eq!(ini.sections["a"]["x"], "1");
        assert!(Ini::parse("key = 1", false).is_err());
    }
}
