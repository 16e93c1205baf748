//! All that a dry run has foreseen of one host. It outlives requests: it belongs to the host for the whole run.

use super::accounts::AccountBook;
use super::tree::Tree;
use super::unit_book::UnitBook;
use crate::host::live::Live;
use crate::host::{Finished, HostResult, Moment, Package, PackageState, Step};
use crate::protocol::{Effect, Listing};
use crate::sorting;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// The foreseen host.
#[derive(Default)]
pub struct Overlay {
    pub(super) tree: Tree,
    pub(super) accounts: AccountBook,
    pub(super) packages: PackageBook,
    pub(super) units: UnitBook,
    /// What commands that only look would say.
    pub(super) sayings: BTreeMap<Vec<String>, Finished>,
    /// How far the clock would be ahead, by waiting that a dry run does not do.
    pub(super) slept: std::time::Duration,
    /// Whether anything would be different at all.
    pub(super) differs: bool,
}

/// What would be different of the packages.
#[derive(Default)]
pub(super) struct PackageBook {
    /// The last step of each.
    pub(super) steps: BTreeMap<String, Step>,
    /// Of new ones, what is known of what they bring.
    pub(super) listings: BTreeMap<String, Listing>,
    /// Those that count as asked for by name.
    pub(super) manual: BTreeSet<String>,
    /// What is to be done with packages, where that was set.
    pub(super) selections: BTreeMap<String, String>,
    /// When the lists would have been fetched last.
    pub(super) refreshed: Option<Moment>,
}

impl PackageBook {
    /// Whether the records are those of the live host.
    pub(super) fn is_untouched(&self) -> bool {
        self.steps.is_empty() && self.manual.is_empty() && self.selections.is_empty()
    }

    /// Packages that the live host has not got and would have.
    pub(super) fn new_ones(&self) -> Vec<&str> {
        self.steps
            .values()
            .filter(|step| step.old.is_none() && step.new.is_some())
            .map(|step| step.name.split(':').next().unwrap_or_default())
            .collect()
    }

    /// Those of which it is not known what they bring.
    pub(super) fn unlisted_ones(&self) -> Vec<&str> {
        self.new_ones().into_iter().filter(|name| !self.listings.contains_key(*name)).collect()
    }

    /// New packages that may have to do with this name (a unit's, a user's, a path): those that nothing is known of, and those
    /// whose maintainer's scripts mention it.
    pub(super) fn may_touch(&self, name: &str) -> Vec<&str> {
        let mention = |package: &&str| self.listings.get(*package).is_none_or(|listing| listing.scripts.contains(name));
        self.new_ones().into_iter().filter(mention).collect()
    }

    /// New packages that are known to bring something there, though not what, or whose scripts mention it.
    fn vaguely_at(&self, path: &Path) -> Vec<&str> {
        let text = path.to_string_lossy();
        let here = |listing: &Listing| {
            listing.scripts.contains(&*text)
                || listing.vague.iter().any(|vague| vague == path || vague.starts_with(path))
        };
        self.new_ones().into_iter().filter(|name| self.listings.get(*name).is_some_and(here)).collect()
    }

    /// The records of the live host, as they would be.
    pub(super) fn amend(&self, records: &[Package]) -> Vec<Package> {
        let mut records = records.to_vec();
        for step in self.steps.values() {
            let (name, architecture) = step.name.split_once(':').unwrap_or((&step.name, ""));
            let at = records.iter().position(|package| {
                package.name == name && (architecture.is_empty() || package.architecture == architecture)
            });
            match (&step.new, at) {
                (Some(version), Some(at)) => {
                    records[at].version.clone_from(version);
                    records[at].state = PackageState::Installed;
                }
                (Some(version), None) => records.push(Package {
                    name: name.to_owned(),
                    architecture: architecture.to_owned(),
                    version: version.clone(),
                    state: PackageState::Installed,
                    held: false,
                    automatic: false,
                    provides: Vec::new(),
                }),
                (None, Some(at)) if step.purged => drop(records.remove(at)),
                (None, Some(at)) => records[at].state = PackageState::ConfigFiles,
                (None, None) => {}
            }
        }
        for package in &mut records {
            package.automatic &= !self.manual.contains(&package.name);
            if let Some(selection) = self.selections.get(&package.name) {
                package.held = selection == "hold";
            }
        }
        sorting::sort_by(&mut records, |a, b| a.name.cmp(&b.name));
        records
    }
}

impl Overlay {
    /// Takes a foreseen change in: one of this agent's own, or of another agent of the same host.
    pub fn apply(&mut self, effect: &Effect, live: &Live) -> HostResult<()> {
        self.tree.apply(effect, &live.files)?;
        self.accounts.apply(effect);
        self.units.apply(effect);
        match effect {
            Effect::Packages { steps, listings } => {
                for listing in listings {
                    self.packages.listings.insert(listing.package.clone(), listing.clone());
                }
                for step in steps {
                    let first = self.packages.steps.get(&step.name).map(|before| before.old.clone());
                    let mut step = step.clone();
                    // What the live host has stays known over several changes.
                    step.old = first.unwrap_or(step.old);
                    self.packages.steps.insert(step.name.clone(), step);
                }
            }
            Effect::MarkManual { names } => self.packages.manual.extend(names.iter().cloned()),
            Effect::ProgramSays { argv, status, stdout, stderr } => {
                let (stdout, stderr) = (stdout.0.to_vec(), stderr.0.to_vec());
                self.sayings.insert(argv.clone(), Finished { status: *status, stdout, stderr });
            }
            Effect::Select { name, selection } => {
                self.packages.selections.insert(name.clone(), selection.clone());
            }
            Effect::Refresh { at } => self.packages.refreshed = Some(*at),
            _ => {}
        }
        self.differs = true;
        Ok(())
    }

    /// Why it can't be known whether something is at a path where neither the live host nor an earlier task has put
    /// anything: packages that would have been installed by then may bring it. `None` where it is known: nothing is there.
    ///
    /// What a package brings is only known when it is there. Packages keep to the system's directories; in a directory
    /// that exists already a name that does not speak of a new package, and that is no program, is taken for free.
    pub(super) fn doubt(&self, path: &Path, parent_exists: bool) -> Option<String> {
        let vaguely = self.packages.vaguely_at(path);
        if !vaguely.is_empty() {
            return Some(format!(
                "what {} is by then: earlier tasks would install {}, which has to do with it",
                path.display(),
                some(&vaguely)
            ));
        }
        let new = self.packages.unlisted_ones();
        if new.is_empty() || !is_package_territory(path) {
            return None;
        }
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let programs = path.parent().and_then(Path::file_name).is_some_and(|directory| {
            matches!(directory.to_str(), Some("bin" | "sbin" | "lib" | "lib64" | "libexec" | "system"))
        });
        let speaks = new.iter().any(|package| name.contains(stem(package)));
        if parent_exists && !programs && !speaks {
            return None;
        }
        Some(format!(
            "whether {} is there by then: earlier tasks would install {}, and what they bring is known only when they \
             are there",
            path.display(),
            some(&new)
        ))
    }
}

/// The part of a package's name by which its files go: `nginx` of `nginx-core`.
fn stem(package: &str) -> &str {
    package.split(['-', '.', '+']).next().unwrap_or(package)
}

/// A few names of many.
fn some(names: &[&str]) -> String {
    match names {
        [first, second, third, rest @ ..] if !rest.is_empty() => {
            format!("{first}, {second}, {third} and {} more packages", rest.len())
        }
        names => names.join(", "),
    }
}

/// Whether packages put files there (the Filesystem Hierarchy Standard).
fn is_package_territory(path: &Path) -> bool {
    const SYSTEM: [&str; 9] = ["/etc", "/usr", "/var", "/bin", "/sbin", "/lib", "/lib64", "/opt", "/boot"];
    const LOCAL: [&str; 3] = ["/usr/local", "/var/tmp", "/var/local"];
    SYSTEM.iter().any(|root| path.starts_with(root)) && !LOCAL.iter().any(|root| path.starts_with(root))
}

/// Paths whose content the foreseen users and groups would have changed.
pub(super) fn is_account_file(path: &Path) -> bool {
    ["/etc/passwd", "/etc/group", "/etc/shadow", "/etc/gshadow"].map(PathBuf::from).iter().any(|file| file == path)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn installing(name: &str) -> Overlay {
        let mut overlay = Overlay::default();
        let step = Step { name: name.to_owned(), old: None, new: Some("1".to_owned()), purged: false };
        overlay.packages.steps.insert(name.to_owned(), step);
        overlay
    }

    #[test]
    fn what_a_new_package_may_bring_is_doubtful_and_other_paths_are_not() {
        let overlay = installing("nginx-core");
        for (path, parent_exists, doubtful) in [
            ("/etc/nginx/nginx.conf", false, true),
            ("/etc/logrotate.d/nginx", true, true),
            ("/usr/sbin/other", true, true),
            ("/etc/motd.local", true, false),
            ("/srv/nginx/www", false, false),
            ("/usr/local/bin/nginx", true, false),
            ("/home/nginx", true, false),
        ] {
            assert_eq!(overlay.doubt(Path::new(path), parent_exists).is_some(), doubtful, "{path}");
        }
        assert!(Overlay::default().doubt(Path::new("/etc/nginx/x"), false).is_none());
    }

    #[test]
    fn records_are_as_the_steps_leave_them() {
        let package = |name: &str| Package {
            name: name.to_owned(),
            architecture: "amd64".to_owned(),
            version: "1".to_owned(),
            state: PackageState::Installed,
            held: false,
            automatic: true,
            provides: Vec::new(),
        };
        let mut book = installing("new").packages;
        for (name, new, purged) in [("up", Some("2"), false), ("gone", None, true), ("left", None, false)] {
            let (old, new) = (Some("1".to_owned()), new.map(str::to_owned));
            book.steps.insert(name.to_owned(), Step { name: name.to_owned(), old, new, purged });
        }
        book.manual.insert("up".to_owned());
        let after = book.amend(&[package("gone"), package("left"), package("up")]);
        let shown: Vec<_> = after.iter().map(|p| (p.name.as_str(), p.version.as_str(), p.state, p.automatic)).collect();
        assert_eq!(
            shown,
            [
                ("left", "1", PackageState::ConfigFiles, true),
                ("new", "1", PackageState::Installed, false),
                ("up", "2", PackageState::Installed, false),
            ]
        );
    }
}
