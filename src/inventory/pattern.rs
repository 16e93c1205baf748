//! Patterns that choose hosts: `web:db`, `all:!canary`, `web:&prod`, `~web\d+`, `web[0:5]`, `*.example.com`.

use super::address::is_ipv6;
use super::model::{HostId, LOCAL_NAMES, Roster};
use crate::diagnostic::{Diagnostic, Span};
use fancy_regex::Regex;
use indexmap::IndexSet;
use std::collections::HashSet;
use std::path::Path;

/// What a pattern chose.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selection {
    /// The hosts, in order, each once.
    pub hosts: Vec<HostId>,
    /// The parts of the pattern that match nothing.
    pub unmatched: Vec<String>,
}

impl Roster {
    /// The hosts that a pattern chooses: those of its plain parts in the order in which they stand, of them those that
    /// are in each part with `&`, without those that are in a part with `!`, wherever these stand. `span` is the
    /// pattern's place.
    ///
    /// A name that stands for this machine and that no roster has is the implicit localhost.
    pub fn select(&self, pattern: &str, span: &Span) -> Result<Selection, Diagnostic> {
        self.select_parts(&parts_of(pattern), span)
    }

    /// Of these hosts those that a limit (`--limit`) chooses. The limit's parts may be files: `@hosts.retry`.
    pub fn limit(&self, hosts: &[HostId], limit: &str, span: &Span) -> Result<Selection, Diagnostic> {
        let chosen = self.select_parts(&expand_files(limit, span)?, span)?;
        let allowed: HashSet<HostId> = chosen.hosts.iter().copied().collect();
        let hosts = hosts.iter().copied().filter(|host| allowed.contains(host)).collect();
        Ok(Selection { hosts, unmatched: chosen.unmatched })
    }

    fn select_parts(&self, parts: &[String], span: &Span) -> Result<Selection, Diagnostic> {
        let begins = |mark: char| parts.iter().filter_map(move |part| part.strip_prefix(mark));
        let mut plain: Vec<&str> =
            parts.iter().map(String::as_str).filter(|part| !part.starts_with(['!', '&'])).collect();
        if plain.is_empty() {
            plain.push("all");
        }
        let mut unmatched = Vec::new();
        let mut chosen: IndexSet<HostId> = IndexSet::new();
        for part in plain {
            chosen.extend(self.matches(part, span, &mut unmatched)?);
        }
        for part in begins('&') {
            let hosts: HashSet<HostId> = self.matches(part, span, &mut unmatched)?.into_iter().collect();
            chosen.retain(|host| hosts.contains(host));
        }
        for part in begins('!') {
            let hosts: HashSet<HostId> = self.matches(part, span, &mut unmatched)?.into_iter().collect();
            chosen.retain(|host| !hosts.contains(host));
        }
        Ok(Selection { hosts: chosen.into_iter().collect(), unmatched })
    }

    /// The hosts of one part.
    fn matches(&self, part: &str, span: &Span, unmatched: &mut Vec<String>) -> Result<Vec<HostId>, Diagnostic> {
        if let Some(host) = self.find_host(part).filter(|host| !self.host(*host).implicit) {
            return Ok(vec![host]);
        }
        let (name, subscript) = subscript_of(part);
        let hosts = self.named(name, span)?;
        if hosts.is_empty() && name != "all" && self.find_group(name).is_none() {
            unmatched.push(name.to_owned());
        }
        let Some(subscript) = subscript.filter(|_| !hosts.is_empty()) else { return Ok(hosts) };
        subscript.apply(&hosts).ok_or_else(|| {
            let message = format!("`{part}` chooses no host: `{name}` has {} of them", hosts.len());
            Diagnostic::error(span, message).hint("the first one is [0], the last one [-1]")
        })
    }

    fn named(&self, name: &str, span: &Span) -> Result<Vec<HostId>, Diagnostic> {
        let is_regex = name.starts_with('~');
        let mut hosts: IndexSet<HostId> = IndexSet::new();
        let mut group_found = false;
        if is_regex || name.contains(['*', '?', '[']) {
            let regex = regex_of(name)
                .map_err(|why| Diagnostic::error(span, format!("`{name}` is no valid pattern: {why}")))?;
            let fits = |name: &str| regex.is_match(name).unwrap_or(false);
            for group in self.groups().filter(|group| fits(&self.group(*group).name)) {
                hosts.extend(self.hosts_of(group));
            }
            hosts.extend(self.hosts().filter(|host| fits(&self.host(*host).name)));
        } else {
            if let Some(group) = self.find_group(name) {
                group_found = true;
                hosts.extend(self.hosts_of(group));
            }
            if !group_found || name.contains('.') {
                hosts.extend(self.find_host(name).filter(|host| !self.host(*host).implicit));
            }
        }
        if hosts.is_empty() && !group_found && LOCAL_NAMES.contains(&name) {
            hosts.extend(self.find_host(name));
        }
        Ok(hosts.into_iter().collect())
    }
}

/// The parts of a pattern, with the lines of files (`@path`) in place of their names.
pub fn expand_files(pattern: &str, span: &Span) -> Result<Vec<String>, Diagnostic> {
    let mut parts = Vec::new();
    for part in parts_of(pattern) {
        let Some(path) = part.strip_prefix('@') else {
            parts.push(part);
            continue;
        };
        let text = std::fs::read_to_string(Path::new(path))
            .map_err(|error| Diagnostic::error(span, format!("can't read the hosts of `{part}`: {error}")))?;
        parts.extend(text.lines().map(str::trim).filter(|line| !line.is_empty()).map(str::to_owned));
    }
    Ok(parts)
}

/// A pattern's parts: separated by commas, colons or white space, but not inside brackets, nor those of an IPv6 address.
fn parts_of(pattern: &str) -> Vec<String> {
    let mut parts = Vec::new();
    for item in pattern.split(',').map(str::trim).filter(|item| !item.is_empty()) {
        if is_ipv6(item.trim_start_matches(['!', '&'])) || item.starts_with('@') {
            parts.push(item.to_owned());
            continue;
        }
        let mut depth = 0;
        let split = item.split(|c: char| {
            depth += i32::from(c == '[') - i32::from(c == ']' && depth > 0);
            depth == 0 && (c == ':' || c.is_whitespace())
        });
        parts.extend(split.filter(|part| !part.is_empty()).map(str::to_owned));
    }
    parts
}

/// Which of the hosts: `[2]`, `[-1]`, `[0:3]`, `[2:]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Subscript {
    One(i64),
    /// The last one included; `None` for all that follow.
    Span(usize, Option<usize>),
}

impl Subscript {
    fn apply(self, hosts: &[HostId]) -> Option<Vec<HostId>> {
        match self {
            Subscript::One(at) => {
                let at = if at < 0 {
                    usize::try_from(at.unsigned_abs()).ok().and_then(|back| hosts.len().checked_sub(back))
                } else {
                    usize::try_from(at).ok()
                };
                at.and_then(|at| hosts.get(at)).map(|host| vec![*host])
            }
            Subscript::Span(from, to) => {
                let to = to.map_or(hosts.len(), |to| to.saturating_add(1).min(hosts.len()));
                // Like a slice: empty where there are none.
                Some(hosts.get(from..to).unwrap_or_default().to_vec())
            }
        }
    }
}

/// A part without its subscript, and that. Brackets that hold anything else belong to the name.
fn subscript_of(part: &str) -> (&str, Option<Subscript>) {
    let whole = (part, None);
    if part.starts_with('~') {
        return whole;
    }
    let Some((name, inner)) = part.strip_suffix(']').and_then(|rest| rest.rsplit_once('[')) else { return whole };
    if name.is_empty() {
        return whole;
    }
    if let Ok(at) = inner.parse::<i64>() {
        return if inner.starts_with('+') { whole } else { (name, Some(Subscript::One(at))) };
    }
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    match inner.split_once([':', '-']) {
        Some((from, to)) if is_number(from) && (to.is_empty() || is_number(to)) => {
            match (from.parse(), to.parse().ok()) {
                (Ok(from), to) => (name, Some(Subscript::Span(from, to))),
                _ => whole,
            }
        }
        _ => whole,
    }
}

/// `~regex`, which has to fit from the first character on, or a pattern of the shell, which has to fit whole.
fn regex_of(pattern: &str) -> Result<Regex, String> {
    let text = match pattern.strip_prefix('~') {
        Some(regex) => format!("^(?:{regex})"),
        None => glob(pattern),
    };
    Regex::new(&text).map_err(|error| error.to_string())
}

fn glob(pattern: &str) -> String {
    let mut out = String::from("(?s)^");
    let mut rest = pattern;
    while let Some(c) = rest.chars().next() {
        rest = &rest[c.len_utf8()..];
        match c {
            '*' => out.push_str(".*"),
            '?' => out.push('.'),
            '[' => {
                // A `]` that comes first is one of the characters.
                let first = rest.strip_prefix('!').unwrap_or(rest);
                let skip = rest.len() - first.len() + usize::from(first.starts_with(']'));
                match rest[skip..].find(']') {
                    Some(close) => {
                        let class = &rest[..skip + close];
                        let (negated, class) = class.strip_prefix('!').map_or((false, class), |class| (true, class));
                        let class = class.replace('\\', "\\\\").replace('[', "\\[").replace(']', "\\]");
                        let class = if class.starts_with('^') { format!("\\{class}") } else { class };
                        out.push_str(&format!("[{}{class}]", if negated { "^" } else { "" }));
                        rest = &rest[skip + close + 1..];
                    }
                    None => out.push_str("\\["),
                }
            }
            other => out.push_str(&fancy_regex::escape(other.encode_utf8(&mut [0; 4]))),
        }
    }
    out + "$"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_falls_into_its_parts() {
        let parts = |pattern: &str| parts_of(pattern).join(" | ");
        assert_eq!(parts("a:b,c d"), "a | b | c | d");
        assert_eq!(parts("web[0:5]:&x[1-2]:!y"), "web[0:5] | &x[1-2] | !y");
        assert_eq!(parts("2001:db8::1,!::1"), "2001:db8::1 | !::1");
        assert_eq!(parts(" ,"), "");
    }

    #[test]
    fn a_subscript_is_told_from_a_class_of_characters() {
        assert_eq!(subscript_of("web[2]"), ("web", Some(Subscript::One(2))));
        assert_eq!(subscript_of("web[-1]"), ("web", Some(Subscript::One(-1))));
        assert_eq!(subscript_of("web[0:5]"), ("web", Some(Subscript::Span(0, Some(5)))));
        assert_eq!(subscript_of("web[2:]"), ("web", Some(Subscript::Span(2, None))));
        assert_eq!(subscript_of("web[ab]"), ("web[ab]", None));
        assert_eq!(subscript_of("~web[2]"), ("~web[2]", None));
    }

    #[test]
    fn a_limit_reads_files_and_a_broken_expression_is_an_error() {
        let mut roster = Roster::new();
        let hosts = ["a", "b", "c"].map(|name| roster.add_host(name).unwrap());
        roster.settle();
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "c\n\n a \n").unwrap();
        let span = Span::nowhere("--limit");
        let limit = format!("@{}", file.path().display());
        assert_eq!(roster.limit(&hosts, &limit, &span).unwrap().hosts, [hosts[0], hosts[2]]);
        let missing = roster.limit(&hosts, "@/nowhere/at/all", &span).unwrap_err();
        assert!(missing.message.starts_with("can't read the hosts of `@/nowhere/at/all`"), "{missing}");
        assert!(roster.select("~web(", &span).unwrap_err().message.starts_with("`~web(` is no valid pattern"));
    }
}
