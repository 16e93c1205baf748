//! The part of the terminal that moves: the tasks that run, their hosts, how long, and the last thing they said.

use super::look::Look;
use super::margin::Margin;
use super::task::Task;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::time::Duration;

/// Hosts that are drawn, those that run longest.
const HOSTS: usize = 6;

/// Hosts are named after this time: what is faster would only flicker.
const QUICK: Duration = Duration::from_millis(700);

/// The part of the terminal that moves.
pub struct Live {
    bar: ProgressBar,
}

impl Live {
    /// On standard error.
    pub fn new() -> Live {
        let bar =
            ProgressBar::with_draw_target(None, ProgressDrawTarget::term_like_with_hz(Box::new(Margin::stderr()), 10));
        if let Ok(style) = ProgressStyle::with_template("{msg}") {
            bar.set_style(style);
        }
        Live { bar }
    }

    /// Prints something above.
    pub fn beside(&self, print: impl FnOnce()) {
        self.bar.suspend(print);
    }

    /// Draws what runs.
    pub fn draw<'a>(&mut self, tasks: impl Iterator<Item = &'a Task>, look: &Look) {
        let columns = usize::from(console::Term::stderr().size().1).max(20) - 1;
        let mut lines = Vec::new();
        for task in tasks {
            let done = task.results.len();
            let of = task.expected.max(done + task.running.len());
            let longest = task.running.values().map(|running| running.since.elapsed()).max().unwrap_or_default();
            let head = format!("  {}  {done}/{of} hosts  {} s", task.title, longest.as_secs());
            lines.push(look.hunk.apply_to(console::truncate_str(&head, columns, "…")).to_string());
            let mut slow: Vec<_> =
                task.running.iter().filter(|(_, running)| running.since.elapsed() >= QUICK).collect();
            slow.sort_by_key(|(_, running)| running.since);
            for (host, running) in slow.iter().take(HOSTS) {
                let line = format!("    {host}  {} s  {}", running.since.elapsed().as_secs(), running.last_line);
                lines.push(console::truncate_str(&line, columns, "…").into_owned());
            }
            if slow.len() > HOSTS {
                lines.push(format!("    … and {} more hosts", slow.len() - HOSTS));
            }
        }
        if lines.is_empty() {
            self.clear();
        } else {
            self.bar.set_message(lines.join("\n"));
            self.bar.tick();
        }
    }

    /// Takes it off the terminal.
    pub fn clear(&mut self) {
        self.bar.set_message("");
        // `suspend` is what clears the lines; the empty message is drawn as nothing until the next `draw`.
        self.bar.suspend(|| {});
    }
}
