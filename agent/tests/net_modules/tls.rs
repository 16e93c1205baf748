//! TLS, UNIX sockets, proxies and the end of a request: against `openssl s_server` and small servers of the tests.

use crate::server::{Log, Server, serve};
use refit_agent::host::{Context, live::Live};
use refit_agent::modules::{self, Call};
use refit_agent::outcome::{Failure, ModuleResult, Outcome, Stop};
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

/// A request's context, with TLS.
fn context() -> Context {
    Context { tls: Arc::new(|| Ok(env!("CARGO_BIN_EXE_refit-agent-tls").into())), ..Context::default() }
}

fn call_with(context: Context, module: &str, args: Value) -> ModuleResult {
    let live = Live::new(context);
    let args = args.as_object().unwrap().clone();
    modules::find(module).unwrap().run.unwrap()(&Call::new(&args, &live.host()))
}

fn uri(args: Value) -> ModuleResult {
    // No roots but those of the test.
    let environment = [("SSL_CERT_FILE", ""), ("SSL_CERT_DIR", "/no/such/directory")];
    let environment = environment.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
    call_with(Context { environment, ..context() }, "uri", args)
}

fn ok(result: ModuleResult) -> Outcome {
    result.unwrap_or_else(|stop| panic!("{stop:?}"))
}

fn msg(result: ModuleResult) -> String {
    match result {
        Err(Stop::Failed(Failure { msg, .. })) => msg,
        other => panic!("{other:?}"),
    }
}

fn openssl(directory: &Path, arguments: &str) {
    let done = Command::new("openssl").args(arguments.split(' ')).current_dir(directory).output().unwrap();
    assert!(done.status.success(), "openssl {arguments}: {}", String::from_utf8_lossy(&done.stderr));
}

/// A CA, certificates of it for 127.0.0.1, for another name, and for a client, and one signed by itself.
fn certificates() -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path();
    let key = "-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes";
    openssl(path, &format!("req -x509 {key} -keyout ca.key -out ca.pem -days 2 -subj /CN=test-ca"));
    let own = "-addext subjectAltName=IP:127.0.0.1,DNS:localhost";
    openssl(path, &format!("req -x509 {key} -keyout self.key -out self.pem -days 2 -subj /CN=self {own}"));
    for (name, subject) in [("server", "IP:127.0.0.1"), ("other", "DNS:other.test"), ("client", "DNS:client")] {
        openssl(path, &format!("req -new {key} -keyout {name}.key -out {name}.csr -subj /CN={name}"));
        std::fs::write(path.join("ext"), format!("subjectAltName={subject}\n")).unwrap();
        let ca = "-CA ca.pem -CAkey ca.key -CAcreateserial -extfile ext -days 2";
        openssl(path, &format!("x509 -req -in {name}.csr -out {name}.pem {ca}"));
    }
    let both = [std::fs::read(path.join("client.pem")).unwrap(), std::fs::read(path.join("client.key")).unwrap()];
    std::fs::write(path.join("both.pem"), both.concat()).unwrap();
    directory
}

/// `openssl s_server`, ended with the test.
struct TlsServer {
    process: Child,
    url: String,
}

impl TlsServer {
    fn start(directory: &Path, certificate: &str, more: &str) -> TlsServer {
        let arguments =
            format!("s_server -www -accept 127.0.0.1:0 -cert {certificate}.pem -key {certificate}.key {more}");
        let mut process = Command::new("openssl")
            .args(arguments.split_whitespace())
            .current_dir(directory)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut output = BufReader::new(process.stdout.take().unwrap());
        let mut line = String::new();
        while !line.starts_with("ACCEPT ") {
            line.clear();
            assert!(output.read_line(&mut line).unwrap() > 0, "openssl {arguments} ended");
        }
        // It must not wait for somebody to read what it prints.
        std::thread::spawn(move || std::io::copy(&mut output, &mut std::io::sink()));
        let port = line.trim().rsplit_once(':').unwrap().1;
        TlsServer { process, url: format!("https://127.0.0.1:{port}/") }
    }
}

impl Drop for TlsServer {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[test]
fn certificates_are_checked_against_the_roots_that_are_given() {
    let directory = certificates();
    let path = |name: &str| directory.path().join(name).to_str().unwrap().to_owned();
    let server = TlsServer::start(directory.path(), "server", "");
    let url = server.url.as_str();
    let done = ok(uri(json!({"url": url, "ca_path": path("ca.pem"), "return_content": true})));
    assert!(done.result["content"].to_string().contains("TLSv1.3"), "{:?}", done.result["content"]);
    assert_eq!(ok(uri(json!({"url": url, "validate_certs": false}))).result["status"], 200);
    let why = msg(uri(json!({"url": url})));
    assert!(why.contains("ca-certificates"), "there are no roots at all: {why}");
    let why = msg(uri(json!({"url": url, "ca_path": path("self.pem")})));
    assert!(why.contains("none of the CAs") && why.contains("ca_path"), "{why}");
    let why = msg(uri(json!({"url": url, "ca_path": path("ca.key")})));
    assert!(why.contains("ca.key"), "{why}");
    let environment = vec![("SSL_CERT_FILE".to_owned(), path("ca.pem"))];
    let context = Context { environment, ..context() };
    let fetched = call_with(context, "get_url", json!({"url": url, "dest": path("fetched")}));
    assert!(ok(fetched).changed && std::fs::read_to_string(path("fetched")).unwrap().contains("TLSv1.3"));
    let why = msg(uri(json!({"url": url.replace("127.0.0.1", "localhost"), "ca_path": path("ca.pem")})));
    assert!(why.contains("localhost"), "the certificate is for another name: {why}");
}

#[test]
fn a_certificate_signed_by_itself_is_good_where_it_is_named() {
    let directory = certificates();
    let path = |name: &str| directory.path().join(name).to_str().unwrap().to_owned();
    let server = TlsServer::start(directory.path(), "self", "");
    assert_eq!(ok(uri(json!({"url": server.url, "ca_path": path("self.pem")}))).result["status"], 200);
    let why = msg(uri(json!({"url": server.url, "ca_path": path("ca.pem")})));
    assert!(why.contains("self-signed"), "{why}");
    // Named, but for another host.
    let other = TlsServer::start(directory.path(), "ca", "");
    let why = msg(uri(json!({"url": other.url, "ca_path": path("ca.pem")})));
    assert!(why.contains("127.0.0.1"), "{why}");
}

#[test]
fn clients_show_their_certificate() {
    let directory = certificates();
    let path = |name: &str| directory.path().join(name).to_str().unwrap().to_owned();
    // With TLS 1.2 a client without a certificate is refused in the handshake.
    let server = TlsServer::start(directory.path(), "server", "-Verify 1 -verify_return_error -CAfile ca.pem -tls1_2");
    let fetch = |more: Value| {
        let mut args = json!({"url": server.url, "ca_path": path("ca.pem")});
        args.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        uri(args)
    };
    assert!(msg(fetch(json!({}))).contains("no answer from https://"));
    let pair = json!({"client_cert": path("client.pem"), "client_key": path("client.key")});
    assert_eq!(ok(fetch(pair)).result["status"], 200);
    assert_eq!(ok(fetch(json!({"client_cert": path("both.pem")}))).result["status"], 200);
    let wrong = json!({"client_cert": path("client.pem"), "client_key": path("ca.key")});
    let why = msg(fetch(wrong));
    assert!(why.contains("client.pem") && why.contains("ca.key"), "{why}");
    assert!(msg(fetch(json!({"client_cert": path("client.pem")}))).contains("no private key"));
    assert!(msg(fetch(json!({"client_cert": path("none.pem")}))).contains("none.pem"));
}

#[test]
fn ciphers_limit_what_is_spoken() {
    let directory = certificates();
    let server = TlsServer::start(directory.path(), "server", "-tls1_2 -cipher ECDHE-ECDSA-AES128-GCM-SHA256");
    let fetch = |ciphers: Value| uri(json!({"url": server.url, "validate_certs": false, "ciphers": ciphers}));
    assert_eq!(ok(fetch(json!("ECDHE-ECDSA-AES128-GCM-SHA256"))).result["status"], 200);
    assert_eq!(ok(fetch(json!(["@SECLEVEL=2", "ECDH+AESGCM", "!aNULL"]))).result["status"], 200);
    assert!(msg(fetch(json!("ECDHE-ECDSA-AES256-GCM-SHA384"))).contains("no TLS with"));
    assert!(msg(fetch(json!("RC4-SHA"))).contains("RC4-SHA"));
}

#[test]
fn what_speaks_no_tls_is_told_so() {
    let server = Server::start();
    let why = msg(uri(json!({"url": format!("https://127.0.0.1:{}/", server.port), "validate_certs": false})));
    assert!(why.contains("no TLS with 127.0.0.1"), "{why}");
}

#[test]
fn https_goes_through_a_proxy_by_a_tunnel() {
    let directory = certificates();
    let server = TlsServer::start(directory.path(), "server", "");
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let proxy = format!("http://me:secret@{}", listener.local_addr().unwrap());
    let tunnel = std::thread::spawn(move || {
        let (mut client, _) = listener.accept().unwrap();
        let mut head = Vec::new();
        let mut byte = [0];
        while !head.ends_with(b"\r\n\r\n") {
            client.read_exact(&mut byte).unwrap();
            head.push(byte[0]);
        }
        let head = String::from_utf8(head).unwrap();
        let place = head.split(' ').nth(1).unwrap().to_owned();
        let mut server = TcpStream::connect(&place).unwrap();
        client.write_all(b"HTTP/1.1 200 Connection established\r\nX: y\r\n\r\n").unwrap();
        let (mut from_client, mut to_server) = (client.try_clone().unwrap(), server.try_clone().unwrap());
        std::thread::spawn(move || {
            let _ = std::io::copy(&mut from_client, &mut to_server);
            to_server.shutdown(std::net::Shutdown::Write)
        });
        std::io::copy(&mut server, &mut client).unwrap();
        head
    });
    let ca = directory.path().join("ca.pem");
    let environment = vec![("https_proxy".to_owned(), proxy)];
    let context = Context { environment, ..context() };
    let done = call_with(context, "uri", json!({"url": server.url, "ca_path": ca.to_str().unwrap()}));
    assert_eq!(ok(done).result["status"], 200);
    let head = tunnel.join().unwrap();
    assert!(head.starts_with("CONNECT 127.0.0.1:") && head.contains("Basic bWU6c2VjcmV0"), "{head}");
}

#[test]
fn a_unix_socket_stands_for_the_server() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("web.sock");
    let listener = UnixListener::bind(&path).unwrap();
    let log = Log::default();
    let kept = log.clone();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            serve(&stream, &mut BufReader::new(&stream), &kept).unwrap();
        }
    });
    let args = json!({"url": "http://docker/text", "unix_socket": path.to_str().unwrap(), "return_content": true});
    assert_eq!(ok(uri(args)).result["content"], "hello\n");
    assert_eq!(log.lock().unwrap()[0]["headers"]["host"], "docker");
    let args = json!({"url": "http://docker/text", "unix_socket": "/no/such.sock"});
    assert!(msg(uri(args)).contains("/no/such.sock"));
}

#[test]
fn passwords_and_cookies_stay_with_their_server() {
    let (here, there) = (Server::start(), Server::start());
    let away = format!("http://127.0.0.1:{}/echo", there.port);
    let url = format!("http://127.0.0.1:{}/redirect/302/{away}", here.port);
    let headers = json!({"Cookie": "a=b", "X-Open": "1"});
    let args = json!({"url": url, "user": "u", "password": "p", "force_basic_auth": true, "headers": headers});
    ok(uri(args));
    let first = here.log.lock().unwrap()[0]["headers"].clone();
    assert_eq!((&first["authorization"], &first["cookie"]), (&json!("Basic dTpw"), &json!("a=b")));
    let second = there.log.lock().unwrap()[0]["headers"].clone();
    assert_eq!((second.get("authorization"), second.get("cookie")), (None, None));
    assert_eq!(second["x-open"], "1");
}

#[test]
fn what_the_server_demands_there_is_not_answered_with_the_password_from_here() {
    let (here, there) = (Server::start(), Server::start());
    let away = format!("http://127.0.0.1:{}/basic/u/p", there.port);
    let url = format!("http://127.0.0.1:{}/redirect/302/{away}", here.port);
    let why = msg(uri(json!({"url": url, "user": "u", "password": "p"})));
    assert!(why.contains("401"), "{why}");
    assert_eq!(there.log.lock().unwrap().len(), 1);
}

#[test]
fn a_cancelled_request_ends_at_once() {
    let server = Server::start();
    let url = format!("http://127.0.0.1:{}/silent", server.port);
    let context = context();
    let cancellation = context.cancellation.clone();
    let log = server.log.clone();
    let canceller = std::thread::spawn(move || {
        while log.lock().unwrap().is_empty() {
            std::thread::yield_now();
        }
        cancellation.cancel("enough");
    });
    let ended = call_with(context, "uri", json!({"url": url, "timeout": 3600}));
    assert!(matches!(&ended, Err(Stop::Cancelled { why }) if why == "enough"), "{ended:?}");
    canceller.join().unwrap();
}

#[test]
fn the_controller_sends_what_is_to_be_sent() {
    struct Sent;
    impl modules::Blobs for Sent {
        fn get(&self, sha256: &str) -> Option<std::sync::Arc<Vec<u8>>> {
            (sha256 == "aa").then(|| std::sync::Arc::new(b"from there".to_vec()))
        }
    }
    let server = Server::start();
    let live = Live::new(context());
    let host = live.host();
    let url = format!("http://127.0.0.1:{}/echo", server.port);
    let payload = json!({"file": {"sha256": "aa", "mode": null, "basename": "x", "source": "/x"}});
    let run = |args: Value| {
        let args = args.as_object().unwrap().clone();
        modules::find("uri").unwrap().run.unwrap()(&Call { blobs: &Sent, ..Call::new(&args, &host) })
    };
    ok(run(json!({"url": url, "method": "PUT", "src": "x", "_payload": payload})));
    assert_eq!(server.log.lock().unwrap()[0]["body"], "from there");
    let body = json!({"f": {"filename": "x", "multipart_encoding": "7or8bit"}});
    let format = "form-multipart";
    ok(run(json!({"url": url, "method": "POST", "body_format": format, "body": body, "_parts": {"f": payload}})));
    let body = server.log.lock().unwrap()[1]["body"].to_string();
    assert!(body.contains("from there"), "{body}");
    assert!(msg(run(json!({"url": url, "method": "PUT", "src": "x"}))).contains("remote_src"));
}

#[test]
fn answers_that_are_no_http() {
    let answers: [(&'static [u8], &str); 3] =
        [(b"", "closed the connection"), (b"SSH-2.0-x\r\n\r\n", "no HTTP"), (b"HTTP/1.1 200 OK\r\nA: b", "head")];
    for (answer, why) in answers {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        let server = std::thread::spawn(move || {
            let (stream, _) = listener.accept().unwrap();
            let mut input = BufReader::new(&stream);
            let mut line = String::new();
            while line != "\r\n" {
                line.clear();
                input.read_line(&mut line).unwrap();
            }
            (&stream).write_all(answer).unwrap();
        });
        let told = msg(uri(json!({"url": url})));
        assert!(told.contains(why), "{told}");
        server.join().unwrap();
    }
    let url = format!("http://127.0.0.1:{}/text", Server::start().port);
    let why = msg(uri(json!({"url": url, "headers": {"A": "b\r\nC: d"}})));
    assert!(why.contains("header A"), "{why}");
    let why = msg(uri(json!({"url": url, "method": "GE T"})));
    assert!(why.contains("can't be sent"), "{why}");
}
