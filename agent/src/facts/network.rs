//! Network interfaces, addresses and default routes.

use super::netlink::{self, Address, Route};
use super::probe::Probe;
use crate::sorting;
use serde_json::{Map, Value, json};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Addresses far away that the default routes are asked for, as Ansible does. Nothing is sent to them.
const FAR_V4: Ipv4Addr = Ipv4Addr::new(8, 8, 8, 8);
const FAR_V6: Ipv6Addr = Ipv6Addr::new(0x2404, 0x6800, 0x400a, 0x800, 0, 0, 0, 0x1012);

/// The facts.
pub(super) fn facts(probe: &Probe<'_>) -> Map<String, Value> {
    let mut links = links(probe);
    let addresses = netlink::addresses().unwrap_or_default();
    let route = |far: IpAddr| netlink::route_to(far).ok().flatten();
    let mut default_v4 = default_route(route(FAR_V4.into()), &links);
    let mut default_v6 = default_route(route(FAR_V6.into()), &links);
    // Addresses carry labels of their own (`eth0:1`), which count as interfaces.
    let mut aliases: Vec<(String, Map<String, Value>)> = Vec::new();
    let (mut all_v4, mut all_v6) = (Vec::new(), Vec::new());
    for link in &mut links {
        for address in addresses.iter().filter(|address| address.index == link.index) {
            let text = address.address.to_string();
            match address.address {
                IpAddr::V4(own) => {
                    let entry = ipv4(address, own);
                    let label = address.label.clone().unwrap_or_else(|| link.name.clone());
                    if label == link.name {
                        put_ipv4(&mut link.facts, entry.clone(), address.secondary);
                    } else {
                        if address.secondary {
                            push(&mut link.facts, "ipv4_secondaries", entry.clone());
                        }
                        let known = aliases.iter().position(|(name, _)| *name == label);
                        let at = known.unwrap_or_else(|| {
                            aliases.push((label.clone(), Map::new()));
                            aliases.len() - 1
                        });
                        put_ipv4(&mut aliases[at].1, entry.clone(), address.secondary);
                    }
                    if default_v4.get("address").and_then(Value::as_str) == Some(&text) {
                        for key in ["broadcast", "netmask", "network", "prefix"] {
                            default_v4.insert(key.to_owned(), entry[key].clone());
                        }
                        default_v4.insert("alias".to_owned(), label.into());
                        link.describe(&mut default_v4);
                    }
                    if !own.is_loopback() {
                        all_v4.push(text);
                    }
                }
                IpAddr::V6(own) => {
                    let entry = json!({"address": text, "prefix": address.prefix.to_string(), "scope": address.scope});
                    if default_v6.get("address").and_then(Value::as_str) == Some(&text) {
                        for key in ["prefix", "scope"] {
                            default_v6.insert(key.to_owned(), entry[key].clone());
                        }
                        link.describe(&mut default_v6);
                    }
                    push(&mut link.facts, "ipv6", entry);
                    if own != Ipv6Addr::LOCALHOST {
                        all_v6.push(text);
                    }
                }
            }
        }
    }
    let mut facts = Map::new();
    let mut names = Vec::new();
    for (name, fact) in links.into_iter().map(|link| (link.name, link.facts)).chain(aliases) {
        facts.insert(name.replace(['-', ':'], "_"), fact.into());
        names.push(name.replace(':', "_"));
    }
    facts.insert("interfaces".to_owned(), names.into());
    facts.insert("default_ipv4".to_owned(), default_v4.into());
    facts.insert("default_ipv6".to_owned(), default_v6.into());
    facts.insert("all_ipv4_addresses".to_owned(), all_v4.into());
    facts.insert("all_ipv6_addresses".to_owned(), all_v6.into());
    let local = |ipv6| netlink::local_destinations(ipv6).unwrap_or_default();
    facts.insert("locally_reachable_ips".to_owned(), json!({"ipv4": local(false), "ipv6": local(true)}));
    facts
}

/// A network interface.
struct Link {
    index: u32,
    name: String,
    facts: Map<String, Value>,
}

impl Link {
    /// What the default route's fact takes over from the interface.
    fn describe(&self, default: &mut Map<String, Value>) {
        for key in ["macaddress", "mtu", "type"] {
            default.insert(key.to_owned(), self.facts.get(key).cloned().unwrap_or_else(|| default_of(key)));
        }
    }
}

fn default_of(key: &str) -> Value {
    if key == "type" { "unknown".into() } else { "".into() }
}

/// The interfaces as `/sys/class/net` has them, in the kernel's order.
fn links(probe: &Probe<'_>) -> Vec<Link> {
    let mut links: Vec<Link> = probe
        .names("/sys/class/net")
        .into_iter()
        .filter_map(|name| {
            let index = probe.number(format!("/sys/class/net/{name}/ifindex"))?;
            Some(Link { index, facts: link(probe, &name), name })
        })
        .collect();
    sorting::sort_by_key(&mut links, |link| link.index);
    links
}

fn link(probe: &Probe<'_>, name: &str) -> Map<String, Value> {
    let base = format!("/sys/class/net/{name}");
    let text = |file: &str| probe.text(format!("{base}/{file}"));
    let mut facts = Map::new();
    let mut put = |key: &str, value: Value| {
        facts.insert(key.to_owned(), value);
    };
    put("device", name.into());
    if let Some(address) = text("address").filter(|address| address != "00:00:00:00:00:00") {
        put("macaddress", address.into());
    }
    if let Some(mtu) = text("mtu").and_then(|mtu| mtu.parse::<i64>().ok()) {
        put("mtu", mtu.into());
    }
    if let Some(state) = text("operstate") {
        put("active", (state != "down").into());
    }
    if let Some(module) = probe.link_name(format!("{base}/device/driver/module")) {
        put("module", module.into());
    }
    if let Some(kind) = text("type") {
        let kind = match kind.as_str() {
            "1" => "ether",
            "32" => "infiniband",
            "512" => "ppp",
            "772" => "loopback",
            "65534" => "tunnel",
            _ => "unknown",
        };
        put("type", kind.into());
    }
    if probe.exists(format!("{base}/bridge")) {
        put("type", "bridge".into());
        put("interfaces", probe.names(format!("{base}/brif")).into());
        if let Some(id) = text("bridge/bridge_id") {
            put("id", id.into());
        }
        if let Some(stp) = text("bridge/stp_state") {
            put("stp", (stp == "1").into());
        }
    }
    if probe.exists(format!("{base}/bonding")) {
        let first = |file: &str| text(file).and_then(|line| line.split_whitespace().next().map(str::to_owned));
        put("type", "bonding".into());
        put("slaves", text("bonding/slaves").unwrap_or_default().split_whitespace().map(Value::from).collect());
        put("mode", first("bonding/mode").unwrap_or_default().into());
        put("miimon", first("bonding/miimon").unwrap_or_default().into());
        put("lacp_rate", first("bonding/lacp_rate").unwrap_or_default().into());
        if let Some(primary) = text("bonding/primary") {
            put("primary", primary.clone().into());
            if let Some(all) = text("bonding/all_slaves_active") {
                put("all_slaves_active", (all == "1").into());
            }
        }
    }
    if probe.exists(format!("{base}/bonding_slave"))
        && let Some(address) = text("bonding_slave/perm_hwaddr")
    {
        put("perm_macaddress", address.into());
    }
    if let Some(device) = probe.link_name(format!("{base}/device")) {
        put("pciid", device.into());
    }
    if let Some(speed) = text("speed").and_then(|speed| speed.parse::<i64>().ok()) {
        put("speed", speed.into());
    }
    // IFF_PROMISC
    let flags = text("flags").and_then(|flags| u32::from_str_radix(flags.trim_start_matches("0x"), 16).ok());
    put("promisc", flags.is_some_and(|flags| flags & 0x100 != 0).into());
    facts
}

fn default_route(route: Option<Route>, links: &[Link]) -> Map<String, Value> {
    let mut default = Map::new();
    let Some(route) = route else { return default };
    if let Some(link) = links.iter().find(|link| Some(link.index) == route.index) {
        default.insert("interface".to_owned(), link.name.clone().into());
    }
    if let Some(source) = route.source {
        default.insert("address".to_owned(), source.to_string().into());
    }
    if let Some(gateway) = route.gateway {
        default.insert("gateway".to_owned(), gateway.to_string().into());
    }
    default
}

fn ipv4(address: &Address, own: Ipv4Addr) -> Value {
    // The other end of a point-to-point link is no network.
    let prefix = if address.has_peer { 32 } else { address.prefix.min(32) };
    let mask = u32::MAX.checked_shl(32 - u32::from(prefix)).unwrap_or(0);
    json!({
        "address": own.to_string(),
        "broadcast": address.broadcast.map_or(String::new(), |broadcast| broadcast.to_string()),
        "netmask": Ipv4Addr::from(mask).to_string(),
        "network": Ipv4Addr::from(u32::from(own) & mask).to_string(),
        "prefix": prefix.to_string(),
    })
}

fn put_ipv4(facts: &mut Map<String, Value>, entry: Value, secondary: bool) {
    if !secondary && !facts.contains_key("ipv4") {
        facts.insert("ipv4".to_owned(), entry);
    } else {
        push(facts, "ipv4_secondaries", entry);
    }
}

fn push(facts: &mut Map<String, Value>, key: &str, entry: Value) {
    if let Value::Array(list) = facts.entry(key).or_insert_with(|| Value::Array(Vec::new())) {
        list.push(entry);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn masks_and_networks() {
        let address = Address {
            index: 2,
            address: IpAddr::V4(Ipv4Addr::new(10, 1, 2, 3)),
            prefix: 20,
            broadcast: None,
            label: None,
            scope: "global".to_owned(),
            secondary: false,
            has_peer: false,
        };
        let entry = ipv4(&address, Ipv4Addr::new(10, 1, 2, 3));
        assert_eq!(
            entry,
            json!({"address": "10.1.2.3", "broadcast": "", "netmask": "255.255.240.0", "network": "10.1.0.0", "prefix": "20"})
        );
        let none = ipv4(&Address { prefix: 0, ..address }, Ipv4Addr::new(10, 1, 2, 3));
        assert_eq!(none["netmask"], "0.0.0.0");
    }
}
