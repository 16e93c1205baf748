//! What manages packages and services.

use super::gather::one;
use super::probe::Probe;
use crate::host::{Command, HostResult};
use serde_json::{Map, Value, json};

/// `pkg_mgr`.
pub(super) fn package_manager(probe: &Probe<'_>) -> HostResult<Map<String, Value>> {
    Ok(one("pkg_mgr", probe.host.packages.manager()?))
}

/// `service_mgr`.
pub(super) fn service_manager(probe: &Probe<'_>) -> HostResult<Map<String, Value>> {
    Ok(one("service_mgr", probe.host.units.manager()?))
}

/// `systemd`: version and compiled features; nothing on a host without it. The one fact that costs a process.
pub(super) fn systemd(probe: &Probe<'_>) -> HostResult<Map<String, Value>> {
    if probe.host.units.manager()? != "systemd" {
        return Ok(Map::new());
    }
    let finished = probe.host.processes.run(&Command::reading(["systemctl", "--version"]))?;
    Ok(version(&finished.stdout_text()).map(|fact| one("systemd", fact)).unwrap_or_default())
}

fn version(text: &str) -> Option<Value> {
    let (first, features) = text.split_once('\n')?;
    let version: u32 = first.split_whitespace().nth(1)?.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()?;
    Some(json!({"version": version, "features": features.trim()}))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn systemctl_version() {
        let text = "systemd 252 (252.39-1~deb12u1)\n+PAM +AUDIT -BPF_FRAMEWORK default-hierarchy=unified\n";
        assert_eq!(
            version(text),
            Some(json!({"version": 252, "features": "+PAM +AUDIT -BPF_FRAMEWORK default-hierarchy=unified"}))
        );
    }
}
