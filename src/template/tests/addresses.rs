//! Tests of IP addresses: those of ansible.utils.

use super::Test;
use crate::template::addresses::{Interface, is_private};
use crate::template::arguments::Call;
use crate::template::fault::Outcome;
use crate::template::python::kind::items;

pub static TESTS: [Test; 19] = [
    Test::new("ansible.utils.ip", "ip", |call| Ok(of(call)?.is_some())),
    Test::new("ansible.utils.ip_address", "ip", |call| holds(call, |it| !it.has_prefix)),
    Test::new("ansible.utils.ipv4", "ip", |call| holds(call, |it| !it.is_v6())),
    Test::new("ansible.utils.ipv6", "ip", |call| holds(call, Interface::is_v6)),
    Test::new("ansible.utils.ipv4_address", "ip", |call| holds(call, |it| !it.is_v6() && !it.has_prefix)),
    Test::new("ansible.utils.ipv6_address", "ip", |call| holds(call, |it| it.is_v6() && !it.has_prefix)),
    Test::new("ansible.utils.ipv4_netmask", "mask", |call| {
        let text = call.text(0)?;
        Ok(text.contains('.') && Interface::parse(&format!("0.0.0.0/{text}")).is_some())
    }),
    Test::new("ansible.utils.private", "ip", |call| holds(call, |it| is_private(it.address()))),
    Test::new("ansible.utils.public", "ip", |call| {
        holds(call, |it| !is_private(it.address()) && !it.address().is_multicast() && !it.address().is_unspecified())
    }),
    Test::new("ansible.utils.loopback", "ip", |call| holds(call, |it| it.address().is_loopback())),
    Test::new("ansible.utils.multicast", "ip", |call| holds(call, |it| it.address().is_multicast())),
    Test::new("ansible.utils.unspecified", "ip", |call| holds(call, |it| it.address().is_unspecified())),
    Test::new("ansible.utils.in_network", "ip, network", |call| between(call, |ip, network| network.contains(ip))),
    Test::new("ansible.utils.in_one_network", "ip, networks", |call| {
        let Some(ip) = of(call)? else { return Ok(false) };
        let networks = items(call.value(1))?;
        Ok(networks
            .iter()
            .filter_map(|network| Interface::parse(network.as_str()?))
            .any(|network| network.contains(&ip)))
    }),
    Test::new("ansible.utils.subnet_of", "network_a, network_b", |call| between(call, |a, b| b.contains(a))),
    Test::new("ansible.utils.supernet_of", "network_a, network_b", |call| between(call, |a, b| a.contains(b))),
    Test::new("ansible.utils.resolvable", "host", |call| {
        Ok(std::net::ToSocketAddrs::to_socket_addrs(&(&*call.text(0)?, 0))
            .is_ok_and(|mut found| found.next().is_some()))
    }),
    Test::new("ansible.utils.mac", "mac", |call| {
        let text = call.text(0)?;
        let digits = text.chars().filter(char::is_ascii_hexdigit).count();
        Ok(digits == 12 && text.chars().all(|char| char.is_ascii_hexdigit() || ":-.".contains(char)))
    }),
    Test::new("ansible.utils.ipv4_hostmask", "mask", |call| {
        let text = call.text(0)?;
        let mask = text.parse::<std::net::Ipv4Addr>().map(u32::from);
        Ok(mask.is_ok_and(|mask| mask & mask.wrapping_add(1) == 0))
    }),
];

fn of(call: &Call<'_, '_>) -> Outcome<Option<Interface>> {
    Ok(call.value(0).as_str().and_then(Interface::parse))
}

fn holds(call: &Call<'_, '_>, test: fn(&Interface) -> bool) -> Outcome<bool> {
    Ok(of(call)?.is_some_and(|it| test(&it)))
}

fn between(call: &Call<'_, '_>, test: fn(&Interface, &Interface) -> bool) -> Outcome<bool> {
    let other = call.value(1).as_str().and_then(Interface::parse);
    Ok(of(call)?.zip(other).is_some_and(|(one, other)| test(&one, &other)))
}
