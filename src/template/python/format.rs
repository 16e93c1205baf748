//! `'%s' % x`, `'{}'.format(x)` and the format specifications of both.

use super::kind::{Kind, items, kind, type_name};
use super::text::{repr, text};
use crate::template::fault::{Outcome, fail};
use minijinja::Value;

/// A format specification: `[[fill]align][sign][#][0][width][,][.precision][type]`.
#[derive(Debug, Default)]
struct Spec {
    fill: Option<char>,
    align: Option<char>,
    sign: Option<char>,
    alternate: bool,
    zero: bool,
    width: usize,
    grouping: Option<char>,
    precision: Option<usize>,
    kind: Option<char>,
}

/// The widest field: more is a mistake, and would fill the memory.
const WIDEST: usize = 1 << 20;

impl Spec {
    fn parse(spec: &str) -> Outcome<Spec> {
        let chars: Vec<char> = spec.chars().collect();
        let mut parsed = Spec::default();
        let mut at = 0;
        if chars.len() > 1 && "<>=^".contains(chars[1]) {
            parsed.fill = Some(chars[0]);
            parsed.align = Some(chars[1]);
            at = 2;
        } else if chars.first().is_some_and(|first| "<>=^".contains(*first)) {
            parsed.align = Some(chars[0]);
            at = 1;
        }
        let take = |wanted: &str, at: &mut usize| {
            let found = chars.get(*at).copied().filter(|char| wanted.contains(*char));
            if found.is_some() {
                *at += 1;
            }
            found
        };
        parsed.sign = take("+- ", &mut at);
        parsed.alternate = take("#", &mut at).is_some();
        parsed.zero = take("0", &mut at).is_some();
        let number = |at: &mut usize| {
            let start = *at;
            while chars.get(*at).is_some_and(char::is_ascii_digit) {
                *at += 1;
            }
            chars[start..*at].iter().collect::<String>().parse::<usize>().ok()
        };
        parsed.width = number(&mut at).unwrap_or(0);
        parsed.grouping = take(",_", &mut at);
        if take(".", &mut at).is_some() {
            parsed.precision = number(&mut at);
        }
        parsed.kind = chars.get(at).copied();
        if at + usize::from(parsed.kind.is_some()) != chars.len() {
            return fail(format!("invalid format specifier '{spec}'"));
        }
        if parsed.width > WIDEST || parsed.precision.is_some_and(|precision| precision > WIDEST) {
            return fail("too many decimal digits in format string");
        }
        Ok(parsed)
    }

    /// Pads a number's sign, prefix and digits, or a text.
    fn pad(&self, prefix: &str, body: &str, default_align: char) -> String {
        let have = prefix.chars().count() + body.chars().count();
        let missing = self.width.saturating_sub(have);
        let fill = self.fill.unwrap_or(if self.zero && self.align.is_none() { '0' } else { ' ' });
        let align = self.align.unwrap_or(if self.zero && default_align == '>' { '=' } else { default_align });
        let padding = |count: usize| fill.to_string().repeat(count);
        match align {
            '<' => format!("{prefix}{body}{}", padding(missing)),
            '^' => format!("{}{prefix}{body}{}", padding(missing / 2), padding(missing - missing / 2)),
            '=' => format!("{prefix}{}{body}", padding(missing)),
            _ => format!("{}{prefix}{body}", padding(missing)),
        }
    }

    fn sign_of(&self, negative: bool) -> &'static str {
        match (negative, self.sign) {
            (true, _) => "-",
            (false, Some('+')) => "+",
            (false, Some(' ')) => " ",
            _ => "",
        }
    }

    fn int(&self, value: i128) -> Outcome<String> {
        let magnitude = value.unsigned_abs();
        let (digits, prefix) = match self.kind {
            Some('x') => (format!("{magnitude:x}"), "0x"),
            Some('X') => (format!("{magnitude:X}"), "0X"),
            Some('o') => (format!("{magnitude:o}"), "0o"),
            Some('b') => (format!("{magnitude:b}"), "0b"),
            Some('c') => {
                let char = u32::try_from(magnitude).ok().and_then(char::from_u32);
                return match char {
                    Some(char) => Ok(self.pad("", &char.to_string(), '<')),
                    None => fail("%c arg not in range(0x110000)"),
                };
            }
            None | Some('d' | 'n') => (magnitude.to_string(), ""),
            Some('e' | 'E' | 'f' | 'F' | 'g' | 'G' | '%') => return self.float(value as f64),
            Some(other) => return fail(format!("unknown format code '{other}' for object of type 'int'")),
        };
        let digits = self.group(&digits);
        let sign = self.sign_of(value < 0);
        let prefix = if self.alternate { format!("{sign}{prefix}") } else { sign.to_owned() };
        Ok(self.pad(&prefix, &digits, '>'))
    }

    fn group(&self, digits: &str) -> String {
        let Some(separator) = self.grouping else { return digits.to_owned() };
        let (whole, rest) = digits.split_at(digits.find('.').unwrap_or(digits.len()));
        let mut out = String::new();
        for (index, digit) in whole.chars().enumerate() {
            if index > 0 && (whole.len() - index) % 3 == 0 {
                out.push(separator);
            }
            out.push(digit);
        }
        out + rest
    }

    fn float(&self, value: f64) -> Outcome<String> {
        let magnitude = value.abs();
        let precision = self.precision.unwrap_or(6);
        let body = if magnitude.is_nan() {
            "nan".to_owned()
        } else if magnitude.is_infinite() {
            "inf".to_owned()
        } else {
            match self.kind {
                Some('f' | 'F') => format!("{magnitude:.precision$}"),
                Some('%') => format!("{:.precision$}%", magnitude * 100.0),
                Some('e' | 'E') => exponent(magnitude, precision),
                Some('g' | 'G' | 'n') => general(magnitude, precision.max(1), self.alternate),
                None if self.precision.is_some() => {
                    let text = general(magnitude, precision.max(1), false);
                    if text.contains(['.', 'e']) { text } else { format!("{text}.0") }
                }
                None => super::float::float_text(magnitude),
                Some('d') => return self.int(value.trunc() as i128),
                Some(other) => return fail(format!("unknown format code '{other}' for object of type 'float'")),
            }
        };
        let body = if self.kind.is_some_and(|kind| kind.is_ascii_uppercase()) { body.to_uppercase() } else { body };
        let negative = value.is_sign_negative() && !value.is_nan();
        Ok(self.pad(self.sign_of(negative), &self.group(&body), '>'))
    }

    fn text(&self, text: &str) -> String {
        match self.precision {
            Some(precision) => self.pad("", &text.chars().take(precision).collect::<String>(), '<'),
            None => self.pad("", text, '<'),
        }
    }
}

fn exponent(magnitude: f64, precision: usize) -> String {
    let text = format!("{magnitude:.precision$e}");
    let (digits, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{digits}e{sign}{:02}", exponent.abs())
}

fn general(magnitude: f64, precision: usize, keep_zeros: bool) -> String {
    let scientific = exponent(magnitude, precision - 1);
    let (_, power) = scientific.rsplit_once('e').unwrap_or(("", "0"));
    let power: i32 = power.parse().unwrap_or(0);
    let strip = |text: &str| {
        if keep_zeros || !text.contains('.') {
            text.to_owned()
        } else {
            text.trim_end_matches('0').trim_end_matches('.').to_owned()
        }
    };
    if power < -4 || power >= i32::try_from(precision).unwrap_or(i32::MAX) {
        let (digits, power) = scientific.split_once('e').unwrap_or((&scientific, "+00"));
        format!("{}e{power}", strip(digits))
    } else {
        let decimals = usize::try_from(i32::try_from(precision).unwrap_or(0) - 1 - power).unwrap_or(0);
        strip(&format!("{magnitude:.decimals$}"))
    }
}

/// `format(value, spec)`.
pub fn format_value(value: &Value, spec: &str) -> Outcome<String> {
    if spec.is_empty() {
        return text(value);
    }
    match kind(value) {
        Kind::Int(int) => Spec::parse(spec)?.int(int),
        Kind::Bool(flag) => Spec::parse(spec)?.int(i128::from(flag)),
        Kind::Float(float) => Spec::parse(spec)?.float(float),
        Kind::Text(content) => {
            let spec = Spec::parse(spec)?;
            match spec.kind {
                None | Some('s') => Ok(spec.text(content)),
                Some(other) => fail(format!("Unknown format code '{other}' for object of type 'str'")),
            }
        }
        _ => fail(format!("unsupported format string passed to {}.__format__", type_name(value))),
    }
}

/// `template % values`.
pub fn percent(template: &str, values: &Value) -> Outcome<String> {
    let arguments = if values.is_tuple() { items(values)? } else { vec![values.clone()] };
    let is_map = matches!(kind(values), Kind::Map);
    let mut next = 0;
    let mut out = String::with_capacity(template.len());
    let mut chars = template.chars().peekable();
    let mut used_name = false;
    while let Some(char) = chars.next() {
        if char != '%' {
            out.push(char);
            continue;
        }
        if chars.next_if_eq(&'%').is_some() {
            out.push('%');
            continue;
        }
        let mut named = None;
        if chars.next_if_eq(&'(').is_some() {
            let name: String = chars.by_ref().take_while(|char| *char != ')').collect();
            if !is_map {
                return fail("format requires a mapping");
            }
            used_name = true;
            named = match values.get_item(&Value::from(name.as_str())) {
                Ok(value) if !value.is_undefined() => Some(value),
                _ => return fail(format!("KeyError: '{name}'")),
            };
        }
        let mut spec = Spec::default();
        while let Some(flag) = chars.next_if(|char| "#0- +".contains(*char)) {
            match flag {
                '#' => spec.alternate = true,
                '0' => spec.zero = true,
                '-' => spec.align = Some('<'),
                flag => spec.sign = Some(flag),
            }
        }
        if spec.align == Some('<') {
            spec.zero = false;
        }
        let mut take = || -> Outcome<Value> {
            let taken = arguments.get(next).cloned();
            next += 1;
            match taken {
                Some(value) => Ok(value),
                None => fail("not enough arguments for format string"),
            }
        };
        let mut number = |chars: &mut std::iter::Peekable<std::str::Chars<'_>>| -> Outcome<Option<usize>> {
            if chars.next_if_eq(&'*').is_some() {
                let width = take()?;
                return Ok(width.as_usize());
            }
            let mut digits = String::new();
            while let Some(digit) = chars.next_if(char::is_ascii_digit) {
                digits.push(digit);
            }
            Ok(digits.parse().ok())
        };
        spec.width = number(&mut chars)?.unwrap_or(0).min(WIDEST);
        if chars.next_if_eq(&'.').is_some() {
            spec.precision = Some(number(&mut chars)?.unwrap_or(0).min(WIDEST));
        }
        while chars.next_if(|char| "hlL".contains(*char)).is_some() {}
        let Some(code) = chars.next() else { return fail("incomplete format") };
        let value = match named {
            Some(value) => value,
            None => take()?,
        };
        match code {
            's' => out.push_str(&spec.right(&text(&value)?)),
            'r' | 'a' => out.push_str(&spec.right(&repr(&value)?)),
            'c' if value.as_str().is_some() => out.push_str(&spec.right(value.as_str().unwrap_or_default())),
            _ => {
                spec.kind = Some(if matches!(code, 'i' | 'u') { 'd' } else { code });
                let precision = spec.precision.filter(|_| "diuxXo".contains(code));
                let written = match kind(&value) {
                    Kind::Int(int) if precision.is_some() => {
                        let digits = precision.unwrap_or(0);
                        spec.precision = None;
                        let text = Spec { width: 0, zero: false, kind: spec.kind, ..Spec::default() }.int(int.abs())?;
                        spec.pad(spec.sign_of(int < 0), &format!("{text:0>digits$}"), '>')
                    }
                    Kind::Int(int) => spec.int(int)?,
                    Kind::Bool(flag) => spec.int(i128::from(flag))?,
                    Kind::Float(_) if "xXo".contains(code) => {
                        return fail(format!("%{code} format: an integer is required, not float"));
                    }
                    Kind::Float(float) => spec.float(float)?,
                    _ if "eEfFgG".contains(code) => {
                        return fail(format!("must be real number, not {}", type_name(&value)));
                    }
                    _ if "diuxXo".contains(code) => {
                        let wanted = if "diu".contains(code) { "a real number" } else { "an integer" };
                        return fail(format!("%{code} format: {wanted} is required, not {}", type_name(&value)));
                    }
                    _ => return fail(format!("unsupported format character '{code}'")),
                };
                out.push_str(&written);
            }
        }
    }
    if next < arguments.len() && !used_name && !is_map && (arguments.len() != 1 || !matches!(kind(values), Kind::Seq)) {
        return fail("not all arguments converted during string formatting");
    }
    Ok(out)
}

impl Spec {
    /// Text in a `%` format stands right in its field.
    fn right(&self, text: &str) -> String {
        let cut: String = match self.precision {
            Some(precision) => text.chars().take(precision).collect(),
            None => text.to_owned(),
        };
        let plain = Spec { width: self.width, align: self.align, ..Spec::default() };
        plain.pad("", &cut, '>')
    }
}

/// `template.format(*arguments, **named)`.
pub fn braces(template: &str, arguments: &[Value], named: &[(String, Value)]) -> Outcome<String> {
    let mut next = 0;
    braces_at(template, arguments, named, &mut next, 0)
}

fn braces_at(
    template: &str,
    arguments: &[Value],
    named: &[(String, Value)],
    next: &mut usize,
    depth: usize,
) -> Outcome<String> {
    if depth > 2 {
        return fail("Max string recursion exceeded");
    }
    let mut out = String::with_capacity(template.len());
    let mut rest = template;
    while let Some(at) = rest.find(['{', '}']) {
        out.push_str(&rest[..at]);
        let doubled = rest[at + 1..].starts_with(&rest[at..=at]);
        if doubled {
            out.push_str(&rest[at..=at]);
            rest = &rest[at + 2..];
            continue;
        }
        if rest[at..].starts_with('}') {
            return fail("Single '}' encountered in format string");
        }
        let mut open = 0_usize;
        let Some(length) = rest[at..].find(|char| {
            match char {
                '{' => open += 1,
                '}' => open -= 1,
                _ => {}
            }
            open == 0
        }) else {
            return fail("expected '}' before end of string");
        };
        let field = &rest[at + 1..at + length];
        rest = &rest[at + length + 1..];
        let name_end = field.find([':', '!']).unwrap_or(field.len());
        let (name, tail) = field.split_at(name_end);
        let (conversion, spec) = match tail.strip_prefix('!') {
            Some(tail) => (tail.chars().next(), tail.get(1..).unwrap_or("").strip_prefix(':').unwrap_or("")),
            None => (None, tail.strip_prefix(':').unwrap_or("")),
        };
        let value = field_value(name, arguments, named, next)?;
        let value = match conversion {
            Some('r' | 'a') => Value::from(repr(&value)?),
            Some('s') => Value::from(text(&value)?),
            _ => value,
        };
        let spec =
            if spec.contains('{') { braces_at(spec, arguments, named, next, depth + 1)? } else { spec.to_owned() };
        out.push_str(&format_value(&value, &spec)?);
    }
    out.push_str(rest);
    Ok(out)
}

fn field_value(name: &str, arguments: &[Value], named: &[(String, Value)], next: &mut usize) -> Outcome<Value> {
    let end = name.find(['.', '[']).unwrap_or(name.len());
    let (first, mut path) = name.split_at(end);
    let positional = |index: usize| match arguments.get(index) {
        Some(value) => Ok(value.clone()),
        None => fail(format!("Replacement index {index} out of range for positional args tuple")),
    };
    let mut value = if first.is_empty() {
        *next += 1;
        positional(*next - 1)?
    } else if let Ok(index) = first.parse::<usize>() {
        positional(index)?
    } else {
        match named.iter().find(|(key, _)| key == first) {
            Some((_, value)) => value.clone(),
            None => return fail(format!("KeyError: '{first}'")),
        }
    };
    while !path.is_empty() {
        let key;
        if let Some(rest) = path.strip_prefix('[') {
            let end = rest.find(']').unwrap_or(rest.len());
            key = rest[..end].parse::<usize>().map_or_else(|_| Value::from(&rest[..end]), Value::from);
            path = rest.get(end + 1..).unwrap_or("");
        } else {
            let rest = &path[1..];
            let end = rest.find(['.', '[']).unwrap_or(rest.len());
            key = Value::from(&rest[..end]);
            path = &rest[end..];
        }
        value = match value.get_item(&key) {
            Ok(found) if !found.is_undefined() => found,
            _ => return fail(format!("KeyError: {}", repr(&key)?)),
        };
    }
    Ok(value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use minijinja::value::Tuple;

    fn format_with(template: &str, values: Vec<Value>) -> String {
        percent(template, &Value::from(Tuple::from(values))).unwrap_or_else(|fault| fault.message)
    }

    #[test]
    fn percent_formats_as_python_does() {
        assert_eq!(
            format_with("%s-%03d|%5.1f|%-4s|%x", vec!["a".into(), 7.into(), 2.25.into(), "b".into(), 255.into()]),
            "a-007|  2.2|b   |ff"
        );
        assert_eq!(format_with("100%%", vec![]), "100%");
        assert_eq!(format_with("%s", vec![]), "not enough arguments for format string");
        assert_eq!(format_with("%d", vec!["x".into()]), "%d format: a real number is required, not str");
        assert_eq!(format_with("%s", vec![1.into(), 2.into()]), "not all arguments converted during string formatting");
        assert_eq!(format_with("%.3d %+d", vec![5.into(), 5.into()]), "005 +5");
        assert_eq!(format_with("%g %e", vec![0.00001.into(), 12345.678.into()]), "1e-05 1.234568e+04");
    }

    #[test]
    fn braces_format_as_python_does() {
        let arguments = [Value::from("x"), Value::from(3)];
        let named = [("n".to_owned(), Value::from(1234567))];
        let with = |template: &str| braces(template, &arguments, &named).unwrap_or_else(|fault| fault.message);
        assert_eq!(with("{}{}"), "x3");
        assert_eq!(with("{1:>4}|{0:^5}|{n:,}|{{}}"), "   3|  x  |1,234,567|{}");
        assert_eq!(with("{0!r}"), "'x'");
        assert_eq!(with("{1:0{1}d}"), "003");
        assert_eq!(with("{missing}"), "KeyError: 'missing'");
    }
}
