//! Text literals as Python decodes them: minijinja's lexer follows JSON in a few escapes.

/// The text between the quotes of the literals in `source`, backslashes and all: what YAML already unescaped is not
/// unescaped again.
pub fn verbatim(source: &str) -> Option<String> {
    let mut out = String::new();
    let mut chars = source.chars().peekable();
    loop {
        while chars.next_if(|char| char.is_whitespace()).is_some() {}
        let Some(quote) = chars.next() else { return Some(out) };
        if !matches!(quote, '\'' | '"') {
            return None;
        }
        loop {
            match chars.next()? {
                char if char == quote => break,
                '\\' => {
                    out.push('\\');
                    out.push(chars.next()?);
                }
                char => out.push(char),
            }
        }
    }
}

/// The text that the literals in `source` (one, or several side by side) make; `None` where it is not just literals.
pub fn decode(source: &str) -> Option<String> {
    let mut out = String::new();
    let mut chars = source.chars().peekable();
    loop {
        while chars.next_if(|char| char.is_whitespace()).is_some() {}
        let Some(quote) = chars.next() else { return Some(out) };
        if !matches!(quote, '\'' | '"') {
            return None;
        }
        loop {
            match chars.next()? {
                char if char == quote => break,
                '\\' => escape(&mut chars, &mut out)?,
                char => out.push(char),
            }
        }
    }
}

fn escape(chars: &mut std::iter::Peekable<std::str::Chars<'_>>, out: &mut String) -> Option<()> {
    let code = |chars: &mut std::iter::Peekable<std::str::Chars<'_>>, digits: usize| {
        let mut number = 0;
        for _ in 0..digits {
            number = number * 16 + chars.next()?.to_digit(16)?;
        }
        char::from_u32(number)
    };
    match chars.next()? {
        '\n' => {}
        'a' => out.push('\x07'),
        'b' => out.push('\x08'),
        'f' => out.push('\x0c'),
        'n' => out.push('\n'),
        'r' => out.push('\r'),
        't' => out.push('\t'),
        'v' => out.push('\x0b'),
        char @ ('\\' | '\'' | '"') => out.push(char),
        'x' => out.push(code(chars, 2)?),
        'u' => out.push(code(chars, 4)?),
        'U' => out.push(code(chars, 8)?),
        first @ '0'..='7' => {
            let mut number = first.to_digit(8)?;
            for _ in 0..2 {
                let Some(digit) = chars.next_if(|char| char.is_digit(8)) else { break };
                number = number * 8 + digit.to_digit(8)?;
            }
            out.push(char::from_u32(number)?);
        }
        other => {
            out.push('\\');
            out.push(other);
        }
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_yaml_unescaped_is_kept() {
        assert_eq!(verbatim(r"'\1 \n' 'x'"), Some(r"\1 \nx".to_owned()));
        assert_eq!(verbatim(r"'it\'s'"), Some(r"it\'s".to_owned()));
    }

    #[test]
    fn escapes_that_python_does_not_know_keep_their_backslash() {
        assert_eq!(decode(r"'\d\/\.'"), Some(r"\d\/\.".to_owned()));
        assert_eq!(decode(r#"'a\n' "b\'""#), Some("a\nb'".to_owned()));
        assert_eq!(decode(r"'\1\x41\u00e9'"), Some("\u{1}Aé".to_owned()));
        assert_eq!(decode("'a' + 'b'"), None);
    }
}
