//! The engine's only output: a stream of typed events. Every view reads it; the journal is it.

mod bus;
mod kind;
mod mask;
mod result;
mod run_name;

pub use bus::{Bus, Record, View};
pub use kind::{Event, EventKind, HostStats, Place, PlayId, RunMode, TaskId};
pub use result::{ItemResult, Prediction, Status, TaskResult};
pub use run_name::run_name;

/// The version of the events' form on disk and in `--output ndjson`.
pub const FORMAT: u32 = 1;

/// Who is told of events. Called from several threads.
pub trait Sink: Send + Sync {
    /// Takes an event.
    fn emit(&self, kind: EventKind);

    /// Takes several, in their order: cheaper than one by one.
    fn emit_all(&self, kinds: Vec<EventKind>) {
        kinds.into_iter().for_each(|kind| self.emit(kind));
    }

    /// Runs `talk` while nothing is drawn on the terminal, after everything emitted so far was shown: for prompts.
    fn undisturbed(&self, talk: &mut dyn FnMut()) {
        talk();
    }
}
