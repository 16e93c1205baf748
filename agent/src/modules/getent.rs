//! `getent`: what the name services say, as facts.

use super::{Call, Module};
use crate::args;
use crate::args::Args as _;
use crate::host::Command;
use crate::outcome::{Failure, ModuleResult, Outcome, Stop};
use serde_json::{Map, Value, json};

args! {
    /// What `getent` takes.
    pub struct Args {
        /// The data base: `passwd`, `group`, `hosts`, `services`, ...
        database: String,
        /// The entry to look up; all entries where not given.
        key: Option<String>,
        /// Ask this service only (`getent -s`).
        service: Option<String>,
        /// What separates the fields; white space where not given, and `:` for `passwd`, `shadow`, `group` and `gshadow`.
        split: Option<String>,
        /// Fail where there is no such entry.
        fail_key: bool = true,
    }
}

/// The declaration.
pub static MODULE: Module = Module {
    name: "getent",
    aliases: &[],
    summary: "Look entries up in the host's name services",
    args: Args::specs,
    rules: &[],
    free_form: None,
    run: Some(run),
};

/// Data bases whose fields are separated by colons.
const COLON: [&str; 4] = ["passwd", "shadow", "group", "gshadow"];

fn run(call: &Call<'_>) -> ModuleResult {
    let args: Args = call.args()?;
    let mut argv = vec!["getent".to_owned(), args.database.clone()];
    argv.extend(args.key.clone());
    if let Some(service) = &args.service {
        argv.extend(["-s".to_owned(), service.clone()]);
    }
    let command =
        Command::reading(argv).looking_at([format!("/etc/{}", args.database), "/etc/nsswitch.conf".to_owned()]);
    let finished = call.host.processes.run(&command)?;
    let colon = COLON.contains(&args.database.as_str()).then(|| ":".to_owned());
    let name = format!("getent_{}", args.database);
    let facts = |entries: Value| Outcome { facts: Map::from_iter([(name.clone(), entries)]), ..Outcome::ok() };
    let failed = |message: &str| Err(Stop::from(Failure::new(message).with("rc", finished.status)));
    match (finished.status, &args.key) {
        (0, _) => Ok(facts(entries(&finished.stdout_text(), args.split.or(colon).as_deref()).into())),
        (1, _) => failed("Missing arguments, or database unknown."),
        (2, Some(key)) if !args.fail_key => {
            let outcome = facts(json!({ key.clone(): null }));
            Ok(outcome.with("msg", "One or more supplied key could not be found in the database."))
        }
        (2, _) => failed("One or more supplied key could not be found in the database."),
        (3, _) => failed("Enumeration not supported on this database."),
        (status, _) => failed(&format!("getent ended with status {status}: {}", finished.stderr_text().trim())),
    }
}

/// Entries by their first field. One that comes several times is a list of lists.
fn entries(text: &str, separator: Option<&str>) -> Map<String, Value> {
    let mut found: Map<String, Value> = Map::new();
    let mut times: std::collections::HashMap<String, u32> = std::collections::HashMap::new();
    for line in text.lines() {
        let fields: Vec<&str> = match separator {
            Some(separator) if !separator.is_empty() => line.split(separator).collect(),
            _ => line.split_whitespace().collect(),
        };
        let Some((key, rest)) = fields.split_first() else { continue };
        let seen = times.entry((*key).to_owned()).or_default();
        *seen += 1;
        match found.get_mut(*key) {
            None => {
                found.insert((*key).to_owned(), json!(rest));
            }
            Some(before) if *seen == 2 => *before = json!([before.clone(), rest]),
            Some(before) => {
                if let Value::Array(all) = before {
                    all.push(json!(rest));
                }
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::live::Live;
    use crate::host::shadow::Shadow;
    use crate::host::{Context, NewUser};

    #[test]
    fn entries_that_come_several_times_are_lists() {
        let found = entries("::1 localhost a\n10.0.0.1  b\n10.0.0.1 c\n10.0.0.1 d\n", None);
        assert_eq!(Value::from(found), json!({"::1": ["localhost", "a"], "10.0.0.1": [["b"], ["c"], ["d"]]}));
        assert_eq!(Value::from(entries("root:x:0:\n", Some(":"))), json!({"root": ["x", "0", ""]}));
    }

    #[test]
    fn a_key_is_a_fact_and_a_missing_one_fails_or_is_null() {
        let live = Live::new(Context::default());
        let call = |args: Value| run(&Call::new(args.as_object().unwrap(), &live.host()));
        let found = call(json!({"database": "passwd", "key": "root"})).unwrap();
        assert_eq!(found.facts["getent_passwd"]["root"][1], "0");
        let missing = json!({"database": "passwd", "key": "no-such-user", "fail_key": false});
        assert_eq!(call(missing).unwrap().facts["getent_passwd"], json!({"no-such-user": null}));
        assert!(
            matches!(call(json!({"database": "passwd", "key": "no-such-user"})), Err(Stop::Failed(f)) if f.result["rc"] == 2)
        );
        assert!(matches!(call(json!({"database": "no-such"})), Err(Stop::Failed(f)) if f.result["rc"] == 1));
    }

    #[test]
    fn a_user_whom_an_earlier_task_would_add_makes_the_answer_unknown() {
        let shadow = Shadow::new(Context::default(), std::sync::Arc::default());
        let host = shadow.host();
        let new = NewUser { name: "refit-getent".to_owned(), ..NewUser::default() };
        if host.accounts.add_user(&new).is_err() {
            return; // The tests do not run as root.
        }
        let args = json!({"database": "passwd"});
        assert!(matches!(run(&Call::new(args.as_object().unwrap(), &host)), Err(Stop::Unknown { .. })));
    }
}
