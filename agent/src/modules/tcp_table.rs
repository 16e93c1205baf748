//! The TCP connections of the host as the kernel lists them (`/proc/net/tcp`, `/proc/net/tcp6`; proc_net_tcp(5)).

use crate::choices;
use crate::host::{Files, HostResult};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::Path;

choices! {
    /// The states in which a connection is in use.
    pub enum TcpState {
        /// Both sides may send.
        Established = "ESTABLISHED",
        /// It is being opened from here.
        SynSent = "SYN_SENT",
        /// It is being opened from there.
        SynRecv = "SYN_RECV",
        /// This side has closed it.
        FinWait1 = "FIN_WAIT1",
        /// The other side knows that this one has closed it.
        FinWait2 = "FIN_WAIT2",
        /// It is closed, and late packets may still come.
        TimeWait = "TIME_WAIT",
    }
}

impl TcpState {
    fn of_number(number: u8) -> Option<TcpState> {
        [
            TcpState::Established,
            TcpState::SynSent,
            TcpState::SynRecv,
            TcpState::FinWait1,
            TcpState::FinWait2,
            TcpState::TimeWait,
        ]
        .get(usize::from(number).checked_sub(1)?)
        .copied()
    }
}

/// One connection.
#[derive(Clone, Debug, PartialEq)]
pub struct Connection {
    /// The address on this host; IPv4 also where an IPv6 socket has it.
    pub local: IpAddr,
    /// The port on this host.
    pub port: u16,
    /// The address of the other side.
    pub remote: IpAddr,
    /// Its state.
    pub state: TcpState,
}

/// All connections in use.
pub fn connections(files: &dyn Files) -> HostResult<Vec<Connection>> {
    let mut all = Vec::new();
    for path in ["/proc/net/tcp", "/proc/net/tcp6"] {
        match files.read(Path::new(path)) {
            Ok(table) => all.extend(String::from_utf8_lossy(&table).lines().filter_map(connection)),
            // A kernel without IPv6 has no second table.
            Err(error) if error.is_not_found() => {}
            Err(error) => return Err(error),
        }
    }
    Ok(all)
}

/// A line of the table; none for its heading and for sockets that are no connections.
fn connection(line: &str) -> Option<Connection> {
    let mut words = line.split_whitespace().skip(1);
    let (local, port) = endpoint(words.next()?)?;
    let (remote, _) = endpoint(words.next()?)?;
    let state = TcpState::of_number(u8::from_str_radix(words.next()?, 16).ok()?)?;
    Some(Connection { local, port, remote, state })
}

/// `0100007F:1F90`: the address as words of 32 bits in the host's byte order, the port as a number.
fn endpoint(text: &str) -> Option<(IpAddr, u16)> {
    let (address, port) = text.split_once(':')?;
    let mut bytes = Vec::new();
    for at in (0..address.len()).step_by(8) {
        bytes.extend(u32::from_str_radix(address.get(at..at + 8)?, 16).ok()?.to_ne_bytes());
    }
    let address = match bytes.len() {
        4 => IpAddr::from(Ipv4Addr::from(<[u8; 4]>::try_from(bytes).ok()?)),
        _ => IpAddr::from(Ipv6Addr::from(<[u8; 16]>::try_from(bytes).ok()?)).to_canonical(),
    };
    Some((address, u16::from_str_radix(port, 16).ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::{Context, live::Live};
    use std::net::{TcpListener, TcpStream};

    #[test]
    #[cfg(target_endian = "little")]
    fn lines_of_both_tables() {
        let line = "   1: 0100007F:1F90 0200000A:C350 01 00000000:00000000 00:00000000 00000000 0 0 1 1 0 20 4 1 10 -1";
        let read = connection(line).unwrap();
        let expected = (IpAddr::from([127, 0, 0, 1]), 8080, IpAddr::from([10, 0, 0, 2]), TcpState::Established);
        assert_eq!((read.local, read.port, read.remote, read.state), expected);
        let line = "   0: 0000000000000000FFFF00000100007F:0050 00000000000000000000000001000000:0001 06 0:0";
        let read = connection(line).unwrap();
        assert_eq!((read.local, read.port), (IpAddr::from([127, 0, 0, 1]), 80));
        assert_eq!((read.remote, read.state), (IpAddr::from(Ipv6Addr::LOCALHOST), TcpState::TimeWait));
        assert_eq!(connection("   0: 00000000:0016 00000000:0000 0A 0:0"), None, "it listens");
        assert_eq!(connection("  sl  local_address rem_address   st tx_queue"), None);
    }

    #[test]
    fn a_real_connection_is_in_the_table() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let _client = TcpStream::connect(("127.0.0.1", port)).unwrap();
        let live = Live::new(Context::default());
        let found = connections(live.host().files).unwrap();
        assert!(found.iter().any(|c| c.port == port && c.state == TcpState::Established), "{found:?}");
    }
}
