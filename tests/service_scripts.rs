//! Services of scripts in `/etc/init.d`, on a host whose process 1 is no systemd: this machine, seen through namespaces in
//! which there is none.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use serde_json::Value;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;
use support::PrivateSshd;
use tempfile::TempDir;

/// What the sessions of the server see: process 1 is this script, systemd is not there, and scripts and links are those of
/// the test's directory. What overlay file systems keep must lie in memory: they can't be put on each other.
const INIT: &str = r#"#!/bin/sh
mount -t tmpfs none /run && mkdir -p /run/changed /run/work || exit 1
if [ -L /sbin/init ]; then
    mount -t overlay none -o lowerdir=/usr/sbin,upperdir=/run/changed,workdir=/run/work /usr/sbin || exit 1
    rm /sbin/init
fi
systemctl=$(command -v systemctl) && mount --bind /dev/null "$systemctl"
for name in init.d rc0.d rc1.d rc2.d rc3.d rc4.d rc5.d rc6.d; do
    mount --bind "DIRECTORY/$name" "/etc/$name" || exit 1
done
sh -c "$SSH_ORIGINAL_COMMAND"
exit $?
"#;

/// A service that writes down what it is asked.
const SCRIPT: &str = r#"#!/bin/sh
### BEGIN INIT INFO
# Provides:          web
# Required-Start:
# Required-Stop:
# Default-Start:     2 3 4 5
# Default-Stop:      0 1 6
### END INIT INFO
[ "$1" = status ] || echo "$*" >> DIRECTORY/log
case "$1" in
    start) touch DIRECTORY/running ;;
    stop) rm -f DIRECTORY/running ;;
    status) test -e DIRECTORY/running || { echo "web is not running"; exit 3; }; echo "web is running" ;;
esac
"#;

struct Host {
    sshd: PrivateSshd,
    home: TempDir,
}

impl Host {
    fn new() -> Option<Host> {
        if !rustix::process::geteuid().is_root() || !Path::new("/usr/sbin/update-rc.d").exists() {
            eprintln!("SKIPPED: only root can mount, on a Debian");
            return None;
        }
        let home = tempfile::tempdir().unwrap();
        let path = home.path().display().to_string();
        for name in ["init.d", "rc0.d", "rc1.d", "rc2.d", "rc3.d", "rc4.d", "rc5.d", "rc6.d"] {
            fs::create_dir(home.path().join(name)).unwrap();
        }
        // The kernel takes the name of process 1 from it.
        for (name, text) in [("init", INIT), ("init.d/web", SCRIPT)] {
            fs::write(home.path().join(name), text.replace("DIRECTORY", &path)).unwrap();
            fs::set_permissions(home.path().join(name), fs::Permissions::from_mode(0o755)).unwrap();
        }
        let forced = format!("ForceCommand exec unshare -mpf --mount-proc {path}/init");
        let sshd = PrivateSshd::start(&[&forced, &format!("SetEnv HOME={path}")])?;
        Some(Host { sshd, home })
    }

    /// The results of tasks.
    fn run(&self, words: &[&str], tasks: &str) -> Vec<Value> {
        let playbook = format!("- hosts: all\n  gather_facts: false\n  tasks:\n{tasks}");
        fs::write(self.home.path().join("playbook.yml"), playbook).unwrap();
        let done = Command::new(env!("CARGO_BIN_EXE_refit"))
            .args(["run", "--output", "json", "-i"])
            .arg(self.sshd.inventory())
            .args(words)
            .arg("playbook.yml")
            .env("HOME", self.home.path())
            .env("XDG_STATE_HOME", self.home.path().join("state"))
            .env_remove("ANSIBLE_CONFIG")
            .current_dir(self.home.path())
            .output()
            .unwrap();
        let json: Value = serde_json::from_slice(&done.stdout).unwrap_or_else(|_| {
            panic!("{}", String::from_utf8_lossy(&done.stdout).to_string() + &String::from_utf8_lossy(&done.stderr))
        });
        let tasks = json["plays"][0]["tasks"].as_array().unwrap();
        tasks.iter().map(|task| task["hosts"]["here"].clone()).collect()
    }

    /// What the service was asked since it was last looked.
    fn asked(&self) -> String {
        let log = self.home.path().join("log");
        let text = fs::read_to_string(&log).unwrap_or_default();
        let _ = fs::remove_file(log);
        text
    }

    /// The first letter of each link to the service, by runlevel.
    fn links(&self) -> String {
        let mut all = String::new();
        for level in 0..=6 {
            for entry in fs::read_dir(self.home.path().join(format!("rc{level}.d"))).unwrap() {
                let name = entry.unwrap().file_name().into_string().unwrap();
                if name.ends_with("web") {
                    all += &format!("{level}{} ", &name[..1]);
                }
            }
        }
        all.trim_end().to_owned()
    }
}

fn changes(results: &[Value]) -> Vec<bool> {
    results.iter().map(|result| result["changed"].as_bool().unwrap_or_else(|| panic!("{result}"))).collect()
}

const TASKS: &str = "    - service: {name: web, state: started, enabled: true, arguments: now please}\n\
    \x20   - service: {name: web, state: started, enabled: true, arguments: now please}\n\
    \x20   - service: {name: web, state: reloaded}\n\
    \x20   - service: {name: web, state: restarted, sleep: 0}\n\
    \x20   - service: {name: web, state: stopped}\n\
    \x20   - service: {name: web, state: stopped}\n\
    \x20   - service: {name: web, state: started}\n";

#[test]
fn scripts_are_started_stopped_and_linked_as_planned() {
    let Some(host) = Host::new() else { return };
    let planned = host.run(&["-C"], TASKS);
    assert_eq!(host.asked(), "", "a plan asked the service");
    assert_eq!(host.links(), "");
    let done = host.run(&[], TASKS);
    assert_eq!(changes(&done), [true, false, true, true, true, false, true], "{done:#?}");
    assert_eq!(changes(&planned), changes(&done), "{planned:#?}");
    assert_eq!(host.asked(), "start now please\nreload\nstop\nstart\nstop\nstart\n");
    assert_eq!(host.links(), "0K 1K 2S 3S 4S 5S 6K");
    assert_eq!(
        (&done[0]["state"], &done[0]["enabled"], &done[5]["state"]),
        (&"started".into(), &true.into(), &"stopped".into())
    );

    let facts = host.run(&[], "    - service_facts:\n");
    let web = &facts[0]["ansible_facts"]["services"]["web"];
    assert_eq!((&web["state"], &web["source"]), (&"running".into(), &"sysv".into()), "{facts:?}");

    let disabled =
        host.run(&[], "    - service: {name: web, enabled: false}\n    - service: {name: web, enabled: false}\n");
    assert_eq!(changes(&disabled), [true, false]);
    assert_eq!(host.links(), "0K 1K 2K 3K 4K 5K 6K");
}

#[test]
fn a_service_without_a_status_is_found_by_its_processes_and_what_is_wrong_is_said() {
    let Some(host) = Host::new() else { return };
    let tasks = "    - service: {name: web, state: started, pattern: no-such-process-anywhere}\n\
        \x20   - service: {name: web, state: stopped, pattern: no-such-process-anywhere}\n\
        \x20   - service: {name: web, state: started, pattern: /init}\n";
    assert_eq!(changes(&host.run(&["-C"], tasks)), [true, true, false]);
    // It only pretends to start, so in the run it does not run afterwards.
    assert_eq!(changes(&host.run(&[], tasks)), [true, false, false]);
    for (task, said) in [
        ("{name: absent, state: started}", "Could not find the requested service absent"),
        ("{name: web, daemon_reload: true}", "`daemon_reload` is for systemd"),
    ] {
        let failed = host.run(&[], &format!("    - service: {task}\n      ignore_errors: true\n"));
        assert!(failed[0]["msg"].as_str().unwrap().contains(said), "{failed:?}");
    }
}
