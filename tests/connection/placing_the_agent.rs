//! How the agent comes to a host, whatever that host is like.

use super::*;

#[test]
fn start_up_files_that_print_and_login_shells_that_are_not_sh_do_not_matter() {
    let noisy =
        "ForceCommand echo 'Welcome!'; echo oops >&2; printf 'quota: 12%%'; exec sh -c \"$SSH_ORIGINAL_COMMAND\"";
    let mut shells = vec![noisy.to_owned()];
    for shell in ["tcsh", "fish", "zsh", "busybox sh"] {
        let program = shell.split(' ').next().unwrap();
        if Command::new(program).arg("--help").output().is_ok() {
            shells.push(format!("ForceCommand exec {shell} -c \"$SSH_ORIGINAL_COMMAND\""));
        }
    }
    for forced in shells {
        let Some(place) = Place::new(&[&forced]) else { return };
        eprintln!("{forced}");
        let link = pool().link(&place.target(Transport::Libssh2));
        assert_eq!(prints(&*link, "echo in").unwrap(), "in");
        let become_me = me();
        let raw = link.raw(Some(&become_me), "echo \"it's raw\"; exit 3", b"", None, &Heard::default());
        if let Ok(end) = raw {
            assert_eq!((end.status, end.stdout.as_slice()), (3, b"it's raw\n".as_slice()));
        }
    }
}

/// Becoming the user that one is, which sudo lets root do.
fn me() -> refit::connection::Become {
    refit::connection::Become {
        method: refit::connection::BecomeMethod::Sudo,
        user: String::from_utf8(Command::new("id").arg("-un").output().unwrap().stdout).unwrap().trim().to_owned(),
        password: None,
        program: None,
        flags: None,
    }
}

#[test]
fn a_login_shell_that_lets_nobody_in_is_said_so() {
    let forced = "ForceCommand echo 'This account is currently not available.'; exit 1";
    let Some(place) = Place::new(&[forced]) else { return };
    place.both(|target| match pool().link(&target).hello(None) {
        Err(LinkError::Agent { message }) => has(&message, &["This account is currently not available."]),
        other => panic!("{other:?}"),
    });
}

/// Runs all commands of a server's sessions in a mount namespace of their own, prepared by a script. Only for root.
fn mounted(script: &str) -> Option<Place> {
    if !rustix::process::geteuid().is_root() {
        eprintln!("SKIPPED: only root can mount");
        return None;
    }
    let directory = tempfile::tempdir().unwrap();
    let path = directory.keep().join("mount");
    fs::write(&path, format!("#!/bin/sh\n{script}\nexec sh -c \"$SSH_ORIGINAL_COMMAND\"\n")).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    Place::new(&[&format!("ForceCommand exec unshare -m {}", path.display())])
}

const NOEXEC: &str = "for d in /tmp /var/tmp /dev/shm /home /root; do mount -t tmpfs -o noexec,size=64m none $d; done";

#[test]
fn directories_that_let_no_program_run_are_passed_over() {
    let Some(place) = mounted(&format!("{NOEXEC}; mount -t tmpfs -o size=64m none /run")) else { return };
    let target = Target { agent_dir: None, ..place.target(Transport::Libssh2) };
    let link = pool().link(&target);
    let agent = prints(&*link, "readlink /proc/$PPID/exe").unwrap();
    has(&agent, &["/run/"]);
}

#[test]
fn where_no_directory_will_do_each_is_named_with_its_reason() {
    let Some(place) = mounted(&format!("{NOEXEC}; mount -t tmpfs -o size=16k none /run")) else { return };
    let target = Target { agent_dir: None, ..place.target(Transport::Libssh2) };
    match pool().link(&target).hello(None) {
        Err(LinkError::Agent { message }) => {
            has(&message, &["/var/tmp/refit-0: programs may not run there", "/run/refit-0:", "KiB free", "remote_tmp"]);
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_disk_that_fills_up_while_the_agent_comes_leaves_nothing_behind() {
    // Room by what df says, and a quota that says otherwise: a file size limit.
    let Some(place) = mounted("ulimit -f 100") else { return };
    let target = place.target(Transport::Libssh2);
    match pool().link(&target).hello(None) {
        Err(LinkError::Agent { message }) => has(&message, &["could not be written"]),
        other => panic!("{other:?}"),
    }
    assert_eq!(fs::read_dir(place.agents()).unwrap().count(), 0, "something half written stayed");
}

#[test]
fn a_host_with_nothing_but_busybox_will_do() {
    let Ok(path) = Command::new("sh").args(["-c", "command -v busybox"]).output() else { return };
    let busybox = String::from_utf8(path.stdout).unwrap().trim().to_owned();
    if busybox.is_empty() {
        eprintln!("SKIPPED: no busybox");
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let bin = directory.path().to_str().unwrap();
    let installed = Command::new(&busybox).args(["--install", "-s", bin]).status().unwrap();
    assert!(installed.success());
    let forced = format!("ForceCommand exec env -i PATH={bin} HOME=/ {bin}/sh -c \"$SSH_ORIGINAL_COMMAND\"");
    let Some(place) = Place::new(&[&forced]) else { return };
    let link = pool().link(&place.target(Transport::Libssh2));
    assert_eq!(prints(&*link, "echo in; readlink $(command -v sed)").unwrap(), format!("in\n{busybox}"));
    drop(link);
    // Without gzip and sha256sum it comes as it is.
    for tool in ["gzip", "sha256sum"] {
        fs::remove_file(directory.path().join(tool)).unwrap();
    }
    fs::remove_dir_all(place.agents()).unwrap();
    assert_eq!(prints(&*pool().link(&place.target(Transport::Libssh2)), "echo in").unwrap(), "in");
}

#[test]
fn an_agent_that_others_could_have_written_or_that_is_damaged_is_not_run() {
    let Some(place) = Place::new(&[]) else { return };
    let target = place.target(Transport::Libssh2);
    assert_eq!(prints(&*pool().link(&target), "echo in").unwrap(), "in");
    let agent = fs::read_dir(place.agents()).unwrap().next().unwrap().unwrap().path();
    let whole = fs::read(&agent).unwrap();
    let evil = place.directory.path().join("ran");
    let mut script = format!("#!/bin/sh\ntouch {}\n", evil.display()).into_bytes();
    script.resize(whole.len(), b'\n');
    // Writable by others, with the right size and name.
    fs::write(&agent, &script).unwrap();
    fs::set_permissions(&agent, fs::Permissions::from_mode(0o722)).unwrap();
    assert_eq!(prints(&*pool().link(&target), "echo in").unwrap(), "in");
    assert!(!evil.exists(), "a file was run that others could write");
    assert_eq!(fs::read(&agent).unwrap(), whole);
    // Ours alone, but a crash left zeros: brought again.
    fs::write(&agent, vec![0; whole.len()]).unwrap();
    assert_eq!(prints(&*pool().link(&target), "echo in").unwrap(), "in");
    assert_eq!(fs::read(&agent).unwrap(), whole);
}

#[test]
fn first_contact_costs_little_more_than_a_warm_one() {
    let Some(place) = Place::new(&[]) else { return };
    let programs: Vec<f64> = [(); 2]
        .iter()
        .map(|()| {
            let pool = pool();
            let began = Instant::now();
            pool.link(&place.target(Transport::Libssh2)).hello(None).unwrap();
            began.elapsed().as_secs_f64()
        })
        .collect();
    let pool = pool();
    let link = pool.link(&place.target(Transport::Libssh2));
    link.hello(None).unwrap();
    let began = Instant::now();
    for _ in 0..100 {
        link.run(None, request("ping", &[json!({})]), &Nothing, &Heard::default()).unwrap();
    }
    let run = began.elapsed().as_secs_f64() * 10.0;
    eprintln!("first contact {:.3} s, warm {:.3} s, a request {run:.3} ms", programs[0], programs[1]);
    // The limit is for a machine with other work to do; the benchmark has the figure for a quiet one.
    assert!(programs[0] - programs[1] < 3.0, "{programs:?}");
}
