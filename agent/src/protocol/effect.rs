//! What a dry run foresees: the writes that a shadow keeps in memory, as data.

use serde::{Deserialize, Serialize};

/// One foreseen change of the host. Effects are applied in order; a later one of the same thing wins.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "effect", rename_all = "snake_case")]
pub enum Effect {}
