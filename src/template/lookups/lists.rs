//! Lookups that make lists of their terms: what `with_items` and its kin do.

use super::{Lookup, Terms};
use crate::template::fault::{Outcome, fail};
use crate::template::filters::cartesian;
use crate::template::python::kind::{Kind, is_map, is_seq, items, kind, pairs, type_name};
use crate::template::python::random::Random;
use minijinja::Value;
use minijinja::value::Tuple;

pub static LOOKUPS: [Lookup; 10] = [
    Lookup { names: "items", run: flat_items },
    Lookup { names: "list", run: |terms| Ok(terms.terms.clone()) },
    Lookup { names: "dict", run: dict },
    Lookup { names: "indexed_items", run: indexed_items },
    Lookup { names: "nested cartesian community.general.cartesian", run: nested },
    Lookup { names: "together", run: together },
    Lookup { names: "subelements", run: subelements },
    Lookup { names: "sequence", run: sequence },
    Lookup { names: "random_choice", run: random_choice },
    Lookup { names: "flattened community.general.flattened", run: flattened },
];

/// The terms, lists among them replaced by their items.
fn flat_once(terms: &[Value]) -> Outcome<Vec<Value>> {
    let mut flat = Vec::new();
    for term in terms {
        if is_seq(term) { flat.extend(items(term)?) } else { flat.push(term.clone()) }
    }
    Ok(flat)
}

fn flat_items(terms: &mut Terms<'_, '_>) -> Outcome<Vec<Value>> {
    flat_once(&terms.terms)
}

fn dict(terms: &mut Terms<'_, '_>) -> Outcome<Vec<Value>> {
    let mut rows = Vec::new();
    for term in flat_once(&terms.terms)? {
        if !is_map(&term) {
            return fail("the dict lookup plugin expects a dictionary");
        }
        rows.extend(pairs(&term)?.into_iter().map(|(key, value)| Value::from_pairs([("key", key), ("value", value)])));
    }
    Ok(rows)
}

fn pair(left: Value, right: Value) -> Value {
    Value::from(Tuple::from(vec![left, right]))
}

fn indexed_items(terms: &mut Terms<'_, '_>) -> Outcome<Vec<Value>> {
    let flat = flat_once(&terms.terms)?;
    Ok(flat.into_iter().enumerate().map(|(index, item)| pair(Value::from(index), item)).collect())
}

fn lists(terms: &[Value]) -> Outcome<Vec<Vec<Value>>> {
    terms.iter().map(|term| if is_seq(term) { items(term) } else { Ok(vec![term.clone()]) }).collect()
}

fn nested(terms: &mut Terms<'_, '_>) -> Outcome<Vec<Value>> {
    if terms.terms.is_empty() {
        return fail("with_nested requires at least one element in the nested list");
    }
    let rows = cartesian(&lists(&terms.terms)?)?;
    rows.into_iter().map(|row| flat_once(&row).map(Value::from)).collect()
}

fn together(terms: &mut Terms<'_, '_>) -> Outcome<Vec<Value>> {
    let lists = lists(&terms.terms)?;
    if lists.is_empty() {
        return fail("with_together requires at least one element in each list");
    }
    let longest = lists.iter().map(Vec::len).max().unwrap_or(0);
    let cell = |list: &Vec<Value>, at: usize| list.get(at).cloned().unwrap_or_else(|| Value::from(()));
    let rows = (0..longest).map(|at| flat_once(&lists.iter().map(|list| cell(list, at)).collect::<Vec<_>>()));
    rows.map(|row| row.map(Value::from)).collect()
}

fn subelements(terms: &mut Terms<'_, '_>) -> Outcome<Vec<Value>> {
    let is_list_of_two_or_three = (2..=3).contains(&terms.terms.len());
    let Some(path) = terms.terms.get(1).and_then(Value::as_str).filter(|_| is_list_of_two_or_three) else {
        return fail(
            "subelements lookup expects a list of two or three items: first a dict or a list, second a string that \
             leads to a list in each of its elements, and perhaps a dict of flags",
        );
    };
    let skip_missing = match terms.terms.get(2) {
        Some(flags) if is_map(flags) => {
            flags.get_attr("skip_missing").is_ok_and(|flag| crate::template::filters::as_bool(&flag).unwrap_or(false))
        }
        Some(_) => return fail("the optional third item must be a dict: `skip_missing: true` or `false`"),
        None => false,
    };
    let (elements, keys) = (&terms.terms[0], path.split('.').collect::<Vec<_>>());
    let is_skipped = |element: &Value| match element.get_attr("skipped") {
        Ok(flag) => !flag.is_undefined() && flag != Value::from(false),
        Err(_) => false,
    };
    let elements = match kind(elements) {
        Kind::Map if is_skipped(elements) => return Ok(Vec::new()),
        Kind::Map => pairs(elements)?.into_iter().map(|(_, value)| value).collect(),
        Kind::Seq => items(elements)?,
        _ => vec![elements.clone()],
    };
    let mut rows = Vec::new();
    for element in elements {
        if !is_map(&element) {
            return fail(format!("subelements lookup expects a dictionary, this is '{element}'"));
        }
        if is_skipped(&element) {
            continue;
        }
        let Some(list) = list_in(&element, &keys, skip_missing)? else { continue };
        // Unlike the filter, the lookup gives the elements without the list that is gone through.
        let rest = without(&element, &keys)?;
        rows.extend(list.into_iter().map(|item| pair(rest.clone(), item)));
    }
    Ok(rows)
}

/// An element without what keys lead to.
fn without(element: &Value, keys: &[&str]) -> Outcome<Value> {
    let Some((first, inner)) = keys.split_first() else { return Ok(element.clone()) };
    let mut kept = Vec::new();
    for (key, value) in pairs(element)? {
        if key.as_str() != Some(first) {
            kept.push((key, value));
        } else if !inner.is_empty() {
            kept.push((key, without(&value, inner)?));
        }
    }
    Ok(Value::from_pairs(kept))
}

/// The list that keys lead to in an element. `None` where it is to be skipped.
fn list_in(element: &Value, keys: &[&str], skip_missing: bool) -> Outcome<Option<Vec<Value>>> {
    let mut inner = element.clone();
    for (index, key) in keys.iter().enumerate() {
        let Some(found) = crate::template::machine::lookup(&inner, &Value::from(*key))? else {
            return if skip_missing {
                Ok(None)
            } else {
                fail(format!("could not find '{key}' key in iterated item '{inner}'"))
            };
        };
        let last = index + 1 == keys.len();
        let (fits, wanted) = if last { (is_seq(&found), "list") } else { (is_map(&found), "dictionary") };
        if !fits {
            let known = type_name(&found);
            return if skip_missing {
                Ok(None)
            } else {
                fail(format!("the key {key} should point to a {wanted}, this is of type {known}"))
            };
        }
        inner = found;
    }
    items(&inner).map(Some)
}

/// The longest sequence: a longer one would fill the memory.
const LONGEST: i128 = 1_000_000;

fn sequence(terms: &mut Terms<'_, '_>) -> Outcome<Vec<Value>> {
    let mut all = Vec::new();
    let mut terms_left = terms.texts()?;
    if terms_left.is_empty() && !terms.options.is_empty() {
        terms_left.push(String::new());
    }
    for term in terms_left {
        all.extend(one_sequence(terms, &term)?);
    }
    Ok(all)
}

/// A number of a sequence: `name` says which.
fn number(name: &str, text: &str) -> Outcome<i128> {
    match crate::template::python::float::parse_int(text, 0)
        .or_else(|| crate::template::python::float::parse_int(text, 10))
    {
        Some(number) => Ok(number),
        None => fail(format!("Invalid type for `{name}` of with_sequence: {text:?} is no whole number")),
    }
}

fn one_sequence(terms: &Terms<'_, '_>, term: &str) -> Outcome<Vec<Value>> {
    let (mut start, mut end, mut count, mut stride) = (None, None, None, None);
    let mut format = terms.text("format", "%d")?;
    let mut set = |key: &str, value: &str| -> Outcome<()> {
        match key {
            "start" => start = Some(number(key, value)?),
            "end" => end = Some(number(key, value)?),
            "count" => count = Some(number(key, value)?),
            "stride" => stride = Some(number(key, value)?),
            "format" => format = value.to_owned(),
            _ => return fail(format!("unrecognized arguments to with_sequence: ['{key}']")),
        }
        Ok(())
    };
    for (key, value) in &terms.options {
        set(key, &crate::template::arguments::as_text(value)?)?;
    }
    if term.contains('=') {
        for part in term.split_whitespace() {
            match part.split_once('=') {
                Some((key, value)) => set(key, value)?,
                None => return fail(format!("can't parse '{term}' for with_sequence")),
            }
        }
    } else if !term.trim().is_empty() {
        // The short form: [start-]end[/stride][:format].
        let (range, pattern) = term.split_once(':').map_or((term, None), |(range, pattern)| (range, Some(pattern)));
        let (range, step) = range.split_once('/').map_or((range, None), |(range, step)| (range, Some(step)));
        let (from, to) = range.split_once('-').map_or((None, range), |(from, to)| (Some(from), to));
        if let Some(from) = from {
            set("start", from)?;
        }
        set("end", to)?;
        if let Some(step) = step {
            set("stride", step)?;
        }
        if let Some(pattern) = pattern {
            set("format", pattern)?;
        }
    }
    let begin = start.unwrap_or(1);
    let (end, stride) = match (count, end) {
        (None, None) => return fail("must specify count or end in with_sequence"),
        (Some(_), Some(_)) => return fail("can't specify both count and end in with_sequence"),
        (Some(0), None) => return Ok(Vec::new()),
        (Some(count), None) => {
            let stride = stride.unwrap_or(1);
            (begin + count * stride - stride.signum(), stride)
        }
        (None, Some(end)) => (end, stride.unwrap_or(1)),
    };
    if stride > 0 && end < begin {
        return fail("to count backwards make stride negative");
    }
    if stride < 0 && end > begin {
        return fail("to count forward don't make stride negative");
    }
    if !format.contains('%') {
        return fail(format!("bad formatting string: {format}"));
    }
    if stride == 0 {
        return Ok(Vec::new());
    }
    if (end - begin).abs() / stride.abs() > LONGEST {
        return fail("the sequence would have more than a million items");
    }
    let mut all = Vec::new();
    let mut at = begin;
    while if stride > 0 { at <= end } else { at >= end } {
        let value = crate::template::python::kind::int(at);
        all.push(Value::from(crate::template::python::format::percent(&format, &value)?));
        at += stride;
    }
    Ok(all)
}

fn random_choice(terms: &mut Terms<'_, '_>) -> Outcome<Vec<Value>> {
    if terms.terms.is_empty() {
        return Ok(Vec::new());
    }
    let chosen = Random::unseeded().below(terms.terms.len() as u128) as usize;
    Ok(vec![terms.terms[chosen].clone()])
}

fn flattened(terms: &mut Terms<'_, '_>) -> Outcome<Vec<Value>> {
    fn into(out: &mut Vec<Value>, value: &Value) -> Outcome<()> {
        match kind(value) {
            Kind::Seq => items(value)?.iter().try_for_each(|item| into(out, item)),
            Kind::None => Ok(()),
            _ => {
                out.push(value.clone());
                Ok(())
            }
        }
    }
    let mut out = Vec::new();
    for term in &terms.terms {
        into(&mut out, term)?;
    }
    Ok(out)
}
