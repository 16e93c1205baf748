//! `include_vars`: variables from files of the controller.

use super::call::{Action, ActionCall, Consequence, Done, NeedsHost, json};
use super::remote::Halt;
use super::sources::find;
use crate::loader::Source;
use crate::template::Binding;
use fancy_regex::Regex;
use refit_agent::args;
use refit_agent::args::Args as _;
use refit_agent::modules::{Module, Rule};
use refit_agent::outcome::{Outcome, Stop};
use std::path::{Path, PathBuf};
use std::sync::Arc;

args! {
    /// What `include_vars` takes.
    pub struct Args {
        /// The file: in the role's `vars`, or beside the playbook.
        [aliases = ["free-form"]]
        file: Option<String>,
        /// A directory whose files are read, sorted, with those below it.
        dir: Option<String>,
        /// The variable to put them into, instead of each by itself.
        name: Option<String>,
        /// How many levels of `dir` to read; 0 for all.
        depth: u64 = 0,
        /// A regular expression for the names of files in `dir`.
        files_matching: Option<String>,
        /// Regular expressions for names of files in `dir` to leave out.
        ignore_files: Vec<String> = Vec::new(),
        /// Ends of names that files in `dir` may have.
        extensions: Vec<String> = ["yaml", "yml", "json"].map(str::to_owned).to_vec(),
        /// Leave out files in `dir` with other ends, instead of failing.
        ignore_unknown_extensions: bool = false,
        /// How variables that exist and are mappings are treated: `replace` or `merge`.
        hash_behaviour: Option<String>,
    }
}

static MODULE: Module = Module {
    name: "include_vars",
    aliases: &[],
    summary: "Read variables from files",
    args: Args::specs,
    rules: &[Rule::MutuallyExclusive(&["file", "dir"])],
    free_form: Some("file"),
    run: None,
};

/// The action.
pub static ACTION: Action = Action { declaration: || &MODULE, needs_host: NeedsHost::No, raw: &[], run };

fn run(call: &ActionCall<'_>) -> Done {
    match attempt(call) {
        Ok((outcome, variables)) => Done::with(outcome, Consequence::Include(variables)),
        // Ansible tells a failure here under this name, too.
        Err(Halt::Stop(Stop::Failed(failure))) => {
            let message = failure.msg.clone();
            Done::only(Err(Halt::Stop(Stop::Failed(failure.with("message", message)))))
        }
        Err(halt) => Done::only(Err(halt)),
    }
}

type Variables = Vec<(Arc<str>, Binding)>;

fn attempt(call: &ActionCall<'_>) -> Result<(Outcome, Variables), Halt> {
    let args: Args = call.parsed()?;
    let files = match (&args.file, &args.dir) {
        (Some(file), _) => vec![find(call, file.trim(), "vars")?],
        (None, Some(dir)) => {
            let root = find(call, dir, "vars")?;
            if !root.is_dir() {
                return Err(Halt::failed(format!("{} is not a directory", root.display())));
            }
            files_of(&root, &args)?
        }
        (None, None) => return Err(Halt::failed("Could not find file: `include_vars` needs one of `file` and `dir`")),
    };
    let mut entries: Vec<crate::loader::Entry> = Vec::new();
    for file in &files {
        let loaded =
            crate::loader::load_file(file, call.vault).map_err(|problems| Halt::failed(problems.to_string()))?;
        match loaded.source.as_map() {
            Some(map) => {
                for entry in map {
                    entries.retain(|have| have.key.as_str() != entry.key.as_str());
                    entries.push(entry.clone());
                }
            }
            None if loaded.source.is_null() => {}
            None => {
                let place = loaded.source.span.place();
                return Err(Halt::failed(format!(
                    "{place}: a file of variables is a mapping, this is {}",
                    loaded.source.describe()
                )));
            }
        }
    }
    match args.hash_behaviour.as_deref() {
        None | Some("replace") => {}
        Some("merge") if args.name.is_none() => {
            for entry in &mut entries {
                let known = entry.key.as_str().and_then(|name| call.scope.variable(name).ok().flatten());
                let both = std::iter::once(Binding::Source(entry.value.clone())).chain(known.map(Binding::Value));
                if let Some(Binding::Source(whole)) = crate::vars::merged(both) {
                    entry.value = whole;
                }
            }
        }
        Some("merge") => {}
        Some(other) => return Err(Halt::failed(format!("`hash_behaviour` is `replace` or `merge`, not `{other}`"))),
    }
    let mut shown = serde_json::Map::new();
    for entry in &entries {
        // What can't be templated yet may be by the time that it is used.
        let value = call.scope.value(&entry.value).map_or(serde_json::Value::Null, |value| json(&value));
        shown.insert(entry.key.as_str().unwrap_or_default().to_owned(), value);
    }
    let outcome = |shown: serde_json::Map<String, serde_json::Value>| Outcome {
        facts: shown,
        ..Outcome::ok()
            .with("ansible_included_var_files", files.iter().map(|file| file.display().to_string()).collect::<Vec<_>>())
    };
    if let Some(name) = &args.name {
        let span = crate::diagnostic::Span::nowhere("include_vars");
        let whole = Source { span, node: crate::loader::Node::Map(entries.into()) };
        let shown = serde_json::Map::from_iter([(name.clone(), shown.into())]);
        return Ok((outcome(shown), vec![(Arc::from(name.as_str()), Binding::Source(whole))]));
    }
    let variables = entries
        .iter()
        .filter_map(|entry| Some((Arc::from(entry.key.as_str()?), Binding::Source(entry.value.clone()))))
        .collect();
    Ok((outcome(shown), variables))
}

/// The files of a directory that are wanted: directories in the order of their paths, each with its files sorted.
fn files_of(root: &Path, args: &Args) -> Result<Vec<PathBuf>, Halt> {
    let regex = |text: &String| {
        Regex::new(text).map_err(|error| Halt::failed(format!("`{text}` is no regular expression: {error}")))
    };
    let matching = args.files_matching.as_ref().map(regex).transpose()?;
    let ignored = args.ignore_files.iter().map(regex).collect::<Result<Vec<_>, _>>()?;
    let mut found = Vec::new();
    let mut level = vec![root.to_owned()];
    let mut levels = Vec::new();
    while !level.is_empty() && (args.depth == 0 || (levels.len() as u64) < args.depth) {
        let mut next = Vec::new();
        let mut files_of_dirs = Vec::new();
        for dir in level {
            let cannot = |error: std::io::Error| Halt::failed(format!("cannot read {}: {error}", dir.display()));
            let mut paths: Vec<PathBuf> = std::fs::read_dir(&dir)
                .map_err(cannot)?
                .map(|entry| entry.map(|entry| entry.path()))
                .collect::<Result<_, _>>()
                .map_err(cannot)?;
            paths.sort();
            let (dirs, files): (Vec<PathBuf>, Vec<PathBuf>) = paths.into_iter().partition(|path| path.is_dir());
            next.extend(dirs);
            files_of_dirs.push((dir, files));
        }
        levels.push(files_of_dirs);
        level = next;
    }
    let mut directories: Vec<(PathBuf, Vec<PathBuf>)> = levels.into_iter().flatten().collect();
    directories.sort_by(|(one, _), (other, _)| one.as_os_str().cmp(other.as_os_str()));
    for (_, files) in directories {
        for path in files {
            let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
            let hit = |regex: &Regex| regex.is_match(&name).unwrap_or(false);
            if ignored.iter().any(hit) || matching.as_ref().is_some_and(|regex| !hit(regex)) {
                continue;
            }
            let extension = path.extension().map(|end| end.to_string_lossy().into_owned()).unwrap_or_default();
            if args.extensions.iter().any(|allowed| allowed.trim_start_matches('.') == extension) {
                found.push(path);
            } else if !args.ignore_unknown_extensions {
                let wanted = args.extensions.join(", ");
                return Err(Halt::failed(format!("{} does not have a valid extension: {wanted}", path.display())));
            }
        }
    }
    Ok(found)
}
