//! What tasks tell people.

use crate::plan::Plan;
use indexmap::IndexMap;

/// What one task tells: its texts, each with the hosts for which it is told.
pub struct Messages<'p> {
    /// The task: its place in [`Plan::tasks`].
    pub task: u32,
    /// The texts.
    pub texts: IndexMap<&'p str, Vec<String>>,
}

/// In the order of the tasks, for the hosts that are wanted.
pub fn messages(plan: &Plan, wanted: impl Fn(&str) -> bool) -> Vec<Messages<'_>> {
    let mut found: IndexMap<u32, IndexMap<&str, Vec<String>>> = IndexMap::new();
    for (name, host) in plan.hosts.iter().filter(|(name, _)| wanted(name)) {
        for (task, text) in &host.messages {
            let Some(text) = plan.content(*text).as_str() else { continue };
            let hosts = found.entry(*task).or_default().entry(text).or_default();
            if hosts.last() != Some(name) {
                hosts.push(name.clone());
            }
        }
    }
    found.sort_keys();
    found.into_iter().map(|(task, texts)| Messages { task, texts }).collect()
}
