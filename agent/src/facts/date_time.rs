//! `date_time`: the host's clock in its own time zone.

use super::gather::one;
use crate::host::Moment;
use serde_json::{Map, Value, json};

/// A moment broken down in a time zone.
struct Civil {
    year: i64,
    month: u32,
    day: u32,
    hour: u32,
    minute: u32,
    second: u32,
    /// Days since Sunday.
    weekday: u32,
    /// Days since the 1st of January.
    yearday: u32,
    /// Seconds east of UTC.
    offset: i64,
    /// The zone's abbreviation.
    zone: String,
    daylight: bool,
}

/// The fact `date_time`.
pub(super) fn facts(now: Moment) -> Map<String, Value> {
    let (local, utc) = (local(now.seconds), utc(now.seconds));
    // The name that the zone has in summer: the one of now, or of the month of this year in which it is summer.
    let summer = (0..12)
        .map(|month| self::local(now.seconds + (month - 6) * 30 * 86400))
        .find(|moment| moment.daylight)
        .map_or_else(|| local.zone.clone(), |moment| moment.zone);
    let micros = now.nanos / 1000;
    let Civil { year, month, day, hour, minute, second, .. } = local;
    let weekdays = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];
    // Weeks begin on Mondays; the days before the year's first Monday are week 0.
    let week = (local.yearday + 7 - (local.weekday + 6) % 7) / 7;
    let east = local.offset.abs() / 60;
    let sign = if local.offset < 0 { '-' } else { '+' };
    let utc_text =
        format!("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}", utc.year, utc.month, utc.day, utc.hour, utc.minute, utc.second);
    let basic = format!("{year:04}{month:02}{day:02}T{hour:02}{minute:02}{second:02}");
    one(
        "date_time",
        json!({
            "year": format!("{year:04}"),
            "month": format!("{month:02}"),
            "weekday": weekdays[local.weekday as usize % 7],
            "weekday_number": local.weekday.to_string(),
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
            "tz": local.zone,
            "tz_dst": summer,
            "tz_offset": format!("{sign}{:02}{:02}", east / 60, east % 60),
        }),
    )
}

fn utc(seconds: i64) -> Civil {
    broken_down(seconds, libc::gmtime_r)
}

fn local(seconds: i64) -> Civil {
    broken_down(seconds, libc::localtime_r)
}

type BreakDown = unsafe extern "C" fn(*const libc::time_t, *mut libc::tm) -> *mut libc::tm;

fn broken_down(seconds: i64, break_down: BreakDown) -> Civil {
    // SAFETY: a `tm` of zeros is valid (`tm_zone` is then null, which is looked at below).
    let mut tm: libc::tm = unsafe { std::mem::zeroed() };
    let time = seconds as libc::time_t;
    // SAFETY: both pointers are to values that live through the call.
    unsafe { break_down(&time, &mut tm) };
    let zone = if tm.tm_zone.is_null() {
        "UTC".to_owned()
    } else {
        // SAFETY: the C library hands out a pointer to a string of its own that is not freed while the process runs.
        unsafe { std::ffi::CStr::from_ptr(tm.tm_zone) }.to_string_lossy().into_owned()
    };
    let field = |value: libc::c_int| u32::try_from(value).unwrap_or(0);
    Civil {
        year: i64::from(tm.tm_year) + 1900,
        month: field(tm.tm_mon) + 1,
        day: field(tm.tm_mday),
        hour: field(tm.tm_hour),
        minute: field(tm.tm_min),
        second: field(tm.tm_sec),
        weekday: field(tm.tm_wday),
        yearday: field(tm.tm_yday),
        offset: tm.tm_gmtoff as i64,
        zone,
        daylight: tm.tm_isdst > 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn utc_fields() {
        let moment = utc(1_795_439_789);
        assert_eq!((moment.year, moment.month, moment.day), (2026, 11, 23));
        assert_eq!((moment.hour, moment.minute, moment.second, moment.weekday), (13, 16, 29, 1));
    }

    #[test]
    fn every_key_and_its_form() {
        let facts = facts(Moment { seconds: 1_795_439_789, nanos: 99_183_000 });
        let date_time = facts["date_time"].as_object().unwrap();
        assert_eq!(date_time.len(), 20);
        assert_eq!(date_time["iso8601_micro"], "2026-11-23T13:16:29.099183Z");
        assert_eq!(date_time["epoch"], "1795439789");
        assert_eq!(date_time["weekday"].as_str().map(|day| day.ends_with("day")), Some(true));
        assert_eq!(date_time["iso8601_basic"].as_str().map(str::len), Some("20261123T131629099183".len()));
    }
}
