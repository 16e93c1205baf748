//! The role `kernel_reboot` on a fleet of booted hosts, under Refit and under Ansible: hosts reboot really, and how that can go
//! wrong is made to happen, not pretended. The hosts are containers, which run this machine's kernel; that a new kernel is
//! installed and started is tried in virtual machines, by `tests/vm/kernel_reboot`.

#![allow(clippy::unwrap_used, reason = "a test that can't go on fails there")]

mod support;

use std::fs;
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;
use support::{Fleet, Oracle, project, until};
use tempfile::TempDir;

/// A kernel that no machine runs.
const OTHER: &str = "6.1.0-42-amd64";
const OLDER: &str = "6.1.0-9-amd64";

/// A menu as Debian's grub-mkconfig writes it, with both kernels; DEFAULT is what it takes for its default.
const GRUB: &str = r#"
if [ -s $prefix/grubenv ]; then
  set have_grubenv=true
  load_env
fi
if [ "${next_entry}" ] ; then
   set default="${next_entry}"
   set next_entry=
   save_env next_entry
   set boot_once=true
else
   set default="DEFAULT"
fi
function gfxmode {
	set gfxpayload="${1}"
}
menuentry 'Debian GNU/Linux' --class debian --class gnu-linux $menuentry_id_option 'gnulinux-simple-f00' {
	if [ x$feature_platform_search_hint = xy ]; then
	  search --no-floppy --fs-uuid --set=root f00
	fi
	linux	/boot/vmlinuz-6.1.0-42-amd64 root=UUID=f00 ro quiet
	initrd	/boot/initrd.img-6.1.0-42-amd64
}
submenu 'Advanced options for Debian GNU/Linux' $menuentry_id_option 'gnulinux-advanced-f00' {
	menuentry 'Debian GNU/Linux, with Linux 6.1.0-42-amd64' $menuentry_id_option 'gnulinux-6.1.0-42-amd64-advanced-f00' {
		linux	/boot/vmlinuz-6.1.0-42-amd64 root=UUID=f00 ro quiet
	}
	menuentry 'Debian GNU/Linux, with Linux 6.1.0-9-amd64' $menuentry_id_option 'gnulinux-6.1.0-9-amd64-advanced-f00' {
		linux	/boot/vmlinuz-6.1.0-9-amd64 root=UUID=f00 ro quiet
	}
}
"#;

/// What runs the playbook.
enum Engine {
    Refit,
    Ansible(Oracle),
}

impl Engine {
    fn both() -> Vec<Engine> {
        let mut engines = vec![Engine::Refit];
        engines.extend(Oracle::ready().map(Engine::Ansible));
        engines
    }

    fn name(&self) -> &'static str {
        match self {
            Engine::Refit => "refit",
            Engine::Ansible(_) => "ansible",
        }
    }

    fn command(&self) -> Command {
        match self {
            Engine::Refit => {
                let mut command = Command::new(env!("CARGO_BIN_EXE_refit"));
                command.args(["run", "--output", "ansible"]);
                command
            }
            Engine::Ansible(oracle) => oracle.program("ansible-playbook"),
        }
    }
}

/// A fleet, and a directory with a playbook that applies the role to it.
struct Ground {
    fleet: Fleet,
    home: TempDir,
}

/// Tasks that take a host out of service, and back; whether it is out is a file on the controller.
const OUT: &str = "- copy: {dest: 'HOME/out-{{ inventory_hostname }}', content: ''}\n  delegate_to: localhost\n";
const IN: &str = "- file: {path: 'HOME/out-{{ inventory_hostname }}', state: absent}\n  delegate_to: localhost\n";

impl Ground {
    fn up(hosts: usize, play: &str) -> Option<Ground> {
        let fleet = Fleet::up(hosts)?;
        let home = tempfile::tempdir().unwrap();
        let at = home.path().to_str().unwrap().to_owned();
        fs::write(home.path().join("out.yml"), OUT.replace("HOME", &at)).unwrap();
        fs::write(home.path().join("in.yml"), IN.replace("HOME", &at)).unwrap();
        std::os::unix::fs::symlink(project("roles"), home.path().join("roles")).unwrap();
        let playbook = format!("- hosts: fleet\n  gather_facts: false\n  roles: [kernel_reboot]\n{play}");
        fs::write(home.path().join("playbook.yml"), playbook).unwrap();
        Some(Ground { fleet, home })
    }

    /// Gives a host variables.
    fn vars(&self, host: &str, lines: &str) {
        let directory = self.home.path().join("host_vars");
        fs::create_dir_all(&directory).unwrap();
        fs::write(directory.join(format!("{host}.yml")), lines).unwrap();
    }

    fn command(&self, engine: &Engine, words: &[&str]) -> Command {
        let mut command = engine.command();
        command
            .arg("-i")
            .arg(self.fleet.inventory())
            .args(["-f", "10"])
            .args(words)
            .arg(self.home.path().join("playbook.yml"));
        command.env("HOME", self.home.path()).env("XDG_STATE_HOME", self.home.path()).env_remove("ANSIBLE_CONFIG");
        command.current_dir(self.home.path()).stdin(Stdio::null());
        command
    }

    fn run(&self, engine: &Engine, words: &[&str]) -> Run {
        let output = self.command(engine, words).output().unwrap();
        Run { engine: engine.name(), output }
    }

    fn boots(&self, hosts: &[&str]) -> Vec<String> {
        hosts.iter().map(|host| self.fleet.boot_id(host)).collect()
    }

    fn is_out(&self, host: &str) -> bool {
        self.home.path().join(format!("out-{host}")).exists()
    }

    /// Installs kernels, as far as their files tell, with a boot loader that says that it would start them.
    fn grub(&self, host: &str, default: &str, environment: &str) {
        let boot = self.fleet.root(host).join("boot");
        fs::create_dir_all(boot.join("grub")).unwrap();
        for kernel in [OTHER, OLDER] {
            fs::write(boot.join(format!("vmlinuz-{kernel}")), "").unwrap();
        }
        fs::write(boot.join("grub/grub.cfg"), GRUB.replace("DEFAULT", default)).unwrap();
        fs::write(boot.join("grub/grubenv"), format!("# GRUB Environment Block\n{environment}")).unwrap();
    }

    fn ask_for_reboot(&self, host: &str) {
        self.fleet.sh(host, "echo linux-base >/run/reboot-required.pkgs; touch /run/reboot-required");
    }
}

struct Run {
    engine: &'static str,
    output: Output,
}

impl Run {
    fn text(&self) -> String {
        let Output { stdout, stderr, .. } = &self.output;
        format!("{}: {}{}", self.engine, String::from_utf8_lossy(stdout), String::from_utf8_lossy(stderr))
    }

    #[track_caller]
    fn succeeds(self) -> Run {
        assert!(self.output.status.success(), "{}", self.text());
        self
    }

    #[track_caller]
    fn fails(self) -> Run {
        assert_eq!(self.output.status.code(), Some(2), "{}", self.text());
        self
    }

    /// What a host's failure says, which must have all these words.
    #[track_caller]
    fn says(&self, host: &str, words: &[&str]) {
        let text = self.text();
        let message = text.lines().rfind(|line| line.starts_with(&format!("fatal: [{host}]: FAILED!")));
        let start = message.unwrap_or_else(|| panic!("{host} has not failed: {text}"));
        // A long result goes on over lines, up to an empty one.
        let whole: String = text[text.rfind(start).unwrap()..].lines().take_while(|line| !line.is_empty()).collect();
        for word in words {
            assert!(whole.contains(word), "{host} does not say {word:?}: {whole}\n{text}");
        }
    }

    /// The changed tasks that the recap counts for a host.
    #[track_caller]
    fn changed(&self, host: &str) -> u32 {
        let text = self.text();
        let recap = text.lines().rfind(|line| line.starts_with(host) && line.contains("changed=")).map(str::to_owned);
        let recap = recap.unwrap_or_else(|| panic!("no recap of {host}: {text}"));
        let count = recap.split("changed=").nth(1).and_then(|rest| rest.split_whitespace().next());
        count.and_then(|count| count.parse().ok()).unwrap_or_else(|| panic!("{recap}"))
    }
}

const DRAINED: &str = "  vars:
    kernel_reboot_drain_tasks: '{{ playbook_dir }}/out.yml'
    kernel_reboot_undrain_tasks: '{{ playbook_dir }}/in.yml'
    kernel_reboot_pause: 1
";

#[test]
fn a_host_reboots_where_something_asks_for_it_and_only_there() {
    let Some(ground) = Ground::up(2, DRAINED) else { return };
    let fleet = &ground.fleet;
    for engine in Engine::both() {
        ground.ask_for_reboot("host1");
        let before = ground.boots(&["host1", "host2"]);
        let plan = ground.run(&engine, &["--check"]).succeeds();
        assert!(plan.text().contains("/run/reboot-required asks for it (linux-base)"), "{}", plan.text());
        assert_eq!(ground.boots(&["host1", "host2"]), before, "the plan rebooted a host");
        assert!(!ground.is_out("host1"), "the plan took a host out");

        let run = ground.run(&engine, &[]).succeeds();
        let after = ground.boots(&["host1", "host2"]);
        assert_ne!(after[0], before[0], "{}", run.text());
        assert_eq!(after[1], before[1], "{}", run.text());
        // Ansible's plan does not see that there will be something to undo.
        let foreseen = if engine.name() == "refit" { run.changed("host1") } else { 3 };
        assert_eq!(plan.changed("host1"), foreseen, "planned:\n{}\ndone:\n{}", plan.text(), run.text());
        assert_eq!((plan.changed("host2"), run.changed("host2")), (0, 0));
        assert!(run.text().contains(&format!("(boot {})", after[0])), "{}", run.text());
        assert!(
            !run.text().contains("unreachable=1"),
            "a connection that was lost as it should be counts: {}",
            run.text()
        );
        assert!(!ground.is_out("host1") && !ground.is_out("host2"));

        let again = ground.run(&engine, &[]).succeeds();
        assert_eq!((again.changed("host1"), again.changed("host2")), (0, 0), "{}", again.text());
        assert_eq!(ground.boots(&["host1", "host2"]), after);

        // The next run after one that was killed in the middle takes the host back into service.
        ground.ask_for_reboot("host1");
        kill_midway(&ground, &engine);
        fleet.wait("host1");
        assert!(ground.is_out("host1"));
        ground.run(&engine, &[]).succeeds();
        assert!(!ground.is_out("host1"));
        assert_eq!(fleet.sh("host1", "ls /run/reboot-required /var/lib/kernel_reboot.drained 2>/dev/null || true"), "");
        assert_eq!(ground.boots(&["host2"]), before[1..]);
    }
}

/// Starts a run and kills it, with all that it has started, once it has taken host1 out of service.
fn kill_midway(ground: &Ground, engine: &Engine) {
    let mut command = ground.command(engine, &[]);
    let mut child: Child = command.stdout(Stdio::null()).stderr(Stdio::null()).process_group(0).spawn().unwrap();
    until("host1 is out", Duration::from_secs(60), || ground.is_out("host1"));
    let group = format!("-{}", child.id());
    assert!(Command::new("kill").args(["-KILL", "--", &group]).status().unwrap().success());
    child.wait().unwrap();
}

#[test]
fn a_host_that_would_not_start_the_wanted_kernel_is_refused() {
    let Some(ground) = Ground::up(7, DRAINED) else { return };
    let wanted = format!("kernel_reboot_version: {OTHER}\n");
    let hosts = ["host1", "host2", "host3", "host4", "host5", "host6", "host7"];

    // Not installed: a container has no kernel of its own.
    ground.vars("host1", &format!("{wanted}kernel_reboot_packages: [refit-tool]\n"));
    // Installed, but not what GRUB starts: by its configuration, its saved entry, or for one boot.
    ground.grub("host2", "1>gnulinux-6.1.0-9-amd64-advanced-f00", "");
    ground.vars("host2", &wanted);
    ground.grub("host3", "${saved_entry}", "saved_entry=gnulinux-advanced-f00>gnulinux-6.1.0-9-amd64-advanced-f00\n");
    ground.vars("host3", &wanted);
    let title = "Advanced options for Debian GNU/Linux>Debian GNU/Linux, with Linux 6.1.0-9-amd64";
    ground.grub("host4", "0", &format!("next_entry={title}\n"));
    ground.vars("host4", &format!("{wanted}kernel_reboot_pin: true\n"));
    // Not to be known: no boot loader, and one that is told more than can be followed.
    ground.grub("host5", "0", "");
    fs::remove_dir_all(ground.fleet.root("host5").join("boot/grub")).unwrap();
    ground.vars("host5", &wanted);
    ground.grub("host6", "0", "");
    fs::write(ground.fleet.root("host6").join("boot/grub/custom.cfg"), "set default=2\n").unwrap();
    ground.vars("host6", &wanted);
    // Nothing is wrong, and an installed kernel of another flavour than the running one asks for nothing.
    ground.grub("host7", "0", "");

    let before = ground.boots(&hosts);
    for engine in Engine::both() {
        for words in [&["--check"][..], &[]] {
            let run = ground.run(&engine, words).fails();
            if words.is_empty() {
                run.says("host1", &[OTHER, "not installed", "container", "kernel_reboot_packages"]);
            }
            let would = |host, words: &[&str]| {
                run.says(
                    host,
                    &[&["would not come back with 6.1.0-42-amd64", "Nothing was drained or rebooted"], words].concat(),
                );
            };
            let starts = "would start 6.1.0-9-amd64: the entry 'Debian GNU/Linux, with Linux 6.1.0-9-amd64'";
            would(
                "host2",
                &[starts, "1>gnulinux-6.1.0-9-amd64-advanced-f00", "/boot/grub/grub.cfg", "kernel_reboot_pin"],
            );
            would("host3", &[starts, "saved_entry=gnulinux-advanced-f00>", "/boot/grub/grubenv", "grub-set-default"]);
            run.says(
                "host4",
                &["can't be made to start", "next_entry=", "grub-editenv /boot/grub/grubenv unset next_entry"],
            );
            would("host5", &["neither a grub.cfg", "kernel_reboot_check_boot_loader"]);
            would("host6", &["/boot/grub/custom.cfg sets the default entry"]);
            assert!(run.text().contains("host7 runs"), "{}", run.text());
            assert!(!run.text().contains("fatal: [host7]"), "{}", run.text());
        }
        assert_eq!(ground.boots(&hosts), before, "{} rebooted a host", engine.name());
        assert!(hosts.iter().all(|host| !ground.is_out(host)), "{} took a host out", engine.name());
    }
}

#[test]
fn each_way_to_fail_is_told_and_stops_the_run_with_the_drain_undone() {
    let batches = format!(
        "  serial: [5, 1]
  any_errors_fatal: true
{DRAINED}    kernel_reboot_down_timeout: 6
    kernel_reboot_up_timeout: 30
    kernel_reboot_healthy_timeout: 8
    kernel_reboot_force: true
"
    );
    let Some(ground) = Ground::up(6, &batches) else { return };
    let fleet = &ground.fleet;
    let hosts = ["host1", "host2", "host3", "host4", "host5", "host6"];

    // host1: its boot loader says that another kernel will run, and then the same one does.
    ground.grub("host1", "0", "");
    ground.vars("host1", &format!("kernel_reboot_version: {OTHER}\n"));
    // host2: a service does not survive the boot.
    let unit = "[Service]\nExecStartPre=/usr/bin/test ! -e /srv/broken\nExecStart=/bin/sleep infinity\n\
                [Install]\nWantedBy=multi-user.target\n";
    fs::write(fleet.root("host2").join("etc/systemd/system/frail.service"), unit).unwrap();
    // host3: it does not go down.
    fleet.sh("host3", "systemctl mask --quiet reboot.target");
    // host4: nothing is wrong. host5 loses its power on the way. host6 is in the next batch.

    for engine in Engine::both() {
        fleet.sh("host2", "rm -f /srv/broken; systemctl daemon-reload; systemctl reset-failed");
        fleet.sh("host2", "systemctl enable -q --now frail; touch /srv/broken");
        let before = ground.boots(&hosts);
        let run = std::thread::scope(|threads| {
            threads.spawn(|| kill_on_its_way(&ground, "host5"));
            ground.run(&engine, &[]).fails()
        });
        run.says(
            "host1",
            &["it came back with", "was not brought into 6.1.0-42-amd64", "It was put back into service"],
        );
        run.says("host2", &["these services did not come back: frail.service", "It was put back into service"]);
        run.says("host3", &["it did not go down within 6 s", &before[2], "It was put back into service"]);
        run.says("host5", &["Wait until it answers again", "imed out waiting for", "It was put back into service"]);
        assert!(!run.text().contains("fatal: [host4]: FAILED!"), "{}", run.text());
        assert!(run.text().contains("host4 runs"), "{}", run.text());
        assert!(hosts.iter().all(|host| !ground.is_out(host)), "a drain is left: {}", run.text());

        fleet.start("host5");
        let after = ground.boots(&hosts);
        let rebooted: Vec<bool> = before.iter().zip(&after).map(|(before, after)| before != after).collect();
        assert_eq!(rebooted, [true, true, false, true, true, false], "{}", run.text());
    }
}

/// Waits until a host has gone down to boot anew, and then takes its power away.
fn kill_on_its_way(ground: &Ground, host: &str) {
    let pid = ground.fleet.root(host).with_file_name("nspawn.pid");
    let first = fs::read_to_string(&pid).unwrap();
    until("the host goes down", Duration::from_secs(300), || fs::read_to_string(&pid).unwrap_or_default() != first);
    ground.fleet.kill(host);
}
