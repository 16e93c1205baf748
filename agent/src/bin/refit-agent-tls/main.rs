//! `refit-agent-tls`: speaks TLS for the agent. Standard input is the connection to the server, standard output the one
//! to the agent; `refit_agent::http::TlsSetup` tells what goes over it.

mod ciphers;
mod config;
#[path = "../../static_libc.rs"]
mod static_libc;

use refit_agent::http::TlsSetup;
use refit_agent::protocol;
use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;
use rustix::process::{Signal, set_parent_process_death_signal};
use rustls::ClientConnection;
use rustls::pki_types::ServerName;
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::AsFd;
use std::process::ExitCode;

fn main() -> ExitCode {
    match serve() {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            // The agent may be gone.
            let _ = writeln!(io::stderr(), "{why}");
            ExitCode::FAILURE
        }
    }
}

/// Serves one connection. An error is a sentence for the user.
fn serve() -> Result<(), String> {
    // Should the agent be killed while a write waits for the server, nobody would end it.
    let _ = set_parent_process_death_signal(Some(Signal::KILL));
    let unusable = |error: io::Error| format!("refit-agent-tls has no connections to work on: {error}");
    let mut server = socket(io::stdin()).map_err(unusable)?;
    let mut agent = socket(io::stdout()).map_err(unusable)?;
    let setup = protocol::read::<TlsSetup>(&mut agent).map_err(|error| format!("refit-agent-tls: {error}"))?.message;
    let failed = |why: String| format!("no TLS with {}: {why}", setup.server);
    let name = ServerName::try_from(setup.server.clone()).map_err(|error| failed(error.to_string()))?;
    let config = config::config(&setup)?;
    let mut tls = ClientConnection::new(config, name).map_err(|error| failed(error.to_string()))?;
    pass_on(&mut tls, &mut server, &mut agent).map_err(|error| match tls.is_handshaking() {
        true => failed(error),
        false => format!("TLS with {} broke: {error}", setup.server),
    })
}

fn socket(standard: impl AsFd) -> io::Result<File> {
    // The agent does not wait in reads and writes, this program does.
    rustix::io::ioctl_fionbio(&standard, false)?;
    Ok(File::from(standard.as_fd().try_clone_to_owned()?))
}

/// Passes on what comes, until one side closes its connection.
fn pass_on(tls: &mut ClientConnection, server: &mut File, agent: &mut File) -> Result<(), String> {
    let text = |error: io::Error| error.to_string();
    let mut piece = vec![0; 16 << 10];
    loop {
        while tls.wants_write() {
            tls.write_tls(server).map_err(text)?;
        }
        // Until the server is known to be the right one, of the agent only its end is of interest.
        let flags = if tls.is_handshaking() { PollFlags::empty() } else { PollFlags::IN };
        let mut fds =
            [PollFd::from_borrowed_fd(server.as_fd(), PollFlags::IN), PollFd::from_borrowed_fd(agent.as_fd(), flags)];
        match poll(&mut fds, None) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(error) => return Err(error.to_string()),
        }
        let [from_server, from_agent] = fds.map(|fd| fd.revents());
        if !from_server.is_empty() {
            if tls.read_tls(server).map_err(text)? == 0 {
                // Many servers end the connection without TLS' farewell. Whether all has come is HTTP's to say.
                return if tls.is_handshaking() { Err("it closed the connection".to_owned()) } else { Ok(()) };
            }
            let processed = tls.process_new_packets().map_err(|error| config::explained(&error));
            // What came before a mistake is good, and the server should hear of the mistake.
            let passed = to_agent(tls, agent, &mut piece);
            if processed.is_err() {
                let _ = tls.write_tls(server);
            }
            processed?;
            if passed.map_err(text)? {
                return Ok(());
            }
        }
        if from_agent.contains(PollFlags::IN) {
            let count = agent.read(&mut piece).map_err(text)?;
            if count == 0 {
                tls.send_close_notify();
                // A server that is gone needs no farewell.
                let _ = tls.write_tls(server);
                return Ok(());
            }
            tls.writer().write_all(&piece[..count]).map_err(text)?;
        } else if from_agent.intersects(PollFlags::HUP | PollFlags::ERR) {
            return Ok(());
        }
    }
}

/// Passes on the clear text that is there. Whether it was the last.
fn to_agent(tls: &mut ClientConnection, agent: &mut File, piece: &mut [u8]) -> io::Result<bool> {
    loop {
        match tls.reader().read(piece) {
            Ok(0) => return Ok(true),
            Ok(count) => agent.write_all(&piece[..count])?,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(false),
            Err(error) => return Err(error),
        }
    }
}
