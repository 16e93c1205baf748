//! `lvm`: volume groups, logical and physical volumes.

use super::gather::one;
use super::probe::Probe;
use crate::host::{Command, HostResult};
use serde_json::{Map, Value, json};

/// The fact `lvm`; `N/A` where the tools are missing or the agent is not root. Runs the tools: nothing else can tell.
pub(super) fn facts(probe: &Probe<'_>) -> HostResult<Map<String, Value>> {
    let tools = probe.host.processes.which("vgs")?;
    if tools.is_none() || !rustix::process::geteuid().is_root() {
        return Ok(one("lvm", "N/A"));
    }
    let report = |program: &str, columns: &str| -> HostResult<Vec<Vec<String>>> {
        let arguments = [program, "--noheadings", "--nosuffix", "--units", "g", "--separator", ",", "-o", columns];
        let finished = probe.host.processes.run(&Command::reading(arguments))?;
        let text = finished.stdout_text();
        Ok(text.lines().map(|line| line.trim().split(',').map(str::to_owned).collect()).collect())
    };
    let (mut vgs, mut lvs, mut pvs) = (Map::new(), Map::new(), Map::new());
    for row in report("vgs", "vg_name,lv_count,pv_count,vg_size,vg_free")? {
        if let [name, lv_count, pv_count, size, free] = row.as_slice() {
            let fact = json!({"size_g": size, "free_g": free, "num_lvs": lv_count, "num_pvs": pv_count});
            vgs.insert(name.clone(), fact);
        }
    }
    for row in report("lvs", "lv_name,vg_name,lv_size")? {
        if let [name, group, size] = row.as_slice() {
            lvs.insert(name.clone(), json!({"size_g": size, "vg": group}));
        }
    }
    for row in report("pvs", "pv_name,vg_name,pv_size,pv_free")? {
        if let [name, group, size, free] = row.as_slice() {
            pvs.insert(name.clone(), json!({"size_g": size, "free_g": free, "vg": group}));
        }
    }
    Ok(one("lvm", json!({"vgs": vgs, "lvs": lvs, "pvs": pvs})))
}
