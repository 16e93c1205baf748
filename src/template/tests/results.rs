//! Tests of what tasks register: `failed`, `changed`, `skipped`, ...

use super::Test;
use crate::template::arguments::Call;
use crate::template::fault::{Outcome, fail};
use crate::template::machine::lookup;
use crate::template::python::kind::{Kind, is_map, kind, truth, type_name};
use minijinja::Value;

pub static TESTS: [Test; 9] = [
    Test::new("failed failure", "value", |call| failed(call, "failed")),
    Test::new("success succeeded successful", "value", |call| failed(call, "success").map(|failed| !failed)),
    Test::new("changed change", "value", changed),
    Test::new("skipped skip", "value", |call| flag(result(call, "skipped")?, "skipped")),
    Test::new("unreachable", "value", |call| flag(result(call, "unreachable")?, "unreachable")),
    Test::new("reachable", "value", |call| {
        flag(result(call, "reachable")?, "unreachable").map(|unreachable| !unreachable)
    }),
    Test::new("finished", "value", |call| async_flag(call, "finished", true)),
    Test::new("started", "value", |call| async_flag(call, "started", true)),
    Test::new("timedout", "value", |call| {
        let result = result(call, "timedout")?;
        match lookup(result, &Value::from("timedout"))? {
            Some(timedout) => {
                let period = lookup(&timedout, &Value::from("period"))?;
                period.map_or(Ok(false), |period| truth(&period))
            }
            None => Ok(false),
        }
    }),
];

fn result<'c>(call: &'c Call<'_, '_>, test: &str) -> Outcome<&'c Value> {
    let value = call.value(0);
    if is_map(value) {
        return Ok(value);
    }
    fail(format!("the '{test}' test expects a dictionary (what a task registered), not '{}'", type_name(value)))
}

fn flag(result: &Value, name: &str) -> Outcome<bool> {
    match lookup(result, &Value::from(name))? {
        Some(value) => truth(&value),
        None => Ok(false),
    }
}

fn failed(call: &mut Call<'_, '_>, test: &str) -> Outcome<bool> {
    flag(result(call, test)?, "failed")
}

fn changed(call: &mut Call<'_, '_>) -> Outcome<bool> {
    let result = result(call, "changed")?;
    if lookup(result, &Value::from("changed"))?.is_some() {
        return flag(result, "changed");
    }
    // A loop's result: changed where one of its items is.
    let Some(items) = lookup(result, &Value::from("results"))? else { return Ok(false) };
    if !matches!(kind(&items), Kind::Seq) {
        return Ok(false);
    }
    for item in crate::template::python::kind::items(&items)? {
        if is_map(&item) && flag(&item, "changed")? {
            return Ok(true);
        }
    }
    Ok(false)
}

fn async_flag(call: &mut Call<'_, '_>, name: &str, default: bool) -> Outcome<bool> {
    match lookup(result(call, name)?, &Value::from(name))? {
        Some(value) => truth(&value),
        None => Ok(default),
    }
}
