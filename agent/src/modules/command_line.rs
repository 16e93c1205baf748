//! A command line as words, split as Python's `shlex.split` does.

/// Splits at white space; quotes and backslashes protect as in a POSIX shell, and nothing else is special. The error
/// says what has no end.
pub fn split(line: &str) -> Result<Vec<String>, String> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut letters = line.chars();
    while let Some(letter) = letters.next() {
        match letter {
            ' ' | '\t' | '\r' | '\n' => words.extend(word.take()),
            '\'' => {
                let word = word.get_or_insert_default();
                loop {
                    match letters.next() {
                        Some('\'') => break,
                        Some(letter) => word.push(letter),
                        None => return Err("a single quote has no end".to_owned()),
                    }
                }
            }
            '"' => {
                let word = word.get_or_insert_default();
                loop {
                    match letters.next() {
                        Some('"') => break,
                        // Only the quote and the backslash itself are protected by a backslash here.
                        Some('\\') => match letters.next() {
                            Some(letter @ ('"' | '\\')) => word.push(letter),
                            Some(letter) => word.extend(['\\', letter]),
                            None => return Err("a double quote has no end".to_owned()),
                        },
                        Some(letter) => word.push(letter),
                        None => return Err("a double quote has no end".to_owned()),
                    }
                }
            }
            '\\' => match letters.next() {
                Some(letter) => word.get_or_insert_default().push(letter),
                None => return Err("a backslash protects nothing at the end".to_owned()),
            },
            letter => word.get_or_insert_default().push(letter),
        }
    }
    words.extend(word);
    Ok(words)
}

#[cfg(test)]
mod tests {
    use super::*;

    // Each expectation is what Python's shlex.split gives.
    #[test]
    fn words_are_those_of_shlex() {
        for (line, words) in [
            ("ls  -l\t/tmp\n", vec!["ls", "-l", "/tmp"]),
            (r#"echo "a b" 'c d'e"#, vec!["echo", "a b", "c de"]),
            (r#"a\ b "c\"d\$" 'e\f'"#, vec!["a b", r#"c"d\$"#, r"e\f"]),
            (r#""" ''"#, vec!["", ""]),
            ("a # b", vec!["a", "#", "b"]),
            ("a;b|c>d $(e)", vec!["a;b|c>d", "$(e)"]),
            ("", vec![]),
        ] {
            assert_eq!(split(line).unwrap(), words, "{line}");
        }
        for line in ["'a", "\"a", "a\\", "\"a\\"] {
            assert!(split(line).is_err(), "{line}");
        }
    }
}
