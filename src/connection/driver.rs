//! The thread of a connection: it alone touches the wire, and carries the conversations of all callers on it.
//!
//! Callers speak to it through a queue and an event descriptor, and hear from it through a queue of their own, so that no
//! lock is held while anything waits for the network.

use super::agent_channel::{AgentChannel, Reply, Verdict};
use super::command_channel::{CommandChannel, Task};
use super::effects::Effects;
use super::pool::Pass;
use super::programs::Program;
use super::wire::{ChannelId, Exit, Input, OpenError, Wire};
use super::{Become, LinkError, Target};
use refit_agent::protocol::{Run, Stream};
use rustix::event::{EventfdFlags, PollFd, PollFlags, Timespec, eventfd, poll};
use std::collections::{HashMap, HashSet};
use std::convert::Infallible;
use std::net::{Shutdown, TcpStream};
use std::os::fd::{AsFd, OwnedFd};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, TryRecvError};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// How long a host may be silent while it should say something: an agent with requests (it says `Alive` every five
/// seconds), or a host that was asked for a sign of life.
pub(super) const SILENCE: Duration = Duration::from_secs(30);

/// After an interrupt, how long the agents have to end what runs before the connection is cut.
const GRACE: Duration = Duration::from_secs(3);

/// How often the end of a command is looked for that has ended its output.
const LOOK: Duration = Duration::from_millis(50);

/// How long a farewell may take.
const FAREWELL: Duration = Duration::from_millis(500);

/// What a caller wants.
pub(super) enum Command {
    /// A request for a user's agent.
    Run { user: Option<Become>, run: Run, replies: Sender<Reply> },
    /// The hello of a user's agent.
    Hello { user: Option<Become>, replies: Sender<Reply> },
    /// Something without an agent.
    Task { task: Task, replies: Sender<Reply> },
    /// Content that a user's agent asked for.
    Content { user: Option<Become>, sha256: String, content: Arc<Vec<u8>> },
    /// A request of a user's agent is not wanted any more.
    Cancel { user: Option<Become>, id: u64 },
    /// The agents that run as this user are to end, where they have nothing to do. `ended` is dropped when they have.
    Part { user: String, ended: Sender<Infallible> },
    /// Nothing is wanted any more: the user interrupted twice.
    CancelAll,
    /// Farewell.
    Close,
}

/// How the thread is called from outside: it waits on a descriptor, and its socket can be shut down under it.
pub(super) struct Bell {
    event: OwnedFd,
    cut: AtomicBool,
    socket: Mutex<Option<Arc<TcpStream>>>,
}

impl Bell {
    /// A new one.
    pub fn new() -> Result<Bell, LinkError> {
        let event =
            eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK).map_err(|error| LinkError::Unreachable {
                message: format!("no descriptor for a connection: {error} (raise `ulimit -n`, or lower --forks)"),
                midway: false,
            })?;
        Ok(Bell { event, cut: AtomicBool::new(false), socket: Mutex::new(None) })
    }

    /// Wakes the thread.
    pub fn ring(&self) {
        // Full means that it rings already.
        let _ = rustix::io::write(&self.event, &1u64.to_ne_bytes());
    }

    /// Ends the connection whatever the thread does.
    pub fn cut(&self) {
        self.cut.store(true, Ordering::SeqCst);
        if let Ok(socket) = self.socket.lock()
            && let Some(socket) = &*socket
        {
            // It may be closed already.
            let _ = socket.shutdown(Shutdown::Both);
        }
        self.ring();
    }

    /// Whether it was cut.
    pub fn is_cut(&self) -> bool {
        self.cut.load(Ordering::SeqCst)
    }

    /// The socket that [`Bell::cut`] shuts down.
    pub fn watch(&self, socket: &Arc<TcpStream>) {
        if let Ok(mut known) = self.socket.lock() {
            *known = Some(socket.clone());
        }
        if self.is_cut() {
            let _ = socket.shutdown(Shutdown::Both);
        }
    }

    /// The descriptor to wait on.
    pub fn event(&self) -> &OwnedFd {
        &self.event
    }

    /// Takes notice of the ringing.
    pub fn quiet(&self) {
        let _ = rustix::io::read(&self.event, &mut [0; 8]);
    }
}

enum Talk {
    Agent(Box<AgentChannel>),
    Command(Box<CommandChannel>),
}

struct Open {
    talk: Talk,
    stdout_ended: bool,
    stderr_ended: bool,
    /// Who waits for its end.
    parting: Option<Sender<Infallible>>,
}

impl Open {
    /// Whether both streams are at their end.
    fn ended(&self) -> bool {
        self.stdout_ended && self.stderr_ended
    }
}

/// The state of a connection's thread.
pub(super) struct Driver {
    wire: Box<dyn Wire>,
    target: Arc<Target>,
    programs: Arc<[Arc<Program>]>,
    effects: Arc<Effects>,
    bell: Arc<Bell>,
    commands: Receiver<Box<Command>>,
    open: HashMap<ChannelId, Open>,
    agents: HashMap<Option<Become>, ChannelId>,
    cut_at: Option<Instant>,
    closing: Option<Instant>,
    /// Leave to shake hands, given back with the first word from the host.
    pass: Option<Pass>,
    /// Whether a channel was ever opened.
    used: bool,
}

impl Driver {
    /// Over an established wire.
    pub fn new(
        (wire, pass): (Box<dyn Wire>, Option<Pass>),
        target: Arc<Target>,
        programs: Arc<[Arc<Program>]>,
        effects: Arc<Effects>,
        bell: Arc<Bell>,
        commands: Receiver<Box<Command>>,
    ) -> Driver {
        Driver {
            wire,
            target,
            programs,
            effects,
            bell,
            commands,
            open: HashMap::new(),
            agents: HashMap::new(),
            cut_at: None,
            closing: None,
            pass,
            used: false,
        }
    }

    /// Serves until the connection ends or is closed. Who is waiting then is told why.
    pub fn serve(mut self) {
        let error = match self.turns() {
            Ok(()) => LinkError::Unreachable { message: "the connection was closed".to_owned(), midway: true },
            Err(_) if self.cut_at.is_some() || self.bell.is_cut() => LinkError::Cancelled,
            Err(message) => LinkError::Unreachable { message, midway: true },
        };
        for open in self.open.values_mut() {
            match &mut open.talk {
                Talk::Agent(agent) => agent.fail(error.clone()),
                Talk::Command(command) => command.fail(error.clone()),
            };
        }
        // Commands that are still queued are dropped with the queue: their callers hear that nobody answers, and
        // connect anew.
    }

    fn turns(&mut self) -> Result<(), String> {
        let mut heard = Instant::now();
        loop {
            self.commands()?;
            self.move_bytes()?;
            let now = Instant::now();
            if self.bell.is_cut() {
                return Err("the connection was cut".to_owned());
            }
            if self.closing.is_some_and(|until| now >= until || self.open.is_empty()) {
                return Ok(());
            }
            if self.cut_at.is_some_and(|at| now >= at) {
                return Err("interrupted".to_owned());
            }
            if self.wire.keeps_alive() && !self.open.is_empty() && now.duration_since(heard) > SILENCE {
                let silent = SILENCE.as_secs();
                return Err(format!(
                    "the host has given no sign of life for {silent} s: it hangs, or the network is cut"
                ));
            }
            self.late(now)?;
            let due = self.wire.tick()?;
            // With no channel nobody reads, so nothing can be heard.
            if self.wait(due)? || self.open.is_empty() {
                heard = Instant::now();
            }
        }
    }

    /// Waits for the wire, for callers, or for what is due. Whether something came from the host.
    fn wait(&self, due: Option<Duration>) -> Result<bool, String> {
        let now = Instant::now();
        let deadlines = self.open.values().filter_map(|open| match &open.talk {
            Talk::Agent(agent) => agent.deadline(SILENCE),
            Talk::Command(command) => command.deadline(),
        });
        let deadline = deadlines.chain(self.cut_at).chain(self.closing).min();
        let until = deadline.map(|deadline| deadline.saturating_duration_since(now) + Duration::from_millis(1));
        // What lies ready in the wire needs no waiting for.
        let ready = self.open.iter().any(|(channel, open)| !open.ended() && self.wire.holds(*channel));
        let ready = ready.then_some(Duration::ZERO);
        // The end of a command, once its streams are at theirs, is lost on `poll` where it came while another channel was read.
        let ending = self.open.len() > 1 && self.open.values().any(Open::ended);
        let look = ending.then_some(LOOK);
        let timeout = until.into_iter().chain(due).chain(ready).chain(look).min().map(|timeout| Timespec {
            tv_sec: i64::try_from(timeout.as_secs()).unwrap_or(i64::MAX),
            tv_nsec: timeout.subsec_nanos().into(),
        });
        let writing: Vec<ChannelId> = self
            .open
            .iter()
            .filter(|(_, open)| {
                let outbox = match &open.talk {
                    Talk::Agent(agent) => &agent.outbox,
                    Talk::Command(command) => &command.outbox,
                };
                !open.stdout_ended && !outbox.is_empty()
            })
            .map(|(channel, _)| *channel)
            .collect();
        let mut fds = vec![PollFd::from_borrowed_fd(self.bell.event().as_fd(), PollFlags::IN)];
        self.wire.watch(&writing, &mut fds);
        match poll(&mut fds, timeout.as_ref()) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(format!("waiting for the host failed: {error}")),
        }
        let heard = fds[1..].iter().any(|fd| fd.revents().contains(PollFlags::IN));
        let ended = PollFlags::HUP | PollFlags::RDHUP | PollFlags::ERR;
        if self.open.is_empty() && fds[1..].iter().any(|fd| fd.revents().intersects(ended)) {
            return Err("the host closed the connection".to_owned());
        }
        if !fds[0].revents().is_empty() {
            self.bell.quiet();
        }
        Ok(heard)
    }

    fn commands(&mut self) -> Result<(), String> {
        loop {
            match self.commands.try_recv() {
                Ok(command) => self.command(*command)?,
                Err(TryRecvError::Empty) => return Ok(()),
                // The link is gone, and with it all who could ask.
                Err(TryRecvError::Disconnected) => {
                    self.farewell();
                    return Ok(());
                }
            }
        }
    }

    fn command(&mut self, command: Command) -> Result<(), String> {
        if let Command::Run { replies, .. } | Command::Hello { replies, .. } | Command::Task { replies, .. } = &command
        {
            // Who does not listen any more needs no word.
            let _ = replies.send(Reply::Taken);
        }
        match command {
            Command::Run { user, run, replies } => self.agent(user, |agent| agent.run(run, replies)),
            Command::Hello { user, replies } => self.agent(user, |agent| agent.hello(replies)),
            Command::Task { task, replies } => {
                let channel = CommandChannel::new(Arc::new(task), false, replies, self.target.timeout);
                self.start(Talk::Command(Box::new(channel))).map(|_| ())
            }
            Command::Content { user, sha256, content } => {
                if let Some(agent) = self.known_agent(&user) {
                    agent.outbox.content(sha256, content);
                }
                Ok(())
            }
            Command::Cancel { user, id } => {
                if let Some(agent) = self.known_agent(&user) {
                    agent.cancel(id);
                }
                Ok(())
            }
            Command::Part { user, ended } => {
                self.part(&user, &ended);
                Ok(())
            }
            Command::CancelAll => {
                self.cut_at = Some(Instant::now() + GRACE);
                let mut over = Vec::new();
                for (channel, open) in &mut self.open {
                    match &mut open.talk {
                        Talk::Agent(agent) => agent.cancel_all(),
                        Talk::Command(command) => {
                            command.fail(LinkError::Cancelled);
                            over.push(*channel);
                        }
                    }
                }
                over.into_iter().for_each(|channel| self.close(channel));
                Ok(())
            }
            Command::Close => {
                self.farewell();
                Ok(())
            }
        }
    }

    fn farewell(&mut self) {
        if self.closing.is_some() {
            return;
        }
        self.closing = Some(Instant::now() + FAREWELL);
        for open in self.open.values_mut() {
            match &mut open.talk {
                Talk::Agent(agent) => agent.farewell(),
                Talk::Command(command) => command.outbox.end(),
            }
        }
    }

    fn part(&mut self, user: &str, ended: &Sender<Infallible>) {
        let open = &mut self.open;
        self.agents.retain(|known, channel| {
            if known.as_ref().is_none_or(|known| known.user != user) {
                return true;
            }
            match open.get_mut(channel) {
                Some(Open { talk: Talk::Agent(agent), parting, .. }) if !agent.busy() => {
                    agent.farewell();
                    *parting = Some(ended.clone());
                    false
                }
                _ => true,
            }
        });
    }

    fn known_agent(&mut self, user: &Option<Become>) -> Option<&mut AgentChannel> {
        match &mut self.open.get_mut(self.agents.get(user)?)?.talk {
            Talk::Agent(agent) => Some(agent),
            Talk::Command(_) => None,
        }
    }

    fn agent(&mut self, user: Option<Become>, ask: impl FnOnce(&mut AgentChannel)) -> Result<(), String> {
        if let Some(agent) = self.known_agent(&user) {
            ask(agent);
            return Ok(());
        }
        let mut agent = AgentChannel::new(user.as_ref(), &self.target, &self.programs, &self.effects, (false, false));
        ask(&mut agent);
        self.start_agent(user, agent)
    }

    fn start_agent(&mut self, user: Option<Become>, agent: AgentChannel) -> Result<(), String> {
        if let Some(channel) = self.start(Talk::Agent(Box::new(agent)))? {
            self.agents.insert(user, channel);
        }
        Ok(())
    }

    /// Opens a channel; where the host refuses it, who waits has been told.
    fn start(&mut self, mut talk: Talk) -> Result<Option<ChannelId>, String> {
        let (command, terminal) = match &talk {
            Talk::Agent(agent) => agent.command(),
            Talk::Command(command) => command.command(),
        };
        let error = match self.wire.open(&command, terminal) {
            Ok(channel) => {
                self.open.insert(channel, Open { talk, stdout_ended: false, stderr_ended: false, parting: None });
                self.used = true;
                return Ok(Some(channel));
            }
            // What served before has ended while nothing was asked of it.
            Err(OpenError::Lost(message)) if self.used => {
                match &mut talk {
                    Talk::Agent(agent) => agent.give_back(),
                    Talk::Command(command) => command.give_back(),
                }
                return Err(message);
            }
            Err(OpenError::Refused(message)) => Ok(LinkError::Agent { message }),
            Err(OpenError::Lost(message)) => Err(message),
        };
        let told = error.clone().unwrap_or_else(|message| LinkError::Unreachable { message, midway: false });
        match &mut talk {
            Talk::Agent(agent) => agent.fail(told),
            Talk::Command(command) => command.fail(told),
        };
        error.map(|_| None)
    }

    fn close(&mut self, channel: ChannelId) {
        self.wire.close(channel);
        self.open.remove(&channel);
        self.agents.retain(|_, known| *known != channel);
    }

    /// Writes and reads until nothing moves any more.
    fn move_bytes(&mut self) -> Result<(), String> {
        let mut moved = true;
        while moved {
            moved = false;
            let channels: HashSet<ChannelId> = self.open.keys().copied().collect();
            for channel in channels {
                moved |= self.write(channel)?;
                moved |= self.read(channel, Stream::Stdout)?;
                moved |= self.read(channel, Stream::Stderr)?;
                self.reap(channel)?;
            }
            // Callers wait their turn no longer than a round of all channels.
            self.commands()?;
            if self.bell.is_cut() {
                return Ok(());
            }
        }
        Ok(())
    }

    fn write(&mut self, channel: ChannelId) -> Result<bool, String> {
        let Some(open) = self.open.get_mut(&channel) else { return Ok(false) };
        if open.stdout_ended {
            return Ok(false);
        }
        let outbox = match &mut open.talk {
            Talk::Agent(agent) => &mut agent.outbox,
            Talk::Command(command) => &mut command.outbox,
        };
        if outbox.ends() {
            outbox.ended();
            self.wire.finish(channel)?;
            return Ok(false);
        }
        if outbox.is_empty() {
            return Ok(false);
        }
        let count = self.wire.write(channel, outbox.front().map_err(|error| error.to_string())?)?;
        outbox.written(count);
        if let Talk::Agent(agent) = &mut open.talk
            && count > 0
        {
            agent.sent();
        }
        Ok(count > 0)
    }

    fn read(&mut self, channel: ChannelId, stream: Stream) -> Result<bool, String> {
        let Some(open) = self.open.get_mut(&channel) else { return Ok(false) };
        let ended = match stream {
            Stream::Stdout => &mut open.stdout_ended,
            Stream::Stderr => &mut open.stderr_ended,
        };
        if *ended {
            return Ok(false);
        }
        let mut buffer = [0; 4 << 10];
        let count = match self.wire.read(channel, stream, &mut buffer)? {
            Input::Nothing => return Ok(false),
            Input::End => {
                *ended = true;
                self.pass = None;
                return Ok(true);
            }
            Input::Bytes(count) => count,
        };
        self.pass = None;
        let bytes = &buffer[..count];
        let verdict = match (&mut open.talk, stream) {
            (Talk::Agent(agent), Stream::Stdout) => agent.stdout(bytes),
            (Talk::Agent(agent), Stream::Stderr) => agent.stderr(bytes),
            (Talk::Command(command), stream) => command.printed(stream, bytes),
        };
        self.obey(channel, verdict)?;
        Ok(true)
    }

    /// Ends the conversation of a channel that is at its end.
    fn reap(&mut self, channel: ChannelId) -> Result<(), String> {
        let Some(open) = self.open.get_mut(&channel) else { return Ok(()) };
        if !open.ended() {
            return Ok(());
        }
        let Some(exit) = self.wire.exit(channel)? else { return Ok(()) };
        let verdict = self.ended(channel, &exit);
        self.obey(channel, verdict)?;
        // Whatever it said, the channel is gone.
        self.close(channel);
        Ok(())
    }

    fn ended(&mut self, channel: ChannelId, exit: &Exit) -> Verdict {
        let Some(open) = self.open.get_mut(&channel) else { return Verdict::Go };
        let (untouched, said) = match &open.talk {
            Talk::Agent(agent) => (agent.untouched(), agent.said()),
            Talk::Command(command) => (command.untouched(), command.errors()),
        };
        let failure = if untouched { self.wire.failure(exit, &said) } else { None };
        match (&mut open.talk, failure) {
            (Talk::Agent(agent), Some(error)) => agent.fail(error),
            (Talk::Agent(agent), None) => agent.ended(exit),
            (Talk::Command(command), Some(error)) => command.fail(error),
            (Talk::Command(command), None) => command.ended(exit),
        }
    }

    fn obey(&mut self, channel: ChannelId, verdict: Verdict) -> Result<(), String> {
        match verdict {
            Verdict::Go => Ok(()),
            Verdict::Over => {
                self.close(channel);
                Ok(())
            }
            Verdict::Again { terminal, fresh } => {
                let Some(open) = self.open.remove(&channel) else { return Ok(()) };
                let user = self.agents.iter().find(|(_, known)| **known == channel).map(|(user, _)| user.clone());
                self.close(channel);
                match (open.talk, user) {
                    (Talk::Agent(mut old), Some(user)) => {
                        let mut agent = AgentChannel::new(
                            user.as_ref(),
                            &self.target,
                            &self.programs,
                            &self.effects,
                            (terminal, fresh),
                        );
                        agent.wait(old.take_waiting());
                        self.start_agent(user, agent)
                    }
                    (Talk::Command(old), _) => self.start(Talk::Command(Box::new(old.again(terminal)))).map(|_| ()),
                    (Talk::Agent(_), None) => Ok(()),
                }
            }
        }
    }

    /// Gives up on what is too late.
    fn late(&mut self, now: Instant) -> Result<(), String> {
        let late = |open: &Open| match &open.talk {
            Talk::Agent(agent) => agent.deadline(SILENCE).is_some_and(|deadline| now >= deadline),
            Talk::Command(command) => command.deadline().is_some_and(|deadline| now >= deadline),
        };
        let channels: Vec<ChannelId> =
            self.open.iter().filter(|(_, open)| late(open)).map(|(channel, _)| *channel).collect();
        for channel in channels {
            let Some(open) = self.open.get_mut(&channel) else { continue };
            let verdict = match &mut open.talk {
                Talk::Agent(agent) => agent.late(SILENCE),
                Talk::Command(command) => command.late(),
            };
            self.obey(channel, verdict)?;
        }
        // An interrupt is done when all that ran has ended.
        if self.cut_at.is_some() {
            let busy = |open: &Open| match &open.talk {
                Talk::Agent(agent) => agent.busy(),
                Talk::Command(_) => true,
            };
            if !self.open.values().any(busy) {
                self.farewell();
            }
        }
        Ok(())
    }
}
