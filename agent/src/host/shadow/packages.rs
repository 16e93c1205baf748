//! The foreseen packages.

use super::Core;
use super::clock::later;
use super::files::ShadowFiles;
use crate::host::live::{Archive, Entry, EntryKind};
use crate::host::{
    Clock, Files, Finished, HostError, HostResult, Offer, Package, Packages, Simulation, Step, Transaction,
};
use crate::protocol::{Bytes, Effect, Listing};
use std::path::Path;
use std::sync::Arc;

/// What dpkg knows of packages.
const STATUS: &str = "/var/lib/dpkg/status";

/// Packages of one request.
pub(super) struct ShadowPackages(pub(super) Arc<Core>);

impl ShadowPackages {
    /// Whether earlier tasks would have changed where packages come from.
    fn sources_differ(&self) -> bool {
        self.0.overlay().tree.differs_below(Path::new("/etc/apt"))
    }

    fn unknown_offers<T>(what: &str) -> HostResult<T> {
        let why = format!("what {what} the sources offer by then: earlier tasks would change /etc/apt");
        Err(HostError::Unknown { why })
    }
}

impl ShadowPackages {
    /// The manager's own simulation, from the state in which earlier tasks would have left the packages.
    fn simulate_foreseen(&self, arguments: &[String]) -> HostResult<Simulation> {
        let steps: Vec<Step> = self.0.overlay().packages.steps.values().cloned().collect();
        if steps.is_empty() {
            return self.0.live.packages.simulate(arguments);
        }
        let live = &self.0.live;
        let status = String::from_utf8_lossy(&live.files.read(Path::new(STATUS))?).into_owned();
        let differs = |stanza: &&str| {
            let name = stanza.lines().find_map(|line| line.strip_prefix("Package: ")).unwrap_or_default();
            !steps.iter().any(|step| step.name.split(':').next() == Some(name))
        };
        let mut text: String =
            status.split("\n\n").filter(differs).map(|stanza| format!("{}\n\n", stanza.trim())).collect();
        for step in &steps {
            let Some(version) = &step.new else { continue };
            let name = step.name.split(':').next().unwrap_or_default();
            let stanza = live.packages.offered_stanza(name, version)?;
            let Some((first, rest)) = stanza.split_once('\n') else {
                return Err(HostError::Unknown { why: format!("what depends on {name} {version}: no source tells") });
            };
            text.push_str(&format!("{first}\nStatus: install ok installed\n{}\n\n", rest.trim()));
        }
        let staged = ShadowFiles(self.0.clone()).stage(text.as_bytes(), Path::new("status"))?;
        // The cache of what is installed is not of this state.
        let status = format!("Dir::State::status={}", staged.display());
        let mut words = ["-o", &status, "-o", "Dir::Cache::pkgcache="].map(str::to_owned).to_vec();
        words.extend(arguments.iter().cloned());
        let simulated = live.packages.simulate(&words);
        live.files.discard(&staged);
        let mut simulation = simulated?;
        simulation.transaction.arguments = arguments.to_vec();
        Ok(simulation)
    }

    /// Foresees the steps, and of new packages what their archives have, as far as these can be read.
    fn bring(&self, transaction: &Transaction) -> HostResult<()> {
        let new = |name: &str| {
            let steps = transaction.steps.iter().filter(|step| step.old.is_none() && step.new.is_some());
            steps.into_iter().any(|step| step.name.split(':').next() == Some(name))
        };
        let any_new = transaction.steps.iter().any(|step| step.old.is_none() && step.new.is_some());
        let archives = if any_new { self.0.live.packages.archives(&transaction.arguments)? } else { Vec::new() };
        let archives: Vec<Archive> = archives.into_iter().filter(|archive| new(&archive.package)).collect();
        let at = later(self.0.live.clock.now(), self.0.overlay().slept);
        let files = ShadowFiles(self.0.clone());
        let mut listings = Vec::new();
        let mut brought = Vec::new();
        for archive in archives {
            let mut vague = Vec::new();
            for entry in archive.entries {
                let path = files.real(&entry.path, false).unwrap_or(entry.path);
                // What is there stays: a directory that others have too, settings that someone has made before.
                if matches!(files.stat(&path, false), Ok(Some(_))) {
                    continue;
                }
                let Entry { mode, uid, gid, .. } = entry;
                match entry.kind {
                    EntryKind::Directory => brought.push(Effect::CreateDir { path, mode, uid, gid, at }),
                    EntryKind::Link(target) => brought.push(Effect::Symlink { path, target, uid, gid, at }),
                    EntryKind::File(content) => {
                        let content = Bytes(Arc::new(content));
                        brought.push(Effect::WriteFile { path, content, mode, uid, gid, at });
                    }
                    EntryKind::Other => vague.push(path),
                }
            }
            listings.push(Listing { package: archive.package, vague, scripts: archive.scripts });
        }
        self.0.foresee(Effect::Packages { steps: transaction.steps.clone(), listings })?;
        brought.into_iter().try_for_each(|effect| self.0.foresee(effect))
    }
}

impl Packages for ShadowPackages {
    fn manager(&self) -> HostResult<String> {
        self.0.live.packages.manager()
    }

    fn packages(&self) -> HostResult<Arc<Vec<Package>>> {
        let records = self.0.live.packages.packages()?;
        let overlay = self.0.overlay();
        if overlay.packages.is_untouched() {
            return Ok(records);
        }
        Ok(Arc::new(overlay.packages.amend(&records)))
    }

    fn package(&self, name: &str) -> HostResult<Option<Package>> {
        if self.0.overlay().packages.is_untouched() {
            return self.0.live.packages.package(name);
        }
        Ok(self.packages()?.iter().find(|package| package.name == name).cloned())
    }

    fn offers(&self, names: &[String], release: Option<&str>) -> HostResult<Vec<Offer>> {
        let offers = self.0.live.packages.offers(names, release)?;
        match offers.iter().find(|offer| offer.candidate.is_none() && offer.provided_by.is_empty()) {
            Some(offer) if self.sources_differ() => ShadowPackages::unknown_offers(&format!("of {}", offer.name)),
            _ => Ok(offers),
        }
    }

    fn known_names(&self) -> HostResult<Vec<String>> {
        if self.sources_differ() {
            return ShadowPackages::unknown_offers("packages");
        }
        self.0.live.packages.known_names()
    }

    fn simulate(&self, arguments: &[String]) -> HostResult<Simulation> {
        let simulation = self.simulate_foreseen(arguments)?;
        if simulation.finished.status != 0 && self.sources_differ() {
            return ShadowPackages::unknown_offers("packages");
        }
        // apt knows nothing of packages that earlier tasks would hold, or let go of.
        let selected = |name: &str| self.0.overlay().packages.selections.get(name).cloned();
        let names = simulation
            .transaction
            .steps
            .iter()
            .map(|step| step.name.as_str())
            .chain(arguments.iter().map(String::as_str));
        if let Some((name, selection)) = names.filter_map(|name| Some((name, selected(name)?))).next() {
            let why =
                format!("what apt-get does with {name}, for which earlier tasks would set the selection {selection}");
            return Err(HostError::Unknown { why });
        }
        Ok(simulation)
    }

    fn perform(&self, transaction: &Transaction, _lock_timeout: u64) -> HostResult<Finished> {
        self.0
            .must_be_root(|| "apt-get would fail: only root installs and removes packages (use `become`)".to_owned())?;
        let finished = self.simulate_foreseen(&transaction.arguments)?.finished;
        self.bring(transaction)?;
        Ok(finished)
    }

    fn mark_manual(&self, names: &[String]) -> HostResult<()> {
        self.0.must_be_root(|| "apt-mark would fail: only root marks packages (use `become`)".to_owned())?;
        self.0.foresee(Effect::MarkManual { names: names.to_vec() })
    }

    fn selection(&self, name: &str) -> HostResult<Option<String>> {
        if let Some(selection) = self.0.overlay().packages.selections.get(name) {
            return Ok(Some(selection.clone()));
        }
        let live = self.0.live.packages.selection(name)?;
        let new = self.0.overlay().packages.new_ones().contains(&name);
        Ok(live.or_else(|| new.then(|| "install".to_owned())))
    }

    fn select(&self, name: &str, selection: &str) -> HostResult<()> {
        self.0.must_be_root(|| "dpkg would fail: only root selects packages (use `become`)".to_owned())?;
        self.0.foresee(Effect::Select { name: name.to_owned(), selection: selection.to_owned() })
    }

    fn refresh(&self, _lock_timeout: u64) -> HostResult<Finished> {
        self.0.must_be_root(|| "apt-get update would fail: only root fetches lists (use `become`)".to_owned())?;
        let at = later(self.0.live.clock.now(), self.0.overlay().slept);
        self.0.foresee(Effect::Refresh { at })?;
        Ok(Finished { status: 0, stdout: Vec::new(), stderr: Vec::new() })
    }

    fn refreshed_at(&self) -> HostResult<i64> {
        match self.0.overlay().packages.refreshed {
            Some(at) => Ok(at.seconds),
            None => self.0.live.packages.refreshed_at(),
        }
    }
}
