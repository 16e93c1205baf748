//! Inventories of every form against what ansible-core 2.19 made of the same files: hosts in their order, groups, the
//! variables of each host, and what patterns choose. `expected.json` beside each holds what it said.

#![allow(clippy::unwrap_used, reason = "a test that can't go on fails there")]

use refit::config::DuplicateKeys;
use refit::diagnostic::Span;
use refit::inventory::{InventoryOptions, Roster, Stage, VarsFiles, load};
use refit::loader::{Node, Source};
use refit::secrets::Secrets;
use refit::template::Binding;
use refit::vault::Vault;
use serde_json::{Map, Value as Json, json};
use std::path::{Path, PathBuf};
use std::sync::Arc;

fn data() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/inventory")
}

fn options() -> InventoryOptions {
    let extensions = ["~", ".orig", ".txt", ".cfg", ".retry"].map(str::to_owned).to_vec();
    InventoryOptions { ignore_extensions: extensions, ..InventoryOptions::default() }
}

fn expected(directory: &Path) -> Json {
    let text = std::fs::read_to_string(directory.join("expected.json")).unwrap();
    serde_json::from_str(&text).unwrap()
}

fn plain(source: &Source) -> Json {
    match &source.node {
        Node::Null => Json::Null,
        Node::Bool(value) => json!(value),
        Node::Int(number) => json!(number),
        Node::Float(number) => json!(number),
        Node::BigInt(text) => serde_json::from_str(text).unwrap(),
        Node::Text(text, _) | Node::Unsafe(text) | Node::Vault(text) => json!(&**text),
        Node::Seq(items) => items.iter().map(plain).collect(),
        Node::Map(entries) => {
            let pair = |key: &Source, value| {
                (plain(key).as_str().map_or_else(|| plain(key).to_string(), str::to_owned), value)
            };
            Json::Object(entries.iter().map(|entry| pair(&entry.key, plain(&entry.value))).collect())
        }
    }
}

fn names(inventory: &Roster, hosts: &[refit::inventory::HostId]) -> Vec<String> {
    hosts.iter().map(|host| inventory.host(*host).name.to_string()).collect()
}

/// The inventory in the form of `expected.json`.
fn described(inventory: &Roster) -> Json {
    let files = VarsFiles::new(
        Arc::new(Vault::default()),
        Arc::new(Secrets::default()),
        [".yml", ".yaml", ".json"].map(str::to_owned).to_vec(),
        DuplicateKeys::Warn,
    );
    let hosts = inventory.hosts_of(Roster::ALL);
    let mut vars = Map::new();
    for &host in &hosts {
        let mut own = Map::new();
        for layer in inventory.layers(host, &files, &[], &Stage::DEFAULT).unwrap() {
            for (name, value) in layer.vars.iter() {
                let value = match value {
                    Binding::Source(source) => plain(source),
                    Binding::Value(value) => serde_json::to_value(value).unwrap(),
                    Binding::Unknown(_) => panic!("an inventory knows its values"),
                };
                own.insert(name.to_string(), value);
            }
        }
        vars.insert(inventory.host(host).name.to_string(), Json::Object(own));
    }
    let groups = inventory.groups().map(|id| {
        let group = inventory.group(id);
        let children: Vec<&str> = group.children.iter().map(|child| &*inventory.group(*child).name).collect();
        (group.name.to_string(), json!({"hosts": names(inventory, &group.hosts), "children": children}))
    });
    json!({
        "hosts": names(inventory, &hosts),
        "groups": Json::Object(groups.collect()),
        "vars": vars,
        "order": names(inventory, &inventory.hosts().collect::<Vec<_>>()),
    })
}

#[test]
fn inventories_are_read_as_ansible_reads_them() {
    let mut cases: Vec<PathBuf> =
        std::fs::read_dir(data().join("cases")).unwrap().map(|entry| entry.unwrap().path()).collect();
    cases.sort();
    assert!(cases.len() >= 25, "only {} cases", cases.len());
    let mut differences = Vec::new();
    for case in cases {
        let source = ["hosts", "hosts.yml", "hosts.json", "inventory"]
            .into_iter()
            .map(|name| case.join(name))
            .find(|path| path.exists())
            .unwrap();
        let name = case.file_name().unwrap().to_string_lossy().into_owned();
        let found = match load(&[source.display().to_string()], &options(), &Vault::default()) {
            Ok((inventory, _)) => described(&inventory),
            Err(errors) => json!({"error": errors.to_string()}),
        };
        let expected = expected(&case);
        for part in ["error", "hosts", "groups", "vars", "order"] {
            if found.get(part) != expected.get(part) {
                differences.push(format!(
                    "{name}: {part}\n  found    {:?}\n  expected {:?}",
                    found.get(part),
                    expected.get(part)
                ));
            }
        }
    }
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}

#[test]
fn patterns_choose_what_ansible_chooses() {
    let directory = data().join("patterns");
    let source = directory.join("hosts").display().to_string();
    let expected = expected(&directory);
    let patterns = expected["patterns"].as_object().unwrap();
    assert!(patterns.len() >= 40, "only {} patterns", patterns.len());
    let span = Span::nowhere("the pattern");
    let mut differences = Vec::new();
    for (pattern, hosts) in patterns {
        let (inventory, _) = load(std::slice::from_ref(&source), &options(), &Vault::default()).unwrap();
        let found = match inventory.select(pattern, &span) {
            Ok(selection) => json!(names(&inventory, &selection.hosts)),
            Err(error) => json!(format!("ERR {error}")),
        };
        let both_fail = [&found, hosts].iter().all(|value| value.as_str().is_some_and(|text| text.starts_with("ERR")));
        if found != *hosts && !both_fail {
            differences.push(format!("{pattern}\n  found    {found}\n  expected {hosts}"));
        }
    }
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}

#[test]
fn several_inventories_are_merged_in_order_and_files_beside_the_playbook_count_more() {
    let directory = tempfile::tempdir().unwrap();
    let root = directory.path();
    let write = |path: &str, text: &str| {
        let path = root.join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
        path.display().to_string()
    };
    let vault = Vault::new(vec![("default".into(), refit::connection::Secret(zeroize::Zeroizing::new("pw".into())))]);
    let first = write("a/hosts", "[web]\nh x=1 y=1\n[web:vars]\ng=a\nk=inventory\n");
    let second = write("b/hosts.yml", "web: {hosts: {h: {x: 2}}, vars: {g: b}}\n");
    write("a/group_vars/all.yml", "k: all-inventory\nl: all-inventory\nm: all-inventory\n");
    write("play/group_vars/all.yml", "l: all-play\nm: all-play\n");
    write("a/group_vars/web.yml", &vault.encrypt(b"m: hunter22\nn: group-inventory\n", None).unwrap());
    write("play/group_vars/web/main.yml", "n: group-play\n");
    write("a/host_vars/h.yml", "y: host-inventory\no: host-inventory\n");
    write("play/host_vars/h", "o: host-play\n");

    let (inventory, _) = load(&[first, second, "listed,".into()], &options(), &vault).unwrap();
    let secrets = Arc::new(Secrets::default());
    let extensions = [".yml", ".yaml", ".json"].map(str::to_owned).to_vec();
    let files = VarsFiles::new(Arc::new(vault), secrets.clone(), extensions, DuplicateKeys::Warn);
    let host = inventory.find_host("h").unwrap();
    let layers = inventory.layers(host, &files, &[root.join("play")], &Stage::DEFAULT).unwrap();
    let mut vars = Map::new();
    for layer in &layers {
        for (name, value) in layer.vars.iter() {
            let Binding::Source(source) = value else { panic!("{name} is data") };
            vars.insert(name.to_string(), plain(source));
        }
    }
    assert_eq!(
        Json::Object(vars),
        json!({"g": "b", "k": "all-inventory", "l": "all-play", "m": "hunter22", "n": "group-play", "x": 2,
               "y": "host-inventory", "o": "host-play"})
    );
    let levels: Vec<_> = layers.iter().map(|layer| layer.level).collect();
    assert!(levels.is_sorted(), "{levels:?}");
    assert_eq!(secrets.mask("m is hunter22"), "m is ********");
    let listed = inventory.find_host("listed").unwrap();
    assert_eq!(inventory.group_names(listed), [Arc::from("ungrouped")]);
}

#[test]
fn everything_that_is_wrong_in_any_inventory_is_said() {
    let directory = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str, mode: u32| {
        use std::os::unix::fs::PermissionsExt;
        let path = directory.path().join(name);
        std::fs::write(&path, text).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
        path.display().to_string()
    };
    let sources = [
        write("good", "h\n", 0o644),
        write("ini", "[web]\nh a\n", 0o644),
        write("yaml", "---\nall: {hosts: [h]}\n", 0o644),
        write("broken.yml", "all: {{ x }}\n", 0o644),
        write("silent", "#!/bin/sh\necho lost >&2\nexit 7\n", 0o755),
        write("chatty", "#!/bin/sh\necho hello\n", 0o755),
        write("plain.sh", "#!/bin/sh\necho '{}'\n", 0o644),
        write("gone", "#!/no/such/interpreter\n", 0o755),
        write("t.toml", "x = 1\n", 0o644),
        directory.path().join("missing").display().to_string(),
    ];
    let errors = load(&sources, &options(), &Vault::default()).unwrap_err();
    let shown = errors.to_string().replace(&format!("{}/", directory.path().display()), "");
    let lines: Vec<&str> = shown.lines().filter(|line| !line.starts_with("  ")).collect();
    assert_eq!(
        lines,
        [
            "ini:2:3: expected `variable=value` after the host, not `a`",
            "yaml:2:14: `hosts` of the group `all` is a mapping, not a list",
            "broken.yml:1:6: a value that begins with `{{` has to be quoted",
            "silent: called with `--list` it ended with exit status: 7: lost",
            "chatty: called with `--list` it did not print JSON: expected value at line 1 column 1",
            "plain.sh: this is a program, but it is not executable",
            "gone: called with `--list` it could not be run: No such file or directory (os error 2)",
            "t.toml:1:5: the group `x` is a mapping of `hosts`, `vars` and `children`, not a whole number",
            "missing: there is no such inventory",
        ]
    );
    let default = InventoryOptions { optional: true, ..options() };
    let (inventory, _) = load(&["/no/such/inventory".into()], &default, &Vault::default()).unwrap();
    assert_eq!(inventory.hosts().count(), 0);
}
