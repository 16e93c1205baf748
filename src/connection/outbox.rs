//! What is to be written to a channel, in order, without being held in memory more often than needed.

use refit_agent::protocol::{self, ToAgent};
use std::borrow::Cow;
use std::collections::VecDeque;
use std::sync::Arc;

/// Content travels in pieces of this many bytes, so that other requests get their turn between two.
const PIECE: usize = 128 << 10;

enum Item {
    Bytes { bytes: Cow<'static, [u8]>, at: usize },
    Content { sha256: String, content: Arc<Vec<u8>>, at: usize },
}

/// The bytes that wait for a channel.
#[derive(Default)]
pub(super) struct Outbox {
    items: VecDeque<Item>,
    end: bool,
}

impl Outbox {
    /// Adds bytes.
    pub fn bytes(&mut self, bytes: impl Into<Cow<'static, [u8]>>) {
        self.items.push_back(Item::Bytes { bytes: bytes.into(), at: 0 });
    }

    /// Adds a message.
    pub fn message(&mut self, message: &ToAgent) -> std::io::Result<()> {
        self.bytes(frame(message, &[])?);
        Ok(())
    }

    /// Adds content, in pieces, unless it is on its way already.
    pub fn content(&mut self, sha256: String, content: Arc<Vec<u8>>) {
        let same = |item: &Item| matches!(item, Item::Content { sha256: other, .. } if *other == sha256);
        if !self.items.iter().any(same) {
            self.items.push_back(Item::Content { sha256, content, at: 0 });
        }
    }

    /// Ends the stream behind all that was added.
    pub fn end(&mut self) {
        self.end = true;
    }

    /// Whether the stream is to be ended now.
    pub fn ends(&self) -> bool {
        self.end && self.items.is_empty()
    }

    /// The end has been told.
    pub fn ended(&mut self) {
        self.end = false;
    }

    /// Whether nothing waits.
    pub fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// Forgets all that waits.
    pub fn clear(&mut self) {
        self.items.clear();
    }

    /// The next bytes.
    pub fn front(&mut self) -> std::io::Result<&[u8]> {
        if let Some(Item::Content { .. }) = self.items.front()
            && let Some(Item::Content { sha256, content, at }) = self.items.pop_front()
        {
            let to = (at + PIECE).min(content.len());
            let last = to == content.len();
            let piece = frame(&ToAgent::Blob { sha256: sha256.clone(), last }, &content[at..to])?;
            if !last {
                self.items.push_back(Item::Content { sha256, content, at: to });
            }
            self.items.push_front(Item::Bytes { bytes: Cow::Owned(piece), at: 0 });
        }
        Ok(match self.items.front() {
            Some(Item::Bytes { bytes, at }) => &bytes[*at..],
            _ => &[],
        })
    }

    /// So many of the next bytes are written.
    pub fn written(&mut self, count: usize) {
        if let Some(Item::Bytes { bytes, at }) = self.items.front_mut() {
            *at += count;
            if *at >= bytes.len() {
                self.items.pop_front();
            }
        }
    }
}

fn frame(message: &ToAgent, attachment: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::with_capacity(attachment.len() + 128);
    protocol::write(&mut bytes, message, attachment)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drain(outbox: &mut Outbox, at_once: usize) -> Vec<ToAgent> {
        let mut bytes = Vec::new();
        while !outbox.is_empty() {
            let some = outbox.front().unwrap();
            let some = some[..some.len().min(at_once)].to_vec();
            outbox.written(some.len());
            bytes.extend(some);
        }
        let mut rest = bytes.as_slice();
        let mut messages = Vec::new();
        while !rest.is_empty() {
            messages.push(protocol::read::<ToAgent>(&mut rest).unwrap().message);
        }
        messages
    }

    #[test]
    fn a_message_overtakes_the_rest_of_large_content() {
        let mut outbox = Outbox::default();
        outbox.content("a".to_owned(), Arc::new(vec![1; 3 * PIECE]));
        outbox.content("a".to_owned(), Arc::new(vec![1; 3 * PIECE]));
        outbox.message(&ToAgent::Cancel { id: 7 }).unwrap();
        let blob = |last| ToAgent::Blob { sha256: "a".to_owned(), last };
        let messages = drain(&mut outbox, 1000);
        assert_eq!(messages, [blob(false), ToAgent::Cancel { id: 7 }, blob(false), blob(true)]);
    }

    #[test]
    fn empty_content_is_one_last_piece() {
        let mut outbox = Outbox::default();
        outbox.content("e".to_owned(), Arc::new(Vec::new()));
        assert_eq!(drain(&mut outbox, 10), [ToAgent::Blob { sha256: "e".to_owned(), last: true }]);
    }
}
