//! Why a variable has its value.

use super::super::entry::Ready;
use super::super::words::written_text;
use super::stage::{Stage, Step};
use crate::diagnostic::{Diagnostic, Span, did_you_mean};
use crate::loader::Source;
use crate::playbook::{Keyword, Scope as PlayScope, ScopeKind, Task};
use crate::template::Binding;
use crate::vars::Level;
use serde::Serialize;
use std::sync::Arc;

/// Where a variable is set.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Place {
    /// The level of precedence.
    pub level: Level,
    /// By what, for people: "group_vars of the group `web`".
    pub by: String,
    /// `file:line:column`; nothing where no file says it.
    pub place: Option<String>,
    /// The value as written, templates and all; nothing where only a run knows.
    pub written: Option<String>,
}

/// A variable of a host.
#[derive(Clone, Debug, Serialize)]
pub struct ExplainedVariable {
    /// The host.
    pub host: String,
    /// The name.
    pub name: String,
    /// The play, or the task in it, at which the value holds; nothing where no playbook was given.
    pub at: Option<String>,
    /// The value; or why there is none.
    pub value: Result<serde_json::Value, String>,
    /// Where it is set: the first one counts, and hides the others.
    pub set: Vec<Place>,
    /// Variables that the value is made of: the name, and where it is set.
    pub made_of: Vec<(String, Place)>,
    /// What would set it to something else, in this play.
    pub overriding: Vec<Place>,
    /// What could not be looked into.
    pub missed: Vec<String>,
}

/// Explains a variable of a host, in each play that the host is in; at a task where one is named.
pub fn explain_variable(
    ready: &Ready,
    host: &str,
    name: &str,
    task: Option<&str>,
) -> Result<Vec<ExplainedVariable>, Diagnostic> {
    let run = &ready.run;
    if run.known_host(host).is_none() {
        let hosts = run.all_hosts();
        let hint = did_you_mean(host, hosts.iter().map(|known| &**known));
        let problem = Diagnostic::plain(format!("the inventory has no host `{host}`"));
        return Err(hint.into_iter().fold(problem, Diagnostic::hint));
    }
    let of_playbooks = matches!(run.options.what, super::super::options::What::Playbooks(_));
    let mut all = Vec::new();
    for (id, play) in (0..).zip(ready.playbooks.iter().flat_map(|playbook| &playbook.plays)) {
        let stage = Stage::of(run, play, id)?;
        let Some(host) = stage.host(host) else { continue };
        let play_name = format!("play `{}`", stage.name());
        if let Some(wanted) = task {
            stage.walk(host, &mut |step| {
                if super::task::is_named(step.task, wanted) {
                    let title = super::super::step::raw_title(step.task);
                    let at = format!("task `{title}` ({}) of {play_name}", step.task.span().place());
                    let look = Look { stage: &stage, host, scope: &step.task.scope, name };
                    all.push(look.explained(Some(at)));
                }
            });
            continue;
        }
        let look = Look { stage: &stage, host, scope: &play.scope, name };
        let mut explained = look.explained(of_playbooks.then_some(play_name));
        let above = explained.set.first().map(|place| place.level);
        let mut overriding: Vec<Place> = Vec::new();
        let missed = stage.walk(host, &mut |step| {
            for place in set_by(step, name) {
                let is_higher = above.is_none_or(|level| place.level < level);
                if is_higher && !explained.set.contains(&place) && !overriding.contains(&place) {
                    overriding.push(place);
                }
            }
        });
        explained.overriding = overriding;
        explained.missed = missed;
        all.push(explained);
    }
    if all.is_empty() {
        let what = task.map_or_else(String::new, |task| format!(", or none has a task `{task}`"));
        return Err(Diagnostic::plain(format!("no play of the playbooks is for the host `{host}`{what}")));
    }
    Ok(all)
}

/// A look at a variable from a place of a play.
struct Look<'a> {
    stage: &'a Stage,
    host: &'a Arc<super::super::host::Host>,
    scope: &'a Arc<PlayScope>,
    name: &'a str,
}

impl Look<'_> {
    fn explained(&self, at: Option<String>) -> ExplainedVariable {
        let scope = self.stage.scope(self.host, self.scope);
        let set = self.places(self.name);
        let value = match scope.variable(self.name) {
            Ok(Some(value)) => Ok(crate::actions::json(&value)),
            Ok(None) => {
                let names = scope.names();
                let hint = did_you_mean(self.name, names.iter().map(|name| &**name));
                Err(format!("nothing sets it{}", hint.map(|hint| format!("; {hint}")).unwrap_or_default()))
            }
            Err(error) if error.kind == crate::template::TemplateErrorKind::Unknown => {
                Err(format!("known only when it runs: {}", error.diagnostic.message))
            }
            Err(error) => Err(error.to_string()),
        };
        let parts = scope.reads().into_iter().filter(|read| **read != *self.name);
        let made_of =
            parts.filter_map(|read| Some((read.to_string(), self.places(&read).into_iter().next()?))).collect();
        ExplainedVariable {
            host: self.host.name.to_string(),
            name: self.name.to_owned(),
            at,
            value,
            set,
            made_of,
            overriding: Vec::new(),
            missed: Vec::new(),
        }
    }

    /// Where a name is set, from the top.
    fn places(&self, name: &str) -> Vec<Place> {
        let stack = self.stage.stack(self.host, self.scope);
        let mut places = Vec::new();
        let mut inventory = false;
        // The same file may be met twice: beside the inventory and beside the playbook, or of a role that is used twice.
        let add = |places: &mut Vec<Place>, place: Place| {
            if place.place.is_none() || !places.iter().any(|have: &Place| have.place == place.place) {
                places.push(place);
            }
        };
        for (level, layer) in stack.levels() {
            if level != Level::Inventory {
                let Some(binding) = layer.get(name) else { continue };
                let told = matches!(level, Level::Set | Level::IncludeVars).then(|| self.stage.told(self.host, name));
                let mut place = place(level, self.by(level, &binding), &binding);
                if let Some((by, span)) = told.flatten() {
                    (place.by, place.place) = (by, Some(span.place()));
                }
                add(&mut places, place);
            } else if !std::mem::replace(&mut inventory, true) {
                self.in_inventory(name).into_iter().for_each(|place| add(&mut places, place));
            }
        }
        places
    }

    /// With the group or host that each is of, which the layers of the stack don't tell.
    fn in_inventory(&self, name: &str) -> Vec<Place> {
        let run = self.stage.run();
        let named = run.named_layers(&self.host.name, self.stage.directory());
        named.into_iter().filter_map(|(by, vars)| Some(place(Level::Inventory, by, vars.get(name)?))).collect()
    }

    /// By what a variable is set, as exactly as its place tells.
    fn by(&self, level: Level, binding: &Binding) -> String {
        let Binding::Source(source) = binding else { return level.to_string() };
        match level {
            Level::Task | Level::Defaults | Level::Parameters => {
                self.scope.outward().find_map(|around| owner(around, &source.span)).unwrap_or_else(|| level.to_string())
            }
            _ => level.to_string(),
        }
    }
}

fn place(level: Level, by: String, binding: &Binding) -> Place {
    match binding {
        Binding::Source(source) => {
            Place { level, by, place: Some(source.span.place()), written: Some(written_text(source)) }
        }
        Binding::Value(value) if level == Level::Magic && value.as_str().is_none() => {
            Place { level, by, place: None, written: None }
        }
        Binding::Value(value) => Place { level, by, place: None, written: Some(value.to_string()) },
        Binding::Unknown(why) => Place { level, by: why.to_string(), place: None, written: None },
    }
}

/// What of a task's surroundings a place belongs to.
fn owner(around: &PlayScope, span: &Span) -> Option<String> {
    let holds = |source: &Source| source.as_map().is_some_and(|entries| entries.iter().any(|e| e.value.span == *span));
    let own = around.keywords.get(Keyword::Vars).is_some_and(holds);
    match &around.kind {
        ScopeKind::Task if own => Some("vars of the task".to_owned()),
        ScopeKind::Block if own => Some("vars of a block".to_owned()),
        ScopeKind::Include(_) if own => Some("vars of an include".to_owned()),
        ScopeKind::Role(used) => {
            let name = &used.role.name;
            if own {
                Some(format!("vars of the use of role `{name}`"))
            } else if used.params.iter().any(|(_, value)| value.span == *span) {
                Some(format!("parameter of role `{name}`"))
            } else if used.role.vars.iter().any(holds) {
                Some(format!("vars of role `{name}`"))
            } else if used.role.defaults.iter().any(holds) {
                Some(format!("default of role `{name}`"))
            } else {
                None
            }
        }
        _ => None,
    }
}

/// How a task, or what surrounds it, sets a variable.
fn set_by(step: &Step<'_>, name: &str) -> Vec<Place> {
    let task: &Task = step.task;
    let title = super::super::step::raw_title(task);
    let at = |level, by: String, source: &Source| Place {
        level,
        by,
        place: Some(source.span.place()),
        written: Some(written_text(source)),
    };
    let mut places = Vec::new();
    match task.action.module.as_str() {
        "set_fact" => {
            let value = task.action.args.get(name);
            places
                .extend(value.map(|value| at(Level::Set, format!("set_fact of task `{title}`, from there on"), value)));
        }
        "include_vars" => {
            let included = step.on.perform().consequences;
            for consequence in included {
                let crate::actions::Consequence::Include(variables) = consequence else { continue };
                let set = variables.into_iter().find(|(have, _)| &**have == name);
                places.extend(set.map(|(_, binding)| {
                    place(Level::IncludeVars, format!("include_vars of task `{title}`, from there on"), &binding)
                }));
            }
        }
        _ => {}
    }
    if let Some(register) = task.get(Keyword::Register).filter(|register| register.as_str() == Some(name)) {
        places.push(Place {
            level: Level::Set,
            by: format!("register of task `{title}`, from there on"),
            place: Some(register.span.place()),
            written: None,
        });
    }
    for around in task.scope.outward() {
        let kind = match &around.kind {
            ScopeKind::Task => format!("vars of task `{title}`, for that task"),
            ScopeKind::Block => "vars of a block, for its tasks".to_owned(),
            ScopeKind::Include(_) => "vars of an include, for its tasks".to_owned(),
            ScopeKind::Role(used) => {
                let role = &used.role.name;
                for (own, value) in &used.params {
                    if &**own == name {
                        places.push(at(Level::Parameters, format!("parameter of role `{role}`, for its tasks"), value));
                    }
                }
                for vars in used.role.vars.iter().filter_map(|vars| vars.get(name)) {
                    places.push(at(Level::Task, format!("vars of role `{role}`, for its tasks"), vars));
                }
                format!("vars of the use of role `{role}`, for its tasks")
            }
            ScopeKind::Play => break,
        };
        let level = if matches!(around.kind, ScopeKind::Include(_)) { Level::Parameters } else { Level::Task };
        let own = around.keywords.get(Keyword::Vars).and_then(|vars| vars.get(name));
        places.extend(own.map(|value| at(level, kind, value)));
    }
    places
}

/// The levels that override one, for people: those that a user or a task can set.
pub fn levels_above(level: Level) -> Vec<String> {
    let settable = [
        Level::Extra,
        Level::Parameters,
        Level::Set,
        Level::IncludeVars,
        Level::Task,
        Level::Play,
        Level::Facts,
        Level::Inventory,
    ];
    settable.into_iter().filter(|other| *other < level).map(|level| level.to_string()).collect()
}
