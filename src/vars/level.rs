//! The levels of precedence, as people name them.

use super::layers::Layer;
use super::stack::Stack;
use std::fmt;

/// A level of precedence, the highest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// What the engine knows by itself.
    Magic,
    /// `-e`.
    Extra,
    /// Of includes, and of roles where they are used.
    Parameters,
    /// `set_fact` and `register`.
    Set,
    /// `include_vars`.
    IncludeVars,
    /// Of the task, blocks around it, and roles.
    Task,
    /// `vars`, `vars_prompt` and `vars_files` of the play.
    Play,
    /// Of the host.
    Facts,
    /// The inventory, `group_vars` and `host_vars`.
    Inventory,
    /// Of roles.
    Defaults,
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Level::Magic => "the engine's own variables",
            Level::Extra => "extra vars (-e)",
            Level::Parameters => "parameters of an include or a role",
            Level::Set => "set_fact and register",
            Level::IncludeVars => "include_vars",
            Level::Task => "vars of the task, a block or a role",
            Level::Play => "vars, vars_prompt and vars_files of the play",
            Level::Facts => "facts",
            Level::Inventory => "inventory, group_vars and host_vars",
            Level::Defaults => "defaults of a role",
        })
    }
}

impl Stack {
    /// The layers from the top, each with its level.
    pub fn levels(&self) -> Vec<(Level, &Layer)> {
        let [params, own, defaults] = self.task.parts();
        let mut all = vec![(Level::Magic, &self.magic), (Level::Extra, &self.extra)];
        all.extend(params.iter().map(|layer| (Level::Parameters, layer)));
        all.push((Level::Set, &self.host[0]));
        all.push((Level::IncludeVars, &self.host[1]));
        all.extend(own.iter().map(|layer| (Level::Task, layer)));
        all.extend(self.play.iter().map(|layer| (Level::Play, layer)));
        all.push((Level::Facts, &self.facts));
        all.extend(self.inventory.iter().map(|layer| (Level::Inventory, layer)));
        all.extend(defaults.iter().map(|layer| (Level::Defaults, layer)));
        all
    }
}
