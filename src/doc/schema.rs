//! `refit schema`: a module's arguments as JSON schema (draft 2020-12), for editors and checkers.

use refit_agent::args::{ArgSpec, Kind};
use refit_agent::modules::{Module, Rule};
use serde_json::{Map, Value, json};

const DRAFT: &str = "https://json-schema.org/draft/2020-12/schema";

/// The schema of a module's arguments. Where an argument is no text, a template is taken, too: what it gives is known only in a run.
pub fn schema_of(module: &Module) -> Value {
    let mut schema = body(module);
    schema.insert("$schema".to_owned(), DRAFT.into());
    Value::Object(schema)
}

/// The schemas of all modules: an object whose property of a module's name has its arguments' schema.
pub fn schema_of_all(modules: &[&Module]) -> Value {
    let properties: Map<String, Value> =
        modules.iter().map(|module| (module.name.to_owned(), Value::Object(body(module)))).collect();
    json!({"$schema": DRAFT, "title": "Arguments of modules", "type": "object", "properties": properties})
}

fn body(module: &Module) -> Map<String, Value> {
    let args = (module.args)();
    let mut properties = Map::new();
    let mut all_of = Vec::new();
    for arg in args {
        properties.insert(arg.name.to_owned(), property(arg));
        for alias in arg.aliases {
            let mut same = property(arg);
            same["description"] = format!("The same as {}.", arg.name).into();
            properties.insert((*alias).to_owned(), same);
        }
        if arg.required {
            all_of.push(given(args, arg.name));
        }
    }
    all_of.extend(module.rules.iter().flat_map(|rule| rules(args, rule)));
    let mut schema = Map::new();
    schema.insert("title".to_owned(), module.name.into());
    schema.insert("description".to_owned(), module.summary.into());
    let kind = if module.free_form.is_some() { json!(["object", "string"]) } else { json!("object") };
    schema.insert("type".to_owned(), kind);
    schema.insert("properties".to_owned(), properties.into());
    schema.insert("additionalProperties".to_owned(), false.into());
    if !all_of.is_empty() {
        // A free-form call is a string: what is required of the object is not required of it.
        let required = json!({"allOf": all_of});
        let (name, value) = match module.free_form {
            Some(_) => ("anyOf", json!([{"type": "string"}, required])),
            None => ("allOf", required["allOf"].clone()),
        };
        schema.insert(name.to_owned(), value);
    }
    schema
}

fn property(arg: &ArgSpec) -> Value {
    let mut property = kind(&arg.kind);
    property.insert("description".to_owned(), arg.doc().trim().into());
    if let Some(default) = arg.default() {
        property.insert("default".to_owned(), default);
    }
    if arg.secret {
        property.insert("writeOnly".to_owned(), true.into());
    }
    property.into()
}

fn kind(kind: &Kind) -> Map<String, Value> {
    const TEMPLATE: &str = r"\{[{%]";
    let schema = match kind {
        Kind::Str | Kind::Path => json!({"type": ["string", "number", "boolean"]}),
        Kind::Int => {
            json!({"anyOf": [{"type": "integer"}, {"type": "string", "pattern": format!("^\\s*[+-]?[0-9]+\\s*$|{TEMPLATE}")}]})
        }
        Kind::Float => json!({"type": ["number", "string"]}),
        Kind::Bool => json!({"anyOf": [
            {"type": "boolean"},
            {"enum": [0, 1]},
            {"type": "string", "pattern": format!("^([Yy]|[Nn]|[Yy][Ee][Ss]|[Nn][Oo]|[Oo][Nn]|[Oo][Ff][Ff]|[Tt]|[Ff]|[Tt][Rr][Uu][Ee]|[Ff][Aa][Ll][Ss][Ee]|0|1|0\\.0|1\\.0)$|{TEMPLATE}")},
        ]}),
        Kind::Raw => json!({}),
        Kind::Choice(words) => {
            json!({"anyOf": [{"enum": words}, {"type": "boolean"}, {"type": "string", "pattern": TEMPLATE}]})
        }
        Kind::List(of) => {
            let item = kind_value(of);
            // A single value is a list of one.
            json!({"anyOf": [{"type": "array", "items": item}, item, {"type": "string"}]})
        }
        Kind::Dict => json!({"type": ["object", "string"]}),
    };
    match schema {
        Value::Object(map) => map,
        _ => Map::new(),
    }
}

fn kind_value(of: &Kind) -> Value {
    Value::Object(kind(of))
}

/// That an argument is given under one of its names.
fn given(args: &[ArgSpec], name: &str) -> Value {
    let aliases = args.iter().find(|arg| arg.name == name).map_or(&[][..], |arg| arg.aliases);
    let required = |name: &str| json!({"required": [name]});
    if aliases.is_empty() {
        return required(name);
    }
    let names: Vec<Value> = std::iter::once(name).chain(aliases.iter().copied()).map(required).collect();
    json!({"anyOf": names})
}

fn rules(args: &[ArgSpec], rule: &Rule) -> Vec<Value> {
    let all = |names: &[&str]| -> Vec<Value> { names.iter().map(|name| given(args, name)).collect() };
    match rule {
        Rule::MutuallyExclusive(names) => {
            let mut pairs = Vec::new();
            for (index, first) in names.iter().enumerate() {
                for second in &names[index + 1..] {
                    pairs.push(json!({"not": {"allOf": [given(args, first), given(args, second)]}}));
                }
            }
            pairs
        }
        Rule::RequiredOneOf(names) => vec![json!({"anyOf": all(names)})],
        Rule::RequiredTogether(names) => {
            vec![json!({"if": {"anyOf": all(names)}, "then": {"allOf": all(names)}})]
        }
        Rule::RequiredIf(name, value, names) => {
            let mut is = json!({"properties": {*name: {"const": value}}});
            if !args.iter().any(|arg| arg.name == *name && arg.default() == Some(Value::from(*value))) {
                is["required"] = json!([name]);
            }
            vec![json!({"if": is, "then": {"allOf": all(names)}})]
        }
        Rule::RequiredBy(name, names) => vec![json!({"if": given(args, name), "then": {"allOf": all(names)}})],
    }
}

#[cfg(test)]
mod tests {
    use super::super::text::example;
    use super::*;

    #[test]
    fn the_schema_has_the_declarations_arguments_and_rules() {
        insta::assert_json_snapshot!(schema_of(&example::MODULE));
    }
}
