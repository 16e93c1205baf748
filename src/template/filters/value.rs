//! Filters that look at what a value is: `default`, `mandatory`, `bool`, `ternary`, `type_debug`, ...

use super::Filter;
use crate::template::arguments::Call;
use crate::template::fault::{Outcome, fail};
use crate::template::marker::{as_marker, is_undefined, need};
use crate::template::python::kind::{Kind, kind, truth, type_name};
use crate::template::python::text::{repr, text};
use minijinja::Value;

pub static FILTERS: [Filter; 9] = [
    Filter::new("default d", "value, default_value='', boolean=False", default).seeing_undefined(),
    Filter::new("mandatory", "value, msg=None", mandatory).seeing_undefined(),
    Filter::new("bool", "value", boolean),
    Filter::new("ternary", "value, true_val, false_val, none_val=None", ternary).seeing_undefined(),
    Filter::new("type_debug", "value", type_debug).seeing_undefined(),
    Filter::new("string", "value", string),
    Filter::new("safe", "value", same),
    Filter::new("pprint", "value", pprint),
    Filter::new("e escape forceescape", "value", escape),
];

/// What was put off and is no undefined value is an error here too.
fn raised(value: &Value) -> Outcome<()> {
    match as_marker(value) {
        Some(_) if is_undefined(value) => Ok(()),
        Some(marker) => Err(Box::new(marker.fault.clone())),
        None => Ok(()),
    }
}

fn default(call: &mut Call<'_, '_>) -> Outcome<Value> {
    let value = call.value(0);
    raised(value)?;
    if is_undefined(value) || (call.flag(2)? && !truth(value)?) {
        return Ok(call.value(1).clone());
    }
    Ok(value.clone())
}

fn mandatory(call: &mut Call<'_, '_>) -> Outcome<Value> {
    let value = call.value(0);
    raised(value)?;
    if !is_undefined(value) {
        return Ok(value.clone());
    }
    let message = match call.given(1) {
        Some(_) => call.text(1)?.into_owned(),
        None => match as_marker(value) {
            Some(marker) => format!("Mandatory variable not defined: {}", marker.fault.message),
            None => "Mandatory variable not defined".to_owned(),
        },
    };
    fail(message)
}

/// What Ansible takes for true in a text; any other text is false.
pub fn as_bool(value: &Value) -> Option<bool> {
    let text = match kind(value) {
        Kind::Bool(flag) => return Some(flag),
        Kind::Int(int) => return Some(int == 1),
        Kind::Float(float) => return Some(float == 1.0),
        Kind::Text(text) => text.trim().to_lowercase(),
        _ => return None,
    };
    Some(matches!(text.as_str(), "yes" | "on" | "1" | "true" | "y" | "t"))
}

fn boolean(call: &mut Call<'_, '_>) -> Outcome<Value> {
    let value = call.value(0);
    // Fewer words than options take: not `y` and `t`, and no blanks around them.
    let short = value.as_str().is_some_and(|word| word.trim() != word || matches!(word, "y" | "Y" | "t" | "T"));
    Ok(Value::from(!short && as_bool(value).unwrap_or(false)))
}

fn ternary(call: &mut Call<'_, '_>) -> Outcome<Value> {
    let value = need(call.value(0))?;
    let chosen = if value.is_none() && call.given(3).is_some() {
        3
    } else if truth(value)? {
        1
    } else {
        2
    };
    Ok(call.value(chosen).clone())
}

fn type_debug(call: &mut Call<'_, '_>) -> Outcome<Value> {
    Ok(Value::from(type_name(call.value(0))))
}

fn string(call: &mut Call<'_, '_>) -> Outcome<Value> {
    text(call.value(0)).map(Value::from)
}

fn same(call: &mut Call<'_, '_>) -> Outcome<Value> {
    Ok(call.value(0).clone())
}

fn pprint(call: &mut Call<'_, '_>) -> Outcome<Value> {
    repr(call.value(0)).map(Value::from)
}

fn escape(call: &mut Call<'_, '_>) -> Outcome<Value> {
    let mut out = String::new();
    for char in call.text(0)?.chars() {
        match char {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '\'' => out.push_str("&#39;"),
            '"' => out.push_str("&#34;"),
            char => out.push(char),
        }
    }
    Ok(Value::from(out))
}
