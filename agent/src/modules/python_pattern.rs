//! Patterns of Python's `re`, rewritten for fancy-regex.

use super::byte_text;
use super::python_regex::{Flags, RegexError, Subject};
use std::fmt::Write as _;
use std::iter::Peekable;
use std::str::Chars;

/// The control character that `\n` and its kin stand for.
pub fn control(letter: char) -> Option<char> {
    Some(match letter {
        'a' => '\x07',
        'b' => '\x08',
        'f' => '\x0c',
        'n' => '\n',
        'r' => '\r',
        't' => '\t',
        'v' => '\x0b',
        _ => return None,
    })
}

/// Flags in force at a place of a pattern.
#[derive(Clone, Copy)]
struct State {
    multiline: bool,
    dotall: bool,
    verbose: bool,
    ascii: bool,
}

/// Rewrites a pattern for fancy-regex. `.`, `^`, `$` and verbose patterns are written out by the flags in force, so
/// that only `i` remains a flag of the other side.
struct Translator<'p> {
    rest: Peekable<Chars<'p>>,
    subject: Subject,
    out: String,
    state: State,
    /// The states outside of the open groups.
    outer: Vec<State>,
}

/// A pattern for fancy-regex.
pub struct Translated {
    /// The pattern.
    pub pattern: String,
    /// Whether the whole of it is multi-line.
    pub multiline: bool,
}

/// Rewrites a pattern.
pub fn translate(pattern: &str, subject: Subject, flags: Flags) -> Result<Translated, RegexError> {
    let state =
        State { multiline: flags.multiline, dotall: flags.dotall, verbose: false, ascii: subject == Subject::Bytes };
    let mut translator =
        Translator { rest: pattern.chars().peekable(), subject, out: String::new(), state, outer: Vec::new() };
    translator.all().map_err(|error| format!("the regular expression {pattern:?} is wrong: {error}"))?;
    Ok(Translated { pattern: translator.out, multiline: translator.state.multiline })
}

impl Translator<'_> {
    fn all(&mut self) -> Result<(), RegexError> {
        while let Some(c) = self.rest.next() {
            match c {
                '\\' => self.escape(false)?,
                '[' => self.class()?,
                '(' => self.group()?,
                ')' => {
                    self.state = self.outer.pop().ok_or("unbalanced parenthesis")?;
                    self.out.push(')');
                }
                '.' => self.out.push_str(if self.state.dotall { "(?s:.)" } else { r"[^\n]" }),
                '^' => self.out.push_str(if self.state.multiline { "(?m:^)" } else { r"\A" }),
                '$' => self.out.push_str(if self.state.multiline { "(?m:$)" } else { r"(?=\n?\z)" }),
                '{' => self.brace(),
                '}' | ']' => self.literal(c),
                '#' if self.state.verbose => while self.rest.next().is_some_and(|c| c != '\n') {},
                c if self.state.verbose && c.is_ascii_whitespace() => {}
                '*' | '+' | '?' | '|' => self.out.push(c),
                c => self.literal(c),
            }
        }
        if self.outer.is_empty() { Ok(()) } else { Err("missing ), unterminated subpattern".to_owned()) }
    }

    /// A character that stands for itself: one of the pattern, which in a pattern over bytes may be several.
    fn literal(&mut self, c: char) {
        if c.is_ascii() {
            self.number(u32::from(c));
        } else if self.subject == Subject::Text {
            self.out.push(c);
        } else {
            let bytes = byte_text::of_bytes(c.encode_utf8(&mut [0; 4]).as_bytes());
            // One unit, so that `é?` means the whole letter's bytes: Python would take the last byte only, which no
            // author of a pattern ever wants.
            let _ = write!(self.out, "(?:{bytes})");
        }
    }

    /// A character by its number, in a form that is never special.
    fn number(&mut self, number: u32) {
        match char::from_u32(number) {
            Some(c) if c.is_ascii_alphanumeric() => self.out.push(c),
            _ => {
                let _ = write!(self.out, r"\x{{{number:X}}}");
            }
        }
    }

    /// A number that an escape gave: over bytes those from 128 on are bytes.
    fn escaped_number(&mut self, number: u32) {
        match (self.subject, u8::try_from(number)) {
            (Subject::Bytes, Ok(byte)) if !byte.is_ascii() => self.out.push_str(&byte_text::of_bytes(&[byte])),
            _ => self.number(number),
        }
    }

    /// `{`: a repetition, else itself.
    fn brace(&mut self) {
        let ahead: String = self.rest.clone().take_while(|c| *c != '}').collect();
        let closed = self.rest.clone().any(|c| c == '}');
        let number = |text: &str| text.chars().all(|c| c.is_ascii_digit());
        let repetition = match ahead.split_once(',') {
            Some(("", "")) => None,
            Some((low, high)) if number(low) && number(high) => {
                Some(format!("{{{},{high}}}", if low.is_empty() { "0" } else { low }))
            }
            None if !ahead.is_empty() && number(&ahead) => Some(format!("{{{ahead}}}")),
            _ => None,
        };
        match repetition.filter(|_| closed) {
            Some(repetition) => {
                self.out.push_str(&repetition);
                for _ in 0..=ahead.chars().count() {
                    self.rest.next();
                }
            }
            None => self.literal('{'),
        }
    }

    /// After `\`.
    fn escape(&mut self, in_class: bool) -> Result<(), RegexError> {
        let Some(c) = self.rest.next() else { return Err("bad escape (end of pattern)".to_owned()) };
        match c {
            'A' | 'B' if !in_class => self.out.extend(['\\', c]),
            'b' if !in_class => self.out.push_str(r"\b"),
            'Z' if !in_class => self.out.push_str(r"\z"),
            'd' | 'D' | 's' | 'S' | 'w' | 'W' => self.shorthand(c, in_class),
            'x' => {
                let number = self.hex(2)?;
                self.escaped_number(number);
            }
            'u' | 'U' if self.subject == Subject::Text => {
                let number = self.hex(if c == 'u' { 4 } else { 8 })?;
                self.number(number);
            }
            '0' => {
                let number = self.octal(0, 2);
                self.escaped_number(number);
            }
            '1'..='9' => self.reference(c, in_class)?,
            c if control(c).is_some() => self.number(control(c).map_or(0, u32::from)),
            c if c.is_ascii_alphabetic() => return Err(format!("bad escape \\{c}")),
            c => self.literal(c),
        }
        Ok(())
    }

    /// `\w` and its kin.
    fn shorthand(&mut self, c: char, in_class: bool) {
        let ascii = match c.to_ascii_lowercase() {
            'd' => "0-9",
            's' => r"\x20\t\n\r\x0B\x0C",
            _ => "0-9A-Za-z_",
        };
        match (self.state.ascii, in_class && c.is_ascii_lowercase()) {
            (false, _) => self.out.extend(['\\', c]),
            (true, true) => self.out.push_str(ascii),
            (true, false) => {
                let _ = write!(self.out, "[{}{ascii}]", if c.is_ascii_uppercase() { "^" } else { "" });
            }
        }
    }

    fn hex(&mut self, digits: usize) -> Result<u32, RegexError> {
        let text: String = self.rest.clone().take(digits).take_while(char::is_ascii_hexdigit).collect();
        if text.len() < digits {
            return Err(format!("incomplete escape \\x{text}"));
        }
        for _ in 0..digits {
            self.rest.next();
        }
        u32::from_str_radix(&text, 16).map_err(|error| error.to_string())
    }

    /// More octal digits after a first one.
    fn octal(&mut self, first: u32, most: usize) -> u32 {
        let mut number = first;
        for _ in 0..most {
            let Some(digit) = self.rest.peek().and_then(|c| c.to_digit(8)) else { break };
            number = number * 8 + digit;
            self.rest.next();
        }
        number
    }

    /// `\1` to `\99`, or an octal number of three digits.
    fn reference(&mut self, first: char, in_class: bool) -> Result<(), RegexError> {
        let ahead: String = self.rest.clone().take(2).take_while(|c| c.is_digit(8)).collect();
        if let Some(start) = first.to_digit(8)
            && (ahead.len() == 2 || in_class)
        {
            let number = self.octal(start, 2);
            if number > 0o377 {
                return Err(format!("octal escape \\{number:o} is outside of 0 to 0o377"));
            }
            self.escaped_number(number);
            return Ok(());
        }
        if in_class {
            return Err(format!("bad escape \\{first}"));
        }
        let mut group = first.to_string();
        group.extend(self.rest.next_if(char::is_ascii_digit));
        let _ = write!(self.out, r"(?:\{group})");
        Ok(())
    }

    /// After `[`. What is special in a class on the other side only (`[`, `&&`, `--`, `~~`) is written as numbers.
    fn class(&mut self) -> Result<(), RegexError> {
        self.out.push('[');
        if self.rest.next_if_eq(&'^').is_some() {
            self.out.push('^');
        }
        let mut first = true;
        loop {
            match self.rest.next() {
                None => return Err("unterminated character set".to_owned()),
                Some(']') if !first => break,
                Some('\\') => self.escape(true)?,
                Some('-') => {
                    // A range, unless it stands at an end.
                    let range = !first && self.rest.peek().is_some_and(|next| *next != ']');
                    self.out.push_str(if range { "-" } else { r"\-" });
                    // `[+--]` and the like: the end of a range is itself.
                    if range && let Some(end) = self.rest.next_if(|next| *next == '-') {
                        self.number(u32::from(end));
                    }
                }
                Some(c) if c.is_ascii() => self.number(u32::from(c)),
                Some(c) if self.subject == Subject::Text => self.out.push(c),
                Some(c) => self.out.push_str(&byte_text::of_bytes(c.encode_utf8(&mut [0; 4]).as_bytes())),
            }
            first = false;
        }
        self.out.push(']');
        Ok(())
    }

    /// After `(`.
    fn group(&mut self) -> Result<(), RegexError> {
        if self.rest.next_if_eq(&'?').is_none() {
            self.outer.push(self.state);
            self.out.push('(');
            return Ok(());
        }
        match self.rest.next() {
            Some('#') => {
                if !self.rest.any(|c| c == ')') {
                    return Err("missing ), unterminated comment".to_owned());
                }
            }
            Some('P') => match self.rest.next() {
                Some('<') => {
                    let name = self.until('>')?;
                    self.outer.push(self.state);
                    let _ = write!(self.out, "(?P<{name}>");
                }
                Some('=') => {
                    let name = self.until(')')?;
                    let _ = write!(self.out, r"(?:\k<{name}>)");
                }
                other => return Err(format!("unknown extension ?P{}", other.map(String::from).unwrap_or_default())),
            },
            Some('(') => {
                let condition = self.until(')')?;
                self.outer.push(self.state);
                match condition.parse::<usize>() {
                    Ok(number) => {
                        let _ = write!(self.out, "(?({number})");
                    }
                    Err(_) => {
                        let _ = write!(self.out, "(?(<{condition}>)");
                    }
                }
            }
            Some('<') => {
                let kind = self.rest.next().filter(|c| matches!(c, '=' | '!')).ok_or("unknown extension ?<")?;
                self.outer.push(self.state);
                let _ = write!(self.out, "(?<{kind}");
            }
            Some(kind @ (':' | '=' | '!' | '>')) => {
                self.outer.push(self.state);
                let _ = write!(self.out, "(?{kind}");
            }
            Some(flag) => self.flags(flag)?,
            None => return Err("unexpected end of pattern".to_owned()),
        }
        Ok(())
    }

    /// `(?i)`, `(?m-s:...)`.
    fn flags(&mut self, first: char) -> Result<(), RegexError> {
        let before = self.state;
        let (mut on, mut case, mut next) = (true, None, Some(first));
        loop {
            match next {
                Some('-') if on => on = false,
                Some('i') => case = Some(on),
                Some('m') => self.state.multiline = on,
                Some('s') => self.state.dotall = on,
                Some('x') => self.state.verbose = on,
                Some('a') => self.state.ascii = on,
                Some('u') if self.subject == Subject::Text => self.state.ascii = false,
                Some('L') if self.subject == Subject::Bytes => {}
                Some(')') => {
                    match case {
                        Some(true) => self.out.push_str("(?i)"),
                        Some(false) => return Err("missing :".to_owned()),
                        None => {}
                    }
                    return Ok(());
                }
                Some(':') => {
                    self.outer.push(before);
                    self.out.push_str(match case {
                        Some(true) => "(?i:",
                        Some(false) => "(?-i:",
                        None => "(?:",
                    });
                    return Ok(());
                }
                Some(other) => return Err(format!("unknown flag {other:?}")),
                None => return Err("missing -, : or )".to_owned()),
            }
            next = self.rest.next();
        }
    }

    fn until(&mut self, end: char) -> Result<String, RegexError> {
        let mut name = String::new();
        for c in self.rest.by_ref() {
            if c == end {
                return Ok(name);
            }
            name.push(c);
        }
        Err(format!("missing {end}, unterminated name"))
    }
}
