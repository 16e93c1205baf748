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
    Test::new("uri", "value, schemes=None", |call| Ok(uri(call)?.is_some())),
    Test::new("url", "value, schemes=None", |call| {
        Ok(uri(call)?.is_some_and(|uri| uri.authority || uri.scheme == "file"))
    }),
    Test::new("urn", "value", |call| Ok(uri(call)?.is_some_and(|uri| uri.scheme == "urn"))),
];

fn regex(call: &mut Call<'_, '_>, anchor: Anchor) -> Outcome<bool> {
    let options = Options { ignore_case: call.flag(2)?, multiline: call.flag(3)?, anchor };
    matches(&call.text(1)?, &call.text(0)?, options)
}

/// What an address begins with, as Python's `urlparse` tells it: nearly every text is some address.
struct Uri {
    /// In lower case; empty where there is none.
    scheme: String,
    /// Whether a server is named.
    authority: bool,
}

fn parse(text: &str) -> Option<Uri> {
    let is_scheme = |scheme: &str| {
        scheme.starts_with(|first: char| first.is_ascii_alphabetic())
            && scheme.chars().all(|char| char.is_ascii_alphanumeric() || "+-.".contains(char))
    };
    let (scheme, rest) = text.split_once(':').filter(|(scheme, _)| is_scheme(scheme)).unwrap_or(("", text));
    let authority = rest.strip_prefix("//").map(|rest| rest.split(['/', '?', '#']).next().unwrap_or_default());
    // An address of IPv6 is in brackets: both or none.
    let brackets = authority.is_none_or(|server| server.contains('[') == server.contains(']'));
    brackets
        .then(|| Uri { scheme: scheme.to_lowercase(), authority: authority.is_some_and(|server| !server.is_empty()) })
}

/// The address that a test is about, if it is one, of one of the schemes that the test is given.
fn uri(call: &mut Call<'_, '_>) -> Outcome<Option<Uri>> {
    let Some(uri) = call.value(0).as_str().and_then(parse) else { return Ok(None) };
    Ok(match call.given(1) {
        Some(schemes) if !items(schemes)?.iter().any(|wanted| wanted.as_str() == Some(&uri.scheme)) => None,
        _ => Some(uri),
    })
}
