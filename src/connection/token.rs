//! Words that nobody can foresee: they mark where a host's chatter ends and our own words begin.

use std::hash::{BuildHasher, Hasher, RandomState};

/// A word of 16 letters and digits, different each time. Its two halves are for texts that a shell puts together, so
/// that an echo of the text does not contain the word.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Token(String);

impl Token {
    /// A new one. The standard library keys its hasher from the system's random source.
    pub fn new() -> Token {
        Token(format!("{:016x}", RandomState::new().build_hasher().finish()))
    }

    /// The whole word.
    pub fn whole(&self) -> &str {
        &self.0
    }

    /// Its two halves.
    pub fn halves(&self) -> (&str, &str) {
        self.0.split_at(8)
    }
}
