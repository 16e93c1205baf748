//! Encrypted files and values as `ansible-vault` writes them (formats 1.1 and 1.2, AES256), and the secrets that open them.

mod envelope;
mod error;
mod keyring;
mod read_files;
mod secret_source;

pub use envelope::is_encrypted;
pub use error::VaultError;
pub use keyring::{DEFAULT_ID, Opened, Vault};
pub use read_files::ReadFiles;
pub use secret_source::{Prompt, Purpose, SecretOrigin, SecretSource};
