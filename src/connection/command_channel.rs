//! A command without the agent: `raw`, and the copying of a file for `script`.

use super::agent_channel::{Reply, Verdict};
use super::bootstrap::{Line, Lines};
use super::outbox::Outbox;
use super::shell::{Entry, Step, Tail, after_colon};
use super::token::Token;
use super::wire::Exit;
use super::{Become, LinkError, RawEnd};
use refit_agent::protocol::Stream;
use std::sync::Arc;
use std::sync::mpsc::Sender;
use std::time::{Duration, Instant};

/// How a command is started.
enum Start {
    /// By the login shell, as it is. There are no words of ours in what it prints.
    Login(String),
    /// By `sh`, as another user or with a script of ours around it, on this way.
    Script { entry: Entry, script: String, inside: bool, lines: Lines },
}

impl Start {
    fn script(entry: Entry, script: String) -> Start {
        Start::Script { entry, script, inside: false, lines: Lines::default() }
    }
}

/// What to do.
#[derive(Debug)]
pub(super) enum Task {
    /// `raw`: a command line with its standard input, as this user, and how long it may run.
    Raw { user: Option<Become>, command: String, input: Vec<u8>, limit: Option<Duration> },
    /// Content for a path, mode 0700.
    Put { content: Vec<u8>, path: String },
}

/// A command and what it prints.
pub(super) struct CommandChannel {
    /// What is to be written.
    pub outbox: Outbox,
    task: Arc<Task>,
    start: Start,
    running: bool,
    stdout: Vec<u8>,
    stderr: Vec<u8>,
    /// Where the line begins that was not told yet.
    told: (usize, usize),
    said: Tail,
    replies: Sender<Reply>,
    /// Since when it is being started, or runs.
    began: Instant,
    patience: Duration,
}

impl CommandChannel {
    /// Starts on its way. `terminal` where an attempt without one has failed for the want of one.
    pub fn new(task: Arc<Task>, terminal: bool, replies: Sender<Reply>, patience: Duration) -> CommandChannel {
        let (start, patience) = match &*task {
            Task::Raw { user: None, command, .. } => (Start::Login(command.clone()), patience),
            Task::Raw { user: Some(user), command, input, .. } => {
                let entry = Entry::new(Some(user), terminal);
                let streams = match (entry.terminal(), input.is_empty()) {
                    (false, _) => "",
                    (true, false) => " 2>&1",
                    // A terminal in raw mode has no end of file.
                    (true, true) => " </dev/null 2>&1",
                };
                let (run, command) = (say(entry.token(), "run"), single_quoted(command));
                let script = format!("{{\n{run}exec sh -c {command}{streams}\n}}\n");
                (Start::script(entry, script), patience.max(Duration::from_secs(30)))
            }
            Task::Put { content, path } => {
                let entry = Entry::new(None, false);
                let (run, path, size) = (say(entry.token(), "run"), single_quoted(path), content.len());
                // Beside, whole, and then in its place.
                let script = format!(
                    "{{\numask 077; p={path}; t=$p.{}\n{run}\
                     cat >\"$t\" && [ \"$(($(wc -c <\"$t\")))\" = {size} ] && chmod 0700 \"$t\" && mv -f \"$t\" \"$p\" \
                     && exit 0\nrm -f \"$t\"; exit 1\n}}\n",
                    Token::new().whole()
                );
                (Start::script(entry, script), patience)
            }
        };
        let mut channel = CommandChannel {
            outbox: Outbox::default(),
            task,
            start,
            running: false,
            stdout: Vec::new(),
            stderr: Vec::new(),
            told: (0, 0),
            said: Tail::default(),
            replies,
            began: Instant::now(),
            patience,
        };
        match &mut channel.start {
            Start::Login(_) => channel.begin(),
            Start::Script { entry, script, .. } => {
                if !entry.waits() {
                    channel.outbox.bytes(std::mem::take(script).into_bytes());
                }
            }
        }
        channel
    }

    /// The same from the start, on another channel.
    pub fn again(&self, terminal: bool) -> CommandChannel {
        CommandChannel::new(self.task.clone(), terminal, self.replies.clone(), self.patience)
    }

    /// The command line that starts it, and whether it needs a terminal.
    pub fn command(&self) -> (String, bool) {
        match &self.start {
            Start::Login(command) => (command.clone(), false),
            Start::Script { entry, .. } => (entry.command(), entry.terminal()),
        }
    }

    fn begin(&mut self) {
        self.running = true;
        self.began = Instant::now();
        let input = match &*self.task {
            Task::Raw { input, .. } => input,
            Task::Put { content, .. } => content,
        };
        if !input.is_empty() {
            self.outbox.bytes(input.clone());
        }
        self.outbox.end();
    }

    /// Something was printed.
    pub fn printed(&mut self, stream: Stream, bytes: &[u8]) -> Verdict {
        if self.running {
            self.output(stream, bytes);
            return Verdict::Go;
        }
        self.said.add(bytes);
        let Start::Script { entry, script, inside, lines } = &mut self.start else { return Verdict::Go };
        let step = entry.said(bytes);
        if stream == Stream::Stdout {
            lines.add(bytes);
            while let Some(line) = lines.next(entry.token()) {
                *inside |= line != Line::Ask;
                match line {
                    Line::In if !script.is_empty() => self.outbox.bytes(std::mem::take(script).into_bytes()),
                    Line::Run => {
                        let rest = lines.rest();
                        self.begin();
                        self.output(Stream::Stdout, &rest);
                        return Verdict::Go;
                    }
                    _ => {}
                }
            }
        }
        if *inside { Verdict::Go } else { self.step(step) }
    }

    fn step(&mut self, step: Step) -> Verdict {
        match step {
            Step::Wait => Verdict::Go,
            Step::Answer(password) => {
                self.outbox.bytes(format!("{}\n", password.0.as_str()).into_bytes());
                Verdict::Go
            }
            Step::WithTerminal => Verdict::Again { terminal: true, fresh: false },
            Step::Fail(error) => self.fail(error),
        }
    }

    fn output(&mut self, stream: Stream, bytes: &[u8]) {
        let (kept, told) = match stream {
            Stream::Stdout => (&mut self.stdout, &mut self.told.0),
            Stream::Stderr => (&mut self.stderr, &mut self.told.1),
        };
        kept.extend_from_slice(bytes);
        while let Some(length) = kept[*told..].iter().position(|byte| *byte == b'\n') {
            let line = String::from_utf8_lossy(&kept[*told..*told + length]).trim_end_matches('\r').to_owned();
            *told += length + 1;
            // Who does not listen any more needs no line.
            let _ = self.replies.send(Reply::Output { index: 0, stream, line });
        }
    }

    /// The channel is at its end.
    pub fn ended(&mut self, exit: &Exit) -> Verdict {
        if !self.running {
            let error = match &mut self.start {
                Start::Script { entry, inside: false, .. } => {
                    let step = entry.ended(exit);
                    return self.step(step);
                }
                _ => format!("the command was not started ({exit}){}", after_colon(&self.said.text())),
            };
            return self.fail(LinkError::Agent { message: error });
        }
        let status = match exit {
            Exit::Status(status) => *status,
            Exit::Signal(name) => -signal_number(name),
        };
        let (stdout, stderr) = (std::mem::take(&mut self.stdout), std::mem::take(&mut self.stderr));
        let _ = self.replies.send(Reply::Raw(RawEnd { status, stdout, stderr }));
        Verdict::Over
    }

    /// Tells who waits that nothing was begun.
    pub fn give_back(&mut self) {
        let _ = self.replies.send(Reply::NotBegun);
    }

    /// Tells who waits that it came to nothing.
    pub fn fail(&mut self, error: LinkError) -> Verdict {
        let error = match error {
            LinkError::Unreachable { message, .. } => LinkError::Unreachable { message, midway: self.running },
            other => other,
        };
        let _ = self.replies.send(Reply::Failed(error));
        Verdict::Over
    }

    /// Whether the command has not been reached.
    pub fn untouched(&self) -> bool {
        match &self.start {
            Start::Login(_) => self.stdout.is_empty(),
            Start::Script { inside, .. } => !inside,
        }
    }

    /// What was printed on standard error.
    pub fn errors(&self) -> String {
        let mut tail = self.said.clone();
        tail.add(&self.stderr);
        tail.text()
    }

    /// How long it may run.
    fn limit(&self) -> Option<Duration> {
        match &*self.task {
            Task::Raw { limit, .. } => *limit,
            Task::Put { .. } => None,
        }
    }

    /// When to give up getting it started, or to end it.
    pub fn deadline(&self) -> Option<Instant> {
        let time = if self.running { self.limit()? } else { self.patience };
        self.began.checked_add(time)
    }

    /// It did not start in time, or runs for too long.
    pub fn late(&mut self) -> Verdict {
        let error = match &self.start {
            _ if self.running => LinkError::TimedOut { limit: self.limit().unwrap_or_default() },
            Start::Script { entry, .. } => entry.late(self.patience.as_secs()),
            Start::Login(_) => LinkError::Agent { message: "the command did not start in time".to_owned() },
        };
        self.fail(error)
    }
}

/// A statement that prints a line of ours.
fn say(token: &Token, word: &str) -> String {
    let (first, second) = token.halves();
    format!("echo {first}''{second} {word}\n")
}

/// A word for a POSIX shell.
fn single_quoted(word: &str) -> String {
    format!("'{}'", word.replace('\'', r"'\''"))
}

/// The numbers that Linux gives the signals that end programs.
fn signal_number(name: &str) -> i32 {
    match name {
        "HUP" => 1,
        "INT" => 2,
        "QUIT" => 3,
        "ILL" => 4,
        "TRAP" => 5,
        "ABRT" => 6,
        "BUS" => 7,
        "FPE" => 8,
        "KILL" => 9,
        "USR1" => 10,
        "SEGV" => 11,
        "USR2" => 12,
        "PIPE" => 13,
        "ALRM" => 14,
        _ => 15,
    }
}
