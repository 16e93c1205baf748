//! Filters of lists.

use super::Filter;
use crate::template::arguments::{Call, as_text};
use crate::template::fault::{Outcome, fail};
use crate::template::machine::lookup;
use crate::template::marker::{is_undefined, marker};
use crate::template::python::compare::{equal, identity, order, sort_by_key};
use crate::template::python::kind::{Kind, int, is_map, items, kind, length, pairs, type_name, undefined};
use crate::template::python::operators::{Operator, apply};
use crate::template::python::random::Random;
use indexmap::IndexMap;
use minijinja::Value;
use minijinja::value::Tuple;
use std::cmp::Ordering;
use std::collections::HashSet;

pub static FILTERS: [Filter; 33] = [
    Filter::new("length count", "value", |call| length(call.value(0)).map(Value::from)),
    Filter::new("list", "value", |call| items(call.value(0)).map(Value::from)),
    Filter::new("first", "value", first),
    Filter::new("last", "value", last),
    Filter::new("reverse", "value", reverse),
    Filter::new("sort", "value, reverse=False, case_sensitive=False, attribute=None", sort),
    Filter::new("unique", "value, case_sensitive=None, attribute=None", unique),
    Filter::new("min", "value, case_sensitive=False, attribute=None, **named", |call| extreme(call, Ordering::Less)),
    Filter::new("max", "value, case_sensitive=False, attribute=None, **named", |call| extreme(call, Ordering::Greater)),
    Filter::new("sum", "value, attribute=None, start=0", sum),
    Filter::new("flatten", "value, levels=None, skip_nulls=True", flatten),
    Filter::new("union", "value, other", |call| {
        combine_sets(call, |left, right| left.iter().chain(right).cloned().collect())
    }),
    Filter::new("intersect", "value, other", |call| {
        combine_sets(call, |left, right| {
            let keys: HashSet<&String> = right.iter().map(|(key, _)| key).collect();
            left.iter().filter(|(key, _)| keys.contains(key)).cloned().collect()
        })
    }),
    Filter::new("difference", "value, other", |call| {
        combine_sets(call, |left, right| {
            let keys: HashSet<&String> = right.iter().map(|(key, _)| key).collect();
            left.iter().filter(|(key, _)| !keys.contains(key)).cloned().collect()
        })
    }),
    Filter::new("symmetric_difference", "value, other", |call| {
        combine_sets(call, |left, right| {
            let lefts: HashSet<&String> = left.iter().map(|(key, _)| key).collect();
            let rights: HashSet<&String> = right.iter().map(|(key, _)| key).collect();
            let only_left = left.iter().filter(|(key, _)| !rights.contains(key));
            only_left.chain(right.iter().filter(|(key, _)| !lefts.contains(key))).cloned().collect()
        })
    }),
    Filter::new("zip", "value, *more, **named", zip),
    Filter::new("zip_longest", "value, *more, **named", zip_longest),
    Filter::new("product", "value, *more, **named", product),
    Filter::new("permutations", "value, length=None", permutations),
    Filter::new("combinations", "value, length", combinations),
    Filter::new("subelements", "value, subelements, skip_missing=False", subelements),
    Filter::new("batch", "value, linecount, fill_with=None", batch),
    Filter::new("slice", "value, slices, fill_with=None", slice),
    Filter::new("random", "value, start=None, step=None, seed=None", random),
    Filter::new("shuffle", "value, seed=None", shuffle),
    Filter::new("extract", "value, container, morekeys=None", extract),
    Filter::new("groupby", "value, attribute, default=None, case_sensitive=False", groupby),
    Filter::new("community.general.counter counter", "value", counter),
    Filter::new("community.general.lists_mergeby lists_mergeby", "value, *more, **named", super::dict::lists_mergeby),
    Filter::new("community.general.lists_union lists_union", "value, *more, **named", |call| lists(call, "union")),
    Filter::new("community.general.lists_intersect lists_intersect", "value, *more, **named", |call| {
        lists(call, "intersect")
    }),
    Filter::new("community.general.lists_difference lists_difference", "value, *more, **named", |call| {
        lists(call, "difference")
    }),
    Filter::new(
        "ansible.utils.index_of index_of",
        "value, test, other=None, key=None, fail_on_missing=False, wantlist=False",
        index_of,
    ),
];

fn tuple(values: Vec<Value>) -> Value {
    Value::from(Tuple::from(values))
}

fn first(call: &mut Call<'_, '_>) -> Outcome<Value> {
    let all = items(call.value(0))?;
    Ok(all.into_iter().next().unwrap_or_else(|| marker(undefined("", "No first item, sequence was empty."))))
}

fn last(call: &mut Call<'_, '_>) -> Outcome<Value> {
    let all = items(call.value(0))?;
    Ok(all.into_iter().next_back().unwrap_or_else(|| marker(undefined("", "No last item, sequence was empty."))))
}

fn reverse(call: &mut Call<'_, '_>) -> Outcome<Value> {
    if let Some(text) = call.value(0).as_str() {
        return Ok(Value::from(text.chars().rev().collect::<String>()));
    }
    let mut all = items(call.value(0))?;
    all.reverse();
    Ok(Value::from(all))
}

/// Text without regard to case, for filters that ignore it by default.
fn folded(value: &Value, case_sensitive: bool) -> Value {
    match value.as_str() {
        Some(text) if !case_sensitive => Value::from(text.to_lowercase()),
        _ => value.clone(),
    }
}

fn sort(call: &mut Call<'_, '_>) -> Outcome<Value> {
    let (reverse, case_sensitive) = (call.flag(1)?, call.flag(2)?);
    let mut keyed = Vec::new();
    for item in items(call.value(0))? {
        let key = match call.given(3) {
            None => folded(&item, case_sensitive),
            Some(attribute) => {
                let mut parts = Vec::new();
                for attribute in as_text(attribute)?.split(',') {
                    let part = super::select::attribute_of(&item, &Value::from(attribute.trim()), None)?;
                    parts.push(folded(crate::template::marker::need(&part)?, case_sensitive));
                }
                Value::from(parts)
            }
        };
        keyed.push((key, item));
    }
    sort_by_key(&mut keyed, reverse, |(key, _)| key.clone())?;
    Ok(Value::from(keyed.into_iter().map(|(_, item)| item).collect::<Vec<_>>()))
}

fn unique(call: &mut Call<'_, '_>) -> Outcome<Value> {
    let case_sensitive = call.flag(1)?;
    let mut seen = HashSet::new();
    let mut kept = Vec::new();
    for item in items(call.value(0))? {
        let key = match call.given(2) {
            Some(attribute) => super::select::attribute_of(&item, attribute, None)?,
            None => item.clone(),
        };
        // Jinja2 looks values up by their hash, which these have not; Ansible has a way for them, but without these arguments.
        let particular = call.given(2).is_some() || call.given(1).is_some() && !case_sensitive;
        if particular && matches!(kind(&key), Kind::Map | Kind::Seq) {
            return fail(
                "lists and mappings can't be told apart by their hash, and with `case_sensitive` or `attribute` it cannot fall back to looking at each",
            );
        }
        if seen.insert(identity(&folded(&key, case_sensitive))?) {
            kept.push(item);
        }
    }
    Ok(Value::from(kept))
}

fn extreme(call: &mut Call<'_, '_>, wanted: Ordering) -> Outcome<Value> {
    let case_sensitive = true;
    let mut best: Option<(Value, Value)> = None;
    for item in items(call.value(0))? {
        let key = match call.given(2) {
            Some(attribute) => super::select::attribute_of(&item, attribute, None)?,
            None => item.clone(),
        };
        let key = folded(&key, case_sensitive);
        let better = match &best {
            None => true,
            Some((known, _)) => order(&key, known, if wanted == Ordering::Less { "<" } else { ">" })? == Some(wanted),
        };
        if better {
            best = Some((key, item));
        }
    }
    match best {
        Some((_, item)) => Ok(item),
        None => Ok(marker(undefined("", "No aggregated item, sequence was empty."))),
    }
}

fn sum(call: &mut Call<'_, '_>) -> Outcome<Value> {
    let mut total = call.value(2).clone();
    if total.as_str().is_some() {
        return fail("sum() can't sum strings [use ''.join(seq) instead]");
    }
    for item in items(call.value(0))? {
        let item = match call.given(1) {
            Some(attribute) => super::select::attribute_of(&item, attribute, None)?,
            None => item,
        };
        total = apply(Operator::Add, &total, &item)?;
    }
    Ok(total)
}

fn flatten(call: &mut Call<'_, '_>) -> Outcome<Value> {
    let levels = match call.given(1) {
        Some(_) => Some(call.int(1)?),
        None => None,
    };
    let skip_nulls = call.flag(2)?;
    let mut out = Vec::new();
    flatten_into(&mut out, items(call.value(0))?, levels, skip_nulls)?;
    Ok(Value::from(out))
}

fn flatten_into(out: &mut Vec<Value>, all: Vec<Value>, levels: Option<i128>, skip_nulls: bool) -> Outcome<()> {
    for item in all {
        let null = item.is_none() || matches!(item.as_str(), Some("None" | "null"));
        if skip_nulls && null {
            continue;
        }
        match kind(&item) {
            Kind::Seq if levels.is_none_or(|levels| levels >= 1) => {
                flatten_into(out, items(&item)?, levels.map(|levels| levels - 1), skip_nulls)?;
            }
            _ => out.push(item),
        }
    }
    Ok(())
}

type Keyed = Vec<(String, Value)>;

fn keyed(value: &Value) -> Outcome<Keyed> {
    let mut seen = HashSet::new();
    let mut all = Vec::new();
    for item in items(value)? {
        let key = identity(&item)?;
        if seen.insert(key.clone()) {
            all.push((key, item));
        }
    }
    Ok(all)
}

fn combine_sets(call: &mut Call<'_, '_>, how: fn(&Keyed, &Keyed) -> Keyed) -> Outcome<Value> {
    let (left, right) = (keyed(call.value(0))?, keyed(call.value(1))?);
    let mut seen = HashSet::new();
    let mut combined = how(&left, &right);
    combined.retain(|(key, _)| seen.insert(key.clone()));
    Ok(Value::from(combined.into_iter().map(|(_, item)| item).collect::<Vec<_>>()))
}

fn lists(call: &mut Call<'_, '_>, how: &str) -> Outcome<Value> {
    let mut all = vec![call.value(0).clone()];
    all.extend(call.bound.more.iter().cloned());
    if call.bound.more_named.iter().any(|(name, value)| name == "flatten" && value.is_true()) {
        let mut flat = Vec::new();
        for list in &all {
            flat.extend(items(list)?);
        }
        all = flat;
    }
    let mut lists = all.into_iter();
    let mut result = keyed(&lists.next().unwrap_or_else(|| Value::from(Vec::<Value>::new())))?;
    for list in lists {
        let other = keyed(&list)?;
        let has: HashSet<&String> = other.iter().map(|(key, _)| key).collect();
        match how {
            "intersect" => result.retain(|(key, _)| has.contains(key)),
            "difference" => result.retain(|(key, _)| !has.contains(key)),
            _ => {
                let mine: HashSet<String> = result.iter().map(|(key, _)| key.clone()).collect();
                result.extend(other.into_iter().filter(|(key, _)| !mine.contains(key)));
            }
        }
    }
    Ok(Value::from(result.into_iter().map(|(_, item)| item).collect::<Vec<_>>()))
}

fn all_lists(call: &Call<'_, '_>) -> Outcome<Vec<Vec<Value>>> {
    std::iter::once(call.value(0)).chain(&call.bound.more).map(items).collect()
}

fn option<'v>(call: &'v Call<'_, '_>, name: &str) -> Option<&'v Value> {
    call.bound.more_named.iter().find(|(known, _)| known == name).map(|(_, value)| value)
}

fn zip(call: &mut Call<'_, '_>) -> Outcome<Value> {
    let lists = all_lists(call)?;
    let shortest = lists.iter().map(Vec::len).min().unwrap_or(0);
    if option(call, "strict").is_some_and(Value::is_true) && lists.iter().any(|list| list.len() != shortest) {
        return fail("zip() arguments have different lengths");
    }
    let rows = (0..shortest).map(|at| Value::from(lists.iter().map(|list| list[at].clone()).collect::<Vec<_>>()));
    Ok(Value::from(rows.collect::<Vec<_>>()))
}

fn zip_longest(call: &mut Call<'_, '_>) -> Outcome<Value> {
    let lists = all_lists(call)?;
    let longest = lists.iter().map(Vec::len).max().unwrap_or(0);
    let fill = option(call, "fillvalue").cloned().unwrap_or_else(|| Value::from(()));
    let rows = (0..longest).map(|at| {
        Value::from(lists.iter().map(|list| list.get(at).cloned().unwrap_or_else(|| fill.clone())).collect::<Vec<_>>())
    });
    Ok(Value::from(rows.collect::<Vec<_>>()))
}

/// How many combinations are made at most; more would fill the memory.
const MOST: usize = 2_000_000;

/// All ways to take one item from each list, the last list's changing fastest.
pub fn cartesian(lists: &[Vec<Value>]) -> Outcome<Vec<Vec<Value>>> {
    let count = lists.iter().map(Vec::len).fold(1_usize, usize::saturating_mul);
    if count > MOST {
        return fail(format!("there would be {count} combinations"));
    }
    let mut rows: Vec<Vec<Value>> = vec![Vec::new()];
    for list in lists {
        rows = rows
            .into_iter()
            .flat_map(|row| {
                list.iter().map(move |item| row.iter().cloned().chain(std::iter::once(item.clone())).collect())
            })
            .collect();
    }
    Ok(rows)
}

fn product(call: &mut Call<'_, '_>) -> Outcome<Value> {
    let mut lists = all_lists(call)?;
    if let Some(repeat) = option(call, "repeat").and_then(Value::as_usize) {
        let once = lists.clone();
        lists.clear();
        for _ in 0..repeat.min(32) {
            lists.extend(once.iter().cloned());
        }
    }
    Ok(Value::from(cartesian(&lists)?.into_iter().map(Value::from).collect::<Vec<_>>()))
}

fn choose(all: &[Value], size: usize, ordered: bool) -> Outcome<Value> {
    fn extend(
        rows: &mut Vec<Vec<usize>>,
        row: &mut Vec<usize>,
        count: usize,
        size: usize,
        ordered: bool,
    ) -> Outcome<()> {
        if rows.len() > MOST {
            return fail("there would be too many combinations");
        }
        if row.len() == size {
            rows.push(row.clone());
            return Ok(());
        }
        let from = if ordered { 0 } else { row.last().map_or(0, |last| last + 1) };
        for next in from..count {
            if !row.contains(&next) {
                row.push(next);
                extend(rows, row, count, size, ordered)?;
                row.pop();
            }
        }
        Ok(())
    }
    let mut rows = Vec::new();
    extend(&mut rows, &mut Vec::new(), all.len(), size, ordered)?;
    let rows = rows.into_iter().map(|row| Value::from(row.into_iter().map(|at| all[at].clone()).collect::<Vec<_>>()));
    Ok(Value::from(rows.collect::<Vec<_>>()))
}

fn permutations(call: &mut Call<'_, '_>) -> Outcome<Value> {
    let all = items(call.value(0))?;
    let size = if call.given(1).is_some() { call.size(1)? } else { all.len() };
    choose(&all, size, true)
}

fn combinations(call: &mut Call<'_, '_>) -> Outcome<Value> {
    choose(&items(call.value(0))?, call.size(1)?, false)
}

/// The pairs of each element and each item of one of its lists.
fn subelements_of(elements: &Value, path: &Value, skip_missing: bool) -> Outcome<Vec<(Value, Value)>> {
    let elements = if is_map(elements) {
        pairs(elements)?.into_iter().map(|(_, value)| value).collect()
    } else if matches!(kind(elements), Kind::Seq) {
        items(elements)?
    } else {
        return fail("obj must be a list of dicts or a nested dict");
    };
    let path: Vec<Value> = match path.as_str() {
        Some(path) => path.split('.').map(Value::from).collect(),
        None => items(path)?,
    };
    let mut out = Vec::new();
    'elements: for element in elements {
        let mut inner = element.clone();
        for key in &path {
            if !is_map(&inner) {
                return fail(format!("the key {key} should point to a dictionary, got '{}'", type_name(&inner)));
            }
            inner = match lookup(&inner, key)? {
                Some(found) => found,
                None if skip_missing => continue 'elements,
                None => return fail(format!("could not find {:?} key in iterated item", key.to_string())),
            };
        }
        if !matches!(kind(&inner), Kind::Seq) {
            if skip_missing && inner.is_none() {
                continue;
            }
            return fail(format!(
                "the key {} should point to a list, got '{}'",
                path.last().map(ToString::to_string).unwrap_or_default(),
                type_name(&inner)
            ));
        }
        for item in items(&inner)? {
            out.push((element.clone(), item));
        }
    }
    Ok(out)
}

fn subelements(call: &mut Call<'_, '_>) -> Outcome<Value> {
    let pairs = subelements_of(call.value(0), call.value(1), call.flag(2)?)?;
    Ok(Value::from(pairs.into_iter().map(|(element, item)| tuple(vec![element, item])).collect::<Vec<_>>()))
}

fn batch(call: &mut Call<'_, '_>) -> Outcome<Value> {
    let (all, count) = (items(call.value(0))?, call.size(1)?.max(1));
    let fill = call.given(2).cloned();
    let rows = all.chunks(count).map(|chunk| {
        let mut row = chunk.to_vec();
        if let Some(fill) = &fill {
            row.resize(count, fill.clone());
        }
        Value::from(row)
    });
    Ok(Value::from(rows.collect::<Vec<_>>()))
}

fn slice(call: &mut Call<'_, '_>) -> Outcome<Value> {
    let (all, count) = (items(call.value(0))?, call.size(1)?.max(1));
    let fill = call.given(2).cloned();
    let (each, extra) = (all.len() / count, all.len() % count);
    let mut rows = Vec::new();
    let mut start = 0;
    for index in 0..count {
        let end = start + each + usize::from(index < extra);
        let mut row = all[start..end].to_vec();
        if let Some(fill) = &fill
            && index >= extra
        {
            row.push(fill.clone());
        }
        rows.push(Value::from(row));
        start = end;
    }
    Ok(Value::from(rows))
}

fn generator(call: &Call<'_, '_>, index: usize) -> Outcome<Random> {
    call.given(index).map_or_else(|| Ok(Random::unseeded()), Random::seeded)
}

fn random(call: &mut Call<'_, '_>) -> Outcome<Value> {
    let mut generator = generator(call, 3)?;
    if matches!(kind(call.value(0)), Kind::Int(_)) {
        let end = call.int(0)?;
        let start = if call.given(1).is_some() { call.int(1)? } else { 0 };
        let step = if call.given(2).is_some() { call.int(2)? } else { 1 };
        if step == 0 {
            return fail("zero step for randrange()");
        }
        let count = if step > 0 { (end - start + step - 1) / step } else { (end - start + step + 1) / step };
        let Ok(count @ 1..) = u128::try_from(count) else {
            return fail(format!("empty range in randrange({start}, {end}, {step})"));
        };
        return Ok(int(start + step * generator.below(count) as i128));
    }
    if call.given(1).is_some() || call.given(2).is_some() {
        return fail("start and step can only be used with integer values");
    }
    let all = match kind(call.value(0)) {
        Kind::Seq | Kind::Text(_) | Kind::Iterable => items(call.value(0))?,
        _ => return fail("random can only be used on sequences and integers"),
    };
    if all.is_empty() {
        return fail("Cannot choose from an empty sequence");
    }
    Ok(all[generator.below(all.len() as u128) as usize].clone())
}

fn shuffle(call: &mut Call<'_, '_>) -> Outcome<Value> {
    if !matches!(kind(call.value(0)), Kind::Seq | Kind::Text(_) | Kind::Map | Kind::Iterable) {
        return Ok(call.value(0).clone());
    }
    let mut all = items(call.value(0))?;
    generator(call, 1)?.shuffle(&mut all);
    Ok(Value::from(all))
}

fn extract(call: &mut Call<'_, '_>) -> Outcome<Value> {
    let mut keys = vec![call.value(0).clone()];
    match call.given(2) {
        None => {}
        Some(more) if matches!(kind(more), Kind::Seq) => keys.extend(items(more)?),
        Some(more) => keys.push(more.clone()),
    }
    let mut value = call.value(1).clone();
    for key in keys {
        if is_undefined(&value) {
            return Ok(value);
        }
        value = match lookup(&value, &key)? {
            Some(found) => found,
            None => {
                let shown = crate::template::python::text::repr(&key)?;
                return Ok(marker(undefined(
                    &shown,
                    format!("object of type '{}' has no attribute {shown}", type_name(&value)),
                )));
            }
        };
    }
    Ok(value)
}

fn groupby(call: &mut Call<'_, '_>) -> Outcome<Value> {
    let case_sensitive = call.flag(3)?;
    let mut keyed = Vec::new();
    for item in items(call.value(0))? {
        let key = super::select::attribute_of(&item, call.value(1), call.given(2))?;
        keyed.push((folded(crate::template::marker::need(&key)?, case_sensitive), key, item));
    }
    sort_by_key(&mut keyed, false, |(folded, ..)| folded.clone())?;
    let mut groups: Vec<(Value, Value, Vec<Value>)> = Vec::new();
    for (folded, key, item) in keyed {
        match groups.last_mut() {
            Some((known, _, members)) if equal(known, &folded)? => members.push(item),
            _ => groups.push((folded, key, vec![item])),
        }
    }
    let rows =
        groups.into_iter().map(|(_, key, members)| Value::from_object(Group { key, members: Value::from(members) }));
    Ok(Value::from(rows.collect::<Vec<_>>()))
}

/// A group: a pair that also has names.
#[derive(Debug)]
struct Group {
    key: Value,
    members: Value,
}

impl minijinja::value::Object for Group {
    fn repr(self: &std::sync::Arc<Self>) -> minijinja::value::ObjectRepr {
        minijinja::value::ObjectRepr::Seq
    }

    fn get_value(self: &std::sync::Arc<Self>, key: &Value) -> Option<Value> {
        match (key.as_str(), key.as_usize()) {
            (Some("grouper"), _) | (_, Some(0)) => Some(self.key.clone()),
            (Some("list"), _) | (_, Some(1)) => Some(self.members.clone()),
            _ => None,
        }
    }

    fn enumerate(self: &std::sync::Arc<Self>) -> minijinja::value::Enumerator {
        minijinja::value::Enumerator::Seq(2)
    }
}

fn counter(call: &mut Call<'_, '_>) -> Outcome<Value> {
    let mut counts: IndexMap<String, (Value, i128)> = IndexMap::new();
    for item in items(call.value(0))? {
        counts.entry(identity(&item)?).or_insert((item, 0)).1 += 1;
    }
    Ok(Value::from_pairs(counts.into_values().map(|(item, count)| (item, int(count)))))
}

fn index_of(call: &mut Call<'_, '_>) -> Outcome<Value> {
    let test = call.only_text(1)?.to_owned();
    let (other, key) = (call.value(2).clone(), call.given(3).cloned());
    let (must, wantlist) = (call.flag(4)?, call.flag(5)?);
    let mut found = Vec::new();
    for (index, item) in items(call.value(0))?.into_iter().enumerate() {
        let value = match &key {
            Some(key) => match lookup(&item, key)? {
                Some(value) => value,
                None if must => return fail(format!("'{key}' was not found in item {index}")),
                None => continue,
            },
            None => item,
        };
        let mut positional = vec![value];
        if !other.is_none() {
            positional.push(other.clone());
        }
        if call.machine.test_by_name(&test, positional, Vec::new())? {
            found.push(Value::from(index));
        }
    }
    Ok(if found.len() == 1 && !wantlist { found.remove(0) } else { Value::from(found) })
}
