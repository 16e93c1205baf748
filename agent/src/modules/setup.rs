//! `setup`: gathers facts. `gather_facts` is the same thing.

use super::{Call, Module, glob};
use crate::args;
use crate::args::Args as _;
use crate::facts::{self, Gathered, Request, Subset};
use crate::host::HostResult;
use crate::outcome::{ModuleResult, Outcome, Stop};
use serde_json::{Map, Value};
use std::path::PathBuf;
use std::time::Duration;

args! {
    /// What `setup` takes.
    pub struct Args {
        /// Which facts to gather: words such as `all`, `min`, `hardware`, `network`, `virtual`; `!` before a word leaves those
        /// out. The facts of `min` are gathered unless `!min` is given. `facter` and `ohai` are accepted and gather nothing.
        gather_subset: Vec<String> = vec!["all".to_owned()],
        /// Return only the facts whose names match one of these patterns (`*`, `?`, `[seq]`), with or without `ansible_`.
        filter: Vec<String> = Vec::new(),
        /// The directory of local facts: each file `NAME.fact` in it is JSON or INI, or a program that prints one of them.
        fact_path: PathBuf = PathBuf::from("/etc/ansible/facts.d"),
        /// Seconds to wait for a source that may hang: a mounted file system whose server is gone, a local fact's program.
        gather_timeout: u64 = 10,
    }
}

/// The controller's own argument: names of the subsets ([`Subset::name`]) that a play mentions. It narrows what
/// `gather_subset` asks for.
pub const ONLY: &str = "_subsets";

/// The declaration.
pub static MODULE: Module = Module {
    name: "setup",
    aliases: &["gather_facts", "ansible.builtin.gather_facts", "ansible.legacy.gather_facts"],
    summary: "Gather facts about the host",
    args: Args::specs,
    rules: &[],
    free_form: None,
    run: Some(|call: &Call<'_>| {
        let only = call.args.get(ONLY);
        run(call.args()?, only, |request| facts::gather(call.host, request))
    }),
};

fn run(args: Args, only: Option<&Value>, gather: impl FnOnce(&Request) -> HostResult<Gathered>) -> ModuleResult {
    let mut subsets = facts::select(&args.gather_subset).map_err(|error| Stop::failed(error.to_string()))?;
    if let Some(only) = only {
        let named = |name: &Value| name.as_str().and_then(Subset::named);
        let only: Option<Vec<Subset>> = only.as_array().and_then(|names| names.iter().map(named).collect());
        let only = only.ok_or_else(|| Stop::failed(format!("`{ONLY}` is not a list of names of subsets")))?;
        subsets.retain(|subset| only.contains(subset));
    }
    let timeout = Duration::from_secs(args.gather_timeout);
    let gathered = gather(&Request { subsets, fact_path: args.fact_path, timeout })?;
    let mut facts: Map<String, Value> = gathered
        .facts
        .into_iter()
        .map(|(name, value)| (format!("ansible_{name}"), value))
        .filter(|(name, _)| matches_filter(&args.filter, name))
        .collect();
    if args.filter.is_empty() {
        facts.insert("gather_subset".to_owned(), args.gather_subset.into());
        facts.insert("module_setup".to_owned(), true.into());
    }
    Ok(Outcome { facts, warnings: gathered.warnings, ..Outcome::default() })
}

fn matches_filter(patterns: &[String], name: &str) -> bool {
    let bare = name.strip_prefix("ansible_").unwrap_or(name);
    patterns.is_empty() || patterns.iter().any(|pattern| glob::matches(pattern, name) || glob::matches(pattern, bare))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn with(args: Value) -> Result<Outcome, Stop> {
        run(args::parse(args.as_object().unwrap()).unwrap(), args.get(ONLY), |request| {
            assert!(args.get(ONLY).is_none() || request.subsets == [Subset::Memory].into());
            let facts = json!({"distribution": "Debian", "distribution_version": "12", "eth0": {}});
            Ok(Gathered { facts: facts.as_object().unwrap().clone(), warnings: vec!["broken".to_owned()] })
        })
    }

    #[test]
    fn names_are_prefixed_and_filtered() {
        let all = with(json!({})).unwrap();
        assert_eq!(all.facts["ansible_distribution"], "Debian");
        assert_eq!(all.facts["gather_subset"], json!(["all"]));
        assert_eq!(all.facts["module_setup"], true);
        assert_eq!(all.warnings, ["broken"]);
        let some = with(json!({"filter": "distribution_*,ansible_eth?"})).unwrap();
        assert_eq!(some.facts.keys().collect::<Vec<_>>(), ["ansible_distribution_version", "ansible_eth0"]);
    }

    #[test]
    fn the_controller_narrows() {
        assert!(with(json!({"_subsets": ["memory"]})).is_ok());
        assert!(with(json!({"_subsets": ["memory", "nonsense"]})).is_err());
    }

    #[test]
    fn bad_subsets_fail() {
        assert!(
            matches!(with(json!({"gather_subset": ["foo"]})), Err(Stop::Failed(failure)) if failure.msg.contains("foo"))
        );
    }
}
