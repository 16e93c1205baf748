//! Dates of the civil calendar.

/// Seconds of a day.
const DAY: i64 = 86_400;

/// A moment of the civil calendar, without a time zone.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Civil {
    /// The year.
    pub year: i64,
    /// The month, from 1.
    pub month: i64,
    /// The day of the month, from 1.
    pub day: i64,
    /// The hour.
    pub hour: i64,
    /// The minute.
    pub minute: i64,
    /// The second.
    pub second: i64,
}

impl Civil {
    /// Of seconds since 1970-01-01.
    pub fn of(seconds: i64) -> Civil {
        // By eras of 400 years, which begin with March.
        let days = seconds.div_euclid(DAY) + 719_468;
        let era = days.div_euclid(146_097);
        let of_era = days.rem_euclid(146_097);
        let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
        let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let from_march = (5 * of_year + 2) / 153;
        let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
        let of_day = seconds.rem_euclid(DAY);
        Civil {
            year: year_of_era + era * 400 + i64::from(month <= 2),
            month,
            day: of_year - (153 * from_march + 2) / 5 + 1,
            hour: of_day / 3600,
            minute: of_day / 60 % 60,
            second: of_day % 60,
        }
    }

    /// Seconds since 1970-01-01.
    pub fn seconds(self) -> i64 {
        let year = self.year - i64::from(self.month <= 2);
        let era = year.div_euclid(400);
        let from_march = (self.month + 9) % 12;
        let of_year = (153 * from_march + 2) / 5 + self.day - 1;
        let of_era = year.rem_euclid(400) * 365 + year.rem_euclid(400) / 4 - year.rem_euclid(400) / 100 + of_year;
        let days = era * 146_097 + of_era - 719_468;
        days * DAY + self.hour * 3600 + self.minute * 60 + self.second
    }

    /// Days since the 1st of January.
    pub fn yearday(self) -> usize {
        let first = Civil { month: 1, day: 1, ..self };
        usize::try_from((self.seconds() - first.seconds()) / DAY).unwrap_or(0)
    }

    /// The day of the week; 0 is Sunday.
    pub fn weekday(self) -> usize {
        // 1970-01-01 was a Thursday; the remainder is below 7.
        (self.seconds().div_euclid(DAY) + 4).rem_euclid(7) as usize
    }
}

/// `YYYY-MM-DD` of a day that counts from 1970-01-01.
pub(crate) fn date(day: i64) -> String {
    let Civil { year, month, day, .. } = Civil::of(day * DAY);
    format!("{year:04}-{month:02}-{day:02}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_those_of_the_calendar() {
        assert_eq!(date(0), "1970-01-01");
        assert_eq!(date(11_016), "2000-02-29");
        assert_eq!(date(20_088), "2024-12-31");
        assert_eq!(date(-1), "1969-12-31");
    }

    #[test]
    fn seconds_and_dates_are_each_others_reverse() {
        for day in (-200_000..200_000).step_by(13) {
            let seconds = day * DAY + 3_723;
            assert_eq!(Civil::of(seconds).seconds(), seconds);
        }
        let leap = Civil { year: 2024, month: 2, day: 29, hour: 23, minute: 59, second: 59 };
        assert_eq!((leap.seconds(), leap.weekday(), leap.yearday()), (1_709_251_199, 4, 59));
    }
}
