//! Regular expressions in Python's syntax, compiled once in a run.

use super::fault::{Outcome, fail};
use refit_agent::modules::python_regex::{Flags, Regex, Subject};
use std::collections::HashMap;
use std::sync::{Arc, LazyLock, PoisonError, RwLock};

/// How a pattern is used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Options {
    /// `re.IGNORECASE`.
    pub ignore_case: bool,
    /// `re.MULTILINE`.
    pub multiline: bool,
    /// Where it must match.
    pub anchor: Anchor,
}

/// Where a pattern must match.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Anchor {
    /// Anywhere: `re.search`.
    #[default]
    Nowhere,
    /// At the start: `re.match`.
    Start,
    /// All of the text: `re.fullmatch`.
    Both,
}

type Known = RwLock<HashMap<(String, Options), Arc<Regex>>>;

static KNOWN: LazyLock<Known> = LazyLock::new(RwLock::default);

/// How many are kept: patterns that are made from variables must not fill the memory.
const MOST: usize = 4096;

/// A pattern, compiled.
pub fn compile(pattern: &str, options: Options) -> Outcome<Arc<Regex>> {
    let key = (pattern.to_owned(), options);
    if let Some(regex) = KNOWN.read().unwrap_or_else(PoisonError::into_inner).get(&key) {
        return Ok(regex.clone());
    }
    let flags = match (options.ignore_case, options.multiline) {
        (true, true) => "(?im)",
        (true, false) => "(?i)",
        (false, true) => "(?m)",
        (false, false) => "",
    };
    let flagged = format!("{flags}{pattern}");
    let compiled = match options.anchor {
        Anchor::Nowhere => Regex::new(&flagged, Subject::Text, Flags::default()),
        Anchor::Start => Regex::anchored(&flagged, Subject::Text),
        Anchor::Both => Regex::anchored(&format!(r"{flags}(?:{pattern})\Z"), Subject::Text),
    };
    let regex = match compiled {
        Ok(regex) => Arc::new(regex),
        Err(why) => return fail(why),
    };
    let mut known = KNOWN.write().unwrap_or_else(PoisonError::into_inner);
    if known.len() >= MOST {
        known.clear();
    }
    known.insert(key, regex.clone());
    Ok(regex)
}

/// Whether a pattern matches.
pub fn matches(pattern: &str, text: &str, options: Options) -> Outcome<bool> {
    compile(pattern, options)?.matches(text).or_else(fail)
}
