//! Which processes belong to a command, and their end.
//!
//! A command is the leader of a session and a process group of its own. To it belong the members of both, and all
//! descendants of any of these. A daemon that has left them all on purpose (a new session, and its parent gone) is no
//! longer the command's: `service x start` may be cancelled after it has done its work.

use rustix::process::{Pid, Signal, kill_process, kill_process_group, test_kill_process_group};
use std::collections::HashSet;

/// A process as `/proc/PID/stat` has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Process {
    pid: i32,
    parent: i32,
    group: i32,
    session: i32,
    // In clock ticks since boot: with it a number that was given to another process meanwhile is told apart.
    started: u64,
}

/// The processes of one command.
pub(crate) struct ProcessTree {
    leader: i32,
    // Those seen once stay: when their parents die they could no longer be found.
    seen: HashSet<(i32, u64)>,
}

impl ProcessTree {
    /// The tree of a command whose first process leads a session and a group of its own.
    pub(crate) fn new(leader: u32) -> ProcessTree {
        ProcessTree { leader: i32::try_from(leader).unwrap_or(i32::MAX), seen: HashSet::new() }
    }

    /// Sends a signal to all of them.
    pub(crate) fn signal(&mut self, signal: Signal) {
        for process in self.alive() {
            if let Some(pid) = Pid::from_raw(process.pid) {
                // It may have ended meanwhile, or changed its user: nothing to be done about either.
                let _ = kill_process(pid, signal);
            }
        }
        // Where /proc hides the processes of others, the group still reaches them.
        if let Some(pid) = Pid::from_raw(self.leader) {
            let _ = kill_process_group(pid, signal);
        }
    }

    /// Whether all have ended. A zombie has; it waits only for its parent.
    pub(crate) fn is_gone(&mut self) -> bool {
        let hidden = !std::path::Path::new("/proc/self/stat").exists();
        if hidden {
            return Pid::from_raw(self.leader).is_none_or(|pid| test_kill_process_group(pid).is_err());
        }
        self.alive().is_empty()
    }

    fn alive(&mut self) -> Vec<Process> {
        let all = running();
        let mut mine: HashSet<i32> = all
            .iter()
            .filter(|process| {
                process.session == self.leader
                    || process.group == self.leader
                    || process.pid == self.leader
                    || self.seen.contains(&(process.pid, process.started))
            })
            .map(|process| process.pid)
            .collect();
        loop {
            let before = mine.len();
            let children: Vec<i32> =
                all.iter().filter(|process| mine.contains(&process.parent)).map(|process| process.pid).collect();
            mine.extend(children);
            if mine.len() == before {
                break;
            }
        }
        let mine: Vec<Process> = all.into_iter().filter(|process| mine.contains(&process.pid)).collect();
        self.seen.extend(mine.iter().map(|process| (process.pid, process.started)));
        mine
    }
}

/// All processes of the host that are no zombies.
fn running() -> Vec<Process> {
    let Ok(entries) = std::fs::read_dir("/proc") else { return Vec::new() };
    entries
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok())
        .filter_map(|pid| parse(pid, &std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?))
        .collect()
}

/// Reads `/proc/PID/stat` (proc_pid_stat(5)); `None` for a zombie and for what can't be read.
fn parse(pid: i32, stat: &str) -> Option<Process> {
    // The name stands in parentheses and may hold spaces and parentheses itself.
    let fields: Vec<&str> = stat.get(stat.rfind(')')? + 1..)?.split_ascii_whitespace().collect();
    if matches!(*fields.first()?, "Z" | "X" | "x") {
        return None;
    }
    Some(Process {
        pid,
        parent: fields.get(1)?.parse().ok()?,
        group: fields.get(2)?.parse().ok()?,
        session: fields.get(3)?.parse().ok()?,
        started: fields.get(19)?.parse().ok()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_spaces_and_parentheses_is_no_obstacle() {
        let stat = "7 (a) b (c) S 1 7 7 0 -1 4194560 1 0 0 0 0 0 0 0 20 0 1 0 4242 0 0";
        assert_eq!(parse(7, stat), Some(Process { pid: 7, parent: 1, group: 7, session: 7, started: 4242 }));
        assert_eq!(parse(7, &stat.replace(" S ", " Z ")), None, "a zombie has ended");
        assert_eq!(parse(7, "nonsense"), None);
    }

    #[test]
    fn this_very_process_is_seen() {
        let me = std::process::id() as i32;
        assert!(running().iter().any(|process| process.pid == me));
    }
}
