//! The names under which the program can be called.

use std::ffi::OsStr;
use std::path::Path;

/// As which command the program behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CalledAs {
    /// `refit`, or any name that is not one of the others.
    Refit,
    /// `ansible-playbook`.
    AnsiblePlaybook,
    /// `ansible`.
    Ansible,
    /// `ansible-inventory`.
    AnsibleInventory,
    /// `ansible-vault`.
    AnsibleVault,
    /// `ansible-galaxy`.
    AnsibleGalaxy,
    /// `ansible-config`.
    AnsibleConfig,
    /// `ansible-doc`.
    AnsibleDoc,
}

impl CalledAs {
    /// By the last part of the program's name.
    pub fn of(program: &OsStr) -> CalledAs {
        match Path::new(program).file_name().and_then(OsStr::to_str) {
            Some("ansible-playbook") => CalledAs::AnsiblePlaybook,
            Some("ansible") => CalledAs::Ansible,
            Some("ansible-inventory") => CalledAs::AnsibleInventory,
            Some("ansible-vault") => CalledAs::AnsibleVault,
            Some("ansible-galaxy") => CalledAs::AnsibleGalaxy,
            Some("ansible-config") => CalledAs::AnsibleConfig,
            Some("ansible-doc") => CalledAs::AnsibleDoc,
            _ => CalledAs::Refit,
        }
    }

    /// What `--version` prints. Scripts read the first line for the version of the language.
    pub fn version(self) -> String {
        let name = match self {
            CalledAs::Refit => return format!("refit {}\n", env!("CARGO_PKG_VERSION")),
            CalledAs::AnsiblePlaybook => "ansible-playbook",
            CalledAs::Ansible => "ansible",
            CalledAs::AnsibleInventory => "ansible-inventory",
            CalledAs::AnsibleVault => "ansible-vault",
            CalledAs::AnsibleGalaxy => "ansible-galaxy",
            CalledAs::AnsibleConfig => "ansible-config",
            CalledAs::AnsibleDoc => "ansible-doc",
        };
        format!("{name} [core 2.19.0]\n  provided by refit {}\n", env!("CARGO_PKG_VERSION"))
    }
}
