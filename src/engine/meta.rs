//! `meta`: tasks that tell the engine what to do.

use super::batch::Batch;
use super::ending::Ending;
use super::host::{Host, Standing};
use super::on_host::{Gate, OnHost};
use crate::event::EventKind;
use crate::loader::Source;
use crate::playbook::Task;
use std::sync::Arc;
use std::sync::atomic::Ordering;

impl Batch {
    /// Does what a `meta` task says, for the hosts to which it applies.
    pub fn meta(self: &Arc<Self>, task: &Arc<Task>, hosts: &[Arc<Host>]) {
        let word = task.action.args.free_form.as_ref().and_then(Source::as_str).unwrap_or_default().trim().to_owned();
        let layers = self.play.task_layers(&task.scope);
        let Some(first) = hosts.first() else { return };
        let scope = self.scope(first, &task.scope, &layers);
        let (id, title) = self.start_task(task, &scope, hosts.len());
        let mut applies = Vec::new();
        for host in hosts {
            let on_host = OnHost {
                batch: self.clone(),
                task: task.clone(),
                id,
                title: title.clone(),
                host: host.clone(),
                scope: self.scope(host, &task.scope, &layers),
            };
            match on_host.gate(&on_host.scope) {
                Gate::Open => applies.push(host.clone()),
                Gate::Shut(ending) => self.settle(task, (id, &title), host, &on_host.scope, *ending, None),
            }
        }
        self.run().sink.emit(EventKind::TaskFinished { task: id });
        if applies.is_empty() {
            return;
        }
        match word.as_str() {
            "noop" => {}
            "flush_handlers" => self.flush_handlers(&applies),
            "end_play" => self.end_play(Standing::Ended),
            "end_batch" => {
                self.ended.store(true, Ordering::SeqCst);
                self.hosts.iter().filter(|host| host.is_active()).for_each(|host| host.stand(Standing::Ended));
            }
            "end_host" => applies.iter().for_each(|host| host.stand(Standing::Ended)),
            "end_role" => applies.iter().for_each(|host| host.stand(Standing::RoleEnded)),
            "clear_facts" => {
                for host in &applies {
                    host.state().vars.clear_facts();
                    self.run().forget_facts(host);
                }
            }
            "clear_host_errors" => {
                for host in self.hosts.iter() {
                    let mut state = host.state();
                    // A host that was lost comes back at once. One that failed has left its block half done: it is
                    // done with this play, and takes part in the next.
                    state.standing = match state.standing {
                        Standing::Failed => Standing::Ended,
                        Standing::Unreachable => Standing::Active,
                        _ => continue,
                    };
                    state.failed = None;
                }
            }
            "refresh_inventory" => {
                if let Err(problems) = self.run().refresh_inventory() {
                    self.run().fail(&problems.to_string());
                }
            }
            "reset_connection" => applies.iter().for_each(|host| self.reset_connection(task, host)),
            other => {
                let known = "flush_handlers, end_play, end_batch, end_host, end_role, clear_facts, clear_host_errors, \
                             refresh_inventory, reset_connection, noop";
                let place = task.span().place();
                let message = format!("{place}: `meta: {other}` is not known; known are {known}");
                for host in &applies {
                    self.settle(task, (id, &title), host, &scope, Ending::failed(message.clone()), None);
                }
            }
        }
    }

    fn reset_connection(self: &Arc<Self>, task: &Arc<Task>, host: &Arc<Host>) {
        let layers = self.play.task_layers(&task.scope);
        let scope = self.scope(host, &task.scope, &layers);
        match super::target::of_host(self.run(), &host.name, &scope, None) {
            Ok(target) => self.run().links.link(&target).reset(),
            Err(error) => self.run().warn(&error.to_string()),
        }
    }
}
