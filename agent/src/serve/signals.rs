//! Signals to the agent.

use super::Server;
use std::sync::Arc;

/// Blocks the signals that end a process in this thread and those that it starts, and has a thread wait for them. SIGTERM
/// and SIGHUP end all requests with what they started, and then the agent. SIGINT is left to the controller: on a
/// terminal Ctrl-C reaches a local agent too, and the first one lets running tasks finish.
pub fn watch(server: Arc<Server>) -> std::io::Result<()> {
    // SAFETY: plain data, filled by the calls.
    let signals = unsafe {
        let mut signals: libc::sigset_t = std::mem::zeroed();
        libc::sigemptyset(&mut signals);
        for signal in [libc::SIGTERM, libc::SIGHUP, libc::SIGINT, libc::SIGQUIT] {
            libc::sigaddset(&mut signals, signal);
        }
        let blocked = libc::pthread_sigmask(libc::SIG_BLOCK, &signals, std::ptr::null_mut());
        if blocked != 0 {
            return Err(std::io::Error::from_raw_os_error(blocked));
        }
        signals
    };
    std::thread::Builder::new().name("waits for signals".to_owned()).spawn(move || {
        loop {
            let mut signal = 0;
            // SAFETY: both point to live data.
            if unsafe { libc::sigwait(&signals, &mut signal) } != 0 {
                return;
            }
            if matches!(signal, libc::SIGTERM | libc::SIGHUP) {
                let name = if signal == libc::SIGTERM { "SIGTERM" } else { "SIGHUP" };
                server.end(&format!("the agent got {name}"));
                std::process::exit(128 + signal);
            }
        }
    })?;
    Ok(())
}
