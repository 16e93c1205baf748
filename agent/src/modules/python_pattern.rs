//! Patterns of Python's `re`, read.

use super::byte_text;
use super::python_class::{Class, Item, Kind};
use super::python_regex::{Flags, RegexError, Subject};
use std::iter::Peekable;
use std::str::Chars;

/// How deep groups may be nested.
const DEEPEST: usize = 200;

/// The most repetitions that Python counts; more are "any number".
const MOST: u32 = u32::MAX;

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

/// A part of a pattern.
#[derive(Clone, Debug, PartialEq)]
pub enum Node {
    /// One character of these.
    One(One),
    /// A place.
    At(Place),
    /// One after the other.
    All(Vec<Node>),
    /// The first that fits.
    Any(Vec<Node>),
    /// A group that is remembered by its number.
    Group(usize, Box<Node>),
    /// Several times.
    Repeat {
        /// What.
        node: Box<Node>,
        /// How often at least.
        min: u32,
        /// How often at most.
        max: u32,
        /// How many are tried first.
        mode: Mode,
    },
    /// What a group matched, again.
    Same {
        /// Its number.
        group: usize,
        /// Whether case is ignored, and whether only ASCII has case.
        ignore_case: Option<bool>,
    },
    /// Whether this follows, or precedes.
    Look {
        /// What.
        node: Box<Node>,
        /// Whether it must not.
        not: bool,
        /// For what precedes: how many characters it has.
        behind: Option<usize>,
    },
    /// What matched once is not tried otherwise.
    Atomic(Box<Node>),
    /// By whether a group has matched.
    If {
        /// The group.
        group: usize,
        /// If it has.
        yes: Box<Node>,
        /// If not.
        no: Box<Node>,
    },
}

/// One character.
#[derive(Clone, Debug, PartialEq)]
pub enum One {
    /// This one.
    Char(char),
    /// One that is equal but for case (it is folded); whether only ASCII has case.
    NoCase(char, bool),
    /// One of a set.
    Of(Class),
    /// Any but a line's end.
    NotNewline,
    /// Any.
    Any,
}

/// A place in a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// The start of the text.
    Start,
    /// The start of a line.
    LineStart,
    /// The end of the text, or before its last newline.
    End,
    /// The end of a line.
    LineEnd,
    /// The very end of the text.
    VeryEnd,
    /// Where a word begins or ends (or nowhere there); whether words are of ASCII.
    Word {
        /// Whether it is not such a place.
        not: bool,
        /// Whether words are of ASCII.
        ascii: bool,
    },
}

/// How many repetitions are tried first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// As many as possible.
    Greedy,
    /// As few as possible.
    Lazy,
    /// As many as possible, and never fewer.
    Possessive,
}

/// A pattern that was read.
pub struct Pattern {
    /// The whole.
    pub node: Node,
    /// The names of the groups; that of the whole match (none) first.
    pub names: Vec<Option<String>>,
    /// Whether the whole of it is multi-line.
    pub multiline: bool,
}

/// Flags in force at a place of a pattern.
#[derive(Clone, Copy)]
struct State {
    multiline: bool,
    dotall: bool,
    verbose: bool,
    ascii: bool,
    ignore_case: bool,
}

struct Parser<'p> {
    rest: Peekable<Chars<'p>>,
    subject: Subject,
    state: State,
    /// The names of the groups so far.
    names: Vec<Option<String>>,
    /// How many characters each group has, once it is closed: its least and its most.
    widths: Vec<Option<(usize, usize)>>,
    /// The last of the groups that conditions ask for: it may come after them, but must come.
    asked: usize,
    depth: usize,
}

/// Reads a pattern.
pub fn parse(pattern: &str, subject: Subject, flags: Flags) -> Result<Pattern, RegexError> {
    let state = State {
        multiline: flags.multiline,
        dotall: flags.dotall,
        verbose: false,
        ascii: subject == Subject::Bytes,
        ignore_case: false,
    };
    let rest = pattern.chars().peekable();
    let mut parser = Parser { rest, subject, state, names: vec![None], widths: vec![None], asked: 0, depth: 0 };
    let read = parser.alternatives().and_then(|node| match parser.rest.next() {
        None if parser.asked >= parser.names.len() => Err(format!("invalid group reference {}", parser.asked)),
        None => Ok(node),
        Some(_) => Err("unbalanced parenthesis".to_owned()),
    });
    let node = read.map_err(|error| format!("the regular expression {pattern:?} is wrong: {error}"))?;
    Ok(Pattern { node, names: parser.names, multiline: parser.state.multiline })
}

impl Parser<'_> {
    /// `a|b|c`, up to a closing parenthesis or the end.
    fn alternatives(&mut self) -> Result<Node, RegexError> {
        let mut all = vec![self.sequence()?];
        while self.rest.next_if_eq(&'|').is_some() {
            all.push(self.sequence()?);
        }
        Ok(if all.len() == 1 { all.swap_remove(0) } else { Node::Any(all) })
    }

    fn sequence(&mut self) -> Result<Node, RegexError> {
        let mut all: Vec<Node> = Vec::new();
        // Whether the last of `all` can be repeated.
        let mut repeatable = false;
        while let Some(c) = self.rest.next_if(|c| !matches!(c, '|' | ')')) {
            if self.state.verbose && c.is_ascii_whitespace() {
                continue;
            }
            if self.state.verbose && c == '#' {
                while self.rest.next().is_some_and(|c| c != '\n') {}
                continue;
            }
            if let Some((min, max)) = self.repetition(c)? {
                let node = all.pop().filter(|_| repeatable).ok_or("nothing to repeat")?;
                if matches!(node, Node::Repeat { .. }) {
                    return Err("multiple repeat".to_owned());
                }
                let mode = match self.rest.next_if(|c| matches!(c, '?' | '+')) {
                    Some('?') => Mode::Lazy,
                    Some(_) => Mode::Possessive,
                    None => Mode::Greedy,
                };
                all.push(Node::Repeat { node: Box::new(node), min, max, mode });
                continue;
            }
            let node = match c {
                '\\' => self.escape()?,
                '[' => Node::One(One::Of(self.class()?)),
                '(' => match self.group()? {
                    Some(node) => node,
                    None => continue,
                },
                '.' => Node::One(if self.state.dotall { One::Any } else { One::NotNewline }),
                '^' => Node::At(if self.state.multiline { Place::LineStart } else { Place::Start }),
                '$' => Node::At(if self.state.multiline { Place::LineEnd } else { Place::End }),
                c => self.literal(c),
            };
            repeatable = !matches!(node, Node::At(_));
            all.push(node);
        }
        Ok(if all.len() == 1 { all.swap_remove(0) } else { Node::All(all) })
    }

    /// A character that stands for itself.
    fn one(&self, c: char) -> Node {
        let cased = c.to_lowercase().ne(c.to_uppercase());
        Node::One(match self.state.ignore_case && cased {
            true => One::NoCase(super::python_class::folded(c, self.state.ascii), self.state.ascii),
            false => One::Char(c),
        })
    }

    /// A character of the pattern, which in a pattern over bytes may be several.
    fn literal(&self, c: char) -> Node {
        if c.is_ascii() || self.subject == Subject::Text {
            return self.one(c);
        }
        let bytes = byte_text::of_bytes(c.encode_utf8(&mut [0; 4]).as_bytes());
        // One unit, so that `é?` means the whole letter's bytes: Python would take the last byte only, which no author of
        // a pattern ever wants.
        Node::All(bytes.chars().map(|c| self.one(c)).collect())
    }

    /// The character that a number means: over bytes those from 128 on are bytes.
    fn numbered(&self, number: u32) -> Result<char, RegexError> {
        match (self.subject, u8::try_from(number)) {
            (Subject::Bytes, Ok(byte)) if !byte.is_ascii() => {
                Ok(byte_text::of_bytes(&[byte]).chars().next().unwrap_or_default())
            }
            _ => char::from_u32(number).ok_or_else(|| format!("there is no character number {number:#x}")),
        }
    }

    /// Whether `c` begins a repetition, and which. A `{` that begins none is itself.
    fn repetition(&mut self, c: char) -> Result<Option<(u32, u32)>, RegexError> {
        match c {
            '*' => return Ok(Some((0, MOST))),
            '+' => return Ok(Some((1, MOST))),
            '?' => return Ok(Some((0, 1))),
            '{' => {}
            _ => return Ok(None),
        }
        let ahead: String = self.rest.clone().take_while(|c| *c != '}').collect();
        let closed = self.rest.clone().any(|c| c == '}');
        let is_number = |text: &str| text.chars().all(|c| c.is_ascii_digit());
        let (low, high) = match ahead.split_once(',') {
            Some((low, high)) => (low, high),
            None => (ahead.as_str(), ahead.as_str()),
        };
        if !closed || ahead.is_empty() || !is_number(low) || !is_number(high) {
            return Ok(None);
        }
        let number = |text: &str, none: u32| match text {
            "" => Ok(none),
            text => text.parse::<u32>().map_err(|_| "the repetition number is too large".to_owned()),
        };
        let (min, max) = (number(low, 0)?, number(high, MOST)?);
        if max < min {
            return Err("min repeat greater than max repeat".to_owned());
        }
        for _ in 0..=ahead.chars().count() {
            self.rest.next();
        }
        Ok(Some((min, max)))
    }

    /// After `\`, outside of a set.
    fn escape(&mut self) -> Result<Node, RegexError> {
        let ascii = self.state.ascii;
        let Some(c) = self.rest.next() else { return Err("bad escape (end of pattern)".to_owned()) };
        Ok(match c {
            'A' => Node::At(Place::Start),
            'Z' => Node::At(Place::VeryEnd),
            'b' | 'B' => Node::At(Place::Word { not: c == 'B', ascii }),
            '1'..='9' => match self.octal_reference(c)? {
                Some(number) => self.one(self.numbered(number)?),
                None => self.reference(c)?,
            },
            c => match self.kind(c) {
                Some(item) => Node::One(One::Of(Class { items: vec![item], ascii, ..Class::default() })),
                None => self.escaped(c)?.map_or_else(|| self.literal(c), |c| self.one(c)),
            },
        })
    }

    /// `\w` and its kin.
    fn kind(&self, c: char) -> Option<Item> {
        let kind = match c.to_ascii_lowercase() {
            'd' => Kind::Digit,
            's' => Kind::Space,
            'w' => Kind::Word,
            _ => return None,
        };
        Some(Item::Kind { kind, not: c.is_ascii_uppercase() })
    }

    /// An escape that means one character in a set and outside. None: it is that character itself.
    fn escaped(&mut self, c: char) -> Result<Option<char>, RegexError> {
        let number = match c {
            'x' => self.hex(2)?,
            'u' if self.subject == Subject::Text => self.hex(4)?,
            'U' if self.subject == Subject::Text => self.hex(8)?,
            '0' => self.octal(0, 2),
            c if c != 'b' && control(c).is_some() => return Ok(control(c)),
            c if c.is_ascii_alphabetic() => return Err(format!("bad escape \\{c}")),
            _ => return Ok(None),
        };
        self.numbered(number).map(Some)
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

    /// The number of an octal escape of three digits, if it is one.
    fn octal_reference(&mut self, first: char) -> Result<Option<u32>, RegexError> {
        let ahead = self.rest.clone().take(2).take_while(|c| c.is_digit(8)).count();
        let Some(start) = first.to_digit(8).filter(|_| ahead == 2) else { return Ok(None) };
        match self.octal(start, 2) {
            number if number > 0o377 => Err(format!("octal escape \\{number:o} is outside of 0 to 0o377")),
            number => Ok(Some(number)),
        }
    }

    /// `\1` to `\99`.
    fn reference(&mut self, first: char) -> Result<Node, RegexError> {
        let mut digits = first.to_string();
        digits.extend(self.rest.next_if(char::is_ascii_digit));
        let group = digits.parse().unwrap_or(usize::MAX);
        self.same(group, &digits)
    }

    fn same(&self, group: usize, name: &str) -> Result<Node, RegexError> {
        match self.widths.get(group) {
            None => Err(format!("invalid group reference {name}")),
            Some(None) => Err("cannot refer to an open group".to_owned()),
            Some(Some(_)) => Ok(Node::Same { group, ignore_case: self.state.ignore_case.then_some(self.state.ascii) }),
        }
    }

    /// After `[`.
    fn class(&mut self) -> Result<Class, RegexError> {
        let mut class = Class { ignore_case: self.state.ignore_case, ascii: self.state.ascii, ..Class::default() };
        class.not = self.rest.next_if_eq(&'^').is_some();
        let mut first = true;
        loop {
            let c = self.rest.next().ok_or("unterminated character set")?;
            if c == ']' && !first {
                return Ok(class);
            }
            first = false;
            let start = self.member(c)?;
            let mut ahead = self.rest.clone();
            let ranges = ahead.next() == Some('-') && ahead.next().is_some_and(|c| c != ']');
            if !ranges {
                class.items.extend(start);
                continue;
            }
            self.rest.next();
            let c = self.rest.next().ok_or("unterminated character set")?;
            let end = self.member(c)?;
            match (start.last(), end.first()) {
                (Some(Item::Range(low, _)), Some(Item::Range(high, _))) if low <= high => {
                    class.items.extend(&start);
                    class.items.push(Item::Range(*low, *high));
                    class.items.extend(&end);
                }
                _ => return Err("bad character range".to_owned()),
            }
        }
    }

    /// What a character in a set, or an escape there, means.
    fn member(&mut self, c: char) -> Result<Vec<Item>, RegexError> {
        let c = match c {
            '\\' => match self.rest.next().ok_or("bad escape (end of pattern)")? {
                'b' => '\x08',
                digit @ '1'..='9' => match digit.to_digit(8) {
                    Some(start) => {
                        let number = self.octal(start, 2);
                        self.numbered(number)?
                    }
                    None => return Err(format!("bad escape \\{digit}")),
                },
                c => match self.kind(c) {
                    Some(item) => return Ok(vec![item]),
                    None => self.escaped(c)?.unwrap_or(c),
                },
            },
            c => c,
        };
        let is_byte = u32::from(c) > 0x10_FF00;
        if c.is_ascii() || self.subject == Subject::Text || is_byte {
            return Ok(vec![Item::Range(c, c)]);
        }
        let bytes = byte_text::of_bytes(c.encode_utf8(&mut [0; 4]).as_bytes());
        Ok(bytes.chars().map(|c| Item::Range(c, c)).collect())
    }

    /// After `(`. Flags and comments are no node.
    fn group(&mut self) -> Result<Option<Node>, RegexError> {
        if self.rest.next_if_eq(&'?').is_none() {
            return self.numbered_group(None).map(Some);
        }
        let c = self.rest.next().ok_or("unexpected end of pattern")?;
        Ok(Some(match c {
            '#' => {
                if !self.rest.any(|c| c == ')') {
                    return Err("missing ), unterminated comment".to_owned());
                }
                return Ok(None);
            }
            'P' => match self.rest.next() {
                Some('<') => {
                    let name = self.until('>')?;
                    let mut letters = name.chars();
                    let first = letters.next().is_some_and(|c| c.is_alphabetic() || c == '_');
                    if !first || !letters.all(|c| c.is_alphanumeric() || c == '_') {
                        return Err(format!("bad character in group name {name:?}"));
                    }
                    if self.names.iter().flatten().any(|known| *known == name) {
                        return Err(format!("redefinition of group name {name:?}"));
                    }
                    self.numbered_group(Some(name))?
                }
                Some('=') => {
                    let name = self.until(')')?;
                    let group = self.names.iter().position(|known| known.as_deref() == Some(name.as_str()));
                    self.same(group.ok_or_else(|| format!("unknown group name {name:?}"))?, &name)?
                }
                other => return Err(format!("unknown extension ?P{}", other.map(String::from).unwrap_or_default())),
            },
            '(' => {
                let name = self.until(')')?;
                let group = match name.parse::<usize>() {
                    Ok(number) => Some(number).filter(|number| *number > 0),
                    Err(_) => self.names.iter().position(|known| known.as_deref() == Some(name.as_str())),
                };
                let group = group.ok_or_else(|| format!("unknown group {name:?}"))?;
                self.asked = self.asked.max(group);
                let mut branches = match self.enclosed()? {
                    Node::Any(branches) => branches,
                    one => vec![one],
                };
                if branches.len() > 2 {
                    return Err("conditional backref with more than two branches".to_owned());
                }
                let no = if branches.len() == 2 { branches.pop() } else { None };
                let yes = branches.pop().unwrap_or(Node::All(Vec::new()));
                Node::If { group, yes: Box::new(yes), no: Box::new(no.unwrap_or(Node::All(Vec::new()))) }
            }
            '<' => {
                let kind = self.rest.next().filter(|c| matches!(c, '=' | '!')).ok_or("unknown extension ?<")?;
                let node = self.enclosed()?;
                let behind = match self.width(&node) {
                    Some((least, most)) if least == most => least,
                    _ => return Err("look-behind requires fixed-width pattern".to_owned()),
                };
                Node::Look { node: Box::new(node), not: kind == '!', behind: Some(behind) }
            }
            '=' | '!' => Node::Look { node: Box::new(self.enclosed()?), not: c == '!', behind: None },
            ':' => self.unit()?,
            '>' => Node::Atomic(Box::new(self.enclosed()?)),
            flag => return self.flags(flag),
        }))
    }

    /// What is in the parentheses, with flags of its own.
    fn enclosed(&mut self) -> Result<Node, RegexError> {
        let outer = self.state;
        self.depth += 1;
        if self.depth > DEEPEST {
            return Err(format!("groups are nested more than {DEEPEST} deep"));
        }
        let node = self.alternatives()?;
        if self.rest.next() != Some(')') {
            return Err("missing ), unterminated subpattern".to_owned());
        }
        self.depth -= 1;
        self.state = outer;
        Ok(node)
    }

    /// What is in the parentheses, as one unit that can be repeated and is no alternative of what it stands in.
    fn unit(&mut self) -> Result<Node, RegexError> {
        Ok(Node::All(vec![self.enclosed()?]))
    }

    fn numbered_group(&mut self, name: Option<String>) -> Result<Node, RegexError> {
        let number = self.names.len();
        self.names.push(name);
        self.widths.push(None);
        let node = self.enclosed()?;
        self.widths[number] = Some(self.width(&node).unwrap_or((0, usize::MAX)));
        Ok(Node::Group(number, Box::new(node)))
    }

    /// `(?i)`, `(?m-s:...)`.
    fn flags(&mut self, first: char) -> Result<Option<Node>, RegexError> {
        let outer = self.state;
        let (mut on, mut next) = (true, Some(first));
        loop {
            match next {
                Some('-') if on => on = false,
                Some('i') => self.state.ignore_case = on,
                Some('m') => self.state.multiline = on,
                Some('s') => self.state.dotall = on,
                Some('x') => self.state.verbose = on,
                Some('a') => self.state.ascii = on,
                Some('u') if self.subject == Subject::Text => self.state.ascii = false,
                Some('L') if self.subject == Subject::Bytes => {}
                Some(')') if on => return Ok(None),
                Some(':') => {
                    let node = self.unit()?;
                    self.state = outer;
                    return Ok(Some(node));
                }
                Some(')') => return Err("missing :".to_owned()),
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

    /// How many characters a part has, at least and at most. None: any number.
    fn width(&self, node: &Node) -> Option<(usize, usize)> {
        Some(match node {
            Node::One(_) => (1, 1),
            Node::At(_) | Node::Look { .. } => (0, 0),
            Node::All(nodes) => {
                let mut sum = (0usize, 0usize);
                for node in nodes {
                    let (least, most) = self.width(node)?;
                    sum = (sum.0.checked_add(least)?, sum.1.checked_add(most)?);
                }
                sum
            }
            Node::Any(nodes) => {
                let mut range = (usize::MAX, 0);
                for node in nodes {
                    let (least, most) = self.width(node)?;
                    range = (range.0.min(least), range.1.max(most));
                }
                range
            }
            Node::Group(_, node) | Node::Atomic(node) => self.width(node)?,
            Node::Repeat { max: MOST, .. } => return None,
            Node::Repeat { node, min, max, .. } => {
                let (least, most) = self.width(node)?;
                (least.checked_mul(*min as usize)?, most.checked_mul(*max as usize)?)
            }
            Node::Same { group, .. } => self.widths.get(*group).copied().flatten()?,
            Node::If { yes, no, .. } => {
                let (a, b) = (self.width(yes)?, self.width(no)?);
                (a.0.min(b.0), a.1.max(b.1))
            }
        })
    }
}
