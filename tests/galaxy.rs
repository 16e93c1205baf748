//! `refit galaxy install`: roles and collections from git, directories and tarballs, where a run finds them.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::Path;
use std::process::{Command, Output, Stdio};

fn run(program: &str, words: &str, directory: &Path) -> Output {
    let mut command = Command::new(program);
    command.args(words.split_whitespace()).current_dir(directory).env("HOME", directory).stdin(Stdio::null());
    command.output().unwrap()
}

fn write(root: &Path, path: &str, text: &str) {
    let path = root.join(path);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, text).unwrap();
}

#[test]
fn what_requirements_name_is_installed_and_found_by_a_run() {
    let place = tempfile::tempdir().unwrap();
    let root = place.path();
    let refit = |words: &str| run(env!("CARGO_BIN_EXE_refit"), words, root);
    write(root, "src/plain/tasks/main.yml", "- debug: {msg: from plain}\n");
    let tarball = root.join("src/tarred.tar.gz");
    let meta = format!("dependencies: [{{src: '{}', name: tarred}}]\n", tarball.display());
    write(root, "src/plain/meta/main.yml", &meta);
    write(root, "src/tarred/tasks/main.yml", "- debug: {msg: from tarred}\n");
    assert!(run("tar", "-C src -czf src/tarred.tar.gz tarred", root).status.success());
    write(root, "src/repo/tasks/main.yml", "- debug: {msg: first}\n");
    for words in ["init -q", "add .", "-c user.name=n -c user.email=e@e commit -qm one", "tag v1"] {
        assert!(run("git", words, &root.join("src/repo")).status.success(), "git {words}");
    }
    write(root, "src/repo/tasks/main.yml", "- debug: {msg: second}\n");
    assert!(run("git", "-c user.name=n -c user.email=e@e commit -qam two", &root.join("src/repo")).status.success());
    write(root, "src/coll/galaxy.yml", "namespace: some\nname: thing\nversion: 1.0.0\n");
    let repo = root.join("src/repo").display().to_string();
    let requirements = format!(
        "roles:\n- {{src: 'src/plain'}}\n- {{src: '{repo}', scm: git, version: v1, name: tagged}}\n\
         collections:\n- {{name: src/coll, type: dir}}\n"
    );
    write(root, "requirements.yml", &requirements);
    write(root, "site.yml", "- {hosts: all, gather_facts: false, roles: [tarred, plain, tagged]}\n");
    let done = refit("galaxy install -r requirements.yml -p roles --collections-path collections");
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    assert!(root.join("collections/ansible_collections/some/thing/galaxy.yml").is_file());
    assert!(!root.join("roles/tagged/.git").exists());
    let ran = refit("run -i h1, -c local -v --output ansible site.yml");
    let said = String::from_utf8_lossy(&ran.stdout).into_owned();
    for part in ["from tarred", "from plain", "first"] {
        assert!(said.contains(part), "{part} is missing in {said}{}", String::from_utf8_lossy(&ran.stderr));
    }
    // What is there stays, unless the user says otherwise.
    let again = refit("galaxy install -r requirements.yml -p roles --collections-path collections");
    assert!(String::from_utf8_lossy(&again.stdout).contains("tagged is already in"), "{again:?}");
    let unknown = refit("galaxy install geerlingguy.nginx -p roles");
    assert_eq!(unknown.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&unknown.stderr).contains("Galaxy's servers are not asked"), "{unknown:?}");
}
