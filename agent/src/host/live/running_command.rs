//! A command that runs, up to its end.
//!
//! A command has ended when its first process has and nothing more comes: what that process left running may
//! keep the pipes open (a daemon that was started with `&`), so after [`QUIET`] without output nobody waits any
//! longer, as Ansible does not; such a process is left alone, as it was the command's purpose to leave it.
//! A command whose request ends earlier is ended with all of its [`ProcessTree`]: asked by SIGTERM, and after
//! [`GRACE`] by SIGKILL.

use super::output_lines::Lines;
use super::process_tree::ProcessTree;
use crate::host::{Command, Context, Finished, HostError, HostResult, Progress};
use crate::protocol::Stream;
use rustix::event::PollFlags;
use rustix::process::Signal;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, ChildStderr, ChildStdin, ChildStdout};
use std::time::{Duration, Instant};

/// After the end of the first process: how long without output until nobody waits for its descendants.
const QUIET: Duration = Duration::from_secs(1);
/// After the end of the first process: how long descendants that keep printing are listened to.
const CHATTER: Duration = Duration::from_secs(10);
/// Between SIGTERM and SIGKILL.
const GRACE: Duration = Duration::from_secs(5);
/// After SIGKILL: how long the kernel may need (a process in an uninterruptible wait does not end).
const LAST: Duration = Duration::from_secs(2);
/// How long the end of a cancelled command may take.
pub(crate) const GIVES_UP_AFTER: Duration = GRACE.saturating_add(LAST);
/// How often the tree is looked at while it is being ended.
const LOOK: Duration = Duration::from_millis(20);

/// A running command and what came of it so far.
pub(super) struct Running<'a> {
    context: &'a Context,
    child: Child,
    tree: ProcessTree,
    name: String,
    stdin: Option<(ChildStdin, &'a [u8])>,
    stdout: Option<(ChildStdout, Lines)>,
    stderr: Option<(ChildStderr, Lines)>,
    /// Readable when the first process has ended; it stays a zombie, so that its number is not given away meanwhile.
    ended: OwnedFd,
    gives_up: Option<(Instant, Duration)>,
}

impl<'a> Running<'a> {
    /// Follows a child that was just started.
    pub(super) fn new(mut child: Child, command: &'a Command, context: &'a Context) -> HostResult<Running<'a>> {
        let streamed = command.streamed;
        let prepared = (|| {
            if let Some(pipe) = &child.stdin {
                nonblocking(pipe.as_fd())?;
            }
            if let Some(pipe) = &child.stdout {
                nonblocking(pipe.as_fd())?;
            }
            if let Some(pipe) = &child.stderr {
                nonblocking(pipe.as_fd())?;
            }
            end_of(child.id())
        })();
        let ended = match prepared {
            Ok(ended) => ended,
            Err(error) => {
                // It must not run on unattended.
                ProcessTree::new(child.id()).signal(Signal::KILL);
                let _ = child.wait();
                return Err(HostError::other(format!("cannot follow {:?}: {error}", command.argv[0])));
            }
        };
        Ok(Running {
            tree: ProcessTree::new(child.id()),
            name: command.argv[0].clone(),
            stdin: child.stdin.take().map(|pipe| (pipe, command.stdin.as_slice())),
            stdout: child.stdout.take().map(|pipe| (pipe, Lines::new(Stream::Stdout, streamed))),
            stderr: child.stderr.take().map(|pipe| (pipe, Lines::new(Stream::Stderr, streamed))),
            ended,
            gives_up: command.timeout.map(|time| (Instant::now() + time, time)),
            child,
            context,
        })
    }

    /// Waits for its end.
    pub(super) fn finish(mut self) -> HostResult<Finished> {
        let mut outputs = [Lines::new(Stream::Stdout, false), Lines::new(Stream::Stderr, false)];
        // From the end of the first process on: (until when its descendants may be quiet, until when at all).
        let mut leftover: Option<(Instant, Instant)> = None;
        loop {
            if leftover.is_some() && self.stdout.is_none() && self.stderr.is_none() {
                break;
            }
            let (fds, roles) = self.waits_for(leftover.is_some());
            let until = match (leftover, &self.gives_up) {
                (Some((quiet, chatter)), _) => Some(quiet.min(chatter)),
                (None, Some((until, _))) => Some(*until),
                (None, None) => None,
            };
            let ready = match self.context.cancellation.wait(&fds, until) {
                Ok(ready) => ready,
                Err(error) => {
                    drop(fds);
                    let left = self.end();
                    return Err(with_leftovers(error, left, &self.name));
                }
            };
            drop(fds);
            let mut printed = false;
            for role in roles.into_iter().zip(ready).filter_map(|(role, ready)| ready.then_some(role)) {
                match role {
                    Role::Stdin => self.feed(),
                    Role::Stdout => printed |= drain(&mut self.stdout, &mut outputs[0], &self.context.progress),
                    Role::Stderr => printed |= drain(&mut self.stderr, &mut outputs[1], &self.context.progress),
                    Role::Ended => {
                        self.stdin = None;
                        leftover = Some((Instant::now() + QUIET, Instant::now() + CHATTER));
                    }
                }
            }
            let now = Instant::now();
            match &mut leftover {
                Some((quiet, chatter)) => {
                    if printed {
                        *quiet = now + QUIET;
                    } else if *quiet <= now || *chatter <= now {
                        break;
                    }
                    if *chatter <= now {
                        break;
                    }
                }
                None => {
                    if let Some((until, time)) = self.gives_up
                        && until <= now
                    {
                        let left = self.end();
                        let message =
                            format!("`{}` did not end within {} seconds and was ended", self.name, time.as_secs_f64());
                        return Err(with_leftovers(HostError::other(message), left, &self.name));
                    }
                }
            }
        }
        for (open, output) in [self.stdout.take().map(|(_, lines)| lines), self.stderr.take().map(|(_, lines)| lines)]
            .into_iter()
            .zip(&mut outputs)
        {
            if let Some(lines) = open {
                *output = lines;
            }
        }
        let status =
            self.child.wait().map_err(|error| HostError::other(format!("cannot wait for `{}`: {error}", self.name)))?;
        let [stdout, stderr] = outputs.map(|lines| lines.finish(&self.context.progress));
        let status = status.code().unwrap_or_else(|| -status.signal().unwrap_or(1));
        Ok(Finished { status, stdout, stderr })
    }

    fn waits_for(&self, ended: bool) -> (Vec<(BorrowedFd<'_>, PollFlags)>, Vec<Role>) {
        let mut fds = Vec::with_capacity(4);
        let mut roles = Vec::with_capacity(4);
        if let Some((pipe, _)) = &self.stdin {
            fds.push((pipe.as_fd(), PollFlags::OUT));
            roles.push(Role::Stdin);
        }
        if let Some((pipe, _)) = &self.stdout {
            fds.push((pipe.as_fd(), PollFlags::IN));
            roles.push(Role::Stdout);
        }
        if let Some((pipe, _)) = &self.stderr {
            fds.push((pipe.as_fd(), PollFlags::IN));
            roles.push(Role::Stderr);
        }
        if !ended {
            fds.push((self.ended.as_fd(), PollFlags::IN));
            roles.push(Role::Ended);
        }
        (fds, roles)
    }

    fn feed(&mut self) {
        let Some((pipe, rest)) = &mut self.stdin else { return };
        match pipe.write(rest) {
            Ok(count) => *rest = &rest[count..],
            Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted) => return,
            // It does not want to read more.
            Err(_) => *rest = &[],
        }
        if rest.is_empty() {
            self.stdin = None;
        }
    }

    /// Ends the whole tree; whether something of it still runs.
    fn end(&mut self) -> bool {
        // Nobody reads any more: what still prints gets SIGPIPE rather than blocks.
        (self.stdin, self.stdout, self.stderr) = (None, None, None);
        for (signal, time) in [(Signal::TERM, GRACE), (Signal::KILL, LAST)] {
            self.tree.signal(signal);
            let until = Instant::now() + time;
            while Instant::now() < until {
                if self.tree.is_gone() {
                    let _ = self.child.wait();
                    return false;
                }
                std::thread::sleep(LOOK);
            }
        }
        let _ = self.child.try_wait();
        !self.tree.is_gone()
    }
}

fn with_leftovers(error: HostError, left: bool, name: &str) -> HostError {
    let note = |text: String| format!("{text}; processes of `{name}` do not end even by SIGKILL and still run");
    match error {
        HostError::Cancelled { why } if left => HostError::Cancelled { why: note(why) },
        HostError::Other { message } if left => HostError::Other { message: note(message) },
        other => other,
    }
}

#[derive(Clone, Copy)]
enum Role {
    Stdin,
    Stdout,
    Stderr,
    Ended,
}

/// Reads what is there. Whether something was; at the end of the stream the pipe is closed and its lines are kept.
fn drain<P: Read>(open: &mut Option<(P, Lines)>, kept: &mut Lines, progress: &Progress) -> bool {
    let Some((pipe, lines)) = open else { return false };
    let mut chunk = [0; 65536];
    match pipe.read(&mut chunk) {
        Ok(count) if count > 0 => {
            lines.take(&chunk[..count], progress);
            true
        }
        Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted) => false,
        Ok(_) | Err(_) => {
            if let Some((_, lines)) = open.take() {
                *kept = lines;
            }
            false
        }
    }
}

fn nonblocking(fd: BorrowedFd<'_>) -> io::Result<()> {
    let flags = rustix::fs::fcntl_getfl(fd)?;
    Ok(rustix::fs::fcntl_setfl(fd, flags | rustix::fs::OFlags::NONBLOCK)?)
}

/// A descriptor that becomes readable when this child has ended. The child is not reaped. (A pidfd would do it too, but
/// only from Linux 5.3 on.)
fn end_of(pid: u32) -> io::Result<OwnedFd> {
    let (read, write) = rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC)?;
    std::thread::Builder::new().name("waits for a command".to_owned()).stack_size(64 << 10).spawn(move || {
        loop {
            // SAFETY: `waitid` fills the plain structure.
            let mut info: libc::siginfo_t = unsafe { std::mem::zeroed() };
            let waited = unsafe { libc::waitid(libc::P_PID, pid, &mut info, libc::WEXITED | libc::WNOWAIT) };
            if waited == 0 || io::Error::last_os_error().kind() != io::ErrorKind::Interrupted {
                break;
            }
        }
        drop(write);
    })?;
    Ok(read)
}
