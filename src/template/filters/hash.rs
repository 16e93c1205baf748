//! Encodings, hashes and passwords.

use super::Filter;
use crate::template::arguments::Call;
use crate::template::fault::{Outcome, fail};
use crate::template::passwords;
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE};
use minijinja::Value;
use sha2::Digest;

pub static FILTERS: [Filter; 10] = [
    Filter::new("b64encode", "value, encoding='utf-8', urlsafe=False", encode),
    Filter::new("b64decode", "value, encoding='utf-8', urlsafe=False", decode),
    Filter::new("hash", "value, hashtype='sha1'", |call| digest(call.value(0), &call.text(1)?)),
    Filter::new("checksum", "value", |call| digest(call.value(0), "sha1")),
    Filter::new("sha1", "value", |call| digest(call.value(0), "sha1")),
    Filter::new("md5", "value", |call| digest(call.value(0), "md5")),
    Filter::new(
        "password_hash",
        "value, hashtype='sha512', salt=None, salt_size=None, rounds=None, ident=None",
        password_hash,
    ),
    Filter::new("to_uuid", "value, namespace='361E6D51-FAEC-444A-9079-341386DA8E2E'", to_uuid),
    Filter::new("community.general.crc32 crc32", "value", |call| {
        let mut crc = flate2::Crc::new();
        crc.update(call.text(0)?.as_bytes());
        Ok(Value::from(format!("{:x}", crc.sum())))
    }),
    Filter::new("community.general.random_mac random_mac", "value, seed=None", random_mac),
];

/// Text in one of Python's encodings.
fn to_bytes(text: &str, encoding: &str) -> Outcome<Vec<u8>> {
    match encoding.to_lowercase().replace('_', "-").as_str() {
        "utf-8" | "utf8" => Ok(text.as_bytes().to_vec()),
        "ascii" | "us-ascii" if text.is_ascii() => Ok(text.as_bytes().to_vec()),
        "latin-1" | "latin1" | "iso-8859-1" if text.chars().all(|char| (char as u32) < 256) => {
            Ok(text.chars().map(|char| char as u8).collect())
        }
        "utf-16-le" | "utf-16le" => Ok(text.encode_utf16().flat_map(u16::to_le_bytes).collect()),
        "utf-16-be" | "utf-16be" => Ok(text.encode_utf16().flat_map(u16::to_be_bytes).collect()),
        "utf-16" => Ok([0xff, 0xfe].into_iter().chain(text.encode_utf16().flat_map(u16::to_le_bytes)).collect()),
        "ascii" | "us-ascii" | "latin-1" | "latin1" | "iso-8859-1" => {
            fail(format!("the text has characters that {encoding} does not have"))
        }
        other => fail(format!("unknown encoding: {other}")),
    }
}

/// Bytes in one of Python's encodings as text.
pub fn from_bytes(bytes: &[u8], encoding: &str) -> Outcome<String> {
    let wide = |pair: fn([u8; 2]) -> u16| {
        let units: Vec<u16> = bytes.chunks_exact(2).map(|chunk| pair([chunk[0], chunk[1]])).collect();
        String::from_utf16_lossy(&units)
    };
    match encoding.to_lowercase().replace('_', "-").as_str() {
        "utf-8" | "utf8" | "ascii" | "us-ascii" => Ok(String::from_utf8_lossy(bytes).into_owned()),
        "latin-1" | "latin1" | "iso-8859-1" | "iso8859-1" => Ok(bytes.iter().map(|byte| *byte as char).collect()),
        "utf-16-le" | "utf-16le" => Ok(wide(u16::from_le_bytes)),
        "utf-16-be" | "utf-16be" => Ok(wide(u16::from_be_bytes)),
        "utf-16" => match bytes {
            [0xfe, 0xff, rest @ ..] => from_bytes(rest, "utf-16-be"),
            [0xff, 0xfe, rest @ ..] => from_bytes(rest, "utf-16-le"),
            _ => Ok(wide(u16::from_le_bytes)),
        },
        other => fail(format!("unknown encoding: {other}")),
    }
}

fn encode(call: &mut Call<'_, '_>) -> Outcome<Value> {
    let bytes = match call.value(0).as_bytes() {
        Some(bytes) if call.value(0).as_str().is_none() => bytes.to_vec(),
        _ => to_bytes(&call.text(0)?, &call.text(1)?)?,
    };
    let engine = if call.flag(2)? { URL_SAFE } else { STANDARD };
    Ok(Value::from(engine.encode(bytes)))
}

fn decode(call: &mut Call<'_, '_>) -> Outcome<Value> {
    let text = call.text(0)?;
    let url_safe = call.flag(2)?;
    // As Python, characters that are not of the alphabet are passed over; padding must be there.
    let cleaned: String = text
        .chars()
        .map(|char| match char {
            '-' if url_safe => '+',
            '_' if url_safe => '/',
            char => char,
        })
        .filter(|char| char.is_ascii_alphanumeric() || "+/=".contains(*char))
        .collect();
    let data = cleaned.trim_end_matches('=');
    let padded = cleaned.len() - data.len();
    if data.len() % 4 == 1 || (!data.len().is_multiple_of(4) && padded < 4 - data.len() % 4) {
        return fail("Incorrect padding");
    }
    // The bits that no byte needs may be anything.
    let engine = base64::engine::GeneralPurpose::new(
        &base64::alphabet::STANDARD,
        base64::engine::GeneralPurposeConfig::new()
            .with_decode_allow_trailing_bits(true)
            .with_decode_padding_mode(base64::engine::DecodePaddingMode::RequireNone),
    );
    match engine.decode(data).or_else(|_| STANDARD_NO_PAD.decode(data)) {
        Ok(bytes) => from_bytes(&bytes, &call.text(1)?).map(Value::from),
        Err(error) => fail(format!("the text is no base64: {error}")),
    }
}

/// Bytes as hexadecimal digits.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn digest(value: &Value, algorithm: &str) -> Outcome<Value> {
    let text;
    let bytes = match (value.as_str(), value.as_bytes()) {
        (None, Some(bytes)) => bytes,
        _ => {
            text = crate::template::arguments::as_text(value)?;
            text.as_bytes()
        }
    };
    Ok(Value::from(match algorithm.to_lowercase().replace(['-', '_'], "").as_str() {
        "md5" => hex(&md5::Md5::digest(bytes)),
        "sha1" => hex(&sha1::Sha1::digest(bytes)),
        "sha224" => hex(&sha2::Sha224::digest(bytes)),
        "sha256" => hex(&sha2::Sha256::digest(bytes)),
        "sha384" => hex(&sha2::Sha384::digest(bytes)),
        "sha512" => hex(&sha2::Sha512::digest(bytes)),
        _ => return fail(format!("unsupported hash type {algorithm}: md5, sha1, sha224, sha256, sha384 or sha512")),
    }))
}

fn password_hash(call: &mut Call<'_, '_>) -> Outcome<Value> {
    let password = call.text(0)?.into_owned();
    let option = |index: usize| match call.given(index) {
        Some(_) => call.text(index).map(|text| Some(text.into_owned())),
        None => Ok(None),
    };
    let number = |index: usize| match call.given(index) {
        Some(_) => call.int(index).map(|number| u32::try_from(number).ok()),
        None => Ok(None),
    };
    let salt_size = number(3)?.map(|size| size as usize);
    passwords::hash(&password, &call.text(1)?, option(2)?.as_deref(), salt_size, number(4)?, option(5)?.as_deref())
        .map(Value::from)
}

fn to_uuid(call: &mut Call<'_, '_>) -> Outcome<Value> {
    let namespace: String = call.text(1)?.chars().filter(char::is_ascii_hexdigit).collect();
    let parsed: Option<Vec<u8>> = (0..16)
        .map(|at| u8::from_str_radix(namespace.get(at * 2..at * 2 + 2)?, 16).ok())
        .collect::<Option<Vec<u8>>>()
        .filter(|_| namespace.len() == 32);
    let Some(namespace) = parsed else {
        return fail(format!(
            "Invalid value '{}' for 'namespace': badly formed hexadecimal UUID string",
            call.text(1)?
        ));
    };
    // A UUID of version 5 (RFC 9562): the SHA-1 of the namespace and the name.
    let mut hasher = sha1::Sha1::new();
    hasher.update(&namespace);
    hasher.update(call.text(0)?.as_bytes());
    let mut bytes = hasher.finalize().to_vec();
    bytes[6] = (bytes[6] & 0x0f) | 0x50;
    bytes[8] = (bytes[8] & 0x3f) | 0x80;
    let text = hex(&bytes[..16]);
    Ok(Value::from(format!("{}-{}-{}-{}-{}", &text[..8], &text[8..12], &text[12..16], &text[16..20], &text[20..32])))
}

fn random_mac(call: &mut Call<'_, '_>) -> Outcome<Value> {
    let prefix = call.text(0)?.to_lowercase();
    let groups: Vec<&str> = prefix.split(':').filter(|group| !group.is_empty()).collect();
    if groups.len() > 5
        || groups.iter().any(|group| group.len() != 2 || !group.bytes().all(|byte| byte.is_ascii_hexdigit()))
    {
        return fail(format!("Invalid value for 'mac_prefix': {prefix}"));
    }
    let mut random = match call.given(1) {
        Some(seed) => crate::template::python::random::Random::seeded(seed)?,
        None => crate::template::python::random::Random::unseeded(),
    };
    // One number for all groups that are missing: from its highest digit 1 on, the digits after it.
    let missing = 6 - groups.len();
    let low = 1_u128 << (4 * (2 * missing - 1));
    let number = low + random.below((1_u128 << (8 * missing)) - low);
    let digits = format!("{number:0width$x}", width = 2 * missing);
    let mut all: Vec<String> = groups.iter().map(ToString::to_string).collect();
    all.extend((0..missing).map(|at| digits[at * 2..at * 2 + 2].to_owned()));
    Ok(Value::from(all.join(":")))
}
