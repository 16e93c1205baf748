//! A web server on loopback whose answers the cases of `cases.json` are about. It remembers what it was asked.
//!
//! | path | answer |
//! |---|---|
//! | `/text` | `hello` |
//! | `/json`, `/badjson`, `/latin1`, `/binary`, `/empty` | content of that kind |
//! | `/gzip` | `hello`, compressed |
//! | `/chunked`, `/close` | `hello` in chunks, or ended by the end of the connection |
//! | `/cut` | less than it announces |
//! | `/status/N` | the status N |
//! | `/redirect/N/PATH` | the status N and PATH as the new place |
//! | `/loop` | a redirect to itself |
//! | `/echo` | what was asked, as JSON |
//! | `/cookies` | two cookies |
//! | `/login` | a cookie, and a redirect to `/echo` |
//! | `/kind/MAIN/SUB` | JSON that is called MAIN/SUB |
//! | `/headers` | headers that come twice |
//! | `/basic/USER/PASSWORD`, `/digest/USER/PASSWORD` | `hello` for who knows the password |
//! | `/attachment` | a file with a name |
//! | `/modified` | `hello`, last changed in 2020, or 304 |
//! | `/sums` | SHA-256 sums of `/text` and others, as sha256sum writes them; `/sum` one sum alone |
//! | `/silent` | nothing, for ever |
//!
//! A request for a whole URL is one to a proxy, and is answered as such.

use base64::Engine as _;
use md5::Digest as _;
use serde_json::{Map, Value, json};
use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};

/// What was asked, in order.
pub type Log = Arc<Mutex<Vec<Value>>>;

/// A server that runs until the tests end.
pub struct Server {
    pub port: u16,
    pub log: Log,
}

impl Server {
    pub fn start() -> Server {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let log = Log::default();
        let kept = log.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let log = log.clone();
                // A client may go away at any time; that is its business.
                std::thread::spawn(move || drop(serve(&stream, &mut BufReader::new(&stream), &log)));
            }
        });
        Server { port, log: kept }
    }
}

struct Asked {
    method: String,
    target: String,
    headers: Map<String, Value>,
    body: Vec<u8>,
}

impl Asked {
    fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(Value::as_str).unwrap_or_default()
    }
}

fn read(input: &mut impl BufRead) -> std::io::Result<Asked> {
    let mut line = String::new();
    input.read_line(&mut line)?;
    let mut words = line.split_whitespace().map(str::to_owned);
    let method = words.next().unwrap_or_default();
    let target = words.next().unwrap_or_default();
    let mut headers = Map::new();
    loop {
        let mut line = String::new();
        input.read_line(&mut line)?;
        let Some((name, value)) = line.trim_end().split_once(':') else { break };
        headers.insert(name.to_ascii_lowercase(), value.trim().into());
    }
    let length = headers.get("content-length").and_then(Value::as_str).and_then(|text| text.parse().ok()).unwrap_or(0);
    let mut body = vec![0; length];
    input.read_exact(&mut body)?;
    headers.sort_keys();
    Ok(Asked { method, target, headers, body })
}

/// Reads one request and answers it; the connection ends with it.
pub fn serve(mut output: impl Write, input: &mut impl BufRead, log: &Log) -> std::io::Result<()> {
    let asked = read(input)?;
    let body = String::from_utf8_lossy(&asked.body).into_owned();
    let entry = json!({"method": asked.method, "target": asked.target, "headers": asked.headers, "body": body});
    log.lock().unwrap().push(entry.clone());
    if asked.target == "/silent" {
        // Until the client gives up.
        input.read_to_end(&mut Vec::new())?;
        return Ok(());
    }
    let (status, headers, content) = answer(&asked, &entry);
    let mut head = format!("HTTP/1.1 {status}\r\nConnection: close\r\n");
    for (name, value) in &headers {
        head += &format!("{name}: {value}\r\n");
    }
    if !headers.iter().any(|(name, _)| *name == "Content-Length")
        && !["/close", "/chunked"].contains(&asked.target.as_str())
    {
        head += &format!("Content-Length: {}\r\n", content.len());
    }
    output.write_all(head.as_bytes())?;
    output.write_all(b"\r\n")?;
    if asked.method != "HEAD" {
        output.write_all(&content)?;
    }
    output.flush()
}

type Answer = (String, Vec<(&'static str, String)>, Vec<u8>);

fn answer(asked: &Asked, entry: &Value) -> Answer {
    let ok = |kind: &str, content: &[u8]| -> Answer {
        ("200 OK".to_owned(), vec![("Content-Type", kind.to_owned())], content.to_vec())
    };
    let text = "text/plain";
    if let Some(place) = asked.target.strip_prefix("http://") {
        return ok(text, format!("by proxy: {place}\n").as_bytes());
    }
    let path = asked.target.split('?').next().unwrap_or_default();
    let words: Vec<&str> = path.trim_start_matches('/').splitn(3, '/').collect();
    match words.as_slice() {
        ["text" | "text.txt"] => ok(text, b"hello\n"),
        ["json"] => ok("application/json", br#"{"a": [1, "x"], "b": null}"#),
        ["badjson"] => ok("application/json", b"{"),
        ["latin1"] => ok("text/plain; charset=iso-8859-1", b"caf\xe9\n"),
        ["binary"] => ok("application/octet-stream", b"\x00\xff\xfe\n"),
        ["empty"] => ("204 No Content".to_owned(), Vec::new(), Vec::new()),
        ["gzip"] => {
            let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
            encoder.write_all(b"hello\n").unwrap();
            let (status, mut headers, content) = ok(text, &encoder.finish().unwrap());
            headers.push(("Content-Encoding", "gzip".to_owned()));
            (status, headers, content)
        }
        ["chunked"] => {
            let (status, mut headers, content) = ok(text, b"2\r\nhe\r\n4\r\nllo\n\r\n0\r\n\r\n");
            headers.push(("Transfer-Encoding", "chunked".to_owned()));
            (status, headers, content)
        }
        ["close"] => ok(text, b"hello\n"),
        ["cut"] => {
            let (status, mut headers, content) = ok(text, b"hello\n");
            headers.push(("Content-Length", "100".to_owned()));
            (status, headers, content)
        }
        ["status", number] => {
            (format!("{number} Reason"), vec![("Content-Type", text.to_owned())], b"as asked\n".to_vec())
        }
        ["redirect", number, place] => {
            let place = if place.contains("://") { (*place).to_owned() } else { format!("/{place}") };
            (format!("{number} Moved"), vec![("Location", place)], b"elsewhere\n".to_vec())
        }
        ["loop"] => ("302 Found".to_owned(), vec![("Location", "/loop".to_owned())], Vec::new()),
        ["echo"] => ok("application/json", entry.to_string().as_bytes()),
        ["cookies"] => {
            let (status, mut headers, content) = ok(text, b"hello\n");
            headers.push(("Set-Cookie", "a=1; Path=/".to_owned()));
            headers.push(("Set-Cookie", "bb=\"x y\"; HttpOnly".to_owned()));
            (status, headers, content)
        }
        ["login"] => {
            let headers = vec![("Location", "/echo".to_owned()), ("Set-Cookie", "sid=7; Path=/".to_owned())];
            ("302 Found".to_owned(), headers, Vec::new())
        }
        ["kind", main, sub] => ok(&format!("{main}/{sub}"), b"{\"a\": 1}"),
        ["headers"] => {
            let (status, mut headers, content) = ok(text, b"hello\n");
            headers.push(("X-Twice", "1".to_owned()));
            headers.push(("X-Twice", "2".to_owned()));
            headers.push(("X_Odd-Name", "v".to_owned()));
            (status, headers, content)
        }
        ["basic", user, password] => {
            let expected = base64::engine::general_purpose::STANDARD.encode(format!("{user}:{password}"));
            if asked.header("authorization") == format!("Basic {expected}") {
                return ok(text, b"hello\n");
            }
            denied("Basic realm=\"r\"".to_owned())
        }
        ["digest", user, password] => {
            if digest(asked, user, password) {
                return ok(text, b"hello\n");
            }
            denied("Digest realm=\"r\", nonce=\"n0\", qop=\"auth\", opaque=\"o\", algorithm=MD5".to_owned())
        }
        ["attachment"] => {
            let (status, mut headers, content) = ok(text, b"hello\n");
            headers.push(("Content-Disposition", "attachment; filename=\"named.txt\"".to_owned()));
            (status, headers, content)
        }
        ["modified"] if !asked.header("if-modified-since").is_empty() => {
            ("304 Not Modified".to_owned(), Vec::new(), Vec::new())
        }
        ["modified"] => {
            let (status, mut headers, content) = ok(text, b"hello\n");
            headers.push(("Last-Modified", "Wed, 01 Jan 2020 00:00:00 GMT".to_owned()));
            (status, headers, content)
        }
        ["sums"] => {
            let zeros = "0".repeat(64);
            ok(text, format!("{zeros}  other.txt\n{HELLO_SHA256} *text\n{HELLO_SHA256}  ./text.txt\n").as_bytes())
        }
        ["sum"] => ok(text, format!("{HELLO_SHA256}\n").as_bytes()),
        _ => ("404 Not Found".to_owned(), vec![("Content-Type", text.to_owned())], b"no such page\n".to_vec()),
    }
}

const HELLO_SHA256: &str = "5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03";

fn denied(challenge: String) -> Answer {
    let headers = vec![("Content-Type", "text/plain".to_owned()), ("WWW-Authenticate", challenge)];
    ("401 Unauthorized".to_owned(), headers, b"who are you?\n".to_vec())
}

fn md5(text: &str) -> String {
    md5::Md5::digest(text).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// RFC 7616 with MD5 and `auth`.
fn digest(asked: &Asked, user: &str, password: &str) -> bool {
    let given = asked.header("authorization");
    let value = |name: &str| {
        let after = given.split(&format!("{name}=")).nth(1).unwrap_or_default();
        match after.strip_prefix('"') {
            Some(quoted) => quoted.split('"').next().unwrap_or_default(),
            None => after.split([',', ' ']).next().unwrap_or_default(),
        }
        .to_owned()
    };
    let first = md5(&format!("{user}:r:{password}"));
    let second = md5(&format!("{}:{}", asked.method, asked.target));
    let cnonce = given.split("cnonce=\"").nth(1).and_then(|rest| rest.split('"').next()).unwrap_or_default();
    let expected = md5(&format!("{first}:n0:{}:{cnonce}:auth:{second}", value("nc")));
    given.starts_with("Digest ") && given.contains(&format!("response=\"{expected}\""))
}
