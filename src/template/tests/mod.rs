//! Tests: `value is name(arguments)`. Each family has a file with an array of its tests; this finds them.

mod addresses;
mod paths;
mod patterns;
mod results;
mod types;
mod values;
mod version;

pub use version::loose as loose_order;

use super::arguments::{Call, Signature};
use super::fault::Outcome;
use std::collections::HashMap;
use std::fmt;
use std::sync::{LazyLock, OnceLock};

/// A test.
pub struct Test {
    /// Its names, separated by spaces. Those without a dot are also found as `ansible.builtin.NAME`.
    pub names: &'static str,
    /// What it takes, as Python writes it; the first parameter is what is tested.
    pub parameters: &'static str,
    /// Whether it holds.
    pub run: fn(&mut Call<'_, '_>) -> Outcome<bool>,
    /// Whether it looks at undefined arguments itself; else the first of them is its result.
    pub sees_undefined: bool,
    signature: OnceLock<Signature>,
}

impl Test {
    /// A test.
    pub const fn new(
        names: &'static str,
        parameters: &'static str,
        run: fn(&mut Call<'_, '_>) -> Outcome<bool>,
    ) -> Test {
        Test { names, parameters, run, sees_undefined: false, signature: OnceLock::new() }
    }

    /// The same, but it looks at undefined arguments itself.
    pub const fn seeing_undefined(mut self) -> Test {
        self.sees_undefined = true;
        self
    }

    /// What it takes.
    pub fn signature(&self) -> &Signature {
        self.signature.get_or_init(|| Signature::parse(self.parameters))
    }
}

impl fmt::Debug for Test {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.names)
    }
}

static FAMILIES: [&[Test]; 7] = [
    &types::TESTS,
    &values::TESTS,
    &results::TESTS,
    &version::TESTS,
    &patterns::TESTS,
    &paths::TESTS,
    &addresses::TESTS,
];

static BY_NAME: LazyLock<HashMap<&'static str, &'static Test>> = LazyLock::new(|| {
    let all = FAMILIES.iter().flat_map(|family| family.iter());
    all.flat_map(|test| test.names.split(' ').map(move |name| (name, test))).collect()
});

/// A test by its name.
pub fn find(name: &str) -> Option<&'static Test> {
    let short = ["ansible.builtin.", "ansible.legacy."].iter().find_map(|prefix| name.strip_prefix(prefix));
    BY_NAME.get(short.unwrap_or(name)).copied()
}

/// All names.
pub fn names() -> Vec<&'static str> {
    BY_NAME.keys().copied().collect()
}
