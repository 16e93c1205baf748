//! What a run learns of a host: facts, `include_vars`, `set_fact`, registered results.

use super::layers::{Bindings, Layer};
use crate::template::{Binding, Variables};
use indexmap::IndexMap;
use refit_agent::facts::Subset;
use serde_json::{Map, Value as Json};
use std::sync::{Arc, LazyLock};

/// The layer of facts of a host that has none.
static NO_FACTS: LazyLock<Layer> =
    LazyLock::new(|| Layer::from(super::values([("ansible_facts", super::layers::data(&serde_json::json!({})))])));

/// A host's facts.
#[derive(Clone, Debug, Default)]
pub struct Facts {
    /// `ansible_facts`: names without `ansible_`.
    known: Arc<IndexMap<String, Json>>,
    /// The same as variables: `ansible_facts`, and each by itself as it was given.
    names: Arc<Bindings>,
    /// Where nothing was gathered because no host was asked: why they are unknown.
    unknown: Option<Arc<str>>,
}

/// Facts of a host that nobody asked.
#[derive(Debug)]
struct UnknownFacts(Arc<str>);

impl Variables for UnknownFacts {
    fn get(&self, name: &str) -> Option<Binding> {
        let is_fact = match name.strip_prefix("ansible_") {
            Some("facts") => true,
            Some(name) => refit_agent::facts::subset_of(name)
                // Anything may be the name of a network interface.
                .is_some_and(|subset| {
                    subset != Subset::Network || name.starts_with("default_ip") || name == "interfaces"
                }),
            None => false,
        };
        is_fact.then(|| Binding::Unknown(self.0.clone()))
    }

    fn names(&self) -> Vec<Arc<str>> {
        vec![Arc::from("ansible_facts")]
    }
}

impl Facts {
    /// Adds facts as a module returns them: `setup` names them `ansible_x`, others as they like.
    pub fn add(&mut self, facts: &Map<String, Json>) {
        let mut names = Bindings::clone(&self.names);
        let known = Arc::make_mut(&mut self.known);
        for (name, value) in facts {
            let short = name.strip_prefix("ansible_").unwrap_or(name);
            // Facts may be nested under the name of `ansible_local`, which each gathering replaces as a whole.
            known.insert(short.to_owned(), value.clone());
            names.insert(Arc::from(name.as_str()), Binding::Value(crate::vars::data(value)));
        }
        names.insert(Arc::from("ansible_facts"), Binding::Value(crate::vars::data(known)));
        self.names = Arc::new(names);
    }

    /// `ansible_facts`.
    pub fn known(&self) -> &IndexMap<String, Json> {
        &self.known
    }

    /// Facts that are there, and are not known: of a host that is not asked.
    pub fn unknown(why: impl Into<Arc<str>>) -> Facts {
        Facts { unknown: Some(why.into()), ..Facts::default() }
    }

    /// Whether anything was gathered.
    pub fn is_empty(&self) -> bool {
        self.known.is_empty()
    }
}

/// What a run learns of a host. Cheap to clone: a task works on the state that it began with.
#[derive(Clone, Debug, Default)]
pub struct HostVars {
    /// Facts.
    pub facts: Facts,
    /// `include_vars`.
    included: Arc<Bindings>,
    /// `set_fact` and registered results.
    set: Arc<Bindings>,
}

impl HostVars {
    /// `include_vars` read these.
    pub fn include(&mut self, more: Bindings) {
        Arc::make_mut(&mut self.included).extend(more);
    }

    /// `set_fact`, or a registered result.
    pub fn set(&mut self, name: &str, binding: Binding) {
        Arc::make_mut(&mut self.set).insert(Arc::from(name), binding);
    }

    /// Forgets facts (`meta: clear_facts`).
    pub fn clear_facts(&mut self) {
        self.facts = Facts::default();
    }

    /// The layers above those of the task, from the top.
    pub fn upper(&self) -> [Layer; 2] {
        [Layer::Names(self.set.clone()), Layer::Names(self.included.clone())]
    }

    /// The layer of facts.
    pub fn facts_layer(&self) -> Layer {
        if let (true, Some(why)) = (self.facts.is_empty(), &self.facts.unknown) {
            return Layer::Computed(Arc::new(UnknownFacts(why.clone())));
        }
        if self.facts.is_empty() {
            return NO_FACTS.clone();
        }
        Layer::Names(self.facts.names.clone())
    }
}
