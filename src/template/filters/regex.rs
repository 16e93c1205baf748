//! Filters with regular expressions.

use super::Filter;
use crate::template::arguments::{Call, as_text};
use crate::template::fault::{Outcome, fail};
use crate::template::patterns::{Options, compile};
use minijinja::Value;

pub static FILTERS: [Filter; 4] = [
    Filter::new(
        "regex_replace",
        "value, pattern='', replacement='', ignorecase=False, multiline=False, count=0, mandatory_count=0",
        replace,
    ),
    Filter::new("regex_search", "value, regex, *more, **named", search),
    Filter::new("regex_findall", "value, regex, multiline=False, ignorecase=False", find_all),
    Filter::new("regex_escape", "string, re_type='python'", escape),
];

fn replace(call: &mut Call<'_, '_>) -> Outcome<Value> {
    let options = Options { ignore_case: call.flag(3)?, multiline: call.flag(4)?, ..Options::default() };
    let regex = compile(&call.text(1)?, options)?;
    let replacement = regex.replacement(&call.text(2)?).or_else(fail)?;
    let text = call.text(0)?;
    let limit = match usize::try_from(call.int(5)?) {
        Ok(0) | Err(_) => usize::MAX,
        Ok(limit) => limit,
    };
    let (mut out, mut copied, mut count) = (String::with_capacity(text.len()), 0, 0);
    regex
        .each(&text, |groups| {
            if let Some(all) = groups.get(0).filter(|_| count < limit) {
                out.push_str(&text[copied..all.start()]);
                replacement.expand(groups, &mut out);
                copied = all.end();
                count += 1;
            }
        })
        .or_else(fail)?;
    out.push_str(&text[copied..]);
    let needed = usize::try_from(call.int(6)?).unwrap_or(0);
    if needed > 0 && count != needed {
        return fail(format!("'{}' should match {needed} times, but matches {count} times in '{text}'", call.text(1)?));
    }
    Ok(Value::from(out))
}

fn search(call: &mut Call<'_, '_>) -> Outcome<Value> {
    let mut options = Options::default();
    for (name, value) in &call.bound.more_named {
        match name.as_str() {
            "ignorecase" => options.ignore_case = value.is_true(),
            "multiline" => options.multiline = value.is_true(),
            // Ansible's filter takes any name without a word, too.
            _ => {}
        }
    }
    let regex = compile(&call.text(1)?, options)?;
    let text = call.text(0)?;
    let found = regex.captures(&text).or_else(fail)?;
    let mut wanted = Vec::new();
    for group in &call.bound.more {
        let group = as_text(group)?;
        let name = group
            .strip_prefix("\\g")
            .map(|name| name.trim_start_matches('<').trim_end_matches('>'))
            .or_else(|| group.strip_prefix('\\').filter(|number| number.bytes().all(|byte| byte.is_ascii_digit())));
        match name {
            Some(name) => wanted.push(name.to_owned()),
            None => return fail(format!("unknown argument '{group}': groups are given as '\\\\1' or '\\\\g<name>'")),
        }
    }
    let Some(groups) = found else { return Ok(Value::from(())) };
    if wanted.is_empty() {
        return Ok(groups.get(0).map_or_else(|| Value::from(()), |all| Value::from(all.as_str())));
    }
    let mut results = Vec::new();
    for name in wanted {
        let group = match name.parse::<usize>() {
            Ok(number) if number < groups.groups() => groups.get(number),
            Ok(_) => return fail(format!("the pattern has no group {name}")),
            Err(_) => match groups.name(&name) {
                Some(group) => Some(group),
                None => return fail(format!("the pattern has no group named '{name}'")),
            },
        };
        results.push(group.map_or_else(|| Value::from(()), |group| Value::from(group.as_str())));
    }
    Ok(Value::from(results))
}

fn find_all(call: &mut Call<'_, '_>) -> Outcome<Value> {
    let options = Options { multiline: call.flag(2)?, ignore_case: call.flag(3)?, ..Options::default() };
    let regex = compile(&call.text(1)?, options)?;
    let text = call.text(0)?;
    let mut found = Vec::new();
    regex
        .each(&text, |groups| {
            let group = |index: usize| Value::from(groups.get(index).map_or("", |group| group.as_str()));
            found.push(match groups.groups() {
                1 => group(0),
                2 => group(1),
                count => Value::from(minijinja::value::Tuple::from((1..count).map(group).collect::<Vec<_>>())),
            });
        })
        .or_else(fail)?;
    Ok(Value::from(found))
}

fn escape(call: &mut Call<'_, '_>) -> Outcome<Value> {
    let special: &str = match &*call.text(1)? {
        "python" => "()[]{}?*+-|^$\\.&~# \t\n\r\u{b}\u{c}",
        "posix_basic" => "[].^$*\\",
        other => return fail(format!("invalid regex type '{other}': python or posix_basic")),
    };
    let mut out = String::new();
    for char in call.text(0)?.chars() {
        if special.contains(char) {
            out.push('\\');
        }
        out.push(char);
    }
    Ok(Value::from(out))
}
