//! Names of runs.

use std::hash::{BuildHasher, Hasher};

/// A new run's name: when it began in UTC, and four random letters so that two runs of one second differ. Sorts by time.
pub fn run_name() -> String {
    const LETTERS: &[u8; 32] = b"abcdefghijkmnopqrstuvwxyz2345678";
    let mut random = std::hash::RandomState::new().build_hasher().finish();
    let suffix: String = std::iter::repeat_with(|| {
        let letter = LETTERS[(random % 32) as usize];
        random /= 32;
        char::from(letter)
    })
    .take(4)
    .collect();
    format!("{}-{suffix}", jiff::Timestamp::now().strftime("%Y%m%dT%H%M%S"))
}

#[cfg(test)]
mod tests {
    #[test]
    fn names_differ_and_are_fit_for_a_file_name() {
        let names: std::collections::HashSet<_> = (0..20).map(|_| super::run_name()).collect();
        assert!(names.len() > 15);
        assert!(
            names.iter().all(|name| name.len() == 20 && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-'))
        );
    }
}
