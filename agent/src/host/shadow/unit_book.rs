//! What would be different of the units' states.

use crate::host::{Scope, UnitAction, UnitFileAction};
use crate::protocol::Effect;
use std::collections::{BTreeSet, HashMap};

/// What was done to the units, by scope and full name.
#[derive(Default)]
pub(super) struct UnitBook {
    actions: HashMap<(Scope, String), UnitAction>,
    files: HashMap<(Scope, String), UnitFileAction>,
}

impl UnitBook {
    pub(super) fn apply(&mut self, effect: &Effect) {
        match effect {
            Effect::Unit { action, unit, scope } => {
                self.actions.insert((*scope, unit.clone()), *action);
            }
            Effect::UnitFile { action, unit, scope } => {
                self.files.insert((*scope, unit.clone()), *action);
            }
            _ => {}
        }
    }

    /// The system's units with which something was done.
    pub(super) fn names(&self) -> BTreeSet<String> {
        let keys = self.actions.keys().chain(self.files.keys());
        keys.filter(|(scope, _)| *scope == Scope::System).map(|(_, unit)| unit.clone()).collect()
    }

    /// What was last done with the running unit.
    pub(super) fn action(&self, scope: Scope, unit: &str) -> Option<UnitAction> {
        self.actions.get(&(scope, unit.to_owned())).copied()
    }

    /// What was last done with the unit's file.
    pub(super) fn file_action(&self, scope: Scope, unit: &str) -> Option<UnitFileAction> {
        self.files.get(&(scope, unit.to_owned())).copied()
    }
}
