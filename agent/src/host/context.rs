//! What a request brings to the host that serves it: environment, cancellation, and where lines of output go.

use super::{HostError, HostResult};
use crate::protocol::Stream;
use rustix::event::{EventfdFlags, PollFd, PollFlags, Timespec, eventfd, poll};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Gives the path of the program that speaks TLS ([`crate::http::TlsSetup`]).
pub type FindTls = Arc<dyn Fn() -> HostResult<PathBuf> + Send + Sync>;

/// Where the lines go that a streamed command prints.
pub type Progress = Arc<dyn Fn(Stream, &str) + Send + Sync>;

/// What a request brings to the host that serves it.
#[derive(Clone)]
pub struct Context {
    /// Variables for the environment of what it starts, over the agent's own.
    pub environment: Vec<(String, String)>,
    /// Ends what the request waits for.
    pub cancellation: Cancellation,
    /// Where the lines go that a streamed command prints.
    pub progress: Progress,
    /// Gives the path of the program that speaks TLS.
    pub tls: FindTls,
}

impl Default for Context {
    /// No variables, nobody who cancels, nobody who looks, no TLS.
    fn default() -> Context {
        Context {
            environment: Vec::new(),
            cancellation: Cancellation::default(),
            progress: Arc::new(|_: Stream, _: &str| {}),
            tls: Arc::new(|| Err(HostError::other("there is no program here that speaks TLS"))),
        }
    }
}

impl Context {
    /// A variable of the request's environment, else of the agent's own.
    pub fn variable(&self, name: &str) -> Option<String> {
        self.environment
            .iter()
            .rev()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.clone())
            .or_else(|| std::env::var_os(name).map(|value| value.to_string_lossy().into_owned()))
    }
}

/// A request's end from outside: by the controller's wish, its deadline, or the loss of the connection. Clones are one.
///
/// It wakes whoever waits in `poll`, so nothing that a request waits for needs a thread or a timer of its own.
#[derive(Clone, Default)]
pub struct Cancellation {
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    why: Option<String>,
    // Made when somebody first waits: most requests never do.
    wake: Option<Arc<OwnedFd>>,
}

impl Cancellation {
    /// Ends the request. The first reason stays.
    pub fn cancel(&self, why: &str) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.why.is_some() {
            return;
        }
        state.why = Some(why.to_owned());
        if let Some(wake) = &state.wake {
            ring(wake);
        }
    }

    /// Why the request ended, if it has.
    pub fn why(&self) -> Option<String> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).why.clone()
    }

    /// An error if the request has ended: for long work between its steps.
    pub fn check(&self) -> HostResult<()> {
        match self.why() {
            Some(why) => Err(HostError::Cancelled { why }),
            None => Ok(()),
        }
    }

    /// A descriptor that is readable from the cancellation on, for `poll`.
    pub fn descriptor(&self) -> std::io::Result<Arc<OwnedFd>> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(wake) = &state.wake {
            return Ok(wake.clone());
        }
        let wake = Arc::new(eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?);
        if state.why.is_some() {
            ring(&wake);
        }
        state.wake = Some(wake.clone());
        Ok(wake)
    }

    /// Waits until one of `others` is ready, the time is over, or the request is cancelled (an error). Returns which
    /// of `others` are ready; none of them after the time.
    pub fn wait(&self, others: &[(BorrowedFd<'_>, PollFlags)], until: Option<Instant>) -> HostResult<Vec<bool>> {
        let failed = |error| HostError::other(format!("cannot wait: {error}"));
        let wake = self.descriptor().map_err(failed)?;
        loop {
            let mut fds: Vec<PollFd<'_>> =
                others.iter().map(|(fd, flags)| PollFd::from_borrowed_fd(*fd, *flags)).collect();
            let cancelled = PollFd::from_borrowed_fd(wake.as_fd(), PollFlags::IN);
            fds.push(cancelled);
            let timeout = until.map(|until| timespec(until.saturating_duration_since(Instant::now())));
            match poll(&mut fds, timeout.as_ref()) {
                Err(rustix::io::Errno::INTR) => continue,
                Err(error) => return Err(failed(error.into())),
                Ok(_) => {}
            }
            self.check()?;
            let ready: Vec<bool> = fds[..others.len()].iter().map(|fd| !fd.revents().is_empty()).collect();
            if ready.contains(&true) || until.is_some_and(|until| until <= Instant::now()) {
                return Ok(ready);
            }
        }
    }
}

fn ring(wake: &OwnedFd) {
    // It can fail only by overflow of the counter, and then the descriptor is readable already.
    let _ = rustix::io::write(wake, &1u64.to_ne_bytes());
}

/// A duration for `poll`.
pub(crate) fn timespec(time: Duration) -> Timespec {
    Timespec { tv_sec: i64::try_from(time.as_secs()).unwrap_or(i64::MAX), tv_nsec: i64::from(time.subsec_nanos()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_ends_at_its_time_when_nobody_cancels() {
        let cancellation = Cancellation::default();
        let ready = cancellation.wait(&[], Some(Instant::now() + Duration::from_millis(2))).unwrap();
        assert!(ready.is_empty());
    }

    #[test]
    fn cancelling_wakes_a_wait_that_began_before() {
        let cancellation = Cancellation::default();
        let other = cancellation.clone();
        let waiter = std::thread::spawn(move || other.wait(&[], None));
        cancellation.cancel("enough");
        match waiter.join().unwrap() {
            Err(HostError::Cancelled { why }) => assert_eq!(why, "enough"),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_first_reason_stays() {
        let cancellation = Cancellation::default();
        cancellation.cancel("first");
        cancellation.cancel("second");
        assert_eq!(cancellation.why().as_deref(), Some("first"));
    }

    #[test]
    fn the_requests_environment_wins_and_its_last_word_counts() {
        let context = Context {
            environment: vec![("PATH".into(), "/a".into()), ("PATH".into(), "/b".into())],
            ..Context::default()
        };
        assert_eq!(context.variable("PATH").as_deref(), Some("/b"));
        assert_eq!(context.variable("REFIT_NO_SUCH_VARIABLE"), None);
    }
}
