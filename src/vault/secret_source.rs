//! Where a vault secret comes from: a file, a program that prints it, or the person at the keyboard.

use super::envelope::is_encrypted;
use super::error::VaultError;
use super::keyring::{DEFAULT_ID, Vault};
use crate::connection::Secret;
use rustix::fs::{Access, access};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use zeroize::Zeroizing;

/// Asks the user for a secret; the text says which.
pub type Prompt<'a> = &'a dyn Fn(&str) -> std::io::Result<Zeroizing<String>>;

/// A vault id with the source of its secret: what `--vault-id` takes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecretSource {
    /// The id that encrypted texts may name.
    pub id: String,
    /// Where the secret comes from.
    pub origin: SecretOrigin,
}

/// What a secret is wanted for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// To open what is encrypted already.
    Open,
    /// To encrypt: who is asked for it types it twice.
    Encrypt,
}

/// Where a secret comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SecretOrigin {
    /// The user is asked, who is told the vault id.
    Prompt,
    /// The user is asked for "the" password: `--ask-vault-password`.
    PlainPrompt,
    /// A file that holds it or, if it is executable, a program that prints it.
    File(PathBuf),
}

impl SecretSource {
    /// `label@source` or `source`, where the source is `prompt` or a path.
    pub fn parse(text: &str) -> SecretSource {
        let (id, origin) = text.split_once('@').unwrap_or((DEFAULT_ID, text));
        let id = if id.is_empty() { DEFAULT_ID } else { id };
        let origin = match origin {
            "prompt" => SecretOrigin::Prompt,
            "prompt_ask_vault_pass" => SecretOrigin::PlainPrompt,
            path => SecretOrigin::File(PathBuf::from(path)),
        };
        SecretSource { id: id.to_owned(), origin }
    }

    /// Gets the secret. White space around it is not part of it; an empty one is refused. A password file may be encrypted
    /// itself, with a secret that is known already.
    pub fn read(&self, purpose: Purpose, known: &Vault, prompt: Prompt<'_>) -> Result<Secret, VaultError> {
        let text = match &self.origin {
            SecretOrigin::Prompt | SecretOrigin::PlainPrompt => self.ask(purpose, prompt)?,
            SecretOrigin::File(path) if is_program(path) => self.run(path)?,
            SecretOrigin::File(path) => {
                let wrong = |why: String| VaultError::PasswordFile { path: path.clone(), why };
                let mut bytes = Zeroizing::new(std::fs::read(path).map_err(|error| wrong(error.to_string()))?);
                if is_encrypted(&bytes) {
                    let text = String::from_utf8_lossy(&bytes).into_owned();
                    bytes = known.decrypt(&text).map_err(|error| wrong(error.to_string()))?;
                }
                trimmed(&bytes).map_err(wrong)?
            }
        };
        Ok(Secret(text))
    }

    fn ask(&self, purpose: Purpose, prompt: Prompt<'_>) -> Result<Zeroizing<String>, VaultError> {
        let wrong = |why: String| VaultError::Prompt { id: self.id.clone(), why };
        // The words are those that programs wait for which type the answer.
        let ask = |plain: &str, with_id: &str| {
            let question = match self.origin {
                SecretOrigin::PlainPrompt => format!("{plain}: "),
                _ => format!("{with_id} ({}): ", self.id),
            };
            prompt(&question).map_err(|error| wrong(error.to_string()))
        };
        let answer = match purpose {
            Purpose::Open => ask("Vault password", "Vault password")?,
            Purpose::Encrypt => {
                let answer = ask("New Vault password", "New vault password")?;
                if *ask("Confirm New Vault password", "Confirm new vault password")? != *answer {
                    return Err(wrong("the two are not the same".to_owned()));
                }
                answer
            }
        };
        if answer.is_empty() { Err(wrong("it is empty".to_owned())) } else { Ok(answer) }
    }

    /// A program whose name ends in `-client` is told the vault id.
    fn run(&self, path: &Path) -> Result<Zeroizing<String>, VaultError> {
        let wrong = |why: String| VaultError::PasswordProgram { path: path.to_owned(), why };
        // A bare name would be looked up in PATH.
        let program = if path.components().count() == 1 { Path::new(".").join(path) } else { path.to_owned() };
        let mut command = Command::new(program);
        if path.file_stem().is_some_and(|stem| stem.to_string_lossy().ends_with("-client")) {
            command.args(["--vault-id", &self.id]);
        }
        let output = command
            .stderr(Stdio::piped())
            .output()
            .map_err(|error| wrong(format!("can't be run: {error} (if it is a plain password file: chmod -x)")))?;
        let bytes = Zeroizing::new(output.stdout);
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stderr);
            return Err(wrong(format!("ended with {}: {}", output.status, said.trim())));
        }
        trimmed(&bytes).map_err(wrong)
    }
}

fn is_program(path: &Path) -> bool {
    path.is_file() && access(path, Access::EXEC_OK).is_ok()
}

fn trimmed(bytes: &[u8]) -> Result<Zeroizing<String>, String> {
    let text = std::str::from_utf8(bytes).map_err(|_| "what it gives is not UTF-8 text".to_owned())?;
    match text.trim() {
        "" => Err("it is empty".to_owned()),
        text => Ok(Zeroizing::new(text.to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io;
    use std::os::unix::fs::PermissionsExt;

    fn no_prompt(_: &str) -> io::Result<Zeroizing<String>> {
        Err(io::Error::other("nobody is there"))
    }

    #[test]
    fn a_vault_id_names_its_source() {
        let file = |id: &str, path: &str| SecretSource { id: id.into(), origin: SecretOrigin::File(path.into()) };
        assert_eq!(SecretSource::parse("dev@~/pw"), file("dev", "~/pw"));
        assert_eq!(SecretSource::parse("pw"), file("default", "pw"));
        assert_eq!(SecretSource::parse("dev@prompt").origin, SecretOrigin::Prompt);
    }

    #[test]
    fn secrets_come_from_files_programs_and_prompts() {
        let directory = tempfile::tempdir().unwrap();
        let write = |name: &str, content: &str, mode: u32| {
            let path = directory.path().join(name);
            std::fs::write(&path, content).unwrap();
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
            path
        };
        let read = |path: PathBuf| {
            SecretSource { id: "dev".into(), origin: SecretOrigin::File(path) }
                .read(Purpose::Open, &Vault::default(), &no_prompt)
                .map(|secret| secret.0.to_string())
                .map_err(|error| error.to_string())
        };
        assert_eq!(read(write("file", "  a b\n", 0o600)).as_deref(), Ok("a b"));
        assert_eq!(read(write("program", "#!/bin/sh\necho \"x $*\"\n", 0o700)).as_deref(), Ok("x"));
        assert_eq!(read(write("my-client.sh", "#!/bin/sh\necho \"x $*\"\n", 0o700)).as_deref(), Ok("x --vault-id dev"));
        let failed = read(write("broken", "#!/bin/sh\necho locked >&2; exit 3\n", 0o700)).unwrap_err();
        assert!(failed.ends_with("ended with exit status: 3: locked"), "{failed}");
        assert!(read(write("empty", "\n", 0o600)).unwrap_err().ends_with("it is empty"));
        assert!(read(directory.path().join("none")).unwrap_err().contains("No such file"));
        let asked = |source: &str, purpose: Purpose| {
            let questions = std::cell::RefCell::new(Vec::new());
            let answer = SecretSource::parse(source).read(purpose, &Vault::default(), &|question| {
                questions.borrow_mut().push(question.to_owned());
                Ok(Zeroizing::new("pw".to_owned()))
            });
            assert_eq!(answer.unwrap().0.as_str(), "pw");
            questions.into_inner()
        };
        assert_eq!(asked("dev@prompt", Purpose::Open), ["Vault password (dev): "]);
        assert_eq!(asked("prompt_ask_vault_pass", Purpose::Open), ["Vault password: "]);
        let twice = ["New vault password (dev): ", "Confirm new vault password (dev): "];
        assert_eq!(asked("dev@prompt", Purpose::Encrypt), twice);
        assert!(SecretSource::parse("prompt").read(Purpose::Open, &Vault::default(), &no_prompt).is_err());
    }

    #[test]
    fn a_new_password_that_is_typed_in_two_ways_is_refused() {
        let answers = std::cell::Cell::new(0);
        let error = SecretSource::parse("prompt").read(Purpose::Encrypt, &Vault::default(), &|_| {
            answers.set(answers.get() + 1);
            Ok(Zeroizing::new(format!("pw{}", answers.get())))
        });
        assert!(error.unwrap_err().to_string().contains("not the same"));
    }

    #[test]
    fn a_password_file_is_opened_with_a_secret_that_is_known_already() {
        let known = Vault::new(vec![("default".into(), Secret(Zeroizing::new("first".to_owned())))]);
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("second");
        std::fs::write(&path, known.encrypt(b"the second\n", None).unwrap()).unwrap();
        let source = SecretSource { id: "dev".into(), origin: SecretOrigin::File(path) };
        assert_eq!(source.read(Purpose::Open, &known, &no_prompt).unwrap().0.as_str(), "the second");
        assert!(source.read(Purpose::Open, &Vault::default(), &no_prompt).is_err());
    }
}
