//! `debconf`: answers to the questions that packages ask when they are installed.

use super::{Call, Module, Rule};
use crate::args::Args as _;
use crate::host::{Command, Finished, Host, HostResult};
use crate::outcome::{Diff, ModuleResult, Outcome, Stop};
use crate::{args, choices};
use serde_json::{Map, Value, json};
use std::path::Path;

choices! {
    /// What an answer is.
    pub enum Kind {
        /// `true` or `false`.
        Boolean = "boolean",
        /// A message.
        Error = "error",
        /// Several of a list.
        Multiselect = "multiselect",
        /// A message.
        Note = "note",
        /// A password.
        Password = "password",
        /// Whether the question counts as asked.
        Seen = "seen",
        /// One of a list.
        Select = "select",
        /// Text.
        String = "string",
        /// Text.
        Text = "text",
        /// A title.
        Title = "title",
    }
}

args! {
    /// What `debconf` takes.
    pub struct Args {
        /// The package.
        [aliases = ["pkg"]]
        name: String,
        /// The question; without one the answers are only told.
        [aliases = ["selection", "setting"]]
        question: Option<String>,
        /// What the answer is.
        vtype: Option<Kind>,
        /// The answer; for `multiselect` a list may be given.
        [aliases = ["answer"]]
        value: Option<Value>,
        /// Don't count the question as asked.
        unseen: bool = false,
    }
}

/// The declaration.
pub static MODULE: Module = Module {
    name: "debconf",
    aliases: &[],
    summary: "Answer the questions of packages before they are installed",
    args: Args::specs,
    rules: &[Rule::RequiredTogether(&["question", "vtype", "value"])],
    free_form: None,
    run: Some(run),
};

fn run(call: &Call<'_>) -> ModuleResult {
    let args: Args = call.args()?;
    let host = call.host;
    for program in ["debconf-show", "debconf-set-selections"] {
        if host.processes.which(program)?.is_none() {
            return Err(Stop::failed(format!(
                "there is no program `{program}` on this host; install the package debconf"
            )));
        }
    }
    let answers = show(host, &args.name)?;
    let Some(question) = &args.question else {
        return Ok(Outcome::ok().with("msg", "").with("current", answers));
    };
    let (Some(vtype), Some(value)) = (args.vtype, &args.value) else {
        return Err(Stop::failed("when supplying a question you must supply a valid vtype and value"));
    };
    let wanted = text(vtype, value);
    let existing = match vtype {
        // The listing shows stars only.
        Kind::Password => password(host, question)?,
        _ => answers.get(question).and_then(Value::as_str).map(str::to_owned),
    };
    let list = |text: &str| {
        let mut words: Vec<String> =
            text.split(',').map(|word| word.trim().to_owned()).filter(|word| !word.is_empty()).collect();
        words.sort();
        words
    };
    let same = match (&existing, vtype) {
        (None, _) => false,
        (Some(existing), Kind::Boolean) => existing.to_lowercase() == wanted,
        (Some(existing), Kind::Multiselect) => list(existing) == list(&wanted),
        (Some(existing), _) => *existing == wanted,
    };
    if same {
        return Ok(Outcome::ok().with("msg", "").with("current", answers));
    }
    set(host, &args, vtype, question, &wanted, &answers)?;
    let shown = |value: String| if vtype == Kind::Password { "(a password)".to_owned() } else { value };
    let before = shown(existing.unwrap_or_default());
    let wanted = shown(wanted);
    let mut outcome = Outcome::changed(true)
        .with("msg", "")
        .with("current", json!({ question.clone(): wanted }))
        .with("previous", json!({ question.clone(): before }));
    if call.diff {
        let line = |value: &str| format!("{question}: {value}\n");
        outcome = outcome.with_diff(Diff::text(&format!("debconf of {}", args.name), &line(&before), &line(&wanted)));
    }
    Ok(outcome)
}

/// An answer as debconf has it.
fn text(vtype: Kind, value: &Value) -> String {
    match (vtype, value) {
        (Kind::Boolean, Value::String(word)) => match crate::args::boolean(word) {
            // Words that are booleans to Ansible and none to debconf stay as they are.
            _ if !matches!(word.to_lowercase().as_str(), "true" | "false") => word.to_lowercase(),
            Some(true) => "true".to_owned(),
            _ => "false".to_owned(),
        },
        (Kind::Boolean, value) => value.to_string().to_lowercase(),
        (_, Value::Array(words)) => {
            let word = |word: &Value| word.as_str().map_or_else(|| word.to_string(), str::to_owned);
            words.iter().map(word).collect::<Vec<_>>().join(", ")
        }
        (_, Value::String(text)) => text.clone(),
        (_, Value::Bool(true)) => "True".to_owned(),
        (_, Value::Bool(false)) => "False".to_owned(),
        (_, value) => value.to_string(),
    }
}

/// A package's answers, by question.
fn show(host: &Host<'_>, package: &str) -> Result<Map<String, Value>, Stop> {
    let finished = host.processes.run(&Command::reading(["debconf-show", package]))?;
    if finished.status != 0 {
        return Err(Stop::failed(finished.stderr_text().trim().to_owned()));
    }
    Ok(parse(&finished.stdout_text()))
}

fn parse(text: &str) -> Map<String, Value> {
    let answer = |line: &str| {
        let (question, value) = line.split_once(':')?;
        Some((question.trim().trim_matches('*').trim().to_owned(), value.trim().into()))
    };
    text.lines().filter_map(answer).collect()
}

fn password(host: &Host<'_>, question: &str) -> Result<Option<String>, Stop> {
    let mut command = Command::reading(["debconf-communicate"]).looking_at(["/var/cache/debconf/passwords.dat"]);
    command.stdin = format!("GET {question}\n").into_bytes();
    let said = host.processes.run(&command)?.stdout_text();
    Ok(said.trim_end().strip_prefix("0 ").map(str::to_owned))
}

fn set(
    host: &Host<'_>,
    args: &Args,
    vtype: Kind,
    question: &str,
    value: &str,
    answers: &Map<String, Value>,
) -> Result<(), Stop> {
    let mut argv = vec!["debconf-set-selections"];
    argv.extend(args.unseen.then_some("-u"));
    let mut command = Command::changing(argv, "what debconf keeps");
    command.stdin = format!("{} {question} {} {value}\n", args.name, vtype.word()).into_bytes();
    let finished = host.processes.perform(&command, &|foresight| {
        foresight.must_be_root("debconf-set-selections")?;
        let mut answers = answers.clone();
        // The listing never shows a password.
        let shown = if vtype == Kind::Password { "(password omitted)" } else { value };
        answers.insert(question.to_owned(), shown.into());
        let line =
            |(question, value): (&String, &Value)| format!("* {question}: {}\n", value.as_str().unwrap_or_default());
        let text: String = answers.iter().map(line).collect();
        foresight.program_says(&["debconf-show", &args.name], Finished::saying(text))?;
        let data = if vtype == Kind::Password { "passwords.dat" } else { "config.dat" };
        hide(host, foresight, &format!("/var/cache/debconf/{data}"))?;
        Ok(Finished::saying(""))
    })?;
    match finished.status {
        0 => Ok(()),
        _ => Err(Stop::failed(finished.stderr_text().trim().to_owned())),
    }
}

fn hide(host: &Host<'_>, foresight: &dyn crate::host::Foresight, file: &str) -> HostResult<()> {
    let file = Path::new(file);
    if host.files.stat(file, true)?.is_none() {
        return Ok(());
    }
    foresight.hide(file, true, "what debconf keeps there")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_as_debconf_has_them() {
        assert_eq!(text(Kind::Boolean, &json!(true)), "true");
        assert_eq!(text(Kind::Boolean, &json!("True")), "true");
        assert_eq!(text(Kind::Multiselect, &json!(["b", "a"])), "b, a");
        assert_eq!(text(Kind::String, &json!(5)), "5");
        assert_eq!(
            Value::from(parse("* tzdata/Areas: Etc\n  tzdata/Zones/Etc: UTC\n")),
            json!({
                "tzdata/Areas": "Etc", "tzdata/Zones/Etc": "UTC",
            })
        );
    }
}
