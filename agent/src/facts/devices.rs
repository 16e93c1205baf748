//! `devices` and `device_links`: block devices as `/sys/block` lists them.

use super::probe::Probe;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// The facts `devices` and `device_links`.
pub(super) fn facts(probe: &Probe<'_>) -> Map<String, Value> {
    let links = Links::read(probe);
    let wwn = |device: &str| links.ids.get(device)?.iter().rev().find_map(|name| name.strip_prefix("wwn-"));
    let mut devices = Map::new();
    for name in probe.names("/sys/block") {
        devices.insert(name.clone(), device(probe, &name, &links, wwn(&name)));
    }
    Map::from_iter([("devices".to_owned(), devices.into()), ("device_links".to_owned(), links.all())])
}

/// The links in `/dev/disk/BY` by the device that they point to.
pub(super) fn names_by_device(probe: &Probe<'_>, directory: &str) -> BTreeMap<String, Vec<String>> {
    let mut found: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for name in probe.names(directory) {
        if let Some(device) = probe.link_name(format!("{directory}/{name}")) {
            found.entry(device).or_default().push(unescape(&name));
        }
    }
    found
}

/// udev writes what may not stand in a file's name as `\x20`.
fn unescape(name: &str) -> String {
    let mut out = String::new();
    let mut rest = name;
    while let Some(at) = rest.find("\\x") {
        out.push_str(&rest[..at]);
        match rest.get(at + 2..at + 4).and_then(|hex| u8::from_str_radix(hex, 16).ok()).filter(u8::is_ascii) {
            Some(byte) => {
                out.push(byte as char);
                rest = &rest[at + 4..];
            }
            None => {
                out.push_str("\\x");
                rest = &rest[at + 2..];
            }
        }
    }
    out + rest
}

struct Links {
    ids: BTreeMap<String, Vec<String>>,
    uuids: BTreeMap<String, Vec<String>>,
    labels: BTreeMap<String, Vec<String>>,
    masters: BTreeMap<String, Vec<String>>,
}

impl Links {
    fn read(probe: &Probe<'_>) -> Links {
        let mut masters: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for device in probe.names("/sys/block") {
            for slave in probe.names(format!("/sys/block/{device}/slaves")) {
                masters.entry(slave).or_default().push(device.clone());
            }
        }
        Links {
            ids: names_by_device(probe, "/dev/disk/by-id"),
            uuids: names_by_device(probe, "/dev/disk/by-uuid"),
            labels: names_by_device(probe, "/dev/disk/by-label"),
            masters,
        }
    }

    fn of(&self, device: &str) -> Value {
        let names = |links: &BTreeMap<String, Vec<String>>| links.get(device).cloned().unwrap_or_default();
        json!({"ids": names(&self.ids), "uuids": names(&self.uuids), "labels": names(&self.labels), "masters": names(&self.masters)})
    }

    fn all(&self) -> Value {
        json!({"ids": self.ids, "uuids": self.uuids, "labels": self.labels, "masters": self.masters})
    }
}

fn device(probe: &Probe<'_>, name: &str, links: &Links, wwn: Option<&str>) -> Value {
    let base = format!("/sys/block/{name}");
    let text = |file: &str| probe.text(format!("{base}/{file}"));
    let optional = |file: &str| text(file).map_or(Value::Null, Value::from);
    let sectors: u64 = probe.number(format!("{base}/size")).unwrap_or(0);
    let sector_size = |base: &str| {
        let read = |file: &str| probe.text(format!("{base}/queue/{file}"));
        read("logical_block_size").or_else(|| read("hw_sector_size")).unwrap_or_else(|| "512".to_owned())
    };
    let mut device = json!({
        "virtual": 1,
        "links": links.of(name),
        "vendor": optional("device/vendor"),
        "model": optional("device/model"),
        "sas_address": optional("device/sas_address"),
        "sas_device_handle": optional("device/sas_device_handle"),
        "removable": optional("removable"),
        "support_discard": optional("queue/discard_granularity"),
        "rotational": optional("queue/rotational"),
        "scheduler_mode": scheduler(&text("queue/scheduler").unwrap_or_default()),
        "sectors": sectors,
        "sectorsize": sector_size(&base),
        "size": human(sectors * 512),
        "host": "",
        "holders": holders(probe, &base),
        "partitions": {},
    });
    if let Some(wwn) = wwn {
        device["wwn"] = wwn.into();
    }
    for part in probe.names(&base) {
        if !is_partition(name, &part) {
            continue;
        }
        let part_base = format!("{base}/{part}");
        let sectors: u64 = probe.number(format!("{part_base}/size")).unwrap_or(0);
        let uuid =
            links.uuids.get(&part).and_then(|names| names.first()).map_or(Value::Null, |uuid| uuid.clone().into());
        device["partitions"][part.as_str()] = json!({
            "links": links.of(&part),
            "start": probe.text(format!("{part_base}/start")).unwrap_or_else(|| "0".to_owned()),
            "sectors": sectors,
            "sectorsize": sector_size(&base),
            "size": human(sectors * 512),
            "uuid": uuid,
            "holders": holders(probe, &part_base),
        });
    }
    device
}

fn is_partition(disk: &str, name: &str) -> bool {
    let Some(rest) = name.strip_prefix(disk) else { return false };
    let digits = rest.strip_prefix('p').unwrap_or(rest);
    !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit())
}

/// What uses the device: names of the device mapper where they have one.
fn holders(probe: &Probe<'_>, base: &str) -> Vec<String> {
    let held = probe.names(format!("{base}/holders")).into_iter();
    held.map(|name| match probe.text(format!("/sys/block/{name}/dm/name")) {
        Some(mapped) if name.starts_with("dm-") => mapped,
        _ => name,
    })
    .collect()
}

/// The scheduler that the list has in brackets.
fn scheduler(list: &str) -> &str {
    list.split_once('[').and_then(|(_, rest)| rest.split_once(']')).map_or("", |(name, _)| name)
}

/// A size as people read it: units of 1024, two digits.
fn human(bytes: u64) -> String {
    const UNITS: &[(&str, u32)] = &[("EB", 60), ("PB", 50), ("TB", 40), ("GB", 30), ("MB", 20), ("KB", 10)];
    match UNITS.iter().find(|(_, shift)| bytes >> shift > 0) {
        Some((unit, shift)) => format!("{:.2} {unit}", bytes as f64 / (1u64 << shift) as f64),
        None => format!("{bytes}.00 Bytes"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_sizes() {
        assert!(is_partition("sda", "sda1") && is_partition("nvme0n1", "nvme0n1p12"));
        assert!(!is_partition("sda", "sda") && !is_partition("sda", "queue") && !is_partition("sda", "sdab1"));
        assert_eq!(scheduler("none [mq-deadline] kyber"), "mq-deadline");
        assert_eq!(scheduler("none"), "");
        assert_eq!(human(536_870_912 * 512), "256.00 GB");
        assert_eq!(human(0), "0.00 Bytes");
        assert_eq!(human(1536), "1.50 KB");
        assert_eq!(unescape("a\\x20b"), "a b");
    }
}
