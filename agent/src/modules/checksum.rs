//! Checksums of content, as lower-case hex.

use crate::choices;
use crate::host::{Files, HostResult};
use std::path::Path;

choices! {
    /// The algorithms that `stat` and `find` offer.
    pub enum Algorithm {
        /// MD5.
        Md5 = "md5",
        /// SHA-1.
        Sha1 = "sha1",
        /// SHA-224.
        Sha224 = "sha224",
        /// SHA-256.
        Sha256 = "sha256",
        /// SHA-384.
        Sha384 = "sha384",
        /// SHA-512.
        Sha512 = "sha512",
    }
}

impl Algorithm {
    /// The checksum of what `feed` hands out piece by piece.
    fn over<E>(self, feed: impl FnOnce(&mut dyn FnMut(&[u8])) -> Result<(), E>) -> Result<String, E> {
        fn hashed<D: sha2::Digest, E>(feed: impl FnOnce(&mut dyn FnMut(&[u8])) -> Result<(), E>) -> Result<String, E> {
            let mut hasher = D::new();
            feed(&mut |piece| hasher.update(piece))?;
            Ok(hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
        }
        match self {
            Algorithm::Md5 => hashed::<md5::Md5, E>(feed),
            Algorithm::Sha1 => hashed::<sha1::Sha1, E>(feed),
            Algorithm::Sha224 => hashed::<sha2::Sha224, E>(feed),
            Algorithm::Sha256 => hashed::<sha2::Sha256, E>(feed),
            Algorithm::Sha384 => hashed::<sha2::Sha384, E>(feed),
            Algorithm::Sha512 => hashed::<sha2::Sha512, E>(feed),
        }
    }

    /// The checksum of content in memory.
    pub fn of(self, content: &[u8]) -> String {
        let done: Result<String, std::convert::Infallible> = self.over(|take| {
            take(content);
            Ok(())
        });
        match done {
            Ok(hex) => hex,
        }
    }

    /// The checksum of a file, which is never whole in memory.
    pub fn of_file(self, files: &dyn Files, path: &Path) -> HostResult<String> {
        self.over(|take| files.read_chunks(path, take))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_values() {
        assert_eq!(Algorithm::Md5.of(b""), "d41d8cd98f00b204e9800998ecf8427e");
        assert_eq!(Algorithm::Sha1.of(b"hello\n"), "f572d396fae9206628714fb2ce00f72e94f2258f");
        assert_eq!(Algorithm::Sha256.of(b"hi\n"), "98ea6e4f216f2fb4b69fff9b3a44842c38686ca685f3f55dc48c5d3fb1107be4");
    }
}
