//! Archives, by the host's `tar` and `unzip`: what is in them, and how it is unpacked.

use super::command_line;
use crate::host::{Command, Host, HostResult};
use crate::outcome::Stop;
use std::path::{Path, PathBuf};

/// The kind of an archive.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Format {
    /// A tar file, compressed by this program; by none.
    Tar(Option<Compression>),
    /// A zip file.
    Zip,
}

/// What compressed a tar file.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Compression {
    Gzip,
    Bzip2,
    Xz,
    Zstd,
}

impl Format {
    /// The kind, by the first bytes.
    pub(super) fn of(start: &[u8]) -> Format {
        for (magic, format) in [
            (&b"PK\x03\x04"[..], Format::Zip),
            (b"PK\x05\x06", Format::Zip),
            (b"\x1f\x8b", Format::Tar(Some(Compression::Gzip))),
            (b"BZh", Format::Tar(Some(Compression::Bzip2))),
            (b"\xfd7zXZ\x00", Format::Tar(Some(Compression::Xz))),
            (b"\x28\xb5\x2f\xfd", Format::Tar(Some(Compression::Zstd))),
        ] {
            if start.starts_with(magic) {
                return format;
            }
        }
        Format::Tar(None)
    }

    /// What Ansible calls the one who unpacks it.
    pub(super) fn handler(self) -> &'static str {
        match self {
            Format::Zip => "ZipArchive",
            Format::Tar(None) => "TarArchive",
            Format::Tar(Some(Compression::Gzip)) => "TgzArchive",
            Format::Tar(Some(Compression::Bzip2)) => "TarBzipArchive",
            Format::Tar(Some(Compression::Xz)) => "TarXzArchive",
            Format::Tar(Some(Compression::Zstd)) => "TarZstdArchive",
        }
    }

    fn flag(self) -> Option<&'static str> {
        match self {
            Format::Zip | Format::Tar(None) => None,
            Format::Tar(Some(Compression::Gzip)) => Some("-z"),
            Format::Tar(Some(Compression::Bzip2)) => Some("-j"),
            Format::Tar(Some(Compression::Xz)) => Some("-J"),
            Format::Tar(Some(Compression::Zstd)) => Some("--use-compress-program=zstd"),
        }
    }
}

/// What a member is.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Kind {
    Directory,
    File,
    /// Where it points.
    Symlink(String),
    /// Another name of this member.
    HardLink(String),
    /// A device or a pipe.
    Special,
}

/// A member of an archive.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Member {
    /// Below the directory into which it is unpacked.
    pub(super) path: PathBuf,
    pub(super) kind: Kind,
    pub(super) mode: u32,
    /// Names or numbers; a zip file has none.
    pub(super) owner: Option<(String, String)>,
    pub(super) size: u64,
    /// Seconds since 1970.
    pub(super) mtime: i64,
}

/// How an archive is unpacked.
pub(super) struct Archive<'a> {
    pub(super) host: &'a Host<'a>,
    /// Where programs find it.
    pub(super) file: PathBuf,
    pub(super) format: Format,
    pub(super) dest: &'a Path,
    pub(super) exclude: &'a [String],
    pub(super) include: &'a [String],
    pub(super) extra_opts: &'a [String],
    pub(super) keep_newer: bool,
    pub(super) owner: Option<&'a str>,
    pub(super) group: Option<&'a str>,
}

impl Archive<'_> {
    fn program(&self, name: &str) -> Result<String, Stop> {
        match self.host.processes.which(name)? {
            Some(path) => Ok(path.to_string_lossy().into_owned()),
            None => Err(Stop::failed(format!(
                "Failed to find handler for \"{}\": this kind of archive needs the program `{name}` on the host",
                self.file.display()
            ))),
        }
    }

    fn words(words: &[&str]) -> Vec<String> {
        words.iter().map(|word| (*word).to_owned()).collect()
    }

    /// `tar` with what all its calls have in common; the archive and the members to follow.
    fn tar(&self, action: &[&str]) -> Result<Vec<String>, Stop> {
        let mut argv = vec![self.program("tar")?];
        argv.extend(Archive::words(action));
        argv.extend(self.format.flag().map(str::to_owned));
        argv.extend(self.extra_opts.iter().cloned());
        Ok(argv)
    }

    /// The option by which it works in the directory.
    fn inside(&self, mut argv: Vec<String>) -> Vec<String> {
        argv.extend(["-C".to_owned(), self.dest.to_string_lossy().into_owned()]);
        argv
    }

    fn with_members(&self, mut argv: Vec<String>) -> Vec<String> {
        argv.extend(self.exclude.iter().map(|pattern| format!("--exclude={pattern}")));
        argv.extend(["-f".to_owned(), self.file.to_string_lossy().into_owned()]);
        argv.extend(self.include.iter().cloned());
        argv
    }

    /// `unzip` with these flags.
    fn unzip(&self, flags: &[&str]) -> Result<Vec<String>, Stop> {
        let mut argv = vec![self.program("unzip")?];
        argv.extend(Archive::words(flags));
        Ok(argv)
    }

    fn with_zip_members(&self, mut argv: Vec<String>) -> Vec<String> {
        argv.push(self.file.to_string_lossy().into_owned());
        argv.extend(self.include.iter().cloned());
        if !self.exclude.is_empty() {
            argv.push("-x".to_owned());
            argv.extend(self.exclude.iter().cloned());
        }
        argv
    }

    fn ask(&self, argv: Vec<String>) -> Result<Vec<u8>, Stop> {
        let shown = argv.join(" ");
        let mut command = Command::reading(argv);
        command.environment = vec![("LC_ALL".to_owned(), "C".to_owned()), ("TZ".to_owned(), "UTC".to_owned())];
        let finished = self.host.processes.run(&command)?;
        match finished.status {
            0 => Ok(finished.stdout),
            status => Err(Stop::failed(format!(
                "Failed to find handler for \"{}\". Make sure the required command to extract the file is installed. \
                 `{shown}` ended with status {status}: {}",
                self.file.display(),
                finished.stderr_text().trim()
            ))),
        }
    }

    /// The members, in the archive's order.
    pub(super) fn members(&self) -> Result<Vec<Member>, Stop> {
        match self.format {
            Format::Tar(_) => {
                let action =
                    ["--list", "--verbose", "--full-time", "--quoting-style=literal", "--show-transformed-names"];
                let listing = self.ask(self.with_members(self.tar(&action)?))?;
                let mut widest = 0;
                let lines = String::from_utf8_lossy(&listing);
                Ok(lines.lines().filter_map(|line| parse_tar(line, &mut widest)).collect())
            }
            Format::Zip => {
                // A moment of a zip file is one of the local time.
                let offset = i64::from(self.host.clock.utc_offset(self.host.clock.now()));
                let listing = self.ask(self.with_zip_members(self.unzip(&["-Z", "-s", "-T", "-h"])?))?;
                let members = String::from_utf8_lossy(&listing).lines().filter_map(parse_zip).collect::<Vec<_>>();
                let local = |member: Member| Member { mtime: member.mtime - offset, ..member };
                Ok(members.into_iter().map(local).collect())
            }
        }
    }

    /// The content of the files among these members, one after the other.
    pub(super) fn contents(&self, members: &[Member]) -> Result<Option<Vec<Vec<u8>>>, Stop> {
        let argv = match self.format {
            Format::Tar(_) => self.with_members(self.tar(&["--extract", "--to-stdout"])?),
            Format::Zip => self.with_zip_members(self.unzip(&["-p"])?),
        };
        let all = self.ask(argv)?;
        let mut rest = all.as_slice();
        let mut contents = Vec::new();
        for member in members.iter().filter(|member| member.kind == Kind::File) {
            let Some((content, after)) = rest.split_at_checked(usize::try_from(member.size).unwrap_or(usize::MAX))
            else {
                return Ok(None);
            };
            contents.push(content.to_vec());
            rest = after;
        }
        Ok(rest.is_empty().then_some(contents))
    }

    /// What differs between the archive and what is there, by `tar --diff`.
    pub(super) fn differences(&self, with_mode: bool) -> Result<Vec<String>, Stop> {
        let argv = self.with_members(self.with_owner(self.inside(self.tar(&["--diff"])?)));
        let mut command = Command::reading(argv).looking_at([self.dest]);
        command.environment = vec![("LC_ALL".to_owned(), "C".to_owned())];
        let finished = self.host.processes.run(&command)?;
        let root = self.host.accounts.whoami()?.uid == 0;
        let text = format!("{}{}", finished.stdout_text(), finished.stderr_text());
        let tells = |line: &&str| {
            let owner = root && self.owner.is_none() && line.ends_with(": Uid differs");
            let group = root && self.group.is_none() && line.ends_with(": Gid differs");
            owner
                || group
                || (with_mode && line.ends_with(": Mode differs"))
                || [
                    ": Mod time differs",
                    ": Size differs",
                    ": Contents differ",
                    ": Symlink differs",
                    ": File type differs",
                ]
                .iter()
                .any(|end| line.ends_with(end))
                || line.contains("No such file or directory")
                || line.contains(": Invalid owner")
                || line.contains(": Invalid group")
        };
        // Of a name of which `--strip-components` left nothing.
        let nameless = |line: &&str| line.contains("tar: : ");
        Ok(text.lines().filter(|line| !nameless(line) && tells(line)).map(str::to_owned).collect())
    }

    fn with_owner(&self, mut argv: Vec<String>) -> Vec<String> {
        argv.extend(self.owner.map(|owner| format!("--owner={owner}")));
        argv.extend(self.group.map(|group| format!("--group={group}")));
        argv
    }

    /// The command that unpacks.
    pub(super) fn unpacking(&self) -> Result<Vec<String>, Stop> {
        match self.format {
            Format::Tar(_) => {
                let mut argv = self.inside(self.tar(&["--extract"])?);
                argv.extend(self.keep_newer.then(|| "--keep-newer-files".to_owned()));
                Ok(self.with_members(self.with_owner(argv)))
            }
            Format::Zip => {
                let mut argv = self.unzip(&["-o"])?;
                argv.extend(self.keep_newer.then(|| "-u".to_owned()));
                argv.extend(self.extra_opts.iter().cloned());
                let mut argv = self.with_zip_members(argv);
                argv.extend(["-d".to_owned(), self.dest.to_string_lossy().into_owned()]);
                Ok(argv)
            }
        }
    }
}

/// `drwxr-xr-x root/root         0 2024-01-01 10:00:00 a/`. Times have as many digits as they need, and shorter ones than the
/// widest so far are padded: a name may begin with spaces itself.
fn parse_tar(line: &str, widest: &mut usize) -> Option<Member> {
    let (bits, rest) = word(line)?;
    let (owner, rest) = word(rest)?;
    let (size, rest) = word(rest)?;
    let (date, rest) = word(rest)?;
    let (time, name) = rest.trim_start_matches(' ').split_once(' ')?;
    *widest = time.len().max(*widest);
    let name = name.strip_prefix(&*" ".repeat(*widest - time.len())).unwrap_or(name);
    let (user, group) = owner.split_once('/')?;
    let (kind, name) = match bits.as_bytes().first()? {
        b'd' => (Kind::Directory, name),
        b'l' => {
            let (name, target) = name.split_once(" -> ")?;
            (Kind::Symlink(target.to_owned()), name)
        }
        b'h' => {
            let (name, target) = name.split_once(" link to ")?;
            (Kind::HardLink(target.to_owned()), name)
        }
        b'-' | b'C' => (Kind::File, name),
        _ => (Kind::Special, name),
    };
    Some(Member {
        path: relative(name),
        kind,
        mode: mode(bits),
        owner: Some((user.to_owned(), group.to_owned())),
        size: size.parse().unwrap_or(0),
        mtime: moment(&format!("{date}T{}", time.split('.').next().unwrap_or_default()))?,
    })
}

/// `-rw-r--r--  3.0 unx     2802 tx 20240101.100000 name`, as `zipinfo -s -T` has it.
fn parse_zip(line: &str) -> Option<Member> {
    let (bits, rest) = word(line)?;
    let (_version, rest) = word(rest)?;
    let (system, rest) = word(rest)?;
    let (size, rest) = word(rest)?;
    let (_flags, rest) = word(rest)?;
    let (_method, rest) = word(rest)?;
    let (when, name) = rest.trim_start_matches(' ').split_once(' ')?;
    let size = size.parse().ok()?;
    let (date, time) = when.split_once('.')?;
    let at = |text: &str, from: usize, to: usize| text.get(from..to).map(str::to_owned);
    let when = format!(
        "{}-{}-{}T{}:{}:{}",
        at(date, 0, 4)?,
        at(date, 4, 6)?,
        at(date, 6, 8)?,
        at(time, 0, 2)?,
        at(time, 2, 4)?,
        at(time, 4, 6)?
    );
    let directory = name.ends_with('/');
    // Archives of other systems than UNIX have no permissions.
    let mode = match (system == "unx" && bits.len() >= 10, directory) {
        (true, _) => mode(bits),
        (false, true) => 0o755,
        (false, false) => 0o644,
    };
    let kind = if directory { Kind::Directory } else { Kind::File };
    Some(Member { path: relative(name), kind, mode, owner: None, size, mtime: moment(&when)? })
}

/// The first word and what comes after it.
fn word(text: &str) -> Option<(&str, &str)> {
    text.trim_start_matches(' ').split_once(' ')
}

/// A member's name without what would lead out of the directory.
fn relative(name: &str) -> PathBuf {
    Path::new(name).components().filter(|part| matches!(part, std::path::Component::Normal(_))).collect()
}

/// Permission bits of `-rwsr-x--t`.
fn mode(bits: &str) -> u32 {
    let mut mode = 0;
    for (place, letter) in bits.chars().skip(1).take(9).enumerate() {
        let bit = 0o400 >> place;
        match letter {
            '-' => {}
            's' | 't' => mode |= bit | (0o4000 >> (place / 3)),
            'S' | 'T' => mode |= 0o4000 >> (place / 3),
            _ => mode |= bit,
        }
    }
    mode
}

fn moment(text: &str) -> Option<i64> {
    Some(super::strptime::parse("%Y-%m-%dT%H:%M:%S", text).ok()?.seconds())
}

/// Options of `extra_opts` may hold several words, as Ansible's own documentation does not: they are taken one by one.
pub(super) fn options(given: &[String]) -> Result<Vec<String>, Stop> {
    let mut words = Vec::new();
    for option in given {
        words.extend(
            command_line::split(option).map_err(|why| Stop::failed(format!("`extra_opts`: {option:?}: {why}")))?,
        );
    }
    Ok(words)
}

/// The first bytes of a file.
pub(super) fn start(host: &Host<'_>, path: &Path) -> HostResult<Vec<u8>> {
    host.files.read_at(path, 0, 8)
}

#[cfg(test)]
mod tests {
    use super::*;

    // Lines of GNU tar 1.34 and of UnZip 6.00.
    #[test]
    fn members_are_read_off_listings() {
        let parse_tar = |line: &str| parse_tar(line, &mut 0);
        let file = parse_tar("-rwsr-x--t root/adm      1234 2024-01-02 03:04:05 a b/c").unwrap();
        assert_eq!((file.path.as_path(), file.kind, file.mode), (Path::new("a b/c"), Kind::File, 0o5751));
        assert_eq!((file.size, file.mtime), (1234, 1_704_164_645));
        assert_eq!(file.owner, Some(("root".to_owned(), "adm".to_owned())));
        let link = parse_tar("lrwxrwxrwx 0/0               0 2024-01-02 03:04:05.5 l -> ../x").unwrap();
        assert_eq!(link.kind, Kind::Symlink("../x".to_owned()));
        assert_eq!(
            parse_tar("hrw-r--r-- a/b 0 2024-01-02 03:04:05 l link to x").unwrap().kind,
            Kind::HardLink("x".to_owned())
        );
        let zipped = parse_zip("-rw-r--r--  3.0 unx     2802 tx defN 20240102.030405 d/n m").unwrap();
        assert_eq!((zipped.path.as_path(), zipped.mode, zipped.mtime), (Path::new("d/n m"), 0o644, 1_704_164_645));
        assert_eq!(parse_zip("drwxr-xr-x  3.0 unx        0 bx stor 20240102.030405 d/").unwrap().kind, Kind::Directory);
        assert_eq!(relative("../../etc/x"), Path::new("etc/x"));
    }

    #[test]
    fn times_of_several_widths_leave_names_as_they_are() {
        let listing = [
            "drwxr-xr-x root/root         0 2026-11-23 18:26:59.4901698 tree/",
            "-rw-r--r-- root/root         4 2026-11-23 18:26:59.489778  tree/one",
            "-rw-r--r-- root/root         4 2026-11-23 18:26:59           two",
        ];
        let mut widest = 0;
        let paths: Vec<PathBuf> = listing.iter().map(|line| parse_tar(line, &mut widest).unwrap().path).collect();
        assert_eq!(paths, [Path::new("tree"), Path::new("tree/one"), Path::new("  two")]);
    }

    #[test]
    fn formats_by_their_first_bytes() {
        assert_eq!(Format::of(b"PK\x03\x04..").handler(), "ZipArchive");
        assert_eq!(Format::of(b"\x1f\x8b\x08").handler(), "TgzArchive");
        assert_eq!(Format::of(b"dir/").handler(), "TarArchive");
    }
}
