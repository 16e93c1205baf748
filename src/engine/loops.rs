//! A task's loop on one host: all items in one request where that can be, else one after the other.

use super::ending::Ending;
use super::on_host::{Gate, OnHost};
use crate::actions::{self, Halt, NoContent, result_of};
use crate::event::{EventKind, ItemResult, Status};
use crate::loader::Source;
use crate::playbook::Keyword;
use crate::template::{Holes, Scope, TemplateError, Truth, Value};
use crate::vars::{Bindings, Layer};
use indexmap::IndexMap;
use minijinja::value::ValueKind;
use refit_agent::protocol::{HALF_KNOWN, ItemEnd};
use serde_json::{Map, Value as Json};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

impl OnHost {
    /// The items to loop over.
    pub(super) fn items(&self) -> Result<Vec<Value>, TemplateError> {
        let Some(looped) = &self.task.looped else { return Ok(Vec::new()) };
        let wrong = |problem: String| {
            TemplateError::new(crate::template::TemplateErrorKind::Failed, &looped.items.span, problem)
        };
        let value = match &looped.lookup {
            Some(lookup) => self.lookup_items(lookup, &looped.items)?,
            None => self.scope.value(&looped.items)?,
        };
        match value.kind() {
            ValueKind::Seq | ValueKind::Iterable => {
                value.try_iter().map(Iterator::collect).map_err(|error| wrong(error.to_string()))
            }
            kind => Err(wrong(format!("`loop` wants a list, this is {kind}: {value}"))),
        }
    }

    /// The variables in force for each item.
    pub(super) fn item_scopes(&self) -> Result<Vec<Scope>, TemplateError> {
        let items = self.items()?;
        let control = LoopControl::read(self)?;
        let scope = |(index, item)| self.scope.with(control.variables(&items, index, item));
        Ok(items.iter().enumerate().map(scope).collect())
    }

    /// The items of `with_LOOKUP`.
    fn lookup_items(&self, lookup: &str, items: &Source) -> Result<Value, TemplateError> {
        let terms = self.scope.value(items)?;
        let terms = match terms.kind() {
            ValueKind::Seq | ValueKind::Iterable => terms,
            _ => Value::from(vec![terms]),
        };
        let names = crate::vars::values([("loop_terms", terms)]);
        let scope = self.scope.with(Arc::new(Layer::from(names)));
        // What is found is for the task's action, which says where its files are.
        let action = self.task.action.module.as_str();
        let subdir = match action {
            _ if !lookup.ends_with("first_found") => "",
            "template" => ", subdir='templates'",
            "include_vars" => ", subdir='vars'",
            _ => "",
        };
        scope.expression(&format!("query('{lookup}', *loop_terms{subdir})"), &items.span).map_err(|mut error| {
            // The task says which lookup it is.
            if let Some(own) = error.diagnostic.message.strip_prefix(&crate::template::lookup_failure_prefix(lookup)) {
                error.diagnostic.message = own.to_owned();
            }
            error
        })
    }

    /// The task for each item.
    pub(super) fn looped(&self, items: Vec<Value>) -> Ending {
        let control = LoopControl::read(self);
        let control = match control {
            Ok(control) => control,
            Err(error) => return Ending::template_error(error),
        };
        let scope = |(index, item)| self.scope.with(control.variables(&items, index, item));
        let scopes: Vec<Scope> = items.iter().enumerate().map(scope).collect();
        let endings: Vec<Ending> = match self.one_request(&control, &scopes, &items) {
            Some(endings) => endings,
            None => self.one_by_one(&control, &scopes, &items),
        };
        let pairs: Vec<(Json, Ending)> = items.iter().map(actions::json).zip(endings).collect();
        Ending::of_items(&pairs)
    }

    fn one_by_one(&self, control: &LoopControl, scopes: &[Scope], items: &[Value]) -> Vec<Ending> {
        let mut endings: Vec<Ending> = Vec::with_capacity(items.len());
        let mut learned = Bindings::new();
        for (index, scope) in scopes.iter().enumerate() {
            if index > 0
                && control.pause > Duration::ZERO
                && !self.is_plan()
                && !self.batch.run().interrupts.sleep(control.pause)
            {
                break;
            }
            if self.batch.run().interrupts.times() > 0 && index > 0 {
                endings.push(Ending::failed("interrupted before this item"));
                break;
            }
            let scope =
                if learned.is_empty() { scope.clone() } else { scope.with(Arc::new(Layer::from(learned.clone()))) };
            let mut ending = self.one(&scope);
            // What an item sets, the next one sees.
            for consequence in &ending.consequences {
                match consequence {
                    actions::Consequence::Set { variables, .. } => {
                        learned.extend(variables.iter().map(|(name, value)| (Arc::from(name.as_str()), value.clone())));
                    }
                    actions::Consequence::Include(variables) => learned.extend(variables.iter().cloned()),
                    _ => {}
                }
            }
            // What an item asked of the inventory, another one need not ask again.
            let asked = |one: &actions::Consequence| {
                endings
                    .iter()
                    .flat_map(|earlier| &earlier.consequences)
                    .any(|earlier| earlier.changes_inventory_as(one))
            };
            if !ending.consequences.is_empty() && ending.consequences.iter().all(asked) {
                ending.set_changed(false);
            }
            self.name_item(control, &items[index], &mut ending);
            if let Some(name) = self.register() {
                learned.insert(Arc::from(name), self.registered(&ending));
            }
            let lost = ending.result.status == Status::Unreachable;
            let stop = control.break_when.as_ref().is_some_and(|condition| {
                let seen = scope.with(Arc::new(Layer::from(learned.clone())));
                matches!(seen.condition(condition), Ok(Truth::True))
            });
            self.tell_item(control, &scope, index, &items[index], &ending);
            endings.push(ending);
            if lost || stop {
                break;
            }
        }
        endings
    }

    /// All items in one request, where nothing about an item depends on another's result.
    fn one_request(&self, control: &LoopControl, scopes: &[Scope], items: &[Value]) -> Option<Vec<Ending>> {
        let fixed = [Keyword::DelegateTo, Keyword::BecomeUser, Keyword::Become, Keyword::Environment, Keyword::Timeout];
        let varies =
            fixed.iter().any(|keyword| self.task.scope.gathered(*keyword).iter().any(|source| source.has_template()));
        let self_aware = self.register().is_some_and(|name| {
            let mut sources: Vec<&Source> = self.task.scope.gathered(Keyword::When);
            sources.extend(self.task.action.args.named.iter().map(|(_, value)| value));
            sources.extend(self.task.action.args.free_form.iter());
            sources.iter().any(|source| mentions(source, name))
        });
        let waits = control.pause > Duration::ZERO || control.break_when.is_some() || self.repeats();
        let in_background = self.task.get(Keyword::Async).is_some();
        let module = actions::find(&self.task.action.name)?.name;
        let at_home = self.action().is_some() || actions::sending(module).is_some();
        if items.len() < 2 || at_home || in_background || varies || self_aware || waits {
            return None;
        }
        let mut endings: Vec<Option<Ending>> = Vec::with_capacity(items.len());
        let mut requests: Vec<Map<String, Json>> = Vec::new();
        let mut places: Vec<usize> = Vec::new();
        let mut half_known: Vec<Option<String>> = Vec::new();
        for (index, scope) in scopes.iter().enumerate() {
            let ready = match self.gate(scope) {
                Gate::Shut(ending) => Err(*ending),
                Gate::Open => {
                    let holes = self.is_plan().then(Holes::default);
                    let args = self.args(scope, None, holes.as_ref()).map(|args| actions::json_map(&args));
                    args.map(|args| (args, holes.and_then(|holes| holes.why()))).map_err(Ending::template_error)
                }
            };
            match ready {
                Ok((mut args, why)) => {
                    if let Some(why) = &why {
                        args.insert(HALF_KNOWN.to_owned(), why.clone().into());
                    }
                    requests.push(args);
                    half_known.push(why);
                    places.push(index);
                    endings.push(None);
                }
                Err(mut ending) => {
                    self.name_item(control, &items[index], &mut ending);
                    self.tell_item(control, scope, index, &items[index], &ending);
                    endings.push(Some(ending));
                }
            }
        }
        if !requests.is_empty() {
            let output = |line: &str| self.tell_output(line);
            let (remote, delegated) = match self.remote(&self.scope, &output) {
                Ok(reached) => reached,
                Err(error) => return Some(vec![Ending::template_error(error)]),
            };
            let delegates_facts =
                self.keywords(&self.scope).flag(Keyword::DelegateFacts).ok().flatten().unwrap_or(false);
            let come: Mutex<Vec<Option<Ending>>> = Mutex::new(endings);
            let done = |end: ItemEnd| {
                let Some(&index) = places.get(end.index) else { return };
                let mut ending = Ending::of_result(result_of(end.ended).map_err(Halt::from));
                ending.result.began = end.began;
                ending.result.took = end.took;
                if let Some(why) = half_known.get(end.index).cloned().flatten() {
                    ending = self.with_holes(ending, why);
                }
                let mut ending = self.judge(ending, &scopes[index]);
                ending.result.delegated_to = delegated.clone();
                if delegates_facts {
                    ending.give_to_delegate();
                }
                self.name_item(control, &items[index], &mut ending);
                self.tell_item(control, &scopes[index], index, &items[index], &ending);
                if let Some(place) = come.lock().unwrap_or_else(PoisonError::into_inner).get_mut(index) {
                    *place = Some(ending);
                }
            };
            let sent = remote.run_items(module, requests, &NoContent, Vec::new(), &done);
            endings = come.into_inner().unwrap_or_else(PoisonError::into_inner);
            let missing = match sent {
                Ok(()) => Ending::failed("the agent gave no result for this item"),
                Err(error) => Ending::of_result(Err(Halt::from(error))),
            };
            for (index, place) in endings.iter_mut().enumerate().filter(|(_, place)| place.is_none()) {
                let mut ending = missing.clone();
                self.name_item(control, &items[index], &mut ending);
                *place = Some(ending);
            }
        }
        Some(endings.into_iter().flatten().collect())
    }

    fn name_item(&self, control: &LoopControl, item: &Value, ending: &mut Ending) {
        let fields = &mut ending.result.result;
        fields.insert("ansible_loop_var".to_owned(), control.variable.clone().into());
        fields.insert(control.variable.clone(), actions::json(item));
    }

    fn tell_item(&self, control: &LoopControl, scope: &Scope, index: usize, item: &Value, ending: &Ending) {
        let label = control.label(scope, item);
        let shown = self.shown(ending);
        let label = if shown.result.hidden { Json::String("(hidden by no_log)".to_owned()) } else { label };
        self.emit(EventKind::ItemFinished {
            task: self.id,
            host: self.host.name.to_string(),
            item: ItemResult { index, label, result: shown.result },
        });
    }
}

/// Whether a name stands somewhere in a source's texts.
fn mentions(source: &Source, name: &str) -> bool {
    match (source.as_str(), source.as_seq(), source.as_map()) {
        (Some(text), _, _) => text.contains(name),
        (_, Some(items), _) => items.iter().any(|item| mentions(item, name)),
        (_, _, Some(entries)) => entries.iter().any(|entry| mentions(&entry.value, name)),
        _ => false,
    }
}

/// `loop_control`.
pub(super) struct LoopControl {
    variable: String,
    index: Option<String>,
    label: Option<Source>,
    pause: Duration,
    extended: bool,
    all_items: bool,
    break_when: Option<Source>,
}

impl LoopControl {
    pub(super) fn read(on: &OnHost) -> Result<LoopControl, TemplateError> {
        let control = on.task.get(Keyword::LoopControl);
        let part = |name: &str| control.and_then(|control| control.get(name));
        let text = |name: &str| part(name).map(|source| on.scope.text(source)).transpose();
        let flag = |name: &str, otherwise: bool| -> Result<bool, TemplateError> {
            Ok(text(name)?.and_then(|text| refit_agent::args::boolean(&text)).unwrap_or(otherwise))
        };
        let pause = text("pause")?.and_then(|text| text.trim().parse::<f64>().ok()).unwrap_or(0.0);
        Ok(LoopControl {
            variable: text("loop_var")?.unwrap_or_else(|| "item".to_owned()),
            index: text("index_var")?,
            label: part("label").cloned(),
            pause: Duration::try_from_secs_f64(pause.max(0.0)).unwrap_or_default(),
            extended: flag("extended", false)?,
            all_items: flag("extended_allitems", true)?,
            break_when: part("break_when").cloned(),
        })
    }

    /// The variables of an item.
    fn variables(&self, items: &[Value], index: usize, item: &Value) -> Arc<Layer> {
        Arc::new(Layer::from(crate::vars::values(self.names(items, index, item))))
    }

    /// The label that views show for an item.
    pub(super) fn label(&self, scope: &Scope, item: &Value) -> Json {
        match &self.label {
            None => actions::json(item),
            Some(source) => {
                scope.value(source).map_or_else(|error| error.to_string().into(), |value| actions::json(&value))
            }
        }
    }

    /// The names and values of an item.
    pub(super) fn names(&self, items: &[Value], index: usize, item: &Value) -> Vec<(Arc<str>, Value)> {
        let mut names: Vec<(Arc<str>, Value)> = Vec::new();
        let mut set = |name: &str, value: Value| names.push((Arc::from(name), value));
        set(&self.variable, item.clone());
        set("ansible_loop_var", Value::from(self.variable.clone()));
        if let Some(name) = &self.index {
            set(name, Value::from(index));
            set("ansible_index_var", Value::from(name.clone()));
        }
        if self.extended {
            let count = items.len();
            let mut extended: IndexMap<&str, Value> = IndexMap::from([
                ("index", Value::from(index + 1)),
                ("index0", Value::from(index)),
                ("first", Value::from(index == 0)),
                ("last", Value::from(index + 1 == count)),
                ("length", Value::from(count)),
                ("revindex", Value::from(count - index)),
                ("revindex0", Value::from(count - index - 1)),
            ]);
            if self.all_items {
                extended.insert("allitems", Value::from(items.to_vec()));
            }
            if let Some(previous) = index.checked_sub(1).and_then(|before| items.get(before)) {
                extended.insert("previtem", previous.clone());
            }
            if let Some(next) = items.get(index + 1) {
                extended.insert("nextitem", next.clone());
            }
            set("ansible_loop", Value::from_pairs(extended));
        }
        names
    }
}
