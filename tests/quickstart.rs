//! The README's main job, as a user runs it: plan, run, run again, plan a change; and what is left of it in the journal.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use refit::journal::{Story, read};
use serde_json::Value;
use std::collections::BTreeMap;
use std::io::BufReader;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output};

const HOSTS: [&str; 3] = ["alpha", "beta", "gamma"];

struct User {
    home: tempfile::TempDir,
}

impl User {
    fn new() -> User {
        User { home: tempfile::tempdir().unwrap() }
    }

    fn directory(&self) -> std::path::PathBuf {
        self.home.path().join("quickstart")
    }

    fn command(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        command.current_dir(env!("CARGO_MANIFEST_DIR"));
        for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("ANSIBLE_") || name == "REFIT_OUTPUT") {
            command.env_remove(name);
        }
        command.env("HOME", self.home.path()).env("XDG_STATE_HOME", self.home.path().join("state"));
        command
    }

    /// `refit COMMAND` on the quickstart.
    fn quickstart(&self, words: &[&str]) -> Output {
        let below = format!("below={}", self.directory().display());
        let mut command = self.command(Path::new(env!("CARGO_BIN_EXE_refit")));
        command.args(words).args(["-i", "inventory/quickstart.ini", "-e", &below, "playbooks/quickstart.yml"]);
        command.output().unwrap()
    }

    /// `refit` with these words.
    fn refit(&self, words: &[&str]) -> Output {
        self.command(Path::new(env!("CARGO_BIN_EXE_refit"))).args(words).output().unwrap()
    }
}

fn text(output: &Output) -> String {
    assert!(
        output.status.success(),
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout.clone()).unwrap()
}

/// (task, host) with the host's result.
fn results(document: &Value) -> BTreeMap<(String, String), Value> {
    let tasks = document["plays"].as_array().unwrap().iter().flat_map(|play| play["tasks"].as_array().unwrap());
    tasks
        .flat_map(|task| {
            let name = task["task"]["name"].as_str().unwrap().to_owned();
            task["hosts"]
                .as_object()
                .unwrap()
                .iter()
                .map(move |(host, result)| ((name.clone(), host.clone()), result.clone()))
        })
        .collect()
}

#[test]
fn what_is_planned_is_what_is_then_done_and_done_once() {
    let user = User::new();
    let plan: Value = serde_json::from_str(&text(&user.quickstart(&["run", "-C", "--output", "json"]))).unwrap();
    assert!(!user.directory().exists(), "a plan must not write");
    let run: Value = serde_json::from_str(&text(&user.quickstart(&["run", "--output", "json"]))).unwrap();
    let (planned, done) = (results(&plan), results(&run));
    assert_eq!(planned.keys().collect::<Vec<_>>(), done.keys().collect::<Vec<_>>());
    let mut changes = 0;
    for (key, result) in &planned {
        let changed = done[key]["changed"] == true;
        match result["prediction"].as_str().unwrap() {
            "change" => assert!(changed, "{key:?}"),
            "ok" => assert!(!changed, "{key:?}"),
            "skip" => assert_eq!(done[key]["skipped"], true, "{key:?}"),
            "unknown" => assert_eq!(key.0, "Reload the server", "{key:?}"),
            other => panic!("{key:?}: {other}"),
        }
        changes += u32::from(changed);
    }
    assert!(changes >= 15, "{changes}");
    for host in HOSTS {
        let written = std::fs::read_to_string(user.directory().join(host).join("etc/server.conf")).unwrap();
        assert!(written.contains(&format!("name     {host}.example.org;")), "{written}");
        let mode = user.directory().join(host).join("etc/server.conf").metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o640);
    }
    let again: Value = serde_json::from_str(&text(&user.quickstart(&["run", "--output", "json"]))).unwrap();
    for host in HOSTS {
        assert_eq!(again["stats"][host]["changed"], 0, "{host}");
    }
}

#[test]
fn a_plan_of_a_change_shows_the_difference_and_writes_nothing() {
    let user = User::new();
    text(&user.quickstart(&["run"]));
    let file = user.directory().join("alpha/etc/server.conf");
    let before = std::fs::read_to_string(&file).unwrap();
    let shown = text(&user.quickstart(&["plan", "-e", "greeting=Hi"]));
    for line in ["-    greeting \"Hello\";", "+    greeting \"Hi\";", "by `Configure the server`"] {
        assert!(shown.contains(line), "{line} is not in:\n{shown}");
    }
    assert!(shown.contains("3 may change: alpha, beta, gamma"), "the handler:\n{shown}");
    assert!(shown.trim_end().lines().last().unwrap().contains("Nothing was changed."), "{shown}");
    assert!(!shown.contains('\x1b'), "a pipe gets no colours");
    assert_eq!(std::fs::read_to_string(&file).unwrap(), before);
}

#[test]
fn hosts_that_skip_a_task_for_one_reason_are_told_together_and_each_is_counted() {
    let user = User::new();
    let playbook = user.home.path().join("skip.yml");
    let tasks = "- {debug: {msg: hello}, when: false}\n    - {command: 'true', when: inventory_hostname > 'b'}";
    std::fs::write(&playbook, format!("- hosts: all\n  gather_facts: false\n  tasks:\n    {tasks}\n")).unwrap();
    let run = |form| {
        text(&user.refit(&["run", "-c", "local", "-i", "a,b,c,d,", "--output", form, playbook.to_str().unwrap()]))
    };
    let stream = run("ndjson");
    let events = stream.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let told: Vec<Value> = events.filter(|event| event["event"] == "hosts_skipped").collect();
    let hosts: Vec<String> = told.iter().map(|event| event["hosts"].to_string()).collect();
    // The second task's reasons are told with each host's values.
    assert_eq!(hosts, [r#"["a","b","c","d"]"#, r#"["a"]"#, r#"["b"]"#], "{stream}");
    let document: Value = serde_json::from_str(&run("json")).unwrap();
    for (host, skipped) in [("a", 2), ("b", 2), ("c", 1), ("d", 1)] {
        assert_eq!(results(&document)[&("debug".to_owned(), host.to_owned())]["skipped"], true, "{host}");
        assert_eq!(document["stats"][host]["skipped"], skipped, "{host}");
    }
    let shown = run("ansible");
    assert_eq!(shown.matches("skipping: [").count(), 6, "{shown}");
}

#[test]
fn the_event_stream_and_the_journal_tell_the_same_story() {
    let user = User::new();
    let stream = text(&user.quickstart(&["run", "--output", "ndjson"]));
    let lines: Vec<Value> = stream.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines[0]["event"], "run_started");
    assert_eq!(lines[0]["format"], refit::event::FORMAT);
    assert_eq!(lines.last().unwrap()["event"], "run_finished");
    for (line, sequence) in lines.iter().zip(0u64..) {
        assert_eq!(line["sequence"], sequence);
    }
    let begun = lines.iter().filter(|line| line["event"] == "task_started").count();
    let ended = lines.iter().filter(|line| line["event"] == "task_finished").count();
    assert_eq!(begun, ended, "each task that begins ends");

    let runs = user.home.path().join("state/refit/runs");
    let journals: Vec<_> = std::fs::read_dir(&runs).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert_eq!(journals.len(), 1);
    assert_eq!(journals[0].metadata().unwrap().permissions().mode() & 0o777, 0o600);
    let events = read(BufReader::new(std::fs::File::open(&journals[0]).unwrap())).unwrap();
    let story = Story::of(&events).unwrap();
    assert_eq!(story.exit_code, Some(0));
    assert_eq!(story.run, lines[0]["run"].as_str().unwrap());
    assert!(HOSTS.iter().all(|host| story.hosts[*host].underway.is_empty() && story.hosts[*host].done.len() >= 8));
}

#[test]
fn without_an_inventory_three_hosts_stand_in() {
    let user = User::new();
    let below = format!("below={}", user.directory().display());
    text(&user.refit(&["run", "-e", &below, "playbooks/quickstart.yml"]));
    assert!(HOSTS.iter().all(|host| user.directory().join(host).join("www/index.html").is_file()));
}

#[test]
fn exit_codes_are_those_of_ansible() {
    let user = User::new();
    let code = |words: &[&str]| user.refit(words).status.code();
    assert_eq!(code(&["exec", "all", "-i", "a,b,", "-c", "local", "-a", "true"]), Some(0));
    assert_eq!(code(&["exec", "all", "-i", "a,b,", "-c", "local", "-a", "false"]), Some(2));
    // Nothing listens on port 1.
    let nowhere = ["-e", "ansible_host=127.0.0.1", "-e", "ansible_port=1"];
    assert_eq!(code(&[&["exec", "all", "-i", "a,", "-m", "ping"][..], &nowhere].concat()), Some(4));
    assert_eq!(code(&["run", "-i", "a,", "no-such-playbook.yml"]), Some(1));
    assert_eq!(code(&["run"]), Some(2));
}

#[test]
fn ad_hoc_output_is_ansibles_under_ansibles_name() {
    let user = User::new();
    let link = user.home.path().join("ansible");
    std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_refit"), &link).unwrap();
    let output = user.command(&link).args(["all", "-i", "a,", "-c", "local", "-a", "echo hi"]).output().unwrap();
    assert_eq!(text(&output), "a | CHANGED | rc=0 >>\nhi\n");
    let failed = user.command(&link).args(["all", "-i", "a,", "-c", "local", "-m", "fail"]).output().unwrap();
    assert_eq!(failed.status.code(), Some(2));
    let version = user.command(&link).arg("--version").output().unwrap();
    assert!(text(&version).starts_with("ansible [core 2.19"));
}
