//! The check of a host's key against the files of known hosts.
//!
//! Formats as in sshd(8), "SSH_KNOWN_HOSTS FILE FORMAT": plain and hashed names, wildcards, negation, ports, and the
//! markers `@revoked` and `@cert-authority`. libssh2's own check knows no markers and takes a revoked key for a match, so
//! it is not used.

use super::token::Token;
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use hmac::{Hmac, KeyInit, Mac};
use sha1::Sha1;
use ssh_key::known_hosts::{Entry, HostPatterns, Marker};
use ssh_key::{HashAlg, PublicKey};
use std::fmt;
use std::fs::{DirBuilder, OpenOptions};
use std::io::{self, Read, Seek, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// A line that speaks of the host.
#[derive(Clone, Debug, PartialEq)]
struct Known {
    marker: Option<Marker>,
    key: PublicKey,
    place: Place,
}

/// Where a line is.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Place {
    file: PathBuf,
    line: usize,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.file.display(), self.line)
    }
}

/// What the files say of a host.
#[derive(Debug)]
pub(super) struct KnownHost {
    name: String,
    lines: Vec<Known>,
}

/// What they say of the key that the host shows.
#[derive(Debug, PartialEq)]
pub(super) enum Opinion {
    /// It is the host's.
    Good,
    /// No file knows the host.
    Unknown,
    /// The host has another key.
    Changed {
        /// The fingerprint of the key that is known.
        known: String,
        /// Where it is.
        place: Place,
    },
    /// The key was marked as revoked.
    Revoked {
        /// Where.
        place: Place,
    },
}

/// The name under which files know a host: `host`, or `[host]:port` where the port is not 22.
pub(super) fn known_name(host: &str, port: u16) -> String {
    let host = host.to_ascii_lowercase();
    if port == 22 { host } else { format!("[{host}]:{port}") }
}

/// The fingerprint of a key: `SHA256:...`, as ssh prints it.
pub(super) fn fingerprint(key: &PublicKey) -> String {
    key.fingerprint(HashAlg::Sha256).to_string()
}

impl KnownHost {
    /// What files say of a host. A file that does not exist says nothing. A line that can't be read says nothing
    /// either, as with ssh: it can't make a key good.
    pub fn read(files: &[PathBuf], host: &str, port: u16) -> io::Result<KnownHost> {
        let name = known_name(host, port);
        let mut lines = Vec::new();
        for file in files {
            match std::fs::read(file) {
                Ok(bytes) => find(&String::from_utf8_lossy(&bytes), file, &name, &mut lines),
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(io::Error::new(error.kind(), format!("{}: {error}", file.display()))),
            }
        }
        // As ssh does: a key known for the host without a port is good at any port, but a different one says nothing.
        let plain = host.to_ascii_lowercase();
        if name != plain && lines.is_empty() {
            for file in files {
                if let Ok(bytes) = std::fs::read(file) {
                    find(&String::from_utf8_lossy(&bytes), file, &plain, &mut lines);
                }
            }
            return Ok(KnownHost { name: plain, lines });
        }
        Ok(KnownHost { name, lines })
    }

    /// The names of the key algorithms by which the host is known, for the negotiation. Empty where it is unknown.
    pub fn algorithms(&self) -> Vec<&'static str> {
        let mut names = Vec::new();
        for known in self.lines.iter().filter(|known| known.marker.is_none()) {
            let these: &[&str] = match known.key.algorithm().as_str() {
                "ssh-ed25519" => &["ssh-ed25519"],
                "ecdsa-sha2-nistp256" => &["ecdsa-sha2-nistp256"],
                "ecdsa-sha2-nistp384" => &["ecdsa-sha2-nistp384"],
                "ecdsa-sha2-nistp521" => &["ecdsa-sha2-nistp521"],
                "ssh-rsa" => &["rsa-sha2-512", "rsa-sha2-256", "ssh-rsa"],
                _ => &[],
            };
            names.extend(these.iter().filter(|name| !names.contains(*name)).copied().collect::<Vec<_>>());
        }
        names
    }

    /// Whether the host is known by an authority that signs host keys, and by nothing else.
    pub fn by_authority_only(&self) -> bool {
        let plain = |known: &Known| known.marker.is_none();
        !self.lines.iter().any(plain) && self.lines.iter().any(|known| known.marker == Some(Marker::CertAuthority))
    }

    /// What the files say of this key.
    pub fn opinion(&self, key: &PublicKey, host: &str, port: u16) -> Opinion {
        let same = |known: &&Known| known.key.key_data() == key.key_data();
        let revoked = self.lines.iter().filter(|known| known.marker == Some(Marker::Revoked)).find(same);
        if let Some(known) = revoked {
            return Opinion::Revoked { place: known.place.clone() };
        }
        let plain: Vec<&Known> = self.lines.iter().filter(|known| known.marker.is_none()).collect();
        if plain.iter().any(same) {
            return Opinion::Good;
        }
        // A key of the same kind tells best what has changed.
        let kind = plain.iter().find(|known| known.key.algorithm() == key.algorithm()).or(plain.first());
        match kind {
            Some(known) if self.name == known_name(host, port) => {
                Opinion::Changed { known: fingerprint(&known.key), place: known.place.clone() }
            }
            _ => Opinion::Unknown,
        }
    }
}

fn find(text: &str, file: &Path, name: &str, found: &mut Vec<Known>) {
    for (index, line) in text.lines().enumerate() {
        let mut fields = line.split_whitespace().peekable();
        let marker = fields.next_if(|field| field.starts_with('@'));
        let Some(patterns) = fields.next().filter(|field| !field.starts_with('#')) else { continue };
        let Ok(patterns) = patterns.parse::<HostPatterns>() else { continue };
        if !matches(&patterns, name) {
            continue;
        }
        // The parser wants single blanks, and has no use for comments.
        let (Some(kind), Some(key)) = (fields.next(), fields.next()) else { continue };
        let words = [marker.unwrap_or(""), "x", kind, key].join(" ");
        if let Ok(entry) = words.trim_start().parse::<Entry>() {
            let place = Place { file: file.to_owned(), line: index + 1 };
            found.push(Known { marker: entry.marker().copied(), key: entry.public_key().clone(), place });
        }
    }
}

fn matches(patterns: &HostPatterns, name: &str) -> bool {
    match patterns {
        HostPatterns::HashedName { salt, hash } => hashed(salt, name).is_some_and(|other| other == *hash),
        HostPatterns::Patterns(patterns) => {
            let mut matched = false;
            for pattern in patterns {
                let (negated, pattern) = match pattern.strip_prefix('!') {
                    Some(rest) => (true, rest),
                    None => (false, pattern.as_str()),
                };
                if like(pattern.to_ascii_lowercase().as_bytes(), name.as_bytes()) {
                    if negated {
                        return false;
                    }
                    matched = true;
                }
            }
            matched
        }
    }
}

fn hashed(salt: &[u8], name: &str) -> Option<[u8; 20]> {
    let mut mac = Hmac::<Sha1>::new_from_slice(salt).ok()?;
    mac.update(name.as_bytes());
    Some(mac.finalize().into_bytes().into())
}

/// Whether a name is like a pattern with `*` and `?`.
fn like(pattern: &[u8], name: &[u8]) -> bool {
    let (mut at, mut from) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while from < name.len() {
        match pattern.get(at) {
            Some(b'*') => {
                star = Some((at, from));
                at += 1;
            }
            Some(letter) if *letter == b'?' || *letter == name[from] => {
                at += 1;
                from += 1;
            }
            _ => match star {
                // The last star takes one letter more.
                Some((star_at, taken)) => {
                    star = Some((star_at, taken + 1));
                    (at, from) = (star_at + 1, taken + 1);
                }
                None => return false,
            },
        }
    }
    pattern[at..].iter().all(|letter| *letter == b'*')
}

/// Remembers a host's key at the end of a file, unless another process has done so meanwhile. Whole or not at all: one
/// write under a lock. `hash`: so that the file does not tell the name.
pub(super) fn remember(file: &Path, host: &str, port: u16, key: &PublicKey, hash: bool) -> io::Result<Opinion> {
    if let Some(directory) = file.parent() {
        DirBuilder::new().recursive(true).mode(0o700).create(directory)?;
    }
    let mut out = OpenOptions::new().read(true).append(true).create(true).mode(0o600).open(file)?;
    out.lock()?;
    let files = [file.to_owned()];
    let opinion = KnownHost::read(&files, host, port)?.opinion(key, host, port);
    if opinion != Opinion::Unknown {
        return Ok(opinion);
    }
    let name = known_name(host, port);
    let name = if hash {
        // Only has to differ from line to line.
        let salt = [Token::new(), Token::new()].map(|token| token.whole().to_owned()).concat();
        let salt: &[u8] = &salt.as_bytes()[..20];
        let hash = hashed(salt, &name).ok_or(io::ErrorKind::InvalidInput)?;
        format!("|1|{}|{}", BASE64.encode(salt), BASE64.encode(hash))
    } else {
        name
    };
    let openssh = key.to_openssh().map_err(io::Error::other)?;
    let words: Vec<&str> = openssh.split(' ').take(2).collect();
    let mut line = format!("{name} {}\n", words.join(" "));
    let length = out.metadata()?.len();
    if length > 0 {
        let mut last = [0];
        out.seek(io::SeekFrom::Start(length - 1))?;
        out.read_exact(&mut last)?;
        if last != *b"\n" {
            line.insert(0, '\n');
        }
    }
    out.write_all(line.as_bytes())?;
    Ok(Opinion::Good)
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJdD7y3aLq454yWBdwLWbieU1ebz9/cu7/QEXn9OIeZJ";
    const B: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIA6rWI3G1sz07DnfFlrouTcysQlj2P+jpNSOEWD9OJ3X";

    fn key(text: &str) -> PublicKey {
        text.parse().unwrap()
    }

    fn ask(content: &str, host: &str, port: u16, shown: &str) -> Opinion {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("known_hosts");
        std::fs::write(&file, content).unwrap();
        match KnownHost::read(&[file], host, port).unwrap().opinion(&key(shown), host, port) {
            Opinion::Changed { known, place } => {
                Opinion::Changed { known, place: Place { file: "known_hosts".into(), ..place } }
            }
            Opinion::Revoked { place } => Opinion::Revoked { place: Place { file: "known_hosts".into(), ..place } },
            other => other,
        }
    }

    fn place(line: usize) -> Place {
        Place { file: "known_hosts".into(), line }
    }

    fn changed(known: &str, line: usize) -> Opinion {
        Opinion::Changed { known: fingerprint(&key(known)), place: place(line) }
    }

    #[test]
    fn a_key_is_good_for_the_names_of_its_line_only() {
        let file = format!("# comment\n\nweb1,web2.example\t{A} comment with words\n");
        assert_eq!(ask(&file, "web1", 22, A), Opinion::Good);
        assert_eq!(ask(&file, "WEB2.example", 22, A), Opinion::Good);
        assert_eq!(ask(&file, "web3", 22, A), Opinion::Unknown);
        assert_eq!(ask(&file, "web1", 22, B), changed(A, 3));
    }

    #[test]
    fn every_kind_of_key_that_a_host_may_show_is_understood() {
        let ecdsa = "ecdsa-sha2-nistp256 AAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAyNTYAAABBBD2oCKDyHzY3LLsfyd\
                     txGWPF1FtljMD4J2hwfjmIE1NOBcR6HobTy3OTxnHW4aVSTucaOFtqdEProze/NSYNpdI=";
        assert_eq!(ask(&format!("web1 {ecdsa}\nweb1 {A}\n"), "web1", 22, ecdsa), Opinion::Good);
        assert_eq!(ask(&format!("web1 {ecdsa}\n"), "web1", 22, A), changed(ecdsa, 1));
    }

    #[test]
    fn a_port_is_part_of_the_name() {
        let file = format!("[web1]:2222 {A}\n");
        assert_eq!(ask(&file, "web1", 2222, A), Opinion::Good);
        assert_eq!(ask(&file, "web1", 2222, B), changed(A, 1));
        assert_eq!(ask(&file, "web1", 22, A), Opinion::Unknown);
        let file = format!("web1 {A}\n");
        assert_eq!(ask(&file, "web1", 2222, A), Opinion::Good);
        assert_eq!(ask(&file, "web1", 2222, B), Opinion::Unknown);
    }

    #[test]
    fn wildcards_and_negation() {
        let file = format!("*.example,!bad.example {A}\n10.0.?.1 {B}\n");
        assert_eq!(ask(&file, "good.example", 22, A), Opinion::Good);
        assert_eq!(ask(&file, "bad.example", 22, A), Opinion::Unknown);
        assert_eq!(ask(&file, "10.0.7.1", 22, B), Opinion::Good);
        assert_eq!(ask(&file, "10.0.77.1", 22, B), Opinion::Unknown);
    }

    #[test]
    fn a_revoked_key_is_revoked_whatever_other_lines_say() {
        let file = format!("web1 {A}\n@revoked * {A}\n");
        assert_eq!(ask(&file, "web1", 22, A), Opinion::Revoked { place: place(2) });
        let file = format!("@revoked web1 {A}\n");
        assert_eq!(ask(&file, "web1", 22, A), Opinion::Revoked { place: place(1) });
        assert_eq!(ask(&file, "web1", 22, B), Opinion::Unknown);
    }

    #[test]
    fn an_authoritys_key_is_no_hosts_key() {
        let file = format!("@cert-authority *.example {A}\n");
        assert_eq!(ask(&file, "web1.example", 22, A), Opinion::Unknown);
    }

    #[test]
    fn a_line_that_cannot_be_read_makes_nothing_good() {
        let file = format!("web1 ssh-ed25519 AAAAbroken\nweb1\n|1|x|y {A}\n@who web1 {A}\n");
        assert_eq!(ask(&file, "web1", 22, A), Opinion::Unknown);
    }

    #[test]
    fn what_is_remembered_is_known_hashed_or_not_and_only_once() {
        let directory = tempfile::tempdir().unwrap();
        for hash in [false, true] {
            let file = directory.path().join(format!("new/{hash}"));
            std::fs::create_dir_all(file.parent().unwrap()).unwrap();
            // A file whose last line has no end.
            std::fs::write(&file, format!("other {B}")).unwrap();
            assert_eq!(remember(&file, "web1", 2222, &key(A), hash).unwrap(), Opinion::Good);
            assert_eq!(remember(&file, "web1", 2222, &key(A), hash).unwrap(), Opinion::Good);
            assert!(matches!(remember(&file, "web1", 2222, &key(B), hash).unwrap(), Opinion::Changed { .. }));
            let text = std::fs::read_to_string(&file).unwrap();
            assert_eq!(text.lines().count(), 2, "{text}");
            assert_eq!(text.contains("web1"), !hash, "{text}");
            let files = [file];
            assert_eq!(KnownHost::read(&files, "other", 22).unwrap().opinion(&key(B), "other", 22), Opinion::Good);
            assert_eq!(KnownHost::read(&files, "web1", 2222).unwrap().opinion(&key(A), "web1", 2222), Opinion::Good);
        }
    }

    #[test]
    fn many_stars_do_not_take_for_ever() {
        assert!(!like(b"*a*a*a*a*a*a*a*a*a*a*b", "a".repeat(4000).as_bytes()));
        assert!(like(b"w*b?.ex*", b"web1.example"));
    }
}
