//! Dates and spans of time: `now()`, `to_datetime`, their difference, `strftime`.

use super::fault::{Outcome, fail};
use super::python::kind::{Kind, kind};
use super::python::operators::Operator;
use jiff::civil::DateTime;
use jiff::tz::Offset;
use jiff::{SignedDuration, Timestamp, Zoned};
use minijinja::value::{Enumerator, Object, ObjectRepr};
use minijinja::{Error, ErrorKind, State, Value};
use std::cmp::Ordering;
use std::fmt;
use std::sync::Arc;

/// Python's `datetime`: without a zone, or with an offset.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Date {
    /// Date and time of day.
    pub civil: DateTime,
    /// The offset from UTC, where it has one.
    pub offset: Option<Offset>,
}

/// Python's `timedelta`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Span {
    /// Its length.
    pub microseconds: i128,
}

const DAY: i128 = 86_400_000_000;

impl Date {
    /// This moment, without a zone: here, or in UTC.
    pub fn now(utc: bool) -> Date {
        let now = Zoned::now();
        let civil = if utc { Offset::UTC.to_datetime(now.timestamp()) } else { now.datetime() };
        Date { civil, offset: None }
    }

    /// Seconds since 1970; a date without a zone is taken as local, as Python does.
    pub fn timestamp(&self) -> Outcome<f64> {
        let timestamp = match self.offset {
            Some(offset) => offset.to_timestamp(self.civil),
            None => self.civil.to_zoned(jiff::tz::TimeZone::system()).map(|zoned| zoned.timestamp()),
        };
        match timestamp {
            Ok(timestamp) => Ok(timestamp.as_microsecond() as f64 / 1e6),
            Err(error) => fail(format!("the date is out of range: {error}")),
        }
    }

    /// By Python's format codes.
    pub fn strftime(&self, format: &str) -> Outcome<String> {
        strftime(format, self.civil, self.offset)
    }

    /// `datetime.strptime(text, format)`.
    pub fn parse(text: &str, format: &str) -> Outcome<Date> {
        let mismatch = || format!("time data '{text}' does not match format '{format}'");
        // Python's %f is a fraction of any length up to six digits, jiff's %f the same; %z has several forms in both.
        let parsed = match jiff::fmt::strtime::parse(format, text) {
            Ok(parsed) => parsed,
            Err(_) => return fail(mismatch()),
        };
        let offset = parsed.offset();
        let date = parsed.to_date().unwrap_or_else(|_| {
            let part = |part: Option<i8>| part.unwrap_or(1);
            jiff::civil::Date::new(parsed.year().unwrap_or(1900), part(parsed.month()), part(parsed.day()))
                .unwrap_or(jiff::civil::Date::ZERO)
        });
        let time = parsed.to_time().unwrap_or(jiff::civil::Time::midnight());
        if let Some(timestamp) = parsed.timestamp() {
            return Ok(Date { civil: Zoned::new(timestamp, jiff::tz::TimeZone::system()).datetime(), offset: None });
        }
        Ok(Date { civil: date.to_datetime(time), offset })
    }

    /// How it stands to another; none where only one of them has a zone.
    pub fn order(&self, other: &Date) -> Option<Ordering> {
        match (self.offset, other.offset) {
            (None, None) => Some(self.civil.cmp(&other.civil)),
            (Some(one), Some(two)) => {
                Some(one.to_timestamp(self.civil).ok()?.cmp(&two.to_timestamp(other.civil).ok()?))
            }
            _ => None,
        }
    }

    fn isoformat(&self, separator: char) -> String {
        let mut text = self.civil.strftime(&format!("%Y-%m-%d{separator}%H:%M:%S")).to_string();
        let micros = self.civil.subsec_nanosecond() / 1000;
        if micros != 0 {
            text.push_str(&format!(".{micros:06}"));
        }
        if let Some(offset) = self.offset {
            let seconds = offset.seconds();
            let sign = if seconds < 0 { '-' } else { '+' };
            text.push_str(&format!("{sign}{:02}:{:02}", seconds.abs() / 3600, seconds.abs() / 60 % 60));
        }
        text
    }
}

/// Python's `strftime` of a time.
pub fn strftime(format: &str, civil: DateTime, offset: Option<Offset>) -> Outcome<String> {
    let mut broken = jiff::fmt::strtime::BrokenDownTime::from(civil);
    if let Some(offset) = offset {
        broken.set_offset(Some(offset));
    }
    // Codes that need a zone give nothing where there is none; `%f` is always six digits in Python.
    let micros = format!("{:06}", civil.subsec_nanosecond() / 1000);
    let mut adapted = format.replace("%%", "\u{1}").replace("%f", &micros);
    if offset.is_none() {
        adapted = adapted.replace("%z", "").replace("%Z", "");
        if adapted.contains("%s") {
            let seconds = Date { civil, offset: None }.timestamp()?;
            adapted = adapted.replace("%s", &format!("{}", seconds.floor() as i64));
        }
    }
    let adapted = adapted.replace('\u{1}', "%%");
    match broken.to_string(&adapted) {
        Ok(text) => Ok(text),
        Err(error) => fail(format!("'{format}' is no format of a time: {error}")),
    }
}

/// A time in seconds since 1970 as local or UTC date.
pub fn from_timestamp(seconds: f64, utc: bool) -> Outcome<DateTime> {
    match Timestamp::from_microsecond((seconds * 1e6) as i64) {
        Ok(timestamp) if utc => Ok(Offset::UTC.to_datetime(timestamp)),
        Ok(timestamp) => Ok(Zoned::new(timestamp, jiff::tz::TimeZone::system()).datetime()),
        Err(error) => fail(format!("the time {seconds} is out of range: {error}")),
    }
}

impl Object for Date {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }

    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        Some(match key.as_str()? {
            "year" => Value::from(self.civil.year()),
            "month" => Value::from(self.civil.month()),
            "day" => Value::from(self.civil.day()),
            "hour" => Value::from(self.civil.hour()),
            "minute" => Value::from(self.civil.minute()),
            "second" => Value::from(self.civil.second()),
            "microsecond" => Value::from(self.civil.subsec_nanosecond() / 1000),
            _ => return None,
        })
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Enumerator::NonEnumerable
    }

    fn call_method(self: &Arc<Self>, _: &mut State<'_, '_>, method: &str, args: &[Value]) -> Result<Value, Error> {
        let failed = |why: String| Error::new(ErrorKind::InvalidOperation, why);
        let (named, positional) = match args.split_last() {
            Some((last, rest)) if last.is_kwargs() => (Some(last), rest),
            _ => (None, args),
        };
        let number = |name: &str| named.and_then(|named| named.get_attr(name).ok()).and_then(|value| value.as_i64());
        let midnight = self.civil.date().to_datetime(jiff::civil::Time::midnight());
        Ok(match method {
            "strftime" => {
                let format = positional.first().and_then(|format| format.as_str()).unwrap_or("");
                Value::from(self.strftime(format).map_err(|fault| failed(fault.message))?)
            }
            "timestamp" => Value::from(self.timestamp().map_err(|fault| failed(fault.message))?),
            "isoformat" => {
                let separator = positional.first().and_then(|separator| separator.as_str()?.chars().next());
                Value::from(self.isoformat(separator.unwrap_or('T')))
            }
            "date" => Value::from(self.civil.date().to_string()),
            "time" => Value::from(self.isoformat('T').split_once('T').map_or("", |(_, time)| time)),
            "weekday" => Value::from(self.civil.weekday().to_monday_zero_offset()),
            "isoweekday" => Value::from(self.civil.weekday().to_monday_one_offset()),
            "toordinal" => {
                let days = self.civil.date().since(jiff::civil::date(1, 1, 1)).map(|span| span.get_days() + 1);
                Value::from(days.map_err(|error| failed(error.to_string()))?)
            }
            "replace" => {
                let mut changed = self.civil.with();
                let small = |name: &str| number(name).and_then(|number| i8::try_from(number).ok());
                if let Some(year) = number("year").and_then(|year| i16::try_from(year).ok()) {
                    changed = changed.year(year);
                }
                if let Some(month) = small("month") {
                    changed = changed.month(month);
                }
                if let Some(day) = small("day") {
                    changed = changed.day(day);
                }
                if let Some(hour) = small("hour") {
                    changed = changed.hour(hour);
                }
                if let Some(minute) = small("minute") {
                    changed = changed.minute(minute);
                }
                if let Some(second) = small("second") {
                    changed = changed.second(second);
                }
                if let Some(micros) = number("microsecond").and_then(|micros| i32::try_from(micros).ok()) {
                    changed = changed.subsec_nanosecond(micros.saturating_mul(1000));
                }
                let civil = changed.build().map_err(|error| failed(error.to_string()))?;
                Value::from_object(Date { civil, offset: self.offset })
            }
            "astimezone" => self.local().map_err(|fault| failed(fault.message))?,
            "timetuple" => Value::from(vec![
                Value::from(self.civil.year()),
                Value::from(self.civil.month()),
                Value::from(self.civil.day()),
                Value::from(self.civil.hour()),
                Value::from(self.civil.minute()),
                Value::from(self.civil.second()),
            ]),
            "utcoffset" => match self.offset {
                Some(offset) => Value::from_object(Span { microseconds: i128::from(offset.seconds()) * 1_000_000 }),
                None => Value::from(()),
            },
            "midnight" => Value::from_object(Date { civil: midnight, offset: self.offset }),
            _ => return Err(Error::from(ErrorKind::UnknownMethod)),
        })
    }

    fn render(self: &Arc<Self>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.isoformat(' '))
    }
}

impl Date {
    fn local(&self) -> Outcome<Value> {
        let seconds = self.timestamp()?;
        let Ok(timestamp) = Timestamp::from_microsecond((seconds * 1e6) as i64) else {
            return fail("the date is out of range");
        };
        let zoned = Zoned::new(timestamp, jiff::tz::TimeZone::system());
        Ok(Value::from_object(Date { civil: zoned.datetime(), offset: Some(zoned.offset()) }))
    }
}

impl Span {
    fn parts(&self) -> (i128, i128, i128) {
        let days = self.microseconds.div_euclid(DAY);
        let rest = self.microseconds.rem_euclid(DAY);
        (days, rest / 1_000_000, rest % 1_000_000)
    }
}

impl Object for Span {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }

    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        let (days, seconds, micros) = self.parts();
        let part = match key.as_str()? {
            "days" => days,
            "seconds" => seconds,
            "microseconds" => micros,
            _ => return None,
        };
        Some(super::python::kind::int(part))
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Enumerator::NonEnumerable
    }

    fn call_method(self: &Arc<Self>, _: &mut State<'_, '_>, method: &str, _: &[Value]) -> Result<Value, Error> {
        match method {
            "total_seconds" => Ok(Value::from(self.microseconds as f64 / 1e6)),
            _ => Err(Error::from(ErrorKind::UnknownMethod)),
        }
    }

    fn render(self: &Arc<Self>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (days, seconds, micros) = self.parts();
        match days {
            0 => {}
            1 | -1 => write!(f, "{days} day, ")?,
            _ => write!(f, "{days} days, ")?,
        }
        write!(f, "{}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60)?;
        if micros != 0 {
            write!(f, ".{micros:06}")?;
        }
        Ok(())
    }
}

/// Dates and spans with `+`, `-`, `*` and `/`; nothing where the operator does not know them.
pub fn arithmetic(operator: Operator, left: &Value, right: &Value) -> Option<Outcome<Value>> {
    let date = |value: &Value| value.downcast_object::<Date>();
    let span = |value: &Value| value.downcast_object::<Span>();
    let moved = |date: &Date, microseconds: i128| {
        let duration = SignedDuration::from_micros(i64::try_from(microseconds).ok()?);
        let civil = date.civil.checked_add(duration).ok()?;
        Some(Value::from_object(Date { civil, offset: date.offset }))
    };
    let out_of_range = || fail("date value out of range");
    let factor = |value: &Value| match kind(value) {
        Kind::Int(int) => Some(int as f64),
        Kind::Float(float) => Some(float),
        _ => None,
    };
    match (operator, date(left), date(right), span(left), span(right)) {
        (Operator::Sub, Some(one), Some(other), ..) => {
            let difference = match (one.timestamp_in_utc(), other.timestamp_in_utc()) {
                (Some(one), Some(other)) if one.1 == other.1 => one.0 - other.0,
                _ => return Some(fail("can't subtract offset-naive and offset-aware datetimes")),
            };
            Some(Ok(Value::from_object(Span { microseconds: difference })))
        }
        (Operator::Add, Some(date), _, _, Some(span)) | (Operator::Add, _, Some(date), Some(span), _) => {
            Some(moved(&date, span.microseconds).map_or_else(out_of_range, Ok))
        }
        (Operator::Sub, Some(date), _, _, Some(span)) => {
            Some(moved(&date, -span.microseconds).map_or_else(out_of_range, Ok))
        }
        (Operator::Add, _, _, Some(one), Some(other)) => {
            Some(Ok(Value::from_object(Span { microseconds: one.microseconds + other.microseconds })))
        }
        (Operator::Sub, _, _, Some(one), Some(other)) => {
            Some(Ok(Value::from_object(Span { microseconds: one.microseconds - other.microseconds })))
        }
        (Operator::Div, _, _, Some(one), Some(other)) if other.microseconds != 0 => {
            Some(Ok(Value::from(one.microseconds as f64 / other.microseconds as f64)))
        }
        (Operator::Mul, _, _, Some(span), _) => {
            let factor = factor(right)?;
            Some(Ok(Value::from_object(Span { microseconds: (span.microseconds as f64 * factor) as i128 })))
        }
        (Operator::Div, _, _, Some(span), _) => {
            let factor = factor(right).filter(|factor| *factor != 0.0)?;
            Some(Ok(Value::from_object(Span { microseconds: (span.microseconds as f64 / factor) as i128 })))
        }
        _ => None,
    }
}

impl Date {
    /// Microseconds since 1970 as if in UTC (or by its offset), and whether it has an offset.
    fn timestamp_in_utc(&self) -> Option<(i128, bool)> {
        let timestamp = self.offset.unwrap_or(Offset::UTC).to_timestamp(self.civil).ok()?;
        Some((i128::from(timestamp.as_microsecond()), self.offset.is_some()))
    }
}
