//! Handlers: notified by tasks that changed something, run at the end of each section, in the order in which they are defined.

use super::batch::{Batch, lock};
use super::host::{Host, Standing};
use crate::event::{EventKind, TaskId};
use crate::playbook::{Block, Keyword, Node, ScopeKind, Task};
use crate::template::Scope;
use std::sync::Arc;

impl Batch {
    /// A task changed hosts: notifies the handlers that it names. With `perhaps`, it is not known whether it will.
    pub fn notify(
        self: &Arc<Self>,
        task: &Arc<Task>,
        id: TaskId,
        scope: &Scope,
        hosts: &[Arc<Host>],
        perhaps: Option<&Arc<str>>,
    ) {
        let sources: Vec<_> =
            task.scope.gathered(Keyword::Notify).into_iter().flat_map(crate::playbook::one_or_more).collect();
        for source in sources {
            let names = match scope.value(source) {
                Ok(value) => match value.try_iter() {
                    Ok(items) if value.as_str().is_none() => items.map(|item| item.to_string()).collect(),
                    _ => vec![value.to_string()],
                },
                Err(error) => {
                    self.run().fail(&format!("`notify` can't be templated: {error}"));
                    continue;
                }
            };
            for name in names {
                self.notify_name(&name, task, id, hosts, perhaps);
            }
        }
    }

    fn notify_name(
        self: &Arc<Self>,
        name: &str,
        task: &Arc<Task>,
        id: TaskId,
        hosts: &[Arc<Host>],
        perhaps: Option<&Arc<str>>,
    ) {
        let Some(first) = hosts.first() else { return };
        let handlers = self.handler_list();
        // Of several handlers of a name one counts, also among those that listen to a topic.
        let order = search_order(&handlers);
        let called = |index: &usize| self.titles(&handlers[*index], first).iter().any(|title| title == name);
        let by_name = order.iter().copied().find(called);
        let mut found: Vec<usize> = by_name.into_iter().collect();
        let mut named: Vec<String> = Vec::new();
        for index in order {
            let node = &handlers[index];
            let listens = topics(node).iter().any(|topic| topic == name);
            if !listens || !last_at_its_place(&handlers, index) {
                continue;
            }
            // The role is no part of the name here.
            let own = self.titles(node, first).into_iter().next();
            if own.as_ref().is_some_and(|own| named.contains(own)) {
                continue;
            }
            named.extend(own);
            if !found.contains(&index) {
                found.push(index);
            }
        }
        if found.is_empty() {
            let place = task.span().place();
            let message = format!(
                "{place}: The requested handler '{name}' was not found in either the main handlers list nor in the \
                 listening handlers list"
            );
            if self.run().settings.error_on_missing_handler.value {
                self.run().fail(&message);
                for host in hosts {
                    host.stand(Standing::Failed);
                    host.state().stats.failures += 1;
                }
            } else {
                self.run().warn(&message);
            }
            return;
        }
        found.sort_unstable();
        let titles: Vec<String> =
            found.iter().filter_map(|index| self.titles(&handlers[*index], first).into_iter().next()).collect();
        let mut notified = lock(&self.notified);
        for index in found {
            let waiting = notified.entry(index).or_default();
            for host in hosts {
                let key = (index, host.name.clone());
                let is_new = !waiting.contains(&host.name);
                if is_new {
                    waiting.push(host.name.clone());
                }
                // One task that is sure to change something is enough.
                match perhaps {
                    Some(why) if is_new => drop(lock(&self.perhaps).insert(key, why.clone())),
                    Some(_) => {}
                    None => drop(lock(&self.perhaps).remove(&key)),
                }
            }
        }
        drop(notified);
        for host in hosts {
            self.run().sink.emit(EventKind::Notified {
                task: id,
                host: host.name.to_string(),
                handlers: titles.clone(),
            });
        }
    }

    /// Handlers of a role that came while the play runs. Those of a role that came before, too, take the place of its
    /// earlier ones, with the hosts that wait for them: they have the variables of the last use, and run last.
    pub fn add_handlers(&self, brought: Vec<Node>) {
        let before = self.handler_list();
        lock(&self.play.handlers).extend(brought);
        let mut notified = lock(&self.notified);
        for (index, node) in self.handler_list().iter().enumerate().skip(before.len()) {
            let earlier = before.iter().rposition(|have| have.span() == node.span());
            if let Some(waiting) = earlier.and_then(|earlier| notified.remove(&earlier)) {
                notified.insert(index, waiting);
            }
        }
    }

    /// Runs the handlers that were notified, and those that they notify.
    pub fn flush_handlers(self: &Arc<Self>, hosts: &[Arc<Host>]) {
        let mut index = 0;
        loop {
            let handlers = self.handler_list();
            let Some(node) = handlers.get(index) else { break };
            let waiting = self.take_notified(index, hosts);
            if !waiting.is_empty() && !self.is_over() {
                for host in &waiting {
                    let why = lock(&self.perhaps).remove(&(index, host.name.clone()));
                    host.state().perhaps = why;
                }
                self.nodes(std::slice::from_ref(node), &waiting);
                waiting.iter().for_each(|host| host.state().perhaps = None);
                // A handler may notify one that is defined before it.
                index = lock(&self.notified).keys().copied().min().map_or(index + 1, |first| first.min(index + 1));
                continue;
            }
            index += 1;
        }
    }

    /// Takes the hosts of these that wait for a handler and still take part; the others wait on.
    fn take_notified(&self, index: usize, hosts: &[Arc<Host>]) -> Vec<Arc<Host>> {
        let mut notified = lock(&self.notified);
        let Some(names) = notified.get_mut(&index) else { return Vec::new() };
        let ready: Vec<Arc<Host>> =
            hosts.iter().filter(|host| names.contains(&host.name) && host.is_active()).cloned().collect();
        names.retain(|name| !ready.iter().any(|host| host.name == *name));
        if names.is_empty() {
            notified.remove(&index);
        }
        ready
    }

    /// The names of the handlers that hosts were notified of and that did not run: by host.
    pub fn owed(self: &Arc<Self>) -> Vec<(Arc<str>, String)> {
        let handlers = self.handler_list();
        let mut waiting: Vec<_> = lock(&self.notified).clone().into_iter().collect();
        waiting.sort_by_key(|(index, _)| *index);
        let mut owed = Vec::new();
        for (index, names) in waiting {
            // They were notified in any order.
            for name in self.hosts.iter().map(|host| host.name.clone()).filter(|name| names.contains(name)) {
                let host = self.run().host(&name);
                let title = handlers.get(index).and_then(|node| self.titles(node, &host).into_iter().next());
                owed.push((name, title.unwrap_or_default()));
            }
        }
        owed
    }

    /// The play's handlers as a flat list: what an import brought stands in its place.
    fn handler_list(&self) -> Vec<Node> {
        fn flatten(nodes: &[Node], into: &mut Vec<Node>) {
            for node in nodes {
                match node {
                    Node::Block(block) if is_plain(block) => flatten(&block.body, into),
                    other => into.push(other.clone()),
                }
            }
        }
        let mut flat = Vec::new();
        flatten(&lock(&self.play.handlers), &mut flat);
        flat
    }

    /// The names that a handler answers to: `name`, and `role : name` of a role's.
    fn titles(self: &Arc<Self>, node: &Node, host: &Arc<Host>) -> Vec<String> {
        let (source, scope) = match node {
            Node::Task(task) => (task.name(), &task.scope),
            Node::Block(block) => (block.scope.keywords.get(Keyword::Name), &block.scope),
        };
        let Some(source) = source else { return Vec::new() };
        let name = if source.has_template() {
            let layers = self.play.task_layers(scope);
            match self.scope(host, scope, &layers).text(source) {
                Ok(name) => name,
                // A name that can't be told now answers to nothing.
                Err(_) => return Vec::new(),
            }
        } else {
            source.as_str().unwrap_or_default().to_owned()
        };
        with_role(name, scope)
    }
}

/// The topics that a handler listens to: as written, for they are no templates; and with its role before them.
fn topics(node: &Node) -> Vec<String> {
    let Node::Task(task) = node else { return Vec::new() };
    let written = task.list(Keyword::Listen).into_iter().filter_map(|source| source.as_str().map(str::to_owned));
    written.flat_map(|topic| with_role(topic, &task.scope)).collect()
}

/// What a handler is called by, alone and with the names of its role before it.
fn with_role(name: String, scope: &crate::playbook::Scope) -> Vec<String> {
    match scope.role() {
        Some(used) => {
            let (role, used_as) = (&used.role.name, &used.name);
            let short = used.role.short_name();
            vec![name.clone(), format!("{role} : {name}"), format!("{used_as} : {name}"), format!("{short} : {name}")]
        }
        None => vec![name],
    }
}

/// The order in which handlers are looked for: of several files (the play's own, each role's) the last first, within a file
/// from its beginning.
fn search_order(handlers: &[Node]) -> Vec<usize> {
    let mut files: Vec<Vec<usize>> = Vec::new();
    for (index, node) in handlers.iter().enumerate() {
        let follows =
            |before: &Node| before.span().file.path == node.span().file.path && before.span().line < node.span().line;
        match files.last_mut() {
            Some(file) if index > 0 && follows(&handlers[index - 1]) => file.push(index),
            _ => files.push(vec![index]),
        }
    }
    files.into_iter().rev().flatten().collect()
}

/// Whether no later handler was read from the same place: a role that is used again brings its handlers again.
fn last_at_its_place(handlers: &[Node], index: usize) -> bool {
    !handlers[index + 1..].iter().any(|later| later.span() == handlers[index].span())
}

/// A block that only groups: what an import or a role put around handlers.
fn is_plain(block: &Block) -> bool {
    matches!(block.scope.kind, ScopeKind::Include(_) | ScopeKind::Role(_))
        && block.rescue.is_empty()
        && block.always.is_empty()
}
