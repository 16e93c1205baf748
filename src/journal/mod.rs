//! The journal: a run's events, a line each, on disk under the user's state directory. What a killed run had done is known
//! from it exactly.

mod reader;
mod writer;

pub use reader::{HostRecord, ReadError, Story, read};
pub use writer::{Journal, directory};
