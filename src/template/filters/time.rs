//! Dates and times, and URLs.

use super::Filter;
use crate::template::arguments::Call;
use crate::template::dates::{Date, from_timestamp, strftime as format_date};
use crate::template::fault::{Outcome, fail};
use crate::template::python::float::parse_float;
use crate::template::python::kind::{Kind, kind};
use minijinja::Value;

pub static FILTERS: [Filter; 4] = [
    Filter::new("strftime", "value, second=None, utc=False", strftime),
    Filter::new("to_datetime", "value, format='%Y-%m-%d %H:%M:%S'", |call| {
        if call.value(0).downcast_object_ref::<Date>().is_some() {
            return Ok(call.value(0).clone());
        }
        Ok(Value::from_object(Date::parse(&call.text(0)?, &call.text(1)?)?))
    }),
    Filter::new("urlsplit", "value, query='', alias='urlsplit'", urlsplit),
    Filter::new("urldecode", "value", |call| Ok(Value::from(percent_decoded(&call.text(0)?.replace('+', " "))))),
];

fn strftime(call: &mut Call<'_, '_>) -> Outcome<Value> {
    let utc = call.flag(2)?;
    let date = match call.given(1) {
        None => Date::now(utc).civil,
        Some(second) => {
            let seconds = match kind(second) {
                Kind::Int(int) => Some(int as f64),
                Kind::Float(float) => Some(float),
                Kind::Text(text) => parse_float(text),
                _ => None,
            };
            match seconds {
                Some(seconds) => from_timestamp(seconds.floor(), utc)?,
                None => return fail(format!("Invalid value for epoch value ({second})")),
            }
        }
    };
    format_date(&call.text(0)?, date, None).map(Value::from)
}

fn percent_decoded(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let code = text.get(at + 1..at + 3).and_then(|digits| u8::from_str_radix(digits, 16).ok());
        match (bytes[at], code) {
            (b'%', Some(byte)) => {
                out.push(byte);
                at += 3;
            }
            (byte, _) => {
                out.push(byte);
                at += 1;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

fn urlsplit(call: &mut Call<'_, '_>) -> Outcome<Value> {
    let url = call.text(0)?.into_owned();
    let wanted = call.text(1)?.into_owned();
    let (rest, fragment) = url.split_once('#').unwrap_or((&url, ""));
    let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
    let valid_scheme = |scheme: &str| {
        scheme.starts_with(|first: char| first.is_ascii_alphabetic())
            && scheme.chars().all(|char| char.is_ascii_alphanumeric() || "+-.".contains(char))
    };
    let (scheme, rest) = match rest.split_once(':') {
        Some((scheme, rest)) if valid_scheme(scheme) => (scheme.to_lowercase(), rest),
        _ => (String::new(), rest),
    };
    let (netloc, path) = match rest.strip_prefix("//") {
        Some(rest) => rest.split_at(rest.find('/').unwrap_or(rest.len())),
        None => ("", rest),
    };
    let (user, host) = netloc.rsplit_once('@').map_or((None, netloc), |(user, host)| (Some(user), host));
    let (username, password) = match user {
        Some(user) => user.split_once(':').map_or((Some(user), None), |(name, word)| (Some(name), Some(word))),
        None => (None, None),
    };
    let (hostname, port) = match host.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((address, rest)) => (address, rest.strip_prefix(':')),
        None => host.split_once(':').map_or((host, None), |(host, port)| (host, Some(port))),
    };
    let hostname = Some(hostname.to_lowercase()).filter(|host| !host.is_empty());
    let port = match port.filter(|port| !port.is_empty()).map(str::parse::<u16>) {
        Some(Ok(port)) => Value::from(port),
        Some(Err(_)) => return fail(format!("the port of '{url}' is no number up to 65535")),
        None => Value::from(()),
    };
    let optional = |part: Option<&str>| part.map_or_else(|| Value::from(()), Value::from);
    // In the order of Python's dictionary of the same.
    let parts = [
        ("fragment", Value::from(fragment)),
        ("hostname", optional(hostname.as_deref())),
        ("netloc", Value::from(netloc)),
        ("password", optional(password)),
        ("path", Value::from(path)),
        ("port", port),
        ("query", Value::from(query)),
        ("scheme", Value::from(scheme)),
        ("username", optional(username)),
    ];
    if wanted.is_empty() {
        return Ok(Value::from_pairs(parts));
    }
    match parts.into_iter().find(|(name, _)| *name == wanted) {
        Some((_, part)) => Ok(part),
        None => fail(format!("unknown URL component: {wanted}")),
    }
}
