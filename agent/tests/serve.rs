//! The real program over pipes: what a controller sees.

#![expect(clippy::unwrap_used, reason = "helpers of tests")]

use refit_agent::host::Moment;
use refit_agent::outcome::{Outcome, Stop};
use refit_agent::protocol::{self, Bytes, Effect, Ended, FrameError, FromAgent, Hello, ItemEnd, Mode, Run, ToAgent};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

struct Agent {
    child: Child,
    input: Option<ChildStdin>,
    output: ChildStdout,
    hello: Hello,
}

impl Agent {
    fn start() -> Agent {
        let mut child = Command::new(env!("CARGO_BIN_EXE_refit-agent"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .spawn()
            .unwrap();
        let input = child.stdin.take();
        let mut output = child.stdout.take().unwrap();
        let FromAgent::Hello(hello) = protocol::read(&mut output).unwrap().message else { panic!("no hello") };
        Agent { child, input, output, hello }
    }

    fn tell(&mut self, message: &ToAgent, attachment: &[u8]) {
        protocol::write(self.input.as_mut().unwrap(), message, attachment).unwrap();
    }

    fn run(&mut self, run: Run) {
        self.tell(&ToAgent::Run(run), &[]);
    }

    /// The next message that is no heartbeat.
    fn hear(&mut self) -> FromAgent {
        loop {
            match protocol::read(&mut self.output).unwrap().message {
                FromAgent::Alive => {}
                message => return message,
            }
        }
    }

    /// The next end of an item; output lines are passed over.
    fn item(&mut self) -> ItemEnd {
        loop {
            match self.hear() {
                FromAgent::Item(end) => return end,
                FromAgent::Output { .. } => {}
                other => panic!("{other:?}"),
            }
        }
    }

    fn done(&mut self, expected: u64) {
        match self.hear() {
            FromAgent::Done { id, .. } => assert_eq!(id, expected),
            other => panic!("{other:?}"),
        }
    }

    /// Waits for the end of the program. Returns its status after all that it still sent has been read.
    fn end(mut self) -> Option<i32> {
        while protocol::read::<FromAgent>(&mut self.output).is_ok() {}
        self.child.wait().unwrap().code()
    }
}

fn request(id: u64, module: &str, items: &[Value]) -> Run {
    Run {
        id,
        module: module.to_owned(),
        items: items.iter().map(|item| item.as_object().unwrap().clone()).collect(),
        mode: Mode::Live,
        diff: false,
        environment: Vec::new(),
        timeout: None,
        blobs: Vec::new(),
        effects: Vec::new(),
        background: None,
        title: "a test".to_owned(),
    }
}

fn outcome(end: ItemEnd) -> Outcome {
    match end.ended {
        Ended::Outcome(outcome) => outcome,
        Ended::Stop(stop) => panic!("{stop:?}"),
    }
}

fn stop(end: ItemEnd) -> Stop {
    match end.ended {
        Ended::Stop(stop) => stop,
        Ended::Outcome(outcome) => panic!("{outcome:?}"),
    }
}

/// A shell command that has a child, writes that child's number into the file, and waits.
fn waits(file: &Path) -> Value {
    json!({"cmd": format!("sleep 600 & echo $! > {f}.new && mv {f}.new {f}; wait", f = file.display())})
}

/// The number in the file, once it is there.
fn pid_in(file: &Path) -> String {
    loop {
        if let Ok(text) = std::fs::read_to_string(file) {
            return text.trim().to_owned();
        }
        std::thread::yield_now();
    }
}

fn runs(pid: &str) -> bool {
    std::fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| !stat.contains(") Z "))
}

#[test]
fn it_tells_its_version() {
    let told = Command::new(env!("CARGO_BIN_EXE_refit-agent")).arg("--version").output().unwrap();
    let expected = format!("refit-agent {} protocol {}\n", env!("CARGO_PKG_VERSION"), protocol::VERSION);
    assert_eq!(String::from_utf8(told.stdout).unwrap(), expected);
    let wrong = Command::new(env!("CARGO_BIN_EXE_refit-agent")).arg("--help-me").output().unwrap();
    assert_eq!(wrong.status.code(), Some(2));
}

#[test]
fn it_says_hello_and_goodbye() {
    let mut agent = Agent::start();
    assert_eq!((agent.hello.version, agent.hello.pid), (protocol::VERSION, agent.child.id()));
    assert_eq!(agent.hello.uid, rustix::process::geteuid().as_raw());
    agent.tell(&ToAgent::Bye, &[]);
    assert_eq!(agent.end(), Some(0));
}

#[test]
fn items_run_in_order_and_each_end_comes_as_it_is_done() {
    let directory = tempfile::tempdir().unwrap();
    let go = directory.path().join("go");
    let mut agent = Agent::start();
    // The second item ends only after the end of the first has been seen here.
    let second = json!({"cmd": format!("until test -e {}; do sleep 0.01; done; echo two", go.display())});
    agent.run(request(1, "shell", &[json!({"cmd": "echo one"}), second, json!({"cmd": "exit 9"})]));
    let first = agent.item();
    assert_eq!(first.index, 0);
    assert!(first.began > 1_600_000_000_000 && first.took > 0);
    assert_eq!(outcome(first).result["stdout"], "one");
    std::fs::write(&go, "").unwrap();
    assert_eq!(outcome(agent.item()).result["stdout"], "two");
    let Stop::Failed(failure) = stop(agent.item()) else { panic!() };
    assert_eq!(failure.result["rc"], 9);
    agent.done(1);
}

#[test]
fn lines_come_while_it_runs_and_the_environment_is_the_requests() {
    let mut agent = Agent::start();
    let environment = vec![("REFIT_WORD".to_owned(), "x y".to_owned())];
    agent.run(Run { environment, ..request(3, "command", &[json!({"cmd": "printenv REFIT_WORD"})]) });
    match agent.hear() {
        FromAgent::Output { id: 3, index: 0, line, .. } => assert_eq!(line, "x y"),
        other => panic!("{other:?}"),
    }
    assert_eq!(outcome(agent.item()).result["stdout"], "x y");
    agent.done(3);
}

#[test]
fn several_requests_are_in_flight_at_once() {
    let directory = tempfile::tempdir().unwrap();
    let go = directory.path().join("go");
    let mut agent = Agent::start();
    agent.run(request(1, "shell", &[json!({"cmd": format!("until test -e {}; do sleep 0.01; done", go.display())})]));
    agent.run(request(2, "ping", &[json!({})]));
    assert_eq!(agent.item().id, 2);
    agent.done(2);
    std::fs::write(&go, "").unwrap();
    assert_eq!(agent.item().id, 1);
    agent.done(1);
}

#[test]
fn more_requests_than_threads_are_all_served() {
    let mut agent = Agent::start();
    for id in 0..100 {
        agent.run(request(id, "ping", &[json!({})]));
    }
    let mut done = Vec::new();
    while done.len() < 100 {
        if let FromAgent::Done { id, .. } = agent.hear() {
            done.push(id);
        }
    }
    done.sort_unstable();
    assert_eq!(done, (0..100).collect::<Vec<_>>());
}

#[test]
fn cancelling_ends_the_request_with_its_children_and_no_other() {
    let directory = tempfile::tempdir().unwrap();
    let (one, two) = (directory.path().join("one"), directory.path().join("two"));
    let mut agent = Agent::start();
    agent.run(request(1, "shell", &[waits(&one), json!({"cmd": "true"})]));
    agent.run(request(2, "shell", &[waits(&two)]));
    let (cancelled, other) = (pid_in(&one), pid_in(&two));
    agent.tell(&ToAgent::Cancel { id: 1 }, &[]);
    for index in 0..2 {
        let end = agent.item();
        assert_eq!((end.id, end.index), (1, index));
        assert!(matches!(stop(end), Stop::Cancelled { .. }));
    }
    agent.done(1);
    assert!(!runs(&cancelled) && runs(&other));
    drop(agent.input.take());
    assert_eq!(agent.end(), Some(0));
    assert!(!runs(&other), "a closed channel ends the rest");
}

#[test]
fn a_deadline_ends_a_request() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("pid");
    let mut agent = Agent::start();
    agent.run(Run { timeout: Some(1), ..request(5, "shell", &[waits(&file)]) });
    match stop(agent.item()) {
        Stop::Failed(failure) => assert_eq!(failure.result["timedout"]["period"], 1, "{failure:?}"),
        other => panic!("{other:?}"),
    }
    agent.done(5);
    assert!(!runs(&pid_in(&file)));
}

#[test]
fn a_signal_ends_everything_and_ctrl_c_does_not() {
    for (signal, status) in [(libc::SIGTERM, 143), (libc::SIGHUP, 129)] {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("pid");
        let mut agent = Agent::start();
        agent.run(request(1, "shell", &[waits(&file)]));
        let child = pid_in(&file);
        let pid = rustix::process::Pid::from_child(&agent.child);
        rustix::process::kill_process(pid, rustix::process::Signal::INT).unwrap();
        agent.run(request(2, "ping", &[json!({})]));
        assert_eq!(agent.item().id, 2, "Ctrl-C is the controller's to answer");
        agent.done(2);
        rustix::process::kill_process(pid, rustix::process::Signal::from_named_raw(signal).unwrap()).unwrap();
        assert_eq!(agent.end(), Some(status));
        assert!(!runs(&child));
    }
}

#[test]
fn a_killed_agent_takes_its_commands_along() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("pid");
    let mut agent = Agent::start();
    agent.run(request(
        1,
        "shell",
        &[json!({"cmd": format!("echo $$ > {f}.new; mv {f}.new {f}; exec sleep 600", f = file.display())})],
    ));
    let command = pid_in(&file);
    agent.child.kill().unwrap();
    agent.child.wait().unwrap();
    while runs(&command) {
        std::thread::yield_now();
    }
}

#[test]
fn commands_inherit_neither_the_channel_nor_blocked_signals() {
    let mut agent = Agent::start();
    // The shell reads its own masks, as it blocks signals for a moment whenever it waits for another program.
    let look = "ls -l /proc/$$/fd; while read -r line; do case $line in SigBlk:*|SigIgn:*) echo \"$line\";; esac; \
                done < /proc/$$/status; cat";
    agent.run(request(1, "shell", &[json!({"cmd": look})]));
    let done = outcome(agent.item());
    let lines: Vec<&str> = done.result["stdout"].as_str().unwrap().lines().collect();
    let pipes = lines.iter().filter(|line| line.contains("pipe:")).count();
    assert_eq!(pipes, 2, "only its own output and error: {lines:?}");
    let masks = lines[lines.len() - 2..].iter().map(|line| u64::from_str_radix(&line[8..], 16).unwrap());
    // The standard signals; others are a matter of the C library.
    assert_eq!(masks.map(|mask| mask & 0x7fff_ffff).collect::<Vec<_>>(), [0, 0], "{lines:?}");
}

#[test]
fn garbage_ends_the_agent_and_what_it_started() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("pid");
    let mut agent = Agent::start();
    agent.run(request(1, "shell", &[waits(&file)]));
    let child = pid_in(&file);
    std::io::Write::write_all(agent.input.as_mut().unwrap(), b"Last login: Mon Nov 23 from 192.0.2.1\n").unwrap();
    assert_eq!(agent.end(), Some(1));
    assert!(!runs(&child));
}

#[test]
fn what_it_can_not_do_is_a_failure_that_says_so() {
    let mut agent = Agent::start();
    agent.run(request(1, "no_such_module", &[json!({})]));
    let Stop::Failed(failure) = stop(agent.item()) else { panic!() };
    assert!(failure.msg.contains("no_such_module"), "{failure:?}");
    agent.done(1);
    agent.run(request(2, "ping", &[json!({"dta": "x"})]));
    let Stop::Failed(failure) = stop(agent.item()) else { panic!() };
    assert!(failure.msg.contains("dta"), "{failure:?}");
    agent.done(2);
    agent.run(request(3, "ping", &[]));
    agent.done(3);
}

#[test]
fn content_is_asked_for_once_and_checked() {
    let mut agent = Agent::start();
    let content = vec![7u8; 5 << 20];
    let sha256: String = Sha256::digest(&content).iter().map(|byte| format!("{byte:02x}")).collect();
    let asking = |id| Run { blobs: vec![sha256.clone()], ..request(id, "ping", &[json!({})]) };
    agent.run(asking(1));
    match agent.hear() {
        FromAgent::Need { id: 1, blobs } => assert_eq!(blobs, std::slice::from_ref(&sha256)),
        other => panic!("{other:?}"),
    }
    // Damaged at first: the request fails and says so.
    agent.tell(&ToAgent::Blob { sha256: sha256.clone(), last: true }, b"something else");
    let Stop::Failed(failure) = stop(agent.item()) else { panic!() };
    assert!(failure.msg.contains("damaged"), "{failure:?}");
    agent.done(1);
    agent.run(asking(2));
    assert!(matches!(agent.hear(), FromAgent::Need { id: 2, .. }));
    let (one, two) = content.split_at(protocol::MAX_ATTACHMENT as usize);
    agent.tell(&ToAgent::Blob { sha256: sha256.clone(), last: false }, one);
    agent.tell(&ToAgent::Blob { sha256: sha256.clone(), last: true }, two);
    outcome(agent.item());
    agent.done(2);
    agent.run(asking(3));
    outcome(agent.item());
    agent.done(3);
}

#[test]
fn a_request_that_waits_for_content_can_be_cancelled() {
    let mut agent = Agent::start();
    agent.run(Run { blobs: vec!["0".repeat(64)], ..request(1, "ping", &[json!({})]) });
    assert!(matches!(agent.hear(), FromAgent::Need { .. }));
    agent.tell(&ToAgent::Cancel { id: 1 }, &[]);
    assert!(matches!(stop(agent.item()), Stop::Cancelled { .. }));
    agent.done(1);
}

#[test]
fn it_shows_that_it_lives_while_something_runs() {
    let mut agent = Agent::start();
    agent.run(request(1, "command", &[json!({"cmd": "sleep 600"})]));
    match protocol::read::<FromAgent>(&mut agent.output).unwrap().message {
        FromAgent::Alive => {}
        other => panic!("{other:?}"),
    }
    drop(agent.input.take());
    match agent.item().ended {
        Ended::Stop(Stop::Cancelled { why }) => assert!(why.contains("connection"), "{why}"),
        other => panic!("{other:?}"),
    }
    agent.done(1);
    assert!(matches!(protocol::read::<FromAgent>(&mut agent.output), Err(FrameError::Closed)));
    assert_eq!(agent.end(), Some(0));
}

#[test]
fn a_dry_run_changes_nothing_and_tells_what_it_foresaw() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("done");
    let mut agent = Agent::start();
    let touch = json!({"cmd": format!("touch {p}", p = path.display()), "creates": path});
    let dry = |id, effects| Run { mode: Mode::Shadow, effects, ..request(id, "command", std::slice::from_ref(&touch)) };
    agent.run(dry(1, Vec::new()));
    assert!(matches!(stop(agent.item()), Stop::Unknown { .. }));
    agent.done(1);
    // Another agent of this host foresaw the file; from then on it is there, for later requests too.
    let content = Bytes::from(&b"x"[..]);
    let at = Moment { seconds: 1, nanos: 0 };
    let effect = Effect::WriteFile { path: path.clone(), content, mode: 0o644, uid: 0, gid: 0, at };
    agent.run(dry(2, vec![effect]));
    assert!(!outcome(agent.item()).changed);
    agent.done(2);
    agent.run(dry(3, Vec::new()));
    assert!(!outcome(agent.item()).changed);
    agent.done(3);
    assert!(!path.exists());
}
