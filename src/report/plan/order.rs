//! The order of a run: its plays, and the batches in which hosts go through them.

use super::text::{hosts, number};
use crate::event::Status;
use crate::plan::{Plan, Play};
use crate::report::human::hosts::compact;
use indexmap::IndexSet;

/// A play in the order of the run.
pub struct PlayOrder<'p> {
    /// The play.
    pub play: &'p Play,
    /// Its hosts, and how they go: `3 hosts, one at a time: db2, db3, db1`.
    pub hosts: String,
    /// Its batches where they are not all of a size: `batches 2 to 4, 10 hosts each: web[002:031]`.
    pub batches: Vec<String>,
    /// How many of its tasks change something: `3 tasks change something, 1 may`.
    pub changes: String,
}

/// Hosts that go one after the other and are all named in that order.
const NAMED: usize = 12;

/// The plays in order, of the hosts that are wanted.
pub fn order<'p>(plan: &'p Plan, wanted: impl Fn(&str) -> bool) -> Vec<PlayOrder<'p>> {
    let counts = Counts::of(plan, &wanted);
    let of_play = |(index, play): (usize, &'p Play)| {
        let batches: Vec<Vec<&str>> = play
            .batches
            .iter()
            .map(|batch| batch.hosts.iter().map(String::as_str).filter(|host| wanted(host)).collect())
            .filter(|hosts: &Vec<&str>| !hosts.is_empty())
            .collect();
        let (hosts, batches) = told(&batches);
        PlayOrder { play, hosts, batches, changes: counts.told(index) }
    };
    plan.plays.iter().enumerate().map(of_play).collect()
}

/// How a play's hosts go: all that there is to say in a line, or its beginning and the batches.
fn told(batches: &[Vec<&str>]) -> (String, Vec<String>) {
    let all: Vec<String> = batches.iter().flatten().map(|host| (*host).to_owned()).collect();
    let Some(first) = batches.first() else { return ("no host".to_owned(), Vec::new()) };
    if batches.len() == 1 {
        return (hosts(&all), Vec::new());
    }
    let (last, full) = batches.split_last().map_or((0, batches), |(last, full)| (last.len(), full));
    if full.iter().all(|batch| batch.len() == first.len()) && last <= first.len() {
        // In their order: it is what a reader wants to know of a quorum. A range does not keep it.
        let names = if all.len() > NAMED { compact(all.iter().map(String::as_str)) } else { all.join(", ") };
        let size = if first.len() == 1 { "one".to_owned() } else { first.len().to_string() };
        return (format!("{}, {size} at a time: {names}", number(all.len(), "host")), Vec::new());
    }
    let mut lines = Vec::new();
    let mut from = 0;
    for group in batches.chunk_by(|one, next| one.len() == next.len()) {
        let names = compact(group.iter().flatten().copied());
        let size = number(group[0].len(), "host");
        lines.push(match group.len() {
            1 => format!("batch {}, {size}: {names}", from + 1),
            several => format!("batches {} to {}, {size} each: {names}", from + 1, from + several),
        });
        from += group.len();
    }
    (format!("{} in {} batches", number(all.len(), "host"), batches.len()), lines)
}

/// The tasks of each play that change something, that may, and that restart hosts.
struct Counts {
    changing: Vec<IndexSet<u32>>,
    uncertain: Vec<IndexSet<u32>>,
    restarting: IndexSet<u32>,
}

impl Counts {
    fn of(plan: &Plan, wanted: impl Fn(&str) -> bool) -> Counts {
        let none = || vec![IndexSet::new(); plan.plays.len()];
        let mut counts = Counts { changing: none(), uncertain: none(), restarting: IndexSet::new() };
        for (_, host) in plan.hosts.iter().filter(|(name, _)| wanted(name)) {
            for (taken, task, step) in plan.way(host) {
                let found = match step.status {
                    Status::Changed => &mut counts.changing,
                    Status::Unknown => &mut counts.uncertain,
                    _ => continue,
                };
                if let Some(tasks) = found.get_mut(task.play as usize) {
                    tasks.insert(taken.task);
                }
                if crate::actions::short_name(&task.action) == "reboot" {
                    counts.restarting.insert(task.play);
                }
            }
        }
        counts
    }

    fn told(&self, play: usize) -> String {
        let changing = self.changing[play].len();
        let may = self.uncertain[play].difference(&self.changing[play]).count();
        let change = |count: usize| if count == 1 { "changes" } else { "change" };
        let text = match (changing, may) {
            (0, 0) => return "nothing changes".to_owned(),
            (0, may) => format!("{} may change something", number(may, "task")),
            (sure, 0) => format!("{} {} something", number(sure, "task"), change(sure)),
            (sure, may) => format!("{} {} something, {may} may", number(sure, "task"), change(sure)),
        };
        let restarts = u32::try_from(play).is_ok_and(|play| self.restarting.contains(&play));
        if restarts { format!("{text}; hosts are restarted") } else { text }
    }
}
