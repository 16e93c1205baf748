//! What no other program does: places of errors, unknown values, reasons of conditions, laziness.

use refit::diagnostic::{SourceFile, Span};
use refit::loader::{Source, load_text};
use refit::template::{
    Binding, Decrypt, FileOptions, NoVault, Scope, Settings, Surroundings, TemplateError, TemplateErrorKind, Templater,
    Truth, Value, Variables,
};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// The variables of a text of YAML, and what is unknown.
#[derive(Debug)]
struct Vars {
    source: Source,
    unknown: Vec<&'static str>,
}

impl Variables for Vars {
    fn get(&self, name: &str) -> Option<Binding> {
        if self.unknown.contains(&name) {
            return Some(Binding::Unknown("`register: made` of task `make` (site.yml:12:5)".into()));
        }
        self.source.get(name).cloned().map(Binding::Source)
    }

    fn names(&self) -> Vec<Arc<str>> {
        let entries = self.source.as_map().unwrap_or_default();
        entries.iter().filter_map(|entry| entry.key.as_str().map(Arc::from)).collect()
    }
}

fn load(path: &str, text: &str) -> Source {
    load_text(Path::new(path), text.to_owned()).expect("the test's YAML").source
}

fn scope_with(text: &str, unknown: Vec<&'static str>, surroundings: Surroundings) -> Scope {
    let templater = Templater::new(Arc::new(NoVault), Settings::default());
    templater.scope(Arc::new(Vars { source: load("group_vars/all.yml", text), unknown }), Arc::new(surroundings))
}

fn scope(text: &str) -> Scope {
    scope_with(text, Vec::new(), Surroundings::default())
}

/// The value of `msg` in a task of its own file.
fn message(text: &str) -> Source {
    load("site.yml", text).get("msg").expect("msg").clone()
}

fn place(span: &Span) -> String {
    let text = &span.file.text[span.start as usize..span.end as usize];
    format!("{}:{}:{} {text}", span.file.path.display(), span.line, span.column)
}

/// The place of an error and those on the way to it.
fn places(error: &TemplateError) -> Vec<String> {
    let first = error.diagnostic.span.iter();
    first.chain(error.diagnostic.related.iter().map(|(span, _)| span)).map(place).collect()
}

#[test]
fn an_undefined_name_is_shown_where_it_is_read_and_where_that_is_used() {
    let scope = scope("name: x\nurl: \"http://{{ nmae }}/\"\nlink: <{{ url }}>\n");
    let error = scope.value(&message("msg: see {{ link }} now\n")).expect_err("nmae is undefined");
    assert_eq!(error.kind, TemplateErrorKind::Undefined("nmae".into()));
    let wanted = ["group_vars/all.yml:2:17 nmae", "group_vars/all.yml:3:11 url", "site.yml:1:13 link"];
    assert_eq!(places(&error), wanted);
    assert_eq!(error.diagnostic.hints, ["did you mean `name`?"]);
}

#[test]
fn an_undefined_key_is_named_by_its_path_and_near_keys_are_suggested() {
    let scope = scope("web:\n  port: 80\n");
    let error = scope.value(&message("msg: '{{ web.prot + 1 }}'\n")).expect_err("prot is no key");
    assert_eq!(error.kind, TemplateErrorKind::Undefined("web.prot".into()));
    assert!(error.diagnostic.message.contains("'web.prot' is undefined"), "{error}");
    assert_eq!(error.diagnostic.hints, ["did you mean `port`?"]);
}

#[test]
fn a_place_in_a_block_scalar_is_that_of_its_line() {
    let text = "msg: |\n  first\n  {% if x %}\n  b {{ nothing }}\n  {% endif %}\n";
    let error = scope("x: true").value(&message(text)).expect_err("nothing is undefined");
    assert_eq!(places(&error), ["site.yml:4:8 nothing"]);
}

#[test]
fn a_syntax_error_is_shown_at_its_place() {
    let error = scope("").value(&message("msg: 'a {{ 1 + }} b'\n")).expect_err("that is no template");
    assert_eq!(error.kind, TemplateErrorKind::Syntax);
    let span = error.diagnostic.span.as_ref().expect("a place");
    assert_eq!(span.line, 1);
    assert!((14..=17).contains(&span.column), "{}", span.place());
}

#[test]
fn a_variable_that_needs_itself_is_named_with_the_whole_cycle() {
    let scope = scope("a: '{{ b }}'\nb: '{{ c }}'\nc: '{{ a }}'\nd: '{{ d }}'\n");
    let error = scope.variable("a").expect_err("it needs itself");
    assert_eq!(error.kind, TemplateErrorKind::Recursive);
    assert!(error.diagnostic.message.contains("a -> b -> c -> a"), "{error}");
    assert_eq!(scope.variable("d").expect_err("it needs itself").kind, TemplateErrorKind::Recursive);
}

#[test]
fn only_what_is_read_is_templated() {
    let scope = scope("d:\n  good: '{{ 1 + 1 }}'\n  bad: '{{ nothing }}'\nl: ['{{ nothing }}', 2]\n");
    let value = |text: &str| scope.text(&message(text)).expect("a value");
    assert_eq!(value("msg: '{{ d.good }} {{ l[1] }} {{ l | length }} {{ d.keys() | join }}'\n"), "2 2 2 goodbad");
    assert!(scope.variable("d").is_err());
    assert_eq!(scope.reads().iter().map(|name| &**name).collect::<Vec<_>>(), ["d", "l"]);
}

#[test]
fn a_value_is_never_a_template() {
    let scope = scope("x: 1");
    let inner = scope.with(Arc::new(Facts(vec![("fact", Value::from("{{ x }}"))])));
    assert_eq!(inner.value(&message("msg: '{{ fact }}'\n")).expect("a value").as_str(), Some("{{ x }}"));
    assert_eq!(inner.value(&message("msg: !unsafe '{{ x }}'\n")).expect("a value").as_str(), Some("{{ x }}"));
}

#[derive(Debug)]
struct Facts(Vec<(&'static str, Value)>);

impl Variables for Facts {
    fn get(&self, name: &str) -> Option<Binding> {
        self.0.iter().find(|(known, _)| *known == name).map(|(_, value)| Binding::Value(value.clone()))
    }

    fn names(&self) -> Vec<Arc<str>> {
        self.0.iter().map(|(name, _)| (*name).into()).collect()
    }
}

#[test]
fn inner_variables_hide_outer_ones_also_where_a_variable_reads_them() {
    let outer = scope("item: outer\nlabel: 'is {{ item }}'\n");
    assert_eq!(outer.variable("label").expect("a value").expect("defined").as_str(), Some("is outer"));
    let inner = outer.with(Arc::new(Facts(vec![("item", Value::from("inner"))])));
    assert_eq!(inner.variable("label").expect("a value").expect("defined").as_str(), Some("is inner"));
}

#[test]
fn what_is_unknown_makes_what_needs_it_unknown() {
    let scope = scope_with("x: 1\nd: '{{ made.stdout }}'\n", vec!["made"], Surroundings::default());
    let kind = |text: &str| scope.text(&message(text)).map_err(|error| error.kind);
    for text in [
        "msg: '{{ made }}'",
        "msg: 'a {{ made.stdout }} b'",
        "msg: '{{ d | default(1) }}'",
        "msg: '{{ made.rc + 1 }}'",
        "msg: '{{ [made.rc] }}'",
        "msg: '{{ made.stdout | upper | default(\"x\") }}'",
        "msg: '{% for x in made.results %}{% endfor %}'",
        "msg: '{{ made is changed }}'",
    ] {
        assert_eq!(kind(text), Err(TemplateErrorKind::Unknown), "{text}");
    }
    assert_eq!(kind("msg: '{{ made is defined }}'"), Ok("True".into()));
    assert_eq!(kind("msg: '{{ x if x else made }}'"), Ok("1".into()));
}

fn condition(scope: &Scope, text: &str) -> Truth {
    scope.condition(&message(&format!("msg: {text}\n"))).expect("a condition")
}

#[test]
fn a_condition_that_can_not_be_told_is_unknown_unless_another_part_decides() {
    let scope = scope_with("yes_: true\nno_: false\n", vec!["made"], Surroundings::default());
    let is_unknown =
        |text: &str| matches!(condition(&scope, text), Truth::Unknown { why } if why.contains("site.yml:12:5"));
    assert!(is_unknown("made.rc == 0"));
    assert!(is_unknown("made.rc == 0 and yes_"));
    assert!(is_unknown("[made.rc == 0, yes_]"));
    assert!(is_unknown("not (made is changed)"));
    assert!(matches!(condition(&scope, "made.rc == 0 and no_"), Truth::False { .. }));
    assert!(matches!(condition(&scope, "no_ and made.rc == 0"), Truth::False { .. }));
    assert!(matches!(condition(&scope, "[made.rc == 0, no_]"), Truth::False { .. }));
    assert_eq!(condition(&scope, "yes_ or made.rc == 0"), Truth::True);
}

#[test]
fn a_condition_that_does_not_hold_says_which_part_and_what_it_saw() {
    let scope = scope("os: {family: RedHat}\nn: 3\nlong: '{{ \"x\" * 200 }}'\n");
    let why = |text: &str| match condition(&scope, text) {
        Truth::False { why } => why,
        other => panic!("{text} is {other:?}"),
    };
    assert_eq!(why("os.family == 'Debian'"), "os.family == 'Debian'  (os.family is 'RedHat')");
    assert_eq!(why("n > 1 and os.family in ['Debian'] and n > 0"), "os.family in ['Debian']  (os.family is 'RedHat')");
    assert_eq!(why("[n == 3, not n]"), "not n  (n is 3)");
    assert_eq!(why("long == ''"), "long == ''");
    assert_eq!(why("false"), "false");
}

#[test]
fn dubious_conditions_hold_with_a_warning_that_shows_the_mend() {
    let scope = scope("flag: true\nname: web\n");
    let warned = |text: &str| {
        let truth = condition(&scope, text);
        let warnings: Vec<String> = scope.warnings().iter().map(ToString::to_string).collect();
        (truth, warnings.join("\n"))
    };
    let (truth, warning) = warned("'{{ flag }}'");
    assert_eq!(truth, Truth::True);
    assert!(warning.contains("hint: write `flag`"), "{warning}");
    let (truth, warning) = warned("name");
    assert_eq!(truth, Truth::True);
    assert!(warning.contains("no boolean but 'str'"), "{warning}");
    let (truth, warning) = warned("name == \"{{ name }}\"");
    assert_eq!(truth, Truth::True);
    assert!(warning.contains("without quotes and braces"), "{warning}");
    assert_eq!(warned("flag"), (Truth::True, String::new()));
}

#[test]
fn templates_change_their_own_copies_only() {
    let scope = scope("l: [1]\nd: {a: {b: []}}\n");
    let value = |text: &str| scope.text(&message(text)).expect("a value");
    assert_eq!(
        value("msg: '{% set _ = l.append(2) %}{% set _ = d.a.b.append(l | length) %}{{ l }} {{ d }}'"),
        "[1, 2] {'a': {'b': [2]}}"
    );
    assert_eq!(value("msg: '{{ l }} {{ d }}'"), "[1] {'a': {'b': []}}");
}

#[test]
fn omitted_keys_and_items_are_left_out_and_omit_alone_is_told_apart() {
    let scope = scope("x: 1");
    let value = scope.text(&message("msg: {a: '{{ nothing | default(omit) }}', b: '{{ x }}', c: ['{{ omit }}', 2]}\n"));
    assert_eq!(value.expect("a value"), "{'b': 1, 'c': [2]}");
    let alone = scope.value(&message("msg: '{{ nothing | default(omit) }}'\n")).expect("a value");
    assert!(refit::template::is_omit(&alone));
}

#[test]
fn encrypted_text_is_decrypted_when_it_is_read_and_once() {
    #[derive(Default)]
    struct Counting(AtomicUsize);
    impl Decrypt for Counting {
        fn decrypt(&self, text: &str, _place: &Span) -> Result<Arc<str>, String> {
            assert!(text.starts_with("$ANSIBLE_VAULT"));
            self.0.fetch_add(1, Ordering::Relaxed);
            Ok("plain".into())
        }
    }
    let vault = Arc::new(Counting::default());
    let templater = Templater::new(vault.clone(), Settings::default());
    let source = load("vars.yml", "secret: !vault |\n  $ANSIBLE_VAULT;1.1;AES256\n  6162\nother: 1\n");
    let vars = Vars { source, unknown: Vec::new() };
    let scope = templater.scope(Arc::new(vars), Arc::new(Surroundings::default()));
    assert_eq!(scope.text(&message("msg: '{{ other }}'")).expect("a text"), "1");
    assert_eq!(vault.0.load(Ordering::Relaxed), 0);
    assert_eq!(scope.text(&message("msg: '{{ secret }} {{ secret }}'")).expect("a text"), "plain plain");
    assert_eq!(vault.0.load(Ordering::Relaxed), 1);
}

fn file(name: &str, text: &str) -> Arc<SourceFile> {
    Arc::new(SourceFile { path: PathBuf::from(name), text: text.to_owned() })
}

#[test]
fn an_error_in_an_included_file_is_shown_there_and_where_it_is_included() {
    let folder = tempfile::tempdir().expect("a directory");
    std::fs::write(folder.path().join("part.j2"), "ok\n{{ x | nofilter }}\n").expect("part.j2");
    let surroundings = Surroundings { search_path: vec![folder.path().to_owned()], ..Surroundings::default() };
    let scope = scope_with("x: 1", Vec::new(), surroundings);
    let error = scope
        .file(&file("main.j2", "a\nb {% include 'part.j2' %}"), &FileOptions::default())
        .expect_err("there is no such filter");
    let shown = error.to_string();
    assert!(shown.contains("part.j2:2:8: no filter named 'nofilter'"), "{shown}");
    assert!(shown.contains("main.j2:2:"), "{shown}");
}

#[test]
fn a_template_files_first_line_sets_how_it_is_read() {
    let text =
        "#jinja2: variable_start_string: '<%', variable_end_string: '%>', lstrip_blocks: True\n<% x %> {{ x }}\n";
    let made = scope("x: 1").file(&file("t.j2", text), &FileOptions::default()).expect("a text");
    assert_eq!(made, "1 {{ x }}\n");
    let error = scope("").file(&file("t.j2", "#jinja2: trim_block: True\n"), &FileOptions::default());
    assert!(error.expect_err("no such option").to_string().contains("did you mean `trim_blocks`?"));
}

#[test]
fn line_ends_are_those_asked_for() {
    let options = FileOptions { newline_sequence: "\r\n".into(), ..FileOptions::default() };
    assert_eq!(scope("x: 1").file(&file("t.j2", "a\n{{ x }}\n"), &options).expect("a text"), "a\r\n1\r\n");
}

#[test]
fn in_a_dry_run_a_password_that_would_be_made_is_unknown() {
    let folder = tempfile::tempdir().expect("a directory");
    let surroundings = |plan| Surroundings { playbook_dir: folder.path().to_owned(), plan, ..Surroundings::default() };
    let text = "msg: \"{{ lookup('password', 'secret.txt', length=12) }}\"";
    let planned = scope_with("", Vec::new(), surroundings(true)).value(&message(text));
    assert_eq!(planned.expect_err("it is not there yet").kind, TemplateErrorKind::Unknown);
    assert!(!folder.path().join("secret.txt").exists());
    let made = scope_with("", Vec::new(), surroundings(false)).text(&message(text)).expect("a password");
    assert_eq!(made.chars().count(), 12);
    let again = scope_with("", Vec::new(), surroundings(true)).text(&message(text)).expect("the same password");
    assert_eq!(made, again);
}

#[test]
fn json_query_and_address_filters_answer() {
    let scope =
        scope("users: [{name: a, uid: 1}, {name: b, uid: 2}]\nnets: ['10.0.0.0/8', '192.168.1.1/24', 'fe80::1', x]\n");
    let value = |text: &str| scope.text(&message(&format!("msg: \"{{{{ {text} }}}}\""))).expect("a value");
    assert_eq!(value("users | community.general.json_query('[?uid > `1`].name')"), "['b']");
    assert_eq!(value("nets | ansible.utils.ipaddr"), "['10.0.0.0/8', '192.168.1.1/24', 'fe80::1']");
    assert_eq!(value("nets | ansible.utils.ipv4('address')"), "['192.168.1.1']");
    assert_eq!(value("'192.168.1.1/24' | ipaddr('network')"), "192.168.1.0");
    assert_eq!(value("'192.168.1.1/24' | ipaddr('netmask')"), "255.255.255.0");
    assert_eq!(value("'192.168.1.0/24' | ipaddr('-2')"), "192.168.1.254/24");
    assert_eq!(value("'192.168.1.0/24' | ipsubnet(26, 1)"), "192.168.1.64/26");
    assert_eq!(value("'10.0.0.0/8' | nthhost(305)"), "10.0.1.49");
    assert_eq!(value("'192.168.1.5' | ipmath(5)"), "192.168.1.10");
    assert_eq!(value("'fe80::1' | ipwrap"), "[fe80::1]");
    assert_eq!(value("'foo' | ipaddr"), "False");
    assert_eq!(value("'192.168.0.0/24' | ansible.utils.network_in_network('192.168.0.1')"), "True");
}
