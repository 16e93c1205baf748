//! The connection to a host, over a private sshd on loopback as the user who runs the tests, by both transports, and on
//! this machine.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

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

#[test]
fn a_request_goes_over_both_transports_and_on_this_machine() {
    let Some(place) = Place::new(&[]) else { return };
    for transport in [Transport::Libssh2, Transport::System, Transport::Auto, Transport::Local] {
        let pool = pool();
        let link = pool.link(&place.target(transport));
        assert_eq!(prints(&*link, "echo hello $((6 * 7))").unwrap(), "hello 42", "{transport:?}");
        let hello = link.hello(None).unwrap();
        assert_eq!(hello.machine, std::env::consts::ARCH);
        // The same agent still.
        assert_eq!(link.hello(None).unwrap().pid, hello.pid);
        pool.close();
    }
    let agents: Vec<_> = fs::read_dir(place.agents()).unwrap().map(|entry| entry.unwrap()).collect();
    assert_eq!(agents.len(), 1, "{agents:?}");
    assert_eq!(agents[0].metadata().unwrap().permissions().mode() & 0o7777, 0o700);
}

#[test]
fn an_encrypted_key_needs_its_passphrase() {
    let Some(place) = Place::new(&[]) else { return };
    for kind in ["ed25519", "rsa", "ecdsa"] {
        let key = place.directory.path().join(kind);
        ssh_keygen(&["-q", "-t", kind, "-N", "open sesame", "-f", key.to_str().unwrap()]);
        let public = fs::read_to_string(key.with_extension("pub")).unwrap();
        let authorized = place.sshd.key().with_file_name("authorized_keys");
        fs::write(authorized, public).unwrap();
        place.both(|target| {
            let target = Target { private_key: Some(key.clone()), ..target };
            let right = Target { password: secret("open sesame"), ..target.clone() };
            assert_eq!(prints(&*pool().link(&right), "echo in").unwrap(), "in", "{kind}");
            let none = unreachable(&target);
            let wrong = unreachable(&Target { password: secret("wrong"), ..target.clone() });
            if target.transport == Transport::Libssh2 {
                has(&none, &["is encrypted", "ssh-add", key.to_str().unwrap()]);
                has(&wrong, &["passphrase", "is wrong"]);
            }
        });
    }
}

#[test]
fn a_key_of_the_ssh_agent_and_a_certificate_are_taken() {
    let Some(place) = Place::new(&[]) else { return };
    let socket = place.directory.path().join("agent.sock");
    let agent =
        Running(Command::new("ssh-agent").arg("-D").arg("-a").arg(&socket).stdout(Stdio::null()).spawn().unwrap());
    support::until("ssh-agent", Duration::from_secs(10), || socket.exists());
    let added = Command::new("ssh-add").arg("-q").arg(place.sshd.key()).env("SSH_AUTH_SOCK", &socket).status().unwrap();
    assert!(added.success());
    let known = place.sshd.known_hosts();
    place.both(|target| {
        let mut args = vec!["-F".to_owned(), "none".to_owned()];
        for option in [format!("UserKnownHostsFile={}", known.display()), format!("IdentityAgent={}", socket.display())]
        {
            args.extend(["-o".to_owned(), option]);
        }
        let target = Target { private_key: None, ssh_args: args, ..target };
        assert_eq!(prints(&*pool().link(&target), "echo in").unwrap(), "in");
    });
    drop(agent);

    // An authority signs a user's key; the host knows the authority only.
    let (authority, key) = (place.directory.path().join("ca"), place.directory.path().join("signed"));
    let user = String::from_utf8(Command::new("id").arg("-un").output().unwrap().stdout).unwrap();
    ssh_keygen(&["-q", "-t", "ed25519", "-N", "", "-f", authority.to_str().unwrap()]);
    ssh_keygen(&["-q", "-t", "ed25519", "-N", "", "-f", key.to_str().unwrap()]);
    let (authority_name, key_name) = (authority.to_str().unwrap(), key.with_extension("pub"));
    ssh_keygen(&["-q", "-s", authority_name, "-I", "test", "-n", user.trim(), key_name.to_str().unwrap()]);
    let public = fs::read_to_string(authority.with_extension("pub")).unwrap();
    fs::write(place.sshd.key().with_file_name("authorized_keys"), format!("cert-authority {public}")).unwrap();
    place.both(|target| {
        let target = Target { private_key: Some(key.clone()), ..target };
        assert_eq!(prints(&*pool().link(&target), "echo in").unwrap(), "in");
    });
}

#[test]
fn a_wrong_key_is_refused_and_the_message_says_which_were_tried() {
    let Some(place) = Place::new(&[]) else { return };
    let key = place.directory.path().join("other");
    ssh_keygen(&["-q", "-t", "ed25519", "-N", "", "-f", key.to_str().unwrap()]);
    place.both(|target| {
        let target = Target { private_key: Some(key.clone()), user: Some("root".to_owned()), ..target };
        let message = unreachable(&target);
        if target.transport == Transport::Libssh2 {
            let print = fingerprint(&key.with_extension("pub"));
            has(&message, &["authentication as root failed", key.to_str().unwrap(), &print, "publickey"]);
        } else {
            has(&message, &["ssh could not connect to 127.0.0.1", "Permission denied (publickey"]);
        }
    });
    let target = place.target(Transport::Libssh2);
    let message = unreachable(&Target { private_key: Some("/nowhere/key".into()), ..target });
    has(&message, &["/nowhere/key cannot be read (No such file"]);
}

#[test]
fn a_changed_host_key_is_refused_with_both_fingerprints_and_the_place() {
    let Some(place) = Place::new(&[]) else { return };
    let other = place.directory.path().join("other");
    ssh_keygen(&["-q", "-t", "ed25519", "-N", "", "-f", other.to_str().unwrap()]);
    let other = other.with_extension("pub");
    let key = fs::read_to_string(&other).unwrap();
    let known = place.file("known", &format!("# first\n{} {key}", place.name()));
    place.both(|target| {
        for policy in [HostKeyPolicy::Strict, HostKeyPolicy::AcceptNew] {
            let target = Target { ssh_args: with_known_hosts(&known), host_keys: policy, ..target.clone() };
            let message = unreachable(&target);
            if target.transport == Transport::Libssh2 {
                let (shown, was) = (fingerprint(&place.sshd.host_key()), fingerprint(&other));
                let at = format!("{}:2", known.display());
                has(&message, &["has changed", &shown, &was, &at, "ssh-keygen -R"]);
            } else {
                has(&message, &["REMOTE HOST IDENTIFICATION HAS CHANGED"]);
            }
        }
    });
}

#[test]
fn unknown_and_revoked_host_keys_are_refused_and_hashed_ones_are_known() {
    let Some(place) = Place::new(&[]) else { return };
    let (name, key) = (place.name(), place.host_key());
    let nobody = place.file("nobody", "");
    let revoked = place.file("revoked", &format!("{name} {key}\n@revoked * {key}\n"));
    let hashed = place.file("hashed", &format!("{name} {key}\n"));
    ssh_keygen(&["-q", "-H", "-f", hashed.to_str().unwrap()]);
    assert!(!fs::read_to_string(&hashed).unwrap().contains("127.0.0.1"));
    place.both(|target| {
        let with = |file: &Path| Target { ssh_args: with_known_hosts(file), ..target.clone() };
        let libssh2 = target.transport == Transport::Libssh2;
        let message = unreachable(&with(&nobody));
        has(&message, if libssh2 { &["is not known", "ssh-keyscan -p"] } else { &["Host key verification failed"] });
        for policy in [HostKeyPolicy::Strict, HostKeyPolicy::AcceptNew] {
            let message = unreachable(&Target { host_keys: policy, ..with(&revoked) });
            has(&message, if libssh2 { &["is revoked", "revoked:2"] } else { &["evoked"] });
        }
        assert_eq!(prints(&*pool().link(&with(&hashed)), "echo in").unwrap(), "in");
    });
}

#[test]
fn a_new_host_key_is_remembered_once_where_that_is_asked_for() {
    let Some(place) = Place::new(&[]) else { return };
    for transport in [Transport::Libssh2, Transport::System] {
        let known = place.directory.path().join(format!("known-{transport:?}"));
        let target = place.target(transport);
        let new = Target { ssh_args: with_known_hosts(&known), host_keys: HostKeyPolicy::AcceptNew, ..target };
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| prints(&*pool().link(&new), "echo in").unwrap());
            }
        });
        let text = fs::read_to_string(&known).unwrap();
        has(&text, &[&place.name(), &place.host_key()]);
        if transport == Transport::Libssh2 {
            assert_eq!(text.lines().count(), 1, "{text}");
        }
        let strict = Target { host_keys: HostKeyPolicy::Strict, ..new };
        assert_eq!(prints(&*pool().link(&strict), "echo in").unwrap(), "in");
    }
}

#[test]
fn a_host_known_by_its_authority_is_left_to_the_systems_ssh() {
    let directory = tempfile::tempdir().unwrap();
    let authority = directory.path().join("ca");
    ssh_keygen(&["-q", "-t", "ed25519", "-N", "", "-f", authority.to_str().unwrap()]);
    let (host, certificate) = (directory.path().join("host"), directory.path().join("host-cert.pub"));
    ssh_keygen(&["-q", "-t", "ed25519", "-N", "", "-f", host.to_str().unwrap()]);
    let public = host.with_extension("pub");
    ssh_keygen(&[
        "-q",
        "-s",
        authority.to_str().unwrap(),
        "-I",
        "h",
        "-h",
        "-n",
        "127.0.0.1",
        public.to_str().unwrap(),
    ]);
    let options = [format!("HostKey {}", host.display()), format!("HostCertificate {}", certificate.display())];
    let Some(place) = Place::new(&[&options[0], &options[1]]) else { return };
    let key = fs::read_to_string(authority.with_extension("pub")).unwrap();
    let known = place.file("known", &format!("@cert-authority {} {key}", place.name()));
    let target = Target { ssh_args: with_known_hosts(&known), ..place.target(Transport::Auto) };
    assert_eq!(prints(&*pool().link(&target), "echo in").unwrap(), "in");
    has(&unreachable(&Target { transport: Transport::Libssh2, ..target }), &["is not known"]);
}

#[test]
fn a_proxy_command_leads_through_the_systems_ssh() {
    let Some(place) = Place::new(&[]) else { return };
    let mark = place.directory.path().join("proxied");
    let mut target = place.target(Transport::Auto);
    let bash = format!(
        "ProxyCommand=bash -c 'touch {}; exec 3<>/dev/tcp/127.0.0.1/{}; cat <&3 & cat >&3'",
        mark.display(),
        place.sshd.port
    );
    target.ssh_args.extend(["-o".to_owned(), bash]);
    assert_eq!(prints(&*pool().link(&target), "echo in").unwrap(), "in");
    assert!(mark.exists(), "the proxy was not used");
}

#[test]
fn nobody_there_is_said_with_the_step_that_failed() {
    let Some(place) = Place::new(&[]) else { return };
    let target = place.target(Transport::Libssh2);
    let closed = Target { port: Some(1), ..target.clone() };
    has(&unreachable(&closed), &["127.0.0.1:1: Connection refused", "is sshd running"]);
    let unknown = Target { address: "no-such-host.invalid".to_owned(), ..target.clone() };
    has(&unreachable(&unknown), &["cannot resolve no-such-host.invalid"]);
    // Something that takes connections and says nothing, and something that does not speak SSH.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = Some(listener.local_addr().unwrap().port());
    let silent = Target { port, timeout: Duration::from_millis(300), ..target.clone() };
    has(&unreachable(&silent), &["handshake", "no answer within 0.3 s"]);
    let closing = std::thread::spawn(move || {
        // The one before may still wait to be taken.
        listener.set_nonblocking(true).unwrap();
        while listener.accept().is_ok() {}
        listener.set_nonblocking(false).unwrap();
        drop(listener.accept().unwrap());
    });
    let closed = Target { port, ..target };
    has(&unreachable(&closed), &["handshake", "closed the connection"]);
    closing.join().unwrap();
}

#[test]
fn output_streams_while_the_command_runs_and_requests_travel_side_by_side() {
    let Some(place) = Place::new(&[]) else { return };
    place.both(|target| {
        let (pool, gate) = (pool(), tempfile::tempdir().unwrap());
        let link = pool.link(&target);
        let path = gate.path().join("go");
        std::thread::scope(|scope| {
            let heard = Arc::new(Heard::default());
            let (other, waits, link) = (heard.clone(), path.clone(), &link);
            let waiting = scope.spawn(move || {
                let command = format!("echo first; until [ -e {} ]; do sleep 0.02; done; echo last", waits.display());
                link.run(None, shell(&command), &Nothing, &*other)
            });
            support::until("a first line", Duration::from_secs(20), || !heard.lines.lock().unwrap().is_empty());
            // While that waits, others come and go on the same agent.
            for _ in 0..5 {
                assert_eq!(prints(&**link, "echo quick").unwrap(), "quick");
            }
            assert_eq!(heard.lines.lock().unwrap().len(), 1);
            fs::write(&path, "").unwrap();
            waiting.join().unwrap().unwrap();
            let lines: Vec<String> = heard.lines.lock().unwrap().iter().map(|(_, line)| line.clone()).collect();
            assert_eq!(lines, ["first", "last"]);
        });
    });
}

#[test]
fn a_cut_connection_is_told_as_midway_and_the_next_request_connects_anew() {
    let Some(place) = Place::new(&[]) else { return };
    place.both(|target| {
        let pool = pool();
        let link = pool.link(&target);
        let pid = prints(&*link, "echo $PPID").unwrap();
        let heard = Arc::new(Heard::default());
        std::thread::scope(|scope| {
            let (listens, link) = (heard.clone(), &link);
            let running = scope.spawn(move || link.run(None, shell("echo begun; sleep 60"), &Nothing, &*listens));
            support::until("begun", Duration::from_secs(20), || !heard.lines.lock().unwrap().is_empty());
            // The host's side of the connection, as it dies with the host's sshd.
            let status = Command::new("kill").args(["-KILL", &session_of(&pid)]).status().unwrap();
            assert!(status.success());
            match running.join().unwrap() {
                Err(LinkError::Unreachable { midway: true, .. }) => {}
                other => panic!("the connection was cut: {other:?}"),
            }
        });
        assert_eq!(prints(&*link, "echo again").unwrap(), "again");
    });
}

/// The process of sshd that serves the session in which the agent runs.
fn session_of(agent: &str) -> String {
    let mut pid = agent.to_owned();
    loop {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
        let (name, rest) = stat.split_once('(').unwrap().1.rsplit_once(')').unwrap();
        if name == "sshd" {
            return pid;
        }
        pid = rest.split_whitespace().nth(1).unwrap().to_owned();
        assert_ne!(pid, "1", "no sshd above the agent");
    }
}

#[test]
fn an_agent_that_is_killed_is_told_as_midway_and_started_again() {
    let Some(place) = Place::new(&[]) else { return };
    for transport in [Transport::Libssh2, Transport::System, Transport::Local] {
        let pool = pool();
        let link = pool.link(&place.target(transport));
        let pid = link.hello(None).unwrap().pid;
        let error = link.run(None, shell(&format!("kill -KILL {pid}; sleep 60")), &Nothing, &Heard::default());
        match error {
            Err(LinkError::Unreachable { message, midway: true }) => {
                has(&message, &["the agent ended"]);
                // ssh itself does not tell.
                assert!(message.contains("killed by SIGKILL") || transport == Transport::System, "{message}");
            }
            other => panic!("{transport:?}: the agent was killed: {other:?}"),
        }
        assert_ne!(link.hello(None).unwrap().pid, pid);
    }
}

#[test]
fn start_up_files_that_print_and_login_shells_that_are_not_sh_do_not_matter() {
    let noisy =
        "ForceCommand echo 'Welcome!'; echo oops >&2; printf 'quota: 12%%'; exec sh -c \"$SSH_ORIGINAL_COMMAND\"";
    let mut shells = vec![noisy.to_owned()];
    for shell in ["tcsh", "fish", "zsh", "busybox sh"] {
        let program = shell.split(' ').next().unwrap();
        if Command::new(program).arg("--help").output().is_ok() {
            shells.push(format!("ForceCommand exec {shell} -c \"$SSH_ORIGINAL_COMMAND\""));
        }
    }
    for forced in shells {
        let Some(place) = Place::new(&[&forced]) else { return };
        eprintln!("{forced}");
        let link = pool().link(&place.target(Transport::Libssh2));
        assert_eq!(prints(&*link, "echo in").unwrap(), "in");
        let become_me = me();
        let raw = link.raw(Some(&become_me), "echo \"it's raw\"; exit 3", b"", None, &Heard::default());
        if let Ok(end) = raw {
            assert_eq!((end.status, end.stdout.as_slice()), (3, b"it's raw\n".as_slice()));
        }
    }
}

/// Becoming the user that one is, which sudo lets root do.
fn me() -> refit::connection::Become {
    refit::connection::Become {
        method: refit::connection::BecomeMethod::Sudo,
        user: String::from_utf8(Command::new("id").arg("-un").output().unwrap().stdout).unwrap().trim().to_owned(),
        password: None,
        program: None,
        flags: None,
    }
}

#[test]
fn a_login_shell_that_lets_nobody_in_is_said_so() {
    let forced = "ForceCommand echo 'This account is currently not available.'; exit 1";
    let Some(place) = Place::new(&[forced]) else { return };
    place.both(|target| match pool().link(&target).hello(None) {
        Err(LinkError::Agent { message }) => has(&message, &["This account is currently not available."]),
        other => panic!("{other:?}"),
    });
}

/// Runs all commands of a server's sessions in a mount namespace of their own, prepared by a script. Only for root.
fn mounted(script: &str) -> Option<Place> {
    if !rustix::process::geteuid().is_root() {
        eprintln!("SKIPPED: only root can mount");
        return None;
    }
    let directory = tempfile::tempdir().unwrap();
    let path = directory.keep().join("mount");
    fs::write(&path, format!("#!/bin/sh\n{script}\nexec sh -c \"$SSH_ORIGINAL_COMMAND\"\n")).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    Place::new(&[&format!("ForceCommand exec unshare -m {}", path.display())])
}

const NOEXEC: &str = "for d in /tmp /var/tmp /dev/shm /home /root; do mount -t tmpfs -o noexec,size=64m none $d; done";

#[test]
fn directories_that_let_no_program_run_are_passed_over() {
    let Some(place) = mounted(&format!("{NOEXEC}; mount -t tmpfs -o size=64m none /run")) else { return };
    let target = Target { agent_dir: None, ..place.target(Transport::Libssh2) };
    let link = pool().link(&target);
    let agent = prints(&*link, "readlink /proc/$PPID/exe").unwrap();
    has(&agent, &["/run/"]);
}

#[test]
fn where_no_directory_will_do_each_is_named_with_its_reason() {
    let Some(place) = mounted(&format!("{NOEXEC}; mount -t tmpfs -o size=16k none /run")) else { return };
    let target = Target { agent_dir: None, ..place.target(Transport::Libssh2) };
    match pool().link(&target).hello(None) {
        Err(LinkError::Agent { message }) => {
            has(&message, &["/var/tmp/refit-0: programs may not run there", "/run/refit-0:", "KiB free", "remote_tmp"]);
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_disk_that_fills_up_while_the_agent_comes_leaves_nothing_behind() {
    // Room by what df says, and a quota that says otherwise: a file size limit.
    let Some(place) = mounted("ulimit -f 100") else { return };
    let target = place.target(Transport::Libssh2);
    match pool().link(&target).hello(None) {
        Err(LinkError::Agent { message }) => has(&message, &["could not be written"]),
        other => panic!("{other:?}"),
    }
    assert_eq!(fs::read_dir(place.agents()).unwrap().count(), 0, "something half written stayed");
}

#[test]
fn a_host_with_nothing_but_busybox_will_do() {
    let Ok(path) = Command::new("sh").args(["-c", "command -v busybox"]).output() else { return };
    let busybox = String::from_utf8(path.stdout).unwrap().trim().to_owned();
    if busybox.is_empty() {
        eprintln!("SKIPPED: no busybox");
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let bin = directory.path().to_str().unwrap();
    let installed = Command::new(&busybox).args(["--install", "-s", bin]).status().unwrap();
    assert!(installed.success());
    let forced = format!("ForceCommand exec env -i PATH={bin} HOME=/ {bin}/sh -c \"$SSH_ORIGINAL_COMMAND\"");
    let Some(place) = Place::new(&[&forced]) else { return };
    let link = pool().link(&place.target(Transport::Libssh2));
    assert_eq!(prints(&*link, "echo in; readlink $(command -v sed)").unwrap(), format!("in\n{busybox}"));
    drop(link);
    // Without gzip and sha256sum it comes as it is.
    for tool in ["gzip", "sha256sum"] {
        fs::remove_file(directory.path().join(tool)).unwrap();
    }
    fs::remove_dir_all(place.agents()).unwrap();
    assert_eq!(prints(&*pool().link(&place.target(Transport::Libssh2)), "echo in").unwrap(), "in");
}

#[test]
fn an_agent_that_others_could_have_written_or_that_is_damaged_is_not_run() {
    let Some(place) = Place::new(&[]) else { return };
    let target = place.target(Transport::Libssh2);
    assert_eq!(prints(&*pool().link(&target), "echo in").unwrap(), "in");
    let agent = fs::read_dir(place.agents()).unwrap().next().unwrap().unwrap().path();
    let whole = fs::read(&agent).unwrap();
    let evil = place.directory.path().join("ran");
    let mut script = format!("#!/bin/sh\ntouch {}\n", evil.display()).into_bytes();
    script.resize(whole.len(), b'\n');
    // Writable by others, with the right size and name.
    fs::write(&agent, &script).unwrap();
    fs::set_permissions(&agent, fs::Permissions::from_mode(0o722)).unwrap();
    assert_eq!(prints(&*pool().link(&target), "echo in").unwrap(), "in");
    assert!(!evil.exists(), "a file was run that others could write");
    assert_eq!(fs::read(&agent).unwrap(), whole);
    // Ours alone, but a crash left zeros: brought again.
    fs::write(&agent, vec![0; whole.len()]).unwrap();
    assert_eq!(prints(&*pool().link(&target), "echo in").unwrap(), "in");
    assert_eq!(fs::read(&agent).unwrap(), whole);
}

#[test]
fn raw_commands_and_copies_need_no_agent() {
    let Some(place) = Place::new(&[]) else { return };
    let pool = Pool::new(Vec::new(), 2);
    for transport in [Transport::Libssh2, Transport::System, Transport::Local] {
        let link = pool.link(&place.target(transport));
        let heard = Heard::default();
        let end = link.raw(None, "echo out; echo err >&2; cat; exit 3", b"input\n", None, &heard).unwrap();
        assert_eq!(end.status, 3, "{transport:?}");
        assert_eq!(String::from_utf8_lossy(&end.stdout), "out\ninput\n");
        assert_eq!(String::from_utf8_lossy(&end.stderr), "err\n");
        assert_eq!(heard.lines.lock().unwrap().len(), 3);
        let path = place.directory.path().join("it's put");
        let content: Vec<u8> = (0..300_000u32).flat_map(u32::to_le_bytes).collect();
        link.put(&content, path.to_str().unwrap()).unwrap();
        assert_eq!(fs::read(&path).unwrap(), content);
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o7777, 0o700);
        fs::remove_file(&path).unwrap();
        match link.put(b"x", "/no/such/directory/file") {
            Err(LinkError::Agent { message }) => has(&message, &["/no/such/directory/file"]),
            other => panic!("{other:?}"),
        }
        match link.hello(None) {
            Err(LinkError::Agent { message }) => has(&message, &["no agent for", "cargo build"]),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn a_command_that_closes_its_output_is_waited_for_and_an_idle_connection_that_ended_is_made_anew() {
    let Some(place) = Place::new(&[]) else { return };
    let pool = pool();
    let link = pool.link(&place.target(Transport::Libssh2));
    let end = link.raw(None, "echo $PPID; exec >&- 2>&-; sleep 0.3; exit 5", b"", None, &Heard::default()).unwrap();
    assert_eq!(end.status, 5);
    // Nothing runs on the connection, and the host ends it.
    let pid = String::from_utf8(end.stdout).unwrap();
    assert!(Command::new("kill").args(["-KILL", &session_of(pid.trim())]).status().unwrap().success());
    assert_eq!(prints(&*link, "echo again").unwrap(), "again");
}

#[test]
fn cancelling_ends_what_runs_and_refuses_what_comes() {
    let Some(place) = Place::new(&[]) else { return };
    for transport in [Transport::Libssh2, Transport::System, Transport::Local] {
        let pool = pool();
        let link = pool.link(&place.target(transport));
        let heard = Arc::new(Heard::default());
        std::thread::scope(|scope| {
            let (listens, link) = (heard.clone(), &link);
            let running = scope.spawn(move || link.run(None, shell("echo $$; exec sleep 600"), &Nothing, &*listens));
            support::until("begun", Duration::from_secs(20), || !heard.lines.lock().unwrap().is_empty());
            let pid = heard.lines.lock().unwrap()[0].1.clone();
            link.cancel();
            assert_eq!(running.join().unwrap(), Err(LinkError::Cancelled), "{transport:?}");
            support::until("its end", Duration::from_secs(10), || !Path::new(&format!("/proc/{pid}")).exists());
            assert_eq!(link.hello(None), Err(LinkError::Cancelled));
        });
    }
}

#[test]
fn a_probe_is_a_new_connection_and_has_a_deadline() {
    let Some(place) = Place::new(&[]) else { return };
    place.both(|target| {
        let pool = pool();
        let link = pool.link(&target);
        let first = link.hello(None).unwrap();
        let probed = link.probe(None, Duration::from_secs(20)).unwrap();
        assert_ne!(first.pid, probed.pid);
        assert_eq!(first.boot_id, probed.boot_id);
        assert_eq!(link.hello(None).unwrap().pid, probed.pid);
        link.reset();
        assert_ne!(link.hello(None).unwrap().pid, probed.pid);
    });
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let silent = Target { port: Some(listener.local_addr().unwrap().port()), ..place.target(Transport::Libssh2) };
    let began = Instant::now();
    let error = pool().link(&silent).probe(None, Duration::from_millis(500)).unwrap_err();
    assert!(matches!(error, LinkError::Unreachable { midway: false, .. }), "{error:?}");
    assert!(began.elapsed() < Duration::from_secs(5));
}

#[test]
fn content_is_asked_for_and_sent_in_pieces() {
    let Some(place) = Place::new(&[]) else { return };
    struct One(String, Arc<Vec<u8>>);
    impl Content for One {
        fn get(&self, sha256: &str) -> Option<Arc<Vec<u8>>> {
            (sha256 == self.0).then(|| self.1.clone())
        }
    }
    let content: Vec<u8> = (0..1_000_000u32).flat_map(u32::to_le_bytes).collect();
    let sha256: String = {
        use sha2::Digest;
        sha2::Sha256::digest(&content).iter().map(|byte| format!("{byte:02x}")).collect()
    };
    place.both(|target| {
        let pool = pool();
        let link = pool.link(&target);
        let run = Run { blobs: vec![sha256.clone()], ..shell("echo got it") };
        let heard = Heard::default();
        link.run(None, run.clone(), &One(sha256.clone(), Arc::new(content.clone())), &heard).unwrap();
        assert_eq!(results(heard)[0]["stdout"], "got it");
        // Nobody has that.
        let missing = Run { blobs: vec!["0".repeat(64)], ..run };
        match link.run(None, missing, &Nothing, &Heard::default()) {
            Err(LinkError::Agent { message }) => has(&message, &["which nobody has"]),
            other => panic!("{other:?}"),
        }
        assert_eq!(prints(&*link, "echo still there").unwrap(), "still there");
    });
}

#[test]
fn first_contact_costs_little_more_than_a_warm_one() {
    let Some(place) = Place::new(&[]) else { return };
    let programs: Vec<f64> = [(); 2]
        .iter()
        .map(|()| {
            let pool = pool();
            let began = Instant::now();
            pool.link(&place.target(Transport::Libssh2)).hello(None).unwrap();
            began.elapsed().as_secs_f64()
        })
        .collect();
    let pool = pool();
    let link = pool.link(&place.target(Transport::Libssh2));
    link.hello(None).unwrap();
    let began = Instant::now();
    for _ in 0..100 {
        link.run(None, request("ping", &[json!({})]), &Nothing, &Heard::default()).unwrap();
    }
    let run = began.elapsed().as_secs_f64() * 10.0;
    eprintln!("first contact {:.3} s, warm {:.3} s, a request {run:.3} ms", programs[0], programs[1]);
    // The limit is for a machine with other work to do; the benchmark has the figure for a quiet one.
    assert!(programs[0] - programs[1] < 3.0, "{programs:?}");
}
