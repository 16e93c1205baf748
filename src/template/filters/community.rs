//! What is left of community.general and ansible.utils that playbooks use, and the vault filters.

use super::Filter;
use crate::template::arguments::{Call, as_text};
use crate::template::fault::{Outcome, fail};
use crate::template::python::kind::{Kind, items, kind};
use crate::template::tests::loose_order;
use minijinja::Value;

pub static FILTERS: [Filter; 9] = [
    Filter::new("community.general.version_sort version_sort", "value, reverse=False", version_sort),
    Filter::new("ansible.utils.fact_diff fact_diff", "before, after, plugin=None", fact_diff),
    Filter::new("community.general.to_seconds", "value, **units", |call| duration(call, 1.0)),
    Filter::new("community.general.to_milliseconds", "value, **units", |call| duration(call, 0.001)),
    Filter::new("community.general.to_minutes", "value, **units", |call| duration(call, 60.0)),
    Filter::new("community.general.to_hours", "value, **units", |call| duration(call, 3600.0)),
    Filter::new("community.general.to_days", "value, **units", |call| duration(call, 86_400.0)),
    Filter::new("vault", "value, secret, salt=None, vault_id='filter_default', wrap_object=False, vaultid=None", vault),
    Filter::new("unvault", "value, secret=None, vault_id='filter_default', vaultid=None", unvault),
];

fn version_sort(call: &mut Call<'_, '_>) -> Outcome<Value> {
    let mut all = items(call.value(0))?;
    let mut failure = None;
    all.sort_by(|one, other| {
        let texts = as_text(one).and_then(|one| Ok((one, as_text(other)?)));
        match texts.and_then(|(one, other)| loose_order(&one, &other)) {
            Ok(ordering) => ordering,
            Err(fault) => {
                failure.get_or_insert(fault);
                std::cmp::Ordering::Equal
            }
        }
    });
    if let Some(fault) = failure {
        return Err(fault);
    }
    if call.flag(1)? {
        all.reverse();
    }
    Ok(Value::from(all))
}

fn fact_diff(call: &mut Call<'_, '_>) -> Outcome<Value> {
    let text = |value: &Value| -> Outcome<String> {
        match kind(value) {
            Kind::Text(text) => Ok(text.to_owned()),
            _ => crate::template::json::write(
                value,
                &crate::template::json::JsonStyle {
                    indent: Some("    ".into()),
                    sort_keys: true,
                    ..Default::default()
                },
            ),
        }
    };
    let (before, after) = (text(call.value(0))?, text(call.value(1))?);
    let diff = similar::TextDiff::from_lines(&before, &after);
    Ok(Value::from(diff.unified_diff().context_radius(3).header("before", "after").to_string()))
}

/// `1h 30m` in another unit.
fn duration(call: &mut Call<'_, '_>, unit: f64) -> Outcome<Value> {
    let mut sizes = vec![
        ("ms", 0.001),
        ("msec", 0.001),
        ("msecs", 0.001),
        ("millisecond", 0.001),
        ("milliseconds", 0.001),
        ("s", 1.0),
        ("sec", 1.0),
        ("secs", 1.0),
        ("second", 1.0),
        ("seconds", 1.0),
        ("m", 60.0),
        ("min", 60.0),
        ("mins", 60.0),
        ("minute", 60.0),
        ("minutes", 60.0),
        ("h", 3600.0),
        ("hour", 3600.0),
        ("hours", 3600.0),
        ("d", 86_400.0),
        ("day", 86_400.0),
        ("days", 86_400.0),
        ("w", 604_800.0),
        ("week", 604_800.0),
        ("weeks", 604_800.0),
    ];
    let factor = |name: &str, default: f64| {
        let given = call.bound.more_named.iter().find(|(known, _)| known == name);
        given.and_then(|(_, value)| value.as_i64()).map_or(default, |days| days as f64)
    };
    let year = factor("year", 365.0) * 86_400.0;
    let month = factor("month", 30.0) * 86_400.0;
    for (name, size) in
        [("mo", month), ("month", month), ("months", month), ("y", year), ("year", year), ("years", year)]
    {
        sizes.push((name, size));
    }
    let text = call.text(0)?;
    let mut total = 0.0;
    for part in text.split_whitespace() {
        let end = part.find(|char: char| char.is_ascii_alphabetic()).unwrap_or(part.len());
        let (digits, name) = part.split_at(end);
        let size = sizes.iter().find(|(known, _)| *known == name).map(|(_, size)| *size);
        match (digits.parse::<f64>(), size) {
            (Ok(number), Some(size)) => total += number * size,
            _ => return fail(format!("can't interpret '{part}' as a length of time")),
        }
    }
    Ok(Value::from(total / unit))
}

/// A vault of the secret that a filter is given.
fn vault_of(call: &Call<'_, '_>, secret: usize, id: &str) -> Outcome<crate::vault::Vault> {
    let secret = call.only_text(secret)?;
    let secret = crate::connection::Secret(zeroize::Zeroizing::new(secret.to_owned()));
    Ok(crate::vault::Vault::new(vec![(id.to_owned(), secret)]))
}

fn vault(call: &mut Call<'_, '_>) -> Outcome<Value> {
    if call.flag(4)? {
        return fail("`wrap_object` is not supported: the filter gives the encrypted text");
    }
    let id = call.text(if call.given(5).is_some() { 5 } else { 3 })?.into_owned();
    let vault = vault_of(call, 1, &id)?;
    let salt = call.given(2).map(|salt| crate::template::arguments::as_text(salt).map(String::from)).transpose()?;
    match vault.with_salt(salt).encrypt(call.only_text(0)?.as_bytes(), None) {
        Ok(sealed) => Ok(Value::from(sealed)),
        Err(error) => fail(error.to_string()),
    }
}

fn unvault(call: &mut Call<'_, '_>) -> Outcome<Value> {
    let text = call.text(0)?;
    if !crate::vault::is_encrypted(text.as_bytes()) {
        return Ok(call.value(0).clone());
    }
    if call.given(1).is_some() {
        let id = call.text(if call.given(3).is_some() { 3 } else { 2 })?.into_owned();
        return match vault_of(call, 1, &id)?.decrypt(&text) {
            Ok(plain) => Ok(Value::from(String::from_utf8_lossy(&plain).into_owned())),
            Err(error) => fail(error.to_string()),
        };
    }
    let place = crate::diagnostic::Span::nowhere("the filter unvault");
    match call.machine.scope.templater().vault.decrypt(&text, &place) {
        Ok(plain) => Ok(Value::from(plain)),
        Err(why) => fail(why),
    }
}
