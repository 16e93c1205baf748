//! Commands on the live host.
//!
//! A command gets a session and a process group of its own, no terminal, and `/dev/null` on standard input where it is
//! given nothing. Should the agent be killed, the first process gets SIGTERM from the kernel.

use super::running_command::Running;
use crate::host::{Command, Context, Finished, Foresight, HostError, HostResult, Processes};
use crate::sorting;
use std::io;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};

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

#[cfg(test)]
#[path = "processes_tests.rs"]
mod tests;
