//! `systemd` over units that only remember what they are asked.

use super::systemd::{Args, run};
use crate::args;
use crate::host::live::Live;
use crate::host::{Context, Host, HostResult, Scope, Service, UnitAction, UnitFileAction, UnitState, Units};
use crate::outcome::{ModuleResult, Stop};
use serde_json::{Map, Value, json};
use std::cell::RefCell;

struct Recorder {
    state: RefCell<UnitState>,
    asked: RefCell<Vec<String>>,
}

impl Recorder {
    fn new(active: &str, enabled: &str) -> Recorder {
        let (active, enabled) = (active.to_owned(), enabled.to_owned());
        let state = UnitState { exists: true, active, enabled, properties: Map::new() };
        Recorder { state: RefCell::new(state), asked: RefCell::default() }
    }

    fn note(&self, what: String) {
        self.asked.borrow_mut().push(what);
    }
}

impl Units for Recorder {
    fn manager(&self) -> HostResult<String> {
        Ok("systemd".to_owned())
    }
    fn services(&self) -> HostResult<Vec<Service>> {
        Ok(Vec::new())
    }
    fn state(&self, unit: &str, scope: Scope) -> HostResult<UnitState> {
        self.note(format!("show {unit} {scope:?}"));
        Ok(self.state.borrow().clone())
    }
    fn act(&self, action: UnitAction, unit: &str, _: Scope, no_block: bool) -> HostResult<()> {
        self.note(format!("{} {unit}{}", action.word(), if no_block { " at once" } else { "" }));
        Ok(())
    }
    fn act_on_file(&self, action: UnitFileAction, unit: &str, _: Scope, force: bool) -> HostResult<()> {
        self.note(format!("{} {unit}{}", action.word(), if force { " by force" } else { "" }));
        if action == UnitFileAction::Unmask {
            self.state.borrow_mut().enabled = "disabled".to_owned();
        }
        Ok(())
    }
    fn reload_manager(&self, scope: Scope) -> HostResult<()> {
        self.note(format!("daemon-reload {scope:?}"));
        Ok(())
    }
    fn reexec_manager(&self, _: Scope) -> HostResult<()> {
        self.note("daemon-reexec".to_owned());
        Ok(())
    }
}

fn call(recorder: &Recorder, given: Value) -> ModuleResult {
    let live = Live::new(Context::default());
    let host = Host { units: recorder, ..live.host() };
    let args: Args = args::parse(given.as_object().expect("a mapping")).expect("arguments");
    run(&args, &host)
}

fn asked(recorder: &Recorder) -> Vec<String> {
    recorder.asked.borrow().clone()
}

#[test]
fn what_is_right_is_only_looked_at_once() {
    let recorder = Recorder::new("active", "enabled");
    let given = json!({"name": "cron", "state": "started", "enabled": true, "masked": false});
    let outcome = call(&recorder, given).expect("an outcome");
    assert!(!outcome.changed);
    assert_eq!((&outcome.result["state"], &outcome.result["enabled"]), (&json!("started"), &json!(true)));
    assert_eq!(asked(&recorder), ["show cron System"]);
}

#[test]
fn the_manager_first_then_mask_then_enable_then_state() {
    let recorder = Recorder::new("inactive", "masked");
    let given = json!({"name": "x", "state": "started", "enabled": true, "masked": false, "daemon_reload": true,
                       "no_block": true, "force": true, "scope": "user"});
    let outcome = call(&recorder, given).expect("an outcome");
    assert!(outcome.changed);
    let order = [
        "daemon-reload User",
        "show x User",
        "unmask x by force",
        // Behind the mask there was another state.
        "show x User",
        "enable x by force",
        "start x at once",
    ];
    assert_eq!(asked(&recorder), order);
    assert_eq!(outcome.diff.len(), 3);
}

#[test]
fn each_state_from_each_state() {
    for (active, state, expected, reached) in [
        ("active", "started", None, "started"),
        ("activating", "started", None, "started"),
        ("failed", "started", Some("start u"), "started"),
        ("active", "stopped", Some("stop u"), "stopped"),
        ("deactivating", "stopped", Some("stop u"), "stopped"),
        ("inactive", "stopped", None, "stopped"),
        ("inactive", "restarted", Some("restart u"), "started"),
        ("active", "reloaded", Some("reload u"), "started"),
        ("inactive", "reloaded", Some("start u"), "started"),
    ] {
        let recorder = Recorder::new(active, "enabled");
        let outcome = call(&recorder, json!({"name": "u", "state": state})).expect("an outcome");
        assert_eq!(asked(&recorder).get(1).map(String::as_str), expected, "{active} to {state}");
        assert_eq!(outcome.changed, expected.is_some());
        assert_eq!(outcome.result["state"], reached);
    }
}

#[test]
fn units_that_do_not_exist_can_only_be_masked() {
    let recorder = Recorder::new("inactive", "");
    recorder.state.borrow_mut().exists = false;
    let Err(Stop::Failed(failure)) = call(&recorder, json!({"name": "nosuch", "state": "stopped"})) else {
        panic!("no failure")
    };
    assert_eq!(failure.msg, "Could not find the requested service nosuch: host");
    assert!(call(&recorder, json!({"name": "nosuch", "masked": true})).expect("an outcome").changed);
}

#[test]
fn without_a_unit_there_is_only_the_manager() {
    let recorder = Recorder::new("active", "enabled");
    let outcome = call(&recorder, json!({"daemon_reload": true})).expect("an outcome");
    assert!(!outcome.changed && outcome.result["name"].is_null());
    assert_eq!(asked(&recorder), ["daemon-reload System"]);
    assert!(call(&recorder, json!({"state": "started"})).is_err());
    assert!(call(&recorder, json!({"name": "a*", "state": "started"})).is_err());
}
