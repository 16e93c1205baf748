//! The foreseen time: nobody waits, and what would have been waited for is ahead of the live clock.

use super::Core;
use crate::host::{Clock, HostError, HostResult, Moment, Zone};
use std::sync::Arc;
use std::time::Duration;

/// The clock of one request.
pub(super) struct ShadowClock(pub(super) Arc<Core>);

impl Clock for ShadowClock {
    fn now(&self) -> Moment {
        later(self.0.live.clock.now(), self.0.overlay().slept)
    }

    fn sleep(&self, time: Duration) -> HostResult<()> {
        // A module that polls until a deadline must find that time passes, though nothing takes any.
        self.0.live.clock.sleep(Duration::ZERO)?;
        let mut overlay = self.0.overlay();
        overlay.slept = overlay.slept.saturating_add(time);
        Ok(())
    }

    fn look_again(&self, _pause: Duration, what: &str) -> HostResult<()> {
        Err(HostError::Unknown { why: what.to_owned() })
    }

    fn zone(&self, at: Moment) -> Zone {
        self.0.live.clock.zone(at)
    }
}

/// A moment and a while after it.
pub(super) fn later(moment: Moment, time: Duration) -> Moment {
    let nanos = moment.nanos + time.subsec_nanos();
    let seconds =
        moment.seconds.saturating_add_unsigned(time.as_secs()).saturating_add(i64::from(nanos / 1_000_000_000));
    Moment { seconds, nanos: nanos % 1_000_000_000 }
}
