//! Files as text that gives every byte back: Rust's regular expressions want `str`, files are bytes.
//!
//! A byte that is no part of the text becomes one of the last 128 characters of Unicode's last private plane
//! (U+10FF80 to U+10FFFF for 0x80 to 0xFF). Those characters have no case and are neither letters, digits nor white
//! space, so that `\w`, `\d`, `\s`, `\b` and `(?i)` see ASCII only where a whole file is read [as bytes](of_bytes), as
//! Python's patterns over `bytes` do. Where a file has such a character itself, its four bytes are kept one by one.

/// First of the characters that stand for bytes, less 0x80.
const BASE: u32 = 0x10_FF00;

/// The character that stands for a byte that is not ASCII.
fn stand_in(byte: u8) -> char {
    char::from_u32(BASE + u32::from(byte)).unwrap_or(char::REPLACEMENT_CHARACTER)
}

/// The byte that a character stands for, if it stands for one.
fn stood_for(c: char) -> Option<u8> {
    (u32::from(c) >= BASE + 0x80).then(|| (u32::from(c) & 0xFF) as u8)
}

/// Text with one character for each byte.
pub fn of_bytes(bytes: &[u8]) -> String {
    bytes.iter().map(|&byte| if byte.is_ascii() { char::from(byte) } else { stand_in(byte) }).collect()
}

/// Text of a file that is UTF-8 for the most part: its characters, and stand-ins for the bytes that are none.
pub fn of_utf8(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        for c in chunk.valid().chars() {
            match stood_for(c) {
                None => text.push(c),
                Some(_) => text.extend(c.encode_utf8(&mut [0; 4]).bytes().map(stand_in)),
            }
        }
        text.extend(chunk.invalid().iter().copied().map(stand_in));
    }
    text
}

/// The bytes of such a text.
pub fn to_bytes(text: &str) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(text.len());
    for c in text.chars() {
        match stood_for(c) {
            Some(byte) => bytes.push(byte),
            None => bytes.extend(c.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
    bytes
}

/// How a file's bytes are its text: the encodings that are understood by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    /// UTF-8 (and ASCII, which is a part of it).
    Utf8,
    /// ISO 8859-1: a character for each byte.
    Latin1,
    /// UTF-16, little-endian, without a byte order mark.
    Utf16Le,
    /// UTF-16, big-endian, without a byte order mark.
    Utf16Be,
}

impl Encoding {
    /// The encoding that Python knows by this name.
    pub fn named(name: &str) -> Result<Encoding, String> {
        match name.to_ascii_lowercase().replace(['_', ' '], "-").as_str() {
            "utf-8" | "utf8" | "u8" | "ascii" | "us-ascii" => Ok(Encoding::Utf8),
            "latin-1" | "latin1" | "iso-8859-1" | "iso8859-1" | "8859" | "cp819" | "l1" => Ok(Encoding::Latin1),
            "utf-16-le" | "utf-16le" => Ok(Encoding::Utf16Le),
            "utf-16-be" | "utf-16be" => Ok(Encoding::Utf16Be),
            _ => Err(format!("encoding {name:?} is not known here; known are utf-8, latin-1, utf-16-le and utf-16-be")),
        }
    }

    /// The text of a file. What is no text in this encoding is kept by stand-ins where that is possible.
    pub fn decode(self, bytes: &[u8]) -> Result<String, String> {
        let sixteen = |read: fn([u8; 2]) -> u16| {
            let (pairs, rest) = bytes.as_chunks::<2>();
            let text = String::from_utf16(&pairs.iter().map(|pair| read(*pair)).collect::<Vec<_>>());
            text.ok().filter(|_| rest.is_empty()).ok_or_else(|| "the file is not UTF-16".to_owned())
        };
        match self {
            Encoding::Utf8 => Ok(of_utf8(bytes)),
            Encoding::Latin1 => Ok(bytes.iter().copied().map(char::from).collect()),
            Encoding::Utf16Le => sixteen(u16::from_le_bytes),
            Encoding::Utf16Be => sixteen(u16::from_be_bytes),
        }
    }

    /// The bytes of a text.
    pub fn encode(self, text: &str) -> Result<Vec<u8>, String> {
        match self {
            Encoding::Utf8 => Ok(to_bytes(text)),
            Encoding::Latin1 => {
                text.chars().map(|c| u8::try_from(c).map_err(|_| format!("latin-1 has no character {c:?}"))).collect()
            }
            Encoding::Utf16Le => Ok(text.encode_utf16().flat_map(u16::to_le_bytes).collect()),
            Encoding::Utf16Be => Ok(text.encode_utf16().flat_map(u16::to_be_bytes).collect()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_comes_back() {
        let all: Vec<u8> = (0..=255).collect();
        let tricky = "caf\u{e9} \u{10ff80}\u{10ffff} \u{10ff7f}".as_bytes();
        for bytes in [&all[..], tricky, b"\xff\xfe\xf4\x8f\xbe", b""] {
            assert_eq!(to_bytes(&of_bytes(bytes)), bytes);
            assert_eq!(to_bytes(&of_utf8(bytes)), bytes);
        }
    }

    #[test]
    fn encodings_by_name() {
        assert_eq!(Encoding::named("UTF_8"), Ok(Encoding::Utf8));
        assert!(Encoding::named("ebcdic").is_err());
        let latin = Encoding::Latin1;
        assert_eq!(latin.decode(b"caf\xe9").as_deref(), Ok("caf\u{e9}"));
        assert_eq!(latin.encode("\u{e8}"), Ok(vec![0xe8]));
        assert!(latin.encode("\u{20ac}").is_err());
        let wide = Encoding::Utf16Le;
        assert_eq!(wide.encode("a\u{1f600}").and_then(|bytes| wide.decode(&bytes)).as_deref(), Ok("a\u{1f600}"));
        assert!(wide.decode(b"abc").is_err());
    }
}
