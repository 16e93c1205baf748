//! `refit explain`: where values come from, and why tasks would be skipped. No host is contacted: none of these exists.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use serde_json::Value;
use std::process::{Command, Output, Stdio};
use tempfile::TempDir;

struct Project(TempDir);

impl Project {
    /// Two hosts of the group `web`, a role and a playbook.
    fn new() -> Project {
        let files = [
            ("hosts.ini", "[web]\nh1\nh2 port=99\n[web:vars]\nport=81\n"),
            ("group_vars/all.yml", "port: 80\nbase: 8000\n"),
            ("host_vars/h1.yml", "port: \"{{ base + 1 }}\"\n"),
            ("roles/web/defaults/main.yml", "port: 1\nwanted: true\n"),
            (
                "roles/web/tasks/main.yml",
                "- {name: of a fact, debug: msg=x, when: ansible_os_family == 'Debian'}\n\
                 - {name: includes, include_tasks: \"{{ 'more' }}.yml\", when: port | int > 100}\n\
                 - set_fact: {port: 7}\n\
                 - {name: stat, stat: path=/x, register: found}\n\
                 - {name: of a result, debug: msg=x, when: found.stat.exists}\n\
                 - {name: of the new value, debug: msg=x, when: [wanted, port == 8], notify: restart}\n\
                 - {name: left out, debug: msg=x, tags: never}\n\
                 - {name: runs, debug: msg=x, loop: [1, 2], when: item == 2}\n",
            ),
            ("roles/web/tasks/more.yml", "- {name: included, debug: msg=x}\n"),
            ("roles/web/handlers/main.yml", "- {name: restart, debug: msg=x}\n"),
            ("site.yml", "- hosts: web\n  roles: [web]\n"),
        ];
        let project = Project(tempfile::tempdir().unwrap());
        for (path, text) in files {
            let path = project.0.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        project
    }

    fn run(&self, words: &[&str]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_refit"))
            .args(["explain", "-i", "hosts.ini"])
            .args(words)
            .current_dir(self.0.path())
            .env_clear()
            .env("HOME", self.0.path())
            .stdin(Stdio::null())
            .output()
            .unwrap()
    }

    #[track_caller]
    fn explains(&self, words: &[&str]) -> Value {
        let done = self.run(&[words, &["--json"]].concat());
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
        serde_json::from_slice(&done.stdout).unwrap()
    }

    /// (host, verdict, why, place) of a task.
    #[track_caller]
    fn task(&self, name: &str) -> Vec<(String, String, String, String)> {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let all = self.explains(&["-p", "site.yml", "--task", name]);
        let of = |one: &Value| (text(&one["host"]), text(&one["verdict"]), text(&one["why"]), text(&one["place"]));
        all.as_array().unwrap().iter().map(of).collect()
    }
}

fn places(set: &Value) -> Vec<&str> {
    set.as_array().unwrap().iter().map(|place| place["place"].as_str().unwrap()).collect()
}

#[test]
fn a_value_is_shown_with_where_it_is_set_and_what_that_hides() {
    let explained = &Project::new().explains(&["h1", "port"])[0];
    assert_eq!(explained["value"], serde_json::json!({"Ok": 8001}));
    let set = &explained["set"];
    assert_eq!(places(set), ["host_vars/h1.yml:1:7", "group_vars/all.yml:1:7", "hosts.ini:5:6"]);
    assert_eq!(set[1]["by"], "group_vars of the group `all`");
    assert_eq!(set[2]["by"], "inventory, group `web`");
    assert_eq!(explained["made_of"][0][0], "base");
    assert_eq!(explained["made_of"][0][1]["place"], "group_vars/all.yml:2:7");
}

#[test]
fn a_play_adds_its_roles_and_what_its_tasks_would_set() {
    let project = Project::new();
    let explained = &project.explains(&["h2", "port", "-p", "site.yml"])[0];
    assert_eq!(explained["value"], serde_json::json!({"Ok": 99}));
    assert_eq!(places(&explained["set"]).last(), Some(&"roles/web/defaults/main.yml:1:7"));
    let overriding = &explained["overriding"][0];
    assert_eq!(overriding["place"], "roles/web/tasks/main.yml:3:20");
    assert!(overriding["by"].as_str().unwrap().starts_with("set_fact of task"));
    let at_task = &project.explains(&["h2", "port", "-p", "site.yml", "--task", "of the new value"])[0];
    assert_eq!(at_task["value"], serde_json::json!({"Ok": 7}));
    assert_eq!(at_task["set"][0]["place"], "roles/web/tasks/main.yml:3:20");
    let extra = &project.explains(&["h2", "port", "-p", "site.yml", "-e", "port=5"])[0];
    assert_eq!((&extra["set"][0]["level"], &extra["overriding"]), (&"extra".into(), &serde_json::json!([])));
}

#[test]
fn a_condition_that_does_not_hold_is_shown_with_its_values() {
    let project = Project::new();
    for (host, (on, verdict, why, place)) in ["h1", "h2"].into_iter().zip(project.task("of the new value")) {
        assert_eq!((on.as_str(), verdict.as_str()), (host, "skipped"));
        assert!(why.contains("port == 8  (port is 7)"), "{why}");
        assert_eq!(place, "roles/web/tasks/main.yml:6:48");
    }
    let done = project.run(&["-p", "site.yml", "--task", "of the new value"]);
    let shown = String::from_utf8(done.stdout).unwrap();
    assert!(shown.contains("  h1, h2: skipped\n"), "{shown}");
    assert!(shown.contains("    port: roles/web/tasks/main.yml:3:20: set_fact of task `set_fact`\n"), "{shown}");
}

#[test]
fn what_only_a_run_can_tell_is_said_to_be_so() {
    let project = Project::new();
    for (task, cause) in [("of a fact", "facts of h1"), ("of a result", "`register: found` of task `stat`")] {
        let (_, verdict, why, _) = &project.task(task)[0];
        assert_eq!(verdict, "unknown");
        assert!(why.contains(cause), "{why}");
    }
}

#[test]
fn the_conditions_of_an_include_and_tags_and_loops_count() {
    let project = Project::new();
    let included = project.task("included");
    assert_eq!((included[0].1.as_str(), included[1].1.as_str()), ("runs", "skipped"));
    assert!(included[1].2.contains("port | int > 100"), "{included:?}");
    assert!(project.task("left out")[0].2.contains("[never]"));
    assert_eq!(project.task("runs")[0].1, "runs");
    let handler = &project.explains(&["-p", "site.yml", "--task", "restart"])[0];
    assert!(handler["also"].as_str().unwrap().contains("notifies restart"));
}

#[test]
fn unknown_names_are_refused_with_the_nearest_known_one() {
    let project = Project::new();
    for (words, hint) in [(vec!["h3", "port"], "`h1`"), (vec!["-p", "site.yml", "--task", "run"], "`runs`")] {
        let done = project.run(&words);
        let told = String::from_utf8(done.stderr).unwrap();
        assert_eq!(done.status.code(), Some(1));
        assert!(told.contains(&format!("did you mean {hint}")), "{told}");
    }
    let missing = String::from_utf8(project.run(&["h1", "prot"]).stdout).unwrap();
    assert!(missing.contains("nothing sets it; did you mean `port`?"), "{missing}");
}

#[test]
fn what_a_vault_held_is_masked() {
    let project = Project::new();
    let directory = project.0.path();
    std::fs::write(directory.join("pw"), "x\n").unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_refit"));
    command.args(["vault", "encrypt_string", "--vault-id", "pw", "-n", "key", "hunter22"]).current_dir(directory);
    let sealed = command.env("HOME", directory).stdin(Stdio::null()).output().unwrap();
    std::fs::write(directory.join("group_vars/web.yml"), sealed.stdout).unwrap();
    let shown = String::from_utf8(project.run(&["--vault-id", "pw", "h1", "key"]).stdout).unwrap();
    assert!(shown.contains("group_vars/web.yml:1:6") && !shown.contains("hunter22"), "{shown}");
}
