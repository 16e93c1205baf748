//! `refit exec`: one task as a play.

use super::options::RunOptions;
use crate::diagnostic::{Diagnostics, Span};
use crate::loader::{Entry, Node, Source, load_text};
use std::path::Path;

/// One task on the hosts of a pattern.
pub struct Adhoc<'a> {
    /// The hosts.
    pub pattern: &'a str,
    /// The module.
    pub module: &'a str,
    /// Its arguments: `k=v` words, free form, or JSON.
    pub args: &'a str,
    /// What else was asked for.
    pub options: &'a RunOptions,
}

impl Adhoc<'_> {
    /// The playbook that does it.
    pub fn playbook(&self) -> Result<Source, Diagnostics> {
        let span = Span::nowhere("command line");
        let text = |text: &str| Source::text(&span, text);
        let map = |entries: Vec<(&str, Source)>| Source {
            span: span.clone(),
            node: Node::Map(entries.into_iter().map(|(key, value)| Entry { key: text(key), value }).collect()),
        };
        let number = |number: u32| Source { span: span.clone(), node: Node::Int(i64::from(number)) };
        let args = match self.args.trim() {
            "" => Source { span: span.clone(), node: Node::Null },
            json if json.starts_with('{') && !json.starts_with("{{") => {
                load_text(Path::new("command line"), json.to_owned())?.source
            }
            words => text(words),
        };
        let mut task = vec![(self.module, args)];
        if let Some(seconds) = self.options.background {
            task.push(("async", number(seconds)));
            task.push(("poll", number(self.options.poll.unwrap_or(15))));
        }
        let list = |item: Source| Source { span: span.clone(), node: Node::Seq([item].into()) };
        let gather = Source { span: span.clone(), node: Node::Bool(false) };
        let play = vec![
            ("name", text("Refit Ad-Hoc")),
            ("hosts", text(self.pattern)),
            ("gather_facts", gather),
            ("tasks", list(map(task))),
        ];
        Ok(list(map(play)))
    }
}
