//! What a plan shows.

use crate::fleet::Local;
use serde_json::Value;

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
