//! What the kernel says of itself: its command line, its load, the time since it booted.

use super::gather::one;
use super::probe::Probe;
use serde_json::{Map, Value, json};

/// `cmdline` (of a repeated option the last) and `proc_cmdline` (a list for a repeated option).
pub(super) fn command_line(probe: &Probe<'_>) -> Map<String, Value> {
    let (last, all) = options(&probe.text("/proc/cmdline").unwrap_or_default());
    Map::from_iter([("cmdline".to_owned(), last.into()), ("proc_cmdline".to_owned(), all.into())])
}

fn options(line: &str) -> (Map<String, Value>, Map<String, Value>) {
    let (mut last, mut all) = (Map::new(), Map::new());
    for word in words(line) {
        let (name, value) = match word.split_once('=') {
            Some((name, value)) => (name.to_owned(), Value::from(value)),
            None => (word, Value::Bool(true)),
        };
        last.insert(name.clone(), value.clone());
        match all.get_mut(&name) {
            None => {
                all.insert(name, value);
            }
            Some(Value::Array(values)) => values.push(value),
            Some(first) => *first = Value::Array(vec![first.take(), value]),
        }
    }
    (last, all)
}

/// Words separated by white space; quotes hold words together and stay (`dyndbg="a b"`), as in Ansible.
fn words(line: &str) -> Vec<String> {
    let (mut words, mut word, mut quote) = (Vec::new(), String::new(), None);
    for c in line.chars() {
        match (quote, c) {
            (None, '"' | '\'') => quote = Some(c),
            (Some(open), _) if c == open => quote = None,
            (None, _) if c.is_whitespace() => {
                if !word.is_empty() {
                    words.push(std::mem::take(&mut word));
                }
                continue;
            }
            _ => {}
        }
        word.push(c);
    }
    if !word.is_empty() {
        words.push(word);
    }
    words
}

/// `loadavg`.
pub(super) fn load() -> Map<String, Value> {
    let loads = rustix::system::sysinfo().loads;
    // The kernel counts loads in units of 1/65536.
    let load = |raw| raw as f64 / 65536.0;
    one("loadavg", json!({"1m": load(loads[0]), "5m": load(loads[1]), "15m": load(loads[2])}))
}

/// `uptime_seconds`.
pub(super) fn uptime(probe: &Probe<'_>) -> Map<String, Value> {
    let text = probe.text("/proc/uptime").unwrap_or_default();
    match text.split_whitespace().next().and_then(|seconds| seconds.parse::<f64>().ok()) {
        Some(seconds) => one("uptime_seconds", seconds as i64),
        None => Map::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repeated_options() {
        let (last, all) = options("BOOT_IMAGE=/vmlinuz root=UUID=ab-cd ro quiet console=tty0 console=ttyS0,115200");
        assert_eq!(last["console"], "ttyS0,115200");
        assert_eq!(last["root"], "UUID=ab-cd");
        assert_eq!(last["ro"], true);
        assert_eq!(all["console"], json!(["tty0", "ttyS0,115200"]));
        assert_eq!(all["quiet"], true);
    }
}
