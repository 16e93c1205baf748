//! Connections to other machines.

use super::HostResult;
use std::net::IpAddr;
use std::time::Duration;

/// What is needed of the network, besides HTTP requests which `uri` and `get_url` make by the `http` module.
pub trait Net {
    /// The addresses of a name: from `/etc/hosts`, else by `getent`. A static program can't use NSS plug-ins.
    fn resolve(&self, name: &str) -> HostResult<Vec<IpAddr>>;
    /// Opens a TCP connection, or says why it can't be opened.
    fn connect(&self, host: &str, port: u16, timeout: Duration) -> HostResult<std::net::TcpStream>;
    /// Opens a connection to a UNIX socket.
    fn connect_unix(&self, path: &std::path::Path) -> HostResult<std::os::unix::net::UnixStream>;
    /// Whether a request may be made that the other side takes for an order (POST, PUT, DELETE, ...): in a shadow it
    /// is an error that says what is unknown.
    fn may_change(&self, what: &str) -> HostResult<()>;
}
