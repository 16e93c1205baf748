//! Values of keywords, templated for a host.

use crate::loader::{Node, Source};
use crate::playbook::{Inheritance, Keyword, Scope as PlayScope};
use crate::template::{Scope, TemplateError, TemplateErrorKind, Value};
use refit_agent::args::Arg;

/// Reads the keywords of a task with the variables of a host.
#[derive(Clone, Copy)]
pub struct KeywordReader<'a> {
    /// Where the keywords stand.
    pub task: &'a PlayScope,
    /// The variables in force.
    pub scope: &'a Scope,
}

impl KeywordReader<'_> {
    /// A keyword's value; `None` where it is not said, omitted, or null.
    pub fn value(&self, keyword: Keyword) -> Result<Option<Value>, TemplateError> {
        let inherited = keyword.inheritance() != Inheritance::Own;
        for around in self.task.outward().take(if inherited { usize::MAX } else { 1 }) {
            let Some(source) = around.keywords.get(keyword) else { continue };
            let value = self.scope.value(source)?;
            // What is omitted here may be said further out.
            if !crate::template::is_omit(&value) {
                return Ok((!value.is_none()).then_some(value));
            }
        }
        Ok(None)
    }

    /// As text.
    pub fn text(&self, keyword: Keyword) -> Result<Option<String>, TemplateError> {
        Ok(self.value(keyword)?.map(|value| value.to_string()))
    }

    /// As a boolean.
    pub fn flag(&self, keyword: Keyword) -> Result<Option<bool>, TemplateError> {
        // The usual case costs nothing.
        match self.task.get(keyword).map(|source| &source.node) {
            None => return Ok(None),
            Some(Node::Bool(flag)) => return Ok(Some(*flag)),
            Some(_) => {}
        }
        self.parsed(keyword)
    }

    /// As a whole number.
    pub fn number(&self, keyword: Keyword) -> Result<Option<i64>, TemplateError> {
        self.parsed(keyword)
    }

    /// As a number.
    pub fn float(&self, keyword: Keyword) -> Result<Option<f64>, TemplateError> {
        self.parsed(keyword)
    }

    fn parsed<T: Arg>(&self, keyword: Keyword) -> Result<Option<T>, TemplateError> {
        let Some(value) = self.value(keyword)? else { return Ok(None) };
        let json = crate::actions::json(&value);
        // `ignore_errors: "{{ x }}"` may well give an empty text for false.
        if json.as_str().is_some_and(|text| text.trim().is_empty()) {
            return Ok(None);
        }
        T::parse(&json).map(Some).map_err(|problem| self.wrong(keyword, &problem))
    }

    /// An error at a keyword's value.
    pub fn wrong(&self, keyword: Keyword, problem: &str) -> TemplateError {
        let span = self.task.get(keyword).map_or(&self.task.span, |source| &source.span);
        TemplateError::new(TemplateErrorKind::Failed, span, format!("`{}`: {problem}", keyword.name()))
    }

    /// `environment`, from the outside in, later names winning. Mappings for which `leave_out` says so are left out when
    /// they can't be had.
    pub fn environment(
        &self,
        leave_out: &dyn Fn(&TemplateError) -> bool,
    ) -> Result<Vec<(String, String)>, TemplateError> {
        let mut variables: Vec<(String, String)> = Vec::new();
        for source in self.task.gathered(Keyword::Environment) {
            for mapping in crate::playbook::one_or_more(source) {
                let value = match self.scope.value(mapping) {
                    Err(error) if leave_out(&error) => self.without(mapping, leave_out)?,
                    value => value?,
                };
                let json = crate::actions::json(&value);
                let Some(map) = json.as_object() else {
                    if value.is_none() || json.as_str().is_some_and(str::is_empty) || crate::template::is_omit(&value) {
                        continue;
                    }
                    return Err(self.wrong_at(mapping, "`environment` wants a mapping of names and values"));
                };
                for (name, value) in map {
                    let text = String::parse(value).map_err(|problem| self.wrong_at(mapping, &problem))?;
                    variables.retain(|(have, _)| have != name);
                    variables.push((name.clone(), text));
                }
            }
        }
        Ok(variables)
    }

    /// A mapping without the entries for which `leave_out` says so.
    fn without(&self, mapping: &Source, leave_out: &dyn Fn(&TemplateError) -> bool) -> Result<Value, TemplateError> {
        let mut kept: Vec<(Value, Value)> = Vec::new();
        for entry in mapping.as_map().unwrap_or_default() {
            match self.scope.value(&entry.value) {
                Err(error) if leave_out(&error) => {}
                value => kept.push((self.scope.value(&entry.key)?, value?)),
            }
        }
        Ok(Value::from_pairs(kept))
    }

    fn wrong_at(&self, source: &Source, problem: &str) -> TemplateError {
        TemplateError::new(TemplateErrorKind::Failed, &source.span, problem)
    }
}
