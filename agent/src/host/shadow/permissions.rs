//! What the agent's user may do with what exists only in the overlay.

use crate::host::{Kind, Stat};

/// A user, as the kernel judges its processes.
#[derive(Clone, Debug)]
pub(super) struct Identity {
    pub(super) uid: u32,
    pub(super) gid: u32,
    /// Supplementary groups.
    pub(super) groups: Vec<u32>,
}

impl Identity {
    /// The agent's own.
    pub(super) fn own() -> Identity {
        let groups = rustix::process::getgroups().unwrap_or_default();
        Identity {
            uid: rustix::process::geteuid().as_raw(),
            gid: rustix::process::getegid().as_raw(),
            groups: groups.into_iter().map(rustix::fs::Gid::as_raw).collect(),
        }
    }

    /// Who may do everything.
    pub(super) fn root() -> Identity {
        Identity { uid: 0, gid: 0, groups: Vec::new() }
    }

    /// Whether it is in a group.
    pub(super) fn is_in(&self, gid: u32) -> bool {
        self.gid == gid || self.groups.contains(&gid)
    }

    /// Whether it may use what has this mode and these owners (path_resolution(7); ACLs are not looked at).
    pub(super) fn may(&self, stat: &Stat, read: bool, write: bool, execute: bool) -> bool {
        if self.uid == 0 {
            return !execute || stat.kind == Kind::Directory || stat.mode & 0o111 != 0;
        }
        let bits = if self.uid == stat.uid {
            stat.mode >> 6
        } else if self.is_in(stat.gid) {
            stat.mode >> 3
        } else {
            stat.mode
        };
        let wanted = u32::from(read) * 4 + u32::from(write) * 2 + u32::from(execute);
        bits & wanted == wanted
    }

    /// Whether it may change mode or times of what has this owner.
    pub(super) fn owns(&self, stat: &Stat) -> bool {
        self.uid == 0 || self.uid == stat.uid
    }

    /// Whether it may give what has these owners to others.
    pub(super) fn may_give(&self, stat: &Stat, uid: u32, gid: u32) -> bool {
        self.uid == 0
            || (uid == stat.uid && gid == stat.gid && self.owns(stat))
            || (uid == stat.uid && self.owns(stat) && self.is_in(gid))
    }

    /// Whether the sticky bit of a directory keeps it from removing or replacing what is in it.
    pub(super) fn is_kept_from(&self, directory: &Stat, what: &Stat) -> bool {
        directory.mode & 0o1000 != 0 && self.uid != 0 && self.uid != what.uid && self.uid != directory.uid
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::Moment;

    fn stat(kind: Kind, mode: u32, uid: u32, gid: u32) -> Stat {
        let now = Moment::default();
        Stat {
            kind,
            mode,
            uid,
            gid,
            size: 0,
            dev: 1,
            inode: 0,
            nlink: 1,
            rdev: 0,
            blocks: 0,
            block_size: 4096,
            atime: now,
            mtime: now,
            ctime: now,
        }
    }

    #[test]
    fn the_first_class_that_fits_decides() {
        let ann = Identity { uid: 1001, gid: 1001, groups: vec![33] };
        let file = |mode, uid, gid| stat(Kind::File, mode, uid, gid);
        assert!(ann.may(&file(0o600, 1001, 0), true, true, false));
        assert!(!ann.may(&file(0o077, 1001, 0), true, false, false), "the owner has only the owner's bits");
        assert!(ann.may(&file(0o640, 0, 33), true, false, false));
        assert!(!ann.may(&file(0o640, 0, 34), true, false, false));
        assert!(ann.may(&file(0o605, 0, 0), true, false, true));
        let root = Identity::root();
        assert!(root.may(&file(0, 5, 5), true, true, false) && !root.may(&file(0o666, 5, 5), false, false, true));
    }

    #[test]
    fn only_root_gives_away_and_the_sticky_bit_protects() {
        let ann = Identity { uid: 1001, gid: 1001, groups: vec![33] };
        let own = stat(Kind::File, 0o644, 1001, 1001);
        assert!(ann.may_give(&own, 1001, 33) && !ann.may_give(&own, 0, 33) && !ann.may_give(&own, 1001, 34));
        let tmp = stat(Kind::Directory, 0o1777, 0, 0);
        assert!(ann.is_kept_from(&tmp, &stat(Kind::File, 0o666, 0, 0)) && !ann.is_kept_from(&tmp, &own));
    }
}
