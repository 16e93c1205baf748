//! Connections to other machines.

use super::HostResult;
use std::net::IpAddr;
use std::os::fd::BorrowedFd;
use std::time::{Duration, Instant};

/// What a connection is to be ready for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ready {
    /// There is something to read, or the end.
    Read,
    /// There is room to write.
    Write,
}

/// What is needed of the network, besides HTTP requests which `uri` and `get_url` make by the `http` module.
pub trait Net {
    /// The addresses of a name: from `/etc/hosts`, else by `getent`. A static program can't use NSS plug-ins.
    fn resolve(&self, name: &str) -> HostResult<Vec<IpAddr>>;
    /// Opens a TCP connection, or says why it can't be opened.
    fn connect(&self, host: &str, port: u16, timeout: Duration) -> HostResult<std::net::TcpStream>;
    /// Opens a connection to a UNIX socket.
    fn connect_unix(&self, path: &std::path::Path) -> HostResult<std::os::unix::net::UnixStream>;
    /// The program that speaks TLS for the agent ([`crate::http::TlsSetup`]).
    fn tls_program(&self) -> HostResult<std::path::PathBuf>;
    /// Waits until a connection is ready; false after the time. A cancelled request ends the wait with an error.
    fn wait(&self, connection: BorrowedFd<'_>, ready: Ready, until: Instant) -> HostResult<bool>;
    /// Whether a request may be made that the other side takes for an order (POST, PUT, DELETE, ...): in a shadow it
    /// is an error that says what is unknown.
    fn may_change(&self, what: &str) -> HostResult<()>;
}
