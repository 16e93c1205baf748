//! `ansible.cfg` and the `ANSIBLE_*` variables, as typed settings that know where they were set.

mod environment;
mod file;
mod ineffective;
mod load;
mod setting;
mod settings;
mod value;

pub use environment::Environment;
pub use setting::{Origin, Setting};
pub use settings::Settings;
pub use value::{DuplicateKeys, FactCache, Gathering, HashBehaviour, OnMismatch, VarsRoot};
