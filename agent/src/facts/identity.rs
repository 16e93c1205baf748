//! Who the host is, and who the agent is on it.

use super::probe::Probe;
use crate::host::{Command, Host, HostResult};
use serde_json::{Map, Value};
use std::net::IpAddr;
use std::time::Duration;

/// `system`, `kernel`, `machine`, `architecture`, `hostname`, `fqdn`, `machine_id`, ...
pub(super) fn platform(probe: &Probe<'_>) -> Map<String, Value> {
    let uname = rustix::system::uname();
    let text = |field: &std::ffi::CStr| field.to_string_lossy().into_owned();
    let machine = text(uname.machine());
    // By the file, in which a dry run sees a name that an earlier task would set.
    let node = probe.text("/proc/sys/kernel/hostname").unwrap_or_else(|| text(uname.nodename()));
    let host = node.split('.').next().unwrap_or_default().to_owned();
    let name = fqdn(probe, &node);
    let domain = name.split_once('.').map_or(String::new(), |(_, domain)| domain.to_owned());
    let bits = userspace_bits(probe);
    let is_x86_32 = matches!(machine.as_str(), "i386" | "i486" | "i586" | "i686" | "i86pc");
    let architecture = if is_x86_32 { "i386".to_owned() } else { machine.clone() };
    let userspace = match (machine.as_str(), bits) {
        ("x86_64", "32") => "i386".to_owned(),
        _ => architecture.clone(),
    };
    let mut facts = Map::new();
    let mut put = |name: &str, value: String| {
        facts.insert(name.to_owned(), value.into());
    };
    put("system", text(uname.sysname()));
    put("kernel", text(uname.release()));
    put("kernel_version", text(uname.version()));
    put("machine", machine);
    put("architecture", architecture);
    put("userspace_bits", bits.to_owned());
    put("userspace_architecture", userspace);
    put("nodename", node);
    put("hostname", host);
    put("fqdn", name);
    put("domain", domain);
    let id = probe.text("/var/lib/dbus/machine-id").or_else(|| probe.text("/etc/machine-id"));
    if let Some(id) = id.as_deref().and_then(|id| id.lines().next()) {
        put("machine_id", id.to_owned());
    }
    facts
}

/// The class of the host's own programs, read off its shell: the agent is a program of ours and says nothing of them.
fn userspace_bits(probe: &Probe<'_>) -> &'static str {
    let mut class = None;
    let _ = probe.host.files.read_chunks("/bin/sh".as_ref(), &mut |chunk| {
        if class.is_none() {
            class = chunk.get(4).copied();
        }
    });
    match class {
        Some(1) => "32",
        Some(_) => "64",
        None if cfg!(target_pointer_width = "32") => "32",
        None => "64",
    }
}

/// The full name of a host of this name.
pub fn full_name(host: &Host<'_>, name: &str) -> String {
    fqdn(&Probe { host }, name)
}

/// The full name, as Python's `socket.getfqdn` finds it: the name's address, and the first name with a dot that this
/// address has, or its first name.
fn fqdn(probe: &Probe<'_>, node: &str) -> String {
    let hosts = probe.text("/etc/hosts").unwrap_or_default();
    if let Some(names) = names_in_hosts(&hosts, node) {
        return pick(&names);
    }
    let addresses = probe.host.net.resolve(node).unwrap_or_default();
    for address in addresses {
        let names = names_of_address(&hosts, address).or_else(|| {
            let mut command = Command::reading(["getent".to_owned(), "hosts".to_owned(), address.to_string()]);
            command.timeout = Some(Duration::from_secs(5));
            let finished = probe.host.processes.run(&command).ok().filter(|finished| finished.status == 0)?;
            let text = finished.stdout_text();
            let names: Vec<String> = text.split_whitespace().skip(1).map(str::to_owned).collect();
            (!names.is_empty()).then_some(names)
        });
        if let Some(names) = names {
            return pick(&names);
        }
    }
    node.to_owned()
}

fn pick(names: &[String]) -> String {
    names.iter().find(|name| name.contains('.')).or(names.first()).cloned().unwrap_or_default()
}

/// All names of the address that `/etc/hosts` has for a name.
fn names_in_hosts(hosts: &str, name: &str) -> Option<Vec<String>> {
    let (address, _) = entries(hosts).find(|(_, names)| names.iter().any(|known| known == name))?;
    names_of_address(hosts, address)
}

/// The names in the first line of an address.
fn names_of_address(hosts: &str, address: IpAddr) -> Option<Vec<String>> {
    entries(hosts).find(|(known, _)| *known == address).map(|(_, names)| names)
}

fn entries(hosts: &str) -> impl Iterator<Item = (IpAddr, Vec<String>)> {
    hosts.lines().filter_map(|line| {
        let mut words = line.split('#').next()?.split_whitespace();
        let address = words.next()?.parse().ok()?;
        Some((address, words.map(str::to_owned).collect()))
    })
}

/// `user_*`, `real_*`, `effective_*`.
pub(super) fn user(probe: &Probe<'_>) -> HostResult<Map<String, Value>> {
    let user = probe.host.accounts.whoami()?;
    Ok(Map::from_iter([
        ("user_id".to_owned(), user.name.into()),
        ("user_uid".to_owned(), user.uid.into()),
        ("user_gid".to_owned(), user.gid.into()),
        ("user_gecos".to_owned(), user.comment.into()),
        ("user_dir".to_owned(), user.home.to_string_lossy().into()),
        ("user_shell".to_owned(), user.shell.into()),
        ("real_user_id".to_owned(), rustix::process::getuid().as_raw().into()),
        ("effective_user_id".to_owned(), rustix::process::geteuid().as_raw().into()),
        ("real_group_id".to_owned(), rustix::process::getgid().as_raw().into()),
        ("effective_group_id".to_owned(), rustix::process::getegid().as_raw().into()),
    ]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_in_etc_hosts() {
        let hosts = "127.0.0.1 localhost\n127.0.1.1\tweb1.example.org web1 # own\n127.0.0.1 vm\n";
        assert_eq!(pick(&names_in_hosts(hosts, "web1").unwrap()), "web1.example.org");
        // The address's first line counts, whatever line had the name.
        assert_eq!(pick(&names_in_hosts(hosts, "vm").unwrap()), "localhost");
        assert_eq!(names_in_hosts(hosts, "other"), None);
    }
}
