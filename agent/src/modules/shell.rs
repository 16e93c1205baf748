//! `shell`: runs a command line by a shell.

use super::command::Execution;
use super::{Call, Module};
use crate::args;
use crate::args::Args as _;
use crate::host::Host;
use crate::outcome::{Failure, ModuleResult};
use serde_json::Value;
use std::path::PathBuf;

args! {
    /// What `shell` takes.
    pub struct Args {
        /// The command line, as the shell reads it. Quote what comes from variables: `{{ name | quote }}`.
        cmd: String,
        /// Change into this directory before.
        chdir: Option<PathBuf>,
        /// A path or pattern (`*`, `?`, `[...]`): where something matches, the command is not run.
        creates: Option<PathBuf>,
        /// A path or pattern: where nothing matches, the command is not run. Looked at after `creates`.
        removes: Option<PathBuf>,
        /// The shell, as an absolute path; it is called with `-c`.
        executable: Option<PathBuf>,
        /// What the command gets on its standard input.
        stdin: Option<String>,
        /// End `stdin` with a line break.
        stdin_add_newline: bool = true,
        /// Take empty lines off the end of `stdout` and `stderr`.
        strip_empty_ends: bool = true,
    }
}

/// The declaration.
pub static MODULE: Module = Module {
    name: "shell",
    aliases: &[],
    summary: "Run a command line by a shell on the host",
    args: Args::specs,
    rules: &[],
    free_form: Some("cmd"),
    run: Some(|call: &Call<'_>| run(call.args()?, call.host)),
};

fn run(args: Args, host: &Host<'_>) -> ModuleResult {
    if args.cmd.trim().is_empty() {
        return Err(Failure::new("no command given: set `cmd`").with("rc", 256).into());
    }
    let shell = args.executable.map_or("/bin/sh".to_owned(), |shell| shell.to_string_lossy().into_owned());
    Execution {
        cmd: Value::from(args.cmd.clone()),
        argv: vec![shell, "-c".to_owned(), args.cmd.clone()],
        shown: args.cmd,
        chdir: args.chdir,
        creates: args.creates,
        removes: args.removes,
        stdin: args.stdin,
        stdin_add_newline: args.stdin_add_newline,
        strip_empty_ends: args.strip_empty_ends,
    }
    .run(host)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::Context;
    use crate::host::live::Live;
    use crate::outcome::Stop;
    use serde_json::json;

    fn call(args: Value) -> ModuleResult {
        let live = Live::new(Context::default());
        let args = args.as_object().unwrap().clone();
        (MODULE.run.unwrap())(&Call::new(&args, &live.host()))
    }

    #[test]
    fn the_shell_reads_the_line() {
        let done = call(json!({"cmd": "a=1; echo $a | tr 1 2 && cat", "stdin": "in"})).unwrap();
        assert_eq!(done.result["stdout"], "2\nin");
        assert_eq!(done.result["cmd"], "a=1; echo $a | tr 1 2 && cat");
    }

    #[test]
    fn another_shell_can_be_asked_for() {
        let done = call(json!({"cmd": "echo $0", "executable": "/bin/bash"})).unwrap();
        assert_eq!(done.result["stdout"], "/bin/bash");
        let Err(Stop::Failed(failure)) = call(json!({"cmd": "echo", "executable": "/no/such/shell"})) else { panic!() };
        assert!(failure.msg.contains("/no/such/shell"), "{failure:?}");
    }
}
