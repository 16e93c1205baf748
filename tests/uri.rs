//! `uri` sends files of the controller: a server here tells what came.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::path::Path;
use std::process::Command;
use std::sync::mpsc::{Receiver, channel};

/// A request: its head, and its body.
type Request = (String, Vec<u8>);

/// A server that answers each request with 200 and nothing.
fn server() -> (u16, Receiver<Request>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let (tell, hear) = channel();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = BufReader::new(stream.unwrap());
            let mut head = String::new();
            while stream.read_line(&mut head).unwrap() > 2 {}
            let length =
                head.lines().find_map(|line| line.to_ascii_lowercase().strip_prefix("content-length: ")?.parse().ok());
            let mut body = vec![0; length.unwrap_or(0)];
            stream.read_exact(&mut body).unwrap();
            stream.get_mut().write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n").unwrap();
            tell.send((head, body)).unwrap();
        }
    });
    (port, hear)
}

/// Runs a playbook in a directory on this machine; what it printed.
fn run(directory: &Path, tasks: &str) -> (Option<i32>, String) {
    let playbook = directory.join("playbook.yml");
    std::fs::write(&playbook, format!("- hosts: all\n  gather_facts: false\n  tasks:\n{tasks}")).unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_refit"))
        .args(["run", "-i", "localhost,", "-c", "local", "--output", "ndjson"])
        .arg(playbook)
        .env("XDG_STATE_HOME", directory.join("state"))
        .output()
        .unwrap();
    let printed = [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).concat();
    (output.status.code(), printed)
}

#[test]
fn files_of_the_controller_go_to_the_server() {
    let (port, requests) = server();
    let directory = tempfile::tempdir().unwrap();
    let files = directory.path().join("files");
    std::fs::create_dir(&files).unwrap();
    let content = b"some \xff\0 bytes\n";
    std::fs::write(files.join("up.bin"), content).unwrap();
    std::fs::write(files.join("note.txt"), "a note").unwrap();
    let url = format!("http://127.0.0.1:{port}");
    let tasks = format!(
        r#"
    - uri: {{url: "{url}/whole", method: PUT, src: up.bin, url_username: me, url_password: ver-secret, force_basic_auth: true}}
    - uri: {{url: "{url}/each", method: POST, src: "{{{{ item }}}}"}}
      loop: [up.bin, note.txt]
    - uri:
        url: "{url}/form"
        method: POST
        body_format: form-multipart
        body:
          note: {{filename: note.txt}}
          own: {{content: given, filename: own.txt}}
          raw: {{filename: up.bin, multipart_encoding: 7or8bit}}
"#
    );
    let (code, printed) = run(directory.path(), &tasks);
    assert_eq!(code, Some(0), "{printed}");
    assert!(!printed.contains("ver-secret"), "{printed}");
    let next = || requests.try_recv().unwrap();
    let (head, body) = next();
    assert!(head.starts_with("PUT /whole ") && head.contains("bWU6dmVyLXNlY3JldA=="), "{head}");
    assert_eq!(body, content);
    assert_eq!(next().1, content);
    assert_eq!(next().1, b"a note");
    let (head, body) = next();
    assert!(head.contains("multipart/form-data"), "{head}");
    let holds = |wanted: &[u8]| body.windows(wanted.len()).any(|window| window == wanted);
    // `a note` in base64, what is given, and the bytes as they are.
    assert!(holds(b"YSBub3Rl\r\n") && holds(b"given\r\n") && holds(content), "{}", String::from_utf8_lossy(&body));
    assert!(holds(b"filename=\"note.txt\"") && holds(b"filename=\"own.txt\"") && holds(b"filename=\"up.bin\""));
}

#[test]
fn a_file_that_is_not_there_is_told_before_anything_is_sent() {
    let (port, requests) = server();
    let directory = tempfile::tempdir().unwrap();
    let url = format!("http://127.0.0.1:{port}");
    for what in ["src: missing.txt", "body_format: form-multipart, body: {a: {filename: missing.txt}}"] {
        let (code, printed) = run(directory.path(), &format!("    - uri: {{url: \"{url}\", method: POST, {what}}}\n"));
        assert_eq!(code, Some(2), "{printed}");
        assert!(printed.contains("missing.txt"), "{printed}");
    }
    assert!(requests.try_recv().is_err());
}
