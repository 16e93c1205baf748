//! The views: each reads the events and nothing else.

pub mod ansible;
mod printer;

pub use printer::Printer;
