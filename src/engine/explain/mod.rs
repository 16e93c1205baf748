//! `refit explain`: why a variable has its value, and why a task would be skipped. No host is contacted: what only a run can
//! learn is unknown.

mod stage;
mod task;
mod variable;

pub use task::{ExplainedTask, Skip, explain_task};
pub use variable::{ExplainedVariable, Place, explain_variable, levels_above};
