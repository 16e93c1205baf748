//! `apt` over a package manager that only remembers what it is asked.

use super::apt::{Args, run};
use crate::args;
use crate::host::live::Live;
use crate::host::{
    Context, Finished, Host, HostResult, Offer, Package, PackageState, Packages, Simulation, Step, Transaction,
};
use crate::outcome::{ModuleResult, Stop};
use serde_json::{Value, json};
use std::cell::RefCell;
use std::sync::Arc;

#[derive(Default)]
struct Recorder {
    packages: Vec<Package>,
    offers: Vec<Offer>,
    steps: Vec<Step>,
    /// What the simulation says on standard error when it fails.
    refusal: Option<&'static str>,
    refreshed_at: i64,
    asked: RefCell<Vec<String>>,
}

impl Recorder {
    fn note(&self, what: &str, words: &[String]) {
        self.asked.borrow_mut().push(format!("{what} {}", words.join(" ")));
    }
}

impl Packages for Recorder {
    fn manager(&self) -> HostResult<String> {
        Ok("apt".to_owned())
    }
    fn packages(&self) -> HostResult<Arc<Vec<Package>>> {
        Ok(Arc::new(self.packages.clone()))
    }
    fn offers(&self, names: &[String], _: Option<&str>) -> HostResult<Vec<Offer>> {
        Ok(self.offers.iter().filter(|offer| names.contains(&offer.name)).cloned().collect())
    }
    fn known_names(&self) -> HostResult<Vec<String>> {
        Ok(self.offers.iter().map(|offer| offer.name.clone()).collect())
    }
    fn simulate(&self, arguments: &[String]) -> HostResult<Simulation> {
        self.note("simulate", arguments);
        let (status, stderr) = self.refusal.map_or((0, Vec::new()), |text| (100, text.as_bytes().to_vec()));
        Ok(Simulation {
            transaction: Transaction { arguments: arguments.to_vec(), steps: self.steps.clone() },
            finished: Finished { status, stdout: b"simulated".to_vec(), stderr },
        })
    }
    fn perform(&self, transaction: &Transaction, lock_timeout: u64) -> HostResult<Finished> {
        self.note(&format!("perform within {lock_timeout}"), &transaction.arguments);
        Ok(Finished { status: 0, stdout: b"done".to_vec(), stderr: Vec::new() })
    }
    fn mark_manual(&self, names: &[String]) -> HostResult<()> {
        self.note("manual", names);
        Ok(())
    }
    fn selection(&self, _: &str) -> HostResult<Option<String>> {
        Ok(None)
    }
    fn select(&self, name: &str, selection: &str) -> HostResult<()> {
        self.note("select", &[name.to_owned(), selection.to_owned()]);
        Ok(())
    }
    fn refresh(&self, _: u64) -> HostResult<Finished> {
        self.note("refresh", &[]);
        Ok(Finished { status: 0, stdout: Vec::new(), stderr: Vec::new() })
    }
    fn refreshed_at(&self) -> HostResult<i64> {
        Ok(self.refreshed_at)
    }
}

fn package(name: &str, version: &str, state: PackageState) -> Package {
    Package {
        name: name.to_owned(),
        architecture: "amd64".to_owned(),
        version: version.to_owned(),
        state,
        held: false,
        automatic: false,
        provides: Vec::new(),
    }
}

/// dpkg itself tells the host's architecture.
fn host_with(packages: &[Package]) -> Recorder {
    let mut packages = packages.to_vec();
    packages.push(package("dpkg", "1.21", PackageState::Installed));
    Recorder { packages, refreshed_at: i64::MAX, ..Recorder::default() }
}

fn call(recorder: &Recorder, given: Value) -> ModuleResult {
    let live = Live::new(Context::default());
    let host = Host { packages: recorder, ..live.host() };
    let args: Args = args::parse(given.as_object().expect("a mapping")).expect("arguments");
    run(&args, &host)
}

fn asked(recorder: &Recorder) -> Vec<String> {
    recorder.asked.borrow().clone()
}

#[test]
fn what_is_installed_costs_no_process() {
    let mut mta = package("exim4-light", "4.96", PackageState::Installed);
    mta.provides = vec!["mail-transport-agent".to_owned()];
    let recorder = host_with(&[package("nginx", "1.22.1-9", PackageState::Installed), mta]);
    for name in ["nginx", "nginx=1.22.1-9", "nginx=1.22*", "nginx>=1.20", "nginx:amd64", "mail-transport-agent"] {
        let outcome = call(&recorder, json!({ "name": name })).expect(name);
        assert!(!outcome.changed, "{name}");
        assert_eq!(outcome.result["cache_updated"], false);
    }
    assert_eq!(asked(&recorder), Vec::<String>::new());
}

#[test]
fn what_is_missing_is_simulated_and_then_done() {
    let mut recorder = host_with(&[package("half", "1", PackageState::Broken)]);
    recorder.steps = vec![Step { name: "nginx".to_owned(), old: None, new: Some("1.22".to_owned()), purged: false }];
    let outcome = call(
        &recorder,
        json!({"name": ["nginx", "half"], "install_recommends": false, "default_release": "backports", "lock_timeout": 5}),
    )
    .expect("an outcome");
    let arguments = "-y -o Dpkg::Options::=--force-confdef -o Dpkg::Options::=--force-confold \
                     -o APT::Install-Recommends=no -t backports install -- nginx half";
    assert_eq!(asked(&recorder), [format!("simulate {arguments}"), format!("perform within 5 {arguments}")]);
    assert!(outcome.changed);
    assert_eq!(outcome.result["stdout"], "done");
    assert_eq!(outcome.diff[0].after, json!({"nginx": "1.22"}));
}

#[test]
fn versions_become_exact_ones() {
    let mut recorder = host_with(&[package("foo", "1.0", PackageState::Installed)]);
    recorder.offers = vec![Offer {
        name: "foo".to_owned(),
        candidate: Some("1.5".to_owned()),
        versions: vec!["1.5".to_owned(), "1.0".to_owned()],
        provided_by: Vec::new(),
    }];
    call(&recorder, json!({"name": "foo>=1.2"})).expect("an outcome");
    assert!(asked(&recorder)[0].ends_with("install -- foo=1.5"), "{:?}", asked(&recorder));
    let Err(Stop::Failed(failure)) = call(&recorder, json!({"name": "foo=3.*"})) else { panic!("no failure") };
    assert!(failure.msg.starts_with("no available installation candidate for foo=3.*"), "{}", failure.msg);
    let Err(Stop::Failed(failure)) = call(&recorder, json!({"name": "foo=1.0", "state": "latest"})) else {
        panic!("no failure")
    };
    assert!(failure.msg.contains("inconsistent with state=latest"), "{}", failure.msg);
}

#[test]
fn unknown_packages_fail_before_anything_is_done() {
    let mut recorder = host_with(&[]);
    recorder.refusal = Some("E: Unable to locate package nosuch\n");
    let Err(Stop::Failed(failure)) = call(&recorder, json!({"name": ["nosuch"]})) else { panic!("no failure") };
    assert_eq!(failure.msg, "No package matching 'nosuch' is available");
    assert!(!asked(&recorder).iter().any(|line| line.starts_with("perform")));
}

#[test]
fn only_upgrade_leaves_missing_packages_alone() {
    let recorder = host_with(&[]);
    let outcome =
        call(&recorder, json!({"name": "nginx", "only_upgrade": true, "state": "latest"})).expect("an outcome");
    assert!(!outcome.changed && asked(&recorder).is_empty());
}

#[test]
fn a_dependency_that_is_asked_for_by_name_is_kept() {
    let mut lib = package("libfoo", "1.0", PackageState::Installed);
    lib.automatic = true;
    let recorder = host_with(&[lib]);
    let outcome = call(&recorder, json!({"name": "libfoo"})).expect("an outcome");
    assert!(!outcome.changed);
    assert_eq!(asked(&recorder), ["manual libfoo"]);
}

#[test]
fn configuration_files_are_only_removed_by_purge() {
    let mut recorder = host_with(&[package("old", "1.0", PackageState::ConfigFiles)]);
    let kept = call(&recorder, json!({"name": "old", "state": "absent"})).expect("an outcome");
    assert!(!kept.changed && asked(&recorder).is_empty());
    recorder.steps = vec![Step { name: "old".to_owned(), old: Some("1.0".to_owned()), new: None, purged: true }];
    let purged = call(&recorder, json!({"name": "old", "state": "absent", "purge": true})).expect("an outcome");
    assert_eq!(purged.diff[0].after, json!({"old": "purged"}));
    assert!(asked(&recorder)[0].ends_with("--purge remove -- old"), "{:?}", asked(&recorder));
}

#[test]
fn lists_are_fetched_when_they_are_old() {
    let fresh = host_with(&[]);
    let outcome = call(&fresh, json!({"update_cache": true, "cache_valid_time": 3600})).expect("an outcome");
    assert!(!outcome.changed && asked(&fresh).is_empty());
    let old = Recorder { refreshed_at: 0, ..host_with(&[]) };
    let outcome = call(&old, json!({"cache_valid_time": 3600})).expect("an outcome");
    assert!(outcome.changed && outcome.result["cache_updated"] == true);
    assert_eq!(asked(&old), ["refresh "]);
}

#[test]
fn names_that_look_like_options_are_refused() {
    let recorder = host_with(&[]);
    assert!(matches!(call(&recorder, json!({"name": "--reinstall"})), Err(Stop::Failed(_))));
    assert!(asked(&recorder).is_empty());
}
