//! `refit`.
fn main() {}
