//! The variables in force for a host at a task.

use super::host::HostVars;
use super::layers::{Bindings, Layer, bindings};
use crate::playbook::{Keyword, RoleUse, Scope, ScopeKind};
use crate::template::{Binding, Variables};
use std::sync::Arc;

/// The layers that a task brings, whatever the host: worked out once for a task.
#[derive(Debug, Default)]
pub struct TaskLayers {
    /// Parameters of includes and roles, from the top.
    params: Vec<Layer>,
    /// Task, block and role variables, from the top.
    own: Vec<Layer>,
    /// Defaults of roles, from the top.
    defaults: Vec<Layer>,
}

impl TaskLayers {
    /// The layers of a task, or of what surrounds one, in a play that sees these roles' variables.
    pub fn of(scope: &Scope, public_roles: &[Arc<RoleUse>]) -> TaskLayers {
        let mut layers = TaskLayers::default();
        let mut role_params: Vec<Layer> = Vec::new();
        let mut role_vars: Vec<Layer> = Vec::new();
        for around in scope.outward() {
            let vars = around.keywords.get(Keyword::Vars).map(bindings).filter(|vars| !vars.is_empty());
            match &around.kind {
                ScopeKind::Task | ScopeKind::Block => layers.own.extend(vars.map(Layer::from)),
                ScopeKind::Include(item) => {
                    if !item.is_empty() {
                        layers.params.push(Layer::from(super::values(item.iter().cloned())));
                    }
                    layers.params.extend(vars.map(Layer::from));
                }
                ScopeKind::Role(used) => {
                    role_vars.extend(vars.map(Layer::from));
                    role_vars.extend(vars_of(used));
                    if !used.params.is_empty() {
                        let params: Bindings = used
                            .params
                            .iter()
                            .map(|(name, value)| (name.clone(), Binding::Source(value.clone())))
                            .collect();
                        role_params.push(Layer::from(params));
                    }
                    layers.defaults.extend(defaults_of(used));
                }
                ScopeKind::Play => break,
            }
        }
        layers.params.extend(role_params);
        layers.own.extend(role_vars);
        // The role read last wins among those that the whole play sees.
        for used in public_roles.iter().rev() {
            layers.own.extend(vars_of(used));
            layers.defaults.extend(defaults_of(used));
        }
        layers
    }
}

impl TaskLayers {
    /// The layers in their three places among the others, each from the top: parameters; of the task, blocks and roles; defaults.
    pub fn parts(&self) -> [&[Layer]; 3] {
        [&self.params, &self.own, &self.defaults]
    }
}

fn vars_of(used: &RoleUse) -> Vec<Layer> {
    let own = used.role.vars.iter().rev().map(|source| Layer::from(bindings(source)));
    own.chain(used.dependencies.iter().rev().flat_map(|dependency| vars_of(dependency))).collect()
}

fn defaults_of(used: &RoleUse) -> Vec<Layer> {
    let own = used.role.defaults.iter().rev().map(|source| Layer::from(bindings(source)));
    own.chain(used.dependencies.iter().rev().flat_map(|dependency| defaults_of(dependency))).collect()
}

/// The variables in force for a host at a task.
#[derive(Clone, Debug)]
pub struct Stack {
    /// Magic variables.
    pub magic: Layer,
    /// Extra vars.
    pub extra: Layer,
    /// What the task brings.
    pub task: Arc<TaskLayers>,
    /// What the run learned of the host.
    pub host: [Layer; 2],
    /// vars_files, vars_prompt and play vars, from the top.
    pub play: Arc<[Layer]>,
    /// Facts.
    pub facts: Layer,
    /// The inventory's, from the top.
    pub inventory: Arc<[Layer]>,
    /// Names that mean something where no layer has them.
    pub fallback: Option<Arc<dyn Fallback>>,
    /// Whether mappings of the same name are merged, the one of higher precedence on top.
    pub merge: bool,
}

/// Names that mean something where nothing sets them.
pub trait Fallback: std::fmt::Debug + Send + Sync {
    /// What a name stands for, with these variables set.
    fn get(&self, name: &str, stack: &Stack) -> Option<Binding>;
}

impl Stack {
    /// With the state that the host has now.
    pub fn with_host(mut self, host: &HostVars) -> Stack {
        self.host = host.upper();
        self.facts = host.facts_layer();
        self
    }

    /// What a layer says of a name.
    pub fn set(&self, name: &str) -> Option<Binding> {
        let mut found = self.layers().filter_map(|layer| layer.get(name));
        if self.merge { super::merge::merged(found) } else { found.next() }
    }

    /// The layers from the top.
    pub fn layers(&self) -> impl Iterator<Item = &Layer> {
        std::iter::once(&self.magic)
            .chain(std::iter::once(&self.extra))
            .chain(&self.task.params)
            .chain(&self.host)
            .chain(&self.task.own)
            .chain(self.play.iter())
            .chain(std::iter::once(&self.facts))
            .chain(self.inventory.iter())
            .chain(&self.task.defaults)
    }
}

impl Variables for Stack {
    fn get(&self, name: &str) -> Option<Binding> {
        self.set(name).or_else(|| self.fallback.as_ref()?.get(name, self))
    }

    fn names(&self) -> Vec<Arc<str>> {
        // As Ansible's: from the lowest layer up, each name where it is met first.
        let mut layers: Vec<&Layer> = self.layers().collect();
        layers.reverse();
        let mut names = Vec::new();
        layers.into_iter().for_each(|layer| layer.add_names(&mut names));
        let unique: indexmap::IndexSet<Arc<str>> = names.into_iter().collect();
        unique.into_iter().collect()
    }
}
