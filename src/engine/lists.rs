//! `--list-hosts`, `--list-tasks`, `--list-tags`, `--syntax-check`: what would run, without running it. The text is
//! ansible-playbook's.

use super::entry::Ready;
use super::run::Run;
use crate::diagnostic::Diagnostic;
use crate::loader::Source;
use crate::playbook::{Keyword, Node, Play, Task};
use std::fmt::Write as _;
use std::sync::Arc;

/// The text of what was asked for.
pub fn list(ready: &Ready) -> Result<String, Diagnostic> {
    let run = &ready.run;
    let asked = run.options.list_only;
    let mut text = String::new();
    for playbook in &ready.playbooks {
        let _ = writeln!(text, "\nplaybook: {}", playbook.path.display());
        if !(asked.hosts || asked.tasks || asked.tags) {
            continue;
        }
        for (index, play) in playbook.plays.iter().enumerate() {
            list_play(run, index + 1, play, &mut text)?;
        }
    }
    Ok(text)
}

fn list_play(run: &Arc<Run>, number: usize, play: &Arc<Play>, text: &mut String) -> Result<(), Diagnostic> {
    let asked = run.options.list_only;
    let scope = run.static_scope(&play.scope, &play.directory);
    let pattern = match play.get(Keyword::Hosts) {
        Some(source) => {
            let items: Vec<String> = crate::playbook::one_or_more(source)
                .into_iter()
                .map(|item| scope.text(item).map_err(|error| *error.diagnostic))
                .collect::<Result<_, _>>()?;
            items.join(",")
        }
        None => String::new(),
    };
    let name = match play.scope.keywords.get(Keyword::Name) {
        Some(source) => scope.text(source).unwrap_or_default(),
        None => pattern.clone(),
    };
    let play_tags = own_tags(&crate::playbook::tags_of(&play.scope));
    let _ = write!(text, "\n  play #{number} ({pattern}): {name}");
    let _ = writeln!(text, "\tTAGS: [{}]", play_tags.join(","));
    if asked.hosts {
        let hosts = run.select(&pattern)?;
        let _ = writeln!(text, "    pattern: {:?}", [pattern.as_str()]);
        let _ = writeln!(text, "    hosts ({}):", hosts.len());
        for host in hosts {
            let _ = writeln!(text, "      {host}");
        }
    }
    if asked.tasks || asked.tags {
        let mut all_tags: Vec<String> = Vec::new();
        if asked.tasks {
            let _ = writeln!(text, "    tasks:");
        }
        for nodes in [&play.pre_tasks, &play.roles, &play.tasks, &play.post_tasks] {
            walk(nodes, &mut |task| {
                let mut tags = templated_tags(run, play, task);
                tags.sort();
                tags.dedup();
                if !run.tags.wants(&tags) || task.implicit {
                    return;
                }
                all_tags.extend(tags.iter().cloned());
                if asked.tasks {
                    let name = super::step::raw_title(task);
                    let role = task.scope.role().map(|used| format!("{} : ", used.name)).unwrap_or_default();
                    let _ = writeln!(text, "      {role}{name}\tTAGS: [{}]", tags.join(", "));
                }
            });
        }
        if asked.tags {
            all_tags.sort();
            all_tags.dedup();
            let _ = writeln!(text, "      TASK TAGS: [{}]", all_tags.join(", "));
        }
    }
    Ok(())
}

/// A task's tags, with what is known without a host; as written where that does not do.
fn templated_tags(run: &Arc<Run>, play: &Play, task: &Task) -> Vec<String> {
    let mut scope = None;
    let sources = crate::playbook::tags_of(&task.scope);
    let texts = |source: &Source| {
        if !source.has_template() {
            return crate::playbook::tag_texts(source);
        }
        let scope = scope.get_or_insert_with(|| run.static_scope(&task.scope, &play.directory));
        match scope.value(source) {
            Ok(value) if value.as_str().is_none() && value.try_iter().is_ok() => {
                value.try_iter().into_iter().flatten().map(|tag| tag.to_string()).collect()
            }
            Ok(value) => value.to_string().split(',').map(|tag| tag.trim().to_owned()).collect(),
            Err(_) => crate::playbook::tag_texts(source),
        }
    };
    sources.into_iter().flat_map(texts).collect()
}

/// Tags as written.
pub(super) fn own_tags(sources: &[&Source]) -> Vec<String> {
    sources.iter().flat_map(|source| crate::playbook::tag_texts(source)).collect()
}

fn walk(nodes: &[Node], see: &mut dyn FnMut(&Task)) {
    for node in nodes {
        match node {
            Node::Task(task) => see(task),
            Node::Block(block) => {
                walk(&block.body, see);
                walk(&block.rescue, see);
                walk(&block.always, see);
            }
        }
    }
}
