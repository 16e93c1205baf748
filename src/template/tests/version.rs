//! `version`: comparisons of version numbers, by the rules of distutils, of semantic versioning and of PEP 440.

use super::Test;
use crate::template::arguments::Call;
use crate::template::fault::{Outcome, fail};
use std::cmp::Ordering;

pub static TESTS: [Test; 1] =
    [Test::new("version version_compare", "value, version, operator='eq', strict=None, version_type=None", version)];

fn version(call: &mut Call<'_, '_>) -> Outcome<bool> {
    let (left, right) = (call.text(0)?.into_owned(), call.text(1)?.into_owned());
    if left.is_empty() {
        return fail("Input version value cannot be empty");
    }
    if right.is_empty() {
        return fail("Version parameter to compare against cannot be empty");
    }
    let strict = call.given(3).map(crate::template::python::kind::truth).transpose()?;
    let kind = match (strict, call.given(4)) {
        (Some(_), Some(_)) => return fail("Cannot specify both 'strict' and 'version_type'"),
        (Some(true), None) => "strict".to_owned(),
        (_, Some(_)) => call.text(4)?.into_owned(),
        _ => "loose".to_owned(),
    };
    let operator = call.text(2)?;
    let wanted: &[Ordering] = match &*operator {
        "==" | "=" | "eq" => &[Ordering::Equal],
        "<" | "lt" => &[Ordering::Less],
        "<=" | "le" => &[Ordering::Less, Ordering::Equal],
        ">" | "gt" => &[Ordering::Greater],
        ">=" | "ge" => &[Ordering::Greater, Ordering::Equal],
        "!=" | "<>" | "ne" => &[Ordering::Less, Ordering::Greater],
        other => {
            return fail(format!(
                "'{other}' is no operator of versions: ==, =, eq, <, lt, <=, le, >, gt, >=, ge, !=, <>, ne"
            ));
        }
    };
    let ordering = match kind.as_str() {
        "loose" => loose(&left, &right)?,
        "strict" => strict_order(&left, &right)?,
        "semver" | "semantic" => semantic(&left, &right)?,
        "pep440" => pep440(&left)?.cmp(&pep440(&right)?),
        other => {
            return fail(format!(
                "Invalid version type ({other}). Must be one of loose, strict, semver, semantic, pep440"
            ));
        }
    };
    Ok(wanted.contains(&ordering))
}

/// A piece of a version: a number, or letters.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Piece {
    Number(u128),
    Letters(String),
}

/// distutils' loose versions: runs of digits and of letters, dots between.
fn pieces(version: &str) -> Vec<Piece> {
    let mut out = Vec::new();
    let mut rest = version;
    while let Some(first) = rest.chars().next() {
        let run = |test: fn(char) -> bool| rest.find(|char| !test(char)).unwrap_or(rest.len());
        if first.is_ascii_digit() {
            let end = run(|char| char.is_ascii_digit());
            out.push(rest[..end].parse().map_or_else(|_| Piece::Letters(rest[..end].to_owned()), Piece::Number));
            rest = &rest[end..];
        } else if first.is_ascii_lowercase() {
            let end = run(|char| char.is_ascii_lowercase());
            out.push(Piece::Letters(rest[..end].to_owned()));
            rest = &rest[end..];
        } else if first == '.' {
            rest = &rest[1..];
        } else {
            let end = run(|char| !char.is_ascii_digit() && !char.is_ascii_lowercase() && char != '.');
            out.push(Piece::Letters(rest[..end].to_owned()));
            rest = &rest[end..];
        }
    }
    out
}

/// How two versions stand to each other by distutils' loose rules.
pub fn loose(left: &str, right: &str) -> Outcome<Ordering> {
    let (left_pieces, right_pieces) = (pieces(left), pieces(right));
    for (one, other) in left_pieces.iter().zip(&right_pieces) {
        match (one, other) {
            (Piece::Number(_), Piece::Letters(_)) | (Piece::Letters(_), Piece::Number(_)) => {
                return fail(format!(
                    "Version comparison failed: '{left}' and '{right}' have a number and letters in the same place"
                ));
            }
            (one, other) if one != other => return Ok(one.cmp(other)),
            _ => {}
        }
    }
    Ok(left_pieces.len().cmp(&right_pieces.len()))
}

/// A strict version: its numbers, and what stands behind them.
type Strict = ([u64; 3], Option<(char, u64)>);

/// distutils' strict versions: `1.2`, `1.2.3`, `1.2a1`, `1.2.3b4`.
fn strict_order(left: &str, right: &str) -> Outcome<Ordering> {
    fn parse(version: &str) -> Outcome<Strict> {
        let bad = || format!("Version comparison failed: invalid version number '{version}'");
        let (numbers, pre) = match version.find(['a', 'b']) {
            Some(at) => {
                let letter = if version[at..].starts_with('a') { 'a' } else { 'b' };
                match version[at + 1..].parse() {
                    Ok(number) => (&version[..at], Some((letter, number))),
                    Err(_) => return fail(bad()),
                }
            }
            None => (version, None),
        };
        let parsed: Option<Vec<u64>> = numbers.split('.').map(|number| number.parse().ok()).collect();
        match parsed.as_deref() {
            Some([major, minor]) => Ok(([*major, *minor, 0], pre)),
            Some([major, minor, patch]) => Ok(([*major, *minor, *patch], pre)),
            _ => fail(bad()),
        }
    }
    let (left, right) = (parse(left)?, parse(right)?);
    Ok(left.0.cmp(&right.0).then_with(|| match (left.1, right.1) {
        (None, None) => Ordering::Equal,
        (None, Some(_)) => Ordering::Greater,
        (Some(_), None) => Ordering::Less,
        (Some(left), Some(right)) => left.cmp(&right),
    }))
}

/// Semantic versioning 2.0.
fn semantic(left: &str, right: &str) -> Outcome<Ordering> {
    fn parse(version: &str) -> Outcome<([u64; 3], Vec<String>)> {
        let core = version.split_once('+').map_or(version, |(core, _)| core);
        let (numbers, pre) = core.split_once('-').map_or((core, ""), |(numbers, pre)| (numbers, pre));
        let parsed: Option<Vec<u64>> = numbers
            .split('.')
            .map(|number| {
                let plain = number == "0" || !number.starts_with('0');
                number.parse().ok().filter(|_| plain && !number.starts_with('+'))
            })
            .collect();
        match parsed.as_deref() {
            Some([major, minor, patch]) => Ok((
                [*major, *minor, *patch],
                pre.split('.').filter(|part| !part.is_empty()).map(ToOwned::to_owned).collect(),
            )),
            _ => fail(format!("Version comparison failed: invalid semantic version '{version}'")),
        }
    }
    let (left, right) = (parse(left)?, parse(right)?);
    let identifiers = || {
        for (one, other) in left.1.iter().zip(&right.1) {
            let ordering = match (one.parse::<u64>(), other.parse::<u64>()) {
                (Ok(one), Ok(other)) => one.cmp(&other),
                (Ok(_), Err(_)) => Ordering::Less,
                (Err(_), Ok(_)) => Ordering::Greater,
                (Err(_), Err(_)) => one.cmp(other),
            };
            if ordering != Ordering::Equal {
                return ordering;
            }
        }
        left.1.len().cmp(&right.1.len())
    };
    Ok(left.0.cmp(&right.0).then_with(|| match (left.1.is_empty(), right.1.is_empty()) {
        (true, true) => Ordering::Equal,
        (true, false) => Ordering::Greater,
        (false, true) => Ordering::Less,
        (false, false) => identifiers(),
    }))
}

/// PEP 440's order: epoch, release, then pre-, post- and development release, and a local part.
type Pep440 = (u64, Vec<u64>, (i8, u64), i128, i128, Vec<(bool, u64, String)>);

fn pep440(version: &str) -> Outcome<Pep440> {
    let bad = || fail(format!("Version comparison failed: Invalid version: '{version}'"));
    let lower = version.trim().to_lowercase();
    let text = lower.strip_prefix('v').unwrap_or(&lower);
    let (text, local) = text.split_once('+').map_or((text, None), |(text, local)| (text, Some(local)));
    let (epoch, text) = match text.split_once('!') {
        Some((epoch, text)) => match epoch.parse() {
            Ok(epoch) => (epoch, text),
            Err(_) => return bad(),
        },
        None => (0, text),
    };
    let digits_end = |text: &str| text.find(|char: char| !char.is_ascii_digit()).unwrap_or(text.len());
    let mut release = Vec::new();
    let mut rest = text;
    loop {
        let end = digits_end(rest);
        match rest[..end].parse() {
            Ok(number) => release.push(number),
            Err(_) => return bad(),
        }
        rest = &rest[end..];
        match rest.strip_prefix('.') {
            Some(next) if next.starts_with(|char: char| char.is_ascii_digit()) => rest = next,
            _ => break,
        }
    }
    while release.len() > 1 && release.last() == Some(&0) {
        release.pop();
    }
    // A final release stands after its pre-releases; a development release without them stands before all.
    let (mut pre, mut post, mut dev) = (None, None, None);
    while !rest.is_empty() {
        let trimmed = rest.trim_start_matches(['.', '-', '_']);
        let implicit_post = rest.starts_with('-') && trimmed.starts_with(|char: char| char.is_ascii_digit());
        let word_end = trimmed.find(|char: char| !char.is_ascii_lowercase()).unwrap_or(trimmed.len());
        let (word, after) = trimmed.split_at(word_end);
        let after = after.trim_start_matches(['.', '-', '_']);
        let end = digits_end(after);
        let number = after[..end].parse().unwrap_or(0);
        rest = &after[end..];
        match word {
            "a" | "alpha" if pre.is_none() => pre = Some((0, number)),
            "b" | "beta" if pre.is_none() => pre = Some((1, number)),
            "c" | "rc" | "pre" | "preview" if pre.is_none() => pre = Some((2, number)),
            "post" | "rev" | "r" if post.is_none() => post = Some(number),
            "" if implicit_post && post.is_none() => post = Some(number),
            "dev" if dev.is_none() => dev = Some(number),
            _ => return bad(),
        }
    }
    let pre_key = match (pre, post, dev) {
        (None, None, Some(_)) => (-1, 0),
        (None, ..) => (3, 0),
        (Some(pre), ..) => pre,
    };
    let post_key = post.map_or(-1, i128::from);
    let dev_key = dev.map_or(i128::MAX, i128::from);
    let local = local.map_or_else(Vec::new, |local| {
        let part = |part: &str| match part.parse() {
            Ok(number) => (true, number, String::new()),
            Err(_) => (false, 0, part.to_owned()),
        };
        local.split(['.', '-', '_']).map(part).collect()
    });
    Ok((epoch, release, pre_key, post_key, dev_key, local))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loose_versions_compare_number_by_number() {
        let order = |left: &str, right: &str| loose(left, right).ok();
        assert_eq!(order("1.10", "1.9"), Some(Ordering::Greater));
        assert_eq!(order("2.4.57", "2.4"), Some(Ordering::Greater));
        assert_eq!(order("1.0a", "1.0b"), Some(Ordering::Less));
        assert_eq!(order("1.a", "1.1"), None);
    }

    #[test]
    fn pre_releases_stand_before_the_release() {
        let order = |left: &str, right: &str| Some(pep440(left).ok()?.cmp(&pep440(right).ok()?));
        for (left, right) in
            [("1.0.dev1", "1.0a1"), ("1.0a1", "1.0rc1"), ("1.0rc1", "1.0"), ("1.0", "1.0.post1"), ("1.0", "1.0+local")]
        {
            assert_eq!(order(left, right), Some(Ordering::Less), "{left} {right}");
        }
        assert_eq!(order("1.0.0", "v1"), Some(Ordering::Equal));
        assert_eq!(semantic("1.0.0-alpha.2", "1.0.0-alpha.10").ok(), Some(Ordering::Less));
    }
}
