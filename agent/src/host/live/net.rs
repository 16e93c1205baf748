//! Connections from the live host.

use super::{LiveProcesses, dns};
use crate::host::{Command, Context, HostError, HostResult, Net, Processes, Ready};
use rustix::event::PollFlags;
use rustix::net::{AddressFamily, SocketFlags, SocketType, connect, socket_with, sockopt};
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// The network, for one request.
pub struct LiveNet {
    context: Context,
    processes: LiveProcesses,
}

impl LiveNet {
    /// The network, for a request with this context.
    pub fn new(context: Context) -> LiveNet {
        LiveNet { processes: LiveProcesses::new(context.clone()), context }
    }

    fn connect_to(&self, address: SocketAddr, until: Instant) -> HostResult<io::Result<TcpStream>> {
        let family = if address.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        let socket = match socket_with(family, SocketType::STREAM, flags, None) {
            Ok(socket) => socket,
            Err(error) => return Ok(Err(error.into())),
        };
        match connect(&socket, &address) {
            Ok(()) => {}
            Err(rustix::io::Errno::INPROGRESS) => {
                let ready = self.context.cancellation.wait(&[(socket.as_fd(), PollFlags::OUT)], Some(until))?;
                if !ready.contains(&true) {
                    return Ok(Err(io::ErrorKind::TimedOut.into()));
                }
                match sockopt::socket_error(&socket) {
                    Ok(Ok(())) => {}
                    Ok(Err(error)) | Err(error) => return Ok(Err(error.into())),
                }
            }
            Err(error) => return Ok(Err(error.into())),
        }
        let stream = TcpStream::from(socket);
        Ok(stream.set_nonblocking(false).map(|()| stream))
    }
}

impl Net for LiveNet {
    fn resolve(&self, name: &str) -> HostResult<Vec<IpAddr>> {
        if let Ok(address) = name.trim_start_matches('[').trim_end_matches(']').parse() {
            return Ok(vec![address]);
        }
        let name = name.strip_suffix('.').unwrap_or(name);
        if name.is_empty() || name.starts_with('-') || name.contains(|c: char| c.is_whitespace() || c == '\0') {
            return Err(HostError::other(format!("{name:?} is no host name")));
        }
        let hosts = std::fs::read("/etc/hosts").unwrap_or_default();
        let listed = in_hosts(&String::from_utf8_lossy(&hosts), name);
        if !listed.is_empty() {
            return Ok(listed);
        }
        if name.eq_ignore_ascii_case("localhost") || name.to_ascii_lowercase().ends_with(".localhost") {
            return Ok(vec![Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()]);
        }
        if self.processes.which("getent")?.is_some() {
            let finished = self.processes.run(&Command::reading(["getent", "ahosts", name]))?;
            let mut found = Vec::new();
            for address in
                finished.stdout_text().lines().filter_map(|line| line.split_whitespace().next()?.parse().ok())
            {
                if !found.contains(&address) {
                    found.push(address);
                }
            }
            if !found.is_empty() {
                return Ok(found);
            }
            // busybox's and musl's getent may lack `ahosts`: status 1 is "unknown option or data base", 2 is "no".
            if finished.status == 2 {
                return Err(HostError::other(format!("the host name {name} is unknown on this host")));
            }
        }
        dns::resolve(name, &self.context.cancellation)
    }

    fn connect(&self, host: &str, port: u16, timeout: Duration) -> HostResult<TcpStream> {
        let until = Instant::now() + timeout;
        let mut last = io::Error::from(io::ErrorKind::NotFound);
        for address in self.resolve(host)? {
            match self.connect_to(SocketAddr::new(address, port), until)? {
                Ok(stream) => return Ok(stream),
                Err(error) => last = error,
            }
        }
        Err(HostError::Io { doing: "connect to", path: format!("{host}:{port}").into(), source: last })
    }

    fn connect_unix(&self, path: &Path) -> HostResult<UnixStream> {
        UnixStream::connect(path).map_err(HostError::io("connect to", path))
    }

    fn tls_program(&self) -> HostResult<PathBuf> {
        (self.context.tls)()
    }

    fn wait(&self, connection: BorrowedFd<'_>, ready: Ready, until: Instant) -> HostResult<bool> {
        let flags = match ready {
            Ready::Read => PollFlags::IN,
            Ready::Write => PollFlags::OUT,
        };
        Ok(self.context.cancellation.wait(&[(connection, flags)], Some(until))?.contains(&true))
    }

    fn may_change(&self, _what: &str) -> HostResult<()> {
        Ok(())
    }
}

/// The addresses of a name in `/etc/hosts` (hosts(5)).
fn in_hosts(text: &str, name: &str) -> Vec<IpAddr> {
    text.lines()
        .filter_map(|line| {
            let mut words = line.split('#').next()?.split_whitespace();
            let address = words.next()?.parse().ok()?;
            words.any(|word| word.eq_ignore_ascii_case(name)).then_some(address)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;

    fn net() -> LiveNet {
        LiveNet::new(Context::default())
    }

    #[test]
    fn hosts_are_found_by_any_of_their_names_and_comments_are_not() {
        let text = "127.0.0.1 localhost\n10.0.0.7 web1.example web1 # web2\n::1 localhost\n# 10.0.0.8 web3\n";
        assert_eq!(in_hosts(text, "WEB1"), ["10.0.0.7".parse::<IpAddr>().unwrap()]);
        assert_eq!(in_hosts(text, "localhost").len(), 2);
        assert!(in_hosts(text, "web2").is_empty() && in_hosts(text, "web3").is_empty());
    }

    #[test]
    fn addresses_and_localhost_need_no_one() {
        assert_eq!(net().resolve("192.0.2.1").unwrap(), ["192.0.2.1".parse::<IpAddr>().unwrap()]);
        assert_eq!(net().resolve("[::1]").unwrap(), ["::1".parse::<IpAddr>().unwrap()]);
        assert!(net().resolve("localhost").unwrap().iter().all(IpAddr::is_loopback));
        assert!(net().resolve("-x").is_err() && net().resolve("").is_err());
    }

    #[test]
    fn a_listener_is_reached_and_a_closed_port_says_refused() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        net().connect("127.0.0.1", port, Duration::from_secs(10)).unwrap();
        drop(listener);
        let error = net().connect("127.0.0.1", port, Duration::from_secs(10)).unwrap_err().to_string();
        assert!(error.contains("refused") && error.contains(&port.to_string()), "{error}");
    }
}
