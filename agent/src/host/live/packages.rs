//! The package manager of the live host.
//!
//! apt's records are read without a process; what only apt knows is asked of `apt-cache` and `apt-get -s`, and done by
//! `apt-get`.

use super::{LiveClock, LiveFiles, LiveProcesses};
use crate::host::apt::{
    find_stanza, parse_extended_states, parse_policy, parse_reverse_provides, parse_status, parse_steps,
};
use crate::host::{
    Clock, Command, Files, Finished, HostError, HostResult, Offer, Package, Packages, Processes, Simulation,
    Transaction,
};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Programs and the managers that they belong to, as the fact `pkg_mgr` names them.
const MANAGERS: &[(&str, &str)] = &[
    ("/usr/bin/rpm-ostree", "atomic_container"),
    ("/usr/bin/dnf5", "dnf5"),
    ("/usr/bin/dnf-3", "dnf"),
    ("/usr/bin/dnf", "dnf"),
    ("/usr/bin/yum", "yum"),
    ("/usr/bin/apt-get", "apt"),
    ("/usr/bin/zypper", "zypper"),
    ("/usr/sbin/urpmi", "urpmi"),
    ("/usr/bin/pacman", "pacman"),
    ("/bin/opkg", "opkg"),
    ("/sbin/apk", "apk"),
    ("/usr/bin/emerge", "portage"),
    ("/usr/bin/xbps-install", "xbps"),
    ("/usr/bin/swupd", "swupd"),
    ("/usr/sbin/sorcery", "sorcery"),
];

/// Distributions on which other managers may be installed beside their own.
const OWN_MANAGER: &[(&str, &str)] = &[("/etc/debian_version", "apt"), ("/etc/SuSE-release", "zypper")];

/// What apt prints when another process has its lock.
const LOCKED: &[&str] = &["Could not get lock", "Unable to acquire the dpkg frontend lock", "Unable to lock directory"];

/// What dpkg knows of packages.
const STATUS: &str = "/var/lib/dpkg/status";

/// What apt knows of packages beyond that.
const EXTENDED_STATES: &str = "/var/lib/apt/extended_states";

/// Between two tries to get the manager's lock.
const RETRY: Duration = Duration::from_secs(1);

/// The package manager of the live host.
#[derive(Clone)]
pub struct LivePackages {
    pub(super) files: LiveFiles,
    processes: LiveProcesses,
    clock: LiveClock,
    /// Whether what is asked may make apt renew its caches.
    renews_caches: bool,
}

/// One of apt's caches.
struct Cache {
    option: &'static str,
    path: &'static str,
    /// What it is made of.
    inputs: &'static [&'static str],
}

/// Of what the sources offer; and of that with what is installed.
const CACHES: [Cache; 2] = [
    Cache {
        option: "Dir::Cache::srcpkgcache=",
        path: "/var/cache/apt/srcpkgcache.bin",
        inputs: &["/etc/apt/sources.list", "/etc/apt/sources.list.d", "/var/lib/apt/lists"],
    },
    Cache {
        option: "Dir::Cache::pkgcache=",
        path: "/var/cache/apt/pkgcache.bin",
        inputs: &["/etc/apt/sources.list", "/etc/apt/sources.list.d", "/var/lib/apt/lists", "/var/lib/dpkg/status"],
    },
];

impl LivePackages {
    /// The package manager, for the request that these facets belong to.
    pub fn new(files: LiveFiles, processes: LiveProcesses, clock: LiveClock) -> LivePackages {
        LivePackages { files, processes, clock, renews_caches: true }
    }

    /// The same for a dry run: what is asked leaves even apt's caches as they are.
    pub fn only_looking(self) -> LivePackages {
        LivePackages { renews_caches: false, ..self }
    }

    /// Options with which apt does without those caches that it would write anew. They take it a second to make, so those
    /// that are newer than what they are made of are used.
    fn cache_options(&self) -> Vec<String> {
        let mtime = |path: &Path| self.files.stat(path, true).ok().flatten().map(|stat| stat.mtime);
        let newest = |path: &&str| {
            let path = Path::new(path);
            let below = self.files.list(path).unwrap_or_default();
            below.into_iter().map(|name| path.join(name)).chain([path.to_owned()]).filter_map(|path| mtime(&path)).max()
        };
        let is_stale = |cache: &&Cache| mtime(Path::new(cache.path)) <= cache.inputs.iter().filter_map(newest).max();
        CACHES.iter().filter(is_stale).flat_map(|cache| ["-o", cache.option].map(str::to_owned)).collect()
    }

    fn exists(&self, path: &str) -> bool {
        matches!(self.files.stat(Path::new(path), true), Ok(Some(_)))
    }

    /// A manager's command that prints what can be parsed and asks nothing.
    fn prepared(&self, mut command: Command) -> Command {
        let locale = if self.exists("/usr/lib/locale/C.utf8") { "C.UTF-8" } else { "C" };
        for (name, value) in [
            ("DEBIAN_FRONTEND", "noninteractive"),
            ("DEBIAN_PRIORITY", "critical"),
            ("LANG", locale),
            ("LC_ALL", locale),
            ("LC_MESSAGES", locale),
            ("LC_CTYPE", locale),
        ] {
            command.environment.push((name.to_owned(), value.to_owned()));
        }
        command
    }

    pub(super) fn ask(&self, mut arguments: Vec<String>) -> HostResult<Finished> {
        if !self.renews_caches && arguments.first().is_some_and(|program| program.starts_with("apt-")) {
            arguments.splice(1..1, self.cache_options());
        }
        self.processes.run(&self.prepared(Command::reading(arguments)))
    }

    /// What a source says of a version of a package, in the form of dpkg's records; empty where none does.
    pub fn offered_stanza(&self, name: &str, version: &str) -> HostResult<String> {
        let words = ["apt-cache", "show", "--no-all-versions", &format!("{name}={version}")].map(str::to_owned);
        let shown = self.ask(words.to_vec())?.stdout_text();
        Ok(shown.split("\n\n").next().unwrap_or_default().trim().to_owned())
    }

    /// Runs a command again as long as another process has the manager's lock and there is time.
    fn run_locked(&self, command: Command, lock_timeout: u64) -> HostResult<Finished> {
        let command = self.prepared(command);
        let deadline = Instant::now() + Duration::from_secs(lock_timeout);
        loop {
            let finished = self.processes.run(&command)?;
            let said = finished.stderr_text();
            let locked = finished.status != 0 && LOCKED.iter().any(|text| said.contains(text));
            if !locked || Instant::now() + RETRY > deadline {
                return Ok(finished);
            }
            self.clock.sleep(RETRY)?;
        }
    }
}

/// The text of a file that may be missing.
fn optional_text(files: &dyn Files, path: &str) -> HostResult<String> {
    match files.read(Path::new(path)) {
        Ok(bytes) => Ok(String::from_utf8_lossy(&bytes).into_owned()),
        Err(error) if error.is_not_found() => Ok(String::new()),
        Err(error) => Err(error),
    }
}

impl Packages for LivePackages {
    fn manager(&self) -> HostResult<String> {
        let has = |manager: &str| {
            MANAGERS.iter().any(|(path, name)| *name == manager && self.exists(path)).then(|| manager.to_owned())
        };
        let own = OWN_MANAGER.iter().find_map(|(sign, manager)| self.exists(sign).then(|| has(manager)).flatten());
        let first = || MANAGERS.iter().find(|(path, _)| self.exists(path)).map(|(_, name)| (*name).to_owned());
        Ok(own.or_else(first).unwrap_or_else(|| "unknown".to_owned()))
    }

    fn packages(&self) -> HostResult<Arc<Vec<Package>>> {
        let status = optional_text(&self.files, STATUS)?;
        if status.is_empty() {
            return Err(HostError::other(
                "cannot read /var/lib/dpkg/status: only hosts whose packages dpkg manages are supported",
            ));
        }
        let automatic = parse_extended_states(&optional_text(&self.files, EXTENDED_STATES)?);
        Ok(Arc::new(parse_status(&status, &automatic)))
    }

    // Without reading the records of all: that takes several milliseconds.
    fn package(&self, name: &str) -> HostResult<Option<Package>> {
        let status = optional_text(&self.files, STATUS)?;
        let Some(stanza) = find_stanza(&status, name) else { return Ok(None) };
        let automatic = parse_extended_states(&optional_text(&self.files, EXTENDED_STATES)?);
        Ok(parse_status(stanza, &automatic).pop())
    }

    fn offers(&self, names: &[String], release: Option<&str>) -> HostResult<Vec<Offer>> {
        if names.is_empty() {
            return Ok(Vec::new());
        }
        let mut arguments: Vec<String> = vec!["apt-cache".to_owned()];
        if let Some(release) = release {
            arguments.extend(["-o".to_owned(), format!("APT::Default-Release={release}")]);
        }
        arguments.extend(["policy".to_owned(), "--".to_owned()]);
        arguments.extend(names.iter().cloned());
        let known = parse_policy(&self.ask(arguments)?.stdout_text());
        let mut offers = Vec::new();
        for name in names {
            let mut offer = known
                .iter()
                .find(|offer| offer.name == *name)
                .cloned()
                .unwrap_or_else(|| Offer { name: name.clone(), ..Offer::default() });
            offer.name.clone_from(name);
            if offer.candidate.is_none() && known.iter().any(|offer| offer.name == *name) {
                let arguments = ["apt-cache", "showpkg", "--", name].map(str::to_owned).to_vec();
                offer.provided_by = parse_reverse_provides(&self.ask(arguments)?.stdout_text());
            }
            offers.push(offer);
        }
        Ok(offers)
    }

    fn known_names(&self) -> HostResult<Vec<String>> {
        let finished = self.ask(vec!["apt-cache".to_owned(), "pkgnames".to_owned()])?;
        let mut names: Vec<String> = finished.stdout_text().lines().map(str::to_owned).collect();
        names.sort();
        Ok(names)
    }

    fn simulate(&self, arguments: &[String]) -> HostResult<Simulation> {
        let mut argv = vec!["apt-get".to_owned(), "-s".to_owned()];
        argv.extend(arguments.iter().cloned());
        let finished = self.ask(argv)?;
        let steps = parse_steps(&finished.stdout_text());
        Ok(Simulation { transaction: Transaction { arguments: arguments.to_vec(), steps }, finished })
    }

    fn perform(&self, transaction: &Transaction, lock_timeout: u64) -> HostResult<Finished> {
        let mut argv = vec!["apt-get".to_owned(), "-o".to_owned(), format!("DPkg::Lock::Timeout={lock_timeout}")];
        argv.extend(transaction.arguments.iter().cloned());
        let mut command = Command::changing(argv, "what apt-get does");
        command.streamed = true;
        self.run_locked(command, lock_timeout)
    }

    fn mark_manual(&self, names: &[String]) -> HostResult<()> {
        let mut argv = vec!["apt-mark".to_owned(), "manual".to_owned(), "--".to_owned()];
        argv.extend(names.iter().cloned());
        let finished =
            self.run_locked(Command::changing(argv, "which packages are marked as manually installed"), 60)?;
        if finished.status != 0 {
            return Err(HostError::other(format!("cannot mark packages: {}", finished.stderr_text().trim())));
        }
        Ok(())
    }

    fn selection(&self, name: &str) -> HostResult<Option<String>> {
        let argv = ["dpkg", "--get-selections", name].map(str::to_owned).to_vec();
        let said = self.ask(argv)?.stdout_text();
        let mut lines = said.lines().filter_map(|line| line.split_once(char::is_whitespace));
        Ok(lines.next().map(|(_, selection)| selection.trim().to_owned()))
    }

    fn select(&self, name: &str, selection: &str) -> HostResult<()> {
        let argv = ["dpkg", "--set-selections"].map(str::to_owned).to_vec();
        let mut command = Command::changing(argv, "what dpkg is to do with packages");
        command.stdin = format!("{name} {selection}\n").into_bytes();
        let finished = self.run_locked(command, 60)?;
        if finished.status != 0 {
            return Err(HostError::other(format!("cannot select packages: {}", finished.stderr_text().trim())));
        }
        Ok(())
    }

    fn refresh(&self, lock_timeout: u64) -> HostResult<Finished> {
        // apt-get by itself only warns of sources that could not be reached, and goes on with old lists.
        let argv = ["apt-get", "-o", "APT::Update::Error-Mode=any", "-q", "update"];
        let mut command = Command::changing(argv, "what the package sources offer now");
        command.streamed = true;
        self.run_locked(command, lock_timeout)
    }

    fn refreshed_at(&self) -> HostResult<i64> {
        for path in ["/var/lib/apt/periodic/update-success-stamp", "/var/lib/apt/lists"] {
            if let Some(stat) = self.files.stat(Path::new(path), true)? {
                return Ok(stat.mtime.seconds);
            }
        }
        Ok(0)
    }
}
