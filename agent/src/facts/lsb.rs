//! `lsb`: what `lsb_release` says, where that program is installed, or `/etc/lsb-release`.

use super::gather::one;
use super::probe::Probe;
use super::system::os_release;
use crate::host::{Command, HostResult};
use serde_json::{Map, Value};

/// The fact `lsb`; an empty mapping where the host has neither.
pub(super) fn facts(probe: &Probe<'_>) -> HostResult<Map<String, Value>> {
    let mut found = Map::new();
    let mut put = |name: &str, value: &str| {
        found.insert(name.to_owned(), value.into());
    };
    let program = probe.host.processes.which("lsb_release")?;
    let files = [probe.text("/etc/lsb-release"), probe.text("/etc/os-release")];
    match (program, files) {
        // Debian's and Ubuntu's lsb_release only prints what these files say: no process for that.
        (Some(_), [lsb, Some(os)])
            if matches!(os_release(&os).get("ID").map(String::as_str), Some("debian" | "ubuntu")) =>
        {
            let os = os_release(&os);
            let lsb = lsb.map(|text| os_release(&text)).unwrap_or_default();
            let pick = |from_lsb: &str, from_os: &str| lsb.get(from_lsb).or_else(|| os.get(from_os)).cloned();
            let id = lsb.get("DISTRIB_ID").cloned().unwrap_or_else(|| {
                let id = os.get("ID").map_or("", String::as_str);
                id.chars().take(1).flat_map(char::to_uppercase).chain(id.chars().skip(1)).collect()
            });
            put("id", &id);
            put("description", &pick("DISTRIB_DESCRIPTION", "PRETTY_NAME").unwrap_or_default());
            put("release", &pick("DISTRIB_RELEASE", "VERSION_ID").unwrap_or_else(|| "n/a".to_owned()));
            put("codename", &pick("DISTRIB_CODENAME", "VERSION_CODENAME").unwrap_or_else(|| "n/a".to_owned()));
        }
        (Some(program), _) => {
            let finished = probe.host.processes.run(&Command::reading([program.to_string_lossy(), "-a".into()]))?;
            if finished.status == 0 {
                for line in finished.stdout_text().lines() {
                    let Some((key, value)) = line.split_once(':') else { continue };
                    match key.trim() {
                        "Distributor ID" => put("id", value.trim()),
                        "Description" => put("description", value.trim()),
                        "Release" => put("release", value.trim()),
                        "Codename" => put("codename", value.trim()),
                        _ => {}
                    }
                }
            }
        }
        (None, [Some(lsb), _]) => {
            for (key, value) in os_release(&lsb) {
                match key.as_str() {
                    "DISTRIB_ID" => put("id", &value),
                    "DISTRIB_DESCRIPTION" => put("description", &value),
                    "DISTRIB_RELEASE" => put("release", &value),
                    "DISTRIB_CODENAME" => put("codename", &value),
                    _ => {}
                }
            }
        }
        (None, [None, _]) => {}
    }
    if let Some(release) = found.get("release").and_then(Value::as_str) {
        let major = release.split('.').next().unwrap_or_default().to_owned();
        found.insert("major_release".to_owned(), major.into());
    }
    Ok(one("lsb", found))
}
