//! The request loop.

use super::blobs::{BlobStore, Collected};
use super::panics;
use super::request::{Due, Request};
use super::tls_program::TlsStore;
use crate::background;
use crate::host::live::{GIVES_UP_AFTER, Live};
use crate::host::shadow::{Overlay, Shadow};
use crate::host::{Accounts, Context, HostResult};
use crate::modules::{Call, Module};
use crate::outcome::{ModuleResult, Stop};
use crate::protocol::{self, Effect, Ended, FrameError, FromAgent, HALF_KNOWN, Hello, Mode, Run, ToAgent};
use serde_json::{Map, Value};
use std::collections::{HashMap, VecDeque};
use std::io::{Read, Write};
use std::path::PathBuf;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Requests that run at the same time; others wait in line.
const AT_ONCE: usize = 16;
/// How often the controller hears that the agent lives while requests run.
const HEARTBEAT: Duration = Duration::from_secs(5);
/// How long a thread that panics waits for its turn to say so.
const LAST_WORDS: Duration = Duration::from_secs(1);
/// How much longer than its commands a cancelled request may take until it is given up.
const MARGIN: Duration = Duration::from_secs(3);

/// Why the loop ended.
#[derive(Debug)]
pub enum End {
    /// The controller said goodbye or closed the channel.
    Closed,
    /// The channel broke, or something else than the protocol came.
    Broken(FrameError),
}

/// An agent that serves one channel.
pub struct Server {
    find: fn(&str) -> Option<&'static Module>,
    out: Mutex<Box<dyn Write + Send>>,
    blobs: BlobStore,
    tls: TlsStore,
    // What dry runs have foreseen of this host.
    overlay: Arc<Mutex<Overlay>>,
    work: Mutex<Work>,
    // Rung at every change of `work`.
    changed: Condvar,
}

#[derive(Default)]
struct Work {
    // Those in line and those that run.
    requests: HashMap<u64, Arc<Request>>,
    line: VecDeque<Arc<Request>>,
    threads: usize,
    ending: bool,
}

impl Server {
    /// A server that writes to `out`, looks modules up by `find`, and keeps large content in the first of `directories`
    /// that takes it. `tls` is the SHA-256 of the program that speaks TLS, packed by gzip, as the controller has it.
    pub fn new(
        find: fn(&str) -> Option<&'static Module>,
        out: Box<dyn Write + Send>,
        directories: Vec<PathBuf>,
        tls: Option<&'static str>,
    ) -> Arc<Server> {
        Arc::new(Server {
            find,
            out: Mutex::new(out),
            tls: TlsStore::new(tls, directories.first().cloned().unwrap_or_default()),
            blobs: BlobStore::new(directories),
            overlay: Arc::default(),
            work: Mutex::default(),
            changed: Condvar::new(),
        })
    }

    fn work(&self) -> MutexGuard<'_, Work> {
        self.work.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Says hello and serves requests until the channel ends; then everything that runs has been ended.
    pub fn serve(self: &Arc<Self>, input: &mut impl Read) -> End {
        match hello() {
            Ok(hello) => self.send(&FromAgent::Hello(hello)),
            Err(error) => {
                let broken = std::io::Error::other(format!("the agent does not know who it is: {error}"));
                return End::Broken(FrameError::Io(broken));
            }
        }
        let keeper = self.clone();
        if let Err(error) =
            std::thread::Builder::new().name("keeps the time".to_owned()).spawn(move || keeper.keep_time())
        {
            return End::Broken(FrameError::Io(error));
        }
        let end = loop {
            match protocol::read::<ToAgent>(input) {
                Ok(frame) => match frame.message {
                    ToAgent::Run(run) => self.accept(run),
                    ToAgent::Blob { sha256, last } => self.blobs.take(&sha256, &frame.attachment, last),
                    ToAgent::Cancel { id } => self.cancel(id, "the controller cancelled it"),
                    ToAgent::Bye => break End::Closed,
                },
                Err(FrameError::Closed) => break End::Closed,
                Err(error) => break End::Broken(error),
            }
        };
        self.end("the connection to the controller ended");
        end
    }

    /// Cancels all requests, and waits until what they started has ended (or can't be).
    pub fn end(&self, why: &str) {
        let mut work = self.work();
        work.ending = true;
        work.line.clear();
        let all: Vec<Arc<Request>> = work.requests.values().cloned().collect();
        drop(work);
        for request in all {
            request.cancel(why);
        }
        self.blobs.wake();
        self.changed.notify_all();
        let until = Instant::now() + GIVES_UP_AFTER + MARGIN;
        let mut work = self.work();
        while work.threads > 0 {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return;
            }
            work = self.changed.wait_timeout(work, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    fn send(&self, message: &FromAgent) {
        self.send_all(|| std::iter::once(message.clone()));
    }

    /// Sends what `messages` makes once it is this sender's turn: so nothing is said of a request after its `Done`.
    fn send_all<I: IntoIterator<Item = FromAgent>>(&self, messages: impl FnOnce() -> I) {
        let mut out = self.out.lock().unwrap_or_else(PoisonError::into_inner);
        for message in messages() {
            // Where nobody listens any more, the end of the input says so too, and ends everything.
            let _ = protocol::write(&mut *out, &message, &[]);
        }
    }

    /// Says as its last words what broke, unless another thread keeps the channel. Whether it was said.
    pub(super) fn tell_broken(&self, why: &str) -> bool {
        let until = Instant::now() + LAST_WORDS;
        while Instant::now() < until {
            // Not `lock`: it may be this very thread that holds it.
            if let Ok(mut out) = self.out.try_lock() {
                return protocol::write(&mut *out, &FromAgent::Broken { why: why.to_owned() }, &[]).is_ok();
            }
            std::thread::sleep(LAST_WORDS / 100);
        }
        false
    }

    fn accept(self: &Arc<Self>, run: Run) {
        let id = run.id;
        let request = Arc::new(Request::new(run));
        let mut work = self.work();
        if work.ending {
            return;
        }
        if work.requests.contains_key(&id) {
            drop(work);
            eprintln!("refit-agent: request number {id} came while one of that number ran; it was left out");
            return;
        }
        work.requests.insert(id, request.clone());
        if work.threads >= AT_ONCE {
            work.line.push_back(request);
            return;
        }
        work.threads += 1;
        drop(work);
        let server = self.clone();
        let first = request.clone();
        let started = std::thread::Builder::new().name(format!("request {id}")).spawn(move || server.work_off(first));
        if let Err(error) = started {
            let why = format!("the host has no room for one more thread: {error}");
            self.send_all(|| request.give_up(&why));
            let mut work = self.work();
            work.requests.remove(&id);
            work.threads -= 1;
        }
    }

    fn cancel(&self, id: u64, why: &str) {
        let work = self.work();
        if let Some(request) = work.requests.get(&id) {
            request.cancel(why);
        }
        drop(work);
        self.blobs.wake();
        self.changed.notify_all();
    }

    /// A worker's life: a request, and then what waits in line.
    fn work_off(self: &Arc<Self>, first: Arc<Request>) {
        let mut next = Some(first);
        while let Some(request) = next {
            let work = self.work();
            request.start();
            drop(work);
            self.changed.notify_all();
            self.execute(&request);
            let mut work = self.work();
            work.forget(&request);
            next = work.line.pop_front();
            if next.is_none() {
                work.threads -= 1;
            }
            drop(work);
            self.changed.notify_all();
        }
    }

    fn execute(self: &Arc<Self>, request: &Arc<Request>) {
        let run = &request.run;
        let blobs = self.content(request, &run.blobs);
        let mut foreseen = Vec::new();
        let learnt = Shadow::new(Context::default(), self.overlay.clone()).learn(&run.effects);
        for (index, args) in run.items.iter().enumerate() {
            request.begin_item();
            let result = match (request.cancellation.why(), &blobs, &learnt) {
                (Some(why), _, _) => Err(Stop::Cancelled { why }),
                (None, Err(error), _) | (None, _, Err(error)) => Err(Stop::failed(error.to_string())),
                (None, Ok(blobs), Ok(())) => self.item(request, index, args, blobs, &mut foreseen),
            };
            let ended = match result {
                Ok(outcome) => Ended::Outcome(outcome),
                Err(Stop::Cancelled { why }) => Ended::Stop(request.stop(why)),
                Err(stop) => Ended::Stop(stop),
            };
            self.send_all(|| request.end_item(ended));
        }
        self.send_all(|| request.end(foreseen));
    }

    /// Content of these hashes: what is missing the controller is asked for.
    fn content(&self, request: &Request, hashes: &[String]) -> HostResult<Collected> {
        let id = request.run.id;
        self.blobs.collect(hashes, &request.cancellation, |blobs| self.send(&FromAgent::Need { id, blobs }))
    }

    fn item(
        self: &Arc<Self>,
        request: &Arc<Request>,
        index: usize,
        args: &Map<String, Value>,
        blobs: &Collected,
        foreseen: &mut Vec<Effect>,
    ) -> ModuleResult {
        let run = &request.run;
        let Some(module) = (self.find)(&run.module) else {
            return Err(Stop::failed(format!("this agent has no module `{}`", run.module)));
        };
        let Some(function) = module.run else {
            return Err(Stop::failed(format!("the module `{}` does nothing on a host", module.name)));
        };
        if let Some(broken) = module.broken_rule(args) {
            return Err(Stop::failed(broken.to_string()));
        }
        let (server, teller) = (self.clone(), request.clone());
        let (store, asker) = (self.clone(), request.clone());
        let context = Context {
            environment: run.environment.clone(),
            cancellation: request.cancellation.clone(),
            progress: Arc::new(move |stream, line| server.send_all(|| teller.output(index, stream, line))),
            tls: Arc::new(move || store.tls.path(|sha256| store.content(&asker, &[sha256.to_owned()]))),
        };
        match run.mode {
            Mode::Live if let Some(background) = &run.background => {
                background::start(background, module.name, args, &context, run.diff)
            }
            Mode::Live => {
                let live = Live::new(context);
                let call = Call { args, host: &live.host(), blobs, diff: run.diff };
                panics::named(module.name, || function(&call))
            }
            Mode::Shadow => {
                let shadow = Shadow::new(context, self.overlay.clone());
                let call = Call { args, host: &shadow.host(), blobs, diff: run.diff };
                let result = panics::named(module.name, || function(&call));
                let result = match args.get(HALF_KNOWN).and_then(Value::as_str) {
                    Some(why) if result.is_ok() => shadow.hide_written(why).map_err(Stop::from).and(result),
                    _ => result,
                };
                foreseen.extend(shadow.take_effects());
                result
            }
        }
    }

    /// The timekeeper's life: ends requests at their deadlines, gives up those that do not end, sends heartbeats.
    fn keep_time(&self) {
        let mut beat: Option<Instant> = None;
        let mut work = self.work();
        while !work.ending {
            let now = Instant::now();
            let mut wake: Option<Instant> = None;
            let mut overdue: Vec<Arc<Request>> = Vec::new();
            let mut cancelled = false;
            for request in work.requests.values() {
                match request.due(now, GIVES_UP_AFTER + MARGIN) {
                    Due::Never => {}
                    Due::At(at) => wake = Some(wake.map_or(at, |wake| wake.min(at))),
                    Due::Deadline => {
                        request.time_out();
                        cancelled = true;
                    }
                    Due::Overdue => overdue.push(request.clone()),
                }
            }
            let due = work.threads > 0 && *beat.get_or_insert(now + HEARTBEAT) <= now;
            if work.threads == 0 || due {
                beat = None;
            }
            if due || cancelled || !overdue.is_empty() {
                overdue.iter().for_each(|request| work.forget(request));
                drop(work);
                self.blobs.wake();
                for request in overdue {
                    let why = request.cancellation.why().unwrap_or_default();
                    self.send_all(|| request.give_up(&format!("{why}; it does not end, and was given up")));
                }
                if due {
                    self.send(&FromAgent::Alive);
                }
                work = self.work();
                continue;
            }
            let wake = match (wake, beat) {
                (Some(wake), Some(beat)) => Some(wake.min(beat)),
                (wake, beat) => wake.or(beat),
            };
            work = match wake {
                Some(wake) => {
                    let left = wake.saturating_duration_since(now);
                    self.changed.wait_timeout(work, left).unwrap_or_else(PoisonError::into_inner).0
                }
                None => self.changed.wait(work).unwrap_or_else(PoisonError::into_inner),
            };
        }
    }
}

impl Work {
    /// Frees a request's number, unless it has been given to another meanwhile.
    fn forget(&mut self, request: &Arc<Request>) {
        if self.requests.get(&request.run.id).is_some_and(|there| Arc::ptr_eq(there, request)) {
            self.requests.remove(&request.run.id);
        }
    }
}

/// Who this agent is.
fn hello() -> HostResult<Hello> {
    let user = Live::new(Context::default()).accounts.whoami()?;
    let boot_id = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").ok();
    Ok(Hello {
        version: protocol::VERSION,
        pid: std::process::id(),
        uid: user.uid,
        user: user.name,
        boot_id: boot_id.map(|id| id.trim().to_owned()),
        machine: rustix::system::uname().machine().to_string_lossy().into_owned(),
    })
}
