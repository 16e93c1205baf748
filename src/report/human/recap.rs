//! The end of a run: what was changed, what failed, what was never attempted, and what is owed.

use super::failure::message;
use super::hosts::compact;
use super::look::Look;
use super::task::Task;
use crate::event::{Event, EventKind, HostStats, Status, TaskResult};
use console::{Style, measure_text_width};
use indexmap::{IndexMap, IndexSet};

/// Tasks that are listed as having changed something.
const TASKS: usize = 30;

/// What is remembered for the end.
#[derive(Default)]
pub struct Recap {
    began: i64,
    hosts: IndexSet<String>,
    changed: IndexMap<String, IndexSet<String>>,
    unknown: IndexMap<String, IndexSet<String>>,
    /// Each host's failures in order: (what, where).
    failed: IndexMap<String, Vec<(String, String)>>,
    unreachable: IndexMap<String, IndexSet<String>>,
}

impl Recap {
    pub fn begin(&mut self, at: i64) {
        self.began = at;
    }

    /// Hosts that a play is for.
    pub fn expect(&mut self, hosts: &[String]) {
        self.hosts.extend(hosts.iter().cloned());
    }

    /// A host's place in the order of the plays.
    pub fn rank(&self, host: &str) -> usize {
        self.hosts.get_index_of(host).unwrap_or(usize::MAX)
    }

    /// The names in that order.
    fn names(&self, hosts: &IndexSet<String>) -> String {
        let mut sorted: Vec<&str> = hosts.iter().map(String::as_str).collect();
        sorted.sort_by_key(|host| self.rank(host));
        compact(sorted)
    }

    /// A task ended on a host.
    pub fn count(&mut self, task: &Task, host: &str, result: &TaskResult) {
        if result.status == Status::Failed && !result.ignored {
            let what = format!("{}: {}", task.title, first_line(&message(result)));
            let place = format!("{}:{}", task.place.file, task.place.line);
            self.failed.entry(host.to_owned()).or_default().push((what, place));
        }
        let hosts = match result.status {
            Status::Changed => self.changed.entry(task.title.clone()).or_default(),
            Status::Unknown => self.unknown.entry(task.title.clone()).or_default(),
            Status::Unreachable if !result.ignored => {
                self.unreachable.entry(first_line(&message(result)).to_owned()).or_default()
            }
            _ => return,
        };
        hosts.insert(host.to_owned());
    }

    /// The lines of the recap. `end` is the run's last event.
    pub fn lines(&self, end: &Event, plan: bool, brief: bool, look: &Look) -> Vec<String> {
        let EventKind::RunFinished { stats, not_attempted, owed_handlers, .. } = &end.kind else { return Vec::new() };
        let verdict = self.verdict(end, stats, not_attempted.len(), plan, look);
        if brief {
            return vec![String::new(), verdict];
        }
        let mut lines = vec![String::new(), look.strong.apply_to(if plan { "Plan" } else { "Recap" }).to_string()];
        lines.extend(self.rows(stats, plan, look));
        let changed = if plan { "Will change" } else { "Changed" };
        section(&mut lines, changed, &look.changed, self.by_task(&self.changed));
        section(&mut lines, "May change (known only when it runs)", &look.unknown, self.by_task(&self.unknown));
        let failed = self.grouped(self.unrescued(stats).map(|(host, (what, place))| {
            let place = look.quiet.apply_to(format!("  {place}"));
            (host, format!("{what}{place}"))
        }));
        section(&mut lines, if plan { "Will fail" } else { "Failed" }, &look.failed, failed);
        let unreachable = self.unreachable.iter().map(|(why, hosts)| (self.names(hosts), why.clone()));
        section(&mut lines, "Unreachable", &look.failed, unreachable.collect());
        section(
            &mut lines,
            "Not attempted",
            &look.failed,
            self.grouped(not_attempted.iter().map(|(h, w)| (h, w.clone()))),
        );
        let owed = self.grouped(owed_handlers.iter().map(|(host, names)| (host, names.join(", "))));
        section(&mut lines, "Handlers owed: notified, and not run", &look.failed, owed);
        lines.push(String::new());
        lines.push(verdict);
        lines
    }

    /// The failures that no `rescue` took care of: a host's last ones, as many as were counted.
    fn unrescued<'a>(
        &'a self,
        stats: &'a IndexMap<String, HostStats>,
    ) -> impl Iterator<Item = (&'a String, &'a (String, String))> {
        self.failed.iter().flat_map(|(host, failures)| {
            let counted = stats.get(host).map_or(0, |row| row.failures as usize);
            failures.iter().skip(failures.len().saturating_sub(counted)).map(move |failure| (host, failure))
        })
    }

    fn by_task(&self, tasks: &IndexMap<String, IndexSet<String>>) -> Vec<(String, String)> {
        let mut rows: Vec<(String, String)> =
            tasks.iter().take(TASKS).map(|(title, hosts)| (title.clone(), self.names(hosts))).collect();
        if tasks.len() > TASKS {
            rows.push((format!("… and {} more tasks", tasks.len() - TASKS), String::new()));
        }
        rows
    }

    /// Hosts of which the same is said, together.
    fn grouped<'a>(&self, said: impl Iterator<Item = (&'a String, String)>) -> Vec<(String, String)> {
        let mut groups: IndexMap<String, IndexSet<String>> = IndexMap::new();
        for (host, what) in said {
            groups.entry(what).or_default().insert(host.clone());
        }
        groups.into_iter().map(|(what, hosts)| (self.names(&hosts), what)).collect()
    }

    /// The numbers of each host; hosts with the same numbers share a row.
    fn rows(&self, stats: &IndexMap<String, HostStats>, plan: bool, look: &Look) -> Vec<String> {
        let mut groups: IndexMap<Vec<String>, IndexSet<String>> = IndexMap::new();
        for (host, row) in stats {
            let columns = [
                (row.ok, "ok", &look.ok),
                (row.changed, if plan { "will change" } else { "changed" }, &look.changed),
                (row.unknown, "may change", &look.unknown),
                (row.skipped, "skipped", &look.quiet),
                (row.rescued, "rescued", &look.changed),
                (row.ignored, "ignored", &look.changed),
                (row.failures, if plan { "WILL FAIL" } else { "FAILED" }, &look.failed),
                (row.unreachable, "UNREACHABLE", &look.failed),
            ];
            let shown: Vec<String> = columns
                .into_iter()
                .filter(|(number, ..)| *number > 0)
                .map(|(number, word, style)| style.apply_to(format!("{word} {number}")).to_string())
                .collect();
            groups.entry(shown).or_default().insert(host.clone());
        }
        table(groups.into_iter().map(|(columns, hosts)| (self.names(&hosts), columns)).collect())
    }

    fn verdict(
        &self,
        end: &Event,
        stats: &IndexMap<String, HostStats>,
        not_attempted: usize,
        plan: bool,
        look: &Look,
    ) -> String {
        let count = |test: fn(&HostStats) -> bool| stats.values().filter(|row| test(row)).count();
        let failed = count(|row| row.failures > 0);
        let unreachable = count(|row| row.unreachable > 0);
        let changed = count(|row| row.changed > 0);
        let unknown = count(|row| row.unknown > 0);
        let total = stats.len().max(self.hosts.len());
        let mut parts = Vec::new();
        let mut part = |number: usize, words: &str| {
            if number > 0 {
                parts.push(format!("{number} {words}"));
            }
        };
        part(failed, if plan { "will fail" } else { "failed" });
        part(unreachable, "unreachable");
        part(not_attempted, "not attempted");
        part(changed, if plan { "will change" } else { "changed" });
        part(unknown, "may change");
        if parts.is_empty() {
            parts.push(if plan { "nothing to change" } else { "nothing had to change" }.to_owned());
        }
        let hosts = if total == 1 { "1 host".to_owned() } else { format!("{total} hosts") };
        let bad = failed + unreachable + not_attempted > 0;
        let style = match (bad, unknown, changed) {
            (true, _, _) => &look.failed,
            (false, 1.., _) => &look.unknown,
            (false, 0, 1..) => &look.changed,
            (false, 0, 0) => &look.ok,
        };
        let seconds = (end.at - self.began) as f64 / 1000.0;
        let tail = if plan { " Nothing was changed." } else { "" };
        format!("{}: {}.{tail}  {seconds:.1} s", hosts, style.apply_to(parts.join(", ")))
    }
}

fn first_line(text: &str) -> &str {
    text.lines().next().unwrap_or_default()
}

fn section(lines: &mut Vec<String>, title: &str, style: &Style, rows: Vec<(String, String)>) {
    if rows.is_empty() {
        return;
    }
    lines.push(style.apply_to(title).to_string());
    lines.extend(table(rows.into_iter().map(|(left, right)| (left, vec![right])).collect()));
}

/// Rows with the first column aligned.
fn table(rows: Vec<(String, Vec<String>)>) -> Vec<String> {
    // One very long first column does not push all others away.
    const WIDEST: usize = 40;
    let width =
        rows.iter().map(|(left, _)| measure_text_width(left)).filter(|width| *width <= WIDEST).max().unwrap_or(0);
    rows.into_iter()
        .map(|(left, right)| {
            let pad = " ".repeat(width.saturating_sub(measure_text_width(&left)));
            format!("  {left}{pad}  {}", right.join("  "))
        })
        .collect()
}
