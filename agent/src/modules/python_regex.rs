//! Python's regular expressions: patterns and replacement texts written for `re`, with its meaning of every character.
//!
//! The engine is the project's own, small on purpose: those of Rust's libraries would make up a fifth of the agent, bring
//! tables that Python's syntax can't even ask for, and mean other things in places.

use super::byte_text;
use super::python_escape::control;
use super::python_matcher::{GaveUp, Program, TOO_LARGE};
use super::python_pattern::parse;
use std::ops::Range;

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
    program: Program,
    names: Vec<Option<String>>,
    subject: Subject,
    multiline: bool,
    /// Whether it matches only where the text starts.
    anchored: bool,
}

/// A match with its groups.
#[derive(Debug)]
pub struct Captures<'r, 't> {
    regex: &'r Regex,
    text: &'t str,
    ends: Vec<usize>,
}

/// What a group matched.
#[derive(Clone, Debug, PartialEq)]
pub struct Found<'t> {
    text: &'t str,
    range: Range<usize>,
}

impl<'t> Captures<'_, 't> {
    /// What a group matched, if it took part in the match; group 0 is the whole.
    pub fn get(&self, group: usize) -> Option<Found<'t>> {
        let range = *self.ends.get(2 * group)?..*self.ends.get(2 * group + 1)?;
        (range.start <= range.end && range.end <= self.text.len()).then_some(Found { text: self.text, range })
    }

    /// How many groups there are, the whole match included.
    pub fn groups(&self) -> usize {
        self.regex.program.groups()
    }

    /// What the group with this name matched.
    pub fn name(&self, name: &str) -> Option<Found<'t>> {
        self.get(self.regex.group(name)?)
    }
}

impl<'t> Found<'t> {
    /// Where, in bytes.
    pub fn range(&self) -> Range<usize> {
        self.range.clone()
    }

    /// Where it begins.
    pub fn start(&self) -> usize {
        self.range.start
    }

    /// Where it ends.
    pub fn end(&self) -> usize {
        self.range.end
    }

    /// The text.
    pub fn as_str(&self) -> &'t str {
        &self.text[self.range.clone()]
    }
}

/// What is wrong with a pattern, a replacement text, or (as a sentence) why matching was given up.
pub type RegexError = String;

impl Regex {
    /// Compiles a pattern written for Python's `re`.
    pub fn new(pattern: &str, subject: Subject, flags: Flags) -> Result<Regex, RegexError> {
        let read = parse(pattern, subject, flags)?;
        let Some(program) = Program::new(&read.node, read.names.len()) else {
            return Err(format!("the regular expression {pattern:?} is wrong: {TOO_LARGE}"));
        };
        Ok(Regex { program, names: read.names, subject, multiline: read.multiline, anchored: false })
    }

    /// As [`Regex::new`], to match only at the start of a text (`re.match`).
    pub fn anchored(pattern: &str, subject: Subject) -> Result<Regex, RegexError> {
        Ok(Regex { anchored: true, ..Regex::new(pattern, subject, Flags::default())? })
    }

    /// Whether `^` and `$` match at lines, by the flags given or by the pattern's own.
    pub fn multiline(&self) -> bool {
        self.multiline
    }

    /// The names of the groups, that of the whole match (none) first.
    pub fn group_names(&self) -> impl Iterator<Item = Option<&str>> {
        self.names.iter().map(Option::as_deref)
    }

    /// The first match from a place on, but for an empty one there if `not_empty`.
    fn from<'t>(&self, text: &'t str, from: usize, not_empty: bool) -> Result<Option<Captures<'_, 't>>, RegexError> {
        if self.anchored && from > 0 {
            return Ok(None);
        }
        match self.program.search(text, from, self.anchored, not_empty) {
            Ok(found) => Ok(found.map(|ends| Captures { regex: self, text, ends })),
            Err(GaveUp) => {
                Err("matching was given up: the regular expression tries too many ways to match this text".to_owned())
            }
        }
    }

    /// Whether it matches anywhere.
    pub fn matches(&self, text: &str) -> Result<bool, RegexError> {
        Ok(self.from(text, 0, false)?.is_some())
    }

    /// The first match with its groups.
    pub fn captures<'t>(&self, text: &'t str) -> Result<Option<Captures<'_, 't>>, RegexError> {
        self.from(text, 0, false)
    }

    /// Where the first match is, in bytes.
    pub fn find(&self, text: &str) -> Result<Option<Range<usize>>, RegexError> {
        Ok(self.from(text, 0, false)?.and_then(|found| found.get(0)).map(|found| found.range()))
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

    /// Calls `visit` with every match. As in Python (3.7 and later) an empty match may follow a longer one directly, and
    /// a longer one may begin where an empty one was.
    pub fn each<'t>(&self, text: &'t str, mut visit: impl FnMut(&Captures<'_, 't>)) -> Result<(), RegexError> {
        let (mut from, mut was_empty) = (0, false);
        while let Some(groups) = self.from(text, from, was_empty)?
            && let Some(all) = groups.get(0)
        {
            visit(&groups);
            (from, was_empty) = (all.end(), all.range().is_empty());
        }
        Ok(())
    }

    /// Reads a replacement text for matches of this pattern.
    pub fn replacement(&self, template: &str) -> Result<Replacement, RegexError> {
        Replacement::new(template, self)
    }
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
                    let group = number.parse().ok().filter(|group| *group < regex.program.groups());
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
    pub fn expand(&self, groups: &Captures<'_, '_>, out: &mut String) {
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
            Ok(number) => (number < self.program.groups()).then_some(number),
            Err(_) => self.names.iter().position(|known| known.as_deref() == Some(name)),
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
            (r"(?:a|b)*?c", "!", "abac abc", "! !"),
            (r"(a?)*b", r"[\1]", "aab b", "[] []"),
            (r"(?:(a)|b)+", r"[\1]", "ab", "[a]"),
            (r"(?:(a)|(b)){2,3}?", r"[\1\2]", "abab", "[ab][ab]"),
            (r"(?>a*)ab|c", "!", "aab c", "aab !"),
            (r"a*+a|b", "!", "aab", "aa!"),
            (r"(?i)stra\u00dfe|[k-m]", "!", "STRA\u{df}E \u{212a}L", "! !!"),
            (r"(?i)[^a-c]+", "!", "ABxyC", "AB!C"),
            (r"(?i)(ab)\1", "!", "abAB", "!"),
            (r"(?m)^(\s*)x$", r"\1y", " x\nx\nxx", " y\ny\nxx"),
            (r"(?<=ab|cd)e", "!", "abe cde ae", "ab! cd! ae"),
            (r"(?<!^)a", "!", "aa", "a!"),
            (r"(?=(a+))a*b\1", "!", "aaab aba", "aaab !"),
            (r"(?:){3}|a{0}b", "-", "ab", "-a---"),
            (r"[^\n]{2,}?x|(?P<n>y){2}", r"<\g<n>>", "abxyy", "<><y>"),
            (r"(.+)+$", "!", "aaaa", "!"),
            (r"(?:x|(?:y|z)|)w", "!", "xwzww", "!!!"),
            (r"(?(1)a|b)(c)?", "!", "bca", "!a"),
            (r"(a)?(?(1)(?:b|c)|d)", "!", "ab ac d c", "! ! ! c"),
        ] {
            assert_eq!(sub(pattern, replacement, text).as_deref(), Ok(expected), "{pattern}");
        }
    }

    #[test]
    fn what_python_refuses_is_refused() {
        for (pattern, replacement) in [
            ("(", ""),
            ("a)", ""),
            ("[", ""),
            (r"\q", ""),
            ("a", r"\1"),
            ("a", r"\g<b>"),
            ("a", r"\q"),
            ("a", "\\"),
            ("*a", ""),
            ("a**", ""),
            ("^*", ""),
            ("[b-a]", ""),
            (r"[\d-a]", ""),
            (r"(a\1)", ""),
            (r"\1", ""),
            ("(?P<a>x)(?P<a>y)", ""),
            ("(?<=a+)b", ""),
            ("(?<=a|bc)b", ""),
            ("a{2,1}", ""),
            ("(?(1)a|b|c)", ""),
            ("(?(1)a|b)", ""),
            ("(?(2)a|b)(c)", ""),
            ("(?P=x)", ""),
        ] {
            assert!(sub(pattern, replacement, "a").is_err(), "{pattern} {replacement}");
        }
    }

    #[test]
    fn what_would_never_end_is_given_up() {
        let regex = Regex::new("(a|aa)+$", Subject::Text, Flags::default()).unwrap();
        assert!(regex.matches(&"a".repeat(30)).unwrap());
        let why = regex.matches(&format!("{}b", "a".repeat(60))).unwrap_err();
        assert!(why.contains("too many ways"), "{why}");
    }

    #[test]
    fn long_texts_need_no_deep_stack() {
        let regex = Regex::new("(?:a|b)*c", Subject::Text, Flags::default()).unwrap();
        assert!(regex.matches(&format!("{}c", "ab".repeat(50_000))).unwrap());
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
