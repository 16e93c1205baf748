//! `mounts`: file systems on devices or servers, with their sizes.

use super::devices::names_by_device;
use super::gather::one;
use super::probe::Probe;
use crate::modules::mount_table::unescape;
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;
use std::sync::mpsc;
use std::time::{Duration, Instant};

/// One line of the mount table.
#[derive(Clone, Debug, PartialEq)]
struct Mount {
    device: String,
    mount: String,
    fstype: String,
    options: String,
    dump: i64,
    passno: i64,
}

/// The fact `mounts`. A file system that does not answer within `timeout` (a dead server's) is listed without its sizes,
/// with a note.
pub(super) fn facts(probe: &Probe<'_>, timeout: Duration) -> Map<String, Value> {
    let table = probe.text("/etc/mtab").or_else(|| probe.text("/proc/mounts")).unwrap_or_default();
    let binds = bind_mounts(&probe.text("/proc/self/mountinfo").unwrap_or_default());
    let uuids = names_by_device(probe, "/dev/disk/by-uuid");
    let mounts: Vec<Mount> = table.lines().filter_map(mount).collect();
    let (asked, answers) = mpsc::channel();
    let paths: Vec<String> = mounts.iter().map(|mount| mount.mount.clone()).collect();
    // A thread of its own: `statvfs` on a dead server's file system may never return. Such a thread ends with the agent.
    let worker = std::thread::Builder::new().name("statvfs".to_owned()).spawn(move || {
        for path in paths {
            let sizes = rustix::fs::statvfs(&path).map(|sizes| {
                json!({
                    "size_total": sizes.f_frsize * sizes.f_blocks,
                    "size_available": sizes.f_frsize * sizes.f_bavail,
                    "block_size": sizes.f_bsize,
                    "block_total": sizes.f_blocks,
                    "block_available": sizes.f_bavail,
                    "block_used": sizes.f_blocks - sizes.f_bavail,
                    "inode_total": sizes.f_files,
                    "inode_available": sizes.f_favail,
                    "inode_used": sizes.f_files - sizes.f_favail,
                })
            });
            if asked.send(sizes.ok()).is_err() {
                break;
            }
        }
    });
    let deadline = Instant::now() + timeout;
    let mut listed = Vec::new();
    for entry in mounts {
        let answer = match &worker {
            Ok(_) => answers.recv_timeout(deadline.saturating_duration_since(Instant::now())).map_err(|_| ()),
            Err(_) => Err(()),
        };
        let mut options = entry.options;
        if binds.contains(&entry.mount) {
            options.push_str(",bind");
        }
        let uuid = entry.device.strip_prefix("/dev/").and_then(|name| uuids.get(name)?.first().cloned());
        let mut fact = Map::from_iter([
            ("mount".to_owned(), entry.mount.into()),
            ("device".to_owned(), entry.device.into()),
            ("fstype".to_owned(), entry.fstype.into()),
            ("options".to_owned(), options.into()),
            ("dump".to_owned(), entry.dump.into()),
            ("passno".to_owned(), entry.passno.into()),
            ("uuid".to_owned(), uuid.unwrap_or_else(|| "N/A".to_owned()).into()),
        ]);
        match answer {
            Ok(Some(Value::Object(sizes))) => fact.extend(sizes),
            Ok(_) => {}
            Err(()) => {
                fact.insert("note".to_owned(), "Timed out while attempting to get extra information.".into());
            }
        }
        listed.push(Value::Object(fact));
    }
    one("mounts", listed)
}

/// A line of the mount table; `None` for file systems that are on no device and no server.
fn mount(line: &str) -> Option<Mount> {
    let mut fields = line.split_whitespace().map(unescape);
    let (device, mount, fstype, options) = (fields.next()?, fields.next()?, fields.next()?, fields.next()?);
    let mut number = || fields.next().and_then(|field| field.parse().ok()).unwrap_or(0);
    let (dump, passno) = (number(), number());
    let real = device.starts_with(['/', '\\']) || device.contains(":/");
    (real && fstype != "none").then_some(Mount { device, mount, fstype, options, dump, passno })
}

/// The mount points that show not the whole of a file system but a directory of it.
fn bind_mounts(mountinfo: &str) -> BTreeSet<String> {
    mountinfo
        .lines()
        .filter_map(|line| {
            let mut fields = line.split(' ').skip(3);
            let (root, point) = (fields.next()?, fields.next()?);
            (root != "/").then(|| unescape(point))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_a_mount_table() {
        assert_eq!(mount("proc /proc proc rw,nosuid 0 0"), None);
        assert_eq!(mount("overlay / overlay rw 0 0"), None);
        let disk = mount("/dev/sda1 /mnt/a\\040b ext4 rw,relatime 1 2").unwrap();
        assert_eq!((disk.mount.as_str(), disk.dump, disk.passno), ("/mnt/a b", 1, 2));
        assert_eq!(mount("nas:/export /srv nfs4 rw 0 0").unwrap().device, "nas:/export");
    }

    #[test]
    fn bind_mounts_show_a_directory_of_a_file_system() {
        let mountinfo = "22 1 254:0 / / rw,relatime - ext4 /dev/vda rw\n31 22 254:0 /var/lib/a /srv/a rw shared:1 - ext4 /dev/vda rw\n";
        assert_eq!(bind_mounts(mountinfo), BTreeSet::from(["/srv/a".to_owned()]));
    }
}
