//! What a task gives its module on a host: its arguments, templated, above the defaults that plays and blocks have for it.

use super::on_host::OnHost;
use crate::actions::{self, Action};
use crate::loader::Source;
use crate::playbook::Keyword;
use crate::template::{Holes, Scope, TemplateError, Value};
use indexmap::IndexMap;

impl OnHost {
    /// The module's arguments, templated; `module_defaults` below, omitted ones left out. Where there may be holes, texts
    /// have them.
    pub(super) fn args(
        &self,
        scope: &Scope,
        action: Option<&Action>,
        holes: Option<&Holes>,
    ) -> Result<IndexMap<String, Value>, TemplateError> {
        let written = &self.task.action.args;
        let texts = actions::text_args(&self.task.action.module);
        let mut args: IndexMap<String, Value> = IndexMap::new();
        let mut put = |name: &str, value: Value| {
            if crate::template::is_omit(&value) {
                args.shift_remove(name);
            } else {
                args.insert(name.to_owned(), value);
            }
        };
        for (name, value) in self.module_defaults(scope)? {
            put(&name, value);
        }
        if let Some(template) = &written.template {
            let value = scope.value(template)?;
            for key in value.try_iter().into_iter().flatten() {
                let entry = value.get_item(&key).unwrap_or_default();
                put(&key.to_string(), entry);
            }
        }
        if let (Some(source), Some(name)) =
            (&written.free_form, actions::find(&self.task.action.name).and_then(|module| module.free_form))
        {
            put(name, scope.value(source)?);
        }
        for (name, source) in &written.named {
            if action.is_some_and(|action| action.raw.contains(&&**name)) {
                continue;
            }
            let holes = holes.filter(|_| texts.contains(&&**name));
            put(name, holes.map_or_else(|| scope.value(source), |holes| scope.value_with_holes(source, holes))?);
        }
        for name in actions::secret_args(&self.task.action.name) {
            if let Some(value) = args.get(*name).filter(|value| !value.is_none()) {
                self.batch.run().secrets.add(&value.to_string());
            }
        }
        Ok(args)
    }

    /// Those that the action wants as they are written.
    pub(super) fn raw_args(&self, action: &Action) -> IndexMap<String, Source> {
        let named = self.task.action.args.named.iter();
        named
            .filter(|(name, _)| action.raw.contains(&&**name))
            .map(|(name, value)| (name.to_string(), value.clone()))
            .collect()
    }

    /// Defaults for this module's arguments, from the outside in: names and values. They may come of templates at any level.
    fn module_defaults(&self, scope: &Scope) -> Result<Vec<(String, Value)>, TemplateError> {
        let mut found = Vec::new();
        let declared = actions::find(&self.task.action.name).map(|module| module.name);
        let directory = &self.batch.play.play.directory;
        let parser = &self.batch.run().parser;
        let is_own = |name: Option<&str>| match name.and_then(|name| name.strip_prefix("group/")) {
            Some(group) => {
                parser.action_group(group, directory).is_ok_and(|all| declared.is_some_and(|own| all.contains(&own)))
            }
            None => {
                let other = name.and_then(|name| parser.module(name, directory));
                other.is_some_and(|other| Some(other.name) == declared)
            }
        };
        for source in self.task.scope.gathered(Keyword::ModuleDefaults) {
            for mapping in crate::playbook::one_or_more(source) {
                let Some(entries) = mapping.as_map() else {
                    let by_module = scope.value(mapping)?;
                    for name in by_module.try_iter().into_iter().flatten() {
                        if is_own(name.as_str()) {
                            found.extend(entries_of(&by_module.get_item(&name).unwrap_or_default()));
                        }
                    }
                    continue;
                };
                for entry in entries {
                    if !is_own(entry.key.as_str()) {
                        continue;
                    }
                    match entry.value.as_map() {
                        Some(defaults) => {
                            for arg in defaults {
                                let Some(name) = arg.key.as_str() else { continue };
                                found.push((name.to_owned(), scope.value(&arg.value)?));
                            }
                        }
                        None => found.extend(entries_of(&scope.value(&entry.value)?)),
                    }
                }
            }
        }
        Ok(found)
    }
}

/// The entries of a mapping; none where it is no mapping.
fn entries_of(mapping: &Value) -> Vec<(String, Value)> {
    let names = mapping.try_iter().into_iter().flatten();
    names.map(|name| (name.to_string(), mapping.get_item(&name).unwrap_or_default())).collect()
}
