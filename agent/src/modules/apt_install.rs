//! Packages that are to be installed or removed: which of them are not yet as asked.

use super::apt::State;
use super::apt_run::Runner;
use super::glob;
use crate::host::apt::compare_versions;
use crate::host::{Offer, Package, PackageState};
use crate::outcome::{ModuleResult, Outcome, Stop};

/// One entry of `name`.
#[derive(Clone, Debug, PartialEq)]
struct Spec {
    name: String,
    architecture: Option<String>,
    version: Option<Version>,
}

#[derive(Clone, Debug, PartialEq)]
enum Version {
    /// This one; `*` and the like stand for parts of it.
    Matching(String),
    /// This one or a later one.
    AtLeast(String),
}

impl Spec {
    fn parse(text: &str) -> Spec {
        let (name, version) = if let Some((name, version)) = text.split_once(">=") {
            (name, Some(Version::AtLeast(version.trim().to_owned())))
        } else if let Some((name, version)) = text.split_once('=') {
            (name, Some(Version::Matching(version.trim().to_owned())))
        } else {
            (text, None)
        };
        let (name, architecture) = match name.trim().split_once(':') {
            Some((name, architecture)) => (name, Some(architecture.to_owned())),
            None => (name.trim(), None),
        };
        Spec { name: name.to_owned(), architecture, version }
    }

    fn has_wildcard(&self) -> bool {
        self.name.contains(['*', '?', '['])
    }

    /// As apt-get takes it.
    fn argument(&self, version: Option<&str>) -> String {
        let architecture = self.architecture.as_ref().map_or(String::new(), |name| format!(":{name}"));
        let version = version.map_or(String::new(), |version| format!("={version}"));
        format!("{}{architecture}{version}", self.name)
    }

    fn is_package(&self, package: &Package, native: &str) -> bool {
        let wanted = self.architecture.as_deref().unwrap_or(native);
        // A package that a dry run foresees may not tell its architecture.
        package.name == self.name && [wanted, "all", ""].contains(&package.architecture.as_str())
    }

    fn accepts(&self, version: &str) -> bool {
        match &self.version {
            None => true,
            Some(Version::Matching(pattern)) => pattern == version || glob::matches(pattern, version),
            Some(Version::AtLeast(least)) => compare_versions(version, least).is_ge(),
        }
    }
}

/// The architecture of the host itself: dpkg's.
fn native(packages: &[Package]) -> String {
    packages.iter().find(|package| package.name == "dpkg").map_or(String::new(), |dpkg| dpkg.architecture.clone())
}

/// The packages that the names stand for, names with wildcards taken apart.
fn specs(runner: &Runner<'_>, names: &[String], packages: &[Package]) -> Result<Vec<Spec>, Stop> {
    let mut specs = Vec::new();
    let mut known: Option<Vec<String>> = None;
    for text in names {
        let spec = Spec::parse(text);
        if spec.name.is_empty() || spec.name.starts_with('-') {
            return Err(Stop::failed(format!("{text:?} is no name of a package")));
        }
        if !spec.has_wildcard() {
            specs.push(spec);
            continue;
        }
        let known = match &mut known {
            Some(known) => known,
            none => {
                let mut all = runner.host.packages.known_names()?;
                all.extend(packages.iter().map(|package| package.name.clone()));
                all.sort();
                all.dedup();
                none.insert(all)
            }
        };
        let matching: Vec<&String> = known.iter().filter(|name| glob::matches(&spec.name, name)).collect();
        if matching.is_empty() {
            return Err(Stop::failed(format!("No package(s) matching '{}' available", spec.name)));
        }
        specs.extend(matching.into_iter().map(|name| Spec { name: name.clone(), ..spec.clone() }));
    }
    Ok(specs)
}

/// Installs what is not installed as asked.
pub(super) fn install(runner: &Runner<'_>, names: &[String]) -> ModuleResult {
    let args = runner.args;
    let packages = runner.host.packages.packages()?;
    let native = native(&packages);
    let specs = specs(runner, names, &packages)?;
    if args.state == State::Latest
        && let Some(pinned) = specs.iter().find(|spec| spec.version.is_some())
    {
        return Err(Stop::failed(format!("version number inconsistent with state=latest: {}", pinned.argument(None))));
    }
    if args.state == State::BuildDep {
        let names: Vec<String> = specs.iter().map(|spec| spec.argument(None)).collect();
        let outcome = runner.settle(&runner.bringing("build-dep", &[], &names))?;
        return Ok(quiet(outcome));
    }
    let mut wanted: Vec<Spec> = Vec::new();
    let mut automatic: Vec<String> = Vec::new();
    for spec in &specs {
        let installed = packages
            .iter()
            .find(|package| package.state == PackageState::Installed && spec.is_package(package, &native));
        let provided = || {
            let own =
                packages.iter().any(|package| package.name == spec.name && package.state != PackageState::ConfigFiles);
            !own && spec.version.is_none()
                && packages
                    .iter()
                    .any(|package| package.state == PackageState::Installed && package.provides.contains(&spec.name))
        };
        let satisfied = match installed {
            Some(package) => spec.accepts(&package.version) && args.state != State::Latest,
            None => args.only_upgrade || (args.state != State::Latest && provided()),
        };
        if let Some(package) = installed.filter(|package| package.automatic) {
            automatic.push(package.name.clone());
        }
        if !satisfied {
            wanted.push(spec.clone());
        }
    }
    let outcome = if wanted.is_empty() && args.state != State::Fixed {
        Outcome::ok()
    } else {
        let arguments = resolve(runner, &wanted)?;
        let extra: &[&str] = if args.state == State::Fixed { &["--fix-broken"] } else { &[] };
        quiet(runner.settle(&runner.bringing("install", extra, &arguments)).map_err(|stop| explain(stop, &wanted))?)
    };
    // Asked for by name, so no longer only a dependency: `autoremove` must not take it. What apt-get was given by name it
    // has marked itself. Ansible does not count this as a change.
    automatic.retain(|name| !wanted.iter().any(|spec| spec.name == *name));
    if !automatic.is_empty() {
        runner.host.packages.mark_manual(&automatic)?;
    }
    Ok(outcome)
}

/// Where nothing was done, what the simulation printed is of no use to anybody.
fn quiet(mut outcome: Outcome) -> Outcome {
    if !outcome.changed {
        outcome.result.clear();
    }
    outcome
}

/// The words for apt-get: versions with wildcards and limits become exact ones.
fn resolve(runner: &Runner<'_>, wanted: &[Spec]) -> Result<Vec<String>, Stop> {
    let asked: Vec<String> =
        wanted.iter().filter(|spec| spec.version.is_some()).map(|spec| spec.argument(None)).collect();
    let offers = runner.host.packages.offers(&asked, runner.args.default_release.as_deref())?;
    wanted
        .iter()
        .map(|spec| {
            if spec.version.is_none() {
                return Ok(spec.argument(None));
            }
            let name = spec.argument(None);
            let offer = offers.iter().find(|offer| offer.name == name).cloned().unwrap_or_default();
            match choose(spec, &offer) {
                Some(version) => Ok(spec.argument(Some(version))),
                None if offer.versions.is_empty() => Err(Stop::failed(no_package(&spec.name))),
                None => {
                    let wanted = match &spec.version {
                        Some(Version::AtLeast(version)) => format!(">={version}"),
                        Some(Version::Matching(version)) => format!("={version}"),
                        None => String::new(),
                    };
                    let known = offer.versions.join(", ");
                    Err(Stop::failed(format!(
                        "no available installation candidate for {name}{wanted}; the sources have {known}"
                    )))
                }
            }
        })
        .collect()
}

/// The version to take: the candidate where it will do, else the newest that will.
fn choose<'a>(spec: &Spec, offer: &'a Offer) -> Option<&'a str> {
    let versions = offer.candidate.iter().chain(&offer.versions);
    versions.map(String::as_str).find(|version| spec.accepts(version))
}

fn no_package(name: &str) -> String {
    format!("No package matching '{name}' is available")
}

/// Says in Ansible's words that a package is unknown.
fn explain(stop: Stop, wanted: &[Spec]) -> Stop {
    let Stop::Failed(failure) = &stop else { return stop };
    let unknown = wanted.iter().find(|spec| {
        let signs = [
            format!("Unable to locate package {}\n", spec.argument(None)),
            format!("Package '{}' has no installation candidate", spec.argument(None)),
            format!("Unable to locate package {}\n", spec.name),
        ];
        let said = failure.result.get("stderr").and_then(|text| text.as_str()).unwrap_or_default();
        signs.iter().any(|sign| said.contains(sign.as_str()))
    });
    match unknown {
        Some(spec) => Stop::failed(no_package(&spec.name)),
        None => stop,
    }
}

/// Removes what is installed.
pub(super) fn remove(runner: &Runner<'_>, names: &[String]) -> ModuleResult {
    let packages = runner.host.packages.packages()?;
    let native = native(&packages);
    let mut arguments = Vec::new();
    for spec in specs(runner, names, &packages)? {
        let there = packages.iter().any(|package| {
            spec.is_package(package, &native)
                && spec.accepts(&package.version)
                // Configuration files are left, and to be purged.
                && (package.state != PackageState::ConfigFiles || runner.args.purge)
        });
        if there {
            arguments.push(spec.argument(None));
        }
    }
    if arguments.is_empty() {
        return Ok(Outcome::ok());
    }
    runner.settle(&runner.taking("remove", &arguments))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_architectures_and_versions() {
        let spec = Spec::parse("nginx:i386=1.22*");
        assert_eq!((spec.name.as_str(), spec.architecture.as_deref()), ("nginx", Some("i386")));
        assert!(spec.accepts("1.22.1-9") && !spec.accepts("1.23"));
        assert_eq!(spec.argument(Some("1.22.1-9")), "nginx:i386=1.22.1-9");
        let least = Spec::parse("foo >= 1.10");
        assert_eq!(least.name, "foo");
        assert!(least.accepts("1.10") && least.accepts("2:0.1") && !least.accepts("1.9"));
        assert!(Spec::parse("lib*").has_wildcard());
        // A colon in a version is an epoch.
        assert_eq!(Spec::parse("vim=2:9.0").version, Some(Version::Matching("2:9.0".to_owned())));
    }

    #[test]
    fn the_candidate_before_newer_versions_that_are_pinned_down() {
        let offer = Offer {
            name: "foo".to_owned(),
            candidate: Some("1.5".to_owned()),
            versions: vec!["2.0".to_owned(), "1.5".to_owned(), "1.0".to_owned()],
            provided_by: Vec::new(),
        };
        assert_eq!(choose(&Spec::parse("foo>=1.0"), &offer), Some("1.5"));
        assert_eq!(choose(&Spec::parse("foo>=1.6"), &offer), Some("2.0"));
        assert_eq!(choose(&Spec::parse("foo=1.*"), &offer), Some("1.5"));
        assert_eq!(choose(&Spec::parse("foo=3.0"), &offer), None);
    }
}
