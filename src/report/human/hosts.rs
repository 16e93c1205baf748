//! Many hosts' names as few words: `web[01:20]`.

/// The names, those that count up one after the other as a range in the inventory's notation. In the order of first mention.
pub fn compact<'a>(hosts: impl IntoIterator<Item = &'a str>) -> String {
    let mut families: indexmap::IndexMap<(&str, &str), Vec<&str>> = indexmap::IndexMap::new();
    for host in hosts {
        let (before, digits, after) = split(host);
        families.entry((before, after)).or_default().push(digits);
    }
    let mut words = Vec::new();
    for ((before, after), mut numbers) in families {
        numbers.sort_by_key(|digits| (digits.parse::<u64>().unwrap_or_default(), digits.len()));
        let mut rest = numbers.as_slice();
        while let Some(first) = rest.first() {
            let run = 1 + rest.windows(2).take_while(|pair| follows(pair[0], pair[1])).count();
            words.push(match run {
                1 => format!("{before}{first}{after}"),
                _ => format!("{before}[{first}:{}]{after}", rest[run - 1]),
            });
            rest = &rest[run..];
        }
    }
    words.join(", ")
}

/// Around the last number of the name's first label. A name without one is all before.
fn split(host: &str) -> (&str, &str, &str) {
    let is_address = host.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    let label = if is_address { host.len() } else { host.find('.').unwrap_or(host.len()) };
    let Some(last) = host[..label].rfind(|letter: char| letter.is_ascii_digit()) else { return (host, "", "") };
    let first = host[..last]
        .rfind(|letter: char| !letter.is_ascii_digit())
        .map_or(0, |before| before + host[before..].chars().next().map_or(1, char::len_utf8));
    (&host[..first], &host[first..=last], &host[last + 1..])
}

/// Whether the second number is written as the range's next one after the first.
fn follows(first: &str, second: &str) -> bool {
    let padded = |digits: &str| digits.len() > 1 && digits.starts_with('0');
    let widths = first.len() == second.len() || !padded(first) && !padded(second);
    let next = first.parse::<u64>().ok().and_then(|number| number.checked_add(1));
    widths && next.is_some() && next == second.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::compact;

    #[test]
    fn names_that_count_up_are_a_range() {
        assert_eq!(compact(["web01", "web02", "web03", "db1"]), "web[01:03], db1");
        assert_eq!(compact(["web3", "web1", "web2", "web9", "web10"]), "web[1:3], web[9:10]");
        assert_eq!(compact(["a1.x.org", "a2.x.org", "b2.x.org"]), "a[1:2].x.org, b2.x.org");
        assert_eq!(compact(["10.0.0.8", "10.0.0.9"]), "10.0.0.[8:9]");
    }

    #[test]
    fn what_is_no_range_stays_as_it_is() {
        assert_eq!(compact(["web01", "web2", "localhost"]), "web01, web2, localhost");
        assert_eq!(compact(["web09", "web010"]), "web09, web010");
        assert_eq!(compact(["ü7", "ü8", "99999999999999999999999"]), "ü[7:8], 99999999999999999999999");
        assert_eq!(compact([]), "");
    }
}
