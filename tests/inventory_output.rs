//! `ansible-inventory` by Refit against ansible-inventory's own output, which `tests/views/record` keeps.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

fn directory() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/views/inventory")
}

/// Refit under another name.
fn called(name: &str, words: &[&str]) -> Output {
    let links = tempfile::tempdir().unwrap();
    let link = links.path().join(name);
    std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_refit"), &link).unwrap();
    let mut command = Command::new(link);
    command.args(words).current_dir(directory()).env("HOME", links.path()).env("NO_COLOR", "1");
    for (variable, _) in std::env::vars().filter(|(name, _)| name.starts_with("ANSIBLE_")) {
        command.env_remove(variable);
    }
    command.output().unwrap()
}

#[test]
fn the_inventory_is_printed_as_ansible_inventory_prints_it() {
    let record = fs::read_to_string(directory().join("../record")).unwrap();
    let forms = record.split("FORMS'\n").nth(1).unwrap().split("FORMS").next().unwrap();
    let mut count = 0;
    for form in forms.lines() {
        let (name, options) = form.split_once('|').unwrap();
        let words: Vec<&str> = ["-i", "hosts.ini"].into_iter().chain(options.split_whitespace()).collect();
        let output = called("ansible-inventory", &words);
        let shown = String::from_utf8(output.stdout).unwrap();
        let mut expected = fs::read_to_string(directory().join(format!("recorded/{name}.txt"))).unwrap();
        if name == "yaml" {
            // PyYAML names what two hosts share; Refit writes it out for each.
            expected = expected.replace("gv: &id001\n", "gv:\n");
            let shared = "              - 1\n              - two\n              - a: Ü\n";
            expected = expected.replace("gv: *id001\n", &format!("gv:\n{shared}"));
        }
        assert_eq!(shown, expected, "{name}: {}", String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success(), "{name}");
        count += 1;
    }
    assert!(count > 8, "only {count} forms were compared");
}

#[test]
fn options_that_make_no_sense_are_refused_with_ansibles_code() {
    for words in
        [&["-i", "hosts.ini"][..], &["-i", "hosts.ini", "--host", "nope"], &["-i", "hosts.ini", "--graph", "nope"]]
    {
        let output = called("ansible-inventory", words);
        assert_eq!(output.status.code(), Some(5), "{words:?}");
        assert!(String::from_utf8_lossy(&output.stderr).starts_with("[ERROR]: "), "{words:?}");
    }
    let output = called("ansible-inventory", &["--list", "--graph"]);
    assert_eq!(output.status.code(), Some(2));
}

#[test]
fn refit_shows_the_graph_by_default() {
    let output = called("refit", &["inventory", "-i", "hosts.ini"]);
    let expected = fs::read_to_string(directory().join("recorded/graph.txt")).unwrap();
    assert_eq!(String::from_utf8(output.stdout).unwrap(), expected);
}
