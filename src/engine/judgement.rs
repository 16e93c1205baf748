//! What a task says of its result on a host: `changed_when`, `failed_when`, and the conditions that see the result.

use super::ending::Ending;
use super::on_host::OnHost;
use crate::event::Status;
use crate::loader::Source;
use crate::playbook::Keyword;
use crate::template::{Scope, TemplateError, TemplateErrorKind, Truth};
use crate::vars::{Bindings, Layer};
use std::sync::Arc;

impl OnHost {
    /// `changed_when` and `failed_when`.
    pub(super) fn judge(&self, mut ending: Ending, scope: &Scope) -> Ending {
        if ending.result.status == Status::Unreachable || ending.result.status == Status::Skipped {
            return ending;
        }
        for (keyword, all) in [(Keyword::ChangedWhen, true), (Keyword::FailedWhen, true)] {
            let conditions = self.task.list(keyword);
            if conditions.is_empty() {
                continue;
            }
            let mut holds = all;
            let mut unknown = None;
            for condition in conditions {
                match self.condition_on(&ending, condition, scope) {
                    Ok(Truth::True) => {}
                    Ok(Truth::False { .. }) => {
                        holds = false;
                        unknown = None;
                        break;
                    }
                    Ok(Truth::Unknown { why }) => unknown = Some(why),
                    Err(error) if error.kind == TemplateErrorKind::Unknown => {
                        unknown = Some(error.diagnostic.message.clone());
                    }
                    Err(error) => {
                        ending.fail_judging(keyword, &error);
                        return ending;
                    }
                }
            }
            match (keyword, unknown) {
                (_, Some(why)) => ending.unknown = ending.unknown.or(Some(why)),
                (Keyword::ChangedWhen, None) => ending.set_changed(holds),
                // A result that is not known can't be told to have failed by a condition that looks elsewhere.
                (_, None) if ending.unknown.is_some() && !holds => {}
                (_, None) => ending.set_failed(holds),
            }
        }
        ending
    }

    /// Whether a condition holds, seeing the result under its registered name.
    pub(super) fn condition_on(
        &self,
        ending: &Ending,
        condition: &Source,
        scope: &Scope,
    ) -> Result<Truth, TemplateError> {
        let scope = match self.register() {
            None => scope.clone(),
            Some(name) => {
                let names = Bindings::from_iter([(Arc::from(name), self.registered(ending))]);
                scope.with(Arc::new(Layer::from(names)))
            }
        };
        let truth = scope.condition(condition);
        self.batch.run().warn_of(&scope);
        truth
    }
}
