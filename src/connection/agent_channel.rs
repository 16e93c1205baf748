//! A user's agent on a host, at the other end of a channel: from the command line that starts it to its last frame.

use super::bootstrap::{self, Line, Lines};
use super::effects::{Effects, Reader};
use super::outbox::Outbox;
use super::programs::Program;
use super::shell::{Entry, Step, Tail, after_colon};
use super::wire::Exit;
use super::{Become, LinkError, RawEnd, Target};
use refit_agent::protocol::{self, FrameError, FromAgent, Hello, ItemEnd, Mode, Run, Stream, ToAgent, VERSION};
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::mpsc::Sender;
use std::time::{Duration, Instant};

/// What a caller hears of a request.
#[derive(Debug)]
pub(super) enum Reply {
    /// The connection's thread has taken the command: from now on it may be under way.
    Taken,
    /// It has not been begun, since the connection had ended unnoticed: it may be asked for again.
    NotBegun,
    /// The agent is there.
    Hello(Hello),
    /// The agent wants content.
    Need(Vec<String>),
    /// A line was printed.
    Output { index: usize, stream: Stream, line: String },
    /// An item is done.
    Item(ItemEnd),
    /// The agent lives.
    Alive,
    /// All is done.
    Done,
    /// A raw command has ended.
    Raw(RawEnd),
    /// It came to nothing.
    Failed(LinkError),
}

/// What the driver has to do with a channel after something came.
#[derive(Debug)]
pub(super) enum Verdict {
    /// Go on.
    Go,
    /// Close the channel and start it again.
    Again { terminal: bool, fresh: bool },
    /// Close the channel; all who wait were told.
    Over,
}

enum Stage {
    /// Commands run that end in our script, and the script.
    Starting,
    /// The agent runs and has not said a word.
    Started,
    /// It serves.
    Serving(Hello),
}

/// A user's agent.
pub(super) struct AgentChannel {
    /// What is to be written.
    pub outbox: Outbox,
    user: Option<Become>,
    entry: Entry,
    fresh: bool,
    stage: Stage,
    lines: Lines,
    frames: Vec<u8>,
    stderr: Tail,
    script: String,
    /// Whether our own script has said something.
    inside: bool,
    programs: Arc<[Arc<Program>]>,
    effects: Arc<Effects>,
    foreseen: Reader,
    waiting: Vec<(Option<Run>, Sender<Reply>)>,
    running: HashMap<u64, Sender<Reply>>,
    heard: Instant,
    patience: Duration,
}

impl AgentChannel {
    /// Starts with the entry to the user's shell.
    pub fn new(
        user: Option<&Become>,
        target: &Target,
        programs: &Arc<[Arc<Program>]>,
        effects: &Arc<Effects>,
        (terminal, fresh): (bool, bool),
    ) -> AgentChannel {
        let entry = Entry::new(user, terminal);
        let script = bootstrap::script(entry.token(), programs, target, fresh);
        let mut channel = AgentChannel {
            outbox: Outbox::default(),
            user: user.cloned(),
            entry,
            fresh,
            stage: Stage::Starting,
            lines: Lines::default(),
            frames: Vec::new(),
            stderr: Tail::default(),
            script,
            inside: false,
            programs: programs.clone(),
            effects: effects.clone(),
            foreseen: effects.reader(),
            waiting: Vec::new(),
            running: HashMap::new(),
            heard: Instant::now(),
            // Programs like sudo ask directories of users over the network, and wait on purpose after a wrong password.
            patience: if user.is_some() { target.timeout.max(Duration::from_secs(30)) } else { target.timeout },
        };
        if !channel.entry.waits() {
            channel.send_script();
        }
        channel
    }

    /// The command line that starts it, and whether it needs a terminal.
    pub fn command(&self) -> (String, bool) {
        (self.entry.command(), self.entry.terminal())
    }

    fn send_script(&mut self) {
        let script = std::mem::take(&mut self.script);
        if !script.is_empty() {
            self.outbox.bytes(script.into_bytes());
        }
    }

    /// Asks for its hello.
    pub fn hello(&mut self, replies: Sender<Reply>) {
        match &self.stage {
            // Who does not listen any more needs no answer, here and below.
            Stage::Serving(hello) => drop(replies.send(Reply::Hello(hello.clone()))),
            _ => self.waiting.push((None, replies)),
        }
    }

    /// Runs a request.
    pub fn run(&mut self, mut run: Run, replies: Sender<Reply>) {
        if !matches!(self.stage, Stage::Serving(_)) {
            self.waiting.push((Some(run), replies));
            return;
        }
        if run.mode == Mode::Shadow {
            run.effects = self.effects.news(&mut self.foreseen);
        }
        let id = run.id;
        match self.outbox.message(&ToAgent::Run(run)) {
            Ok(()) => {
                if self.running.is_empty() {
                    self.heard = Instant::now();
                }
                self.running.insert(id, replies);
            }
            Err(error) => drop(replies.send(Reply::Failed(LinkError::Agent { message: error.to_string() }))),
        }
    }

    /// Ends a request.
    pub fn cancel(&mut self, id: u64) {
        if self.running.contains_key(&id) {
            // A message this short always fits a frame.
            let _ = self.outbox.message(&ToAgent::Cancel { id });
        }
    }

    /// Ends all requests.
    pub fn cancel_all(&mut self) {
        for (_, replies) in self.waiting.drain(..) {
            let _ = replies.send(Reply::Failed(LinkError::Cancelled));
        }
        let ids: Vec<u64> = self.running.keys().copied().collect();
        ids.into_iter().for_each(|id| self.cancel(id));
    }

    /// Tells it to end.
    pub fn farewell(&mut self) {
        // A message this short always fits a frame.
        let _ = self.outbox.message(&ToAgent::Bye);
        self.outbox.end();
    }

    /// Whether requests run or wait.
    pub fn busy(&self) -> bool {
        !self.running.is_empty() || !self.waiting.is_empty()
    }

    /// Takes over who waits, for another try.
    pub fn take_waiting(&mut self) -> Vec<(Option<Run>, Sender<Reply>)> {
        std::mem::take(&mut self.waiting)
    }

    /// Takes who waited for an earlier try.
    pub fn wait(&mut self, waiting: Vec<(Option<Run>, Sender<Reply>)>) {
        self.waiting = waiting;
    }

    /// Something came on standard output.
    pub fn stdout(&mut self, bytes: &[u8]) -> Verdict {
        self.heard = Instant::now();
        match self.stage {
            Stage::Starting => {
                self.lines.add(bytes);
                let step = self.entry.said(bytes);
                while let Some(line) = self.lines.next(self.entry.token()) {
                    self.inside |= line != Line::Ask;
                    match line {
                        Line::In => self.send_script(),
                        Line::Need { machine, gzip } => {
                            if let Err(error) = self.send_program(&machine, gzip) {
                                return self.fail(error);
                            }
                        }
                        Line::Fail(error) => return self.fail(error),
                        Line::Run => {
                            self.stage = Stage::Started;
                            let rest = self.lines.rest();
                            return self.frames(&rest);
                        }
                        Line::Ask | Line::Other(_) => {}
                    }
                }
                self.step(step)
            }
            Stage::Started | Stage::Serving(_) => self.frames(bytes),
        }
    }

    /// Something came on standard error.
    pub fn stderr(&mut self, bytes: &[u8]) -> Verdict {
        self.stderr.add(bytes);
        match self.stage {
            Stage::Starting => {
                self.heard = Instant::now();
                let step = self.entry.said(bytes);
                self.step(step)
            }
            _ => Verdict::Go,
        }
    }

    fn step(&mut self, step: Step) -> Verdict {
        // Once the script is on its way, what is printed is no prompt.
        if self.inside {
            return Verdict::Go;
        }
        match step {
            Step::Wait => Verdict::Go,
            Step::Answer(password) => {
                self.outbox.bytes(format!("{}\n", password.0.as_str()).into_bytes());
                Verdict::Go
            }
            Step::WithTerminal => Verdict::Again { terminal: true, fresh: self.fresh },
            Step::Fail(error) => self.fail(error),
        }
    }

    fn send_program(&mut self, machine: &str, gzip: bool) -> Result<(), LinkError> {
        let Some(program) = self.programs.iter().find(|program| program.machine == machine) else {
            return Err(LinkError::Agent { message: format!("the host asked for an agent for {machine}") });
        };
        if gzip {
            // Shared by all hosts where it is part of this program.
            self.outbox.bytes(program.gzip.clone());
        } else {
            let unpacked = program.unpacked().map_err(|error| LinkError::Agent { message: error.to_string() })?;
            self.outbox.bytes(unpacked);
        }
        Ok(())
    }

    fn frames(&mut self, bytes: &[u8]) -> Verdict {
        self.frames.extend_from_slice(bytes);
        let mut at = 0;
        while let Some(length) = protocol::length(&self.frames[at..])
            && self.frames.len() - at >= length
        {
            let frame = protocol::read::<FromAgent>(&mut &self.frames[at..at + length]);
            at += length;
            match frame {
                Ok(frame) => {
                    if let Some(error) = self.message(frame.message) {
                        return self.fail(error);
                    }
                }
                Err(FrameError::Garbage(what)) => {
                    let message = format!("what came is not the agent's protocol: {what}{}", self.last_words());
                    return self.fail(self.broken(message));
                }
                Err(error) => return self.fail(self.broken(error.to_string())),
            }
        }
        self.frames.drain(..at);
        if self.frames.capacity() > 64 << 10 && self.frames.len() < 4 << 10 {
            self.frames.shrink_to_fit();
        }
        Verdict::Go
    }

    fn message(&mut self, message: FromAgent) -> Option<LinkError> {
        let tell = |running: &HashMap<u64, Sender<Reply>>, id: u64, reply: Reply| {
            if let Some(replies) = running.get(&id) {
                let _ = replies.send(reply);
            }
        };
        match message {
            FromAgent::Hello(hello) => {
                if hello.version != VERSION {
                    return Some(LinkError::Agent {
                        message: format!("the agent speaks protocol {}, this program {VERSION}", hello.version),
                    });
                }
                self.stage = Stage::Serving(hello.clone());
                for (run, replies) in self.take_waiting() {
                    match run {
                        Some(run) => self.run(run, replies),
                        None => drop(replies.send(Reply::Hello(hello.clone()))),
                    }
                }
            }
            FromAgent::Need { id, blobs } => tell(&self.running, id, Reply::Need(blobs)),
            FromAgent::Output { id, index, stream, line } => {
                tell(&self.running, id, Reply::Output { index, stream, line });
            }
            FromAgent::Item(end) => tell(&self.running, end.id, Reply::Item(end)),
            FromAgent::Done { id, effects } => {
                self.effects.add(&self.foreseen, effects);
                if let Some(replies) = self.running.remove(&id) {
                    let _ = replies.send(Reply::Done);
                }
            }
            FromAgent::Broken { why } => return Some(LinkError::Agent { message: why }),
            FromAgent::Alive => {
                for replies in self.running.values() {
                    let _ = replies.send(Reply::Alive);
                }
            }
        }
        None
    }

    /// The channel is at its end.
    pub fn ended(&mut self, exit: &Exit) -> Verdict {
        match self.stage {
            Stage::Starting if self.inside => {
                let message = format!("sh ended before it started the agent ({exit}){}", self.last_words());
                self.fail(LinkError::Agent { message })
            }
            Stage::Starting => {
                let step = self.entry.ended(exit);
                self.step(step)
            }
            // Not executable any more, cut short by a crash of the host, ...: bring it again, once.
            Stage::Started if !self.fresh => Verdict::Again { terminal: self.entry.terminal(), fresh: true },
            Stage::Started => {
                let message = format!("the agent does not run on the host ({exit}){}", self.last_words());
                self.fail(LinkError::Agent { message })
            }
            Stage::Serving(_) => {
                let message = format!("the agent{} ended ({exit}){}", self.whose(), self.last_words());
                self.fail(self.broken(message))
            }
        }
    }

    /// Whether nothing has been heard from our script: then an exit may be the transport's own.
    pub fn untouched(&self) -> bool {
        !self.inside
    }

    /// What was printed on standard error.
    pub fn said(&self) -> String {
        self.stderr.text()
    }

    fn whose(&self) -> String {
        self.user.as_ref().map(|user| format!(" of {}", user.user)).unwrap_or_default()
    }

    fn last_words(&self) -> String {
        after_colon(&self.stderr.text())
    }

    fn broken(&self, message: String) -> LinkError {
        if matches!(self.stage, Stage::Serving(_)) {
            LinkError::Unreachable { message, midway: true }
        } else {
            LinkError::Agent { message }
        }
    }

    /// Tells all who wait that nothing was begun.
    pub fn give_back(&mut self) {
        for (_, replies) in self.waiting.drain(..) {
            let _ = replies.send(Reply::NotBegun);
        }
    }

    /// Tells all who wait, and is over.
    pub fn fail(&mut self, error: LinkError) -> Verdict {
        for (_, replies) in self.waiting.drain(..) {
            // What was not sent is not under way.
            let error = match error.clone() {
                LinkError::Unreachable { message, .. } => LinkError::Unreachable { message, midway: false },
                other => other,
            };
            let _ = replies.send(Reply::Failed(error));
        }
        for (_, replies) in self.running.drain() {
            let _ = replies.send(Reply::Failed(error.clone()));
        }
        self.outbox.clear();
        Verdict::Over
    }

    /// When to call [`AgentChannel::late`], if nothing comes until then.
    pub fn deadline(&self, silence: Duration) -> Option<Instant> {
        match self.stage {
            Stage::Serving(_) => (!self.running.is_empty()).then(|| self.heard + silence),
            _ => Some(self.heard + self.patience),
        }
    }

    /// Nothing has come for too long.
    pub fn late(&mut self, silence: Duration) -> Verdict {
        let error = match self.stage {
            Stage::Serving(_) => LinkError::Unreachable {
                message: format!(
                    "the agent{} has given no sign of life for {} s: the host hangs, or the network is cut",
                    self.whose(),
                    silence.as_secs()
                ),
                midway: true,
            },
            Stage::Starting if !self.inside => self.entry.late(self.patience.as_secs()),
            _ => LinkError::Agent {
                message: format!("the agent did not start within {} s{}", self.patience.as_secs(), self.last_words()),
            },
        };
        self.fail(error)
    }

    /// Bytes went out: what is being sent counts as life while the agent is brought.
    pub fn sent(&mut self) {
        if !matches!(self.stage, Stage::Serving(_)) {
            self.heard = Instant::now();
        }
    }
}
