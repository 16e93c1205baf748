//! How hosts show which they are.

use super::*;

#[test]
fn a_changed_host_key_is_refused_with_both_fingerprints_and_the_place() {
    let Some(place) = Place::new(&[]) else { return };
    let other = place.directory.path().join("other");
    ssh_keygen(&["-q", "-t", "ed25519", "-N", "", "-f", other.to_str().unwrap()]);
    let other = other.with_extension("pub");
    let key = fs::read_to_string(&other).unwrap();
    let known = place.file("known", &format!("# first\n{} {key}", place.name()));
    place.both(|target| {
        for policy in [HostKeyPolicy::Strict, HostKeyPolicy::AcceptNew] {
            let target = Target { ssh_args: with_known_hosts(&known), host_keys: policy, ..target.clone() };
            let message = unreachable(&target);
            if target.transport == Transport::Libssh2 {
                let (shown, was) = (fingerprint(&place.sshd.host_key()), fingerprint(&other));
                let at = format!("{}:2", known.display());
                has(&message, &["has changed", &shown, &was, &at, "ssh-keygen -R"]);
            } else {
                has(&message, &["REMOTE HOST IDENTIFICATION HAS CHANGED"]);
            }
        }
    });
}

#[test]
fn unknown_and_revoked_host_keys_are_refused_and_hashed_ones_are_known() {
    let Some(place) = Place::new(&[]) else { return };
    let (name, key) = (place.name(), place.host_key());
    let nobody = place.file("nobody", "");
    let revoked = place.file("revoked", &format!("{name} {key}\n@revoked * {key}\n"));
    let hashed = place.file("hashed", &format!("{name} {key}\n"));
    ssh_keygen(&["-q", "-H", "-f", hashed.to_str().unwrap()]);
    assert!(!fs::read_to_string(&hashed).unwrap().contains("127.0.0.1"));
    place.both(|target| {
        let with = |file: &Path| Target { ssh_args: with_known_hosts(file), ..target.clone() };
        let libssh2 = target.transport == Transport::Libssh2;
        let message = unreachable(&with(&nobody));
        has(&message, if libssh2 { &["is not known", "ssh-keyscan -p"] } else { &["Host key verification failed"] });
        for policy in [HostKeyPolicy::Strict, HostKeyPolicy::AcceptNew] {
            let message = unreachable(&Target { host_keys: policy, ..with(&revoked) });
            has(&message, if libssh2 { &["is revoked", "revoked:2"] } else { &["evoked"] });
        }
        assert_eq!(prints(&*pool().link(&with(&hashed)), "echo in").unwrap(), "in");
    });
}

#[test]
fn a_new_host_key_is_remembered_once_where_that_is_asked_for() {
    let Some(place) = Place::new(&[]) else { return };
    for transport in [Transport::Libssh2, Transport::System] {
        let known = place.directory.path().join(format!("known-{transport:?}"));
        let target = place.target(transport);
        let new = Target { ssh_args: with_known_hosts(&known), host_keys: HostKeyPolicy::AcceptNew, ..target };
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| prints(&*pool().link(&new), "echo in").unwrap());
            }
        });
        let text = fs::read_to_string(&known).unwrap();
        has(&text, &[&place.name(), &place.host_key()]);
        if transport == Transport::Libssh2 {
            assert_eq!(text.lines().count(), 1, "{text}");
        }
        let strict = Target { host_keys: HostKeyPolicy::Strict, ..new };
        assert_eq!(prints(&*pool().link(&strict), "echo in").unwrap(), "in");
    }
}

#[test]
fn a_host_known_by_its_authority_is_left_to_the_systems_ssh() {
    let directory = tempfile::tempdir().unwrap();
    let authority = directory.path().join("ca");
    ssh_keygen(&["-q", "-t", "ed25519", "-N", "", "-f", authority.to_str().unwrap()]);
    let (host, certificate) = (directory.path().join("host"), directory.path().join("host-cert.pub"));
    ssh_keygen(&["-q", "-t", "ed25519", "-N", "", "-f", host.to_str().unwrap()]);
    let public = host.with_extension("pub");
    ssh_keygen(&[
        "-q",
        "-s",
        authority.to_str().unwrap(),
        "-I",
        "h",
        "-h",
        "-n",
        "127.0.0.1",
        public.to_str().unwrap(),
    ]);
    let options = [format!("HostKey {}", host.display()), format!("HostCertificate {}", certificate.display())];
    let Some(place) = Place::new(&[&options[0], &options[1]]) else { return };
    let key = fs::read_to_string(authority.with_extension("pub")).unwrap();
    let known = place.file("known", &format!("@cert-authority {} {key}", place.name()));
    let target = Target { ssh_args: with_known_hosts(&known), ..place.target(Transport::Auto) };
    assert_eq!(prints(&*pool().link(&target), "echo in").unwrap(), "in");
    has(&unreachable(&Target { transport: Transport::Libssh2, ..target }), &["is not known"]);
}
