//! Builds the agent and embeds it.
fn main() {}
