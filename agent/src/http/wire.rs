//! The connection under a request: plain or TLS, over TCP or a UNIX socket.

use super::tls::{TlsProgram, TlsSetup};
use crate::host::{HostError, HostResult, Net, Ready};
use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

enum Socket {
    Tcp(TcpStream),
    Unix(UnixStream),
}

impl Socket {
    fn fd(&self) -> BorrowedFd<'_> {
        match self {
            Socket::Tcp(stream) => stream.as_fd(),
            Socket::Unix(stream) => stream.as_fd(),
        }
    }
}

/// A connection to a server, whose reads and writes wait through the `Net` facet: each at most for the timeout, none
/// beyond the end of the request.
pub(super) struct Wire<'a> {
    socket: Socket,
    net: &'a dyn Net,
    timeout: Duration,
    /// The program that speaks TLS at the other end of the socket, as long as it may have something to say.
    tls: Option<TlsProgram>,
    /// What ended the connection, where it was the end of the request or TLS: `io::Error` has no room for it.
    ended: Option<HostError>,
}

impl<'a> Wire<'a> {
    /// Over TCP.
    pub(super) fn tcp(net: &'a dyn Net, stream: TcpStream, timeout: Duration) -> io::Result<Wire<'a>> {
        stream.set_nonblocking(true)?;
        stream.set_nodelay(true)?;
        Ok(Wire { socket: Socket::Tcp(stream), net, timeout, tls: None, ended: None })
    }

    /// Over a UNIX socket.
    pub(super) fn unix(net: &'a dyn Net, stream: UnixStream, timeout: Duration) -> io::Result<Wire<'a>> {
        stream.set_nonblocking(true)?;
        Ok(Wire { socket: Socket::Unix(stream), net, timeout, tls: None, ended: None })
    }

    /// Speaks TLS from now on.
    pub(super) fn secure(self, setup: &TlsSetup) -> HostResult<Wire<'a>> {
        let server = match self.socket {
            Socket::Tcp(stream) => OwnedFd::from(stream),
            Socket::Unix(stream) => OwnedFd::from(stream),
        };
        let (program, stream) = TlsProgram::start(&self.net.tls_program()?, setup, server)?;
        let failed = |error| HostError::other(format!("the connection can't be used: {error}"));
        let wire = Wire::unix(self.net, stream, self.timeout).map_err(failed)?;
        Ok(Wire { tls: Some(program), ..wire })
    }

    fn wait(&mut self, ready: Ready) -> io::Result<()> {
        match self.net.wait(self.socket.fd(), ready, Instant::now() + self.timeout) {
            Ok(true) => Ok(()),
            Ok(false) => Err(io::Error::new(
                io::ErrorKind::TimedOut,
                format!("nothing came for {} seconds", self.timeout.as_secs()),
            )),
            Err(error) => {
                let told = io::Error::other(error.to_string());
                self.ended = Some(error);
                Err(told)
            }
        }
    }

    /// Whether the connection has ended otherwise than by being closed: then TLS has something to say of it.
    fn broken(&mut self) -> Option<io::Error> {
        let why = self.tls.take()?.failure()?;
        self.ended = Some(HostError::other(why.clone()));
        Some(io::Error::other(why))
    }

    /// The error to tell of a failed read or write: the end of the request or of TLS, where that was it.
    pub(super) fn error(&mut self, doing: &str, error: &io::Error) -> HostError {
        self.ended.take().unwrap_or_else(|| HostError::other(format!("{doing} failed: {error}")))
    }
}

impl Read for Wire<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            self.wait(Ready::Read)?;
            let read = match &mut self.socket {
                Socket::Tcp(stream) => stream.read(buffer),
                Socket::Unix(stream) => stream.read(buffer),
            };
            return match read {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => continue,
                Ok(0) => self.broken().map_or(Ok(0), Err),
                Err(error) => Err(self.broken().unwrap_or(error)),
                Ok(count) => Ok(count),
            };
        }
    }
}

impl Write for Wire<'_> {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        loop {
            self.wait(Ready::Write)?;
            let written = match &mut self.socket {
                Socket::Tcp(stream) => stream.write(buffer),
                Socket::Unix(stream) => stream.write(buffer),
            };
            return match written {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => continue,
                Err(error) => Err(self.broken().unwrap_or(error)),
                Ok(count) => Ok(count),
            };
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
