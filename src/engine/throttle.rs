//! `throttle` where hosts run freely: each comes to a task on its own, and only so many may be at work on it.

use super::batch::lock;
use crate::diagnostic::Span;
use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Condvar, Mutex, PoisonError};

/// How many hosts are at work on each task that has a `throttle`, by the task's place.
#[derive(Default)]
pub struct Throttles(Mutex<HashMap<(PathBuf, u32), Arc<Gate>>>);

#[derive(Default)]
struct Gate {
    inside: Mutex<usize>,
    left: Condvar,
}

/// A host's leave to work on a task; dropping it lets the next host in.
pub struct Leave(Arc<Gate>);

impl Throttles {
    /// Waits until fewer than `limit` hosts are at work on the task that stands there.
    pub fn enter(&self, task: &Span, limit: usize) -> Leave {
        let key = (task.file.path.clone(), task.start);
        let gate = lock(&self.0).entry(key).or_default().clone();
        let inside = lock(&gate.inside);
        let mut inside =
            gate.left.wait_while(inside, |inside| *inside >= limit).unwrap_or_else(PoisonError::into_inner);
        *inside += 1;
        drop(inside);
        Leave(gate)
    }
}

impl Drop for Leave {
    fn drop(&mut self) {
        *lock(&self.0.inside) -= 1;
        self.0.left.notify_one();
    }
}
