//! The controller's side of Refit. The modules stand in the order in which data takes its way through them.

pub mod diagnostic;
pub mod secrets;

pub mod vault;

pub mod loader;

pub mod template;

pub mod connection;

pub mod engine;

pub mod event;

pub mod journal;

pub mod report;

pub mod doc;

pub mod cli;
