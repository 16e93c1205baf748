//! One request and its answer over a connection.

use super::wire::Wire;
use crate::host::{HostError, HostResult};
use std::io::{self, Read, Write};
use ureq_proto::BodyMode;
use ureq_proto::client::state::{RecvBody, RecvResponse};
use ureq_proto::client::{Await100Result, Call, RecvResponseResult, SendRequestResult, header_raw};
use ureq_proto::http;

/// Longest head of an answer, in bytes.
const LONGEST_HEAD: usize = 256 << 10;

/// What is sent.
pub(super) struct Sent<'a> {
    pub(super) method: &'a str,
    /// With the scheme and the server: what the header `Host` says.
    pub(super) url: String,
    /// What stands in the request line instead of the path: the whole URL, for a proxy.
    pub(super) line_target: Option<String>,
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: Option<&'a [u8]>,
}

/// An answer whose body is still to be read.
pub(super) struct Answer<'a> {
    pub(super) status: u16,
    pub(super) reason: String,
    pub(super) headers: Vec<(String, Vec<u8>)>,
    pub(super) body: Body<'a>,
}

/// The body, as `Read`.
pub(super) struct Body<'a> {
    wire: Wire<'a>,
    call: Option<Call<RecvBody>>,
    input: Vec<u8>,
    from: usize,
    eof: bool,
    failed: Option<HostError>,
}

fn wrong(why: &impl std::fmt::Display) -> HostError {
    HostError::other(format!("the request can't be sent: {why}"))
}

/// Sends a request and reads the head of the answer.
pub(super) fn exchange<'a>(mut wire: Wire<'a>, sent: &Sent<'_>) -> HostResult<Answer<'a>> {
    let call = send(&mut wire, sent)?;
    receive(wire, call)
}

fn send(wire: &mut Wire<'_>, sent: &Sent<'_>) -> HostResult<Call<RecvResponse>> {
    let mut builder = http::Request::builder().method(sent.method).uri(&sent.url);
    for (name, value) in &sent.headers {
        if http::HeaderName::from_bytes(name.as_bytes()).is_err() {
            return Err(HostError::other(format!("{name:?} can't be the name of a header")));
        }
        if http::HeaderValue::from_bytes(value.as_bytes()).is_err() {
            return Err(HostError::other(format!("the header {name} can't have the value {value:?}")));
        }
        builder = header_raw(builder, name, value.as_bytes());
    }
    let mut call = Call::new(builder.body(()).map_err(|why| wrong(&why))?).map_err(|why| wrong(&why))?;
    call.allow_non_standard_methods(true);
    if sent.body.is_some_and(|body| !body.is_empty()) {
        call.force_send_body();
    }
    let mut call = call.proceed();
    // It must hold the longest line.
    let longest = sent.headers.iter().map(|(name, value)| name.len() + value.len()).max().unwrap_or(0);
    let mut buffer = vec![0; longest + sent.url.len() + 4096];
    let mut head = Vec::new();
    while !call.can_proceed() {
        let length = call.write(&mut buffer).map_err(|why| wrong(&why))?;
        head.extend_from_slice(&buffer[..length]);
    }
    if let Some(target) = &sent.line_target {
        let end = head.iter().position(|byte| *byte == b'\r').unwrap_or(0);
        head.splice(..end, format!("{} {target} HTTP/1.1", sent.method).bytes());
    }
    let body = sent.body.unwrap_or_default();
    // Head and short bodies go out together.
    let mut output = |bytes: &[u8]| {
        let written = wire.write_all(bytes).and_then(|()| wire.flush());
        written.map_err(|error| wire.error("sending the request", &error))
    };
    let unfinished = || HostError::other("the request can't be sent: its head is not complete");
    let mut call = match call.proceed().map_err(|why| wrong(&why))?.ok_or_else(unfinished)? {
        SendRequestResult::RecvResponse(call) => {
            output(&head)?;
            return Ok(call);
        }
        SendRequestResult::SendBody(call) => call,
        // `Expect` of the user's own: the body is sent without waiting, as a server must bear.
        SendRequestResult::Await100(call) => match call.proceed().map_err(|why| wrong(&why))? {
            Await100Result::SendBody(call) => call,
            Await100Result::RecvResponse(call) => {
                output(&head)?;
                return Ok(call);
            }
        },
    };
    head.extend_from_slice(&body[..body.len().min(16 << 10)]);
    output(&head)?;
    output(&body[body.len().min(16 << 10)..])?;
    call.consume_direct_write(body.len()).map_err(|why| wrong(&why))?;
    call.proceed().ok_or_else(|| HostError::other("the request can't be sent: its length is not that of its body"))
}

fn receive(mut wire: Wire<'_>, mut call: Call<RecvResponse>) -> HostResult<Answer<'_>> {
    let no_http = |why: &dyn std::fmt::Display| HostError::other(format!("the server's answer is no HTTP: {why}"));
    let mut input: Vec<u8> = Vec::new();
    let mut piece = vec![0; 16 << 10];
    loop {
        let (used, response) = call.try_response(&input, false).map_err(|why| no_http(&why))?;
        if let Some(response) = response {
            let reason = reason(&input[..used]);
            input.drain(..used);
            let headers = response
                .headers()
                .iter()
                .map(|(name, value)| (name.as_str().to_owned(), value.as_bytes().to_vec()))
                .collect();
            let call = match call.proceed() {
                Some(RecvResponseResult::RecvBody(call)) => Some(call),
                _ => None,
            };
            let body = Body { wire, call, input, from: 0, eof: false, failed: None };
            return Ok(Answer { status: response.status().as_u16(), reason, headers, body });
        }
        if used > 0 {
            // An answer in between, such as "100 Continue".
            input.drain(..used);
            continue;
        }
        if input.len() > LONGEST_HEAD {
            return Err(no_http(&format!("its head is longer than {LONGEST_HEAD} bytes")));
        }
        match wire.read(&mut piece) {
            Ok(0) if input.is_empty() => {
                return Err(HostError::other("the server closed the connection without an answer"));
            }
            Ok(0) => return Err(no_http(&"it ends in its head")),
            Ok(count) => input.extend_from_slice(&piece[..count]),
            Err(error) => return Err(wire.error("waiting for the answer", &error)),
        }
    }
}

/// `Not Found` of `HTTP/1.1 404 Not Found`.
fn reason(head: &[u8]) -> String {
    let line = head.split(|byte| *byte == b'\r' || *byte == b'\n').find(|line| !line.is_empty()).unwrap_or_default();
    String::from_utf8_lossy(line).splitn(3, ' ').nth(2).unwrap_or_default().trim().to_owned()
}

impl Body<'_> {
    /// Why a read failed, where it was the end of the request.
    pub(super) fn failure(&mut self) -> Option<HostError> {
        self.failed.take()
    }

    fn next(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let Some(call) = &mut self.call else { return Ok(0) };
        loop {
            let ended = call.body_mode() != BodyMode::CloseDelimited && call.can_proceed();
            if ended || out.is_empty() {
                return Ok(0);
            }
            if self.from < self.input.len() {
                let (used, count) = call.read(&self.input[self.from..], out).map_err(io::Error::other)?;
                self.from += used;
                if count > 0 {
                    return Ok(count);
                }
                if used > 0 {
                    continue;
                }
            }
            if self.eof {
                return match call.can_proceed() || call.is_ended_chunked() {
                    true => Ok(0),
                    false => Err(io::Error::new(io::ErrorKind::UnexpectedEof, "it ends before all of it has come")),
                };
            }
            self.input.drain(..self.from);
            self.from = 0;
            let mut piece = [0; 16 << 10];
            match self.wire.read(&mut piece) {
                Ok(0) => self.eof = true,
                Ok(count) => self.input.extend_from_slice(&piece[..count]),
                Err(error) => {
                    self.failed = Some(self.wire.error("reading the answer", &error));
                    return Err(error);
                }
            }
        }
    }
}

impl Read for Body<'_> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        self.next(out)
    }
}

/// Asks a proxy for a connection to a server (`CONNECT`).
pub(super) fn tunnel(wire: &mut Wire<'_>, authority: &str, authorization: Option<&str>) -> HostResult<()> {
    let mut head = format!("CONNECT {authority} HTTP/1.1\r\nHost: {authority}\r\n");
    if let Some(value) = authorization {
        head += &format!("Proxy-Authorization: {value}\r\n");
    }
    head += "\r\n";
    wire.write_all(head.as_bytes()).map_err(|error| wire.error("asking the proxy", &error))?;
    let mut answer = Vec::new();
    // Byte by byte: what comes after the head belongs to the server.
    while !answer.ends_with(b"\r\n\r\n") && answer.len() < LONGEST_HEAD {
        let mut byte = [0];
        match wire.read(&mut byte) {
            Ok(0) => return Err(HostError::other("the proxy closed the connection")),
            Ok(_) => answer.push(byte[0]),
            Err(error) => return Err(wire.error("waiting for the proxy", &error)),
        }
    }
    let line = String::from_utf8_lossy(&answer).lines().next().unwrap_or_default().to_owned();
    match line.split(' ').nth(1) {
        Some(status) if status.starts_with('2') => Ok(()),
        _ => Err(HostError::other(format!("the proxy gives no connection to {authority}: {line}"))),
    }
}
