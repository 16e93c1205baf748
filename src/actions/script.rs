//! `script`: runs a program of the controller on the host, without the agent.

use super::call::{Action, ActionCall, Done, NeedsHost};
use super::raw::{ended, quoted};
use super::remote::Halt;
use super::sources::find;
use refit_agent::args;
use refit_agent::args::Args as _;
use refit_agent::modules::{Module, Rule};
use refit_agent::outcome::{Outcome, Stop};
use serde_json::{Map, Value as Json};

args! {
    /// What `script` takes.
    pub struct Args {
        /// The program, a path on the controller, with its arguments.
        [aliases = ["_raw_params", "free_form"]]
        cmd: Option<String>,
        /// A path on the host: where it exists, the program does not run.
        creates: Option<String>,
        /// A path on the host: where it does not exist, the program does not run.
        removes: Option<String>,
        /// The directory on the host to run it in.
        chdir: Option<String>,
        /// The program on the host that runs it: `python3`.
        executable: Option<String>,
        /// Decrypt the program where it is a vault.
        decrypt: bool = true,
    }
}

static MODULE: Module = Module {
    name: "script",
    aliases: &[],
    summary: "Run a program of the controller on the host",
    args: Args::specs,
    rules: &[Rule::RequiredOneOf(&["cmd"])],
    free_form: Some("cmd"),
    run: None,
};

/// The action.
pub static ACTION: Action = Action { declaration: || &MODULE, needs_host: NeedsHost::Yes, raw: &[], run };

fn run(call: &ActionCall<'_>) -> Done {
    attempt(call).into()
}

fn attempt(call: &ActionCall<'_>) -> Result<Outcome, Halt> {
    let remote = call.remote()?;
    let args: Args = call.parsed()?;
    let line = args.cmd.as_deref().unwrap_or_default();
    for (name, path, wanted) in [("creates", &args.creates, true), ("removes", &args.removes, false)] {
        let Some(path) = path else { continue };
        let exists = exists(call, path)?;
        if exists == wanted {
            let state = if exists { "exists" } else { "does not exist" };
            let mut outcome = Outcome::ok().with("msg", format!("{path} {state}, matching {name} option"));
            outcome.skipped = true;
            return Ok(outcome);
        }
    }
    if remote.is_plan() {
        return Err(Halt::Stop(Stop::Unknown { why: format!("what the script `{line}` changes") }));
    }
    let (program, arguments) = first_word(line);
    let path = find(call, &program, "files")?;
    let mut content =
        std::fs::read(&path).map_err(|error| Halt::failed(format!("cannot read {}: {error}", path.display())))?;
    if args.decrypt && crate::vault::is_encrypted(&content) {
        let plain = call
            .vault
            .decrypt(&String::from_utf8_lossy(&content))
            .map_err(|error| Halt::failed(format!("{}: {error}", path.display())))?;
        call.secrets.add(&String::from_utf8_lossy(&plain));
        content = plain.to_vec();
    }
    // The program travels on standard input to a private file, which goes whatever happens.
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let environment: String =
        remote.environment.iter().map(|(name, value)| format!("export {name}={}; ", quoted(value))).collect();
    let directory = args.chdir.as_deref().map(|dir| format!("cd {} && ", quoted(dir))).unwrap_or_default();
    let runner = args.executable.as_deref().map(|program| format!("{program} ")).unwrap_or_default();
    let script = format!(
        "umask 077; d=$(mktemp -d \"${{TMPDIR:-/tmp}}/refit-script.XXXXXX\") || exit 125; trap 'rm -rf \"$d\"' EXIT HUP INT TERM; \
         f=\"$d\"/{name}; cat >\"$f\" && chmod 700 \"$f\" || exit 125; {environment}{directory}{runner}\"$f\" {arguments} </dev/null",
        name = quoted(&name),
    );
    let mut outcome = ended(remote.raw(&format!("/bin/sh -c {}", quoted(&script)), &content)?)?;
    outcome.changed = true;
    Ok(outcome)
}

fn exists(call: &ActionCall<'_>, path: &str) -> Result<bool, Halt> {
    let mut request = Map::new();
    request.insert("path".to_owned(), path.into());
    for name in ["get_checksum", "get_mime", "get_attributes"] {
        request.insert(name.to_owned(), false.into());
    }
    let found = call.remote()?.run("stat", request, &super::NoContent, Vec::new())?;
    Ok(found.result.get("stat").and_then(|stat| stat.get("exists")) == Some(&Json::Bool(true)))
}

/// The first word, quotes understood, and the rest as it stands.
fn first_word(line: &str) -> (String, String) {
    let line = line.trim();
    let (mut word, mut quote) = (String::new(), None);
    for (index, letter) in line.char_indices() {
        match (quote, letter) {
            (None, '\'' | '"') => quote = Some(letter),
            (Some(open), _) if open == letter => quote = None,
            (None, _) if letter.is_whitespace() => return (word, line[index..].trim_start().to_owned()),
            _ => word.push(letter),
        }
    }
    (word, String::new())
}

#[cfg(test)]
mod tests {
    use super::first_word;

    #[test]
    fn the_first_word_may_be_quoted_and_the_rest_stays() {
        assert_eq!(first_word("'my script.sh' a  'b c'"), ("my script.sh".to_owned(), "a  'b c'".to_owned()));
        assert_eq!(first_word("plain"), ("plain".to_owned(), String::new()));
    }
}
