//! `distribution*` and `os_family`, under the names that Ansible gives to distributions.

use super::probe::Probe;
use super::system::os_release;
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// A distribution and the file that told of it.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Distribution {
    /// Ansible's name: `Debian`, `RedHat`, `Rocky`, `openSUSE Leap`, ...
    pub(super) name: String,
    version: String,
    /// Known where Ansible tells it.
    minor: Option<String>,
    release: String,
    file: Option<(&'static str, &'static str)>,
}

/// `ID` in os-release, and Ansible's name.
const NAMES: &[(&str, &str)] = &[
    ("almalinux", "AlmaLinux"),
    ("alpine", "Alpine"),
    ("amzn", "Amazon"),
    ("arch", "Archlinux"),
    ("centos", "CentOS"),
    ("clear-linux-os", "Clear Linux OS"),
    ("cloudlinux", "CloudLinux"),
    ("cumulus-linux", "Cumulus Linux"),
    ("debian", "Debian"),
    ("deepin", "Deepin"),
    ("devuan", "Devuan"),
    ("eurolinux", "EuroLinux"),
    ("fedora", "Fedora"),
    ("flatcar", "Flatcar"),
    ("gentoo", "Gentoo"),
    ("kali", "Kali"),
    ("linuxmint", "Linux Mint"),
    ("miraclelinux", "MIRACLE"),
    ("neon", "KDE neon"),
    ("ol", "OracleLinux"),
    ("openEuler", "openEuler"),
    ("opensuse-leap", "openSUSE Leap"),
    ("opensuse-microos", "openSUSE MicroOS"),
    ("opensuse-tumbleweed", "openSUSE Tumbleweed"),
    ("osmc", "OSMC"),
    ("parrot", "Parrot"),
    ("pop", "Pop!_OS"),
    ("raspbian", "Debian"),
    ("rhel", "RedHat"),
    ("rocky", "Rocky"),
    ("scientific", "Scientific"),
    ("sl-micro", "SL-Micro"),
    ("sled", "SLED"),
    ("sles", "SLES"),
    ("sles_sap", "SLES_SAP"),
    ("steamos", "SteamOS"),
    ("tencentos", "TencentOS"),
    ("ubuntu", "Ubuntu"),
    ("uos", "Uos"),
    ("virtuozzo", "Virtuozzo"),
];

/// Families and the distributions that belong to them; any other is a family of its own.
const FAMILIES: &[(&str, &[&str])] = &[
    (
        "RedHat",
        &[
            "RedHat",
            "RHEL",
            "Fedora",
            "CentOS",
            "Scientific",
            "SLC",
            "Ascendos",
            "CloudLinux",
            "PSBM",
            "OracleLinux",
            "OVS",
            "OEL",
            "Amazon",
            "Amzn",
            "Virtuozzo",
            "XenServer",
            "Alibaba",
            "EulerOS",
            "openEuler",
            "AlmaLinux",
            "Rocky",
            "TencentOS",
            "EuroLinux",
            "Kylin Linux Advanced Server",
            "MIRACLE",
        ],
    ),
    (
        "Debian",
        &[
            "Debian",
            "Ubuntu",
            "Raspbian",
            "Neon",
            "KDE neon",
            "Linux Mint",
            "SteamOS",
            "Devuan",
            "Kali",
            "Cumulus Linux",
            "Pop!_OS",
            "Parrot",
            "Pardus GNU/Linux",
            "Uos",
            "Deepin",
            "OSMC",
            "Linux Mint Debian Edition",
        ],
    ),
    (
        "Suse",
        &[
            "SuSE",
            "SLES",
            "SLED",
            "openSUSE",
            "openSUSE Tumbleweed",
            "SLES_SAP",
            "SUSE_LINUX",
            "openSUSE Leap",
            "ALP-Dolomite",
            "SL-Micro",
            "openSUSE MicroOS",
        ],
    ),
    ("Archlinux", &["Archlinux", "Antergos", "Manjaro"]),
    ("Mandrake", &["Mandrake", "Mandriva"]),
    ("Gentoo", &["Gentoo", "Funtoo"]),
    ("ClearLinux", &["Clear Linux OS", "Clear Linux Mix"]),
];

/// The files that tell of a distribution.
#[derive(Clone, Debug, Default)]
struct Files {
    os_release: BTreeMap<String, String>,
    /// Whether that was `/etc/os-release`, not `/usr/lib/os-release`.
    in_etc: bool,
    debian_version: Option<String>,
    redhat_release: Option<String>,
    lsb_release: BTreeMap<String, String>,
    has_arch_release: bool,
    alpine_release: Option<String>,
}

/// What the host runs.
pub(super) fn detect(probe: &Probe<'_>) -> Distribution {
    let etc = probe.text("/etc/os-release");
    let in_etc = etc.is_some();
    let text = etc.or_else(|| probe.text("/usr/lib/os-release")).unwrap_or_default();
    let first = |paths: &[&str]| paths.iter().find_map(|path| probe.text(path));
    from_files(&Files {
        os_release: os_release(&text),
        in_etc,
        debian_version: probe.text("/etc/debian_version"),
        redhat_release: first(&["/etc/redhat-release", "/etc/centos-release", "/etc/oracle-release"]),
        lsb_release: os_release(&probe.text("/etc/lsb-release").unwrap_or_default()),
        has_arch_release: probe.exists("/etc/arch-release"),
        alpine_release: probe.text("/etc/alpine-release"),
    })
}

fn from_files(files: &Files) -> Distribution {
    let os = |key: &str| files.os_release.get(key).map(String::as_str);
    let name = name(files);
    let in_parentheses = |text: &str| -> Option<String> {
        let (_, rest) = text.rsplit_once('(')?;
        Some(rest.split_once(')')?.0.to_owned())
    };
    let codename = os("VERSION_CODENAME")
        .or(os("UBUNTU_CODENAME"))
        .map(str::to_owned)
        .or_else(|| os("VERSION").and_then(in_parentheses))
        // `14.04.2 LTS, Trusty Tahr`
        .or_else(|| Some(os("VERSION")?.split_once(", ")?.1.split_whitespace().next()?.to_lowercase()))
        .or_else(|| files.redhat_release.as_deref().and_then(in_parentheses))
        .or_else(|| files.lsb_release.get("DISTRIB_CODENAME").cloned());
    let version = os("VERSION_ID").or(files.lsb_release.get("DISTRIB_RELEASE").map(String::as_str));
    let mut found = Distribution {
        version: version.unwrap_or("NA").to_owned(),
        release: codename.unwrap_or_else(|| "NA".to_owned()),
        minor: None,
        file: None,
        name,
    };
    // The release file of Red Hat's kin has the version in full where os-release may only have its first number.
    let redhat_version = files.redhat_release.as_deref().and_then(|text| {
        text.split_whitespace().find(|word| word.starts_with(|c: char| c.is_ascii_digit())).map(str::to_owned)
    });
    let os_release_file = if files.in_etc { "/etc/os-release" } else { "/usr/lib/os-release" };
    match found.name.as_str() {
        "Debian" => {
            if let Some(version) = &files.debian_version {
                let numbered = version.starts_with(|c: char| c.is_ascii_digit());
                if numbered || version.contains('/') && os("VERSION_ID").is_none() {
                    found.version = version.clone();
                }
                if numbered {
                    found.minor = version.split('.').nth(1).map(str::to_owned);
                } else if found.release == "NA" {
                    found.release = version.split('/').next().unwrap_or_default().to_owned();
                }
            }
            found.file = Some((os_release_file, "Debian"));
        }
        "Amazon" => {
            found.minor = Some(found.version.split('.').nth(1).unwrap_or("NA").to_owned());
            found.file = Some((os_release_file, "Amazon"));
        }
        "Alpine" => {
            if let Some(version) = &files.alpine_release {
                found.version = version.clone();
            }
            found.file = Some(("/etc/alpine-release", "Alpine"));
        }
        "Archlinux" => {
            let file = if files.has_arch_release { "/etc/arch-release" } else { os_release_file };
            found.file = Some((file, "Archlinux"));
        }
        "CentOS" if files.redhat_release.as_deref().is_some_and(|text| text.contains("Stream")) => {
            found.release = "Stream".to_owned();
            found.file = Some(("/etc/centos-release", "CentOS"));
        }
        "Clear Linux OS" => {
            found.release = os("ID").unwrap_or("NA").to_owned();
            found.file = Some((os_release_file, "ClearLinux"));
        }
        "Flatcar" => {
            found.release = "NA".to_owned();
            found.file = Some((os_release_file, "Flatcar"));
        }
        "OracleLinux" => {
            if let Some(version) = redhat_version {
                found.version = two_numbers(&version);
            }
            found.file = Some(("/etc/oracle-release", "OracleLinux"));
        }
        _ if found.family() == "Debian" => {
            let variety = if found.name == "KDE neon" { "NA" } else { "Debian" };
            if found.name == "Cumulus Linux"
                && let Some(version) = os("VERSION_ID")
            {
                let parts: Vec<&str> = version.split('.').collect();
                found.version = parts.iter().take(3).copied().collect::<Vec<_>>().join(".");
            }
            found.file = Some((os_release_file, variety));
        }
        _ if found.family() == "Suse" => {
            found.release = match (found.name.as_str(), found.version.split_once('.')) {
                ("openSUSE Tumbleweed", _) => String::new(),
                ("SL-Micro" | "ALP-Dolomite" | "openSUSE MicroOS", _) => "NA".to_owned(),
                (_, Some((_, minor))) => minor.to_owned(),
                (_, None) => "0".to_owned(),
            };
            found.file = Some((os_release_file, "SUSE"));
        }
        _ if found.family() == "RedHat" => match redhat_version {
            Some(version) if !matches!(found.name.as_str(), "openEuler" | "TencentOS") => {
                found.version = two_numbers(&version);
                found.file = Some(("/etc/redhat-release", "RedHat"));
            }
            _ => found.file = Some((os_release_file, "NA")),
        },
        _ => found.file = files.in_etc.then_some(("/etc/os-release", "NA")),
    }
    found
}

/// `8.3.2011` is called 8.3.
fn two_numbers(version: &str) -> String {
    version.splitn(3, '.').take(2).collect::<Vec<_>>().join(".")
}

fn name(files: &Files) -> String {
    let os = |key: &str| files.os_release.get(key).map(String::as_str);
    let known = |id: &str| NAMES.iter().find(|(known, _)| *known == id).map(|(_, name)| (*name).to_owned());
    if let Some(id) = os("ID") {
        // Ships with Debian's ID and says what it is in another place.
        if os("NAME").is_some_and(|name| name.starts_with("LMDE")) {
            return "Linux Mint Debian Edition".to_owned();
        }
        if files.has_arch_release {
            return "Archlinux".to_owned();
        }
        return known(id).unwrap_or_else(|| os("NAME").unwrap_or(id).to_owned());
    }
    if let Some(text) = &files.redhat_release {
        let starts = [("CentOS", "CentOS"), ("Red Hat", "RedHat"), ("Fedora", "Fedora"), ("Scientific", "Scientific")];
        if let Some((_, name)) = starts.iter().find(|(start, _)| text.starts_with(start)) {
            return (*name).to_owned();
        }
    }
    if let Some(id) = files.lsb_release.get("DISTRIB_ID") {
        return known(&id.to_lowercase()).unwrap_or_else(|| id.clone());
    }
    if files.debian_version.is_some() { "Debian".to_owned() } else { "Linux".to_owned() }
}

impl Distribution {
    /// The family: `Debian`, `RedHat`, `Suse`, ...
    pub(super) fn family(&self) -> &str {
        FAMILIES
            .iter()
            .find(|(_, names)| names.contains(&self.name.as_str()))
            .map_or(self.name.as_str(), |(family, _)| family)
    }

    /// The major version's number, where it has one.
    pub(super) fn major(&self) -> &str {
        self.version.split('.').next().unwrap_or_default()
    }

    pub(super) fn facts(&self) -> Map<String, Value> {
        let mut facts = Map::new();
        let mut put = |name: &str, value: &str| {
            facts.insert(name.to_owned(), value.into());
        };
        put("os_family", self.family());
        put("distribution", &self.name);
        put("distribution_version", &self.version);
        put("distribution_major_version", self.major());
        put("distribution_release", &self.release);
        if let Some(minor) = &self.minor {
            put("distribution_minor_version", minor);
        }
        if let Some((path, variety)) = self.file {
            put("distribution_file_path", path);
            put("distribution_file_variety", variety);
            facts.insert("distribution_file_parsed".to_owned(), true.into());
        }
        facts
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Case {
        os_release: &'static str,
        debian_version: Option<&'static str>,
        redhat_release: Option<&'static str>,
        /// name, version, major version, release, family
        expected: [&'static str; 5],
    }

    // What ansible-core 2.19 said on hosts with these files.
    const CASES: &[Case] = &[
        Case {
            os_release: "PRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\nNAME=\"Debian GNU/Linux\"\nVERSION_ID=\"12\"\nVERSION=\"12 (bookworm)\"\nVERSION_CODENAME=bookworm\nID=debian\n",
            debian_version: Some("12.11"),
            redhat_release: None,
            expected: ["Debian", "12.11", "12", "bookworm", "Debian"],
        },
        Case {
            os_release: "NAME=\"Ubuntu\"\nVERSION=\"18.04.3 LTS (Bionic Beaver)\"\nID=ubuntu\nID_LIKE=debian\nVERSION_ID=\"18.04\"\nVERSION_CODENAME=bionic\nUBUNTU_CODENAME=bionic\n",
            debian_version: Some("buster/sid"),
            redhat_release: None,
            expected: ["Ubuntu", "18.04", "18", "bionic", "Debian"],
        },
        Case {
            os_release: "NAME=\"CentOS Linux\"\nVERSION=\"8 (Core)\"\nID=\"centos\"\nVERSION_ID=\"8\"\n",
            debian_version: None,
            redhat_release: Some("CentOS Linux release 8.1.1911 (Core) "),
            expected: ["CentOS", "8.1", "8", "Core", "RedHat"],
        },
        Case {
            os_release: "NAME=\"CentOS Stream\"\nVERSION=\"8\"\nID=\"centos\"\nVERSION_ID=\"8\"\n",
            debian_version: None,
            redhat_release: Some("CentOS Stream release 8"),
            expected: ["CentOS", "8", "8", "Stream", "RedHat"],
        },
        Case {
            os_release: "NAME=\"Red Hat Enterprise Linux Server\"\nVERSION=\"7.7 (Maipo)\"\nID=\"rhel\"\nVERSION_ID=\"7.7\"\n",
            debian_version: None,
            redhat_release: Some("Red Hat Enterprise Linux Server release 7.7 (Maipo)"),
            expected: ["RedHat", "7.7", "7", "Maipo", "RedHat"],
        },
        Case {
            os_release: "",
            debian_version: None,
            redhat_release: Some("CentOS release 6.7 (Final)"),
            expected: ["CentOS", "6.7", "6", "Final", "RedHat"],
        },
        Case {
            os_release: "NAME=\"AlmaLinux\"\nVERSION=\"8.3 (Purple Manul)\"\nID=\"almalinux\"\nVERSION_ID=\"8.3\"\n",
            debian_version: None,
            redhat_release: Some("AlmaLinux release 8.3 Beta (Purple Manul)"),
            expected: ["AlmaLinux", "8.3", "8", "Purple Manul", "RedHat"],
        },
        Case {
            os_release: "NAME=Fedora\nVERSION=\"31 (Workstation Edition)\"\nID=fedora\nVERSION_ID=31\nVERSION_CODENAME=\"\"\n",
            debian_version: None,
            redhat_release: Some("Fedora release 31 (Thirty One)"),
            expected: ["Fedora", "31", "31", "", "RedHat"],
        },
        Case {
            os_release: "NAME=\"Amazon Linux\"\nVERSION=\"2\"\nID=\"amzn\"\nVERSION_ID=\"2\"\n",
            debian_version: None,
            redhat_release: None,
            expected: ["Amazon", "2", "2", "NA", "RedHat"],
        },
        Case {
            os_release: "NAME=\"openSUSE Leap\"\nVERSION=\"15.1 \"\nID=\"opensuse-leap\"\nVERSION_ID=\"15.1\"\n",
            debian_version: None,
            redhat_release: None,
            expected: ["openSUSE Leap", "15.1", "15", "1", "Suse"],
        },
        Case {
            os_release: "NAME=\"SLES\"\nVERSION=\"12\"\nVERSION_ID=\"12\"\nID=\"sles\"\n",
            debian_version: None,
            redhat_release: None,
            expected: ["SLES", "12", "12", "0", "Suse"],
        },
        Case {
            os_release: "NAME=\"openEuler\"\nVERSION=\"20.03 (LTS)\"\nID=\"openEuler\"\nVERSION_ID=\"20.03\"\n",
            debian_version: None,
            redhat_release: None,
            expected: ["openEuler", "20.03", "20", "LTS", "RedHat"],
        },
        Case {
            os_release: "NAME=\"Flatcar Container Linux by Kinvolk\"\nID=flatcar\nVERSION=3139.2.0\nVERSION_ID=3139.2.0\n",
            debian_version: None,
            redhat_release: None,
            expected: ["Flatcar", "3139.2.0", "3139", "NA", "Flatcar"],
        },
    ];

    #[test]
    fn names_of_distributions() {
        for case in CASES {
            let found = from_files(&Files {
                os_release: os_release(case.os_release),
                in_etc: true,
                debian_version: case.debian_version.map(str::to_owned),
                redhat_release: case.redhat_release.map(str::to_owned),
                ..Files::default()
            });
            let seen = [&found.name, &found.version, found.major(), &found.release, found.family()];
            assert_eq!(seen, case.expected, "{}", case.os_release);
        }
    }

    #[test]
    fn debian_testing_has_no_number() {
        let found = from_files(&Files {
            os_release: os_release("NAME=\"Debian GNU/Linux\"\nVERSION_CODENAME=trixie\nID=debian\n"),
            in_etc: true,
            debian_version: Some("trixie/sid".to_owned()),
            ..Files::default()
        });
        assert_eq!((found.version.as_str(), found.release.as_str()), ("trixie/sid", "trixie"));
    }
}
