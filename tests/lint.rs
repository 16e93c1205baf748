//! `refit lint`: what is wrong is found where it stands, in whatever form it is wanted; what is right is not.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use serde_json::Value;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use tempfile::TempDir;

struct Project(TempDir);

impl Project {
    fn new(files: &[(&str, &str)]) -> Project {
        let project = Project(tempfile::tempdir().unwrap());
        for (path, text) in files {
            let path = project.path(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        project
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        self.0.path().join(name)
    }

    fn lint(&self, words: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_refit"));
        command.arg("lint").args(words).current_dir(self.0.path()).env_clear().env("HOME", self.0.path());
        command.stdin(Stdio::null()).output().unwrap()
    }

    /// `rule file:line:column` of each finding.
    fn found(&self) -> Vec<String> {
        let done = self.lint(&["--format", "json"]);
        let all: Value = serde_json::from_slice(&done.stdout).unwrap();
        let text = |one: &Value| {
            let place = format!("{}:{}:{}", one["file"].as_str().unwrap(), one["line"], one["column"]);
            format!("{} {place}", one["rule"].as_str().unwrap())
        };
        all.as_array().unwrap().iter().map(text).collect()
    }
}

/// A playbook of one task.
fn task(task: &str) -> String {
    format!("- hosts: all\n  tasks:\n    - {task}\n")
}

#[test]
fn everything_that_a_run_would_stumble_over_is_found_where_it_stands() {
    let cases = [
        ("playbook site.yml:3:7", task("nomodule: {}")),
        ("playbook site.yml:3:14", task("copy: {srv: a, dest: /b}")),
        ("unknown-filter site.yml:3:29", task("debug: {msg: \"{{ [] | fist }}\"}")),
        ("unknown-filter site.yml:3:33", task("debug: {msg: \"{{ [] | map('fist') }}\"}")),
        ("unknown-test site.yml:3:31", task("{ping: {}, when: \"[] is emty\"}")),
        ("unknown-lookup site.yml:3:31", task("debug: {msg: \"{{ lookup('flie', 'x') }}\"}")),
        ("unknown-lookup site.yml:3:18", task("{ping: {}, with_filet: []}")),
        ("template-syntax site.yml:3:27", task("debug: {msg: \"{{ (1 }}\"}")),
        ("undefined-variable site.yml:3:24", task("debug: {msg: \"{{ nowhere }}\"}")),
        ("missing-handler site.yml:3:26", task("{ping: {}, notify: restart}")),
        ("missing-file site.yml:3:22", task("include_tasks: nowhere.yml")),
        ("playbook site.yml:3:21", task("import_tasks: nowhere.yml")),
        ("condition-braces site.yml:3:24", task("{ping: {}, when: \"{{ 1 == 1 }}\"}")),
        ("outdated site.yml:3:7", task("include: site.yml")),
        ("decimal-mode site.yml:3:30", task("file: {path: /x, mode: 644}")),
        ("base-sixty site.yml:3:31", task("{ping: {}, vars: {port: 22:22}}")),
        ("trailing-zero site.yml:3:34", task("{ping: {}, vars: {version: 1.10}}")),
        ("octal site.yml:3:31", task("{ping: {}, vars: {code: 0123}}")),
        ("boolean-word site.yml:3:41", task("{ping: {}, vars: {countries: [de, no]}}")),
        ("duplicate-key site.yml:3:18", task("{ping: {}, ping: {}}")),
        ("yaml site.yml:3:14", task("debug: {{ x }}")),
    ];
    for (expected, playbook) in cases {
        let found = Project::new(&[("site.yml", &playbook)]).found();
        assert!(found.iter().any(|one| one == expected), "{expected} is not among {found:?} of:\n{playbook}");
    }
}

#[test]
fn what_is_right_is_left_alone() {
    let project = Project::new(&[
        ("ansible.cfg", "[defaults]\n"),
        ("inventory/hosts", "[web]\nh1 from_hosts=1\n"),
        ("group_vars/all.yml", "from_group: 1\ntime: \"22:22\"\nmode: 0644\nbecome: yes\nversion: 1.0\n"),
        ("roles/web/defaults/main.yml", "from_defaults: 1\n"),
        (
            "roles/web/tasks/main.yml",
            "- import_tasks: more.yml\n- {template: {src: a.j2, dest: /a}, notify: [restart, reload all], register: result}\n\
             - {debug: {msg: \"{{ item }} {{ ansible_os_family }} {{ groups }} {{ maybe | default(1) }} {{ maybe }}\"}, loop: [1], when: result is changed}\n\
             - {copy: {src: \"{{ a | default(omit) }}\", content: \"{{ b | default(omit) }}\", dest: /x}}\n\
             - {service: {daemon_reload: true}}\n",
        ),
        ("roles/web/tasks/more.yml", "- {set_fact: {from_fact: 1}, tags: more}\n"),
        (
            "roles/web/handlers/main.yml",
            "- {name: restart, service: {name: x, state: restarted}, listen: reload all}\n",
        ),
        (
            "roles/web/templates/a.j2",
            "{% for n in from_hosts, from_group %}{{ n }}{% endfor %}{{\u{a0}from_fact }}{% set x = 1 %}{{ x }}\n\
             {% macro m(p) %}{{ p }}{{ from_defaults }}{% endmacro %}{{ m(1) }}{{ from_play }}\n",
        ),
        ("site.yml", "- hosts: web\n  vars: {from_play: 1}\n  roles: [web]\n"),
        ("files/manifest.yml", "a: 1\n---\nb: 2\n"),
        ("docker-compose.yml", "services: {a: {ports: [22:22]}}\n"),
    ]);
    assert_eq!(project.found(), Vec::<String>::new());
    let done = project.lint(&[]);
    assert!(done.status.success());
    assert!(String::from_utf8_lossy(&done.stdout).contains("nothing found"), "{done:?}");
}

#[test]
fn a_tag_behind_an_include_without_it_is_not_reached() {
    let files = |include: &str| {
        let main = format!("- {include}\n");
        Project::new(&[
            ("roles/r/tasks/main.yml", &main),
            ("roles/r/tasks/more.yml", "- {ping: {}, tags: [deep, always]}\n"),
        ])
        .found()
    };
    assert_eq!(files("include_tasks: more.yml"), ["unreachable-tag roles/r/tasks/more.yml:1:21"]);
    for include in [
        "import_tasks: more.yml",
        "{include_tasks: more.yml, tags: deep}",
        "{include_tasks: more.yml, tags: [always]}",
        "{tags: deep, block: [{include_tasks: {file: more.yml}}]}",
    ] {
        assert_eq!(files(include), Vec::<String>::new(), "{include}");
    }
}

#[test]
fn mends_keep_the_rest_of_the_file_and_its_mode() {
    use std::os::unix::fs::PermissionsExt;
    let playbook = "# a comment\n- hosts: all\n  tasks:\n    - include:   more.yml   # old\n    - ping:\n      when: \"{{ 1 == 1 }}\"\n    - ping:\n      when: '{{ x }}'\n";
    let project = Project::new(&[("site.yml", playbook), ("more.yml", "- name: x\n  ping:\n")]);
    std::fs::set_permissions(project.path("site.yml"), std::fs::Permissions::from_mode(0o640)).unwrap();
    let done = project.lint(&["--fix", "--format", "json"]);
    assert!(String::from_utf8_lossy(&done.stderr).contains("mended"), "{done:?}");
    let mended = std::fs::read_to_string(project.path("site.yml")).unwrap();
    let expected = playbook.replace("- include:", "- include_tasks:").replace("\"{{ 1 == 1 }}\"", "\"1 == 1\"");
    // What the template of a bare name gives may be a condition itself: that is left as it is.
    assert_eq!(mended, expected);
    assert_eq!(std::fs::metadata(project.path("site.yml")).unwrap().permissions().mode() & 0o777, 0o640);
    assert_eq!(project.found(), ["condition-braces site.yml:8:13", "undefined-variable site.yml:8:17"]);
}

#[test]
fn programs_get_their_own_forms_and_exit_codes() {
    let project = Project::new(&[("site.yml", &task("nomodule: {}"))]);
    let sarif: Value = serde_json::from_slice(&project.lint(&["--format", "sarif"]).stdout).unwrap();
    assert_eq!(sarif["version"], "2.1.0");
    let result = &sarif["runs"][0]["results"][0];
    assert_eq!((&result["ruleId"], &result["level"]), (&"playbook".into(), &"error".into()));
    assert_eq!(result["locations"][0]["physicalLocation"]["region"]["startLine"], 3);
    let rules = sarif["runs"][0]["tool"]["driver"]["rules"].as_array().unwrap();
    assert!(rules.iter().any(|rule| rule["id"] == "playbook"));
    let github = project.lint(&["--format", "github"]);
    let line = String::from_utf8(github.stdout).unwrap();
    assert!(line.starts_with("::error file=site.yml,line=3,col=7,title=playbook::there is no module"), "{line}");
    assert_eq!(project.lint(&[]).status.code(), Some(2));
    let warning = Project::new(&[("site.yml", &task("{ping: {}, notify: restart}"))]);
    assert_eq!(warning.lint(&[]).status.code(), Some(0));
    assert_eq!(warning.lint(&["--strict"]).status.code(), Some(2));
    assert_eq!(warning.lint(&["nowhere"]).status.code(), Some(1));
    assert!(Path::new(&warning.path("site.yml")).exists());
}

#[test]
fn a_role_alone_stands_on_what_the_roles_that_it_brings_in_define() {
    let project = Project::new(&[
        ("roles/one/tasks/main.yml", "- include_role: {name: two}\n- debug: {msg: \"{{ deep }} {{ nowhere }}\"}\n"),
        ("roles/two/tasks/main.yml", "- ping:\n- nomodule:\n"),
        ("roles/two/meta/main.yml", "dependencies: [three]\n"),
        ("roles/three/tasks/main.yml", "- set_fact: {deep: 1}\n"),
    ]);
    let done = project.lint(&["roles/one", "--format", "json"]);
    let found: Value = serde_json::from_slice(&done.stdout).unwrap();
    let rules: Vec<&str> = found.as_array().unwrap().iter().filter_map(|one| one["message"].as_str()).collect();
    assert_eq!(rules.len(), 1, "nothing is told of the other roles: {rules:?}");
    assert!(rules[0].contains("nowhere"), "{rules:?}");
}
