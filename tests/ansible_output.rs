//! Refit's Ansible-format output against ansible-playbook's own: `tests/views/record` ran each playbook there with
//! ansible-core 2.19, and kept what it printed and the same events as Refit's event stream.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use refit::event::{Event, View};
use refit::report::Printer;
use refit::report::ansible::{AdHocView, PlaybookView, Settings};
use std::fs;
use std::io::Write;
use std::path::Path;
use std::sync::{Arc, Mutex};

#[derive(Clone, Default)]
struct Page(Arc<Mutex<Vec<u8>>>);

impl Write for Page {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// What a view prints for a recording.
fn printed(recording: &Path, make: impl FnOnce(Printer) -> Box<dyn View>) -> String {
    let page = Page::default();
    let mut view = make(Printer::new(page.clone()));
    for line in fs::read_to_string(recording).unwrap().lines() {
        let event: Event = serde_json::from_str(line).unwrap();
        view.event(&event);
    }
    let text = page.0.lock().unwrap().clone();
    String::from_utf8(text).unwrap()
}

fn playbook(name: &str) -> String {
    let playbook = fs::read_to_string(format!("playbooks/{name}.yml")).unwrap();
    let options = playbook.lines().find_map(|line| line.strip_prefix("# options: ")).unwrap_or_default();
    let verbosity =
        options.split_whitespace().filter_map(|word| word.strip_prefix('-')).find(|word| word.starts_with('v'));
    let settings = Settings {
        verbosity: verbosity.map_or(0, |word| word.len() as u8),
        colour: playbook.lines().any(|line| line == "# colour: 1"),
        root: "playbooks".into(),
        ..Settings::default()
    };
    let make = |out| -> Box<dyn View> {
        Box::new(PlaybookView::new(settings, Arc::default(), out, Printer::new(std::io::sink())))
    };
    printed(Path::new(&format!("recorded/{name}.ndjson")), make).replace("playbooks/", "")
}

fn ad_hoc(name: &str) -> String {
    let make = |out| -> Box<dyn View> {
        let err = Printer::new(std::io::sink());
        Box::new(AdHocView::new(Settings::default(), name.starts_with("one_line"), out, err))
    };
    printed(Path::new(&format!("adhoc/{name}.ndjson")), make)
}

/// Without what Ansible says of itself, of strategies and configuration files, and of errors before a module runs, which Refit words
/// in its own way.
fn comparable(text: &str) -> String {
    let noise = |line: &str| {
        line == "No config file found; using defaults"
            || line.contains("retry files")
            || line.starts_with("Pausing for ")
    };
    text.lines().filter(|line| !noise(line)).collect::<Vec<_>>().join("\n")
}

/// Without the paragraphs that tell errors: of an ad-hoc task they show how Ansible keeps it.
fn without_errors(text: &str) -> String {
    let mut lines = Vec::new();
    let mut inside = false;
    for line in text.lines() {
        inside = line.starts_with("[ERROR]: ") || inside && !line.contains(" | ");
        if !inside {
            lines.push(line);
        }
    }
    lines.join("\n")
}

/// Compares every recording in a directory.
fn compare(directory: &str, least: usize, comparable: fn(&str) -> String, shown: fn(&str) -> String) {
    std::env::set_current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/views")).unwrap();
    let mut names: Vec<String> = fs::read_dir(directory)
        .unwrap()
        .filter_map(|entry| entry.unwrap().file_name().to_str()?.strip_suffix(".ndjson").map(str::to_owned))
        .collect();
    names.sort();
    assert!(names.len() >= least, "{names:?}");
    let mut wrong = Vec::new();
    for name in &names {
        let expected = fs::read_to_string(format!("{directory}/{name}.stdout")).unwrap();
        let (expected, shown) = (comparable(&expected), comparable(&shown(name)));
        if expected != shown {
            let diff = similar::TextDiff::from_lines(&expected, &shown);
            wrong.push(format!("{name}:\n{}", diff.unified_diff().context_radius(2)));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_run_is_printed_as_ansible_playbook_prints_it() {
    compare("recorded", 12, comparable, playbook);
}

#[test]
fn one_task_is_printed_as_ansible_prints_it() {
    compare("adhoc", 12, without_errors, ad_hoc);
}
