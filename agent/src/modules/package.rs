//! `package`: packages, whatever manages them. apt is the manager that is known.

use super::apt;
use super::{Call, Module};
use crate::args::{self, Arg, ArgSpec, Args as _, Kind};
use crate::outcome::{ModuleResult, Stop};
use serde_json::{Map, Value};
use std::sync::OnceLock;

/// The declaration.
pub static MODULE: Module = Module {
    name: "package",
    aliases: &[],
    summary: "Install, upgrade and remove packages with the host's package manager",
    args: specs,
    rules: &[],
    free_form: None,
    run: Some(run),
};

/// Arguments of other managers: a play may have them in tasks for other hosts.
const OTHERS: &[(&str, &str)] = &[
    ("allowerasing", "dnf"),
    ("bugfix", "dnf"),
    ("disable_excludes", "dnf"),
    ("disable_gpg_check", "dnf"),
    ("disable_plugin", "dnf"),
    ("disablerepo", "dnf"),
    ("download_only", "dnf"),
    ("enable_plugin", "dnf"),
    ("enablerepo", "dnf"),
    ("exclude", "dnf"),
    ("extra_args", "pacman and zypper"),
    ("installroot", "dnf"),
    ("list", "dnf"),
    ("nobest", "dnf"),
    ("oldpackage", "zypper"),
    ("releasever", "dnf"),
    ("security", "dnf"),
    ("skip_broken", "dnf"),
    ("sslverify", "dnf"),
    ("update_only", "dnf"),
    ("validate_certs", "dnf"),
];

/// `name`, `state`, `use`, and what the managers take besides, which is passed on.
fn specs() -> &'static [ArgSpec] {
    static SPECS: OnceLock<Vec<ArgSpec>> = OnceLock::new();
    SPECS.get_or_init(|| {
        let mut specs = apt::Args::specs().to_vec();
        for spec in &mut specs {
            // The name may be missing where only the manager's `update_cache` is asked for.
            if spec.name == "state" {
                spec.kind = Kind::Str;
            }
        }
        let spec = |name, doc, kind, default: Option<fn() -> Value>| ArgSpec {
            name,
            aliases: &[],
            doc,
            kind,
            required: false,
            default,
            secret: false,
        };
        let doc: &[&str] = &["The package manager: `auto` for the host's own, or its name."];
        specs.insert(2, spec("use", doc, Kind::Str, Some(|| "auto".into())));
        let doc: &[&str] = &["For another manager than apt: an error on a host with apt."];
        specs.extend(OTHERS.iter().map(|(name, _)| spec(name, doc, Kind::Raw, None)));
        specs
    })
}

fn run(call: &Call<'_>) -> ModuleResult {
    args::check_names(specs(), call.args.keys().map(String::as_str))
        .map_err(|error| Stop::failed(error.to_string()))?;
    let given = |name: &str| args::given(call.args, name, &[]).map(|(_, value)| value);
    let asked = match given("use") {
        Some(value) => String::parse(value).map_err(|error| Stop::failed(format!("argument `use`: {error}")))?,
        None => "auto".to_owned(),
    };
    let manager = match asked.rsplit('.').next().unwrap_or_default() {
        "auto" | "" => call.host.packages.manager()?,
        name => name.to_owned(),
    };
    if manager != "apt" {
        return Err(Stop::failed(format!(
            "the package manager of this host is {manager:?}, and only apt is supported"
        )));
    }
    if let Some((name, manager)) = OTHERS.iter().find(|(name, _)| given(name).is_some()) {
        return Err(Stop::failed(format!("argument `{name}` is for {manager}, and this host has apt")));
    }
    let passed: Map<String, Value> = call
        .args
        .iter()
        .filter(|(name, _)| *name != "use")
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect();
    apt::run(&args::parse(&passed).map_err(|error| Stop::failed(error.to_string()))?, call.host)
}
