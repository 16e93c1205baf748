//! Hosts that are this machine, by `connection: local`; what each one is to have lies in a directory of its name.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// A controller's directory with a playbook, an inventory, and the hosts' directories.
pub struct Local {
    home: tempfile::TempDir,
}

impl Local {
    /// So many hosts, `web1` and so on.
    pub fn new(hosts: usize, playbook: &str) -> Local {
        let local = Local { home: tempfile::tempdir().unwrap() };
        let names: Vec<String> = (1..=hosts).map(|number| format!("web{number}")).collect();
        for name in &names {
            std::fs::create_dir_all(local.host(name)).unwrap();
        }
        let vars =
            format!("ansible_connection=local\nroot={}/hosts/{{{{ inventory_hostname }}}}", local.path().display());
        local.write("hosts.ini", &format!("[web]\n{}\n[all:vars]\n{vars}\n", names.join("\n")));
        local.write("site.yml", playbook);
        local
    }

    /// The controller's directory.
    pub fn path(&self) -> &Path {
        self.home.path()
    }

    /// A host's directory.
    pub fn host(&self, name: &str) -> PathBuf {
        self.path().join("hosts").join(name)
    }

    /// Writes a file below the controller's directory.
    pub fn write(&self, path: &str, text: &str) {
        let path = self.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    /// Reads one.
    pub fn read(&self, path: &str) -> String {
        std::fs::read_to_string(self.path().join(path)).unwrap()
    }

    /// `refit` with these words.
    pub fn refit(&self, words: &[&str]) -> Output {
        self.refit_in(self.path(), words)
    }

    /// The same from another directory.
    pub fn refit_in(&self, directory: &Path, words: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_refit"));
        for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("ANSIBLE_") || name == "REFIT_OUTPUT") {
            command.env_remove(name);
        }
        command.env("HOME", self.path()).env("XDG_STATE_HOME", self.path().join("state")).current_dir(directory);
        command.args(words).output().unwrap()
    }

    /// `refit plan` of the playbook: exit code and text.
    pub fn plan(&self, words: &[&str]) -> (i32, String) {
        said(&self.refit(&[&["plan", "-i", "hosts.ini", "site.yml"], words].concat()))
    }
}

/// Exit code, and everything that was printed.
pub fn said(output: &Output) -> (i32, String) {
    let text = [&output.stdout, &output.stderr].map(|bytes| String::from_utf8_lossy(bytes).into_owned()).concat();
    (output.status.code().unwrap(), text)
}
