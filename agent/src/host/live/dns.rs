//! A minimal resolver for hosts without `getent`: asks the name servers of `/etc/resolv.conf` for A and AAAA records
//! (RFC 1035), over UDP, one after the other.

use crate::host::context::Cancellation;
use crate::host::{HostError, HostResult};
use rustix::event::PollFlags;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

const A: u16 = 1;
const AAAA: u16 = 28;
const PATIENCE: Duration = Duration::from_secs(2);
const ATTEMPTS: usize = 2;

/// The addresses of a name.
pub(crate) fn resolve(name: &str, cancellation: &Cancellation) -> HostResult<Vec<IpAddr>> {
    let conf = std::fs::read_to_string("/etc/resolv.conf").unwrap_or_default();
    resolve_with(name, &Settings::parse(&conf), cancellation)
}

/// What `/etc/resolv.conf` says (resolv.conf(5)).
#[derive(Debug, PartialEq)]
struct Settings {
    servers: Vec<SocketAddr>,
    search: Vec<String>,
    ndots: usize,
}

impl Settings {
    fn parse(text: &str) -> Settings {
        let mut settings = Settings { servers: Vec::new(), search: Vec::new(), ndots: 1 };
        for line in text.lines() {
            let mut words = line.split_whitespace();
            match words.next() {
                Some("nameserver") => {
                    let address = words.next().and_then(|word| word.parse::<IpAddr>().ok());
                    settings.servers.extend(address.map(|address| SocketAddr::new(address, 53)));
                }
                Some("search" | "domain") => settings.search = words.map(str::to_owned).collect(),
                Some("options") => {
                    for dots in words.filter_map(|word| word.strip_prefix("ndots:")?.parse().ok()) {
                        settings.ndots = dots;
                    }
                }
                _ => {}
            }
        }
        settings
    }

    /// The full names to try, in order.
    fn candidates(&self, name: &str) -> Vec<String> {
        let searched = self.search.iter().map(|domain| format!("{name}.{}", domain.trim_end_matches('.')));
        if name.matches('.').count() >= self.ndots {
            std::iter::once(name.to_owned()).chain(searched).collect()
        } else {
            searched.chain(std::iter::once(name.to_owned())).collect()
        }
    }
}

fn resolve_with(name: &str, settings: &Settings, cancellation: &Cancellation) -> HostResult<Vec<IpAddr>> {
    if settings.servers.is_empty() {
        return Err(HostError::other(format!(
            "cannot look up {name}: this host has neither getent nor a name server in /etc/resolv.conf"
        )));
    }
    let mut trouble = None;
    for candidate in settings.candidates(name) {
        let mut found = Vec::new();
        for kind in [A, AAAA] {
            match ask(&candidate, kind, &settings.servers, cancellation)? {
                Ok(addresses) => found.extend(addresses),
                Err(error) => trouble = Some(error),
            }
        }
        if !found.is_empty() {
            return Ok(found);
        }
    }
    Err(HostError::other(match trouble {
        Some(trouble) => format!("cannot look up {name}: {trouble}"),
        None => format!("the host name {name} is unknown on this host"),
    }))
}

/// Asks one server after the other. The inner error is for when none answered.
fn ask(
    name: &str,
    kind: u16,
    servers: &[SocketAddr],
    cancellation: &Cancellation,
) -> HostResult<Result<Vec<IpAddr>, String>> {
    let id = super::atomic::random() as u16;
    let Some(question) = question(id, name, kind) else {
        return Ok(Err(format!("{name:?} is no host name")));
    };
    let mut trouble = String::new();
    for server in servers.iter().cycle().take(servers.len() * ATTEMPTS) {
        let local: SocketAddr =
            if server.is_ipv4() { (Ipv4Addr::UNSPECIFIED, 0).into() } else { (Ipv6Addr::UNSPECIFIED, 0).into() };
        let sent = UdpSocket::bind(local).and_then(|socket| {
            // Connected, so that only this server's answers come in.
            socket.connect(server)?;
            socket.send(&question)?;
            Ok(socket)
        });
        let socket = match sent {
            Ok(socket) => socket,
            Err(error) => {
                trouble = format!("the name server {server}: {error}");
                continue;
            }
        };
        trouble = format!("the name server {server} did not answer");
        let until = Instant::now() + PATIENCE;
        while cancellation.wait(&[(socket.as_fd(), PollFlags::IN)], Some(until))?.contains(&true) {
            let mut packet = [0; 4096];
            match socket.recv(&mut packet) {
                Ok(count) => {
                    if let Some(addresses) = answer(id, kind, &packet[..count]) {
                        return Ok(Ok(addresses));
                    }
                }
                Err(error) => {
                    trouble = format!("the name server {server}: {error}");
                    break;
                }
            }
        }
    }
    Ok(Err(trouble))
}

/// A query for one kind of record, recursion desired. `None` for what is no name.
fn question(id: u16, name: &str, kind: u16) -> Option<Vec<u8>> {
    let mut packet = Vec::with_capacity(name.len() + 18);
    packet.extend(id.to_be_bytes());
    packet.extend([1, 0, 0, 1, 0, 0, 0, 0, 0, 0]);
    for label in name.split('.') {
        let length = u8::try_from(label.len()).ok().filter(|length| (1..64).contains(length))?;
        packet.push(length);
        packet.extend(label.as_bytes());
    }
    packet.push(0);
    packet.extend(kind.to_be_bytes());
    packet.extend([0, 1]);
    Some(packet)
}

/// The addresses of an answer; none where the server says that there are none. `None` for a packet that is no answer to
/// this question or tells of a failure of the server.
fn answer(id: u16, kind: u16, packet: &[u8]) -> Option<Vec<IpAddr>> {
    let word = |at: usize| Some(u16::from_be_bytes([*packet.get(at)?, *packet.get(at + 1)?]));
    let code = word(2)? & 0xf;
    if word(0)? != id || word(2)? & 0x8000 == 0 || !matches!(code, 0 | 3) {
        return None;
    }
    let mut at = 12;
    for _ in 0..word(4)? {
        at = skip_name(packet, at)? + 4;
    }
    let mut found = Vec::new();
    for _ in 0..word(6)? {
        at = skip_name(packet, at)?;
        let length = usize::from(word(at + 8)?);
        let data = packet.get(at + 10..at + 10 + length)?;
        if word(at)? == kind && kind == A {
            found.push(IpAddr::from(<[u8; 4]>::try_from(data).ok()?));
        } else if word(at)? == kind {
            found.push(IpAddr::from(<[u8; 16]>::try_from(data).ok()?));
        }
        at += 10 + length;
    }
    Some(found)
}

fn skip_name(packet: &[u8], mut at: usize) -> Option<usize> {
    loop {
        match *packet.get(at)? {
            0 => return Some(at + 1),
            // The rest of the name is elsewhere.
            pointer if pointer & 0xc0 == 0xc0 => return Some(at + 2),
            length => at += usize::from(length) + 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn search_domains_come_first_for_short_names_only() {
        let settings = Settings::parse("search example.org lan.\nnameserver 192.0.2.1\noptions edns0 ndots:2\n# x\n");
        assert_eq!(settings.servers, ["192.0.2.1:53".parse().unwrap()]);
        assert_eq!(settings.candidates("a.b"), ["a.b.example.org", "a.b.lan", "a.b"]);
        assert_eq!(settings.candidates("a.b.c")[0], "a.b.c");
    }

    #[test]
    fn a_name_server_is_asked_and_believed() {
        let server = UdpSocket::bind("127.0.0.1:0").unwrap();
        let settings = Settings { servers: vec![server.local_addr().unwrap()], search: vec![], ndots: 1 };
        let serving = std::thread::spawn(move || {
            for data in [&[192, 0, 2, 7][..], &[0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 9]] {
                let mut packet = [0; 512];
                let (count, from) = server.recv_from(&mut packet).unwrap();
                let mut reply = packet[..count].to_vec();
                let kind = [reply[count - 4], reply[count - 3]];
                reply[2] = 0x81;
                reply[3] = 0x80;
                reply[7] = 1;
                reply.extend([0xc0, 12]);
                reply.extend(kind);
                reply.extend([0, 1, 0, 0, 0, 60, 0, data.len() as u8]);
                reply.extend(data);
                server.send_to(&reply, from).unwrap();
            }
        });
        let found = resolve_with("web1.example", &settings, &Cancellation::default()).unwrap();
        serving.join().unwrap();
        assert_eq!(found, ["192.0.2.7".parse::<IpAddr>().unwrap(), "2001:db8::9".parse().unwrap()]);
    }

    #[test]
    fn a_torn_answer_is_none() {
        let mut packet = question(7, "a.b", A).unwrap();
        packet[2] = 0x81;
        packet[7] = 1;
        assert_eq!(answer(7, A, &packet), None);
        assert_eq!(answer(8, A, &packet), None);
        assert_eq!(question(7, "a..b", A), None);
    }
}
