//! Why a task would be skipped.

use super::super::entry::Ready;
use super::super::on_host::OnHost;
use super::stage::{Stage, Step};
use crate::diagnostic::{Diagnostic, did_you_mean};
use crate::playbook::{Keyword, Task};
use crate::template::{Scope, TemplateErrorKind, Truth};
use crate::vars::Level;
use serde::Serialize;
use std::sync::Arc;

/// Whether a task would run on a host.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case", tag = "verdict")]
pub enum Skip {
    /// It would.
    Runs,
    /// It would not.
    Skipped {
        /// Why not.
        why: String,
        /// Where that stands.
        place: Option<String>,
    },
    /// Only a run can tell.
    Unknown {
        /// What of it is not known.
        why: String,
        /// Where that stands.
        place: Option<String>,
    },
    /// It would fail before it did anything.
    Fails {
        /// The error.
        why: String,
    },
}

/// A task on a host.
#[derive(Clone, Debug, Serialize)]
pub struct ExplainedTask {
    /// Its name, or its module's.
    pub task: String,
    /// Where it stands.
    pub place: String,
    /// The play that it is in.
    pub play: String,
    /// The host.
    pub host: String,
    /// Whether it would run.
    #[serde(flatten)]
    pub skip: Skip,
    /// The variables that were looked at for that, and where they are set.
    pub looked_at: Vec<(String, String)>,
    /// What else has to happen for it to run: `notify` of a handler.
    pub also: Option<String>,
}

/// Explains for each host of the limit whether the tasks of a name would run on it.
pub fn explain_task(ready: &Ready, wanted: &str) -> Result<(Vec<ExplainedTask>, Vec<String>), Diagnostic> {
    let run = &ready.run;
    let mut all = Vec::new();
    let mut missed: Vec<String> = Vec::new();
    let mut titles: Vec<String> = Vec::new();
    for (id, play) in (0..).zip(ready.playbooks.iter().flat_map(|playbook| &playbook.plays)) {
        let stage = Stage::of(run, play, id)?;
        for host in stage.hosts() {
            let not_seen = stage.walk(host, &mut |step| {
                titles.push(super::super::step::raw_title(step.task));
                if is_named(step.task, wanted) {
                    all.push(explained(&stage, step));
                }
            });
            missed.extend(not_seen.into_iter().filter(|what| !missed.contains(what)).collect::<Vec<_>>());
        }
    }
    if all.is_empty() {
        let problem = Diagnostic::plain(format!("no task `{wanted}` is in a play that has hosts"));
        let hint = did_you_mean(wanted, titles.iter().map(String::as_str));
        let problem = hint.into_iter().fold(problem, Diagnostic::hint);
        let looked = missed.iter().map(|missed| format!("it could not be looked into {missed}"));
        return Err(looked.fold(problem, Diagnostic::hint));
    }
    Ok((all, missed))
}

/// Whether a task is called so: by its name, with or without its role's, or a pattern of either.
pub fn is_named(task: &Task, wanted: &str) -> bool {
    let title = super::super::step::raw_title(task);
    let full = task.scope.role().map(|used| format!("{} : {title}", used.name));
    [Some(title), full].into_iter().flatten().any(|title| title == wanted || super::super::glob(wanted, &title))
}

fn explained(stage: &Stage, step: &Step<'_>) -> ExplainedTask {
    let task = step.task;
    let mut looked_at = Vec::new();
    let skip = verdict(stage, step, &mut looked_at);
    let mut names: Vec<&str> = task.list(Keyword::Listen).into_iter().filter_map(|listen| listen.as_str()).collect();
    let title = super::super::step::raw_title(task);
    names.insert(0, &title);
    ExplainedTask {
        place: task.span().place(),
        play: stage.name().to_owned(),
        host: step.on.host.name.to_string(),
        skip,
        looked_at,
        also: task
            .handler
            .then(|| format!("it is a handler: it runs when a changed task notifies {}", names.join(" or "))),
        task: title.clone(),
    }
}

fn verdict(stage: &Stage, step: &Step<'_>, looked_at: &mut Vec<(String, String)>) -> Skip {
    let run = stage.run();
    let mut unknown = None;
    // What includes it must run first.
    for (outer, how) in step.by.iter().map(|outer| (outer, "the include of its file")).chain([(step.task, "it")]) {
        let tags = super::super::lists::own_tags(&crate::playbook::tags_of(&outer.scope));
        if !outer.handler && !run.tags.wants(&tags) {
            let why = format!("{how} has the tags [{}], which --tags and --skip-tags leave out", tags.join(", "));
            return Skip::Skipped { why, place: Some(outer.span().place()) };
        }
        let scope = if Arc::ptr_eq(outer, step.task) {
            step.on.scope.clone()
        } else {
            stage.scope(&step.on.host, &outer.scope)
        };
        match conditions(stage, step, outer, &scope, looked_at) {
            Skip::Runs => {}
            Skip::Unknown { why, place } => unknown = unknown.or(Some(Skip::Unknown { why, place })),
            decided => return decided,
        }
    }
    unknown.unwrap_or(Skip::Runs)
}

/// `when`, for each item of a loop where there is one.
fn conditions(
    stage: &Stage,
    step: &Step<'_>,
    task: &Arc<Task>,
    scope: &Scope,
    looked_at: &mut Vec<(String, String)>,
) -> Skip {
    let looped = Arc::ptr_eq(task, step.task) && task.looped.is_some();
    let scopes = if looped { items(step.on) } else { Ok(vec![scope.clone()]) };
    let scopes = match scopes {
        Ok(scopes) if scopes.is_empty() => {
            return Skip::Skipped { why: "its loop has no items".to_owned(), place: loop_place(task) };
        }
        Ok(scopes) => scopes,
        // The condition may not look at the items at all.
        Err(skip) => match one(stage, step, task, scope, looked_at) {
            decided @ Skip::Skipped { .. } => return decided,
            _ => return skip,
        },
    };
    let mut last = Skip::Runs;
    for scope in &scopes {
        match one(stage, step, task, scope, looked_at) {
            Skip::Runs => return Skip::Runs,
            other => last = other,
        }
    }
    match last {
        Skip::Skipped { why, place } if scopes.len() > 1 => {
            Skip::Skipped { why: format!("{why} (so with each of {} items; this is the last)", scopes.len()), place }
        }
        other => other,
    }
}

fn one(stage: &Stage, step: &Step<'_>, task: &Arc<Task>, scope: &Scope, looked_at: &mut Vec<(String, String)>) -> Skip {
    let mut unknown = None;
    for source in task.scope.gathered(Keyword::When) {
        let place = Some(source.span.place());
        match scope.condition(source) {
            Ok(Truth::True) => {}
            Ok(Truth::False { why }) => {
                note(stage, step, task, scope, looked_at);
                return Skip::Skipped { why: format!("the condition does not hold: {why}"), place };
            }
            Ok(Truth::Unknown { why }) => unknown = unknown.or(Some(Skip::Unknown { why, place })),
            Err(error) if error.kind == TemplateErrorKind::Unknown => {
                unknown = unknown.or(Some(Skip::Unknown { why: error.diagnostic.message.clone(), place }));
            }
            Err(error) => return Skip::Fails { why: format!("the condition can't be evaluated: {error}") },
        }
    }
    note(stage, step, task, scope, looked_at);
    unknown.unwrap_or(Skip::Runs)
}

/// Where the variables stand that a condition looked at.
fn note(stage: &Stage, step: &Step<'_>, task: &Arc<Task>, scope: &Scope, looked_at: &mut Vec<(String, String)>) {
    let stack = stage.stack(&step.on.host, &task.scope);
    for name in scope.reads() {
        if looked_at.iter().any(|(known, _)| *known == *name) {
            continue;
        }
        let found = stack.levels().into_iter().find_map(|(level, layer)| Some((level, layer.get(&name)?)));
        let Some((level, binding)) = found else { continue };
        let at = match binding {
            crate::template::Binding::Source(source) => source.span.place(),
            crate::template::Binding::Unknown(why) => why.to_string(),
            crate::template::Binding::Value(_) => match stage.told(&step.on.host, &name) {
                Some((by, span)) if matches!(level, Level::Set | Level::IncludeVars) => {
                    format!("{}: {by}", span.place())
                }
                _ => level.to_string(),
            },
        };
        looked_at.push((name.to_string(), at));
    }
}

/// The variables of each item.
fn items(on: &OnHost) -> Result<Vec<Scope>, Skip> {
    on.item_scopes().map_err(|error| match error.kind {
        TemplateErrorKind::Unknown => {
            Skip::Unknown { why: format!("its loop: {}", error.diagnostic.message), place: loop_place(&on.task) }
        }
        _ => Skip::Fails { why: format!("its loop: {error}") },
    })
}

fn loop_place(task: &Task) -> Option<String> {
    task.looped.as_ref().map(|looped| looped.items.span.place())
}
