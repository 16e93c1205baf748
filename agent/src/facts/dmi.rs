//! What the firmware says of the machine (`/sys/class/dmi/id`).

use super::probe::Probe;
use serde_json::{Map, Value};

/// Facts and the files that they are in. Serial numbers and the UUID are for root's eyes; others get `NA`.
const FILES: &[(&str, &str)] = &[
    ("bios_date", "bios_date"),
    ("bios_vendor", "bios_vendor"),
    ("bios_version", "bios_version"),
    ("board_asset_tag", "board_asset_tag"),
    ("board_name", "board_name"),
    ("board_serial", "board_serial"),
    ("board_vendor", "board_vendor"),
    ("board_version", "board_version"),
    ("chassis_asset_tag", "chassis_asset_tag"),
    ("chassis_serial", "chassis_serial"),
    ("chassis_vendor", "chassis_vendor"),
    ("chassis_version", "chassis_version"),
    ("product_name", "product_name"),
    ("product_serial", "product_serial"),
    ("product_uuid", "product_uuid"),
    ("product_version", "product_version"),
    ("system_vendor", "sys_vendor"),
];

/// Chassis types as DMTF's DSP0134 (7.4.1) numbers them, from 0.
const FORM_FACTORS: &[&str] = &[
    "Unknown",
    "Other",
    "Unknown",
    "Desktop",
    "Low Profile Desktop",
    "Pizza Box",
    "Mini Tower",
    "Tower",
    "Portable",
    "Laptop",
    "Notebook",
    "Hand Held",
    "Docking Station",
    "All In One",
    "Sub Notebook",
    "Space-saving",
    "Lunch Box",
    "Main Server Chassis",
    "Expansion Chassis",
    "Sub Chassis",
    "Bus Expansion Chassis",
    "Peripheral Chassis",
    "RAID Chassis",
    "Rack Mount Chassis",
    "Sealed-case PC",
    "Multi-system",
    "CompactPCI",
    "AdvancedTCA",
    "Blade",
    "Blade Enclosure",
    "Tablet",
    "Convertible",
    "Detachable",
    "IoT Gateway",
    "Embedded PC",
    "Mini PC",
    "Stick PC",
];

/// The facts; each is `NA` where the firmware does not say.
pub(super) fn facts(probe: &Probe<'_>) -> Map<String, Value> {
    let read = |file: &str| probe.text(format!("/sys/class/dmi/id/{file}"));
    let mut facts: Map<String, Value> = FILES
        .iter()
        .map(|(fact, file)| ((*fact).to_owned(), read(file).unwrap_or_else(|| "NA".to_owned()).into()))
        .collect();
    let form = match read("chassis_type") {
        None => "NA".to_owned(),
        Some(number) => match number.parse::<usize>().ok().and_then(|number| FORM_FACTORS.get(number)) {
            Some(name) => (*name).to_owned(),
            None => format!("unknown ({number})"),
        },
    };
    facts.insert("form_factor".to_owned(), form.into());
    facts
}
