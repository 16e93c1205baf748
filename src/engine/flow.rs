//! How hosts go through blocks and tasks: together, step by step. (Hosts that go each at its own pace, `strategy: free`, go
//! the same way, each alone.)

use super::batch::{Batch, lock};
use super::host::{Host, Standing, active, failed};
use super::keywords::KeywordReader;
use crate::event::EventKind;
use crate::playbook::{Block, Keyword, Node, ScopeKind, Task};
use std::sync::Arc;
use std::sync::atomic::Ordering;

impl Batch {
    /// Runs steps on hosts, those that take part.
    pub fn nodes(self: &Arc<Self>, nodes: &[Node], hosts: &[Arc<Host>]) {
        for node in nodes {
            if self.is_over() {
                return;
            }
            let hosts = active(hosts);
            if hosts.is_empty() {
                return;
            }
            match node {
                Node::Block(block) => self.block(block, &hosts),
                Node::Task(task) => self.task(task, &hosts),
            }
        }
    }

    /// A block: its tasks; where one failed, its rescue; and whatever happened, its always.
    fn block(self: &Arc<Self>, block: &Arc<Block>, hosts: &[Arc<Host>]) {
        let hosts = self.hosts_for_role(block, hosts);
        if hosts.is_empty() {
            return;
        }
        let settles = !block.rescue.is_empty() || !block.always.is_empty();
        if settles {
            self.unsettled.fetch_add(1, Ordering::SeqCst);
        }
        self.nodes(&block.body, &hosts);
        if !block.rescue.is_empty() {
            let to_rescue = failed(&hosts);
            for host in &to_rescue {
                let mut state = host.state();
                state.standing = Standing::Active;
                // A host that `any_errors_fatal` drew in has no failure of its own.
                if state.failed.is_some() {
                    state.stats.rescued += 1;
                    state.stats.failures = state.stats.failures.saturating_sub(1);
                }
            }
            self.nodes(&block.rescue, &to_rescue);
            for host in to_rescue.iter().filter(|host| host.is_active()) {
                host.state().failed = None;
            }
        }
        if !block.always.is_empty() {
            // Hosts that failed take part, and have failed afterwards all the same.
            let had_failed = failed(&hosts);
            had_failed.iter().for_each(|host| host.stand(Standing::Active));
            self.nodes(&block.always, &hosts);
            had_failed.iter().filter(|host| host.is_active()).for_each(|host| host.stand(Standing::Failed));
        }
        if settles {
            self.unsettled.fetch_sub(1, Ordering::SeqCst);
            self.stop_if_too_many_failed();
        }
        if let ScopeKind::Role(used) = &block.scope.kind {
            // `meta: end_role` ends no more than the role.
            for host in &hosts {
                let mut state = host.state();
                if state.standing == Standing::RoleEnded {
                    state.standing = Standing::Active;
                }
                if state.standing == Standing::Active && state.roles_at_work.contains(&used.key) {
                    state.roles.push(used.key.clone());
                }
            }
        }
    }

    /// The hosts on which a role has yet to run: with the same parameters it runs once. One of which all tasks were skipped
    /// has not run.
    fn hosts_for_role(&self, block: &Block, hosts: &[Arc<Host>]) -> Vec<Arc<Host>> {
        let Some(used) = super::magic::begins_role(&block.scope) else { return hosts.to_vec() };
        hosts.iter().filter(|host| used.allow_duplicates || !host.state().roles.contains(&used.key)).cloned().collect()
    }

    /// A task, of whatever kind, on hosts.
    fn task(self: &Arc<Self>, task: &Arc<Task>, hosts: &[Arc<Host>]) {
        let run = self.run();
        if !run.wants(self, task, hosts) {
            return;
        }
        match task.action.module.as_str() {
            "meta" => self.meta(task, hosts),
            "include_tasks" | "include_role" | "include" => self.include(task, hosts),
            _ => {
                self.step(task, hosts);
            }
        }
    }

    /// What follows for the others when a task failed on some hosts.
    pub fn consequences_of_failures(self: &Arc<Self>, task: &Task, hosts: &[Arc<Host>]) {
        if !hosts.iter().any(is_lost) {
            return;
        }
        let first = &hosts[0];
        let layers = self.play.task_layers(&task.scope);
        let scope = self.scope(first, &task.scope, &layers);
        let fatal = KeywordReader { task: &task.scope, scope: &scope }.flag(Keyword::AnyErrorsFatal);
        let fatal = fatal.ok().flatten().unwrap_or_else(|| self.run().settings.any_errors_fatal.value);
        if fatal {
            let others = active(&self.hosts);
            others
                .iter()
                .filter(|host| hosts.iter().any(|have| Arc::ptr_eq(have, host)))
                .for_each(|host| host.stand(Standing::Failed));
            if task.scope.outward().all(|scope| !matches!(scope.kind, ScopeKind::Block)) {
                self.stop_play(format!("`any_errors_fatal`: task `{}` failed", super::step::raw_title(task)));
            }
            return;
        }
        self.stop_if_too_many_failed();
    }

    /// Ends the play where more hosts of the batch failed than `max_fail_percentage` allows. A host that is yet to be rescued
    /// has not failed, and hosts that are yet to come to their `always` must come to it; so this waits for the end of such blocks.
    fn stop_if_too_many_failed(self: &Arc<Self>) {
        let Some(most) = self.play.max_fail_percentage else { return };
        if self.is_over() || self.unsettled.load(Ordering::SeqCst) > 0 {
            return;
        }
        // Unreachable hosts count too: a batch is as broken without them.
        let fallen = self.hosts.iter().filter(|host| is_lost(host)).count();
        let percent = fallen as f64 * 100.0 / self.hosts.len() as f64;
        if fallen > 0 && percent > most {
            self.stop_play(format!(
                "{fallen} of {} hosts of the batch failed or were unreachable, more than `max_fail_percentage: {most}`",
                self.hosts.len()
            ));
        }
    }

    fn stop_play(self: &Arc<Self>, why: String) {
        self.run().sink.emit(EventKind::PlayStopped { play: self.play.id, why });
        self.end_play(Standing::Failed);
    }

    /// Runs steps on each host at its own pace, so many hosts at a time.
    pub fn nodes_free(self: &Arc<Self>, nodes: &Arc<[Node]>, hosts: &[Arc<Host>]) {
        let limit = self.run().forks();
        let queue = std::sync::Mutex::new(active(hosts).into_iter());
        std::thread::scope(|threads| {
            for _ in 0..limit.min(hosts.len()) {
                threads.spawn(|| {
                    loop {
                        let next = lock(&queue).next();
                        let Some(host) = next else { return };
                        self.nodes(nodes, &[host]);
                    }
                });
            }
        });
    }
}

/// Whether a host takes no further part because something went wrong.
fn is_lost(host: &Arc<Host>) -> bool {
    matches!(host.state().standing, Standing::Failed | Standing::Unreachable | Standing::Deviated)
}
