//! Time on the live host.

use crate::host::context::Cancellation;
use crate::host::{Clock, HostResult, Moment};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// The host's clock.
#[derive(Clone)]
pub struct LiveClock {
    cancellation: Cancellation,
}

impl LiveClock {
    /// A clock whose waiting ends with the request.
    pub fn new(cancellation: Cancellation) -> LiveClock {
        LiveClock { cancellation }
    }
}

impl Clock for LiveClock {
    fn now(&self) -> Moment {
        moment(SystemTime::now())
    }

    fn sleep(&self, time: Duration) -> HostResult<()> {
        self.cancellation.wait(&[], Some(Instant::now() + time)).map(drop)
    }

    fn look_again(&self, pause: Duration, _what: &str) -> HostResult<()> {
        self.sleep(pause)
    }

    fn utc_offset(&self, at: Moment) -> i32 {
        let seconds = at.seconds as libc::time_t;
        // SAFETY: `tm` is plain data, and `localtime_r` writes it whole or returns null.
        let mut broken: libc::tm = unsafe { std::mem::zeroed() };
        let known = unsafe { !libc::localtime_r(&seconds, &mut broken).is_null() };
        if known { i32::try_from(broken.tm_gmtoff).unwrap_or(0) } else { 0 }
    }
}

/// A system time as a moment.
fn moment(time: SystemTime) -> Moment {
    match time.duration_since(UNIX_EPOCH) {
        Ok(since) => Moment { seconds: since.as_secs() as i64, nanos: since.subsec_nanos() },
        Err(before) => {
            let before = before.duration();
            let borrowed = i64::from(before.subsec_nanos() > 0);
            Moment {
                seconds: -(before.as_secs() as i64) - borrowed,
                nanos: (1_000_000_000 - before.subsec_nanos()) % 1_000_000_000,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::HostError;

    #[test]
    fn a_moment_before_1970_keeps_its_nanoseconds_positive() {
        let time = UNIX_EPOCH - Duration::from_millis(1500);
        assert_eq!(moment(time), Moment { seconds: -2, nanos: 500_000_000 });
        assert_eq!(moment(UNIX_EPOCH - Duration::from_secs(3)), Moment { seconds: -3, nanos: 0 });
    }

    #[test]
    fn sleep_ends_with_the_request() {
        let cancellation = Cancellation::default();
        cancellation.cancel("the user asked");
        let slept = LiveClock::new(cancellation).sleep(Duration::from_secs(3600));
        assert!(matches!(slept, Err(HostError::Cancelled { .. })), "{slept:?}");
    }

    #[test]
    fn the_offset_is_the_one_that_date_tells() {
        let clock = LiveClock::new(Cancellation::default());
        let told = std::process::Command::new("date").arg("+%z").output().unwrap();
        let told = String::from_utf8(told.stdout).unwrap();
        let (sign, digits) = told.trim().split_at(1);
        let (hours, minutes) = digits.split_at(2);
        let seconds = hours.parse::<i32>().unwrap() * 3600 + minutes.parse::<i32>().unwrap() * 60;
        assert_eq!(clock.utc_offset(clock.now()), if sign == "-" { -seconds } else { seconds });
    }
}
