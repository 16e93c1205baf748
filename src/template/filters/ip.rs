//! The `ipaddr` family of ansible.utils.

use super::Filter;
use crate::template::addresses::{Interface, is_link_local, is_private, of_number, reverse_name, subnets, supernet};
use crate::template::arguments::{Call, as_text};
use crate::template::fault::{Outcome, fail};
use crate::template::python::kind::{Kind, int, items, kind};
use minijinja::Value;
use std::net::IpAddr;

pub static FILTERS: [Filter; 15] = [
    Filter::new(
        "ansible.utils.ipaddr ansible.netcommon.ipaddr ipaddr",
        "value, query='', version=False, alias='ipaddr'",
        |call| {
            let version = call.given(2).and_then(Value::as_i64).filter(|version| matches!(version, 4 | 6));
            ipaddr(call.value(0), call.value(1), version)
        },
    ),
    Filter::new("ansible.utils.ipv4 ansible.netcommon.ipv4 ipv4", "value, query=''", |call| {
        ipaddr(call.value(0), call.value(1), Some(4))
    }),
    Filter::new("ansible.utils.ipv6 ansible.netcommon.ipv6 ipv6", "value, query=''", |call| {
        ipaddr(call.value(0), call.value(1), Some(6))
    }),
    Filter::new("ansible.utils.ipwrap ansible.netcommon.ipwrap ipwrap", "value, query=''", wrap),
    Filter::new("ansible.utils.ipsubnet ansible.netcommon.ipsubnet ipsubnet", "value, query='', index=None", ipsubnet),
    Filter::new("ansible.utils.nthhost ansible.netcommon.nthhost nthhost", "value, query=''", nth_host),
    Filter::new("ansible.utils.ipmath ansible.netcommon.ipmath ipmath", "value, amount", ip_math),
    Filter::new(
        "ansible.utils.network_in_network ansible.netcommon.network_in_network network_in_network",
        "value, test",
        |call| within(call, false),
    ),
    Filter::new(
        "ansible.utils.network_in_usable ansible.netcommon.network_in_usable network_in_usable",
        "value, test",
        |call| within(call, true),
    ),
    Filter::new(
        "ansible.utils.next_nth_usable ansible.netcommon.next_nth_usable next_nth_usable",
        "value, offset",
        |call| step(call, true),
    ),
    Filter::new(
        "ansible.utils.previous_nth_usable ansible.netcommon.previous_nth_usable previous_nth_usable",
        "value, offset",
        |call| step(call, false),
    ),
    Filter::new(
        "ansible.utils.reduce_on_network ansible.netcommon.reduce_on_network reduce_on_network",
        "value, network",
        reduce,
    ),
    Filter::new(
        "ansible.utils.cidr_merge ansible.netcommon.cidr_merge cidr_merge",
        "value, action='merge'",
        cidr_merge,
    ),
    Filter::new("ansible.utils.ip4_hex ansible.netcommon.ip4_hex ip4_hex", "value, delimiter=''", |call| {
        let text = call.text(0)?;
        match text.parse::<std::net::Ipv4Addr>() {
            Ok(address) => {
                let digits: Vec<String> = address.octets().iter().map(|byte| format!("{byte:02x}")).collect();
                Ok(Value::from(digits.join(&call.text(1)?)))
            }
            Err(_) => fail(format!("'{text}' is no IPv4 address")),
        }
    }),
    Filter::new("ansible.utils.hwaddr ansible.utils.macaddr hwaddr macaddr", "value, query=''", mac),
];

/// The interface that a value writes; whole numbers are addresses too.
fn interface(value: &Value) -> Option<Interface> {
    match kind(value) {
        Kind::Text(text) => Interface::parse(text),
        Kind::Int(number) => {
            let address = of_number(u128::try_from(number).ok()?, None)?;
            Interface::parse(&address.to_string())
        }
        _ => None,
    }
}

fn no() -> Value {
    Value::from(false)
}

fn ipaddr(value: &Value, query: &Value, version: Option<i64>) -> Outcome<Value> {
    if matches!(kind(value), Kind::Seq | Kind::Iterable) {
        let mut kept = Vec::new();
        for item in items(value)? {
            let found = ipaddr(&item, query, version)?;
            if found.is_true() {
                kept.push(found);
            }
        }
        return Ok(Value::from(kept));
    }
    if matches!(kind(value), Kind::Bool(_) | Kind::None) {
        return Ok(no());
    }
    let Some(interface) = interface(value) else { return Ok(no()) };
    if version.is_some_and(|version| interface.is_v6() != (version == 6)) {
        return Ok(no());
    }
    answer(value, &interface, &as_text(query)?)
}

/// With the prefix where there was one.
fn shown(interface: &Interface, address: IpAddr) -> String {
    if interface.has_prefix { format!("{address}/{}", interface.net.prefix_len()) } else { address.to_string() }
}

fn answer(value: &Value, it: &Interface, query: &str) -> Outcome<Value> {
    let net = it.net;
    let address = it.address();
    let prefix = net.prefix_len();
    let single = prefix == net.max_prefix_len();
    let text = |text: String| Value::from(text);
    let or_no = |found: Option<String>| found.map_or_else(no, Value::from);
    let same_if = |holds: bool| if holds { value.clone() } else { no() };
    let in_net = |number: u128| it.sibling(number).map(|address| format!("{address}/{prefix}"));
    let plain = |number: u128| it.sibling(number).map(|address| address.to_string());
    let (low, high) = it.usable();
    Ok(match query {
        "" => match kind(value) {
            Kind::Int(_) => text(address.to_string()),
            _ => text(shown(it, address)),
        },
        "address" | "ip" => {
            if it.is_network() {
                no()
            } else {
                text(address.to_string())
            }
        }
        "bool" => Value::from(true),
        "broadcast" => {
            if single || prefix + 1 == net.max_prefix_len() {
                no()
            } else {
                text(net.broadcast().to_string())
            }
        }
        "cidr" => text(format!("{}/{prefix}", if it.is_network() { net.network() } else { address })),
        "cidr_lookup" => value.clone(),
        "first_usable" => {
            if it.size() > 1 {
                or_no(plain(low))
            } else {
                no()
            }
        }
        "last_usable" => {
            if it.size() > 1 {
                or_no(plain(high))
            } else {
                no()
            }
        }
        "range_usable" => match (it.size() > 1, it.sibling(low), it.sibling(high)) {
            (true, Some(low), Some(high)) => text(format!("{low}-{high}")),
            _ => no(),
        },
        "next_usable" => or_no(it.number().checked_add(1).filter(|next| (low..=high).contains(next)).and_then(plain)),
        "previous_usable" => {
            or_no(it.number().checked_sub(1).filter(|previous| (low..=high).contains(previous)).and_then(plain))
        }
        "gateway" | "gw" | "host" | "host/prefix" | "hostnet" | "router" => {
            if it.is_network() || (single && it.has_prefix && query != "host" && query != "host/prefix") {
                no()
            } else {
                text(format!("{address}/{prefix}"))
            }
        }
        "hostmask" | "wildcard" => text(net.hostmask().to_string()),
        "netmask" => text(net.netmask().to_string()),
        "prefix" => Value::from(prefix),
        "int" => {
            if single {
                int_of(it.number())
            } else {
                text(format!("{}/{prefix}", it.number()))
            }
        }
        "ip/prefix" | "ip_prefix" => {
            if it.is_network() {
                no()
            } else {
                text(format!("{address}/{prefix}"))
            }
        }
        "ip_netmask" => {
            if it.is_network() {
                no()
            } else {
                text(format!("{address} {}", net.netmask()))
            }
        }
        "ip_wildcard" => {
            if it.is_network() {
                no()
            } else {
                text(format!("{address} {}", net.hostmask()))
            }
        }
        "net" => {
            if it.is_network() {
                text(format!("{}/{prefix}", net.network()))
            } else {
                no()
            }
        }
        "network" | "network_id" => {
            if it.size() > 1 {
                text(net.network().to_string())
            } else {
                no()
            }
        }
        "network/prefix" | "subnet" => text(format!("{}/{prefix}", net.network())),
        "network_netmask" => {
            if it.size() > 1 {
                text(format!("{} {}", net.network(), net.netmask()))
            } else {
                no()
            }
        }
        "network_wildcard" => {
            if it.size() > 1 {
                text(format!("{} {}", net.network(), net.hostmask()))
            } else {
                no()
            }
        }
        "peer" => or_no(match net.max_prefix_len() - prefix {
            1 => plain(it.number() ^ 1),
            2 if it.number() & 3 == 1 => plain(it.number() + 1),
            2 if it.number() & 3 == 2 => plain(it.number() - 1),
            _ => None,
        }),
        "revdns" => text(reverse_name(address)),
        "size" => int_of(it.size()),
        "size_usable" => int_of(if it.size() <= 2 { it.size() } else { high - low + 1 }),
        "type" => Value::from(if it.is_network() { "network" } else { "address" }),
        "version" => Value::from(if it.is_v6() { 6 } else { 4 }),
        "wrap" => wrapped(it),
        "v4" | "ipv4" => {
            if !it.is_v6() {
                value.clone()
            } else {
                match address {
                    IpAddr::V6(v6) => match v6.to_ipv4_mapped() {
                        Some(v4) => text(format!("{v4}/{}", prefix.saturating_sub(96))),
                        None => no(),
                    },
                    IpAddr::V4(_) => no(),
                }
            }
        }
        "v6" | "ipv6" => match address {
            IpAddr::V6(_) => value.clone(),
            IpAddr::V4(v4) => text(format!("{}/{}", v4.to_ipv6_mapped(), prefix + 96)),
        },
        "6to4" => match address {
            IpAddr::V4(v4) if !is_private(address) => {
                let [a, b, c, d] = v4.octets();
                text(format!("2002:{a:02x}{b:02x}:{c:02x}{d:02x}::1/48"))
            }
            _ => no(),
        },
        "link-local" | "lladdr" => same_if(is_link_local(address)),
        "loopback" | "lo" => same_if(address.is_loopback()),
        "multicast" => same_if(address.is_multicast()),
        "unicast" => same_if(!address.is_multicast()),
        "private" => same_if(is_private(address)),
        "public" => same_if(
            !is_private(address) && !address.is_multicast() && !address.is_unspecified() && !is_reserved(address),
        ),
        "reserved" => same_if(is_reserved(address)),
        "unspecified" => same_if(address.is_unspecified()),
        number if number.parse::<i128>().is_ok() => {
            let index: i128 = number.parse().unwrap_or(0);
            let at = if index >= 0 {
                it.first().checked_add(index.unsigned_abs())
            } else {
                it.last().checked_add(1).and_then(|end| end.checked_sub(index.unsigned_abs()))
            };
            or_no(at.filter(|at| (it.first()..=it.last()).contains(at)).and_then(in_net))
        }
        other => match Interface::parse(other) {
            Some(wanted) => same_if(wanted.contains(it)),
            None => return fail(format!("'{other}' is no question that ipaddr knows")),
        },
    })
}

fn int_of(number: u128) -> Value {
    i128::try_from(number).map_or_else(|_| Value::from(number), int)
}

/// `240.0.0.0/4`, and what IPv6 reserves.
fn is_reserved(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => address.octets()[0] >= 240,
        IpAddr::V6(address) => {
            let first = address.segments()[0];
            !address.is_unspecified() && !address.is_loopback() && (first & 0xe000) == 0 && first != 0x64
        }
    }
}

fn wrapped(it: &Interface) -> Value {
    let address = it.address();
    match (it.is_v6(), it.has_prefix) {
        (true, true) => Value::from(format!("[{address}]/{}", it.net.prefix_len())),
        (true, false) => Value::from(format!("[{address}]")),
        _ => Value::from(shown(it, address)),
    }
}

fn wrap(call: &mut Call<'_, '_>) -> Outcome<Value> {
    let one = |value: &Value| match value.as_str().and_then(Interface::parse) {
        Some(it) if it.is_v6() => wrapped(&it),
        _ => value.clone(),
    };
    if matches!(kind(call.value(0)), Kind::Seq | Kind::Iterable) {
        return Ok(Value::from(items(call.value(0))?.iter().map(one).collect::<Vec<_>>()));
    }
    Ok(one(call.value(0)))
}

fn ipsubnet(call: &mut Call<'_, '_>) -> Outcome<Value> {
    let Some(it) = interface(call.value(0)) else { return Ok(no()) };
    let query = call.text(1)?.into_owned();
    let text = |net: ipnet::IpNet| Value::from(format!("{}/{}", net.addr(), net.prefix_len()));
    if query.is_empty() {
        return Ok(text(it.net.trunc()));
    }
    let Ok(prefix) = query.parse::<u8>() else {
        // A network: at which place among its subnets is the value?
        let Some(outer) = Interface::parse(&query) else { return fail(format!("'{query}' is no network")) };
        if !outer.contains(&it) {
            return Ok(no());
        }
        let position = (it.first() - outer.first()) / it.size();
        return Ok(Value::from((position + 1).to_string()));
    };
    if prefix > it.net.max_prefix_len() {
        return Ok(no());
    }
    let index = match call.given(2) {
        None => None,
        Some(_) => Some(call.int(2)?),
    };
    if it.is_network() || (it.has_prefix && it.address() == it.net.network()) {
        let Some(all) = subnets(it.net, prefix) else { return Ok(no()) };
        return Ok(match index {
            None => Value::from(all.len().to_string()),
            Some(index) => {
                crate::template::python::slice::position(index, all.len()).map_or_else(no, |at| text(all[at]))
            }
        });
    }
    let Some(around) = supernet(it.net, prefix) else { return Ok(no()) };
    match index {
        None => Ok(text(around)),
        Some(index) => {
            // The networks around the address from this prefix down to its own.
            let lengths: Vec<u8> = (prefix..it.net.max_prefix_len()).collect();
            let at = crate::template::python::slice::position(index, lengths.len());
            Ok(at.and_then(|at| supernet(it.net, lengths[at])).map_or_else(no, text))
        }
    }
}

fn nth_host(call: &mut Call<'_, '_>) -> Outcome<Value> {
    let Some(it) = interface(call.value(0)) else { return Ok(no()) };
    let Ok(index) = call.int(1) else { return Ok(no()) };
    let at = if index >= 0 {
        it.first().checked_add(index.unsigned_abs())
    } else {
        it.last().checked_add(1).and_then(|end| end.checked_sub(index.unsigned_abs()))
    };
    let inside = at.filter(|at| it.size() > 1 && (it.first()..=it.last()).contains(at));
    Ok(inside.and_then(|at| it.sibling(at)).map_or_else(no, |address| Value::from(address.to_string())))
}

fn ip_math(call: &mut Call<'_, '_>) -> Outcome<Value> {
    let Some(it) = interface(call.value(0)) else {
        return fail(format!("you must pass a valid IP address; {} is invalid", call.text(0)?));
    };
    let amount = call.int(1)?;
    let moved = if amount >= 0 {
        it.number().checked_add(amount.unsigned_abs())
    } else {
        it.number().checked_sub(amount.unsigned_abs())
    };
    match moved.and_then(|number| it.sibling(number)) {
        Some(address) => Ok(Value::from(address.to_string())),
        None => fail(format!("there is no address {amount} away from {}", it.address())),
    }
}

fn within(call: &mut Call<'_, '_>, usable: bool) -> Outcome<Value> {
    let (Some(outer), Some(inner)) = (interface(call.value(0)), interface(call.value(1))) else { return Ok(no()) };
    if !usable {
        return Ok(Value::from(outer.contains(&inner)));
    }
    let (low, high) = outer.usable();
    Ok(Value::from(outer.is_v6() == inner.is_v6() && low <= inner.first() && inner.last() <= high))
}

fn step(call: &mut Call<'_, '_>, forward: bool) -> Outcome<Value> {
    let Some(it) = interface(call.value(0)) else { return Ok(no()) };
    let offset = call.int(1)?.unsigned_abs();
    let (low, high) = it.usable();
    let at = if forward { it.number().checked_add(offset) } else { it.number().checked_sub(offset) };
    let inside = at.filter(|at| it.size() > 1 && (low..=high).contains(at));
    Ok(inside.and_then(|at| it.sibling(at)).map_or_else(no, |address| Value::from(address.to_string())))
}

fn reduce(call: &mut Call<'_, '_>) -> Outcome<Value> {
    let Some(outer) = interface(call.value(1)) else { return Ok(no()) };
    let all = items(call.value(0))?;
    let kept: Vec<Value> =
        all.into_iter().filter(|item| interface(item).is_some_and(|inner| outer.contains(&inner))).collect();
    Ok(Value::from(kept))
}

fn cidr_merge(call: &mut Call<'_, '_>) -> Outcome<Value> {
    let mut nets = Vec::new();
    for item in items(call.value(0))? {
        match interface(&item) {
            Some(it) => nets.push(it.net.trunc()),
            None => return fail(format!("cidr_merge: '{item}' is no network")),
        }
    }
    if &*call.text(1)? == "span" {
        let Some(first) = nets.first().copied() else { return Ok(Value::from(())) };
        let holds = |net: &ipnet::IpNet| nets.iter().all(|inner| net.contains(inner));
        let spanning = (0..=first.prefix_len()).rev().filter_map(|prefix| supernet(first, prefix)).find(holds);
        return Ok(spanning.map_or_else(no, |net| Value::from(net.to_string())));
    }
    let merged = ipnet::IpNet::aggregate(&nets);
    Ok(Value::from(merged.into_iter().map(|net| Value::from(net.to_string())).collect::<Vec<_>>()))
}

fn mac(call: &mut Call<'_, '_>) -> Outcome<Value> {
    let text = call.text(0)?;
    let digits: String = text.chars().filter(char::is_ascii_hexdigit).collect::<String>().to_lowercase();
    let other = text.chars().any(|char| !char.is_ascii_hexdigit() && !":-.".contains(char));
    if digits.len() != 12 || other {
        return Ok(no());
    }
    let join = |size: usize, separator: &str| {
        (0..12 / size).map(|at| &digits[at * size..(at + 1) * size]).collect::<Vec<_>>().join(separator)
    };
    Ok(match &*call.text(1)? {
        "" => Value::from(text.into_owned()),
        "bool" => Value::from(true),
        "bare" => Value::from(digits.clone()),
        "cisco" => Value::from(join(4, ".")),
        "linux" | "unix" => Value::from(join(2, ":")),
        "win" | "eui48" => Value::from(join(2, "-").to_uppercase()),
        "pgsql" => Value::from(join(6, ":")),
        "int" => Value::from(u64::from_str_radix(&digits, 16).unwrap_or(0)),
        other => return fail(format!("'{other}' is no form of a hardware address")),
    })
}
