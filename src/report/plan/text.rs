//! A plan as text: the summary, what becomes of each thing with equal differences once, what may change and why, what fails.

use super::messages::messages;
use super::order::order;
use super::places::Places;
use crate::event::{RunMode, Status};
use crate::plan::{Change, Changes, HostOutcome, Kind, Plan, Step, Summary, Task};
use crate::report::human::diff::{of_texts, printable};
use crate::report::human::hosts::compact;
use crate::report::human::look::Look;
use console::{Style, measure_text_width};
use indexmap::{IndexMap, IndexSet};
use serde_json::Value;
use std::path::PathBuf;

/// What part of a plan is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Only {
    /// What is known to change.
    Changed,
    /// What may change.
    Unknown,
}

/// How a plan is shown.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PlanLook {
    /// Lines around each difference.
    pub context: usize,
    /// Whether to use colours.
    pub colour: bool,
    /// Show every line of long differences.
    pub everything: bool,
    /// What part; all of it where none is said.
    pub only: Option<Only>,
    /// Places below this directory are told from there.
    pub root: PathBuf,
}

/// Lines of one difference that are shown unless more is asked for.
const LINES: usize = 120;
/// Different messages of one task that are shown unless more is asked for.
const TEXTS: usize = 10;
/// Hosts that are named without their number.
const FEW: usize = 3;

/// The text of a plan, as far as hosts are wanted.
pub fn plan_text(plan: &Plan, wanted: impl Fn(&str) -> bool, settings: &PlanLook) -> String {
    let changes = Changes::of(plan, &wanted);
    let summary = Summary::of(plan, &changes);
    let look = Look::new(settings.colour);
    let places = Places::from(&settings.root, plan);
    let mut page = Page { plan, changes: &changes, places: &places, look: &look, settings, lines: Vec::new() };
    page.head(&summary);
    if settings.only.is_none() {
        page.order(&wanted);
    }
    page.changes();
    if settings.only != Some(Only::Unknown) {
        page.handlers(&wanted);
    }
    if settings.only != Some(Only::Changed) {
        page.unknown(&wanted);
    }
    if settings.only.is_none() {
        page.messages(&wanted);
        page.failures(&wanted);
    }
    page.verdict(&summary);
    page.lines.iter().map(|line| format!("{}\n", line.trim_end())).collect()
}

struct Page<'a> {
    plan: &'a Plan,
    changes: &'a Changes,
    places: &'a Places,
    look: &'a Look,
    settings: &'a PlanLook,
    lines: Vec<String>,
}

impl Page<'_> {
    fn live(&self) -> bool {
        self.plan.mode == RunMode::Live
    }

    fn line(&mut self, line: impl Into<String>) {
        self.lines.push(line.into());
    }

    fn heading(&mut self, text: &str, style: &Style) {
        let text = style.apply_to(text).to_string();
        self.line("");
        self.line(text);
    }

    /// The summary: hosts by outcome, then things by kind.
    fn head(&mut self, summary: &Summary) {
        let what = if self.live() { "Run" } else { "Plan" };
        let title = self.look.strong.apply_to(format!("{what} {}", self.plan.playbooks.join(" ")));
        let (hosts, tasks) = (number(self.plan.hosts.len(), "host"), number(self.plan.tasks.len(), "task"));
        let seconds = (self.plan.ended - self.plan.began) as f64 / 1000.0;
        let quiet = self.look.quiet.apply_to(format!("  {hosts}, {tasks}, {seconds:.1} s"));
        self.line(format!("{title}{quiet}"));
        let mut rows: Vec<(&str, String)> = Vec::new();
        for outcome in HostOutcome::ALL {
            let Some(names) = summary.hosts.get(&outcome) else { continue };
            let style = self.style(outcome);
            let word = style.apply_to(self.word(outcome));
            rows.push(("hosts", format!("{} {word}: {}", names.len(), compact(names.iter().map(String::as_str)))));
        }
        let counts = |numbers: &[(usize, &str)]| {
            let some: Vec<String> =
                numbers.iter().filter(|(count, _)| *count > 0).map(|(count, word)| format!("{count} {word}")).collect();
            some.join(", ")
        };
        let s = summary;
        rows.push((
            "files",
            counts(&[(s.files_new, "new"), (s.files_changed, "changed"), (s.files_removed, "removed")]),
        ));
        rows.push((
            "packages",
            counts(&[
                (s.packages_new, "installed"),
                (s.packages_changed, "of another version"),
                (s.packages_removed, "removed"),
            ]),
        ));
        rows.push(("accounts", counts(&[(s.accounts, "changed")])));
        rows.push(("services", counts(&[(s.units, "changed or restarted")])));
        let one_or_more = |count: usize, one: &'static str, more: &'static str| if count == 1 { one } else { more };
        let restarted = one_or_more(s.reboots, "host restarted", "hosts restarted");
        rows.push(("reboots", counts(&[(s.reboots, restarted)])));
        let uncertain = one_or_more(s.unknown, "task that may change something", "tasks that may change something");
        rows.push(("unknown", counts(&[(s.unknown, uncertain)])));
        let mut last = "";
        for (label, text) in rows.into_iter().filter(|(_, text)| !text.is_empty()) {
            let shown = if label == last { "" } else { label };
            self.line(format!("  {shown:<9} {text}"));
            last = label;
        }
        for message in self.plan.errors.clone() {
            let head = self.look.failed.apply_to("error:").to_string();
            self.line(format!("{head} {}", printable(&message)));
        }
    }

    fn word(&self, outcome: HostOutcome) -> &'static str {
        match (outcome, self.live()) {
            (HostOutcome::Ok, _) => "ok",
            (HostOutcome::Change, false) => "will change",
            (HostOutcome::Change, true) => "changed",
            (HostOutcome::Unknown, _) => "may change",
            (HostOutcome::Fail, false) => "will fail",
            (HostOutcome::Fail, true) => "failed",
            (HostOutcome::Unreachable, false) => "could not be planned (unreachable)",
            (HostOutcome::Unreachable, true) => "unreachable",
            (HostOutcome::NotAttempted, false) => "not planned to the end",
            (HostOutcome::NotAttempted, true) => "not attempted",
        }
    }

    fn style(&self, outcome: HostOutcome) -> &Style {
        match outcome {
            HostOutcome::Ok => &self.look.ok,
            HostOutcome::Change => &self.look.changed,
            HostOutcome::Unknown => &self.look.unknown,
            HostOutcome::Fail | HostOutcome::Unreachable | HostOutcome::NotAttempted => &self.look.failed,
        }
    }

    /// The plays with their hosts, where there is more to say than that all hosts go through the one.
    fn order(&mut self, wanted: &impl Fn(&str) -> bool) {
        let plays = order(self.plan, wanted);
        if plays.len() < 2 && plays.iter().all(|found| found.play.batches.len() < 2) {
            return;
        }
        self.heading("Order of the run", &self.look.strong);
        for (found, count) in plays.iter().zip(1..) {
            let name = self.look.strong.apply_to(printable(&found.play.name));
            let place = self.look.quiet.apply_to(self.places.at(&found.play.place));
            self.line(format!("  {count}. {name}  {}  {place}", found.hosts));
            for batch in &found.batches {
                self.line(format!("     {batch}"));
            }
            self.line(format!("     {}", found.changes));
        }
    }

    /// What tasks tell people.
    fn messages(&mut self, wanted: &impl Fn(&str) -> bool) {
        let found = messages(self.plan, wanted);
        if found.is_empty() {
            return;
        }
        self.heading("Messages", &self.look.strong);
        for told in found {
            let Some(task) = self.plan.tasks.get(told.task as usize) else { continue };
            let (name, place) = (self.look.strong.apply_to(printable(&task.title())), self.at(task));
            let few = if self.settings.everything { told.texts.len() } else { TEXTS };
            for (text, names) in told.texts.iter().take(few) {
                self.line(format!("  {name}  {}  {}", self.look.quiet.apply_to(&place), hosts(names)));
                let lines: Vec<&str> = text.lines().collect();
                let shown = if self.settings.everything { lines.len() } else { LINES };
                for line in lines.iter().take(shown) {
                    self.line(format!("    {}", printable(line)));
                }
                self.more(lines.len().saturating_sub(shown), "lines");
            }
            self.more(told.texts.len().saturating_sub(few), "messages of this task");
        }
    }

    fn more(&mut self, count: usize, what: &str) {
        if count > 0 {
            self.line(format!("    {}", self.look.quiet.apply_to(format!("… {count} more {what} (-v shows all)"))));
        }
    }

    fn at(&self, task: &Task) -> String {
        self.places.at(&task.place)
    }

    /// A task where it is mentioned: `Configure nginx (roles/web/tasks/main.yml:3)`.
    fn reference(&self, task: &Task) -> String {
        format!("`{}` ({})", printable(&task.title()), self.at(task))
    }

    fn references<'t>(&self, tasks: impl IntoIterator<Item = &'t u32>) -> Vec<String> {
        let tasks = tasks.into_iter().filter_map(|task| self.plan.tasks.get(*task as usize));
        tasks.map(|task| self.reference(task)).collect()
    }

    /// The plays of these tasks, where there are several to choose from.
    fn plays(&self, tasks: &[u32]) -> String {
        if self.plan.plays.len() < 2 {
            return String::new();
        }
        let tasks = tasks.iter().filter_map(|task| self.plan.tasks.get(*task as usize));
        let plays: IndexSet<u32> = tasks.map(|task| task.play).collect();
        let names = plays.iter().filter_map(|play| self.plan.plays.get(*play as usize));
        let names: Vec<String> = names.map(|play| printable(&play.name)).collect();
        format!(", in {}", names.join(" and "))
    }

    fn changes(&mut self) {
        let changes = self.changes;
        for kind in Kind::ALL {
            let shown = |change: &&Change| match self.settings.only {
                None => true,
                Some(Only::Changed) => !change.uncertain,
                Some(Only::Unknown) => change.uncertain,
            };
            let of_kind: Vec<&Change> = changes.of_kind(kind).filter(shown).collect();
            if of_kind.is_empty() {
                continue;
            }
            self.heading(kind.heading(), &self.look.changed);
            // The first group of a thing has most hosts; the others are what is particular, where more than the tasks differ.
            let mut usual: Option<&Change> = None;
            for change in of_kind {
                let particular = usual.is_some_and(|usual| usual.subject == change.subject && !usual.is_alike(change));
                self.change(change, particular);
                if usual.is_none_or(|usual| usual.subject != change.subject) {
                    usual = Some(change);
                }
            }
        }
    }

    fn change(&mut self, change: &Change, particular: bool) {
        let look = self.look;
        let mark = match (change.is_new, change.is_gone) {
            (true, true) => " (made, and removed again)",
            (true, false) => " (new)",
            (false, true) => " (removed)",
            (false, false) => "",
        };
        let unsure = if change.uncertain { format!(" {}", look.unknown.apply_to("may change")) } else { String::new() };
        let name = look.strong.apply_to(printable(&change.subject));
        let hosts = hosts(&change.hosts);
        let hosts = if particular { look.unknown.apply_to(format!("only {hosts}")).to_string() } else { hosts };
        self.line(format!("  {name}{mark}{unsure}  {hosts}"));
        let (tasks, plays) = (self.references(&change.tasks), self.plays(&change.tasks));
        self.line(format!("    {}", look.quiet.apply_to(format!("by {}{plays}", tasks.join(", then ")))));
        for field in &change.fields {
            let (old, new) = (look.removed.apply_to(shown(&field.before)), look.added.apply_to(shown(&field.after)));
            self.line(format!("    {}: {old} -> {new}", printable(&field.name)));
        }
        if let Some((before, after)) = change.text {
            let (before, after) = (text(self.plan.content(before)), text(self.plan.content(after)));
            let mut lines = of_texts("", &before, &after, self.settings.context, look);
            if lines.len() > LINES && !self.settings.everything {
                let more = lines.len() - LINES;
                lines.truncate(LINES);
                lines.push(look.quiet.apply_to(format!("… {more} more lines (-v shows all)")).to_string());
            }
            self.lines.extend(lines.into_iter().map(|line| format!("    {line}")));
        }
    }

    /// Handlers that run, with the tasks that notify them.
    fn handlers(&mut self, wanted: &impl Fn(&str) -> bool) {
        let mut found: IndexMap<(u32, Vec<u32>), Vec<String>> = IndexMap::new();
        for (name, host) in self.plan.hosts.iter().filter(|(name, _)| wanted(name)) {
            let mut seen = IndexSet::new();
            for (taken, task, step) in self.plan.way(host) {
                if !task.handler || step.status == Status::Skipped || !seen.insert(taken.task) {
                    continue;
                }
                let by = self.plan.way(host).filter(|(_, _, step)| step.notifies.contains(&task.name));
                let by: IndexSet<u32> = by.map(|(taken, ..)| taken.task).collect();
                found.entry((taken.task, by.into_iter().collect())).or_default().push(name.clone());
            }
        }
        if found.is_empty() {
            return;
        }
        self.heading("Handlers", &self.look.changed);
        for ((handler, by), names) in found {
            let Some(task) = self.plan.tasks.get(handler as usize) else { continue };
            let name = self.look.strong.apply_to(printable(&task.title()));
            let by = self.references(&by);
            self.line(format!("  {name}  {}", hosts(&names)));
            if !by.is_empty() {
                self.line(format!("    {}", self.look.quiet.apply_to(format!("notified by {}", by.join(", ")))));
            }
        }
    }

    /// Tasks of a status, with what is said of each; equal ones once.
    fn told(
        &self,
        wanted: &impl Fn(&str) -> bool,
        pick: impl Fn(&Step) -> bool,
    ) -> IndexMap<(u32, Vec<String>), Vec<String>> {
        let mut found: IndexMap<(u32, Vec<String>), Vec<String>> = IndexMap::new();
        for (name, host) in self.plan.hosts.iter().filter(|(name, _)| wanted(name)) {
            for (taken, _, step) in self.plan.way(host).filter(|(_, _, step)| pick(step)) {
                found.entry((taken.task, reasons(step))).or_default().push(name.clone());
            }
        }
        found
    }

    fn section(&mut self, heading: &str, style: &Style, found: IndexMap<(u32, Vec<String>), Vec<String>>) {
        if found.is_empty() {
            return;
        }
        self.heading(heading, style);
        for ((task, why), mut names) in found {
            names.dedup();
            let Some(task) = self.plan.tasks.get(task as usize) else { continue };
            let name = self.look.strong.apply_to(printable(&task.title()));
            let place = self.look.quiet.apply_to(self.at(task));
            self.line(format!("  {name}  {place}  {}", hosts(&names)));
            for why in why {
                let why = self.places.within(&why);
                self.lines.extend(why.lines().map(|line| format!("    {}", printable(line))));
            }
        }
    }

    fn unknown(&mut self, wanted: &impl Fn(&str) -> bool) {
        let found = self.told(wanted, |step| step.status == Status::Unknown);
        self.section("May change (known only when it runs)", &self.look.unknown, found);
    }

    fn failures(&mut self, wanted: &impl Fn(&str) -> bool) {
        let found = self.told(wanted, |step| step.status == Status::Failed && !step.ignored);
        self.section(if self.live() { "Failed" } else { "Will fail" }, &self.look.failed, found);
        let found = self.told(wanted, |step| step.status == Status::Unreachable);
        self.section("Unreachable", &self.look.failed, found);
        let mut left: IndexMap<String, Vec<String>> = IndexMap::new();
        for (name, host) in self.plan.hosts.iter().filter(|(name, _)| wanted(name)) {
            if let Some(why) = &host.not_attempted {
                left.entry(why.clone()).or_default().push(name.clone());
            }
        }
        if !left.is_empty() {
            self.heading("Not attempted", &self.look.failed);
            for (why, names) in left {
                self.line(format!("  {}  {}", hosts(&names), printable(&why)));
            }
        }
    }

    fn verdict(&mut self, summary: &Summary) {
        let mut parts = Vec::new();
        for outcome in HostOutcome::ALL.into_iter().filter(|outcome| *outcome != HostOutcome::Ok) {
            if summary.count(outcome) > 0 {
                parts.push(format!("{} {}", summary.count(outcome), self.word(outcome)));
            }
        }
        if parts.is_empty() {
            parts.push("nothing to change".to_owned());
        }
        let tail = if self.live() { "" } else { " Nothing was changed." };
        self.line("");
        self.line(format!("{}: {}.{tail}", number(self.plan.hosts.len(), "host"), parts.join(", ")));
    }
}

/// Why a step ends as it does: its own reason, or those of its items.
fn reasons(step: &Step) -> Vec<String> {
    if step.items.is_empty() {
        return step.why.iter().cloned().collect();
    }
    let mut by_why: IndexMap<&str, Vec<String>> = IndexMap::new();
    for item in &step.items {
        by_why.entry(&item.why).or_default().push(shown(&item.label));
    }
    by_why.into_iter().map(|(why, labels)| format!("{}: {why}", labels.join(", "))).collect()
}

/// `web1, web2`, or `214 hosts: web[001:214]`.
pub(super) fn hosts(names: &[String]) -> String {
    let text = compact(names.iter().map(String::as_str));
    if names.len() > FEW { format!("{}: {text}", number(names.len(), "host")) } else { text }
}

pub(super) fn number(count: usize, word: &str) -> String {
    if count == 1 { format!("1 {word}") } else { format!("{count} {word}s") }
}

/// A value of a field.
fn shown(value: &Value) -> String {
    match value {
        Value::Null => "(none)".to_owned(),
        Value::String(text) if text.is_empty() => "\"\"".to_owned(),
        Value::String(text) => printable(text),
        other => {
            let text = other.to_string();
            if measure_text_width(&text) > 200 { text.chars().take(200).chain(['…']).collect() } else { text }
        }
    }
}

/// One side of a difference as text.
pub(super) fn text(side: &Value) -> String {
    match side {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => serde_yaml::to_string(other).unwrap_or_else(|_| other.to_string()),
    }
}
