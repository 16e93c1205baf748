//! The foreseen packages.

use super::Core;
use super::clock::later;
use crate::host::{Clock, Finished, HostError, HostResult, Offer, Package, Packages, Simulation, Transaction};
use crate::protocol::Effect;
use std::path::Path;
use std::sync::Arc;

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

impl Packages for ShadowPackages {
    fn manager(&self) -> HostResult<String> {
        self.0.live.packages.manager()
    }

    fn packages(&self) -> HostResult<Arc<Vec<Package>>> {
        let records = self.0.live.packages.packages()?;
        let overlay = self.0.overlay();
        if overlay.packages.steps.is_empty() && overlay.packages.manual.is_empty() {
            return Ok(records);
        }
        Ok(Arc::new(overlay.packages.amend(&records)))
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
        let mut simulation = self.0.live.packages.simulate(arguments)?;
        if simulation.finished.status != 0 && self.sources_differ() {
            return ShadowPackages::unknown_offers("packages");
        }
        // The simulation starts from the live host: what earlier tasks would have done is not done again.
        let overlay = self.0.overlay();
        simulation.transaction.steps.retain(|step| {
            overlay
                .packages
                .steps
                .get(&step.name)
                .is_none_or(|done| done.new != step.new || (step.purged && !done.purged))
        });
        Ok(simulation)
    }

    fn perform(&self, transaction: &Transaction, _lock_timeout: u64) -> HostResult<Finished> {
        self.0
            .must_be_root(|| "apt-get would fail: only root installs and removes packages (use `become`)".to_owned())?;
        let finished = self.0.live.packages.simulate(&transaction.arguments)?.finished;
        self.0.foresee(Effect::Packages { steps: transaction.steps.clone() })?;
        Ok(finished)
    }

    fn mark_manual(&self, names: &[String]) -> HostResult<()> {
        self.0.must_be_root(|| "apt-mark would fail: only root marks packages (use `become`)".to_owned())?;
        self.0.foresee(Effect::MarkManual { names: names.to_vec() })
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
