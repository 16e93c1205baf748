//! Memory and swap.

use super::probe::Probe;
use serde_json::{Map, Value, json};

/// `memtotal_mb`, `memfree_mb`, `swaptotal_mb`, `swapfree_mb`, `memory_mb`; nothing without `/proc/meminfo`.
pub(super) fn facts(probe: &Probe<'_>) -> Map<String, Value> {
    probe.text("/proc/meminfo").map(|text| from_meminfo(&text)).unwrap_or_default()
}

fn from_meminfo(text: &str) -> Map<String, Value> {
    let mb = |name: &str| -> i64 {
        let line = text.lines().find_map(|line| line.split_once(':').filter(|(key, _)| *key == name));
        line.and_then(|(_, value)| value.split_whitespace().next()?.parse::<i64>().ok()).unwrap_or(0) / 1024
    };
    let (total, free) = (mb("MemTotal"), mb("MemFree"));
    let (swap_total, swap_free) = (mb("SwapTotal"), mb("SwapFree"));
    let nocache_free = free + mb("Cached") + mb("Buffers");
    let memory = json!({
        "real": {"total": total, "used": total - free, "free": free},
        "nocache": {"free": nocache_free, "used": total - nocache_free},
        "swap": {"total": swap_total, "free": swap_free, "used": swap_total - swap_free, "cached": mb("SwapCached")},
    });
    Map::from_iter([
        ("memtotal_mb".to_owned(), total.into()),
        ("memfree_mb".to_owned(), free.into()),
        ("swaptotal_mb".to_owned(), swap_total.into()),
        ("swapfree_mb".to_owned(), swap_free.into()),
        ("memory_mb".to_owned(), memory),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn meminfo_of_a_real_host() {
        let facts = from_meminfo(
            "MemTotal:        8139996 kB\nMemFree:          301212 kB\nMemAvailable:    6650388 kB\nBuffers:          351664 kB\nCached:          5674784 kB\nSwapCached:         2048 kB\nSwapTotal:       2097148 kB\nSwapFree:        2080764 kB\n",
        );
        assert_eq!(facts["memtotal_mb"], 7949);
        assert_eq!(facts["memory_mb"]["real"]["used"], 7949 - 294);
        assert_eq!(facts["memory_mb"]["nocache"]["free"], 294 + 5541 + 343);
        assert_eq!(facts["memory_mb"]["swap"], json!({"total": 2047, "free": 2031, "used": 16, "cached": 2}));
    }
}
