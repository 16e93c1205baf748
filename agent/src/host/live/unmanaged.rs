//! A host without a package manager or a service manager that is known here.

use crate::host::{
    Finished, HostError, HostResult, Offer, Package, Packages, Scope, Simulation, Transaction, UnitAction,
    UnitFileAction, UnitState, Units,
};
use std::sync::Arc;

/// Stands for both managers where the host has none: it says so, and nothing else works.
pub struct Unmanaged;

fn no_packages<T>() -> HostResult<T> {
    Err(HostError::other("this host has no package manager that is supported (apt)"))
}

fn no_units<T>() -> HostResult<T> {
    Err(HostError::other("this host has no service manager that is supported (systemd)"))
}

impl Packages for Unmanaged {
    fn manager(&self) -> HostResult<String> {
        Ok("unknown".to_owned())
    }
    fn packages(&self) -> HostResult<Arc<Vec<Package>>> {
        no_packages()
    }
    fn offers(&self, _: &[String], _: Option<&str>) -> HostResult<Vec<Offer>> {
        no_packages()
    }
    fn known_names(&self) -> HostResult<Vec<String>> {
        no_packages()
    }
    fn simulate(&self, _: &[String]) -> HostResult<Simulation> {
        no_packages()
    }
    fn perform(&self, _: &Transaction, _: u64) -> HostResult<Finished> {
        no_packages()
    }
    fn mark_manual(&self, _: &[String]) -> HostResult<()> {
        no_packages()
    }
    fn refresh(&self, _: u64) -> HostResult<Finished> {
        no_packages()
    }
    fn refreshed_at(&self) -> HostResult<i64> {
        no_packages()
    }
}

impl Units for Unmanaged {
    fn manager(&self) -> HostResult<String> {
        Ok("unknown".to_owned())
    }
    fn state(&self, _: &str, _: Scope) -> HostResult<UnitState> {
        no_units()
    }
    fn act(&self, _: UnitAction, _: &str, _: Scope, _: bool) -> HostResult<()> {
        no_units()
    }
    fn act_on_file(&self, _: UnitFileAction, _: &str, _: Scope, _: bool) -> HostResult<()> {
        no_units()
    }
    fn reload_manager(&self, _: Scope) -> HostResult<()> {
        no_units()
    }
    fn reexec_manager(&self, _: Scope) -> HostResult<()> {
        no_units()
    }
}
