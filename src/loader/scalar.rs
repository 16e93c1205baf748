//! What a scalar stands for, by YAML 1.1's rules as PyYAML has them. They differ from YAML 1.2's and from the text of
//! YAML 1.1: `yes` is a boolean but `y` is not, `0644` is octal but `0o644` is text, `22:22` is a number of base 60,
//! `1e3` is text. Dates stay text: that is what a template makes of them.

use super::source::{Node, Style};
use std::sync::Arc;

/// What a plain scalar without a tag stands for. `None` for the lone `=`, which PyYAML refuses.
pub(super) fn plain(text: &str) -> Option<Node> {
    Some(match text {
        "" | "~" | "null" | "Null" | "NULL" => Node::Null,
        "=" => return None,
        _ => boolean(text).or_else(|| integer(text)).or_else(|| float(text)).unwrap_or_else(|| text_node(text)),
    })
}

/// Whether a text that is written plain is read back as that text, not as a number, a boolean or a date.
pub fn is_text_when_plain(text: &str) -> bool {
    text != "<<" && matches!(plain(text), Some(Node::Text(..))) && !is_timestamp(text)
}

/// `2024-01-31`, or with a time of day: PyYAML reads a date.
fn is_timestamp(text: &str) -> bool {
    let digits = |text: &str, least: usize, most: usize| {
        let count = text.bytes().take_while(u8::is_ascii_digit).count();
        (least..=most).contains(&count).then_some(count)
    };
    let after_date = |text: &str, least: usize| -> Option<usize> {
        let mut at = digits(text, 4, 4)?;
        for _ in 0..2 {
            at += text[at..].strip_prefix('-').map(|_| 1)?;
            at += digits(&text[at..], least, 2)?;
        }
        Some(at)
    };
    if after_date(text, 2) == Some(text.len()) {
        return true;
    }
    let Some(rest) = after_date(text, 1).map(|at| &text[at..]) else { return false };
    let time = rest.strip_prefix(['T', 't']).unwrap_or_else(|| rest.trim_start_matches([' ', '\t']));
    let clock = |text: &str| -> Option<usize> {
        let mut at = digits(text, 1, 2)?;
        for _ in 0..2 {
            at += text[at..].strip_prefix(':').map(|_| 1)?;
            at += digits(&text[at..], 2, 2)?;
        }
        Some(at)
    };
    if time.len() == rest.len() {
        return false;
    }
    let Some(rest) = clock(time).map(|at| &time[at..]) else { return false };
    let rest = rest.strip_prefix('.').map_or(rest, |rest| rest.trim_start_matches(|char: char| char.is_ascii_digit()));
    let zone = rest.trim_start_matches([' ', '\t']);
    match zone.strip_prefix(['+', '-']) {
        Some(hours) => hours.bytes().all(|byte| byte.is_ascii_digit() || byte == b':') && digits(hours, 1, 2).is_some(),
        None => rest.is_empty() || zone == "Z",
    }
}

/// What a plain scalar of a JSON file stands for: JSON's numbers, so that `1e3` is one.
pub(super) fn json(text: &str) -> Node {
    match text {
        "null" => Node::Null,
        "true" => Node::Bool(true),
        "false" => Node::Bool(false),
        _ if text.contains(['.', 'e', 'E']) => text.parse().map_or_else(|_| text_node(text), Node::Float),
        _ => decimal(text),
    }
}

/// `!!bool`.
pub(super) fn tagged_boolean(text: &str) -> Option<Node> {
    match text.to_lowercase().as_str() {
        "yes" | "true" | "on" => Some(Node::Bool(true)),
        "no" | "false" | "off" => Some(Node::Bool(false)),
        _ => None,
    }
}

/// `!!int`.
pub(super) fn tagged_integer(text: &str) -> Option<Node> {
    integer(text)
}

/// `!!float`.
pub(super) fn tagged_float(text: &str) -> Option<Node> {
    if let Some(node) = float(text) {
        return Some(node);
    }
    let digits = text.replace('_', "");
    let number = digits.strip_prefix(['-', '+']).unwrap_or(&digits);
    let written = number.starts_with(|c: char| c.is_ascii_digit() || c == '.');
    if written { digits.parse().ok().map(Node::Float) } else { None }
}

fn text_node(text: &str) -> Node {
    Node::Text(text.into(), Style::Plain)
}

fn boolean(text: &str) -> Option<Node> {
    match text {
        "yes" | "Yes" | "YES" | "true" | "True" | "TRUE" | "on" | "On" | "ON" => Some(Node::Bool(true)),
        "no" | "No" | "NO" | "false" | "False" | "FALSE" | "off" | "Off" | "OFF" => Some(Node::Bool(false)),
        _ => None,
    }
}

/// The sign as a factor, and what follows it.
fn signed(text: &str) -> (bool, &str) {
    match text.as_bytes().first() {
        Some(b'-') => (true, &text[1..]),
        Some(b'+') => (false, &text[1..]),
        _ => (false, text),
    }
}

fn integer(text: &str) -> Option<Node> {
    let (negative, digits) = signed(text);
    let bytes = digits.as_bytes();
    let of = |digits: &str, base: u32| {
        let digits: Vec<u32> = digits.chars().filter(|&c| c != '_').map(|c| c.to_digit(base)).collect::<Option<_>>()?;
        if digits.is_empty() { None } else { Some(from_digits(negative, digits.into_iter().map(|d| (base, d)))) }
    };
    match bytes {
        [] => None,
        [b'0'] => Some(Node::Int(0)),
        [b'0', b'b', rest @ ..] if !rest.is_empty() => of(&digits[2..], 2),
        [b'0', b'x', rest @ ..] if !rest.is_empty() => of(&digits[2..], 16),
        [b'0', ..] => of(digits, 8),
        [b'1'..=b'9', ..] => {
            if bytes.iter().all(|b| b.is_ascii_digit() || *b == b'_') {
                return of(digits, 10);
            }
            let mut parts = digits.split(':');
            let first = parts.next()?;
            if !first.bytes().all(|b| b.is_ascii_digit() || b == b'_') {
                return None;
            }
            let mut places: Vec<(u32, u32)> = first.chars().filter_map(|c| c.to_digit(10)).map(|d| (10, d)).collect();
            for part in parts {
                places.push((60, sixtieth(part)?));
            }
            Some(from_digits(negative, places.into_iter()))
        }
        _ => None,
    }
}

/// A place of a number of base 60: `0` to `59`, in one or two digits.
fn sixtieth(text: &str) -> Option<u32> {
    let number: u32 = match text.as_bytes() {
        [digit] | [b'0'..=b'5', digit] if digit.is_ascii_digit() => text.parse().ok()?,
        _ => return None,
    };
    Some(number)
}

/// The number of these (base, digit) pairs, the highest first.
fn from_digits(negative: bool, digits: impl Iterator<Item = (u32, u32)> + Clone) -> Node {
    let small = digits.clone().try_fold(0i64, |sum, (base, digit)| {
        let shifted = sum.checked_mul(i64::from(base))?;
        if negative { shifted.checked_sub(i64::from(digit)) } else { shifted.checked_add(i64::from(digit)) }
    });
    if let Some(number) = small {
        return Node::Int(number);
    }
    // Groups of nine decimal digits, the lowest first.
    const GROUP: u64 = 1_000_000_000;
    let mut groups: Vec<u32> = vec![0];
    for (base, digit) in digits {
        let mut carry = u64::from(digit);
        for group in &mut groups {
            let value = u64::from(*group) * u64::from(base) + carry;
            *group = u32::try_from(value % GROUP).unwrap_or(0);
            carry = value / GROUP;
        }
        if carry > 0 {
            groups.push(u32::try_from(carry).unwrap_or(0));
        }
    }
    let mut text = String::from(if negative { "-" } else { "" });
    let mut groups = groups.iter().rev();
    if let Some(highest) = groups.next() {
        text.push_str(&highest.to_string());
    }
    for group in groups {
        text.push_str(&format!("{group:09}"));
    }
    Node::BigInt(text.into())
}

fn decimal(text: &str) -> Node {
    match text.parse() {
        Ok(number) => Node::Int(number),
        Err(_) if text.trim_start_matches('-').bytes().all(|b| b.is_ascii_digit()) => Node::BigInt(Arc::from(text)),
        Err(_) => text_node(text),
    }
}

fn float(text: &str) -> Option<Node> {
    if !text.contains('.') {
        return None;
    }
    let (negative, number) = signed(text);
    let sign = if negative { -1.0 } else { 1.0 };
    match number {
        ".inf" | ".Inf" | ".INF" => return Some(Node::Float(sign * f64::INFINITY)),
        ".nan" | ".NaN" | ".NAN" if number == text => return Some(Node::Float(f64::NAN)),
        _ => {}
    }
    let is_digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit() || b == b'_');
    let starts_with_digit = |text: &str| text.starts_with(|c: char| c.is_ascii_digit());
    let (whole, rest) = number.split_once('.')?;
    if whole.contains(':') {
        let (places, sixty) = whole.split_once(':')?;
        if !starts_with_digit(places) || !is_digits(places) || !is_digits(rest) {
            return None;
        }
        let mut sum: f64 = places.replace('_', "").parse().ok()?;
        let mut parts = sixty.split(':').peekable();
        while let Some(part) = parts.next() {
            let place = f64::from(sixtieth(part)?);
            let fraction =
                if parts.peek().is_none() { format!("0.{}", rest.replace('_', "")).parse().ok()? } else { 0.0 };
            sum = sum * 60.0 + place + fraction;
        }
        return Some(Node::Float(sign * sum));
    }
    let (fraction, exponent) = match rest.find(['e', 'E']) {
        Some(at) => (&rest[..at], Some(&rest[at + 1..])),
        None => (rest, None),
    };
    // `.5` has neither sign nor leading underscore; `1.` needs no fraction.
    let shaped =
        if whole.is_empty() { number == text && starts_with_digit(fraction) } else { starts_with_digit(whole) };
    let exponent_shaped = exponent.is_none_or(|exponent| {
        let digits = exponent.strip_prefix(['+', '-']).unwrap_or("");
        !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit())
    });
    if !shaped || !is_digits(whole) || !is_digits(fraction) || !exponent_shaped {
        return None;
    }
    number.replace('_', "").parse().ok().map(|value: f64| Node::Float(sign * value))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(text: &str) -> Node {
        text_node(text)
    }

    /// Each as PyYAML 6.0.3 resolves it.
    #[test]
    fn plain_scalars_are_resolved_as_pyyaml_does() {
        use Node::{Bool, Float, Int};
        let cases: &[(&str, Node)] = &[
            ("yes", Bool(true)),
            ("ON", Bool(true)),
            ("oN", text("oN")),
            ("y", text("y")),
            ("N", text("N")),
            ("0", Int(0)),
            ("-0", Int(0)),
            ("0644", Int(420)),
            ("0_", Int(0)),
            ("0o644", text("0o644")),
            ("08", text("08")),
            ("0x_1F", Int(31)),
            ("0b101", Int(5)),
            ("1_000", Int(1000)),
            ("1__0", Int(10)),
            ("_1", text("_1")),
            ("22:22", Int(1342)),
            ("-1:30", Int(-90)),
            ("1_0:30", Int(630)),
            ("1:60", text("1:60")),
            ("190:20:30", Int(685_230)),
            ("22:22.5", Float(1342.5)),
            ("1e3", text("1e3")),
            ("1.0e3", text("1.0e3")),
            ("1.0e+3", Float(1000.0)),
            ("0.", Float(0.0)),
            (".5", Float(0.5)),
            ("-.5", text("-.5")),
            ("._1", text("._1")),
            ("1._5", Float(1.5)),
            ("+.inf", Float(f64::INFINITY)),
            ("-.INF", Float(f64::NEG_INFINITY)),
            ("-.nan", text("-.nan")),
            ("1.2.3", text("1.2.3")),
            ("2024-01-01", text("2024-01-01")),
            ("nULL", text("nULL")),
            ("9223372036854775807", Int(i64::MAX)),
            ("-9223372036854775808", Int(i64::MIN)),
            ("9223372036854775808", Node::BigInt("9223372036854775808".into())),
            ("0xffffffffffffffffff", Node::BigInt("4722366482869645213695".into())),
            ("-1_000_000_000_000_000_000_000", Node::BigInt("-1000000000000000000000".into())),
        ];
        for (written, expected) in cases {
            assert_eq!(plain(written).as_ref(), Some(expected), "{written}");
        }
        assert!(matches!(plain(".NaN"), Some(Node::Float(number)) if number.is_nan()));
        assert_eq!(plain("="), None);
    }

    #[test]
    fn the_numbers_of_a_json_file_are_jsons() {
        assert_eq!(json("1e3"), Node::Float(1000.0));
        assert_eq!(json("-12"), Node::Int(-12));
        assert_eq!(json("99999999999999999999"), Node::BigInt("99999999999999999999".into()));
    }
}
