//! The links of a run.

use super::effects::Effects;
use super::link::HostLink;
use super::programs::Program;
use super::ssh_config::SshConfig;
use super::{Link, LinkError, Links, Target, Transport};
use refit_agent::protocol::{Effect, ForeseenFile};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

/// How long closing all connections may take.
const CLOSING: Duration = Duration::from_secs(2);

/// What all links of a run share.
pub(super) struct Shared {
    /// The agent's programs.
    pub programs: Arc<[Arc<Program>]>,
    /// The user's ssh configuration.
    pub ssh: SshConfig,
    /// How many may shake hands at once.
    pub handshakes: Arc<Gate>,
}

impl Shared {
    /// Content that every agent may ask for, by its hash: the program that speaks TLS for it.
    pub fn content(&self, sha256: &str) -> Option<Arc<Vec<u8>>> {
        let mut tls = self.programs.iter().filter_map(|program| program.tls.as_ref());
        tls.find(|tls| tls.sha256 == sha256).map(|tls| Arc::new(tls.gzip.to_vec()))
    }
}

/// The links of a run, by target.
pub struct Pool {
    shared: Arc<Shared>,
    links: Mutex<HashMap<Target, Arc<HostLink>>>,
    /// What a dry run foresaw, by machine: whatever user a task logs in as, and under whatever name.
    foreseen: Mutex<HashMap<Machine, Arc<Effects>>>,
}

/// Which machine a target is on, as far as its name tells.
#[derive(PartialEq, Eq, Hash)]
enum Machine {
    /// The controller's own.
    Own,
    /// Another one: address and port.
    Other(String, Option<u16>),
}

impl Pool {
    /// With these agents' programs, and so many handshakes at once: each costs the controller some milliseconds of CPU,
    /// while the connections themselves cost next to nothing.
    pub fn new(programs: Vec<Program>, handshakes: usize) -> Pool {
        allow_descriptors();
        Pool {
            shared: Arc::new(Shared {
                programs: programs.into_iter().map(Arc::new).collect(),
                ssh: SshConfig::default(),
                handshakes: Arc::new(Gate::new(handshakes)),
            }),
            links: Mutex::new(HashMap::new()),
            foreseen: Mutex::new(HashMap::new()),
        }
    }
}

impl Pool {
    fn foreseen(&self, target: &Target) -> Arc<Effects> {
        self.foreseen_of(match target.transport {
            Transport::Local => Machine::Own,
            _ => Machine::Other(target.address.clone(), target.port),
        })
    }

    fn foreseen_of(&self, machine: Machine) -> Arc<Effects> {
        let known = self.foreseen.lock();
        known.map(|mut known| known.entry(machine).or_default().clone()).unwrap_or_default()
    }
}

impl Links for Pool {
    fn link(&self, target: &Target) -> Arc<dyn Link> {
        let make = || Arc::new(HostLink::new(target.clone(), self.shared.clone(), self.foreseen(target)));
        match self.links.lock() {
            Ok(mut links) => links.entry(target.clone()).or_insert_with(make).clone(),
            // Nobody panics with this lock held; a link of its own works as well.
            Err(_) => make(),
        }
    }

    fn foreseen_here(&self, path: &Path) -> ForeseenFile {
        let effects = self.foreseen_of(Machine::Own);
        if effects.is_empty() { ForeseenFile::Live(path.to_owned()) } else { effects.file(&without_links(path)) }
    }

    fn foresee_here(&self, effects: Vec<Effect>) {
        self.foreseen_of(Machine::Own).add_own(effects);
    }

    fn cancel(&self) {
        let Ok(links) = self.links.lock().map(|links| links.values().cloned().collect::<Vec<_>>()) else { return };
        links.iter().for_each(|link| link.cancel());
    }

    fn close(&self) {
        let links: Vec<Arc<HostLink>> = match self.links.lock() {
            Ok(mut links) => links.drain().map(|(_, link)| link).collect(),
            Err(_) => return,
        };
        links.iter().for_each(|link| link.begin_close());
        let until = Instant::now() + CLOSING;
        links.iter().for_each(|link| link.close(until));
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        self.close();
    }
}

/// A path without links in it but for the last component, as effects have it. What is not there yet has none.
fn without_links(path: &Path) -> PathBuf {
    let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let mut there = path.parent();
    while let Some(directory) = there {
        if let (Ok(real), Ok(rest)) = (directory.canonicalize(), path.strip_prefix(directory)) {
            return real.join(rest);
        }
        there = directory.parent();
    }
    path
}

/// Enough descriptors for a few thousand hosts: each takes two or more, and the usual limit of 1024 is only a default.
/// Not more, since the limit is inherited by what runs on this machine.
const DESCRIPTORS: u64 = 16384;

fn allow_descriptors() {
    let limit = getrlimit(Resource::Nofile);
    let wanted = limit.maximum.map_or(DESCRIPTORS, |maximum| maximum.min(DESCRIPTORS));
    if limit.current.is_some_and(|current| current < wanted) {
        // Where it is refused, connecting says what to do.
        let _ = setrlimit(Resource::Nofile, Rlimit { current: Some(wanted), maximum: limit.maximum });
    }
}

/// Lets so many in at once.
pub(super) struct Gate {
    free: Mutex<usize>,
    freed: Condvar,
}

/// Leave to be inside, until dropped.
pub(super) struct Pass(Arc<Gate>);

impl Gate {
    /// For at least one.
    pub fn new(places: usize) -> Gate {
        Gate { free: Mutex::new(places.max(1)), freed: Condvar::new() }
    }

    /// Waits for a place.
    pub fn enter(self: &Arc<Gate>, cancelled: impl Fn() -> bool) -> Result<Pass, LinkError> {
        let lost = || LinkError::Unreachable { message: "the queue for handshakes broke".to_owned(), midway: false };
        let mut free = self.free.lock().map_err(|_| lost())?;
        while *free == 0 {
            if cancelled() {
                return Err(LinkError::Cancelled);
            }
            free = self.freed.wait_timeout(free, Duration::from_millis(200)).map_err(|_| lost())?.0;
        }
        *free -= 1;
        Ok(Pass(self.clone()))
    }
}

impl Drop for Pass {
    fn drop(&mut self) {
        if let Ok(mut free) = self.0.free.lock() {
            *free += 1;
        }
        self.0.freed.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};

    #[test]
    fn no_more_than_the_gates_places_are_inside_at_once() {
        let (gate, inside, most) = (Arc::new(Gate::new(3)), AtomicUsize::new(0), AtomicUsize::new(0));
        std::thread::scope(|scope| {
            for _ in 0..20 {
                scope.spawn(|| {
                    let _pass = gate.enter(|| false).unwrap();
                    most.fetch_max(inside.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                    std::thread::yield_now();
                    inside.fetch_sub(1, Ordering::SeqCst);
                });
            }
        });
        assert!(most.load(Ordering::SeqCst) <= 3);
        assert!(gate.enter(|| false).is_ok());
    }
}
