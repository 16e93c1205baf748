//! `json_query`: JMESPath.

use super::Filter;
use crate::template::arguments::Call;
use crate::template::fault::{Outcome, fail};
use crate::template::json::{from_json, to_json};
use minijinja::Value;
use std::collections::HashMap;
use std::sync::{Arc, LazyLock, PoisonError, RwLock};

pub static FILTERS: [Filter; 1] = [Filter::new("community.general.json_query json_query", "value, expr", query)];

type Compiled = Arc<jmespath::Expression<'static>>;

static KNOWN: LazyLock<RwLock<HashMap<String, Compiled>>> = LazyLock::new(RwLock::default);

/// How many are kept.
const MOST: usize = 1024;

fn compile(text: &str) -> Outcome<Compiled> {
    if let Some(known) = KNOWN.read().unwrap_or_else(PoisonError::into_inner).get(text) {
        return Ok(known.clone());
    }
    let compiled = match jmespath::compile(text) {
        Ok(compiled) => Arc::new(compiled),
        Err(error) => return fail(format!("the query '{text}' is no JMESPath: {}", error.reason)),
    };
    let mut known = KNOWN.write().unwrap_or_else(PoisonError::into_inner);
    if known.len() >= MOST {
        known.clear();
    }
    known.insert(text.to_owned(), compiled.clone());
    Ok(compiled)
}

fn query(call: &mut Call<'_, '_>) -> Outcome<Value> {
    let text = call.text(1)?.into_owned();
    let compiled = compile(&text)?;
    let data = to_json(call.value(0))?;
    let found = compiled
        .search(&data)
        .map_err(|error| error.reason.to_string())
        .and_then(|found| serde_json::to_value(&*found).map_err(|error| error.to_string()));
    match found {
        Ok(json) => Ok(from_json(&json)),
        Err(why) => fail(format!("the query '{text}' failed: {why}")),
    }
}
