//! The engine: takes plays through their batches, tasks and hosts, and tells what happens as events.

mod options;

pub use options::{Become, Connection, Fleet, ListOnly, Password, RunOptions, VaultSecret, VaultSource, What};
