//! What systemd's programs print.

use crate::host::{Service, UnitState};
use serde_json::{Map, Value};

/// A unit's state in the output of `systemctl show`. `None` where that is no such output.
pub(crate) fn parse_show(text: &str) -> Option<UnitState> {
    let mut properties: Map<String, Value> = Map::new();
    let mut open: Option<(String, String)> = None;
    for line in text.lines() {
        // `ExecStart={ path=... }` may go over several lines when an argument has line ends in it.
        if let Some((name, mut value)) = open.take() {
            value.push('\n');
            value.push_str(line);
            if line.trim_end().ends_with('}') {
                properties.insert(name, value.into());
            } else {
                open = Some((name, value));
            }
            continue;
        }
        let Some((name, value)) = line.split_once('=') else { continue };
        if name.starts_with("Exec") && value.starts_with('{') && !value.trim_end().ends_with('}') {
            open = Some((name.to_owned(), value.to_owned()));
        } else {
            properties.insert(name.to_owned(), value.into());
        }
    }
    let property = |name: &str| properties.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    let (load, active, file) = (property("LoadState"), property("ActiveState"), property("UnitFileState"));
    if load.is_empty() {
        return None;
    }
    // A unit whose file is gone while it runs can still be stopped.
    let exists = load != "not-found" || matches!(active.as_str(), "active" | "activating" | "reloading");
    let enabled = if load == "masked" && file.is_empty() { load } else { file };
    Some(UnitState { exists, active, enabled, properties })
}

/// What of a unit's state says more than its file does.
pub(crate) const BAD_STATES: [&str; 3] = ["not-found", "masked", "failed"];

/// The services in the output of `systemctl list-units --plain`, as Ansible tells of them.
pub(crate) fn parse_services(text: &str) -> Vec<Service> {
    let service = |line: &str| {
        let mut words = line.split_whitespace().filter(|word| *word != "\u{25cf}");
        let name = words.next().filter(|name| name.ends_with(".service"))?;
        let (load, active, sub) = (words.next()?, words.next()?, words.next()?);
        let status = BAD_STATES.into_iter().find(|bad| [load, active, sub].contains(bad)).unwrap_or(active);
        let state = if sub == "running" { "running" } else { "stopped" };
        let [name, state, status] = [name, state, status].map(str::to_owned);
        Some(Service { name, state, status: Some(status), source: "systemd" })
    };
    text.lines().filter_map(service).collect()
}

/// Names and states in the output of `systemctl list-unit-files`.
pub(crate) fn parse_unit_files(text: &str) -> Vec<(String, String)> {
    let entry = |line: &str| {
        let mut words = line.split_whitespace();
        let name = words.next().filter(|name| name.ends_with(".service"))?;
        Some((name.to_owned(), words.next()?.to_owned()))
    };
    text.lines().filter_map(entry).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    // Shortened output of `systemctl show cron` of systemd 252.
    #[test]
    fn a_running_unit() {
        let text = "Type=simple\nRestart=on-failure\nMainPID=201\nExecStart={ path=/usr/sbin/cron ; argv[]=/usr/sbin/cron -f $EXTRA_OPTS ; ignore_errors=no ; start_time=[n/a] ; stop_time=[n/a] ; pid=0 ; code=(null) ; status=0/0 }\nEnvironmentFiles=/etc/default/cron (ignore_errors=yes)\nId=cron.service\nLoadState=loaded\nActiveState=active\nSubState=running\nUnitFileState=enabled\n";
        let state = parse_show(text).unwrap();
        assert!(state.exists);
        assert_eq!((state.active.as_str(), state.enabled.as_str()), ("active", "enabled"));
        assert_eq!(state.properties["MainPID"], "201");
        assert_eq!(state.properties["EnvironmentFiles"], "/etc/default/cron (ignore_errors=yes)");
    }

    #[test]
    fn a_command_of_several_lines() {
        let text = "LoadState=loaded\nExecStart={ path=/bin/sh ; argv[]=/bin/sh -c a=1\nb=2 ; status=0/0 }\nActiveState=inactive\n";
        let state = parse_show(text).unwrap();
        assert_eq!(state.properties["ExecStart"], "{ path=/bin/sh ; argv[]=/bin/sh -c a=1\nb=2 ; status=0/0 }");
        assert_eq!(state.active, "inactive");
    }

    #[test]
    fn missing_and_masked_units() {
        assert!(!parse_show("LoadState=not-found\nActiveState=inactive\nUnitFileState=\n").unwrap().exists);
        let masked = parse_show("LoadState=masked\nActiveState=inactive\nUnitFileState=masked\n").unwrap();
        assert!(masked.exists && masked.enabled == "masked");
        assert!(parse_show("Failed to connect to bus\n").is_none());
    }

    // Lines of systemd 252 on Debian 12, with what Ansible makes of them.
    #[test]
    fn services_and_their_files() {
        let text = "  UNIT LOAD ACTIVE SUB DESCRIPTION\nauditd.service not-found inactive dead auditd.service\ncron.service loaded active running Regular\ngetty@tty1.service loaded inactive dead Getty\n\u{25cf} x.service loaded failed failed X\n\n62 loaded units listed.\n";
        let found: Vec<_> = parse_services(text).into_iter().map(|s| (s.name, s.state, s.status.unwrap())).collect();
        let expected = [
            ("auditd.service", "stopped", "not-found"),
            ("cron.service", "running", "active"),
            ("getty@tty1.service", "stopped", "inactive"),
            ("x.service", "stopped", "failed"),
        ];
        assert_eq!(found, expected.map(|(a, b, c)| (a.to_owned(), b.to_owned(), c.to_owned())));
        let files = "UNIT FILE STATE PRESET\nssh.service enabled enabled\n101 unit files listed.\n";
        assert_eq!(parse_unit_files(files), [("ssh.service".to_owned(), "enabled".to_owned())]);
    }
}
