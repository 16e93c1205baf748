//! Several hosts in one name: `web[01:50]`, `rack[a:f]-[1:9:2]`.

/// More names than this from one are a mistake.
const MOST: usize = 1_000_000;

/// The names that a name with ranges stands for, in order. The error says what is wrong with a range.
pub(super) fn expand(name: &str) -> Result<Vec<String>, String> {
    let mut names = vec![String::new()];
    let mut rest = name;
    while let Some(open) = rest.find('[') {
        let close = rest[open..].find(']').map(|at| open + at).ok_or("a `[` that is not closed")?;
        let items = items(&rest[open + 1..close])?;
        if names.len().saturating_mul(items.len()) > MOST {
            return Err(format!("more than {MOST} hosts"));
        }
        let head = &rest[..open];
        names = names.iter().flat_map(|name| items.iter().map(move |item| format!("{name}{head}{item}"))).collect();
        rest = &rest[close + 1..];
    }
    for name in &mut names {
        name.push_str(rest);
    }
    Ok(names)
}

/// What stands between the brackets: `from:to` or `from:to:step`.
fn items(range: &str) -> Result<Vec<String>, String> {
    let bounds: Vec<&str> = range.split(':').collect();
    let (from, to, step) = match bounds.as_slice() {
        [from, to] => (*from, *to, 1),
        [from, to, step] => {
            let step = step.parse::<usize>().ok().filter(|step| *step > 0);
            (*from, *to, step.ok_or("the step of a range is a whole number, 1 or more")?)
        }
        _ => return Err(format!("`[{range}]` is no range; write it as [from:to] or [from:to:step]")),
    };
    let from = if from.is_empty() { "0" } else { from };
    if to.is_empty() {
        return Err(format!("the range `[{range}]` has no end"));
    }
    let backwards = || format!("the range `[{range}]` ends before it begins");
    if let (Some(first), Some(last)) = (letter(from), letter(to)) {
        if first > last {
            return Err(backwards());
        }
        return Ok(LETTERS[first..=last].chars().step_by(step).map(String::from).collect());
    }
    // Leading zeros keep their width.
    let width = if from.len() > 1 && from.starts_with('0') { from.len() } else { 0 };
    if width > 0 && to.len() != width {
        return Err(format!("the bounds of `[{range}]` need the same number of digits"));
    }
    let number = |text: &str| {
        text.parse::<usize>().map_err(|_| format!("`{text}` in `[{range}]` is neither a number nor a letter"))
    };
    let (first, last) = (number(from)?, number(to)?);
    if first > last {
        return Err(backwards());
    }
    if (last - first) / step >= MOST {
        return Err(format!("more than {MOST} hosts"));
    }
    Ok((first..=last).step_by(step).map(|number| format!("{number:0width$}")).collect())
}

const LETTERS: &str = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";

fn letter(text: &str) -> Option<usize> {
    if text.len() == 1 { LETTERS.find(text) } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_expanded_in_order() {
        let cases: &[(&str, &[&str])] = &[
            ("plain", &["plain"]),
            ("n[1:3]", &["n1", "n2", "n3"]),
            ("n[08:11].x", &["n08.x", "n09.x", "n10.x", "n11.x"]),
            ("n[:2]", &["n0", "n1", "n2"]),
            ("n[0:9:4]", &["n0", "n4", "n8"]),
            ("[a:b][C:D]", &["aC", "aD", "bC", "bD"]),
            ("[y:B]", &["y", "z", "A", "B"]),
        ];
        for (name, expected) in cases {
            assert_eq!(expand(name).unwrap(), *expected);
        }
    }

    #[test]
    fn what_is_wrong_with_a_range_is_said() {
        let cases = [
            ("n[1]", "`[1]` is no range; write it as [from:to] or [from:to:step]"),
            ("n[1:", "a `[` that is not closed"),
            ("n[1:]", "the range `[1:]` has no end"),
            ("n[01:100]", "the bounds of `[01:100]` need the same number of digits"),
            ("n[5:1]", "the range `[5:1]` ends before it begins"),
            ("n[c:a]", "the range `[c:a]` ends before it begins"),
            ("n[1:x]", "`x` in `[1:x]` is neither a number nor a letter"),
            ("n[1:9:0]", "the step of a range is a whole number, 1 or more"),
            ("n[1:99999][1:99999]", "more than 1000000 hosts"),
        ];
        for (name, expected) in cases {
            assert_eq!(expand(name).unwrap_err(), expected);
        }
    }
}
