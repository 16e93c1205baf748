//! `refit galaxy install`: roles and collections from git, directories and tarballs, put where a run looks for them.

mod fetch;
mod install;
mod requirements;

pub use install::{Installed, Outcome, Targets, install};
pub use requirements::{Kind, Origin, Requirement, read};
