//! `known_hosts`: keys of SSH servers.

use super::file_attributes::{FileArgs, describe};
use super::lineinfile::State;
use super::text_edit::{self, Edit};
use super::{Call, Module, Rule};
use crate::args;
use crate::args::Args as _;
use crate::outcome::{ModuleResult, Stop};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha1::{Digest as _, Sha1};
use std::path::{Path, PathBuf};

args! {
    /// What `known_hosts` takes.
    pub struct Args {
        /// The server's name or address, as the key's line has it: `[NAME]:PORT` for another port than 22.
        [aliases = ["host"]]
        name: String,
        /// The line of the key: `NAME TYPE KEY`. Needed where it is to be there; without it all keys of the server are
        /// removed.
        key: Option<String>,
        /// The file.
        path: PathBuf = PathBuf::from("~/.ssh/known_hosts"),
        /// Write the name as a hash.
        hash_host: bool = false,
        /// Whether the key is to be there.
        state: State = State::Present,
    }
}

/// The declaration.
pub static MODULE: Module = Module {
    name: "known_hosts",
    aliases: &[],
    summary: "Add and remove keys of SSH servers",
    args: Args::specs,
    rules: &[Rule::RequiredIf("state", "present", &["key"])],
    free_form: None,
    run: Some(run),
};

/// A line of a file of known hosts.
#[derive(Clone, Debug, PartialEq)]
struct Entry {
    /// `@cert-authority`, `@revoked` or nothing.
    marker: String,
    hosts: String,
    kind: String,
    key: String,
}

impl Entry {
    fn parse(line: &str) -> Option<Entry> {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            return None;
        }
        let mut words = line.split_whitespace();
        let first = words.next()?;
        let (marker, hosts) = if first.starts_with('@') { (first, words.next()?) } else { ("", first) };
        let (kind, key) = (words.next()?, words.next()?);
        let [marker, hosts, kind, key] = [marker, hosts, kind, key].map(str::to_owned);
        Some(Entry { marker, hosts, kind, key })
    }

    /// Whether it is of this host, as `ssh-keygen -F` finds it.
    fn is_of(&self, host: &str) -> bool {
        if let Some((salt, hash)) = self.hashed() {
            return hmac(&salt, host.as_bytes()) == hash;
        }
        let mut found = false;
        for pattern in self.hosts.split(',') {
            match pattern.strip_prefix('!') {
                Some(pattern) if matches(pattern, host) => return false,
                Some(_) => {}
                None => found |= matches(pattern, host),
            }
        }
        found
    }

    fn hashed(&self) -> Option<(Vec<u8>, Vec<u8>)> {
        let (salt, hash) = self.hosts.strip_prefix("|1|")?.split_once('|')?;
        Some((STANDARD.decode(salt).ok()?, STANDARD.decode(hash).ok()?))
    }
}

/// Whether a host's name is of a pattern with `*` and `?`.
fn matches(pattern: &str, host: &str) -> bool {
    let (mut pattern, mut host) = (pattern.to_ascii_lowercase().into_bytes(), host.to_ascii_lowercase().into_bytes());
    pattern.reverse();
    host.reverse();
    fn rest(pattern: &[u8], text: &[u8]) -> bool {
        match pattern.split_first() {
            None => text.is_empty(),
            Some((b'*', more)) => (0..=text.len()).any(|at| rest(more, &text[at..])),
            Some((b'?', more)) => !text.is_empty() && rest(more, &text[1..]),
            Some((letter, more)) => text.first() == Some(letter) && rest(more, &text[1..]),
        }
    }
    rest(&pattern, &host)
}

/// HMAC-SHA1, by which names are hashed (sshd(8)).
fn hmac(key: &[u8], message: &[u8]) -> Vec<u8> {
    let mut block = [0u8; 64];
    if key.len() > block.len() {
        block[..20].copy_from_slice(&Sha1::digest(key));
    } else {
        block[..key.len()].copy_from_slice(key);
    }
    let pad = |byte: u8| block.map(|b| b ^ byte);
    let inner = Sha1::new().chain_update(pad(0x36)).chain_update(message).finalize();
    Sha1::new().chain_update(pad(0x5c)).chain_update(inner).finalize().to_vec()
}

fn hashed(host: &str) -> String {
    let mut salt = Vec::with_capacity(24);
    while salt.len() < 20 {
        salt.extend_from_slice(&crate::host::live::random().to_ne_bytes());
    }
    salt.truncate(20);
    format!("|1|{}|{}", STANDARD.encode(&salt), STANDARD.encode(hmac(&salt, host.as_bytes())))
}

fn run(call: &Call<'_>) -> ModuleResult {
    let args: Args = call.args()?;
    let name = args.name.to_lowercase();
    let present = args.state == State::Present;
    let line = match &args.key {
        Some(key) if !key.trim().is_empty() => Some(format!("{}\n", key.trim_end_matches('\n'))),
        _ if present => return Err(Stop::failed("No key specified when adding a host")),
        _ => None,
    };
    let mut wanted = match &line {
        None => None,
        Some(line) => {
            let entry = Entry::parse(line)
                .ok_or_else(|| Stop::failed(format!("unable to parse submitted key value: '{}'", line.trim_end())))?;
            if !entry.is_of(&name) {
                return Err(Stop::failed(format!(
                    "Host parameter does not match hashed host field in supplied key: the key's line is of `{}`, not of \
                     `{name}`",
                    entry.hosts
                )));
            }
            Some((entry, line.clone()))
        }
    };
    let edited = text_edit::read(call.host, &args.path)?;
    let text = String::from_utf8_lossy(edited.before.as_deref().unwrap_or_default()).into_owned();
    let lines: Vec<&str> = text.split_inclusive('\n').collect();
    let found: Vec<(usize, Entry)> = lines
        .iter()
        .enumerate()
        .filter_map(|(index, line)| Entry::parse(line).filter(|entry| entry.is_of(&name)).map(|entry| (index, entry)))
        .collect();
    if let Some((entry, line)) = wanted.as_mut().filter(|(entry, _)| args.hash_host && entry.hashed().is_none()) {
        let plain = std::mem::replace(&mut entry.hosts, hashed(&name));
        *line = line.replacen(&plain, &entry.hosts, 1);
    }
    let mut gone: Vec<usize> = Vec::new();
    let mut added = None;
    match &wanted {
        None => gone.extend(found.iter().map(|(index, _)| *index)),
        Some((entry, line)) => {
            // One hash of a name is as good as another.
            let same = |other: &Entry| {
                let hashes = entry.hashed().is_some() && other.hashed().is_some();
                *entry
                    == Entry { hosts: if hashes { entry.hosts.clone() } else { other.hosts.clone() }, ..other.clone() }
            };
            let place = found.iter().find(|(_, other)| same(other) || other.kind == entry.kind);
            match place {
                Some((index, _)) if !present => gone.push(*index),
                Some((_, other)) if same(other) => {}
                Some((index, _)) => {
                    gone.push(*index);
                    added = Some(line);
                }
                None => added = Some(line).filter(|_| present),
            }
        }
    }
    let mut after: String =
        lines.iter().enumerate().filter(|(index, _)| !gone.contains(index)).map(|(_, line)| *line).collect();
    if let Some(line) = added {
        if !after.is_empty() && !after.ends_with('\n') {
            after.push('\n');
        }
        after.push_str(line);
    }
    let told = [("name", args.name.clone()), ("path", args.path.to_string_lossy().into_owned())];
    let mut outcome = crate::outcome::Outcome::ok();
    if after != text {
        if let Some(directory) = edited.path.parent()
            && call.host.files.stat(directory, true)?.is_none()
        {
            let (file, directory) = (edited.shown.display(), directory.display());
            return Err(Stop::failed(format!("Failed to write to file {file}: there is no directory {directory}")));
        }
        if wanted.is_none() {
            // As `ssh-keygen -R` does, by which Ansible removes a host.
            let mut old = edited.path.clone().into_os_string();
            old.push(".old");
            call.host.files.copy(&edited.path, Path::new(&old))?;
        }
        let edit = Edit {
            after: Some(after.into_bytes()),
            message: String::new(),
            backup: false,
            validate: None,
            file: &FileArgs::default(),
            headers: text_edit::headers(&edited.shown),
        };
        outcome = edited.finish(call, edit)?.0;
        outcome.result.remove("msg");
    }
    for (name, value) in told {
        outcome = outcome.with(name, value);
    }
    outcome = outcome.with("key", args.key).with("state", args.state.word()).with("hash_host", args.hash_host);
    describe(call.host, &edited.path, &mut outcome.result)?;
    Ok(outcome)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashed_names_are_found() {
        // `ssh-keygen -H` made it of "example.org".
        let hosts = hashed("example.org");
        let entry = Entry::parse(&format!("{hosts} ssh-ed25519 AAAA\n")).unwrap();
        assert!(entry.is_of("example.org") && !entry.is_of("example.com"));
        // RFC 2202, test case 2.
        let mac = hmac(b"Jefe", b"what do ya want for nothing?");
        assert_eq!(mac[..4], [0xef, 0xfc, 0xdf, 0x6a]);
    }

    #[test]
    fn patterns_and_lists_of_names() {
        let is_of = |hosts: &str, host: &str| Entry::parse(&format!("{hosts} ssh-rsa AAAA")).unwrap().is_of(host);
        assert!(is_of("a.org,10.0.0.1", "10.0.0.1") && is_of("[a.org]:2222", "[a.org]:2222"));
        assert!(is_of("*.org,!b.org", "a.org") && !is_of("*.org,!b.org", "b.org") && !is_of("a.org", "[a.org]:2222"));
        assert!(Entry::parse("# a comment").is_none() && Entry::parse("a.org ssh-rsa").is_none());
        assert_eq!(Entry::parse("@revoked a.org ssh-rsa AA").unwrap().marker, "@revoked");
    }
}
