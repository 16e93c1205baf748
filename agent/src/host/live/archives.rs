//! What packages bring that are not there yet: read from their archives, where these lie on this host.

use super::LivePackages;
use crate::host::{Files, HostResult, Kind};
use std::io::Read;
use std::path::{Path, PathBuf};

/// Larger archives are not looked into: what they bring is known when they are there.
const LARGEST_ARCHIVE: u64 = 8 << 20;
/// Larger files are known by name only.
const LARGEST_FILE: u64 = 64 << 10;
/// So much content is kept of one archive.
const MOST_CONTENT: u64 = 1 << 20;
/// Where apt keeps what it has fetched.
const CACHE: &str = "/var/cache/apt/archives";

/// A package's archive.
#[derive(Debug, Default, PartialEq)]
pub struct Archive {
    /// The package.
    pub package: String,
    /// What it has, parents first.
    pub entries: Vec<Entry>,
    /// Its maintainer's scripts: what they do is known only when they run.
    pub scripts: String,
}

/// Something in an archive.
#[derive(Debug, PartialEq)]
pub struct Entry {
    /// Where it goes.
    pub path: PathBuf,
    /// Its permission bits.
    pub mode: u32,
    /// Its owner.
    pub uid: u32,
    /// Its group.
    pub gid: u32,
    /// What it is.
    pub kind: EntryKind,
}

/// What it is.
#[derive(Debug, PartialEq)]
pub enum EntryKind {
    /// A directory.
    Directory,
    /// A symbolic link.
    Link(PathBuf),
    /// A file with this content.
    File(Vec<u8>),
    /// A file that was too large to look at, or a device and the like.
    Other,
}

impl LivePackages {
    /// The archives of what apt-get would install with these arguments, as far as they lie on this host and are not large.
    pub fn archives(&self, arguments: &[String]) -> HostResult<Vec<Archive>> {
        let mut argv = ["apt-get", "--print-uris", "-q"].map(str::to_owned).to_vec();
        argv.extend(arguments.iter().cloned());
        let printed = self.ask(argv)?.stdout_text();
        let mut paths: Vec<PathBuf> = printed.lines().filter_map(local_path).collect();
        // What was fetched before is not printed; it lies in apt's cache.
        let simulated =
            self.ask(["apt-get", "-s"].map(str::to_owned).into_iter().chain(arguments.iter().cloned()).collect())?;
        let cached = self.files.list(Path::new(CACHE)).unwrap_or_default();
        for step in crate::host::apt::parse_steps(&simulated.stdout_text()) {
            let Some(version) = &step.new else { continue };
            let name = step.name.split(':').next().unwrap_or_default();
            let begins = format!("{name}_{}_", version.replace(':', "%3a"));
            let found = cached.iter().filter(|file| file.to_string_lossy().starts_with(&begins));
            paths.extend(found.map(|file| Path::new(CACHE).join(file)));
        }
        let mut archives = Vec::new();
        for path in paths {
            let small = |stat: &crate::host::Stat| stat.kind == Kind::File && stat.size <= LARGEST_ARCHIVE;
            if self.files.stat(&path, true)?.is_some_and(|stat| small(&stat))
                && let Some(archive) = self.archive(&path)?
            {
                archives.push(archive);
            }
        }
        Ok(archives)
    }

    fn archive(&self, path: &Path) -> HostResult<Option<Archive>> {
        let ask = |words: &[&str]| {
            let words = words.iter().map(|word| (*word).to_owned());
            self.ask(["dpkg-deb".to_owned()].into_iter().chain(words).collect())
        };
        let path = path.to_string_lossy();
        let (name, control, tree) =
            (ask(&["-f", &path, "Package"])?, ask(&["--ctrl-tarfile", &path])?, ask(&["--fsys-tarfile", &path])?);
        if [&name, &control, &tree].iter().any(|finished| finished.status != 0) {
            return Ok(None);
        }
        let (Ok(entries), Ok(control)) = (entries(&tree.stdout), entries(&control.stdout)) else { return Ok(None) };
        let mut archive = Archive { package: name.stdout_text().trim().to_owned(), entries, scripts: String::new() };
        for entry in control {
            let name = entry.path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            match entry.kind {
                EntryKind::File(content) if matches!(name.as_str(), "preinst" | "postinst" | "triggers") => {
                    archive.scripts.push_str(&String::from_utf8_lossy(&content));
                    archive.scripts.push('\n');
                }
                // A script that was not read may do anything.
                EntryKind::Other if matches!(name.as_str(), "preinst" | "postinst") => return Ok(None),
                _ => {}
            }
        }
        Ok(Some(archive))
    }
}

/// The path in a line of `apt-get --print-uris` for a file of this host.
fn local_path(line: &str) -> Option<PathBuf> {
    let uri = line.strip_prefix("'file:")?.split_once('\'')?.0;
    let path = format!("/{}", uri.trim_start_matches('/'));
    Some(PathBuf::from(path.replace("/./", "/")))
}

/// What a tar archive has.
fn entries(tar: &[u8]) -> std::io::Result<Vec<Entry>> {
    let mut found = Vec::new();
    let mut kept = 0;
    for entry in tar::Archive::new(tar).entries()? {
        let mut entry = entry?;
        let path = Path::new("/").join(
            entry
                .path()?
                .components()
                .filter(|part| !matches!(part, std::path::Component::CurDir))
                .collect::<PathBuf>(),
        );
        let header = entry.header();
        let number = |number: u64| u32::try_from(number).unwrap_or_default();
        let (mode, uid, gid) = (header.mode()? & 0o7777, number(header.uid()?), number(header.gid()?));
        let kind = match header.entry_type() {
            tar::EntryType::Directory => EntryKind::Directory,
            tar::EntryType::Symlink => match entry.link_name()? {
                Some(target) => EntryKind::Link(target.into_owned()),
                None => EntryKind::Other,
            },
            tar::EntryType::Regular if entry.size() <= LARGEST_FILE && kept + entry.size() <= MOST_CONTENT => {
                kept += entry.size();
                let mut content = Vec::new();
                entry.read_to_end(&mut content)?;
                EntryKind::File(content)
            }
            _ => EntryKind::Other,
        };
        if path != Path::new("/") {
            found.push(Entry { path, mode, uid, gid, kind });
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_archives_of_a_repository_on_the_host_are_found() {
        let line = "'file:/srv/apt/./refit-tool_2.0_all.deb' refit-tool_2.0_all.deb 900 SHA256:aa";
        assert_eq!(local_path(line), Some("/srv/apt/refit-tool_2.0_all.deb".into()));
        assert_eq!(local_path("'http://deb.example.org/x.deb' x.deb 1 SHA256:aa"), None);
    }

    #[test]
    fn small_files_come_with_their_content_and_large_ones_by_name() {
        let mut builder = tar::Builder::new(Vec::new());
        for (path, size) in [("./etc/x.conf", 3), ("./usr/bin/x", LARGEST_FILE + 1)] {
            let mut header = tar::Header::new_gnu();
            header.set_size(size);
            header.set_mode(0o644);
            header.set_uid(0);
            header.set_gid(0);
            header.set_cksum();
            builder.append_data(&mut header, path, std::io::repeat(b'a').take(size)).unwrap();
        }
        let found = entries(&builder.into_inner().unwrap()).unwrap();
        assert_eq!((&found[0].path, &found[0].kind), (&"/etc/x.conf".into(), &EntryKind::File(b"aaa".to_vec())));
        assert_eq!((&found[1].path, &found[1].kind), (&"/usr/bin/x".into(), &EntryKind::Other));
    }
}
