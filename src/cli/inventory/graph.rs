//! `--graph`: groups, and their hosts, as a tree.

use super::vars::Vars;
use crate::diagnostic::Diagnostics;
use crate::inventory::{GroupId, Roster};
use crate::report::ansible::python_str;
use serde_json::{Map, Value};

/// The tree from a group on, with variables or without.
pub(super) fn text(roster: &Roster, vars: &Vars<'_>, top: GroupId, with_vars: bool) -> Result<String, Diagnostics> {
    let mut graph = Graph { roster, vars, with_vars, text: String::new() };
    graph.group(top, 0)?;
    Ok(graph.text)
}

struct Graph<'a> {
    roster: &'a Roster,
    vars: &'a Vars<'a>,
    with_vars: bool,
    text: String,
}

impl Graph<'_> {
    fn line(&mut self, depth: usize, text: &str) {
        if depth > 0 {
            self.text.push_str(&"  |".repeat(depth));
            self.text.push_str("--");
        }
        self.text.push_str(text);
        self.text.push('\n');
    }

    fn group(&mut self, group: GroupId, depth: usize) -> Result<(), Diagnostics> {
        let data = self.roster.group(group);
        self.line(depth, &format!("@{}:", data.name));
        for child in &data.children {
            self.group(*child, depth + 1)?;
        }
        if group != Roster::ALL {
            for host in &data.hosts {
                let name = &self.roster.host(*host).name;
                self.line(depth + 1, name);
                if self.with_vars {
                    self.variables(self.vars.of_host(name)?, depth + 2);
                }
            }
        }
        if self.with_vars {
            self.variables(self.vars.of_group(group)?, depth + 1);
        }
        Ok(())
    }

    fn variables(&mut self, mut vars: Map<String, Value>, depth: usize) {
        vars.sort_keys();
        for (name, value) in &vars {
            self.line(depth, &format!("{{{name} = {}}}", python_str(value)));
        }
    }
}
