//! `package_facts`: the installed packages, as facts.

use super::{Call, Module};
use crate::args::Args as _;
use crate::host::PackageState;
use crate::outcome::{ModuleResult, Outcome, Stop};
use crate::{args, choices};
use serde_json::{Map, Value, json};

choices! {
    /// How many managers are asked.
    pub enum Strategy {
        /// The first of the list that the host has.
        First = "first",
        /// All of the list that the host has.
        All = "all",
    }
}

choices! {
    /// A package manager.
    pub enum Manager {
        /// Whichever the host has.
        Auto = "auto",
        /// Alpine's.
        Apk = "apk",
        /// Debian's.
        Apt = "apt",
        /// Fedora's.
        Dnf = "dnf",
        /// Fedora's.
        Dnf5 = "dnf5",
        /// OpenBSD's.
        OpenbsdPkg = "openbsd_pkg",
        /// Arch's.
        Pacman = "pacman",
        /// FreeBSD's.
        Pkg = "pkg",
        /// Solaris's.
        Pkg5 = "pkg5",
        /// NetBSD's.
        PkgInfo = "pkg_info",
        /// FreeBSD's.
        Pkgng = "pkgng",
        /// Gentoo's.
        Portage = "portage",
        /// Red Hat's.
        Rpm = "rpm",
        /// Red Hat's.
        Yum = "yum",
        /// SUSE's.
        Zypper = "zypper",
    }
}

args! {
    /// What `package_facts` takes.
    pub struct Args {
        /// The package managers to ask. Only apt's packages are known so far.
        manager: Vec<Manager> = vec![Manager::Auto],
        /// How many of them are asked.
        strategy: Strategy = Strategy::First,
    }
}

/// The declaration.
pub static MODULE: Module = Module {
    name: "package_facts",
    aliases: &[],
    summary: "List the installed packages as facts",
    args: Args::specs,
    rules: &[],
    free_form: None,
    run: Some(run),
};

fn run(call: &Call<'_>) -> ModuleResult {
    let args: Args = call.args()?;
    let own = call.host.packages.manager()?;
    let asked = |word: &str| args.manager.iter().any(|manager| *manager == Manager::Auto || manager.word() == word);
    if own != "apt" || !asked("apt") {
        let words: Vec<&str> = args.manager.iter().map(|manager| manager.word()).collect();
        return Err(Stop::failed(format!(
            "Could not detect a supported package manager from the following list: {}; the host has {own}, and only apt's \
             packages can be listed so far",
            words.join(", ")
        )));
    }
    let mut packages: Map<String, Value> = Map::new();
    for package in call.host.packages.packages()?.iter().filter(|package| package.state != PackageState::ConfigFiles) {
        let entry = json!({
            "name": package.name, "version": package.version, "arch": package.architecture, "source": "apt",
        });
        if let Value::Array(versions) = packages.entry(package.name.clone()).or_insert_with(|| json!([])) {
            versions.push(entry);
        }
    }
    Ok(Outcome { facts: Map::from_iter([("packages".to_owned(), packages.into())]), ..Outcome::ok() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::shadow::Shadow;
    use crate::host::{Context, Step};
    use crate::protocol::Effect;

    #[test]
    fn what_an_earlier_task_would_install_is_listed() {
        let shadow = Shadow::new(Context::default(), std::sync::Arc::default());
        let host = shadow.host();
        if host.packages.manager().unwrap() != "apt" {
            return;
        }
        let step = Step { name: "refit-new".into(), old: None, new: Some("1.2".into()), purged: false };
        shadow.learn(&[Effect::Packages { steps: vec![step], listings: Vec::new() }]).unwrap();
        let facts = run(&Call::new(&Map::new(), &host)).unwrap().facts;
        assert_eq!(facts["packages"]["refit-new"][0]["version"], "1.2");
        assert_eq!(facts["packages"]["dpkg"][0]["source"], "apt");
        let rpm = json!({"manager": "rpm"});
        assert!(run(&Call::new(rpm.as_object().unwrap(), &host)).is_err());
    }
}
