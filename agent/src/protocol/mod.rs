//! What controller and agent say to each other.
//!
//! A frame is a little-endian `u32` (the JSON's length), a little-endian `u32` (the attachment's length), a JSON
//! message, and the attachment's bytes (content of files, which JSON would only blow up).

mod effect;
mod foreseen_file;
mod frame;
mod message;

pub use effect::{Bytes, Effect, Listing};
pub use foreseen_file::ForeseenFile;
pub use frame::{Frame, FrameError, MAX_ATTACHMENT, MAX_MESSAGE, length, read, write};
pub use message::{Background, Ended, FromAgent, HALF_KNOWN, Hello, ItemEnd, Mode, Run, Stream, ToAgent, VERSION};
