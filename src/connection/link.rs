//! A host's link: what callers hold. Finds or makes the connection, hands requests to its thread, and passes on what
//! comes back.

use super::agent_channel::Reply;
use super::askpass::Askpass;
use super::command_channel::Task;
use super::driver::{Bell, Command, Driver};
use super::effects::Effects;
use super::libssh2;
use super::pool::{Pass, Shared};
use super::processes::{Local, Processes, SystemSsh};
use super::ssh_config::system_args;
use super::wire::Wire;
use super::{Become, Content, Link, LinkError, Progress, RawEnd, Target, Transport};
use refit_agent::protocol::{Hello, Run};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

/// Room for the resolver and the key exchange; what is not touched costs nothing.
const STACK: usize = 256 << 10;

/// How often a waiting caller looks whether it was cancelled, should the thread not be able to tell it.
const LOOK: Duration = Duration::from_secs(1);

/// Past an interrupt, or for an agent that was told to end, a caller does not wait longer than this for the thread.
const PATIENCE: Duration = Duration::from_secs(5);

/// A connection that was asked for: it may be made, in the making, or gone.
struct Connection {
    /// Boxed: a queue makes room for many at once.
    commands: Sender<Box<Command>>,
    bell: Arc<Bell>,
    thread: Mutex<Option<thread::JoinHandle<()>>>,
}

impl Connection {
    fn tell(&self, command: Command) -> Result<(), ()> {
        self.commands.send(Box::new(command)).map_err(drop)?;
        self.bell.ring();
        Ok(())
    }

    /// Whether its thread still takes commands.
    fn alive(&self) -> bool {
        !self.bell.is_cut()
            && self.thread.lock().is_ok_and(|thread| thread.as_ref().is_some_and(|thread| !thread.is_finished()))
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        // Its thread may have ended.
        let _ = self.tell(Command::Close);
    }
}

/// A host's link.
pub(super) struct HostLink {
    target: Arc<Target>,
    shared: Arc<Shared>,
    effects: Arc<Effects>,
    connection: Mutex<Option<Arc<Connection>>>,
    ids: AtomicU64,
    cancelled: AtomicBool,
}

impl HostLink {
    /// To a host; does not connect yet. `effects` are those of its machine.
    pub fn new(target: Target, shared: Arc<Shared>, effects: Arc<Effects>) -> HostLink {
        HostLink {
            target: Arc::new(target),
            shared,
            effects,
            connection: Mutex::new(None),
            ids: AtomicU64::new(1),
            cancelled: AtomicBool::new(false),
        }
    }

    fn connection(&self) -> Result<Arc<Connection>, LinkError> {
        let mut known = self.connection.lock().map_err(|_| gone())?;
        if let Some(connection) = known.as_ref().filter(|connection| connection.alive()) {
            return Ok(connection.clone());
        }
        let connection = self.connect(self.target.timeout)?;
        *known = Some(connection.clone());
        Ok(connection)
    }

    /// A connection turned out to have ended: the next request makes a new one.
    fn forget(&self, ended: &Arc<Connection>) {
        if let Ok(mut known) = self.connection.lock()
            && known.as_ref().is_some_and(|known| Arc::ptr_eq(known, ended))
        {
            *known = None;
        }
    }

    /// Starts a thread that connects and serves.
    fn connect(&self, timeout: Duration) -> Result<Arc<Connection>, LinkError> {
        let bell = Arc::new(Bell::new()?);
        let (commands, queue) = channel();
        let (target, shared, effects) = (self.target.clone(), self.shared.clone(), self.effects.clone());
        let ringing = bell.clone();
        let work = move || {
            let wired = match wire(&target, &shared, timeout, &ringing) {
                Ok(wired) => wired,
                Err(error) => {
                    let error = if ringing.is_cut() { LinkError::Cancelled } else { error };
                    return refuse(&queue, &error);
                }
            };
            let Wired { wire, pass, askpass: _kept } = wired;
            Driver::new((wire, pass), target, shared.programs.clone(), effects, ringing, queue).serve();
        };
        let thread = thread::Builder::new().name(self.target.name.clone()).stack_size(STACK).spawn(work);
        let thread = thread.map_err(|error| LinkError::Unreachable {
            message: format!("no thread for a connection: {error} (raise `ulimit -u`, or lower --forks)"),
            midway: false,
        })?;
        Ok(Arc::new(Connection { commands, bell, thread: Mutex::new(Some(thread)) }))
    }

    /// Hands a command to the connection's thread, and gives the queue of its replies. A connection that ends at that
    /// moment is made anew, once.
    fn ask<'a>(&self, command: impl Fn(Sender<Reply>) -> Command + 'a) -> Result<Conversation<'_>, LinkError> {
        for _ in 0..3 {
            if self.cancelled.load(Ordering::SeqCst) {
                return Err(LinkError::Cancelled);
            }
            let connection = self.connection()?;
            let (replies, hear) = channel();
            if connection.tell(command(replies)).is_ok() {
                return Ok(Conversation { link: self, connection, hear, taken: false, cancelled_at: None });
            }
            self.forget(&connection);
        }
        Err(gone())
    }

    /// Runs a conversation until `take` gives its result. One that nobody has begun is begun again on a new connection.
    fn converse<T>(
        &self,
        command: impl Fn(Sender<Reply>) -> Command,
        mut take: impl FnMut(&Connection, Reply) -> Option<Result<T, LinkError>>,
    ) -> Result<T, LinkError> {
        for _ in 0..3 {
            let mut conversation = self.ask(&command)?;
            loop {
                match conversation.next() {
                    Ok(reply) => {
                        if let Some(result) = take(&conversation.connection, reply) {
                            return result;
                        }
                    }
                    Err(Silence::Nobody) => {
                        self.forget(&conversation.connection);
                        break;
                    }
                    Err(Silence::Cancelled) => return Err(LinkError::Cancelled),
                }
            }
        }
        Err(gone())
    }

    fn end(&self, connection: &Connection) {
        // Its thread may have ended.
        let _ = connection.tell(Command::Close);
    }

    /// Ends the connection and waits for its thread.
    pub fn close(&self, until: Instant) {
        let connection = self.connection.lock().ok().and_then(|mut known| known.take());
        let Some(connection) = connection else { return };
        let Some(thread) = connection.thread.lock().ok().and_then(|mut thread| thread.take()) else { return };
        while !thread.is_finished() && Instant::now() < until {
            thread::sleep(Duration::from_millis(2));
        }
        if !thread.is_finished() {
            connection.bell.cut();
        }
    }

    /// Asks the connection to end.
    pub fn begin_close(&self) {
        if let Ok(known) = self.connection.lock()
            && let Some(connection) = &*known
        {
            self.end(connection);
        }
    }
}

fn gone() -> LinkError {
    LinkError::Unreachable { message: "the connection ended before it was used, three times".to_owned(), midway: false }
}

/// Tells all who ask that there is no connection.
fn refuse(queue: &Receiver<Box<Command>>, error: &LinkError) {
    while let Ok(command) = queue.try_recv() {
        let replies = match *command {
            Command::Run { replies, .. } | Command::Hello { replies, .. } | Command::Task { replies, .. } => replies,
            _ => continue,
        };
        // Who does not listen any more needs no answer.
        let _ = replies.send(Reply::Failed(error.clone()));
    }
}

/// Does something on a stack of its own, which is given back afterwards: what it touches would else be kept as long as the
/// connection's thread lives, which is as long as the run.
pub(super) fn passing<T>(work: impl FnOnce() -> T) -> T {
    stacker::grow(STACK, work)
}

/// What connecting gives.
struct Wired {
    wire: Box<dyn Wire>,
    /// Where the handshake is still to come.
    pass: Option<Pass>,
    /// What has to live as long as the wire.
    askpass: Option<Askpass>,
}

/// Connects.
fn wire(target: &Target, shared: &Shared, timeout: Duration, bell: &Bell) -> Result<Wired, LinkError> {
    if target.transport == Transport::Local {
        return Ok(Wired { wire: Box::new(Processes::new(Local)), pass: None, askpass: None });
    }
    let settings = passing(|| shared.ssh.settings(target))?;
    let system = match target.transport {
        Transport::System => true,
        Transport::Auto => settings.needs_system.is_some() || libssh2::needs_authority(&settings),
        Transport::Libssh2 | Transport::Local => false,
    };
    let leave = || shared.handshakes.enter(|| bell.is_cut());
    if !system {
        let wire = libssh2::connect(target, &settings, timeout, bell, leave)?;
        return Ok(Wired { wire: Box::new(wire), pass: None, askpass: None });
    }
    let askpass = target.password.as_ref().map(Askpass::new).transpose()?;
    let launcher = SystemSsh {
        program: target.ssh_program.clone(),
        args: system_args(target, &settings),
        destination: target.address.clone(),
        environment: askpass.as_ref().map(Askpass::environment).unwrap_or_default(),
    };
    Ok(Wired { wire: Box::new(Processes::new(launcher)), pass: Some(leave()?), askpass })
}

struct Conversation<'a> {
    link: &'a HostLink,
    connection: Arc<Connection>,
    hear: Receiver<Reply>,
    /// Whether the thread has taken the command: then it may have been carried out, and is not
    /// given again unless the thread says that it was not begun.
    taken: bool,
    cancelled_at: Option<Instant>,
}

/// Why a conversation has no next reply.
enum Silence {
    /// The connection has ended before it took the command or began anything.
    Nobody,
    Cancelled,
}

impl Conversation<'_> {
    fn next(&mut self) -> Result<Reply, Silence> {
        loop {
            match self.hear.recv_timeout(LOOK) {
                Ok(Reply::Taken) => self.taken = true,
                Ok(Reply::NotBegun) => return Err(Silence::Nobody),
                Ok(reply) => return Ok(reply),
                Err(RecvTimeoutError::Disconnected) if !self.taken => return Err(Silence::Nobody),
                Err(RecvTimeoutError::Disconnected) => {
                    let message = "the connection ended".to_owned();
                    return Ok(Reply::Failed(LinkError::Unreachable { message, midway: true }));
                }
                Err(RecvTimeoutError::Timeout) => {}
            }
            if self.link.cancelled.load(Ordering::SeqCst)
                && self.cancelled_at.get_or_insert_with(Instant::now).elapsed() > PATIENCE
            {
                return Err(Silence::Cancelled);
            }
        }
    }
}

impl Link for HostLink {
    fn run(
        &self,
        user: Option<&Become>,
        mut run: Run,
        content: &dyn Content,
        progress: &dyn Progress,
    ) -> Result<(), LinkError> {
        run.id = self.ids.fetch_add(1, Ordering::Relaxed);
        let (id, user) = (run.id, user.cloned());
        self.converse(
            |replies| Command::Run { user: user.clone(), run: run.clone(), replies },
            |connection, reply| match reply {
                Reply::Need(hashes) => {
                    for sha256 in hashes {
                        let own = || self.shared.content(&sha256);
                        let Some(content) = content.get(&sha256).or_else(own) else {
                            // The thread may have ended; then so has the request.
                            let _ = connection.tell(Command::Cancel { user: user.clone(), id });
                            let message = format!("the agent asks for content {sha256}, which nobody has");
                            return Some(Err(LinkError::Agent { message }));
                        };
                        let _ = connection.tell(Command::Content { user: user.clone(), sha256, content });
                    }
                    None
                }
                Reply::Output { index, stream, line } => {
                    progress.output(index, stream, &line);
                    None
                }
                Reply::Item(end) => {
                    progress.item(end);
                    None
                }
                Reply::Alive => {
                    progress.alive();
                    None
                }
                Reply::Done if self.cancelled.load(Ordering::SeqCst) => Some(Err(LinkError::Cancelled)),
                Reply::Done => Some(Ok(())),
                Reply::Failed(error) => Some(Err(error)),
                Reply::Hello(_) | Reply::Raw(_) | Reply::Taken | Reply::NotBegun => None,
            },
        )
    }

    fn raw(
        &self,
        user: Option<&Become>,
        command: &str,
        input: &[u8],
        limit: Option<Duration>,
        progress: &dyn Progress,
    ) -> Result<RawEnd, LinkError> {
        self.converse(
            |replies| Command::Task {
                task: Task::Raw { user: user.cloned(), command: command.to_owned(), input: input.to_vec(), limit },
                replies,
            },
            |_, reply| match reply {
                Reply::Output { index, stream, line } => {
                    progress.output(index, stream, &line);
                    None
                }
                Reply::Raw(end) => Some(Ok(end)),
                Reply::Failed(error) => Some(Err(error)),
                _ => None,
            },
        )
    }

    fn put(&self, content: &[u8], path: &str) -> Result<(), LinkError> {
        let end = self.converse(
            |replies| Command::Task { task: Task::Put { content: content.to_vec(), path: path.to_owned() }, replies },
            |_, reply| match reply {
                Reply::Raw(end) => Some(Ok(end)),
                Reply::Failed(error) => Some(Err(error)),
                _ => None,
            },
        )?;
        if end.status == 0 {
            return Ok(());
        }
        let said = String::from_utf8_lossy(&end.stderr).trim().to_owned();
        let said = if said.is_empty() { "the disk may be full".to_owned() } else { said };
        Err(LinkError::Agent { message: format!("cannot write {path} on the host: {said}") })
    }

    fn hello(&self, user: Option<&Become>) -> Result<Hello, LinkError> {
        self.converse(|replies| Command::Hello { user: user.cloned(), replies }, |_, reply| hello(reply))
    }

    fn part(&self, user: &str) {
        let connection = self.connection.lock().ok().and_then(|known| known.clone());
        let Some(connection) = connection else { return };
        let (ended, hear) = channel();
        if connection.tell(Command::Part { user: user.to_owned(), ended }).is_ok() {
            // Nothing is ever sent: the queue closes when the agent has ended, or its connection has.
            let _ = hear.recv_timeout(PATIENCE);
        }
    }

    fn reset(&self) {
        let connection = self.connection.lock().ok().and_then(|mut known| known.take());
        if let Some(connection) = connection {
            self.end(&connection);
        }
    }

    fn probe(&self, user: Option<&Become>, timeout: Duration) -> Result<Hello, LinkError> {
        if self.cancelled.load(Ordering::SeqCst) {
            return Err(LinkError::Cancelled);
        }
        let until = Instant::now() + timeout;
        let connection = self.connect(timeout.min(self.target.timeout))?;
        let (replies, hear) = channel();
        connection.tell(Command::Hello { user: user.cloned(), replies }).map_err(|()| gone())?;
        let result = loop {
            let left = until.saturating_duration_since(Instant::now());
            match hear.recv_timeout(left.min(LOOK)) {
                Ok(reply) => {
                    if let Some(result) = hello(reply) {
                        break result;
                    }
                }
                Err(RecvTimeoutError::Disconnected) => break Err(gone()),
                Err(RecvTimeoutError::Timeout) if self.cancelled.load(Ordering::SeqCst) => {
                    break Err(LinkError::Cancelled);
                }
                Err(RecvTimeoutError::Timeout) if left.is_zero() => {
                    break Err(LinkError::Unreachable {
                        message: format!("no agent answered within {} s", timeout.as_secs_f32()),
                        midway: false,
                    });
                }
                Err(RecvTimeoutError::Timeout) => {}
            }
        };
        if result.is_err() {
            connection.bell.cut();
            return result;
        }
        if let Ok(mut known) = self.connection.lock()
            && let Some(old) = known.replace(connection)
        {
            self.end(&old);
        }
        result
    }

    fn cancel(&self) {
        self.cancelled.store(true, Ordering::SeqCst);
        let connection = self.connection.lock().ok().and_then(|known| known.clone());
        if let Some(connection) = connection {
            // Its thread may have ended.
            let _ = connection.tell(Command::CancelAll);
        }
    }
}

fn hello(reply: Reply) -> Option<Result<Hello, LinkError>> {
    match reply {
        Reply::Hello(hello) => Some(Ok(hello)),
        Reply::Failed(error) => Some(Err(error)),
        _ => None,
    }
}
