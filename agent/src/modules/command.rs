//! `command`: runs a program without a shell. [`Execution`] is shared with `shell`.

use super::{Call, Module, Rule, command_line, expand::expand, glob};
use crate::args;
use crate::args::Args as _;
use crate::host::{Command, Host, HostError, HostResult, Moment};
use crate::outcome::{Failure, ModuleResult, Outcome, Stop};
use serde_json::{Map, Value, json};
use std::path::{Path, PathBuf};

args! {
    /// What `command` takes.
    pub struct Args {
        /// The command and its arguments in one line. Quotes group words; no shell reads it, so pipes, redirections and
        /// `&&` mean nothing.
        cmd: Option<String>,
        /// The command and its arguments as a list, instead of `cmd`: nothing needs quoting.
        argv: Option<Vec<String>>,
        /// Change into this directory before.
        chdir: Option<PathBuf>,
        /// A path or pattern (`*`, `?`, `[...]`): where something matches, the command is not run.
        creates: Option<PathBuf>,
        /// A path or pattern: where nothing matches, the command is not run. Looked at after `creates`.
        removes: Option<PathBuf>,
        /// Replace variables of the environment (`$HOME`) and a leading `~` in the arguments. A variable that is not set
        /// stays as it is written.
        expand_argument_vars: bool = true,
        /// What the command gets on its standard input.
        stdin: Option<String>,
        /// End `stdin` with a line break.
        stdin_add_newline: bool = true,
        /// Take empty lines off the end of `stdout` and `stderr`.
        strip_empty_ends: bool = true,
        /// Taken and not used: only `shell` runs its command by another program.
        executable: Option<String>,
    }
}

/// The declaration.
pub static MODULE: Module = Module {
    name: "command",
    aliases: &[],
    summary: "Run a program on the host, without a shell",
    args: Args::specs,
    rules: &[Rule::MutuallyExclusive(&["cmd", "argv"]), Rule::RequiredOneOf(&["cmd", "argv"])],
    free_form: Some("cmd"),
    run: Some(|call: &Call<'_>| run(call.args()?, call.host)),
};

fn run(args: Args, host: &Host<'_>) -> ModuleResult {
    let words = match (&args.cmd, args.argv) {
        (Some(_), Some(_)) => return Err(Stop::failed("`cmd` and `argv` exclude each other; give one of them")),
        (Some(line), None) => command_line::split(line)
            .map_err(|why| Stop::failed(format!("cannot split the command {line:?}: {why}")))?,
        (None, argv) => argv.unwrap_or_default(),
    };
    if words.is_empty() {
        return Err(Failure::new("no command given").with("rc", 256).into());
    }
    let argv = if args.expand_argument_vars {
        words.iter().map(|word| expand(host, word)).collect::<HostResult<Vec<_>>>()?
    } else {
        words.clone()
    };
    let shown = argv.join(" ");
    let outcome = Execution {
        cmd: json!(words),
        argv,
        shown,
        chdir: args.chdir,
        creates: args.creates,
        removes: args.removes,
        stdin: args.stdin,
        stdin_add_newline: args.stdin_add_newline,
        strip_empty_ends: args.strip_empty_ends,
    }
    .run(host)?;
    Ok(match args.executable {
        Some(executable) => outcome.warn(format!(
            "`executable` ({executable}) is no longer supported by `command`; the module `shell` runs a command by \
             another shell"
        )),
        None => outcome,
    })
}

/// A program to run as a task: what `command` and `shell` have in common.
pub(super) struct Execution {
    /// The return value `cmd`.
    pub(super) cmd: Value,
    /// Program and arguments.
    pub(super) argv: Vec<String>,
    /// The command as messages show it.
    pub(super) shown: String,
    /// The working directory.
    pub(super) chdir: Option<PathBuf>,
    /// Don't run where this matches something.
    pub(super) creates: Option<PathBuf>,
    /// Don't run where this matches nothing.
    pub(super) removes: Option<PathBuf>,
    /// Standard input.
    pub(super) stdin: Option<String>,
    /// End it with a line break.
    pub(super) stdin_add_newline: bool,
    /// Take empty lines off the ends.
    pub(super) strip_empty_ends: bool,
}

impl Execution {
    /// Runs it, unless `creates` or `removes` says that there is nothing to do.
    pub(super) fn run(self, host: &Host<'_>) -> ModuleResult {
        let here = host.files.read_link(Path::new("/proc/self/cwd")).unwrap_or_else(|_| "/".into());
        let directory = match &self.chdir {
            Some(chdir) => Some(self.directory(host, &here, chdir)?),
            None => None,
        };
        let base = directory.as_deref().unwrap_or(&here);
        if let Some(creates) = &self.creates
            && glob::any_match(host.files, &base.join(expand(host, &creates.to_string_lossy())?))?
        {
            return Ok(self.left_out(&format!("{} exists", creates.display())));
        }
        if let Some(removes) = &self.removes
            && !glob::any_match(host.files, &base.join(expand(host, &removes.to_string_lossy())?))?
        {
            return Ok(self.left_out(&format!("{} does not exist", removes.display())));
        }
        let mut stdin = self.stdin.clone().unwrap_or_default();
        if self.stdin_add_newline && !stdin.is_empty() {
            stdin.push('\n');
        }
        let mut command = Command::changing(self.argv.iter().cloned(), format!("what `{}` does", self.shown));
        command.directory = directory;
        command.stdin = stdin.into_bytes();
        command.streamed = true;
        let start = host.clock.now();
        let finished = match host.processes.run(&command) {
            Ok(finished) => finished,
            Err(HostError::Io { source, doing, path }) => {
                let rc = source.raw_os_error().unwrap_or(1);
                let message = HostError::Io { source, doing, path }.to_string();
                let failure = Failure::new(message).with("rc", rc).with("stdout", "").with("stderr", "");
                return Err(failure.with("cmd", self.cmd).into());
            }
            Err(other) => return Err(other.into()),
        };
        let end = host.clock.now();
        let ends = |text: String| match self.strip_empty_ends {
            true => text.trim_end_matches(['\r', '\n']).to_owned(),
            false => text,
        };
        let mut result = Map::new();
        result.insert("cmd".to_owned(), self.cmd);
        result.insert("stdout".to_owned(), ends(finished.stdout_text()).into());
        result.insert("stderr".to_owned(), ends(finished.stderr_text()).into());
        result.insert("rc".to_owned(), finished.status.into());
        result.insert("start".to_owned(), local_time(start, host.clock.utc_offset(start)).into());
        result.insert("end".to_owned(), local_time(end, host.clock.utc_offset(end)).into());
        result.insert("delta".to_owned(), duration(start, end).into());
        if finished.status != 0 {
            let msg = "non-zero return code".to_owned();
            return Err(Stop::Failed(Failure { msg, changed: true, result, ..Failure::default() }));
        }
        result.insert("msg".to_owned(), "".into());
        Ok(Outcome { changed: true, result, ..Outcome::default() })
    }

    fn directory(&self, host: &Host<'_>, here: &Path, chdir: &Path) -> Result<PathBuf, Stop> {
        let directory = here.join(expand(host, &chdir.to_string_lossy())?);
        let failed = |why: &str| {
            let message = format!("Unable to change directory to {} (`chdir`): {why}", directory.display());
            Stop::from(Failure::new(message).with("cmd", self.cmd.clone()))
        };
        match host.files.stat(&directory, true)? {
            None => Err(failed("it does not exist")),
            Some(stat) if stat.kind != crate::host::Kind::Directory => Err(failed("it is no directory")),
            Some(_) => Ok(directory),
        }
    }

    fn left_out(&self, why: &str) -> Outcome {
        Outcome::ok()
            .with("cmd", self.cmd.clone())
            .with("stdout", format!("skipped, since {why}"))
            .with("stderr", "")
            .with("rc", 0)
            .with("start", Value::Null)
            .with("end", Value::Null)
            .with("delta", Value::Null)
            .with("msg", format!("did not run the command since {why}"))
    }
}

/// `2017-09-29 22:03:48.083128`, as Python prints a moment: without microseconds where there are none.
fn local_time(at: Moment, offset: i32) -> String {
    let seconds = at.seconds + i64::from(offset);
    let (days, rest) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
    let time = format!("{:02}:{:02}:{:02}", rest / 3600, rest / 60 % 60, rest % 60);
    let date = crate::host::date(days);
    match at.nanos / 1000 {
        0 => format!("{date} {time}"),
        micros => format!("{date} {time}.{micros:06}"),
    }
}

/// `0:00:00.001529` or `2 days, 3:04:05`, as Python prints a duration.
fn duration(start: Moment, end: Moment) -> String {
    let nanos = |at: Moment| i128::from(at.seconds) * 1_000_000_000 + i128::from(at.nanos);
    // A clock that was set back meanwhile makes no negative time.
    let micros = (nanos(end) - nanos(start)).max(0) / 1000;
    let (seconds, micros) = (micros / 1_000_000, micros % 1_000_000);
    let (days, rest) = (seconds / 86_400, seconds % 86_400);
    let days = match days {
        0 => String::new(),
        1 => "1 day, ".to_owned(),
        days => format!("{days} days, "),
    };
    let time = format!("{days}{}:{:02}:{:02}", rest / 3600, rest / 60 % 60, rest % 60);
    if micros == 0 { time } else { format!("{time}.{micros:06}") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::Context;
    use crate::host::live::Live;

    fn call(args: Value) -> ModuleResult {
        let environment = vec![("REFIT_WORD".to_owned(), "a b".to_owned())];
        let live = Live::new(Context { environment, ..Context::default() });
        let args = args.as_object().unwrap().clone();
        (MODULE.run.unwrap())(&Call::new(&args, &live.host()))
    }

    fn failure(result: ModuleResult) -> Failure {
        match result {
            Err(Stop::Failed(failure)) => failure,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn words_are_split_expanded_and_returned_as_written() {
        let done = call(json!({"cmd": "printf '%s|' $REFIT_WORD \"$REFIT_NONE\" ~root"})).unwrap();
        assert!(done.changed);
        assert_eq!(done.result["cmd"], json!(["printf", "%s|", "$REFIT_WORD", "$REFIT_NONE", "~root"]));
        assert_eq!(done.result["stdout"], "a b|$REFIT_NONE|/root|");
        assert_eq!((&done.result["rc"], &done.result["msg"]), (&json!(0), &json!("")));
        let plain = call(json!({"argv": ["echo", "$REFIT_WORD"], "expand_argument_vars": false})).unwrap();
        assert_eq!(plain.result["stdout"], "$REFIT_WORD");
    }

    #[test]
    fn input_and_empty_ends() {
        let done = call(json!({"cmd": "cat", "stdin": "a\n\n"})).unwrap();
        assert_eq!(done.result["stdout"], "a");
        let whole = call(json!({"cmd": "cat", "stdin": "a", "strip_empty_ends": false})).unwrap();
        assert_eq!(whole.result["stdout"], "a\n");
        let bare = json!({"cmd": "cat", "stdin": "a", "stdin_add_newline": false, "strip_empty_ends": false});
        assert_eq!(call(bare).unwrap().result["stdout"], "a");
    }

    #[test]
    fn a_status_fails_with_all_that_was_printed() {
        let failed = failure(call(json!({"argv": ["sh", "-c", "echo out; echo err >&2; exit 3"]})));
        assert_eq!(failed.msg, "non-zero return code");
        assert!(failed.changed);
        let printed = (&failed.result["rc"], &failed.result["stdout"], &failed.result["stderr"]);
        assert_eq!(printed, (&json!(3), &json!("out"), &json!("err")));
    }

    #[test]
    fn what_can_not_run_says_why() {
        let missing = failure(call(json!({"cmd": "/no/such/program"})));
        assert_eq!(missing.result["rc"], 2);
        assert!(missing.msg.contains("/no/such/program"), "{}", missing.msg);
        assert!(!missing.changed);
        assert_eq!(failure(call(json!({"cmd": " "}))).result["rc"], 256);
        assert!(failure(call(json!({"cmd": "echo 'a"}))).msg.contains("no end"));
        assert!(failure(call(json!({"cmd": "ls", "chdir": "/no/such"}))).msg.contains("/no/such"));
        assert!(failure(call(json!({"cmd": "ls", "argv": ["ls"]}))).msg.contains("exclude"));
    }

    #[test]
    fn creates_and_removes_leave_it_out_and_are_relative_to_chdir() {
        let directory = tempfile::tempdir().unwrap();
        std::fs::write(directory.path().join("done.1"), "").unwrap();
        let chdir = directory.path().to_str().unwrap();
        let left = call(json!({"cmd": "touch new", "chdir": chdir, "creates": "done.*"})).unwrap();
        assert!(!left.changed && !left.skipped);
        assert_eq!(left.result["stdout"], "skipped, since done.* exists");
        let left = call(json!({"cmd": "touch new", "chdir": chdir, "removes": "none*"})).unwrap();
        assert_eq!((left.changed, &left.result["rc"]), (false, &json!(0)));
        assert!(!directory.path().join("new").exists());
        let made = call(json!({"cmd": "touch new", "chdir": chdir, "creates": "new", "removes": "done.1"})).unwrap();
        assert!(made.changed && directory.path().join("new").exists());
    }

    #[test]
    fn a_dry_run_knows_what_creates_decides_and_nothing_else() {
        let directory = tempfile::tempdir().unwrap();
        let shadow = crate::host::shadow::Shadow::new(Context::default(), std::sync::Arc::default());
        let call = |args: Value| {
            let args = args.as_object().unwrap().clone();
            (MODULE.run.unwrap())(&Call::new(&args, &shadow.host()))
        };
        let path = directory.path().join("new");
        let args = json!({"argv": ["touch", path], "creates": path});
        match call(args.clone()) {
            Err(Stop::Unknown { why }) => assert!(why.contains("touch"), "{why}"),
            other => panic!("{other:?}"),
        }
        assert!(!path.exists());
        shadow.host().files.write(&path, b"", &Default::default()).unwrap();
        assert!(!call(args).unwrap().changed, "an earlier task would have made it");
    }

    #[test]
    fn times_look_as_python_prints_them() {
        let at = |seconds, nanos| Moment { seconds, nanos };
        assert_eq!(local_time(at(1_506_722_628, 83_128_999), 0), "2017-09-29 22:03:48.083128");
        assert_eq!(local_time(at(0, 0), -3600), "1969-12-31 23:00:00");
        assert_eq!(duration(at(0, 0), at(0, 1_529_000)), "0:00:00.001529");
        assert_eq!(duration(at(0, 0), at(90_061, 0)), "1 day, 1:01:01");
        assert_eq!(duration(at(5, 0), at(4, 0)), "0:00:00");
    }
}
