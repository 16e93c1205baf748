//! What `apt-get -s` prints.

use crate::host::Step;

/// The steps of a simulation, in its order. What is only configured (an earlier run was interrupted) has the same
/// version before and after.
pub(crate) fn parse_steps(text: &str) -> Vec<Step> {
    let mut steps: Vec<Step> = Vec::new();
    for line in text.lines() {
        let Some((verb, rest)) = line.split_once(' ') else { continue };
        let mut words = rest.split_whitespace();
        let Some(name) = words.next() else { continue };
        let old =
            rest.split_once(" [").filter(|(before, _)| *before == name).and_then(|(_, after)| after.split_once(']'));
        let old = old.map(|(version, _)| version.to_owned());
        let new = rest.split_once('(').and_then(|(_, after)| after.split_whitespace().next());
        match verb {
            "Inst" => {
                if let Some(new) = new {
                    steps.push(Step { name: name.to_owned(), old, new: Some(new.to_owned()), purged: false });
                }
            }
            "Conf" => {
                let known = steps.iter().any(|step| step.name == name && step.new.is_some());
                if let Some(new) = new.filter(|_| !known) {
                    let version = Some(new.to_owned());
                    steps.push(Step { name: name.to_owned(), old: version.clone(), new: version, purged: false });
                }
            }
            "Remv" | "Purg" => {
                let step = Step { name: name.to_owned(), old, new: None, purged: verb == "Purg" };
                match steps.iter_mut().find(|known| known.name == name && known.new.is_none()) {
                    Some(known) => known.purged |= step.purged,
                    None => steps.push(step),
                }
            }
            _ => {}
        }
    }
    steps
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step(name: &str, old: Option<&str>, new: Option<&str>, purged: bool) -> Step {
        Step { name: name.to_owned(), old: old.map(str::to_owned), new: new.map(str::to_owned), purged }
    }

    // From Debian 12's apt 2.6.
    #[test]
    fn an_upgrade_with_a_dependency_and_a_removal() {
        let text = "Reading package lists...\nBuilding dependency tree...\nThe following packages will be REMOVED:\n  mawk\nThe following NEW packages will be installed:\n  gawk libsigsegv2\n0 upgraded, 2 newly installed, 1 to remove and 3 not upgraded.\nRemv mawk [1.3.4.20200120-3.1]\nInst libsigsegv2 (2.14-1 Debian:12.11/stable [amd64])\nInst gawk (1:5.2.1-2 Debian:12.11/stable [amd64])\nInst libc6 [2.36-9+deb12u9] (2.36-9+deb12u10 Debian:12.11/stable [amd64]) []\nConf libsigsegv2 (2.14-1 Debian:12.11/stable [amd64])\nConf gawk (1:5.2.1-2 Debian:12.11/stable [amd64])\nConf man-db (2.11.2-2 Debian:12.11/stable [amd64])\n";
        assert_eq!(
            parse_steps(text),
            [
                step("mawk", Some("1.3.4.20200120-3.1"), None, false),
                step("libsigsegv2", None, Some("2.14-1"), false),
                step("gawk", None, Some("1:5.2.1-2"), false),
                step("libc6", Some("2.36-9+deb12u9"), Some("2.36-9+deb12u10"), false),
                step("man-db", Some("2.11.2-2"), Some("2.11.2-2"), false),
            ]
        );
    }

    #[test]
    fn a_purge() {
        assert_eq!(parse_steps("Purg nano [7.2-1+deb12u1]\n"), [step("nano", Some("7.2-1+deb12u1"), None, true)]);
        assert_eq!(parse_steps("0 upgraded, 0 newly installed, 0 to remove and 3 not upgraded.\n"), []);
    }
}
