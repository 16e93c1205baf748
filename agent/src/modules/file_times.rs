//! The times of a file as `file` takes them.

use super::strptime;
use crate::args;
use crate::host::{Host, Moment, Times};
use crate::outcome::Stop;
use serde_json::Value;
use std::path::Path;

args! {
    /// The arguments for a file's times.
    pub struct TimeArgs {
        /// The time of the last read: `preserve`, `now`, or a local time in `access_time_format`. `now` where not given
        /// with `state: touch`, else `preserve`.
        access_time: Option<String>,
        /// How `access_time` is written, in the terms of strptime.
        access_time_format: String = "%Y%m%d%H%M.%S".to_owned(),
        /// The time of the last change of the content, as `access_time`.
        modification_time: Option<String>,
        /// How `modification_time` is written, in the terms of strptime.
        modification_time_format: String = "%Y%m%d%H%M.%S".to_owned(),
    }
}

/// A time to set.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Time {
    Preserve,
    Now,
    At(Moment),
}

impl Time {
    fn read(host: &Host<'_>, given: Option<&str>, format: &str, touch: bool) -> Result<Time, Stop> {
        let text = match given {
            None if touch => return Ok(Time::Now),
            None | Some("preserve") => return Ok(Time::Preserve),
            Some("now") => return Ok(Time::Now),
            Some(text) => text,
        };
        let local = strptime::parse(format, text).map_err(|error| {
            Stop::failed(format!("Error while obtaining timestamp for time {text} using format {format}: {error}"))
        })?;
        let as_utc = local.seconds();
        // The offset at that local time: asked for with the offset of nearly that moment taken away.
        let offset = |at: i64| i64::from(host.clock.utc_offset(Moment { seconds: at, nanos: 0 }));
        let seconds = as_utc - offset(as_utc - offset(as_utc));
        Ok(Time::At(Moment { seconds, nanos: 0 }))
    }

    /// The moment to set where the path has `present`; `None` where it is as it should be.
    fn wanted(self, present: Moment, now: Moment) -> Option<Moment> {
        match self {
            Time::Preserve => None,
            Time::Now => Some(now),
            Time::At(at) => (at != present).then_some(at),
        }
    }
}

impl TimeArgs {
    /// Sets the times of a path; tells what changed: name, before and after in seconds.
    pub fn apply(
        &self,
        host: &Host<'_>,
        path: &Path,
        follow: bool,
        touch: bool,
    ) -> Result<Vec<(&'static str, Value, Value)>, Stop> {
        let mtime = Time::read(host, self.modification_time.as_deref(), &self.modification_time_format, touch)?;
        let atime = Time::read(host, self.access_time.as_deref(), &self.access_time_format, touch)?;
        if mtime == Time::Preserve && atime == Time::Preserve {
            return Ok(Vec::new());
        }
        let Some(stat) = host.files.stat(path, follow)? else {
            return Err(Stop::failed(format!("{} does not exist, so it has no times", path.display())));
        };
        let now = host.clock.now();
        let times = Times { atime: atime.wanted(stat.atime, now), mtime: mtime.wanted(stat.mtime, now) };
        if times == Times::default() {
            return Ok(Vec::new());
        }
        host.files.set_times(path, times, follow)?;
        let changes = [("mtime", stat.mtime, times.mtime), ("atime", stat.atime, times.atime)];
        Ok(changes
            .into_iter()
            .filter_map(|(name, before, after)| Some((name, seconds(before).into(), seconds(after?).into())))
            .collect())
    }
}

/// A moment as results show it: seconds with a fraction.
pub fn seconds(at: Moment) -> f64 {
    at.seconds as f64 + f64::from(at.nanos) / 1e9
}
