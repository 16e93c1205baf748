//! Times that people write, by a format of `strptime`, as Python's `time.strptime` reads them.

use crate::host::Civil;
use std::iter::Peekable;
use std::str::Chars;

const MONTHS: [&str; 12] = [
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
];
const DAYS: [&str; 7] = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];

/// Reads a text by a format. What the format does not say is that of the first second of 1900. Weekdays and time zones are
/// read and not minded, as Python's `mktime` does not mind them.
pub fn parse(format: &str, text: &str) -> Result<Civil, String> {
    let mut reader = Reader { rest: text.chars().peekable() };
    let mut civil = Civil { year: 1900, month: 1, day: 1, hour: 0, minute: 0, second: 0 };
    let (mut afternoon, mut twelve, mut day_of_year) = (false, None, None);
    let mut format = format.chars();
    while let Some(c) = format.next() {
        if c.is_whitespace() {
            while reader.rest.next_if(|c| c.is_whitespace()).is_some() {}
            continue;
        }
        if c != '%' {
            reader.expect(c)?;
            continue;
        }
        match format.next().ok_or("the format ends in %")? {
            'Y' => civil.year = reader.number(4, 4, 0, 9999)?,
            'y' => {
                let year = reader.number(2, 2, 0, 99)?;
                civil.year = year + if year < 69 { 2000 } else { 1900 };
            }
            'm' => civil.month = reader.number(1, 2, 1, 12)?,
            'd' => civil.day = reader.number(1, 2, 1, 31)?,
            'j' => day_of_year = Some(reader.number(1, 3, 1, 366)?),
            'H' => civil.hour = reader.number(1, 2, 0, 23)?,
            'I' => twelve = Some(reader.number(1, 2, 1, 12)?),
            'M' => civil.minute = reader.number(1, 2, 0, 59)?,
            'S' => civil.second = reader.number(1, 2, 0, 61)?,
            'f' => {
                reader.number(1, 6, 0, 999_999)?;
            }
            'p' => afternoon = reader.word(&["am", "pm"])? == 1,
            'B' => civil.month = reader.word(&MONTHS)? as i64 + 1,
            'b' => civil.month = reader.word(&MONTHS.map(|name| &name[..3]))? as i64 + 1,
            'A' => {
                reader.word(&DAYS)?;
            }
            'a' => {
                reader.word(&DAYS.map(|name| &name[..3]))?;
            }
            'Z' => while reader.rest.next_if(char::is_ascii_alphabetic).is_some() {},
            'z' => while reader.rest.next_if(|c| matches!(c, '+' | '-' | ':' | 'Z' | '0'..='9')).is_some() {},
            '%' => reader.expect('%')?,
            other => return Err(format!("%{other} is not understood in a format")),
        }
    }
    if reader.rest.peek().is_some() {
        return Err(format!("{:?} is more than the format has", reader.rest.collect::<String>()));
    }
    if let Some(hour) = twelve {
        civil.hour = hour % 12 + if afternoon { 12 } else { 0 };
    }
    if let Some(day) = day_of_year {
        let first = Civil { month: 1, day: 1, ..civil };
        civil = Civil::of(first.seconds() + (day - 1) * 86_400);
    }
    let Civil { year, month, day, .. } = Civil::of(Civil { second: 0, ..civil }.seconds());
    if (year, month, day) != (civil.year, civil.month, civil.day) {
        return Err(format!("month {} of {} has no day {}", civil.month, civil.year, civil.day));
    }
    Ok(civil)
}

struct Reader<'t> {
    rest: Peekable<Chars<'t>>,
}

impl Reader<'_> {
    fn expect(&mut self, wanted: char) -> Result<(), String> {
        match self.rest.next() {
            Some(c) if c == wanted || c.eq_ignore_ascii_case(&wanted) => Ok(()),
            Some(c) => Err(format!("{c:?} stands where the format has {wanted:?}")),
            None => Err(format!("it ends where the format has {wanted:?}")),
        }
    }

    /// A number of so many digits, within bounds. Fewer digits are taken where more would lead beyond them.
    fn number(&mut self, least: usize, most: usize, low: i64, high: i64) -> Result<i64, String> {
        let mut digits = String::new();
        while digits.len() < most
            && let Some(digit) = self.rest.peek().filter(|c| c.is_ascii_digit())
            && (digits.len() < least || format!("{digits}{digit}").parse::<i64>().is_ok_and(|number| number <= high))
        {
            digits.push(*digit);
            self.rest.next();
        }
        let number = digits.parse().ok().filter(|number| digits.len() >= least && (low..=high).contains(number));
        number.ok_or_else(|| format!("{digits:?} is no number from {low} to {high} as the format has it"))
    }

    /// One of these words, in any case. Which.
    fn word(&mut self, words: &[&str]) -> Result<usize, String> {
        let letters: String = self.rest.clone().take_while(|c| c.is_alphabetic()).collect();
        let lower = letters.to_lowercase();
        let found = words.iter().position(|word| lower.starts_with(word));
        let index = found.ok_or_else(|| format!("{letters:?} is none of {}", words.join(", ")))?;
        for _ in words[index].chars() {
            self.rest.next();
        }
        Ok(index)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(format: &str, text: &str) -> Result<String, String> {
        let Civil { year, month, day, hour, minute, second } = parse(format, text)?;
        Ok(format!("{year}-{month}-{day} {hour}:{minute}:{second}"))
    }

    /// Every expected value was printed by Python 3.11's `time.strptime`.
    #[test]
    fn formats_mean_what_python_means() {
        for (format, text, expected) in [
            ("%Y%m%d%H%M.%S", "202003040506.07", "2020-3-4 5:6:7"),
            ("%Y-%m-%d", "2020-2-29", "2020-2-29 0:0:0"),
            ("%y %j", "24 060", "2024-2-29 0:0:0"),
            ("%d %b %Y %I:%M %p", "01 Mar 1999 12:30 AM", "1999-3-1 0:30:0"),
            ("%A, %B %d %Y", "Monday, JUNE 3 2024", "2024-6-3 0:0:0"),
            ("%d/%m", "9/12", "1900-12-9 0:0:0"),
            ("%m%d", "312", "1900-3-12 0:0:0"),
            ("%H%%", "7%", "1900-1-1 7:0:0"),
        ] {
            assert_eq!(read(format, text).as_deref(), Ok(expected), "{format} {text}");
        }
        for (format, text) in [
            ("%Y", "20"),
            ("%m", "13"),
            ("%d %m", "30 2"),
            ("%H", "24x"),
            ("%H:%M", "10"),
            ("%Q", "1"),
            ("%Y", "2020 "),
        ] {
            assert!(read(format, text).is_err(), "{format} {text}");
        }
    }
}
