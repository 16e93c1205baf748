//! Variables of hosts and groups as they are written.

use crate::diagnostic::Diagnostics;
use crate::engine::written;
use crate::inventory::{GroupId, HostId, Inventory, Owner, VarMap};
use crate::template::Binding;
use crate::vars::Layer;
use serde_json::{Map, Value};
use std::path::Path;

/// Where variables are looked for.
pub(super) struct Vars<'a> {
    pub inventory: &'a Inventory,
    pub playbook_dir: &'a Path,
}

impl Vars<'_> {
    /// All variables of a host, those of its groups included.
    pub fn of_host(&self, host: &str) -> Result<Map<String, Value>, Diagnostics> {
        let mut all = Map::new();
        // The layers come from the top.
        for layer in self.inventory.layers(host, self.playbook_dir)?.iter().rev() {
            if let Layer::Names(names) = layer {
                add(&mut all, names);
            }
        }
        Ok(all)
    }

    /// What a host brings itself.
    pub fn of_host_alone(&self, host: HostId) -> Result<Map<String, Value>, Diagnostics> {
        self.own(Owner::Host(host))
    }

    /// What a group brings itself.
    pub fn of_group(&self, group: GroupId) -> Result<Map<String, Value>, Diagnostics> {
        self.own(Owner::Group(group))
    }

    fn own(&self, owner: Owner) -> Result<Map<String, Value>, Diagnostics> {
        let mut all = Map::new();
        for vars in self.inventory.own_vars(owner, self.playbook_dir)? {
            add(&mut all, &vars);
        }
        Ok(all)
    }
}

fn add(all: &mut Map<String, Value>, vars: &VarMap) {
    for (name, binding) in vars {
        let value = match binding {
            Binding::Source(source) => written(source),
            Binding::Value(value) => serde_json::to_value(value).unwrap_or_else(|_| value.to_string().into()),
            Binding::Unknown(why) => Value::String(why.to_string()),
        };
        all.insert(name.to_string(), value);
    }
}
