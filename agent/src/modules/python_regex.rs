//! Python's regular expressions on fancy-regex: patterns and replacement texts written for `re`.

use super::byte_text;
use super::python_pattern::{control, translate};
type Captures<'t> = fancy_regex::Captures<'t, str>;

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

    /// As [`Regex::new`], to match only at the start of a text (`re.match`).
    pub fn anchored(pattern: &str, subject: Subject) -> Result<Regex, RegexError> {
        let translated = translate(pattern, subject, Flags::default())?;
        Regex::compile(&format!(r"\A(?:{})", translated.pattern), pattern, subject, translated.multiline)
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

    /// Where the first match is, in bytes.
    pub fn find(&self, text: &str) -> Result<Option<std::ops::Range<usize>>, RegexError> {
        let found = self.compiled.find(text).map_err(|error| gave_up(&error))?;
        Ok(found.map(|found| found.range()))
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
        })?;
        out.push_str(&text[copied..]);
        Ok((out, count))
    }

    /// Calls `visit` with every match. As in Python (3.7 and later) an empty match may follow a longer one directly.
    pub fn each<'t>(&self, text: &'t str, mut visit: impl FnMut(&Captures<'t>)) -> Result<(), RegexError> {
        let mut from = 0;
        while from <= text.len() {
            let found = self.compiled.captures_from_pos(text, from).map_err(|error| gave_up(&error))?;
            let Some((groups, range)) = found.and_then(|g| g.get(0).map(|all| all.range()).map(|range| (g, range)))
            else {
                break;
            };
            visit(&groups);
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
