//! The lines of `/etc/passwd`, `/etc/group` and `/etc/shadow`.

use crate::host::{Group, Shadow, User};

/// A line of `/etc/passwd` (passwd(5)); `None` for what is none.
pub(crate) fn user(line: &str) -> Option<User> {
    let fields: Vec<&str> = line.split(':').collect();
    let [name, _, uid, gid, comment, home, shell] = fields.as_slice() else { return None };
    // `+` and `-` begin the compatibility entries of NIS.
    if name.is_empty() || name.starts_with(['+', '-', '#']) {
        return None;
    }
    Some(User {
        name: (*name).to_owned(),
        uid: uid.parse().ok()?,
        gid: gid.parse().ok()?,
        comment: (*comment).to_owned(),
        home: home.into(),
        shell: (*shell).to_owned(),
    })
}

/// A line of `/etc/group` (group(5)).
pub(crate) fn group(line: &str) -> Option<Group> {
    let fields: Vec<&str> = line.split(':').collect();
    let [name, _, gid, members] = fields.as_slice() else { return None };
    if name.is_empty() || name.starts_with(['+', '-', '#']) {
        return None;
    }
    Some(Group {
        name: (*name).to_owned(),
        gid: gid.parse().ok()?,
        members: members.split(',').map(str::trim).filter(|name| !name.is_empty()).map(str::to_owned).collect(),
    })
}

/// A line of `/etc/shadow` (shadow(5)): whose it is, and what it says.
pub(crate) fn shadow(line: &str) -> Option<(&str, Shadow)> {
    let fields: Vec<&str> = line.split(':').collect();
    let name = fields.first().filter(|name| !name.is_empty())?;
    let day = |at: usize| fields.get(at).and_then(|field| field.trim().parse().ok());
    Some((
        name,
        Shadow {
            password: (*fields.get(1)?).to_owned(),
            last_change: day(2),
            min_days: day(3),
            max_days: day(4),
            warn_days: day(5),
            inactive_days: day(6),
            expires: day(7),
        },
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_each_file_are_read_and_others_are_not() {
        let read = user("ann:x:1001:100:Ann,,,:/home/ann:/bin/sh").unwrap();
        assert_eq!((read.uid, read.gid, read.comment.as_str()), (1001, 100, "Ann,,,"));
        for line in ["", "+::::::", "# comment", "ann:x:many:100::/:/bin/sh", "ann:x:1"] {
            assert_eq!(user(line), None, "{line}");
        }
        assert_eq!(group("adm:x:4:syslog,ann").unwrap().members, ["syslog", "ann"]);
        assert!(group("adm:x:4:").unwrap().members.is_empty());
        let (name, read) = shadow("ann:!$6$x:19000:0:99999:7::20000:").unwrap();
        assert_eq!(name, "ann");
        assert_eq!((read.password.as_str(), read.inactive_days, read.expires), ("!$6$x", None, Some(20000)));
    }
}
