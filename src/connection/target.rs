//! Where to connect and as whom, resolved from variables, settings and options.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;
use zeroize::Zeroizing;

/// A text that is not printed, and wiped from memory after use.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(pub Zeroizing<String>);

impl std::hash::Hash for Secret {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.0.as_str().hash(state);
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

/// How to get there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Transport {
    /// libssh2 where it can do what the user's `ssh -G` says, else the system's `ssh`.
    Auto,
    /// libssh2.
    Libssh2,
    /// The system's `ssh`.
    System,
    /// This machine.
    Local,
}

/// What to do about a host key that is not known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum HostKeyPolicy {
    /// Refuse (the default, `host_key_checking`).
    Strict,
    /// Take and remember a new one, refuse a changed one (`StrictHostKeyChecking=accept-new`).
    AcceptNew,
    /// Take any (`host_key_checking = False`).
    Off,
}

/// A host to connect to. Two equal targets share a link.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Target {
    /// The inventory's name.
    pub name: String,
    /// The address or name to connect to (`ansible_host`).
    pub address: String,
    /// The port; `None` for what the user's ssh configuration says, else 22.
    pub port: Option<u16>,
    /// The user; `None` for what the user's ssh configuration says, else the controller's user.
    pub user: Option<String>,
    /// How to get there.
    pub transport: Transport,
    /// The password for the connection, or for the private key.
    pub password: Option<Secret>,
    /// The private key.
    pub private_key: Option<PathBuf>,
    /// Host keys that are not known.
    pub host_keys: HostKeyPolicy,
    /// Arguments for `ssh` (`ansible_ssh_common_args`, `ansible_ssh_extra_args`, ...). The `-o` options that libssh2 can
    /// honour do not force the system's `ssh`.
    pub ssh_args: Vec<String>,
    /// The `ssh` program.
    pub ssh_program: String,
    /// For each step of connecting.
    pub timeout: Duration,
    /// A directory for the agent to try first (`remote_tmp`).
    pub agent_dir: Option<String>,
}

/// Another user to be on the host.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Become {
    /// How.
    pub method: BecomeMethod,
    /// Who.
    pub user: String,
    /// The password, where the method asks for one.
    pub password: Option<Secret>,
    /// The program, where it is not the method's name.
    pub program: Option<String>,
    /// Its flags, where they are not the method's own.
    pub flags: Option<String>,
}

/// How to become another user.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum BecomeMethod {
    /// `sudo`.
    Sudo,
    /// `su`.
    Su,
    /// `doas`.
    Doas,
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A target to change for tests.
    pub fn target() -> Target {
        Target {
            name: "here".to_owned(),
            address: "127.0.0.1".to_owned(),
            port: None,
            user: None,
            transport: Transport::Auto,
            password: None,
            private_key: None,
            host_keys: HostKeyPolicy::Strict,
            ssh_args: Vec::new(),
            ssh_program: "ssh".to_owned(),
            timeout: Duration::from_secs(10),
            agent_dir: None,
        }
    }
}
