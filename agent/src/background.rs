//! Modules that run in the background (`async`): a process of its own for each, which outlives the agent and the connection,
//! and a file that tells how it stands: `DIRECTORY/JOB`, JSON, in the form in which Ansible keeps it.

use crate::host::live::Live;
use crate::host::{Cancellation, Context};
use crate::modules::{self, Call};
use crate::outcome::{ModuleResult, Outcome, Stop};
use crate::protocol::Background;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The word with which the agent's program is started to do a job that it reads from its standard input.
pub const WORD: &str = "--background";

/// A job, as its process is told of it.
#[derive(Debug, Serialize, Deserialize)]
struct Job {
    name: String,
    file: PathBuf,
    module: String,
    args: Map<String, Value>,
    environment: Vec<(String, String)>,
    diff: bool,
    /// Seconds after which it is ended.
    limit: u64,
    /// The program that speaks TLS, for a module that may need it: the job can't ask the controller any more.
    tls: Option<PathBuf>,
}

/// Starts a job, and tells its name.
pub fn start(
    background: &Background,
    module: &str,
    args: &Map<String, Value>,
    context: &Context,
    diff: bool,
) -> ModuleResult {
    let directory = directory(&background.directory, context);
    let cannot = |what: String| move |error: io::Error| Stop::failed(format!("cannot {what}: {error}"));
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(&directory)
        .map_err(cannot(format!("make {}", directory.display())))?;
    let name = name();
    let file = directory.join(&name);
    let begun = status(&name, false);
    write(&file, &begun).map_err(cannot(format!("write {}", file.display())))?;
    let job = Job {
        name: name.clone(),
        file: file.clone(),
        module: module.to_owned(),
        args: args.clone(),
        environment: context.environment.clone(),
        diff,
        limit: background.limit,
        tls: matches!(module, "uri" | "get_url").then(|| (context.tls)().ok()).flatten(),
    };
    spawn(&job).map_err(cannot("start a process in the background".to_owned()))?;
    let outcome = Outcome { result: begun, ..Outcome::changed(true) };
    Ok(outcome.with("results_file", file.display().to_string()))
}

/// The directory that jobs' files are in: `~` is the user's home.
pub fn directory(named: &str, context: &Context) -> PathBuf {
    match named.strip_prefix("~/") {
        Some(rest) => PathBuf::from(context.variable("HOME").unwrap_or_else(|| "/".to_owned())).join(rest),
        None => PathBuf::from(named),
    }
}

/// What is known of a job that has not ended, or how its end begins.
pub fn status(name: &str, finished: bool) -> Map<String, Value> {
    let mut status = Map::new();
    status.insert("ansible_job_id".to_owned(), name.into());
    status.insert("started".to_owned(), true.into());
    status.insert("finished".to_owned(), finished.into());
    status
}

/// `jNUMBER.PID`, different for each job of a host.
fn name() -> String {
    static JOBS: AtomicU64 = AtomicU64::new(0);
    let nanoseconds = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_nanos());
    let number = nanoseconds as u64 / 1000 + JOBS.fetch_add(1, Ordering::SeqCst);
    format!("j{:012}.{}", number % 1_000_000_000_000, std::process::id())
}

fn spawn(job: &Job) -> io::Result<()> {
    let told = serde_json::to_vec(job)?;
    let mut command = std::process::Command::new("/proc/self/exe");
    command.arg(WORD).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).current_dir("/");
    // SAFETY: only system calls that are safe between fork and exec.
    unsafe {
        command.pre_exec(|| {
            let mut none: libc::sigset_t = std::mem::zeroed();
            libc::sigemptyset(&mut none);
            // Neither the session's end nor the signals that the agent waits for are the job's.
            libc::signal(libc::SIGHUP, libc::SIG_IGN);
            if libc::sigprocmask(libc::SIG_SETMASK, &none, std::ptr::null_mut()) == -1 || libc::setsid() == -1 {
                return Err(io::Error::last_os_error());
            }
            Ok(())
        });
    }
    let mut child = command.spawn()?;
    if let Some(mut input) = child.stdin.take() {
        input.write_all(&told)?;
    }
    // While the agent lives it takes the ended job away; afterwards the host's first process does.
    std::thread::Builder::new().name("waits for a job".to_owned()).spawn(move || child.wait()).map(drop)
}

/// Does the job that standard input tells of. An error only where that can't be read or the end can't be written.
pub fn run() -> io::Result<()> {
    let mut told = Vec::new();
    io::stdin().read_to_end(&mut told)?;
    let job: Job = serde_json::from_slice(&told)?;
    let mut context = Context { environment: job.environment.clone(), ..Context::default() };
    if let Some(program) = job.tls.clone() {
        context.tls = Arc::new(move || Ok(program.clone()));
    }
    end_after(job.limit, &context.cancellation)?;
    let cancellation = context.cancellation.clone();
    let live = Live::new(context);
    let result = match modules::find(&job.module).and_then(|module| module.run) {
        Some(function) => {
            function(&Call { args: &job.args, host: &live.host(), blobs: &modules::NoBlobs, diff: job.diff })
        }
        None => Err(Stop::failed(format!("this agent has no module `{}`", job.module))),
    };
    let mut ended = status(&job.name, true);
    ended.extend(as_data(result, &cancellation, job.limit));
    write(&job.file, &ended)
}

fn end_after(seconds: u64, cancellation: &Cancellation) -> io::Result<()> {
    let cancellation = cancellation.clone();
    std::thread::Builder::new()
        .name("keeps the time".to_owned())
        .spawn(move || {
            std::thread::sleep(Duration::from_secs(seconds));
            cancellation.cancel("its time is over");
        })
        .map(drop)
}

/// A module's end as the file keeps it.
fn as_data(result: ModuleResult, cancellation: &Cancellation, limit: u64) -> Map<String, Value> {
    let mut data = Map::new();
    let (changed, failed, warnings) = match result {
        Ok(outcome) => {
            data.extend(outcome.result);
            if outcome.skipped {
                data.insert("skipped".to_owned(), true.into());
            }
            if !outcome.facts.is_empty() {
                data.insert("ansible_facts".to_owned(), outcome.facts.into());
            }
            if !outcome.diff.is_empty() {
                data.insert("diff".to_owned(), serde_json::json!(outcome.diff));
            }
            (outcome.changed, None, outcome.warnings)
        }
        Err(Stop::Failed(failure)) => {
            data.extend(failure.result);
            (failure.changed, Some(failure.msg), failure.warnings)
        }
        Err(Stop::Unknown { why }) => (false, Some(why), Vec::new()),
        Err(Stop::Cancelled { why }) => (false, Some(why), Vec::new()),
    };
    data.insert("changed".to_owned(), changed.into());
    if let Some(message) = failed {
        let message = match cancellation.why() {
            Some(_) => format!("Job reached maximum time limit of {limit} seconds."),
            None => message,
        };
        data.insert("failed".to_owned(), true.into());
        data.entry("msg").or_insert_with(|| message.into());
    }
    if !warnings.is_empty() {
        data.insert("warnings".to_owned(), warnings.into());
    }
    data
}

/// Writes a job's file: whole, or not at all.
fn write(file: &Path, data: &Map<String, Value>) -> io::Result<()> {
    let mut beside = file.as_os_str().to_owned();
    beside.push(".writing");
    let mut out = std::fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&beside)?;
    out.write_all(&serde_json::to_vec(data)?)?;
    std::fs::rename(&beside, file)
}
