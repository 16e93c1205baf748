//! Frames on the channel.

use serde::Serialize;
use serde::de::DeserializeOwned;
use std::fmt;
use std::io::{self, Read, Write};

/// Longest message. A longer one means that the stream is out of step.
pub const MAX_MESSAGE: u32 = 256 << 20;
/// Longest attachment; larger content is sent in several.
pub const MAX_ATTACHMENT: u32 = 4 << 20;

/// A message with its attachment (often empty).
#[derive(Clone, Debug, PartialEq)]
pub struct Frame<M> {
    /// The message.
    pub message: M,
    /// Bytes that came with it.
    pub attachment: Vec<u8>,
}

/// Why no frame could be read.
#[derive(Debug)]
pub enum FrameError {
    /// The other side closed the stream between two frames.
    Closed,
    /// The stream broke.
    Io(io::Error),
    /// What came is no frame: the first bytes, for the user (a login banner, an error of the shell).
    Garbage(String),
}

impl fmt::Display for FrameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            FrameError::Closed => f.write_str("the other side closed the connection"),
            FrameError::Io(error) => write!(f, "the connection broke: {error}"),
            FrameError::Garbage(what) => write!(f, "what came is not the agent's protocol: {what}"),
        }
    }
}

impl std::error::Error for FrameError {}

/// Writes one frame and flushes it.
pub fn write<M: Serialize>(out: &mut impl Write, message: &M, attachment: &[u8]) -> io::Result<()> {
    let json = serde_json::to_vec(message)?;
    let too_long = |_| io::Error::new(io::ErrorKind::InvalidInput, "the message is too long for a frame");
    let mut head = Vec::with_capacity(8 + json.len());
    head.extend(u32::try_from(json.len()).map_err(too_long)?.to_le_bytes());
    head.extend(u32::try_from(attachment.len()).map_err(too_long)?.to_le_bytes());
    head.extend(json);
    out.write_all(&head)?;
    out.write_all(attachment)?;
    out.flush()
}

/// How many bytes the frame has of which `start` are the first, for readers that may not wait; `None` as long as there
/// are too few to tell. A start that is no frame's counts as a frame: [`read`] then says what is wrong with it.
pub fn length(start: &[u8]) -> Option<usize> {
    let word = |at: usize| Some(u32::from_le_bytes(start.get(at..at + 4)?.try_into().ok()?));
    let (length, attached) = (word(0)?, word(4)?);
    if length > MAX_MESSAGE || attached > MAX_ATTACHMENT {
        return Some(8);
    }
    Some(8 + length as usize + attached as usize)
}

/// Reads one frame.
pub fn read<M: DeserializeOwned>(input: &mut impl Read) -> Result<Frame<M>, FrameError> {
    let mut head = [0; 8];
    let mut have = 0;
    while have < head.len() {
        match input.read(&mut head[have..]) {
            Ok(0) if have == 0 => return Err(FrameError::Closed),
            Ok(0) => return Err(FrameError::Garbage(format!("{:?}", String::from_utf8_lossy(&head[..have])))),
            Ok(count) => have += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(FrameError::Io(error)),
        }
    }
    let word = |at: usize| u32::from_le_bytes([head[at], head[at + 1], head[at + 2], head[at + 3]]);
    let (length, attached) = (word(0), word(4));
    if length > MAX_MESSAGE || attached > MAX_ATTACHMENT {
        return Err(FrameError::Garbage(format!("{:?}", String::from_utf8_lossy(&head))));
    }
    let mut json = vec![0; length as usize];
    input.read_exact(&mut json).map_err(FrameError::Io)?;
    let mut attachment = vec![0; attached as usize];
    input.read_exact(&mut attachment).map_err(FrameError::Io)?;
    let message = serde_json::from_slice(&json)
        .map_err(|error| FrameError::Garbage(format!("{error} in {:.200}", String::from_utf8_lossy(&json))))?;
    Ok(Frame { message, attachment })
}
