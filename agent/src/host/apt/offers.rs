//! What `apt-cache` prints.

use crate::host::Offer;

/// The offers in the output of `apt-cache policy`: one for each name that the sources know.
pub(crate) fn parse_policy(text: &str) -> Vec<Offer> {
    let mut offers: Vec<Offer> = Vec::new();
    for line in text.lines() {
        if !line.starts_with(' ') {
            if let Some(name) = line.strip_suffix(':') {
                offers.push(Offer { name: name.to_owned(), ..Offer::default() });
            }
            continue;
        }
        let Some(offer) = offers.last_mut() else { continue };
        let trimmed = line.trim();
        if let Some(candidate) = trimmed.strip_prefix("Candidate: ") {
            offer.candidate = Some(candidate.to_owned()).filter(|candidate| candidate != "(none)");
        } else if (line.starts_with("     ") && !line.starts_with("      ")) || line.starts_with(" *** ") {
            // A version and its priority; the lines of its sources are deeper.
            if let Some(version) = trimmed.trim_start_matches("*** ").split_whitespace().next() {
                offer.versions.push(version.to_owned());
            }
        }
    }
    offers
}

/// The packages that provide a virtual one, in the output of `apt-cache showpkg`.
pub(crate) fn parse_reverse_provides(text: &str) -> Vec<String> {
    let mut providers: Vec<String> = Vec::new();
    let lines = text.lines().skip_while(|line| !line.starts_with("Reverse Provides:")).skip(1);
    for name in lines.take_while(|line| !line.starts_with("Package:")).filter_map(|line| line.split_whitespace().next())
    {
        if !providers.iter().any(|known| known == name) {
            providers.push(name.to_owned());
        }
    }
    providers
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn policies() {
        let text = "nginx:\n  Installed: (none)\n  Candidate: 1.22.1-9+deb12u1\n  Version table:\n     1.22.1-9+deb12u1 500\n        500 http://deb.debian.org/debian bookworm/main amd64 Packages\n     1.22.1-9 500\n        500 http://security.debian.org bookworm-security/main amd64 Packages\nbash:\n  Installed: 5.2.15-2+b8\n  Candidate: 5.2.15-2+b8\n  Version table:\n *** 5.2.15-2+b8 500\n        500 http://deb.debian.org/debian bookworm/main amd64 Packages\n        100 /var/lib/dpkg/status\nmail-transport-agent:\n  Installed: (none)\n  Candidate: (none)\n  Version table:\n";
        let offers = parse_policy(text);
        assert_eq!(offers.len(), 3);
        assert_eq!(offers[0].candidate.as_deref(), Some("1.22.1-9+deb12u1"));
        assert_eq!(offers[0].versions, ["1.22.1-9+deb12u1", "1.22.1-9"]);
        assert_eq!(offers[1].versions, ["5.2.15-2+b8"]);
        assert_eq!((offers[2].name.as_str(), &offers[2].candidate), ("mail-transport-agent", &None));
    }

    #[test]
    fn providers() {
        let text = "Package: mail-transport-agent\nVersions: \n\nReverse Depends: \n  bsd-mailx,mail-transport-agent\nDependencies: \nProvides: \nReverse Provides: \nexim4-daemon-light 4.96-15 (= )\npostfix 3.7.11-0 (= )\npostfix 3.7.6-0 (= )\n";
        assert_eq!(parse_reverse_provides(text), ["exim4-daemon-light", "postfix"]);
    }
}
