//! The controller's side of Refit. The modules stand in the order in which data takes its way through them.

pub mod diagnostic;
pub mod secrets;

pub mod vault;

pub mod config;

pub mod loader;

pub mod inventory;

pub mod playbook;

pub mod template;

pub mod vars;

pub mod actions;

pub mod connection;

pub mod engine;

pub mod event;

pub mod journal;

pub mod plan;

pub mod report;

pub mod lint;

pub mod galaxy;

pub mod doc;

pub mod cli;
