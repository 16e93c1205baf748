//! The task debugger: where a play, a task or a setting asks for it, the user looks at how a task ended on a host, changes
//! its arguments or variables, and has it done again. What came of it in the end is what the run tells.

use super::ending::Ending;
use super::on_host::OnHost;
use crate::actions;
use crate::diagnostic::Span;
use crate::event::Status;
use crate::loader::Source;
use crate::playbook::{Keyword, Task};
use crate::template::{Binding, Scope, Value};
use crate::vars::{Bindings, Layer, values};
use std::io::BufRead as _;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// The name of a command's free-form words among `task.args`.
const RAW_PARAMS: &str = "_raw_params";

const HELP: &str = "\
p EXPRESSION             show it; there are task, task.args, task_vars, host and result
task.args[KEY] = VALUE   change an argument of the task
task_vars[KEY] = VALUE   change a variable of the host, for this task
del task.args[KEY]       leave an argument out
u (update_task)          take the task's arguments as they are written again
r (redo)                 do the task again
c (continue)             go on with the result as it is
q (quit)                 end the run here
";

/// What the user decided.
enum Decision {
    Redo,
    GoOn,
    Quit,
}

impl OnHost {
    /// Whether the debugger may be wanted, whatever the task comes to.
    pub(super) fn may_debug(&self) -> bool {
        self.batch.play.debugs || self.task.get(Keyword::Debugger).is_some()
    }

    /// Does the task, again and again as long as the user wants it: the task as it was in the end, and how it ended.
    pub(super) fn perform_debugged(mut self) -> (OnHost, Ending) {
        let mut ending = self.perform();
        let mut session = Session { written: self.task.clone(), plain: self.scope.clone(), vars: Bindings::new() };
        while self.is_debugged(&ending) {
            // One conversation at a time.
            let run = self.batch.run().clone();
            let _turn = super::batch::lock(&run.conversation);
            if run.interrupts.times() > 0 {
                break;
            }
            let mut decision = Decision::Quit;
            run.sink.undisturbed(&mut || decision = session.talk(&mut self, &ending));
            match decision {
                Decision::Redo => ending = self.perform(),
                Decision::GoOn => break,
                Decision::Quit => {
                    run.abandoned.store(true, Ordering::SeqCst);
                    run.interrupts.add();
                    break;
                }
            }
        }
        (self, ending)
    }

    fn is_debugged(&self, ending: &Ending) -> bool {
        let keywords = self.keywords(&self.scope);
        let excuses = self.batch.run().settings.task_debugger_ignore_errors.value;
        let ignored = excuses && keywords.flag(Keyword::IgnoreErrors).ok().flatten().unwrap_or(false);
        let status = ending.result.status;
        let failed = status == Status::Failed && !ignored;
        let by_play = self.batch.play.debugs && (failed || status == Status::Unreachable);
        match keywords.text(Keyword::Debugger).ok().flatten().as_deref() {
            Some("always") => true,
            Some("never") => false,
            Some("on_failed") => by_play || failed,
            Some("on_unreachable") => by_play || status == Status::Unreachable,
            Some("on_skipped") => by_play || status == Status::Skipped,
            _ => by_play,
        }
    }
}

/// What is said of one task on one host.
struct Session {
    /// The task without the user's changes.
    written: Arc<Task>,
    /// The variables without them.
    plain: Scope,
    /// Variables that the user changed.
    vars: Bindings,
}

impl Session {
    /// Does what the user says until it is decided how to go on.
    fn talk(&mut self, at: &mut OnHost, ending: &Ending) -> Decision {
        let terminal = console::Term::stderr();
        let secrets = at.batch.run().secrets.clone();
        // Where nothing can be shown, what is typed still counts.
        let say = |text: &str| drop(terminal.write_str(&secrets.mask(text)));
        let said = ending.result.result.get("msg").and_then(|msg| msg.as_str()).unwrap_or_default();
        let status = format!("{:?}", ending.result.status).to_lowercase();
        say(format!("{}: {status}: {said}", at.host.name).trim_end_matches(": "));
        say("\n");
        loop {
            say(&format!("[{}] TASK: {} (debug)> ", at.host.name, at.title));
            let mut line = String::new();
            match std::io::stdin().lock().read_line(&mut line) {
                Ok(count) if count > 0 && at.batch.run().interrupts.times() == 0 => {}
                // Nobody is there to decide.
                _ => {
                    say("\n");
                    return Decision::Quit;
                }
            }
            let line = line.trim();
            let (word, rest) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
            match word {
                "" => {}
                "r" | "redo" => return Decision::Redo,
                "c" | "continue" => return Decision::GoOn,
                "q" | "quit" | "EOF" => return Decision::Quit,
                "h" | "help" | "?" => say(HELP),
                "u" | "update_task" => at.task = self.written.clone(),
                "p" | "print" => match self.shown(at, ending, rest.trim()) {
                    Ok(text) => say(&format!("{text}\n")),
                    Err(problem) => say(&format!("*** {problem}\n")),
                },
                _ => {
                    if let Err(problem) = self.change(at, ending, line) {
                        say(&format!("*** {problem}\n"));
                    }
                }
            }
        }
    }

    /// The variables of what the user types: the host's, and the objects that there are.
    fn scope(&self, at: &OnHost, ending: &Ending) -> Scope {
        let args = arguments(&at.task).into_iter().map(|(name, value)| (name, super::written(&value)));
        let task = serde_json::json!({
            "name": &*at.title,
            "action": at.task.action.name,
            "args": args.collect::<serde_json::Map<_, _>>(),
        });
        let mut result = ending.result.result.clone();
        result.insert("_result".to_owned(), ending.result.result.clone().into());
        let vars = self.plain.with(Arc::new(Layer::from(self.vars.clone())));
        let all = super::magic::all_of(vars.clone());
        vars.with(Arc::new(Layer::from(values([
            ("task", crate::vars::data(&task)),
            ("result", crate::vars::data(&result)),
            ("host", Value::from(&*at.host.name)),
            ("task_vars", all),
        ]))))
    }

    fn evaluated(&self, at: &OnHost, ending: &Ending, expression: &str) -> Result<Value, String> {
        let span = Span::nowhere("the debugger");
        self.scope(at, ending).expression(expression, &span).map_err(|error| error.diagnostic.message.clone())
    }

    fn shown(&self, at: &OnHost, ending: &Ending, expression: &str) -> Result<String, String> {
        match expression {
            "task" => Ok(format!("TASK: {}", at.title)),
            "host" => Ok(at.host.name.to_string()),
            _ => Ok(self.evaluated(at, ending, &format!("({expression}) | pprint"))?.to_string()),
        }
    }

    /// `task.args[KEY] = VALUE`, `task_vars[KEY] = VALUE`, `del task.args[KEY]`.
    fn change(&mut self, at: &mut OnHost, ending: &Ending, line: &str) -> Result<(), String> {
        let not_known = || format!("`{line}` is no command; `help` lists them");
        let of = |text: &str| {
            let objects = [("task.args", true), ("task_vars", false)];
            let (rest, is_args) =
                objects.iter().find_map(|(name, is_args)| Some((text.strip_prefix(name)?.trim(), *is_args)))?;
            Some((rest.strip_prefix('[')?.to_owned(), is_args))
        };
        if let Some(key) = line.strip_prefix("del").and_then(|rest| of(rest.trim_matches(['(', ')', ' ']))) {
            let (Some(key), true) = (key.0.strip_suffix(']'), key.1) else { return Err(not_known()) };
            let key = self.evaluated(at, ending, key)?.to_string();
            return set_argument(at, &key, None);
        }
        let (rest, is_args) = of(line).ok_or_else(not_known)?;
        let end = rest.find(']').ok_or_else(not_known)?;
        let value = rest[end + 1..].trim().strip_prefix('=').ok_or_else(not_known)?;
        let key = self.evaluated(at, ending, &rest[..end])?.to_string();
        let value = self.evaluated(at, ending, value)?;
        let text = actions::json(&value).to_string();
        let loaded =
            crate::loader::load_text(Path::new("the debugger"), text).map_err(|problems| problems.to_string())?;
        if is_args {
            return set_argument(at, &key, Some(loaded.source));
        }
        self.vars.insert(Arc::from(key), Binding::Source(loaded.source));
        at.scope = self.plain.with(Arc::new(Layer::from(self.vars.clone())));
        Ok(())
    }
}

/// A task's arguments as they are written; free-form words among them.
fn arguments(task: &Task) -> Vec<(String, Source)> {
    let args = &task.action.args;
    let free_form = args.free_form.iter().map(|source| (RAW_PARAMS.to_owned(), source.clone()));
    free_form.chain(args.named.iter().map(|(name, value)| (name.to_string(), value.clone()))).collect()
}

/// Sets an argument of the task, or takes it away.
fn set_argument(at: &mut OnHost, name: &str, value: Option<Source>) -> Result<(), String> {
    let mut task = Task::clone(&at.task);
    let args = &mut task.action.args;
    if name == RAW_PARAMS {
        args.free_form = value;
    } else {
        args.named.retain(|(have, _)| &**have != name);
        args.named.extend(value.map(|value| (Arc::from(name), value)));
    }
    at.task = Arc::new(task);
    Ok(())
}
