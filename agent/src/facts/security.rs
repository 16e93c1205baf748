//! SELinux, AppArmor, FIPS, capabilities, chroot, and the host's SSH keys.

use super::gather::one;
use super::probe::Probe;
use serde_json::{Map, Value, json};

/// `selinux`.
pub(super) fn selinux(probe: &Probe<'_>) -> Map<String, Value> {
    let mut facts = Map::new();
    // Says in Ansible whether the Python library is there; what it would read is read here without it.
    facts.insert("selinux_python_present".to_owned(), true.into());
    let state = match probe.number::<u32>("/sys/fs/selinux/enforce") {
        None => json!({"status": "disabled"}),
        Some(enforce) => {
            let config = probe.text("/etc/selinux/config").unwrap_or_default();
            let setting = |name: &str| {
                config
                    .lines()
                    .find_map(|line| Some(line.trim().strip_prefix(name)?.strip_prefix('=')?.trim().to_owned()))
            };
            json!({
                "status": "enabled",
                "policyvers": probe.number::<u32>("/sys/fs/selinux/policyvers").map_or(json!("unknown"), Value::from),
                "config_mode": setting("SELINUX").unwrap_or_else(|| "unknown".to_owned()),
                "mode": if enforce == 1 { "enforcing" } else { "permissive" },
                "type": setting("SELINUXTYPE").unwrap_or_else(|| "unknown".to_owned()),
            })
        }
    };
    facts.insert("selinux".to_owned(), state);
    facts
}

/// `apparmor`.
pub(super) fn apparmor(probe: &Probe<'_>) -> Map<String, Value> {
    let status = if probe.exists("/sys/kernel/security/apparmor") { "enabled" } else { "disabled" };
    one("apparmor", json!({"status": status}))
}

/// `fips`.
pub(super) fn fips(probe: &Probe<'_>) -> Map<String, Value> {
    one("fips", probe.text("/proc/sys/crypto/fips_enabled").as_deref() == Some("1"))
}

/// `is_chroot`: whether `/` is another directory than the first process's.
pub(super) fn chroot(probe: &Probe<'_>) -> Map<String, Value> {
    let stat = |path: &str| probe.host.files.stat(path.as_ref(), true).ok().flatten();
    let is_chroot = probe.host.processes.variable("debian_chroot").is_some()
        || match (stat("/"), stat("/proc/1/root/.")) {
            (Some(own), Some(first)) => (own.dev, own.inode) != (first.dev, first.inode),
            // Not allowed to look: the root directory of a file system has a number of its own.
            (Some(own), None) => !matches!(own.inode, 2 | 128 | 256),
            (None, _) => false,
        };
    one("is_chroot", is_chroot)
}

/// The kernel's capabilities by number (`include/uapi/linux/capability.h`).
const CAPABILITIES: &[&str] = &[
    "cap_chown",
    "cap_dac_override",
    "cap_dac_read_search",
    "cap_fowner",
    "cap_fsetid",
    "cap_kill",
    "cap_setgid",
    "cap_setuid",
    "cap_setpcap",
    "cap_linux_immutable",
    "cap_net_bind_service",
    "cap_net_broadcast",
    "cap_net_admin",
    "cap_net_raw",
    "cap_ipc_lock",
    "cap_ipc_owner",
    "cap_sys_module",
    "cap_sys_rawio",
    "cap_sys_chroot",
    "cap_sys_ptrace",
    "cap_sys_pacct",
    "cap_sys_admin",
    "cap_sys_boot",
    "cap_sys_nice",
    "cap_sys_resource",
    "cap_sys_time",
    "cap_sys_tty_config",
    "cap_mknod",
    "cap_lease",
    "cap_audit_write",
    "cap_audit_control",
    "cap_setfcap",
    "cap_mac_override",
    "cap_mac_admin",
    "cap_syslog",
    "cap_wake_alarm",
    "cap_block_suspend",
    "cap_audit_read",
    "cap_perfmon",
    "cap_bpf",
    "cap_checkpoint_restore",
];

/// `system_capabilities` and `system_capabilities_enforced`.
pub(super) fn capabilities(probe: &Probe<'_>) -> Map<String, Value> {
    let status = probe.text("/proc/self/status").unwrap_or_default();
    let last = probe.number::<u32>("/proc/sys/kernel/cap_last_cap").unwrap_or(CAPABILITIES.len() as u32 - 1);
    let (names, enforced) = effective_capabilities(&status, last);
    Map::from_iter([
        ("system_capabilities".to_owned(), names.into()),
        ("system_capabilities_enforced".to_owned(), enforced.into()),
    ])
}

/// The names of the capabilities in force, and whether any is missing. With all of them in force nothing is enforced, and
/// the list is empty, as in Ansible.
fn effective_capabilities(status: &str, last: u32) -> (Vec<String>, &'static str) {
    let Some(effective) = status
        .lines()
        .find_map(|line| line.strip_prefix("CapEff:"))
        .and_then(|hex| u64::from_str_radix(hex.trim(), 16).ok())
    else {
        return (Vec::new(), "NA");
    };
    let all = u64::MAX >> (63 - last.min(63));
    if effective & all == all {
        return (Vec::new(), "False");
    }
    let name = |bit: u32| CAPABILITIES.get(bit as usize).map_or_else(|| bit.to_string(), |name| (*name).to_owned());
    ((0..=last.min(63)).filter(|bit| effective >> bit & 1 == 1).map(name).collect(), "True")
}

/// `ssh_host_key_TYPE_public` and `..._keytype`.
pub(super) fn ssh_host_keys(probe: &Probe<'_>) -> Map<String, Value> {
    let mut facts = Map::new();
    for directory in ["/etc/ssh", "/etc/openssh", "/etc"] {
        for algorithm in ["dsa", "rsa", "ecdsa", "ed25519"] {
            let Some(line) = probe.text(format!("{directory}/ssh_host_{algorithm}_key.pub")) else { continue };
            let mut words = line.split_whitespace();
            if let (Some(kind), Some(key)) = (words.next(), words.next()) {
                facts.insert(format!("ssh_host_key_{algorithm}_public"), key.into());
                facts.insert(format!("ssh_host_key_{algorithm}_public_keytype"), kind.into());
            }
        }
        if !facts.is_empty() {
            break;
        }
    }
    facts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn capabilities_by_name() {
        assert_eq!(effective_capabilities("CapEff:\t000001ffffffffff\n", 40), (vec![], "False"));
        let (names, enforced) = effective_capabilities("CapEff:\t0000000000000401\n", 40);
        assert_eq!((names, enforced), (vec!["cap_chown".to_owned(), "cap_net_bind_service".to_owned()], "True"));
        assert_eq!(effective_capabilities("", 40).1, "NA");
    }
}
