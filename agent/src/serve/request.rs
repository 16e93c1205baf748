//! One request: which items have ended, and its end.

use crate::host::Cancellation;
use crate::outcome::{Failure, Stop};
use crate::protocol::{Ended, FromAgent, ItemEnd, Run, Stream};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// A request from its receipt to its `Done`.
pub(super) struct Request {
    pub(super) run: Run,
    pub(super) cancellation: Cancellation,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    started: Option<Instant>,
    cancelled: Option<Instant>,
    timed_out: bool,
    // The item that runs or is next, and since when.
    item: usize,
    began: Option<(SystemTime, Instant)>,
    // After `Done` nothing more is said of it.
    done: bool,
}

/// When a request wants the timekeeper.
#[derive(Debug, PartialEq)]
pub(super) enum Due {
    /// Nothing until then.
    At(Instant),
    /// It has no deadline.
    Never,
    /// Its deadline has passed: cancel it.
    Deadline,
    /// It was cancelled long ago and still runs: give it up.
    Overdue,
}

impl Request {
    pub(super) fn new(run: Run) -> Request {
        Request { run, cancellation: Cancellation::default(), state: Mutex::default() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// It leaves the line: from now on its deadline counts.
    pub(super) fn start(&self) {
        self.state().started = Some(Instant::now());
    }

    /// Ends what it waits for. The first reason stays.
    pub(super) fn cancel(&self, why: &str) {
        self.state().cancelled.get_or_insert_with(Instant::now);
        self.cancellation.cancel(why);
    }

    /// Ends what it waits for, at its deadline.
    pub(super) fn time_out(&self) {
        let mut state = self.state();
        if state.cancelled.is_none() {
            state.timed_out = true;
            drop(state);
            self.cancel("its time is over");
        }
    }

    /// How an item ends that was cancelled.
    pub(super) fn stop(&self, why: String) -> Stop {
        self.state().stop(&self.run, why)
    }

    /// What the timekeeper has to do with it; `patience` is how long a cancelled request may take to end.
    pub(super) fn due(&self, now: Instant, patience: Duration) -> Due {
        let state = self.state();
        let Some(started) = state.started else { return Due::Never };
        if let Some(cancelled) = state.cancelled {
            let given_up = cancelled.max(started) + patience;
            return if given_up <= now { Due::Overdue } else { Due::At(given_up) };
        }
        let deadline = self.run.timeout.and_then(|seconds| started.checked_add(Duration::from_secs(seconds)));
        match deadline {
            Some(deadline) if deadline <= now => Due::Deadline,
            Some(deadline) => Due::At(deadline),
            None => Due::Never,
        }
    }

    /// The next item begins.
    pub(super) fn begin_item(&self) {
        self.state().began = Some((SystemTime::now(), Instant::now()));
    }

    /// The running item is done: the message that says so. `None` where the request was given up meanwhile.
    pub(super) fn end_item(&self, ended: Ended) -> Option<FromAgent> {
        self.state().end_item(self.run.id, ended)
    }

    /// A line that something printed. `None` where the request is done.
    pub(super) fn output(&self, index: usize, stream: Stream, line: &str) -> Option<FromAgent> {
        let id = self.run.id;
        (!self.state().done).then(|| FromAgent::Output { id, index, stream, line: line.to_owned() })
    }

    /// The request is done. `None` where that was said already.
    pub(super) fn end(&self, effects: Vec<crate::protocol::Effect>) -> Option<FromAgent> {
        let mut state = self.state();
        if std::mem::replace(&mut state.done, true) {
            return None;
        }
        Some(FromAgent::Done { id: self.run.id, effects })
    }

    /// Ends all items that have not, and the request.
    pub(super) fn give_up(&self, why: &str) -> Vec<FromAgent> {
        let mut state = self.state();
        let mut messages = Vec::new();
        while state.item < self.run.items.len() {
            let ended = Ended::Stop(state.stop(&self.run, why.to_owned()));
            match state.end_item(self.run.id, ended) {
                Some(message) => messages.push(message),
                None => return Vec::new(),
            }
        }
        if !std::mem::replace(&mut state.done, true) {
            messages.push(FromAgent::Done { id: self.run.id, effects: Vec::new() });
        }
        messages
    }
}

impl State {
    fn stop(&self, run: &Run, why: String) -> Stop {
        match run.timeout {
            Some(seconds) if self.timed_out => Failure::timed_out(seconds).into(),
            _ => Stop::Cancelled { why },
        }
    }

    fn end_item(&mut self, id: u64, ended: Ended) -> Option<FromAgent> {
        if self.done {
            return None;
        }
        let (began, since) = self.began.take().unwrap_or_else(|| (SystemTime::now(), Instant::now()));
        let began = began.duration_since(UNIX_EPOCH).map_or(0, |time| time.as_millis() as i64);
        let index = self.item;
        self.item += 1;
        Some(FromAgent::Item(ItemEnd { id, index, began, took: since.elapsed().as_micros() as u64, ended }))
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::outcome::Outcome;
    use crate::protocol::Mode;
    use serde_json::Map;

    /// A request without anything special.
    pub(in crate::serve) fn run(id: u64, module: &str, items: usize) -> Run {
        Run {
            id,
            module: module.to_owned(),
            items: vec![Map::new(); items],
            mode: Mode::Live,
            diff: false,
            environment: Vec::new(),
            timeout: None,
            blobs: Vec::new(),
            effects: Vec::new(),
            background: None,
            title: "a test".to_owned(),
        }
    }

    #[test]
    fn a_deadline_counts_from_the_start_and_a_cancelled_request_is_given_up_after_its_patience() {
        let request = Request::new(Run { timeout: Some(10), ..run(1, "ping", 1) });
        let now = Instant::now();
        let patience = Duration::from_secs(5);
        assert_eq!(request.due(now + Duration::from_secs(60), patience), Due::Never);
        request.start();
        assert!(matches!(request.due(now, patience), Due::At(_)));
        assert_eq!(request.due(now + Duration::from_secs(11), patience), Due::Deadline);
        request.cancel("enough");
        assert!(matches!(request.due(now, patience), Due::At(_)));
        assert_eq!(request.due(now + Duration::from_secs(11), patience), Due::Overdue);
    }

    #[test]
    fn a_request_that_was_given_up_says_nothing_more() {
        let request = Request::new(run(7, "ping", 3));
        request.begin_item();
        assert!(request.end_item(Ended::Outcome(Outcome::ok())).is_some());
        let messages = request.give_up("it hangs");
        assert_eq!(messages.len(), 3, "two items and the end");
        assert!(matches!(&messages[2], FromAgent::Done { id: 7, .. }));
        assert!(request.end_item(Ended::Outcome(Outcome::ok())).is_none());
        assert!(request.end(Vec::new()).is_none());
        assert!(request.give_up("again").is_empty());
    }
}
