//! The host as an action sees it: modules run there by the agent, commands without it, and what the user does meanwhile.

use crate::connection::{Become, Content, Link, LinkError, Progress, RawEnd};
use refit_agent::outcome::{Failure, Outcome, Stop};
use refit_agent::protocol::{Background, Ended, ItemEnd, Mode, Run, Stream};
use serde_json::{Map, Value as Json};
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

/// Interrupts by the user: the first asks the run to finish what runs, the second to end it.
#[derive(Debug, Default)]
pub struct Interrupts {
    times: AtomicU8,
    changed: Condvar,
    lock: Mutex<()>,
}

impl Interrupts {
    /// The user interrupted once more. Returns how often so far.
    pub fn add(&self) -> u8 {
        let times = self.times.fetch_add(1, Ordering::SeqCst).saturating_add(1);
        self.changed.notify_all();
        times
    }

    /// How often.
    pub fn times(&self) -> u8 {
        self.times.load(Ordering::SeqCst)
    }

    /// Waits this long, or until the user interrupts. Whether the time passed without.
    pub fn sleep(&self, time: Duration) -> bool {
        let Ok(guard) = self.lock.lock() else { return false };
        let waited = self.changed.wait_timeout_while(guard, time, |()| self.times() == 0);
        waited.is_ok_and(|(_, result)| result.timed_out())
    }
}

/// The host that a task acts on.
pub struct Remote<'a> {
    /// Its name.
    pub host: &'a str,
    /// Its link.
    pub link: Arc<dyn Link>,
    /// Whether it is the controller's own machine.
    pub local: bool,
    /// Another user to be there.
    pub user: Option<Become>,
    /// Whether the host is changed.
    pub mode: Mode,
    /// Whether differences are wanted.
    pub diff: bool,
    /// Variables for the environment of what is started.
    pub environment: Vec<(String, String)>,
    /// Seconds after which a request is cancelled.
    pub timeout: Option<u64>,
    /// Whether modules are only started, in the background.
    pub background: Option<Background>,
    /// The task's name.
    pub title: &'a str,
    /// Told of lines of output.
    pub output: &'a (dyn Fn(&str) + Sync),
    /// What the user does meanwhile.
    pub interrupts: &'a Interrupts,
}

/// The users that a request removes: no agent may run as one of them then.
fn removed_users<'a>(module: &'a str, items: &'a [Map<String, Json>]) -> impl Iterator<Item = &'a str> {
    let removed =
        move |args: &&Map<String, Json>| module == "user" && args.get("state").is_some_and(|state| state == "absent");
    items.iter().filter(removed).filter_map(|args| args.get("name").or_else(|| args.get("user"))?.as_str())
}

/// No content to send along.
pub struct NoContent;

impl Content for NoContent {
    fn get(&self, _sha256: &str) -> Option<Arc<Vec<u8>>> {
        None
    }
}

/// Content in memory, by hash.
#[derive(Default)]
pub struct Contents(pub std::collections::HashMap<String, Arc<Vec<u8>>>);

impl Contents {
    /// Adds content and returns its hash.
    pub fn add(&mut self, content: Vec<u8>) -> String {
        use sha2::Digest as _;
        let hash = sha2::Sha256::digest(&content);
        let sha256: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
        self.0.insert(sha256.clone(), Arc::new(content));
        sha256
    }
}

impl Content for Contents {
    fn get(&self, sha256: &str) -> Option<Arc<Vec<u8>>> {
        self.0.get(sha256).cloned()
    }
}

/// Why an action has no outcome.
#[derive(Clone, Debug, PartialEq)]
pub enum Halt {
    /// It failed, is unknown, or was cancelled.
    Stop(Stop),
    /// The host could not be reached, or was lost midway.
    Lost(LinkError),
}

impl From<Stop> for Halt {
    fn from(stop: Stop) -> Halt {
        Halt::Stop(stop)
    }
}

impl From<LinkError> for Halt {
    fn from(error: LinkError) -> Halt {
        match error {
            LinkError::Cancelled => Halt::Stop(Stop::Cancelled { why: "interrupted".to_owned() }),
            LinkError::TimedOut { limit } => Halt::Stop(Failure::timed_out(limit.as_secs()).into()),
            lost @ LinkError::Unreachable { .. } => Halt::Lost(lost),
            // The host answers; it only does not do what was asked.
            refused => Halt::Stop(Stop::failed(refused.to_string())),
        }
    }
}

impl Halt {
    /// A failure that is only a message.
    pub fn failed(message: impl Into<String>) -> Halt {
        Halt::Stop(Stop::failed(message))
    }
}

impl Remote<'_> {
    /// Runs a module for several items in one request. Each item's end is given to `done` as it comes.
    pub fn run_items(
        &self,
        module: &str,
        items: Vec<Map<String, Json>>,
        content: &dyn Content,
        blobs: Vec<String>,
        done: &(dyn Fn(ItemEnd) + Sync),
    ) -> Result<(), LinkError> {
        removed_users(module, &items).for_each(|user| self.link.part(user));
        let run = Run {
            id: 0,
            module: module.to_owned(),
            items,
            mode: self.mode,
            diff: self.diff,
            environment: self.environment.clone(),
            timeout: self.timeout,
            blobs,
            effects: Vec::new(),
            title: self.title.to_owned(),
            background: self.background.clone(),
        };
        let progress = Watch { output: self.output, done };
        self.link.run(self.user.as_ref(), run, content, &progress)
    }

    /// Runs a module once.
    pub fn run(
        &self,
        module: &str,
        args: Map<String, Json>,
        content: &dyn Content,
        blobs: Vec<String>,
    ) -> Result<Outcome, Halt> {
        let end: Mutex<Option<Ended>> = Mutex::new(None);
        self.run_items(module, vec![args], content, blobs, &|item| {
            if let Ok(mut end) = end.lock() {
                *end = Some(item.ended);
            }
        })?;
        match end.into_inner().ok().flatten() {
            Some(ended) => Ok(result_of(ended)?),
            None => Err(Halt::failed(format!("the agent ended `{module}` without a result"))),
        }
    }

    /// Runs a command by the login shell, without the agent.
    pub fn raw(&self, command: &str, input: &[u8]) -> Result<RawEnd, LinkError> {
        let progress = Watch { output: self.output, done: &|_| {} };
        self.link.raw(self.user.as_ref(), command, input, self.timeout.map(Duration::from_secs), &progress)
    }

    /// Whether the host is changed.
    pub fn is_plan(&self) -> bool {
        self.mode == Mode::Shadow
    }
}

/// How an item ended, as a module's result.
pub fn result_of(ended: Ended) -> Result<Outcome, Stop> {
    match ended {
        Ended::Outcome(outcome) => Ok(outcome),
        Ended::Stop(stop) => Err(stop),
    }
}

struct Watch<'a> {
    output: &'a (dyn Fn(&str) + Sync),
    done: &'a (dyn Fn(ItemEnd) + Sync),
}

impl Progress for Watch<'_> {
    fn output(&self, _index: usize, _stream: Stream, line: &str) {
        (self.output)(line);
    }

    fn item(&self, end: ItemEnd) {
        (self.done)(end);
    }
}
