//! Becoming other users on a booted host: sudo, su and doas, with and without passwords, right and wrong.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod support;

use refit::connection::{
    Become, BecomeMethod, HostKeyPolicy, Link, LinkError, Links, Pool, Program, Progress, Secret, Target, Transport,
};
use refit_agent::protocol::{ItemEnd, Stream};
use std::sync::Arc;
use std::time::{Duration, Instant};
use support::Fleet;
use zeroize::Zeroizing;

fn pool() -> Pool {
    Pool::new(Program::embedded(), 4)
}

struct Silent;

impl Progress for Silent {
    fn output(&self, _index: usize, _stream: Stream, _line: &str) {}
    fn item(&self, _end: ItemEnd) {}
}

fn target(fleet: &Fleet, user: &str, transport: Transport) -> Target {
    Target {
        name: "host1".to_owned(),
        address: fleet.address("host1").to_string(),
        port: None,
        user: Some(user.to_owned()),
        transport,
        password: None,
        private_key: Some(fleet.key()),
        host_keys: HostKeyPolicy::Strict,
        ssh_args: ["-F", "none", "-o", &format!("UserKnownHostsFile={}", fleet.known_hosts().display())]
            .map(str::to_owned)
            .to_vec(),
        ssh_program: "ssh".to_owned(),
        timeout: Duration::from_secs(10),
        agent_dir: None,
    }
}

fn secret(text: &str) -> Option<Secret> {
    Some(Secret(Zeroizing::new(text.to_owned())))
}

fn to(method: BecomeMethod, user: &str, password: Option<&str>) -> Become {
    Become { method, user: user.to_owned(), password: password.and_then(secret), program: None, flags: None }
}

/// That the agent, and a raw command, run as the user.
#[track_caller]
fn works(link: &Arc<dyn Link>, user: &Become) {
    let hello = link.hello(Some(user)).unwrap_or_else(|error| panic!("{user:?}: {error}"));
    assert_eq!(hello.user, user.user);
    // Kept for the run.
    assert_eq!(link.hello(Some(user)).unwrap().pid, hello.pid);
    let end = link.raw(Some(user), "id -un; echo \"it's $0\" >&2; exit 4", b"", None, &Silent).unwrap();
    let printed = String::from_utf8_lossy(&[end.stdout, end.stderr].concat()).into_owned();
    assert_eq!((printed.as_str(), end.status), (format!("{}\nit's sh\n", user.user).as_str(), 4));
}

/// That it is refused, without delay, with a message that says this.
#[track_caller]
fn refused(link: &Arc<dyn Link>, user: &Become, parts: &[&str]) {
    let began = Instant::now();
    let raw = link.raw(Some(user), "true", b"", None, &Silent).map(|_| ());
    for result in [link.hello(Some(user)).map(|_| ()), raw] {
        let Err(LinkError::Become { message }) = result else { panic!("{user:?}: {result:?}") };
        for part in parts.iter().chain([&user.user.as_str()]) {
            assert!(message.contains(part), "{part:?} is missing in: {message}");
        }
        eprintln!("{message}");
    }
    assert!(began.elapsed() < Duration::from_secs(25), "{user:?}: it took {:?}", began.elapsed());
}

#[test]
fn other_users_are_become_by_every_method_or_refused_with_the_reason() {
    use BecomeMethod::{Doas, Su, Sudo};
    let Some(fleet) = Fleet::up(1) else { return };
    for transport in [Transport::Libssh2, Transport::System] {
        eprintln!("with {transport:?}");
        let pool = pool();
        let link = |user: &str| pool.link(&target(&fleet, user, transport));

        let ops = link("ops");
        works(&ops, &to(Sudo, "root", Some("ops-password")));
        works(&ops, &to(Sudo, "deploy", Some("ops-password")));
        works(&ops, &to(Doas, "root", Some("ops-password")));
        works(&ops, &to(Su, "root", Some("root-password")));
        works(&ops, &to(Su, "deploy", Some("deploy-password")));
        let prompted = "ops-password was not asked for";
        refused(&ops, &to(Sudo, "root", Some(prompted)), &["sudo says that the password is wrong"]);
        fleet.sh("host1", "rm -rf /run/sudo/ts/ops");
        refused(&ops, &to(Sudo, "root", None), &["sudo needs a password, and none was given", "-K"]);
        refused(&ops, &to(Su, "root", Some("wrong")), &["su says that the password is wrong"]);
        refused(&ops, &to(Su, "root", None), &["su asks for a password, and none was given"]);
        refused(&ops, &to(Doas, "root", Some("wrong")), &["doas says that the password is wrong"]);
        refused(&ops, &to(Doas, "root", None), &["doas needs a password, and none was given"]);

        let deploy = link("deploy");
        works(&deploy, &to(Sudo, "root", None));
        // Given and not asked for.
        works(&deploy, &to(Sudo, "root", Some("whatever")));
        works(&deploy, &to(Doas, "root", None));
        works(&deploy, &to(Sudo, "nobody", None));
        refused(&deploy, &to(Sudo, "nosuchuser", None), &["knows no such user"]);
        let missing = Become { program: Some("/opt/none/sudo".to_owned()), ..to(Sudo, "root", None) };
        refused(&deploy, &missing, &["is not installed there"]);

        let nosudo = link("nosudo");
        refused(&nosudo, &to(Sudo, "root", Some("nosudo-password")), &["has not the right"]);
        refused(&nosudo, &to(Doas, "root", None), &["has not the right"]);

        for user in ["fishy", "noisy"] {
            let hello = link(user).hello(None).unwrap_or_else(|error| panic!("{user}: {error}"));
            assert_eq!(hello.user, user);
            works(&link(user), &to(Su, "root", Some("root-password")));
        }
        works(&link("root"), &to(Su, "deploy", None));
        works(&link("root"), &to(Sudo, "noisy", None));
        pool.close();
    }
}

#[test]
fn a_password_lets_in_by_both_transports() {
    let Some(fleet) = Fleet::up(1) else { return };
    for transport in [Transport::Libssh2, Transport::System] {
        let mut target = Target { private_key: None, ..target(&fleet, "ops", transport) };
        for option in ["IdentitiesOnly=yes", "IdentityFile=none", "IdentityAgent=none"] {
            target.ssh_args.extend(["-o".to_owned(), option.to_owned()]);
        }
        let with = |password| Target { password, ..target.clone() };
        let pool = pool();
        assert_eq!(pool.link(&with(secret("ops-password"))).hello(None).unwrap().user, "ops");
        match pool.link(&with(secret("wrong"))).hello(None) {
            Err(LinkError::Unreachable { message, midway: false }) if transport == Transport::Libssh2 => {
                assert!(message.contains("Tried: the password"), "{message}");
            }
            Err(LinkError::Unreachable { message, midway: false }) => {
                assert!(message.contains("Permission denied"), "{message}");
            }
            other => panic!("{other:?}"),
        }
        match pool.link(&with(None)).hello(None) {
            Err(LinkError::Unreachable { message, midway: false }) if transport == Transport::Libssh2 => {
                assert!(message.contains("A password can be given with -k"), "{message}");
            }
            Err(LinkError::Unreachable { midway: false, .. }) => {}
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn a_password_is_typed_at_the_prompt_of_keyboard_interactive() {
    let Some(fleet) = Fleet::up(1) else { return };
    let only = "PasswordAuthentication no\nKbdInteractiveAuthentication yes\nUsePAM yes\n";
    fleet.sh(
        "host1",
        &format!("printf '{only}' | cat - /etc/ssh/sshd_config >/tmp/c && cp /tmp/c /etc/ssh/sshd_config"),
    );
    fleet.sh("host1", "rm -f /etc/ssh/sshd_config.d/*; systemctl restart ssh");
    fleet.wait("host1");
    let mut target = Target { private_key: None, ..target(&fleet, "ops", Transport::Libssh2) };
    for option in ["IdentitiesOnly=yes", "IdentityFile=none", "IdentityAgent=none"] {
        target.ssh_args.extend(["-o".to_owned(), option.to_owned()]);
    }
    let right = Target { password: secret("ops-password"), ..target.clone() };
    assert_eq!(pool().link(&right).hello(None).unwrap().user, "ops");
    let wrong = Target { password: secret("wrong"), ..target };
    let Err(LinkError::Unreachable { message, .. }) = pool().link(&wrong).hello(None) else { panic!("let in") };
    assert!(message.contains("keyboard-interactive"), "{message}");
}

#[test]
fn sudo_that_wants_a_terminal_gets_one() {
    let Some(fleet) = Fleet::up(1) else { return };
    fleet.sh("host1", "echo 'Defaults requiretty' >/etc/sudoers.d/tty; chmod 440 /etc/sudoers.d/tty");
    for transport in [Transport::Libssh2, Transport::System] {
        let pool = pool();
        for (user, password) in [("ops", Some("ops-password")), ("deploy", None)] {
            works(&pool.link(&target(&fleet, user, transport)), &to(BecomeMethod::Sudo, "root", password));
        }
    }
}

#[test]
fn a_host_whose_cable_is_pulled_is_told_as_midway_in_time() {
    let Some(fleet) = Fleet::up(1) else { return };
    let pool = pool();
    let link = pool.link(&target(&fleet, "deploy", Transport::Libssh2));
    link.hello(None).unwrap();
    let began = Instant::now();
    let result = std::thread::scope(|scope| {
        let running = scope.spawn(|| link.raw(None, "sleep 600", b"", None, &Silent));
        fleet.cut("host1");
        running.join().unwrap()
    });
    let Err(LinkError::Unreachable { message, midway: true }) = result else { panic!("{result:?}") };
    assert!(message.contains("no sign of life"), "{message}");
    assert!(began.elapsed() < Duration::from_secs(60), "{:?}", began.elapsed());
    fleet.mend("host1");
    fleet.wait("host1");
    assert_eq!(link.hello(None).unwrap().user, "deploy");
}
