//! The connection under a request: plain or TLS, over TCP or a UNIX socket.

use crate::host::{HostError, Net, Ready};
use rustls::{ClientConfig, ClientConnection, StreamOwned, pki_types::ServerName};
use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::sync::{Arc, Mutex, PoisonError};
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

/// A socket whose reads and writes wait through the `Net` facet: each at most for the timeout, none beyond the end of
/// the request.
pub(super) struct Plain<'a> {
    socket: Socket,
    net: &'a dyn Net,
    timeout: Duration,
    /// What ended a wait, where it was the request's end: `io::Error` has no room for it.
    ended: Arc<Mutex<Option<HostError>>>,
}

impl Plain<'_> {
    fn wait(&self, ready: Ready) -> io::Result<()> {
        match self.net.wait(self.socket.fd(), ready, Instant::now() + self.timeout) {
            Ok(true) => Ok(()),
            Ok(false) => Err(io::Error::new(
                io::ErrorKind::TimedOut,
                format!("nothing came for {} seconds", self.timeout.as_secs()),
            )),
            Err(error) => {
                let told = io::Error::other(error.to_string());
                *self.ended.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
                Err(told)
            }
        }
    }
}

impl Read for Plain<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            self.wait(Ready::Read)?;
            let read = match &mut self.socket {
                Socket::Tcp(stream) => stream.read(buffer),
                Socket::Unix(stream) => stream.read(buffer),
            };
            match read {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                other => return other,
            }
        }
    }
}

impl Write for Plain<'_> {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        loop {
            self.wait(Ready::Write)?;
            let written = match &mut self.socket {
                Socket::Tcp(stream) => stream.write(buffer),
                Socket::Unix(stream) => stream.write(buffer),
            };
            match written {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                other => return other,
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A connection to a server.
pub(super) enum Wire<'a> {
    Plain(Plain<'a>),
    Tls(Box<StreamOwned<ClientConnection, Plain<'a>>>),
}

impl<'a> Wire<'a> {
    /// Over TCP.
    pub(super) fn tcp(net: &'a dyn Net, stream: TcpStream, timeout: Duration) -> io::Result<Wire<'a>> {
        stream.set_nonblocking(true)?;
        stream.set_nodelay(true)?;
        Ok(Wire::Plain(Plain { socket: Socket::Tcp(stream), net, timeout, ended: Arc::default() }))
    }

    /// Over a UNIX socket.
    pub(super) fn unix(net: &'a dyn Net, stream: UnixStream, timeout: Duration) -> io::Result<Wire<'a>> {
        stream.set_nonblocking(true)?;
        Ok(Wire::Plain(Plain { socket: Socket::Unix(stream), net, timeout, ended: Arc::default() }))
    }

    /// Speaks TLS from now on.
    pub(super) fn secure(self, config: Arc<ClientConfig>, host: &str) -> Result<Wire<'a>, HostError> {
        let ended = self.ended();
        let Wire::Plain(mut plain) = self else { return Ok(self) };
        let failed = |why: String| HostError::other(format!("no TLS with {host}: {why}"));
        let name = ServerName::try_from(host.to_owned()).map_err(|error| failed(error.to_string()))?;
        let mut connection = ClientConnection::new(config, name).map_err(|error| failed(error.to_string()))?;
        while connection.is_handshaking() {
            if let Err(error) = connection.complete_io(&mut plain) {
                return Err(take(&ended).unwrap_or_else(|| failed(super::tls::explained(&error))));
            }
        }
        Ok(Wire::Tls(Box::new(StreamOwned::new(connection, plain))))
    }

    fn ended(&self) -> Arc<Mutex<Option<HostError>>> {
        match self {
            Wire::Plain(plain) => plain.ended.clone(),
            Wire::Tls(stream) => stream.sock.ended.clone(),
        }
    }

    /// The error to tell of a failed read or write: the request's end, where that was it.
    pub(super) fn error(&self, doing: &str, error: &io::Error) -> HostError {
        take(&self.ended()).unwrap_or_else(|| HostError::other(format!("{doing} failed: {error}")))
    }
}

fn take(ended: &Mutex<Option<HostError>>) -> Option<HostError> {
    ended.lock().unwrap_or_else(PoisonError::into_inner).take()
}

impl Read for Wire<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Wire::Plain(plain) => plain.read(buffer),
            Wire::Tls(stream) => match stream.read(buffer) {
                // Many servers end the connection without TLS' farewell. Whether all has come is HTTP's to say.
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(0),
                other => other,
            },
        }
    }
}

impl Write for Wire<'_> {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        match self {
            Wire::Plain(plain) => plain.write(buffer),
            Wire::Tls(stream) => stream.write(buffer),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Wire::Plain(plain) => plain.flush(),
            Wire::Tls(stream) => stream.flush(),
        }
    }
}
