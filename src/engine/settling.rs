//! What a task's end on a host brings about: what is registered and notified, facts and variables, the recap's figures, and
//! whether the host goes on.

use super::batch::Batch;
use super::ending::Ending;
use super::host::{FailedTask, Host, Standing};
use super::keywords::KeywordReader;
use super::step::place;
use crate::actions::{self, Consequence};
use crate::event::{EventKind, Status, TaskId, TaskResult};
use crate::playbook::{Keyword, Task};
use crate::template::{Binding, Scope};
use std::sync::Arc;

impl Batch {
    /// Takes in how a task ended on a host, and tells it.
    pub fn settle(
        self: &Arc<Self>,
        task: &Arc<Task>,
        title: (TaskId, &str),
        host: &Arc<Host>,
        scope: &Scope,
        ending: Ending,
        everyone: Option<&[Arc<Host>]>,
    ) {
        let (result, deviation) = self.settled(task, title, host, scope, ending, everyone);
        self.run().sink.emit_all(end_of(title.0, &host.name, result, deviation));
    }

    /// Takes in how a task ended on a host. The result as it is to be told, and where it is not as planned, why.
    pub(super) fn settled(
        self: &Arc<Self>,
        task: &Arc<Task>,
        (id, title): (TaskId, &str),
        host: &Arc<Host>,
        scope: &Scope,
        mut ending: Ending,
        everyone: Option<&[Arc<Host>]>,
    ) -> (TaskResult, Option<String>) {
        let run = self.run();
        let reader = KeywordReader { task: &task.scope, scope };
        let ignored = match ending.result.status {
            Status::Failed => reader.flag(Keyword::IgnoreErrors),
            Status::Unreachable => reader.flag(Keyword::IgnoreUnreachable),
            _ => Ok(None),
        };
        // Not knowing whether to go on means not to.
        ending.result.ignored = ignored.ok().flatten().unwrap_or(false);

        ending.result.digest = ending.digest();
        if self.play.is_plan() {
            self.doubt(host, task, title, &mut ending);
        }

        if let Some(name) = task.get(Keyword::Register).and_then(|source| source.as_str()) {
            let registered = registered(task, title, name, &ending);
            for host in everyone.unwrap_or(std::slice::from_ref(host)) {
                host.state().vars.set(name, registered.clone());
            }
        }
        self.take_facts(host, &ending, everyone);
        for consequence in std::mem::take(&mut ending.consequences) {
            self.consequence(consequence, host, everyone);
        }
        for own in std::mem::take(&mut ending.of_delegates) {
            let delegate = run.host(&own.host);
            if !own.facts.is_empty() {
                delegate.state().vars.facts.add(&own.facts);
                run.cache_facts(&delegate);
            }
            for variables in own.variables {
                self.consequence(variables, &delegate, None);
            }
        }
        self.count(host, task, title, &ending);
        let changed = ending.result.status == Status::Changed || ending.result.status == Status::Unknown;
        if changed {
            let hosts = everyone.unwrap_or(std::slice::from_ref(host));
            let perhaps = (ending.result.status == Status::Unknown).then(|| {
                Arc::from(format!("it runs only if task `{title}` ({}) changes something", task.span().place()))
            });
            self.notify(task, id, scope, hosts, perhaps.as_ref());
        }
        let deviation = self.judged(task, title, host, &ending.result);
        let mut result = ending.result;
        if !run.wants_diff(&reader) {
            result.diff.clear();
        }
        if result.hidden {
            super::censor(&mut result);
        }
        if deviation.is_some() {
            let hosts = everyone.unwrap_or(std::slice::from_ref(host));
            for host in hosts {
                let mut state = host.state();
                state.standing = Standing::Deviated;
                state.stats.failures += 1;
            }
        }
        if everyone.is_some() && host.state().standing != Standing::Active && !host.is_active() {
            let standing = host.state().standing;
            if standing == Standing::Failed {
                // A task that runs once for all fails for all.
                for other in everyone.unwrap_or_default() {
                    other.stand(Standing::Failed);
                }
            }
        }
        (result, deviation)
    }

    /// What a dry run can't say for sure of an end that it foresees.
    fn doubt(&self, host: &Arc<Host>, task: &Task, title: &str, ending: &mut Ending) {
        let mut state = host.state();
        if ending.ran_live {
            let said = ending.result.result.get("msg").and_then(|msg| msg.as_str()).unwrap_or_default().to_owned();
            let command = ending.result.result.get("cmd").map(ToString::to_string).unwrap_or_default();
            let seen = state.touched.iter().find(|path| command.contains(path.as_str()));
            let why = match (seen, ending.result.status) {
                (Some(path), _) => Some(format!("what it says of {path}, which earlier tasks would change")),
                (None, Status::Failed) if !state.touched.is_empty() && ending.of_host => Some(format!(
                    "it was done for real and fails now ({said}), but earlier tasks would change the host"
                )),
                _ => None,
            };
            if let Some(why) = why {
                ending.result.status = Status::Unknown;
                ending.result.why = Some(why.clone());
                ending.unknown = Some(why);
                return;
            }
        }
        if ending.result.status == Status::Changed {
            state.touched.extend(touched(&ending.result));
        }
        if let Some(why) = state.perhaps.clone() {
            if ending.result.status != Status::Skipped {
                ending.result.status = Status::Unknown;
                ending.result.why = Some(why.to_string());
            }
        } else if matches!(ending.result.status, Status::Unknown | Status::Changed) && ending.did_unforeseen {
            let place = task.span().place();
            state
                .unforeseen
                .get_or_insert_with(|| Arc::from(format!("task `{title}` ({place}) may change that before")));
        } else if let (Status::Failed, Some(why), true) =
            (ending.result.status, &state.unforeseen, ending.of_host && !ending.result.ignored)
        {
            let said = ending.result.result.get("msg").and_then(|msg| msg.as_str()).unwrap_or_default();
            let why = format!("it would fail now ({said}), but {why}");
            ending.result.status = Status::Unknown;
            ending.result.why = Some(why.clone());
            ending.unknown = Some(why);
        }
    }

    /// Why the host must not go on: what the task did was not foreseen.
    fn judged(&self, task: &Task, title: &str, host: &Arc<Host>, result: &TaskResult) -> Option<String> {
        let foresight = self.run().foresight.as_ref()?;
        let place = place(task.span());
        let mark = super::foresight::TaskMark {
            play: self.play.id,
            title,
            action: &task.action.name,
            role: task.scope.role().map(|used| &*used.name),
            handler: task.handler,
            place: &place,
        };
        foresight.judge(&mark, &host.name, result)
    }

    fn take_facts(&self, host: &Arc<Host>, ending: &Ending, everyone: Option<&[Arc<Host>]>) {
        let sets_variables = ending
            .consequences
            .iter()
            .any(|consequence| matches!(consequence, Consequence::Set { .. } | Consequence::Include(_)));
        if ending.facts.is_empty() || sets_variables {
            return;
        }
        for target in everyone.unwrap_or(std::slice::from_ref(host)) {
            target.state().vars.facts.add(&ending.facts);
            self.run().cache_facts(target);
        }
    }

    /// What a task's action asks of the controller.
    fn consequence(&self, consequence: Consequence, host: &Arc<Host>, everyone: Option<&[Arc<Host>]>) {
        let targets = everyone.unwrap_or(std::slice::from_ref(host));
        match consequence {
            Consequence::Set { variables, cacheable } => {
                for target in targets {
                    let mut state = target.state();
                    for (name, value) in &variables {
                        state.vars.set(name, value.clone());
                    }
                    if cacheable {
                        let facts = variables.iter().filter_map(|(name, value)| match value {
                            Binding::Value(value) => Some((name.clone(), actions::json(value))),
                            _ => None,
                        });
                        state.vars.facts.add(&facts.collect());
                    }
                }
                if cacheable {
                    targets.iter().for_each(|target| self.run().cache_facts(target));
                }
            }
            Consequence::Include(variables) => {
                for target in targets {
                    target.state().vars.include(variables.iter().cloned().collect());
                }
            }
            Consequence::AddHost { name, groups, vars } => {
                self.run().add_host(&name, &groups, vars);
                super::batch::lock(&self.play.layers).clear();
            }
            Consequence::GroupBy { group, parents } => {
                for target in targets {
                    self.run().group_by(&target.name, &group, &parents);
                }
                // The new groups may have variables.
                super::batch::lock(&self.play.layers).clear();
            }
            Consequence::Stats { data, per_host, aggregate } => {
                self.run().add_stats(per_host.then_some(&*host.name), data, aggregate);
            }
            Consequence::Abort => self.end_play(Standing::Ended),
        }
    }

    /// The recap's figures, and what becomes of the host.
    fn count(&self, host: &Arc<Host>, task: &Task, title: &str, ending: &Ending) {
        if !matches!(ending.result.status, Status::Skipped | Status::Unreachable) {
            host.works_in_role(&task.scope);
        }
        let mut state = host.state();
        let ignored = ending.result.ignored;
        match ending.result.status {
            Status::Ok => state.stats.ok += 1,
            Status::Changed => {
                state.stats.ok += 1;
                state.stats.changed += 1;
            }
            // What the engine is told, and is not to do, was no task of the host's.
            Status::Skipped if task.action.module == "meta" => {}
            Status::Skipped => state.stats.skipped += 1,
            Status::Unknown => {
                state.stats.ok += 1;
                state.stats.unknown += 1;
            }
            Status::Failed if ignored => {
                state.stats.ok += 1;
                state.stats.ignored += 1;
                // It failed, and changed the host all the same.
                if ending.result.result.get("changed") == Some(&serde_json::Value::Bool(true)) {
                    state.stats.changed += 1;
                }
            }
            Status::Failed => {
                state.stats.failures += 1;
                state.standing = Standing::Failed;
                state.failed = Some(FailedTask {
                    task: crate::vars::data(&serde_json::json!({
                        "name": if task.name().is_some() { title } else { "" },
                        "action": task.action.name,
                        "args": task.action.args.named.iter().map(|(name, value)| (name.to_string(), super::written(value))).collect::<serde_json::Map<_, _>>(),
                    })),
                    result: crate::vars::data(&ending.result.result),
                });
            }
            Status::Unreachable if ignored => {
                state.stats.ok += 1;
                state.stats.ignored += 1;
            }
            Status::Unreachable => {
                state.stats.unreachable += 1;
                state.standing = Standing::Unreachable;
            }
        }
    }
}

/// The events of a task's end on a host.
pub(super) fn end_of(task: TaskId, host: &str, result: TaskResult, deviation: Option<String>) -> Vec<EventKind> {
    let finished = EventKind::HostFinished { task, host: host.to_owned(), result };
    let deviated = deviation.map(|why| EventKind::Deviated { task, host: host.to_owned(), why });
    std::iter::once(finished).chain(deviated).collect()
}

/// The paths that a result says are changed.
fn touched(result: &TaskResult) -> impl Iterator<Item = String> {
    let of_states = result.diff.iter().filter_map(|diff| diff.after.get("path").and_then(|path| path.as_str()));
    let of_texts = result.diff.iter().map(|diff| diff.before_header.split(" (").next().unwrap_or_default());
    let of_new = result.diff.iter().map(|diff| diff.file.as_str());
    let of_result = ["dest", "path"].iter().filter_map(|name| result.result.get(*name).and_then(|path| path.as_str()));
    let all =
        of_states.chain(of_texts).chain(of_new).chain(of_result).filter(|path| path.starts_with('/') && path.len() > 1);
    all.map(str::to_owned).collect::<Vec<_>>().into_iter()
}

/// The result as `register` keeps it: in a dry run, known or not.
pub fn registered(task: &Task, title: &str, name: &str, ending: &Ending) -> Binding {
    match &ending.unknown {
        Some(why) => Binding::Unknown(Arc::from(format!(
            "`register: {name}` of task `{title}` ({}): {why}",
            task.span().place()
        ))),
        None => {
            let mut fields = ending.result.result.clone();
            // A loop over nothing did not even succeed.
            if !fields.contains_key("skipped_reason") {
                fields.entry("failed").or_insert(serde_json::Value::Bool(false));
            }
            if ending.unknown_fields.is_empty() {
                return Binding::Value(crate::vars::data(&fields));
            }
            let what = format!("`register: {name}` of task `{title}` ({})", task.span().place());
            Binding::Value(super::background::with_unknown(&fields, &ending.unknown_fields, &what))
        }
    }
}

/// Hides a result of a task with `no_log`.
pub fn censor(result: &mut TaskResult) {
    let keep = ["changed", "failed", "skipped", "unreachable", "attempts", "rc"];
    let mut shown: serde_json::Map<_, _> = std::mem::take(&mut result.result);
    shown.retain(|name, _| keep.contains(&name.as_str()));
    shown.insert(
        "censored".to_owned(),
        "the output has been hidden due to the fact that 'no_log: true' was specified for this result".into(),
    );
    result.result = shown;
    result.diff.clear();
    result.why = None;
    result.hidden = true;
}
