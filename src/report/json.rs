//! `--output json`: one document at the end, in the form of Ansible's JSON callback (`ansible.posix.json`). In a dry run each
//! host's result also has its `prediction`.

use super::{Printer, censored};
use crate::event::{Event, EventKind, Place, RunMode, Status, TaskId, TaskResult, View};
use indexmap::IndexMap;
use serde_json::{Map, Value, json};
use std::collections::HashMap;

struct Task {
    play: usize,
    name: String,
    action: String,
    place: Place,
    began: i64,
    ended: i64,
    hosts: IndexMap<String, Value>,
}

struct Play {
    name: String,
    place: Place,
    began: i64,
    ended: i64,
    tasks: Vec<TaskId>,
}

/// Collects a run and prints it as one JSON document.
pub struct JsonView {
    out: Printer,
    err: Printer,
    run: String,
    plan: bool,
    plays: Vec<Play>,
    tasks: HashMap<TaskId, Task>,
}

impl JsonView {
    /// A view that prints the document to the first, and warnings and errors, which have no place in it, to the second.
    pub fn new(out: Printer, err: Printer) -> JsonView {
        JsonView { out, err, run: String::new(), plan: false, plays: Vec::new(), tasks: HashMap::new() }
    }

    fn finished(&mut self, id: TaskId, host: &str, result: &TaskResult, at: i64) {
        let plan = self.plan;
        let Some(task) = self.tasks.get_mut(&id) else { return };
        task.ended = at;
        let mut fields = if result.hidden { censored(result) } else { result.result.clone() };
        if !result.hidden && !result.diff.is_empty() && !fields.contains_key("diff") {
            fields.insert("diff".to_owned(), json!(result.diff));
        }
        let word = match result.status {
            Status::Failed => Some("failed"),
            Status::Skipped => Some("skipped"),
            Status::Unreachable => Some("unreachable"),
            Status::Ok | Status::Changed | Status::Unknown => None,
        };
        if let Some(word) = word {
            fields.insert(word.to_owned(), true.into());
        }
        fields.insert("action".to_owned(), task.action.clone().into());
        fields.insert("_ansible_no_log".to_owned(), result.hidden.into());
        if plan {
            fields.insert("prediction".to_owned(), json!(result.prediction()));
        }
        task.hosts.insert(host.to_owned(), Value::Object(fields));
        if let Some(play) = self.plays.get_mut(task.play) {
            play.ended = at;
        }
    }

    /// Ansible's callback has an entry for a host that a task includes something for, of the last item of a loop.
    fn included(&mut self, id: TaskId, hosts: &[String], what: &str) {
        let Some(task) = self.tasks.get_mut(&id) else { return };
        for host in hosts {
            let mut fields =
                json!({"action": task.action, "changed": false, "include": what, "_ansible_no_log": false});
            if self.plan {
                fields["prediction"] = "ok".into();
            }
            task.hosts.insert(host.clone(), fields);
        }
    }

    fn document(&self, stats: &IndexMap<String, crate::event::HostStats>, custom: &Map<String, Value>) -> Value {
        let plays: Vec<Value> = self.plays.iter().zip(0..).map(|(play, number)| self.play(play, number)).collect();
        let stats: Map<String, Value> = stats
            .iter()
            .map(|(host, row)| {
                let row = json!({
                    "changed": row.changed, "failures": row.failures, "ignored": row.ignored, "ok": row.ok,
                    "rescued": row.rescued, "skipped": row.skipped, "unreachable": row.unreachable,
                });
                (host.clone(), row)
            })
            .collect();
        let own: Map<String, Value> = custom
            .iter()
            .filter(|(host, _)| *host != "_run")
            .map(|(host, values)| (host.clone(), values.clone()))
            .collect();
        let of_run = custom.get("_run").cloned().unwrap_or_else(|| json!({}));
        json!({"custom_stats": own, "global_custom_stats": of_run, "plays": plays, "stats": stats})
    }

    fn play(&self, play: &Play, number: usize) -> Value {
        let tasks: Vec<Value> = play
            .tasks
            .iter()
            .filter_map(|id| self.tasks.get(id).map(|task| (id, task)))
            .map(|(id, task)| {
                json!({
                    "hosts": task.hosts,
                    "task": {
                        "duration": duration(task.began, task.ended),
                        "id": format!("{}-task-{id}", self.run),
                        "name": task.name,
                        "path": path(&task.place),
                    },
                })
            })
            .collect();
        json!({
            "play": {
                "duration": duration(play.began, play.ended),
                "id": format!("{}-play-{number}", self.run),
                "name": play.name,
                "path": path(&play.place),
            },
            "tasks": tasks,
        })
    }
}

fn path(place: &Place) -> String {
    format!("{}:{}", place.file, place.line)
}

fn duration(began: i64, ended: i64) -> Value {
    let time = |at| {
        // Milliseconds of any clock are in the range of timestamps; one that is not is shown as it is.
        jiff::Timestamp::from_millisecond(at).map_or_else(|_| at.to_string(), |time| format!("{time:.6}"))
    };
    json!({"end": time(ended), "start": time(began)})
}

impl View for JsonView {
    fn event(&mut self, event: &Event) {
        match &event.kind {
            EventKind::RunStarted { run, mode, .. } => {
                self.run.clone_from(run);
                self.plan = *mode == RunMode::Plan;
            }
            EventKind::PlayStarted { name, place, .. } => self.plays.push(Play {
                name: name.clone(),
                place: place.clone(),
                began: event.at,
                ended: event.at,
                tasks: Vec::new(),
            }),
            EventKind::TaskStarted { task, name, action, role, place, .. } => {
                let name = role.as_ref().map_or_else(|| name.clone(), |role| format!("{role} : {name}"));
                let Some(play) = self.plays.len().checked_sub(1) else { return };
                self.plays[play].tasks.push(*task);
                let (action, place) = (action.clone(), place.clone());
                let (began, ended) = (event.at, event.at);
                self.tasks.insert(*task, Task { play, name, action, place, began, ended, hosts: IndexMap::new() });
            }
            EventKind::HostFinished { .. } | EventKind::HostsSkipped { .. } => {
                event.kind.ends().for_each(|(task, host, result)| self.finished(task, host, result, event.at));
            }
            EventKind::Included { task, hosts, what, .. } => self.included(*task, hosts, what),
            EventKind::Warning { message, .. } => self.err.line(&format!("[WARNING]: {message}")),
            EventKind::Error { message } => self.err.line(&format!("[ERROR]: {message}")),
            EventKind::RunFinished { stats, custom, .. } => {
                let text = super::ansible::json_text(&self.document(stats, custom));
                self.out.line(&text);
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
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

    fn document(mode: &str) -> Value {
        let path = format!("{}/tests/views/recorded/diffs_check.ndjson", env!("CARGO_MANIFEST_DIR"));
        let page = Page::default();
        let mut view = JsonView::new(Printer::new(page.clone()), Printer::new(std::io::sink()));
        for line in std::fs::read_to_string(path).unwrap().lines() {
            let line = line.replace(r#""mode": "live""#, &format!(r#""mode": "{mode}""#));
            view.event(&serde_json::from_str(&line).unwrap());
        }
        let text = page.0.lock().unwrap().clone();
        serde_json::from_slice(&text).unwrap()
    }

    #[test]
    fn the_document_has_plays_tasks_hosts_and_stats() {
        let mut document = document("live");
        for task in document["plays"][0]["tasks"].as_array_mut().unwrap() {
            task["hosts"]["web1"]["invocation"] = "(left out)".into();
        }
        insta::assert_json_snapshot!(document);
    }

    #[test]
    fn each_result_of_a_dry_run_has_a_prediction() {
        let document = document("plan");
        let tasks = document["plays"][0]["tasks"].as_array().unwrap();
        let predictions: Vec<_> =
            tasks.iter().map(|task| task["hosts"]["web1"]["prediction"].as_str().unwrap()).collect();
        assert_eq!(predictions, ["change", "change", "change", "fail"]);
    }
}
