//! The shadow's law: what it foresees is what the live host then has, and the live host is untouched until then.

use super::super::{Overlay, Shadow};
use super::*;
use crate::host::live::Live;
use crate::host::{Context, Replace};
use std::sync::Mutex;

/// One thing done to files, in a directory.
#[derive(Clone, Debug)]
enum Deed {
    Write(String, Vec<u8>, WriteOptions),
    Copy(String, String),
    CreateDir(String, Option<u32>),
    Symlink(String, String),
    HardLink(String, String),
    Rename(String, String),
    RemoveFile(String),
    RemoveTree(String),
    SetMode(String, u32, bool),
    SetOwner(String, Option<u32>, Option<u32>, bool),
    SetTimes(String, Times, bool),
}

impl Deed {
    fn perform(&self, files: &dyn Files, root: &Path) -> HostResult<()> {
        let at = |path: &String| root.join(path);
        match self {
            Deed::Write(path, content, options) => files.write(&at(path), content, options),
            Deed::Copy(from, to) => files.copy(&at(from), &at(to)),
            Deed::CreateDir(path, mode) => files.create_dir(&at(path), *mode),
            Deed::Symlink(target, path) => files.symlink(Path::new(target), &at(path)),
            Deed::HardLink(target, path) => files.hard_link(&at(target), &at(path)),
            Deed::Rename(from, to) => files.rename(&at(from), &at(to)),
            Deed::RemoveFile(path) => files.remove_file(&at(path)),
            Deed::RemoveTree(path) => files.remove_tree(&at(path)),
            Deed::SetMode(path, mode, follow) => files.set_mode(&at(path), *mode, *follow),
            Deed::SetOwner(path, uid, gid, follow) => files.set_owner(&at(path), *uid, *gid, *follow),
            Deed::SetTimes(path, times, follow) => files.set_times(&at(path), *times, *follow),
        }
    }
}

/// What a run of deeds looks like from outside: each deed's answer, and the tree after it.
#[derive(Debug, PartialEq)]
struct Seen {
    answers: Vec<String>,
    tree: Vec<String>,
}

/// An answer without what may differ between two directories.
fn answer<T>(result: &HostResult<T>, root: &Path) -> String {
    match result {
        Ok(_) => "ok".to_owned(),
        // The place and the words differ (the live host names the temporary file's directory); the errno must not.
        Err(HostError::Io { source, .. }) => format!("errno {:?}", source.raw_os_error()),
        Err(other) => other.to_string().replace(&root.display().to_string(), "ROOT"),
    }
}

fn look(files: &dyn Files, root: &Path, path: &Path, started: Moment, seen: &mut Vec<String>) {
    let shown = path.strip_prefix(root).unwrap().display().to_string();
    let stat = match files.stat(path, false) {
        Ok(Some(stat)) => stat,
        other => {
            seen.push(format!("{shown}: {}", answer(&other, root)));
            return;
        }
    };
    // Sizes of directories are the file system's business.
    let size = if stat.kind == Kind::Directory { 0 } else { stat.size };
    let mtime = if stat.mtime >= started { "now".to_owned() } else { format!("{:?}", stat.mtime) };
    let mut line = format!(
        "{shown}: {:?} {:o} {}:{} {size} bytes, {} links, {mtime}",
        stat.kind, stat.mode, stat.uid, stat.gid, stat.nlink
    );
    let access = [(true, false, false), (false, true, false), (false, false, true)].map(|(read, write, execute)| {
        files.access(path, read, write, execute).map_err(|error| answer::<()>(&Err(error), root))
    });
    line += &format!(" {access:?}");
    match stat.kind {
        Kind::File => line += &format!(" {:?}", files.read(path).map_err(|error| answer::<()>(&Err(error), root))),
        Kind::Link => {
            let real = |path: HostResult<PathBuf>| {
                let around = root.parent().unwrap().display().to_string();
                path.map(|path| path.display().to_string().replace(&around, "AROUND"))
                    .map_err(|error| answer::<()>(&Err(error), root))
            };
            let target = files.stat(path, true).map(|stat| stat.map(|stat| stat.mode));
            let target = target.map_err(|error| answer::<()>(&Err(error), root));
            line += &format!(" -> {:?} {:?} {target:?}", files.read_link(path).unwrap(), real(files.canonical(path)));
        }
        Kind::Directory => {
            let names = files.list(path);
            line += &format!(
                " {:?}",
                names.as_ref().map_err(|error| answer::<()>(&Err(HostError::other(error.to_string())), root)).is_ok()
            );
            seen.push(line);
            for name in names.unwrap_or_default() {
                look(files, root, &path.join(name), started, seen);
            }
            return;
        }
        _ => {}
    }
    seen.push(line);
}

fn watch(files: &dyn Files, root: &Path, deeds: &[Deed], started: Moment) -> Seen {
    let answers = deeds.iter().map(|deed| answer(&deed.perform(files, root), root)).collect();
    let mut tree = Vec::new();
    look(files, root, root, started, &mut tree);
    Seen { answers, tree }
}

/// A tree with a bit of everything, long ago.
fn prepare(root: &Path) {
    let at = |name: &str| root.join(name);
    std::fs::create_dir_all(at("d/e")).unwrap();
    std::fs::write(at("a"), "alpha").unwrap();
    std::fs::write(at("d/b"), "beta").unwrap();
    std::fs::write(at("d/e/c"), "gamma").unwrap();
    std::os::unix::fs::symlink("d/b", at("l")).unwrap();
    std::os::unix::fs::symlink("../d", at("d/up")).unwrap();
    let live = Live::new(Context::default());
    let old = Moment { seconds: 1_000_000_000, nanos: 0 };
    live.files.set_mode(&at("a"), 0o640, true).unwrap();
    live.files.set_mode(&at("d/b"), 0o4755, true).unwrap();
    for name in ["a", "d/b", "d/e/c", "d/e", "d", ""] {
        live.files.set_times(&at(name), Times { atime: Some(old), mtime: Some(old) }, true).unwrap();
    }
}

/// Everything of a real directory that a dry run must not touch.
fn fingerprint(root: &Path) -> Vec<String> {
    let live = Live::new(Context::default());
    let mut seen = Vec::new();
    let mut todo = vec![root.to_owned()];
    while let Some(path) = todo.pop() {
        let mut stat = live.files.stat(&path, false).unwrap().unwrap();
        // Looking is allowed.
        stat.atime = Moment::default();
        let content = if stat.kind == Kind::File { std::fs::read(&path).unwrap() } else { Vec::new() };
        seen.push(format!("{path:?} {stat:?} {content:?}"));
        if stat.kind == Kind::Directory {
            todo.extend(live.files.list(&path).unwrap().into_iter().map(|name| path.join(name)));
        }
    }
    seen
}

/// Does the same on a live directory and on the shadow of one that is its like; then the effects, told to another
/// agent's shadow, must give the same picture.
fn obeys_the_law(deeds: &[Deed], ready: fn(&Path)) {
    let (real, foreseen) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let roots = [&real, &foreseen].map(|directory| directory.path().canonicalize().unwrap().join("root"));
    for root in &roots {
        std::fs::create_dir(root).unwrap();
        ready(root);
    }
    let live = Live::new(Context::default());
    // Files' times come from the kernel's coarse clock, which may be a tick behind.
    let started = Moment { seconds: live.clock.now().seconds - 1, nanos: 0 };
    let before = fingerprint(&roots[1]);
    let shadow = Shadow::new(Context::default(), Arc::default());
    let seen = watch(shadow.host().files, &roots[1], deeds, started);
    assert_eq!(fingerprint(&roots[1]), before, "a dry run touched the live host by {deeds:?}");
    let happened = watch(live.host().files, &roots[0], deeds, started);
    for (at, (seen, happened)) in seen.answers.iter().zip(&happened.answers).enumerate() {
        assert_eq!(seen, happened, "foreseen (left) and real (right) answer of deed {at} of {deeds:?}");
    }
    let only_in = |one: &[String], other: &[String]| -> Vec<String> {
        one.iter().filter(|line| !other.contains(line)).cloned().collect()
    };
    let differing = (only_in(&seen.tree, &happened.tree), only_in(&happened.tree, &seen.tree));
    assert_eq!(differing.0, differing.1, "foreseen (left) and real (right) after {deeds:?}: {:?}", seen.answers);
    let other = Shadow::new(Context::default(), Arc::default());
    let told = serde_json::to_string(&shadow.take_effects()).unwrap();
    other.learn(&serde_json::from_str::<Vec<Effect>>(&told).unwrap()).unwrap();
    assert_eq!(watch(other.host().files, &roots[1], &[], started).tree, seen.tree, "told to another: {deeds:?}");
}

/// A stream of numbers that is the same each time.
struct Numbers(u64);

impl Numbers {
    fn next(&mut self, below: usize) -> usize {
        // Knuth's MMIX generator; its high bits are the good ones.
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % below
    }

    fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[self.next(from.len())]
    }

    fn deed(&mut self) -> Deed {
        const PATHS: [&str; 14] = [
            "a", "l", "d", "d/b", "d/e", "d/e/c", "d/up", "d/up/b", "new", "new/x", "d/e/new", "l2", "d/e/c/no",
            "none/x",
        ];
        let mut path = || PATHS[self.next(PATHS.len())].to_owned();
        let (one, two) = (path(), path());
        let mode = *self.pick(&[None, Some(0o600), Some(0o755), Some(0o2750), Some(0o4711), Some(0o000)]);
        let moment = *self.pick(&[None, Some(Moment { seconds: 1_100_000_000, nanos: 7 })]);
        let follow = self.next(2) == 0;
        match self.next(13) {
            0 | 1 => {
                let content = vec![b'x'; self.next(5)];
                let options = WriteOptions { mode, uid: None, gid: None, replace: Replace::Atomic };
                Deed::Write(one, content, options)
            }
            2 => Deed::Copy(one, two),
            3 | 4 => Deed::CreateDir(one, mode),
            5 => Deed::Symlink((*self.pick(&["d", "d/e", "../a", "nowhere", "l2", "new"])).to_owned(), two),
            6 => Deed::HardLink(one, two),
            7 => Deed::Rename(one, two),
            8 => Deed::RemoveFile(one),
            9 => Deed::RemoveTree(one),
            10 => Deed::SetMode(one, mode.unwrap_or(0o644), follow),
            11 => Deed::SetOwner(one, *self.pick(&[None, Some(1234)]), *self.pick(&[None, Some(4321)]), follow),
            _ => Deed::SetTimes(one, Times { atime: None, mtime: moment }, follow),
        }
    }
}

fn many_random_deeds(seeds: std::ops::Range<u64>, ready: fn(&Path)) {
    for seed in seeds {
        let mut numbers = Numbers(seed);
        let deeds: Vec<Deed> = (0..3 + numbers.next(10)).map(|_| numbers.deed()).collect();
        obeys_the_law(&deeds, ready);
    }
}

#[test]
fn what_is_foreseen_happens_whatever_is_done() {
    many_random_deeds(0..120, prepare);
}

/// Runs in a thread with the rights of another user; Linux has them by thread.
fn as_nobody(work: impl FnOnce() + Send + 'static) {
    if !rustix::process::geteuid().is_root() {
        return work();
    }
    let done = std::thread::spawn(move || {
        for (call, argument) in [(libc::SYS_setgroups, 0), (libc::SYS_setresgid, 65_534), (libc::SYS_setresuid, 65_534)]
        {
            // SAFETY: these calls take numbers and a null pointer to no groups.
            let set = unsafe {
                libc::syscall(call, argument as libc::c_ulong, argument as libc::c_ulong, argument as libc::c_ulong)
            };
            assert_eq!(set, 0);
        }
        work();
    });
    if let Err(panic) = done.join() {
        std::panic::resume_unwind(panic);
    }
}

#[test]
fn what_is_foreseen_happens_without_privileges_too() {
    as_nobody(|| many_random_deeds(10_000..10_120, prepare));
}

#[test]
fn what_the_live_host_refuses_is_refused() {
    as_nobody(|| {
        let shadow = Shadow::new(Context::default(), Arc::default());
        let files = shadow.host().files;
        let refused = |result: HostResult<()>| match result {
            Err(HostError::Io { source, .. }) => source.raw_os_error(),
            other => panic!("{other:?}"),
        };
        let options = WriteOptions::default();
        assert_eq!(refused(files.write(Path::new("/etc/refit-test"), b"", &options)), Some(libc::EACCES));
        assert_eq!(refused(files.write(Path::new("/etc/passwd"), b"", &options)), Some(libc::EACCES));
        assert_eq!(refused(files.remove_file(Path::new("/etc/passwd"))), Some(libc::EACCES));
        assert_eq!(refused(files.set_mode(Path::new("/etc/passwd"), 0o600, true)), Some(libc::EPERM));
        assert_eq!(refused(files.set_owner(Path::new("/tmp"), Some(1), None, true)), Some(libc::EPERM));
        assert!(shadow.take_effects().is_empty());
    });
}

#[test]
fn xattrs_and_attributes_are_remembered_and_kept_by_a_new_content() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("file");
    std::fs::write(&path, "old").unwrap();
    let shadow = Shadow::new(Context::default(), Arc::default());
    let files = shadow.host().files;
    files.set_xattr(&path, "user.refit", b"kept").unwrap();
    files.write(&path, b"new", &WriteOptions::default()).unwrap();
    assert_eq!(files.xattr(&path, "user.refit").unwrap().as_deref(), Some(&b"kept"[..]));
    assert_eq!(files.xattr(&path, "user.other").unwrap(), None);
    if rustix::process::geteuid().is_root() {
        files.set_attributes(&path, "+i").unwrap();
        assert_eq!(files.attributes(&path).unwrap(), "i");
        assert!(files.write(&path, b"x", &WriteOptions::default()).is_err(), "an immutable file stays");
        assert!(files.remove_file(&path).is_err());
        files.set_attributes(&path, "-i").unwrap();
        files.remove_file(&path).unwrap();
        assert_eq!(files.stat(&path, false).unwrap(), None);
    }
    assert_eq!(std::fs::read(&path).unwrap(), b"old");
    let live = Live::new(Context::default());
    assert_eq!(live.files.xattr(&path, "user.refit").unwrap(), None);
}

#[test]
fn later_requests_see_what_earlier_ones_foresaw() {
    let directory = tempfile::tempdir().unwrap();
    let overlay: Arc<Mutex<Overlay>> = Arc::default();
    let path = directory.path().join("conf.d/app.conf");
    let first = Shadow::new(Context::default(), overlay.clone());
    first.host().files.create_dir(path.parent().unwrap(), Some(0o750)).unwrap();
    assert_eq!(first.take_effects().len(), 1);
    assert!(first.take_effects().is_empty(), "each is told once");
    let second = Shadow::new(Context::default(), overlay);
    second.host().files.write(&path, b"a = 1\n", &WriteOptions::default()).unwrap();
    let stat = second.host().files.stat(&path, true).unwrap().unwrap();
    assert_eq!((stat.inode, stat.size), (0, 6));
    assert_eq!(second.host().files.read(&path).unwrap(), b"a = 1\n");
    let temporary = second.host().files.create_temporary(path.parent().unwrap(), "a", "z", false).unwrap();
    assert!(second.host().files.stat(&temporary, false).unwrap().is_some());
    assert!(!path.parent().unwrap().exists());
}
