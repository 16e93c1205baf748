//! `env`: the environment that modules run in.

use super::gather::one;
use super::probe::Probe;
use serde_json::{Map, Value};

/// The fact `env`.
pub(super) fn facts(probe: &Probe<'_>) -> Map<String, Value> {
    let variables = probe.host.processes.environment();
    one("env", variables.into_iter().map(|(name, value)| (name, value.into())).collect::<Map<String, Value>>())
}
