//! The views: each reads the events and nothing else.

pub mod ansible;
mod censor;
mod human;
mod json;
mod ndjson;
mod printer;

use censor::censored;
pub use human::{HumanSettings, HumanView};
pub use json::JsonView;
pub use ndjson::NdjsonView;
pub use printer::Printer;
