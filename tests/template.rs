//! Templates against ansible-core: each line of template/expressions.txt must give what template/expected.jsonl recorded of
//! it (template/record.py), or stand in template/differences.txt with the reason why not.

#[path = "template/behaviour.rs"]
mod behaviour;

use indexmap::IndexMap;
use minijinja::Value;
use refit::diagnostic::Span;
use refit::loader::{Source, load_text};
use refit::template::{
    Binding, NoVault, Settings, Surroundings, TemplateError, TemplateErrorKind, Templater, Truth, Variables, World,
};
use serde_json::Value as Json;
use std::path::{Path, PathBuf};
use std::sync::Arc;

#[derive(Debug)]
struct FileVariables(IndexMap<Arc<str>, Source>);

impl Variables for FileVariables {
    fn get(&self, name: &str) -> Option<Binding> {
        self.0.get(name).cloned().map(Binding::Source)
    }

    fn names(&self) -> Vec<Arc<str>> {
        self.0.keys().cloned().collect()
    }
}

struct TestWorld;

impl World for TestWorld {
    fn setting(&self, name: &str) -> Option<Value> {
        (name == "DEFAULT_FORKS").then(|| Value::from(5))
    }
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/template")
}

fn variables() -> FileVariables {
    let text = std::fs::read_to_string(folder().join("variables.json")).expect("variables.json");
    let loaded = load_text(Path::new("variables.json"), text).expect("variables.json is YAML");
    let entries = loaded.source.as_map().expect("variables.json is a mapping");
    FileVariables(entries.iter().filter_map(|entry| Some((entry.key.as_str()?.into(), entry.value.clone()))).collect())
}

/// Data as the recorder writes it: what is no JSON as its text, keys as Python's `json` writes them.
fn json(value: &Value) -> Json {
    use minijinja::value::ValueKind;
    match value.kind() {
        ValueKind::None => Json::Null,
        ValueKind::Bool => Json::Bool(value.is_true()),
        ValueKind::Number => match (value.is_integer(), value.as_i64()) {
            (true, Some(int)) => Json::from(int),
            (true, None) => Json::from(value.to_string().parse::<f64>().unwrap_or(f64::NAN)),
            _ => Json::from(f64::try_from(value.clone()).unwrap_or(f64::NAN)),
        },
        ValueKind::String => Json::from(value.as_str().unwrap_or_default()),
        ValueKind::Seq => value.try_iter().into_iter().flatten().map(|item| json(&item)).collect(),
        ValueKind::Map => {
            let object = value.as_object().and_then(|object| object.try_iter_pairs());
            let key = |key: &Value| match key.kind() {
                ValueKind::None => "null".to_owned(),
                ValueKind::Bool => key.is_true().to_string(),
                _ => key.to_string(),
            };
            Json::Object(object.into_iter().flatten().map(|(name, item)| (key(&name), json(&item))).collect())
        }
        _ => Json::from(value.to_string()),
    }
}

fn scope() -> refit::template::Scope {
    let settings = Settings { world: Arc::new(TestWorld), ..Settings::default() };
    let templater = Templater::new(Arc::new(NoVault), settings);
    let surroundings = Surroundings { search_path: vec![folder()], playbook_dir: folder(), ..Surroundings::default() };
    templater.scope(Arc::new(variables()), Arc::new(surroundings))
}

fn render(line: &str) -> Json {
    let template = line.replace('\u{2424}', "\n");
    let span = Span::nowhere("expressions.txt");
    if let Some(condition) = template.strip_prefix("when: ") {
        return match scope().condition(&Source::text(&span, condition)) {
            Ok(truth) => serde_json::json!({"value": truth == Truth::True}),
            Err(error) => failure(&error),
        };
    }
    let source = Source::text(&span, template);
    let shown = |value: Value| if refit::template::is_omit(&value) { "omit".into() } else { json(&value) };
    match scope().value(&source) {
        Ok(value) if refit::template::is_omit(&value) => serde_json::json!({"error": "omit"}),
        Ok(value) => serde_json::json!({"value": shown(value)}),
        Err(error) => failure(&error),
    }
}

fn failure(error: &TemplateError) -> Json {
    match error.kind {
        TemplateErrorKind::Undefined(_) => serde_json::json!({"undefined": error.to_string()}),
        _ => serde_json::json!({"error": error.to_string()}),
    }
}

/// Equal values, or errors of the same sort: messages are our own.
fn agree(ours: &Json, theirs: &Json) -> bool {
    match (ours.get("value"), theirs.get("value")) {
        (Some(ours), Some(theirs)) => ours == theirs,
        (None, None) => ours.get("undefined").is_some() == theirs.get("undefined").is_some(),
        _ => false,
    }
}

#[test]
fn templates_give_what_ansible_gives() {
    // SAFETY: no other thread of this program reads the environment yet.
    unsafe {
        std::env::set_var("REFIT_TEST_VARIABLE", "from the environment");
        std::env::set_var("TZ", "UTC");
    }
    std::env::set_current_dir(folder()).expect("the folder of the templates");
    let expected = std::fs::read_to_string("expected.jsonl").expect("expected.jsonl");
    let differences = std::fs::read_to_string("differences.txt").expect("differences.txt");
    let known: Vec<&str> = differences.lines().filter(|line| !line.starts_with("## ") && !line.is_empty()).collect();
    let (mut equal, mut wrong, mut outdated) = (0, Vec::new(), Vec::new());
    for line in expected.lines().skip(1) {
        let theirs: Json = serde_json::from_str(line).expect("a line of JSON");
        let template = theirs["template"].as_str().expect("the template").to_owned();
        let ours = render(&template);
        match (agree(&ours, &theirs), known.contains(&template.as_str())) {
            (true, false) => equal += 1,
            (false, true) => {}
            (true, true) => outdated.push(template),
            (false, false) => wrong.push(format!("{template}\n   theirs {theirs}\n   ours   {ours}")),
        }
    }
    println!("{equal} equal, {} different for a reason, {} wrong", known.len(), wrong.len());
    assert!(
        outdated.is_empty(),
        "these do not differ any more; take them out of differences.txt:\n{}",
        outdated.join("\n")
    );
    assert!(wrong.is_empty(), "{} templates differ:\n{}", wrong.len(), wrong.join("\n"));
}
