//! The agent's side of the channel: reads requests, runs modules, sends what came of it.
//!
//! One thread reads the channel and never waits for anything else; each request has a thread of its own (so many at
//! once, others wait in line); one more keeps the time: deadlines, heartbeats, requests that do not end when told to.

mod blobs;
mod panics;
mod request;
mod server;
mod signals;
mod tls_program;

pub use panics::report as report_panics;
pub use server::{End, Server};
pub use signals::watch as watch_signals;
