//! Connections in a dry run: looking is allowed, ordering is not.

use super::Core;
use crate::host::{HostError, HostResult, Net, Ready};
use std::net::{IpAddr, TcpStream};
use std::os::fd::BorrowedFd;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// The network of one request.
pub(super) struct ShadowNet(pub(super) Arc<Core>);

impl ShadowNet {
    /// What nobody answers now may be answered by what earlier tasks would have started.
    fn doubted<T>(&self, answer: HostResult<T>, what: &str) -> HostResult<T> {
        match answer {
            Err(HostError::Io { source, .. }) if self.0.overlay().differs => Err(HostError::Unknown {
                why: format!(
                    "whether {what} answers by then: now it does not ({source}), and earlier tasks would change the host"
                ),
            }),
            answer => answer,
        }
    }
}

impl Net for ShadowNet {
    fn resolve(&self, name: &str) -> HostResult<Vec<IpAddr>> {
        self.0.live.net.resolve(name)
    }

    fn connect(&self, host: &str, port: u16, timeout: Duration) -> HostResult<TcpStream> {
        self.doubted(self.0.live.net.connect(host, port, timeout), &format!("{host}:{port}"))
    }

    fn connect_unix(&self, path: &Path) -> HostResult<UnixStream> {
        self.doubted(self.0.live.net.connect_unix(path), &path.display().to_string())
    }

    fn tls_program(&self) -> HostResult<PathBuf> {
        self.0.live.net.tls_program()
    }

    fn wait(&self, connection: BorrowedFd<'_>, ready: Ready, until: Instant) -> HostResult<bool> {
        self.0.live.net.wait(connection, ready, until)
    }

    fn may_change(&self, what: &str) -> HostResult<()> {
        Err(HostError::Unknown { why: what.to_owned() })
    }
}
