//! Small texts: shell words, patterns, and sources as they were written.

use crate::loader::{Node, Source};
use serde_json::{Map, Value as Json};

/// Splits a text into words as a shell does, without expanding anything.
pub fn words(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word = String::new();
    let (mut quote, mut begun) = (None, false);
    let mut letters = text.chars();
    while let Some(letter) = letters.next() {
        match (quote, letter) {
            (None, '\'' | '"') => (quote, begun) = (Some(letter), true),
            (Some(open), _) if open == letter => quote = None,
            (None | Some('"'), '\\') => {
                word.extend(letters.next());
                begun = true;
            }
            (None, _) if letter.is_whitespace() => {
                if begun {
                    words.push(std::mem::take(&mut word));
                }
                begun = false;
            }
            _ => {
                word.push(letter);
                begun = true;
            }
        }
    }
    if begun {
        words.push(word);
    }
    words
}

/// A path as variables hold it: `{{ playbook_dir }}/x` must be the same place wherever it is used, and for a playbook of
/// the working directory not `/x`.
pub fn absolute(path: &std::path::Path) -> std::path::PathBuf {
    let path = if path.as_os_str().is_empty() { std::path::Path::new(".") } else { path };
    // Without a working directory there is nothing better than the path as it is.
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
}

/// Whether a text fits a pattern of `*` and `?`.
pub fn glob(pattern: &str, text: &str) -> bool {
    fn fits(pattern: &[char], text: &[char]) -> bool {
        match (pattern.split_first(), text.split_first()) {
            (None, None) => true,
            (Some(('*', rest)), _) => {
                fits(rest, text) || text.split_first().is_some_and(|(_, text)| fits(pattern, text))
            }
            (Some(('?', rest)), Some((_, text))) => fits(rest, text),
            (Some((letter, rest)), Some((other, text))) => letter == other && fits(rest, text),
            _ => false,
        }
    }
    let letters = |text: &str| text.chars().collect::<Vec<_>>();
    fits(&letters(pattern), &letters(text))
}

/// A source as it was written, templates and all; what is encrypted is not shown.
pub fn written(source: &Source) -> Json {
    match &source.node {
        Node::Null => Json::Null,
        Node::Bool(flag) => Json::Bool(*flag),
        Node::Int(number) => Json::from(*number),
        Node::BigInt(digits) => Json::String(digits.to_string()),
        Node::Float(number) => Json::from(*number),
        Node::Text(text, _) | Node::Unsafe(text) => Json::String(text.to_string()),
        Node::Vault(_) => Json::String("(encrypted)".to_owned()),
        Node::Seq(items) => items.iter().map(written).collect(),
        Node::Map(entries) => {
            let pairs = entries.iter().map(|entry| (written_text(&entry.key), written(&entry.value)));
            Json::Object(pairs.collect::<Map<_, _>>())
        }
    }
}

/// The same as text.
pub fn written_text(source: &Source) -> String {
    match written(source) {
        Json::String(text) => text,
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::{glob, words};

    #[test]
    fn words_know_quotes() {
        assert_eq!(
            words("-o ProxyCommand='ssh -W %h:%p jump' -o \"A b\" ''"),
            ["-o", "ProxyCommand=ssh -W %h:%p jump", "-o", "A b", ""]
        );
        assert!(words("  ").is_empty());
    }

    #[test]
    fn globs() {
        assert!(glob("install *", "install nginx"));
        assert!(glob("a?c", "abc"));
        assert!(!glob("a?c", "ac"));
    }
}
