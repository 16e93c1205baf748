//! `/var/lib/dpkg/status` and `/var/lib/apt/extended_states`.

use crate::host::{Package, PackageState};
use crate::sorting;
use std::collections::HashSet;

/// The fields of a stanza; lines that continue a field are left out.
pub(crate) fn fields(stanza: &str) -> impl Iterator<Item = (&str, &str)> {
    stanza.lines().filter(|line| !line.starts_with([' ', '\t'])).filter_map(|line| {
        let (name, value) = line.split_once(':')?;
        Some((name, value.trim()))
    })
}

/// The stanzas of a control file.
fn stanzas(text: &str) -> impl Iterator<Item = &str> {
    text.split("\n\n").map(str::trim).filter(|stanza| !stanza.is_empty())
}

/// The packages of dpkg's status file, sorted by name and architecture. `automatic` is what
/// [`parse_extended_states`] found.
pub(crate) fn parse_status(text: &str, automatic: &HashSet<(String, String)>) -> Vec<Package> {
    let mut packages: Vec<Package> = stanzas(text).filter_map(|stanza| package(stanza, automatic)).collect();
    sorting::sort_by(&mut packages, |a, b| (&a.name, &a.architecture).cmp(&(&b.name, &b.architecture)));
    packages
}

/// The stanza of one package in dpkg's status file.
pub(crate) fn find_stanza<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    let first = format!("Package: {name}\n");
    let start = if text.starts_with(&first) { 0 } else { text.find(&format!("\n{first}"))? + 1 };
    text[start..].split("\n\n").next()
}

fn package(stanza: &str, automatic: &HashSet<(String, String)>) -> Option<Package> {
    let (mut name, mut architecture, mut version, mut status, mut provides) = ("", "", "", "", "");
    for (field, value) in fields(stanza) {
        match field {
            "Package" => name = value,
            "Architecture" => architecture = value,
            "Version" => version = value,
            "Status" => status = value,
            "Provides" => provides = value,
            _ => {}
        }
    }
    // "want flag state", e.g. "install ok installed", "hold ok installed", "deinstall ok config-files".
    let mut words = status.split_whitespace();
    let (want, _flag, state) = (words.next()?, words.next()?, words.next()?);
    let state = match state {
        "installed" => PackageState::Installed,
        "config-files" => PackageState::ConfigFiles,
        "not-installed" => return None,
        _ => PackageState::Broken,
    };
    let automatic = automatic.contains(&(name.to_owned(), architecture.to_owned()));
    Some(Package {
        name: name.to_owned(),
        architecture: architecture.to_owned(),
        version: version.to_owned(),
        state,
        held: want == "hold",
        automatic,
        provides: provides
            .split(',')
            .filter_map(|provided| provided.split_whitespace().next())
            .map(str::to_owned)
            .collect(),
    })
}

/// The names and architectures of the packages that came only as dependencies.
pub(crate) fn parse_extended_states(text: &str) -> HashSet<(String, String)> {
    stanzas(text)
        .filter_map(|stanza| {
            let find = |wanted| fields(stanza).find(|(field, _)| *field == wanted).map(|(_, value)| value.to_owned());
            (find("Auto-Installed")? == "1").then_some(())?;
            Some((find("Package")?, find("Architecture")?))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    // From a Debian 12 host.
    const STATUS: &str = "Package: zlib1g\nStatus: install ok installed\nPriority: required\nSection: libs\nArchitecture: amd64\nMulti-Arch: same\nSource: zlib\nVersion: 1:1.2.13.dfsg-1\nProvides: libz1\nDescription: compression library - runtime\n zlib is a library implementing the deflate compression method found\n in gzip and PKZIP.  This package includes the shared library.\nHomepage: http://zlib.net/\n\nPackage: exim4-base\nStatus: deinstall ok config-files\nArchitecture: amd64\nVersion: 4.96-15+deb12u6\nConffiles:\n /etc/cron.daily/exim4-base 56d14e74bb4d8c9fc6fbd3ac3ea0d50a\n\nPackage: linux-image-amd64\nStatus: hold ok installed\nArchitecture: amd64\nVersion: 6.1.140-1\nProvides: linux-image, wireguard-modules (= 1.0.0)\n\nPackage: man-db\nStatus: install ok half-configured\nArchitecture: amd64\nVersion: 2.11.2-2\n";

    #[test]
    fn packages_of_a_status_file() {
        let automatic = parse_extended_states(
            "Package: zlib1g\nArchitecture: amd64\nAuto-Installed: 1\n\nPackage: man-db\nArchitecture: amd64\nAuto-Installed: 0\n",
        );
        let packages = parse_status(STATUS, &automatic);
        let names: Vec<&str> = packages.iter().map(|package| package.name.as_str()).collect();
        assert_eq!(names, ["exim4-base", "linux-image-amd64", "man-db", "zlib1g"]);
        assert_eq!(packages[0].state, PackageState::ConfigFiles);
        assert!(packages[1].held && packages[1].state == PackageState::Installed);
        assert_eq!(packages[1].provides, ["linux-image", "wireguard-modules"]);
        assert_eq!(packages[2].state, PackageState::Broken);
        assert!(!packages[2].automatic);
        assert_eq!(packages[3].version, "1:1.2.13.dfsg-1");
        assert!(packages[3].automatic);
        for package in packages {
            let stanza = find_stanza(STATUS, &package.name).unwrap();
            assert_eq!(parse_status(stanza, &automatic), [package]);
        }
        assert_eq!(find_stanza(STATUS, "man"), None);
    }
}
