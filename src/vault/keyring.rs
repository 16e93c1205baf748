//! The secrets of a run, and opening with whichever fits.

use super::envelope::{Envelope, SALT, seal};
use super::error::VaultError;
use super::read_files::ReadFiles;
use crate::connection::Secret;
use std::io::Read;
use zeroize::Zeroizing;

/// The id of a secret that was given without one.
pub const DEFAULT_ID: &str = "default";

/// The vault secrets of a run, in the order in which they were given. They are at hand wherever a file of the controller is
/// read, since any may be encrypted; so is the list of those that were read.
#[derive(Clone, Debug, Default)]
pub struct Vault {
    /// (vault id, secret).
    secrets: Vec<(String, Secret)>,
    /// Whether only secrets of the text's own id are tried (`vault_id_match`).
    match_ids: bool,
    /// The salt to encrypt with, instead of random bytes (`vault_encrypt_salt`).
    salt: Option<String>,
    /// The files that were read with it.
    read_files: ReadFiles,
}

/// A text that was decrypted, with what it takes to encrypt it again in the same way.
pub struct Opened<'v> {
    /// The text.
    pub text: Zeroizing<Vec<u8>>,
    /// The vault id that the encrypted text named.
    id: Option<String>,
    secret: &'v Secret,
}

impl Vault {
    /// A vault of these secrets.
    pub fn new(secrets: Vec<(String, Secret)>) -> Vault {
        Vault { secrets, ..Vault::default() }
    }

    /// Only tries secrets of the id that a text names (`vault_id_match`).
    pub fn matching_ids(mut self, only: bool) -> Vault {
        self.match_ids = only;
        self
    }

    /// Encrypts with this salt, so that the same text gives the same (`vault_encrypt_salt`): less safe than random bytes.
    pub fn with_salt(mut self, salt: Option<String>) -> Vault {
        self.salt = salt;
        self
    }

    /// The files that were read, encrypted or not.
    pub fn read_files(&self) -> &ReadFiles {
        &self.read_files
    }

    /// Adds a secret.
    pub fn add(&mut self, id: impl Into<String>, secret: Secret) {
        self.secrets.push((id.into(), secret));
    }

    /// Whether there is no secret.
    pub fn is_empty(&self) -> bool {
        self.secrets.is_empty()
    }

    /// The ids, in order.
    pub fn ids(&self) -> impl Iterator<Item = &str> {
        self.secrets.iter().map(|(id, _)| id.as_str())
    }

    /// Decrypts a text. Secrets of the id that it names are tried first. What comes back should be registered with
    /// [`Secrets`](crate::secrets::Secrets).
    pub fn decrypt(&self, text: &str) -> Result<Zeroizing<Vec<u8>>, VaultError> {
        self.open(text).map(|opened| opened.text)
    }

    /// Decrypts a text that is to be encrypted again.
    pub fn open(&self, text: &str) -> Result<Opened<'_>, VaultError> {
        let envelope = Envelope::parse(text)?;
        if self.secrets.is_empty() {
            return Err(VaultError::NoSecret { id: envelope.id });
        }
        let is_own = |id: &str| id == envelope.id.as_deref().unwrap_or(DEFAULT_ID);
        let own = self.secrets.iter().filter(|(id, _)| is_own(id));
        let others = self.secrets.iter().filter(|(id, _)| !is_own(id) && (!self.match_ids || envelope.id.is_none()));
        let mut tried = Vec::new();
        for (id, secret) in own.chain(others) {
            if let Some(text) = envelope.open(secret.0.as_bytes())? {
                return Ok(Opened { text, id: envelope.id, secret });
            }
            tried.push(id.clone());
        }
        Err(VaultError::NoneFits { id: envelope.id, tried })
    }

    /// Encrypts with the secret of this id, by default with the first one. Without an id, or with [`DEFAULT_ID`], the
    /// text has format 1.1, else 1.2 with the id in it, as ansible-vault does.
    pub fn encrypt(&self, text: &[u8], id: Option<&str>) -> Result<String, VaultError> {
        let found = match id {
            Some(id) => self.secrets.iter().find(|(own, _)| own == id).ok_or(VaultError::UnknownId(id.to_owned()))?,
            None => self.secrets.first().ok_or(VaultError::NoSecret { id: None })?,
        };
        let (id, secret) = found;
        self.seal(text, secret, Some(id.as_str()).filter(|id| *id != DEFAULT_ID))
    }

    /// Encrypts a text with the secret that opened another, in that one's place: under the same vault id, if any.
    pub fn encrypt_again(&self, text: &[u8], opened: &Opened<'_>) -> Result<String, VaultError> {
        self.seal(text, opened.secret, opened.id.as_deref())
    }

    fn seal(&self, text: &[u8], secret: &Secret, id: Option<&str>) -> Result<String, VaultError> {
        if let Some(salt) = &self.salt {
            return Ok(seal(text, secret.0.as_bytes(), salt.as_bytes(), id));
        }
        let mut salt = [0; SALT];
        std::fs::File::open("/dev/urandom")
            .and_then(|mut random| random.read_exact(&mut salt))
            .map_err(|error| VaultError::Random(error.to_string()))?;
        Ok(seal(text, secret.0.as_bytes(), &salt, id))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret(text: &str) -> Secret {
        Secret(Zeroizing::new(text.to_owned()))
    }

    fn vault(secrets: &[(&str, &str)]) -> Vault {
        Vault::new(secrets.iter().map(|(id, text)| ((*id).to_owned(), secret(text))).collect())
    }

    #[test]
    fn what_was_encrypted_comes_back_whatever_its_length() {
        let vault = vault(&[("default", "hunter2")]);
        for length in [0, 16, 1000] {
            let text: Vec<u8> = (0..length).map(|i| u8::try_from(i % 256).unwrap_or(0)).collect();
            let sealed = vault.encrypt(&text, None).unwrap();
            assert!(sealed.starts_with("$ANSIBLE_VAULT;1.1;AES256\n"));
            assert_eq!(*vault.decrypt(&sealed).unwrap(), text);
        }
    }

    #[test]
    fn the_secret_of_the_texts_id_is_found_among_several_and_errors_name_the_id() {
        let sealed = vault(&[("prod", "b")]).encrypt(b"x", None).unwrap();
        assert!(sealed.starts_with("$ANSIBLE_VAULT;1.2;AES256;prod\n"));
        assert_eq!(**vault(&[("dev", "a"), ("prod", "b")]).decrypt(&sealed).unwrap(), *b"x");
        assert_eq!(**vault(&[("dev", "b")]).decrypt(&sealed).unwrap(), *b"x");
        assert_eq!(
            vault(&[("dev", "b")]).matching_ids(true).decrypt(&sealed),
            Err(VaultError::NoneFits { id: Some("prod".into()), tried: vec![] })
        );
        let error = vault(&[("dev", "a"), ("ops", "c")]).decrypt(&sealed).unwrap_err();
        assert_eq!(
            error.to_string(),
            "encrypted for the vault id `prod`, and none of the vault secrets fits (tried: dev, ops)"
        );
        assert_eq!(Vault::default().decrypt(&sealed), Err(VaultError::NoSecret { id: Some("prod".into()) }));
    }

    /// Made by `ansible-vault encrypt` and `encrypt_string` of ansible-core 2.19.
    #[test]
    fn what_ansible_vault_wrote_is_opened() {
        let vault = vault(&[("default", "correct horse"), ("prod", "prod staple")]);
        for sealed in [include_str!("../../tests/vault/default.yml"), include_str!("../../tests/vault/prod.yml")] {
            assert_eq!(**vault.decrypt(sealed).unwrap(), *"plain: text\nümlaut: \"ß\"\n".as_bytes());
        }
        let inline = include_str!("../../tests/vault/inline.yml");
        let source = crate::loader::load_text("inline.yml".as_ref(), inline.to_owned()).unwrap().source;
        let crate::loader::Node::Vault(sealed) = &source.get("password").unwrap().node else { panic!("{source:?}") };
        assert_eq!(**vault.decrypt(sealed).unwrap(), *b"hunter2");
    }

    #[test]
    fn a_damaged_text_is_told_apart_from_a_wrong_password() {
        let vault = vault(&[("default", "a")]);
        let sealed = vault.encrypt(b"some text", None).unwrap();
        assert!(matches!(vault.decrypt(&sealed[..sealed.len() / 2]), Err(VaultError::Damaged(_))));
        assert_eq!(vault.decrypt("a: 1"), Err(VaultError::NotEncrypted));
        assert_eq!(vault.decrypt("$ANSIBLE_VAULT;1.0;AES\n00"), Err(VaultError::UnknownFormat("1.0;AES".into())));
    }
}
