//! A mapping's keys become keywords, or an action, or an error.

use super::Pass;
use crate::diagnostic::{Diagnostic, did_you_mean};
use crate::loader::{Entry, Node, Source};
use crate::playbook::keyword::{self, Keyword, Places};
use crate::playbook::scope::Keywords;

impl Pass<'_> {
    /// The keywords of a mapping that may stand on `place`; the other entries are returned.
    pub(super) fn keywords<'s>(&mut self, entries: &'s [Entry], place: Places) -> (Keywords, Vec<&'s Entry>) {
        let mut keywords = Keywords::default();
        let mut others = Vec::new();
        for entry in entries {
            let known = entry.key.as_str().and_then(Keyword::of).filter(|known| known.places() & place != 0);
            match known {
                Some(known) => {
                    self.check_shape(known, &entry.value);
                    keywords.set(known, entry.value.clone());
                }
                None => others.push(entry),
            }
        }
        (keywords, others)
    }

    /// Says that a key may not stand here.
    pub(super) fn unknown_key(&mut self, entry: &Entry, place: Places) {
        let Some(name) = entry.key.as_str() else {
            self.error(&entry.key.span, format!("a key here must be text, this is {}", entry.key.describe()));
            return;
        };
        let on = keyword::place_name(place);
        let mut problem = Diagnostic::error(&entry.key.span, format!("`{name}` is not a keyword of {on}"));
        if let Some(hint) = did_you_mean(name, keyword::names_on(place)) {
            problem = problem.hint(hint);
        } else if let Some(known) = Keyword::of(name) {
            let places = [keyword::PLAY, keyword::ROLE, keyword::BLOCK, keyword::TASK, keyword::HANDLER];
            let on: Vec<_> =
                places.iter().filter(|at| known.places() & **at != 0).map(|at| keyword::place_name(*at)).collect();
            problem = problem.hint(format!("it may stand on {}", on.join(", ")));
        }
        self.problems.push(problem);
    }

    /// What can be told of a keyword's value without variables.
    fn check_shape(&mut self, known: Keyword, value: &Source) {
        if value.has_template() {
            return;
        }
        let fits = match known {
            Keyword::Become
            | Keyword::RunOnce
            | Keyword::NoLog
            | Keyword::IgnoreErrors
            | Keyword::IgnoreUnreachable
            | Keyword::CheckMode
            | Keyword::Diff
            | Keyword::AnyErrorsFatal
            | Keyword::GatherFacts
            | Keyword::ForceHandlers
            | Keyword::DelegateFacts => match &value.node {
                Node::Text(text, _) => {
                    refit_agent::args::boolean(text).is_some()
                        // `debugger`-like words and `gather_facts: smart` are somebody else's to judge.
                        || known == Keyword::GatherFacts
                }
                Node::Bool(_) | Node::Null | Node::Int(0 | 1) => true,
                _ => false,
            },
            Keyword::Vars => self.check_vars(value),
            Keyword::Retries | Keyword::Throttle | Keyword::Async | Keyword::Port | Keyword::Timeout => {
                matches!(&value.node, Node::Int(_) | Node::Null)
                    || value.as_str().is_some_and(|text| text.trim().parse::<i64>().is_ok())
            }
            Keyword::Tasks | Keyword::PreTasks | Keyword::PostTasks | Keyword::Handlers | Keyword::Roles => {
                value.is_null() || value.as_seq().is_some()
            }
            Keyword::LoopControl => value.as_map().is_some(),
            Keyword::Debugger => {
                let words = ["always", "never", "on_failed", "on_skipped", "on_unreachable"];
                value.as_str().is_none_or(|word| words.contains(&word))
            }
            Keyword::Register => value.as_str().is_some_and(is_identifier),
            _ => true,
        };
        if !fits {
            let name = known.name();
            let wanted = match known {
                Keyword::Vars => "a mapping of variables",
                Keyword::Retries | Keyword::Throttle | Keyword::Async | Keyword::Port | Keyword::Timeout => {
                    "a whole number"
                }
                Keyword::Tasks | Keyword::PreTasks | Keyword::PostTasks | Keyword::Handlers | Keyword::Roles => {
                    "a list"
                }
                Keyword::LoopControl => "a mapping",
                Keyword::Debugger => "always, never, on_failed, on_skipped or on_unreachable",
                Keyword::Register => "the name of a variable (letters, digits and `_`, not beginning with a digit)",
                _ => "a boolean (true or false)",
            };
            let message = match known {
                Keyword::Register => {
                    format!("Invalid variable name in 'register': it wants {wanted}, this is {}", value.describe())
                }
                _ => format!("`{name}` wants {wanted}, this is {}", value.describe()),
            };
            self.problems.push(Diagnostic::error(&value.span, message));
        }
    }

    fn check_vars(&mut self, value: &Source) -> bool {
        // A list of mappings is an old form that Ansible still reads on plays.
        if let Some(items) = value.as_seq() {
            return items.iter().all(|item| item.as_map().is_some());
        }
        let Some(entries) = value.as_map() else { return value.is_null() };
        for entry in entries {
            if !entry.key.as_str().is_some_and(is_identifier) {
                let name = entry.key.as_str().unwrap_or("this");
                self.problems.push(
                    Diagnostic::error(&entry.key.span, format!("`{name}` can't be the name of a variable"))
                        .hint("names are letters, digits and `_`, and do not begin with a digit"),
                );
            }
        }
        true
    }
}

/// Whether a text can be the name of a variable.
pub(super) fn is_identifier(name: &str) -> bool {
    let mut letters = name.chars();
    letters.next().is_some_and(|first| first.is_alphabetic() || first == '_')
        && letters.all(|letter| letter.is_alphanumeric() || letter == '_')
}
