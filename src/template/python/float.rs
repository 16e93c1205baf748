//! Floats as Python writes them.

use std::fmt::Write;

/// `repr(float)`: the shortest digits that read back the same, an exponent below 1e-4 and from 1e16 on.
pub fn write_float(out: &mut String, float: f64) {
    if float.is_nan() {
        out.push_str("nan");
    } else if float.is_infinite() {
        out.push_str(if float > 0.0 { "inf" } else { "-inf" });
    } else {
        let magnitude = float.abs();
        if magnitude != 0.0 && !(1e-4..1e16).contains(&magnitude) {
            let text = format!("{float:e}");
            let (digits, exponent) = text.split_once('e').unwrap_or((&text, "0"));
            let exponent: i32 = exponent.parse().unwrap_or(0);
            let sign = if exponent < 0 { '-' } else { '+' };
            let _ = write!(out, "{digits}e{sign}{:02}", exponent.abs());
        } else {
            let _ = write!(out, "{float:?}");
        }
    }
}

/// See [`write_float`].
pub fn float_text(float: f64) -> String {
    let mut out = String::new();
    write_float(&mut out, float);
    out
}

/// `float(text)`.
pub fn parse_float(text: &str) -> Option<f64> {
    let trimmed = text.trim();
    let cleaned = without_underscores(trimmed)?;
    let lower = cleaned.to_ascii_lowercase();
    match lower.trim_start_matches(['+', '-']) {
        "inf" | "infinity" => Some(if lower.starts_with('-') { f64::NEG_INFINITY } else { f64::INFINITY }),
        "nan" => Some(f64::NAN),
        rest if rest.starts_with(|first: char| first.is_ascii_digit() || first == '.') => cleaned.parse().ok(),
        _ => None,
    }
}

/// `int(text, base)`; base 0 goes by the prefix.
pub fn parse_int(text: &str, base: u32) -> Option<i128> {
    let trimmed = text.trim();
    let (negative, digits) = match trimmed.as_bytes().first()? {
        b'-' => (true, &trimmed[1..]),
        b'+' => (false, &trimmed[1..]),
        _ => (false, trimmed),
    };
    let lower = digits.to_ascii_lowercase();
    let prefixed = [("0x", 16), ("0o", 8), ("0b", 2)]
        .into_iter()
        .find_map(|(prefix, radix)| Some((lower.strip_prefix(prefix)?, radix)));
    let (digits, base) = match (prefixed, base) {
        (Some((rest, radix)), 0) => (rest, radix),
        (Some((rest, radix)), base) if base == radix => (rest, radix),
        (_, 0) if lower.len() > 1 && lower.starts_with('0') && lower.bytes().any(|digit| digit != b'0') => return None,
        (_, 0) => (lower.as_str(), 10),
        (_, base) => (lower.as_str(), base),
    };
    if !(2..=36).contains(&base) || digits.starts_with(['+', '-']) {
        return None;
    }
    let number = i128::from_str_radix(&without_underscores(digits)?, base).ok()?;
    Some(if negative { -number } else { number })
}

/// Underscores may stand between digits only.
fn without_underscores(digits: &str) -> Option<String> {
    let bad = digits.is_empty() || digits.starts_with('_') || digits.ends_with('_') || digits.contains("__");
    (!bad).then(|| digits.replace('_', ""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn floats_are_written_as_python_writes_them() {
        let cases = [
            (1.0, "1.0"),
            (0.1, "0.1"),
            (1e16, "1e+16"),
            (123456789012345680.0, "1.2345678901234568e+17"),
            (1e15, "1000000000000000.0"),
            (0.0001, "0.0001"),
            (0.00001, "1e-05"),
            (-2.5, "-2.5"),
            (f64::NEG_INFINITY, "-inf"),
            (-0.0, "-0.0"),
        ];
        for (float, text) in cases {
            assert_eq!(float_text(float), text);
        }
    }

    #[test]
    fn whole_numbers_are_read_as_python_reads_them() {
        assert_eq!(parse_int(" 12 ", 10), Some(12));
        assert_eq!(parse_int("1_000", 10), Some(1000));
        assert_eq!(parse_int("0x1F", 16), Some(31));
        assert_eq!(parse_int("1f", 16), Some(31));
        assert_eq!(parse_int("0o17", 0), Some(15));
        assert_eq!(parse_int("012", 0), None);
        assert_eq!(parse_int("12abc", 10), None);
        assert_eq!(parse_int("--1", 10), None);
        assert_eq!(parse_int("", 10), None);
    }
}
