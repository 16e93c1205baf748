//! The modules that write files against what ansible-core does: `cases.json` holds the inputs with the recorded
//! outcomes (`record.py` records them), and each case runs here on the live host and on its shadow, which must foresee them.
//!
//! The variable CASE runs only those whose name contains it. A case with `differs` names why this project does otherwise, and holds what it does.

#![expect(clippy::unwrap_used, reason = "a test that meets what it does not expect ends there")]

use fancy_regex::Regex;
use refit_agent::host::live::Live;
use refit_agent::host::shadow::Shadow;
use refit_agent::host::{Context, Files, Host, Kind};
use refit_agent::modules::copy::{Entry, EntryKind, Payload};
use refit_agent::modules::{self, Blobs, Call};
use refit_agent::outcome::Stop;
use refit_agent::protocol::Mode;
use serde_json::{Map, Value, json};
use sha2::Digest as _;
use std::collections::HashMap;
use std::fmt::Write as _;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock};

/// Results that can't be equal in two places, or that only one of the two programs has.
const NOT_COMPARED: [&str; 22] = [
    "invocation",
    "diff",
    "failed",
    "exception",
    "warnings",
    "deprecations",
    "atime",
    "mtime",
    "ctime",
    "inode",
    "dev",
    "version",
    "attributes",
    "attr_flags",
    "blocks",
    "block_size",
    "stdout_lines",
    "stderr_lines",
    "src",
    "skipped_paths",
    "examined",
    "executable",
];

#[derive(Default)]
struct Sent(HashMap<String, Arc<Vec<u8>>>);

impl Blobs for Sent {
    fn get(&self, sha256: &str) -> Option<Arc<Vec<u8>>> {
        self.0.get(sha256).cloned()
    }
}

impl Sent {
    fn add(&mut self, content: Vec<u8>) -> String {
        let hash: String = sha2::Sha256::digest(&content).iter().map(|byte| format!("{byte:02x}")).collect();
        self.0.insert(hash.clone(), Arc::new(content));
        hash
    }

    fn tree(&mut self, directory: &Path, below: &Path, follow: bool, entries: &mut Vec<Entry>) {
        let mut names: Vec<_> = std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        names.sort();
        for name in names {
            let (from, path) = (directory.join(&name), below.join(&name));
            let metadata = if follow { from.metadata() } else { from.symlink_metadata() }.unwrap();
            if metadata.is_dir() {
                entries.push(Entry { path: path.clone(), kind: EntryKind::Directory });
                self.tree(&from, &path, follow, entries);
            } else if metadata.is_symlink() {
                entries.push(Entry { path, kind: EntryKind::Link { target: std::fs::read_link(&from).unwrap() } });
            } else {
                let sha256 = self.add(std::fs::read(&from).unwrap());
                entries.push(Entry { path, kind: EntryKind::File { sha256, mode: metadata.mode() & 0o7777 } });
            }
        }
    }
}

/// The controller's part of `copy`.
fn with_payload(args: &mut Map<String, Value>, sent: &mut Sent) {
    if args.get("remote_src") == Some(&json!(true)) || args.contains_key("content") == args.contains_key("src") {
        return;
    }
    let payload = if let Some(content) = args.get("content") {
        // Python writes JSON with spaces; the controller does so too.
        let text = match content {
            Value::String(text) => text.clone(),
            other => other.to_string().replace(':', ": ").replace(',', ", "),
        };
        Payload::File { sha256: sent.add(text.into_bytes()), mode: None, basename: None, source: None }
    } else {
        let source = args["src"].as_str().unwrap().to_owned();
        let from = PathBuf::from(&source);
        let metadata = from.metadata().unwrap();
        let name = from.file_name().unwrap().to_string_lossy().into_owned();
        if metadata.is_dir() {
            let mut entries = Vec::new();
            sent.tree(&from, Path::new(""), args.get("local_follow") != Some(&json!(false)), &mut entries);
            Payload::Tree { root: (!source.ends_with('/')).then_some(name), entries, source }
        } else {
            let sha256 = sent.add(std::fs::read(&from).unwrap());
            let mode = Some(metadata.mode() & 0o7777);
            Payload::File { sha256, mode, basename: Some(name), source: Some(source) }
        }
    };
    args.insert("_payload".to_owned(), serde_json::to_value(payload).unwrap());
}

fn latin1(text: &str) -> Vec<u8> {
    text.chars().map(|c| u8::try_from(c).unwrap()).collect()
}

fn make(root: &Path, setup: &Map<String, Value>) {
    for (name, entry) in setup {
        let path = root.join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        let octal = |mode: &Value| u32::from_str_radix(mode.as_str().unwrap(), 8).unwrap();
        let set_mode = |mode| std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
        if let Some(mode) = entry.get("directory") {
            std::fs::create_dir_all(&path).unwrap();
            set_mode(octal(mode));
        } else if let Some(target) = entry.get("link") {
            let target = target.as_str().unwrap().replace("ROOT", root.to_str().unwrap());
            std::os::unix::fs::symlink(target, &path).unwrap();
        } else if let Some(other) = entry.get("hard") {
            std::fs::hard_link(root.join(other.as_str().unwrap()), &path).unwrap();
        } else {
            let content = match (entry.as_str(), entry.get("bytes")) {
                (Some(text), _) => text.as_bytes().to_vec(),
                (None, Some(bytes)) => latin1(bytes.as_str().unwrap()),
                (None, None) => entry["text"].as_str().unwrap().as_bytes().to_vec(),
            };
            std::fs::write(&path, content).unwrap();
            set_mode(entry.get("mode").map_or(0o644, octal));
            if let Some(mtime) = entry.get("mtime").and_then(Value::as_u64) {
                let file = std::fs::File::options().write(true).open(&path).unwrap();
                file.set_modified(std::time::UNIX_EPOCH + std::time::Duration::from_secs(mtime)).unwrap();
            }
        }
    }
}

/// What is below a directory, as the host tells it.
fn tree(files: &dyn Files, root: &Path, directory: &Path, found: &mut Map<String, Value>) {
    for name in files.list(directory).unwrap() {
        let path = directory.join(name);
        let stat = files.stat(&path, false).unwrap().unwrap();
        let mode = format!("{:04o}", stat.mode);
        let name = path.strip_prefix(root).unwrap().to_str().unwrap().to_owned();
        let told = if stat.kind == Kind::Link {
            let target = files.read_link(&path).unwrap();
            json!({"link": target.to_str().unwrap().replace(root.to_str().unwrap(), "ROOT")})
        } else if stat.kind == Kind::Directory {
            tree(files, root, &path, found);
            json!({"directory": mode})
        } else {
            let content = files.read(&path).unwrap();
            match String::from_utf8(content) {
                Ok(text) => json!({"text": text, "mode": mode}),
                Err(error) => {
                    let text: String = error.into_bytes().into_iter().map(char::from).collect();
                    json!({"bytes": text, "mode": mode})
                }
            }
        };
        found.insert(name, told);
    }
}

/// Makes what a run chose by itself the same everywhere: names of backups and temporary files.
fn plain(text: &str) -> String {
    static BACKUP: LazyLock<Regex> =
        LazyLock::new(|| Regex::new(r"\.\d+(-\d+)?\.\d{4}-\d\d-\d\d@\d\d:\d\d:\d\d~").unwrap());
    static TEMPORARY: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"(ansible\.|p\.)[a-z0-9_]{8,16}").unwrap());
    TEMPORARY.replace_all(&BACKUP.replace_all(text, ".BACKUP~"), "${1}RANDOM").into_owned()
}

fn normal(value: &Value, root: &str) -> Value {
    match value {
        Value::String(text) => plain(&text.replace(root, "ROOT")).into(),
        Value::Array(items) => items.iter().map(|item| normal(item, root)).collect(),
        Value::Object(map) => {
            let mut sorted: Vec<_> =
                map.iter().map(|(k, v)| (plain(&k.replace(root, "ROOT")), normal(v, root))).collect();
            sorted.sort_by(|a, b| a.0.cmp(&b.0));
            Value::Object(sorted.into_iter().collect())
        }
        other => other.clone(),
    }
}

fn is_root() -> bool {
    rustix::process::getuid().is_root()
}

/// The differences of two results, in words.
fn compare(expected: &Value, got: &Value, path: &str, out: &mut String) {
    let (Value::Object(expected), Value::Object(got)) = (expected, got) else {
        if expected != got {
            let _ = writeln!(out, "    {path}: expected {expected}, got {got}");
        }
        return;
    };
    for (name, value) in expected {
        let owner = ["uid", "gid", "owner", "group", "pw_name", "gr_name"].contains(&name.as_str());
        // The size of a directory is its file system's business, that of a link the length of the path to the case.
        let directory = name == "size"
            && (expected.get("state") == Some(&json!("directory"))
                || expected.get("state") == Some(&json!("link"))
                || expected.get("isdir") == Some(&json!(true)));
        if NOT_COMPARED.contains(&name.as_str()) || (owner && !is_root()) || directory {
            continue;
        }
        let place = format!("{path}.{name}");
        match (name.as_str(), value, got.get(name)) {
            ("files", Value::Array(expected), Some(Value::Array(got))) => {
                // The order is the file system's.
                let sorted = |files: &[Value]| {
                    let mut files = files.to_vec();
                    files.sort_by_key(|file| file["path"].as_str().unwrap_or_default().to_owned());
                    files
                };
                let (expected, got) = (sorted(expected), sorted(got));
                let paths = |files: &[Value]| files.iter().map(|f| f["path"].clone()).collect::<Vec<_>>();
                if paths(&expected) != paths(&got) {
                    let _ = writeln!(out, "    {place}: expected {:?}, got {:?}", paths(&expected), paths(&got));
                } else {
                    expected.iter().zip(&got).for_each(|(expected, got)| compare(expected, got, &place, out));
                }
            }
            (_, value, Some(got)) => compare(value, got, &place, out),
            (_, value, None) => {
                let _ = writeln!(out, "    {place}: expected {value}, got none");
            }
        }
    }
}

/// Runs a case and tells what is different.
fn run(case: &Value, mode: Mode) -> String {
    let mut out = String::new();
    // Every write is synced: on a disk that alone would take minutes.
    let memory = Path::new("/dev/shm");
    let base = if memory.is_dir() { memory.to_owned() } else { std::env::temp_dir() };
    let directory = tempfile::Builder::new().prefix("refit-case-").tempdir_in(base).unwrap();
    let root = directory.path().canonicalize().unwrap().join("r");
    std::fs::create_dir(&root).unwrap();
    let shown = root.to_str().unwrap();
    make(&root, case["setup"].as_object().unwrap());
    let whole = vec![case.clone()];
    let steps = case.get("steps").and_then(Value::as_array).unwrap_or(&whole);
    let live = Live::new(Context::default());
    let shadow = Shadow::new(Context::default(), Arc::default());
    let host = match mode {
        Mode::Live => live.host(),
        Mode::Shadow => shadow.host(),
    };
    let untouched = picture(&live.host(), &root);
    for (step, recorded) in steps.iter().zip(case["expect"]["results"].as_array().unwrap()) {
        let args = step["args"].to_string().replace("ROOT", shown);
        let mut args: Map<String, Value> = serde_json::from_str(&args).unwrap();
        let mut sent = Sent::default();
        let Some(module) = modules::find(step["module"].as_str().unwrap()) else {
            return "    no such module\n".to_owned();
        };
        if module.name == "copy" {
            with_payload(&mut args, &mut sent);
        }
        let broken = module.rules.iter().any(|rule| match rule {
            modules::Rule::MutuallyExclusive(names) => {
                names.iter().filter(|name| args.contains_key(**name)).count() > 1
            }
            modules::Rule::RequiredOneOf(names) => !names.iter().any(|name| args.contains_key(*name)),
            _ => false,
        });
        let call = Call { args: &args, host: &host, blobs: &sent, diff: true };
        let done = match broken {
            true => Err(Stop::failed("the controller refuses the arguments")),
            false => module.run.unwrap()(&call),
        };
        let expected = case.pointer("/differs/result").unwrap_or(recorded);
        // Ansible does what is asked and then fails to tell of it, where a file is no UTF-8.
        let untold = expected["msg"].as_str().is_some_and(|msg| msg.contains("Refusing to deserialize"));
        let fails = expected["failed"] == json!(true) && !untold;
        match done {
            Ok(outcome) => {
                if fails {
                    let _ = writeln!(out, "    expected to fail: {}", expected["msg"]);
                } else if untold {
                    if !outcome.changed {
                        out.push_str("    expected changed\n");
                    }
                } else {
                    let mut result = outcome.result.clone();
                    result.insert("changed".to_owned(), outcome.changed.into());
                    compare(&normal(expected, shown), &normal(&Value::Object(result), shown), "result", &mut out);
                }
                if outcome.changed && outcome.diff.is_empty() && module.name != "tempfile" {
                    out.push_str("    changed without a difference to show\n");
                }
            }
            Err(Stop::Failed(failure)) => {
                if !fails {
                    let _ = writeln!(out, "    failed: {}", failure.msg);
                }
            }
            Err(other) => {
                let _ = writeln!(out, "    ended otherwise: {other:?}");
            }
        }
    }
    if mode == Mode::Shadow && picture(&live.host(), &root) != untouched {
        out.push_str("    a dry run touched the host\n");
    }
    let mut found = Map::new();
    tree(host.files, &root, &root, &mut found);
    let expected = normal(case.pointer("/differs/tree").unwrap_or(&case["expect"]["tree"]), shown);
    let found = normal(&Value::Object(found), shown);
    if found != expected {
        let _ = writeln!(out, "    tree: expected {expected}\n               got {found}");
    }
    out
}

/// What a dry run must leave as it is.
fn picture(host: &Host<'_>, root: &Path) -> Value {
    let mut found = Map::new();
    tree(host.files, root, root, &mut found);
    Value::Object(found)
}

#[test]
fn modules_do_what_ansible_does() {
    all_cases(Mode::Live);
}

#[test]
fn a_dry_run_foresees_what_ansible_does() {
    all_cases(Mode::Shadow);
}

fn all_cases(mode: Mode) {
    rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o022));
    let cases: Vec<Value> = serde_json::from_str(include_str!("cases.json")).unwrap();
    let mut report = String::new();
    let mut count = 0;
    let only = std::env::var("CASE").unwrap_or_default();
    for case in &cases {
        let name = case["name"].as_str().unwrap();
        if (case.get("root").is_some() && !is_root()) || !name.contains(&only) {
            continue;
        }
        count += 1;
        let wrong = run(case, mode);
        if !wrong.is_empty() {
            let what = case.get("args").unwrap_or(&case["steps"]);
            let _ = writeln!(report, "{name}: {what} on {}\n{wrong}", case["setup"]);
        }
    }
    assert!(report.is_empty(), "of {count} cases:\n{report}");
}
