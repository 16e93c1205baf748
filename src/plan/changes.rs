//! What becomes of each thing on each host: the differences that tasks make one after the other, as one. Equal ones of many
//! hosts are one.

use super::model::{Content, Plan, Step, Task};
use crate::actions::short_name;
use crate::event::Status;
use indexmap::{IndexMap, IndexSet};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What kind of thing changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A file, directory or link.
    File,
    /// A package.
    Package,
    /// A user.
    User,
    /// A group.
    Group,
    /// A unit of the service manager.
    Unit,
    /// The host is restarted.
    Reboot,
    /// A command is known to change something, not what.
    Command,
    /// Anything else.
    Other,
}

impl Kind {
    /// All of them, in the order in which they are shown.
    pub const ALL: [Kind; 8] =
        [Kind::Package, Kind::Group, Kind::User, Kind::File, Kind::Unit, Kind::Command, Kind::Other, Kind::Reboot];

    /// A heading.
    pub fn heading(self) -> &'static str {
        match self {
            Kind::File => "Files",
            Kind::Package => "Packages",
            Kind::User => "Users",
            Kind::Group => "Groups",
            Kind::Unit => "Services",
            Kind::Reboot => "Reboots",
            Kind::Command => "Commands",
            Kind::Other => "Other changes",
        }
    }
}

/// A field of a state: its value before and after.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Field {
    /// Its name.
    pub name: String,
    /// Before; null where there was none.
    pub before: Value,
    /// After; null where there is none.
    pub after: Value,
}

/// What becomes of one thing, on all hosts where it is the same.
#[derive(Clone, Debug, PartialEq)]
pub struct Change {
    /// What kind of thing it is.
    pub kind: Kind,
    /// Its name.
    pub subject: String,
    /// Its text before the first and after the last of the tasks.
    pub text: Option<(Content, Content)>,
    /// Fields of its state that differ.
    pub fields: Vec<Field>,
    /// Whether it is not known to the end: a task that may change it.
    pub uncertain: bool,
    /// Whether it does not exist before.
    pub is_new: bool,
    /// Whether it does not exist afterwards.
    pub is_gone: bool,
    /// The tasks that make it, in order: places in [`Plan::tasks`].
    pub tasks: Vec<u32>,
    /// The hosts, in the plan's order.
    pub hosts: Vec<String>,
}

impl Change {
    /// Whether the same becomes of the same thing, whichever tasks make it.
    pub fn is_alike(&self, other: &Change) -> bool {
        (self.kind, &self.subject, &self.text, &self.fields, self.uncertain)
            == (other.kind, &other.subject, &other.text, &other.fields, other.uncertain)
    }

    /// Whether it is there during the run only: nothing of it is left.
    pub fn is_temporary(&self) -> bool {
        self.is_new && self.is_gone
    }
}

/// All changes of a plan: by kind, in the order of the run, those of one thing with most hosts first.
#[derive(Clone, Debug, Default)]
pub struct Changes(pub Vec<Change>);

/// One thing on one host while its tasks are gone through.
#[derive(Default)]
struct Making {
    text: Option<(Content, Content)>,
    fields: IndexMap<String, (Value, Value)>,
    uncertain: bool,
    tasks: Vec<u32>,
    /// Whether the first of its tasks found it missing.
    is_new: bool,
    /// Whether the last of its tasks left it missing.
    is_gone: bool,
    /// It has nothing to show but that it happens.
    bare: bool,
}

impl Changes {
    /// Of the hosts that `wanted` names.
    pub fn of(plan: &Plan, wanted: impl Fn(&str) -> bool) -> Changes {
        let mut by_host: IndexMap<&str, IndexMap<(Kind, String), Making>> = IndexMap::new();
        for (host, way) in &plan.hosts {
            for (taken, task, step) in plan.way(way) {
                if !matches!(step.status, Status::Changed | Status::Unknown | Status::Failed) {
                    continue;
                }
                // What a delegated task does is done to the other host.
                let on = step.delegated_to.as_deref().unwrap_or(host);
                if wanted(on) {
                    note(plan, by_host.entry(on).or_default(), taken.task, task, step);
                }
            }
        }
        let mut groups: IndexMap<String, Change> = IndexMap::new();
        for (host, things) in by_host {
            for ((kind, subject), making) in things {
                let temporary = kind == Kind::File && making.is_new && making.is_gone;
                // Of what is gone at the end, a text that was there in between says nothing.
                let text = making.text.filter(|(before, after)| before != after && !making.is_gone);
                let fields: Vec<Field> = making
                    .fields
                    .into_iter()
                    .filter(|(_, (before, after))| before != after && !temporary)
                    .map(|(name, (before, after))| Field { name, before, after })
                    .collect();
                if text.is_none() && fields.is_empty() && !making.bare && !temporary {
                    // Changed and changed back.
                    continue;
                }
                let shown = serde_json::to_string(&fields).unwrap_or_default();
                let (is_new, is_gone) = match kind {
                    Kind::File => (making.is_new, making.is_gone),
                    Kind::Package | Kind::User | Kind::Group => (
                        fields.iter().all(|field| field.before.is_null()),
                        fields.iter().all(|field| field.after.is_null() || field.after == "purged"),
                    ),
                    Kind::Unit | Kind::Reboot | Kind::Command | Kind::Other => (false, false),
                };
                let sure = (making.uncertain, is_new, is_gone);
                let key = format!("{kind:?}\0{subject}\0{text:?}\0{shown}\0{sure:?}\0{:?}", making.tasks);
                let change = groups.entry(key).or_insert_with(|| Change {
                    kind,
                    subject,
                    text,
                    fields,
                    uncertain: making.uncertain,
                    is_new,
                    is_gone,
                    tasks: making.tasks,
                    hosts: Vec::new(),
                });
                change.hosts.push(host.to_owned());
            }
        }
        let mut changes: Vec<Change> = groups.into_values().collect();
        // When the first of its tasks comes, and which of a task's things it is.
        let mut firsts: IndexMap<(Kind, String), u32> = IndexMap::new();
        for change in &changes {
            let first = change.tasks.first().copied().unwrap_or_default();
            let known = firsts.entry((change.kind, change.subject.clone())).or_insert(first);
            *known = first.min(*known);
        }
        changes.sort_by_cached_key(|change| {
            let kind = Kind::ALL.iter().position(|kind| *kind == change.kind);
            let first = firsts.get_full(&(change.kind, change.subject.clone())).map(|(index, _, task)| (*task, index));
            (kind, first, std::cmp::Reverse(change.hosts.len()))
        });
        Changes(changes)
    }

    /// Those of a kind.
    pub fn of_kind(&self, kind: Kind) -> impl Iterator<Item = &Change> {
        self.0.iter().filter(move |change| change.kind == kind)
    }
}

fn note(plan: &Plan, things: &mut IndexMap<(Kind, String), Making>, index: u32, task: &Task, step: &Step) {
    let uncertain = step.status == Status::Unknown;
    for delta in &step.deltas {
        let (before, after) = (plan.content(delta.before), plan.content(delta.after));
        if delta.subject == "packages" {
            let names: IndexSet<&String> = fields(before).chain(fields(after)).map(|(name, _)| name).collect();
            for name in names {
                let making = things.entry((Kind::Package, name.clone())).or_default();
                making.touch(index, uncertain);
                making.field("version", before.get(name).cloned(), after.get(name).cloned());
            }
            continue;
        }
        let (kind, name) = kind_of(&delta.subject);
        let making = things.entry((kind, name.to_owned())).or_default();
        if making.tasks.is_empty() {
            making.is_new = delta.created;
        }
        making.is_gone = delta.removed;
        making.touch(index, uncertain);
        match (before, after) {
            (Value::Object(old), Value::Object(new)) => {
                let gone = old.keys().filter(|name| !new.contains_key(*name));
                for name in new.keys().chain(gone).filter(|name| !matches!(name.as_str(), "path" | "dest")) {
                    making.field(name, old.get(name).cloned(), new.get(name).cloned());
                }
            }
            _ => making.text = Some((making.text.map_or(delta.before, |(first, _)| first), delta.after)),
        }
    }
    if step.deltas.is_empty() && step.status == Status::Changed {
        let kind = match short_name(&task.action) {
            "reboot" => Kind::Reboot,
            "command" | "shell" | "script" | "raw" => Kind::Command,
            _ => Kind::Other,
        };
        let subject = if kind == Kind::Reboot { "reboot".to_owned() } else { task.title() };
        let making = things.entry((kind, subject)).or_default();
        making.touch(index, uncertain);
        making.bare = true;
    }
}

fn fields(value: &Value) -> impl Iterator<Item = (&String, &Value)> {
    value.as_object().into_iter().flatten()
}

/// What kind of thing a difference's subject is, and its name.
fn kind_of(subject: &str) -> (Kind, &str) {
    let prefixes = [("unit ", Kind::Unit), ("user ", Kind::User), ("group ", Kind::Group)];
    let named = prefixes.into_iter().find_map(|(prefix, kind)| Some((kind, subject.strip_prefix(prefix)?)));
    match named {
        Some(named) => named,
        None if subject.starts_with('/') => (Kind::File, subject),
        None => (Kind::Other, subject),
    }
}

impl Making {
    fn touch(&mut self, task: u32, uncertain: bool) {
        if self.tasks.last() != Some(&task) {
            self.tasks.push(task);
        }
        self.uncertain |= uncertain;
    }

    fn field(&mut self, name: &str, before: Option<Value>, after: Option<Value>) {
        let (before, after) = (before.unwrap_or_default(), after.unwrap_or_default());
        match self.fields.get_mut(name) {
            Some(known) => known.1 = after,
            None => drop(self.fields.insert(name.to_owned(), (before, after))),
        }
    }
}
