//! Time.

use super::{HostResult, Moment};
use std::time::Duration;

/// Time on the host.
pub trait Clock {
    /// Now.
    fn now(&self) -> Moment;
    /// Waits, unless the request is cancelled meanwhile. A shadow does not wait.
    fn sleep(&self, time: Duration) -> HostResult<()>;
    /// Waits before looking again for what others are to bring about (`port 80 is open`). In a shadow it is an error
    /// that says that this is unknown: what has not happened yet is known only when it runs.
    fn look_again(&self, pause: Duration, what: &str) -> HostResult<()>;
    /// What the host's time zone has at a moment.
    fn zone(&self, at: Moment) -> Zone;
    /// The local time zone's offset from UTC in seconds at a moment.
    fn utc_offset(&self, at: Moment) -> i32 {
        self.zone(at).offset
    }
}

/// What a time zone has at a moment.
#[derive(Clone, Debug, PartialEq)]
pub struct Zone {
    /// Seconds east of UTC.
    pub offset: i32,
    /// Its abbreviation then.
    pub name: String,
    /// Whether it is summer time.
    pub summer: bool,
}
