//! Variables: layers in the order of precedence, looked through from the top when a template reads a name.
//!
//! Precedence, from the top (<https://docs.ansible.com/ansible/latest/playbook_guide/playbooks_variables.html>): magic
//! variables, extra vars, parameters of includes, parameters of roles, set_fact and registered, include_vars, task vars, block
//! vars, role vars, vars_files, vars_prompt, play vars, facts, inventory, role defaults. [`Stack`] holds them.

mod host;
mod layers;
mod level;
mod merge;
mod name;
mod stack;

pub use host::{Facts, HostVars};
pub use layers::{Bindings, Layer, bindings, data, values};
pub use level::Level;
pub use merge::merged;
pub use name::{is_name, not_a_name};
pub use stack::{Fallback, Stack, TaskLayers};
