//! What a template makes: a value where it makes one thing, else text.

use crate::template::fault::Outcome;
use crate::template::marker::need;
use crate::template::python::container::{Dict, List, freeze};
use crate::template::python::kind::{Kind, kind};
use crate::template::python::text::write_text;
use minijinja::Value;

/// Output as it is made.
#[derive(Debug, Default)]
pub struct Output {
    /// The only thing so far.
    only: Option<Value>,
    /// The text, once there were two.
    text: String,
    several: bool,
}

impl Output {
    /// Adds a value. `None` adds nothing, and neither does an `if` without `else` that did not hold.
    pub fn value(&mut self, value: Value) -> Outcome<()> {
        if value.is_undefined() || value.is_none() {
            return Ok(());
        }
        need(&value)?;
        if !self.several && self.only.is_none() {
            // What can change later is shown as it is now.
            let can_change =
                value.downcast_object_ref::<List>().is_some() || value.downcast_object_ref::<Dict>().is_some();
            self.only = if can_change { freeze(&value, &keep)? } else { Some(value) };
            return Ok(());
        }
        self.flush()?;
        write(&mut self.text, &value)
    }

    /// Adds text.
    pub fn text(&mut self, text: &str) -> Outcome<()> {
        if text.is_empty() {
            return Ok(());
        }
        if !self.several && self.only.is_none() {
            self.only = Some(Value::from(text));
            return Ok(());
        }
        self.flush()?;
        self.text.push_str(text);
        Ok(())
    }

    /// Adds what another output has.
    pub fn append(&mut self, other: Output) -> Outcome<()> {
        if !self.several && self.only.is_none() {
            *self = other;
            return Ok(());
        }
        if other.several { self.text(&other.text) } else { other.only.map_or(Ok(()), |only| self.value(only)) }
    }

    fn flush(&mut self) -> Outcome<()> {
        self.several = true;
        match self.only.take() {
            Some(first) => write(&mut self.text, &first),
            None => Ok(()),
        }
    }

    /// The value, or the text; `None` where there was nothing.
    pub fn finish(self) -> Value {
        if self.several { Value::from(self.text) } else { self.only.unwrap_or_else(|| Value::from(())) }
    }

    /// The text.
    pub fn into_text(mut self) -> Outcome<String> {
        self.flush()?;
        Ok(self.text)
    }
}

/// All values but `omit` stay as they are.
fn keep(value: &Value) -> Outcome<Option<Value>> {
    Ok(if crate::template::omit::is_omit(value) { None } else { Some(value.clone()) })
}

fn write(out: &mut String, value: &Value) -> Outcome<()> {
    match kind(value) {
        // Evaluates lazy parts, leaves out what is omitted, and makes lists of tuples.
        Kind::Seq | Kind::Map | Kind::Iterable => freeze(value, &keep)?.map_or(Ok(()), |value| write_text(out, &value)),
        _ => write_text(out, value),
    }
}

impl Output {
    /// What a macro gives: as [`Output::finish`], but an empty text where there was nothing.
    pub fn finish_text_or_value(self) -> Value {
        let value = self.finish();
        if value.is_none() { Value::from("") } else { value }
    }
}
