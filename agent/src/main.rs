//! `refit-agent`.
fn main() {}
