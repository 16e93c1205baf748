//! The host as it will be: a dry run reads through to the live host and keeps every write in memory.
//!
//! What a module reads here shows what earlier tasks of the run would have done. What it writes becomes an [`Effect`],
//! which takes its place in the [`Overlay`] and is told to the controller. What the live host would refuse is refused
//! here too: a directory that the agent's user may not write to, a user that exists. What can't be foreseen is
//! [`HostError::Unknown`](crate::host::HostError::Unknown), with the reason.
//!
//! Known limits: a command that only looks ([`Does::Reads`](crate::host::Does::Reads)) runs on the live host and does
//! not see the overlay; hard links that the live host has do not share foreseen changes; free space is not counted.

mod account_changes;
mod account_numbers;
mod accounts;
mod clock;
mod files;
mod net;
mod overlay;
mod packages;
mod permissions;
mod processes;
mod tree;
mod unit_book;
mod units;

pub use overlay::Overlay;

use super::live::Live;
use super::{Context, Files as _, Host, HostError, HostResult};
use crate::protocol::Effect;
use accounts::ShadowAccounts;
use clock::ShadowClock;
use files::ShadowFiles;
use net::ShadowNet;
use packages::ShadowPackages;
use permissions::Identity;
use processes::ShadowProcesses;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use units::ShadowUnits;

/// The foreseen host for one request.
pub struct Shadow {
    files: ShadowFiles,
    accounts: ShadowAccounts,
    packages: ShadowPackages,
    units: ShadowUnits,
    processes: ShadowProcesses,
    net: ShadowNet,
    clock: ShadowClock,
    core: Arc<Core>,
}

/// What the facets share.
struct Core {
    live: Live,
    overlay: Arc<Mutex<Overlay>>,
    effects: Mutex<Vec<Effect>>,
    me: Identity,
}

impl Core {
    fn overlay(&self) -> MutexGuard<'_, Overlay> {
        self.overlay.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a change in, and remembers that this request made it.
    fn foresee(&self, effect: Effect) -> HostResult<()> {
        self.overlay().apply(&effect, &self.live)?;
        self.effects.lock().unwrap_or_else(PoisonError::into_inner).push(effect);
        Ok(())
    }

    /// An error, unless the agent's user is root: most of what changes the system is refused to others.
    fn must_be_root(&self, refusal: impl FnOnce() -> String) -> HostResult<()> {
        if self.me.uid == 0 { Ok(()) } else { Err(HostError::other(refusal())) }
    }
}

impl Shadow {
    /// The foreseen host, for a request with this context. `overlay` holds what earlier requests foresaw.
    pub fn new(context: Context, overlay: Arc<Mutex<Overlay>>) -> Shadow {
        Shadow::of(Identity::own(), context, overlay)
    }

    fn of(me: Identity, context: Context, overlay: Arc<Mutex<Overlay>>) -> Shadow {
        let core = Arc::new(Core { live: Live::only_looking(context), overlay, effects: Mutex::default(), me });
        Shadow {
            files: ShadowFiles(core.clone()),
            accounts: ShadowAccounts(core.clone()),
            packages: ShadowPackages(core.clone()),
            units: ShadowUnits(core.clone()),
            processes: ShadowProcesses(core.clone()),
            net: ShadowNet(core.clone()),
            clock: ShadowClock(core.clone()),
            core,
        }
    }

    /// Its facets, as modules take them.
    pub fn host(&self) -> Host<'_> {
        Host {
            files: &self.files,
            accounts: &self.accounts,
            packages: &self.packages,
            units: &self.units,
            processes: &self.processes,
            net: &self.net,
            clock: &self.clock,
        }
    }

    /// What another agent of the same host foresaw.
    pub fn learn(&self, effects: &[Effect]) -> HostResult<()> {
        let mut overlay = self.core.overlay();
        effects.iter().try_for_each(|effect| overlay.apply(effect, &self.core.live))
    }

    /// What this request wrote so far was made of what is not known: neither is its content.
    pub fn hide_written(&self, why: &str) -> HostResult<()> {
        let written: Vec<PathBuf> = {
            let effects = self.core.effects.lock().unwrap_or_else(PoisonError::into_inner);
            let written = effects.iter().filter_map(|effect| match effect {
                Effect::WriteFile { path, .. } => Some(path.clone()),
                _ => None,
            });
            written.collect()
        };
        for path in written {
            if self.files.stat(&path, false)?.is_some() {
                self.core.foresee(Effect::Hide { path, entirely: false, why: why.to_owned() })?;
            }
        }
        Ok(())
    }

    /// What this request foresaw since it was last asked.
    pub fn take_effects(&self) -> Vec<Effect> {
        std::mem::take(&mut self.core.effects.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
