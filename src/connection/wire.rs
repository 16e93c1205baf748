//! What a transport has to be able to do: open channels to a host, and move bytes on them without waiting.

use super::LinkError;
use refit_agent::protocol::Stream;
use rustix::event::PollFd;
use std::time::Duration;

/// A channel of a wire: a command that runs on the host, with its three streams.
pub(super) type ChannelId = u64;

/// What a channel had to read.
#[derive(Debug, PartialEq)]
pub(super) enum Input {
    /// This many bytes.
    Bytes(usize),
    /// Nothing now.
    Nothing,
    /// Nothing any more.
    End,
}

/// How the command of a channel ended.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Exit {
    /// With this status.
    Status(i32),
    /// By a signal (its name, without `SIG`).
    Signal(String),
}

impl std::fmt::Display for Exit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Exit::Status(status) => write!(f, "exit status {status}"),
            Exit::Signal(signal) => write!(f, "killed by SIG{signal}"),
        }
    }
}

/// Why a channel could not be opened.
#[derive(Debug)]
pub(super) enum OpenError {
    /// The host refused it; the connection lives.
    Refused(String),
    /// The connection is gone.
    Lost(String),
}

/// A connection to a host, driven by one thread. Nothing here waits longer than a round trip, but for `write`, which may
/// wait for the network to take what it was given.
pub(super) trait Wire: Send {
    /// Starts a command line by the remote user's login shell. `terminal`: with a pseudo-terminal as all three streams.
    fn open(&mut self, command: &str, terminal: bool) -> Result<ChannelId, OpenError>;
    /// Writes some to the command's standard input; 0 where it takes nothing now.
    fn write(&mut self, channel: ChannelId, bytes: &[u8]) -> Result<usize, String>;
    /// Ends the command's standard input.
    fn finish(&mut self, channel: ChannelId) -> Result<(), String>;
    /// Reads what the command printed.
    fn read(&mut self, channel: ChannelId, stream: Stream, into: &mut [u8]) -> Result<Input, String>;
    /// Whether something may have come for a channel that is not at its end, and has been taken from the network, but
    /// not been read: the network will not call for that.
    fn holds(&self, _channel: ChannelId) -> bool {
        false
    }
    /// How the command ended, once both streams are at their end.
    fn exit(&mut self, channel: ChannelId) -> Result<Option<Exit>, String>;
    /// Ends the channel, and the command where the transport can.
    fn close(&mut self, channel: ChannelId);
    /// What to wait for; `writing` are the channels that have something to write.
    fn watch<'a>(&'a self, writing: &[ChannelId], fds: &mut Vec<PollFd<'a>>);
    /// Does what is due, and says when to call again.
    fn tick(&mut self) -> Result<Option<Duration>, String>;
    /// What an exit before the first word from the host means, where it is the transport's own failure.
    fn failure(&self, exit: &Exit, said: &str) -> Option<LinkError>;
    /// Whether the transport asks the host for a sign of life when nothing else is said, so that silence means that it
    /// is gone.
    fn keeps_alive(&self) -> bool;
}
