//! The hosts, their groups and the variables of both: from INI, YAML and JSON files, from programs, from lists of hosts
//! and from `group_vars` and `host_vars`.

mod address;
mod constructed;
mod generator;
mod host_list;
mod ini;
mod layers;
mod load;
mod model;
mod pattern;
mod plugin;
mod python_literal;
mod range;
mod run;
mod script;
mod toml;
mod vars_files;
mod words;
mod yaml;

pub use layers::{Layer, Level, Owner, Stage};
pub use load::{InventoryOptions, load, variables_of};
pub use model::{Group, GroupId, Host, HostId, InventoryError, Roster, VarMap};
pub use pattern::{Selection, expand_files};
pub use run::Inventory;
pub use vars_files::VarsFiles;
