//! `group`: the host's groups.

use super::{Call, Module, Rule};
use crate::args::Args as _;
use crate::host::{Group, GroupChange, Host, NewGroup};
use crate::outcome::{Diff, Failure, ModuleResult, Outcome, Stop};
use crate::{args, choices};
use serde_json::{Map, Value, json};

choices! {
    /// Whether the group is to be there.
    pub enum State {
        /// It is there, as the other arguments say.
        Present = "present",
        /// It is not there.
        Absent = "absent",
    }
}

args! {
    /// What `group` takes.
    pub struct Args {
        /// The group's name.
        name: String,
        /// Whether the group is to be there.
        state: State = State::Present,
        /// The group's number.
        gid: Option<u64>,
        /// Take a number of the system's range for a new group.
        system: bool = false,
        /// Allow a number that another group has. Needs `gid`.
        non_unique: bool = false,
        /// Remove the group even if it is a user's primary group.
        force: bool = false,
        /// Only look at and change the local files, where the host takes groups from a directory service too.
        local: bool = false,
        /// Lowest number that a new group may get, instead of what `/etc/login.defs` says. Not with `local`.
        gid_min: Option<u64>,
        /// Highest number that a new group may get. Not with `local`.
        gid_max: Option<u64>,
    }
}

/// The declaration.
pub static MODULE: Module = Module {
    name: "group",
    aliases: &[],
    summary: "Add, change and remove groups",
    args: Args::specs,
    rules: &[
        Rule::RequiredIf("non_unique", "true", &["gid"]),
        Rule::MutuallyExclusive(&["local", "gid_min"]),
        Rule::MutuallyExclusive(&["local", "gid_max"]),
    ],
    free_form: None,
    run: Some(|call: &Call<'_>| run(call.args()?, call.host)),
};

fn run(args: Args, host: &Host<'_>) -> ModuleResult {
    if args.name.is_empty() {
        return Err(Stop::failed("`name` is empty: give the group's name"));
    }
    if args.local && (args.gid_min.is_some() || args.gid_max.is_some()) {
        return Err(Stop::failed("`gid_min` and `gid_max` can't be used with `local`"));
    }
    let ids =
        Ids { gid: id("gid", args.gid)?, gid_min: id("gid_min", args.gid_min)?, gid_max: id("gid_max", args.gid_max)? };
    let found = host.accounts.group(&args.name)?;
    let outcome = match args.state {
        State::Absent => absent(&args, found, host),
        State::Present => present(&args, &ids, found, host),
    };
    outcome.map_err(|stop| match stop {
        Stop::Failed(failure) => Stop::Failed(Failure::with(failure, "name", args.name.clone())),
        other => other,
    })
}

/// The numbers among the arguments.
struct Ids {
    gid: Option<u32>,
    gid_min: Option<u32>,
    gid_max: Option<u32>,
}

/// An argument that is a user's or a group's number.
pub(super) fn id(name: &str, given: Option<u64>) -> Result<Option<u32>, Stop> {
    let number = |number| u32::try_from(number).map_err(|_| Stop::failed(format!("`{name}`: {number} is too large")));
    given.map(number).transpose()
}

fn absent(args: &Args, found: Option<Group>, host: &Host<'_>) -> ModuleResult {
    let mut outcome = Outcome::changed(found.is_some());
    if let Some(group) = found {
        host.accounts.remove_group(&args.name, args.force)?;
        outcome = outcome.with_diff(difference(&args.name, described(&group), Map::new()));
    }
    Ok(outcome.with("name", args.name.clone()).with("state", args.state.word()))
}

fn present(args: &Args, ids: &Ids, found: Option<Group>, host: &Host<'_>) -> ModuleResult {
    let mut outcome = Outcome::ok();
    match &found {
        None => {
            host.accounts.add_group(&NewGroup {
                name: args.name.clone(),
                gid: ids.gid,
                system: args.system,
                non_unique: args.non_unique,
                local: args.local,
                gid_min: ids.gid_min,
                gid_max: ids.gid_max,
            })?;
            outcome.changed = true;
        }
        Some(group) if ids.gid.is_some_and(|gid| gid != group.gid) => {
            let change = GroupChange { gid: ids.gid, non_unique: args.non_unique, local: args.local };
            host.accounts.change_group(&args.name, &change)?;
            outcome.changed = true;
        }
        Some(_) => {}
    }
    let Some(now) = host.accounts.group(&args.name)? else {
        return Err(Stop::failed(format!("group {} is not there after it was added", args.name)));
    };
    if outcome.changed {
        let before = found.as_ref().map(described).unwrap_or_default();
        outcome = outcome.with_diff(difference(&args.name, before, described(&now)));
    }
    Ok(outcome
        .with("name", args.name.clone())
        .with("state", args.state.word())
        .with("system", args.system)
        .with("gid", now.gid))
}

fn described(group: &Group) -> Map<String, Value> {
    Map::from_iter([("name".to_owned(), json!(group.name)), ("gid".to_owned(), json!(group.gid))])
}

fn difference(name: &str, before: Map<String, Value>, after: Map<String, Value>) -> Diff {
    Diff::of_state(&format!("group {name}"), before.into(), after.into())
}
