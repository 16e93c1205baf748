//! The form of encrypted text: a header line, then lines of hex digits that hold a salt, a checksum and the ciphertext.

use super::error::VaultError;
use aes::Aes256;
use ctr::Ctr128BE;
use ctr::cipher::{KeyIvInit, StreamCipher};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use zeroize::Zeroizing;

const MAGIC: &str = "$ANSIBLE_VAULT;";
const CIPHER: &str = "AES256";
/// Of PBKDF2, as the format has it.
const ROUNDS: u32 = 10_000;
/// AES' block, to a multiple of which the text is padded.
const BLOCK: usize = 16;
/// Hex digits on a line.
const WIDTH: usize = 80;
/// Length of the salt that is made.
pub(super) const SALT: usize = 32;

/// Whether the text is encrypted, by its first bytes.
pub fn is_encrypted(text: &[u8]) -> bool {
    text.starts_with(MAGIC.as_bytes())
}

/// An encrypted text taken apart.
pub(super) struct Envelope {
    /// The vault id that format 1.2 names.
    pub id: Option<String>,
    salt: Vec<u8>,
    checksum: Vec<u8>,
    ciphertext: Vec<u8>,
}

impl Envelope {
    pub fn parse(text: &str) -> Result<Envelope, VaultError> {
        let mut lines = text.trim().lines();
        let header = lines.next().unwrap_or_default().trim_end();
        let fields = header.strip_prefix(MAGIC).ok_or(VaultError::NotEncrypted)?;
        let mut fields = fields.split(';').map(str::trim);
        let version = fields.next().unwrap_or_default();
        let cipher = fields.next().unwrap_or_default();
        let id = fields.next().filter(|id| !id.is_empty()).map(str::to_owned);
        if !matches!(version, "1.1" | "1.2") || cipher != CIPHER {
            return Err(VaultError::UnknownFormat(format!("{version};{cipher}")));
        }
        let body: String = lines.flat_map(str::split_whitespace).collect();
        let body = unhex(body.as_bytes()).ok_or(VaultError::Damaged("its body is not hex digits"))?;
        let mut parts = body.split(|byte| *byte == b'\n').map(unhex);
        let mut part = || parts.next().flatten().ok_or(VaultError::Damaged("salt, checksum or content is missing"));
        Ok(Envelope { id: id.filter(|_| version == "1.2"), salt: part()?, checksum: part()?, ciphertext: part()? })
    }

    /// The text, if this password opens it.
    pub fn open(&self, password: &[u8]) -> Result<Option<Zeroizing<Vec<u8>>>, VaultError> {
        let keys = Keys::derive(password, &self.salt);
        // Compares in constant time.
        if keys.checksum(&self.ciphertext).verify_slice(&self.checksum).is_err() {
            return Ok(None);
        }
        let mut text = Zeroizing::new(self.ciphertext.clone());
        keys.apply(&mut text);
        let padding = text.last().copied().map(usize::from).unwrap_or_default();
        let shaped = (1..=BLOCK).contains(&padding)
            && text.len() >= padding
            && text[text.len() - padding..].iter().all(|byte| usize::from(*byte) == padding);
        if !shaped {
            return Err(VaultError::Damaged("the padding at its end is wrong"));
        }
        let length = text.len() - padding;
        text.truncate(length);
        Ok(Some(text))
    }
}

/// Encrypts a text.
pub(super) fn seal(text: &[u8], password: &[u8], salt: &[u8], id: Option<&str>) -> String {
    let keys = Keys::derive(password, salt);
    let padding = BLOCK - text.len() % BLOCK;
    let mut ciphertext = Zeroizing::new(Vec::with_capacity(text.len() + padding));
    ciphertext.extend_from_slice(text);
    ciphertext.extend(std::iter::repeat_n(u8::try_from(padding).unwrap_or_default(), padding));
    keys.apply(&mut ciphertext);
    let checksum = keys.checksum(&ciphertext).finalize().into_bytes();
    let parts = [hex(salt), hex(&checksum), hex(&ciphertext)].join("\n");
    let mut result = match id {
        None => format!("{MAGIC}1.1;{CIPHER}\n"),
        Some(id) => format!("{MAGIC}1.2;{CIPHER};{id}\n"),
    };
    for line in hex(parts.as_bytes()).as_bytes().chunks(WIDTH) {
        result.extend(line.iter().map(|byte| char::from(*byte)));
        result.push('\n');
    }
    result
}

/// What a password and a salt give: the cipher's key, the checksum's key, the cipher's first counter.
struct Keys(Zeroizing<[u8; 80]>);

impl Keys {
    fn derive(password: &[u8], salt: &[u8]) -> Keys {
        let mut keys = Zeroizing::new([0; 80]);
        pbkdf2::pbkdf2_hmac::<Sha256>(password, salt, ROUNDS, keys.as_mut());
        Keys(keys)
    }

    fn checksum(&self, ciphertext: &[u8]) -> Hmac<Sha256> {
        let mut key = Zeroizing::new([0; 32]);
        key.copy_from_slice(&self.0[32..64]);
        // A key shorter than the hash's block is filled up with zeros (RFC 2104), so that this is the same key.
        let mut block = Zeroizing::new([0; 64]);
        block[..32].copy_from_slice(key.as_ref());
        let mut hmac = Hmac::<Sha256>::new((&*block).into());
        hmac.update(ciphertext);
        hmac
    }

    fn apply(&self, text: &mut [u8]) {
        let mut key = Zeroizing::new([0; 32]);
        key.copy_from_slice(&self.0[..32]);
        let mut counter = [0; 16];
        counter.copy_from_slice(&self.0[64..]);
        Ctr128BE::<Aes256>::new((&*key).into(), &counter.into()).apply_keystream(text);
    }
}

fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    bytes.iter().flat_map(|b| [DIGITS[usize::from(b >> 4)], DIGITS[usize::from(b & 15)]]).map(char::from).collect()
}

fn unhex(digits: &[u8]) -> Option<Vec<u8>> {
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    if !digits.len().is_multiple_of(2) {
        return None;
    }
    digits.chunks_exact(2).map(|pair| Some(digit(pair[0])? << 4 | digit(pair[1])?)).collect()
}
