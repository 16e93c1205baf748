//! The live files, on real ones.

use super::*;
use crate::host::Replace;
use std::os::unix::fs::symlink;

fn files() -> LiveFiles {
    LiveFiles::new(Context::default())
}

fn names(directory: &Path) -> Vec<OsString> {
    files().list(directory).unwrap()
}

fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

fn mode(path: &Path) -> u32 {
    files().stat(path, false).unwrap().unwrap().mode
}

#[test]
fn a_new_file_gets_the_umasks_mode_or_the_one_asked_for_and_leaves_nothing_beside() {
    let directory = tempfile::tempdir().unwrap();
    let (plain, secret) = (directory.path().join("plain"), directory.path().join("secret"));
    files().write(&plain, b"a", &WriteOptions::default()).unwrap();
    files().write(&secret, b"b", &WriteOptions { mode: Some(0o4640), ..WriteOptions::default() }).unwrap();
    assert_eq!(mode(&plain), 0o666 & !files().umask());
    assert_eq!(mode(&secret), 0o4640);
    assert_eq!(names(directory.path()), ["plain", "secret"]);
}

#[test]
fn a_replaced_file_keeps_mode_owner_and_xattrs() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("file");
    std::fs::write(&path, "old").unwrap();
    files().set_mode(&path, 0o2751, true).unwrap();
    if is_root() {
        files().set_owner(&path, Some(12), Some(34), true).unwrap();
        files().set_mode(&path, 0o2751, true).unwrap();
    }
    // Not every file system has xattrs (tmpfs lacks `user.` before Linux 6.6).
    let has_xattrs = files().set_xattr(&path, "user.refit", b"kept").is_ok();
    let before = files().stat(&path, false).unwrap().unwrap();
    files().write(&path, b"new content", &WriteOptions::default()).unwrap();
    let after = files().stat(&path, false).unwrap().unwrap();
    assert_ne!(before.inode, after.inode, "it is a new file");
    assert_eq!((before.mode, before.uid, before.gid), (after.mode, after.uid, after.gid));
    assert_eq!(files().read(&path).unwrap(), b"new content");
    if has_xattrs {
        assert_eq!(files().xattr(&path, "user.refit").unwrap().as_deref(), Some(&b"kept"[..]));
    }
    assert_eq!(files().xattr(&path, "user.other").unwrap(), None);
}

#[test]
fn an_acl_is_kept() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("file");
    std::fs::write(&path, "old").unwrap();
    // Version 2; owner rw-, user 12 rw-, group r--, mask rw-, others --- (linux/posix_acl_xattr.h).
    let entry = |tag: u16, permissions: u16, id: u32| {
        [&tag.to_le_bytes()[..], &permissions.to_le_bytes(), &id.to_le_bytes()].concat()
    };
    let none = u32::MAX;
    let acl = [
        2u32.to_le_bytes().to_vec(),
        entry(1, 6, none),
        entry(2, 6, 12),
        entry(4, 4, none),
        entry(0x10, 6, none),
        entry(0x20, 0, none),
    ]
    .concat();
    if let Err(error) = files().set_xattr(&path, "system.posix_acl_access", &acl) {
        assert!(error.to_string().contains("not supported"), "{error}");
        return;
    }
    files().write(&path, b"new", &WriteOptions::default()).unwrap();
    assert_eq!(files().xattr(&path, "system.posix_acl_access").unwrap(), Some(acl));
    assert_eq!(mode(&path), 0o660);
}

#[test]
fn a_link_is_replaced_and_its_target_left_alone() {
    let directory = tempfile::tempdir().unwrap();
    let (target, link) = (directory.path().join("target"), directory.path().join("link"));
    std::fs::write(&target, "target").unwrap();
    files().set_mode(&target, 0o600, true).unwrap();
    symlink("target", &link).unwrap();
    files().write(&link, b"own", &WriteOptions::default()).unwrap();
    assert_eq!(files().stat(&link, false).unwrap().unwrap().kind, Kind::File);
    assert_eq!(mode(&link), 0o600, "what the path named gives the mode");
    assert_eq!(files().read(&target).unwrap(), b"target");
}

#[test]
fn a_device_or_a_directory_is_never_replaced_by_a_file() {
    let directory = tempfile::tempdir().unwrap();
    let pipe = directory.path().join("pipe");
    rustix::fs::mknodat(CWD, &pipe, rustix::fs::FileType::Fifo, Mode::from_raw_mode(0o600), 0).unwrap();
    for replace in [Replace::Atomic, Replace::AtomicOrInPlace] {
        let options = WriteOptions { replace, ..WriteOptions::default() };
        assert!(files().write(&pipe, b"x", &options).is_err());
        assert!(files().write(directory.path(), b"x", &options).is_err());
    }
    assert_eq!(files().stat(&pipe, false).unwrap().unwrap().kind, Kind::Fifo);
    assert_eq!(names(directory.path()), ["pipe"]);
}

#[test]
fn a_missing_directory_is_named() {
    let error = files().write(Path::new("/no/such/place"), b"", &WriteOptions::default()).unwrap_err();
    assert!(error.is_not_found() && error.to_string().contains("/no/such"), "{error}");
}

/// A mount of its own, ended with the test. `None` where the test may not mount.
struct Mounted(tempfile::TempDir);

impl Mounted {
    fn tmpfs(options: &str) -> Option<Mounted> {
        let directory = tempfile::tempdir().unwrap();
        let mut mount = std::process::Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", options, "tmpfs"]).arg(directory.path());
        mount.output().ok()?.status.success().then_some(Mounted(directory))
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        let _ = std::process::Command::new("umount").arg("-l").arg(self.0.path()).status();
    }
}

#[test]
fn a_full_disk_leaves_the_old_file_and_no_temporary_one() {
    let Some(disk) = Mounted::tmpfs("size=64k") else { return };
    let path = disk.0.path().join("file");
    std::fs::write(&path, "old").unwrap();
    for replace in [Replace::Atomic, Replace::AtomicOrInPlace] {
        let options = WriteOptions { replace, ..WriteOptions::default() };
        let error = files().write(&path, &vec![b'x'; 1 << 20], &options).unwrap_err().to_string();
        assert!(error.contains("No space left") && error.contains("file"), "{error}");
        assert_eq!(files().read(&path).unwrap(), b"old");
        assert_eq!(names(disk.0.path()), ["file"]);
    }
}

#[test]
fn a_bind_mounted_file_is_written_in_place_only_when_asked_for() {
    let Some(disk) = Mounted::tmpfs("size=64k") else { return };
    let (source, path) = (disk.0.path().join("source"), disk.0.path().join("file"));
    std::fs::write(&source, "old").unwrap();
    std::fs::write(&path, "below").unwrap();
    let bound = std::process::Command::new("mount").arg("--bind").arg(&source).arg(&path).status().unwrap();
    assert!(bound.success());
    assert!(files().write(&path, b"new", &WriteOptions::default()).is_err());
    assert_eq!(files().read(&source).unwrap(), b"old");
    let options = WriteOptions { replace: Replace::AtomicOrInPlace, mode: Some(0o600), ..WriteOptions::default() };
    files().write(&path, b"new", &options).unwrap();
    assert_eq!(files().read(&source).unwrap(), b"new");
    assert_eq!(mode(&source), 0o600);
    assert_eq!(names(disk.0.path()), ["file", "source"]);
}

#[test]
fn a_copy_has_the_attributes_and_times_of_the_original() {
    let directory = tempfile::tempdir().unwrap();
    let (from, to) = (directory.path().join("from"), directory.path().join("to"));
    std::fs::write(&from, "content").unwrap();
    files().set_mode(&from, 0o604, true).unwrap();
    let time = Moment { seconds: 1_000_000_000, nanos: 5 };
    files().set_times(&from, Times { atime: Some(time), mtime: Some(time) }, true).unwrap();
    files().copy(&from, &to).unwrap();
    let copied = files().stat(&to, true).unwrap().unwrap();
    assert_eq!((copied.mode, copied.mtime, copied.size), (0o604, time, 7));
    assert!(files().copy(directory.path(), &to).is_err());
    assert!(files().copy(&from, directory.path()).is_err());
}

#[test]
fn what_is_not_there_is_nothing_and_a_loop_is_an_error() {
    let directory = tempfile::tempdir().unwrap();
    let at = |name: &str| directory.path().join(name);
    symlink("nowhere", at("dangling")).unwrap();
    symlink("loop", at("loop")).unwrap();
    std::fs::write(at("file"), "").unwrap();
    assert_eq!(files().stat(&at("none"), true).unwrap(), None);
    assert_eq!(files().stat(&at("file/below"), true).unwrap(), None);
    assert_eq!(files().stat(&at("dangling"), true).unwrap(), None);
    assert_eq!(files().stat(&at("dangling"), false).unwrap().unwrap().kind, Kind::Link);
    assert!(files().stat(&at("loop"), true).is_err());
    assert_eq!(
        files().canonical(&at("dangling/x")).unwrap(),
        directory.path().canonicalize().unwrap().join("nowhere/x")
    );
    assert!(files().access(&at("file"), true, true, false).unwrap());
    assert!(!files().access(&at("file"), false, false, true).unwrap());
    assert!(!files().access(&at("none"), false, false, false).unwrap());
}

#[test]
fn directories_links_and_trees() {
    let directory = tempfile::tempdir().unwrap();
    let at = |name: &str| directory.path().join(name);
    files().create_dir(&at("tree"), Some(0o3775)).unwrap();
    assert_eq!(mode(&at("tree")), 0o3775);
    files().create_dir(&at("tree/sub"), None).unwrap();
    std::fs::write(at("kept"), "kept").unwrap();
    files().symlink(&at("kept"), &at("tree/link")).unwrap();
    files().hard_link(&at("kept"), &at("tree/hard")).unwrap();
    assert_eq!(files().stat(&at("kept"), true).unwrap().unwrap().nlink, 2);
    files().set_mode(&at("tree/link"), 0o600, false).unwrap();
    assert_eq!(mode(&at("kept")), 0o666 & !files().umask(), "a link itself has no mode");
    files().rename(&at("tree/sub"), &at("tree/renamed")).unwrap();
    assert_eq!(names(&at("tree")), ["hard", "link", "renamed"]);
    files().remove_tree(&at("tree")).unwrap();
    assert_eq!(files().read(&at("kept")).unwrap(), b"kept");
    assert!(files().remove_tree(Path::new("/tmp/..")).is_err(), "never the root");
    assert!(files().remove_tree(&at("kept")).is_err(), "a file is no tree");
}

#[test]
fn a_staged_content_is_readable_by_its_owner_only_and_goes_away() {
    let staged = files().stage(b"checked", Path::new("/etc/sudoers.d/10-refit")).unwrap();
    assert!(staged.to_str().unwrap().ends_with("-10-refit"));
    assert!(!staged.starts_with("/etc"));
    assert_eq!((files().read(&staged).unwrap(), mode(&staged)), (b"checked".to_vec(), 0o600));
    files().discard(&staged);
    assert_eq!(files().stat(&staged, false).unwrap(), None);
}

#[test]
fn attributes_are_those_that_lsattr_shows() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("file");
    std::fs::write(&path, "").unwrap();
    let Ok(listed) = std::process::Command::new("lsattr").arg(&path).output() else { return };
    if !listed.status.success() || !is_root() {
        return;
    }
    let shown = |listed: Vec<u8>| {
        let text = String::from_utf8(listed).unwrap();
        text.split(' ').next().unwrap().replace('-', "")
    };
    assert_eq!(files().attributes(&path).unwrap(), shown(listed.stdout));
    files().set_attributes(&path, "+i").unwrap();
    let listed = std::process::Command::new("lsattr").arg(&path).output().unwrap();
    let (now, told) = (files().attributes(&path).unwrap(), shown(listed.stdout));
    let refused = files().write(&path, b"x", &WriteOptions::default());
    files().set_attributes(&path, "-i").unwrap();
    assert!(now.contains('i'));
    assert_eq!(now, told);
    assert!(refused.is_err(), "an immutable file stays");
}
