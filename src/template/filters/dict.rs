//! Filters of dicts.

use super::Filter;
use crate::template::arguments::{Call, as_text};
use crate::template::fault::{Outcome, fail};
use crate::template::machine::lookup;
use crate::template::python::compare::{identity, sort_by_key};
use crate::template::python::kind::{Kind, is_map, is_seq, items, kind, pairs, type_name};
use crate::template::python::methods::{Given, dict::entries_of};
use indexmap::IndexMap;
use minijinja::Value;
use minijinja::value::Tuple;

pub static FILTERS: [Filter; 12] = [
    Filter::new("combine", "value, *more, **named", combine),
    Filter::new("dict2items", "value, key_name='key', value_name='value'", dict2items),
    Filter::new("items2dict", "value, key_name='key', value_name='value'", items2dict),
    Filter::new("rekey_on_member", "value, key, duplicates='error'", rekey_on_member),
    Filter::new("dictsort", "value, case_sensitive=False, by='key', reverse=False", dictsort),
    Filter::new("items", "value", |call| {
        let entries = pairs(call.value(0))?;
        Ok(Value::from(entries.into_iter().map(|(key, value)| pair(key, value)).collect::<Vec<_>>()))
    }),
    Filter::new("community.general.dict_kv dict_kv", "value, key", |call| {
        Ok(Value::from_pairs([(call.value(1).clone(), call.value(0).clone())]))
    }),
    Filter::new("community.general.dict", "value", |call| {
        let positional = [call.value(0).clone()];
        let entries = entries_of(&Given { name: "dict", positional: &positional, named: &[] })?;
        Ok(Value::from_pairs(entries))
    }),
    Filter::new(
        "community.general.keep_keys keep_keys ansible.utils.keep_keys",
        "value, target, matching_parameter='equal'",
        |call| keys_by(call, true),
    ),
    Filter::new(
        "community.general.remove_keys remove_keys ansible.utils.remove_keys",
        "value, target, matching_parameter='equal'",
        |call| keys_by(call, false),
    ),
    Filter::new("community.general.groupby_as_dict groupby_as_dict", "value, attribute", groupby_as_dict),
    Filter::new("ansible.utils.to_paths to_paths", "value, prepend=None, wantlist=None", to_paths),
];

/// A list of dicts, or the values of a dict, by what each has under a key.
fn rekey_on_member(call: &mut Call<'_, '_>) -> Outcome<Value> {
    let (value, key) = (call.value(0).clone(), call.value(1).clone());
    let duplicates = call.text(2)?.into_owned();
    if !matches!(duplicates.as_str(), "error" | "overwrite") {
        return fail(format!("rekey_on_member takes 'error' or 'overwrite' for duplicates, not '{duplicates}'"));
    }
    let dicts: Vec<Value> = if is_map(&value) {
        pairs(&value)?.into_iter().map(|(_, dict)| dict).collect()
    } else if is_seq(&value) {
        items(&value)?
    } else {
        return fail(format!("rekey_on_member takes a list or a dict, not '{}'", type_name(&value)));
    };
    let mut by_key: IndexMap<Value, Value> = IndexMap::new();
    for dict in dicts {
        if !is_map(&dict) {
            return fail(format!("rekey_on_member takes dicts in the list, not '{}'", type_name(&dict)));
        }
        let found = pairs(&dict)?.into_iter().find(|(name, _)| *name == key);
        let Some((_, member)) = found else { return fail(format!("a dict has no key '{key}'")) };
        if by_key.contains_key(&member) && duplicates == "error" {
            return fail(format!(
                "'{member}' stands under '{key}' of several dicts; duplicates='overwrite' keeps the last"
            ));
        }
        by_key.insert(member, dict);
    }
    Ok(Value::from_pairs(by_key))
}

fn pair(key: Value, value: Value) -> Value {
    Value::from(Tuple::from(vec![key, value]))
}

/// How lists are merged where dicts are merged.
#[derive(Clone, Copy)]
enum ListMerge {
    Replace,
    Keep,
    Append,
    Prepend,
    AppendNew,
    PrependNew,
}

fn list_merge(name: &str) -> Outcome<ListMerge> {
    Ok(match name {
        "replace" => ListMerge::Replace,
        "keep" => ListMerge::Keep,
        "append" => ListMerge::Append,
        "prepend" => ListMerge::Prepend,
        "append_rp" => ListMerge::AppendNew,
        "prepend_rp" => ListMerge::PrependNew,
        other => {
            return fail(format!(
                "'list_merge' is '{other}', which is none of replace, keep, append, prepend, append_rp, prepend_rp"
            ));
        }
    })
}

fn merge_lists(old: &Value, new: &Value, how: ListMerge) -> Outcome<Value> {
    let (old_items, new_items) = (items(old)?, items(new)?);
    let without = |all: &[Value], others: &[Value]| -> Outcome<Vec<Value>> {
        let others: std::collections::HashSet<String> = others.iter().map(identity).collect::<Outcome<_>>()?;
        let mut kept = Vec::new();
        for item in all {
            if !others.contains(&identity(item)?) {
                kept.push(item.clone());
            }
        }
        Ok(kept)
    };
    Ok(match how {
        ListMerge::Replace => new.clone(),
        ListMerge::Keep => old.clone(),
        ListMerge::Append => Value::from([old_items, new_items].concat()),
        ListMerge::Prepend => Value::from([new_items, old_items].concat()),
        ListMerge::AppendNew => Value::from([without(&old_items, &new_items)?, new_items].concat()),
        ListMerge::PrependNew => {
            let rest = without(&old_items, &new_items)?;
            Value::from([new_items, rest].concat())
        }
    })
}

fn merge(old: &Value, new: &Value, recursive: bool, lists: ListMerge) -> Outcome<Value> {
    let mut merged: IndexMap<Value, Value> = pairs(old)?.into_iter().collect();
    for (key, value) in pairs(new)? {
        let combined = match merged.get(&key) {
            Some(known) if recursive && is_map(known) && is_map(&value) => merge(known, &value, recursive, lists)?,
            Some(known) if is_seq(known) && is_seq(&value) => merge_lists(known, &value, lists)?,
            _ => value,
        };
        merged.insert(key, combined);
    }
    Ok(Value::from_pairs(merged))
}

fn combine(call: &mut Call<'_, '_>) -> Outcome<Value> {
    let mut recursive = false;
    let mut lists = ListMerge::Replace;
    for (name, value) in &call.bound.more_named {
        match name.as_str() {
            "recursive" => recursive = value.is_true(),
            "list_merge" => lists = list_merge(&as_text(value)?)?,
            _ => return fail("'recursive' and 'list_merge' are the only valid keyword arguments"),
        }
    }
    // Lists of dicts, also nested ones, stand for their dicts.
    let mut dicts = Vec::new();
    let mut queue: Vec<Value> = call.bound.more.iter().rev().cloned().collect();
    queue.push(call.value(0).clone());
    while let Some(value) = queue.pop() {
        match kind(&value) {
            Kind::Map => dicts.push(value),
            Kind::None => {}
            Kind::Seq => queue.extend(items(&value)?.into_iter().rev()),
            _ => {
                crate::template::marker::need(&value)?;
                return fail(format!(
                    "failed to combine variables, expected dicts but got a '{}' and a 'dict'",
                    type_name(&value)
                ));
            }
        }
    }
    let mut dicts = dicts.into_iter();
    let Some(mut result) = dicts.next() else { return Ok(Value::from_pairs(Vec::<(Value, Value)>::new())) };
    for next in dicts {
        result = merge(&result, &next, recursive, lists)?;
    }
    Ok(result)
}

fn dict2items(call: &mut Call<'_, '_>) -> Outcome<Value> {
    if !is_map(call.value(0)) {
        return fail(format!("dict2items requires a dictionary, got '{}' instead", type_name(call.value(0))));
    }
    let (key_name, value_name) = (call.text(1)?.into_owned(), call.text(2)?.into_owned());
    let rows = pairs(call.value(0))?
        .into_iter()
        .map(|(key, value)| Value::from_pairs([(key_name.as_str(), key), (value_name.as_str(), value)]));
    Ok(Value::from(rows.collect::<Vec<_>>()))
}

fn items2dict(call: &mut Call<'_, '_>) -> Outcome<Value> {
    if !is_seq(call.value(0)) {
        return fail(format!("items2dict requires a list, got '{}' instead", type_name(call.value(0))));
    }
    let (key_name, value_name) = (call.value(1).clone(), call.value(2).clone());
    let mut dict = IndexMap::new();
    for item in items(call.value(0))? {
        match (lookup(&item, &key_name)?, lookup(&item, &value_name)?) {
            (Some(key), Some(value)) if is_map(&item) => {
                dict.insert(key, value);
            }
            _ => {
                return fail(format!(
                    "items2dict requires each dictionary in the list to contain the keys '{key_name}' and '{value_name}'"
                ));
            }
        }
    }
    Ok(Value::from_pairs(dict))
}

fn dictsort(call: &mut Call<'_, '_>) -> Outcome<Value> {
    let (case_sensitive, reverse) = (call.flag(1)?, call.flag(3)?);
    let by_value = match &*call.text(2)? {
        "key" => false,
        "value" => true,
        _ => return fail("You can only sort by either \"key\" or \"value\""),
    };
    let mut entries = pairs(call.value(0))?;
    sort_by_key(&mut entries, reverse, |(key, value)| {
        let sorted = if by_value { value } else { key };
        match sorted.as_str() {
            Some(text) if !case_sensitive => Value::from(text.to_lowercase()),
            _ => sorted.clone(),
        }
    })?;
    Ok(Value::from(entries.into_iter().map(|(key, value)| pair(key, value)).collect::<Vec<_>>()))
}

fn keys_by(call: &mut Call<'_, '_>, keep: bool) -> Outcome<Value> {
    let targets: Vec<String> = if is_seq(call.value(1)) {
        items(call.value(1))?
            .iter()
            .map(|target| as_text(target).map(std::borrow::Cow::into_owned))
            .collect::<Outcome<_>>()?
    } else {
        vec![call.text(1)?.into_owned()]
    };
    let how = call.text(2)?.into_owned();
    let matches = |key: &str| -> Outcome<bool> {
        for target in &targets {
            let hit = match how.as_str() {
                "equal" => key == target,
                "starts_with" => key.starts_with(target.as_str()),
                "ends_with" => key.ends_with(target.as_str()),
                other => return fail(format!("'{other}' is none of equal, starts_with, ends_with, regex")),
            };
            if hit {
                return Ok(true);
            }
        }
        Ok(false)
    };
    let filtered = |dict: &Value| -> Outcome<Value> {
        let mut kept = Vec::new();
        for (key, value) in pairs(dict)? {
            if matches(&as_text(&key)?)? == keep {
                kept.push((key, value));
            }
        }
        Ok(Value::from_pairs(kept))
    };
    if is_map(call.value(0)) {
        return filtered(call.value(0));
    }
    let rows = items(call.value(0))?;
    Ok(Value::from(rows.iter().map(filtered).collect::<Outcome<Vec<_>>>()?))
}

fn groupby_as_dict(call: &mut Call<'_, '_>) -> Outcome<Value> {
    let mut dict = IndexMap::new();
    for item in items(call.value(0))? {
        let key = super::select::attribute_of(&item, call.value(1), None)?;
        let key = crate::template::marker::need(&key)?.clone();
        if dict.insert(key.clone(), item).is_some() {
            return fail(format!("multiple sequence entries have attribute value {key}"));
        }
    }
    Ok(Value::from_pairs(dict))
}

/// `community.general.lists_mergeby`: lists of dicts, merged where a key's value is equal.
pub fn lists_mergeby(call: &mut Call<'_, '_>) -> Outcome<Value> {
    let mut all = vec![call.value(0).clone()];
    all.extend(call.bound.more.iter().cloned());
    let Some(index) = all.pop() else { return fail("the key to merge by is missing") };
    let mut recursive = false;
    let mut how = ListMerge::Replace;
    for (name, value) in &call.bound.more_named {
        match name.as_str() {
            "recursive" => recursive = value.is_true(),
            "list_merge" => how = list_merge(&as_text(value)?)?,
            _ => return fail(format!("got an unexpected keyword argument '{name}'")),
        }
    }
    let mut rows: IndexMap<Value, Value> = IndexMap::new();
    for list in &all {
        let nested = items(list)?;
        let flat = if nested.iter().all(is_seq) && !nested.is_empty() {
            nested.iter().map(items).collect::<Outcome<Vec<_>>>()?.concat()
        } else {
            nested
        };
        for item in flat {
            let Some(key) = lookup(&item, &index)? else { continue };
            let merged = match rows.get(&key) {
                Some(known) => merge(known, &item, recursive, how)?,
                None => item,
            };
            rows.insert(key, merged);
        }
    }
    let mut sorted: Vec<(Value, Value)> = rows.into_iter().collect();
    sort_by_key(&mut sorted, false, |(key, _)| key.clone())?;
    Ok(Value::from(sorted.into_iter().map(|(_, row)| row).collect::<Vec<_>>()))
}

fn to_paths(call: &mut Call<'_, '_>) -> Outcome<Value> {
    fn walk(out: &mut Vec<(Value, Value)>, path: &str, value: &Value) -> Outcome<()> {
        match kind(value) {
            Kind::Map => pairs(value)?.iter().try_for_each(|(key, inner)| {
                let key = as_text(key)?;
                let plain = key.chars().all(|char| char.is_alphanumeric() || char == '_');
                let next = match (path.is_empty(), plain) {
                    (true, true) => key.into_owned(),
                    (false, true) => format!("{path}.{key}"),
                    _ => format!("{path}['{key}']"),
                };
                walk(out, &next, inner)
            }),
            Kind::Seq => items(value)?
                .iter()
                .enumerate()
                .try_for_each(|(index, inner)| walk(out, &format!("{path}[{index}]"), inner)),
            _ => {
                out.push((Value::from(path), value.clone()));
                Ok(())
            }
        }
    }
    let start = match call.given(1) {
        Some(_) => call.text(1)?.into_owned(),
        None => String::new(),
    };
    let mut out = Vec::new();
    walk(&mut out, &start, call.value(0))?;
    Ok(Value::from_pairs(out))
}
