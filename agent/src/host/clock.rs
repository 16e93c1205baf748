//! Time.

use super::{HostResult, Moment};
use std::time::Duration;

/// Time on the host.
pub trait Clock {
    /// Now.
    fn now(&self) -> Moment;
    /// Waits, unless the request is cancelled meanwhile. A shadow does not wait.
    fn sleep(&self, time: Duration) -> HostResult<()>;
    /// The local time zone's offset from UTC in seconds at a moment.
    fn utc_offset(&self, at: Moment) -> i32;
}
