//! A play: its hosts, its batches, and in each the sections in their order.

use super::batch::{Batch, PlayRun, lock};
use super::host::{Host, Standing, active};
use super::run::Run;
use crate::config::Gathering;
use crate::diagnostic::{Diagnostic, Span};
use crate::event::EventKind;
use crate::loader::{Node as Yaml, Source};
use crate::playbook::{Action, Args, Keyword, Keywords, Node, Play, Scope as PlayScope, ScopeKind, Task};
use crate::template::Scope;
use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

/// Whether the playbook goes on after a play.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// It does.
    GoOn,
    /// It ends: no host is left.
    Stop,
}

impl Run {
    /// Runs a play.
    pub fn play(self: &Arc<Self>, play: &Arc<Play>, id: u32) -> Result<Next, Diagnostic> {
        let scope = self.static_scope(&play.scope, &play.directory);
        let (pattern, hosts) = self.hosts_of(play, &scope)?;
        let name = match play.scope.keywords.get(Keyword::Name) {
            Some(source) => scope.text(source).unwrap_or_else(|_| source.as_str().unwrap_or_default().to_owned()),
            None => pattern,
        };
        let strategy =
            keyword_text(&scope, play, Keyword::Strategy)?.unwrap_or_else(|| self.settings.strategy.value.clone());
        let strategy = super::super::actions::short_name(&strategy).to_owned();
        if !matches!(strategy.as_str(), "linear" | "free" | "host_pinned" | "debug") {
            return Err(Diagnostic::error(play.span(), format!("there is no strategy `{strategy}`"))
                .hint("there are linear, free, host_pinned and debug"));
        }
        self.sink.emit(EventKind::PlayStarted {
            play: id,
            name: name.clone(),
            hosts: hosts.iter().map(ToString::to_string).collect(),
            strategy: strategy.clone(),
            place: super::step::place(play.span()),
        });
        if hosts.is_empty() {
            self.sink.emit(EventKind::NoHostsMatched { play: id });
            return Ok(Next::GoOn);
        }
        let flag = |keyword| -> Result<Option<bool>, Diagnostic> {
            Ok(keyword_text(&scope, play, keyword)?.and_then(|word| refit_agent::args::boolean(&word)))
        };
        let percent = keyword_text(&scope, play, Keyword::MaxFailPercentage)?;
        let play_run = Arc::new(PlayRun {
            run: self.clone(),
            play: play.clone(),
            id,
            name,
            hosts: hosts.clone(),
            debugs: strategy == "debug" || self.settings.enable_task_debugger.value,
            plan: flag(Keyword::CheckMode)?.unwrap_or(self.options.check),
            force_handlers: flag(Keyword::ForceHandlers)?
                .unwrap_or(self.options.force_handlers || self.settings.force_handlers.value),
            max_fail_percentage: percent.and_then(|text| text.trim_end_matches('%').trim().parse().ok()),
            handlers: Mutex::new(play.handlers.clone()),
            public_roles: Mutex::new(play.static_roles.clone()),
            layers: Mutex::new(HashMap::new()),
            ended: AtomicBool::new(false),
        });
        self.prompt_for_vars(&play_run)?;

        let batches = batches(&serial(&scope, play)?, &hosts);
        let of = batches.len() as u32;
        for (number, names) in (1..).zip(&batches) {
            let hosts: Vec<Arc<Host>> = names.iter().map(|name| self.host(name)).collect();
            for host in &hosts {
                let mut state = host.state();
                state.standing = Standing::Active;
                state.roles.clear();
                state.roles_at_work.clear();
                state.failed = None;
                state.used = true;
            }
            let batch = Arc::new(Batch {
                play: play_run.clone(),
                hosts,
                notified: Mutex::new(HashMap::new()),
                perhaps: Mutex::new(HashMap::new()),
                unsettled: AtomicUsize::new(0),
                throttles: super::throttle::Throttles::default(),
                ended: AtomicBool::new(false),
            });
            let names = batch.hosts.iter().map(|host| host.name.to_string()).collect();
            self.sink.emit(EventKind::BatchStarted { play: id, number, of, hosts: names });
            batch.run_sections(&strategy);
            self.after_batch(&batch);
            let interrupted = self.interrupts.times() > 0;
            let fallen = batch.hosts.iter().all(|host| {
                matches!(host.state().standing, Standing::Failed | Standing::Unreachable | Standing::Deviated)
            });
            if play_run.ended.load(Ordering::SeqCst) || fallen || interrupted {
                let why = if interrupted {
                    "the run was interrupted"
                } else if fallen {
                    "every host of an earlier batch failed"
                } else {
                    "the play ended before"
                };
                self.leave_out(batches.iter().skip(number as usize).flatten(), why);
                return Ok(if fallen || interrupted { Next::Stop } else { Next::GoOn });
            }
        }
        Ok(Next::GoOn)
    }

    /// The play's pattern as text, and its hosts: without those that failed or were unreachable in earlier plays.
    pub(super) fn hosts_of(&self, play: &Arc<Play>, scope: &Scope) -> Result<(String, Vec<Arc<str>>), Diagnostic> {
        let Some(source) = play.get(Keyword::Hosts) else { return Ok((String::new(), Vec::new())) };
        let value = scope.value(source).map_err(|error| *error.diagnostic)?;
        let pattern = match value.as_str() {
            Some(text) => text.to_owned(),
            None => match value.try_iter() {
                Ok(items) => items.map(|item| item.to_string()).collect::<Vec<_>>().join(","),
                Err(_) => value.to_string(),
            },
        };
        let mut hosts = self.select(&pattern).map_err(|problem| match problem.span {
            Some(_) => problem,
            None => Diagnostic { span: Some(source.span.clone()), ..problem },
        })?;
        let order = keyword_text(scope, play, Keyword::Order)?;
        match order.as_deref() {
            None | Some("inventory") => {}
            Some("sorted") => hosts.sort(),
            Some("reverse_sorted") => {
                hosts.sort();
                hosts.reverse();
            }
            Some("reverse_inventory") => hosts.reverse(),
            Some("shuffle") => shuffle(&mut hosts),
            Some(other) => {
                return Err(Diagnostic::error(play.span(), format!("there is no order `{other}`"))
                    .hint("there are inventory, sorted, reverse_sorted, reverse_inventory and shuffle"));
            }
        }
        let left = |standing| !matches!(standing, Standing::Failed | Standing::Unreachable | Standing::Deviated);
        hosts.retain(|name| left(self.host(name).state().standing));
        Ok((pattern, hosts))
    }

    /// Takes in what a batch leaves behind.
    fn after_batch(&self, batch: &Arc<Batch>) {
        for (host, handler) in batch.owed() {
            lock(&self.owed).entry(host.to_string()).or_default().push(handler);
        }
        if self.interrupts.times() > 0 {
            let unfinished = batch.hosts.iter().filter(|host| host.is_active()).map(|host| &host.name);
            self.leave_out(unfinished, "the run was interrupted before the end");
        }
    }

    fn leave_out<'n>(&self, hosts: impl Iterator<Item = &'n Arc<str>>, why: &str) {
        let mut not_attempted = lock(&self.not_attempted);
        for name in hosts {
            not_attempted.entry(name.to_string()).or_insert_with(|| why.to_owned());
        }
    }
}

impl Batch {
    /// The sections of a play, with the handlers after each.
    fn run_sections(self: &Arc<Self>, strategy: &str) {
        let play = self.play.play.clone();
        let gather: Vec<Node> =
            self.gathers_facts().then(|| Node::Task(Arc::new(gathering(&play)))).into_iter().collect();
        let sections: [Vec<Node>; 4] = [
            gather,
            play.pre_tasks.clone(),
            [play.roles.clone(), play.tasks.clone()].concat(),
            play.post_tasks.clone(),
        ];
        for (index, nodes) in sections.into_iter().enumerate() {
            if self.is_over() {
                break;
            }
            let hosts = active(&self.hosts);
            if strategy == "linear" || strategy == "debug" || index == 0 {
                self.nodes(&nodes, &hosts);
            } else {
                self.nodes_free(&nodes.into(), &hosts);
            }
            if index > 0 {
                self.section_handlers();
            }
        }
    }

    fn section_handlers(self: &Arc<Self>) {
        let fallen: Vec<Arc<Host>> =
            self.hosts.iter().filter(|host| host.state().standing == Standing::Failed).cloned().collect();
        if self.play.force_handlers && self.run().interrupts.times() == 0 {
            fallen.iter().for_each(|host| host.stand(Standing::Active));
            let ended = self.play.ended.swap(false, Ordering::SeqCst);
            self.flush_handlers(&self.hosts);
            self.play.ended.store(ended, Ordering::SeqCst);
            fallen.iter().filter(|host| host.is_active()).for_each(|host| host.stand(Standing::Failed));
        } else {
            self.flush_handlers(&self.hosts);
        }
    }

    fn gathers_facts(&self) -> bool {
        let said = self.play.play.get(Keyword::GatherFacts);
        let word = said.map(|source| match &source.node {
            Yaml::Bool(flag) => flag.to_string(),
            _ => self
                .run()
                .static_scope(&self.play.play.scope, &self.play.play.directory)
                .text(source)
                .unwrap_or_default(),
        });
        match word {
            Some(word) => refit_agent::args::boolean(&word).unwrap_or(true),
            None => match self.run().settings.gathering.value {
                Gathering::Explicit => false,
                Gathering::Smart => self.hosts.iter().any(|host| host.state().vars.facts.is_empty()),
                Gathering::Implicit => true,
            },
        }
    }
}

/// The task `Gathering Facts`.
fn gathering(play: &Play) -> Task {
    let span = Span::clone(play.span());
    let mut keywords = Keywords::default();
    keywords.set(Keyword::Name, Source::text(&span, "Gathering Facts"));
    keywords.set(Keyword::Tags, Source::text(&span, "always"));
    let mut args = Args::default();
    for (keyword, name) in [
        (Keyword::GatherSubset, "gather_subset"),
        (Keyword::GatherTimeout, "gather_timeout"),
        (Keyword::FactPath, "fact_path"),
    ] {
        if let Some(value) = play.get(keyword) {
            args.named.push((Arc::from(name), value.clone()));
        }
    }
    Task {
        scope: Arc::new(PlayScope {
            kind: ScopeKind::Task,
            keywords,
            span: span.clone(),
            directory: play.directory.clone(),
            parent: Some(play.scope.clone()),
        }),
        action: Action {
            name: "gather_facts".to_owned(),
            dynamic: None,
            module: "gather_facts".to_owned(),
            span,
            args,
        },
        looped: None,
        handler: false,
        implicit: true,
    }
}

fn keyword_text(scope: &Scope, play: &Play, keyword: Keyword) -> Result<Option<String>, Diagnostic> {
    match play.get(keyword) {
        None => Ok(None),
        Some(source) if source.is_null() => Ok(None),
        Some(source) => {
            let value = scope.value(source).map_err(|error| *error.diagnostic)?;
            Ok(if crate::template::is_omit(&value) || value.is_none() { None } else { Some(value.to_string()) })
        }
    }
}

/// `serial`: how many hosts each batch has, as numbers and percentages.
fn serial(scope: &Scope, play: &Play) -> Result<Vec<String>, Diagnostic> {
    let Some(source) = play.get(Keyword::Serial) else { return Ok(Vec::new()) };
    let value = scope.value(source).map_err(|error| *error.diagnostic)?;
    if crate::template::is_omit(&value) || value.is_none() {
        return Ok(Vec::new());
    }
    let words: Vec<String> = match value.as_str() {
        None if value.try_iter().is_ok() => {
            value.try_iter().into_iter().flatten().map(|item| item.to_string()).collect()
        }
        _ => vec![value.to_string()],
    };
    for word in &words {
        let number = word.trim().trim_end_matches('%');
        if number.parse::<f64>().is_err() {
            return Err(Diagnostic::error(
                &source.span,
                format!("`serial` wants numbers and percentages, not `{word}`"),
            ));
        }
    }
    Ok(words)
}

/// The hosts in batches; the last size holds for all further ones. A percentage is rounded down, but at least one host.
fn batches(sizes: &[String], hosts: &[Arc<str>]) -> Vec<Vec<Arc<str>>> {
    let mut rest = hosts;
    let mut batches = Vec::new();
    let mut index = 0;
    while !rest.is_empty() {
        let size = sizes.get(index.min(sizes.len().saturating_sub(1))).map_or(0, |word| {
            let word = word.trim();
            match word.strip_suffix('%') {
                Some(percent) => {
                    let share = percent.trim().parse::<f64>().unwrap_or(100.0) / 100.0 * hosts.len() as f64;
                    (share as usize).max(1)
                }
                None => word.parse::<i64>().map_or(0, |count| usize::try_from(count).unwrap_or(0)),
            }
        });
        let size = if size == 0 { rest.len() } else { size.min(rest.len()) };
        let (batch, more) = rest.split_at(size);
        batches.push(batch.to_vec());
        rest = more;
        index += 1;
    }
    batches
}

/// Any order; which one matters to nobody, so the seed is the time.
fn shuffle(hosts: &mut [Arc<str>]) {
    use std::hash::{BuildHasher as _, RandomState};
    let state = RandomState::new();
    for last in (1..hosts.len()).rev() {
        let other = (state.hash_one(last) % (last as u64 + 1)) as usize;
        hosts.swap(last, other);
    }
}

#[cfg(test)]
mod tests {
    use super::batches;
    use std::sync::Arc;

    fn sizes(serial: &[&str], hosts: usize) -> Vec<usize> {
        let words: Vec<String> = serial.iter().map(|word| (*word).to_owned()).collect();
        let hosts: Vec<Arc<str>> = (0..hosts).map(|index| Arc::from(format!("h{index}"))).collect();
        batches(&words, &hosts).iter().map(Vec::len).collect()
    }

    #[test]
    fn serial_takes_numbers_percentages_and_lists() {
        assert_eq!(sizes(&[], 5), [5]);
        assert_eq!(sizes(&["2"], 5), [2, 2, 1]);
        assert_eq!(sizes(&["30%"], 10), [3, 3, 3, 1]);
        assert_eq!(sizes(&["1", "5", "100%"], 12), [1, 5, 6]);
        assert_eq!(sizes(&["1%"], 3), [1, 1, 1]);
        assert_eq!(sizes(&["0"], 3), [3]);
    }
}
