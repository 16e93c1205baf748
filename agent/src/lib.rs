//! The managed host's side of Refit.
//!
//! The controller links this crate for the protocol's types and for the modules' declarations (documentation, argument
//! validation); the program `refit-agent` links it to serve requests on a host. Nothing here knows of playbooks.

pub mod args;
pub mod background;
pub mod facts;
mod gzip;
pub mod host;
pub mod http;
pub mod modules;
pub mod outcome;
pub mod protocol;
pub mod serve;
mod sorting;
