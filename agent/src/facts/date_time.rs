//! `date_time`: the host's clock in its own time zone.

use super::gather::one;
use crate::host::{Civil, Clock, Moment};
use serde_json::{Map, Value, json};

/// The fact `date_time`.
pub(super) fn facts(clock: &dyn Clock) -> Map<String, Value> {
    let now = clock.now();
    let zone = clock.zone(now);
    let (local, utc) = (Civil::of(now.seconds + i64::from(zone.offset)), Civil::of(now.seconds));
    // The name that the zone has in summer: the one of now, or of the month of this year in which it is summer.
    let summer = (0..12)
        .map(|month| clock.zone(Moment { seconds: now.seconds + (month - 6) * 30 * 86400, nanos: 0 }))
        .find(|zone| zone.summer)
        .map_or_else(|| zone.name.clone(), |zone| zone.name);
    let micros = now.nanos / 1000;
    let Civil { year, month, day, hour, minute, second } = local;
    let weekdays = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];
    let weekday = local.weekday();
    // Weeks begin on Mondays; the days before the year's first Monday are week 0.
    let week = (local.yearday() + 7 - (weekday + 6) % 7) / 7;
    let east = zone.offset.abs() / 60;
    let sign = if zone.offset < 0 { '-' } else { '+' };
    let utc_text =
        format!("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}", utc.year, utc.month, utc.day, utc.hour, utc.minute, utc.second);
    let basic = format!("{year:04}{month:02}{day:02}T{hour:02}{minute:02}{second:02}");
    one(
        "date_time",
        json!({
            "year": format!("{year:04}"),
            "month": format!("{month:02}"),
            "weekday": weekdays[weekday],
            "weekday_number": weekday.to_string(),
            "weeknumber": format!("{week:02}"),
            "day": format!("{day:02}"),
            "hour": format!("{hour:02}"),
            "minute": format!("{minute:02}"),
            "second": format!("{second:02}"),
            "epoch": now.seconds.to_string(),
            "epoch_int": now.seconds.to_string(),
            "date": format!("{year:04}-{month:02}-{day:02}"),
            "time": format!("{hour:02}:{minute:02}:{second:02}"),
            "iso8601_micro": format!("{utc_text}.{micros:06}Z"),
            "iso8601": format!("{utc_text}Z"),
            "iso8601_basic": format!("{basic}{micros:06}"),
            "iso8601_basic_short": basic,
            "tz": zone.name,
            "tz_dst": summer,
            "tz_offset": format!("{sign}{:02}{:02}", east / 60, east % 60),
        }),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::{HostResult, Zone};
    use std::time::Duration;

    /// A clock that stands still, in Vienna.
    struct At(Moment);

    impl Clock for At {
        fn now(&self) -> Moment {
            self.0
        }

        fn sleep(&self, _time: Duration) -> HostResult<()> {
            Ok(())
        }

        fn look_again(&self, _pause: Duration, _what: &str) -> HostResult<()> {
            Ok(())
        }

        fn zone(&self, at: Moment) -> Zone {
            let summer = (4..11).contains(&Civil::of(at.seconds).month);
            let (offset, name) = if summer { (7200, "CEST") } else { (3600, "CET") };
            Zone { offset, name: name.to_owned(), summer }
        }
    }

    #[test]
    fn every_key_and_its_form() {
        let facts = facts(&At(Moment { seconds: 1_795_439_789, nanos: 99_183_000 }));
        let date_time = facts["date_time"].as_object().unwrap();
        assert_eq!(date_time.len(), 20);
        assert_eq!(date_time["iso8601_micro"], "2026-11-23T13:16:29.099183Z");
        assert_eq!(date_time["epoch"], "1795439789");
        assert_eq!(date_time["iso8601_basic"], "20261123T141629099183");
        assert_eq!((&date_time["weekday"], &date_time["weekday_number"]), (&"Monday".into(), &"1".into()));
        // `date -d @1795439789 +%W` in that zone.
        assert_eq!(date_time["weeknumber"], "47");
        assert_eq!((&date_time["tz"], &date_time["tz_dst"]), (&"CET".into(), &"CEST".into()));
        assert_eq!(date_time["tz_offset"], "+0100");
    }
}
