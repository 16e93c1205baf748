//! Debian's order of versions (deb-version(7)).

use std::cmp::Ordering;

/// Which of two versions is the later one.
pub(crate) fn compare_versions(left: &str, right: &str) -> Ordering {
    let (left_epoch, left) = epoch(left);
    let (right_epoch, right) = epoch(right);
    let (left_upstream, left_revision) = left.rsplit_once('-').unwrap_or((left, ""));
    let (right_upstream, right_revision) = right.rsplit_once('-').unwrap_or((right, ""));
    left_epoch
        .cmp(&right_epoch)
        .then_with(|| compare_part(left_upstream, right_upstream))
        .then_with(|| compare_part(left_revision, right_revision))
}

fn epoch(version: &str) -> (u64, &str) {
    match version.split_once(':') {
        Some((epoch, rest)) => (epoch.parse().unwrap_or(0), rest),
        None => (0, version),
    }
}

/// Stretches without digits and stretches of digits in turn.
fn compare_part(left: &str, right: &str) -> Ordering {
    let (mut left, mut right) = (left.as_bytes(), right.as_bytes());
    while !left.is_empty() || !right.is_empty() {
        let split = |text: &[u8], digits: bool| text.iter().take_while(|c| c.is_ascii_digit() == digits).count();
        let (left_text, left_rest) = left.split_at(split(left, false));
        let (right_text, right_rest) = right.split_at(split(right, false));
        for at in 0..left_text.len().max(right_text.len()) {
            let order = weight(left_text.get(at)).cmp(&weight(right_text.get(at)));
            if order.is_ne() {
                return order;
            }
        }
        let (left_digits, left_rest) = left_rest.split_at(split(left_rest, true));
        let (right_digits, right_rest) = right_rest.split_at(split(right_rest, true));
        let trim = |digits: &[u8]| {
            let zeros = digits.iter().take_while(|digit| **digit == b'0').count();
            digits[zeros..].to_vec()
        };
        let (left_digits, right_digits) = (trim(left_digits), trim(right_digits));
        let order = left_digits.len().cmp(&right_digits.len()).then_with(|| left_digits.cmp(&right_digits));
        if order.is_ne() {
            return order;
        }
        (left, right) = (left_rest, right_rest);
    }
    Ordering::Equal
}

/// `~` before the end, the end before letters, letters before the rest.
fn weight(c: Option<&u8>) -> i32 {
    match c {
        Some(b'~') => -1,
        None => 0,
        Some(c) if c.is_ascii_alphabetic() => i32::from(*c),
        Some(c) => i32::from(*c) + 256,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // Each line was put to `dpkg --compare-versions`.
    #[test]
    fn the_order_of_versions() {
        for (lower, higher) in [
            ("1.0", "1.1"),
            ("1.9", "1.10"),
            ("1.0~rc1", "1.0"),
            ("1.0", "1.0+deb12u1"),
            ("2.0", "1:0.5"),
            ("1.0-1", "1.0-2"),
            ("1.0-1", "1.0-1+b1"),
            ("1.0-1~bpo12+1", "1.0-1"),
            ("1.0a", "1.0+"),
            ("7.2", "7.2-1"),
        ] {
            assert_eq!(compare_versions(lower, higher), Ordering::Less, "{lower} < {higher}");
            assert_eq!(compare_versions(higher, lower), Ordering::Greater, "{higher} > {lower}");
        }
        for (left, right) in [("1.0", "1.00"), ("0:1.0", "1.0"), ("1.0-0", "1.0")] {
            assert_eq!(compare_versions(left, right), Ordering::Equal, "{left} = {right}");
        }
    }
}
