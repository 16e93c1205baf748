//! Plans as people read them.

mod drift;
mod html;
mod json;
mod messages;
mod order;
mod places;
mod text;

pub use drift::{Sides, drift_text};
pub use html::plan_html;
pub use json::{plan_json, plan_schema};
pub use text::{Only, PlanLook, plan_text};

#[cfg(test)]
mod tests;
