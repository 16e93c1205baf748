//! The engine's only output: a stream of typed events. Every view reads it; the journal is it.

mod kind;
mod result;

pub use kind::{Event, EventKind, HostStats, Place, PlayId, RunMode, TaskId};
pub use result::{ItemResult, Prediction, Status, TaskResult};

/// The version of the events' form on disk and in `--output ndjson`.
pub const FORMAT: u32 = 1;

/// Who is told of events. Called from several threads.
pub trait Sink: Send + Sync {
    /// Takes an event.
    fn emit(&self, kind: EventKind);
}
