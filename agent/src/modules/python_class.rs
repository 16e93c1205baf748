//! Which characters Python's `re` takes for digits, letters and white space, which for equal but for their case, and
//! sets of characters.

/// Where each block of ten decimal digits (category Nd) begins. The last but four of them has five blocks.
const DIGITS: [u32; 66] = [
    0x30, 0x660, 0x6F0, 0x7C0, 0x966, 0x9E6, 0xA66, 0xAE6, 0xB66, 0xBE6, 0xC66, 0xCE6, 0xD66, 0xDE6, 0xE50, 0xED0,
    0xF20, 0x1040, 0x1090, 0x17E0, 0x1810, 0x1946, 0x19D0, 0x1A80, 0x1A90, 0x1B50, 0x1BB0, 0x1C40, 0x1C50, 0xA620,
    0xA8D0, 0xA900, 0xA9D0, 0xA9F0, 0xAA50, 0xABF0, 0xFF10, 0x104A0, 0x10D30, 0x11066, 0x110F0, 0x11136, 0x111D0,
    0x112F0, 0x11450, 0x114D0, 0x11650, 0x116C0, 0x11730, 0x118E0, 0x11950, 0x11C50, 0x11D50, 0x11DA0, 0x16A60,
    0x16AC0, 0x16B50, 0x1D7CE, 0x1D7D8, 0x1D7E2, 0x1D7EC, 0x1D7F6, 0x1E140, 0x1E2F0, 0x1E950, 0x1FBF0,
];

/// `\d`, `\w` or `\s`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `\d`.
    Digit,
    /// `\w`.
    Word,
    /// `\s`.
    Space,
}

impl Kind {
    /// Whether a character is of this kind; with `ascii` only those of ASCII are.
    pub fn has(self, c: char, ascii: bool) -> bool {
        if c.is_ascii() || ascii {
            return match self {
                Kind::Digit => c.is_ascii_digit(),
                Kind::Word => c.is_ascii_alphanumeric() || c == '_',
                Kind::Space => matches!(c, ' ' | '\t'..='\r') || (!ascii && matches!(c, '\x1c'..='\x1f')),
            };
        }
        match self {
            Kind::Digit => {
                let number = u32::from(c);
                let after = DIGITS.partition_point(|first| *first <= number);
                after > 0 && number - DIGITS[after - 1] < 10
            }
            Kind::Word => c.is_alphanumeric(),
            Kind::Space => c.is_whitespace(),
        }
    }
}

/// A character such that all that are equal but for their case have the same.
pub fn folded(c: char, ascii: bool) -> char {
    if c.is_ascii() || ascii {
        return c.to_ascii_lowercase();
    }
    // By way of the upper case, which final and other special forms share with the common one.
    lower(upper(c))
}

fn lower(c: char) -> char {
    let mut letters = c.to_lowercase();
    letters.next().filter(|_| letters.next().is_none()).unwrap_or(c)
}

fn upper(c: char) -> char {
    let mut letters = c.to_uppercase();
    letters.next().filter(|_| letters.next().is_none()).unwrap_or(c)
}

/// An item of a set.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Item {
    /// The characters from the one to the other.
    Range(char, char),
    /// A kind, or all others.
    Kind {
        /// Which.
        kind: Kind,
        /// Whether all others are meant.
        not: bool,
    },
}

/// A set of characters: `[a-z\d]`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Class {
    /// What is in it.
    pub items: Vec<Item>,
    /// Whether all others are meant.
    pub not: bool,
    /// Whether case is ignored.
    pub ignore_case: bool,
    /// Whether only ASCII has kinds and case.
    pub ascii: bool,
}

impl Class {
    /// Whether a character is meant.
    pub fn has(&self, c: char) -> bool {
        let folded_in = || {
            let fold = folded(c, self.ascii);
            let upper = if self.ascii { fold.to_ascii_uppercase() } else { upper(fold) };
            [fold, upper].iter().any(|c| self.lists(*c))
        };
        (self.lists(c) || (self.ignore_case && folded_in())) != self.not
    }

    fn lists(&self, c: char) -> bool {
        self.items.iter().any(|item| match *item {
            Item::Range(first, last) => first <= c && c <= last,
            Item::Kind { kind, not } => kind.has(c, self.ascii) != not,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_are_pythons() {
        assert!(DIGITS.is_sorted());
        for (c, kinds) in [('7', "dw"), ('\u{663}', "dw"), ('\u{1d7ff}', "dw"), ('\u{b2}', "w"), ('\u{e9}', "w")] {
            let found: String = [(Kind::Digit, 'd'), (Kind::Word, 'w'), (Kind::Space, 's')]
                .iter()
                .filter_map(|(kind, letter)| kind.has(c, false).then_some(*letter))
                .collect();
            assert_eq!(found, kinds, "{c:?}");
            assert!(c.is_ascii() || ![Kind::Digit, Kind::Word, Kind::Space].iter().any(|kind| kind.has(c, true)));
        }
        assert!(Kind::Space.has('\u{a0}', false) && Kind::Space.has('\x1c', false) && !Kind::Space.has('\x1c', true));
    }

    #[test]
    fn case_is_ignored_as_python_does() {
        for (a, b) in [('a', 'A'), ('\u{e9}', '\u{c9}'), ('s', '\u{17f}'), ('k', '\u{212a}'), ('\u{3c3}', '\u{3c2}')] {
            assert_eq!(folded(a, false), folded(b, false), "{a} {b}");
        }
        assert_ne!(folded('\u{e9}', true), folded('\u{c9}', true));
        let letters = Class { items: vec![Item::Range('A', 'F')], ignore_case: true, ..Class::default() };
        assert!(letters.has('c') && letters.has('C') && !letters.has('g'));
    }
}
