use {
    super::{project, run, unique_directory},
    std::{
        path::PathBuf,
        process::{Command, Stdio},
    },
};

const SCRIPT: &str = "tests/support/sshd";

/// A private sshd on loopback, as the user who runs the tests, that is ended with all its sessions on drop.
pub struct PrivateSshd {
    directory: PathBuf,
    /// The port on 127.0.0.1.
    pub port: u16,
}

impl PrivateSshd {
    /// Starts it, with further lines of its configuration, such as `["MaxSessions 1"]`. `None`, with a message, where
    /// this machine has no sshd.
    pub fn start(options: &[&str]) -> Option<Self> {
        let directory = unique_directory("sshd");
        let name = directory.display().to_string();
        let mut args = vec!["start", &name];
        args.extend(options);
        let port = run(SCRIPT, &args)?;
        Some(Self { directory, port: port.parse().unwrap_or_else(|_| panic!("{SCRIPT} printed {port:?}")) })
    }

    /// An inventory with the one host `here`.
    pub fn inventory(&self) -> PathBuf {
        self.directory.join("inventory.ini")
    }

    /// A configuration for the system's ssh, with the host `here`.
    pub fn ssh_config(&self) -> PathBuf {
        self.directory.join("ssh_config")
    }

    /// The private key for the calling user.
    pub fn key(&self) -> PathBuf {
        self.directory.join("key")
    }

    /// The public part of the server's own key.
    pub fn host_key(&self) -> PathBuf {
        self.directory.join("host_key.pub")
    }

    /// The server's key, as a line of known_hosts.
    pub fn known_hosts(&self) -> PathBuf {
        self.directory.join("known_hosts")
    }

    /// What the server has logged.
    pub fn log(&self) -> PathBuf {
        self.directory.join("log")
    }
}

impl Drop for PrivateSshd {
    fn drop(&mut self) {
        // Not `run`, which panics, and a failed test may be unwinding.
        let _ = Command::new(project(SCRIPT)).arg("stop").arg(&self.directory).stderr(Stdio::null()).status();
    }
}
