//! What a command prints.

use crate::host::Progress;
use crate::protocol::Stream;

/// Output kept of each stream; what goes beyond is counted, and a last line tells of it.
const KEPT: usize = 64 << 20;
/// Longest line that is streamed; a longer one is cut there (not in the result).
const STREAMED_LINE: usize = 4096;

/// One stream's output: kept whole, and passed on line by line.
pub(super) struct Lines {
    stream: Stream,
    streamed: bool,
    kept: Vec<u8>,
    dropped: u64,
    line: Vec<u8>,
}

impl Lines {
    /// Nothing yet of this stream; passed on by lines where `streamed`.
    pub(super) fn new(stream: Stream, streamed: bool) -> Lines {
        Lines { stream, streamed, kept: Vec::new(), dropped: 0, line: Vec::new() }
    }

    /// More of it.
    pub(super) fn take(&mut self, bytes: &[u8], progress: &Progress) {
        let room = KEPT.saturating_sub(self.kept.len()).min(bytes.len());
        self.kept.extend_from_slice(&bytes[..room]);
        self.dropped += (bytes.len() - room) as u64;
        if !self.streamed {
            return;
        }
        for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
            let room = STREAMED_LINE.saturating_sub(self.line.len());
            let text = piece.strip_suffix(b"\n").unwrap_or(piece);
            self.line.extend_from_slice(&text[..text.len().min(room)]);
            if piece.ends_with(b"\n") {
                self.pass_on(progress);
            }
        }
    }

    fn pass_on(&mut self, progress: &Progress) {
        let line = String::from_utf8_lossy(&self.line);
        progress(self.stream, line.trim_end_matches('\r'));
        self.line.clear();
    }

    /// All that was kept; what is left of a line is passed on.
    pub(super) fn finish(mut self, progress: &Progress) -> Vec<u8> {
        if !self.line.is_empty() {
            self.pass_on(progress);
        }
        if self.dropped > 0 {
            self.kept.extend(format!("\n[{} more bytes were printed and not kept]\n", self.dropped).into_bytes());
        }
        self.kept
    }
}
