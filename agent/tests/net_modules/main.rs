//! `uri` and `get_url` against what ansible-core does: `cases.json` holds the calls with the recorded results, files and
//! requests, and each case runs here against a server of its own, on the live host and on its shadow, which must foresee
//! them (but for requests that may change something).
//!
//! A case: `name`, `module`, `args`, and where it needs them `setup` (files), `environment`, `steps` (several `args` one
//! after the other). ROOT stands for the case's directory, PORT for its server's port. A case with `differs` names why
//! this project does otherwise, and holds what it does. `RECORD=/path/to/ansible-playbook` records those without
//! `expect`.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod server;
mod tls;

use refit_agent::host::shadow::Shadow;
use refit_agent::host::{Context, Files, Kind, live::Live};
use refit_agent::modules::{self, Call};
use refit_agent::outcome::Stop;
use serde_json::{Map, Value, json};
use server::Server;
use std::fmt::Write as _;
use std::path::Path;
use std::sync::{Arc, LazyLock};

/// Results that can't be equal in two places, or that only one of the two programs has.
const NOT_COMPARED: [&str; 12] = [
    "invocation",
    "diff",
    "failed",
    "exception",
    "warnings",
    "deprecations",
    "failed_when_result",
    "src",
    "elapsed",
    "ansible_facts",
    "secontext",
    "stdout_lines",
];

fn cases_file() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/net_modules/cases.json"))
}

fn cases() -> Vec<Value> {
    serde_json::from_slice(&std::fs::read(cases_file()).unwrap()).unwrap()
}

fn steps(case: &Value) -> Vec<Value> {
    match case.get("steps") {
        Some(steps) => steps.as_array().unwrap().clone(),
        None => vec![case["args"].clone()],
    }
}

/// A case's directory and server.
struct Place {
    server: Server,
    root: String,
    _directory: tempfile::TempDir,
}

impl Place {
    fn of(case: &Value) -> Place {
        let memory = Path::new("/dev/shm");
        let base = if memory.is_dir() { memory.to_owned() } else { std::env::temp_dir() };
        let directory = tempfile::Builder::new().prefix("refit-net-").tempdir_in(base).unwrap();
        let root = directory.path().canonicalize().unwrap().join("r");
        std::fs::create_dir(&root).unwrap();
        let place = Place { server: Server::start(), root: root.to_str().unwrap().to_owned(), _directory: directory };
        for (name, text) in case.get("setup").and_then(Value::as_object).into_iter().flatten() {
            let path = root.join(name);
            match text.as_str() {
                Some(text) => std::fs::write(path, place.real(text)).unwrap(),
                None => std::fs::create_dir(path).unwrap(),
            }
        }
        place
    }

    fn real(&self, text: &str) -> String {
        text.replace("ROOT", &self.root).replace("PORT", &self.server.port.to_string())
    }

    fn real_value(&self, value: &Value) -> Value {
        serde_json::from_str(&self.real(&value.to_string())).unwrap()
    }

    /// Everything that is different from place to place made the same.
    fn normal(&self, value: &Value) -> Value {
        match value {
            Value::String(text) => self.normal_text(text).into(),
            Value::Array(items) => items.iter().map(|item| self.normal(item)).collect(),
            Value::Object(map) => {
                let mut sorted: Map<String, Value> =
                    map.iter().map(|(name, value)| (self.normal_text(name), self.normal(value))).collect();
                sorted.sort_keys();
                Value::Object(sorted)
            }
            Value::Number(number) if number.as_u64() == Some(self.server.port.into()) => "PORT".into(),
            other => other.clone(),
        }
    }

    fn normal_text(&self, text: &str) -> String {
        // What differs by place, time or chance, and what stands for it. The controller masks passwords, here `geheim`.
        static CHANGING: LazyLock<Vec<(fancy_regex::Regex, &str)>> = LazyLock::new(|| {
            [
                (r"\.\d+(-\d+)?\.\d{4}-\d\d-\d\d@\d\d:\d\d:\d\d~", ".BACKUP~"),
                (r"={15}\d{19}==|-{20}[0-9a-f]{16}", "BOUNDARY"),
                (r"\w{3}, \d\d \w{3} 20(2[1-9]|[3-9]\d) \d\d:\d\d:\d\d GMT", "DATE"),
                (r#"cnonce="[^"]*""#, "cnonce=\"RANDOM\""),
                (r#"response="[^"]*""#, "response=\"HASH\""),
                ("/geheim", "/********"),
            ]
            .map(|(pattern, plain)| (fancy_regex::Regex::new(pattern).unwrap(), plain))
            .into()
        });
        let text = text.replace(&self.root, "ROOT").replace(&format!(":{}", self.server.port), ":PORT");
        CHANGING.iter().fold(text, |text, (regex, plain)| regex.replace_all(&text, *plain).into_owned())
    }

    fn tree(&self, files: &dyn Files) -> Value {
        let root = Path::new(&self.root);
        let mut found = Map::new();
        let mut todo = vec![root.to_owned()];
        while let Some(directory) = todo.pop() {
            for name in files.list(&directory).unwrap() {
                let path = directory.join(name);
                let stat = files.stat(&path, false).unwrap().unwrap();
                if stat.kind == Kind::Directory {
                    todo.push(path);
                    continue;
                }
                let text = String::from_utf8_lossy(&files.read(&path).unwrap()).into_owned();
                let name = path.strip_prefix(root).unwrap().to_str().unwrap().to_owned();
                found.insert(name, json!({"text": text, "mode": format!("{:04o}", stat.mode)}));
            }
        }
        self.normal(&Value::Object(found))
    }

    fn asked(&self) -> Value {
        let mut log = self.server.log.lock().unwrap().clone();
        for entry in &mut log {
            let headers = entry["headers"].as_object_mut().unwrap();
            headers.remove("connection");
            // Its length goes with the boundary's.
            let multipart = headers.get("content-type").is_some_and(|kind| kind.to_string().contains("multipart"));
            if multipart {
                headers.remove("content-length");
            }
        }
        self.normal(&Value::Array(log))
    }
}

/// The differences of two values, in words. Names that only `got` has are no difference in results.
fn compare(expected: &Value, got: &Value, path: &str, exact: bool, out: &mut String) {
    match (expected, got) {
        (Value::Object(expected), Value::Object(got)) => {
            for (name, value) in expected {
                let owner = ["uid", "gid", "owner", "group"].contains(&name.as_str());
                if NOT_COMPARED.contains(&name.as_str()) || (owner && !rustix::process::getuid().is_root()) {
                    continue;
                }
                match got.get(name) {
                    Some(got) => compare(value, got, &format!("{path}.{name}"), exact, out),
                    None => drop(writeln!(out, "    {path}.{name}: expected {value}, got none")),
                }
            }
            for (name, value) in got.iter().filter(|(name, _)| exact && !expected.contains_key(*name)) {
                let _ = writeln!(out, "    {path}.{name}: expected none, got {value}");
            }
        }
        (Value::Array(expected), Value::Array(got)) if expected.len() == got.len() => {
            for (index, (expected, got)) in expected.iter().zip(got).enumerate() {
                compare(expected, got, &format!("{path}[{index}]"), exact, out);
            }
        }
        _ if expected != got => drop(writeln!(out, "    {path}: expected {expected}, got {got}")),
        _ => {}
    }
}

#[derive(Clone, Copy, PartialEq)]
enum Mode {
    Live,
    Shadow,
}

/// Runs a case and tells what is different.
fn run(case: &Value, mode: Mode) -> String {
    let mut out = String::new();
    let place = Place::of(case);
    let environment = case.get("environment").and_then(Value::as_object).cloned().unwrap_or_default();
    let environment =
        environment.iter().map(|(name, value)| (name.clone(), place.real(value.as_str().unwrap()))).collect();
    let context = Context { environment, ..Context::default() };
    let (live, shadow) = (Live::new(context.clone()), Shadow::new(context, Arc::default()));
    let host = match mode {
        Mode::Live => live.host(),
        Mode::Shadow => shadow.host(),
    };
    let untouched = place.tree(live.host().files);
    let mut ordered = false;
    let module = modules::find(case["module"].as_str().unwrap()).unwrap();
    let expect = case.get("differs").unwrap_or(&case["expect"]);
    for (args, recorded) in steps(case).iter().zip(expect["results"].as_array().unwrap()) {
        let args = place.real_value(args).as_object().unwrap().clone();
        let done = module.run.unwrap()(&Call { diff: true, ..Call::new(&args, &host) });
        let fails = recorded["failed"] == json!(true);
        let (failed, mut result) = match done {
            Ok(outcome) => {
                let mut result = outcome.result;
                result.insert("changed".to_owned(), outcome.changed.into());
                if outcome.skipped {
                    result.insert("skipped".to_owned(), true.into());
                }
                (false, result)
            }
            Err(Stop::Failed(failure)) => {
                let mut result = failure.result;
                result.insert("msg".to_owned(), failure.msg.into());
                result.insert("changed".to_owned(), failure.changed.into());
                (true, result)
            }
            Err(Stop::Unknown { why }) if mode == Mode::Shadow && orders(&args) => {
                ordered = true;
                if !why.contains(args["url"].as_str().unwrap()) {
                    let _ = writeln!(out, "    unknown without a reason: {why}");
                }
                continue;
            }
            Err(other) => {
                let _ = writeln!(out, "    ended otherwise: {other:?}");
                continue;
            }
        };
        if failed != fails {
            let _ = writeln!(out, "    expected failed={fails}: {recorded}\n    got {}", json!(result));
            continue;
        }
        let mut recorded = recorded.clone();
        if failed {
            // Failures are told in our own words.
            recorded.as_object_mut().unwrap().remove("msg");
            result.remove("msg");
        }
        compare(&recorded, &place.normal(&Value::Object(result)), "result", false, &mut out);
    }
    if mode == Mode::Shadow {
        compare(&untouched, &place.tree(live.host().files), "the live tree", true, &mut out);
    }
    compare(&expect["tree"], &place.tree(host.files), "tree", true, &mut out);
    let asked = if ordered { &json!([]) } else { &expect["asked"] };
    compare(asked, &place.asked(), "asked", true, &mut out);
    out
}

/// Whether a call asks for more than to be told something.
fn orders(args: &Map<String, Value>) -> bool {
    let method = args.get("method").and_then(Value::as_str).unwrap_or("GET").to_ascii_uppercase();
    !["GET", "HEAD", "OPTIONS"].contains(&method.as_str())
}

#[test]
fn modules_do_what_ansible_does() {
    if let Ok(program) = std::env::var("RECORD") {
        rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o022));
        record(&program);
    }
    all_cases(Mode::Live);
}

#[test]
fn a_dry_run_foresees_what_ansible_does() {
    all_cases(Mode::Shadow);
}

fn all_cases(mode: Mode) {
    rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o022));
    let only = std::env::var("CASE").unwrap_or_default();
    let mut report = String::new();
    let cases = cases();
    for case in &cases {
        let name = case["name"].as_str().unwrap();
        if !name.contains(&only) {
            continue;
        }
        let wrong = run(case, mode);
        if !wrong.is_empty() {
            let _ = writeln!(report, "{name}: {}\n{wrong}", json!(steps(case)));
        }
    }
    assert!(report.is_empty(), "of {} cases:\n{report}", cases.len());
}

/// Records what ansible-core does with the cases that have no `expect`.
fn record(program: &str) {
    let mut cases = cases();
    let mut todo: Vec<(&mut Value, Place)> = cases
        .iter_mut()
        .filter(|case| case.get("expect").is_none())
        .map(|case| {
            let place = Place::of(case);
            (case, place)
        })
        .collect();
    if todo.is_empty() {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let out = directory.path().join("out.json");
    let (mut tasks, mut names) = (Vec::new(), Vec::new());
    for (number, (case, place)) in todo.iter().enumerate() {
        for (index, args) in steps(case).iter().enumerate() {
            let register = format!("r{number}_{index}");
            let module = format!("ansible.builtin.{}", case["module"].as_str().unwrap());
            let environment = place.real_value(case.get("environment").unwrap_or(&json!({})));
            tasks.push(json!({
                "name": case["name"], module: place.real_value(args), "register": register, "ignore_errors": true,
                "environment": environment,
            }));
            names.push(format!("'{register}': {register}"));
        }
    }
    let content = format!("{{{{ {{ {} }} | to_json }}}}", names.join(", "));
    tasks.push(json!({"copy": {"dest": out, "content": content}}));
    let play = json!([{"hosts": "localhost", "gather_facts": false, "connection": "local", "tasks": tasks}]);
    let playbook = directory.path().join("play.yml");
    std::fs::write(&playbook, play.to_string()).unwrap();
    let ran = std::process::Command::new(program).arg(&playbook).env("ANSIBLE_NOCOLOR", "1").output().unwrap();
    let results = std::fs::read(&out);
    let results = results.unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&ran.stdout)));
    let results: Value = serde_json::from_slice(&results).unwrap();
    for (number, (case, place)) in todo.iter_mut().enumerate() {
        let results: Vec<Value> = (0..steps(case).len())
            .map(|index| {
                let mut result = place.normal(&results[format!("r{number}_{index}")]);
                for name in NOT_COMPARED.iter().filter(|name| **name != "failed") {
                    result.as_object_mut().unwrap().remove(*name);
                }
                result
            })
            .collect();
        case["expect"] = json!({"results": results, "tree": place.tree(Live::new(Context::default()).host().files), "asked": place.asked()});
    }
    std::fs::write(cases_file(), serde_json::to_string_pretty(&cases).unwrap() + "\n").unwrap();
}
