//! Text in the encodings that `output_encoding` names.

use encoding_rs::{Encoding, UTF_8};

/// A text's bytes in the encoding of this name, whatever its case and whether `_` or `-` joins it.
pub fn encode(text: String, name: &str) -> Result<Vec<u8>, String> {
    let label = name.trim().to_lowercase().replace('_', "-");
    let beyond = |last: u32| text.chars().find(|letter| u32::from(*letter) > last);
    let unable = |letter: char| Err(format!("`{letter}` can't be written in the encoding {name}"));
    match label.as_str() {
        // Nothing said is the default.
        "" | "utf-8" | "utf8" => return Ok(text.into_bytes()),
        // The names mean these, and not Windows' supersets of them, for which browsers take them.
        "ascii" | "us-ascii" => return beyond(0x7f).map_or_else(|| Ok(text.clone().into_bytes()), unable),
        "latin-1" | "latin1" | "iso-8859-1" | "iso8859-1" => {
            let bytes = || text.chars().filter_map(|letter| u8::try_from(u32::from(letter)).ok()).collect();
            return beyond(0xff).map_or_else(|| Ok(bytes()), unable);
        }
        "utf-16le" | "utf-16-le" => return Ok(text.encode_utf16().flat_map(u16::to_le_bytes).collect()),
        "utf-16be" | "utf-16-be" => return Ok(text.encode_utf16().flat_map(u16::to_be_bytes).collect()),
        _ => {}
    }
    // Python writes code pages as `cp1252`.
    let label = label.strip_prefix("cp").map_or(label.clone(), |number| format!("windows-{number}"));
    let encoding = Encoding::for_label(label.as_bytes()).filter(|encoding| encoding.output_encoding() == *encoding);
    let Some(encoding) = encoding.filter(|encoding| *encoding != UTF_8) else {
        return Err(format!("there is no encoding {name} here"));
    };
    let (bytes, _, lossy) = encoding.encode(&text);
    if lossy {
        return Err(format!("the text has characters that can't be written in the encoding {name}"));
    }
    Ok(bytes.into_owned())
}

#[cfg(test)]
mod tests {
    use super::encode;

    #[test]
    fn texts_become_bytes_of_the_encoding() {
        let of = |name| encode("a“é".to_owned(), name);
        assert_eq!(of("UTF-8"), Ok("a“é".as_bytes().to_vec()));
        assert_eq!(of("windows-1252"), Ok(vec![b'a', 0x93, 0xe9]));
        assert_eq!(of("cp1252"), of("windows-1252"));
        assert_eq!(encode("é".to_owned(), "latin_1"), Ok(vec![0xe9]));
        assert_eq!(encode("é".to_owned(), "utf-16-be"), Ok(vec![0, 0xe9]));
        assert!(of("latin-1").unwrap_err().contains('“'));
        assert!(of("ascii").is_err());
        assert!(of("koi8-r").is_err());
        assert!(of("klingon").is_err());
    }
}
