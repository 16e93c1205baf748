//! A plan leaves the host byte for byte as it was, whatever the module: every module and action that there is has a case
//! here, and all of them are planned on a booted host whose filesystem is compared from outside, before and after.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::{IpAddr, TcpListener};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::Command;
use std::sync::{Arc, Mutex};
use support::Fleet;

/// What the cases work on, made beforehand.
const SETUP: &str = r#"
    mkdir -p /srv/case /srv/case/parts /srv/case/tree/sub /srv/case/unpacked /root/.ansible_async
    printf 'one\ntwo\n' > /srv/case/lines
    printf 'old\n' > /srv/case/file
    printf 'a\n' > /srv/case/parts/1; printf 'b\n' > /srv/case/parts/2
    touch /srv/case/tree/sub/x
    tar -C /srv/case -cf /srv/case/tree.tar tree
    echo '{"ansible_job_id": "7.7", "started": 1, "finished": 1, "changed": true}' > /root/.ansible_async/7.7
    useradd --create-home leaver
    groupadd leavers
    useradd --create-home job
    echo '5 * * * * /bin/true' | crontab -u job -
    printf '[Unit]\nDescription=case\n[Service]\nExecStart=/bin/sleep infinity\n[Install]\nWantedBy=multi-user.target\n' \
        > /etc/systemd/system/case.service
    systemctl daemon-reload
    systemctl start case.service
    git init -q -b main /srv/repo
    cd /srv/repo && git config user.email a@example.org && git config user.name a
    echo one > file && git add file && git commit -qm one
    git clone -q /srv/repo /srv/clone 2>/dev/null
    echo two > file && git commit -qam two
    echo mine > /srv/clone/file
    update-alternatives --quiet --install /usr/bin/case case /bin/true 10
    update-alternatives --quiet --install /usr/bin/case case /bin/false 20
    iptables -N CASE
    export GNUPGHOME=/srv/gnupg && mkdir -m 700 /srv/gnupg
    gpg --batch --quiet --passphrase '' --quick-generate-key case@example.org ed25519 2>/dev/null
    gpg --armor --export > /srv/case/key.asc && gpgconf --kill all
"#;

/// The public key that cases name.
const KEY: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEB";

/// A case: the module, what the plan must say of it (`change`, `ok`, `skip`, `fail`, `unknown`), and its arguments. URL
/// stands for the test's server, and KEY for [`KEY`]. They are planned in this order on one host, so what a case takes
/// away is gone for later ones.
const CASES: &[(&str, &str, &str)] = &[
    // What would say of packages and users what nobody can know once these are to change.
    ("getent", "ok", "{database: passwd, key: ops}"),
    ("service_facts", "ok", "{}"),
    ("add_host", "change", "{name: other, groups: more}"),
    ("alternatives", "change", "{name: case, path: /bin/true}"),
    ("alternatives", "change", "{name: fresh, path: /bin/true, link: /usr/bin/fresh}"),
    ("apt", "change", "{name: refit-tool, update_cache: true}"),
    ("apt", "change", "{name: sudo, state: absent, purge: true, autoremove: true}"),
    ("apt_key", "change", "{file: /srv/case/key.asc}"),
    ("apt_key", "change", "{file: /srv/case/key.asc, keyring: /etc/apt/trusted.gpg.d/case.gpg}"),
    ("apt_repository", "change", "{repo: 'deb [trusted=yes] file:/srv/none ./', filename: case}"),
    ("assemble", "change", "{src: /srv/case/parts, dest: /srv/case/assembled, remote_src: true}"),
    ("assert", "ok", "{that: true}"),
    ("async_status", "change", "{jid: '7.7'}"),
    ("async_status", "ok change", "{jid: '7.7', mode: cleanup}"),
    ("authorized_key", "change", "{user: leaver, key: KEY}"),
    ("blockinfile", "change", "{path: /srv/case/lines, block: more, backup: true}"),
    ("command", "unknown", "touch /srv/case/by-command"),
    ("command", "unknown", "{cmd: touch /srv/case/by-command, creates: /srv/case/by-command}"),
    ("copy", "change", "{content: new, dest: /srv/case/file, mode: '0600', owner: leaver, backup: true}"),
    ("copy", "change", "{src: /srv/case/tree, dest: /srv/copied, remote_src: true}"),
    ("copy", "change", "{src: files/, dest: /srv/case/from-controller}"),
    ("cron", "change", "{name: nightly, user: job, hour: '3', job: /bin/true, backup: true}"),
    ("cron", "change", "{name: nightly, cron_file: case, user: root, job: /bin/true}"),
    ("debconf", "change", "{name: tzdata, question: tzdata/Areas, vtype: select, value: Australia}"),
    ("debug", "ok", "{msg: hello}"),
    ("dpkg_selections", "change", "{name: cron, selection: hold}"),
    ("fail", "fail", "{msg: as meant}"),
    ("fetch", "change", "{src: /srv/case/lines, dest: fetched/}"),
    ("file", "change", "{path: /srv/case/directory/deeper, state: directory, owner: leaver, mode: '0700'}"),
    ("file", "change", "{path: /srv/case/tree, state: absent}"),
    ("file", "change", "{path: /srv/case/link, src: /etc/passwd, state: link}"),
    ("file", "change", "{path: /srv/case/hard, src: /srv/case/lines, state: hard}"),
    ("file", "change", "{path: /srv/case/touched, state: touch}"),
    ("find", "ok", "{paths: /srv/case, recurse: true, get_checksum: true}"),
    ("gather_facts", "ok", "{}"),
    ("get_url", "change", "{url: URL/fetched, dest: /srv/case/fetched}"),
    ("get_url", "change", "{url: URL/large, dest: /srv/case/large}"),
    ("git", "change", "{repo: /srv/repo, dest: /srv/new, version: main}"),
    ("git", "change", "{repo: /srv/repo, dest: /srv/clone, version: main, force: true}"),
    ("group", "change", "{name: newcomers, gid: 4242}"),
    ("group", "change", "{name: leavers, state: absent}"),
    ("group_by", "change", "{key: by_case}"),
    ("hostname", "change", "{name: renamed}"),
    ("import_role", "", "{name: small}"),
    ("import_tasks", "", "small.yml"),
    ("include", "", "small.yml"),
    ("include_role", "", "{name: small}"),
    ("include_tasks", "", "small.yml"),
    ("include_vars", "ok", "{file: small_vars.yml}"),
    ("iptables", "change", "{chain: CASE, source: 10.0.0.0/8, jump: DROP}"),
    ("iptables", "change", "{chain: NEW, chain_management: true}"),
    ("iptables", "change", "{chain: FORWARD, policy: DROP}"),
    ("known_hosts", "change", "{name: one.example.org, key: one.example.org KEY, hash_host: true}"),
    ("lineinfile", "change", "{path: /srv/case/lines, line: three, validate: 'grep -q . %s'}"),
    ("locale_gen", "change", "{name: de_AT.UTF-8}"),
    ("meta", "", "flush_handlers"),
    // The kernel is this machine's, and hosts have no modules for it.
    ("modprobe", "change fail", "{name: dummy, persistent: present}"),
    ("mount", "change", "{path: /srv/mounted, src: tmpfs, fstype: tmpfs, opts: size=1m, state: mounted, backup: true}"),
    ("mount", "change", "{path: /mnt/tiny, state: unmounted}"),
    ("package", "change", "{name: refit-docs, state: present}"),
    ("apt", "change", "{deb: URL/refit-suite.deb}"),
    ("package_facts", "ok", "{}"),
    ("pause", "ok skip", "{seconds: 1}"),
    ("ping", "ok", "{}"),
    ("pip", "change unknown", "{name: case, virtualenv: /srv/venv, virtualenv_command: python3 -m venv}"),
    ("pip", "change unknown", "{name: /srv/case/package, break_system_packages: true}"),
    ("raw", "unknown", "touch /srv/case/by-raw"),
    ("replace", "change", "{path: /srv/case/lines, regexp: one, replace: two, backup: true}"),
    ("script", "unknown", "small.sh"),
    ("service", "change", "{name: case, state: stopped}"),
    ("set_fact", "ok", "{x: 1}"),
    ("set_stats", "ok", "{data: {x: 1}}"),
    ("setup", "ok", "{gather_subset: [all]}"),
    ("shell", "unknown", "echo x > /srv/case/by-shell"),
    ("slurp", "ok", "{src: /srv/case/lines}"),
    ("stat", "ok", "{path: /srv/case/lines, checksum_algorithm: sha512}"),
    ("sysctl", "change", "{name: net.ipv4.ip_forward, value: '1', sysctl_set: true}"),
    ("systemd_service", "change", "{name: case, enabled: true, state: restarted, daemon_reload: true}"),
    ("systemd_service", "change", "{name: ssh, masked: true}"),
    ("tempfile", "change unknown", "{path: /srv/case, suffix: .case}"),
    ("template", "change", "{src: small.j2, dest: /srv/case/templated, validate: 'grep -q . %s'}"),
    ("timezone", "change", "{name: Europe/Vienna}"),
    ("unarchive", "change", "{src: /srv/case/tree.tar, dest: /srv/case/unpacked, remote_src: true}"),
    ("unarchive", "change", "{src: small.tar, dest: /srv/case/unpacked}"),
    ("uri", "ok", "{url: URL/looked-at}"),
    ("uri", "ok", "{url: URL/head, method: HEAD}"),
    ("uri", "change", "{url: URL/kept, dest: /srv/case/kept}"),
    ("uri", "unknown", "{url: URL/ordered, method: POST, body: x}"),
    ("uri", "unknown", "{url: URL/deleted, method: DELETE}"),
    ("user", "change", "{name: newcomer, password: '*', groups: newcomers, generate_ssh_key: true}"),
    ("user", "change", "{name: leaver, state: absent, remove: true}"),
    ("validate_argument_spec", "ok", "{argument_spec: {}, provided_arguments: {}}"),
    ("wait_for", "ok", "{path: /srv/case/lines, search_regex: two}"),
    ("wait_for_connection", "ok", "{timeout: 30}"),
    ("file", "change", "{path: /etc, mode: g+w, recurse: true}"),
    // What comes after a reboot can be foreseen less, so it is the last.
    ("reboot", "change", "{reboot_timeout: 60}"),
];

/// Words that have no result of their own: the tasks that they bring have.
const WITHOUT_RESULT: [&str; 6] = ["import_role", "import_tasks", "include", "include_role", "include_tasks", "meta"];

/// What a path has that a plan must leave alone: everything but the time of the last read.
#[derive(Debug, PartialEq)]
struct Print {
    mode: u32,
    owner: (u32, u32),
    size: u64,
    links: u64,
    modified: (i64, i64),
    // Any write, of content or of what is written here, moves it.
    changed: (i64, i64),
    content: Option<[u8; 32]>,
    target: Option<std::path::PathBuf>,
}

/// Where the system writes by itself as time goes by and as people log in, and where the agents lie.
const BY_ITSELF: [&str; 4] = ["/var/log", "/var/lib/systemd/timers", "/root/.cache/refit", "/home/deploy/.cache/refit"];

/// What is below a directory, by its path from there.
fn prints(root: &Path, but: &[&str]) -> BTreeMap<String, Print> {
    let mut found = BTreeMap::new();
    let mut rest = vec![root.to_owned()];
    while let Some(path) = rest.pop() {
        let name = format!("/{}", path.strip_prefix(root).unwrap().display());
        if but.contains(&name.as_str()) {
            continue;
        }
        let meta = fs::symlink_metadata(&path).unwrap();
        if meta.is_dir() {
            rest.extend(fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
        }
        // Larger ones are programs: of those the times of the last change must do.
        let content = (meta.is_file() && meta.len() < 1 << 20).then(|| Sha256::digest(fs::read(&path).unwrap()).into());
        let print = Print {
            mode: meta.mode(),
            owner: (meta.uid(), meta.gid()),
            size: if meta.is_dir() { 0 } else { meta.len() },
            links: meta.nlink(),
            modified: (meta.mtime(), meta.mtime_nsec()),
            changed: (meta.ctime(), meta.ctime_nsec()),
            content,
            target: fs::read_link(&path).ok(),
        };
        found.insert(name, print);
    }
    found
}

/// The paths that differ, with what they were and are.
fn different(before: &BTreeMap<String, Print>, after: &BTreeMap<String, Print>) -> Vec<String> {
    let paths: BTreeSet<_> = before.keys().chain(after.keys()).collect();
    let different = paths.into_iter().filter(|path| before.get(*path) != after.get(*path));
    different.map(|path| format!("{path}\n  was {:?}\n  is  {:?}", before.get(path), after.get(path))).collect()
}

/// Prints what is not on the disk, a line each: processes but for those of log-ins and agents, units with their states,
/// files in memory, mounts, the packet filter, the network, kernel parameters of the host's own, its name, the boot.
const RUNNING: &str = r"
    ps -eo pid=,user=,args= --sort=pid |
        grep -Ev 'sshd|agent-|ps -eo|grep|sort|bash -c|\(sd-pam\)|systemd --user|/usr/sbin/cron -f|\[[a-z]+\] <defunct>'
    systemctl list-units --all --plain --no-legend | grep -Ev 'session|user@|user-|\.timer|systemd-tmpfiles' | sort
    systemctl list-unit-files --no-legend | sort
    find /run /dev/shm /mnt/tiny -printf '%p %y %m %u %g %l\n' | sort |
        grep -Ev '^/run/(systemd|udev|sudo/ts|user|host|sshd|log|utmp|credentials)'
    stat -c '%n %s %Y' /run/reboot-required* 2>/dev/null
    mount | sort
    iptables-save | grep -v '^#' | sed 's/\[[0-9:]*\]//'
    ip -o address; ip route
    sysctl -a -r '^net\.ipv4\.(ip_|conf)' 2>/dev/null
    cat /proc/sys/kernel/hostname /proc/sys/kernel/random/boot_id
    cut -d' ' -f1 /proc/modules | sort
    dpkg-query -W -f '${Package} ${Version} ${Status}\n'
    true
";

/// A server that answers everything with a word, or with many, or with a package, and keeps the request lines.
fn server(address: IpAddr, package: Vec<u8>) -> (String, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind((address, 0)).unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let seen: Arc<Mutex<Vec<String>>> = Arc::default();
    let log = seen.clone();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
            let first = lines.next().unwrap().unwrap();
            while lines.next().is_some_and(|line| line.is_ok_and(|line| !line.is_empty())) {}
            let body = match first.split(' ').nth(1) {
                Some("/large") => b"word".repeat(3 << 20),
                Some("/refit-suite.deb") => package.clone(),
                _ => b"word".to_vec(),
            };
            let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", body.len());
            let sent = if first.starts_with("HEAD") { &[] } else { body.as_slice() };
            log.lock().unwrap().push(first);
            let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(sent));
        }
    });
    (url, seen)
}

/// The controller's directory, with what the cases send from there.
fn controller() -> tempfile::TempDir {
    let home = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        let path = home.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    };
    write("small.yml", "- {name: included, ansible.builtin.copy: {content: x, dest: /srv/case/by-include}}\n");
    write(
        "roles/small/tasks/main.yml",
        "- {name: in role, ansible.builtin.copy: {content: x, dest: /srv/case/by-role}}\n",
    );
    write("small_vars.yml", "y: 1\n");
    write("small.sh", "#!/bin/sh\ntouch /srv/case/by-script\n");
    write("small.j2", "{{ inventory_hostname }}\n");
    write("files/below/one", "one\n");
    let packed = Command::new("tar").args(["-cf", "small.tar", "files"]).current_dir(home.path()).status();
    assert!(packed.unwrap().success());
    home
}

/// All cases, as one play; and after it tasks as a user who is become.
fn playbook(url: &str) -> String {
    let mut playbook = "- hosts: all\n  gather_facts: true\n  tasks:\n".to_owned();
    for (at, (module, _, args)) in CASES.iter().enumerate() {
        let args = args.replace("URL", url).replace("KEY", KEY);
        playbook += &format!("    - name: case {at}\n      {module}: {args}\n");
        if !WITHOUT_RESULT.contains(module) {
            playbook += "      ignore_errors: true\n";
        }
        if *module == "reboot" {
            let job = "    - {name: job, command: touch /srv/case/by-job, async: 60, poll: 0}\n";
            let other = "    - {name: as another, copy: {content: x, dest: /home/deploy/by-deploy}, become: true, become_user: deploy}\n";
            playbook = playbook.replacen("    - name: case 0\n", &format!("{job}{other}    - name: case 0\n"), 1);
        }
    }
    playbook
}

#[test]
fn every_module_has_a_case() {
    let cases: BTreeSet<&str> = CASES.iter().map(|(module, ..)| *module).collect();
    let all: BTreeSet<&str> = refit::actions::declarations().iter().map(|module| module.name).collect();
    let without: Vec<_> = all.difference(&cases).collect();
    assert!(without.is_empty(), "without a case in tests/plan_leaves_hosts.rs: {without:?}");
}

#[test]
fn a_plan_leaves_the_host_as_it_was() {
    let Some(fleet) = Fleet::up(1) else { return };
    let home = controller();
    let (url, asked) =
        server(fleet.controller(), fs::read(fleet.root("host1").join("srv/apt/refit-suite_1.0_all.deb")).unwrap());
    fleet.sh("host1", SETUP);
    let run = |words: &[&str], playbook: &str| {
        fs::write(home.path().join("playbook.yml"), playbook).unwrap();
        Command::new(env!("CARGO_BIN_EXE_refit"))
            .args(words)
            .arg("-i")
            .arg(fleet.inventory())
            .arg("playbook.yml")
            .env("HOME", home.path())
            .env("XDG_STATE_HOME", home.path().join("state"))
            .env_remove("ANSIBLE_CONFIG")
            .current_dir(home.path())
            .output()
            .unwrap()
    };
    // The agents come before the look: they are no part of a plan.
    let ready = "- {hosts: all, tasks: [{ping: }, {ping: , become: true, become_user: deploy}]}\n";
    let ready = run(&["run"], ready);
    assert!(ready.status.success(), "{}", String::from_utf8_lossy(&ready.stdout));

    let playbook = playbook(&url);
    fs::write(home.path().join("playbook.yml"), &playbook).unwrap();
    let look = || {
        let here = prints(home.path(), &["/state", "/playbook.yml"]);
        (prints(&fleet.root("host1"), &BY_ITSELF), fleet.sh("host1", RUNNING), here)
    };
    let before = look();
    let plan = run(&["run", "-C", "-D", "--output", "json"], &playbook);
    let after = look();

    let text = || format!("{}{}", String::from_utf8_lossy(&plan.stdout), String::from_utf8_lossy(&plan.stderr));
    let touched = different(&before.0, &after.0);
    assert!(touched.is_empty(), "the plan touched on the host:\n{}", touched.join("\n"));
    same_lines(&before.1, &after.1);
    let touched = different(&before.2, &after.2);
    assert!(touched.is_empty(), "the plan touched on the controller:\n{}", touched.join("\n"));
    let asked = asked.lock().unwrap();
    let orders: Vec<_> = asked.iter().filter(|line| !line.starts_with("GET ") && !line.starts_with("HEAD ")).collect();
    assert!(orders.is_empty(), "sent in a plan: {orders:?}");

    // Nothing was left alone for not having been planned.
    let json: serde_json::Value = serde_json::from_slice(&plan.stdout).unwrap_or_else(|_| panic!("{}", text()));
    let tasks = json["plays"][0]["tasks"].as_array().unwrap();
    let find = |name: &str| tasks.iter().find(|task| task["task"]["name"].as_str().unwrap().ends_with(name));
    let mut wrong = Vec::new();
    let as_expected = |name: &str, expected: &str, wrong: &mut Vec<String>| {
        let result = find(name).map(|task| &task["hosts"]["host1"]);
        let prediction = result.map_or("not planned", |result| result["prediction"].as_str().unwrap_or_default());
        if !expected.split(' ').any(|word| word == prediction) {
            wrong.push(format!("{name}: {prediction:?} instead of {expected:?}: {result:?}"));
        }
    };
    for (at, (module, expected, args)) in CASES.iter().enumerate() {
        if !WITHOUT_RESULT.contains(module) {
            let before = wrong.len();
            as_expected(&format!("case {at}"), expected, &mut wrong);
            if wrong.len() > before {
                wrong.push(format!("  of {module}: {args}"));
            }
        }
    }
    for (name, expected) in
        [("included", "change ok"), ("in role", "change ok"), ("job", "unknown"), ("as another", "change")]
    {
        as_expected(name, expected, &mut wrong);
    }
    assert!(wrong.is_empty(), "{}\n{}", wrong.join("\n"), String::from_utf8_lossy(&plan.stderr));
    for look in ["GET /looked-at", "HEAD /head", "GET /fetched", "GET /refit-suite.deb"] {
        assert!(asked.iter().any(|line| line.starts_with(look)), "{look} was not asked for: {asked:?}");
    }
}

/// That two texts are equal, or the lines that are in one of them only.
fn same_lines(before: &str, after: &str) {
    let (was, is): (BTreeSet<_>, BTreeSet<_>) = (before.lines().collect(), after.lines().collect());
    let (gone, new): (Vec<_>, Vec<_>) = (was.difference(&is).collect(), is.difference(&was).collect());
    assert!(gone.is_empty() && new.is_empty(), "what runs is different: gone {gone:#?}\nnew {new:#?}");
}
