//! The kernel's network configuration, asked over a routing netlink socket (`rtnetlink(7)`): links, addresses, routes.

use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, netlink};
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

const RTM_GETADDR: u16 = 22;
const RTM_GETROUTE: u16 = 26;
const NLM_F_REQUEST: u16 = 1;
const NLM_F_DUMP: u16 = 0x300;
const NLMSG_ERROR: u16 = 2;
const NLMSG_DONE: u16 = 3;
const RTN_LOCAL: u8 = 2;
const RT_TABLE_LOCAL: u32 = 255;

/// An address of an interface.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Address {
    /// The interface's index.
    pub(super) index: u32,
    /// The address itself.
    pub(super) address: IpAddr,
    /// Bits of the network part.
    pub(super) prefix: u8,
    /// The broadcast address, where one is set.
    pub(super) broadcast: Option<Ipv4Addr>,
    /// The interface's name, or an alias of it (`eth0:1`); IPv4 only.
    pub(super) label: Option<String>,
    /// `global`, `link`, `host`, `site`, or a number.
    pub(super) scope: String,
    /// Whether it is a further address in the network of another one.
    pub(super) secondary: bool,
    /// Whether there is another machine at the other end of a point-to-point link.
    pub(super) has_peer: bool,
}

/// The way to an address.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Route {
    /// The index of the interface that packets leave by.
    pub(super) index: Option<u32>,
    /// The address that they carry as their source.
    pub(super) source: Option<IpAddr>,
    /// The router.
    pub(super) gateway: Option<IpAddr>,
}

/// All addresses, in the kernel's order.
pub(super) fn addresses() -> io::Result<Vec<Address>> {
    // struct ifaddrmsg: family (0 for any), prefix, flags, scope, index.
    let messages = ask(RTM_GETADDR, NLM_F_DUMP, &[0; 8])?;
    Ok(messages.iter().filter_map(|message| address(message)).collect())
}

/// The way to an address; `None` where there is none.
pub(super) fn route_to(target: IpAddr) -> io::Result<Option<Route>> {
    let (family, bytes) = match target {
        IpAddr::V4(v4) => (libc::AF_INET as u8, v4.octets().to_vec()),
        IpAddr::V6(v6) => (libc::AF_INET6 as u8, v6.octets().to_vec()),
    };
    // struct rtmsg: family, destination's bits, source's bits, tos, table, protocol, scope, type, flags.
    let mut body = vec![family, (bytes.len() * 8) as u8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    put_attribute(&mut body, 1, &bytes);
    let messages = match ask(RTM_GETROUTE, 0, &body) {
        Ok(messages) => messages,
        Err(error) if matches!(error.raw_os_error(), Some(libc::ENETUNREACH | libc::EHOSTUNREACH | libc::EINVAL)) => {
            return Ok(None);
        }
        Err(error) => return Err(error),
    };
    let Some(message) = messages.first() else { return Ok(None) };
    // "Unreachable", "blackhole" and the like are answers too.
    if message.get(7).is_none_or(|kind| !matches!(kind, 1 | 2)) {
        return Ok(None);
    }
    let mut route = Route::default();
    for (kind, value) in attributes(message.get(12..).unwrap_or_default()) {
        match kind {
            4 => route.index = number(value),
            5 => route.gateway = ip(value),
            7 => route.source = ip(value),
            _ => {}
        }
    }
    Ok(Some(route))
}

/// What the table `local` has: the host's own addresses and networks, as `ip route` prints them.
pub(super) fn local_destinations(ipv6: bool) -> io::Result<Vec<String>> {
    let family = if ipv6 { libc::AF_INET6 } else { libc::AF_INET } as u8;
    let body = [family, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    let messages = ask(RTM_GETROUTE, NLM_F_DUMP, &body)?;
    let mut found: Vec<String> = Vec::new();
    for message in &messages {
        let (Some(bits), Some(table), Some(kind)) = (message.get(1), message.get(4), message.get(7)) else { continue };
        let (mut table, mut destination) = (u32::from(*table), None);
        for (attribute, value) in attributes(message.get(12..).unwrap_or_default()) {
            match attribute {
                1 => destination = ip(value),
                15 => table = number(value).unwrap_or(table),
                _ => {}
            }
        }
        if let Some(destination) = destination
            && table == RT_TABLE_LOCAL
            && *kind == RTN_LOCAL
        {
            let whole = if ipv6 { 128 } else { 32 };
            let text = if *bits == whole { destination.to_string() } else { format!("{destination}/{bits}") };
            if !found.contains(&text) {
                found.push(text);
            }
        }
    }
    Ok(found)
}

/// Sends one request and reads the answer: the bodies of its messages.
fn ask(kind: u16, flags: u16, body: &[u8]) -> io::Result<Vec<Vec<u8>>> {
    // No protocol is number 0, which is NETLINK_ROUTE.
    let socket = rustix::net::socket_with(AddressFamily::NETLINK, SocketType::RAW, SocketFlags::CLOEXEC, None)?;
    let mut request = Vec::with_capacity(16 + body.len());
    request.extend(((16 + body.len()) as u32).to_ne_bytes());
    request.extend(kind.to_ne_bytes());
    request.extend((NLM_F_REQUEST | flags).to_ne_bytes());
    request.extend(1u32.to_ne_bytes());
    request.extend(0u32.to_ne_bytes());
    request.extend(body);
    rustix::net::sendto(&socket, &request, SendFlags::empty(), &netlink::SocketAddrNetlink::new(0, 0))?;
    let mut messages = Vec::new();
    // The kernel answers at once and in full: nothing here waits for another machine.
    let mut buffer = vec![0u8; 64 * 1024];
    loop {
        let (count, _) = rustix::net::recv(&socket, buffer.as_mut_slice(), RecvFlags::empty())?;
        let mut rest = buffer.get(..count).unwrap_or_default();
        if rest.is_empty() {
            return Ok(messages);
        }
        while let (Some(length), Some(kind), Some(flags)) = (number(rest), short(rest, 4), short(rest, 6)) {
            let length = length as usize;
            let Some(body) = rest.get(16..length) else { return Ok(messages) };
            match kind {
                NLMSG_DONE => return Ok(messages),
                NLMSG_ERROR => {
                    let code = body.get(..4).map_or(0, |code| i32::from_ne_bytes([code[0], code[1], code[2], code[3]]));
                    return if code == 0 { Ok(messages) } else { Err(io::Error::from_raw_os_error(-code)) };
                }
                _ => messages.push(body.to_vec()),
            }
            // NLM_F_MULTI: more parts follow.
            if flags & 2 == 0 {
                return Ok(messages);
            }
            rest = rest.get(aligned(length)..).unwrap_or_default();
        }
    }
}

fn address(message: &[u8]) -> Option<Address> {
    let (prefix, low_flags, scope) = (*message.get(1)?, *message.get(2)?, *message.get(3)?);
    let mut flags = u32::from(low_flags);
    let (mut own, mut other, mut broadcast, mut label) = (None, None, None, None);
    for (kind, value) in attributes(message.get(8..)?) {
        match kind {
            1 => other = ip(value),
            2 => own = ip(value),
            3 => label = Some(String::from_utf8_lossy(value).trim_end_matches('\0').to_owned()),
            4 => {
                broadcast = match ip(value) {
                    Some(IpAddr::V4(v4)) => Some(v4),
                    _ => None,
                }
            }
            8 => flags = number(value).unwrap_or(flags),
            _ => {}
        }
    }
    let scope = match scope {
        0 => "global".to_owned(),
        200 => "site".to_owned(),
        253 => "link".to_owned(),
        254 => "host".to_owned(),
        other => other.to_string(),
    };
    let address = own.or(other)?;
    Some(Address {
        index: number(message.get(4..)?)?,
        address,
        prefix,
        broadcast,
        label,
        scope,
        secondary: flags & 1 != 0 && address.is_ipv4(),
        has_peer: own.is_some() && other.is_some() && own != other,
    })
}

fn attributes(mut rest: &[u8]) -> Vec<(u16, &[u8])> {
    let mut found = Vec::new();
    while let (Some(length), Some(kind)) = (short(rest, 0), short(rest, 2)) {
        let Some(value) = rest.get(4..length as usize) else { break };
        found.push((kind, value));
        rest = rest.get(aligned(length as usize)..).unwrap_or_default();
    }
    found
}

fn put_attribute(body: &mut Vec<u8>, kind: u16, value: &[u8]) {
    body.extend(((4 + value.len()) as u16).to_ne_bytes());
    body.extend(kind.to_ne_bytes());
    body.extend(value);
    body.resize(aligned(body.len()), 0);
}

fn aligned(length: usize) -> usize {
    length.div_ceil(4) * 4
}

fn number(bytes: &[u8]) -> Option<u32> {
    Some(u32::from_ne_bytes(bytes.get(..4)?.try_into().ok()?))
}

fn short(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_ne_bytes(bytes.get(at..at + 2)?.try_into().ok()?))
}

fn ip(bytes: &[u8]) -> Option<IpAddr> {
    match bytes.len() {
        4 => Some(IpAddr::V4(Ipv4Addr::from(<[u8; 4]>::try_from(bytes).ok()?))),
        16 => Some(IpAddr::V6(Ipv6Addr::from(<[u8; 16]>::try_from(bytes).ok()?))),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // Needs no network: every Linux host has `lo` (unless a namespace left it down, when it has no address).
    #[test]
    fn the_kernel_answers() {
        let addresses = addresses().unwrap();
        for address in &addresses {
            assert!(address.index > 0 && address.prefix > 0, "{address:?}");
        }
        let loopback = addresses.iter().any(|known| known.address == IpAddr::V4(Ipv4Addr::LOCALHOST));
        let local = local_destinations(false).unwrap();
        assert_eq!(loopback, local.iter().any(|text| text == "127.0.0.1"), "{local:?}");
        if loopback {
            let route = route_to(IpAddr::V4(Ipv4Addr::LOCALHOST)).unwrap().unwrap();
            assert_eq!((route.index, route.gateway), (Some(1), None));
        }
    }

    #[test]
    fn an_address_message() {
        // As the kernel sends it for `inet 10.0.0.5/24 brd 10.0.0.255 scope global eth0:1` (secondary) on interface 2.
        let mut message = vec![2, 24, 0x81, 0];
        message.extend(2u32.to_ne_bytes());
        put_attribute(&mut message, 1, &[10, 0, 0, 5]);
        put_attribute(&mut message, 2, &[10, 0, 0, 5]);
        put_attribute(&mut message, 4, &[10, 0, 0, 255]);
        put_attribute(&mut message, 3, b"eth0:1\0");
        let read = address(&message).unwrap();
        assert_eq!(read.address.to_string(), "10.0.0.5");
        assert_eq!((read.prefix, read.index, read.scope.as_str()), (24, 2, "global"));
        assert_eq!(read.label.as_deref(), Some("eth0:1"));
        assert!(read.secondary && !read.has_peer);
        assert_eq!(read.broadcast, Some(Ipv4Addr::new(10, 0, 0, 255)));
    }
}
