//! Names that a template itself defines.

use crate::template::language::Name;
use minijinja::Value;
use std::sync::{Arc, Mutex, PoisonError};

/// The names of a scope: a template, the body of a loop, a macro's call.
#[derive(Debug, Default)]
pub struct Frame {
    names: Mutex<Vec<(Name, Value)>>,
    parent: Option<Arc<Frame>>,
}

impl Frame {
    /// A scope inside another.
    pub fn inside(parent: &Arc<Frame>) -> Arc<Frame> {
        Arc::new(Frame { names: Mutex::new(Vec::new()), parent: Some(parent.clone()) })
    }

    /// What a name stands for here.
    pub fn get(&self, name: &str) -> Option<Value> {
        let mut frame = self;
        loop {
            let names = frame.names.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some((_, value)) = names.iter().rev().find(|(known, _)| &**known == name) {
                return Some(value.clone());
            }
            drop(names);
            frame = frame.parent.as_deref()?;
        }
    }

    /// Sets a name in this scope.
    pub fn set(&self, name: &Name, value: Value) {
        let mut names = self.names.lock().unwrap_or_else(PoisonError::into_inner);
        match names.iter_mut().find(|(known, _)| known == name) {
            Some((_, old)) => *old = value,
            None => names.push((name.clone(), value)),
        }
    }

    /// The names of this scope alone, with their values.
    pub fn own(&self) -> Vec<(Name, Value)> {
        self.names.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
