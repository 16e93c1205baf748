//! A plan, or what a run did, as one HTML file: no network, nothing from elsewhere. The data travels inside as JSON; the page's
//! own script draws what is opened, so that a thousand hosts are no hundred thousand rows.

use super::messages::messages;
use super::order::order;
use super::places::Places;
use super::text::text;
use crate::event::{RunMode, Status};
use crate::plan::{Changes, HostOutcome, Pair, Plan, Step, Summary};
use crate::report::human::hosts::compact;
use indexmap::IndexMap;
use serde::Serialize;
use similar::{ChangeTag, TextDiff};
use std::path::Path;

const PAGE: &str = include_str!("page.html");
const STYLE: &str = include_str!("page.css");
const SCRIPT: &str = include_str!("page.js");

/// Lines around each difference.
const CONTEXT: usize = 3;

/// Everything that the page shows. Hosts and tasks are named by their place in their lists.
#[derive(Serialize)]
struct Page<'a> {
    title: String,
    live: bool,
    began: i64,
    ended: i64,
    refit: &'a str,
    run: &'a str,
    hosts: Vec<&'a str>,
    tasks: Vec<PageTask<'a>>,
    outcomes: Vec<PageOutcome>,
    summary: Summary,
    order: Vec<PageOrder<'a>>,
    changes: Vec<PageChange>,
    told: Vec<Told>,
    groups: Vec<Group>,
    ways: Vec<Vec<PageStep>>,
    batches: Vec<PageBatch<'a>>,
    deviations: Vec<Told>,
    beside: bool,
    errors: &'a [String],
}

#[derive(Serialize)]
struct PageTask<'a> {
    title: String,
    at: String,
    action: &'a str,
    role: Option<&'a str>,
    play: &'a str,
}

#[derive(Serialize)]
struct PageOutcome {
    name: HostOutcome,
    hosts: Vec<u32>,
    text: String,
}

#[derive(Serialize)]
struct PageChange {
    kind: &'static str,
    subject: String,
    new: bool,
    gone: bool,
    uncertain: bool,
    fields: Vec<(String, String, String)>,
    hunks: Vec<Vec<(char, String)>>,
    tasks: Vec<u32>,
    hosts: Vec<u32>,
    text: String,
}

/// A play in the order of the run.
#[derive(Serialize)]
struct PageOrder<'a> {
    play: &'a str,
    at: String,
    hosts: String,
    batches: Vec<String>,
    changes: String,
}

/// Something said of a task on hosts: that it may change, that it fails, that it deviates.
#[derive(Serialize)]
struct Told {
    status: &'static str,
    task: u32,
    why: String,
    hosts: Vec<u32>,
    text: String,
}

/// Hosts that go the same way.
#[derive(Serialize)]
struct Group {
    hosts: Vec<u32>,
    text: String,
    outcome: HostOutcome,
    way: usize,
}

/// (task, status, milliseconds, status and milliseconds that were planned)
#[derive(Serialize)]
struct PageStep(u32, Status, u64, Option<(Status, u64)>);

#[derive(Serialize)]
struct PageBatch<'a> {
    play: &'a str,
    hosts: String,
    count: usize,
    began: i64,
    ended: i64,
}

/// The page of a plan; of a run, beside its plan where there is one. Places below `root` are told from there.
pub fn plan_html(plan: &Plan, planned: Option<&Plan>, root: &Path) -> Result<String, serde_json::Error> {
    let places = Places::from(root, plan);
    let changes = Changes::of(plan, |_| true);
    let numbers: IndexMap<&str, u32> = plan.hosts.keys().map(String::as_str).zip(0..).collect();
    let summary = Summary::of(plan, &changes);
    let live = plan.mode == RunMode::Live;
    let page = Page {
        title: format!("{} {}", if live { "Run" } else { "Plan" }, plan.playbooks.join(" ")),
        live,
        began: plan.began,
        ended: plan.ended,
        refit: &plan.refit,
        run: &plan.run,
        hosts: plan.hosts.keys().map(String::as_str).collect(),
        tasks: tasks(plan, &places),
        outcomes: HostOutcome::ALL
            .into_iter()
            .filter_map(|outcome| {
                let hosts = summary.hosts.get(&outcome)?;
                Some(PageOutcome { name: outcome, hosts: indices(&numbers, hosts), text: names(hosts) })
            })
            .collect(),
        order: order(plan, |_| true)
            .into_iter()
            .map(|found| PageOrder {
                play: &found.play.name,
                at: places.at(&found.play.place),
                hosts: found.hosts,
                batches: found.batches,
                changes: found.changes,
            })
            .collect(),
        changes: page_changes(plan, &changes, &numbers),
        told: told(plan, &numbers, &places),
        batches: batches(plan),
        deviations: deviations(plan, planned, &numbers),
        beside: planned.is_some(),
        errors: &plan.errors,
        groups: Vec::new(),
        ways: Vec::new(),
        summary,
    };
    let page = with_groups(page, plan, planned);
    // In a script element only a closing tag could end the data.
    let data = serde_json::to_string(&page)?.replace('<', "\\u003c");
    Ok(PAGE
        .replace("{{title}}", &escaped(&page.title))
        .replace("{{style}}", STYLE)
        .replace("{{script}}", SCRIPT)
        .replace("{{data}}", &data))
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

fn names(hosts: &[String]) -> String {
    compact(hosts.iter().map(String::as_str))
}

fn indices(numbers: &IndexMap<&str, u32>, hosts: &[String]) -> Vec<u32> {
    hosts.iter().filter_map(|host| numbers.get(host.as_str()).copied()).collect()
}

fn tasks<'a>(plan: &'a Plan, places: &Places) -> Vec<PageTask<'a>> {
    plan.tasks
        .iter()
        .map(|task| PageTask {
            title: task.title(),
            at: places.at(&task.place),
            action: &task.action,
            role: task.role.as_deref(),
            play: plan.plays.get(task.play as usize).map_or("", |play| &play.name),
        })
        .collect()
}

fn page_changes(plan: &Plan, changes: &Changes, numbers: &IndexMap<&str, u32>) -> Vec<PageChange> {
    let shown = |value: &serde_json::Value| match value {
        serde_json::Value::Null => "(none)".to_owned(),
        serde_json::Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    changes
        .0
        .iter()
        .map(|change| PageChange {
            kind: change.kind.heading(),
            subject: change.subject.clone(),
            new: change.is_new,
            gone: change.is_gone,
            uncertain: change.uncertain,
            fields: change.fields.iter().map(|f| (f.name.clone(), shown(&f.before), shown(&f.after))).collect(),
            hunks: change
                .text
                .map(|(old, new)| hunks(&text(plan.content(old)), &text(plan.content(new))))
                .unwrap_or_default(),
            tasks: change.tasks.clone(),
            hosts: indices(numbers, &change.hosts),
            text: names(&change.hosts),
        })
        .collect()
}

/// The lines of each place that differs: `@` for its head, ` `, `-` and `+`.
fn hunks(before: &str, after: &str) -> Vec<Vec<(char, String)>> {
    let difference = TextDiff::from_lines(before, after);
    let mut hunks = Vec::new();
    for group in difference.grouped_ops(CONTEXT) {
        let (Some(first), Some(last)) = (group.first(), group.last()) else { continue };
        let (old, new) = (first.old_range().start..last.old_range().end, first.new_range().start..last.new_range().end);
        let head = format!("@@ -{},{} +{},{} @@", old.start + 1, old.len(), new.start + 1, new.len());
        let mut lines = vec![('@', head)];
        for change in group.iter().flat_map(|op| difference.iter_changes(op)) {
            let sign = match change.tag() {
                ChangeTag::Delete => '-',
                ChangeTag::Insert => '+',
                ChangeTag::Equal => ' ',
            };
            lines.push((sign, change.value().trim_end_matches('\n').to_owned()));
        }
        hunks.push(lines);
    }
    hunks
}

/// What may change, what fails, what was not reached, what tasks say: equal ones of several hosts once.
fn told(plan: &Plan, numbers: &IndexMap<&str, u32>, places: &Places) -> Vec<Told> {
    let mut found: IndexMap<(&'static str, u32, String), Vec<String>> = IndexMap::new();
    for (name, host) in &plan.hosts {
        for (taken, _, step) in plan.way(host) {
            let status = match step.status {
                Status::Unknown => "unknown",
                Status::Failed if !step.ignored => "failed",
                Status::Unreachable => "unreachable",
                _ => continue,
            };
            found.entry((status, taken.task, why(step))).or_default().push(name.clone());
        }
    }
    let mut told = gathered(found, numbers);
    told.iter_mut().for_each(|told| told.why = places.within(&told.why));
    for said in messages(plan, |_| true) {
        let of_text = |(text, hosts): (&str, Vec<String>)| Told {
            status: "message",
            task: said.task,
            why: text.to_owned(),
            hosts: indices(numbers, &hosts),
            text: names(&hosts),
        };
        told.extend(said.texts.into_iter().map(of_text));
    }
    told
}

fn gathered(found: IndexMap<(&'static str, u32, String), Vec<String>>, numbers: &IndexMap<&str, u32>) -> Vec<Told> {
    let told = found.into_iter().map(|((status, task, why), mut hosts)| {
        hosts.dedup();
        Told { status, task, why, hosts: indices(numbers, &hosts), text: names(&hosts) }
    });
    told.collect()
}

fn why(step: &Step) -> String {
    let items = step.items.iter().map(|item| format!("{}: {}", text(&item.label).trim_end(), item.why));
    let lines: Vec<String> = if step.items.is_empty() { step.why.iter().cloned().collect() } else { items.collect() };
    lines.join("\n")
}

/// Hosts on which something was done that was not planned.
fn deviations(done: &Plan, planned: Option<&Plan>, numbers: &IndexMap<&str, u32>) -> Vec<Told> {
    let mut found: IndexMap<(&'static str, u32, String), Vec<String>> = IndexMap::new();
    for (name, host) in &done.hosts {
        for (task, why) in &host.deviations {
            found.entry(("deviation", *task, why.clone())).or_default().push(name.clone());
        }
    }
    let Some(planned) = planned else { return gathered(found, numbers) };
    let places: IndexMap<_, u32> = done.tasks.iter().map(crate::plan::Task::key).zip(0..).collect();
    for (host, differences) in (Pair { first: planned, second: done }).differences() {
        for difference in differences.iter().filter(|difference| !difference.is_excused()) {
            let Some(task) = places.get(&difference.task.key()) else { continue };
            let word = |step: Option<&Step>| {
                step.map_or("not there".to_owned(), |step| format!("{:?}", step.status).to_lowercase())
            };
            let why = format!("planned: {}, done: {}", word(difference.first), word(difference.second));
            found.entry(("deviation", *task, why)).or_default().push(host.to_owned());
        }
    }
    gathered(found, numbers)
}

fn batches(plan: &Plan) -> Vec<PageBatch<'_>> {
    let of_play = |play: &'_ crate::plan::Play| -> Vec<(String, usize, i64, i64)> {
        play.batches.iter().map(|batch| (names(&batch.hosts), batch.hosts.len(), batch.began, batch.ended)).collect()
    };
    plan.plays
        .iter()
        .flat_map(|play| {
            of_play(play).into_iter().map(|(hosts, count, began, ended)| PageBatch {
                play: &play.name,
                hosts,
                count,
                began,
                ended,
            })
        })
        .collect()
}

/// Tasks and what they do: places in the plan's lists.
type Way = Vec<(u32, u32)>;

/// Hosts grouped by what they go through.
fn with_groups<'a>(mut page: Page<'a>, plan: &'a Plan, planned: Option<&Plan>) -> Page<'a> {
    let mut groups: IndexMap<(HostOutcome, Way), Vec<u32>> = IndexMap::new();
    for ((_, host), number) in plan.hosts.iter().zip(0..) {
        let way = host.steps.iter().map(|taken| (taken.task, taken.step)).collect();
        groups.entry((plan.outcome(host), way)).or_default().push(number);
    }
    for ((outcome, _), hosts) in groups {
        let listed: Vec<String> = hosts.iter().map(|number| page.hosts[*number as usize].to_owned()).collect();
        let first = listed.first().and_then(|name| plan.hosts.get(name).map(|host| (name, host)));
        let Some((name, host)) = first else { continue };
        let before = planned.map(|planned| by_task(planned, name)).unwrap_or_default();
        let way = plan.way(host).filter(|(_, _, step)| step.status != Status::Skipped).map(|(taken, task, step)| {
            PageStep(taken.task, step.status, taken.took / 1000, before.get(&task.key()).copied())
        });
        page.ways.push(way.collect());
        page.groups.push(Group { text: names(&listed), hosts, outcome, way: page.ways.len() - 1 });
    }
    page
}

/// What a host's plan said of each task: status and milliseconds.
fn by_task(planned: &Plan, host: &str) -> IndexMap<crate::plan::TaskKey, (Status, u64)> {
    let Some(host) = planned.hosts.get(host) else { return IndexMap::new() };
    planned.way(host).map(|(taken, task, step)| (task.key(), (step.status, taken.took / 1000))).collect()
}
