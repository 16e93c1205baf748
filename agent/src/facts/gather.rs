//! Gathering the facts of the chosen subsets.

use super::probe::Probe;
use super::subset::Subset;
use super::{
    date_time, devices, distribution, dmi, environment, identity, kernel, local, lsb, lvm, memory, mounts, network,
    processor, python, security, services, storage_names, system, virtualization,
};
use crate::host::{Host, HostResult};
use serde_json::{Map, Value};
use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Duration;

/// What to gather.
#[derive(Clone, Debug)]
pub struct Request {
    /// Which subsets.
    pub subsets: BTreeSet<Subset>,
    /// Where local facts are.
    pub fact_path: PathBuf,
    /// How long a source that may hang (a dead network mount) is waited for.
    pub timeout: Duration,
}

/// What was gathered.
#[derive(Clone, Debug, Default)]
pub struct Gathered {
    /// The facts, their names without `ansible_`.
    pub facts: Map<String, Value>,
    /// What could not be read and should have been: broken local facts.
    pub warnings: Vec<String>,
}

/// Gathers facts. An error is only one that ends the request (cancelled, or unknown in a dry run): a source that is
/// missing or unreadable leaves its facts out, or says `NA` where Ansible does.
pub fn gather(host: &Host<'_>, request: &Request) -> HostResult<Gathered> {
    let probe = Probe { host };
    let mut gathered = Gathered::default();
    for subset in &request.subsets {
        let facts = match subset {
            Subset::Distribution => distribution::detect(&probe).facts(),
            Subset::Platform => identity::platform(&probe),
            Subset::Lsb => lsb::facts(&probe)?,
            Subset::Selinux => security::selinux(&probe),
            Subset::Apparmor => security::apparmor(&probe),
            Subset::Chroot => security::chroot(&probe),
            Subset::Fips => security::fips(&probe),
            Subset::Python => python::facts(&probe),
            Subset::Caps => security::capabilities(&probe),
            Subset::PkgMgr => services::package_manager(&probe)?,
            Subset::ServiceMgr => services::service_manager(&probe)?,
            Subset::Cmdline => kernel::command_line(&probe),
            Subset::DateTime => date_time::facts(host.clock),
            Subset::Env => environment::facts(&probe),
            Subset::Loadavg => kernel::load(),
            Subset::SshPubKeys => security::ssh_host_keys(&probe),
            Subset::User => identity::user(&probe)?,
            Subset::Systemd => services::systemd(&probe)?,
            Subset::Virtual => virtualization::facts(&probe),
            Subset::Processor => processor::facts(&probe),
            Subset::Memory => memory::facts(&probe),
            Subset::Mounts => mounts::facts(&probe, request.timeout),
            Subset::Devices => devices::facts(&probe),
            Subset::Dmi => dmi::facts(&probe),
            Subset::Lvm => lvm::facts(&probe)?,
            Subset::Uptime => kernel::uptime(&probe),
            Subset::Dns => system::dns(&probe),
            Subset::FibreChannel => storage_names::fibre_channel(&probe),
            Subset::Iscsi => storage_names::iscsi(&probe),
            Subset::Nvme => storage_names::nvme(&probe),
            Subset::Network => network::facts(&probe),
            Subset::Local => {
                let (facts, warnings) = local::facts(&probe, &request.fact_path, request.timeout)?;
                gathered.warnings.extend(warnings);
                facts
            }
        };
        gathered.facts.extend(facts);
    }
    Ok(gathered)
}

/// A map of one fact.
pub(super) fn one(name: &str, value: impl Into<Value>) -> Map<String, Value> {
    Map::from_iter([(name.to_owned(), value.into())])
}
