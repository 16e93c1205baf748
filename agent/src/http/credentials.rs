//! User names and passwords: how they are sent, and where `.netrc` keeps them.

use super::Url;
use crate::host::{Host, HostResult, live::random};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::Digest;
use std::path::Path;

/// The value of `Authorization` or `Proxy-Authorization` (RFC 7617).
pub(super) fn basic(user: &str, password: &str) -> String {
    format!("Basic {}", STANDARD.encode(format!("{user}:{password}")))
}

/// The answer to a demand of the server for a password; none where it asks for something else than these two ways.
pub(super) fn answer(challenges: &[String], user: &str, password: &str, method: &str, url: &Url) -> Option<String> {
    let digest = challenges.iter().find_map(|challenge| strip_scheme(challenge, "digest"));
    if let Some(parameters) = digest {
        return digest_answer(parameters, user, password, method, &url.target, &format!("{:016x}", random()));
    }
    challenges.iter().any(|challenge| strip_scheme(challenge, "basic").is_some()).then(|| basic(user, password))
}

fn strip_scheme<'a>(challenge: &'a str, scheme: &str) -> Option<&'a str> {
    let (word, rest) = challenge.trim().split_once(' ').unwrap_or((challenge.trim(), ""));
    word.eq_ignore_ascii_case(scheme).then_some(rest)
}

/// RFC 7616 with MD5 or SHA-256, with and without `qop=auth`; none where the server wants another of its ways.
fn digest_answer(
    parameters: &str,
    user: &str,
    password: &str,
    method: &str,
    target: &str,
    cnonce: &str,
) -> Option<String> {
    let parameters = split(parameters);
    let get = |name: &str| parameters.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str());
    let (realm, nonce) = (get("realm").unwrap_or_default(), get("nonce")?);
    let algorithm = get("algorithm").unwrap_or("MD5");
    let hash: fn(&str) -> String = match algorithm.to_ascii_uppercase().as_str() {
        "MD5" => hex::<md5::Md5>,
        "SHA-256" => hex::<sha2::Sha256>,
        _ => return None,
    };
    let first = hash(&format!("{user}:{realm}:{password}"));
    let second = hash(&format!("{method}:{target}"));
    let qop = get("qop").map(|list| list.split(',').any(|word| word.trim().eq_ignore_ascii_case("auth")));
    let response = match qop {
        None => hash(&format!("{first}:{nonce}:{second}")),
        Some(true) => hash(&format!("{first}:{nonce}:00000001:{cnonce}:auth:{second}")),
        Some(false) => return None,
    };
    let user = user.replace('\\', "\\\\").replace('"', "\\\"");
    let mut answer = format!(
        "Digest username=\"{user}\", realm=\"{realm}\", nonce=\"{nonce}\", uri=\"{target}\", response=\"{response}\""
    );
    if let Some(opaque) = get("opaque") {
        answer += &format!(", opaque=\"{opaque}\"");
    }
    answer += &format!(", algorithm=\"{algorithm}\"");
    if qop.is_some() {
        answer += &format!(", qop=auth, nc=00000001, cnonce=\"{cnonce}\"");
    }
    Some(answer)
}

fn hex<D: Digest>(text: &str) -> String {
    D::digest(text).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// `a=b, c="d, e"` in its parts.
fn split(parameters: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut rest = parameters;
    while let Some((name, after)) = rest.split_once('=') {
        let (value, after) = match after.trim_start().strip_prefix('"') {
            Some(quoted) => quoted.split_once('"').unwrap_or((quoted, "")),
            None => after.split_once(',').unwrap_or((after, "")),
        };
        found.push((name.trim_matches([',', ' ']).to_ascii_lowercase(), value.trim().to_owned()));
        rest = after;
    }
    found
}

/// What `.netrc` (`NETRC`, else in the user's home) says of a host: user name and password.
pub(super) fn netrc(host: &Host<'_>, name: &str) -> HostResult<Option<(String, String)>> {
    let path = match host.processes.variable("NETRC").filter(|path| !path.is_empty()) {
        Some(path) => path,
        None => match host.processes.variable("HOME") {
            Some(home) => format!("{home}/.netrc"),
            None => return Ok(None),
        },
    };
    let path = Path::new(&path);
    if host.files.stat(path, true)?.is_none() || !host.files.access(path, true, false, false)? {
        return Ok(None);
    }
    Ok(in_netrc(&String::from_utf8_lossy(&host.files.read(path)?), name))
}

/// The entry of a machine, else the default one (netrc(5)).
fn in_netrc(text: &str, name: &str) -> Option<(String, String)> {
    let mut words = text.lines().filter(|line| !line.trim_start().starts_with('#')).flat_map(str::split_whitespace);
    let mut entries: Vec<(Option<&str>, String, String)> = Vec::new();
    while let Some(word) = words.next() {
        match word {
            "machine" => entries.push((words.next(), String::new(), String::new())),
            "default" => entries.push((None, String::new(), String::new())),
            "login" | "user" | "password" | "account" => {
                let value = words.next().unwrap_or_default().trim_matches('"').to_owned();
                if let Some((_, login, password)) = entries.last_mut() {
                    match word {
                        "password" => *password = value,
                        "account" => {}
                        _ => *login = value,
                    }
                }
            }
            _ => {}
        }
    }
    let of = |machine: Option<&str>| entries.iter().find(|entry| entry.0 == machine);
    of(Some(name)).or_else(|| of(None)).map(|(_, login, password)| (login.clone(), password.clone()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_examples_of_rfc_7616() {
        let parameters = "realm=\"http-auth@example.org\", qop=\"auth, auth-int\", algorithm=SHA-256, \
            nonce=\"7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v\", opaque=\"FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS\"";
        let cnonce = "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ";
        let answer = |parameters: &str| {
            digest_answer(parameters, "Mufasa", "Circle of Life", "GET", "/dir/index.html", cnonce).unwrap()
        };
        let expected = "response=\"753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1\"";
        assert!(answer(parameters).contains(expected), "{}", answer(parameters));
        let md5 = answer(&parameters.replace("SHA-256", "MD5"));
        assert!(md5.contains("response=\"8ca523f5e9506fed4657c9700eebdbec\""), "{md5}");
    }

    #[test]
    fn digest_is_preferred_and_unknown_ways_are_not_answered() {
        let url = Url::parse("http://h/x").unwrap();
        let both = ["Basic realm=\"r\"".to_owned(), "Digest realm=\"r\", nonce=\"n\"".to_owned()];
        assert!(answer(&both, "u", "p", "GET", &url).unwrap().starts_with("Digest "));
        assert_eq!(answer(&both[..1], "u", "p", "GET", &url).as_deref(), Some("Basic dTpw"));
        assert_eq!(answer(&["Negotiate".to_owned()], "u", "p", "GET", &url), None);
        let odd = ["Digest realm=\"r\", nonce=\"n\", algorithm=X".to_owned()];
        assert_eq!(answer(&odd, "u", "p", "GET", &url), None);
    }

    #[test]
    fn netrc_entries() {
        let text = "# machine c login x\nmachine a login u1 password p1\nmachine b\n  login u2\n  password \"p2\"\n";
        let of = |name: &str| in_netrc(text, name);
        assert_eq!(of("a"), Some(("u1".to_owned(), "p1".to_owned())));
        assert_eq!(of("b"), Some(("u2".to_owned(), "p2".to_owned())));
        assert_eq!(of("c"), None);
        let text = format!("{text}default login anonymous password me\n");
        assert_eq!(in_netrc(&text, "c"), Some(("anonymous".to_owned(), "me".to_owned())));
    }
}
