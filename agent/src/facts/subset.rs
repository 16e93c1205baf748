//! Which facts belong together, and which of them `gather_subset` asks for.

use std::collections::BTreeSet;

/// Facts that are gathered together. Finer than Ansible's subsets, so that a play that only mentions `memtotal_mb`
/// does not wait for a host's disks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Subset {
    /// `distribution*`, `os_family`.
    Distribution,
    /// `architecture`, `kernel`, `hostname`, `fqdn`, `machine_id`, ...
    Platform,
    /// `lsb`.
    Lsb,
    /// `selinux`.
    Selinux,
    /// `apparmor`.
    Apparmor,
    /// `is_chroot`.
    Chroot,
    /// `fips`.
    Fips,
    /// `python`, `python_version`.
    Python,
    /// `system_capabilities*`.
    Caps,
    /// `pkg_mgr`.
    PkgMgr,
    /// `service_mgr`.
    ServiceMgr,
    /// `cmdline`, `proc_cmdline`.
    Cmdline,
    /// `date_time`.
    DateTime,
    /// `env`.
    Env,
    /// `loadavg`.
    Loadavg,
    /// `ssh_host_key_*`.
    SshPubKeys,
    /// `user_*`, `effective_*`, `real_*`.
    User,
    /// `systemd`.
    Systemd,
    /// `virtualization_*`.
    Virtual,
    /// `processor*`, `flags`.
    Processor,
    /// `mem*_mb`, `swap*_mb`, `memory_mb`.
    Memory,
    /// `mounts`.
    Mounts,
    /// `devices`, `device_links`.
    Devices,
    /// `bios_*`, `board_*`, `chassis_*`, `product_*`, `system_vendor`, `form_factor`.
    Dmi,
    /// `lvm`.
    Lvm,
    /// `uptime_seconds`.
    Uptime,
    /// `dns`.
    Dns,
    /// `fibre_channel_wwn`.
    FibreChannel,
    /// `iscsi_iqn`.
    Iscsi,
    /// `hostnqn`.
    Nvme,
    /// `default_ipv4`, `interfaces`, `all_ipv4_addresses`, a fact for each interface, ...
    Network,
    /// `local`.
    Local,
}

use Subset::*;

/// Every subset.
pub const ALL: &[Subset] = &[
    Distribution,
    Platform,
    Lsb,
    Selinux,
    Apparmor,
    Chroot,
    Fips,
    Python,
    Caps,
    PkgMgr,
    ServiceMgr,
    Cmdline,
    DateTime,
    Env,
    Loadavg,
    SshPubKeys,
    User,
    Systemd,
    Virtual,
    Processor,
    Memory,
    Mounts,
    Devices,
    Dmi,
    Lvm,
    Uptime,
    Dns,
    FibreChannel,
    Iscsi,
    Nvme,
    Network,
    Local,
];

/// What Ansible gathers unless `!min` says otherwise.
const MINIMAL: &[Subset] = &[
    Distribution,
    Platform,
    Lsb,
    Selinux,
    Apparmor,
    Fips,
    Python,
    Caps,
    PkgMgr,
    ServiceMgr,
    Cmdline,
    DateTime,
    Env,
    SshPubKeys,
    User,
    Dns,
    Local,
];

/// The words that `gather_subset` takes, and what each stands for. What Ansible gathers along with a word because its
/// collector needs it (`pkg_mgr` brings the distribution) comes along here too.
const WORDS: &[(&str, &[Subset])] = &[
    ("all_ipv4_addresses", &[Network, Distribution, Platform]),
    ("all_ipv6_addresses", &[Network, Distribution, Platform]),
    ("apparmor", &[Apparmor]),
    ("architecture", &[Platform]),
    ("caps", &[Caps]),
    ("chroot", &[Chroot]),
    ("cmdline", &[Cmdline]),
    ("date_time", &[DateTime]),
    ("default_ipv4", &[Network, Distribution, Platform]),
    ("default_ipv6", &[Network, Distribution, Platform]),
    ("devices", &[Processor, Memory, Mounts, Devices, Dmi, Lvm, Uptime, Platform]),
    ("distribution", &[Distribution]),
    ("distribution_major_version", &[Distribution]),
    ("distribution_release", &[Distribution]),
    ("distribution_version", &[Distribution]),
    ("dns", &[Dns]),
    ("effective_group_ids", &[User]),
    ("effective_user_id", &[User]),
    ("env", &[Env]),
    // Ruby programs of other projects: accepted and, where they are not installed, empty in Ansible; never run here.
    ("facter", &[]),
    ("fibre_channel_wwn", &[FibreChannel]),
    ("fips", &[Fips]),
    ("hardware", &[Processor, Memory, Mounts, Devices, Dmi, Lvm, Uptime, Platform]),
    ("interfaces", &[Network, Distribution, Platform]),
    ("is_chroot", &[Chroot]),
    ("iscsi", &[Iscsi]),
    ("kernel", &[Platform]),
    ("kernel_version", &[Platform]),
    ("loadavg", &[Loadavg]),
    ("local", &[Local]),
    ("lsb", &[Lsb]),
    ("machine", &[Platform]),
    ("machine_id", &[Platform]),
    ("mounts", &[Processor, Memory, Mounts, Devices, Dmi, Lvm, Uptime, Platform]),
    ("network", &[Network, Distribution, Platform]),
    ("nvme", &[Nvme]),
    ("ohai", &[]),
    ("os_family", &[Distribution]),
    ("pkg_mgr", &[PkgMgr, Distribution]),
    ("platform", &[Platform]),
    ("processor", &[Processor, Memory, Mounts, Devices, Dmi, Lvm, Uptime, Platform]),
    ("processor_cores", &[Processor, Memory, Mounts, Devices, Dmi, Lvm, Uptime, Platform]),
    ("processor_count", &[Processor, Memory, Mounts, Devices, Dmi, Lvm, Uptime, Platform]),
    ("python", &[Python]),
    ("python_version", &[Platform, Python]),
    ("real_user_id", &[User]),
    ("selinux", &[Selinux]),
    ("service_mgr", &[ServiceMgr, Distribution, Platform]),
    ("ssh_host_key_dsa_public", &[SshPubKeys]),
    ("ssh_host_key_ecdsa_public", &[SshPubKeys]),
    ("ssh_host_key_ed25519_public", &[SshPubKeys]),
    ("ssh_host_key_rsa_public", &[SshPubKeys]),
    ("ssh_host_pub_keys", &[SshPubKeys]),
    ("ssh_pub_keys", &[SshPubKeys]),
    ("system", &[Platform]),
    ("system_capabilities", &[Caps]),
    ("system_capabilities_enforced", &[Caps]),
    ("systemd", &[Systemd]),
    ("user", &[User]),
    ("user_dir", &[User]),
    ("user_gecos", &[User]),
    ("user_gid", &[User]),
    ("user_id", &[User]),
    ("user_shell", &[User]),
    ("user_uid", &[User]),
    ("virtual", &[Virtual]),
    ("virtualization_role", &[Virtual]),
    ("virtualization_tech_guest", &[Virtual]),
    ("virtualization_tech_host", &[Virtual]),
    ("virtualization_type", &[Virtual]),
];

impl Subset {
    /// Its name, by which the controller asks for just this subset (`setup`'s argument `_subsets`).
    pub fn name(self) -> &'static str {
        match self {
            Distribution => "distribution",
            Platform => "platform",
            Lsb => "lsb",
            Selinux => "selinux",
            Apparmor => "apparmor",
            Chroot => "chroot",
            Fips => "fips",
            Python => "python",
            Caps => "caps",
            PkgMgr => "pkg_mgr",
            ServiceMgr => "service_mgr",
            Cmdline => "cmdline",
            DateTime => "date_time",
            Env => "env",
            Loadavg => "loadavg",
            SshPubKeys => "ssh_pub_keys",
            User => "user",
            Systemd => "systemd",
            Virtual => "virtual",
            Processor => "processor",
            Memory => "memory",
            Mounts => "mounts",
            Devices => "devices",
            Dmi => "dmi",
            Lvm => "lvm",
            Uptime => "uptime",
            Dns => "dns",
            FibreChannel => "fibre_channel",
            Iscsi => "iscsi",
            Nvme => "nvme",
            Network => "network",
            Local => "local",
        }
    }

    /// The subset of this name.
    pub fn named(name: &str) -> Option<Subset> {
        ALL.iter().copied().find(|subset| subset.name() == name)
    }
}

/// A word of `gather_subset` that means nothing.
#[derive(Clone, Debug, PartialEq)]
pub struct BadSubset(pub String);

impl std::fmt::Display for BadSubset {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let words: Vec<&str> = WORDS.iter().map(|(word, _)| *word).collect();
        write!(f, "`gather_subset`: there is no subset {:?}; there are all, min, {}", self.0, words.join(", "))
    }
}

/// What the words of `gather_subset` ask for. A word asks, `!word` takes away what no word asks for by its own name;
/// the minimal subsets are always asked for unless `!min` stands there; no word at all, or `all`, means everything.
///
/// As in Ansible, words that only take away (`!hardware`) leave the minimal subsets, and `!` before an unknown word is
/// no error.
pub fn select(words: &[String]) -> Result<BTreeSet<Subset>, BadSubset> {
    let subsets = |word: &str| match word {
        "all" => Some(ALL),
        "min" => Some(MINIMAL),
        _ => WORDS.iter().find(|(name, _)| *name == word).map(|(_, subsets)| *subsets),
    };
    if words.is_empty() {
        return Ok(ALL.iter().copied().collect());
    }
    let (mut asked, mut named, mut removed): (BTreeSet<Subset>, BTreeSet<Subset>, BTreeSet<Subset>) =
        Default::default();
    let mut minimal = true;
    for word in words {
        if let Some(word) = word.strip_prefix('!') {
            match word {
                "min" => minimal = false,
                // `!all` keeps the minimal subsets; it takes `!min` beside it to have none.
                "all" => removed.extend(ALL.iter().filter(|subset| !MINIMAL.contains(subset))),
                _ => removed.extend(subsets(word).unwrap_or_default().iter().filter(|s| own(word, **s))),
            }
        } else {
            let found = subsets(word).ok_or_else(|| BadSubset(word.clone()))?;
            asked.extend(found);
            if word != "all" {
                named.extend(found);
            }
        }
    }
    if minimal {
        asked.extend(MINIMAL);
    } else {
        removed.extend(MINIMAL);
    }
    Ok(asked.into_iter().filter(|subset| named.contains(subset) || !removed.contains(subset)).collect())
}

/// Whether a word means this subset itself, rather than bringing it along.
fn own(word: &str, subset: Subset) -> bool {
    match word {
        "platform" | "distribution" | "min" => true,
        _ if MINIMAL.contains(&subset) => {
            WORDS.iter().find(|(name, _)| *name == word).and_then(|(_, subsets)| subsets.first()) == Some(&subset)
        }
        _ => true,
    }
}

/// The subset that gathers a fact (its name without `ansible_`). `None` where the name can't be a fact's. Names of
/// network interfaces are facts too (`eth0`), so what looks like nothing else is [`Subset::Network`]'s.
pub fn subset_of(fact_name: &str) -> Option<Subset> {
    let name = fact_name.strip_prefix("ansible_").unwrap_or(fact_name);
    let prefixed = |prefixes: &[&str]| prefixes.iter().any(|prefix| name.starts_with(prefix));
    Some(match name {
        "os_family" => Distribution,
        _ if prefixed(&["distribution"]) => Distribution,
        "architecture"
        | "machine"
        | "userspace_architecture"
        | "userspace_bits"
        | "kernel"
        | "kernel_version"
        | "system"
        | "hostname"
        | "nodename"
        | "fqdn"
        | "domain"
        | "machine_id" => Platform,
        "lsb" => Lsb,
        "selinux" | "selinux_python_present" => Selinux,
        "apparmor" => Apparmor,
        "is_chroot" => Chroot,
        "fips" => Fips,
        "python" | "python_version" => Python,
        "system_capabilities" | "system_capabilities_enforced" => Caps,
        "pkg_mgr" => PkgMgr,
        "service_mgr" => ServiceMgr,
        "cmdline" | "proc_cmdline" => Cmdline,
        "date_time" => DateTime,
        "env" => Env,
        "loadavg" => Loadavg,
        _ if prefixed(&["ssh_host_key_"]) => SshPubKeys,
        "user_id" | "user_uid" | "user_gid" | "user_gecos" | "user_dir" | "user_shell" => User,
        "real_user_id" | "effective_user_id" | "real_group_id" | "effective_group_id" => User,
        "systemd" => Systemd,
        _ if prefixed(&["virtualization_"]) => Virtual,
        "flags" => Processor,
        _ if prefixed(&["processor"]) => Processor,
        "memtotal_mb" | "memfree_mb" | "swaptotal_mb" | "swapfree_mb" | "memory_mb" => Memory,
        "mounts" => Mounts,
        "devices" | "device_links" => Devices,
        "system_vendor" | "form_factor" => Dmi,
        _ if prefixed(&["bios_", "board_", "chassis_", "product_"]) => Dmi,
        "lvm" => Lvm,
        "uptime_seconds" => Uptime,
        "dns" => Dns,
        "fibre_channel_wwn" => FibreChannel,
        "iscsi_iqn" => Iscsi,
        "hostnqn" => Nvme,
        "default_ipv4"
        | "default_ipv6"
        | "interfaces"
        | "all_ipv4_addresses"
        | "all_ipv6_addresses"
        | "locally_reachable_ips" => Network,
        "local" => Local,
        // Facts of other modules and variables that are no facts.
        "packages" | "services" | "ip_addresses" | "facts_path" | "gather_subset" | "module_setup" => return None,
        _ if prefixed(&["ec2_", "getent_", "facter", "ohai"]) => return None,
        _ if looks_like_an_interface(name) => Network,
        _ => return None,
    })
}

/// Whether a network interface may have this name, as facts spell it (`-` and `:` become `_`): the kernel's limit is 15
/// bytes, and none of them a space or a slash.
fn looks_like_an_interface(name: &str) -> bool {
    !name.is_empty() && name.len() <= 15 && !name.contains(|c: char| c.is_whitespace() || c == '/')
}

#[cfg(test)]
mod tests {
    use super::*;

    const HARDWARE: &[Subset] = &[Processor, Memory, Mounts, Devices, Dmi, Lvm, Uptime];

    fn chosen(words: &[&str]) -> BTreeSet<Subset> {
        select(&words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>()).unwrap()
    }

    fn set(parts: &[&[Subset]]) -> BTreeSet<Subset> {
        parts.concat().into_iter().collect()
    }

    // Each case was seen with ansible-core 2.19.
    #[test]
    fn words_choose_as_in_ansible() {
        assert_eq!(chosen(&[]), set(&[ALL]));
        assert_eq!(chosen(&["all"]), set(&[ALL]));
        assert_eq!(chosen(&["!all"]), set(&[MINIMAL]));
        assert_eq!(chosen(&["min"]), set(&[MINIMAL]));
        assert_eq!(chosen(&["!hardware"]), set(&[MINIMAL]));
        assert_eq!(chosen(&["!nonsense"]), set(&[MINIMAL]));
        assert_eq!(chosen(&["!all", "!min"]), set(&[]));
        assert_eq!(chosen(&["!min"]), set(&[]));
        assert_eq!(chosen(&["!all", "!min", "!hardware", "mounts"]), set(&[HARDWARE, &[Platform]]));
        assert_eq!(chosen(&["!all", "network"]), set(&[MINIMAL, &[Network]]));
        assert_eq!(chosen(&["network", "!min"]), set(&[&[Network, Distribution, Platform]]));
        assert_eq!(chosen(&["facter", "!all", "!min"]), set(&[]));
        let without = chosen(&["all", "!hardware"]);
        assert!(without.contains(&Network) && without.contains(&Platform) && !without.contains(&Mounts));
        let without_min = chosen(&["all", "!min"]);
        assert!(without_min.contains(&Network) && without_min.contains(&Loadavg) && !without_min.contains(&Dns));
    }

    #[test]
    fn names_are_unique() {
        for subset in ALL {
            assert_eq!(Subset::named(subset.name()), Some(*subset));
        }
    }

    #[test]
    fn an_unknown_word_is_named() {
        let error = select(&["foo".to_owned()]).unwrap_err();
        assert!(error.to_string().contains("\"foo\"") && error.to_string().contains("hardware"));
    }

    #[test]
    fn facts_know_their_subset() {
        assert_eq!(subset_of("distribution_major_version"), Some(Distribution));
        assert_eq!(subset_of("ansible_default_ipv4"), Some(Network));
        assert_eq!(subset_of("eth0"), Some(Network));
        assert_eq!(subset_of("memtotal_mb"), Some(Memory));
        assert_eq!(subset_of("ssh_host_key_rsa_public"), Some(SshPubKeys));
        assert_eq!(subset_of("product_name"), Some(Dmi));
        assert_eq!(subset_of("getent_passwd"), None);
        assert_eq!(subset_of("packages"), None);
    }
}
