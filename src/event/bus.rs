//! The way of events from the engine to who looks at them.
//!
//! [`Bus::emit`](super::Sink::emit) masks secrets, once for everyone; numbers and dates the event; has it recorded, so that nothing is
//! ever shown that the journal does not know; and hands it to the reporter, the one thread that all views live on. The engine
//! never waits for a view: a slow terminal delays what is seen, not what is done.

use super::{Event, EventKind, Sink};
use crate::secrets::Secrets;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, mpsc};
use std::thread::JoinHandle;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Where events are kept. A failure to keep one is told once, and ends the keeping.
pub trait Record: Send {
    /// Keeps events; when it returns, the end of this process can't lose them.
    fn record(&mut self, events: &[Event]) -> std::io::Result<()>;
    /// What it is, for the warning: "the journal /…/x.ndjson".
    fn what(&self) -> String;
}

/// Who shows events. Called from one thread, in the order of the events.
pub trait View: Send {
    /// Shows an event.
    fn event(&mut self, event: &Event);
    /// Called every [`TICK`] or so while nothing comes, for what moves by itself.
    fn tick(&mut self) {}
    /// Takes everything that moves from the terminal, until the next event or tick.
    fn clear(&mut self) {}
}

/// How often [`View::tick`] is called.
const TICK: Duration = Duration::from_millis(100);

/// With so many events waiting to be shown, lines of output are no longer queued (their end is in the result anyway).
const CROWDED: usize = 20_000;

enum Message {
    Events(Vec<Event>),
    /// Show what came so far, clear, answer on the first, wait for the second.
    Undisturbed(mpsc::SyncSender<()>, mpsc::Receiver<()>),
}

struct State {
    next: u64,
    record: Option<Box<dyn Record>>,
    /// `None` once the bus is finished.
    queue: Option<mpsc::Sender<Message>>,
    reporter: Option<JoinHandle<()>>,
}

/// Takes the engine's events to the journal and the views.
pub struct Bus {
    secrets: Arc<Secrets>,
    state: Mutex<State>,
    waiting: Arc<AtomicUsize>,
}

impl Bus {
    /// Starts the reporter.
    pub fn start(
        secrets: Arc<Secrets>,
        record: Option<Box<dyn Record>>,
        views: Vec<Box<dyn View>>,
    ) -> std::io::Result<Bus> {
        let (queue, events) = mpsc::channel();
        let waiting = Arc::new(AtomicUsize::new(0));
        let reporter = std::thread::Builder::new().name("reporter".to_owned()).spawn({
            let waiting = waiting.clone();
            move || report(&events, &waiting, views)
        })?;
        let state = State { next: 0, record, queue: Some(queue), reporter: Some(reporter) };
        Ok(Bus { secrets, state: Mutex::new(state), waiting })
    }

    /// Waits until everything was shown; what is emitted afterwards is kept in the journal only. Whether the views stood it: a
    /// view that panicked shows nothing more, which must not go unnoticed.
    pub fn finish(&self) -> Result<(), String> {
        let reporter = {
            let mut state = self.state();
            state.queue = None;
            state.reporter.take()
        };
        match reporter.map(JoinHandle::join) {
            Some(Err(_)) => Err("the output broke off: a view failed; the journal is whole".to_owned()),
            _ => Ok(()),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Sink for Bus {
    fn emit(&self, kind: EventKind) {
        self.emit_all(vec![kind]);
    }

    fn emit_all(&self, mut kinds: Vec<EventKind>) {
        if kinds.is_empty() {
            return;
        }
        kinds.iter_mut().for_each(|kind| kind.mask(&self.secrets));
        self.state().take(kinds, &self.waiting);
    }

    fn undisturbed(&self, talk: &mut dyn FnMut()) {
        let (ready, is_ready) = mpsc::sync_channel(1);
        let (done, is_done) = mpsc::channel();
        let message = Message::Undisturbed(ready, is_done);
        let sent = self.state().queue.as_ref().is_some_and(|queue| queue.send(message).is_ok());
        if sent {
            // An error means that the reporter is gone, and draws nothing.
            let _ = is_ready.recv();
        }
        talk();
        drop(done);
    }
}

impl State {
    fn take(&mut self, kinds: Vec<EventKind>, waiting: &AtomicUsize) {
        let (next, at) = (self.next, now());
        self.next += kinds.len() as u64;
        let mut events: Vec<Event> =
            kinds.into_iter().zip(next..).map(|(kind, sequence)| Event { sequence, at, kind }).collect();
        let mut failure = None;
        if let Some(record) = &mut self.record
            && let Err(error) = record.record(&events)
        {
            failure = Some(format!("{} is no longer kept: {error}; the run goes on", record.what()));
            self.record = None;
        }
        if waiting.load(Ordering::Relaxed) > CROWDED {
            events.retain(|event| !matches!(event.kind, EventKind::Output { .. }));
        }
        if let Some(queue) = &self.queue
            && !events.is_empty()
        {
            waiting.fetch_add(events.len(), Ordering::Relaxed);
            // Without a reporter there is no one to tell; `finish` says so.
            let _ = queue.send(Message::Events(events));
        }
        if let Some(message) = failure {
            self.take(vec![EventKind::Warning { message, deprecation: false }], waiting);
        }
    }
}

/// Milliseconds since 1970-01-01 UTC.
fn now() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}

fn report(events: &mpsc::Receiver<Message>, waiting: &AtomicUsize, mut views: Vec<Box<dyn View>>) {
    loop {
        match events.recv_timeout(TICK) {
            Ok(Message::Events(events)) => {
                waiting.fetch_sub(events.len(), Ordering::Relaxed);
                for event in &events {
                    views.iter_mut().for_each(|view| view.event(event));
                }
            }
            Ok(Message::Undisturbed(ready, done)) => {
                views.iter_mut().for_each(|view| view.clear());
                // Both end with an error when the other side is done.
                let _ = ready.send(());
                let _ = done.recv();
            }
            Err(mpsc::RecvTimeoutError::Timeout) => views.iter_mut().for_each(|view| view.tick()),
            Err(mpsc::RecvTimeoutError::Disconnected) => {
                views.iter_mut().for_each(|view| view.clear());
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Barrier;

    /// Keeps what it is shown.
    #[derive(Clone, Default)]
    struct Seen(Arc<Mutex<Vec<Event>>>);

    impl View for Seen {
        fn event(&mut self, event: &Event) {
            self.0.lock().unwrap().push(event.clone());
        }
    }

    struct Full {
        left: usize,
        kept: Seen,
    }

    impl Record for Full {
        fn record(&mut self, events: &[Event]) -> std::io::Result<()> {
            self.left = self.left.checked_sub(1).ok_or_else(|| std::io::Error::other("no space left"))?;
            self.kept.0.lock().unwrap().extend_from_slice(events);
            Ok(())
        }
        fn what(&self) -> String {
            "the journal".to_owned()
        }
    }

    fn warning(message: &str) -> EventKind {
        EventKind::Warning { message: message.to_owned(), deprecation: false }
    }

    #[test]
    fn events_of_many_threads_are_numbered_in_the_order_in_which_they_are_shown() {
        let seen = Seen::default();
        let bus = Bus::start(Arc::default(), None, vec![Box::new(seen.clone())]).unwrap();
        let barrier = Barrier::new(8);
        std::thread::scope(|scope| {
            for thread in 0..8 {
                let (bus, barrier) = (&bus, &barrier);
                scope.spawn(move || {
                    barrier.wait();
                    for number in 0..50 {
                        bus.emit(warning(&format!("{thread} {number}")));
                    }
                });
            }
        });
        bus.finish().unwrap();
        let numbers: Vec<u64> = seen.0.lock().unwrap().iter().map(|event| event.sequence).collect();
        assert_eq!(numbers, (0..400).collect::<Vec<u64>>());
    }

    #[test]
    fn a_secret_reaches_neither_the_journal_nor_a_view() {
        let secrets = Arc::new(Secrets::default());
        secrets.add("hunter22");
        let (seen, kept) = (Seen::default(), Seen::default());
        let record = Box::new(Full { left: 9, kept: kept.clone() });
        let bus = Bus::start(secrets, Some(record), vec![Box::new(seen.clone())]).unwrap();
        bus.emit(warning("login with hunter22 failed"));
        bus.finish().unwrap();
        for events in [seen, kept] {
            let text = serde_json::to_string(&*events.0.lock().unwrap()).unwrap();
            assert!(text.contains("login with ******** failed"), "{text}");
        }
    }

    #[test]
    fn a_journal_that_fails_is_told_once_and_does_not_stop_the_run() {
        let (seen, kept) = (Seen::default(), Seen::default());
        let record = Box::new(Full { left: 1, kept: kept.clone() });
        let bus = Bus::start(Arc::default(), Some(record), vec![Box::new(seen.clone())]).unwrap();
        for number in 0..3 {
            bus.emit(warning(&format!("event {number}")));
        }
        bus.finish().unwrap();
        assert_eq!(kept.0.lock().unwrap().len(), 1);
        let messages: Vec<String> = seen.0.lock().unwrap().iter().map(|event| format!("{:?}", event.kind)).collect();
        assert_eq!(messages.len(), 4, "{messages:?}");
        assert_eq!(messages.iter().filter(|message| message.contains("no space left")).count(), 1);
    }

    #[test]
    fn a_prompt_comes_after_what_was_emitted_before_it_and_nothing_is_shown_meanwhile() {
        let seen = Seen::default();
        let bus = Bus::start(Arc::default(), None, vec![Box::new(seen.clone())]).unwrap();
        bus.emit(warning("before"));
        bus.undisturbed(&mut || {
            assert_eq!(seen.0.lock().unwrap().len(), 1);
            bus.emit(warning("meanwhile"));
            assert_eq!(seen.0.lock().unwrap().len(), 1);
        });
        bus.finish().unwrap();
        assert_eq!(seen.0.lock().unwrap().len(), 2);
    }
}
