//! How users show who they are.

use super::*;

#[test]
fn an_encrypted_key_needs_its_passphrase() {
    let Some(place) = Place::new(&[]) else { return };
    for kind in ["ed25519", "rsa", "ecdsa"] {
        let key = place.directory.path().join(kind);
        ssh_keygen(&["-q", "-t", kind, "-N", "open sesame", "-f", key.to_str().unwrap()]);
        let public = fs::read_to_string(key.with_extension("pub")).unwrap();
        let authorized = place.sshd.key().with_file_name("authorized_keys");
        fs::write(authorized, public).unwrap();
        place.both(|target| {
            let target = Target { private_key: Some(key.clone()), ..target };
            let right = Target { password: secret("open sesame"), ..target.clone() };
            assert_eq!(prints(&*pool().link(&right), "echo in").unwrap(), "in", "{kind}");
            let none = unreachable(&target);
            let wrong = unreachable(&Target { password: secret("wrong"), ..target.clone() });
            if target.transport == Transport::Libssh2 {
                has(&none, &["is encrypted", "ssh-add", key.to_str().unwrap()]);
                has(&wrong, &["passphrase", "is wrong"]);
            }
        });
    }
}

#[test]
fn a_key_of_the_ssh_agent_and_a_certificate_are_taken() {
    let Some(place) = Place::new(&[]) else { return };
    let socket = place.directory.path().join("agent.sock");
    let agent =
        Running(Command::new("ssh-agent").arg("-D").arg("-a").arg(&socket).stdout(Stdio::null()).spawn().unwrap());
    support::until("ssh-agent", Duration::from_secs(10), || socket.exists());
    let added = Command::new("ssh-add").arg("-q").arg(place.sshd.key()).env("SSH_AUTH_SOCK", &socket).status().unwrap();
    assert!(added.success());
    let known = place.sshd.known_hosts();
    place.both(|target| {
        let mut args = vec!["-F".to_owned(), "none".to_owned()];
        for option in [format!("UserKnownHostsFile={}", known.display()), format!("IdentityAgent={}", socket.display())]
        {
            args.extend(["-o".to_owned(), option]);
        }
        let target = Target { private_key: None, ssh_args: args, ..target };
        assert_eq!(prints(&*pool().link(&target), "echo in").unwrap(), "in");
    });
    drop(agent);

    // An authority signs a user's key; the host knows the authority only.
    let (authority, key) = (place.directory.path().join("ca"), place.directory.path().join("signed"));
    let user = String::from_utf8(Command::new("id").arg("-un").output().unwrap().stdout).unwrap();
    ssh_keygen(&["-q", "-t", "ed25519", "-N", "", "-f", authority.to_str().unwrap()]);
    ssh_keygen(&["-q", "-t", "ed25519", "-N", "", "-f", key.to_str().unwrap()]);
    let (authority_name, key_name) = (authority.to_str().unwrap(), key.with_extension("pub"));
    ssh_keygen(&["-q", "-s", authority_name, "-I", "test", "-n", user.trim(), key_name.to_str().unwrap()]);
    let public = fs::read_to_string(authority.with_extension("pub")).unwrap();
    fs::write(place.sshd.key().with_file_name("authorized_keys"), format!("cert-authority {public}")).unwrap();
    place.both(|target| {
        let target = Target { private_key: Some(key.clone()), ..target };
        assert_eq!(prints(&*pool().link(&target), "echo in").unwrap(), "in");
    });
}

#[test]
fn a_wrong_key_is_refused_and_the_message_says_which_were_tried() {
    let Some(place) = Place::new(&[]) else { return };
    let key = place.directory.path().join("other");
    ssh_keygen(&["-q", "-t", "ed25519", "-N", "", "-f", key.to_str().unwrap()]);
    place.both(|target| {
        let target = Target { private_key: Some(key.clone()), user: Some("root".to_owned()), ..target };
        let message = unreachable(&target);
        if target.transport == Transport::Libssh2 {
            let print = fingerprint(&key.with_extension("pub"));
            has(&message, &["authentication as root failed", key.to_str().unwrap(), &print, "publickey"]);
        } else {
            has(&message, &["ssh could not connect to 127.0.0.1", "Permission denied (publickey"]);
        }
    });
    let target = place.target(Transport::Libssh2);
    let message = unreachable(&Target { private_key: Some("/nowhere/key".into()), ..target });
    has(&message, &["/nowhere/key cannot be read (No such file"]);
}
