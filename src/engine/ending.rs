//! How a task ends on a host: a module's outcome becomes a result as `register` has it, judged by `changed_when` and
//! `failed_when`.

use crate::actions::{Consequence, Halt};
use crate::connection::LinkError;
use crate::diagnostic::Diagnostic;
use crate::event::{Status, TaskResult};
use crate::playbook::Keyword;
use crate::template::{TemplateError, TemplateErrorKind, splitlines};
use refit_agent::outcome::{Outcome, Stop};
use serde_json::{Map, Value as Json};

/// How a task, or an item of its loop, ended on a host.
#[derive(Clone, Debug)]
pub struct Ending {
    /// As the events tell it.
    pub result: TaskResult,
    /// Facts that it brought.
    pub facts: Map<String, Json>,
    /// What follows on the controller.
    pub consequences: Vec<Consequence>,
    /// With `delegate_facts`: what belongs to the hosts that it was delegated to.
    pub of_delegates: Vec<OfDelegate>,
    /// In a dry run: why the result is not known. The status may be known all the same (`changed_when: false`).
    pub unknown: Option<String>,
    /// In a dry run: the task itself would have done something that can't be foreseen.
    pub did_unforeseen: bool,
    /// In a dry run: it was done for real (`check_mode: false`), on the host as it is now.
    pub ran_live: bool,
    /// It is the host that said so, not a template or an action of the controller.
    pub of_host: bool,
    /// In a dry run: names in the result of which the values are not known.
    pub unknown_fields: Vec<String>,
}

/// What a task, or an item of its loop, sets for the host that it was delegated to.
#[derive(Clone, Debug)]
pub struct OfDelegate {
    /// The host's name.
    pub host: String,
    /// Its facts.
    pub facts: Map<String, Json>,
    /// Its variables.
    pub variables: Vec<Consequence>,
}

impl Ending {
    fn of(status: Status, result: Map<String, Json>) -> Ending {
        Ending {
            result: TaskResult {
                status,
                ignored: false,
                hidden: false,
                delegated_to: None,
                result,
                diff: Vec::new(),
                digest: None,
                why: None,
                began: 0,
                took: 0,
            },
            facts: Map::new(),
            consequences: Vec::new(),
            of_delegates: Vec::new(),
            unknown: None,
            did_unforeseen: false,
            of_host: false,
            ran_live: false,
            unknown_fields: Vec::new(),
        }
    }

    /// Skipped by a condition: as written, and with its values.
    pub fn skipped(condition: Option<&str>, why: String) -> Ending {
        let mut result = Map::new();
        result.insert("changed".to_owned(), false.into());
        result.insert("skipped".to_owned(), true.into());
        result.insert("skip_reason".to_owned(), "Conditional result was False".into());
        if let Some(condition) = condition {
            result.insert("false_condition".to_owned(), condition.into());
        }
        let mut ending = Ending::of(Status::Skipped, result);
        ending.result.why = Some(why);
        ending
    }

    /// Failed with a message.
    pub fn failed(message: impl Into<String>) -> Ending {
        let mut result = Map::new();
        result.insert("changed".to_owned(), false.into());
        result.insert("failed".to_owned(), true.into());
        result.insert("msg".to_owned(), message.into().into());
        Ending::of(Status::Failed, result)
    }

    /// A dry run can't tell.
    pub fn unknown(why: String) -> Ending {
        let mut result = Map::new();
        result.insert("changed".to_owned(), Json::Null);
        result.insert("msg".to_owned(), format!("known only when it runs: {why}").into());
        let mut ending = Ending::of(Status::Unknown, result);
        ending.result.why = Some(why.clone());
        ending.unknown = Some(why);
        ending
    }

    /// A dry run can't tell all of it: what is known stays, and is shown.
    pub fn half_known(mut self, why: String) -> Ending {
        if matches!(self.result.status, Status::Ok | Status::Changed) {
            let unknown = Ending::unknown(why);
            self.result.result.extend(unknown.result.result);
            self.result.status = unknown.result.status;
            self.result.why = unknown.result.why;
            self.unknown = unknown.unknown;
        }
        self
    }

    /// The host was lost.
    pub fn unreachable(error: &LinkError) -> Ending {
        let mut result = Map::new();
        result.insert("changed".to_owned(), false.into());
        result.insert("unreachable".to_owned(), true.into());
        result.insert("msg".to_owned(), error.to_string().into());
        Ending::of(Status::Unreachable, result)
    }

    /// A template of the task could not be had.
    pub fn template_error(error: TemplateError) -> Ending {
        if error.kind == TemplateErrorKind::Unknown {
            return Ending::unknown(error.diagnostic.message.clone());
        }
        let mut ending = Ending::failed(error.diagnostic.message.clone());
        ending.result.why = Some(details(&error.diagnostic));
        ending
    }

    /// As an action or module ended.
    pub fn of_result(result: Result<Outcome, Halt>) -> Ending {
        match result {
            Ok(outcome) => Ending::of_outcome(outcome),
            Err(Halt::Lost(error)) => Ending::unreachable(&error),
            Err(Halt::Stop(Stop::Unknown { why })) => Ending { did_unforeseen: true, ..Ending::unknown(why) },
            Err(Halt::Stop(Stop::Cancelled { why })) => Ending::failed(why),
            Err(Halt::Stop(Stop::Failed(failure))) => {
                let mut fields = failure.result;
                fields.insert("changed".to_owned(), failure.changed.into());
                fields.insert("failed".to_owned(), true.into());
                fields.entry("msg").or_insert_with(|| failure.msg.into());
                add_warnings(&mut fields, failure.warnings);
                add_lines(&mut fields);
                Ending { of_host: true, ..Ending::of(Status::Failed, fields) }
            }
        }
    }

    fn of_outcome(outcome: Outcome) -> Ending {
        let mut fields = outcome.result;
        fields.insert("changed".to_owned(), outcome.changed.into());
        if outcome.skipped {
            fields.insert("skipped".to_owned(), true.into());
        }
        if !outcome.facts.is_empty() {
            fields.insert("ansible_facts".to_owned(), outcome.facts.clone().into());
        }
        if !outcome.diff.is_empty() {
            fields.insert("diff".to_owned(), outcome.diff.iter().map(|diff| serde_json::json!(diff)).collect());
        }
        add_warnings(&mut fields, outcome.warnings);
        add_lines(&mut fields);
        let status = match (outcome.skipped, outcome.changed) {
            (true, false) => Status::Skipped,
            (_, true) => Status::Changed,
            (false, false) => Status::Ok,
        };
        let mut ending = Ending::of(status, fields);
        ending.result.diff = outcome.diff;
        ending.facts = outcome.facts;
        ending.unknown_fields = outcome.unknown;
        ending
    }

    /// `delegate_facts`: what it sets is for the host that it was delegated to.
    pub fn give_to_delegate(&mut self) {
        let Some(host) = self.result.delegated_to.clone() else { return };
        let (variables, others): (Vec<_>, Vec<_>) = std::mem::take(&mut self.consequences)
            .into_iter()
            .partition(|consequence| matches!(consequence, Consequence::Set { .. } | Consequence::Include(_)));
        self.consequences = others;
        let facts = std::mem::take(&mut self.facts);
        // What sets variables names them as facts in its result, too; they are none.
        let facts = if variables.is_empty() { facts } else { Map::new() };
        if !facts.is_empty() || !variables.is_empty() {
            self.of_delegates.push(OfDelegate { host, facts, variables });
        }
    }

    /// The digest of its differences.
    pub fn digest(&self) -> Option<String> {
        use sha2::Digest as _;
        if self.result.diff.is_empty() {
            return None;
        }
        let mut hash = sha2::Sha256::new();
        for diff in &self.result.diff {
            for side in [&diff.before, &diff.after] {
                match side {
                    // Times are those of the task itself.
                    Json::Object(fields) => {
                        for (name, value) in
                            fields.iter().filter(|(name, _)| !matches!(name.as_str(), "atime" | "mtime"))
                        {
                            hash.update(format!("{name}={value}\0"));
                        }
                    }
                    other => hash.update(other.to_string()),
                }
                hash.update([0]);
            }
        }
        Some(hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
    }

    /// Whether it counts as a failure.
    pub fn is_failed(&self) -> bool {
        self.result.status == Status::Failed
    }

    /// `changed_when` said so.
    pub fn set_changed(&mut self, changed: bool) {
        self.result.result.insert("changed".to_owned(), changed.into());
        if matches!(self.result.status, Status::Ok | Status::Changed | Status::Unknown) {
            self.result.status = if changed { Status::Changed } else { Status::Ok };
        }
    }

    /// `failed_when` said so.
    pub fn set_failed(&mut self, failed: bool) {
        self.result.result.insert("failed".to_owned(), failed.into());
        self.result.result.insert("failed_when_result".to_owned(), failed.into());
        if failed {
            self.result.status = Status::Failed;
        } else if self.result.status == Status::Failed {
            let changed = self.result.result.get("changed") == Some(&Json::Bool(true));
            self.result.status = if changed { Status::Changed } else { Status::Ok };
        }
    }

    /// `changed_when` or `failed_when` can't be evaluated: the task failed, and what the module said is kept.
    pub fn fail_judging(&mut self, keyword: Keyword, error: &TemplateError) {
        let problem = format!("the condition of `{}` can't be evaluated: {}", keyword.name(), error.diagnostic.message);
        self.result.result.insert(format!("{}_result", keyword.name()), problem.clone().into());
        self.result.result.insert("failed".to_owned(), true.into());
        self.result.status = Status::Failed;
        self.result.why = Some(format!("{problem}\n{}", details(&error.diagnostic)).trim_end().to_owned());
    }

    /// Several items' endings as the task's.
    pub fn of_items(items: &[(Json, Ending)]) -> Ending {
        let any = |status| items.iter().any(|(_, ending)| ending.result.status == status);
        let all_skipped = items.iter().all(|(_, ending)| ending.result.status == Status::Skipped);
        let changed = items.iter().any(|(_, ending)| ending.result.result.get("changed") == Some(&Json::Bool(true)));
        let mut fields = Map::new();
        fields.insert("changed".to_owned(), changed.into());
        let results: Vec<Json> = items.iter().map(|(_, ending)| Json::Object(ending.result.result.clone())).collect();
        fields.insert("results".to_owned(), results.into());
        let status = if any(Status::Unreachable) {
            fields.insert("unreachable".to_owned(), true.into());
            Status::Unreachable
        } else if any(Status::Failed) {
            fields.insert("failed".to_owned(), true.into());
            Status::Failed
        } else if any(Status::Unknown) {
            Status::Unknown
        } else if all_skipped {
            fields.insert("skipped".to_owned(), true.into());
            Status::Skipped
        } else if changed {
            Status::Changed
        } else {
            Status::Ok
        };
        let message = match (status, items.is_empty()) {
            (_, true) => {
                fields.insert("skipped_reason".to_owned(), "No items in the list".into());
                None
            }
            (Status::Failed | Status::Unreachable, _) => Some("One or more items failed"),
            (Status::Skipped, _) => Some("All items skipped"),
            _ => Some("All items completed"),
        };
        if let Some(message) = message {
            fields.insert("msg".to_owned(), message.into());
        }
        let mut whole = Ending::of(status, fields);
        for (_, ending) in items {
            whole.result.diff.extend(ending.result.diff.iter().cloned());
            whole.facts.extend(ending.facts.clone());
            whole.consequences.extend(ending.consequences.iter().cloned());
            whole.of_delegates.extend(ending.of_delegates.iter().cloned());
            whole.did_unforeseen |= ending.did_unforeseen;
            whole.ran_live |= ending.ran_live;
            whole.of_host |= ending.of_host;
            let partly = || ending.unknown_fields.first().map(|name| format!("`{name}` is known only when it runs"));
            whole.unknown = whole.unknown.or_else(|| ending.unknown.clone()).or_else(partly);
        }
        // The first reason of the kind that decided.
        whole.result.why = items
            .iter()
            .find(|(_, ending)| ending.result.status == status)
            .and_then(|(_, ending)| ending.result.why.clone());
        whole
    }
}

fn add_warnings(fields: &mut Map<String, Json>, warnings: Vec<String>) {
    if !warnings.is_empty() {
        fields.insert("warnings".to_owned(), warnings.into());
    }
}

/// `stdout_lines` beside `stdout`, and the same of standard error.
fn add_lines(fields: &mut Map<String, Json>) {
    for name in ["stdout", "stderr"] {
        let lines = format!("{name}_lines");
        if let Some(Json::String(text)) = fields.get(name)
            && !fields.contains_key(&lines)
        {
            // A program that draws its progress ends lines with carriage returns only.
            let split = splitlines(text, false);
            fields.insert(lines, serde_json::json!(split));
        }
    }
}

/// The places and hints of a diagnostic, without its message.
pub fn details(diagnostic: &Diagnostic) -> String {
    let mut lines = Vec::new();
    if let Some(span) = &diagnostic.span {
        lines.push(format!("at {}", span.place()));
    }
    lines.extend(diagnostic.related.iter().map(|(span, label)| format!("{label}: {}", span.place())));
    lines.extend(diagnostic.hints.iter().map(|hint| format!("hint: {hint}")));
    lines.join("\n")
}
