//! Patterns of Python's `re`, read: what begins with `\`, and the sets of characters.

use super::byte_text;
use super::python_class::{Class, Item, Kind};
use super::python_node::{Node, One, Place};
use super::python_pattern::Parser;
use super::python_regex::{RegexError, Subject};

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

impl Parser<'_> {
    /// After `\`, outside of a set.
    pub fn escape(&mut self) -> Result<Node, RegexError> {
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

    /// A reference to a group, whose text matches again.
    pub fn same(&self, group: usize, name: &str) -> Result<Node, RegexError> {
        match self.widths.get(group) {
            None => Err(format!("invalid group reference {name}")),
            Some(None) => Err("cannot refer to an open group".to_owned()),
            Some(Some(_)) => Ok(Node::Same { group, ignore_case: self.state.ignore_case.then_some(self.state.ascii) }),
        }
    }

    /// After `[`.
    pub fn class(&mut self) -> Result<Class, RegexError> {
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

    /// The character that a number means: over bytes those from 128 on are bytes.
    fn numbered(&self, number: u32) -> Result<char, RegexError> {
        match (self.subject, u8::try_from(number)) {
            (Subject::Bytes, Ok(byte)) if !byte.is_ascii() => {
                Ok(byte_text::of_bytes(&[byte]).chars().next().unwrap_or_default())
            }
            _ => char::from_u32(number).ok_or_else(|| format!("there is no character number {number:#x}")),
        }
    }
}
