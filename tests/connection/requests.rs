//! Requests over a connection, and its end.

use super::*;

#[test]
fn a_request_goes_over_both_transports_and_on_this_machine() {
    let Some(place) = Place::new(&[]) else { return };
    for transport in [Transport::Libssh2, Transport::System, Transport::Auto, Transport::Local] {
        let pool = pool();
        let link = pool.link(&place.target(transport));
        assert_eq!(prints(&*link, "echo hello $((6 * 7))").unwrap(), "hello 42", "{transport:?}");
        let hello = link.hello(None).unwrap();
        assert_eq!(hello.machine, std::env::consts::ARCH);
        // The same agent still.
        assert_eq!(link.hello(None).unwrap().pid, hello.pid);
        pool.close();
    }
    let agents: Vec<_> = fs::read_dir(place.agents()).unwrap().map(|entry| entry.unwrap()).collect();
    assert_eq!(agents.len(), 1, "{agents:?}");
    assert_eq!(agents[0].metadata().unwrap().permissions().mode() & 0o7777, 0o700);
}

#[test]
fn a_proxy_command_leads_through_the_systems_ssh() {
    let Some(place) = Place::new(&[]) else { return };
    let mark = place.directory.path().join("proxied");
    let mut target = place.target(Transport::Auto);
    let bash = format!(
        "ProxyCommand=bash -c 'touch {}; exec 3<>/dev/tcp/127.0.0.1/{}; cat <&3 & cat >&3'",
        mark.display(),
        place.sshd.port
    );
    target.ssh_args.extend(["-o".to_owned(), bash]);
    assert_eq!(prints(&*pool().link(&target), "echo in").unwrap(), "in");
    assert!(mark.exists(), "the proxy was not used");
}

#[test]
fn nobody_there_is_said_with_the_step_that_failed() {
    let Some(place) = Place::new(&[]) else { return };
    let target = place.target(Transport::Libssh2);
    let closed = Target { port: Some(1), ..target.clone() };
    has(&unreachable(&closed), &["127.0.0.1:1: Connection refused", "is sshd running"]);
    let unknown = Target { address: "no-such-host.invalid".to_owned(), ..target.clone() };
    has(&unreachable(&unknown), &["cannot resolve no-such-host.invalid"]);
    // Something that takes connections and says nothing, and something that does not speak SSH.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = Some(listener.local_addr().unwrap().port());
    let silent = Target { port, timeout: Duration::from_millis(300), ..target.clone() };
    has(&unreachable(&silent), &["handshake", "no answer within 0.3 s"]);
    let closing = std::thread::spawn(move || {
        // The one before may still wait to be taken.
        listener.set_nonblocking(true).unwrap();
        while listener.accept().is_ok() {}
        listener.set_nonblocking(false).unwrap();
        drop(listener.accept().unwrap());
    });
    let closed = Target { port, ..target };
    has(&unreachable(&closed), &["handshake", "closed the connection"]);
    closing.join().unwrap();
}

#[test]
fn output_streams_while_the_command_runs_and_requests_travel_side_by_side() {
    let Some(place) = Place::new(&[]) else { return };
    place.both(|target| {
        let (pool, gate) = (pool(), tempfile::tempdir().unwrap());
        let link = pool.link(&target);
        let path = gate.path().join("go");
        std::thread::scope(|scope| {
            let heard = Arc::new(Heard::default());
            let (other, waits, link) = (heard.clone(), path.clone(), &link);
            let waiting = scope.spawn(move || {
                let command = format!("echo first; until [ -e {} ]; do sleep 0.02; done; echo last", waits.display());
                link.run(None, shell(&command), &Nothing, &*other)
            });
            support::until("a first line", Duration::from_secs(20), || !heard.lines.lock().unwrap().is_empty());
            // While that waits, others come and go on the same agent.
            for _ in 0..5 {
                assert_eq!(prints(&**link, "echo quick").unwrap(), "quick");
            }
            assert_eq!(heard.lines.lock().unwrap().len(), 1);
            fs::write(&path, "").unwrap();
            waiting.join().unwrap().unwrap();
            let lines: Vec<String> = heard.lines.lock().unwrap().iter().map(|(_, line)| line.clone()).collect();
            assert_eq!(lines, ["first", "last"]);
        });
    });
}

#[test]
fn a_cut_connection_is_told_as_midway_and_the_next_request_connects_anew() {
    let Some(place) = Place::new(&[]) else { return };
    place.both(|target| {
        let pool = pool();
        let link = pool.link(&target);
        let pid = prints(&*link, "echo $PPID").unwrap();
        let heard = Arc::new(Heard::default());
        std::thread::scope(|scope| {
            let (listens, link) = (heard.clone(), &link);
            let running = scope.spawn(move || link.run(None, shell("echo begun; sleep 60"), &Nothing, &*listens));
            support::until("begun", Duration::from_secs(20), || !heard.lines.lock().unwrap().is_empty());
            // The host's side of the connection, as it dies with the host's sshd.
            let status = Command::new("kill").args(["-KILL", &session_of(&pid)]).status().unwrap();
            assert!(status.success());
            match running.join().unwrap() {
                Err(LinkError::Unreachable { midway: true, .. }) => {}
                other => panic!("the connection was cut: {other:?}"),
            }
        });
        assert_eq!(prints(&*link, "echo again").unwrap(), "again");
    });
}

/// The process of sshd that serves the session in which the agent runs.
fn session_of(agent: &str) -> String {
    let mut pid = agent.to_owned();
    loop {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
        let (name, rest) = stat.split_once('(').unwrap().1.rsplit_once(')').unwrap();
        if name == "sshd" {
            return pid;
        }
        pid = rest.split_whitespace().nth(1).unwrap().to_owned();
        assert_ne!(pid, "1", "no sshd above the agent");
    }
}

#[test]
fn an_agent_that_is_killed_is_told_as_midway_and_started_again() {
    let Some(place) = Place::new(&[]) else { return };
    for transport in [Transport::Libssh2, Transport::System, Transport::Local] {
        let pool = pool();
        let link = pool.link(&place.target(transport));
        let pid = link.hello(None).unwrap().pid;
        let error = link.run(None, shell(&format!("kill -KILL {pid}; sleep 60")), &Nothing, &Heard::default());
        match error {
            Err(LinkError::Unreachable { message, midway: true }) => {
                has(&message, &["the agent ended"]);
                // ssh itself does not tell.
                assert!(message.contains("killed by SIGKILL") || transport == Transport::System, "{message}");
            }
            other => panic!("{transport:?}: the agent was killed: {other:?}"),
        }
        assert_ne!(link.hello(None).unwrap().pid, pid);
    }
}

#[test]
fn raw_commands_and_copies_need_no_agent() {
    let Some(place) = Place::new(&[]) else { return };
    let pool = Pool::new(Vec::new(), 2);
    for transport in [Transport::Libssh2, Transport::System, Transport::Local] {
        let link = pool.link(&place.target(transport));
        let heard = Heard::default();
        let end = link.raw(None, "echo out; echo err >&2; cat; exit 3", b"input\n", None, &heard).unwrap();
        assert_eq!(end.status, 3, "{transport:?}");
        assert_eq!(String::from_utf8_lossy(&end.stdout), "out\ninput\n");
        assert_eq!(String::from_utf8_lossy(&end.stderr), "err\n");
        assert_eq!(heard.lines.lock().unwrap().len(), 3);
        let path = place.directory.path().join("it's put");
        let content: Vec<u8> = (0..300_000u32).flat_map(u32::to_le_bytes).collect();
        link.put(&content, path.to_str().unwrap()).unwrap();
        assert_eq!(fs::read(&path).unwrap(), content);
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o7777, 0o700);
        fs::remove_file(&path).unwrap();
        match link.put(b"x", "/no/such/directory/file") {
            Err(LinkError::Agent { message }) => has(&message, &["/no/such/directory/file"]),
            other => panic!("{other:?}"),
        }
        match link.hello(None) {
            Err(LinkError::Agent { message }) => has(&message, &["no agent for", "cargo build"]),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn a_command_that_closes_its_output_is_waited_for_and_an_idle_connection_that_ended_is_made_anew() {
    let Some(place) = Place::new(&[]) else { return };
    let pool = pool();
    let link = pool.link(&place.target(Transport::Libssh2));
    let end = link.raw(None, "echo $PPID; exec >&- 2>&-; sleep 0.3; exit 5", b"", None, &Heard::default()).unwrap();
    assert_eq!(end.status, 5);
    // Nothing runs on the connection, and the host ends it.
    let pid = String::from_utf8(end.stdout).unwrap();
    assert!(Command::new("kill").args(["-KILL", &session_of(pid.trim())]).status().unwrap().success());
    assert_eq!(prints(&*link, "echo again").unwrap(), "again");
}

#[test]
fn cancelling_ends_what_runs_and_refuses_what_comes() {
    let Some(place) = Place::new(&[]) else { return };
    for transport in [Transport::Libssh2, Transport::System, Transport::Local] {
        let pool = pool();
        let link = pool.link(&place.target(transport));
        let heard = Arc::new(Heard::default());
        std::thread::scope(|scope| {
            let (listens, link) = (heard.clone(), &link);
            let running = scope.spawn(move || link.run(None, shell("echo $$; exec sleep 600"), &Nothing, &*listens));
            support::until("begun", Duration::from_secs(20), || !heard.lines.lock().unwrap().is_empty());
            let pid = heard.lines.lock().unwrap()[0].1.clone();
            link.cancel();
            assert_eq!(running.join().unwrap(), Err(LinkError::Cancelled), "{transport:?}");
            support::until("its end", Duration::from_secs(10), || !Path::new(&format!("/proc/{pid}")).exists());
            assert_eq!(link.hello(None), Err(LinkError::Cancelled));
        });
    }
}

#[test]
fn a_probe_is_a_new_connection_and_has_a_deadline() {
    let Some(place) = Place::new(&[]) else { return };
    place.both(|target| {
        let pool = pool();
        let link = pool.link(&target);
        let first = link.hello(None).unwrap();
        let probed = link.probe(None, Duration::from_secs(20)).unwrap();
        assert_ne!(first.pid, probed.pid);
        assert_eq!(first.boot_id, probed.boot_id);
        assert_eq!(link.hello(None).unwrap().pid, probed.pid);
        link.reset();
        assert_ne!(link.hello(None).unwrap().pid, probed.pid);
    });
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let silent = Target { port: Some(listener.local_addr().unwrap().port()), ..place.target(Transport::Libssh2) };
    let began = Instant::now();
    let error = pool().link(&silent).probe(None, Duration::from_millis(500)).unwrap_err();
    assert!(matches!(error, LinkError::Unreachable { midway: false, .. }), "{error:?}");
    assert!(began.elapsed() < Duration::from_secs(5));
}

#[test]
fn content_is_asked_for_and_sent_in_pieces() {
    let Some(place) = Place::new(&[]) else { return };
    struct One(String, Arc<Vec<u8>>);
    impl Content for One {
        fn get(&self, sha256: &str) -> Option<Arc<Vec<u8>>> {
            (sha256 == self.0).then(|| self.1.clone())
        }
    }
    let content: Vec<u8> = (0..1_000_000u32).flat_map(u32::to_le_bytes).collect();
    let sha256: String = {
        use sha2::Digest;
        sha2::Sha256::digest(&content).iter().map(|byte| format!("{byte:02x}")).collect()
    };
    place.both(|target| {
        let pool = pool();
        let link = pool.link(&target);
        let run = Run { blobs: vec![sha256.clone()], ..shell("echo got it") };
        let heard = Heard::default();
        link.run(None, run.clone(), &One(sha256.clone(), Arc::new(content.clone())), &heard).unwrap();
        assert_eq!(results(heard)[0]["stdout"], "got it");
        // Nobody has that.
        let missing = Run { blobs: vec!["0".repeat(64)], ..run };
        match link.run(None, missing, &Nothing, &Heard::default()) {
            Err(LinkError::Agent { message }) => has(&message, &["which nobody has"]),
            other => panic!("{other:?}"),
        }
        assert_eq!(prints(&*link, "echo still there").unwrap(), "still there");
    });
}
