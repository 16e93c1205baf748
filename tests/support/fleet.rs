use {
    super::{run, unique_directory},
    std::{
        fs,
        net::IpAddr,
        path::{Path, PathBuf},
        process::{Command, Output, Stdio},
    },
};

const SCRIPT: &str = "tests/fleet/fleet";

/// Booted hosts, named `host1` and so on, that are taken down on drop, or when this process is gone.
///
/// `tests/fleet/fleet help` tells what is on the hosts.
pub struct Fleet {
    directory: PathBuf,
}

impl Fleet {
    /// Boots hosts and waits for each one's sshd. `None`, with a message, where this machine can't, or where
    /// `REFIT_FLEET=0` says not to.
    pub fn up(hosts: usize) -> Option<Self> {
        Self::up_with(hosts, &[])
    }

    /// The same with further options of `fleet up`, such as `["--noexec", "host1"]`.
    pub fn up_with(hosts: usize, options: &[&str]) -> Option<Self> {
        if std::env::var_os("REFIT_FLEET").is_some_and(|value| value == "0") {
            eprintln!("SKIPPED: REFIT_FLEET=0 says not to boot hosts");
            return None;
        }
        let directory = unique_directory("fleet");
        let (hosts, owner) = (hosts.to_string(), std::process::id().to_string());
        let mut args = vec!["up", &hosts, text(&directory), "--owner", &owner];
        args.extend(options);
        run(SCRIPT, &args)?;
        Some(Self { directory })
    }

    /// Where the fleet's files lie.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// The inventory with all hosts, in the group `fleet`.
    pub fn inventory(&self) -> PathBuf {
        self.directory.join("inventory.ini")
    }

    /// The private key for root and all users of the hosts.
    pub fn key(&self) -> PathBuf {
        self.directory.join("key")
    }

    /// The hosts' keys.
    pub fn known_hosts(&self) -> PathBuf {
        self.directory.join("known_hosts")
    }

    /// A configuration for the system's ssh in which the hosts have their names.
    pub fn ssh_config(&self) -> PathBuf {
        self.directory.join("ssh_config")
    }

    /// This machine's address on the hosts' network.
    pub fn controller(&self) -> IpAddr {
        self.parse("controller")
    }

    /// A host's address.
    pub fn address(&self, host: &str) -> IpAddr {
        self.parse(&format!("hosts/{host}/address"))
    }

    /// A host's root filesystem, seen from outside, whether the host is on or off.
    pub fn root(&self, host: &str) -> PathBuf {
        self.directory.join("hosts").join(host).join("root")
    }

    /// Runs a shell command on a host as root, by the system's ssh and not by what is under test.
    pub fn ssh(&self, host: &str, command: &str) -> Output {
        Command::new("ssh")
            .arg("-F")
            .arg(self.ssh_config())
            .args([host, command])
            .stdin(Stdio::null())
            .output()
            .unwrap_or_else(|error| panic!("ssh: {error}"))
    }

    /// What a shell command prints on a host, which must succeed.
    #[track_caller]
    pub fn sh(&self, host: &str, command: &str) -> String {
        let output = self.ssh(host, command);
        assert!(
            output.status.success(),
            "{host}: {command}: {}\n{}",
            output.status,
            String::from_utf8_lossy(&output.stderr)
        );
        String::from_utf8_lossy(&output.stdout).trim_end().to_string()
    }

    /// What changes with each boot of a host.
    pub fn boot_id(&self, host: &str) -> String {
        self.sh(host, "cat /proc/sys/kernel/random/boot_id")
    }

    /// Pulls a host's network cable.
    pub fn cut(&self, host: &str) {
        self.command("cut", host);
    }

    /// Puts the cable back.
    pub fn mend(&self, host: &str) {
        self.command("mend", host);
    }

    /// Powers a host off at once.
    pub fn kill(&self, host: &str) {
        self.command("kill", host);
    }

    /// Powers a host on again and waits for its sshd.
    pub fn start(&self, host: &str) {
        self.command("start", host);
    }

    /// Waits until a host's sshd answers.
    pub fn wait(&self, host: &str) {
        self.command("wait", host);
    }

    fn command(&self, command: &str, host: &str) {
        run(SCRIPT, &[command, text(&self.directory), host]);
    }

    fn parse(&self, file: &str) -> IpAddr {
        let path = self.directory.join(file);
        fs::read_to_string(&path)
            .ok()
            .and_then(|address| address.trim().parse().ok())
            .unwrap_or_else(|| panic!("{}: no address", path.display()))
    }
}

impl Drop for Fleet {
    fn drop(&mut self) {
        // Not `run`, which panics, and a failed test may be unwinding; what is left then goes with this process.
        let _ = Command::new(super::project(SCRIPT)).arg("down").arg(&self.directory).status();
    }
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap_or_else(|| panic!("{}: not UTF-8", path.display()))
}
