//! Commands on the live host.
//!
//! A command gets a session and a process group of its own, no terminal, and `/dev/null` on standard input where it is
//! given nothing. It has ended when its first process has and nothing more comes: what that process left running may
//! keep the pipes open (a daemon that was started with `&`), so after [`QUIET`] without output nobody waits any
//! longer, as Ansible does not; such a process is left alone, as it was the command's purpose to leave it.
//! A command whose request ends earlier is ended with all of its [`ProcessTree`]: asked by SIGTERM, and after
//! [`GRACE`] by SIGKILL. Should the agent itself be killed, the first process gets SIGTERM from the kernel.

use super::process_tree::ProcessTree;
use crate::host::{Command, Context, Finished, Foresight, HostError, HostResult, Processes};
use crate::protocol::Stream;
use crate::sorting;
use rustix::event::PollFlags;
use rustix::process::Signal;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
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
/// Output kept of each stream; what goes beyond is counted, and a last line tells of it.
const KEPT: usize = 64 << 20;
/// Longest line that is streamed; a longer one is cut there (not in the result).
const STREAMED_LINE: usize = 4096;

/// Where programs are looked up besides `PATH`, as Ansible does.
const SBIN: [&str; 3] = ["/sbin", "/usr/sbin", "/usr/local/sbin"];
/// Where programs are looked up when there is no `PATH`.
const DEFAULT_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// Commands of one request.
#[derive(Clone)]
pub struct LiveProcesses {
    context: Context,
    /// Where programs put temporary files, if not where they do by themselves.
    temporary: Option<&'static Path>,
}

impl LiveProcesses {
    /// Commands for a request with this context.
    pub fn new(context: Context) -> LiveProcesses {
        LiveProcesses { context, temporary: None }
    }

    /// The same with temporary files there, unless a command's or the request's environment says otherwise.
    pub fn with_temporary_files_in(self, directory: Option<&'static Path>) -> LiveProcesses {
        LiveProcesses { temporary: directory, ..self }
    }

    fn start(&self, command: &Command) -> HostResult<Child> {
        let Some(name) = command.argv.first().filter(|name| !name.is_empty()) else {
            return Err(HostError::other("there is no command to run"));
        };
        if let Some(text) = command.argv.iter().find(|text| text.contains('\0')) {
            return Err(HostError::other(format!("{text:?} holds a NUL character, which no argument can")));
        }
        if let Some(directory) = &command.directory {
            let metadata = std::fs::metadata(directory).map_err(HostError::io("change to directory", directory))?;
            if !metadata.is_dir() {
                let source = io::Error::from_raw_os_error(libc::ENOTDIR);
                return Err(HostError::Io { doing: "change to directory", path: directory.clone(), source });
            }
        }
        let path = command
            .environment
            .iter()
            .rev()
            .find(|(key, _)| key == "PATH")
            .map(|(_, value)| value.clone())
            .or_else(|| self.context.variable("PATH"));
        let program = if name.contains('/') {
            PathBuf::from(name)
        } else {
            look_up(name, path.as_deref()).ok_or_else(|| HostError::Io {
                doing: "run",
                path: name.into(),
                source: io::Error::from_raw_os_error(libc::ENOENT),
            })?
        };
        let mut child = std::process::Command::new(&program);
        child
            .arg0(name)
            .args(&command.argv[1..])
            .envs(self.temporary.map(|directory| ("TMPDIR", directory)))
            .envs(self.context.environment.iter().map(|(key, value)| (key, value)))
            .envs(command.environment.iter().map(|(key, value)| (key, value)))
            .stdin(if command.stdin.is_empty() { Stdio::null() } else { Stdio::piped() })
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        if let Some(directory) = &command.directory {
            child.current_dir(directory);
        }
        let umask = command.umask;
        let agent = std::process::id();
        // SAFETY: only system calls that are safe between fork and exec.
        unsafe {
            child.pre_exec(move || {
                // The agent blocks signals that it waits for; the command must not inherit that.
                let mut none: libc::sigset_t = std::mem::zeroed();
                libc::sigemptyset(&mut none);
                if libc::sigprocmask(libc::SIG_SETMASK, &none, std::ptr::null_mut()) == -1 || libc::setsid() == -1 {
                    return Err(io::Error::last_os_error());
                }
                if let Some(umask) = umask {
                    libc::umask(umask as libc::mode_t);
                }
                // The signal comes when the thread that forked ends; that thread waits for this process to its end.
                libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGTERM);
                if libc::getppid() as u32 != agent {
                    return Err(io::Error::from_raw_os_error(libc::ESRCH));
                }
                Ok(())
            });
        }
        child.spawn().map_err(HostError::io("run", &program))
    }
}

impl Processes for LiveProcesses {
    fn run(&self, command: &Command) -> HostResult<Finished> {
        self.context.cancellation.check()?;
        let child = self.start(command)?;
        Running::new(child, command, &self.context)?.finish()
    }

    fn perform(
        &self,
        command: &Command,
        _foresee: &dyn Fn(&dyn Foresight) -> HostResult<Finished>,
    ) -> HostResult<Finished> {
        self.run(command)
    }

    fn which(&self, program: &str) -> HostResult<Option<PathBuf>> {
        if program.contains('/') {
            return Ok(Some(PathBuf::from(program)).filter(|path| is_program(path)));
        }
        Ok(look_up(program, self.context.variable("PATH").as_deref()))
    }

    fn variable(&self, name: &str) -> Option<String> {
        self.context.variable(name)
    }

    fn environment(&self) -> Vec<(String, String)> {
        let text = |text: std::ffi::OsString| text.to_string_lossy().into_owned();
        let mut variables: Vec<(String, String)> =
            std::env::vars_os().map(|(name, value)| (text(name), text(value))).collect();
        for (name, value) in &self.context.environment {
            variables.retain(|(known, _)| known != name);
            variables.push((name.clone(), value.clone()));
        }
        variables
    }

    fn list(&self) -> HostResult<Vec<(u32, Vec<String>)>> {
        let proc = Path::new("/proc");
        let mut found = Vec::new();
        for entry in std::fs::read_dir(proc).map_err(HostError::io("read", proc))?.flatten() {
            let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse().ok()) else { continue };
            // It may end while it is looked at. Kernel threads have no command line.
            let Ok(line) = std::fs::read(entry.path().join("cmdline")) else { continue };
            let argv: Vec<String> = line
                .strip_suffix(b"\0")
                .unwrap_or(&line)
                .split(|byte| *byte == 0)
                .map(|word| String::from_utf8_lossy(word).into_owned())
                .collect();
            if !line.is_empty() {
                found.push((pid, argv));
            }
        }
        sorting::sort_by(&mut found, Ord::cmp);
        Ok(found)
    }
}

fn look_up(program: &str, path: Option<&str>) -> Option<PathBuf> {
    path.unwrap_or(DEFAULT_PATH)
        .split(':')
        .filter(|directory| !directory.is_empty())
        .chain(SBIN)
        .map(|directory| Path::new(directory).join(program))
        .find(|path| is_program(path))
}

fn is_program(path: &Path) -> bool {
    path.is_file() && rustix::fs::access(path, rustix::fs::Access::EXEC_OK).is_ok()
}

/// A running command and what came of it so far.
struct Running<'a> {
    context: &'a Context,
    child: Child,
    tree: ProcessTree,
    name: String,
    stdin: Option<(std::process::ChildStdin, &'a [u8])>,
    stdout: Option<(std::process::ChildStdout, Lines)>,
    stderr: Option<(std::process::ChildStderr, Lines)>,
    /// Readable when the first process has ended; it stays a zombie, so that its number is not given away meanwhile.
    ended: OwnedFd,
    gives_up: Option<(Instant, Duration)>,
}

impl<'a> Running<'a> {
    fn new(mut child: Child, command: &'a Command, context: &'a Context) -> HostResult<Running<'a>> {
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

    fn finish(mut self) -> HostResult<Finished> {
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
fn drain<P: Read>(open: &mut Option<(P, Lines)>, kept: &mut Lines, progress: &crate::host::Progress) -> bool {
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

/// One stream's output: kept whole, and passed on line by line.
struct Lines {
    stream: Stream,
    streamed: bool,
    kept: Vec<u8>,
    dropped: u64,
    line: Vec<u8>,
}

impl Lines {
    fn new(stream: Stream, streamed: bool) -> Lines {
        Lines { stream, streamed, kept: Vec::new(), dropped: 0, line: Vec::new() }
    }

    fn take(&mut self, bytes: &[u8], progress: &crate::host::Progress) {
        let room = KEPT.saturating_sub(self.kept.len()).min(bytes.len());
        self.kept.extend_from_slice(&bytes[..room]);
        self.dropped += (bytes.len() - room) as u64;
        if !self.streamed {
            return;
        }
        for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
            let room = STREAMED_LINE.saturating_sub(self.line.len());
            let text = piece.strip_suffix(b"\n").unwrap_or(piece);
            self.line.extend_from_slice(&text[..text.len().min(room)]);
            if piece.ends_with(b"\n") {
                self.pass_on(progress);
            }
        }
    }

    fn pass_on(&mut self, progress: &crate::host::Progress) {
        let line = String::from_utf8_lossy(&self.line);
        progress(self.stream, line.trim_end_matches('\r'));
        self.line.clear();
    }

    fn finish(mut self, progress: &crate::host::Progress) -> Vec<u8> {
        if !self.line.is_empty() {
            self.pass_on(progress);
        }
        if self.dropped > 0 {
            self.kept.extend(format!("\n[{} more bytes were printed and not kept]\n", self.dropped).into_bytes());
        }
        self.kept
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

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::{Arc, Mutex};

    fn shell(script: &str) -> Command {
        Command::changing(["/bin/sh", "-c", script], "what a test does")
    }

    fn run(command: &Command) -> HostResult<Finished> {
        LiveProcesses::new(Context::default()).run(command)
    }

    /// The pid that the script wrote into a file, once it is there.
    fn pid_in(file: &Path) -> i32 {
        loop {
            if let Ok(text) = std::fs::read_to_string(file)
                && let Some(pid) = text.strip_suffix('\n').and_then(|text| text.parse().ok())
            {
                return pid;
            }
            std::thread::yield_now();
        }
    }

    fn runs(pid: i32) -> bool {
        std::fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| !stat.contains(") Z "))
    }

    #[test]
    fn status_and_both_streams_come_back() {
        let done = run(&shell("echo out; echo err >&2; exit 3")).unwrap();
        assert_eq!(done, Finished { status: 3, stdout: b"out\n".to_vec(), stderr: b"err\n".to_vec() });
    }

    #[test]
    fn a_signal_is_a_negative_status() {
        assert_eq!(run(&shell("kill -9 $$")).unwrap().status, -9);
    }

    #[test]
    fn much_input_and_much_output_do_not_block_each_other() {
        let mut command = Command::reading(["cat"]);
        command.stdin = vec![b'x'; 3 << 20];
        assert_eq!(run(&command).unwrap().stdout, command.stdin);
    }

    #[test]
    fn a_program_that_reads_nothing_does_not_fail_for_it() {
        let mut command = shell("exit 0");
        command.stdin = vec![b'x'; 3 << 20];
        assert_eq!(run(&command).unwrap().status, 0);
    }

    #[test]
    fn without_input_it_gets_the_end_of_file() {
        assert_eq!(run(&Command::reading(["cat"])).unwrap().stdout, b"");
    }

    #[test]
    fn it_leads_a_session_of_its_own_with_the_umask_directory_and_environment_asked_for() {
        let directory = tempfile::tempdir().unwrap();
        let mut command =
            shell("umask; pwd -P; echo $REFIT_A$REFIT_B; ps -o sid= -p $$ 2>/dev/null | tr -d ' '; echo $$");
        command.umask = Some(0o027);
        command.directory = Some(directory.path().to_owned());
        command.environment = vec![("REFIT_B".into(), "2".into())];
        let environment = vec![("REFIT_A".into(), "1".into()), ("REFIT_B".into(), "lost".into())];
        let done = LiveProcesses::new(Context { environment, ..Context::default() }).run(&command).unwrap();
        let text = done.stdout_text();
        let lines: Vec<&str> = text.lines().collect();
        let real = directory.path().canonicalize().unwrap();
        assert_eq!(lines[..3], ["0027", real.to_str().unwrap(), "12"]);
        assert_eq!(lines[3], lines[lines.len() - 1]);
    }

    #[test]
    fn what_can_not_be_started_says_what() {
        let error = run(&Command::reading(["refit-no-such-program"])).unwrap_err().to_string();
        assert!(error.contains("refit-no-such-program") && error.contains("No such file"), "{error}");
        let mut command = Command::reading(["true"]);
        command.directory = Some("/no/such/directory".into());
        let error = run(&command).unwrap_err().to_string();
        assert!(error.contains("change to directory /no/such/directory"), "{error}");
        let error = run(&Command::reading(["/etc/passwd"])).unwrap_err().to_string();
        assert!(error.contains("/etc/passwd") && error.contains("Permission denied"), "{error}");
        assert!(run(&Command::reading(["a\0b"])).is_err());
    }

    #[test]
    fn a_daemon_that_keeps_the_pipes_open_does_not_hold_the_request_and_lives_on() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("pid");
        let began = Instant::now();
        let done = run(&shell(&format!("sleep 600 & echo $! > {}; echo done", file.display()))).unwrap();
        assert_eq!(done.stdout, b"done\n");
        assert!(began.elapsed() < Duration::from_secs(60));
        let daemon = pid_in(&file);
        assert!(runs(daemon));
        rustix::process::kill_process(rustix::process::Pid::from_raw(daemon).unwrap(), Signal::KILL).unwrap();
    }

    #[test]
    fn what_descendants_print_right_after_the_end_is_kept() {
        let done = run(&shell("(sleep 0.2; echo late) & echo early")).unwrap();
        assert_eq!(done.stdout_text(), "early\nlate\n");
    }

    #[test]
    fn its_time_over_the_command_ends_with_its_descendants_and_the_error_says_so() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("pid");
        // One that ignores SIGTERM would take the grace; one in a session of its own must be found through its parent.
        let mut command = shell(&format!("setsid sh -c 'echo $$ > {}; exec sleep 600' ; wait", file.display()));
        command.timeout = Some(Duration::from_millis(700));
        let error = run(&command).unwrap_err().to_string();
        assert!(error.contains("did not end within 0.7 seconds"), "{error}");
        assert!(!runs(pid_in(&file)));
    }

    #[test]
    fn cancelling_ends_the_command_and_its_descendants() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("pid");
        let context = Context::default();
        let cancellation = context.cancellation.clone();
        let command = shell(&format!("sleep 600 & echo $! > {}; wait", file.display()));
        let running = std::thread::spawn(move || LiveProcesses::new(context).run(&command));
        let descendant = pid_in(&file);
        cancellation.cancel("the user asked");
        let error = running.join().unwrap().unwrap_err();
        assert!(matches!(&error, HostError::Cancelled { why } if why == "the user asked"), "{error:?}");
        assert!(!runs(descendant));
    }

    #[test]
    fn lines_are_passed_on_while_it_runs() {
        let directory = tempfile::tempdir().unwrap();
        let go = directory.path().join("go");
        let seen: Arc<Mutex<Vec<(Stream, String)>>> = Arc::default();
        let (sink, flag) = (seen.clone(), go.clone());
        let context = Context {
            progress: Arc::new(move |stream, line| {
                sink.lock().unwrap().push((stream, line.to_owned()));
                // The command goes on only when its first line was passed on.
                std::fs::write(&flag, "").unwrap();
            }),
            ..Context::default()
        };
        let mut command = shell(&format!(
            "echo one; until test -e {}; do sleep 0.01; done; echo two >&2; printf 'no end'",
            go.display()
        ));
        command.streamed = true;
        LiveProcesses::new(context).run(&command).unwrap();
        let mut seen = seen.lock().unwrap().clone();
        assert_eq!(seen.remove(0), (Stream::Stdout, "one".to_owned()));
        seen.sort_by_key(|(_, line)| line.clone());
        assert_eq!(seen, [(Stream::Stdout, "no end".to_owned()), (Stream::Stderr, "two".to_owned())]);
    }

    #[test]
    fn programs_are_found_in_path_and_the_sbin_directories() {
        let directory = tempfile::tempdir().unwrap();
        std::fs::write(directory.path().join("not-executable"), "").unwrap();
        let environment = vec![("PATH".to_owned(), directory.path().to_str().unwrap().to_owned())];
        let processes = LiveProcesses::new(Context { environment, ..Context::default() });
        assert_eq!(processes.which("not-executable").unwrap(), None);
        assert_eq!(processes.which("no-such-program").unwrap(), None);
        assert_eq!(processes.which("/bin/sh").unwrap(), Some("/bin/sh".into()));
        let useradd = processes.which("useradd").unwrap();
        assert!(useradd.is_none_or(|path| path.starts_with("/usr/sbin") || path.starts_with("/sbin")));
    }

    #[test]
    fn this_very_process_is_listed() {
        let all = LiveProcesses::new(Context::default()).list().unwrap();
        let me = all.iter().find(|(pid, _)| *pid == std::process::id()).unwrap();
        assert!(me.1[0].contains("refit_agent"), "{me:?}");
    }
}
