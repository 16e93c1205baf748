//! `async` and `poll`: a module that runs in the background of its host, looked at now and then or left alone.

use super::ending::Ending;
use super::keywords::KeywordReader;
use super::on_host::OnHost;
use crate::actions::{NoContent, Remote};
use crate::event::{EventKind, Status};
use crate::playbook::Keyword;
use crate::template::{Scope, TemplateError, Value};
use refit_agent::protocol::Background;
use serde_json::{Map, Value as Json};
use std::time::{Duration, Instant};

/// Seconds between looks where the task does not say.
const POLL: u64 = 15;
/// The first look comes sooner than that: much that runs in the background is done at once.
const FIRST_LOOK: Duration = Duration::from_millis(200);
/// Where jobs' files are.
const DIRECTORY: &str = "~/.ansible_async";

/// What `async` and `poll` say of a task.
pub struct Wanted {
    /// Seconds that it may take.
    pub limit: u64,
    /// The time between looks; none where nobody waits for it.
    poll: Option<Duration>,
}

impl Wanted {
    /// What the task says; nothing where it is to be waited for as usual.
    pub fn of(keywords: &KeywordReader<'_>) -> Result<Option<Wanted>, TemplateError> {
        let seconds = |keyword| Ok(keywords.number(keyword)?.map(|seconds| u64::try_from(seconds).unwrap_or(0)));
        let Some(limit) = seconds(Keyword::Async)?.filter(|limit| *limit > 0) else { return Ok(None) };
        let poll = seconds(Keyword::Poll)?.unwrap_or(POLL);
        Ok(Some(Wanted { limit, poll: (poll > 0).then(|| Duration::from_secs(poll)) }))
    }
}

/// Where the jobs of a task's host are kept: `ansible_async_dir`, or what the task's environment says.
pub fn directory(scope: &Scope, environment: &[(String, String)]) -> Result<String, TemplateError> {
    let named = scope.variable("ansible_async_dir")?.filter(|value| !value.is_none()).map(|value| value.to_string());
    let of_environment =
        || environment.iter().find(|(name, _)| name == "ANSIBLE_ASYNC_DIR").map(|(_, dir)| dir.clone());
    Ok(named.or_else(of_environment).unwrap_or_else(|| DIRECTORY.to_owned()))
}

impl OnHost {
    /// Starts a module in the background, and waits for it where the task says so.
    pub(super) fn in_background(
        &self,
        wanted: &Wanted,
        module: &str,
        args: Map<String, Json>,
        mut remote: Remote<'_>,
        scope: &Scope,
    ) -> Ending {
        let directory = match directory(scope, &remote.environment) {
            Ok(directory) => directory,
            Err(error) => return Ending::template_error(error),
        };
        remote.background = Some(Background { limit: wanted.limit, directory: directory.clone() });
        let started = Ending::of_result(remote.run(module, args, &NoContent, Vec::new()));
        remote.background = None;
        let (Some(poll), false) = (wanted.poll, started.is_failed()) else { return started };
        let Some(job) = started.result.result.get("ansible_job_id").and_then(Json::as_str) else { return started };
        let asked = |mode: &str| {
            Map::from_iter([
                ("jid".to_owned(), Json::from(job)),
                ("mode".to_owned(), mode.into()),
                ("_async_dir".to_owned(), directory.as_str().into()),
            ])
        };
        let until = Instant::now() + Duration::from_secs(wanted.limit);
        let mut pause = FIRST_LOOK.min(poll);
        loop {
            if !self.batch.run().interrupts.sleep(pause) {
                return Ending::failed(format!("interrupted while the job {job} runs on in the background"));
            }
            pause = (pause * 2).min(poll);
            let looked = Ending::of_result(remote.run("async_status", asked("status"), &NoContent, Vec::new()));
            // A host that is lost for a while may come back, and the job is none of the connection's.
            let lost = looked.result.status == Status::Unreachable;
            if lost {
                remote.link.reset();
            } else if looked.result.result.get("finished") == Some(&Json::Bool(true)) {
                // What is left is a file; that it can't be removed is no failure of the task.
                let _ = remote.run("async_status", asked("cleanup"), &NoContent, Vec::new());
                return looked;
            }
            if Instant::now() >= until {
                if lost {
                    return looked;
                }
                let seconds = wanted.limit;
                let mut ending =
                    Ending::failed(format!("the job was not done within the {seconds} seconds of `async`"));
                ending.result.result.insert("ansible_job_id".to_owned(), job.into());
                ending.result.result.insert("finished".to_owned(), false.into());
                return ending;
            }
            let line = format!("job {job} has not finished");
            self.emit(EventKind::Output { task: self.id, host: self.host.name.to_string(), line });
        }
    }
}

/// The result of a task that a dry run can't start in the background: what the module would do is known, the job is not.
pub const UNKNOWN_OF_JOB: [&str; 4] = ["ansible_job_id", "started", "finished", "results_file"];

/// Values that only the run can tell, among those that are known.
pub fn with_unknown(fields: &Map<String, Json>, unknown: &[String], why: &str) -> Value {
    let known = fields.iter().filter(|(name, _)| !unknown.contains(name));
    let known = known.map(|(name, value)| (Value::from(name.as_str()), crate::vars::data(value)));
    let unknown = unknown.iter().map(|name| {
        let why = format!("`{name}` of {why} is known only when it runs");
        (Value::from(name.as_str()), crate::template::unknown(&why))
    });
    known.chain(unknown).collect()
}
