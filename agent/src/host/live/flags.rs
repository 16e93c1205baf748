//! File attributes as `lsattr` and `chattr` (e2fsprogs) name them.

use rustix::fs::IFlags;

/// The letters, in the order in which `lsattr` prints them, with their bits (`linux/fs.h`).
const LETTERS: [(char, u32); 22] = [
    ('s', 0x0000_0001),
    ('u', 0x0000_0002),
    ('S', 0x0000_0008),
    ('D', 0x0001_0000),
    ('i', 0x0000_0010),
    ('a', 0x0000_0020),
    ('d', 0x0000_0040),
    ('A', 0x0000_0080),
    ('c', 0x0000_0004),
    ('E', 0x0000_0800),
    ('j', 0x0000_4000),
    ('I', 0x0000_1000),
    ('t', 0x0000_8000),
    ('T', 0x0002_0000),
    ('e', 0x0008_0000),
    ('C', 0x0080_0000),
    ('x', 0x0200_0000),
    ('F', 0x4000_0000),
    ('N', 0x1000_0000),
    ('P', 0x2000_0000),
    ('V', 0x0010_0000),
    ('m', 0x0000_0400),
];

/// The letters of these flags.
pub(crate) fn letters(flags: IFlags) -> String {
    LETTERS.iter().filter(|(_, bit)| flags.bits() & bit != 0).map(|(letter, _)| letter).collect()
}

/// The flags after a change of the form `+ia`, `-i`, `=e` or `ia` (which means `=ia`). The error says which letter is
/// none.
pub(crate) fn apply(flags: IFlags, change: &str) -> Result<IFlags, String> {
    let (sign, names) = match change.chars().next() {
        Some(sign @ ('+' | '-' | '=')) => (sign, &change[1..]),
        _ => ('=', change),
    };
    let mut bits = 0;
    for letter in names.chars() {
        let known = LETTERS.iter().find(|(known, _)| *known == letter);
        bits |= known.ok_or_else(|| format!("{letter:?} is no attribute that chattr knows"))?.1;
    }
    Ok(IFlags::from_bits_retain(match sign {
        '+' => flags.bits() | bits,
        '-' => flags.bits() & !bits,
        _ => bits,
    }))
}

/// The letters after a change of letters: for what has no inode yet.
pub(crate) fn apply_letters(old: &str, change: &str) -> Result<String, String> {
    apply(apply(IFlags::empty(), old)?, change).map(letters)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_come_in_the_order_of_lsattr() {
        assert_eq!(letters(IFlags::from_bits_retain(0x0008_0000 | 0x10 | 0x20)), "iae");
        assert_eq!(letters(IFlags::empty()), "");
    }

    #[test]
    fn changes_add_take_away_and_set() {
        let of = |bits| IFlags::from_bits_retain(bits);
        assert_eq!(apply(of(0x10), "+a"), Ok(of(0x30)));
        assert_eq!(apply(of(0x30), "-i"), Ok(of(0x20)));
        assert_eq!(apply(of(0x30), "=A"), Ok(of(0x80)));
        assert_eq!(apply(of(0x30), "A"), Ok(of(0x80)));
        assert!(apply(of(0), "+q").unwrap_err().contains('q'));
    }
}
