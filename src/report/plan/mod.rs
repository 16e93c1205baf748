//! Plans as people read them.

mod json;
mod text;

pub use json::{plan_json, plan_schema};
pub use text::{Only, PlanLook, plan_text};

#[cfg(test)]
mod tests;
