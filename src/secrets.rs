//! Texts that must not be shown: passwords, what a vault held, arguments declared secret. Whatever is shown or written to
//! disk goes through [`Secrets::mask`] first, so that a secret inside a longer text, a diff or a command is masked too.

use std::sync::RwLock;

/// What stands in a secret's place.
pub const MASK: &str = "********";

/// Shorter texts are not masked: they would mask half of any output and are no secrets worth the name.
const SHORTEST: usize = 4;

/// The secrets of a run.
#[derive(Debug, Default)]
pub struct Secrets(RwLock<Vec<String>>);

impl Secrets {
    /// Remembers a secret. Of several lines, each is one.
    pub fn add(&self, secret: &str) {
        let Ok(mut known) = self.0.write() else { return };
        for text in std::iter::once(secret.trim()).chain(secret.lines().map(str::trim)) {
            if text.len() >= SHORTEST && !known.iter().any(|have| have == text) {
                known.push(text.to_owned());
            }
        }
        // A secret that contains another is masked whole.
        known.sort_by_key(|text| std::cmp::Reverse(text.len()));
    }

    /// The text with each secret in it masked.
    pub fn mask(&self, text: &str) -> String {
        let Ok(known) = self.0.read() else { return MASK.to_owned() };
        known.iter().fold(text.to_owned(), |masked, secret| {
            if masked.contains(secret.as_str()) { masked.replace(secret.as_str(), MASK) } else { masked }
        })
    }

    /// Masks every text inside.
    pub fn mask_json(&self, value: &mut serde_json::Value) {
        match value {
            serde_json::Value::String(text) => {
                let masked = self.mask(text);
                if masked != *text {
                    *text = masked;
                }
            }
            serde_json::Value::Array(items) => items.iter_mut().for_each(|item| self.mask_json(item)),
            serde_json::Value::Object(map) => map.values_mut().for_each(|value| self.mask_json(value)),
            _ => {}
        }
    }

    /// Whether nothing has to be masked.
    pub fn is_empty(&self) -> bool {
        self.0.read().is_ok_and(|known| known.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_masked_inside_longer_text_and_each_of_its_lines_too() {
        let secrets = Secrets::default();
        secrets.add("hunter22\nsecond line");
        assert_eq!(secrets.mask("mysql -phunter22 x"), format!("mysql -p{MASK} x"));
        let mut value = serde_json::json!({"a": ["the second line"]});
        secrets.mask_json(&mut value);
        assert_eq!(value, serde_json::json!({"a": [format!("the {MASK}")]}));
    }
}
