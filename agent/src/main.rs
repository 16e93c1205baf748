//! `refit-agent`: serves the requests of one controller on standard input and output.

mod static_libc;

use refit_agent::serve::{End, Server, report_panics, watch_signals};
use refit_agent::{background, modules, protocol};
use std::fs::File;
use std::io::{self, BufReader, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::path::PathBuf;
use std::process::ExitCode;

/// SHA-256 of `refit-agent-tls` for this machine, packed by gzip, as the controller carries it: `agent/embed.rs` sets it.
const TLS: Option<&str> = option_env!("REFIT_AGENT_TLS");

fn main() -> ExitCode {
    let arguments: Vec<_> = std::env::args_os().skip(1).collect();
    match arguments.as_slice() {
        [] => serve(),
        [only] if only == background::WORD => match background::run() {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => complain(&error.to_string()),
        },
        [only] if only == "--version" => {
            let version = env!("CARGO_PKG_VERSION");
            match writeln!(io::stdout(), "refit-agent {version} protocol {}", protocol::VERSION) {
                Ok(()) => ExitCode::SUCCESS,
                Err(_) => ExitCode::FAILURE,
            }
        }
        _ => {
            eprintln!("refit-agent: usage: refit-agent [--version]; without an argument it serves a controller");
            ExitCode::from(2)
        }
    }
}

fn serve() -> ExitCode {
    let (input, output) = match channel() {
        Ok(channel) => channel,
        Err(error) => return complain(&format!("cannot use standard input and output: {error}")),
    };
    // Large content is kept beside the program: that directory allows files of this user, and is not on a tmpfs more
    // often than /tmp is.
    let own = std::env::current_exe().ok().and_then(|program| Some(program.parent()?.to_owned()));
    let directories: Vec<PathBuf> = own.into_iter().chain([std::env::temp_dir()]).collect();
    let server = Server::new(modules::find, Box::new(File::from(output)), directories, TLS);
    report_panics(server.clone());
    if let Err(error) = watch_signals(server.clone()) {
        return complain(&format!("cannot wait for signals: {error}"));
    }
    match server.serve(&mut BufReader::with_capacity(64 << 10, File::from(input))) {
        End::Closed => ExitCode::SUCCESS,
        End::Broken(error) => complain(&error.to_string()),
    }
}

/// Takes the channel away from the standard descriptors: whatever prints by mistake ends on standard error, and no
/// program that is started gets hold of it.
fn channel() -> io::Result<(OwnedFd, OwnedFd)> {
    keep_descriptors();
    let input = rustix::io::fcntl_dupfd_cloexec(io::stdin().as_fd(), 3)?;
    let output = rustix::io::fcntl_dupfd_cloexec(io::stdout().as_fd(), 3)?;
    rustix::stdio::dup2_stdin(File::open("/dev/null")?)?;
    rustix::stdio::dup2_stdout(io::stderr())?;
    Ok((input, output))
}

/// Keeps descriptors that the agent inherited (of the program that started a local one) from the programs that it starts.
fn keep_descriptors() {
    let Ok(entries) = std::fs::read_dir("/proc/self/fd") else { return };
    let inherited = entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse::<libc::c_int>().ok());
    for fd in inherited.filter(|fd| *fd > 2) {
        // SAFETY: it changes a flag of a descriptor that nobody in this program has taken yet.
        unsafe { libc::fcntl(fd, libc::F_SETFD, libc::FD_CLOEXEC) };
    }
}

fn complain(what: &str) -> ExitCode {
    // Nobody may be there to read it.
    let _ = writeln!(io::stderr(), "refit-agent: {what}");
    ExitCode::FAILURE
}
