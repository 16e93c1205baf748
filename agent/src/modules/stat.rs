//! `stat`: what is known of a path.

use super::checksum::Algorithm;
use super::file_times::seconds;
use super::host_path::absolute;
use super::{Call, Module};
use crate::args;
use crate::args::Args as _;
use crate::host::{Command, Host, HostResult, Kind, Stat};
use crate::outcome::{ModuleResult, Outcome, Stop};
use serde_json::{Map, Value, json};
use std::path::{Path, PathBuf};

args! {
    /// What `stat` takes.
    pub struct Args {
        /// The path.
        [aliases = ["dest", "name"]]
        path: PathBuf,
        /// Where the path is a link, tell of what it points to.
        follow: bool = false,
        /// Tell the checksum of a file.
        get_checksum: bool = true,
        /// The algorithm of the checksum.
        [aliases = ["checksum", "checksum_algo"]]
        checksum_algorithm: Algorithm = Algorithm::Sha1,
        /// Tell what kind of data is in it, where the host has the program `file`.
        [aliases = ["mime", "mime_type", "mime-type"]]
        get_mime: bool = true,
        /// Tell the flags that lsattr shows.
        [aliases = ["attr", "attributes"]]
        get_attributes: bool = true,
    }
}

/// The declaration.
pub static MODULE: Module = Module {
    name: "stat",
    aliases: &[],
    summary: "Tell what is known of a path",
    args: Args::specs,
    rules: &[],
    free_form: None,
    run: Some(run),
};

fn run(call: &Call<'_>) -> ModuleResult {
    let args: Args = call.args()?;
    let host = call.host;
    let path = absolute(host, &args.path)?;
    let Some(stat) = host.files.stat(&path, args.follow)? else {
        return Ok(Outcome::ok().with("stat", json!({"exists": false})));
    };
    let mut told = Map::new();
    told.insert("exists".to_owned(), true.into());
    told.insert("path".to_owned(), path.to_string_lossy().into_owned().into());
    let whoami = host.accounts.whoami()?;
    kind_and_numbers(&stat, &mut told);
    permissions(&stat, &mut told);
    set(&mut told, "isuid", stat.mode & 0o4000 != 0);
    set(&mut told, "isgid", stat.mode & 0o2000 != 0);
    set(&mut told, "blocks", stat.blocks);
    set(&mut told, "block_size", stat.block_size);
    set(&mut told, "device_type", stat.rdev);
    let readable = host.files.access(&path, true, false, false)?;
    set(&mut told, "readable", readable);
    set(&mut told, "writeable", host.files.access(&path, false, true, false)?);
    set(&mut told, "executable", host.files.access(&path, false, false, true)?);
    if stat.kind == Kind::Link {
        set(&mut told, "lnk_source", host.files.canonical(&path)?.to_string_lossy());
        set(&mut told, "lnk_target", host.files.read_link(&path)?.to_string_lossy());
    }
    let owner =
        if whoami.uid == stat.uid { Some(whoami.name) } else { host.accounts.user_by_id(stat.uid)?.map(|u| u.name) };
    if let Some(owner) = owner {
        set(&mut told, "pw_name", owner);
    }
    if let Some(group) = host.accounts.group_by_id(stat.gid)? {
        set(&mut told, "gr_name", group.name);
    }
    if args.get_checksum && stat.kind == Kind::File && readable {
        set(&mut told, "checksum", args.checksum_algorithm.of_file(host.files, &path)?);
    }
    // These two are of the link itself even with `follow`, as Ansible's are.
    let itself = host.files.stat(&path, false)?.unwrap_or(stat);
    if args.get_mime {
        let (mimetype, charset) = mime(host, &path, &itself)?;
        set(&mut told, "mimetype", mimetype);
        set(&mut told, "charset", charset);
    }
    if args.get_attributes {
        attributes(host, &path, &itself, &mut told)?;
    }
    Ok(Outcome::ok().with("stat", told))
}

fn set<'a>(told: &'a mut Map<String, Value>, name: &str, value: impl Into<Value>) -> &'a mut Map<String, Value> {
    told.insert(name.to_owned(), value.into());
    told
}

/// What it is, and its numbers.
pub fn kind_and_numbers(stat: &Stat, told: &mut Map<String, Value>) {
    set(told, "mode", format!("{:04o}", stat.mode));
    for (name, kind) in [
        ("isdir", Kind::Directory),
        ("ischr", Kind::CharDevice),
        ("isblk", Kind::BlockDevice),
        ("isreg", Kind::File),
        ("isfifo", Kind::Fifo),
        ("islnk", Kind::Link),
        ("issock", Kind::Socket),
    ] {
        set(told, name, stat.kind == kind);
    }
    set(told, "uid", stat.uid);
    set(told, "gid", stat.gid);
    set(told, "size", stat.size);
    set(told, "inode", stat.inode);
    set(told, "dev", stat.dev);
    set(told, "nlink", stat.nlink);
    set(told, "atime", seconds(stat.atime));
    set(told, "mtime", seconds(stat.mtime));
    set(told, "ctime", seconds(stat.ctime));
}

/// The permissions, one by one.
pub fn permissions(stat: &Stat, told: &mut Map<String, Value>) {
    for (name, bit) in [
        ("wusr", 0o200),
        ("rusr", 0o400),
        ("xusr", 0o100),
        ("wgrp", 0o020),
        ("rgrp", 0o040),
        ("xgrp", 0o010),
        ("woth", 0o002),
        ("roth", 0o004),
        ("xoth", 0o001),
    ] {
        set(told, name, stat.mode & bit != 0);
    }
}

/// The kind of data and its encoding, as `file` tells them; `unknown` where the host has no such program.
fn mime(host: &Host<'_>, path: &Path, stat: &Stat) -> Result<(String, String), Stop> {
    let unknown = || ("unknown".to_owned(), "unknown".to_owned());
    // `file` would open a device or a pipe: what these are is known.
    let special = match stat.kind {
        Kind::Directory => Some("inode/directory"),
        Kind::CharDevice => Some("inode/chardevice"),
        Kind::BlockDevice => Some("inode/blockdevice"),
        Kind::Fifo => Some("inode/fifo"),
        Kind::Socket => Some("inode/socket"),
        // A broken link has no kind of data, says Ansible.
        Kind::Link if host.files.stat(path, true)?.is_none() => return Ok(unknown()),
        Kind::Link => Some("inode/symlink"),
        Kind::File if stat.size == 0 => Some("inode/x-empty"),
        Kind::File => None,
    };
    if host.processes.which("file")?.is_none() {
        return Ok(unknown());
    }
    if let Some(special) = special {
        return Ok((special.to_owned(), "binary".to_owned()));
    }
    // What exists only in a shadow has no inode; a program can't read it, but it can read a copy.
    let staged = if stat.inode == 0 { Some(host.files.stage(&host.files.read(path)?, path)?) } else { None };
    let read = staged.as_deref().unwrap_or(path).to_string_lossy().into_owned();
    let command = Command::reading(["file", "--brief", "--dereference", "--mime-type", "--mime-encoding", "--", &read]);
    let finished = host.processes.run(&command);
    if let Some(staged) = &staged {
        host.files.discard(staged);
    }
    let finished = finished?;
    let line = finished.stdout_text();
    Ok(match line.trim().split_once("; charset=") {
        Some((mimetype, charset)) if finished.status == 0 => (mimetype.to_owned(), charset.to_owned()),
        _ => unknown(),
    })
}

/// The names that results use for lsattr's letters.
fn flag_name(letter: char) -> Option<&'static str> {
    Some(match letter {
        'A' => "noatime",
        'a' => "append",
        'c' => "compressed",
        'C' => "nocow",
        'd' => "nodump",
        'D' => "dirsync",
        'e' => "extents",
        'E' => "encrypted",
        'h' => "blocksize",
        'i' => "immutable",
        'I' => "indexed",
        'j' => "journalled",
        'N' => "inline",
        's' => "zero",
        'S' => "synchronous",
        't' => "notail",
        'T' => "blockroot",
        'u' => "undelete",
        'X' => "compressedraw",
        'Z' => "compresseddirty",
        _ => return None,
    })
}

/// Flags and version. Links and devices have none.
fn attributes(host: &Host<'_>, path: &Path, stat: &Stat, told: &mut Map<String, Value>) -> HostResult<()> {
    let (mut flags, mut version) = (String::new(), None);
    if matches!(stat.kind, Kind::File | Kind::Directory) {
        flags = host.files.attributes(path)?;
        version = host.files.generation(path)?.map(|version| version.to_string());
    }
    set(told, "version", version);
    set(told, "attributes", flags.chars().filter_map(flag_name).collect::<Vec<_>>());
    set(told, "attr_flags", flags);
    Ok(())
}
