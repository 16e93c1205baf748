//! From an address to an authenticated session. Every step has a time limit, and its errors say which step it was.

use super::authenticate::authenticate;
use super::{Libssh2, Shared};
use crate::connection::driver::Bell;
use crate::connection::known_hosts::{self, KnownHost, Opinion, fingerprint, known_name};
use crate::connection::link::passing;
use crate::connection::ssh_config::Settings;
use crate::connection::{HostKeyPolicy, LinkError, Target};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::net::{AddressFamily, SocketFlags, SocketType, socket_with};
use ssh_key::PublicKey;
use ssh2::{ErrorCode, MethodType, Session};
use std::net::{IpAddr, SocketAddr, TcpStream, ToSocketAddrs};
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

/// The stack of a thread that does its work on another one.
const LITTLE: usize = 64 << 10;

/// The algorithms for host keys that are checked here; certificates are left to the system's `ssh`.
const HOST_KEYS: [&str; 7] = [
    "ssh-ed25519",
    "ecdsa-sha2-nistp256",
    "ecdsa-sha2-nistp384",
    "ecdsa-sha2-nistp521",
    "rsa-sha2-512",
    "rsa-sha2-256",
    "ssh-rsa",
];

fn unreachable(message: String) -> LinkError {
    LinkError::Unreachable { message, midway: false }
}

/// Connects, checks the host's key, and authenticates. `ready` waits for leave to shake hands.
pub(in crate::connection) fn connect<P>(
    target: &Target,
    settings: &Settings,
    timeout: Duration,
    bell: &Bell,
    ready: impl FnOnce() -> Result<P, LinkError>,
) -> Result<Libssh2, LinkError> {
    let socket = Arc::new(passing(|| dial(settings, timeout, bell))?);
    bell.watch(&socket);
    let _pass = ready()?;
    apart(|| {
        let known = KnownHost::read(&settings.known_hosts, name(settings), settings.port)
            .map_err(|error| unreachable(format!("the files of known hosts cannot be read: {error}")))?;
        let session = handshake(settings, timeout, &socket, &known)?;
        check_host_key(&session, settings, &known)?;
        authenticate(&session, target, settings)?;
        Ok(Libssh2::new(session, socket.clone()))
    })
}

/// Runs something on a thread of its own: what a handshake leaves behind there (the cryptographic library's state) goes with
/// that thread, where the connection's own lives as long as the run. The stack that it takes is given back by itself, since
/// those of threads that have ended are kept for further ones.
fn apart<T: Send>(work: impl FnOnce() -> Result<T, LinkError> + Send) -> Result<T, LinkError> {
    thread::scope(|scope| {
        let thread = thread::Builder::new().stack_size(LITTLE).spawn_scoped(scope, || passing(work));
        let thread =
            thread.map_err(|error| unreachable(format!("no thread to connect: {error} (raise `ulimit -u`)")))?;
        let failed = || unreachable("connecting ended in a panic, which is a bug".to_owned());
        thread.join().unwrap_or_else(|_| Err(failed()))
    })
}

/// Whether the host is known only by an authority that signs host keys: the system's `ssh` checks that.
pub(in crate::connection) fn needs_authority(settings: &Settings) -> bool {
    KnownHost::read(&settings.known_hosts, name(settings), settings.port).is_ok_and(|known| known.by_authority_only())
}

/// The name by which files know the host.
fn name(settings: &Settings) -> &str {
    settings.alias.as_deref().unwrap_or(&settings.host)
}

fn addresses(settings: &Settings) -> Result<Vec<SocketAddr>, LinkError> {
    if let Ok(address) = settings.host.parse::<IpAddr>() {
        return Ok(vec![SocketAddr::new(address, settings.port)]);
    }
    let found = (settings.host.as_str(), settings.port).to_socket_addrs();
    let found: Vec<SocketAddr> = match found {
        Ok(found) => found.collect(),
        Err(error) => {
            return Err(unreachable(format!(
                "cannot resolve {}: {error} (set ansible_host to an address, or mend the name)",
                settings.host
            )));
        }
    };
    if found.is_empty() {
        return Err(unreachable(format!("cannot resolve {}: it has no address", settings.host)));
    }
    Ok(found)
}

/// A connected socket, from the first address that answers.
fn dial(settings: &Settings, timeout: Duration, bell: &Bell) -> Result<TcpStream, LinkError> {
    let mut failed: Vec<(SocketAddr, String)> = Vec::new();
    for address in addresses(settings)? {
        match dial_one(address, timeout, bell) {
            Ok(socket) => return Ok(socket),
            Err(error) if bell.is_cut() => return Err(error),
            Err(error) => failed.push((address, error.to_string())),
        }
    }
    let tried: Vec<String> = failed.iter().map(|(address, error)| format!("{address}: {error}")).collect();
    Err(unreachable(format!("cannot connect to {}", tried.join(", "))))
}

fn dial_one(address: SocketAddr, timeout: Duration, bell: &Bell) -> Result<TcpStream, LinkError> {
    let family = if address.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let failed = |error: rustix::io::Errno| {
        let hint = match error {
            rustix::io::Errno::CONNREFUSED => " (nothing listens there: is sshd running, is the port right?)",
            rustix::io::Errno::MFILE => " (raise `ulimit -n`, or lower --forks)",
            _ => "",
        };
        unreachable(format!("{error}{hint}"))
    };
    let fd: OwnedFd = socket_with(family, SocketType::STREAM, flags, None).map_err(failed)?;
    match rustix::net::connect(&fd, &address) {
        Ok(()) => {}
        Err(rustix::io::Errno::INPROGRESS) => connected(&fd, timeout, bell)?,
        Err(error) => return Err(failed(error)),
    }
    rustix::net::sockopt::socket_error(&fd).and_then(|result| result).map_err(failed)?;
    let socket = TcpStream::from(fd);
    // Requests are small and waited for.
    let _ = socket.set_nodelay(true);
    Ok(socket)
}

fn connected(fd: &OwnedFd, timeout: Duration, bell: &Bell) -> Result<(), LinkError> {
    let until = Instant::now() + timeout;
    loop {
        if bell.is_cut() {
            return Err(LinkError::Cancelled);
        }
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(unreachable(format!(
                "no answer within {} s (is the host up, does a firewall drop packets?)",
                timeout.as_secs_f32()
            )));
        }
        let timeout =
            Timespec { tv_sec: left.as_secs().try_into().unwrap_or(i64::MAX), tv_nsec: left.subsec_nanos().into() };
        let mut fds = [
            PollFd::from_borrowed_fd(fd.as_fd(), PollFlags::OUT),
            PollFd::from_borrowed_fd(bell.event().as_fd(), PollFlags::IN),
        ];
        match poll(&mut fds, Some(&timeout)) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(unreachable(format!("waiting for the host failed: {error}"))),
        }
        if !fds[0].revents().is_empty() {
            return Ok(());
        }
        // Callers that ring while we connect are served when we are connected.
        if !fds[1].revents().is_empty() {
            bell.quiet();
        }
    }
}

fn handshake(
    settings: &Settings,
    timeout: Duration,
    socket: &Arc<TcpStream>,
    known: &KnownHost,
) -> Result<Session, LinkError> {
    let broken = |error: ssh2::Error| {
        let what = match error.code() {
            ErrorCode::Session(-13 | -43) => {
                "the host closed the connection (is it overloaded, or does its sshd turn us away: MaxStartups, \
                 hosts.deny?)"
                    .to_owned()
            }
            ErrorCode::Session(-9 | -30) => format!("no answer within {} s", timeout.as_secs_f32()),
            ErrorCode::Session(-2) => "what answers there does not speak SSH".to_owned(),
            ErrorCode::Session(-5 | -8 | -33) => format!(
                "{}: no algorithm in common, or a proxy in between; ansible_connection=ssh and ansible_ssh_args can use \
                 the system's ssh with others",
                error.message()
            ),
            _ => error.message().to_owned(),
        };
        unreachable(format!("SSH handshake with {}:{} failed: {what}", settings.host, settings.port))
    };
    let mut session = Session::new().map_err(broken)?;
    let mut algorithms = known.algorithms();
    algorithms.extend(HOST_KEYS.iter().filter(|name| !known.algorithms().contains(name)));
    session.method_pref(MethodType::HostKey, &algorithms.join(",")).map_err(broken)?;
    session.set_timeout(timeout.as_millis().clamp(1, u32::MAX.into()).try_into().unwrap_or(u32::MAX));
    session.set_tcp_stream(Shared(socket.clone()));
    session.handshake().map_err(broken)?;
    Ok(session)
}

fn check_host_key(session: &Session, settings: &Settings, known: &KnownHost) -> Result<(), LinkError> {
    let (host, port) = (name(settings), settings.port);
    let who = known_name(host, port);
    let key = session
        .host_key()
        .and_then(|(bytes, _)| PublicKey::from_bytes(bytes).ok())
        .ok_or_else(|| unreachable(format!("{who} shows a host key that cannot be read")))?;
    let shown = format!("{} key {}", key.algorithm(), fingerprint(&key));
    let file = settings.known_hosts.first();
    match known.opinion(&key, host, port) {
        Opinion::Good => Ok(()),
        Opinion::Revoked { place } => Err(unreachable(format!(
            "the host key of {who} is revoked: it shows the {shown}, which {place} marks as @revoked. Do not connect; ask \
             who keeps the host for its new key"
        ))),
        Opinion::Changed { known, place } if settings.policy != HostKeyPolicy::Off => Err(unreachable(format!(
            "the host key of {who} has changed: it shows the {shown}, but {place} has {known}. Either the host was \
             installed anew, or somebody is in between. If the new key is right (compare it on the host's console: \
             ssh-keygen -lf /etc/ssh/ssh_host_*_key.pub), remove that line: ssh-keygen -R '{who}'"
        ))),
        Opinion::Unknown if settings.policy == HostKeyPolicy::Strict => Err(unreachable(format!(
            "the host key of {who} is not known: it shows the {shown}, and no line of {} speaks of it. If that key is \
             right, connect once with ssh, or add it: ssh-keyscan -p {port} {host}; host_key_checking = False and \
             -o StrictHostKeyChecking=accept-new take it unseen",
            files(settings)
        ))),
        Opinion::Unknown if settings.policy == HostKeyPolicy::AcceptNew => {
            let Some(file) = file else { return Ok(()) };
            match known_hosts::remember(file, host, port, &key, settings.hash_names) {
                Ok(Opinion::Good | Opinion::Unknown) => Ok(()),
                // Another process has met the host at the same time and seen something else.
                Ok(Opinion::Changed { .. } | Opinion::Revoked { .. }) => Err(unreachable(format!(
                    "the host key of {who} has changed within moments: it shows the {shown}, and another process has \
                     just put a different one in {}",
                    file.display()
                ))),
                Err(error) => Err(unreachable(format!(
                    "the host key of {who} cannot be remembered in {}: {error}",
                    file.display()
                ))),
            }
        }
        Opinion::Changed { .. } | Opinion::Unknown => Ok(()),
    }
}

fn files(settings: &Settings) -> String {
    let files: Vec<String> = settings.known_hosts.iter().map(|file| file.display().to_string()).collect();
    if files.is_empty() { "no file".to_owned() } else { files.join(", ") }
}
