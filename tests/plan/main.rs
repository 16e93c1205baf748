//! Plans through the front door: what `refit plan` says of hosts on this machine, each a directory of its own.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod fleet;
mod page;
mod saved;
mod shown;
