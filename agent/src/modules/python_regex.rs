//! Python's regular expressions on fancy-regex: patterns and replacement texts written for `re`.

use super::byte_text;
type Captures<'t> = fancy_regex::Captures<'t, str>;
use std::fmt::Write as _;
use std::iter::Peekable;
use std::str::Chars;

/// What a pattern is matched against.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subject {
    /// Text: `\w` and the like know all of Unicode.
    Text,
    /// Bytes ([`byte_text::of_bytes`]): a character of the pattern that is not ASCII is its UTF-8 bytes.
    Bytes,
}

/// `re`'s flags, as the caller gives them; patterns may set them too.
#[derive(Clone, Copy, Debug, Default)]
pub struct Flags {
    /// `re.MULTILINE`: `^` and `$` match at lines.
    pub multiline: bool,
    /// `re.DOTALL`: `.` matches newlines.
    pub dotall: bool,
}

/// A compiled pattern.
#[derive(Debug)]
pub struct Regex {
    compiled: fancy_regex::Regex,
    subject: Subject,
    multiline: bool,
}

/// What is wrong with a pattern, a replacement text, or (as a sentence) why matching was given up.
pub type RegexError = String;

impl Regex {
    /// Compiles a pattern written for Python's `re`.
    pub fn new(pattern: &str, subject: Subject, flags: Flags) -> Result<Regex, RegexError> {
        let translated = translate(pattern, subject, flags)?;
        Regex::compile(&translated.pattern, pattern, subject, translated.multiline)
    }

    /// As [`Regex::new`], to match only at the start of a text (`re.match`) or only all of it (`re.fullmatch`).
    pub fn anchored(pattern: &str, subject: Subject, whole: bool) -> Result<Regex, RegexError> {
        let translated = translate(pattern, subject, Flags::default())?;
        let end = if whole { r"\z" } else { "" };
        Regex::compile(&format!(r"\A(?:{}){end}", translated.pattern), pattern, subject, translated.multiline)
    }

    /// Whether `^` and `$` match at lines, by the flags given or by the pattern's own.
    pub fn multiline(&self) -> bool {
        self.multiline
    }

    /// The names of the groups, that of the whole match (none) first.
    pub fn group_names(&self) -> impl Iterator<Item = Option<&str>> {
        self.compiled.capture_names()
    }

    fn compile(translated: &str, pattern: &str, subject: Subject, multiline: bool) -> Result<Regex, RegexError> {
        match fancy_regex::Regex::new(translated) {
            Ok(compiled) => Ok(Regex { compiled, subject, multiline }),
            Err(error) => Err(format!("the regular expression {pattern:?} is wrong: {error}")),
        }
    }

    /// Whether it matches anywhere.
    pub fn matches(&self, text: &str) -> Result<bool, RegexError> {
        self.compiled.is_match(text).map_err(|error| gave_up(&error))
    }

    /// The first match with its groups.
    pub fn captures<'t>(&self, text: &'t str) -> Result<Option<Captures<'t>>, RegexError> {
        self.compiled.captures(text).map_err(|error| gave_up(&error))
    }

    /// Byte ranges of all matches that don't overlap.
    pub fn find_all(&self, text: &str) -> Result<Vec<std::ops::Range<usize>>, RegexError> {
        let mut found = Vec::new();
        self.each(text, |groups| {
            found.extend(groups.get(0).map(|all| all.range()));
            Ok(())
        })?;
        Ok(found)
    }

    /// `re.subn`: the text with every match replaced, and how many there were.
    pub fn substitute(&self, text: &str, replacement: &Replacement) -> Result<(String, usize), RegexError> {
        let (mut out, mut count, mut copied) = (String::with_capacity(text.len()), 0, 0);
        self.each(text, |groups| {
            if let Some(all) = groups.get(0) {
                out.push_str(&text[copied..all.start()]);
                replacement.expand(groups, &mut out);
                copied = all.end();
                count += 1;
            }
            Ok(())
        })?;
        out.push_str(&text[copied..]);
        Ok((out, count))
    }

    /// Calls `visit` with every match. As in Python (3.7 and later) an empty match may follow a longer one directly.
    fn each<'t>(
        &self,
        text: &'t str,
        mut visit: impl FnMut(&Captures<'t>) -> Result<(), RegexError>,
    ) -> Result<(), RegexError> {
        let mut from = 0;
        while from <= text.len() {
            let found = self.compiled.captures_from_pos(text, from).map_err(|error| gave_up(&error))?;
            let Some((groups, range)) = found.and_then(|g| g.get(0).map(|all| all.range()).map(|range| (g, range)))
            else {
                break;
            };
            visit(&groups)?;
            from = match text[range.end..].chars().next() {
                Some(next) if range.is_empty() => range.end + next.len_utf8(),
                None if range.is_empty() => break,
                _ => range.end,
            };
        }
        Ok(())
    }

    /// Reads a replacement text for matches of this pattern.
    pub fn replacement(&self, template: &str) -> Result<Replacement, RegexError> {
        Replacement::new(template, self)
    }
}

fn gave_up(error: &fancy_regex::Error) -> RegexError {
    format!("matching was given up: {error}")
}

/// A piece of a replacement text.
#[derive(Debug, PartialEq)]
enum Piece {
    Text(String),
    Group(usize),
}

/// A replacement text (`\1`, `\g<name>`, `\n`) of one pattern.
#[derive(Debug)]
pub struct Replacement {
    pieces: Vec<Piece>,
}

impl Replacement {
    fn new(template: &str, regex: &Regex) -> Result<Replacement, RegexError> {
        let mut pieces = Vec::new();
        let mut text = String::new();
        let mut rest = template.char_indices().peekable();
        while let Some((at, c)) = rest.next() {
            if c != '\\' {
                text.push(c);
                continue;
            }
            let Some((_, c)) = rest.next() else {
                return Err(format!("bad escape (end of pattern) at position {at}"));
            };
            let group = match c {
                'g' => {
                    let name = &template[at + 2..];
                    let name = name.strip_prefix('<').and_then(|name| name.split_once('>'));
                    let Some((name, _)) = name else {
                        return Err(format!("missing group name at position {}", at + 2));
                    };
                    while rest.next_if(|(at_next, _)| *at_next < at + 4 + name.len()).is_some() {}
                    Some(
                        regex
                            .group(name)
                            .ok_or_else(|| format!("unknown group name {name:?} at position {}", at + 3))?,
                    )
                }
                '0'..='9' => {
                    let digits: String = template[at + 1..].chars().take(3).take_while(char::is_ascii_digit).collect();
                    let octal = digits.chars().all(|d| d < '8') && digits.len() == 3;
                    if c == '0' || octal {
                        // `\0`, `\012`: a character by its octal number.
                        let number: String = digits.chars().take_while(|d| *d < '8').collect();
                        for _ in 1..number.len() {
                            rest.next();
                        }
                        let value = u32::from_str_radix(&number, 8).unwrap_or(0);
                        let value = u8::try_from(value).map_err(|_| {
                            format!("octal escape \\{number} is outside of 0 to 0o377 at position {at}")
                        })?;
                        text.push_str(&regex.byte(value));
                        continue;
                    }
                    let number: String = digits.chars().take(2).collect();
                    for _ in 1..number.len() {
                        rest.next();
                    }
                    let group = number.parse().ok().filter(|group| *group < regex.compiled.captures_len());
                    Some(group.ok_or_else(|| format!("invalid group reference {number} at position {}", at + 1))?)
                }
                _ => None,
            };
            if let Some(group) = group {
                pieces.push(Piece::Text(std::mem::take(&mut text)));
                pieces.push(Piece::Group(group));
                continue;
            }
            match control(c) {
                Some(control) => text.push(control),
                None if c == '\\' => text.push('\\'),
                None if c.is_ascii_alphabetic() => return Err(format!("bad escape \\{c} at position {at}")),
                None => text.extend(['\\', c]),
            }
        }
        pieces.push(Piece::Text(text));
        if regex.subject == Subject::Bytes {
            for piece in &mut pieces {
                if let Piece::Text(text) = piece {
                    // What an octal escape made is a stand-in already; it goes through unharmed.
                    *text = byte_text::of_bytes(&byte_text::to_bytes(text));
                }
            }
        }
        Ok(Replacement { pieces })
    }

    /// Appends what replaces a match. A group that took no part in it is empty.
    pub fn expand(&self, groups: &Captures<'_>, out: &mut String) {
        for piece in &self.pieces {
            match piece {
                Piece::Text(text) => out.push_str(text),
                Piece::Group(group) => out.push_str(groups.get(*group).map_or("", |found| found.as_str())),
            }
        }
    }
}

impl Regex {
    /// The number of the group with this name or number.
    fn group(&self, name: &str) -> Option<usize> {
        match name.parse::<usize>() {
            Ok(number) => (number < self.compiled.captures_len()).then_some(number),
            Err(_) => self.compiled.capture_names().position(|known| known == Some(name)),
        }
    }

    /// The text of the character with this number below 256.
    fn byte(&self, value: u8) -> String {
        match self.subject {
            Subject::Text => char::from(value).to_string(),
            Subject::Bytes => byte_text::of_bytes(&[value]),
        }
    }
}

/// The control character that `\n` and its kin stand for.
fn control(letter: char) -> Option<char> {
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
struct Translated {
    pattern: String,
    /// Whether the whole pattern is multi-line.
    multiline: bool,
}

fn translate(pattern: &str, subject: Subject, flags: Flags) -> Result<Translated, RegexError> {
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

#[cfg(test)]
mod tests {
    use super::*;

    fn sub(pattern: &str, replacement: &str, text: &str) -> Result<String, String> {
        let regex = Regex::new(pattern, Subject::Text, Flags::default())?;
        Ok(regex.substitute(text, &regex.replacement(replacement)?)?.0)
    }

    /// Every expected value was printed by Python 3.11's `re.sub`.
    #[test]
    fn patterns_mean_what_python_means() {
        for (pattern, replacement, text, expected) in [
            (r"x*", "-", "abxc", "-a-b--c-"),
            (r"b\Z", "X", "b\nb", "b\nX"),
            (r"b$", "X", "b\nb\n", "b\nX\n"),
            (r"(?m)b$", "X", "b\nb\n", "X\nX\n"),
            (r"(?P<q>['\x22])(.*?)(?P=q)", r"<\2\g<q>>", "a 'b' \"c'\"", "a <b'> <c'\">"),
            (r"(a)(b)?", r"[\1\2]", "ab a", "[ab] [a]"),
            (r"[[\]a&&b~~-]", "_", "a[]&-b~c", "_______c"),
            (r"[]-]", "_", "a]-", "a__"),
            (r"[a\-z]", "_", "a-mz", "__m_"),
            (r"a{,2}", "<>", "aaab", "<><><>b<>"),
            (r"a{x}|{{", "!", "a{x} {{", "! !"),
            (r"\<b\>", "!", "<b>", "!"),
            (r"(?x) a  b # comment", "!", "ab a b", "! a b"),
            (r"(?i:A)b", "!", "abAbaB", "!!aB"),
            (r"\061\x32", "!", "12", "!"),
            (r"(a)\1", r"\g<1>0\060", "aa", "a00"),
            (r"(?<!\d)(\d)(?!\d)", r"<\1>", "1 22 3", "<1> 22 <3>"),
            (r"(a)?b(?(1)c|d)", "!", "abc bd bc", "! ! bc"),
            (r"\.", r"\.\\", "a.b", r"a\.\b"),
            (r"(?s)a.b", "!", "a\nb", "!"),
            (r"a.b", "!", "a\nb", "a\nb"),
            (r"\w+", "W", "caf\u{e9} 1", "W W"),
            (r"(?a)\w+", "W", "caf\u{e9}", "W\u{e9}"),
            (r"(?#note)a", "!", "a", "!"),
            (r"\bfoo\b", "!", "foo.foo food", "!.! food"),
        ] {
            assert_eq!(sub(pattern, replacement, text).as_deref(), Ok(expected), "{pattern}");
        }
    }

    #[test]
    fn what_python_refuses_is_refused() {
        for (pattern, replacement) in
            [("(", ""), ("a)", ""), ("[", ""), (r"\q", ""), ("a", r"\1"), ("a", r"\g<b>"), ("a", r"\q"), ("a", "\\")]
        {
            assert!(sub(pattern, replacement, "a").is_err(), "{pattern} {replacement}");
        }
    }

    #[test]
    fn over_bytes_only_ascii_is_known() -> Result<(), String> {
        let text = byte_text::of_bytes("caf\u{e9} \u{e9}".as_bytes());
        for (pattern, expected) in [
            (r"^\w+$", false),
            (r"caf.. ", true),
            (r"caf\xc3\xa9", true),
            ("caf\u{e9}", true),
            (r"[\x80-\xff]{2} ", true),
            ("(?i)CAF\u{c9}", false),
            (r"[^\x00-\x7f]", true),
        ] {
            assert_eq!(Regex::new(pattern, Subject::Bytes, Flags::default())?.matches(&text)?, expected, "{pattern}");
        }
        let regex = Regex::new(r"(caf)(..)", Subject::Bytes, Flags::default())?;
        let (out, _) = regex.substitute(&text, &regex.replacement("\\1\u{e8}\\2\\351")?)?;
        assert_eq!(byte_text::to_bytes(&out), b"caf\xc3\xa8\xc3\xa9\xe9 \xc3\xa9");
        Ok(())
    }
}
