//! SSH by libssh2: a session over a socket, driven by one thread.
//!
//! Reading never waits; writing may wait until the network has taken a packet, since libssh2 can do nothing else on a
//! session while a packet is half sent.

mod authenticate;
mod connect;

pub(super) use connect::{connect, needs_authority};

use super::LinkError;
use super::link::passing;
use super::wire::{ChannelId, Exit, Input, OpenError, Wire};
use refit_agent::protocol::Stream;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use ssh2::{BlockDirections, Channel, ErrorCode, Session};
use std::collections::HashMap;
use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::os::fd::AsFd;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// libssh2's "would block".
const EAGAIN: i32 = -37;
/// A packet carries at most this much of a channel's data.
const PACKET: usize = 32 << 10;
/// How often the host is asked for a sign of life while nothing else is said, in seconds.
const KEEP_ALIVE: u32 = 10;
/// How long a step may take that needs the network, once connected, in milliseconds.
const STEP_MS: u32 = 30_000;
const STEP: Duration = Duration::from_millis(STEP_MS as u64);
/// How long the host may take to agree that a channel is closed.
const CLOSING_MS: u32 = 2_000;

/// A socket that a session and the connection's bell share.
struct Shared(Arc<TcpStream>);

impl std::os::fd::AsRawFd for Shared {
    fn as_raw_fd(&self) -> std::os::fd::RawFd {
        self.0.as_raw_fd()
    }
}

struct Open {
    channel: Channel,
    terminal: bool,
}

/// An authenticated session.
pub(super) struct Libssh2 {
    session: Session,
    socket: Arc<TcpStream>,
    open: HashMap<ChannelId, Open>,
    next: ChannelId,
    /// Whether libssh2 may have taken packets from the network that it has not looked into: a call that waits for one
    /// packet leaves what came behind it.
    unseen: bool,
}

impl Libssh2 {
    fn new(session: Session, socket: Arc<TcpStream>) -> Libssh2 {
        session.set_timeout(STEP_MS);
        session.set_keepalive(true, KEEP_ALIVE);
        session.set_blocking(false);
        Libssh2 { session, socket, open: HashMap::new(), next: 0, unseen: false }
    }

    /// Does something that may wait for an answer.
    fn waiting<T>(&mut self, act: impl FnOnce(&Session) -> T) -> T {
        self.unseen = true;
        self.session.set_blocking(true);
        let result = act(&self.session);
        self.session.set_blocking(false);
        result
    }

    /// Whether the socket takes something now.
    fn writable(&self) -> bool {
        let mut fds = [PollFd::from_borrowed_fd(self.socket.as_fd(), PollFlags::OUT)];
        poll(&mut fds, Some(&Timespec { tv_sec: 0, tv_nsec: 0 })).is_ok() && !fds[0].revents().is_empty()
    }

    /// After something half sent: until it is out, nothing else may be sent.
    fn wait_until_writable(&self, until: Instant) -> Result<(), String> {
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(format!("the network took nothing for {} s", STEP.as_secs()));
        }
        let timeout = Timespec { tv_sec: left.as_secs().try_into().unwrap_or(30), tv_nsec: 0 };
        let mut fds = [PollFd::from_borrowed_fd(self.socket.as_fd(), PollFlags::OUT)];
        match poll(&mut fds, Some(&timeout)) {
            Ok(_) | Err(rustix::io::Errno::INTR) => Ok(()),
            Err(error) => Err(format!("waiting for the network: {error}")),
        }
    }
}

/// What libssh2 says, in words that help.
fn lost(error: &ssh2::Error) -> String {
    match error.code() {
        ErrorCode::Session(-13 | -43) => "the host closed the connection".to_owned(),
        ErrorCode::Session(-7) => "the connection is broken".to_owned(),
        ErrorCode::Session(-9 | -30) => format!("the host did not answer within {} s", STEP.as_secs()),
        _ => format!("the connection broke: {}", error.message()),
    }
}

fn lost_io(error: &io::Error) -> String {
    match error.get_ref().and_then(|inner| inner.downcast_ref::<ssh2::Error>()) {
        Some(inner) => lost(inner),
        None => format!("the connection broke: {error}"),
    }
}

impl Wire for Libssh2 {
    fn open(&mut self, command: &str, terminal: bool) -> Result<ChannelId, OpenError> {
        // The first one on this thread goes deep: the cryptographic library makes what it keeps for a thread.
        let channel = passing(|| {
            self.waiting(|session| -> Result<Channel, ssh2::Error> {
                let mut channel = session.channel_session()?;
                if terminal {
                    channel.request_pty("dumb", None, None)?;
                }
                channel.exec(command)?;
                Ok(channel)
            })
        });
        let channel = channel.map_err(|error| match error.code() {
            // Channel failure, request denied: the host's word, the session lives.
            ErrorCode::Session(-21 | -22) => OpenError::Refused(format!(
                "the host's sshd refuses another command on this connection ({}): see MaxSessions and ForceCommand in \
                 its sshd_config",
                error.message()
            )),
            _ => OpenError::Lost(lost(&error)),
        })?;
        self.next += 1;
        self.open.insert(self.next, Open { channel, terminal });
        Ok(self.next)
    }

    fn write(&mut self, channel: ChannelId, bytes: &[u8]) -> Result<usize, String> {
        let Some(open) = self.open.get(&channel) else { return Ok(0) };
        let window = open.channel.write_window().remaining as usize;
        if window == 0 || !self.writable() {
            return Ok(0);
        }
        let mut channel = open.channel.clone();
        let some = &bytes[..bytes.len().min(window).min(PACKET)];
        match self.waiting(|_| channel.write(some)) {
            Ok(count) => Ok(count),
            // The command ended and closed its side; reading tells how.
            Err(_) if channel.eof() => Ok(bytes.len()),
            Err(error) => Err(lost_io(&error)),
        }
    }

    fn finish(&mut self, channel: ChannelId) -> Result<(), String> {
        let Some(open) = self.open.get(&channel) else { return Ok(()) };
        let mut channel = open.channel.clone();
        match self.waiting(|_| channel.send_eof()) {
            Ok(()) => Ok(()),
            Err(_) if channel.eof() => Ok(()),
            Err(error) => Err(lost(&error)),
        }
    }

    fn read(&mut self, channel: ChannelId, stream: Stream, into: &mut [u8]) -> Result<Input, String> {
        let Some(open) = self.open.get(&channel) else { return Ok(Input::End) };
        // A terminal has one stream only.
        if open.terminal && stream == Stream::Stderr {
            return Ok(if open.channel.eof() { Input::End } else { Input::Nothing });
        }
        let mut stream = open.channel.stream(match stream {
            Stream::Stdout => 0,
            Stream::Stderr => 1,
        });
        let until = Instant::now() + STEP;
        loop {
            match stream.read(into) {
                Ok(0) if open.channel.eof() => return Ok(Input::End),
                Ok(0) => return Ok(Input::Nothing),
                Ok(count) => return Ok(Input::Bytes(count)),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    match self.session.block_directions() {
                        // Reading also grants the host more to send; that grant must not stay half sent.
                        BlockDirections::Outbound | BlockDirections::Both => self.wait_until_writable(until)?,
                        BlockDirections::Inbound | BlockDirections::None => {
                            self.unseen = false;
                            return Ok(Input::Nothing);
                        }
                    }
                }
                Err(error) => return Err(lost_io(&error)),
            }
        }
    }

    /// Whatever is read or sent on a session takes in what is there for all of its channels, and keeps it for them.
    fn holds(&self, channel: ChannelId) -> bool {
        let Some(open) = self.open.get(&channel) else { return false };
        self.unseen || open.channel.read_window().available > 0 || open.channel.eof()
    }

    fn exit(&mut self, channel: ChannelId) -> Result<Option<Exit>, String> {
        let Some(open) = self.open.get(&channel) else { return Ok(Some(Exit::Status(0))) };
        let mut channel = open.channel.clone();
        self.unseen = true;
        // The status comes before the host closes the channel, which may be long after the last output.
        match channel.wait_close() {
            Ok(()) => {}
            Err(error) if error.code() == ErrorCode::Session(EAGAIN) => return Ok(None),
            Err(error) => return Err(lost(&error)),
        }
        let signal = channel.exit_signal().ok().and_then(|signal| signal.exit_signal);
        match signal {
            Some(signal) => Ok(Some(Exit::Signal(signal))),
            None => channel.exit_status().map(|status| Some(Exit::Status(status))).map_err(|error| lost(&error)),
        }
    }

    fn close(&mut self, channel: ChannelId) {
        if let Some(mut open) = self.open.remove(&channel) {
            self.session.set_timeout(CLOSING_MS);
            // Closed and freed in waiting mode, so that nothing stays half sent.
            self.waiting(move |_| {
                // The host may have closed it, or be gone: it is closed either way.
                let _ = open.channel.close();
                drop(open);
            });
            self.session.set_timeout(STEP_MS);
        }
    }

    fn watch<'a>(&'a self, writing: &[ChannelId], fds: &mut Vec<PollFd<'a>>) {
        let can_write =
            |channel: &ChannelId| self.open.get(channel).is_some_and(|open| open.channel.write_window().remaining > 0);
        // Without a channel there is nobody to read.
        let mut flags = if self.open.is_empty() { PollFlags::RDHUP } else { PollFlags::IN };
        if writing.iter().any(can_write) {
            flags |= PollFlags::OUT;
        }
        fds.push(PollFd::from_borrowed_fd(self.socket.as_fd(), flags));
    }

    fn tick(&mut self) -> Result<Option<Duration>, String> {
        // Too little to be sent by halves, where anything can be sent at all.
        if !self.writable() {
            return Ok(Some(Duration::from_secs(1)));
        }
        let next = self.session.keepalive_send().map_err(|error| lost(&error))?;
        Ok(Some(Duration::from_secs(next.max(1).into())))
    }

    fn failure(&self, _exit: &Exit, _said: &str) -> Option<LinkError> {
        None
    }

    fn keeps_alive(&self) -> bool {
        true
    }
}

impl Drop for Libssh2 {
    fn drop(&mut self) {
        // A farewell that the host may or may not hear, in no time.
        self.session.set_timeout(200);
        self.session.set_blocking(true);
        let _ = self.session.disconnect(None, "done", None);
        let _ = self.socket.shutdown(Shutdown::Both);
        self.open.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::{Path, PathBuf};
    use std::process::Command;

    /// A private sshd, ended on drop.
    struct Sshd(PathBuf);

    impl Drop for Sshd {
        fn drop(&mut self) {
            let _ = script().arg("stop").arg(&self.0).status();
        }
    }

    fn script() -> Command {
        Command::new(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/support/sshd"))
    }

    /// A session with a private sshd. `None` where this machine has no sshd.
    fn session(directory: PathBuf) -> Option<(Libssh2, Sshd)> {
        let started = script().arg("start").arg(&directory).output().unwrap();
        if started.status.code() == Some(77) {
            assert!(std::env::var_os("CI").is_none(), "nothing may be skipped in CI");
            eprint!("{}", String::from_utf8_lossy(&started.stderr));
            return None;
        }
        let sshd = Sshd(directory.clone());
        let port: u16 = String::from_utf8(started.stdout).unwrap().trim().parse().unwrap();
        let socket = Arc::new(TcpStream::connect(("127.0.0.1", port)).unwrap());
        let mut session = Session::new().unwrap();
        session.set_tcp_stream(Shared(socket.clone()));
        session.handshake().unwrap();
        let user = Command::new("id").arg("-un").output().unwrap().stdout;
        let user = String::from_utf8(user).unwrap();
        session.userauth_pubkey_file(user.trim(), None, &directory.join("key"), None).unwrap();
        Some((Libssh2::new(session, socket), sshd))
    }

    /// Waits until the socket has something to read.
    fn wait(wire: &Libssh2) {
        let mut fds = [PollFd::from_borrowed_fd(wire.socket.as_fd(), PollFlags::IN)];
        assert_eq!(poll(&mut fds, Some(&Timespec { tv_sec: 20, tv_nsec: 0 })).unwrap(), 1, "nothing came");
    }

    #[test]
    fn what_comes_for_a_channel_while_another_is_read_is_told() {
        let directory = tempfile::tempdir().unwrap();
        let Some((mut wire, _sshd)) = session(directory.path().join("sshd")) else { return };
        let (one, other) = (wire.open("cat", false).unwrap(), wire.open("cat", false).unwrap());
        let mut buffer = [0; 16];
        assert!(wire.holds(one), "what came behind the answer has not been looked into");
        assert_eq!(wire.read(other, Stream::Stdout, &mut buffer).unwrap(), Input::Nothing);
        assert!(!wire.holds(one) && !wire.holds(other));

        assert_eq!(wire.write(one, b"word").unwrap(), 4);
        assert_eq!(wire.read(other, Stream::Stdout, &mut buffer).unwrap(), Input::Nothing);
        while !wire.holds(one) {
            wait(&wire);
            assert_eq!(wire.read(other, Stream::Stdout, &mut buffer).unwrap(), Input::Nothing);
        }
        assert_eq!(wire.read(one, Stream::Stdout, &mut buffer).unwrap(), Input::Bytes(4));
        assert!(!wire.holds(one), "it has been read");

        wire.finish(one).unwrap();
        assert_eq!(wire.read(other, Stream::Stdout, &mut buffer).unwrap(), Input::Nothing);
        while !wire.holds(one) {
            wait(&wire);
            assert_eq!(wire.read(other, Stream::Stdout, &mut buffer).unwrap(), Input::Nothing);
        }
        assert_eq!(wire.read(one, Stream::Stdout, &mut buffer).unwrap(), Input::End);
        assert!(!wire.holds(other));
    }
}
