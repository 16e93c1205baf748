//! Plans that are saved, shown again, signed, and carried out.

use crate::fleet::{Local, said};
use std::process::Command;

const SITE: &str = "
- hosts: web
  gather_facts: false
  tasks:
    - name: Settings
      copy: {content: \"port={{ port }}\\n\", dest: \"{{ root }}/app.ini\"}
    - name: Tune
      lineinfile: {path: \"{{ root }}/app.ini\", line: name=app}
";

fn planned(hosts: usize, words: &[&str]) -> Local {
    let local = Local::new(hosts, SITE);
    let (code, text) = local.plan(&[&["-e", "port=80", "-o", "window.plan"], words].concat());
    assert_eq!(code, 0, "{text}");
    local
}

fn ini(local: &Local, host: &str) -> String {
    std::fs::read_to_string(local.host(host).join("app.ini")).unwrap_or_default()
}

#[test]
fn a_saved_plan_is_shown_again_without_a_host_and_carried_out_as_it_was_approved() {
    let local = planned(2, &[]);
    let (code, text) = said(&local.refit(&["show", "window.plan"]));
    assert!(code == 0 && text.contains("+port=80"), "{text}");
    let (code, text) = said(&local.refit(&["apply", "window.plan"]));
    assert_eq!(code, 0, "{text}");
    assert!(text.contains("as planned on 2 hosts; deviations: none"), "{text}");
    assert_eq!(ini(&local, "web2"), "port=80\nname=app\n");
    let (code, text) = said(&local.refit(&["report", "last"]));
    assert!(code == 0 && text.contains("as planned on 2 hosts; deviations: none"), "{text}");
    let page = local.path().join("report.html");
    let (code, text) = said(&local.refit(&["report", "last", "--html", page.to_str().unwrap()]));
    assert_eq!(code, 0, "{text}");
    assert!(std::fs::read_to_string(page).unwrap().contains("port=80"));
}

#[test]
fn where_the_world_has_moved_nothing_is_changed_until_it_is_accepted_by_name() {
    let local = planned(2, &[]);
    std::fs::write(local.host("web2").join("app.ini"), "by hand\n").unwrap();
    let (code, text) = said(&local.refit(&["apply", "window.plan"]));
    assert_eq!(code, 3, "{text}");
    assert!(text.contains("+by hand") && text.contains("Nothing was changed"), "{text}");
    assert_eq!((ini(&local, "web1"), ini(&local, "web2")), (String::new(), "by hand\n".to_owned()));
    let (code, text) = said(&local.refit(&["apply", "window.plan", "--accept-drift", "web1"]));
    assert_eq!(code, 3, "{text}");
    let (code, text) = said(&local.refit(&["apply", "window.plan", "--accept-drift", "web2"]));
    assert_eq!(code, 0, "{text}");
    assert_eq!(ini(&local, "web2"), "port=80\nname=app\n");
}

#[test]
fn other_sources_than_those_of_the_plan_are_refused() {
    let local = planned(1, &[]);
    // The same plan, but a command that no difference shows could be another one.
    local.write("site.yml", &SITE.replace("name: Tune", "name:  Tune"));
    let (code, text) = said(&local.refit(&["apply", "window.plan"]));
    assert_eq!(code, 3, "{text}");
    assert!(text.contains("site.yml is another one"), "{text}");
    assert_eq!(ini(&local, "web1"), "");
}

#[test]
fn whatever_was_read_for_a_plan_must_be_as_it_was() {
    let playbook = "
- hosts: web
  gather_facts: false
  tasks:
    - {include_vars: {dir: more}}
    - {template: {src: kept/app.j2, dest: \"{{ root }}/app.ini\"}}
    - {command: \"echo {{ lookup('file', 'kept/word') }} {{ named }}\"}
";
    for touched in ["more/named.yml", "kept/app.j2", "kept/part.j2", "kept/word"] {
        let local = Local::new(1, playbook);
        local.write("more/named.yml", "named: 1\n");
        local.write("kept/app.j2", "{% include 'part.j2' %}");
        local.write("kept/part.j2", "part\n");
        local.write("kept/word", "word\n");
        let (code, text) = local.plan(&["-o", "window.plan"]);
        assert_eq!(code, 0, "{text}");
        // The same for what is foreseen, but other bytes.
        local.write(touched, &(local.read(touched) + if touched.ends_with("yml") { "# more\n" } else { "{# more #}" }));
        let (code, text) = said(&local.refit(&["apply", "window.plan"]));
        assert_eq!(code, 3, "{touched}: {text}");
        assert!(text.contains(&format!("{touched} is another one")), "{text}");
    }
}

#[test]
fn a_host_on_which_something_else_is_done_than_was_planned_stops_and_the_others_go_on() {
    // What the plan can't know changes the file between two tasks that it knows.
    let playbook = "
- hosts: web
  gather_facts: false
  tasks:
    - name: Surprise
      shell: \"[ ! -e {{ root }}/trap ] || echo surprise > {{ root }}/app.ini\"
    - name: Settings
      lineinfile: {path: \"{{ root }}/app.ini\", line: a, create: true}
    - name: Afterwards
      copy: {content: x, dest: \"{{ root }}/after\"}
";
    let local = Local::new(2, playbook);
    std::fs::write(local.host("web2").join("trap"), "").unwrap();
    assert_eq!(local.plan(&["-o", "window.plan"]).0, 0);
    let (code, text) = said(&local.refit(&["apply", "window.plan"]));
    assert_eq!(code, 2, "{text}");
    assert!(text.contains("as planned on 1 host; deviations:"), "{text}");
    assert!(text.contains("web2: Settings (") && text.contains("changed something else than was planned"), "{text}");
    assert!(local.host("web1").join("after").exists(), "{text}");
    assert!(!local.host("web2").join("after").exists(), "web2 had to stop: {text}");
}

#[test]
fn what_was_approved_is_what_runs() {
    let local = planned(1, &[]);
    let key = local.path().join("key");
    let made = Command::new("ssh-keygen").args(["-q", "-t", "ed25519", "-N", "", "-f"]).arg(&key).status();
    assert!(made.unwrap().success());
    let public = local.read("key.pub");
    local.write("allowed", &format!("ops@example.org {public}"));
    local.write("hmac", "0123456789abcdef0123456789abcdef\n");
    local.write("other", "another key of thirty-two bytes!\n");

    let apply = |allowed: &str| said(&local.refit(&["apply", "window.plan", "--require-signature", allowed]));
    let (code, text) = apply("allowed");
    assert!(code == 1 && text.contains("not signed"), "{text}");
    for (sign, good, bad) in [("hmac", "hmac", "other"), ("key", "allowed", "hmac")] {
        let (code, text) = local.plan(&["-e", "port=80", "-o", "window.plan", "--sign", sign]);
        assert_eq!(code, 0, "{text}");
        let (code, text) = apply(bad);
        assert_eq!(code, 1, "{text}");
        let whole = local.read("window.plan");
        local.write("window.plan", &whole.replacen("port=80", "port=81", 1));
        let (code, text) = apply(good);
        assert!(code == 1 && text.contains("signature is wrong"), "{text}");
        local.write("window.plan", &whole);
        let (code, text) = apply(good);
        assert!(code == 0 && text.contains("is signed by"), "{text}");
        std::fs::remove_file(local.host("web1").join("app.ini")).unwrap();
    }
}

#[test]
fn a_plan_keeps_no_secret_and_asks_for_it_again() {
    let playbook = "
- hosts: web
  gather_facts: false
  tasks:
    - user: {name: root, password: \"{{ secret }}\", update_password: on_create}
    - copy: {content: \"key={{ secret }}\\n\", dest: \"{{ root }}/key\"}
";
    let local = Local::new(1, playbook);
    let (code, text) = local.plan(&["-e", "secret=hunter22x", "-o", "window.plan"]);
    assert_eq!(code, 0, "{text}");
    assert!(!local.read("window.plan").contains("hunter22x"));
    let (code, text) = said(&local.refit(&["apply", "window.plan"]));
    assert!(code == 1 && text.contains("give them again"), "{text}");
    let (code, text) = said(&local.refit(&["apply", "window.plan", "-e", "secret=another1x"]));
    assert!(code == 3 && text.contains("masked"), "another secret is drift, though both are masked: {text}");
    let (code, text) = said(&local.refit(&["apply", "window.plan", "-e", "secret=hunter22x"]));
    assert_eq!(code, 0, "{text}");
}

#[test]
fn a_handler_that_perhaps_runs_is_not_said_to_run() {
    let playbook = "
- hosts: web
  gather_facts: false
  tasks:
    - {name: Perhaps, command: \"true\", notify: tell, register: done, changed_when: \"'x' in done.stdout\"}
  handlers:
    - {name: tell, copy: {content: told, dest: \"{{ root }}/told\"}}
";
    let local = Local::new(1, playbook);
    let (_, text) = local.plan(&["-o", "window.plan"]);
    assert!(text.contains("it runs only if task `Perhaps`"), "{text}");
    let (code, text) = said(&local.refit(&["apply", "window.plan"]));
    assert!(code == 0 && text.contains("deviations: none"), "{text}");
    assert!(!local.host("web1").join("told").exists());
}

#[test]
fn what_fails_only_because_a_command_was_not_run_may_fail() {
    let playbook = "
- hosts: web
  gather_facts: false
  tasks:
    - {name: Make it, command: \"touch {{ root }}/made\"}
    - {name: Close it, file: {path: \"{{ root }}/made\", mode: '0600'}}
    - {name: Go on, copy: {content: x, dest: \"{{ root }}/more\"}}
";
    let (code, text) = Local::new(1, playbook).plan(&["--detailed-exitcode"]);
    assert_eq!(code, 3, "{text}");
    assert!(text.contains("it would fail now (") && text.contains("task `Make it`"), "{text}");
    assert!(text.contains("/more (new)"), "the plan goes on: {text}");
}

#[test]
fn a_repository_that_a_command_would_make_may_be_there() {
    let playbook = "
- hosts: web
  gather_facts: false
  tasks:
    - {name: Make it, command: \"git init --bare {{ root }}/origin\", changed_when: true}
    - {name: Have it, git: {repo: \"{{ root }}/origin\", dest: \"{{ root }}/copy\"}}
";
    let (code, text) = Local::new(1, playbook).plan(&["--detailed-exitcode"]);
    assert_eq!(code, 3, "{text}");
    assert!(text.contains("task `Make it`"), "{text}");
}
