//! Time on the live host.

use crate::host::context::Cancellation;
use crate::host::{Clock, HostResult, Moment, Zone};
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

    fn zone(&self, at: Moment) -> Zone {
        // Read anew each time: it may be changed by a task.
        zone(std::env::var("TZ").ok().as_deref(), at.seconds)
    }
}

/// What the zone that `TZ` names, or else the host's, has at a moment; UTC where there is no such zone.
fn zone(variable: Option<&str>, seconds: i64) -> Zone {
    let zone = match variable {
        Some(name) => tz::TimeZone::from_posix_tz(name),
        None => tz::TimeZone::local(),
    };
    let found = zone.ok().and_then(|zone| {
        let then = zone.find_local_time_type(seconds).ok()?;
        let name = then.time_zone_designation().to_owned();
        Some(Zone { offset: then.ut_offset(), name, summer: then.is_dst() })
    });
    found.unwrap_or_else(|| Zone { offset: 0, name: "UTC".to_owned(), summer: false })
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
    fn a_zone_is_as_date_tells() {
        let winter_and_summer = [1_768_000_000, 1_784_000_000, 100_000_000];
        let rules = "EST5EDT,M3.2.0,M11.1.0";
        for (variable, seconds) in
            winter_and_summer.map(|at| (None, at)).into_iter().chain(winter_and_summer.map(|at| (Some(rules), at)))
        {
            let mut date = std::process::Command::new("date");
            match variable {
                Some(value) => date.env("TZ", value),
                None => date.env_remove("TZ"),
            };
            let told = date.args(["-d", &format!("@{seconds}"), "+%z %Z"]).output().unwrap();
            let told = String::from_utf8(told.stdout).unwrap();
            let Zone { offset, name, summer } = zone(variable, seconds);
            let sign = if offset < 0 { '-' } else { '+' };
            let minutes = offset.abs() / 60;
            assert_eq!(format!("{sign}{:02}{:02} {name}", minutes / 60, minutes % 60), told.trim());
            if variable.is_some() {
                assert_eq!(summer, name == "EDT");
            }
        }
        assert_eq!(zone(Some("no such zone"), 0).name, "UTC");
    }
}
