//! Why an encrypted text could not be opened, or a secret not be had.

use std::path::PathBuf;

/// What went wrong. The place of the encrypted text is the caller's to add.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum VaultError {
    /// The text is not an envelope at all.
    #[error("this is not encrypted text: it does not begin with `$ANSIBLE_VAULT;`")]
    NotEncrypted,
    /// It begins like one, but is damaged.
    #[error("the encrypted text is damaged: {0}")]
    Damaged(&'static str),
    /// A format or a cipher that is not known.
    #[error("encrypted with `{0}`; known are the formats 1.1 and 1.2 with AES256")]
    UnknownFormat(String),
    /// There is no secret to try.
    #[error("encrypted{}, and no vault secret was given; give one by --vault-id, --vault-password-file or --ask-vault-pass",
        id.as_ref().map(|id| format!(" for the vault id `{id}`")).unwrap_or_default())]
    NoSecret {
        /// The vault id that the text names.
        id: Option<String>,
    },
    /// No secret opens it.
    #[error("encrypted{}, and none of the vault secrets fits (tried: {})",
        id.as_ref().map(|id| format!(" for the vault id `{id}`")).unwrap_or_default(), tried.join(", "))]
    NoneFits {
        /// The vault id that the text names.
        id: Option<String>,
        /// The ids of the secrets that were tried.
        tried: Vec<String>,
    },
    /// Encrypting with a vault id that no secret has.
    #[error("no vault secret has the id `{0}`")]
    UnknownId(String),
    /// A password file that can't be read, or is empty.
    #[error("vault password file {}: {why}", path.display())]
    PasswordFile {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        why: String,
    },
    /// A password program that failed.
    #[error("vault password program {}: {why}", path.display())]
    PasswordProgram {
        /// The program.
        path: PathBuf,
        /// What is wrong.
        why: String,
    },
    /// The prompt for a password failed.
    #[error("vault password for `{id}`: {why}")]
    Prompt {
        /// The vault id.
        id: String,
        /// What is wrong.
        why: String,
    },
    /// The system gave no random bytes.
    #[error("no random bytes for encrypting: {0}")]
    Random(String),
}
