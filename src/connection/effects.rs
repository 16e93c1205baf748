//! What a dry run's agents on one host foresaw, so that each knows what the others did.

use refit_agent::protocol::{Effect, ForeseenFile};
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

/// The effects on one host, in order, each with the agent that foresaw it.
#[derive(Default)]
pub(super) struct Effects {
    known: Mutex<Vec<(u64, Effect)>>,
    agents: AtomicU64,
}

/// An agent: which, and how far it has been told.
pub(super) struct Reader {
    agent: u64,
    told: usize,
}

impl Effects {
    /// An agent that knows nothing yet. One that was started again has forgotten what it foresaw itself.
    pub fn reader(&self) -> Reader {
        Reader { agent: self.agents.fetch_add(1, Ordering::Relaxed), told: 0 }
    }

    /// Whether nothing was foreseen.
    pub fn is_empty(&self) -> bool {
        self.known.lock().is_ok_and(|known| known.is_empty())
    }

    /// What this agent foresaw.
    pub fn add(&self, by: &Reader, effects: Vec<Effect>) {
        if !effects.is_empty()
            && let Ok(mut known) = self.known.lock()
        {
            known.extend(effects.into_iter().map(|effect| (by.agent, effect)));
        }
    }

    /// What the controller itself foresaw, where this is its own machine.
    pub fn add_own(&self, effects: Vec<Effect>) {
        self.add(&self.reader(), effects);
    }

    /// The file of a path, which has no links in it but for the last component, as it would be by now.
    pub fn file(&self, path: &Path) -> ForeseenFile {
        match self.known.lock() {
            Ok(known) => ForeseenFile::after(known.iter().map(|(_, effect)| effect), path),
            Err(_) => ForeseenFile::Live(path.to_owned()),
        }
    }

    /// What others foresaw since the last call.
    pub fn news(&self, reader: &mut Reader) -> Vec<Effect> {
        let Ok(known) = self.known.lock() else { return Vec::new() };
        let news = known[reader.told..].iter().filter(|(by, _)| *by != reader.agent);
        let news = news.map(|(_, effect)| effect.clone()).collect();
        reader.told = known.len();
        news
    }
}
