//! What a task does: its module and the arguments, in all the forms in which they may be written.

use super::Pass;
use crate::diagnostic::{Diagnostic, Span, did_you_mean, is_misspelt};
use crate::loader::{Entry, Node, Source, key_values};
use crate::playbook::keyword::{self, Keyword, Places};
use crate::playbook::model::{Action, Args};
use crate::playbook::scope::{Keywords, Scope, ScopeKind};
use std::sync::Arc;

/// A module's name without the collection that is always there.
pub(crate) fn short_name(name: &str) -> &str {
    name.strip_prefix("ansible.builtin.").or_else(|| name.strip_prefix("ansible.legacy.")).unwrap_or(name)
}

/// What the keys of a task that are no keywords came to.
pub(super) struct Found {
    pub(super) action: Action,
    /// `local_action`: the task runs on the controller.
    pub(super) local: bool,
}

impl Pass<'_> {
    /// The action among a task's keys that are no task keywords.
    pub(super) fn action(
        &mut self,
        others: &[&Entry],
        keywords: &Keywords,
        at: &Span,
        place: Places,
        parent: &Arc<Scope>,
    ) -> Option<Found> {
        let mut actions: Vec<&Entry> = Vec::new();
        for entry in others {
            match entry.key.as_str() {
                Some(name) if name.starts_with("with_") => {}
                Some(name) if name.contains('.') || crate::actions::find(name).is_some() => actions.push(entry),
                _ => actions.push(entry),
            }
        }
        let old_form = keywords
            .get(Keyword::Action)
            .map(|source| (source, false))
            .or_else(|| keywords.get(Keyword::LocalAction).map(|source| (source, true)));
        match (actions.as_slice(), old_form) {
            ([], Some((source, local))) => {
                self.old_form(source, keywords, parent).map(|action| Found { action, local })
            }
            ([entry], None) => {
                let written = entry.key.as_str().unwrap_or_default();
                let name = self.routed(written, parent, &entry.key.span)?;
                if crate::actions::find(&name).is_none()
                    && !self.unknown_module(entry, keywords, place, self.failure_is_excused)
                {
                    return None;
                }
                let args = self.args(&name, &entry.value, keywords)?;
                let action = self.checked(name, entry.key.span.clone(), args);
                Some(Found { action, local: false })
            }
            ([], None) => {
                let problem = Diagnostic::error(at, "this task names no module");
                self.problems.push(problem.hint("a task needs a module, e.g. `ansible.builtin.debug:`"));
                None
            }
            (several, _) => {
                let known =
                    |entry: &&&Entry| entry.key.as_str().is_some_and(|name| crate::actions::find(name).is_some());
                let modules: Vec<_> = several.iter().filter(known).collect();
                if modules.len() + usize::from(old_form.is_some()) > 1 {
                    let names: Vec<_> = modules.iter().filter_map(|entry| entry.key.as_str()).collect();
                    let problem =
                        Diagnostic::error(at, format!("a task has one module, this one has {}", names.join(" and ")));
                    self.problems.push(problem.hint("is a `- name:` missing before one of them?"));
                } else {
                    for entry in several.iter().filter(|entry| !known(entry)) {
                        if modules.is_empty() {
                            self.unknown_module(entry, keywords, place, false);
                        } else {
                            self.unknown_key(entry, place);
                        }
                    }
                }
                None
            }
        }
    }

    /// Says that there is no such module. Whether the task stays all the same, and fails if it comes to it: where the
    /// playbook reckons with that, or where a condition may well leave it out (`dnf`, on hosts that have `apt`).
    fn unknown_module(&mut self, entry: &Entry, keywords: &Keywords, place: Places, may_stay: bool) -> bool {
        let Some(name) = entry.key.as_str() else {
            self.unknown_key(entry, place);
            return false;
        };
        let near_keyword = did_you_mean(name, keyword::names_on(place));
        let near_module = did_you_mean(short_name(name), crate::actions::names());
        let what = if keywords.get(Keyword::Name).is_some() || near_keyword.is_none() {
            "there is no module"
        } else {
            "there is no module or keyword"
        };
        let mut problem = Diagnostic::error(&entry.key.span, format!("{what} `{name}`"));
        let known = crate::actions::names().chain(keyword::names_on(place));
        let stays = may_stay && !self.alone && !is_misspelt(short_name(name), known);
        match near_module.or(near_keyword) {
            _ if stays => problem = problem.hint("the task fails where it is not skipped").warning(),
            Some(hint) => problem = problem.hint(hint),
            None => problem = problem.hint("`refit doc --list` lists the modules"),
        }
        self.problems.push(problem);
        stays
    }

    /// `action: copy src=a dest=b`, `local_action: {module: copy, src: a}`.
    fn old_form(&mut self, source: &Source, keywords: &Keywords, parent: &Arc<Scope>) -> Option<Action> {
        let (name, value) = if let Some(entries) = source.as_map() {
            let Some(module) = source.get("module") else {
                self.error(&source.span, "a mapping here needs `module`, the module's name");
                return None;
            };
            let rest: Vec<Entry> =
                entries.iter().filter(|entry| entry.key.as_str() != Some("module")).cloned().collect();
            (module.clone(), Source { span: source.span.clone(), node: Node::Map(rest.into()) })
        } else if let Some(text) = source.as_str() {
            let (name, rest) = first_word(text.trim());
            (Source::text(&source.span, name), Source::text(&source.span, rest.trim()))
        } else {
            let message = format!("the module with its arguments must be text, this is {}", source.describe());
            self.error(&source.span, message);
            return None;
        };
        let Some(module) = self.module_name(&name, keywords, parent) else {
            let args = self.args("", &value, keywords)?;
            let written = name.as_str().unwrap_or_default().to_owned();
            return Some(Action {
                name: written.clone(),
                dynamic: Some(name),
                module: written,
                span: source.span.clone(),
                args,
            });
        };
        let module = self.routed(&module, parent, &source.span)?;
        let args = self.args(&module, &value, keywords)?;
        self.known(module, source.span.clone(), args)
    }

    /// A module's name; none where it has a template that only the run can tell.
    fn module_name(&mut self, source: &Source, keywords: &Keywords, parent: &Arc<Scope>) -> Option<String> {
        if !source.has_template() {
            return source.as_str().map(str::to_owned);
        }
        let task = Scope {
            kind: ScopeKind::Task,
            keywords: keywords.clone(),
            span: source.span.clone(),
            directory: parent.directory.clone(),
            parent: Some(parent.clone()),
        };
        let name = self.names.text(source, &task).ok()?;
        crate::actions::find(&name).is_some().then_some(name)
    }

    fn known(&mut self, name: String, span: Span, args: Args) -> Option<Action> {
        if crate::actions::find(&name).is_none() {
            let mut problem = Diagnostic::error(&span, format!("there is no module `{name}`"));
            if let Some(hint) = did_you_mean(short_name(&name), crate::actions::names()) {
                problem = problem.hint(hint);
            }
            self.problems.push(problem);
            return None;
        }
        Some(self.checked(name, span, args))
    }

    /// The arguments, from the module's value and from `args:`.
    fn args(&mut self, name: &str, value: &Source, keywords: &Keywords) -> Option<Args> {
        let mut args = Args::default();
        let module = crate::actions::find(name);
        let free_form = module.is_some_and(|module| module.free_form.is_some());
        match &value.node {
            Node::Null => {}
            Node::Map(entries) => self.named(entries, &mut args),
            Node::Text(text, _) | Node::Unsafe(text) => {
                let whole = text.trim();
                if !free_form && whole.starts_with("{{") && whole.ends_with("}}") && !whole.contains("=") {
                    args.template = Some(value.clone());
                } else {
                    match key_values(text, &value.span, free_form) {
                        Ok((raw, entries)) => {
                            args.free_form = raw;
                            self.named(&entries, &mut args);
                        }
                        Err(problem) => self.problems.push(problem),
                    }
                }
            }
            Node::Seq(_) if free_form => args.free_form = Some(value.clone()),
            _ if free_form => args.free_form = Some(Source::text(&value.span, scalar_text(value))),
            _ => {
                let message = format!("the arguments of `{name}` must be a mapping, this is {}", value.describe());
                self.error(&value.span, message);
                return None;
            }
        }
        match keywords.get(Keyword::Args) {
            None => {}
            Some(more) if more.is_null() => {}
            Some(more) => match &more.node {
                Node::Map(entries) => self.named(entries, &mut args),
                Node::Text(..) if more.has_template() => args.template = Some(more.clone()),
                _ => self.error(&more.span, format!("`args` wants a mapping, this is {}", more.describe())),
            },
        }
        Some(args)
    }

    fn named(&mut self, entries: &[Entry], args: &mut Args) {
        for entry in entries {
            match entry.key.as_str() {
                // What the module's own mapping says counts before `args:`, which is read second.
                Some(key) if args.get(key).is_some() => {}
                Some(key) => {
                    let key: Arc<str> = Arc::from(key);
                    args.names.push((key.clone(), entry.key.span.clone()));
                    args.named.push((key, entry.value.clone()));
                }
                None => self.error(
                    &entry.key.span,
                    format!("an argument's name must be text, this is {}", entry.key.describe()),
                ),
            }
        }
    }

    fn checked(&mut self, name: String, span: Span, mut args: Args) -> Action {
        let module = short_name(&name).to_owned();
        // The text of a free-form module may also be given by name.
        if let Some(declared) = crate::actions::find(&name)
            && declared.free_form.is_some()
            && args.free_form.is_none()
            && let Some(at) = args.named.iter().position(|(key, _)| &**key == "_raw_params" || &**key == "free_form")
        {
            args.free_form = Some(args.named.remove(at).1);
        }
        for secret in crate::actions::secret_args(&name) {
            let value = args.named.iter().find(|(key, _)| &**key == *secret).map(|(_, value)| value);
            // No password is a truth value, and many a word is `True`.
            if let Some(value) = value.filter(|value| !value.has_template() && !matches!(value.node, Node::Bool(_))) {
                self.parser.secrets.add(&scalar_text(value));
            }
        }
        self.check_args(&name, &span, &args);
        self.check_templates(&name, &args);
        Action { name, dynamic: None, module, span, args }
    }
}

/// The first word of a text, which may have spaces within a template's braces, and the rest.
fn first_word(text: &str) -> (&str, &str) {
    let ends = |at: usize| text[..at].matches("{{").count() <= text[..at].matches("}}").count();
    let end = text.match_indices(char::is_whitespace).map(|(at, _)| at).find(|at| ends(*at));
    end.map_or((text, ""), |at| text.split_at(at))
}

/// A scalar as text, as free-form modules take it.
fn scalar_text(value: &Source) -> String {
    match &value.node {
        Node::Bool(true) => "True".to_owned(),
        Node::Bool(false) => "False".to_owned(),
        Node::Int(number) => number.to_string(),
        Node::BigInt(digits) => digits.to_string(),
        Node::Float(number) => number.to_string(),
        _ => value.as_str().unwrap_or_default().to_owned(),
    }
}
