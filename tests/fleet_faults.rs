//! What goes wrong on booted hosts in the middle of a run: full disks, a killed controller, an agent that falls silent or
//! breaks down, a pulled cable, passwords that are wrong. Each is told clearly, with the right exit code, and leaves every
//! managed file whole, old or new.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use refit::connection::Program;
use refit_agent::protocol::{self, FromAgent, Hello};
use std::process::{Child, Command, Output, Stdio};
use std::sync::LazyLock;
use std::time::Duration;
use support::Fleet;

/// How long something that happens by itself may take.
const PATIENCE: Duration = Duration::from_secs(90);

/// Each test has hosts of its own, of one fleet that goes with this process.
static FLEET: LazyLock<Option<Fleet>> = LazyLock::new(|| Fleet::up(8));

/// A controller's directory for runs on one host.
struct Case {
    fleet: &'static Fleet,
    host: &'static str,
    home: tempfile::TempDir,
}

impl Case {
    fn on(host: &'static str) -> Option<Case> {
        let fleet = FLEET.as_ref()?;
        Some(Case { fleet, host, home: tempfile::tempdir().unwrap() })
    }

    fn file(&self, name: &str, text: &str) {
        std::fs::write(self.home.path().join(name), text).unwrap();
    }

    /// `refit run` of these tasks.
    fn refit(&self, words: &[&str], tasks: &str) -> Command {
        self.file("playbook.yml", &format!("- hosts: all\n  gather_facts: false\n  tasks:\n{tasks}"));
        let mut command = Command::new(env!("CARGO_BIN_EXE_refit"));
        command.args(["run", "--output", "human", "-l", self.host, "-i"]).arg(self.fleet.inventory());
        command.args(words).arg("playbook.yml").current_dir(self.home.path());
        command.env("HOME", self.home.path()).env("XDG_STATE_HOME", self.home.path()).env_remove("ANSIBLE_CONFIG");
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    /// That it ends with this code and says all of these.
    #[track_caller]
    fn ends(&self, run: &Output, code: i32, said: &[&str]) {
        let text = format!("{}{}", String::from_utf8_lossy(&run.stdout), String::from_utf8_lossy(&run.stderr));
        assert_eq!(run.status.code(), Some(code), "{text}");
        for part in said.iter().chain([&self.host]) {
            assert!(text.contains(part), "{part:?} is missing in:\n{text}");
        }
    }

    /// A run of tasks that ends so.
    #[track_caller]
    fn run(&self, words: &[&str], tasks: &str, code: i32, said: &[&str]) {
        self.ends(&self.refit(words, tasks).output().unwrap(), code, said);
    }

    /// Starts a run, and waits until there is a path on the host.
    fn started(&self, tasks: &str, sign: &str) -> Child {
        let child = self.refit(&[], tasks).spawn().unwrap();
        self.until("the task runs", &format!("test -e {sign}"));
        child
    }

    /// Waits until a command succeeds on the host.
    #[track_caller]
    fn until(&self, what: &str, command: &str) {
        support::until(what, PATIENCE, || self.fleet.ssh(self.host, command).status.success());
    }

    fn sh(&self, command: &str) -> String {
        self.fleet.sh(self.host, command)
    }

    /// Waits until neither the agent nor the command that it ran for `LONG` is left.
    fn nothing_is_left(&self) {
        self.until("the command ends", "! pgrep -fx 'sleep 4242'");
        self.until("the agent ends", "! pgrep -f '[a]gent-[0-9a-f]{64}'");
    }
}

/// A task that says when it runs, and does so for long.
const LONG: &str = "    - ansible.builtin.shell: touch /run/started; sleep 4242\n";

#[test]
fn a_full_disk_leaves_the_old_file_and_nothing_else() {
    let Some(case) = Case::on("host1") else { return };
    case.file("large", &"n".repeat(800_000));
    case.file("large.j2", &format!("{{{{ inventory_hostname }}}}{}", "n".repeat(800_000)));
    // /mnt/tiny has room for 1 MiB.
    case.sh("head -c 600000 /dev/zero | tr '\\0' o > /mnt/tiny/file; sha256sum /mnt/tiny/file > /root/before");
    case.sh("mkdir -p /srv/parts && head -c 800000 /dev/zero > /srv/parts/1 && tar -C /srv -cf /srv/parts.tar parts");
    for task in [
        "copy: {src: large, dest: /mnt/tiny/file}",
        "copy: {src: large, dest: /mnt/tiny/other}",
        "copy: {src: /srv/parts/1, dest: /mnt/tiny/file, remote_src: true}",
        "copy: {content: new, dest: /mnt/tiny/file, backup: true}",
        "template: {src: large.j2, dest: /mnt/tiny/file}",
        "assemble: {src: /srv/parts, dest: /mnt/tiny/file, remote_src: true}",
        "lineinfile: {path: /mnt/tiny/file, line: more}",
        "blockinfile: {path: /mnt/tiny/file, block: more}",
        "replace: {path: /mnt/tiny/file, regexp: o, replace: oo}",
    ] {
        eprintln!("{task}");
        case.run(&[], &format!("    - ansible.builtin.{task}\n"), 2, &["No space left", "/mnt/tiny"]);
        case.sh("sha256sum --check --quiet /root/before");
        assert_eq!(case.sh("ls -A /mnt/tiny"), "file", "{task} left something behind");
    }
    // tar says so in several ways.
    let unpack = "    - ansible.builtin.unarchive: {src: /srv/parts.tar, dest: /mnt/tiny, remote_src: true}\n";
    case.run(&[], unpack, 2, &["failed to unpack /srv/parts.tar to /mnt/tiny"]);
    case.sh("sha256sum --check --quiet /root/before");
    assert_eq!(case.sh("find /mnt/tiny -type f"), "/mnt/tiny/file", "a part of a file was left");

    // dpkg notes there what it does.
    case.sh("mount -t tmpfs -o size=4k tiny /var/lib/dpkg/updates");
    case.run(&[], "    - ansible.builtin.apt: {name: refit-tool}\n", 2, &["No space left"]);
    case.sh("umount /var/lib/dpkg/updates; test -z \"$(dpkg --audit)\" && apt-get check");
    assert!(!case.fleet.ssh(case.host, "dpkg-query -s refit-tool").status.success());
}

#[test]
fn a_killed_controller_leaves_whole_files_and_nothing_that_runs() {
    let Some(case) = Case::on("host2") else { return };
    case.sh("mkdir /srv/many");
    case.file("large", &"n".repeat(300_000));
    let many = "
    - ansible.builtin.copy: {content: whole, dest: /srv/first}
    - ansible.builtin.copy: {src: large, dest: '/srv/many/{{ item }}'}
      loop: '{{ range(2000) }}'
";
    let mut run = case.started(many, "/srv/many/20");
    run.kill().unwrap();
    run.wait().unwrap();
    case.nothing_is_left();
    let torn = case.sh("cd /srv/many; find . -type f ! -size 300000c; find . -mindepth 1 ! -regex './[0-9]+'");
    assert_eq!(torn, "", "not whole, or left behind");
    assert!(case.sh("ls /srv/many | wc -l").trim().parse::<u32>().unwrap() < 2000, "it was killed too late");
    // What it had done is known: the journal has the first task's result.
    let runs = case.home.path().join("refit/runs");
    let journal = std::fs::read_dir(runs).unwrap().map(|entry| entry.unwrap().path());
    let journal = journal.into_iter().find(|path| path.extension().is_some_and(|end| end == "ndjson")).unwrap();
    let events = std::fs::read_to_string(journal).unwrap();
    let done = events.lines().filter(|line| line.contains("\"host_finished\"")).count();
    assert_eq!(done, 1, "{events}");
    assert!(events.contains("/srv/first"), "{events}");

    let mut run = case.started(LONG, "/run/started");
    case.sh("pgrep -fx 'sleep 4242'");
    run.kill().unwrap();
    run.wait().unwrap();
    case.nothing_is_left();
}

#[test]
fn hosts_that_fall_silent_in_a_task_are_given_up() {
    let (Some(frozen), Some(cut)) = (Case::on("host3"), Case::on("host4")) else { return };
    let before = "    - ansible.builtin.copy: {content: whole, dest: /srv/first}\n";
    let after = "    - ansible.builtin.copy: {content: never, dest: /srv/second}\n";
    let tasks = format!("{before}{LONG}{after}");
    let runs = [frozen.started(&tasks, "/run/started"), cut.started(&tasks, "/run/started")];
    frozen.sh("pkill -STOP -f '[a]gent-[0-9a-f]{64}'");
    cut.fleet.cut(cut.host);
    for (case, run) in [&frozen, &cut].into_iter().zip(runs) {
        case.ends(&run.wait_with_output().unwrap(), 4, &["no sign of life", "UNREACHABLE"]);
    }
    frozen.sh("pkill -CONT -f '[a]gent-[0-9a-f]{64}'");
    frozen.nothing_is_left();
    cut.fleet.mend(cut.host);
    cut.fleet.wait(cut.host);
    for case in [frozen, cut] {
        assert_eq!(case.sh("cat /srv/first; ls /srv"), "wholeapt\nfirst");
    }
}

#[test]
fn a_second_interrupt_ends_what_runs_on_the_host() {
    let Some(case) = Case::on("host5") else { return };
    let interrupt = |run: &Child| {
        rustix::process::kill_process(rustix::process::Pid::from_child(run), rustix::process::Signal::INT).unwrap();
    };
    // Once: the task that runs comes to its end.
    let run = case.started("    - ansible.builtin.shell: touch /run/waits; while [ ! -e /run/go ]; do sleep 0.1; done; touch /srv/finished\n    - ansible.builtin.command: touch /srv/second\n", "/run/waits");
    interrupt(&run);
    let journal = case.home.path().join("refit/runs");
    support::until("the interrupt is noted", PATIENCE, || {
        let mut files = std::fs::read_dir(&journal).unwrap().map(|entry| entry.unwrap().path());
        files.any(|path| std::fs::read_to_string(path).is_ok_and(|text| text.contains("\"interrupted\"")))
    });
    case.sh("touch /run/go");
    case.ends(&run.wait_with_output().unwrap(), 99, &["not attempted"]);
    assert_eq!(case.sh("ls /srv"), "apt\nfinished");

    let run = case.started(LONG, "/run/started");
    interrupt(&run);
    interrupt(&run);
    // Two at once may be seen as one.
    std::thread::sleep(Duration::from_millis(100));
    interrupt(&run);
    case.ends(&run.wait_with_output().unwrap(), 2, &["interrupted"]);
    case.nothing_is_left();
}

#[test]
fn passwords_and_keys_that_are_wrong_or_missing_are_told() {
    let Some(case) = Case::on("host6") else { return };
    case.file("wrong", "not-the-password\n");
    let touch = "    - ansible.builtin.file: {path: /srv/touched, state: touch}\n";
    let ops = ["-e", "ansible_user=ops", "-b"];
    case.run(&ops, touch, 2, &["sudo needs a password, and none was given", "-K"]);
    let wrong = [&ops[..], &["--become-password-file", "wrong"]].concat();
    case.run(&wrong, touch, 2, &["sudo says that the password is wrong"]);
    case.run(&["-e", "ansible_user=nosudo", "-b", "--become-password-file", "wrong"], touch, 2, &["sudo"]);

    let key = case.home.path().join("other");
    let made = Command::new("ssh-keygen").args(["-q", "-t", "ed25519", "-N", "", "-f"]).arg(&key).status().unwrap();
    assert!(made.success());
    // The inventory's key is the right one.
    let other = format!("ansible_ssh_private_key_file={}", key.display());
    case.run(&["-e", &other], touch, 4, &["other"]);
    assert_eq!(case.sh("ls /srv"), "apt");
    case.file("right", "ops-password\n");
    case.run(&[&ops[..], &["--become-password-file", "right"]].concat(), touch, 0, &[]);
}

#[test]
fn a_file_that_vanishes_on_the_host_is_named() {
    let Some(case) = Case::on("host6") else { return };
    let tasks = "
    - ansible.builtin.copy: {content: x, dest: /root/there}
    - ansible.builtin.command: rm /root/there
    - ansible.builtin.copy: {src: /root/there, dest: /root/copied, remote_src: true}
";
    case.run(&[], tasks, 2, &["/root/there"]);
    assert!(!case.fleet.ssh(case.host, "test -e /root/copied").status.success());
}

/// A fake agent, in the place of the real one: it greets, waits for a request, and tells that it broke down.
#[test]
fn an_agent_that_breaks_down_is_told_with_its_last_words() {
    let Some(case) = Case::on("host7") else { return };
    let hello = Hello {
        version: refit_agent::protocol::VERSION,
        pid: 4242,
        uid: 0,
        user: "root".to_owned(),
        boot_id: None,
        machine: std::env::consts::ARCH.to_owned(),
    };
    let why = "the module `ping` broke down: no luck (agent/src/modules/ping.rs:1). This is a defect of Refit";
    for (name, message) in [("hello", FromAgent::Hello(hello)), ("broken", FromAgent::Broken { why: why.to_owned() })] {
        let mut frame = Vec::new();
        protocol::write(&mut frame, &message, &[]).unwrap();
        std::fs::write(case.fleet.root(case.host).join("root").join(name), frame).unwrap();
    }
    let agent = Program::embedded().into_iter().find(|agent| agent.machine == std::env::consts::ARCH).unwrap();
    let script = "#!/bin/sh\ncat /root/hello; head -c 1 >/dev/null; cat /root/broken; exit 101\n";
    let (size, path) = (agent.size, format!("/root/.cache/refit/agent-{}", agent.sha256));
    case.sh(&format!(
        "umask 077; mkdir -p /root/.cache/refit; printf '{script}' > {path}; truncate -s {size} {path}; chmod 700 {path}"
    ));
    case.run(&[], "    - ansible.builtin.ping:\n", 2, &[why]);
}

#[test]
fn tls_comes_to_the_host_when_a_task_needs_it() {
    let Some(case) = Case::on("host8") else { return };
    case.sh(r#"
        mkdir -p /srv/https/served && cd /srv/https && echo secret > served/file
        openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 30 -subj /CN=case-authority \
            -keyout ca.key -out ca.pem 2>/dev/null
        openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=localhost -keyout key.pem -out csr.pem 2>/dev/null
        printf 'subjectAltName=DNS:localhost,IP:127.0.0.1\n' > extensions
        openssl x509 -req -in csr.pem -CA ca.pem -CAkey ca.key -CAcreateserial -days 30 -extfile extensions -out cert.pem 2>/dev/null
        cat > serve.py <<'END'
import http.server, ssl, os
os.chdir("/srv/https/served")
server = http.server.ThreadingHTTPServer(("127.0.0.1", 4443), http.server.SimpleHTTPRequestHandler)
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain("/srv/https/cert.pem", "/srv/https/key.pem")
server.socket = context.wrap_socket(server.socket, server_side=True)
open("/run/serves", "w")
server.serve_forever()
END
        systemd-run --quiet --unit=https python3 /srv/https/serve.py"#);
    case.until("the server listens", "test -e /run/serves");
    let url = "url: https://localhost:4443/file";
    let trusted = "ca_path: /srv/https/ca.pem";
    assert!(!case.fleet.ssh(case.host, "ls /root/.cache/refit/agent-tls-*").status.success());
    let fine = format!(
        "
    - {{ansible.builtin.uri: {{{url}, {trusted}, return_content: true}}, register: by_authority}}
    - {{ansible.builtin.uri: {{{url}, validate_certs: false, return_content: true}}, register: unchecked}}
    - ansible.builtin.assert: {{that: [by_authority.content == unchecked.content, \"unchecked.content == 'secret\\n'\"]}}
    - ansible.builtin.get_url: {{{url}, dest: /root/got, validate_certs: false}}
    - ansible.builtin.get_url: {{{url}, dest: /home/deploy/got, validate_certs: false}}
      become: true
      become_user: deploy
"
    );
    case.run(&[], &fine, 0, &[]);
    assert_eq!(case.sh("cat /root/got /home/deploy/got; stat -c %U /home/deploy/got"), "secret\nsecret\ndeploy");
    case.sh("ls /root/.cache/refit/agent-tls-*");

    let fetch = format!("    - ansible.builtin.get_url: {{{url}, dest: /root/trusted}}\n");
    case.run(&[], &format!("    - ansible.builtin.uri: {{{url}}}\n"), 2, &["certificate"]);
    case.run(&[], &fetch, 2, &["certificate"]);
    case.sh("test ! -e /root/trusted; cat /srv/https/ca.pem >> /etc/ssl/certs/ca-certificates.crt");
    case.run(&[], &fetch, 0, &[]);
    assert_eq!(case.sh("cat /root/trusted"), "secret");
}
