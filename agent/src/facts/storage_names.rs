//! The names that storage networks know a host by.

use super::gather::one;
use super::probe::Probe;
use serde_json::{Map, Value};

/// `fibre_channel_wwn`: the ports' names.
pub(super) fn fibre_channel(probe: &Probe<'_>) -> Map<String, Value> {
    let directory = "/sys/class/fc_host";
    let ports = probe.names(directory).into_iter().filter_map(|port| {
        let name = probe.text(format!("{directory}/{port}/port_name"))?;
        Some(Value::from(name.strip_prefix("0x").unwrap_or(&name)))
    });
    one("fibre_channel_wwn", ports.collect::<Value>())
}

/// `iscsi_iqn`: the initiator's name; empty where there is none.
pub(super) fn iscsi(probe: &Probe<'_>) -> Map<String, Value> {
    let text = probe.text("/etc/iscsi/initiatorname.iscsi").unwrap_or_default();
    let name = text.lines().find_map(|line| line.trim().strip_prefix("InitiatorName="));
    one("iscsi_iqn", name.unwrap_or_default().trim())
}

/// `hostnqn`: NVMe's qualified name of the host; empty where there is none.
pub(super) fn nvme(probe: &Probe<'_>) -> Map<String, Value> {
    let text = probe.text("/etc/nvme/hostnqn").unwrap_or_default();
    one("hostnqn", text.lines().find(|line| line.starts_with("nqn.")).unwrap_or_default())
}
