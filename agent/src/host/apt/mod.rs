//! What apt and dpkg write: their records, and what their programs print.

mod offers;
mod simulation;
mod status;
mod version;

pub(crate) use offers::{parse_policy, parse_reverse_provides};
pub(crate) use simulation::parse_steps;
pub(crate) use status::{fields, find_stanza, parse_extended_states, parse_status};
pub(crate) use version::compare_versions;
