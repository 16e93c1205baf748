//! What a plan shows.

use crate::fleet::{Local, said};
use serde_json::Value;
use std::path::Path;

const SITE: &str = "
- name: Web servers
  hosts: web
  gather_facts: false
  tasks:
    - name: Settings
      copy: {content: \"port=80\\nname={{ 'special' if inventory_hostname == 'web3' else 'web' }}\\n\", dest: \"{{ root }}/app.ini\"}
      notify: tell
    - name: Tune
      lineinfile: {path: \"{{ root }}/app.ini\", regexp: '^port=', line: port=8080}
    - name: Close
      file: {path: \"{{ root }}/app.ini\", mode: '0600'}
    - name: Version
      command: uname -r
      register: kernel
    - name: Write it down
      copy: {content: '{{ kernel.stdout }}', dest: \"{{ root }}/kernel\"}
  handlers:
    - name: tell
      debug: {msg: told}
";

fn document(local: &Local) -> Value {
    let output = local.refit(&["plan", "-i", "hosts.ini", "site.yml", "--output", "json"]);
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn a_file_that_several_tasks_write_is_one_difference_shown_once_for_equal_hosts() {
    let local = Local::new(4, SITE);
    let (code, text) = local.plan(&[]);
    assert_eq!(code, 0, "{text}");
    let shown = text.replace(&local.path().display().to_string(), "");
    for expected in [
        "hosts     4 may change: web[1:4]",
        "`Settings` (site.yml:6), then `Tune` (site.yml:9), then `Close` (site.yml:11)",
        "+port=8080",
        "mode: 0644 -> 0600",
        "notified by `Settings`",
        "4 hosts: 4 may change. Nothing was changed.",
    ] {
        assert!(shown.contains(expected), "{expected}\n{shown}");
    }
    assert!(!shown.contains("port=80\n"), "a text that only one task foresees is not what the file becomes: {shown}");
    assert!(std::fs::read_dir(local.host("web1")).unwrap().next().is_none(), "a plan writes nothing");

    let document = document(&local);
    let files: Vec<&Value> = document["changes"].as_array().unwrap().iter().filter(|c| c["kind"] == "file").collect();
    let (files, others): (Vec<&Value>, Vec<&Value>) =
        files.into_iter().partition(|file| file["subject"].as_str().unwrap().ends_with("/app.ini"));
    assert!(others.iter().all(|file| file["uncertain"] == true), "{others:#?}");
    assert_eq!(files.len(), 4, "a file a host: {files:#?}");
    for file in files {
        assert_eq!(file["tasks"].as_array().unwrap().len(), 3);
    }
}

#[test]
fn what_is_not_known_says_which_task_will_tell() {
    let (_, text) = Local::new(1, SITE).plan(&["--only", "unknown"]);
    assert!(
        text.contains("Write it down") && text.contains("`register: kernel` of task `Version` (site.yml:13"),
        "{text}"
    );
    assert!(!text.contains("port=8080"), "{text}");
    let (_, text) = Local::new(2, SITE).plan(&["--only", "changed", "--hosts", "web2"]);
    assert!(text.contains("port=8080") && !text.contains("Write it down"), "{text}");
    assert!(!text.contains("/web1/app.ini"), "{text}");
}

#[test]
fn the_exit_code_tells_what_the_plan_says_where_it_is_asked_to() {
    let play = |task: &str| format!("- hosts: web\n  gather_facts: false\n  tasks:\n    - {task}\n");
    for (task, plain, detailed) in [
        ("debug: {msg: x}", 0, 0),
        ("copy: {content: x, dest: '{{ root }}/x'}", 0, 2),
        ("command: uname", 0, 3),
        ("fail: {msg: no}", 2, 1),
    ] {
        let local = Local::new(1, &play(task));
        assert_eq!(local.plan(&[]).0, plain, "{task}");
        assert_eq!(local.plan(&["--detailed-exitcode"]).0, detailed, "{task}");
    }
}

#[test]
fn a_secret_is_in_no_form_of_the_plan() {
    let playbook = "
- hosts: web
  gather_facts: false
  tasks:
    - copy: {content: \"user=app\\npassword={{ lookup('file', 'secret') }}\\n\", dest: \"{{ root }}/db\"}
      no_log: true
    - user: {name: root, password: topsecret99, update_password: on_create}
    - copy: {content: \"is topsecret99\\n\", dest: \"{{ root }}/other\"}
";
    let local = Local::new(1, playbook);
    local.write("secret", "s3cretvalue");
    for words in [&[][..], &["--output", "json"]] {
        let (code, text) = local.plan(words);
        assert_eq!(code, 0, "{text}");
        assert!(!text.contains("s3cretvalue") && !text.contains("topsecret99"), "{text}");
        assert!(text.contains("is ********"), "the rest of the line is shown: {text}");
    }
}

#[test]
fn the_schema_in_the_documentation_is_the_programs() {
    let local = Local::new(1, SITE);
    let schema = String::from_utf8(local.refit(&["schema", "--plan"]).stdout).unwrap();
    let kept = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/plan.schema.json")).unwrap();
    assert!(schema == kept, "another schema; run: refit schema --plan > docs/plan.schema.json");
    // Every field of a document is documented there.
    let (schema, document): (Value, Value) = (serde_json::from_str(&schema).unwrap(), document(&local));
    for name in document.as_object().unwrap().keys() {
        assert!(schema["properties"][name].is_object(), "{name}");
    }
}

#[test]
fn a_new_file_of_a_template_is_named_by_where_it_comes_to_lie() {
    let site = "
- hosts: all
  gather_facts: false
  tasks:
    - file: {path: \"{{ root }}/www\", state: directory}
    - template: {src: page.j2, dest: \"{{ root }}/www/page\"}
";
    let local = Local::new(2, site);
    std::fs::write(local.path().join("page.j2"), "Hello\n").unwrap();
    let document = document(&local);
    let changes = document["changes"].as_array().unwrap();
    let page = changes.iter().find(|change| change["subject"].as_str().unwrap().ends_with("web1/www/page")).unwrap();
    assert_eq!(page["kind"], "file", "{page}");
}

#[test]
fn a_plan_tells_the_order_of_the_run_and_what_tasks_say_and_what_is_there_in_between_only() {
    let site = "
- name: Ask first
  hosts: web
  gather_facts: false
  tasks:
    - {name: Report, run_once: true, debug: {msg: [web2 leads, all are well]}}
    - {name: Each, debug: {msg: \"item {{ item }}\"}, loop: [one, two]}
    - {name: Hidden, debug: {msg: not to be told}, no_log: true}
    - {name: Not now, debug: {msg: not now}, when: false}
- name: Leaders
  hosts: web2, web1
  serial: 1
  gather_facts: false
  tasks:
    - {name: Note, copy: {dest: \"{{ root }}/note\", content: \"x\\n\"}}
    - {name: Temporary, copy: {dest: \"{{ root }}/temporary\", content: \"x\\n\"}}
    - {name: Away, file: {path: \"{{ root }}/temporary\", state: absent}}
- name: Followers
  hosts: web
  serial: [1, 2]
  gather_facts: false
  tasks:
    - {name: Look, command: uname -r}
";
    let local = Local::new(6, site);
    let (code, text) = local.plan(&["-o", "window.plan"]);
    assert_eq!(code, 0, "{text}");
    for expected in [
        "1. Ask first  6 hosts: web[1:6]  site.yml:2\n     nothing changes\n",
        "2. Leaders  2 hosts, one at a time: web2, web1  site.yml:10\n     3 tasks change something\n",
        "3. Followers  6 hosts in 4 batches  site.yml:18\n     batch 1, 1 host: web1\n     batches 2 to 3, 2 hosts each: web[2:5]\n",
        "1 task may change something\n",
        "by `Note` (site.yml:15), in Leaders\n",
        "Report  site.yml:6  web1\n    web2 leads\n    all are well\n",
        "Each  site.yml:7  6 hosts: web[1:6]\n    item one\n",
        "    item two\n",
        "/temporary (made, and removed again)",
        "files     2 new\n",
    ] {
        assert!(text.contains(expected), "{expected}\n{text}");
    }
    assert!(!text.contains("not to be told") && !text.contains("not now"), "{text}");
    // Shown again from elsewhere, its places are those of where it was made.
    let elsewhere =
        said(&local.refit_in(Path::new("/"), &["show", &local.path().join("window.plan").display().to_string()])).1;
    assert!(elsewhere.contains("by `Note` (site.yml:15), in Leaders\n"), "{elsewhere}");
    // What tasks say is no part of what is approved.
    let (_, applied) = said(&local.refit(&["apply", "window.plan"]));
    assert!(applied.contains("deviations: none"), "{applied}");
}

#[test]
fn a_file_that_was_empty_before_is_no_new_one() {
    let site = "
- hosts: web
  gather_facts: false
  tasks:
    - {name: Fill, copy: {dest: \"{{ root }}/empty\", content: \"x\\n\"}}
    - {name: Make, lineinfile: {path: \"{{ root }}/made\", line: x, create: true}}
";
    let local = Local::new(1, site);
    std::fs::write(local.host("web1").join("empty"), "").unwrap();
    let (_, text) = local.plan(&[]);
    assert!(text.contains("/made (new)") && text.contains("files     1 new, 1 changed"), "{text}");
}

#[test]
fn a_text_of_which_a_part_is_not_known_is_shown_with_its_place_marked() {
    let playbook = "
- hosts: web
  gather_facts: false
  tasks:
    - {name: Look, command: uname -r, register: kernel}
    - {name: Settings, template: {src: app.j2, dest: \"{{ root }}/app.conf\"}}
    - {name: Note, copy: {content: \"on {{ kernel.stdout }}\\nend\\n\", dest: \"{{ root }}/note\"}}
    - {name: Line, lineinfile: {path: \"{{ root }}/list\", line: \"kernel {{ kernel.stdout }}\", create: true}}
    - name: Blocks
      blockinfile: {path: \"{{ root }}/{{ item }}\", block: \"{{ item }} {{ kernel.rc }}\", create: true}
      loop: [x, y]
    - {name: Say, debug: {msg: \"it is {{ kernel.stdout }}\"}}
    - {name: Again, lineinfile: {path: \"{{ root }}/note\", line: more}}
    - {name: Choose, template: {src: chosen.j2, dest: \"{{ root }}/chosen\"}}
    - {name: Known, lineinfile: {path: \"{{ root }}/known\", line: known, create: true}}
";
    let local = Local::new(1, playbook);
    local.write(
        "templates/app.j2",
        "port=80\n{% for n in [1, 2] %}\n{{ n }} {{ kernel.stdout | upper }}\n{% endfor %}\n",
    );
    local.write(
        "templates/chosen.j2",
        "{% macro of(x) %}{{ x }}{% endmacro %}{% if of(kernel.rc) == '0' %}right{% endif %}",
    );
    let (code, text) = local.plan(&["--detailed-exitcode"]);
    assert_eq!(code, 3, "{text}");
    for expected in [
        "/app.conf (new) may change",
        "+port=80",
        "+2 (known when run)",
        "+on (known when run)",
        "+end",
        "+kernel (known when run)",
        "+x (known when run)",
        "+y (known when run)",
        "+known",
    ] {
        assert!(text.contains(expected), "{expected}\n{text}");
    }
    assert!(!text.contains("+more"), "what is in a file is not known once a part of it is not: {text}");
    assert!(!text.contains("right"), "a mark is never taken for a value: {text}");
    assert!(!text.contains("known only when it runs: known only"), "{text}");
    let (_, text) = local.plan(&["--only", "unknown"]);
    assert!(text.contains("Again") && text.contains("Choose") && !text.contains("Say"), "{text}");
    assert!(std::fs::read_dir(local.host("web1")).unwrap().next().is_none(), "a plan writes nothing");
}

#[test]
fn what_is_done_for_real_in_a_plan_is_tried_until_it_holds() {
    let playbook = "
- hosts: web
  gather_facts: false
  tasks:
    - name: Wait
      shell: \"echo x >> {{ root }}/tries; wc -l < {{ root }}/tries\"
      check_mode: false
      register: tries
      until: tries.stdout | int >= 3
      retries: 5
      delay: 0
    - {name: Use, copy: {content: \"tries={{ tries.stdout | trim }}\\n\", dest: \"{{ root }}/used\"}}
";
    let (_, text) = Local::new(1, playbook).plan(&[]);
    assert!(text.contains("+tries=3"), "{text}");
}

#[test]
fn what_earlier_tasks_leave_on_the_controller_is_there_for_later_ones() {
    let playbook = "
- hosts: web
  gather_facts: false
  tasks:
    - {name: Make, local_action: {module: copy, content: \"made\\n\", dest: \"{{ root }}/made\"}}
    - {name: Look up, copy: {content: \"it is {{ lookup('file', root ~ '/made') }}\\n\", dest: \"{{ root }}/looked\"}}
    - {name: Copy, copy: {src: \"{{ root }}/made\", dest: \"{{ root }}/copied\"}}
    - {name: Fetch, fetch: {src: \"{{ root }}/looked\", dest: \"{{ root }}/own/fetched\", flat: true}}
    - {name: Seen, local_action: {module: stat, path: \"{{ root }}/own/fetched\"}, register: fetched}
    - {name: Use, copy: {content: \"{{ fetched.stat.size }} {{ lookup('file', root ~ '/own/fetched') }}\\n\", dest: \"{{ root }}/used\"}}
    - {name: Word, copy: {content: \"word {{ lookup('password', root ~ '/word') }}\\n\", dest: \"{{ root }}/worded\"}}
    - {name: Again, copy: {content: \"again {{ lookup('file', root ~ '/word') }}\\n\", dest: \"{{ root }}/again\"}}
    - {name: Seeded, copy: {content: \"same {{ lookup('password', root ~ '/seeded seed=1') == lookup('file', root ~ '/seeded') }}\\n\", dest: \"{{ root }}/same\"}}
    - {name: Away, local_action: {module: file, path: \"{{ root }}/made\", state: absent}}
    - {name: Gone, copy: {content: \"{{ lookup('file', root ~ '/made', errors='ignore') | default('nothing', true) }}\\n\", dest: \"{{ root }}/gone\"}}
";
    let local = Local::new(1, playbook);
    let (_, text) = local.plan(&[]);
    for expected in [
        "+it is made",
        "+made",
        "+11 it is made",
        "+word (known when run)",
        "+again (known when run)",
        "a new password, which is to be written to",
        "+same True",
        "+nothing",
    ] {
        assert!(text.contains(expected), "{expected}\n{text}");
    }
    assert!(std::fs::read_dir(local.host("web1")).unwrap().next().is_none(), "a plan writes nothing");
    // And so it comes.
    let (code, text) = said(&local.refit(&["run", "-i", "hosts.ini", "site.yml"]));
    assert_eq!(code, 0, "{text}");
    let read = |name: &str| std::fs::read_to_string(local.host("web1").join(name)).unwrap();
    assert_eq!(
        (read("used"), read("same"), read("gone")),
        ("11 it is made\n".into(), "same True\n".into(), "nothing\n".into())
    );
}

#[test]
fn what_is_included_several_times_is_told_by_each_of_its_names() {
    let site = "
- hosts: all
  gather_facts: false
  tasks:
    - {command: 'true', register: asked}
    - {include_tasks: tell.yml, vars: {what: Take it down}}
    - {include_tasks: tell.yml, vars: {what: Bring it up}}
";
    let local = Local::new(2, site);
    let told = "- {name: '{{ what }}', command: 'true', when: asked.stdout}\n- {name: 'On {{ inventory_hostname }}', command: 'true'}\n";
    std::fs::write(local.path().join("tell.yml"), told).unwrap();
    let (_, text) = local.plan(&[]);
    for name in ["Take it down", "Bring it up"] {
        assert_eq!(text.matches(&format!("  {name}  ")).count(), 1, "{name}\n{text}");
    }
    assert_eq!(text.matches("  On web1  ").count(), 1, "one task for both hosts\n{text}");
    local.refit(&["plan", "-i", "hosts.ini", "site.yml", "-o", "site.plan"]);
    let applied = local.refit(&["apply", "site.plan"]);
    let said = String::from_utf8_lossy(&applied.stdout).into_owned() + &String::from_utf8_lossy(&applied.stderr);
    assert!(said.contains("deviations: none"), "{said}");
}
