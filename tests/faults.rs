//! What is wrong is said clearly, at its place, with the exit code that tells scripts; and an interrupted run stops as it
//! promises.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use serde_json::Value;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use tempfile::TempDir;

/// A directory with a playbook and what belongs to it.
struct Project(TempDir);

impl Project {
    fn new(playbook: &str) -> Project {
        let project = Project(tempfile::tempdir().unwrap());
        project.file("playbook.yml", playbook)
    }

    fn file(self, path: &str, text: &str) -> Project {
        let path = self.0.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
        self
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_refit"));
        command
            .args(["run", "-c", "local"])
            .args(words)
            .arg("playbook.yml")
            .current_dir(self.path())
            .stdin(Stdio::null())
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", self.path().join("home"));
        command
    }

    fn run(&self, words: &[&str]) -> Output {
        let with_hosts = [&["-i", "h1,h2"], words].concat();
        self.command(if words.contains(&"-i") { words } else { &with_hosts }).output().unwrap()
    }

    /// Is refused before anything runs, with all of these said.
    #[track_caller]
    fn is_refused(&self, words: &[&str], said: &[&str]) {
        let done = self.run(words);
        let told = text(&done.stderr);
        assert_eq!(done.status.code(), Some(1), "{told}");
        assert!(done.stdout.is_empty(), "something ran: {}", text(&done.stdout));
        for part in said {
            assert!(told.contains(part), "{part:?} is missing in:\n{told}");
        }
    }

    /// A task fails on its host, and the view for people says all of these.
    #[track_caller]
    fn fails(&self, words: &[&str], said: &[&str]) {
        let done = self.run(words);
        let told = text(&done.stdout) + &text(&done.stderr);
        assert_eq!(done.status.code(), Some(2), "{told}");
        for part in said {
            assert!(told.contains(part), "{part:?} is missing in:\n{told}");
        }
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// A play for h1 with these tasks, each a line.
fn play(tasks: &[&str]) -> String {
    let tasks: Vec<String> = tasks.iter().map(|task| format!("    - {task}\n")).collect();
    format!("- hosts: h1\n  gather_facts: false\n  tasks:\n{}", tasks.concat())
}

#[test]
fn yaml_that_is_broken() {
    Project::new("- hosts: h1\n  tasks: [\n    - debug:\n").is_refused(&[], &["playbook.yml:3:5"]);
    Project::new("- hosts: h1\n  tasks:\n\t- debug:\n")
        .is_refused(&[], &["a tab in the indentation", "playbook.yml:3:1"]);
}

#[test]
fn modules_and_arguments_that_are_not() {
    Project::new(&play(&["coppy: {dest: /x}"]))
        .is_refused(&[], &["there is no module `coppy`", "did you mean `copy`?", "playbook.yml:4:7"]);
    Project::new(&play(&["copy: {dest: /x, content: a, onwer: root}"]))
        .is_refused(&[], &["no argument `onwer` in `copy`", "did you mean `owner`?", "playbook.yml:4:"]);
    Project::new(&play(&["file: {path: /x, state: dir}"]))
        .is_refused(&[], &["`dir` is not a value of `state`", "directory", "playbook.yml:4:31"]);
    Project::new(&play(&["file: {state: directory}"]))
        .is_refused(&[], &["`file` needs the argument `path`", "playbook.yml:4:7"]);
    Project::new(&play(&["{debug: {msg: a}, whne: true}"]))
        .is_refused(&[], &["`whne` is not a keyword of a task", "did you mean `when`?", "playbook.yml:4:"]);
    Project::new(&play(&["{debug: {msg: a}, command: b}"]))
        .is_refused(&[], &["a task has one module, this one has debug and command", "playbook.yml:4:"]);
    Project::new("- tasks: []\n").is_refused(&[], &["this play has no `hosts`", "playbook.yml:1:3"]);
}

#[test]
fn everything_that_is_wrong_is_said_at_once() {
    let playbook = play(&["coppy: {}", "{debug: {msg: a}, whne: b}", "file: {path: /x, onwer: a}"]) + "- tasks: []\n";
    Project::new(&playbook).is_refused(
        &[],
        &[
            "there is no module `coppy`",
            "`whne` is not a keyword of a task",
            "no argument `onwer` in `file`",
            "this play has no `hosts`",
            "4 errors",
        ],
    );
}

#[test]
fn templates_that_cannot_be_read() {
    let tasks = ["{debug: {msg: a}, when: port == 80 and}", "{debug: {msg: '{{ a | }}'}}", "assert: {that: [a ==]}"];
    Project::new(&play(&tasks))
        .is_refused(&[], &["playbook.yml:4:42", "playbook.yml:5:29", "playbook.yml:6:25", "3 errors"]);
    // Where the failure is reckoned with, it is one when the task runs.
    let project = Project::new(&play(&["{debug: {msg: '{{ a | }}'}, ignore_errors: true}", "debug: {msg: came}"]));
    let done = project.run(&[]);
    assert_eq!(done.status.code(), Some(0), "{}", text(&done.stderr));
    assert!(text(&done.stdout).contains("came"), "{}", text(&done.stdout));
}

#[test]
fn keys_that_stand_twice_are_what_the_setting_says() {
    let told = |word: &str| {
        let playbook = "- hosts: all\n  gather_facts: false\n  vars: {foo: 1, foo: 2}\n  tasks: [ping: ]\n";
        let config = format!("[defaults]\nduplicate_dict_key = {word}\n");
        let done = Project::new(playbook).file("ansible.cfg", &config).run(&[]);
        let told = text(&done.stdout) + &text(&done.stderr);
        (told.contains("found a duplicate dict key (foo)"), done.status.code())
    };
    assert_eq!(told("warn"), (true, Some(0)));
    assert_eq!(told("ignore"), (false, Some(0)));
    assert_eq!(told("error"), (true, Some(1)));
}

#[test]
fn a_log_has_what_was_shown_with_its_time() {
    let playbook = play(&["{name: first, debug: {msg: hello}}", "{name: last, fail: {msg: no}}"]);
    let config = "[defaults]\nlog_path = run.log\n";
    let project = Project::new(&playbook).file("ansible.cfg", config);
    assert_eq!(project.run(&[]).status.code(), Some(2));
    let log = std::fs::read_to_string(project.path().join("run.log")).unwrap();
    let line = |part: &str| log.lines().find(|line| line.contains(part)).unwrap_or_else(|| panic!("{part}: {log}"));
    let first = line("TASK [first]");
    assert!(first.contains(" n=refit INFO| TASK [first]"), "{first}");
    assert!(first.starts_with("20"), "{first}");
    assert!(line("fatal: [h1]").contains(" ERROR| fatal: [h1]"), "{log}");
    line("PLAY RECAP");
}

#[test]
fn files_that_are_missing() {
    Project::new("- hosts: h1\n  roles: [absent]\n")
        .is_refused(&[], &["there is no role `absent`", "playbook.yml:2:11", "roles/absent"]);
    Project::new(&play(&["import_tasks: absent.yml"]))
        .is_refused(&[], &["there is no file absent.yml", "playbook.yml:4:21"]);
    // What is included is looked for when it is its turn; and it must be said, not waited for.
    Project::new(&play(&["include_tasks: absent.yml"])).fails(&[], &["there is no file absent.yml"]);
}

#[test]
fn a_source_that_vanishes_between_two_tasks() {
    let tasks = [
        "copy: {src: source, dest: '{{ playbook_dir }}/one'}",
        "file: {path: '{{ playbook_dir }}/source', state: absent}",
        "copy: {src: source, dest: '{{ playbook_dir }}/two'}",
    ];
    let project = Project::new(&play(&tasks)).file("source", "text\n");
    project.fails(&[], &["source"]);
    assert_eq!(std::fs::read_to_string(project.path().join("one")).unwrap(), "text\n");
    assert!(!project.path().join("two").exists());
}

#[test]
fn variables_that_are_not_or_need_themselves() {
    let playbook = "- hosts: h1\n  gather_facts: false\n  vars:\n    outer: \"{{ inner }}\"\n  tasks:\n    - debug: {msg: \"{{ outer }}\"}\n";
    Project::new(playbook).fails(&[], &["'inner' is undefined", "playbook.yml:4:", "playbook.yml:6:"]);
    let playbook = "- hosts: h1\n  gather_facts: false\n  vars:\n    a: \"{{ b }}\"\n    b: \"{{ a }}\"\n  tasks:\n    - debug: {msg: \"{{ a }}\"}\n";
    Project::new(playbook).fails(&[], &["the variable 'a' needs itself: a -> b -> a"]);
}

#[test]
fn an_error_in_a_template_of_a_role() {
    Project::new("- hosts: h1\n  gather_facts: false\n  roles: [r]\n")
        .file("roles/r/tasks/main.yml", "- template: {src: t.j2, dest: '{{ playbook_dir }}/out'}\n")
        .file("roles/r/templates/t.j2", "first\n{{ broken }}\n")
        .fails(&[], &["'broken' is undefined", "roles/r/templates/t.j2:2:"]);
}

#[test]
fn options_that_are_wrong() {
    let project = Project::new(&play(&["debug: {msg: a}"]));
    project.is_refused(&["-e", "@absent.yml"], &["absent.yml", "No such file"]);
    project.is_refused(&["-e", "{broken"], &["--extra-vars:1:1", "never closed"]);
    project.is_refused(&["-i", "absent/inventory"], &["absent/inventory"]);
}

#[test]
fn no_host_matched() {
    let project = Project::new("- hosts: elsewhere\n  tasks: [{debug: {msg: never}}]\n");
    let done = project.run(&["--output", "ndjson"]);
    assert_eq!(done.status.code(), Some(0));
    assert!(text(&done.stdout).contains("\"no_hosts_matched\""));
    assert!(!text(&done.stdout).contains("task_started"));
}

#[test]
fn a_password_in_a_playbook_is_not_shown_with_the_lines_around_a_failure() {
    // Of the task that fails, of one before it that does not run, and in the lines before the one that is shown.
    let playbook = "- hosts: h1\n  gather_facts: false\n  tasks:\n\
        \x20   - {get_url: {url: 'http://127.0.0.1:1/', dest: /nowhere/x, url_password: hunter22}}\n\
        \x20   - uri:\n        url: http://127.0.0.1:1/\n        url_password: s3same99\n      tags: never\n\
        \x20   - fail: {msg: as meant}\n";
    let project = Project::new(&playbook.replace("dest: /nowhere/x", "dest: /nowhere/x, timeout: 1"));
    for format in ["ansible", "human", "json", "ndjson"] {
        for part in [&["-t", "all"][..], &["--start-at-task", "fail"]] {
            let done = project.run(&[&["--output", format, "-vvv"], part].concat());
            assert_eq!(done.status.code(), Some(2), "{}", text(&done.stderr));
            let told = text(&done.stdout) + &text(&done.stderr);
            assert!(!told.contains("hunter22") && !told.contains("s3same99"), "{told}");
            if format == "ansible" {
                assert!(told.contains("url_password: ********"), "the lines are not shown:\n{told}");
            }
        }
    }
}

#[test]
fn vault_passwords_that_are_missing_or_wrong() {
    let vaulted = include_str!("vault/inline.yml");
    let playbook = "- hosts: h1\n  gather_facts: false\n  vars_files: [secret.yml]\n  tasks:\n    - debug: {msg: \"{{ password }}\"}\n";
    let project = Project::new(playbook).file("secret.yml", vaulted).file("wrong", "wrong\n");
    project.fails(&[], &["vault"]);
    project.fails(&["--vault-password-file", "wrong"], &["vault"]);
    let done = project.run(&["--vault-password-file", "absent"]);
    assert_eq!(done.status.code(), Some(1));
    assert!(text(&done.stderr).contains("absent"), "{}", text(&done.stderr));
}

#[test]
fn what_only_lists_runs_nothing() {
    let project = Project::new(&play(&["{name: one, command: 'touch ran', tags: [t]}"]));
    for (option, said) in
        [("--syntax-check", "playbook.yml"), ("--list-hosts", "h1"), ("--list-tasks", "one"), ("--list-tags", "[t]")]
    {
        let done = project.run(&[option]);
        assert_eq!(done.status.code(), Some(0), "{option}: {}", text(&done.stderr));
        assert!(text(&done.stdout).contains(said), "{option}: {}", text(&done.stdout));
    }
    assert!(!project.path().join("ran").exists());
}

#[test]
fn exit_codes() {
    assert_eq!(Project::new(&play(&["debug: {msg: a}"])).run(&[]).status.code(), Some(0));
    assert_eq!(Project::new(&play(&["fail: {msg: a}"])).run(&[]).status.code(), Some(2));
    // A port of this machine at which nothing listens.
    let unreachable = "- hosts: h1\n  gather_facts: false\n  vars: {ansible_host: 127.0.0.1, ansible_port: 1, ansible_connection: ssh}\n  tasks: [{command: 'true'}]\n";
    let done = Project::new(unreachable).run(&["-T", "5"]);
    assert_eq!(done.status.code(), Some(4), "{}{}", text(&done.stdout), text(&done.stderr));
}

/// A run that waits in a task: its process, and the events that are to come.
struct Waiting {
    child: Child,
    events: std::io::Lines<BufReader<std::process::ChildStdout>>,
}

impl Waiting {
    /// Starts it, and reads events until the task has said `line`.
    fn at(project: &Project, line: &str) -> Waiting {
        let mut child = project
            .command(&["-i", "h1,h2", "--output", "ndjson"])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let events = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut waiting = Waiting { child, events };
        waiting.until(|event| event["event"] == "output" && event["line"] == line);
        waiting
    }

    fn until(&mut self, is_it: impl Fn(&Value) -> bool) -> Value {
        for line in self.events.by_ref() {
            let event = serde_json::from_str(&line.unwrap()).unwrap();
            if is_it(&event) {
                return event;
            }
        }
        panic!("the run ended without the event");
    }

    fn interrupt(&self) {
        let id = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(id, rustix::process::Signal::INT).unwrap();
    }

    /// The rest of the events, and the exit code.
    fn rest(&mut self) -> (Vec<Value>, Option<i32>) {
        let events = self.events.by_ref().map(|line| serde_json::from_str(&line.unwrap()).unwrap()).collect();
        (events, self.child.wait().unwrap().code())
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        // Only where a test failed midway is there anything left to end.
        let _ = self.child.kill();
    }
}

/// A play that waits until somebody opens the other end of `pipe`, then notes it, then goes on to a second task.
fn waiting_project() -> Project {
    let project = Project::new(&play(&[
        "shell: mkfifo pipe; echo $$; echo waiting; read line < pipe; echo $line > finished",
        "command: touch second",
    ]));
    let playbook = std::fs::read_to_string(project.path().join("playbook.yml")).unwrap();
    let here = format!(
        "  environment: {{}}\n  module_defaults:\n    shell: {{chdir: {:?}}}\n    command: {{chdir: {0:?}}}\n",
        project.path()
    );
    let playbook = playbook.replace("  tasks:\n", &format!("{here}  tasks:\n"));
    project.file("playbook.yml", &playbook)
}

#[test]
fn one_interrupt_lets_the_task_finish_and_starts_no_other() {
    let project = waiting_project();
    let mut run = Waiting::at(&project, "waiting");
    run.interrupt();
    run.until(|event| event["event"] == "interrupted" && event["times"] == 1);
    std::fs::write(project.path().join("pipe"), "done\n").unwrap();
    let task = run.until(|event| event["event"] == "host_finished");
    assert_eq!(task["result"]["status"], "changed", "{task}");
    let (events, code) = run.rest();
    assert_eq!(code, Some(99));
    assert!(events.iter().all(|event| event["event"] != "task_started"));
    let end = events.last().unwrap();
    assert_eq!(end["event"], "run_finished");
    assert!(end["not_attempted"]["h1"].is_string(), "{end}");
    assert_eq!(std::fs::read_to_string(project.path().join("finished")).unwrap(), "done\n");
    assert!(!project.path().join("second").exists());
}

#[test]
fn a_second_interrupt_ends_what_runs() {
    let project = waiting_project();
    let mut run = Waiting::at(&project, "waiting");
    run.interrupt();
    run.until(|event| event["event"] == "interrupted" && event["times"] == 1);
    run.interrupt();
    let (events, code) = run.rest();
    // The task did not come to its end: it failed, and so did the run.
    assert_eq!(code, Some(2));
    let task = events.iter().find(|event| event["event"] == "host_finished").unwrap();
    assert_eq!(task["result"]["status"], "failed", "{task}");
    // Nobody reads the pipe any more: the process is gone.
    let pipe = rustix::fs::open(
        project.path().join("pipe"),
        rustix::fs::OFlags::WRONLY | rustix::fs::OFlags::NONBLOCK,
        rustix::fs::Mode::empty(),
    );
    assert_eq!(pipe.unwrap_err(), rustix::io::Errno::NXIO);
    assert!(!project.path().join("finished").exists());
    assert!(!project.path().join("second").exists());
}
