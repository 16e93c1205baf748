//! Content that the controller sent, by its hash.

use crate::host::{Cancellation, HostError};
use crate::modules::Blobs;
use sha2::{Digest, Sha256};
use std::collections::{HashMap, VecDeque};
use std::fs::File;
use std::io::{self, Write};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::PathBuf;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Content up to this size is kept in memory; larger content in a file that has no name.
const IN_MEMORY: usize = 1 << 20;
/// What is kept at most for later requests: bytes in memory, and bytes on disk.
const KEPT_IN_MEMORY: u64 = 16 << 20;
const KEPT_ON_DISK: u64 = 512 << 20;
/// How often a request that waits for content looks whether it was cancelled, should the wake-up have been missed.
const LOOK: Duration = Duration::from_secs(1);

/// One content, whole and checked.
enum Content {
    Memory(Arc<Vec<u8>>),
    // The file has been unlinked: it goes with the last handle, whatever becomes of the agent.
    Disk { file: File, size: u64 },
}

impl Content {
    fn size(&self) -> u64 {
        match self {
            Content::Memory(bytes) => bytes.len() as u64,
            Content::Disk { size, .. } => *size,
        }
    }

    fn read(&self) -> Option<Arc<Vec<u8>>> {
        match self {
            Content::Memory(bytes) => Some(bytes.clone()),
            Content::Disk { file, size } => {
                let mut bytes = vec![0; usize::try_from(*size).ok()?];
                file.read_exact_at(&mut bytes, 0).ok()?;
                Some(Arc::new(bytes))
            }
        }
    }
}

/// Content of which not every piece has come.
struct Incoming {
    hasher: Sha256,
    memory: Vec<u8>,
    disk: Option<File>,
    size: u64,
    failed: Option<String>,
}

impl Incoming {
    fn take(&mut self, piece: &[u8], directory: &[PathBuf]) {
        self.hasher.update(piece);
        self.size += piece.len() as u64;
        if self.failed.is_some() {
            return;
        }
        if let Err(error) = self.keep(piece, directory) {
            self.failed = Some(format!("there is no room for content that was sent: {error}"));
            (self.memory, self.disk) = (Vec::new(), None);
        }
    }

    fn keep(&mut self, piece: &[u8], directories: &[PathBuf]) -> io::Result<()> {
        if self.disk.is_none() {
            self.memory.extend_from_slice(piece);
            if self.memory.len() <= IN_MEMORY {
                return Ok(());
            }
            let mut file = nameless(directories)?;
            file.write_all(&std::mem::take(&mut self.memory))?;
            self.disk = Some(file);
            return Ok(());
        }
        self.disk.as_mut().map_or(Ok(()), |file| file.write_all(piece))
    }
}

/// A file that nobody else can find, in the first directory that takes one.
fn nameless(directories: &[PathBuf]) -> io::Result<File> {
    let mut last = io::Error::from(io::ErrorKind::NotFound);
    for directory in directories {
        let path = directory.join(format!(".refit-{:016x}.blob", crate::host::live::random()));
        match File::options().read(true).write(true).create_new(true).mode(0o600).open(&path) {
            Ok(file) => {
                std::fs::remove_file(&path)?;
                return Ok(file);
            }
            Err(error) => last = error,
        }
    }
    Err(last)
}

/// All content of the agent.
pub(super) struct BlobStore {
    directories: Vec<PathBuf>,
    state: Mutex<State>,
    arrived: Condvar,
}

#[derive(Default)]
struct State {
    incoming: HashMap<String, Incoming>,
    whole: HashMap<String, Arc<Content>>,
    // The longest unused first.
    used: VecDeque<String>,
    failed: HashMap<String, String>,
}

impl BlobStore {
    /// A store that spools large content in the first of these directories that takes it.
    pub(super) fn new(directories: Vec<PathBuf>) -> BlobStore {
        BlobStore { directories, state: Mutex::default(), arrived: Condvar::new() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a piece. With the last one the hash is checked, and who waits for the content wakes.
    pub(super) fn take(&self, sha256: &str, piece: &[u8], last: bool) {
        let mut state = self.state();
        let mut incoming = state.incoming.remove(sha256).unwrap_or_else(|| Incoming {
            hasher: Sha256::new(),
            memory: Vec::new(),
            disk: None,
            size: 0,
            failed: None,
        });
        incoming.take(piece, &self.directories);
        if !last {
            state.incoming.insert(sha256.to_owned(), incoming);
            return;
        }
        let hash = hex(&incoming.hasher.finalize());
        if hash != sha256 {
            let why = format!("content arrived damaged: its SHA-256 is {hash} and should be {sha256}");
            state.failed.insert(sha256.to_owned(), why);
        } else if let Some(why) = incoming.failed {
            state.failed.insert(sha256.to_owned(), why);
        } else {
            let content = match incoming.disk {
                Some(file) => Content::Disk { file, size: incoming.size },
                None => Content::Memory(Arc::new(incoming.memory)),
            };
            state.whole.insert(sha256.to_owned(), Arc::new(content));
            state.touch(sha256);
            state.evict();
        }
        drop(state);
        self.arrived.notify_all();
    }

    /// The content of these hashes. What is missing is asked for by `need`, and waited for.
    pub(super) fn collect(
        &self,
        hashes: &[String],
        cancellation: &Cancellation,
        need: impl FnOnce(Vec<String>),
    ) -> Result<Collected, HostError> {
        let mut found: HashMap<String, Arc<Content>> = HashMap::new();
        let mut state = self.state();
        let mut missing: Vec<String> = Vec::new();
        for hash in hashes {
            if state.whole.contains_key(hash) {
                state.touch(hash);
                found.extend(state.whole.get(hash).map(|content| (hash.clone(), content.clone())));
            } else if !missing.contains(hash) {
                // What failed before is tried once more.
                state.failed.remove(hash);
                missing.push(hash.clone());
            }
        }
        if missing.is_empty() {
            return Ok(Collected(found));
        }
        drop(state);
        need(missing.clone());
        let mut state = self.state();
        loop {
            missing.retain(|hash| match state.whole.get(hash) {
                Some(content) => {
                    found.insert(hash.clone(), content.clone());
                    false
                }
                None => true,
            });
            if missing.is_empty() {
                return Ok(Collected(found));
            }
            if let Some(why) = missing.iter().find_map(|hash| state.failed.get(hash)) {
                return Err(HostError::other(why.clone()));
            }
            cancellation.check()?;
            state = self.arrived.wait_timeout(state, LOOK).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Lets those who wait look whether they were cancelled.
    pub(super) fn wake(&self) {
        // Taking the lock orders this after the check of whoever is about to wait.
        drop(self.state());
        self.arrived.notify_all();
    }
}

impl State {
    fn touch(&mut self, hash: &str) {
        self.used.retain(|used| used != hash);
        self.used.push_back(hash.to_owned());
    }

    /// Forgets the longest unused content beyond the bounds; requests that hold it keep it. The newest stays always:
    /// somebody waits for it.
    fn evict(&mut self) {
        let (mut memory, mut disk) = (0, 0);
        let mut kept = VecDeque::new();
        for (at, hash) in std::mem::take(&mut self.used).into_iter().rev().enumerate() {
            let Some(content) = self.whole.get(&hash) else { continue };
            let (sum, bound) = match **content {
                Content::Memory(_) => (&mut memory, KEPT_IN_MEMORY),
                Content::Disk { .. } => (&mut disk, KEPT_ON_DISK),
            };
            *sum += content.size();
            if at > 0 && *sum > bound {
                self.whole.remove(&hash);
            } else {
                kept.push_front(hash);
            }
        }
        self.used = kept;
    }
}

/// The content that one request asked for.
pub(super) struct Collected(HashMap<String, Arc<Content>>);

impl Blobs for Collected {
    fn get(&self, sha256: &str) -> Option<Arc<Vec<u8>>> {
        self.0.get(sha256)?.read()
    }
}

/// Lower-case hex.
fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn store() -> (tempfile::TempDir, BlobStore) {
        let directory = tempfile::tempdir().unwrap();
        let store = BlobStore::new(vec!["/no/such/directory".into(), directory.path().to_owned()]);
        (directory, store)
    }

    fn hash(bytes: &[u8]) -> String {
        hex(&Sha256::digest(bytes))
    }

    #[test]
    fn content_comes_in_pieces_and_large_one_leaves_no_name_on_disk() {
        let (directory, store) = store();
        let content: Vec<u8> = (0..3_000_000u32).map(|at| at as u8).collect();
        let sha = hash(&content);
        let mut asked = Vec::new();
        let collected = std::thread::scope(|scope| {
            let (wake, sleeper) = std::sync::mpsc::channel();
            let (store, sha, content) = (&store, &sha, &content);
            scope.spawn(move || {
                sleeper.recv().unwrap();
                store.take(sha, &content[..1_500_000], false);
                store.take(sha, &content[1_500_000..], true);
            });
            store.collect(std::slice::from_ref(sha), &Cancellation::default(), |need| {
                asked = need;
                wake.send(()).unwrap();
            })
        });
        assert_eq!(asked, std::slice::from_ref(&sha));
        assert_eq!(*collected.unwrap().get(&sha).unwrap(), content);
        assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 0);
        // The second time it is there.
        let again = store.collect(std::slice::from_ref(&sha), &Cancellation::default(), |_| panic!("it is there"));
        assert_eq!(again.unwrap().get(&sha).unwrap().len(), 3_000_000);
    }

    #[test]
    fn damaged_content_is_refused_and_may_come_again() {
        let (_directory, store) = store();
        let sha = hash(b"right");
        let bad = store.collect(std::slice::from_ref(&sha), &Cancellation::default(), |_| {
            store.take(&sha, b"wrong", true);
        });
        assert!(bad.is_err_and(|error| error.to_string().contains("damaged")));
        let good = store.collect(std::slice::from_ref(&sha), &Cancellation::default(), |_| {
            store.take(&sha, b"right", true);
        });
        assert_eq!(*good.unwrap().get(&sha).unwrap(), b"right");
    }

    #[test]
    fn who_waits_is_woken_by_the_cancellation() {
        let (_directory, store) = store();
        let cancellation = Cancellation::default();
        let waited = std::thread::scope(|scope| {
            let (store, cancellation) = (&store, &cancellation);
            store.collect(&["0".repeat(64)], cancellation, move |_| {
                scope.spawn(move || {
                    cancellation.cancel("enough");
                    store.wake();
                });
            })
        });
        assert!(matches!(waited, Err(HostError::Cancelled { .. })));
    }

    #[test]
    fn the_longest_unused_content_is_forgotten_first() {
        let (_directory, store) = store();
        let contents: Vec<Vec<u8>> = (0..20u8).map(|byte| vec![byte; 1 << 20]).collect();
        for content in &contents {
            store.take(&hash(content), content, true);
            // The first is used all the time.
            let first = hash(&contents[0]);
            store.collect(&[first], &Cancellation::default(), |_| panic!("the first is there")).map(drop).unwrap();
        }
        let state = store.state();
        assert_eq!(state.whole.len(), 16);
        assert!(!state.whole.contains_key(&hash(&contents[1])) && state.whole.contains_key(&hash(&contents[19])));
    }
}
