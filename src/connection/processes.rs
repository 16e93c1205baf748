//! Channels that are processes of this machine: the shell itself for `connection: local`, or the system's `ssh`.

use super::LinkError;
use super::shell::after_colon;
use super::wire::{ChannelId, Exit, Input, OpenError, Wire};
use refit_agent::protocol::Stream;
use rustix::event::{PollFd, PollFlags};
use rustix::fs::{Mode, OFlags, fcntl_getfl, fcntl_setfl};
use rustix::process::{Pid, Signal, ioctl_tiocsctty, kill_process_group, setsid};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use std::collections::HashMap;
use std::fs::File;
use std::io::{ErrorKind, Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

/// How often a process is looked after that has closed its streams and not ended.
const REAP: Duration = Duration::from_millis(10);

/// How a command line becomes a process.
pub(super) trait Launcher: Send {
    /// The program and its arguments. `terminal`: the command needs one at its end.
    fn command(&self, line: &str, terminal: bool) -> Command;
    /// Whether the process itself gets the terminal, because the command runs in it and not on another machine.
    fn terminal_here(&self) -> bool;
    /// What an exit before the first word means, where it is the launcher's own failure.
    fn failure(&self, exit: &Exit, said: &str) -> Option<LinkError>;
}

struct Process {
    child: Child,
    input: Option<File>,
    stdout: Option<File>,
    stderr: Option<File>,
    status: Option<ExitStatus>,
}

/// A wire of processes.
pub(super) struct Processes<L> {
    launcher: L,
    running: HashMap<ChannelId, Process>,
    next: ChannelId,
}

impl<L: Launcher> Processes<L> {
    /// None yet.
    pub fn new(launcher: L) -> Processes<L> {
        Processes { launcher, running: HashMap::new(), next: 0 }
    }

    fn launch(&self, line: &str, terminal: bool) -> std::io::Result<Process> {
        let mut command = self.launcher.command(line, terminal);
        if terminal && self.launcher.terminal_here() {
            return in_terminal(command);
        }
        // Of its own process group: an interrupt from the keyboard is ours to carry out.
        command.process_group(0);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn()?;
        let (input, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
        Ok(Process {
            child,
            input: input.map(|pipe| quick(pipe.into())).transpose()?,
            stdout: stdout.map(|pipe| quick(pipe.into())).transpose()?,
            stderr: stderr.map(|pipe| quick(pipe.into())).transpose()?,
            status: None,
        })
    }
}

/// Starts a command with a new terminal as its streams and its controlling terminal.
fn in_terminal(mut command: Command) -> std::io::Result<Process> {
    let ours = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC)?;
    grantpt(&ours)?;
    unlockpt(&ours)?;
    let name = ptsname(&ours, Vec::new())?;
    let flags = OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC;
    let theirs = rustix::fs::open(name.as_c_str(), flags, Mode::empty())?;
    command.stdin(theirs.try_clone()?).stdout(theirs.try_clone()?).stderr(theirs);
    // SAFETY: between fork and exec only two system calls are made, and nothing is allocated.
    unsafe {
        command.pre_exec(|| {
            setsid()?;
            ioctl_tiocsctty(rustix::stdio::stdin())?;
            Ok(())
        });
    }
    let child = command.spawn()?;
    let (input, stdout) = (Some(quick(ours.try_clone()?)?), Some(quick(ours)?));
    Ok(Process { child, input, stdout, stderr: None, status: None })
}

/// A file that does not make its reader or writer wait.
fn quick(fd: OwnedFd) -> std::io::Result<File> {
    fcntl_setfl(&fd, fcntl_getfl(&fd)? | OFlags::NONBLOCK)?;
    Ok(File::from(fd))
}

impl<L: Launcher> Wire for Processes<L> {
    fn open(&mut self, line: &str, terminal: bool) -> Result<ChannelId, OpenError> {
        let process = self.launch(line, terminal).map_err(|error| {
            let program = self.launcher.command(line, terminal).get_program().to_string_lossy().into_owned();
            let hint = match error.raw_os_error().map(rustix::io::Errno::from_raw_os_error) {
                Some(rustix::io::Errno::MFILE) => " (raise `ulimit -n`, or lower --forks)",
                _ if error.kind() == ErrorKind::NotFound => " (install it, or set its path)",
                _ => "",
            };
            OpenError::Lost(format!("cannot start {program}: {error}{hint}"))
        })?;
        self.next += 1;
        self.running.insert(self.next, process);
        Ok(self.next)
    }

    fn write(&mut self, channel: ChannelId, bytes: &[u8]) -> Result<usize, String> {
        let Some(process) = self.running.get_mut(&channel) else { return Ok(0) };
        let Some(input) = &mut process.input else { return Ok(bytes.len()) };
        match input.write(bytes) {
            Ok(count) => Ok(count),
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => Ok(0),
            // It does not read any more; how it ended says why.
            Err(_) => {
                process.input = None;
                Ok(bytes.len())
            }
        }
    }

    fn finish(&mut self, channel: ChannelId) -> Result<(), String> {
        if let Some(process) = self.running.get_mut(&channel) {
            process.input = None;
        }
        Ok(())
    }

    fn read(&mut self, channel: ChannelId, stream: Stream, into: &mut [u8]) -> Result<Input, String> {
        let Some(process) = self.running.get_mut(&channel) else { return Ok(Input::End) };
        let pipe = match stream {
            Stream::Stdout => &mut process.stdout,
            Stream::Stderr => &mut process.stderr,
        };
        let Some(open) = pipe else { return Ok(Input::End) };
        match open.read(into) {
            Ok(0) => {
                *pipe = None;
                Ok(Input::End)
            }
            Ok(count) => Ok(Input::Bytes(count)),
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => Ok(Input::Nothing),
            // A terminal whose other side was closed.
            Err(_) => {
                *pipe = None;
                Ok(Input::End)
            }
        }
    }

    fn exit(&mut self, channel: ChannelId) -> Result<Option<Exit>, String> {
        let Some(process) = self.running.get_mut(&channel) else { return Ok(Some(Exit::Status(0))) };
        if process.status.is_none() {
            process.status = process.child.try_wait().map_err(|error| format!("waiting for a process: {error}"))?;
        }
        Ok(process.status.map(|status| match (status.code(), status.signal()) {
            (Some(code), _) => Exit::Status(code),
            (None, signal) => Exit::Signal(signal_name(signal.unwrap_or(0))),
        }))
    }

    fn close(&mut self, channel: ChannelId) {
        let Some(mut process) = self.running.remove(&channel) else { return };
        if process.status.is_some() {
            return;
        }
        // Without its streams it ends by itself, as on a host when the connection goes; what has not begun to serve may
        // wait for something else.
        (process.input, process.stdout, process.stderr) = (None, None, None);
        for _ in 0..20 {
            if !matches!(process.child.try_wait(), Ok(None)) {
                return;
            }
            std::thread::sleep(REAP);
        }
        end(&mut process);
    }

    fn watch<'a>(&'a self, writing: &[ChannelId], fds: &mut Vec<PollFd<'a>>) {
        for (channel, process) in &self.running {
            for pipe in [&process.stdout, &process.stderr].into_iter().flatten() {
                fds.push(PollFd::from_borrowed_fd(pipe.as_fd(), PollFlags::IN));
            }
            if let Some(input) = &process.input
                && writing.contains(channel)
            {
                fds.push(PollFd::from_borrowed_fd(input.as_fd(), PollFlags::OUT));
            }
        }
    }

    fn tick(&mut self) -> Result<Option<Duration>, String> {
        let silent = |process: &Process| process.stdout.is_none() && process.stderr.is_none();
        Ok(self.running.values().any(silent).then_some(REAP))
    }

    fn failure(&self, exit: &Exit, said: &str) -> Option<LinkError> {
        self.launcher.failure(exit, said)
    }

    fn keeps_alive(&self) -> bool {
        false
    }
}

impl<L> Drop for Processes<L> {
    fn drop(&mut self) {
        for process in self.running.values_mut() {
            (process.input, process.stdout, process.stderr) = (None, None, None);
        }
        for process in self.running.values_mut() {
            if matches!(process.child.try_wait(), Ok(None)) {
                end(process);
            }
        }
    }
}

/// Ends a process, and with it what it started and did not put in a group of its own.
fn end(process: &mut Process) {
    // It may have ended in between.
    let _ = kill_process_group(Pid::from_child(&process.child), Signal::KILL);
    let _ = process.child.wait();
}

fn signal_name(signal: i32) -> String {
    // Rust's own text is `signal: 9 (SIGKILL)`.
    let text = ExitStatus::from_raw(signal).to_string();
    match text.split_once("(SIG").and_then(|(_, rest)| rest.split(')').next()) {
        Some(name) => name.to_owned(),
        None => signal.to_string(),
    }
}

/// This machine: commands run by its `sh`.
pub(super) struct Local;

impl Launcher for Local {
    fn command(&self, line: &str, _terminal: bool) -> Command {
        let mut command = Command::new("/bin/sh");
        command.arg("-c").arg(line);
        command
    }

    fn terminal_here(&self) -> bool {
        true
    }

    fn failure(&self, _exit: &Exit, _said: &str) -> Option<LinkError> {
        None
    }
}

/// The system's `ssh`, with all arguments up to the command.
pub(super) struct SystemSsh {
    /// The program.
    pub program: String,
    /// Options and destination.
    pub args: Vec<String>,
    /// The destination, for messages.
    pub destination: String,
    /// Variables that let it ask for the password.
    pub environment: Vec<(String, String)>,
}

impl Launcher for SystemSsh {
    fn command(&self, line: &str, terminal: bool) -> Command {
        let mut command = Command::new(&self.program);
        command.arg(if terminal { "-tt" } else { "-T" });
        command.args(&self.args).arg(line).envs(self.environment.iter().map(|(name, value)| (name, value)));
        command
    }

    fn terminal_here(&self) -> bool {
        false
    }

    fn failure(&self, exit: &Exit, said: &str) -> Option<LinkError> {
        if *exit != Exit::Status(255) {
            return None;
        }
        Some(LinkError::Unreachable {
            message: format!("{} could not connect to {}{}", self.program, self.destination, after_colon(said)),
            midway: false,
        })
    }
}
