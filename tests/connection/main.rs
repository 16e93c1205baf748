//! The connection to a host, over a private sshd on loopback as the user who runs the tests, by both transports, and on
//! this machine.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod authentication;
mod host_keys;
mod placing_the_agent;
mod requests;
#[path = "../support/mod.rs"]
mod support;

use refit::connection::{
    Content, HostKeyPolicy, Link, LinkError, Links, Pool, Program, Progress, Secret, Target, Transport,
};
use refit_agent::protocol::{Ended, ItemEnd, Mode, Run, Stream};
use serde_json::{Map, Value, json};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use support::PrivateSshd;
use tempfile::TempDir;
use zeroize::Zeroizing;

fn pool() -> Pool {
    Pool::new(Program::embedded(), 8)
}

/// A server, and a directory for what a test leaves on the host.
struct Place {
    sshd: PrivateSshd,
    directory: TempDir,
}

impl Place {
    fn new(options: &[&str]) -> Option<Place> {
        let directory = tempfile::tempdir().unwrap();
        // So that no agent is found, or left, where the user who runs the tests has one.
        let home = format!("SetEnv HOME={}", directory.path().display());
        let options: Vec<&str> = options.iter().copied().chain([home.as_str()]).collect();
        Some(Place { sshd: PrivateSshd::start(&options)?, directory })
    }

    fn agents(&self) -> PathBuf {
        self.directory.path().join("agents")
    }

    fn target(&self, transport: Transport) -> Target {
        let known = self.sshd.known_hosts();
        Target {
            name: "here".to_owned(),
            address: "127.0.0.1".to_owned(),
            port: Some(self.sshd.port),
            user: None,
            transport,
            password: None,
            private_key: Some(self.sshd.key()),
            host_keys: HostKeyPolicy::Strict,
            ssh_args: with_known_hosts(&known),
            ssh_program: "ssh".to_owned(),
            timeout: Duration::from_secs(10),
            agent_dir: Some(self.agents().display().to_string()),
        }
    }

    /// The same for both transports over SSH.
    fn both(&self, test: impl Fn(Target)) {
        for transport in [Transport::Libssh2, Transport::System] {
            eprintln!("with {transport:?}");
            test(self.target(transport));
        }
    }

    fn file(&self, name: &str, content: &str) -> PathBuf {
        let path = self.directory.path().join(name);
        fs::write(&path, content).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        path
    }

    fn host_key(&self) -> String {
        let text = fs::read_to_string(self.sshd.host_key()).unwrap();
        text.split_whitespace().take(2).collect::<Vec<_>>().join(" ")
    }

    fn name(&self) -> String {
        format!("[127.0.0.1]:{}", self.sshd.port)
    }
}

/// Options that keep the configuration and the keys of the user who runs the tests out.
fn with_known_hosts(known: &Path) -> Vec<String> {
    let known = format!("UserKnownHostsFile={}", known.display());
    let options = [known.as_str(), "GlobalKnownHostsFile=none", "IdentitiesOnly=yes", "IdentityAgent=none"];
    let mut args = vec!["-F".to_owned(), "none".to_owned()];
    args.extend(options.iter().flat_map(|option| ["-o".to_owned(), (*option).to_owned()]));
    args
}

/// A process that ends with the test, whichever way that ends.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn ssh_keygen(args: &[&str]) {
    let output = Command::new("ssh-keygen").args(args).output().unwrap();
    assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
}

fn fingerprint(public: &Path) -> String {
    let output = Command::new("ssh-keygen").arg("-lf").arg(public).output().unwrap();
    String::from_utf8(output.stdout).unwrap().split_whitespace().nth(1).unwrap().to_owned()
}

fn request(module: &str, items: &[Value]) -> Run {
    Run {
        id: 0,
        module: module.to_owned(),
        items: items.iter().map(|item| item.as_object().cloned().unwrap()).collect(),
        mode: Mode::Live,
        diff: false,
        environment: Vec::new(),
        timeout: None,
        blobs: Vec::new(),
        effects: Vec::new(),
        background: None,
        title: module.to_owned(),
    }
}

fn shell(command: &str) -> Run {
    request("shell", &[json!({"cmd": command})])
}

#[derive(Default)]
struct Heard {
    lines: Mutex<Vec<(Instant, String)>>,
    ends: Mutex<Vec<ItemEnd>>,
}

impl Progress for Heard {
    fn output(&self, _index: usize, _stream: Stream, line: &str) {
        self.lines.lock().unwrap().push((Instant::now(), line.to_owned()));
    }
    fn item(&self, end: ItemEnd) {
        self.ends.lock().unwrap().push(end);
    }
}

struct Nothing;

impl Content for Nothing {
    fn get(&self, _sha256: &str) -> Option<Arc<Vec<u8>>> {
        None
    }
}

fn results(heard: Heard) -> Vec<Map<String, Value>> {
    let ends = heard.ends.into_inner().unwrap();
    let result = |end: ItemEnd| match end.ended {
        Ended::Outcome(outcome) => outcome.result,
        Ended::Stop(stop) => panic!("{stop:?}"),
    };
    ends.into_iter().map(result).collect()
}

/// What a shell command prints through the agent.
fn prints(link: &dyn Link, command: &str) -> Result<String, LinkError> {
    let heard = Heard::default();
    link.run(None, shell(command), &Nothing, &heard)?;
    Ok(results(heard)[0]["stdout"].as_str().unwrap().to_owned())
}

fn unreachable(target: &Target) -> String {
    match pool().link(target).hello(None) {
        Err(LinkError::Unreachable { message, midway: false }) => message,
        other => panic!("it should be out of reach: {other:?}"),
    }
}

fn secret(text: &str) -> Option<Secret> {
    Some(Secret(Zeroizing::new(text.to_owned())))
}

#[track_caller]
fn has(message: &str, parts: &[&str]) {
    for part in parts {
        assert!(message.contains(part), "{part:?} is missing in: {message}");
    }
}
