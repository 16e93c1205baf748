//! The human view over recorded and made-up streams.

use super::*;
use std::io::Write;
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

fn shown(events: &[Event], settings: HumanSettings) -> String {
    let page = Page::default();
    let mut view = HumanView::new(settings, Printer::new(page.clone()));
    for event in events {
        view.event(event);
    }
    let text = page.0.lock().unwrap().clone();
    String::from_utf8(text).unwrap()
}

fn plain() -> HumanSettings {
    HumanSettings { diff_context: 3, ..HumanSettings::default() }
}

/// The streams beside `tests/views/record`.
fn recorded(name: &str) -> Vec<Event> {
    let path = format!("{}/tests/views/recorded/{name}.ndjson", env!("CARGO_MANIFEST_DIR"));
    std::fs::read_to_string(path).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn a_run_without_failures() {
    insta::assert_snapshot!(shown(&recorded("basic"), plain()));
}

#[test]
fn failures_with_their_output_and_place() {
    insta::assert_snapshot!(shown(&recorded("failures"), plain()));
}

#[test]
fn differences() {
    insta::assert_snapshot!(shown(&recorded("diffs"), plain()));
}

#[test]
fn differences_in_colour() {
    let text = shown(&recorded("diffs"), HumanSettings { colour: true, ..plain() });
    insta::assert_snapshot!(text.replace('\x1b', "␛"));
}

#[test]
fn handlers_and_includes_with_one_v() {
    insta::assert_snapshot!(shown(&recorded("roles_handlers"), HumanSettings { verbosity: 1, ..plain() }));
}

/// A dry run and a run that was stopped, as the engine tells them.
fn made_up(mode: RunMode) -> Vec<Event> {
    use crate::event::{HostStats, Place, TaskResult};
    use serde_json::json;
    let place = |line| Place { file: "site.yml".to_owned(), line, column: 7 };
    let hosts: Vec<String> = (1..=5).map(|number| format!("web{number:02}")).collect();
    let task = |task, name: &str, action: &str, handler| EventKind::TaskStarted {
        task,
        play: 0,
        name: name.to_owned(),
        action: action.to_owned(),
        role: None,
        handler,
        place: place(10 + task),
        args: None,
        implicit: false,
        hosts: 5,
    };
    let result = |status, result: serde_json::Value, why: Option<&str>| TaskResult {
        status,
        ignored: false,
        hidden: false,
        delegated_to: None,
        result: result.as_object().cloned().unwrap_or_default(),
        diff: Vec::new(),
        digest: None,
        why: why.map(str::to_owned),
        began: 0,
        took: 0,
    };
    let finished = |task, host: &String, result| EventKind::HostFinished { task, host: host.clone(), result };
    let mut kinds = vec![
        EventKind::RunStarted {
            format: crate::event::FORMAT,
            run: "r".to_owned(),
            refit: "0.1.0".to_owned(),
            command: Vec::new(),
            playbooks: vec!["site.yml".to_owned()],
            mode,
            plan: None,
        },
        EventKind::PlayStarted {
            play: 0,
            name: "Web servers".to_owned(),
            hosts: hosts.clone(),
            strategy: "linear".to_owned(),
            place: place(1),
        },
        EventKind::BatchStarted { play: 0, number: 1, of: 2, hosts: hosts[..4].to_vec() },
        task(0, "Install", "apt", false),
    ];
    for host in &hosts[..4] {
        kinds.push(finished(0, host, result(Status::Changed, json!({"changed": true}), None)));
    }
    kinds.push(EventKind::TaskFinished { task: 0 });
    kinds.push(task(1, "Build", "command", false));
    for (host, number) in hosts[..4].iter().zip(0..) {
        let ending = match (mode, number) {
            (RunMode::Plan, _) => {
                result(Status::Unknown, json!({}), Some("what `make` changes is known only when it runs"))
            }
            (RunMode::Live, 0) => {
                let body =
                    json!({"msg": "non-zero return code", "rc": 2, "stderr": "make: *** [all] Error 1\u{1b}[2J"});
                result(Status::Failed, body, Some("hint: see the log"))
            }
            (RunMode::Live, _) => result(Status::Ok, json!({"changed": false}), None),
        };
        kinds.push(finished(1, host, ending));
    }
    kinds.push(EventKind::TaskFinished { task: 1 });
    let row = |number: usize| HostStats {
        ok: 2,
        changed: 1,
        failures: u32::from(mode == RunMode::Live && number == 0),
        unknown: u32::from(mode == RunMode::Plan),
        ..HostStats::default()
    };
    let live = mode == RunMode::Live;
    if live {
        kinds
            .push(EventKind::PlayStopped { play: 0, why: "1 of 4 hosts failed, max_fail_percentage is 10".to_owned() });
    }
    kinds.push(EventKind::RunFinished {
        stats: hosts[..4].iter().zip(0..).map(|(host, number)| (host.clone(), row(number))).collect(),
        not_attempted: hosts[4..]
            .iter()
            .filter(|_| live)
            .map(|host| (host.clone(), "the play stopped".to_owned()))
            .collect(),
        owed_handlers: hosts[..4]
            .iter()
            .filter(|_| live)
            .map(|host| (host.clone(), vec!["restart".to_owned()]))
            .collect(),
        custom: serde_json::Map::new(),
        exit_code: 2,
    });
    kinds.into_iter().zip(0..).map(|(kind, sequence)| Event { sequence, at: 100 * sequence as i64, kind }).collect()
}

#[test]
fn a_plan_says_what_will_and_what_may_change() {
    insta::assert_snapshot!(shown(&made_up(RunMode::Plan), plain()));
}

#[test]
fn a_run_that_stops_says_what_was_not_attempted_and_what_is_owed() {
    insta::assert_snapshot!(shown(&made_up(RunMode::Live), plain()));
}

#[test]
fn a_failure_is_shown_before_slow_hosts_are_done_and_only_once() {
    let page = Page::default();
    let mut view = HumanView::new(plain(), Printer::new(page.clone()));
    let events = made_up(RunMode::Live);
    let (before, after): (Vec<Event>, Vec<Event>) = events.into_iter().partition(|event| event.sequence <= 10);
    before.iter().for_each(|event| view.event(event));
    let so_far = String::from_utf8(page.0.lock().unwrap().clone()).unwrap();
    assert!(!so_far.contains("make: ***"), "{so_far}");
    let lines: Vec<String> = view
        .tasks
        .values_mut()
        .filter(|task| task.has_late_failure(Duration::ZERO))
        .flat_map(|task| task.failures_so_far(false, &plain(), &Look::new(false)))
        .collect();
    assert!(lines.iter().any(|line| line.contains("FAILED so far: web01")), "{lines:?}");
    assert!(lines.iter().any(|line| line.contains("make: ***")), "{lines:?}");
    after.iter().for_each(|event| view.event(event));
    let whole = String::from_utf8(page.0.lock().unwrap().clone()).unwrap();
    assert!(!whole.contains("make: ***"), "said twice: {whole}");
}
