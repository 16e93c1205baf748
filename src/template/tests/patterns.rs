//! Tests with regular expressions, and of URLs.

use super::Test;
use crate::template::arguments::Call;
use crate::template::fault::{Outcome, fail};
use crate::template::patterns::{Anchor, Options, matches};
use crate::template::python::kind::items;

pub static TESTS: [Test; 6] = [
    Test::new("match", "value, pattern='', ignorecase=False, multiline=False", |call| regex(call, Anchor::Start)),
    Test::new("search", "value, pattern='', ignorecase=False, multiline=False", |call| regex(call, Anchor::Nowhere)),
    Test::new("regex", "value, pattern='', ignorecase=False, multiline=False, match_type='search'", |call| {
        let anchor = match &*call.text(4)? {
            "match" => Anchor::Start,
            "fullmatch" => Anchor::Both,
            "search" => Anchor::Nowhere,
            other => return fail(format!("invalid match_type '{other}': search, match or fullmatch")),
        };
        regex(call, anchor)
    }),
    Test::new("uri", "value, schemes=None", uri),
    Test::new("url", "value, schemes=None", |call| Ok(has_host(&call.text(0)?) && uri(call)?)),
    Test::new("urn", "value", |call| {
        let text = call.text(0)?;
        Ok(scheme(&text) == Some("urn") && text.split(':').count() >= 3)
    }),
];

fn regex(call: &mut Call<'_, '_>, anchor: Anchor) -> Outcome<bool> {
    let options = Options { ignore_case: call.flag(2)?, multiline: call.flag(3)?, anchor };
    matches(&call.text(1)?, &call.text(0)?, options)
}

fn scheme(text: &str) -> Option<&str> {
    let (scheme, _) = text.split_once(':')?;
    let valid = scheme.starts_with(|first: char| first.is_ascii_alphabetic())
        && scheme.chars().all(|char| char.is_ascii_alphanumeric() || "+-.".contains(char));
    valid.then_some(scheme)
}

fn has_host(text: &str) -> bool {
    text.split_once("://").is_some_and(|(_, rest)| !rest.is_empty() && !rest.starts_with(['/', '?', '#']))
}

fn uri(call: &mut Call<'_, '_>) -> Outcome<bool> {
    let text = call.text(0)?;
    let Some(scheme) = scheme(&text) else { return Ok(false) };
    if text.len() <= scheme.len() + 1 {
        return Ok(false);
    }
    match call.given(1) {
        Some(schemes) => Ok(items(schemes)?.iter().any(|wanted| wanted.as_str() == Some(scheme))),
        None => Ok(true),
    }
}
