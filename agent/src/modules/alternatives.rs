//! `alternatives`: which of several programs a name stands for, by `update-alternatives`.

use super::alternatives_list::{Choice, Group};
use super::file_content::put_link;
use super::{Call, Module};
use crate::args::Args as _;
use crate::host::{Command, Finished, Host, HostResult};
use crate::outcome::{Diff, ModuleResult, Outcome, Stop};
use crate::sorting;
use crate::{args, choices};
use serde_json::{Map, Value};
use std::path::{Path, PathBuf};

choices! {
    /// What is to be.
    pub enum State {
        /// The program is one of those that the name can stand for.
        Present = "present",
        /// And it is the one.
        Selected = "selected",
        /// And the one of the highest priority is taken.
        Auto = "auto",
        /// The program is none of them.
        Absent = "absent",
    }
}

args! {
    /// What `alternatives` takes.
    pub struct Args {
        /// The name: `editor`.
        name: String,
        /// The program.
        path: Option<PathBuf>,
        /// The link that the name is: `/usr/bin/editor`. Needed for a new name.
        link: Option<PathBuf>,
        /// The priority; 50 for a new program where not given.
        priority: Option<i64>,
        /// What is to be.
        state: State = State::Selected,
        /// Further links that follow the choice: `name`, `link` and `path` of each.
        [aliases = ["slaves"]]
        subcommands: Option<Vec<Map<String, Value>>>,
        /// A family of programs, on Red Hat's releases.
        family: Option<String>,
    }
}

/// The declaration.
pub static MODULE: Module = Module {
    name: "alternatives",
    aliases: &["community.general.alternatives"],
    summary: "Say which of several programs a name stands for",
    args: Args::specs,
    rules: &[],
    free_form: None,
    run: Some(run),
};

/// The priority of a new program.
const PRIORITY: i64 = 50;

fn run(call: &Call<'_>) -> ModuleResult {
    let args: Args = call.args()?;
    let host = call.host;
    let program = match ["update-alternatives", "alternatives"].map(|name| host.processes.which(name)) {
        [Ok(Some(path)), _] | [_, Ok(Some(path))] => path.to_string_lossy().into_owned(),
        [Err(error), _] | [_, Err(error)] => return Err(error.into()),
        _ => return Err(Stop::failed("there is no program `update-alternatives` on this host")),
    };
    let tool = Tool { host, program, name: &args.name };
    let before = tool.group()?;
    let (mut group, mut ran) = (before.clone().unwrap_or_default(), Vec::new());
    let Some(path) = &args.path else {
        if args.state != State::Auto {
            return Err(Stop::failed(format!("`path` is needed with state={}", args.state.word())));
        }
        if before.is_none() {
            return Err(Stop::failed(format!(
                "there is no alternative `{}`; give `path` and `link` to make it",
                args.name
            )));
        }
        if !group.auto {
            ran.push(tool.set_auto(&mut group)?);
        }
        return Ok(told(&args, before.as_ref(), &group, &ran));
    };
    let path = path.to_string_lossy().into_owned();
    if args.state == State::Absent {
        if group.choices.iter().any(|choice| choice.path == path) {
            ran.push(tool.remove(&mut group, &path)?);
        }
        return Ok(told(&args, before.as_ref(), &group, &ran));
    }
    let there = group.choices.iter().find(|choice| choice.path == path).cloned();
    let wanted = wanted(&args, &path, there.as_ref())?;
    if there.as_ref() != Some(&wanted) {
        if host.files.stat(Path::new(&path), true)?.is_none() {
            return Err(Stop::failed(format!("Specified path {path} does not exist")));
        }
        if let Some(link) = &args.link {
            group.link = link.to_string_lossy().into_owned();
        }
        if group.link.is_empty() {
            return Err(Stop::failed(
                "Needed to install the alternative, but unable to do so as we are missing the link",
            ));
        }
        ran.push(tool.install(&mut group, wanted)?);
    }
    match args.state {
        State::Selected if group.value != path || group.auto => ran.push(tool.select(&mut group, &path)?),
        State::Auto if !group.auto => ran.push(tool.set_auto(&mut group)?),
        _ => {}
    }
    Ok(told(&args, before.as_ref(), &group, &ran))
}

/// The program with its priority and its further links, as they are to be.
fn wanted(args: &Args, path: &str, there: Option<&Choice>) -> Result<Choice, Stop> {
    let followers = match &args.subcommands {
        None => there.map(|choice| choice.followers.clone()).unwrap_or_default(),
        Some(commands) => {
            let text = |command: &Map<String, Value>, key: &str| {
                let value = command.get(key).and_then(Value::as_str).map(str::to_owned);
                value.ok_or_else(|| {
                    Stop::failed(format!("`subcommands`: each needs `name`, `link` and `path`; one has no `{key}`"))
                })
            };
            let follower = |command: &Map<String, Value>| {
                Ok((text(command, "name")?, text(command, "link")?, text(command, "path")?))
            };
            commands.iter().map(follower).collect::<Result<Vec<_>, Stop>>()?
        }
    };
    let priority = args.priority.or(there.map(|choice| choice.priority)).unwrap_or(PRIORITY);
    let mut choice = Choice { path: path.to_owned(), priority, followers };
    sorting::sort_by(&mut choice.followers, Ord::cmp);
    Ok(choice)
}

fn told(args: &Args, before: Option<&Group>, after: &Group, ran: &[String]) -> Outcome {
    let outcome = Outcome::changed(!ran.is_empty()).with("msg", ran.join("\n"));
    if ran.is_empty() {
        return outcome;
    }
    let shown = before.map(|group| group.text(&args.name)).unwrap_or_default();
    outcome.with_diff(Diff::text(&format!("alternative {}", args.name), &shown, &after.text(&args.name)))
}

/// `update-alternatives` for one name.
struct Tool<'a> {
    host: &'a Host<'a>,
    program: String,
    name: &'a str,
}

impl Tool<'_> {
    fn query(&self) -> Vec<String> {
        [self.program.as_str(), "--query", self.name].map(str::to_owned).to_vec()
    }

    fn group(&self) -> Result<Option<Group>, Stop> {
        let mut command = Command::reading(self.query());
        command.environment.push(("LC_ALL".to_owned(), "C".to_owned()));
        let finished = self.host.processes.run(&command)?;
        Ok(if finished.status == 0 { Some(Group::parse(&finished.stdout_text())) } else { None })
    }

    fn install(&self, group: &mut Group, choice: Choice) -> Result<String, Stop> {
        let mut words = vec!["--install".to_owned(), group.link.clone(), self.name.to_owned(), choice.path.clone()];
        words.push(choice.priority.to_string());
        for (name, link, path) in &choice.followers {
            words.extend(["--slave".to_owned(), link.clone(), name.clone(), path.clone()]);
        }
        group.put(choice);
        self.run(words, group)
    }

    fn select(&self, group: &mut Group, path: &str) -> Result<String, Stop> {
        (group.auto, group.value) = (false, path.to_owned());
        self.run(vec!["--set".to_owned(), self.name.to_owned(), path.to_owned()], group)
    }

    fn set_auto(&self, group: &mut Group) -> Result<String, Stop> {
        group.auto = true;
        group.choose();
        self.run(vec!["--auto".to_owned(), self.name.to_owned()], group)
    }

    fn remove(&self, group: &mut Group, path: &str) -> Result<String, Stop> {
        group.choices.retain(|choice| choice.path != path);
        if group.value == path {
            group.auto = true;
        }
        group.choose();
        self.run(vec!["--remove".to_owned(), self.name.to_owned(), path.to_owned()], group)
    }

    /// Runs it; `after` is what the name stands for then.
    fn run(&self, words: Vec<String>, after: &Group) -> Result<String, Stop> {
        let mut argv = vec![self.program.clone()];
        argv.extend(words);
        let shown = argv.join(" ");
        let command = Command::changing(argv, format!("what `{shown}` does"));
        let finished = self.host.processes.perform(&command, &|foresight| {
            foresight.must_be_root("update-alternatives")?;
            let query = self.query();
            let says = match after.choices.is_empty() {
                true => Finished { status: 2, stdout: Vec::new(), stderr: Vec::new() },
                false => Finished::saying(after.text(self.name)),
            };
            foresight.program_says(&query.iter().map(String::as_str).collect::<Vec<_>>(), says)?;
            self.foresee_links(after)?;
            Ok(Finished::saying(""))
        })?;
        match finished.status {
            0 => Ok(format!("Execute command '{shown}'.")),
            status => {
                Err(Stop::failed(format!("`{shown}` ended with status {status}: {}", finished.stderr_text().trim())))
            }
        }
    }

    /// `/usr/bin/NAME` leads to `/etc/alternatives/NAME`, and that to the program.
    fn foresee_links(&self, after: &Group) -> HostResult<()> {
        let Some(choice) = after.choices.iter().find(|choice| choice.path == after.value) else { return Ok(()) };
        let main = (self.name.to_owned(), after.link.clone(), choice.path.clone());
        for (name, link, path) in std::iter::once(&main).chain(&choice.followers) {
            if link.is_empty() || self.host.files.stat(Path::new(path), true)?.is_none() {
                continue;
            }
            let middle = Path::new("/etc/alternatives").join(name);
            put_link(self.host, &middle, Path::new(path))?;
            put_link(self.host, Path::new(link), &middle)?;
        }
        Ok(())
    }
}
