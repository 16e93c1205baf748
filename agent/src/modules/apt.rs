//! `apt`: packages of Debian and its kin.

use super::apt_deb;
use super::apt_install;
use super::apt_run::{self, Runner};
use super::{Call, Module, Rule};
use crate::args::Args as _;
use crate::host::Host;
use crate::outcome::{ModuleResult, Outcome, Stop};
use crate::{args, choices};
use std::time::Duration;

choices! {
    /// What the packages are to be.
    pub enum State {
        /// Not installed.
        Absent = "absent",
        /// Their build dependencies installed.
        BuildDep = "build-dep",
        /// Installed in the newest version that the sources have.
        Latest = "latest",
        /// Installed.
        Present = "present",
        /// Installed, and broken dependencies put right.
        Fixed = "fixed",
    }
}

choices! {
    /// Whether and how to upgrade all packages.
    pub enum Upgrade {
        /// As far as no package has to be removed, and new ones come with it.
        Dist = "dist",
        /// The same as `dist`.
        Full = "full",
        /// Not at all.
        No = "no",
        /// Without removing any package.
        Safe = "safe",
        /// The same as `safe`.
        Yes = "yes",
    }
}

args! {
    /// What `apt` takes.
    pub struct Args {
        /// Packages: names, `NAME=VERSION`, `NAME>=VERSION`; `*` and the like stand for parts of names and versions.
        [aliases = ["package", "pkg"]]
        name: Option<Vec<String>>,
        /// What the packages are to be.
        state: State = State::Present,
        /// Fetch the lists of available packages first.
        [aliases = ["update-cache"]]
        update_cache: Option<bool>,
        /// Only fetch the lists where they are older than this many seconds. Given alone it means `update_cache` too.
        cache_valid_time: i64 = 0,
        /// How often to try again when the lists can't be fetched.
        update_cache_retries: u64 = 5,
        /// Longest pause between two tries in seconds; the pauses double from one second.
        update_cache_retry_max_delay: u64 = 12,
        /// Remove configuration files too, with `state: absent` or `autoremove`.
        purge: bool = false,
        /// Remove packages that came as dependencies and are no longer needed.
        autoremove: bool = false,
        /// Remove package files that can no longer be fetched from apt's cache.
        autoclean: bool = false,
        /// Remove all package files from apt's cache.
        clean: bool = false,
        /// Upgrade all packages: `yes` and `safe` remove none, `full` and `dist` may.
        upgrade: Upgrade = Upgrade::No,
        /// Only touch packages that are installed.
        only_upgrade: bool = false,
        /// Install recommended packages too, or don't; as the host is configured where not given.
        [aliases = ["install-recommends"]]
        install_recommends: Option<bool>,
        /// The release to prefer (`apt-get -t`).
        [aliases = ["default-release"]]
        default_release: Option<String>,
        /// A package file on the host, or a URL from which the host fetches one.
        deb: Option<String>,
        /// Options for dpkg, without their dashes, separated by commas.
        dpkg_options: String = "force-confdef,force-confold".to_owned(),
        /// Allow what apt refuses: unsigned packages, downgrades, changes of held packages, removal of essential ones.
        /// It can destroy the system.
        force: bool = false,
        /// Use `apt-get`, not `aptitude`: this module always does.
        force_apt_get: bool = false,
        /// Allow that an older version replaces a newer one.
        [aliases = ["allow-downgrade", "allow_downgrades", "allow-downgrades"]]
        allow_downgrade: bool = false,
        /// Allow that held packages change.
        allow_change_held_packages: bool = false,
        /// Allow packages that no signature vouches for.
        [aliases = ["allow-unauthenticated"]]
        allow_unauthenticated: bool = false,
        /// Fail where a package would have to be removed (not with `state: absent`).
        fail_on_autoremove: bool = false,
        /// Let `/usr/sbin/policy-rc.d` end with this status meanwhile; 101 keeps services from being started.
        policy_rc_d: Option<i64>,
        /// Seconds to wait for another process that has apt's lock.
        lock_timeout: u64 = 60,
        /// For Ansible's own needs: this module needs nothing on the host but apt.
        auto_install_module_deps: bool = true,
    }
}

/// The declaration.
pub static MODULE: Module = Module {
    name: "apt",
    aliases: &[],
    summary: "Install, upgrade and remove packages with apt",
    args: Args::specs,
    rules: &[Rule::MutuallyExclusive(&["deb", "name", "upgrade"])],
    free_form: None,
    run: Some(|call: &Call<'_>| run(&call.args()?, call.host)),
};

/// Does what the arguments say. The module `package` comes here too.
pub(super) fn run(args: &Args, host: &Host<'_>) -> ModuleResult {
    let runner = Runner { host, args };
    let names: Vec<String> =
        args.name.iter().flatten().map(|name| name.trim().to_owned()).filter(|name| !name.is_empty()).collect();
    let everything = names.iter().any(|name| name == "*");
    let work = Work {
        upgrade: match (args.upgrade, everything) {
            (Upgrade::No, true) if args.state != State::Latest => {
                return Err(Stop::failed("`name: \"*\"` means all packages, which only goes with `state: latest`"));
            }
            (Upgrade::No, true) => Some(Upgrade::Yes),
            (Upgrade::No, false) => None,
            (upgrade, _) => Some(upgrade),
        },
        names: names.into_iter().filter(|name| name != "*").collect(),
    };
    if args.deb.is_some() && args.state != State::Present {
        return Err(Stop::failed("deb only supports state=present"));
    }
    let cleaned = match args.clean {
        true => Some(runner.clean()?),
        false => None,
    };
    let cache = refresh(args, host)?;
    if let Some(upgrade) = work.upgrade {
        return runner.upgrade(upgrade);
    }
    if let Some(deb) = &args.deb {
        return apt_deb::install(&runner, deb);
    }
    if !work.names.is_empty() || (args.state == State::Fixed && args.name.is_none()) {
        return match args.state {
            State::Absent => apt_install::remove(&runner, &work.names),
            _ => {
                apt_install::install(&runner, &work.names).map(|outcome| cache.tell(outcome)).map_err(|stop| match stop
                {
                    Stop::Failed(mut failure) if failure.result.contains_key("rc") => {
                        failure.result.extend(cache.values());
                        Stop::Failed(failure)
                    }
                    other => other,
                })
            }
        };
    }
    if args.autoclean {
        return runner.tidy("autoclean");
    }
    if args.autoremove {
        return runner.tidy("autoremove");
    }
    match (cleaned, args.state) {
        (Some(outcome), _) if !cache.asked => Ok(outcome),
        (_, State::Absent) if !cache.asked => Ok(Outcome::ok()),
        _ => Ok(cache.tell(Outcome::changed(cache.updated))),
    }
}

struct Work {
    upgrade: Option<Upgrade>,
    names: Vec<String>,
}

/// What became of apt's lists of available packages.
struct Cache {
    asked: bool,
    updated: bool,
    updated_at: i64,
}

impl Cache {
    fn values(&self) -> [(String, serde_json::Value); 2] {
        [("cache_updated".to_owned(), self.updated.into()), ("cache_update_time".to_owned(), self.updated_at.into())]
    }

    fn tell(&self, mut outcome: Outcome) -> Outcome {
        outcome.result.extend(self.values());
        // Ansible counts fetched lists as a change only where nothing else was asked for.
        outcome
    }
}

fn refresh(args: &Args, host: &Host<'_>) -> Result<Cache, Stop> {
    let updated_at = host.packages.refreshed_at()?;
    let asked = args.update_cache.unwrap_or(args.cache_valid_time > 0);
    let stale = host.clock.now().seconds > updated_at.saturating_add(args.cache_valid_time);
    if !asked || (args.cache_valid_time > 0 && !stale) {
        return Ok(Cache { asked, updated: false, updated_at });
    }
    fetch_lists(host, args.update_cache_retries, args.update_cache_retry_max_delay, args.lock_timeout)?;
    Ok(Cache { asked, updated: true, updated_at: host.packages.refreshed_at()? })
}

/// Fetches the lists of available packages, several times where it does not work out. `max_delay` is the longest pause
/// between two tries in seconds; the pauses double from one second.
pub(super) fn fetch_lists(host: &Host<'_>, retries: u64, max_delay: u64, lock_timeout: u64) -> Result<(), Stop> {
    let mut tries = 0;
    loop {
        let finished = host.packages.refresh(lock_timeout)?;
        if finished.status == 0 {
            return Ok(());
        }
        if tries >= retries {
            let said = apt_run::complaints(&finished.stderr_text());
            return Err(Stop::failed(format!("Failed to update apt cache after {tries} retries: {said}")));
        }
        let delay = 1u64.checked_shl(u32::try_from(tries).unwrap_or(u32::MAX)).unwrap_or(u64::MAX);
        host.clock.sleep(Duration::from_secs(delay.min(max_delay)))?;
        tries += 1;
    }
}
