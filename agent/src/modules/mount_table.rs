//! The tables of mounts: fstab, and what the kernel says is mounted.

use crate::host::{Foresight, Host, HostResult};
use std::path::{Path, PathBuf};

/// An entry of fstab, its fields escaped as they are written there.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Entry {
    pub(super) src: String,
    pub(super) name: String,
    pub(super) fstype: String,
    pub(super) opts: String,
    pub(super) dump: String,
    pub(super) passno: String,
}

/// A field with white space and backslashes in octal (fstab(5)).
pub(super) fn escape(field: &str) -> String {
    field
        .replace('\\', "\\134")
        .replace(' ', "\\040")
        .replace('\t', "\\011")
        .replace('\n', "\\012")
        .replace('&', "\\046")
}

/// What an escaped field stands for.
pub(crate) fn unescape(field: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = field.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        let octal = after.get(..3).filter(|_| first == b'\\').and_then(|digits| std::str::from_utf8(digits).ok());
        match octal.and_then(|digits| u8::from_str_radix(digits, 8).ok()) {
            Some(byte) => {
                bytes.push(byte);
                rest = &after[3..];
            }
            None => {
                bytes.push(first);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// The fields of a line of fstab; `None` for what is no entry.
pub(super) fn fields(line: &str) -> Option<Vec<&str>> {
    if line.trim_start().starts_with('#') {
        return None;
    }
    let fields: Vec<&str> = line.split_whitespace().collect();
    (4..=6).contains(&fields.len()).then_some(fields)
}

impl Entry {
    fn line(&self) -> String {
        let Entry { src, name, fstype, opts, dump, passno } = self;
        format!("{src} {name} {fstype} {opts} {dump} {passno}\n")
    }

    /// The table with this entry; a line that says the same already stays as it is written.
    pub(super) fn put(&self, text: &str) -> String {
        let (mut out, mut found) = (String::new(), false);
        for line in text.split_inclusive('\n') {
            match fields(line) {
                Some(fields) if self.is(&fields) => {
                    found = true;
                    let field = |index: usize| fields.get(index).copied().unwrap_or_default();
                    let same = [&self.src, &self.name, &self.fstype, &self.opts, &self.dump, &self.passno]
                        .iter()
                        .enumerate()
                        .all(|(index, value)| field(index) == value.as_str());
                    out.push_str(&if same { line.to_owned() } else { self.line() });
                }
                _ => out.push_str(line),
            }
        }
        if !found {
            if !out.is_empty() && !out.ends_with('\n') {
                out.push('\n');
            }
            out.push_str(&self.line());
        }
        out
    }

    fn is(&self, fields: &[&str]) -> bool {
        // All swaps have the mount point "none".
        let other_swap = self.name == "none" && fields[2] == "swap" && fields[0] != self.src;
        fields[1] == self.name && !other_swap
    }

    /// The table without the entries of a mount point; of swaps only the one with this source.
    pub(super) fn drop(text: &str, name: &str, src: Option<&str>) -> String {
        let goes = |line: &&str| {
            // Ansible leaves lines alone that lack fields.
            fields(line).filter(|fields| fields.len() == 6).is_some_and(|fields| {
                let other_swap = name == "none" && fields[2] == "swap" && src.is_some_and(|src| src != fields[0]);
                fields[1] == name && !other_swap
            })
        };
        text.split_inclusive('\n').filter(|line| !goes(line)).collect()
    }
}

/// What is mounted at a mount point.
#[derive(Clone, Debug)]
pub(super) struct Mounted {
    point: PathBuf,
    /// The device, or what stands in its place.
    pub(super) source: String,
    /// The directory of the file system that is shown: not `/` for a bind mount.
    root: String,
    fstype: String,
    opts: String,
}

const MOUNTINFO: &str = "/proc/self/mountinfo";
const MOUNTS: &str = "/proc/self/mounts";

/// What is mounted there last, by the kernel's table (proc(5), mountinfo).
pub(super) fn mounted_at(host: &Host<'_>, path: &Path) -> HostResult<Option<Mounted>> {
    let path = host.files.canonical(path)?;
    let table = host.files.read(Path::new(MOUNTINFO))?;
    let found = String::from_utf8_lossy(&table).lines().filter_map(parse).rfind(|mounted| mounted.point == path);
    Ok(found)
}

fn parse(line: &str) -> Option<Mounted> {
    let (first, second) = line.split_once(" - ")?;
    let mut first = first.split(' ').skip(3);
    let (root, point, opts) = (first.next()?, first.next()?, first.next()?);
    let mut second = second.split(' ');
    let (fstype, source) = (second.next()?, second.next()?);
    Some(Mounted {
        point: unescape(point).into(),
        source: unescape(source),
        root: unescape(root),
        fstype: fstype.to_owned(),
        opts: opts.to_owned(),
    })
}

impl Mounted {
    /// The mount that an entry of fstab stands for.
    pub(super) fn foreseen(entry: &Entry, path: &Path) -> Mounted {
        let bind = entry.opts.split(',').any(|option| option == "bind" || option == "rbind");
        Mounted {
            point: path.to_owned(),
            source: unescape(&entry.src),
            root: if bind { unescape(&entry.src) } else { "/".to_owned() },
            fstype: entry.fstype.clone(),
            opts: unescape(&entry.opts),
        }
    }

    /// The mode of a new tmpfs's root.
    pub(super) fn root_mode(&self) -> u32 {
        let mode = self.opts.split(',').find_map(|option| option.strip_prefix("mode="));
        mode.and_then(|digits| u32::from_str_radix(digits, 8).ok()).unwrap_or(0o1777)
    }

    /// Whether it shows this source: the same device, or the same directory of a bind mount.
    pub(super) fn shows(&self, host: &Host<'_>, source: &str) -> HostResult<bool> {
        if self.source == source || self.root == source {
            return Ok(true);
        }
        // A device under another name (/dev/disk/by-label/x), or a directory of a file system that is mounted elsewhere.
        let real = host.files.canonical(Path::new(source))?;
        let is = |text: &str| text.starts_with('/') && Path::new(text) == real;
        Ok(is(&self.source) || (self.root != "/" && real.ends_with(self.root.trim_start_matches('/'))))
    }

    /// Lets the kernel's tables have it.
    pub(super) fn add(&self, host: &Host<'_>, foresight: &dyn Foresight) -> HostResult<()> {
        let Mounted { point, source, root, fstype, opts } = self;
        let (point, source, root) = (escape(&point.to_string_lossy()), escape(source), escape(root));
        let opts = if opts == "defaults" { "rw,relatime" } else { opts };
        append(host, foresight, MOUNTINFO, &format!("0 0 0:0 {root} {point} {opts} - {fstype} {source} {opts}\n"))?;
        append(host, foresight, MOUNTS, &format!("{source} {point} {fstype} {opts} 0 0\n"))
    }

    /// Lets the kernel's tables have nothing at this mount point.
    pub(super) fn remove(host: &Host<'_>, foresight: &dyn Foresight, point: &Path) -> HostResult<()> {
        let point = escape(&host.files.canonical(point)?.to_string_lossy());
        for (table, field) in [(MOUNTINFO, 4), (MOUNTS, 1)] {
            let text = host.files.read(Path::new(table))?;
            let text = String::from_utf8_lossy(&text);
            let stays = |line: &&str| line.split(' ').nth(field) != Some(point.as_str());
            let after: String = text.split_inclusive('\n').filter(stays).collect();
            foresight.kernel_says(Path::new(table), after.as_bytes())?;
        }
        Ok(())
    }
}

fn append(host: &Host<'_>, foresight: &dyn Foresight, table: &str, line: &str) -> HostResult<()> {
    let mut text = host.files.read(Path::new(table))?;
    text.extend_from_slice(line.as_bytes());
    foresight.kernel_says(Path::new(table), &text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_escaped_as_fstab_wants() {
        assert_eq!(escape("/a b\\c"), "/a\\040b\\134c");
        assert_eq!(unescape("/a\\040b\\134c"), "/a b\\c");
    }

    #[test]
    fn lines_of_mountinfo() {
        let line = "36 35 98:0 /mnt1 /mnt\\0402 rw,noatime master:1 - ext3 /dev/root rw,errors=continue";
        let mounted = parse(line).unwrap();
        assert_eq!((mounted.point.as_path(), mounted.source.as_str()), (Path::new("/mnt 2"), "/dev/root"));
        assert_eq!((mounted.root.as_str(), mounted.fstype.as_str()), ("/mnt1", "ext3"));
        assert!(parse("nonsense").is_none());
    }
}
