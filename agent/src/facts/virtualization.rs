//! `virtualization_*`: what the host runs on, and what it can carry itself.

use super::probe::Probe;
use serde_json::{Map, Value};

/// What was found, the first certain sign first.
#[derive(Default)]
struct Found {
    decided: Option<(String, &'static str)>,
    guest: Vec<String>,
    host: Vec<String>,
}

impl Found {
    fn guest(&mut self, technology: &str) {
        self.also_guest(technology);
        self.decided.get_or_insert_with(|| (technology.to_owned(), "guest"));
    }

    fn host(&mut self, technology: &str) {
        if !self.host.iter().any(|known| known == technology) {
            self.host.push(technology.to_owned());
        }
        self.decided.get_or_insert_with(|| (technology.to_owned(), "host"));
    }

    fn also_guest(&mut self, technology: &str) {
        if !self.guest.iter().any(|known| known == technology) {
            self.guest.push(technology.to_owned());
        }
    }
}

/// The facts.
pub(super) fn facts(probe: &Probe<'_>) -> Map<String, Value> {
    let mut found = Found::default();
    container(probe, &mut found);
    match xen(probe) {
        Some(true) => found.host("xen"),
        Some(false) => found.guest("xen"),
        None => {}
    }
    firmware(probe, &mut found);
    processor(probe, &mut found);
    hypervisor(probe, &mut found);
    let (kind, role) = found.decided.unwrap_or_else(|| ("NA".to_owned(), "NA"));
    Map::from_iter([
        ("virtualization_type".to_owned(), kind.into()),
        ("virtualization_role".to_owned(), role.into()),
        ("virtualization_tech_guest".to_owned(), found.guest.into()),
        ("virtualization_tech_host".to_owned(), found.host.into()),
    ])
}

fn container(probe: &Probe<'_>, found: &mut Found) {
    let cgroups = probe.text("/proc/1/cgroup").unwrap_or_default();
    for line in cgroups.lines() {
        let docker_scope = line.split("/docker-").nth(1).is_some_and(|rest| rest.ends_with(".scope"));
        if line.contains("/docker/") || docker_scope {
            found.guest("docker");
        }
        if line.contains("/lxc/") || line.contains("/machine.slice/machine-lxc") {
            found.guest("lxc");
        }
        if line.contains("/system.slice/containerd.service") {
            found.guest("containerd");
        }
    }
    let environment = probe.text("/proc/1/environ").unwrap_or_default();
    let marked = environment.split('\0').find_map(|entry| entry.strip_prefix("container="));
    match marked {
        Some("") | None => {}
        Some("lxc") => found.guest("lxc"),
        Some("podman") => found.guest("podman"),
        Some(_) => found.guest("container"),
    }
    if probe.exists("/proc/vz") && !probe.exists("/proc/lve") {
        if probe.exists("/proc/bc") { found.host("openvz") } else { found.guest("openvz") }
    }
    if let Some(technology) = probe.text("/run/systemd/container") {
        found.guest(&technology);
    }
    if probe.exists("/.dockerenv") || probe.exists("/.dockerinit") {
        found.guest("docker");
    }
    let technologies = ["docker", "lxc", "podman", "openvz", "containerd"];
    if found.guest.iter().any(|known| technologies.contains(&known.as_str())) {
        found.also_guest("container");
    }
}

/// Whether this is Xen's host (dom0); `None` without Xen.
fn xen(probe: &Probe<'_>) -> Option<bool> {
    if !probe.exists("/proc/xen") {
        return None;
    }
    Some(probe.text("/proc/xen/capabilities").is_some_and(|text| text.contains("control_d")))
}

fn firmware(probe: &Probe<'_>, found: &mut Found) {
    let read = |file: &str| probe.text(format!("/sys/devices/virtual/dmi/id/{file}")).unwrap_or_default();
    let (product, bios, vendor, family) =
        (read("product_name"), read("bios_vendor"), read("sys_vendor"), read("product_family"));
    if let Some(technology) = technology_of_firmware(&product, &bios, &vendor, &family) {
        found.guest(technology);
    }
}

/// What the firmware's strings tell.
fn technology_of_firmware(product: &str, bios: &str, vendor: &str, family: &str) -> Option<&'static str> {
    Some(match (product, bios, vendor) {
        ("KVM" | "KVM Server" | "Bochs" | "AHV" | "CloudStack KVM Hypervisor", _, _) => "kvm",
        (_, _, "oVirt") => "oVirt",
        (_, _, "Red Hat") if family == "RHV" => "RHV",
        ("RHEV Hypervisor", _, "Red Hat") => "RHEV",
        ("VMware Virtual Platform" | "VMware7,1" | "VMware20,1", _, _) => "VMware",
        ("OpenStack Compute" | "OpenStack Nova", _, _) => "openstack",
        (_, "Xen", _) => "xen",
        (_, "innotek GmbH", _) => "virtualbox",
        (_, "Amazon EC2" | "DigitalOcean" | "Hetzner" | "Linode", _) => "kvm",
        (_, _, "QEMU" | "Amazon EC2" | "DigitalOcean" | "Google" | "Scaleway" | "Nutanix") => "kvm",
        (_, _, "KubeVirt") => "KubeVirt",
        (_, _, "Microsoft Corporation") => "VirtualPC",
        (_, _, "Parallels Software International Inc.") => "parallels",
        (_, _, "OpenStack Foundation") => "openstack",
        _ => return None,
    })
}

fn processor(probe: &Probe<'_>, found: &mut Found) {
    let cpuinfo = probe.text("/proc/cpuinfo").unwrap_or_default();
    for line in cpuinfo.lines() {
        let (key, value) = match line.split_once(':') {
            Some((key, value)) => (key.trim(), value.trim()),
            None => continue,
        };
        match (key, value) {
            ("model name", value) if value.starts_with("QEMU Virtual CPU") => found.guest("kvm"),
            ("vendor_id", "User Mode Linux") => found.guest("uml"),
            ("model name", "UML") => found.guest("uml"),
            ("machine", value) if value.starts_with("CHRP IBM pSeries (emulated by qemu)") => found.guest("kvm"),
            ("vendor_id", "PowerVM Lx86") => found.guest("powervm_lx86"),
            ("vendor_id", "IBM/S390") => found.guest("PR/SM"),
            _ => {}
        }
    }
}

fn hypervisor(probe: &Probe<'_>, found: &mut Found) {
    if probe.exists("/dev/kvm") {
        found.host("kvm");
    }
    let modules = probe.text("/proc/modules").unwrap_or_default();
    let loaded: Vec<&str> = modules.lines().filter_map(|line| line.split_whitespace().next()).collect();
    if loaded.contains(&"kvm") {
        found.host("kvm");
    }
    if loaded.contains(&"vboxdrv") {
        found.host("virtualbox");
    }
    if loaded.contains(&"virtio") {
        found.guest("kvm");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_of_firmware() {
        assert_eq!(technology_of_firmware("KVM", "", "Red Hat", ""), Some("kvm"));
        assert_eq!(technology_of_firmware("Standard PC (i440FX + PIIX, 1996)", "SeaBIOS", "QEMU", ""), Some("kvm"));
        assert_eq!(technology_of_firmware("VMware7,1", "VMware, Inc.", "VMware, Inc.", ""), Some("VMware"));
        assert_eq!(technology_of_firmware("VirtualBox", "innotek GmbH", "innotek GmbH", ""), Some("virtualbox"));
        assert_eq!(technology_of_firmware("PowerEdge R640", "Dell Inc.", "Dell Inc.", ""), None);
    }
}
