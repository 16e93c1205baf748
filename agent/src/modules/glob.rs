//! Whether anything matches a pattern of file names, as Python's `glob` matches.

use crate::host::{Files, HostResult};
use std::path::{Path, PathBuf};

/// Whether a path exists, or with `*`, `?` or `[...]` in it any path that matches. A dangling link exists. Names with a
/// leading dot match only patterns with one.
pub fn any_match(files: &dyn Files, pattern: &Path) -> HostResult<bool> {
    if !is_pattern(&pattern.to_string_lossy()) {
        return Ok(files.stat(pattern, false)?.is_some());
    }
    let mut found = vec![PathBuf::from("/")];
    let components: Vec<_> = pattern.components().skip(1).map(|part| part.as_os_str().to_owned()).collect();
    for component in components {
        let text = component.to_string_lossy().into_owned();
        let mut next = Vec::new();
        for directory in found {
            if !is_pattern(&text) {
                let path = directory.join(&component);
                if files.stat(&path, false)?.is_some() {
                    next.push(path);
                }
                continue;
            }
            // What is no directory, or may not be read, matches nothing.
            for name in files.list(&directory).unwrap_or_default() {
                let candidate = name.to_string_lossy();
                if (!candidate.starts_with('.') || text.starts_with('.')) && matches(&text, &candidate) {
                    next.push(directory.join(&name));
                }
            }
        }
        found = next;
    }
    Ok(!found.is_empty())
}

fn is_pattern(text: &str) -> bool {
    text.contains(['*', '?', '['])
}

/// Whether a name matches a pattern (Python's `fnmatch`: a backslash means nothing special).
pub fn matches(pattern: &str, name: &str) -> bool {
    let pattern: Vec<char> = pattern.chars().collect();
    let name: Vec<char> = name.chars().collect();
    // Where to go on when a later part does not match: after the last star, with one character more taken by it.
    let (mut at, mut here, mut retry) = (0, 0, None);
    while here < name.len() {
        match pattern.get(at) {
            Some('*') => {
                retry = Some((at + 1, here));
                at += 1;
                continue;
            }
            Some('?') => {
                at += 1;
                here += 1;
                continue;
            }
            Some('[') => {
                if let Some((matched, length)) = class(&pattern[at..], name[here]) {
                    if matched {
                        at += length;
                        here += 1;
                        continue;
                    }
                } else if name[here] == '[' {
                    at += 1;
                    here += 1;
                    continue;
                }
            }
            Some(&literal) if literal == name[here] => {
                at += 1;
                here += 1;
                continue;
            }
            _ => {}
        }
        let Some((star, taken)) = retry else { return false };
        at = star;
        here = taken + 1;
        retry = Some((star, taken + 1));
    }
    pattern[at..].iter().all(|left| *left == '*')
}

/// `[abc]`, `[a-z]`, `[!a]` at the start of a pattern: whether it matches, and its length. `None` where it has no end.
fn class(pattern: &[char], letter: char) -> Option<(bool, usize)> {
    let negated = pattern.get(1) == Some(&'!');
    let start = if negated { 2 } else { 1 };
    // A bracket right at the start is one of the letters.
    let end = (start + 1..pattern.len()).find(|at| pattern[*at] == ']')?;
    let mut matched = false;
    let mut at = start;
    while at < end {
        if at + 2 < end && pattern[at + 1] == '-' {
            matched |= (pattern[at]..=pattern[at + 2]).contains(&letter);
            at += 3;
        } else {
            matched |= pattern[at] == letter;
            at += 1;
        }
    }
    Some((matched != negated, end + 1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::Context;
    use crate::host::live::Live;

    #[test]
    fn patterns_match_as_fnmatch_does() {
        for (pattern, name, expected) in [
            ("*.conf", "a.conf", true),
            ("*.conf", "a.conf.d", false),
            ("a*b*c", "axxbyyc", true),
            ("a*b*c", "axxbyy", false),
            ("?", "", false),
            ("[a-c]x", "bx", true),
            ("[!a-c]x", "bx", false),
            ("[]]", "]", true),
            ("[a", "[a", true),
            ("*", "", true),
            ("a-[0-9]*", "a-7z", true),
        ] {
            assert_eq!(matches(pattern, name), expected, "{pattern} {name}");
        }
    }

    #[test]
    fn paths_are_searched_component_by_component() {
        let directory = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(directory.path().join("app-1/.hidden")).unwrap();
        std::fs::write(directory.path().join("app-1/done"), "").unwrap();
        std::os::unix::fs::symlink("nowhere", directory.path().join("dangling")).unwrap();
        let live = Live::new(Context::default());
        let found = |pattern: &str| any_match(&live.files, &directory.path().join(pattern)).unwrap();
        assert!(found("app-*/done") && found("app-1") && found("dangling") && found("app-?/.h*"));
        assert!(!found("app-*/undone") && !found("app-1/h*") && !found("app-1/*hidden") && !found("none*/x"));
    }
}
