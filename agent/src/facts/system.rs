//! Small files of `/etc` that several facts are read from.

use super::gather::one;
use super::probe::Probe;
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// The assignments of `/etc/os-release` or `/etc/lsb-release`: shell syntax, quotes and backslashes taken off.
pub(super) fn os_release(text: &str) -> BTreeMap<String, String> {
    let mut read = BTreeMap::new();
    for line in text.lines() {
        let line = line.trim();
        if line.starts_with('#') {
            continue;
        }
        if let Some((key, value)) = line.split_once('=') {
            read.insert(key.trim().to_owned(), unquote(value.trim()));
        }
    }
    read
}

fn unquote(value: &str) -> String {
    let inner = match value.as_bytes() {
        [b'\'', .., b'\''] => return value[1..value.len() - 1].to_owned(),
        [b'"', .., b'"'] => &value[1..value.len() - 1],
        _ => value,
    };
    let mut out = String::new();
    let mut escaped = false;
    for c in inner.chars() {
        if c == '\\' && !escaped {
            escaped = true;
        } else {
            out.push(c);
            escaped = false;
        }
    }
    out
}

/// `dns`: `/etc/resolv.conf`.
pub(super) fn dns(probe: &Probe<'_>) -> Map<String, Value> {
    one("dns", resolv_conf(&probe.text("/etc/resolv.conf").unwrap_or_default()))
}

fn resolv_conf(text: &str) -> Map<String, Value> {
    let mut dns = Map::new();
    for line in text.lines() {
        if line.starts_with(['#', ';']) {
            continue;
        }
        let mut words = line.split_whitespace();
        let Some(keyword) = words.next() else { continue };
        match keyword {
            "nameserver" => {
                let servers = dns.entry("nameservers").or_insert_with(|| Value::Array(Vec::new()));
                if let Value::Array(servers) = servers {
                    servers.extend(words.map(Value::from));
                }
            }
            "domain" => {
                if let Some(domain) = words.next() {
                    dns.insert("domain".to_owned(), domain.into());
                }
            }
            "search" | "sortlist" => {
                dns.insert(keyword.to_owned(), words.map(Value::from).collect());
            }
            "options" => {
                let options = dns.entry("options").or_insert_with(|| Value::Object(Map::new()));
                if let Value::Object(options) = options {
                    for word in words {
                        let (name, value) = match word.split_once(':') {
                            Some((name, value)) => (name, Value::from(value)),
                            None => (word, Value::Bool(true)),
                        };
                        options.insert(name.to_owned(), value);
                    }
                }
            }
            _ => {}
        }
    }
    dns
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn os_release_quotes() {
        let read = os_release("# c\nNAME=\"Debian GNU/Linux\"\nID=debian\nX='a b'\nY=\"say \\\"hi\\\"\"\n");
        assert_eq!(read["NAME"], "Debian GNU/Linux");
        assert_eq!(read["ID"], "debian");
        assert_eq!(read["X"], "a b");
        assert_eq!(read["Y"], "say \"hi\"");
    }

    #[test]
    fn resolv_conf_words() {
        let text = "# made by hand\nnameserver 10.0.0.1\nnameserver fe80::1%eth0\nsearch a.example b.example\noptions ndots:2 rotate\ndomain a.example\n";
        assert_eq!(
            Value::Object(resolv_conf(text)),
            json!({"nameservers": ["10.0.0.1", "fe80::1%eth0"], "search": ["a.example", "b.example"],
                   "options": {"ndots": "2", "rotate": true}, "domain": "a.example"})
        );
    }
}
