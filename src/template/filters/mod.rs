//! Filters: `value | name(arguments)`. Each family has a file with a slice that names its filters; this finds them.

mod community;
mod data_formats;
mod dict;
mod hash;
mod ip;
mod list;
mod number;
mod path;
mod query;
mod regex;
mod select;
mod text;
mod time;
mod value;

pub use hash::from_bytes;
pub use list::cartesian;
pub use value::as_bool;

use super::arguments::{Call, Signature};
use super::fault::Outcome;
use minijinja::Value;
use std::collections::HashMap;
use std::fmt;
use std::sync::{LazyLock, OnceLock};

/// A filter.
pub struct Filter {
    /// Its names, separated by spaces. Those without a dot are also found as `ansible.builtin.NAME`.
    pub names: &'static str,
    /// What it takes, as Python writes it; the first parameter is what it is applied to.
    pub parameters: &'static str,
    /// What it does.
    pub run: fn(&mut Call<'_, '_>) -> Outcome<Value>,
    /// Whether it looks at undefined arguments itself; else the first of them is its result.
    pub sees_undefined: bool,
    signature: OnceLock<Signature>,
}

impl Filter {
    /// A filter.
    pub const fn new(
        names: &'static str,
        parameters: &'static str,
        run: fn(&mut Call<'_, '_>) -> Outcome<Value>,
    ) -> Filter {
        Filter { names, parameters, run, sees_undefined: false, signature: OnceLock::new() }
    }

    /// The same, but it looks at undefined arguments itself.
    pub const fn seeing_undefined(mut self) -> Filter {
        self.sees_undefined = true;
        self
    }

    /// What it takes.
    pub fn signature(&self) -> &Signature {
        self.signature.get_or_init(|| Signature::parse(self.parameters))
    }
}

impl fmt::Debug for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.names)
    }
}

/// The families.
static FAMILIES: [&[Filter]; 14] = [
    &value::FILTERS,
    &text::FILTERS,
    &list::FILTERS,
    &select::FILTERS,
    &dict::FILTERS,
    &number::FILTERS,
    &data_formats::FILTERS,
    &hash::FILTERS,
    &path::FILTERS,
    &regex::FILTERS,
    &time::FILTERS,
    &query::FILTERS,
    &ip::FILTERS,
    &community::FILTERS,
];

static BY_NAME: LazyLock<HashMap<&'static str, &'static Filter>> = LazyLock::new(|| {
    let all = FAMILIES.iter().flat_map(|family| family.iter());
    all.flat_map(|filter| filter.names.split(' ').map(move |name| (name, filter))).collect()
});

/// The collections whose filters and tests are found by their short names too.
const CORE: [&str; 2] = ["ansible.builtin.", "ansible.legacy."];

/// A filter by its name.
pub fn find(name: &str) -> Option<&'static Filter> {
    let short = CORE.iter().find_map(|prefix| name.strip_prefix(prefix)).unwrap_or(name);
    BY_NAME.get(short).copied()
}

/// All names.
pub fn names() -> Vec<&'static str> {
    BY_NAME.keys().copied().collect()
}
