//! A task on one host: conditions and attempts.

use super::background;
use super::batch::Batch;
use super::ending::Ending;
use super::host::Host;
use super::keywords::KeywordReader;
use crate::actions::{self, Action, ActionCall, Consequence, NeedsHost, NoContent, Remote};
use crate::event::{EventKind, Status, TaskId};
use crate::loader::Source;
use crate::playbook::{Keyword, Task};
use crate::template::{Binding, Holes, Scope, TemplateError, TemplateErrorKind, Truth, Value};
use crate::vars::Layer;
use refit_agent::protocol::HALF_KNOWN;
use serde_json::Value as Json;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// A task on a host.
pub struct OnHost {
    /// The batch.
    pub batch: Arc<Batch>,
    /// The task.
    pub task: Arc<Task>,
    /// Its number.
    pub id: TaskId,
    /// Its name, for the host's requests.
    pub title: Arc<str>,
    /// The host.
    pub host: Arc<Host>,
    /// The variables in force.
    pub scope: Scope,
}

/// What is left to do once everything that needs no host was done.
pub enum Prepared {
    /// Nothing.
    Ended(Box<Ending>, Scope),
    /// The host has to be asked, or something waited for.
    NeedsHost(Box<OnHost>),
}

/// What the conditions came to.
pub enum Gate {
    /// The task applies.
    Open,
    /// It does not, or that can't be told.
    Shut(Box<Ending>),
}

impl OnHost {
    /// Does what needs no host: a condition that does not hold, a controller's action. Never waits.
    pub fn prepare(self) -> Prepared {
        let inline = self.action().is_some_and(|action| action.needs_host == NeedsHost::No) && !self.repeats();
        if inline {
            let ending = self.perform();
            return Prepared::Ended(Box::new(ending), self.scope);
        }
        if self.task.looped.is_none() {
            match self.gate(&self.scope) {
                Gate::Shut(ending) => {
                    let ending = self.hide(*ending);
                    return Prepared::Ended(Box::new(ending), self.scope);
                }
                Gate::Open => {}
            }
        }
        Prepared::NeedsHost(Box::new(self))
    }

    /// With the module that only the run can tell; or how the task ended, where there is none.
    pub fn with_module(mut self) -> Result<OnHost, Box<(Ending, Scope)>> {
        let Some(name) = &self.task.action.dynamic else { return Ok(self) };
        let ending = match self.scope.text(name) {
            Ok(name) if actions::find(&name).is_some() => {
                let mut task = Task::clone(&self.task);
                task.action.module = actions::short_name(&name).to_owned();
                task.action.name = name;
                task.action.dynamic = None;
                self.task = Arc::new(task);
                return Ok(self);
            }
            Ok(name) => Ending::failed(format!("there is no module `{name}`")),
            Err(error) => Ending::template_error(error),
        };
        // Which module it would be matters only if the task applies.
        let ending = match self.gate(&self.scope) {
            Gate::Shut(shut) if shut.result.status == Status::Skipped => *shut,
            _ => self.hide(ending),
        };
        Err(Box::new((ending, self.scope)))
    }

    /// Does all of it.
    pub fn perform(&self) -> Ending {
        let began = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as i64);
        let clock = Instant::now();
        let mut ending = match &self.task.looped {
            None => self.one(&self.scope),
            Some(_) => match self.items() {
                Ok(items) => self.looped(items),
                // What can't be looped over matters only if the task applies.
                Err(error) => match self.gate(&self.scope) {
                    Gate::Shut(ending) if ending.result.status == Status::Skipped => *ending,
                    _ => self.with_unknown_facts(Ending::template_error(error)),
                },
            },
        };
        // What does not apply takes no time, and is then the same on all hosts.
        if ending.result.status != Status::Skipped {
            ending.result.began = began;
            ending.result.took = clock.elapsed().as_micros() as u64;
        }
        self.hide(ending)
    }

    pub(super) fn keywords<'a>(&'a self, scope: &'a Scope) -> KeywordReader<'a> {
        KeywordReader { task: &self.task.scope, scope }
    }

    pub(super) fn action(&self) -> Option<&'static Action> {
        actions::action(actions::find(&self.task.action.name)?.name)
    }

    pub(super) fn gathers_facts(&self) -> bool {
        matches!(self.task.action.module.as_str(), "setup" | "gather_facts")
    }

    pub(super) fn repeats(&self) -> bool {
        self.task.get(Keyword::Until).is_some() || self.task.get(Keyword::Retries).is_some()
    }

    /// `no_log`: nothing of the result leaves the engine, except in `register`.
    fn hide(&self, mut ending: Ending) -> Ending {
        match self.keywords(&self.scope).flag(Keyword::NoLog) {
            Ok(hidden) => ending.result.hidden = hidden.unwrap_or(false),
            // What can't be told is not shown.
            Err(_) => ending.result.hidden = true,
        }
        ending
    }

    /// `when`; and whether the host that the task is delegated to has a name, which no condition can excuse.
    pub fn gate(&self, scope: &Scope) -> Gate {
        if let Ok(Some(name)) = self.keywords(scope).text(Keyword::DelegateTo)
            && name.is_empty()
        {
            return Gate::Shut(Box::new(Ending::failed("`delegate_to` gives an empty name of a host")));
        }
        for source in self.task.scope.gathered(Keyword::When) {
            let truth = scope.condition(source);
            self.batch.run().warn_of(scope);
            match truth {
                Ok(Truth::True) => {}
                Ok(Truth::False { why }) => {
                    let condition = source.as_str().map(str::to_owned);
                    return Gate::Shut(Box::new(Ending::skipped(condition.as_deref().or(Some(&why)), why.clone())));
                }
                Ok(Truth::Unknown { why }) => return Gate::Shut(Box::new(Ending::unknown(why))),
                Err(error) => {
                    let mut ending = Ending::template_error(error);
                    if ending.is_failed() {
                        let told =
                            ending.result.result.get("msg").and_then(Json::as_str).unwrap_or_default().to_owned();
                        let message = format!("the condition can't be evaluated: {told}");
                        ending.result.result.insert("msg".to_owned(), message.into());
                    }
                    return Gate::Shut(Box::new(ending));
                }
            }
        }
        Gate::Open
    }

    /// The task once, or for one item.
    pub(super) fn one(&self, scope: &Scope) -> Ending {
        let mut ending = self.with_unknown_facts(self.tried(scope));
        if self.keywords(scope).flag(Keyword::DelegateFacts).ok().flatten().unwrap_or(false) {
            ending.give_to_delegate();
        }
        ending
    }

    /// In a dry run: what `set_fact` would set, known or not, where it is not known whether or to what. Otherwise what uses
    /// it would fail, as if it were never set.
    fn with_unknown_facts(&self, mut ending: Ending) -> Ending {
        let sets = actions::find(&self.task.action.name).is_some_and(|module| module.name == "set_fact");
        if let (true, true, Some(why)) = (sets, ending.consequences.is_empty(), &ending.unknown) {
            let names = self.task.action.args.named.iter().filter(|(name, _)| &**name != "cacheable");
            let why: Arc<str> = Arc::from(why.as_str());
            let variables = names.map(|(name, _)| (name.to_string(), Binding::Unknown(why.clone()))).collect();
            ending.consequences.push(Consequence::Set { variables, cacheable: false });
        }
        ending
    }

    /// `set_fact` of values of which not all are known: those that are, are set.
    fn partly_known(&self, scope: &Scope, first: &TemplateError) -> Ending {
        let mut variables = Vec::new();
        for (name, source) in self.task.action.args.named.iter().filter(|(name, _)| &**name != "cacheable") {
            let binding = match scope.value(source) {
                Ok(value) if crate::template::is_omit(&value) => continue,
                Ok(value) => Binding::Value(value),
                Err(error) if error.kind == TemplateErrorKind::Unknown => {
                    Binding::Unknown(Arc::from(error.diagnostic.message.as_str()))
                }
                Err(error) => return Ending::template_error(error),
            };
            variables.push((name.to_string(), binding));
        }
        let mut ending = Ending::unknown(first.diagnostic.message.clone());
        ending.consequences.push(Consequence::Set { variables, cacheable: false });
        ending
    }

    /// Condition, attempts, judgement.
    fn tried(&self, scope: &Scope) -> Ending {
        let with_delegate;
        let scope = match self.delegated_vars(scope) {
            Some(vars) => {
                with_delegate = scope.with(vars);
                &with_delegate
            }
            None => scope,
        };
        if let Gate::Shut(ending) = self.gate(scope) {
            return *ending;
        }
        let keywords = self.keywords(scope);
        let limits = (|| Ok((keywords.number(Keyword::Retries)?, keywords.float(Keyword::Delay)?)))();
        let (retries, delay) = match limits {
            Ok(limits) => limits,
            Err(error) => return Ending::template_error(error),
        };
        let until = self.task.get(Keyword::Until);
        let attempts = match (until, retries) {
            (None, None) => 1,
            (_, Some(retries)) => 1 + retries.clamp(0, i64::from(u32::MAX) - 1) as u32,
            (Some(_), None) => 4,
        };
        let mut attempt = 1;
        loop {
            let mut ending = self.attempt(scope);
            if attempts > 1 && ending.unknown.is_none() {
                ending.result.result.insert("attempts".to_owned(), attempt.into());
            }
            let mut ending = self.judge(ending, scope);
            if attempts == 1 || ending.result.status == Status::Unreachable || ending.unknown.is_some() {
                return ending;
            }
            let good = match until {
                None => Ok(Truth::True)
                    .map(|truth| if ending.is_failed() { Truth::False { why: String::new() } } else { truth }),
                Some(until) => self.condition_on(&ending, until, scope),
            };
            match good {
                Ok(Truth::True) => return ending,
                Ok(Truth::Unknown { why }) => return Ending::unknown(why),
                Ok(Truth::False { .. }) => {}
                Err(error) => return Ending::template_error(error),
            }
            // What is done for real is tried again, too.
            if self.is_plan() && !ending.ran_live {
                let condition = until.and_then(Source::as_str).unwrap_or("the task succeeds");
                return Ending::unknown(format!("`until` does not hold yet ({condition})"));
            }
            if attempt >= attempts {
                // As Ansible counts them: without the first.
                ending.result.result.insert("attempts".to_owned(), attempt.saturating_sub(1).max(1).into());
                // Where the task says when it has failed, that decides.
                if !self.task.list(Keyword::FailedWhen).is_empty() && !ending.is_failed() {
                    return ending;
                }
                let condition = until.and_then(Source::as_str).unwrap_or("the task succeeds");
                let why = format!("`until` did not hold in any of {attempt} attempts: {condition}");
                ending.result.why = ending.result.why.or(Some(why));
                ending.result.result.insert("failed".to_owned(), true.into());
                ending.result.status = Status::Failed;
                return ending;
            }
            self.emit(EventKind::Retry {
                task: self.id,
                host: self.host.name.to_string(),
                attempt,
                left: attempts - attempt,
                result: self.shown(&ending).result,
            });
            attempt += 1;
            let pause = Duration::try_from_secs_f64(delay.unwrap_or(5.0).max(0.0)).unwrap_or(Duration::from_secs(5));
            if !self.batch.run().interrupts.sleep(pause) {
                let mut ending = Ending::failed("interrupted while waiting for the next attempt");
                ending.result.result.insert("attempts".to_owned(), (attempt - 1).into());
                return ending;
            }
        }
    }

    /// `ansible_delegated_vars`: the variables of the host that the task is delegated to, by its name.
    fn delegated_vars(&self, scope: &Scope) -> Option<Arc<Layer>> {
        self.task.get(Keyword::DelegateTo)?;
        let name = self.keywords(scope).text(Keyword::DelegateTo).ok().flatten().filter(|name| !name.is_empty())?;
        let vars = super::magic::host_vars(&self.batch, &self.batch.run().host(&name));
        let by_name = Value::from_pairs([(Value::from(name), vars)]);
        Some(Arc::new(Layer::from(crate::vars::values([("ansible_delegated_vars", by_name)]))))
    }

    /// One attempt.
    fn attempt(&self, scope: &Scope) -> Ending {
        let Some(declared) = actions::find(&self.task.action.name) else {
            return Ending::failed(format!("there is no module `{}`", self.task.action.name));
        };
        let action = actions::action(declared.name);
        let keywords = self.keywords(scope);
        let holes = self.is_plan().then(Holes::default);
        let args = match self.args(scope, action, holes.as_ref()) {
            Ok(args) => args,
            Err(error) if error.kind == TemplateErrorKind::Unknown && declared.name == "set_fact" => {
                return self.partly_known(scope, &error);
            }
            Err(error) => return Ending::template_error(error),
        };
        let sending = actions::sending(declared.name).filter(|(_, concerns)| concerns(&args));
        let action = action.or(sending.map(|(action, _)| action));
        let output = |line: &str| self.tell_output(line);
        let needs_host = action.is_none_or(|action| action.needs_host == NeedsHost::Yes);
        let mut remote = match needs_host.then(|| self.remote(scope, &output)).transpose() {
            Ok(remote) => remote,
            Err(error) => return Ending::template_error(error),
        };
        let background = match background::Wanted::of(&keywords) {
            Ok(wanted) => wanted.filter(|_| !self.is_plan()),
            Err(error) => return Ending::template_error(error),
        };
        // What the controller has a part in can't be left alone: it is waited for, as long as it may take.
        if let (Some(_), Some(wanted), Some((remote, _))) = (action, &background, &mut remote) {
            remote.timeout = remote.timeout.or(Some(wanted.limit));
        }
        let delegated = match &remote {
            Some((_, delegated)) => delegated.clone(),
            None => match keywords.text(Keyword::DelegateTo) {
                Ok(name) => name.filter(|name| !name.is_empty()),
                Err(error) => return Ending::template_error(error),
            },
        };
        let mut args = args;
        if let Some(why) = holes.as_ref().and_then(Holes::why) {
            args.insert(HALF_KNOWN.to_owned(), Value::from(why));
        }
        if let ("async_status", Some((remote, _))) = (declared.name, &remote) {
            match background::directory(scope, &remote.environment) {
                Ok(directory) => args.insert("_async_dir".to_owned(), Value::from(directory)),
                Err(error) => return Ending::template_error(error),
            };
        }
        let ran_live = self.is_plan() && remote.as_ref().is_some_and(|(remote, _)| !remote.is_plan());
        let mut ending = match (action, remote) {
            (Some(action), remote) => {
                let raw = self.raw_args(action);
                let mut given = actions::json_map(&args);
                given.extend(raw.keys().map(|name| (name.clone(), true.into())));
                // Those that were templates could not be told before.
                if let Some(broken) = declared.broken_rule(&given) {
                    return Ending::failed(broken.to_string());
                }
                let call = ActionCall {
                    args: &args,
                    raw: &raw,
                    task: &self.task,
                    scope,
                    host: remote.as_ref().map(|(remote, _)| remote),
                    playbook_dir: &self.batch.play.play.directory,
                    vault: &self.batch.run().vault,
                    secrets: &self.batch.run().secrets,
                    holes: holes.as_ref(),
                    verbosity: self.batch.run().options.fleet.verbosity,
                };
                let done = (action.run)(&call);
                let mut ending = Ending::of_result(done.result);
                let told = |consequence| self.batch.run().inventory_has(consequence, &self.host.name);
                if !done.consequences.is_empty() && done.consequences.iter().all(told) {
                    ending.set_changed(false);
                }
                ending.consequences = done.consequences;
                ending.result.why = ending.result.why.or(done.why);
                ending
            }
            (None, Some((remote, _))) if let Some(wanted) = &background => {
                self.in_background(wanted, declared.name, actions::json_map(&args), remote, scope)
            }
            (None, Some((remote, _))) => {
                Ending::of_result(remote.run(declared.name, actions::json_map(&args), &NoContent, Vec::new()))
            }
            (None, None) => Ending::failed(format!("`{}` has no host to run on", declared.name)),
        };
        if self.is_plan() && self.task.get(Keyword::Async).is_some() && keywords.number(Keyword::Poll) == Ok(Some(0)) {
            ending.unknown_fields.extend(background::UNKNOWN_OF_JOB.map(str::to_owned));
        }
        if let Some(why) = holes.as_ref().and_then(Holes::why) {
            ending = self.with_holes(ending, why);
        }
        ending.result.delegated_to = delegated;
        ending.of_host &= needs_host;
        ending.ran_live = ran_live;
        ending
    }

    /// An ending of a task whose texts have holes: what `debug` shows changes nothing.
    pub(super) fn with_holes(&self, ending: Ending, why: String) -> Ending {
        if self.task.action.module == "debug" { ending } else { ending.half_known(why) }
    }

    pub(super) fn remote<'a>(
        &'a self,
        scope: &Scope,
        output: &'a (dyn Fn(&str) + Sync),
    ) -> Result<(Remote<'a>, Option<String>), TemplateError> {
        super::target::remote(self, &self.keywords(scope), output)
    }

    /// The variable that keeps the result.
    pub fn register(&self) -> Option<&str> {
        self.task.get(Keyword::Register).and_then(Source::as_str)
    }

    /// The result as `register` keeps it.
    pub fn registered(&self, ending: &Ending) -> Binding {
        super::settling::registered(&self.task, &self.title, self.register().unwrap_or_default(), ending)
    }

    pub(super) fn is_plan(&self) -> bool {
        self.batch.play.is_plan()
    }

    /// As events show it: nothing of a hidden result.
    pub fn shown(&self, ending: &Ending) -> Ending {
        let mut shown = self.hide(ending.clone());
        if !self.batch.run().wants_diff(&self.keywords(&self.scope)) {
            shown.result.diff.clear();
        }
        if shown.result.hidden {
            super::censor(&mut shown.result);
        }
        shown
    }

    pub(super) fn tell_output(&self, line: &str) {
        if self.keywords(&self.scope).flag(Keyword::NoLog).is_ok_and(|hidden| !hidden.unwrap_or(false)) {
            self.emit(EventKind::Output { task: self.id, host: self.host.name.to_string(), line: line.to_owned() });
        }
    }

    pub(super) fn emit(&self, kind: EventKind) {
        self.batch.run().sink.emit(kind);
    }
}
