//! Processors.

use super::probe::Probe;
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// `processor`, `processor_count`, `processor_cores`, `processor_threads_per_core`, `processor_vcpus`,
/// `processor_nproc`, `flags`.
pub(super) fn facts(probe: &Probe<'_>) -> Map<String, Value> {
    let mut facts = from_cpuinfo(&probe.text("/proc/cpuinfo").unwrap_or_default());
    let usable = rustix::thread::sched_getaffinity(None).map(|set| set.count()).unwrap_or(0);
    let usable = if usable > 0 { Value::from(usable) } else { facts["processor_count"].clone() };
    facts.insert("processor_nproc".to_owned(), usable);
    facts
}

fn from_cpuinfo(text: &str) -> Map<String, Value> {
    let mut description: Vec<Value> = Vec::new();
    let mut flags: Option<Value> = None;
    let (mut processors, mut models) = (0u64, 0u64);
    // Socket -> cores in it; core (socket and core) -> siblings.
    let mut sockets: BTreeMap<&str, u64> = BTreeMap::new();
    let mut siblings: BTreeMap<&str, u64> = BTreeMap::new();
    let mut socket = "";
    for line in text.lines() {
        let Some((key, value)) = line.split_once(':') else { continue };
        let (key, value) = (key.trim(), value.trim());
        match key {
            "processor" => {
                processors += 1;
                description.push(value.into());
                socket = "";
            }
            "vendor_id" | "cpu" | "Vendor" | "Processor" => description.push(value.into()),
            "model name" => {
                models += 1;
                description.push(value.into());
            }
            "flags" | "Features" if flags.is_none() => {
                flags = Some(value.split_whitespace().map(Value::from).collect())
            }
            "physical id" => {
                socket = value;
                sockets.entry(value).or_insert(1);
            }
            "cpu cores" => {
                if let Ok(cores) = value.parse() {
                    sockets.insert(socket, cores);
                }
            }
            "siblings" => {
                if let Ok(count) = value.parse() {
                    siblings.insert(socket, count);
                }
            }
            _ => {}
        }
    }
    let count = if sockets.is_empty() { processors.max(models) } else { sockets.len() as u64 };
    let cores = sockets.values().next().copied().unwrap_or(1).max(1);
    let threads = siblings.values().next().map_or(1, |siblings| (siblings / cores).max(1));
    let mut facts = Map::from_iter([
        ("processor".to_owned(), description.into()),
        ("processor_count".to_owned(), count.into()),
        ("processor_cores".to_owned(), cores.into()),
        ("processor_threads_per_core".to_owned(), threads.into()),
        ("processor_vcpus".to_owned(), (count * cores * threads).into()),
    ]);
    if let Some(flags) = flags {
        facts.insert("flags".to_owned(), flags);
    }
    facts
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn x86(processor: u32, physical: u32) -> String {
        format!(
            "processor\t: {processor}\nvendor_id\t: GenuineIntel\ncpu family\t: 6\nmodel name\t: Intel(R) Xeon(R)\nphysical id\t: {physical}\nsiblings\t: 4\ncore id\t\t: 0\ncpu cores\t: 2\nflags\t\t: fpu vme\n\n"
        )
    }

    #[test]
    fn two_sockets_of_two_cores_with_two_threads() {
        let text: String = (0..8).map(|n| x86(n, n / 4)).collect();
        let facts = from_cpuinfo(&text);
        assert_eq!(facts["processor_count"], 2);
        assert_eq!(facts["processor_cores"], 2);
        assert_eq!(facts["processor_threads_per_core"], 2);
        assert_eq!(facts["processor_vcpus"], 8);
        assert_eq!(facts["processor"][1], "GenuineIntel");
        assert_eq!(facts["flags"], json!(["fpu", "vme"]));
    }

    #[test]
    fn arm_names_no_sockets() {
        let text = "processor\t: 0\nBogoMIPS\t: 243.75\nFeatures\t: fp asimd\nCPU implementer\t: 0x41\n\nprocessor\t: 1\nBogoMIPS\t: 243.75\nFeatures\t: fp asimd\n";
        let facts = from_cpuinfo(text);
        assert_eq!(facts["processor_count"], 2);
        assert_eq!(facts["processor_cores"], 1);
        assert_eq!(facts["processor_vcpus"], 2);
        assert_eq!(facts["processor"], json!(["0", "1"]));
    }
}
