//! Passwords: their hashes as `/etc/shadow` has them, and new ones.

use super::fault::{Outcome, fail};
use super::python::random::Random;

/// What salts are made of.
const SALT: &str = "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// A text of random characters.
pub fn random_text(random: &mut Random, length: usize, characters: &str) -> String {
    let characters: Vec<char> = characters.chars().collect();
    if characters.is_empty() {
        return String::new();
    }
    (0..length).map(|_| characters[random.below(characters.len() as u128) as usize]).collect()
}

/// A salt for a hash.
pub fn salt(length: usize) -> String {
    random_text(&mut Random::unseeded(), length, SALT)
}

/// The hash of a password by one of crypt's methods.
pub fn hash(
    password: &str,
    method: &str,
    given_salt: Option<&str>,
    salt_size: Option<usize>,
    rounds: Option<u32>,
    ident: Option<&str>,
) -> Outcome<String> {
    let method = method.to_lowercase();
    let method = method.strip_suffix("_crypt").unwrap_or(&method);
    if let Some(bad) = given_salt.and_then(|salt| salt.chars().find(|char| !SALT.contains(*char))) {
        return fail(format!("invalid character {bad:?} in the salt"));
    }
    let salt_of = |length: usize| given_salt.map_or_else(|| salt(salt_size.unwrap_or(length)), ToOwned::to_owned);
    match method {
        "sha512" | "sha256" => {
            let salt = salt_of(16);
            if salt.is_empty() || salt.len() > 16 {
                return fail("the salt of sha256 and sha512 has 1 to 16 characters");
            }
            // passlib's defaults, which Ansible uses: above crypt's own 5000.
            let rounds = rounds.unwrap_or(if method == "sha512" { 656_000 } else { 535_000 });
            sha_crypt(password, method == "sha512", &salt, rounds)
        }
        "blowfish" | "bcrypt" => {
            let cost = rounds.unwrap_or(12);
            if !(4..=31).contains(&cost) {
                return fail("rounds of blowfish are 4 to 31");
            }
            let salt = salt_of(22);
            if salt.len() != 22 {
                return fail(format!("the salt of blowfish has 22 characters, not {}", salt.len()));
            }
            bcrypt(password, &salt, cost, ident.unwrap_or("2b"))
        }
        "md5" => fail("md5 passwords are broken, and not supported; use sha512"),
        other => fail(format!("unknown method '{other}': sha512, sha256 or blowfish")),
    }
}

fn sha_crypt(password: &str, long: bool, salt: &str, rounds: u32) -> Outcome<String> {
    let rounds = rounds.clamp(sha_crypt::Params::ROUNDS_MIN, sha_crypt::Params::ROUNDS_MAX);
    let Ok(params) = sha_crypt::Params::new(rounds) else { return fail("rounds are 1000 to 999999999") };
    let hashed = if long {
        crypt_text(
            &sha_crypt::sha512_crypt(password.as_bytes(), salt.as_bytes(), params),
            21,
            [[0, 1, 2], [1, 2, 0], [2, 0, 1]],
        )
    } else {
        crypt_text(
            &sha_crypt::sha256_crypt(password.as_bytes(), salt.as_bytes(), params),
            10,
            [[0, 1, 2], [2, 0, 1], [1, 2, 0]],
        )
    };
    let prefix = if long { "$6$" } else { "$5$" };
    // crypt leaves its default out.
    let rounds = if rounds == 5000 { String::new() } else { format!("rounds={rounds}$") };
    Ok(format!("{prefix}{rounds}{salt}${hashed}"))
}

/// A digest as crypt writes it: bytes a third of the digest apart, in a turning order, make four characters.
fn crypt_text(digest: &[u8], third: usize, turns: [[usize; 3]; 3]) -> String {
    let alphabet = SALT.as_bytes();
    let mut out = String::new();
    let mut put = |bytes: [u8; 3], count: usize| {
        let mut bits = u32::from(bytes[0]) << 16 | u32::from(bytes[1]) << 8 | u32::from(bytes[2]);
        for _ in 0..count {
            out.push(alphabet[(bits & 0x3f) as usize] as char);
            bits >>= 6;
        }
    };
    for at in 0..third {
        let [first, second, last] = turns[at % 3].map(|part| digest[at + part * third]);
        put([first, second, last], 4);
    }
    match digest[third * 3..] {
        [only] => put([0, 0, only], 2),
        [first, second] => put([0, second, first], 3),
        _ => {}
    }
    out
}

fn bcrypt(password: &str, salt: &str, cost: u32, ident: &str) -> Outcome<String> {
    let alphabet = base64::alphabet::BCRYPT;
    let engine = base64::engine::GeneralPurpose::new(
        &alphabet,
        base64::engine::GeneralPurposeConfig::new()
            .with_decode_allow_trailing_bits(true)
            .with_decode_padding_mode(base64::engine::DecodePaddingMode::RequireNone),
    );
    let Ok(bytes) = base64::Engine::decode(&engine, salt) else { return fail("the salt is no text of bcrypt's") };
    let Ok(bytes) = <[u8; 16]>::try_from(bytes) else { return fail("the salt of blowfish has 22 characters") };
    let version = match ident {
        "2b" => bcrypt::Version::TwoB,
        "2a" => bcrypt::Version::TwoA,
        "2y" => bcrypt::Version::TwoY,
        other => return fail(format!("unknown ident '{other}': 2a, 2b or 2y")),
    };
    match bcrypt::hash_with_salt(password, cost, bytes) {
        Ok(parts) => Ok(parts.format_for_version(version)),
        Err(error) => fail(format!("the password can't be hashed: {error}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_are_those_of_crypt() {
        // python3.11 -c 'import crypt; print(crypt.crypt("secret", "$6$mysalt$"))' and with $5$.
        let hashed = |method: &str| hash("secret", method, Some("mysalt"), None, Some(5000), None).unwrap_or_default();
        assert_eq!(hashed("sha512"), SHA512);
        assert_eq!(hashed("sha256"), SHA256);
        assert!(hash("secret", "sha512", Some("my salt"), None, None, None).is_err());
    }

    const SHA512: &str =
        "$6$mysalt$UX6P1VKOf6dr0s2pg4pLNvIUB6hLXvP6M5f/Yj9hJgMPdAJ4oArvk5YUD9/XWtk1JOpVwt/JTsczMJr8sFVML1";
    const SHA256: &str = "$5$mysalt$I2SNajjJ3Gc5gIR/tkrLOGngF8wqv59buJCqxh.o9s8";
}
