//! Reads a journal, and folds it to what was done.

use crate::event::{Event, EventKind, FORMAT, HostStats, RunMode, Status, TaskId};
use indexmap::{IndexMap, IndexSet};
use std::collections::HashMap;
use std::io::{self, BufRead};

/// Why a journal can't be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The file can't be read.
    #[error("can't read the journal: {0}")]
    Io(#[from] io::Error),
    /// A line that is not the last holds no event.
    #[error("line {line} of the journal holds no event: {error}")]
    Line {
        /// From 1.
        line: usize,
        /// What is wrong with it.
        error: serde_json::Error,
    },
    /// The first line is no run's beginning.
    #[error("this is no journal: it does not begin with the beginning of a run")]
    NoRun,
    /// Another Refit wrote it.
    #[error("the journal has format {found}, this Refit reads {FORMAT}: use the Refit that wrote it ({refit})")]
    Format {
        /// The format found.
        found: u64,
        /// The version of Refit that wrote it.
        refit: String,
    },
}

/// Reads a journal's events. A last line that is torn (the controller died while it wrote it) is left out.
pub fn read(journal: impl BufRead) -> Result<Vec<Event>, ReadError> {
    let mut events = Vec::new();
    let mut lines = journal.split(b'\n').enumerate().peekable();
    while let Some((index, line)) = lines.next() {
        let line = line?;
        if index == 0 {
            check_format(&line)?;
        }
        match serde_json::from_slice(&line) {
            Ok(event) => events.push(event),
            Err(_) if lines.peek().is_none() => break,
            Err(error) => return Err(ReadError::Line { line: index + 1, error }),
        }
    }
    if events.is_empty() { Err(ReadError::NoRun) } else { Ok(events) }
}

/// Looks at the first line as plain JSON: a later format may have events of another form.
fn check_format(line: &[u8]) -> Result<(), ReadError> {
    let first: serde_json::Value = serde_json::from_slice(line).map_err(|_| ReadError::NoRun)?;
    match (first["event"].as_str(), first["format"].as_u64()) {
        (Some("run_started"), Some(found)) if found == u64::from(FORMAT) => Ok(()),
        (Some("run_started"), Some(found)) => {
            Err(ReadError::Format { found, refit: first["refit"].as_str().unwrap_or_default().to_owned() })
        }
        _ => Err(ReadError::NoRun),
    }
}

/// What a run did on a host.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct HostRecord {
    /// Tasks that ended there, in order, and how.
    pub done: Vec<(TaskId, Status)>,
    /// Tasks that were begun and of whose end nothing is known: what they had done when the run ended must be looked at.
    pub underway: IndexSet<TaskId>,
    /// Handlers that were notified and did not run.
    pub owed: IndexSet<String>,
}

/// What a run did.
#[derive(Clone, Debug, PartialEq)]
pub struct Story {
    /// Its name.
    pub run: String,
    /// Whether it changed hosts.
    pub mode: RunMode,
    /// Its playbooks.
    pub playbooks: Vec<String>,
    /// The names of its tasks.
    pub tasks: HashMap<TaskId, String>,
    /// What it did on each host.
    pub hosts: IndexMap<String, HostRecord>,
    /// The last row of each host's recap, where the run came to its end.
    pub stats: Option<IndexMap<String, HostStats>>,
    /// The exit code, where it came to its end. `None`: it was killed, or still runs.
    pub exit_code: Option<i32>,
}

impl Story {
    /// Folds events. `None` where they don't begin with a run.
    pub fn of(events: &[Event]) -> Option<Story> {
        let (first, rest) = events.split_first()?;
        let EventKind::RunStarted { run, mode, playbooks, .. } = &first.kind else { return None };
        let story = Story {
            run: run.clone(),
            mode: *mode,
            playbooks: playbooks.clone(),
            tasks: HashMap::new(),
            hosts: IndexMap::new(),
            stats: None,
            exit_code: None,
        };
        let mut handlers = HashMap::new();
        Some(rest.iter().fold(story, |mut story, event| {
            story.take(&event.kind, &mut handlers);
            story
        }))
    }

    fn take(&mut self, kind: &EventKind, handlers: &mut HashMap<TaskId, String>) {
        match kind {
            EventKind::TaskStarted { task, name, handler, .. } => {
                self.tasks.insert(*task, name.clone());
                if *handler {
                    handlers.insert(*task, name.clone());
                }
            }
            EventKind::HostStarted { task, host } => {
                self.host(host).underway.insert(*task);
            }
            EventKind::HostFinished { .. } | EventKind::HostsSkipped { .. } => {
                for (task, host, result) in kind.ends() {
                    let handler = handlers.get(&task);
                    let record = self.host(host);
                    record.underway.shift_remove(&task);
                    record.done.push((task, result.status));
                    if let Some(name) = handler {
                        record.owed.shift_remove(name);
                    }
                }
            }
            EventKind::Notified { host, handlers, .. } => self.host(host).owed.extend(handlers.iter().cloned()),
            EventKind::RunFinished { stats, owed_handlers, exit_code, .. } => {
                for record in self.hosts.values_mut() {
                    record.owed.clear();
                }
                for (host, names) in owed_handlers {
                    self.host(host).owed = names.iter().cloned().collect();
                }
                self.stats = Some(stats.clone());
                self.exit_code = Some(*exit_code);
            }
            _ => {}
        }
    }

    fn host(&mut self, host: &str) -> &mut HostRecord {
        self.hosts.entry(host.to_owned()).or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{Place, TaskResult};

    fn event(sequence: u64, kind: EventKind) -> Event {
        Event { sequence, at: 1_700_000_000_000, kind }
    }

    fn begun() -> Vec<Event> {
        let host = || "web1".to_owned();
        let task = |task, handler| EventKind::TaskStarted {
            task,
            play: 0,
            name: if handler { "restart nginx" } else { "configure nginx" }.to_owned(),
            action: "template".to_owned(),
            role: None,
            handler,
            place: Place { file: "site.yml".to_owned(), line: 3, column: 5 },
            args: None,
            implicit: false,
            hosts: 1,
        };
        let result = TaskResult {
            status: Status::Changed,
            ignored: false,
            hidden: false,
            delegated_to: None,
            result: serde_json::Map::new(),
            diff: Vec::new(),
            digest: None,
            why: None,
            began: 0,
            took: 5,
        };
        let start = EventKind::RunStarted {
            format: FORMAT,
            run: "r1".to_owned(),
            refit: "0.1.0".to_owned(),
            command: Vec::new(),
            playbooks: vec!["site.yml".to_owned()],
            mode: RunMode::Live,
            plan: None,
        };
        let notified = EventKind::Notified { task: 0, host: host(), handlers: vec!["restart nginx".to_owned()] };
        let kinds = [
            start,
            task(0, false),
            EventKind::HostStarted { task: 0, host: host() },
            notified,
            EventKind::HostFinished { task: 0, host: host(), result },
            task(1, true),
            EventKind::HostStarted { task: 1, host: host() },
        ];
        kinds.into_iter().zip(0..).map(|(kind, sequence)| event(sequence, kind)).collect()
    }

    fn lines(events: &[Event]) -> String {
        events.iter().map(|event| serde_json::to_string(event).unwrap() + "\n").collect()
    }

    #[test]
    fn events_come_back_as_they_were() {
        let events = begun();
        assert_eq!(read(lines(&events).as_bytes()).unwrap(), events);
    }

    #[test]
    fn wherever_a_journal_is_torn_all_whole_lines_are_read() {
        let events = begun();
        let text = lines(&events);
        let first = text.find('\n').unwrap();
        for end in first + 1..text.len() {
            let whole = text[..end].matches('\n').count();
            // Where only the line's end is missing, the event is there.
            let torn_end = usize::from(text[end..].starts_with('\n'));
            assert_eq!(read(&text.as_bytes()[..end]).unwrap().len(), whole + torn_end, "torn at {end}");
        }
    }

    #[test]
    fn a_broken_line_in_the_middle_and_a_later_format_are_refused() {
        let text = lines(&begun());
        let broken = text.replacen("\"host_started\"", "\"host_", 1);
        assert!(matches!(read(broken.as_bytes()), Err(ReadError::Line { line: 3, .. })));
        let later = text.replacen(&format!("\"format\":{FORMAT}"), "\"format\":99", 1);
        assert!(matches!(read(later.as_bytes()), Err(ReadError::Format { found: 99, .. })));
        assert!(matches!(read(&b""[..]), Err(ReadError::NoRun)));
    }

    #[test]
    fn the_story_of_a_killed_run_tells_what_was_underway_and_owed() {
        let story = Story::of(&begun()).unwrap();
        assert_eq!(story.exit_code, None);
        let web1 = &story.hosts["web1"];
        assert_eq!(web1.done, [(0, Status::Changed)]);
        assert_eq!(web1.underway.iter().collect::<Vec<_>>(), [&1]);
        assert_eq!(web1.owed.iter().collect::<Vec<_>>(), ["restart nginx"], "it was begun, not done");
    }
}
