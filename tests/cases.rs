//! The language, case by case: each folder of `tests/cases` is a playbook that the built program runs, and the events
//! that come of it, one a line, in `events.txt`. To write those anew after a change that is meant: `REFIT_UPDATE=1`,
//! then look at the difference.
//!
//! A folder may have `args`, further words of the command line (the hosts are h1 and h2 where these do not say otherwise),
//! and `input`, what the user types.
//! The playbooks know `scratch`, a directory of their own. `REFIT_CASE=NAME` runs one case.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use serde_json::{Map, Value};
use similar::TextDiff;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// What of a result is not told: what differs between two runs or two machines, and what other fields say as well.
const UNTOLD: &[&str] = &[
    "ansible_loop",
    "ansible_loop_var",
    "ansible_index_var",
    "argument_spec_data",
    "backup_file",
    "changed",
    "checksum",
    "cmd",
    "delta",
    "dest",
    "diff",
    "end",
    "failed",
    "gid",
    "group",
    "md5sum",
    "mode",
    "owner",
    "path",
    "results",
    "size",
    "skip_reason",
    "skipped",
    "src",
    "start",
    "state",
    "stat",
    "stderr_lines",
    "stdout_lines",
    "uid",
    "unreachable",
    "validate_args_context",
];

#[test]
fn every_case_comes_out_as_written() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases");
    let mut folders: Vec<PathBuf> = std::fs::read_dir(&root).unwrap().map(|entry| entry.unwrap().path()).collect();
    folders.sort();
    if let Ok(only) = std::env::var("REFIT_CASE") {
        folders.retain(|folder| folder.ends_with(&only));
    }
    assert!(!folders.is_empty(), "no case in {}", root.display());
    let update = std::env::var_os("REFIT_UPDATE").is_some();
    let mut wrong = String::new();
    for folder in folders {
        let told = run(&folder);
        let file = folder.join("events.txt");
        let expected = std::fs::read_to_string(&file).unwrap_or_default();
        if told == expected {
            continue;
        }
        if update {
            std::fs::write(&file, &told).unwrap();
        } else {
            let diff = TextDiff::from_lines(&expected, &told);
            let name = folder.file_name().unwrap().to_string_lossy().into_owned();
            wrong += &format!("{}", diff.unified_diff().header(&format!("{name}, as written"), "as it came out"));
        }
    }
    assert!(wrong.is_empty(), "\n{wrong}");
}

/// Runs the case in a folder; what came of it, a line an event.
fn run(folder: &Path) -> String {
    let scratch = tempfile::tempdir().unwrap();
    let home = tempfile::tempdir().unwrap();
    let words = std::fs::read_to_string(folder.join("args")).unwrap_or_default();
    let inventory: &[&str] = if words.split_whitespace().any(|word| word == "-i") { &[] } else { &["-i", "h1,h2"] };
    let done = Command::new(env!("CARGO_BIN_EXE_refit"))
        .args(["run", "--output", "ndjson", "-c", "local"])
        .args(inventory)
        .args(["-e", &format!("scratch={}", scratch.path().display())])
        .args(words.split_whitespace())
        .arg("playbook.yml")
        .current_dir(folder)
        .stdin(std::fs::File::open(folder.join("input")).map_or_else(|_| Stdio::null(), Stdio::from))
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("HOME", home.path())
        .output()
        .unwrap();
    let mut lines = Lines::default();
    for line in String::from_utf8(done.stdout).unwrap().lines() {
        match serde_json::from_str::<Value>(line) {
            Ok(event) => lines.event(&event),
            Err(_) => lines.out.push(format!("not an event: {line}")),
        }
    }
    let mut text = lines.out.join("\n");
    for line in String::from_utf8(done.stderr).unwrap().lines() {
        text += &format!("\nstderr: {line}");
    }
    text += &format!("\nexit code {}\n", done.status.code().map_or("none".to_owned(), |code| code.to_string()));
    let place = |path: &Path| path.to_str().unwrap().to_owned();
    text.replace(&place(scratch.path()), "SCRATCH").replace(&format!("{}/", place(folder)), "")
}

/// Events as lines. What a task did on its hosts is told in the hosts' order, not in the order in which they happened to
/// be done; where hosts run freely, so that each has its own tasks, everything that one did before all that the next did.
#[derive(Default)]
struct Lines {
    out: Vec<String>,
    /// The tasks that run.
    open: BTreeMap<u64, Running>,
    /// What hosts that run freely did, each with its lines, until their play is over.
    free: Option<BTreeMap<String, Vec<String>>>,
}

/// A task that runs.
#[derive(Default)]
struct Running {
    /// The lines that open it, where those wait for its end: of hosts that run freely.
    opening: Vec<String>,
    /// What is told of each host, with the host.
    told: Vec<(String, String)>,
}

impl Lines {
    fn event(&mut self, event: &Value) {
        let text = |field: &str| event[field].as_str().unwrap_or_default().to_owned();
        let task = event["task"].as_u64();
        match event["event"].as_str().unwrap_or_default() {
            "run_started" | "playbook_started" | "host_started" | "output" => {}
            "play_started" => {
                self.end_free_play();
                let strategy = event["strategy"].as_str().filter(|name| *name != "linear");
                let strategy = strategy.map(|name| format!(", {name}")).unwrap_or_default();
                self.out.push(format!("play {:?} on {}{strategy}", text("name"), names(&event["hosts"])));
                self.free = (!strategy.is_empty()).then(BTreeMap::new);
            }
            "batch_started" => {
                if event["of"] != 1 {
                    self.out.push(format!(" batch {} of {}: {}", event["number"], event["of"], names(&event["hosts"])));
                }
            }
            "task_started" => {
                let kind = if event["handler"] == true { "handler" } else { "task" };
                let role = event["role"].as_str().map(|role| format!(" of role {role}")).unwrap_or_default();
                let place = &event["place"];
                let opening = format!(
                    " {kind} {:?} ({}){role} at {}:{}",
                    text("name"),
                    text("action"),
                    place["file"].as_str().unwrap_or_default(),
                    place["line"]
                );
                let mut running = Running::default();
                match self.free {
                    Some(_) => running.opening.push(opening),
                    None => self.out.push(opening),
                }
                self.open.insert(task.unwrap_or_default(), running);
            }
            "retry" => self.tell(task, &text("host"), format!("{} left: {}", event["left"], result(&event["result"]))),
            "item_finished" => {
                let item = &event["item"];
                self.tell(task, &text("host"), format!("[{}] {}", plain(&item["label"]), result(&item["result"])));
            }
            "host_finished" => self.tell(task, &text("host"), result(&event["result"])),
            "hosts_skipped" => {
                for host in event["hosts"].as_array().into_iter().flatten() {
                    self.tell(task, host.as_str().unwrap_or_default(), result(&event["result"]));
                }
            }
            "included" => {
                let label = event["label"].as_str().map(|label| format!(" [{label}]")).unwrap_or_default();
                let line = format!("  included {}{label} for {}", text("what"), names(&event["hosts"]));
                match &mut self.free {
                    // Under a strategy where hosts run freely an inclusion is of one host.
                    Some(free) => {
                        let of_host = free.entry(names(&event["hosts"])).or_default();
                        if let Some(running) = task.and_then(|task| self.open.get_mut(&task)) {
                            of_host.append(&mut running.opening);
                        }
                        of_host.push(line);
                    }
                    None => self.out.push(line),
                }
            }
            "notified" => self.tell(task, &text("host"), format!("notified {}", names(&event["handlers"]))),
            "task_finished" => {
                let Running { opening, mut told } = self.open.remove(&task.unwrap_or_default()).unwrap_or_default();
                told.sort_by(|one, other| one.0.cmp(&other.0));
                let host = told.first().map(|(host, _)| host.clone());
                let lines = told.into_iter().map(|(host, line)| format!("  {host} {line}"));
                match (&mut self.free, host) {
                    (Some(free), Some(host)) => free.entry(host).or_default().extend(opening.into_iter().chain(lines)),
                    _ => self.out.extend(opening.into_iter().chain(lines)),
                }
            }
            "run_finished" => {
                self.end_free_play();
                for (host, stats) in event["stats"].as_object().into_iter().flatten() {
                    let counts = stats.as_object().into_iter().flatten().filter(|(_, count)| **count != 0);
                    let counts: Vec<String> = counts.map(|(name, count)| format!("{name}={count}")).collect();
                    self.out.push(format!("{host}: {}", counts.join(" ")));
                }
                for field in ["not_attempted", "owed_handlers", "custom"] {
                    if event[field].as_object().is_some_and(|map| !map.is_empty()) {
                        self.out.push(format!("{field}: {}", event[field]));
                    }
                }
            }
            _ => {
                let Some(fields) = event.as_object() else { return };
                let fields: Map<String, Value> = fields
                    .iter()
                    .filter(|(name, _)| !matches!(name.as_str(), "sequence" | "at"))
                    .map(|(name, value)| (name.clone(), value.clone()))
                    .collect();
                self.out.push(format!(" {}", Value::Object(fields)));
            }
        }
    }

    fn end_free_play(&mut self) {
        self.out.extend(self.free.take().unwrap_or_default().into_values().flatten());
    }

    fn tell(&mut self, task: Option<u64>, host: &str, line: String) {
        match task.and_then(|task| self.open.get_mut(&task)) {
            Some(running) => running.told.push((host.to_owned(), line)),
            None => self.out.push(format!("  {host} {line}")),
        }
    }
}

/// How a task ended, in a line.
fn result(told: &Value) -> String {
    let mut line = told["status"].as_str().unwrap_or_default().to_owned();
    for (field, word) in [("ignored", "ignored"), ("hidden", "hidden")] {
        if told[field] == true {
            line += &format!(", {word}");
        }
    }
    if let Some(host) = told["delegated_to"].as_str() {
        line += &format!(", on {host}");
    }
    for (name, value) in told["result"].as_object().into_iter().flatten() {
        let empty = matches!(value, Value::String(text) if text.is_empty());
        // Facts are many where they are gathered; one that a task sets is told by those that use it.
        let of_loop = told["result"]["ansible_loop_var"].as_str() == Some(name);
        if !(empty
            || of_loop
            || UNTOLD.contains(&name.as_str())
            || name == "ansible_facts"
            || name == "rc" && *value == 0)
        {
            line += &format!(" {name}={value}");
        }
    }
    match told["why"].as_str() {
        // The place and the hints of an error are the matter of the suite of faults.
        Some(why) if told["status"] != "failed" => line + &format!(" why={why:?}"),
        _ => line,
    }
}

fn names(list: &Value) -> String {
    list.as_array().into_iter().flatten().map(plain).collect::<Vec<_>>().join(",")
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}
