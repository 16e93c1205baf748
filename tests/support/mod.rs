//! The places in which tests run playbooks: a fleet of booted hosts, and a private sshd on loopback.

#![allow(dead_code, unused_imports, reason = "each test program uses its own part")]

mod fleet;
mod oracle;
mod sshd;

use std::{
    path::{Path, PathBuf},
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

#[allow(unused_imports, reason = "each test program uses its part")]
pub use self::{fleet::Fleet, oracle::Oracle, sshd::PrivateSshd};

/// The exit code by which the scripts say that this machine lacks what they need.
const SKIPPED: i32 = 77;

/// A file of this project, from its root.
pub fn project(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// Polls a condition until it holds, and panics when the time is over.
#[track_caller]
pub fn until(what: &str, limit: Duration, mut condition: impl FnMut() -> bool) {
    let start = Instant::now();
    while !condition() {
        assert!(start.elapsed() < limit, "{what}: not within {limit:?}");
        thread::sleep(Duration::from_millis(20));
    }
}

/// Runs a script to its end and gives what it printed, or `None` where the script says that it can't work on this
/// machine. That is printed for all to see, and is a failure where `CI` is set.
#[track_caller]
fn run(script: &str, args: &[&str]) -> Option<String> {
    let output = Command::new(project(script))
        .args(args)
        .stdin(Stdio::null())
        .output()
        .unwrap_or_else(|error| panic!("{script}: {error}"));
    let complaint = String::from_utf8_lossy(&output.stderr);
    if output.status.code() == Some(SKIPPED) {
        assert!(std::env::var_os("CI").is_none(), "nothing may be skipped in CI: {complaint}");
        eprint!("{complaint}");
        return None;
    }
    assert!(output.status.success(), "{script} {args:?}: {}\n{complaint}", output.status);
    Some(String::from_utf8_lossy(&output.stdout).trim_end().to_string())
}

/// A directory that no other test has; it is not removed.
fn unique_directory(kind: &str) -> PathBuf {
    use std::sync::atomic::{AtomicUsize, Ordering};
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    let next = NEXT.fetch_add(1, Ordering::Relaxed);
    let name = format!("refit-{kind}-{}-{next}", std::process::id());
    let path = std::env::temp_dir().join(name);
    // Left by an earlier process of the same number that could not clean up.
    assert!(!path.exists(), "{} is in the way", path.display());
    path
}
