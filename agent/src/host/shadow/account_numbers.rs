//! Which number useradd and groupadd take, by the rules of shadow-utils and the settings of `/etc/login.defs`.

use std::collections::BTreeSet;

/// The numbers from which one is taken.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Range {
    pub(super) min: u32,
    pub(super) max: u32,
    /// A system's number: they are given from the top down.
    pub(super) system: bool,
}

impl Range {
    /// The range for users (`kind` is `UID`) or groups (`GID`), by what `login.defs` says.
    pub(super) fn of(login_defs: &str, kind: &str, system: bool) -> Range {
        let number = |name: &str| setting(login_defs, name).and_then(|value| value.parse().ok());
        let ordinary_min: u32 = number(&format!("{kind}_MIN")).unwrap_or(1000);
        if system {
            let min = number(&format!("SYS_{kind}_MIN")).unwrap_or(101);
            let max = number(&format!("SYS_{kind}_MAX")).unwrap_or_else(|| ordinary_min.saturating_sub(1));
            Range { min, max, system }
        } else {
            Range { min: ordinary_min, max: number(&format!("{kind}_MAX")).unwrap_or(60_000), system }
        }
    }

    /// The number that a new account gets. `None` where all are taken.
    pub(super) fn next(self, taken: &BTreeSet<u32>) -> Option<u32> {
        let mut inside = taken.range(self.min..=self.max.max(self.min));
        if self.system {
            let next = inside.next().map_or(self.max, |lowest| lowest.saturating_sub(1));
            if next >= self.min {
                return Some(next);
            }
            return (self.min..=self.max).rev().find(|number| !taken.contains(number));
        }
        let next = inside.next_back().map_or(self.min, |highest| highest.saturating_add(1));
        if next <= self.max {
            return Some(next);
        }
        (self.min..=self.max).find(|number| !taken.contains(number))
    }
}

/// The value of a name in a file of `NAME value` or `NAME=value` lines (`/etc/login.defs`, `useradd -D`).
pub(super) fn setting(text: &str, name: &str) -> Option<String> {
    text.lines().rev().map(str::trim).find_map(|line| {
        let rest = line.strip_prefix(name)?;
        let value = rest.strip_prefix(['=', ' ', '\t'])?;
        Some(value.trim().trim_matches('"').to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ordinary_numbers_go_up_and_system_numbers_down() {
        let range = Range::of("UID_MIN 1000\nUID_MAX 1003\n", "UID", false);
        let next = |taken: &[u32]| range.next(&taken.iter().copied().collect());
        assert_eq!(next(&[0, 7, 65534]), Some(1000));
        assert_eq!(next(&[1000, 1001]), Some(1002));
        assert_eq!(next(&[1003]), Some(1000), "the highest is taken: the first free one");
        assert_eq!(next(&[1000, 1001, 1002, 1003]), None);
        let range = Range::of("UID_MIN 1000\n", "UID", true);
        assert_eq!(range, Range { min: 101, max: 999, system: true });
        let next = |taken: &[u32]| range.next(&taken.iter().copied().collect());
        assert_eq!(next(&[]), Some(999));
        assert_eq!(next(&[998, 42]), Some(997));
        assert_eq!(next(&[101]), Some(999));
    }

    #[test]
    fn settings_are_found_in_both_notations_and_comments_are_not() {
        let text = "# UID_MIN 5\nUID_MIN\t\t 1000\nUID_MINIMUM 7\nGROUP=100\n";
        assert_eq!(setting(text, "UID_MIN").as_deref(), Some("1000"));
        assert_eq!(setting(text, "GROUP").as_deref(), Some("100"));
        assert_eq!(setting(text, "UID_MAX"), None);
    }
}
