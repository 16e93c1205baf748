//! A task on hosts: first everything that needs no host, on all cores; then the hosts, side by side.

use super::batch::Batch;
use super::ending::Ending;
use super::host::Host;
use super::keywords::KeywordReader;
use super::on_host::{OnHost, Prepared};
use super::settling::end_of;
use crate::event::{EventKind, Place, Status, TaskId, TaskResult};
use crate::playbook::{Keyword, Task};
use crate::template::Scope;
use rayon::prelude::*;
use std::sync::Arc;

/// How far a task is on a host before any host was asked.
enum Begun {
    /// It does not apply there, which is taken in: the result as it is to be told, and where that was not planned, why.
    Skipped(TaskResult, Option<String>),
    /// It is done.
    Ended(Box<Ending>, Scope),
    /// The host is to be asked.
    NeedsHost(Box<OnHost>),
}

impl Batch {
    /// Runs a task on hosts and waits for all of them.
    pub fn step(self: &Arc<Self>, task: &Arc<Task>, hosts: &[Arc<Host>]) {
        let layers = self.play.task_layers(&task.scope);
        let Some(first) = hosts.first() else { return };
        let surroundings = self.surroundings(&task.scope);
        let scope = self.scope_in(first, &task.scope, &layers, &surroundings);
        let reader = KeywordReader { task: &task.scope, scope: &scope };
        // `add_host` changes the inventory, not its host: once is enough, with the first host's variables.
        let once = task.action.module == "add_host" || reader.flag(Keyword::RunOnce).ok().flatten().unwrap_or(false);
        let throttle = reader.number(Keyword::Throttle).ok().flatten().and_then(|limit| usize::try_from(limit).ok());
        let throttle = throttle.filter(|limit| *limit > 0);
        let on = if once { &hosts[..1] } else { hosts };
        let (id, title) = self.start_task(task, &scope, on.len());
        if !self.run().confirm_step(&title) {
            self.run().sink.emit(EventKind::TaskFinished { task: id });
            return;
        }

        let prepared: Vec<(Arc<Host>, Prepared)> = on
            .par_iter()
            .map(|host| {
                let scope = match Arc::ptr_eq(host, first) {
                    true => scope.clone(),
                    false => self.scope_in(host, &task.scope, &layers, &surroundings),
                };
                let on_host = OnHost {
                    batch: self.clone(),
                    task: task.clone(),
                    id,
                    title: title.clone(),
                    host: host.clone(),
                    scope,
                };
                let prepared = match on_host.with_module() {
                    // The user may want it again, whatever it comes to.
                    Ok(on_host) if on_host.may_debug() => Prepared::NeedsHost(Box::new(on_host)),
                    Ok(on_host) => on_host.prepare(),
                    Err(ended) => Prepared::Ended(Box::new(ended.0), ended.1),
                };
                (host.clone(), prepared)
            })
            .collect();

        // A host that is skipped changes nothing but its own state: all of them at once, when every condition was judged.
        let everyone = once.then_some(hosts);
        let begun: Vec<(Arc<Host>, Begun)> = prepared
            .into_par_iter()
            .map(|(host, prepared)| {
                let begun = match prepared {
                    Prepared::Ended(ending, scope) if ending.result.status == Status::Skipped => {
                        let (result, deviation) = self.settled(task, (id, &title), &host, &scope, *ending, everyone);
                        Begun::Skipped(result, deviation)
                    }
                    Prepared::Ended(ending, scope) => Begun::Ended(ending, scope),
                    Prepared::NeedsHost(on_host) => Begun::NeedsHost(on_host),
                };
                (host, begun)
            })
            .collect();

        let mut jobs: Vec<Box<dyn FnOnce() + Send>> = Vec::new();
        let mut waiting: Vec<Arc<Host>> = Vec::new();
        // Those that are skipped are told together: there may be thousands.
        let mut skips: Vec<EventKind> = Vec::new();
        for (host, begun) in begun {
            match begun {
                Begun::Skipped(result, deviation) => add_skip(&mut skips, id, &host.name, result, deviation),
                Begun::Ended(ending, scope) => {
                    self.run().sink.emit_all(std::mem::take(&mut skips));
                    self.settle(task, (id, &title), &host, &scope, *ending, everyone);
                }
                Begun::NeedsHost(on_host) => {
                    let (batch, task, title) = (self.clone(), task.clone(), title.clone());
                    let everyone = everyone.map(<[_]>::to_vec);
                    waiting.push(host.clone());
                    jobs.push(Box::new(move || {
                        let _leave = throttle.map(|limit| batch.throttles.enter(task.span(), limit));
                        batch.run().sink.emit(EventKind::HostStarted { task: id, host: host.name.to_string() });
                        let (on_host, ending) = match on_host.may_debug() {
                            true => on_host.perform_debugged(),
                            false => {
                                let ending = on_host.perform();
                                (*on_host, ending)
                            }
                        };
                        batch.settle(&task, (id, &title), &host, &on_host.scope, ending, everyone.as_deref());
                    }));
                }
            }
        }
        self.run().sink.emit_all(skips);
        let limit = throttle.map_or(self.run().forks(), |limit| limit.min(self.run().forks()));
        let done = self.run().pool.all(Some(limit), jobs);
        for (host, done) in waiting.iter().zip(done) {
            if done.is_none() {
                let ending = Ending::failed("an internal error ended this task; please report it with the lines above");
                let scope = self.scope(host, &task.scope, &layers);
                self.settle(task, (id, &title), host, &scope, ending, None);
            }
        }
        self.run().sink.emit(EventKind::TaskFinished { task: id });
        self.consequences_of_failures(task, hosts);
    }

    /// Tells that a task starts. Its number and its name.
    pub fn start_task(self: &Arc<Self>, task: &Arc<Task>, scope: &Scope, hosts: usize) -> (TaskId, Arc<str>) {
        let run = self.run();
        let name = match task.name() {
            // A name with what can't be templated is shown as written.
            Some(source) => scope.text(source).unwrap_or_else(|_| source.as_str().unwrap_or_default().to_owned()),
            None => raw_title(task),
        };
        let hidden = KeywordReader { task: &task.scope, scope }.flag(Keyword::NoLog);
        let args = match hidden {
            Ok(None | Some(false)) => {
                let named = task.action.args.named.iter();
                Some(named.map(|(name, value)| (name.to_string(), super::written(value))).collect())
            }
            _ => None,
        };
        let id = run.next_task();
        let span = task.span();
        run.sink.emit(EventKind::TaskStarted {
            task: id,
            play: self.play.id,
            name: name.clone(),
            action: task.action.name.clone(),
            role: task.scope.role().map(|used| used.name.clone()),
            handler: task.handler,
            place: place(span),
            args,
            implicit: task.implicit,
            hosts: hosts as u32,
        });
        (id, Arc::from(name))
    }
}

/// Adds a skipped host to the events: to the last one, where that says the same of others.
fn add_skip(skips: &mut Vec<EventKind>, task: TaskId, host: &str, result: TaskResult, deviation: Option<String>) {
    match skips.last_mut() {
        _ if deviation.is_some() => skips.extend(end_of(task, host, result, deviation)),
        Some(EventKind::HostsSkipped { hosts, result: said, .. }) if *said == result => hosts.push(host.to_owned()),
        _ => skips.push(EventKind::HostsSkipped { task, hosts: vec![host.to_owned()], result }),
    }
}

/// A span as events have it.
pub fn place(span: &crate::diagnostic::Span) -> Place {
    Place { file: span.file.path.display().to_string(), line: span.line, column: span.column }
}

/// A task's name as written, else its module's.
pub fn raw_title(task: &Task) -> String {
    if let Some(name) = task.name().and_then(|source| source.as_str()) {
        return name.to_owned();
    }
    let role = ["name", "role"].into_iter().find_map(|arg| task.action.args.get(arg)).and_then(|role| role.as_str());
    match role {
        Some(role) if task.action.module == "include_role" => format!("{} : {role}", task.action.name),
        _ => task.action.name.clone(),
    }
}
