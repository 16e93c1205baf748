//! A layer of variables.

use crate::loader::Source;
use crate::template::{Binding, Value, Variables};
use indexmap::IndexMap;
use std::sync::Arc;

/// Names with what they stand for.
pub type Bindings = IndexMap<Arc<str>, Binding>;

/// One layer: shared by all hosts and tasks that have it.
#[derive(Clone, Debug)]
pub enum Layer {
    /// Known names.
    Names(Arc<Bindings>),
    /// Names that are worked out when asked for (magic variables).
    Computed(Arc<dyn Variables>),
}

impl Layer {
    /// What a name stands for here.
    pub fn get(&self, name: &str) -> Option<Binding> {
        match self {
            Layer::Names(names) => names.get(name).cloned(),
            Layer::Computed(computed) => computed.get(name),
        }
    }

    /// Adds the names of this layer.
    pub fn add_names(&self, to: &mut Vec<Arc<str>>) {
        match self {
            Layer::Names(names) => to.extend(names.keys().cloned()),
            Layer::Computed(computed) => to.extend(computed.names()),
        }
    }
}

impl Variables for Layer {
    fn get(&self, name: &str) -> Option<Binding> {
        Layer::get(self, name)
    }

    fn names(&self) -> Vec<Arc<str>> {
        let mut names = Vec::new();
        self.add_names(&mut names);
        names
    }
}

impl From<Bindings> for Layer {
    fn from(names: Bindings) -> Layer {
        Layer::Names(Arc::new(names))
    }
}

/// A mapping that a file holds (or a list of mappings, an old form), as a layer's names.
pub fn bindings(source: &Source) -> Bindings {
    let mut names = Bindings::new();
    let mappings = match source.as_seq() {
        Some(items) => items.iter().collect(),
        None => vec![source],
    };
    for entry in mappings.into_iter().filter_map(Source::as_map).flatten() {
        if let Some(name) = entry.key.as_str() {
            names.insert(Arc::from(name), Binding::Source(entry.value.clone()));
        }
    }
    names
}

/// Plain data as a template's value.
pub fn data<T: serde::Serialize>(data: &T) -> Value {
    Value::from(minijinja::value::Serde(data))
}

/// Plain values as a layer's names.
pub fn values<N: Into<Arc<str>>>(pairs: impl IntoIterator<Item = (N, Value)>) -> Bindings {
    pairs.into_iter().map(|(name, value)| (name.into(), Binding::Value(value))).collect()
}
