//! Runs on a fleet of booted hosts, through the front door: a plan that touches nothing, a run that does what was planned,
//! a second run that finds nothing to do, a real reboot, and hosts that are lost or not who they were.

#![allow(clippy::unwrap_used, reason = "a test that can't go on fails there")]

mod support;

use std::path::Path;
use std::process::{Command, Output};
use support::Fleet;

const PLAYBOOK: &str = r#"
- hosts: all
  gather_facts: true
  tasks:
    - ansible.builtin.file: {path: /opt/app/conf, state: directory, mode: "0750"}
    - ansible.builtin.copy: {content: "name={{ inventory_hostname }}\n", dest: /opt/app/conf/app.ini}
      notify: told
    - ansible.builtin.lineinfile: {path: /opt/app/conf/app.ini, line: "kernel={{ ansible_kernel }}"}
    - ansible.builtin.user: {name: app, shell: /bin/sh, system: true}
    - ansible.builtin.file: {path: /opt/app/conf/app.ini, owner: app}
    - ansible.builtin.apt: {name: refit-tool}
    - ansible.builtin.apt: {deb: "file:///srv/apt/refit-suite_1.0_all.deb"}
    - ansible.builtin.stat: {path: /opt/app/conf/app.ini}
      register: ini
    - ansible.builtin.assert: {that: ini.stat.exists and ini.stat.pw_name == 'app'}
  handlers:
    - name: told
      ansible.builtin.debug: {msg: told}
"#;

fn refit(fleet: &Fleet, home: &Path, playbook: &str, words: &[&str]) -> Output {
    let path = home.join("playbook.yml");
    std::fs::write(&path, playbook).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_refit"));
    command.arg("run").arg("-i").arg(fleet.inventory()).args(words).arg(path);
    command.env("HOME", home).env("XDG_STATE_HOME", home).env_remove("ANSIBLE_CONFIG").current_dir(home);
    command.output().unwrap()
}

fn text(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// Of each result of a run with `--output json`: (task, host, prediction or status).
fn statuses(output: &Output) -> Vec<(String, String, bool)> {
    let json: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{}", text(output)));
    let mut found = Vec::new();
    for play in json["plays"].as_array().unwrap() {
        for task in play["tasks"].as_array().unwrap() {
            for (host, result) in task["hosts"].as_object().unwrap() {
                let changed = result["changed"] == true;
                found.push((task["task"]["name"].as_str().unwrap().to_owned(), host.clone(), changed));
            }
        }
    }
    found
}

#[test]
fn a_plan_touches_nothing_and_the_run_does_what_it_said() {
    let Some(fleet) = Fleet::up(2) else { return };
    let home = tempfile::tempdir().unwrap();
    let state = || {
        let look = "find /opt /etc /home /var/lib/dpkg/info -printf '%p %m %u %g %s %T@\\n' | sort; cat /etc/passwd /etc/group";
        (fleet.sh("host1", look), fleet.sh("host2", look))
    };
    let before = state();
    let plan = refit(&fleet, home.path(), PLAYBOOK, &["-C", "-D", "--output", "json"]);
    assert!(plan.status.success(), "{}", text(&plan));
    assert_eq!(state(), before, "the plan changed something");

    let first = refit(&fleet, home.path(), PLAYBOOK, &["--output", "json"]);
    assert!(first.status.success(), "{}", text(&first));
    assert_eq!(statuses(&first), statuses(&plan), "the run did something else than was planned");
    assert_eq!(fleet.sh("host1", "stat -c '%a %U' /opt/app/conf /opt/app/conf/app.ini"), "750 root\n644 app");
    assert!(fleet.sh("host2", "cat /opt/app/conf/app.ini").starts_with("name=host2\nkernel="));
    for package in ["refit-tool", "refit-suite"] {
        let status = fleet.sh("host2", &format!("dpkg-query -W -f '${{Status}}' {package}"));
        assert!(status.contains("install ok installed"), "{package}: {status}");
    }
    assert_eq!(fleet.sh("host2", "find /tmp /dev/shm -name '*.deb'"), "", "the fetched package was left");
}

#[test]
fn a_reboot_is_a_new_boot_and_the_run_goes_on() {
    let Some(fleet) = Fleet::up(1) else { return };
    let home = tempfile::tempdir().unwrap();
    let before = fleet.boot_id("host1");
    let playbook = "
- hosts: all
  gather_facts: false
  tasks:
    - ansible.builtin.reboot: {reboot_timeout: 120}
      register: again
    - ansible.builtin.command: cat /proc/sys/kernel/random/boot_id
      register: now
    - ansible.builtin.debug: {msg: \"rebooted {{ again.rebooted }} {{ now.stdout }}\"}
";
    let run = refit(&fleet, home.path(), playbook, &["--output", "ansible"]);
    assert!(run.status.success(), "{}", text(&run));
    let after = fleet.boot_id("host1");
    assert_ne!(before.trim(), after.trim());
    assert!(text(&run).contains(&format!("rebooted True {}", after.trim())), "{}", text(&run));
}

#[test]
fn a_host_that_is_off_or_not_who_it_was_is_unreachable_and_the_other_is_done() {
    let Some(fleet) = Fleet::up(2) else { return };
    let home = tempfile::tempdir().unwrap();
    let playbook = "
- hosts: all
  gather_facts: false
  tasks:
    - ansible.builtin.copy: {content: done, dest: /root/done}
";
    fleet.cut("host1");
    let run = refit(&fleet, home.path(), playbook, &["-T", "3", "--output", "human"]);
    assert_eq!(run.status.code(), Some(4), "{}", text(&run));
    assert!(text(&run).contains("host1"), "{}", text(&run));
    assert_eq!(fleet.sh("host2", "cat /root/done"), "done");
    fleet.mend("host1");

    // Another key than the one that is known.
    let known = std::fs::read_to_string(fleet.known_hosts()).unwrap();
    let (first, second) = (fleet.address("host1").to_string(), fleet.address("host2").to_string());
    let swapped: String = known
        .lines()
        .filter(|line| line.starts_with(&second))
        .map(|line| format!("{}\n{line}\n", line.replacen(&second, &first, 1)))
        .collect();
    std::fs::write(fleet.known_hosts(), swapped).unwrap();
    let run = refit(&fleet, home.path(), playbook, &["--output", "human"]);
    assert_eq!(run.status.code(), Some(4), "{}", text(&run));
    assert!(text(&run).matches("SHA256:").count() >= 2, "both fingerprints: {}", text(&run));
}

#[test]
fn a_user_whom_tasks_have_become_can_be_removed_and_become_again() {
    let Some(fleet) = Fleet::up(1) else { return };
    let home = tempfile::tempdir().unwrap();
    let playbook = "
- hosts: all
  gather_facts: false
  tasks:
    - &make
      user: {name: passing, shell: /bin/sh}
    - &write
      copy: {content: here, dest: /home/passing/was}
      become: true
      become_user: passing
    - &remove
      user: {name: passing, state: absent, remove: true}
    - *make
    - *write
    - user: {name: '{{ item }}', state: absent}
      loop: [nobody-at-all, passing]
";
    let run = refit(&fleet, home.path(), playbook, &["--output", "human"]);
    assert!(run.status.success(), "{}", text(&run));
    assert_eq!(fleet.sh("host1", "getent passwd passing || stat -c %n /home/passing/was"), "/home/passing/was");

    // So it is foreseen where the user is there already.
    fleet.sh("host1", "useradd -m passing");
    let plan = refit(&fleet, home.path(), playbook, &["-C", "--output", "human"]);
    assert!(plan.status.success(), "{}", text(&plan));
    fleet.sh("host1", "getent passwd passing");
}
