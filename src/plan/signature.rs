//! Signatures of plans: an HMAC with a key that both sides have, or an SSH signature (`ssh-keygen -Y`), which the system's
//! program makes and checks: it knows agents, passphrases and hardware keys.

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// What the signature is for: a signature of something else is none of a plan.
const NAMESPACE: &str = "refit-plan";
const HMAC: &str = "HMAC-SHA256: ";
const SSH: &str = "-----BEGIN SSH SIGNATURE-----";
/// A shorter key could be guessed.
const SHORTEST_KEY: usize = 16;

/// Who signs.
pub enum Signer {
    /// The key of an HMAC.
    Hmac(zeroize::Zeroizing<Vec<u8>>),
    /// An SSH key's file: private, or public where an agent has the private one.
    Ssh(PathBuf),
}

/// A signature.
pub enum Signature {
    /// Of an HMAC.
    Hmac(Vec<u8>),
    /// In the form of `ssh-keygen -Y`.
    Ssh(String),
}

fn is_ssh_key(content: &[u8]) -> bool {
    let text = String::from_utf8_lossy(content);
    let text = text.trim_start();
    text.starts_with("-----BEGIN") || ["ssh-", "ecdsa-", "sk-"].iter().any(|kind| text.starts_with(kind))
}

/// Whether a file lists allowed signers: a line has a principal, and then a key's type.
fn lists_signers(content: &[u8]) -> bool {
    String::from_utf8_lossy(content)
        .split_whitespace()
        .any(|word| ["ssh-", "ecdsa-sha2-", "sk-ssh-", "sk-ecdsa-"].iter().any(|kind| word.starts_with(kind)))
}

fn hmac(key: &[u8]) -> Result<Hmac<Sha256>, String> {
    Hmac::new_from_slice(key).map_err(|error| error.to_string())
}

/// The key of an HMAC as the file has it, without line ends.
fn hmac_key(path: &Path, content: Vec<u8>) -> Result<zeroize::Zeroizing<Vec<u8>>, String> {
    let content = zeroize::Zeroizing::new(content);
    let key = zeroize::Zeroizing::new(content.trim_ascii().to_vec());
    if key.len() < SHORTEST_KEY {
        return Err(format!("the key in {} is shorter than {SHORTEST_KEY} bytes: it could be guessed", path.display()));
    }
    Ok(key)
}

fn read(path: &Path) -> Result<Vec<u8>, String> {
    std::fs::read(path).map_err(|error| format!("can't read {}: {error}", path.display()))
}

impl Signer {
    /// Whoever has this key: an SSH key's file, or one with the key of an HMAC.
    pub fn of_file(path: &Path) -> Result<Signer, String> {
        let content = read(path)?;
        if is_ssh_key(&content) { Ok(Signer::Ssh(path.to_owned())) } else { hmac_key(path, content).map(Signer::Hmac) }
    }

    /// Signs.
    pub fn sign(&self, document: &[u8]) -> Result<Signature, String> {
        match self {
            Signer::Hmac(key) => {
                let mut hmac = hmac(key)?;
                hmac.update(document);
                Ok(Signature::Hmac(hmac.finalize().into_bytes().to_vec()))
            }
            Signer::Ssh(key) => {
                let mut command = Command::new("ssh-keygen");
                command.args(["-Y", "sign", "-n", NAMESPACE, "-f"]).arg(key);
                let output = fed(command, document)?;
                match output.status.success() {
                    true => Ok(Signature::Ssh(String::from_utf8_lossy(&output.stdout).into_owned())),
                    false => Err(format!("ssh-keygen could not sign with {}: {}", key.display(), words(&output))),
                }
            }
        }
    }
}

impl Signature {
    /// As it stands in the file.
    pub fn text(&self) -> String {
        match self {
            Signature::Hmac(code) => {
                let hex: String = code.iter().map(|byte| format!("{byte:02x}")).collect();
                format!("{HMAC}{hex}\n")
            }
            Signature::Ssh(text) => text.clone(),
        }
    }

    /// Reads what stands after the plan.
    pub fn parse(bytes: &[u8]) -> Result<Signature, String> {
        let text = String::from_utf8_lossy(bytes);
        let text = text.trim_start();
        if text.starts_with(SSH) {
            return Ok(Signature::Ssh(text.to_owned()));
        }
        let Some(hex) = text.strip_prefix(HMAC) else { return Err("the plan is not signed".to_owned()) };
        let digits: Vec<u8> = hex.trim().bytes().collect();
        let code: Option<Vec<u8>> =
            digits.chunks(2).map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()).collect();
        code.map(Signature::Hmac).ok_or_else(|| "the plan's signature is damaged".to_owned())
    }

    /// Checks that one of the allowed signed this document: who.
    pub fn verify(&self, document: &[u8], allowed: &Path) -> Result<String, String> {
        let content = read(allowed)?;
        match (self, lists_signers(&content)) {
            (Signature::Hmac(code), false) => {
                let mut hmac = hmac(&hmac_key(allowed, content)?)?;
                hmac.update(document);
                let verified = hmac.verify_slice(code);
                verified.map_err(|_| {
                    "the plan's signature is wrong: it was changed, or signed with another key".to_owned()
                })?;
                Ok(format!("the key in {}", allowed.display()))
            }
            (Signature::Ssh(text), true) => verify_ssh(text, document, allowed),
            (Signature::Hmac(_), true) => {
                Err(format!("the plan is signed by an HMAC, and {} lists signers with SSH keys", allowed.display()))
            }
            (Signature::Ssh(_), false) => {
                Err(format!("the plan is signed with an SSH key, and {} lists no signers", allowed.display()))
            }
        }
    }
}

fn verify_ssh(signature: &str, document: &[u8], allowed: &Path) -> Result<String, String> {
    let mut file = tempfile::NamedTempFile::new().map_err(|error| format!("no temporary file: {error}"))?;
    file.write_all(signature.as_bytes()).map_err(|error| format!("no temporary file: {error}"))?;
    let mut command = Command::new("ssh-keygen");
    command.args(["-Y", "find-principals", "-f"]).arg(allowed).arg("-s").arg(file.path());
    let found = fed(command, b"")?;
    let names = String::from_utf8_lossy(&found.stdout).into_owned();
    let Some(name) = names.lines().next().filter(|_| found.status.success()) else {
        return Err(format!("the plan is signed by no one whom {} allows", allowed.display()));
    };
    let mut command = Command::new("ssh-keygen");
    command.args(["-Y", "verify", "-n", NAMESPACE, "-I", name, "-f"]).arg(allowed).arg("-s").arg(file.path());
    let output = fed(command, document)?;
    match output.status.success() {
        true => Ok(name.to_owned()),
        false => Err(format!("the plan's signature is wrong: it was changed after it was signed ({})", words(&output))),
    }
}

/// Runs a program with this as its input.
fn fed(mut command: Command, input: &[u8]) -> Result<Output, String> {
    let cannot = |error: std::io::Error| format!("can't run ssh-keygen: {error}");
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().map_err(cannot)?;
    let written = child.stdin.take().map_or(Ok(()), |mut stdin| stdin.write_all(input));
    let output = child.wait_with_output().map_err(cannot)?;
    // A program that ended early says why itself.
    if output.status.success() {
        written.map_err(cannot)?;
    }
    Ok(output)
}

fn words(output: &Output) -> String {
    [&output.stdout, &output.stderr]
        .map(|bytes| String::from_utf8_lossy(bytes).trim().to_owned())
        .join(" ")
        .trim()
        .to_owned()
}
