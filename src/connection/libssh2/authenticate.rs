//! Authentication: the given key, the ssh-agent's keys, the usual keys, then the password.
//!
//! The keys are tried without asking first which methods the host has: a round trip less where the key is right.

use crate::connection::ssh_config::Settings;
use crate::connection::{LinkError, Target};
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use ssh_key::{HashAlg, PrivateKey, PublicKey};
use ssh2::{ErrorCode, KeyboardInteractivePrompt, Prompt, Session};
use std::path::{Path, PathBuf};

/// What was tried, for the message.
#[derive(Default)]
struct Tried {
    attempts: Vec<String>,
    notes: Vec<String>,
}

/// Authenticates a session.
pub(super) fn authenticate(session: &Session, target: &Target, settings: &Settings) -> Result<(), LinkError> {
    let mut tried = Tried::default();
    let user = settings.user.as_str();
    let may = |method: &str| settings.methods.contains(&method);
    let ended = |tried: &Tried, error: &ssh2::Error| LinkError::Unreachable {
        message: format!("authentication as {user} broke off after {}: {}", tried.list(), error.message()),
        midway: false,
    };
    if may("publickey") {
        // Where a key was named, it comes before whatever else the ssh-agent has.
        let named = target.private_key.is_some();
        let mut keys = || -> Result<bool, ssh2::Error> {
            Ok(agent_keys(session, settings, true, &mut tried)?
                || (!named && agent_keys(session, settings, false, &mut tried)?)
                || file_keys(session, target, settings, &mut tried)?
                || (named && agent_keys(session, settings, false, &mut tried)?))
        };
        match keys() {
            Ok(true) => return Ok(()),
            Ok(false) => {}
            Err(error) => return Err(ended(&tried, &error)),
        }
    }
    let methods = match session.auth_methods(user) {
        Ok(methods) => methods.to_owned(),
        // No method at all is asked for.
        Err(_) if session.authenticated() => return Ok(()),
        Err(error) => return Err(ended(&tried, &error)),
    };
    if let Some(password) = &target.password {
        let offered = |method: &str| may(method) && methods.split(',').any(|name| name == method);
        if offered("password") {
            match session.userauth_password(user, &password.0) {
                Ok(()) if session.authenticated() => return Ok(()),
                Err(error) if cut(&error) => return Err(ended(&tried, &error)),
                Ok(()) | Err(_) => tried.attempts.push("the password".to_owned()),
            }
        }
        if offered("keyboard-interactive") {
            let mut answers = Answers { password: &password.0, rounds: 0 };
            match session.userauth_keyboard_interactive(user, &mut answers) {
                Ok(()) if session.authenticated() => return Ok(()),
                Err(error) if cut(&error) => return Err(ended(&tried, &error)),
                Ok(()) | Err(_) => tried.attempts.push("the password at the prompt (keyboard-interactive)".to_owned()),
            }
        }
    }
    let mut message = format!("authentication as {user} failed. Tried: {}. The host offers: {methods}", tried.list());
    for note in &tried.notes {
        message += ". ";
        message += note;
    }
    if target.password.is_none() && (methods.contains("password") || methods.contains("keyboard-interactive")) {
        message += ". A password can be given with -k or ansible_password";
    }
    Err(LinkError::Unreachable { message, midway: false })
}

impl Tried {
    fn list(&self) -> String {
        if self.attempts.is_empty() { "nothing".to_owned() } else { self.attempts.join(", ") }
    }
}

/// Whether the connection is gone, so that there is no use in going on.
fn cut(error: &ssh2::Error) -> bool {
    matches!(error.code(), ErrorCode::Session(-7 | -9 | -13 | -30 | -43))
}

/// The keys of the ssh-agent: those that are also in the files that may be used, or all others.
fn agent_keys(session: &Session, settings: &Settings, of_files: bool, tried: &mut Tried) -> Result<bool, ssh2::Error> {
    if settings.keys_only && !of_files {
        return Ok(false);
    }
    let Some(socket) = &settings.agent else { return Ok(false) };
    let mut agent = session.agent()?;
    agent.set_identity_path(socket)?;
    if let Err(error) = agent.connect().and_then(|()| agent.list_identities()) {
        if of_files {
            let socket = socket.display();
            tried.notes.push(format!("The ssh-agent at {socket} does not answer ({})", error.message()));
        }
        return Ok(false);
    }
    let public = |key: &PathBuf| public_key(key).and_then(|key| key.to_bytes().ok());
    let files: Vec<Vec<u8>> = settings.keys.iter().filter_map(public).collect();
    let mut identities = agent.identities()?;
    let place = |blob: &[u8]| files.iter().position(|file| file == blob).unwrap_or(usize::MAX);
    identities.sort_by_key(|identity| place(identity.blob()));
    for identity in identities {
        if (place(identity.blob()) != usize::MAX) != of_files {
            continue;
        }
        match agent.userauth(&settings.user, &identity) {
            Ok(()) if session.authenticated() => return Ok(true),
            Err(error) if cut(&error) => return Err(error),
            Ok(()) | Err(_) => {
                let print = match PublicKey::from_bytes(identity.blob()) {
                    Ok(key) => format!(" {}", key.fingerprint(HashAlg::Sha256)),
                    Err(_) => String::new(),
                };
                tried.attempts.push(format!("the ssh-agent's key {}{print}", identity.comment()));
            }
        }
    }
    Ok(false)
}

/// The keys in files, each with its certificate before it.
fn file_keys(session: &Session, target: &Target, settings: &Settings, tried: &mut Tried) -> Result<bool, ssh2::Error> {
    for key in &settings.keys {
        let passphrase = match state(key) {
            State::Missing(why) => {
                tried.notes.push(format!("The key {} cannot be read ({why})", key.display()));
                continue;
            }
            State::Plain => None,
            State::Encrypted => match &target.password {
                Some(password) => Some(password.0.as_str()),
                None => {
                    tried.notes.push(format!(
                        "The key {} is encrypted: load it with ssh-add, or give its passphrase with -k",
                        key.display()
                    ));
                    continue;
                }
            },
        };
        let mut beside = key.as_os_str().to_owned();
        beside.push("-cert.pub");
        let beside = PathBuf::from(beside);
        let certificates = settings.certificates.iter().filter(|path| path.exists());
        let certificates = certificates.chain(beside.exists().then_some(&beside)).map(Some);
        for certificate in certificates.chain([None]) {
            let public = certificate.map(PathBuf::as_path);
            match session.userauth_pubkey_file(&settings.user, public, key, passphrase) {
                Ok(()) if session.authenticated() => return Ok(true),
                Err(error) if cut(&error) => return Err(error),
                // The file could not be used: nothing was sent to the host.
                Err(error) if matches!(error.code(), ErrorCode::Session(-16 | -48)) && passphrase.is_some() => {
                    tried.notes.push(format!("The passphrase of the key {} is wrong, or it is damaged", key.display()));
                }
                Err(error) if error.code() == ErrorCode::Session(-16) => {
                    tried.notes.push(format!("The key {} cannot be used ({})", key.display(), error.message()));
                }
                Ok(()) | Err(_) => {
                    let with = match public {
                        Some(certificate) => format!(" with the certificate {}", certificate.display()),
                        None => public_key(key)
                            .map(|key| format!(" ({})", key.fingerprint(HashAlg::Sha256)))
                            .unwrap_or_default(),
                    };
                    tried.attempts.push(format!("the key {}{with}", key.display()));
                }
            }
        }
    }
    Ok(false)
}

enum State {
    Missing(String),
    Plain,
    Encrypted,
}

/// Whether a private key needs a passphrase.
fn state(path: &Path) -> State {
    let text = match std::fs::read_to_string(path) {
        Ok(text) => zeroize::Zeroizing::new(text),
        Err(error) => return State::Missing(error.to_string()),
    };
    // The older formats say so in words; OpenSSH's own names its cipher at the start.
    if text.contains("BEGIN ENCRYPTED PRIVATE KEY") || text.contains("Proc-Type: 4,ENCRYPTED") {
        return State::Encrypted;
    }
    let mut lines = text.lines().skip_while(|line| !line.contains("BEGIN OPENSSH PRIVATE KEY")).skip(1);
    let first = lines.next().and_then(|line| BASE64.decode(line.trim().get(..48)?).ok());
    match first {
        Some(first) if first.starts_with(b"openssh-key-v1\0") && !first[15..].starts_with(b"\0\0\0\x04none") => {
            State::Encrypted
        }
        _ => State::Plain,
    }
}

/// The public part of a private key's file, from the file beside it or from itself.
fn public_key(path: &Path) -> Option<PublicKey> {
    let mut beside = path.as_os_str().to_owned();
    beside.push(".pub");
    if let Ok(text) = std::fs::read_to_string(PathBuf::from(beside))
        && let Ok(key) = text.trim().parse()
    {
        return Some(key);
    }
    let text = zeroize::Zeroizing::new(std::fs::read_to_string(path).ok()?);
    Some(PrivateKey::from_openssh(text.as_bytes()).ok()?.public_key().clone())
}

/// Answers what a host asks, once: a second round means that the answer was wrong.
struct Answers<'a> {
    password: &'a str,
    rounds: usize,
}

impl KeyboardInteractivePrompt for Answers<'_> {
    fn prompt(&mut self, _user: &str, _instructions: &str, prompts: &[Prompt<'_>]) -> Vec<String> {
        if !prompts.is_empty() {
            self.rounds += 1;
        }
        // What is shown while it is typed is no password.
        let answer = |prompt: &Prompt<'_>| match (self.rounds, prompt.echo) {
            (1, false) => self.password.to_owned(),
            _ => String::new(),
        };
        prompts.iter().map(answer).collect()
    }
}
