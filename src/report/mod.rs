//! The views: each reads the events and nothing else.

pub mod ansible;
mod censor;
mod human;
mod json;
mod log;
mod ndjson;
mod plan;
mod printer;

use censor::censored;
pub use human::{HumanSettings, HumanView};
pub use human::{debug_message, failure_message};
pub use json::JsonView;
pub use log::LogWriter;
pub use ndjson::NdjsonView;
pub use plan::{Only, PlanLook, Sides, drift_text, plan_html, plan_json, plan_schema, plan_text};
pub use printer::Printer;
