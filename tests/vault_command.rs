//! `refit vault`, also by the name `ansible-vault`: what it writes the real one reads, and the other way round.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::io::Write;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use support::Oracle;
use tempfile::TempDir;

const TEXT: &str = "plain: text\nümlaut: \"ß\"\n";

/// A directory with password files and a file to encrypt, whose name is `file`.
struct Place(TempDir);

impl Place {
    fn new() -> Place {
        let place = Place(tempfile::tempdir().unwrap());
        place.write("pw", "correct horse\n");
        place.write("prod", "prod staple\n");
        place.write("file", TEXT);
        place
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        std::fs::write(self.path(name), text).unwrap();
    }

    fn program(&self, name: &str, text: &str) {
        self.write(name, text);
        std::fs::set_permissions(self.path(name), std::fs::Permissions::from_mode(0o755)).unwrap();
    }

    fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).unwrap()
    }

    fn header(&self, name: &str) -> String {
        self.read(name).lines().next().unwrap_or_default().to_owned()
    }

    fn within<'c>(&self, command: &'c mut Command, words: &str) -> &'c mut Command {
        command.args(words.split_whitespace()).current_dir(self.0.path()).stdin(Stdio::null())
    }

    /// `refit vault WORDS`, with variables.
    fn output_with(&self, words: &str, variables: &[(&str, &str)], input: &str) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_refit"));
        command.arg("vault").env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default());
        command.env("HOME", self.path("home")).envs(variables.iter().copied());
        let mut child = self
            .within(&mut command, words)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
        child.wait_with_output().unwrap()
    }

    fn output(&self, words: &str) -> Output {
        self.output_with(words, &[], "")
    }

    /// What it prints; it must succeed.
    #[track_caller]
    fn vault(&self, words: &str) -> String {
        succeeded(&self.output(words))
    }

    /// What it says; it must fail.
    #[track_caller]
    fn refused(&self, words: &str) -> String {
        let done = self.output(words);
        assert_eq!(done.status.code(), Some(1), "{done:?}");
        String::from_utf8(done.stderr).unwrap()
    }
}

#[track_caller]
fn succeeded(done: &Output) -> String {
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    String::from_utf8(done.stdout.clone()).unwrap()
}

#[test]
fn files_are_encrypted_in_place_and_keep_their_mode_and_the_link_to_them() {
    let place = Place::new();
    std::fs::set_permissions(place.path("file"), std::fs::Permissions::from_mode(0o640)).unwrap();
    symlink("file", place.path("link")).unwrap();
    place.vault("encrypt --vault-password-file pw link");
    assert!(place.path("link").is_symlink());
    assert_eq!(place.header("file"), "$ANSIBLE_VAULT;1.1;AES256");
    assert_eq!(std::fs::metadata(place.path("file")).unwrap().mode() & 0o777, 0o640);
    assert_eq!(place.vault("view --vault-password-file pw file"), TEXT);
    assert!(place.refused("encrypt --vault-password-file pw file").contains("already encrypted"));
    place.vault("decrypt --vault-id pw file");
    assert_eq!(place.read("file"), TEXT);
    assert!(place.refused("decrypt --vault-id pw file").contains("not encrypted text"));
}

#[test]
fn the_id_decides_with_which_secret_and_is_written_into_the_file() {
    let place = Place::new();
    let both = "--vault-id dev@pw --vault-id prod@prod";
    assert!(place.refused(&format!("encrypt {both} file")).contains("there are: dev, prod"));
    place.vault(&format!("encrypt {both} --encrypt-vault-id prod file"));
    assert_eq!(place.header("file"), "$ANSIBLE_VAULT;1.2;AES256;prod");
    assert_eq!(place.vault("view --vault-id other@prod file"), TEXT);
    assert!(place.refused("view --vault-id dev@pw file").contains("none of the vault secrets fits (tried: dev)"));
    let matching = [("ANSIBLE_VAULT_ID_MATCH", "1")];
    assert!(!place.output_with("view --vault-id other@prod file", &matching, "").status.success());
    assert!(place.output_with("view --vault-id prod@prod file", &matching, "").status.success());
    let unknown = place.refused("encrypt --vault-id dev@pw --encrypt-vault-id ops pw");
    assert!(unknown.contains("--encrypt-vault-id=ops") && unknown.contains("['dev']"), "{unknown}");
}

#[test]
fn the_settings_name_secrets_too_and_one_that_is_missing_is_only_warned_of_while_there_are_others() {
    let place = Place::new();
    let list = [("ANSIBLE_VAULT_IDENTITY_LIST", "gone@none,prod@prod")];
    let done = place.output_with("encrypt file", &list, "");
    let said = String::from_utf8_lossy(&done.stderr).into_owned();
    assert!(done.status.success() && said.contains("`gone`") && said.contains("none"), "{said}");
    assert_eq!(place.header("file"), "$ANSIBLE_VAULT;1.2;AES256;prod");
    let salt = [("ANSIBLE_VAULT_ENCRYPT_SALT", "salty")];
    let sealed = || succeeded(&place.output_with("encrypt --vault-id pw", &salt, TEXT));
    assert_eq!(sealed(), sealed());
    assert!(!place.output("encrypt --vault-id none file").status.success());
}

#[test]
fn a_rekeyed_file_opens_with_the_new_secret_only() {
    let place = Place::new();
    place.vault("encrypt --vault-id pw file");
    place.vault("rekey --vault-id pw --new-vault-id prod@prod file");
    assert_eq!(place.header("file"), "$ANSIBLE_VAULT;1.2;AES256;prod");
    assert!(!place.output("view --vault-id pw file").status.success());
    assert_eq!(place.vault("view --vault-id prod file"), TEXT);
    place.vault("rekey --vault-id prod --new-vault-password-file pw file");
    assert_eq!(place.header("file"), "$ANSIBLE_VAULT;1.1;AES256");
    let both = place.output("rekey --vault-id pw --new-vault-id prod --new-vault-password-file pw file");
    assert_eq!(both.status.code(), Some(2));
}

#[test]
fn an_edited_file_keeps_its_id_and_nothing_is_left_of_the_plain_text() {
    let place = Place::new();
    place.vault("encrypt --vault-id prod@prod file");
    place.program("editor", "#!/bin/sh\necho more >>\"$1\"\necho \"$1\" >seen\necho backup >\"$1~\"\n");
    let edit = |editor: &str| place.output_with("edit --vault-password-file prod file", &[("EDITOR", editor)], "");
    succeeded(&edit("./editor"));
    assert_eq!(place.header("file"), "$ANSIBLE_VAULT;1.2;AES256;prod");
    assert_eq!(place.vault("view --vault-id prod file"), format!("{TEXT}more\n"));
    let seen = place.read("seen");
    assert!(!Path::new(seen.trim()).parent().unwrap().exists(), "{seen}");
    // Nothing is changed where the editor changes nothing, or fails.
    let before = place.read("file");
    succeeded(&edit("true"));
    assert!(!edit("sh -c 'echo x >\"$0\"; exit 3'").status.success());
    assert_eq!(place.read("file"), before);
}

#[test]
fn a_created_file_is_its_owners_alone() {
    let place = Place::new();
    let editor = [("EDITOR", "printf 'a: 1\\n' >")];
    let create = |words: &str| place.output_with(&format!("create --vault-id pw {words}"), &editor, "");
    let refused = create("new/file");
    assert!(!refused.status.success(), "there is no terminal for the editor");
    succeeded(&create("--skip-tty-check new/file"));
    assert_eq!(std::fs::metadata(place.path("new/file")).unwrap().mode() & 0o777, 0o600);
    assert_eq!(place.vault("view --vault-id pw new/file"), "a: 1\n");
    assert!(String::from_utf8_lossy(&create("--skip-tty-check file").stderr).contains("edit"));
}

#[test]
fn texts_become_values_for_a_file() {
    let place = Place::new();
    let done = place.output("encrypt_string --vault-id prod@prod -n one -n two hunter2 swordfish");
    assert!(String::from_utf8_lossy(&done.stderr).contains("variable \"two\", string #2"));
    let yaml = succeeded(&done);
    let lines: Vec<&str> = yaml.lines().filter(|line| line.contains("!vault") || line.contains('$')).collect();
    let header = "          $ANSIBLE_VAULT;1.2;AES256;prod";
    assert_eq!(lines, ["one: !vault |", header, "two: !vault |", header]);
    let from_input = place.output_with("encrypt_string --vault-id pw --stdin-name key", &[], "secret\n");
    assert!(succeeded(&from_input).starts_with("key: !vault |\n          $ANSIBLE_VAULT;1.1;AES256\n"));
    assert!(!place.output("encrypt_string --vault-id pw").status.success(), "nothing to encrypt");
    assert!(!place.output("encrypt_string --vault-id pw --prompt -").status.success());
    // They are used as any other value is.
    std::fs::write(place.path("vars.yml"), yaml).unwrap();
    let play = "- {hosts: localhost, gather_facts: false, vars_files: vars.yml, tasks: [{assert: {that: two == 'swordfish'}}]}";
    place.write("play.yml", play);
    let mut run = Command::new(env!("CARGO_BIN_EXE_refit"));
    run.args(["run", "-i", "localhost,", "-c", "local"]).env("HOME", place.path("home"));
    succeeded(&place.within(&mut run, "--vault-id prod play.yml").output().unwrap());
}

#[test]
fn without_a_terminal_a_password_is_read_from_standard_input() {
    let place = Place::new();
    place.vault("encrypt --vault-id pw file");
    let piped = |command: &str, words: &str| {
        // Without a controlling terminal, as in a job of cron.
        let mut all = Command::new("setsid");
        all.args(["--wait", "sh", "-c", command, env!("CARGO_BIN_EXE_refit")]).args(words.split_whitespace());
        all.env("HOME", place.path("home")).current_dir(place.0.path()).stdin(Stdio::null()).output().unwrap()
    };
    let view = "vault view --ask-vault-pass file";
    assert_eq!(succeeded(&piped("echo 'correct horse' | \"$0\" \"$@\"", view)), TEXT);
    let nobody = piped("\"$0\" \"$@\"", view);
    assert!(String::from_utf8_lossy(&nobody.stderr).contains("nobody answers \"Vault password\""), "{nobody:?}");
    let twice =
        piped("printf 'new\\nnew\\n' | \"$0\" \"$@\"", "vault rekey --vault-id pw --new-vault-id x@prompt file");
    succeeded(&twice);
    assert_eq!(place.header("file"), "$ANSIBLE_VAULT;1.2;AES256;x");
    let different = piped("printf 'new\\nold\\n' | \"$0\" \"$@\"", "vault encrypt --vault-id x@prompt pw");
    assert!(String::from_utf8_lossy(&different.stderr).contains("not the same"), "{different:?}");
}

#[test]
fn what_is_written_the_real_ansible_vault_reads_and_the_other_way_round() {
    let Some(oracle) = Oracle::ready() else { return };
    let place = Place::new();
    let real = |words: &str| succeeded(&place.within(&mut oracle.program("ansible-vault"), words).output().unwrap());
    for (secret, header) in
        [("--vault-id pw", "$ANSIBLE_VAULT;1.1;AES256"), ("--vault-id prod@prod", "$ANSIBLE_VAULT;1.2;AES256;prod")]
    {
        place.vault(&format!("encrypt {secret} file"));
        assert_eq!(place.header("file"), header);
        assert_eq!(real(&format!("view {secret} file")), TEXT);
        real(&format!("decrypt {secret} file"));
        real(&format!("encrypt {secret} file"));
        assert_eq!(place.header("file"), header);
        assert_eq!(place.vault(&format!("view {secret} file")), TEXT);
        place.vault(&format!("decrypt {secret} file"));
        assert_eq!(place.read("file"), TEXT);
    }
    place.vault("encrypt --vault-id pw file");
    real("rekey --vault-id pw --new-vault-id prod@prod file");
    place.vault("rekey --vault-id prod --new-vault-id pw file");
    assert_eq!(real("view --vault-id pw file"), TEXT);
}

/// Through a link of that name, with that program's options and exit codes.
#[test]
fn by_the_name_ansible_vault_it_behaves_as_that_does() {
    let place = Place::new();
    symlink(env!("CARGO_BIN_EXE_refit"), place.path("ansible-vault")).unwrap();
    let called = |words: &str| {
        let mut command = Command::new(place.path("ansible-vault"));
        place.within(command.env("HOME", place.path("home")), words).output().unwrap()
    };
    succeeded(&called("encrypt -v --vault-pass-file pw file --output=sealed"));
    assert_eq!(succeeded(&called("decrypt --vault-password-file pw --output=- sealed")), TEXT);
    assert_eq!(called("encrypt --vault-id pw --vault-id prod file").status.code(), Some(5));
    assert_eq!(called("view --vault-id pw file").status.code(), Some(1));
    assert!(succeeded(&called("--version")).starts_with("ansible-vault [core 2.19"));
}
