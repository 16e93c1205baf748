//! How a plan of many hosts reads.

use super::{PlanLook, plan_text};
use crate::event::{Event, EventKind, FORMAT, HostStats, Place, RunMode, Status, TaskResult};
use crate::plan::PlanReader;
use refit_agent::outcome::Diff;
use serde_json::Map;

fn host(number: usize) -> String {
    format!("web{number:02}")
}

/// A plan of five hosts: one file, of another content on web03; web05 is unreachable.
fn made_up() -> Vec<Event> {
    let names: Vec<String> = (1..=5).map(host).collect();
    let place = |line| Place { file: "site.yml".to_owned(), line, column: 3 };
    let result = |status, text: &str| TaskResult {
        status,
        ignored: false,
        hidden: false,
        delegated_to: None,
        result: match status {
            Status::Unreachable => Map::from_iter([("msg".to_owned(), "no route to host".into())]),
            _ => Map::new(),
        },
        diff: match status {
            Status::Changed => vec![Diff::text("/etc/motd", "old\n", text)],
            _ => Vec::new(),
        },
        digest: None,
        why: None,
        began: 0,
        took: 1000,
    };
    let mut kinds = vec![
        EventKind::RunStarted {
            format: FORMAT,
            run: "r1".to_owned(),
            refit: "0.1.0".to_owned(),
            command: Vec::new(),
            playbooks: vec!["site.yml".to_owned()],
            mode: RunMode::Plan,
            plan: None,
        },
        EventKind::PlayStarted {
            play: 0,
            name: "Web".to_owned(),
            hosts: names.clone(),
            strategy: "linear".to_owned(),
            place: place(1),
        },
        EventKind::BatchStarted { play: 0, number: 1, of: 1, hosts: names.clone() },
        EventKind::TaskStarted {
            task: 0,
            play: 0,
            name: "Greet".to_owned(),
            action: "copy".to_owned(),
            role: None,
            handler: false,
            place: place(4),
            args: None,
            implicit: false,
            hosts: 5,
        },
    ];
    for (number, name) in (1..).zip(&names) {
        let result = match number {
            3 => result(Status::Changed, "particular\n"),
            5 => result(Status::Unreachable, ""),
            _ => result(Status::Changed, "usual\n"),
        };
        kinds.push(EventKind::HostFinished { task: 0, host: name.clone(), result });
    }
    let row = |number| HostStats { changed: u32::from(number < 5), ..HostStats::default() };
    kinds.push(EventKind::RunFinished {
        stats: (1..).zip(&names).map(|(number, name)| (name.clone(), row(number))).collect(),
        not_attempted: indexmap::IndexMap::new(),
        owed_handlers: indexmap::IndexMap::new(),
        custom: Map::new(),
        exit_code: 4,
    });
    kinds.into_iter().zip(0..).map(|(kind, sequence)| Event { sequence, at: 1000, kind }).collect()
}

#[test]
fn equal_differences_are_shown_once_and_what_is_particular_stands_out() {
    let plan = PlanReader::read(&made_up());
    let text = plan_text(&plan, |_| true, &PlanLook { context: 3, ..PlanLook::default() });
    insta::assert_snapshot!(text);
}

#[test]
fn a_plan_comes_back_from_json_as_it_was() {
    let plan = PlanReader::read(&made_up());
    let json = serde_json::to_string(&plan).unwrap();
    let back: crate::plan::Plan = serde_json::from_str(&json).unwrap();
    assert_eq!(back, plan);
    assert!(back.check().is_ok());
    let other = json.replacen("\"version\":1", "\"version\":9", 1);
    let refused = serde_json::from_str::<crate::plan::Plan>(&other).unwrap_err().to_string();
    assert!(refused.contains("form 9"), "{refused}");
}
