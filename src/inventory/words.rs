//! The words of a host's line, as Python's `shlex` splits them.

use std::ops::Range;

/// A word.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Word {
    /// Without its quotes and backslashes.
    pub text: String,
    /// Where it stands in the line, quotes included.
    pub range: Range<usize>,
}

/// The words of a line up to a comment, which a `#` outside of quotes begins anywhere. Fails with the place of a quote that
/// is not closed.
pub(super) fn split(line: &str) -> Result<Vec<Word>, usize> {
    let mut words = Vec::new();
    let mut word: Option<Word> = None;
    let mut chars = line.char_indices();
    while let Some((at, c)) = chars.next() {
        if c == '#' {
            break;
        }
        if c.is_ascii_whitespace() {
            words.extend(word.take());
            continue;
        }
        let current = word.get_or_insert_with(|| Word { text: String::new(), range: at..at });
        match c {
            '\'' => loop {
                match chars.next().ok_or(at)?.1 {
                    '\'' => break,
                    other => current.text.push(other),
                }
            },
            '"' => loop {
                match chars.next().ok_or(at)?.1 {
                    '"' => break,
                    '\\' => match chars.next().ok_or(at)?.1 {
                        escaped @ ('"' | '\\') => current.text.push(escaped),
                        other => current.text.extend(['\\', other]),
                    },
                    other => current.text.push(other),
                }
            },
            '\\' => current.text.extend(chars.next().map(|(_, c)| c)),
            other => current.text.push(other),
        }
        current.range.end = chars.clone().next().map_or(line.len(), |(next, _)| next);
    }
    words.extend(word);
    Ok(words)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each as Python's `shlex.split(line, comments=True)` has it.
    #[test]
    fn a_line_is_split_as_shlex_does() {
        let cases: &[(&str, &[&str])] = &[
            ("h a=1  b='x y'", &["h", "a=1", "b=x y"]),
            ("h a=\"it's\" b='say \"x\"'", &["h", "a=it's", "b=say \"x\""]),
            ("h a=b#c d", &["h", "a=b"]),
            ("h a='b#c' # d", &["h", "a=b#c"]),
            ("h a=x\\ y b=\"\\n\\\"\"", &["h", "a=x y", "b=\\n\""]),
            ("h a=''", &["h", "a="]),
            ("", &[]),
        ];
        for (line, expected) in cases {
            let words: Vec<String> = split(line).unwrap().into_iter().map(|word| word.text).collect();
            assert_eq!(words, *expected, "{line}");
        }
        assert_eq!(split("h a=\"x y"), Err(4));
        assert_eq!(split("h é='x' b").unwrap()[1].range, 2..8);
    }
}
