//! `wait_for`: waits for a port, a file, a text in either, or a time.

use super::byte_text::{of_bytes, to_bytes};
use super::file_attributes::describe;
use super::host_path::absolute;
use super::python_regex::{Flags, Regex, Subject};
use super::tcp_table::{TcpState, connections};
use super::{Call, Module, Rule};
use crate::args::Args as _;
use crate::host::{Host, HostError, HostResult, Moment, Ready};
use crate::outcome::{Failure, ModuleResult, Outcome, Stop};
use crate::{args, choices};
use serde_json::{Map, Value};
use std::io::Read;
use std::net::{IpAddr, TcpStream};
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

choices! {
    /// What is waited for.
    pub enum State {
        /// The port is closed, or the file is gone.
        Absent = "absent",
        /// The port has no connections any more.
        Drained = "drained",
        /// The port is open, or the file is there; with `search_regex`, the text is there.
        Present = "present",
        /// The same as `present`.
        Started = "started",
        /// The same as `absent`.
        Stopped = "stopped",
    }
}

args! {
    /// What `wait_for` takes.
    pub struct Args {
        /// The host whose port is waited for: a name that can be looked up, or an address.
        host: String = "127.0.0.1".to_owned(),
        /// The TCP port.
        port: Option<u64>,
        /// The file, instead of a port. Links are followed.
        path: Option<PathBuf>,
        /// The regular expression that must match in the file, or in what the port says. `^` and `$` match at lines.
        search_regex: Option<String>,
        /// What is waited for.
        state: State = State::Started,
        /// Seconds before looking for the first time.
        delay: u64 = 0,
        /// Seconds to wait in all; then it is a failure. Where neither a port nor a file is given, just this time is
        /// waited.
        timeout: u64 = 300,
        /// Seconds that one attempt to connect may take.
        connect_timeout: u64 = 5,
        /// Seconds between two looks.
        sleep: u64 = 1,
        /// Hosts whose connections don't count with `drained`.
        exclude_hosts: Option<Vec<String>>,
        /// The states in which a connection counts with `drained`.
        active_connection_states: Vec<TcpState> = vec![
            TcpState::Established, TcpState::FinWait1, TcpState::FinWait2, TcpState::SynRecv, TcpState::SynSent,
            TcpState::TimeWait,
        ],
        /// What to say on failure, instead of the message of this module.
        msg: Option<String>,
    }
}

/// The declaration.
pub static MODULE: Module = Module {
    name: "wait_for",
    aliases: &[],
    summary: "Wait for a port, a file, a text in either, or a time",
    args: Args::specs,
    rules: &[Rule::MutuallyExclusive(&["path", "port"])],
    free_form: None,
    run: Some(|call: &Call<'_>| run(call.args()?, call.host)),
};

/// What is looked at again and again.
enum Target {
    PortOpen { port: u16, regex: Option<Regex> },
    PortClosed { port: u16 },
    PortDrained { port: u16, local: Vec<IpAddr>, excluded: Vec<IpAddr> },
    FileThere { path: PathBuf, regex: Option<Regex> },
    FileGone { path: PathBuf },
}

/// What a look tells.
enum Look {
    /// It is as wanted; the groups of the regular expression where there is one.
    Done(Groups),
    /// It is not; why, where that tells the user more than the failure does.
    NotYet(Option<String>),
}

#[derive(Default)]
struct Groups {
    all: Vec<Value>,
    named: Map<String, Value>,
}

fn run(args: Args, host: &Host<'_>) -> ModuleResult {
    let start = Instant::now();
    let end =
        start.checked_add(Duration::from_secs(args.timeout)).unwrap_or(start + Duration::from_secs(u32::MAX.into()));
    let target = target(&args, host)?;
    host.clock.sleep(Duration::from_secs(args.delay))?;
    let mut groups = Groups::default();
    match target {
        None => host.clock.sleep(end.saturating_duration_since(Instant::now()))?,
        Some(target) => {
            let what = target.described(&args);
            let mut seen = None;
            loop {
                let why = match target.look(host, &args, end, &mut seen)? {
                    Look::Done(found) => {
                        groups = found;
                        break;
                    }
                    Look::NotYet(why) => why,
                };
                let left = end.saturating_duration_since(Instant::now());
                if left.is_zero() {
                    return Err(timed_out(&args, &what, why, start));
                }
                host.clock.look_again(Duration::from_secs(args.sleep).min(left), &format!("whether {what} in time"))?;
            }
        }
    }
    let mut outcome = Outcome::ok()
        .with("state", args.state.word())
        .with("port", args.port)
        .with("search_regex", args.search_regex)
        .with("match_groups", groups.all)
        .with("match_groupdict", groups.named)
        .with("path", args.path.as_ref().map(|path| path.to_string_lossy().into_owned()))
        .with("elapsed", start.elapsed().as_secs());
    if let Some(path) = &args.path {
        let path = absolute(host, path)?;
        outcome.result.insert("path".to_owned(), path.to_string_lossy().into_owned().into());
        if host.files.stat(&path, false)?.is_some() {
            describe(host, &path, &mut outcome.result)?;
        }
    }
    Ok(outcome)
}

fn timed_out(args: &Args, what: &str, why: Option<String>, start: Instant) -> Stop {
    let msg = args.msg.clone().unwrap_or_else(|| match why {
        Some(why) => format!("Timeout when waiting until {what}: {why}"),
        None => format!("Timeout when waiting until {what}"),
    });
    Failure::new(msg).with("elapsed", start.elapsed().as_secs()).into()
}

/// What the arguments ask for; none where it is only a time.
fn target(args: &Args, host: &Host<'_>) -> Result<Option<Target>, Stop> {
    let port = match args.port {
        None => None,
        Some(port) => Some(
            u16::try_from(port)
                .map_err(|_| Stop::failed(format!("`port`: {port} is no port; the highest is 65535")))?,
        ),
    };
    if args.exclude_hosts.is_some() && args.state != State::Drained {
        return Err(Stop::failed("`exclude_hosts` means something only with `state: drained`"));
    }
    let regex = match &args.search_regex {
        None => None,
        Some(pattern) => {
            let flags = Flags { multiline: true, ..Flags::default() };
            Some(
                Regex::new(pattern, Subject::Bytes, flags)
                    .map_err(|why| Stop::failed(format!("`search_regex`: {why}")))?,
            )
        }
    };
    Ok(Some(match (&args.path, port, args.state) {
        (Some(_), Some(_), _) => return Err(Stop::failed("`path` and `port` exclude each other; give one of them")),
        (_, None, State::Drained) => {
            return Err(Stop::failed("`state: drained` looks at the connections of a port; give `port` and no `path`"));
        }
        (None, None, _) => return Ok(None),
        (Some(path), None, State::Absent | State::Stopped) => Target::FileGone { path: absolute(host, path)? },
        (Some(path), None, _) => Target::FileThere { path: absolute(host, path)?, regex },
        (None, Some(port), State::Absent | State::Stopped) => Target::PortClosed { port },
        (None, Some(port), State::Drained) => {
            let mut excluded = Vec::new();
            for name in args.exclude_hosts.iter().flatten() {
                excluded.extend(host.net.resolve(name)?.into_iter().map(|address| address.to_canonical()));
            }
            let local = host.net.resolve(&args.host)?.into_iter().map(|address| address.to_canonical()).collect();
            Target::PortDrained { port, local, excluded }
        }
        (None, Some(port), _) => Target::PortOpen { port, regex },
    }))
}

impl Target {
    /// The wanted state as part of a sentence.
    fn described(&self, args: &Args) -> String {
        let host = &args.host;
        match self {
            Target::PortOpen { port, regex: None } => format!("{host}:{port} accepts connections"),
            Target::PortOpen { port, regex: Some(_) } => {
                format!("{host}:{port} says what matches {}", args.search_regex.as_deref().unwrap_or_default())
            }
            Target::PortClosed { port } => format!("{host}:{port} is closed"),
            Target::PortDrained { port, .. } => format!("{host}:{port} has no connections"),
            Target::FileThere { path, regex: None } => format!("{} exists", path.display()),
            Target::FileThere { path, regex: Some(_) } => {
                format!("{} contains {}", path.display(), args.search_regex.as_deref().unwrap_or_default())
            }
            Target::FileGone { path } => format!("{} is gone", path.display()),
        }
    }

    /// Looks once. `seen` keeps what a file looked like at the last look.
    fn look(&self, host: &Host<'_>, args: &Args, end: Instant, seen: &mut Option<Seen>) -> Result<Look, Stop> {
        let done = |done: bool| if done { Look::Done(Groups::default()) } else { Look::NotYet(None) };
        match self {
            Target::PortOpen { port, regex } => match (connect(host, args, *port, end)?, regex) {
                (Err(why), _) => Ok(Look::NotYet(Some(why))),
                (Ok(_), None) => Ok(done(true)),
                (Ok(stream), Some(regex)) => said(host, stream, regex, end),
            },
            Target::PortClosed { port } => Ok(done(connect(host, args, *port, end)?.is_err())),
            Target::PortDrained { port, local, excluded } => {
                let count = connections(host.files)?
                    .iter()
                    .filter(|connection| connection.port == *port)
                    .filter(|connection| {
                        local.iter().any(|address| address.is_unspecified() || *address == connection.local)
                    })
                    .filter(|connection| !excluded.contains(&connection.remote))
                    .filter(|connection| args.active_connection_states.contains(&connection.state))
                    .count();
                Ok(if count == 0 { done(true) } else { Look::NotYet(Some(format!("{count} are left"))) })
            }
            Target::FileThere { path, regex } => match regex {
                None => Ok(done(host.files.stat(path, true)?.is_some())),
                Some(regex) => contains(host, path, regex, seen),
            },
            Target::FileGone { path } => Ok(done(host.files.stat(path, true)?.is_none())),
        }
    }
}

/// Size, time of the last change and inode: a file that has the same need not be read again.
type Seen = (u64, Moment, u64);

fn contains(host: &Host<'_>, path: &Path, regex: &Regex, seen: &mut Option<Seen>) -> Result<Look, Stop> {
    let Some(stat) = host.files.stat(path, true)? else {
        return Ok(Look::NotYet(Some("there is no such file".to_owned())));
    };
    let looks = (stat.size, stat.mtime, stat.inode);
    // What the kernel makes up (in /proc) has no size and no time that would tell of a change.
    if stat.size > 0 && *seen == Some(looks) {
        return Ok(Look::NotYet(None));
    }
    let content = match host.files.read(path) {
        Ok(content) => content,
        Err(error) if error.is_not_found() => return Ok(Look::NotYet(None)),
        Err(error) => return Err(error.into()),
    };
    *seen = Some(looks);
    Ok(searched(regex, &content)?.map_or(Look::NotYet(None), Look::Done))
}

/// Connects within the time for one attempt. The inner error is why it can't be.
fn connect(host: &Host<'_>, args: &Args, port: u16, end: Instant) -> HostResult<Result<TcpStream, String>> {
    let left = end.saturating_duration_since(Instant::now());
    // The last attempt gets a moment even where the time is over.
    let timeout = Duration::from_secs(args.connect_timeout).min(left).max(Duration::from_millis(100));
    match host.net.connect(&args.host, port, timeout) {
        Ok(stream) => Ok(Ok(stream)),
        Err(HostError::Io { source, .. }) => Ok(Err(source.to_string())),
        Err(HostError::Other { message }) => Ok(Err(message)),
        Err(other) => Err(other),
    }
}

/// Reads what the other side says until it matches, it ends, or the time is over.
fn said(host: &Host<'_>, mut stream: TcpStream, regex: &Regex, end: Instant) -> Result<Look, Stop> {
    let mut all = Vec::new();
    let mut piece = [0; 4096];
    while host.net.wait(stream.as_fd(), Ready::Read, end)? {
        match stream.read(&mut piece) {
            Ok(0) => return Ok(Look::NotYet(Some("it closed the connection".to_owned()))),
            Ok(count) => all.extend_from_slice(&piece[..count]),
            Err(error) => return Ok(Look::NotYet(Some(error.to_string()))),
        }
        if let Some(groups) = searched(regex, &all)? {
            return Ok(Look::Done(groups));
        }
    }
    Ok(Look::NotYet(None))
}

fn searched(regex: &Regex, content: &[u8]) -> Result<Option<Groups>, Stop> {
    let text = of_bytes(content);
    let Some(found) = regex.captures(&text).map_err(Stop::failed)? else { return Ok(None) };
    let mut groups = Groups::default();
    for (index, name) in regex.group_names().enumerate().skip(1) {
        let value = found
            .get(index)
            .map_or(Value::Null, |group| String::from_utf8_lossy(&to_bytes(group.as_str())).into_owned().into());
        if let Some(name) = name {
            groups.named.insert(name.to_owned(), value.clone());
        }
        groups.all.push(value);
    }
    Ok(Some(groups))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::{Context, live::Live};
    use serde_json::json;
    use std::io::Write;
    use std::net::TcpListener;

    fn call_with(context: Context, args: Value) -> ModuleResult {
        let live = Live::new(context);
        let args = args.as_object().unwrap().clone();
        (MODULE.run.unwrap())(&Call::new(&args, &live.host()))
    }

    fn call(args: Value) -> ModuleResult {
        call_with(Context::default(), args)
    }

    fn failure(result: ModuleResult) -> Failure {
        match result {
            Err(Stop::Failed(failure)) => failure,
            other => panic!("{other:?}"),
        }
    }

    fn closed_port() -> u16 {
        TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
    }

    #[test]
    fn open_and_closed_ports() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let open = listener.local_addr().unwrap().port();
        let done = call(json!({"port": open})).unwrap();
        let expected = json!({"state": "started", "port": open, "search_regex": null, "match_groups": [],
            "match_groupdict": {}, "path": null, "elapsed": 0});
        assert_eq!(Value::Object(done.result), expected);
        assert!(!done.changed);
        let failed = failure(call(json!({"port": open, "state": "stopped", "timeout": 0})));
        assert!(failed.msg.ends_with("is closed") && failed.result["elapsed"] == 0, "{failed:?}");
        let closed = closed_port();
        assert_eq!(call(json!({"port": closed, "state": "absent"})).unwrap().result["state"], "absent");
        let failed = failure(call(json!({"port": closed, "timeout": 0}))).msg;
        assert!(failed.contains(&format!("127.0.0.1:{closed}")) && failed.contains("refused"), "{failed}");
        assert_eq!(failure(call(json!({"port": closed, "timeout": 0, "msg": "no db"}))).msg, "no db");
        let unknown = json!({"host": "no such host", "port": 1, "timeout": 0});
        assert!(failure(call(unknown)).msg.contains("no host name"));
    }

    #[test]
    fn a_port_that_opens_while_it_waits() {
        let port = closed_port();
        let live = Live::new(Context::default());
        let args = json!({"port": port, "sleep": 1, "timeout": 60}).as_object().unwrap().clone();
        let opened = std::thread::scope(|scope| {
            let waiter = scope.spawn(|| (MODULE.run.unwrap())(&Call::new(&args, &live.host())));
            let listener = TcpListener::bind(("127.0.0.1", port)).unwrap();
            let done = waiter.join().unwrap();
            drop(listener);
            done
        });
        assert_eq!(opened.unwrap().result["state"], "started");
    }

    #[test]
    fn what_a_port_says() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let server = std::thread::spawn(move || {
            // The first connection says nothing of interest and ends; the second says it in two pieces.
            listener.accept().unwrap().0.write_all(b"busy\n").unwrap();
            let (mut stream, _) = listener.accept().unwrap();
            stream.write_all(b"220 caf\xe9\nSSH-2").unwrap();
            stream.write_all(b".0-x\n").unwrap();
            stream
        });
        let done = call(json!({"port": port, "sleep": 0, "search_regex": r"^SSH-(?P<v>[\d.]+)-(x)(y)?"})).unwrap();
        assert_eq!(done.result["match_groups"], json!(["2.0", "x", null]));
        assert_eq!(done.result["match_groupdict"], json!({"v": "2.0"}));
        drop(server.join().unwrap());
    }

    #[test]
    fn files_and_their_text() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("log");
        let shown = path.to_str().unwrap();
        assert!(failure(call(json!({"path": shown, "timeout": 0}))).msg.ends_with("exists"));
        assert_eq!(call(json!({"path": shown, "state": "absent"})).unwrap().result["state"], "absent");
        std::fs::write(&path, "a\nready 7\n").unwrap();
        let done = call(json!({"path": shown, "search_regex": r"^ready (\d)$"})).unwrap();
        assert_eq!((&done.result["match_groups"], &done.result["state"]), (&json!(["7"]), &json!("file")));
        assert_eq!(done.result["size"], 10);
        let failed = failure(call(json!({"path": shown, "search_regex": "done", "timeout": 0})));
        assert!(failed.msg.ends_with("contains done"), "{}", failed.msg);
        assert!(failure(call(json!({"path": shown, "search_regex": "("}))).msg.contains("search_regex"));
    }

    #[test]
    fn a_text_that_comes_while_it_waits() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("log");
        std::fs::write(&path, "begun\n").unwrap();
        let live = Live::new(Context::default());
        let args = json!({"path": path.to_str().unwrap(), "search_regex": "completed", "sleep": 0, "timeout": 60});
        let args = args.as_object().unwrap().clone();
        let found = std::thread::scope(|scope| {
            let waiter = scope.spawn(|| (MODULE.run.unwrap())(&Call::new(&args, &live.host())));
            std::fs::write(&path, "begun\ncompleted\n").unwrap();
            waiter.join().unwrap()
        });
        assert!(found.is_ok(), "{found:?}");
    }

    #[test]
    fn drained_counts_the_connections_of_the_port_less_those_of_excluded_hosts() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let drained = |more: Value| {
            let mut args = json!({"port": port, "state": "drained", "timeout": 0});
            args.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            call(args)
        };
        assert_eq!(drained(json!({})).unwrap().result["state"], "drained");
        let _client = TcpStream::connect(("127.0.0.1", port)).unwrap();
        // Accepted, the connection is surely established on this side too.
        let _server = listener.accept().unwrap();
        assert!(failure(drained(json!({}))).msg.contains("1 are left"));
        assert!(failure(drained(json!({"host": "0.0.0.0"}))).msg.contains("1 are left"));
        assert!(drained(json!({"host": "127.0.0.2"})).is_ok());
        assert!(drained(json!({"exclude_hosts": "10.0.0.1,127.0.0.1"})).is_ok());
        assert!(drained(json!({"active_connection_states": ["TIME_WAIT"]})).is_ok());
        assert!(failure(drained(json!({"active_connection_states": ["FOO"]}))).msg.contains("FOO"));
    }

    #[test]
    fn arguments_that_contradict_each_other() {
        assert!(failure(call(json!({"path": "/a", "port": 2}))).msg.contains("exclude"));
        assert!(failure(call(json!({"path": "/a", "state": "drained"}))).msg.contains("port"));
        assert!(failure(call(json!({"port": 2, "exclude_hosts": "a"}))).msg.contains("drained"));
        assert!(failure(call(json!({"port": 70000}))).msg.contains("65535"));
    }

    #[test]
    fn a_dry_run_tells_what_is_there_and_waits_for_nothing() {
        let shadow = crate::host::shadow::Shadow::new(Context::default(), std::sync::Arc::default());
        let call = |args: Value| {
            let args = args.as_object().unwrap().clone();
            (MODULE.run.unwrap())(&Call::new(&args, &shadow.host()))
        };
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        assert!(call(json!({"port": listener.local_addr().unwrap().port(), "delay": 3600})).is_ok());
        assert!(call(json!({"timeout": 3600})).is_ok());
        for args in [json!({"port": closed_port()}), json!({"path": "/no/such/file"})] {
            match call(args) {
                Err(Stop::Unknown { why }) => {
                    assert!(why.starts_with("whether ") && why.ends_with(" in time"), "{why}")
                }
                other => panic!("{other:?}"),
            }
        }
    }

    #[test]
    fn a_time_alone_and_the_end_from_outside() {
        assert_eq!(call(json!({"timeout": 0})).unwrap().result["port"], Value::Null);
        let context = Context::default();
        context.cancellation.cancel("enough");
        for args in [json!({"timeout": 3600}), json!({"port": closed_port(), "sleep": 3600}), json!({"delay": 3600})] {
            assert!(matches!(call_with(context.clone(), args), Err(Stop::Cancelled { .. })));
        }
    }
}
