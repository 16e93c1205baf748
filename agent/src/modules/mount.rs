//! `mount`: file systems, in `fstab` and mounted.

use super::file_attributes::FileArgs;
use super::file_content::make_directories;
use super::mount_table::{Entry, Mounted, escape, mounted_at, unescape};
use super::text_edit::{self, Edit, Edited};
use super::{Call, Module, Rule, host_path};
use crate::args::Args as _;
use crate::host::{Command, Finished, Host, HostResult};
use crate::outcome::{ModuleResult, Outcome, Stop};
use crate::{args, choices};
use std::path::{Path, PathBuf};

choices! {
    /// What is to be.
    pub enum State {
        /// Not mounted and not in fstab; the mount point is removed.
        Absent = "absent",
        /// Not in fstab.
        AbsentFromFstab = "absent_from_fstab",
        /// In fstab and mounted.
        Mounted = "mounted",
        /// In fstab.
        Present = "present",
        /// Not mounted.
        Unmounted = "unmounted",
        /// Mounted once more.
        Remounted = "remounted",
        /// Mounted, without regard to fstab.
        Ephemeral = "ephemeral",
    }
}

args! {
    /// What `mount` takes.
    pub struct Args {
        /// The mount point.
        [aliases = ["name"]]
        path: PathBuf,
        /// The device, or what else is mounted: a server's directory, a directory to bind.
        src: Option<String>,
        /// The type of the file system.
        fstype: Option<String>,
        /// Options, separated by commas.
        opts: Option<String>,
        /// Keep the options out of logs: this program keeps none.
        opts_no_log: bool = false,
        /// fstab's fifth field.
        dump: Option<String> = Some("0".to_owned()),
        /// fstab's sixth field.
        passno: Option<String> = Some("0".to_owned()),
        /// What is to be.
        state: State,
        /// The table, instead of `/etc/fstab`.
        fstab: Option<PathBuf>,
        /// Mount it at boot; false adds `noauto` to the options.
        boot: bool = true,
        /// Keep the old table beside the new one.
        backup: bool = false,
    }
}

/// The declaration.
pub static MODULE: Module = Module {
    name: "mount",
    aliases: &["ansible.posix.mount"],
    summary: "Mount file systems and keep their entries in fstab",
    args: Args::specs,
    rules: &[
        Rule::RequiredIf("state", "mounted", &["src", "fstype"]),
        Rule::RequiredIf("state", "present", &["src", "fstype"]),
        Rule::RequiredIf("state", "ephemeral", &["src", "fstype"]),
    ],
    free_form: None,
    run: Some(run),
};

fn run(call: &Call<'_>) -> ModuleResult {
    let args: Args = call.args()?;
    let task = Task::new(call, &args)?;
    let (outcome, kept) = match args.state {
        State::Present => task.configure()?,
        State::AbsentFromFstab => task.forget()?,
        State::Mounted => task.mounted()?,
        State::Absent => task.absent()?,
        State::Unmounted => (Outcome::changed(task.unmount(Leaves::Unknown)?), None),
        State::Remounted => {
            task.remount()?;
            (Outcome::changed(true), None)
        }
        State::Ephemeral => (task.ephemeral()?, None),
    };
    Ok(task.tell(outcome, kept))
}

/// What the mount point is after it was unmounted.
#[derive(Clone, Copy, PartialEq)]
enum Leaves {
    /// What the mount hid.
    Unknown,
    /// An empty directory: what else is there can't be removed, and that is an error.
    Nothing,
}

struct Task<'a> {
    call: &'a Call<'a>,
    host: &'a Host<'a>,
    args: &'a Args,
    path: PathBuf,
    entry: Entry,
    fstab: PathBuf,
}

impl<'a> Task<'a> {
    fn new(call: &'a Call<'a>, args: &'a Args) -> Result<Task<'a>, Stop> {
        let needs_source = matches!(args.state, State::Present | State::Mounted | State::Ephemeral);
        if needs_source && (args.src.is_none() || args.fstype.is_none()) {
            let state = args.state.word();
            return Err(Stop::failed(format!("state is {state} but all of the following are missing: src, fstype")));
        }
        let mut opts = args.opts.clone().unwrap_or_else(|| "defaults".to_owned());
        if !args.boot && args.state != State::Ephemeral && !opts.split(',').any(|option| option == "noauto") {
            opts.push_str(",noauto");
        }
        let path = host_path::without_slash(&host_path::absolute(call.host, &args.path)?);
        let entry = Entry {
            src: escape(args.src.as_deref().unwrap_or_default()),
            name: escape(&args.path.to_string_lossy()),
            fstype: args.fstype.clone().unwrap_or_default(),
            opts: escape(&opts),
            dump: args.dump.clone().unwrap_or_else(|| "0".to_owned()),
            passno: args.passno.clone().unwrap_or_else(|| "0".to_owned()),
        };
        let fstab = args.fstab.clone().unwrap_or_else(|| "/etc/fstab".into());
        Ok(Task { call, host: call.host, args, path, entry, fstab })
    }

    fn tell(&self, outcome: Outcome, kept: Option<PathBuf>) -> Outcome {
        let entry = &self.entry;
        let mut outcome = outcome
            .with("name", self.args.path.to_string_lossy())
            .with("fstab", self.fstab.to_string_lossy())
            .with("opts", unescape(&entry.opts))
            .with("dump", entry.dump.clone())
            .with("passno", entry.passno.clone())
            .with("boot", if self.args.boot { "yes" } else { "no" })
            .with("backup_file", kept.map(|path| path.to_string_lossy().into_owned()).unwrap_or_default());
        for (name, value) in [("src", &self.args.src), ("fstype", &self.args.fstype)] {
            if let Some(value) = value {
                outcome = outcome.with(name, value.clone());
            }
        }
        outcome
    }

    /// Puts a new table in its place.
    fn edit(&self, change: impl FnOnce(&str) -> String) -> Result<(Outcome, Option<PathBuf>, Edited), Stop> {
        let edited = text_edit::read(self.host, &self.fstab)?;
        let text = String::from_utf8(edited.before.clone().unwrap_or_default())
            .map_err(|_| Stop::failed(format!("{} is not UTF-8 text", self.fstab.display())))?;
        let edit = Edit {
            after: Some(change(&text).into_bytes()),
            message: String::new(),
            backup: self.args.backup,
            validate: None,
            file: &FileArgs::default(),
            headers: text_edit::headers(&edited.shown),
        };
        let (mut outcome, done) = edited.finish(self.call, edit)?;
        outcome.result.remove("msg");
        Ok((outcome, done.backup_file, edited))
    }

    fn configure(&self) -> Result<(Outcome, Option<PathBuf>), Stop> {
        self.edit(|text| self.entry.put(text)).map(|(outcome, kept, _)| (outcome, kept))
    }

    fn forget(&self) -> Result<(Outcome, Option<PathBuf>), Stop> {
        let swap = self.args.src.as_deref().map(escape);
        self.edit(|text| Entry::drop(text, &self.entry.name, swap.as_deref())).map(|(outcome, kept, _)| (outcome, kept))
    }

    fn mounted(&self) -> Result<(Outcome, Option<PathBuf>), Stop> {
        let made = make_directories(self.host, &self.path, None)?;
        let (mut outcome, kept, before) = self.edit(|text| self.entry.put(text))?;
        let there = mounted_at(self.host, &self.path)?;
        let done = match &there {
            Some(_) if outcome.changed => self.remount(),
            Some(_) => return Ok((outcome, kept)),
            None => self.mount(false),
        };
        outcome.changed = true;
        if let Err(stop) = done {
            // What can't be mounted must not keep the host from its next boot.
            if let (Stop::Failed(_), Some(content)) = (&stop, &before.before) {
                self.host.files.write(&before.path, content, &crate::host::WriteOptions::default())?;
                for directory in made.iter().rev() {
                    self.remove_directory(directory)?;
                }
            }
            return Err(stop);
        }
        Ok((outcome, kept))
    }

    fn absent(&self) -> Result<(Outcome, Option<PathBuf>), Stop> {
        let (outcome, kept) = self.forget()?;
        if outcome.changed {
            self.unmount(Leaves::Nothing)?;
            if self.host.files.stat(&self.path, true)?.is_some() {
                self.remove_directory(&self.path)?;
            }
        }
        Ok((outcome, kept))
    }

    fn ephemeral(&self) -> Result<Outcome, Stop> {
        let wanted = self.args.src.as_deref().unwrap_or_default();
        match mounted_at(self.host, &self.path)? {
            Some(there) if !there.shows(self.host, wanted)? => {
                return Err(Stop::failed(format!(
                    "Ephemeral mount point is already mounted with a different source ({}) than the specified one. \
                     Unmount it first with `state: unmounted`, or use another mount point",
                    there.source
                )));
            }
            Some(_) => self.remount()?,
            None => {
                make_directories(self.host, &self.path, None)?;
                self.mount(true)?;
            }
        }
        Ok(Outcome::changed(true))
    }

    /// Removes a directory that must be empty.
    fn remove_directory(&self, path: &Path) -> Result<(), Stop> {
        if !self.host.files.list(path)?.is_empty() {
            return Err(Stop::failed(format!("Error rmdir {}: the directory is not empty", path.display())));
        }
        Ok(self.host.files.remove_tree(path)?)
    }

    fn table(&self) -> Vec<String> {
        match &self.args.fstab {
            Some(fstab) if fstab != Path::new("/etc/fstab") => {
                vec!["-T".to_owned(), fstab.to_string_lossy().into_owned()]
            }
            _ => Vec::new(),
        }
    }

    fn mount(&self, directly: bool) -> Result<(), Stop> {
        let path = self.path.to_string_lossy().into_owned();
        let mut argv = vec!["mount".to_owned()];
        if directly {
            let (src, fstype) = (self.args.src.clone(), self.args.fstype.clone());
            argv.extend(["-t".to_owned(), fstype.unwrap_or_default(), "-o".to_owned()]);
            argv.extend([self.args.opts.clone().unwrap_or_else(|| "defaults".to_owned()), src.unwrap_or_default()]);
        } else {
            argv.extend(self.table());
        }
        argv.push(path.clone());
        self.run(argv, "mounting", &|foresight| {
            foresight.must_be_root("mount")?;
            let mounted = Mounted::foreseen(&self.entry, &self.path);
            mounted.add(self.host, foresight)?;
            if self.entry.fstype == "tmpfs" {
                // A new one is empty.
                self.host.files.remove_tree(&self.path)?;
                self.host.files.create_dir(&self.path, Some(mounted.root_mode()))
            } else {
                foresight.hide(&self.path, true, &format!("{} is mounted there by then", self.entry.src))
            }
        })
    }

    fn remount(&self) -> Result<(), Stop> {
        let path = self.path.to_string_lossy().into_owned();
        let Some(there) = mounted_at(self.host, &self.path)? else {
            return Err(Stop::failed(format!("Error remounting {path}: nothing is mounted there")));
        };
        let mut argv = vec!["mount".to_owned()];
        argv.extend(self.table());
        let opts = match &self.args.opts {
            Some(opts) => format!("remount,{opts}"),
            None => "remount".to_owned(),
        };
        argv.extend(["-o".to_owned(), opts, path]);
        let foresee: Foresee<'_> = &|foresight| foresight.must_be_root("mount");
        match self.run(argv, "remounting", foresee) {
            // Another device or type needs another mount.
            Err(Stop::Failed(_)) if self.args.opts.is_none() || self.args.state == State::Mounted => {
                self.unmount(Leaves::Unknown)?;
                self.mount(self.args.state == State::Ephemeral)
            }
            Ok(())
                if self.args.state == State::Mounted
                    && !there.shows(self.host, &self.args.src.clone().unwrap_or_default())? =>
            {
                self.unmount(Leaves::Unknown)?;
                self.mount(false)
            }
            other => other,
        }
    }

    /// Whether something was mounted.
    fn unmount(&self, leaves: Leaves) -> Result<bool, Stop> {
        if mounted_at(self.host, &self.path)?.is_none() {
            return Ok(false);
        }
        let path = self.path.to_string_lossy().into_owned();
        self.run(vec!["umount".to_owned(), path], "unmounting", &|foresight| {
            foresight.must_be_root("umount")?;
            Mounted::remove(self.host, foresight, &self.path)?;
            if leaves == Leaves::Unknown {
                return foresight.hide(&self.path, true, "what the file system that is mounted there now hides");
            }
            self.host.files.remove_tree(&self.path)?;
            self.host.files.create_dir(&self.path, Some(0o755))
        })?;
        Ok(true)
    }

    fn run(&self, argv: Vec<String>, doing: &str, foresee: Foresee<'_>) -> Result<(), Stop> {
        let command = Command::changing(argv, format!("what comes of {doing} {}", self.path.display()));
        let finished =
            self.host.processes.perform(&command, &|foresight| foresee(foresight).map(|()| Finished::saying("")))?;
        if finished.status == 0 {
            return Ok(());
        }
        let said = format!("{}{}", finished.stdout_text(), finished.stderr_text());
        Err(Stop::failed(format!("Error {doing} {}: {}", self.path.display(), said.trim())))
    }
}

type Foresee<'a> = &'a dyn Fn(&dyn crate::host::Foresight) -> HostResult<()>;

#[cfg(test)]
mod tests {
    use super::super::mount_table::fields;
    use super::*;
    use crate::host::Context;
    use crate::host::shadow::Shadow;
    use serde_json::{Value, json};

    #[test]
    fn a_mount_that_is_foreseen_is_mounted_for_later_tasks() {
        let directory = tempfile::tempdir().unwrap();
        let shadow = Shadow::new(Context::default(), std::sync::Arc::default());
        let host = shadow.host();
        if host.accounts.whoami().unwrap().uid != 0 {
            return;
        }
        let (fstab, point) = (directory.path().join("fstab"), directory.path().join("mnt/a b"));
        let mut args = json!({"path": point, "src": "tmpfs", "fstype": "tmpfs", "opts": "size=1m,mode=0700", "state": "mounted", "fstab": fstab});
        let run = |args: &Value| run(&Call::new(args.as_object().unwrap(), &host));
        assert!(run(&args).unwrap().changed);
        assert!(!run(&args).unwrap().changed);
        let table = String::from_utf8(host.files.read(&fstab).unwrap()).unwrap();
        assert!(table.contains("mnt/a\\040b tmpfs size=1m,mode=0700 0 0\n"), "{table}");
        assert_eq!(host.files.stat(&point, true).unwrap().unwrap().mode, 0o700);
        assert!(mounted_at(&host, &point).unwrap().is_some());
        args["state"] = "absent".into();
        assert!(run(&args).unwrap().changed);
        assert!(mounted_at(&host, &point).unwrap().is_none());
        assert!(host.files.stat(&point, true).unwrap().is_none() && !run(&args).unwrap().changed);
        assert!(!point.exists() && !fstab.exists());
    }

    #[test]
    fn what_a_device_brings_is_unknown() {
        let directory = tempfile::tempdir().unwrap();
        let shadow = Shadow::new(Context::default(), std::sync::Arc::default());
        let host = shadow.host();
        if host.accounts.whoami().unwrap().uid != 0 {
            return;
        }
        let point = directory.path().join("data");
        let args = json!({"path": point, "src": "/dev/no-disk", "fstype": "ext4", "state": "ephemeral"});
        assert!(run(&Call::new(args.as_object().unwrap(), &host)).unwrap().changed);
        let found = host.files.stat(&point.join("x"), true);
        assert!(
            matches!(&found, Err(crate::host::HostError::Unknown { why }) if why.contains("/dev/no-disk")),
            "{found:?}"
        );
    }

    #[test]
    fn lines_of_other_mounts_stay_as_they_are() {
        let text = "# static\nUUID=1  /  ext4 errors=remount-ro 0 1\n/dev/b /srv ext4 defaults 0 0\n";
        let entry = Entry {
            src: "/dev/c".into(),
            name: "/srv".into(),
            fstype: "ext4".into(),
            opts: "noatime".into(),
            dump: "0".into(),
            passno: "2".into(),
        };
        assert_eq!(entry.put(text), "# static\nUUID=1  /  ext4 errors=remount-ro 0 1\n/dev/c /srv ext4 noatime 0 2\n");
        assert_eq!(Entry::drop(text, "/srv", None), "# static\nUUID=1  /  ext4 errors=remount-ro 0 1\n");
        assert_eq!(fields("a b c d 0 0 x"), None);
    }
}
