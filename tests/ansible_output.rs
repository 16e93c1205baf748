//! Refit's Ansible-format output against ansible-playbook's own: `tests/views/record` ran each playbook there with
//! ansible-core 2.19, and kept what it printed and the same events as Refit's event stream.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use refit::event::{Event, View};
use refit::report::Printer;
use refit::report::ansible::{PlaybookView, Settings};
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

/// What the view prints for a recording.
fn shown(views: &Path, name: &str) -> String {
    let playbook = fs::read_to_string(views.join(format!("playbooks/{name}.yml"))).unwrap();
    let options = playbook.lines().find_map(|line| line.strip_prefix("# options: ")).unwrap_or_default();
    let verbosity =
        options.split_whitespace().filter_map(|word| word.strip_prefix('-')).find(|word| word.starts_with('v'));
    let settings = Settings {
        verbosity: verbosity.map_or(0, |word| word.len() as u8),
        colour: playbook.lines().any(|line| line == "# colour: 1"),
        ..Settings::default()
    };
    let page = Page::default();
    let mut view = PlaybookView::new(settings, Printer::new(page.clone()), Printer::new(std::io::sink()));
    let recorded = fs::read_to_string(views.join(format!("recorded/{name}.ndjson"))).unwrap();
    for line in recorded.lines() {
        let event: Event = serde_json::from_str(line).unwrap();
        view.event(&event);
    }
    let text = page.0.lock().unwrap().clone();
    String::from_utf8(text).unwrap()
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

#[test]
fn what_is_printed_is_what_ansible_playbook_prints() {
    std::env::set_current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/views/playbooks")).unwrap();
    let views = Path::new("..");
    let mut names: Vec<String> = fs::read_dir(views.join("recorded"))
        .unwrap()
        .filter_map(|entry| entry.unwrap().file_name().to_str()?.strip_suffix(".ndjson").map(str::to_owned))
        .collect();
    names.sort();
    assert!(names.len() > 5, "{names:?}");
    let mut wrong = Vec::new();
    for name in &names {
        let expected = fs::read_to_string(views.join(format!("recorded/{name}.stdout"))).unwrap();
        let (expected, shown) = (comparable(&expected), comparable(&shown(views, name)));
        if expected != shown {
            let diff = similar::TextDiff::from_lines(&expected, &shown);
            wrong.push(format!("{name}:\n{}", diff.unified_diff().context_radius(2)));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
