//! `unarchive`: unpacks an archive, by the host's `tar` or `unzip`.
//!
//! # What the controller does
//! A task with `remote_src` is sent as it is. Otherwise the controller finds `src`, decrypts it where it is a vault file
//! and `decrypt` allows, and sends it as `copy` does, in the argument `_payload`.

use super::archive::{Archive, Format, Kind, Member, options, start};
use super::copy::{Payload, blob, payload};
use super::download::download;
use super::file_attributes::{FileArgs, describe};
use super::{Call, Module, Rule, host_path};
use crate::args;
use crate::args::Args as _;
use crate::host::{self, Command, Finished, Foresight, Host, HostResult, Moment, Times, WriteOptions};
use crate::outcome::{Diff, Failure, ModuleResult, Outcome, Stop};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

args! {
    /// What `unarchive` takes.
    pub struct Args {
        /// The archive: a path on the controller, or with `remote_src` a path on the host or a URL.
        src: String,
        /// The directory into which it is unpacked. It must be there.
        dest: PathBuf,
        /// `src` is on the host.
        remote_src: bool = false,
        /// The opposite of `remote_src`, from before that was there.
        copy: Option<bool>,
        /// Where this path is there already, nothing is unpacked.
        creates: Option<PathBuf>,
        /// Tell the names of what is in the archive as `files`.
        list_files: bool = false,
        /// Members not to unpack.
        exclude: Vec<String> = Vec::new(),
        /// The only members to unpack.
        include: Vec<String> = Vec::new(),
        /// Keep files that are newer than those in the archive.
        keep_newer: bool = false,
        /// Options for `tar` or `unzip`.
        extra_opts: Vec<String> = Vec::new(),
        /// Check the certificate of the URL's server.
        validate_certs: bool = true,
        /// Decrypt a vault file.
        decrypt: bool = true,
        /// Taken and not used: the size of Ansible's buffer.
        io_buffer_size: u64 = 65_536,
    } with {
        /// Mode, owner and the like of what is unpacked.
        file: FileArgs,
    }
}

/// The declaration.
pub static MODULE: Module = Module {
    name: "unarchive",
    aliases: &[],
    summary: "Unpack an archive, from the controller or on the host",
    args: Args::specs,
    rules: &[Rule::MutuallyExclusive(&["include", "exclude"]), Rule::MutuallyExclusive(&["copy", "remote_src"])],
    free_form: None,
    run: Some(run),
};

/// The most content of an archive, in bytes, that a dry run takes in; of larger ones it knows only the names.
const MOST_FORESEEN: u64 = 64 << 20;

fn run(call: &Call<'_>) -> ModuleResult {
    let args: Args = call.args()?;
    let host = call.host;
    if let Some(creates) = &args.creates {
        let path = host_path::absolute(host, creates)?;
        if super::glob::any_match(host.files, &path)? {
            let mut outcome = Outcome::ok().with("msg", format!("skipped, since {} exists", creates.display()));
            outcome.skipped = true;
            return Ok(outcome);
        }
    }
    let dest = host_path::without_slash(&host_path::absolute(host, &args.dest)?);
    match host.files.stat(&dest, true)? {
        Some(stat) if stat.kind == host::Kind::Directory => {}
        _ => return Err(Stop::failed(format!("dest '{}' must be an existing dir", args.dest.display()))),
    }
    let source = Source::find(call, &args)?;
    let options = options(&args.extra_opts)?;
    let archive = Archive {
        host,
        file: source.file.clone(),
        format: source.format,
        dest: &dest,
        exclude: &args.exclude,
        include: &args.include,
        extra_opts: &options,
        keep_newer: args.keep_newer,
        owner: args.file.owner.as_deref(),
        group: args.file.group.as_deref(),
    };
    let done = unpack(call, &args, &archive);
    if source.staged {
        host.files.discard(&source.file);
    }
    let mut outcome = done?;
    outcome = outcome
        .with("src", source.shown)
        .with("dest", args.dest.to_string_lossy())
        .with("handler", source.format.handler());
    let mut described = serde_json::Map::new();
    describe(host, &dest, &mut described)?;
    described.remove("path");
    outcome.result.extend(described);
    Ok(outcome)
}

fn unpack(call: &Call<'_>, args: &Args, archive: &Archive<'_>) -> ModuleResult {
    let host = call.host;
    let members = archive.members()?;
    if members.is_empty() && args.include.is_empty() {
        return Err(Stop::failed(format!("there is nothing in the archive {}", archive.file.display())));
    }
    let wanted = args.file.wanted(host)?;
    let differences = differences(host, args, archive, &members)?;
    let mut outcome = Outcome::changed(!differences.is_empty());
    if outcome.changed {
        let argv = archive.unpacking()?;
        let mut command = Command::changing(argv.iter().cloned(), format!("what `{}` unpacks", argv.join(" ")));
        command.environment = vec![("LC_ALL".to_owned(), "C".to_owned())];
        let before = inodes(archive, &members)?;
        let finished = host.processes.perform(&command, &|foresight| foresee(host, foresight, archive, &members))?;
        let told = json!({
            "cmd": argv, "rc": finished.status, "out": finished.stdout_text(), "err": finished.stderr_text(),
        });
        // unzip ends with 1 where it had something to say and unpacked everything.
        let well = finished.status == 0 || (archive.format == Format::Zip && finished.status == 1);
        if !well {
            let torn = remove_torn(archive, &members, &before)?;
            let message = format!(
                "failed to unpack {} to {}: {}{torn}",
                archive.file.display(),
                archive.dest.display(),
                finished.stderr_text().trim()
            );
            return Err(Failure::new(message).with("extract_results", told).with("src", args.src.clone()).into());
        }
        outcome = outcome.with("extract_results", told);
        if call.diff {
            let header = archive.dest.to_string_lossy();
            outcome = outcome.with_diff(Diff::text(&header, "", &(differences.join("\n") + "\n")));
        }
    }
    for member in &members {
        let path = archive.dest.join(&member.path);
        if host.files.stat(&path, false)?.is_none() {
            continue;
        }
        let change = wanted.apply(host, &path, false)?;
        outcome.changed |= change.any();
        if call.diff {
            outcome.diff.extend(change.diff_of(&path));
        }
    }
    if args.list_files {
        let name = |member: &Member| {
            let slash = if member.kind == Kind::Directory { "/" } else { "" };
            Value::from(format!("{}{slash}", member.path.display()))
        };
        outcome = outcome.with("files", members.iter().map(name).collect::<Value>());
    }
    Ok(outcome)
}

/// Why it must be unpacked; nothing where all of it is there.
fn differences(host: &Host<'_>, args: &Args, archive: &Archive<'_>, members: &[Member]) -> Result<Vec<String>, Stop> {
    let mut found = Vec::new();
    for member in members.iter().filter(|member| !member.path.as_os_str().is_empty()) {
        let path = archive.dest.join(&member.path);
        let name = member.path.display();
        match host.files.stat(&path, false)? {
            None => found.push(format!("{name}: is not there")),
            // zip files have no tar that compares.
            Some(stat) if archive.format == Format::Zip && member.kind == Kind::File => {
                let newer = args.keep_newer && stat.mtime.seconds > member.mtime;
                if !newer && stat.size != member.size {
                    found.push(format!("{name}: has another size"));
                } else if !newer && (stat.mtime.seconds - member.mtime).abs() > 1 {
                    found.push(format!("{name}: has another time"));
                } else if args.file.mode.is_none() && stat.mode != member.mode {
                    found.push(format!("{name}: has another mode"));
                }
            }
            Some(_) => {}
        }
    }
    if found.is_empty() && archive.format != Format::Zip {
        found = archive.differences(args.file.mode.is_none())?;
    }
    Ok(found)
}

/// Where the archive is.
struct Source {
    /// Where programs find it.
    file: PathBuf,
    /// Whether that is a temporary file.
    staged: bool,
    /// The return value `src`.
    shown: String,
    format: Format,
}

impl Source {
    fn find(call: &Call<'_>, args: &Args) -> Result<Source, Stop> {
        let host = call.host;
        let temporary = host.files.temporary_dir().join("refit-archive");
        let stage = |content: &[u8]| -> Result<Source, Stop> {
            let file = host.files.stage(content, &temporary)?;
            let shown = file.to_string_lossy().into_owned();
            Ok(Source { file, staged: true, shown, format: Format::of(content) })
        };
        if let Some(payload) = payload(call)? {
            let Payload::File { sha256, .. } = payload else {
                return Err(Stop::failed(format!("{} is a directory and no archive", args.src)));
            };
            return stage(&blob(call, &sha256)?);
        }
        if args.src.contains("://") {
            let cannot = |why| Stop::failed(format!("Failure downloading {}, {why}", args.src));
            return stage(&download(host, &args.src, args.validate_certs)?.map_err(cannot)?);
        }
        let path = host_path::absolute(host, Path::new(&args.src))?;
        if host.files.stat(&path, true)?.is_none_or(|stat| stat.kind != host::Kind::File) {
            return Err(Stop::failed(format!("Source '{}' does not exist", args.src)));
        }
        if !host.files.access(&path, true, false, false)? {
            return Err(Stop::failed(format!("Source '{}' not readable", args.src)));
        }
        let format = Format::of(&start(host, &path)?);
        let staged = host.files.for_programs(&path)?;
        let (file, staged) = match staged {
            Some(file) => (file, true),
            None => (path, false),
        };
        Ok(Source { file, staged, shown: args.src.clone(), format })
    }
}

/// Which files are where the archive's are to come, by their inodes.
fn inodes(archive: &Archive<'_>, members: &[Member]) -> HostResult<Vec<Option<u64>>> {
    let inode = |member: &Member| {
        let stat = archive.host.files.stat(&archive.dest.join(&member.path), false)?;
        Ok(stat.map(|stat| stat.inode))
    };
    members.iter().map(inode).collect()
}

/// Removes the files of which only a part was written, because the disk was full or someone ended the program: a part must
/// not be taken for the whole. What was not come to stays as it was. Says which were removed.
fn remove_torn(archive: &Archive<'_>, members: &[Member], before: &[Option<u64>]) -> HostResult<String> {
    let mut removed = Vec::new();
    for (member, before) in members.iter().zip(before).filter(|(member, _)| member.kind == Kind::File) {
        let path = archive.dest.join(&member.path);
        let Some(stat) = archive.host.files.stat(&path, false)? else { continue };
        if stat.kind == host::Kind::File && Some(stat.inode) != *before && stat.size != member.size {
            archive.host.files.remove_file(&path)?;
            removed.push(path.display().to_string());
        }
    }
    Ok(match removed.is_empty() {
        true => String::new(),
        false => format!("; removed, since only a part was written: {}", removed.join(", ")),
    })
}

/// What is there after it was unpacked.
fn foresee(
    host: &Host<'_>,
    foresight: &dyn Foresight,
    archive: &Archive<'_>,
    members: &[Member],
) -> HostResult<Finished> {
    let known = members.iter().map(|member| member.size).sum::<u64>() <= MOST_FORESEEN;
    let contents = match known {
        true => archive.contents(members).map_err(|stop| match stop {
            Stop::Failed(failure) => host::HostError::other(failure.msg),
            Stop::Unknown { why } => host::HostError::Unknown { why },
            Stop::Cancelled { why } => host::HostError::Cancelled { why },
        })?,
        false => None,
    };
    let mut contents = contents.map(Vec::into_iter);
    let me = host.accounts.whoami()?;
    let mut times = Vec::new();
    for member in members {
        let content = match member.kind {
            Kind::File => contents.as_mut().and_then(Iterator::next),
            _ => None,
        };
        if member.path.as_os_str().is_empty() {
            continue;
        }
        let path = archive.dest.join(&member.path);
        let there = host.files.stat(&path, false)?;
        if archive.keep_newer && there.as_ref().is_some_and(|stat| stat.mtime.seconds > member.mtime) {
            continue;
        }
        if let Some(parent) = path.parent() {
            directories(host, parent)?;
        }
        let mode = if me.uid == 0 { member.mode } else { member.mode & !host.files.umask() };
        match &member.kind {
            Kind::Directory => match &there {
                Some(stat) if stat.kind == host::Kind::Directory => host.files.set_mode(&path, mode, false)?,
                Some(_) => {
                    host.files.remove_file(&path)?;
                    host.files.create_dir(&path, Some(mode))?;
                }
                None => host.files.create_dir(&path, Some(mode))?,
            },
            Kind::File => {
                if there.as_ref().is_some_and(|stat| stat.kind != host::Kind::File) {
                    host.files.remove_file(&path)?;
                }
                let options = WriteOptions { mode: Some(mode), ..WriteOptions::default() };
                host.files.write(&path, content.as_deref().unwrap_or_default(), &options)?;
                if content.is_none() {
                    foresight.hide(&path, false, "what the archive has")?;
                }
            }
            Kind::Symlink(target) => {
                if there.is_some() {
                    host.files.remove_file(&path)?;
                }
                host.files.symlink(Path::new(target), &path)?;
            }
            Kind::HardLink(target) => {
                if there.is_some() {
                    host.files.remove_file(&path)?;
                }
                host.files.hard_link(&archive.dest.join(target), &path)?;
            }
            Kind::Special => {
                let why = format!("{}, a device or a pipe of the archive", path.display());
                return Err(host::HostError::Unknown { why });
            }
        }
        if me.uid == 0 {
            let (uid, gid) = owner(host, archive, member)?;
            host.files.set_owner(&path, uid, gid, false)?;
        }
        times.push((path, member.mtime));
    }
    // What is unpacked into a directory changes its time; tar sets those last.
    for (path, seconds) in times.into_iter().rev() {
        let mtime = Some(Moment { seconds, nanos: 0 });
        host.files.set_times(&path, Times { atime: None, mtime }, false)?;
    }
    Ok(Finished::saying(""))
}

fn directories(host: &Host<'_>, path: &Path) -> HostResult<()> {
    if host.files.stat(path, true)?.is_some() {
        return Ok(());
    }
    if let Some(parent) = path.parent() {
        directories(host, parent)?;
    }
    host.files.create_dir(path, None)
}

/// Who owns what root unpacks.
fn owner(host: &Host<'_>, archive: &Archive<'_>, member: &Member) -> HostResult<(Option<u32>, Option<u32>)> {
    let Some((user, group)) = &member.owner else { return Ok((Some(0), Some(0))) };
    let (user, group) = (archive.owner.unwrap_or(user), archive.group.unwrap_or(group));
    let unknown = |what: &str, name: &str| host::HostError::Unknown {
        why: format!("the number of the {what} {name} of the archive, whom the host does not know"),
    };
    let uid = match (user.parse(), host.accounts.user(user)?) {
        (_, Some(user)) => user.uid,
        (Ok(uid), None) => uid,
        (Err(_), None) => return Err(unknown("user", user)),
    };
    let gid = match (group.parse(), host.accounts.group(group)?) {
        (_, Some(group)) => group.gid,
        (Ok(gid), None) => gid,
        (Err(_), None) => return Err(unknown("group", group)),
    };
    Ok((Some(uid), Some(gid)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::Context;
    use crate::host::live::Live;
    use crate::host::shadow::Shadow;

    fn archive(directory: &Path) -> PathBuf {
        std::fs::create_dir_all(directory.join("tree/sub")).unwrap();
        std::fs::write(directory.join("tree/sub/file"), "content").unwrap();
        std::os::unix::fs::symlink("sub/file", directory.join("tree/link")).unwrap();
        let path = directory.join("tree.tar.gz");
        let mut tar = std::process::Command::new("tar");
        assert!(tar.arg("-czf").arg(&path).arg("-C").arg(directory).arg("tree").status().unwrap().success());
        path
    }

    #[test]
    fn what_is_unpacked_is_foreseen_where_the_directory_and_the_archive_are() {
        let directory = tempfile::tempdir().unwrap();
        let path = archive(directory.path());
        let shadow = Shadow::new(Context::default(), std::sync::Arc::default());
        let host = shadow.host();
        let (dest, copy) = (directory.path().join("new"), directory.path().join("copy.tar.gz"));
        host.files.create_dir(&dest, Some(0o755)).unwrap();
        host.files.write(&copy, &std::fs::read(&path).unwrap(), &WriteOptions::default()).unwrap();
        let args = json!({"src": copy, "dest": dest, "remote_src": true, "list_files": true, "extra_opts": ["--strip-components=1"]});
        let done = run(&Call::new(args.as_object().unwrap(), &host)).unwrap();
        assert!(done.changed && done.result["handler"] == "TgzArchive");
        assert_eq!(host.files.read(&dest.join("sub/file")).unwrap(), b"content");
        assert_eq!(host.files.read_link(&dest.join("link")).unwrap(), Path::new("sub/file"));
        assert!(!dest.exists() && !copy.exists());
    }

    #[test]
    fn what_is_there_already_is_not_unpacked_again() {
        let directory = tempfile::tempdir().unwrap();
        let path = archive(directory.path());
        let live = Live::new(Context::default());
        let dest = directory.path().join("new");
        std::fs::create_dir(&dest).unwrap();
        let args = json!({"src": path, "dest": dest, "remote_src": true, "extra_opts": ["--strip-components=1"]});
        let call = || run(&Call::new(args.as_object().unwrap(), &live.host())).unwrap();
        assert!(call().changed && !call().changed);
        std::fs::write(dest.join("sub/file"), "another").unwrap();
        assert!(call().changed);
        assert_eq!(std::fs::read(dest.join("sub/file")).unwrap(), b"content");
    }
}
