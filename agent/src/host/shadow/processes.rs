//! Commands in a dry run: those that only look are run on the live host, unless an earlier task foresaw what they would
//! say; others are not run.

use super::Core;
use super::files::ShadowFiles;
use super::overlay::is_account_file;
use crate::host::{Command, Does, Files, Finished, Foresight, HostError, HostResult, Processes};
use crate::protocol::{Bytes, Effect};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Commands of one request.
pub(super) struct ShadowProcesses(pub(super) Arc<Core>);

impl Processes for ShadowProcesses {
    fn run(&self, command: &Command) -> HostResult<Finished> {
        if let Does::Changes(what) = &command.does {
            return Err(HostError::Unknown { why: what.clone() });
        }
        if let Some(finished) = self.0.overlay().sayings.get(&command.argv) {
            return Ok(finished.clone());
        }
        for path in &command.looks_at {
            let real = ShadowFiles(self.0.clone()).real(path, true)?;
            let overlay = self.0.overlay();
            if overlay.tree.differs_below(&real) || (is_account_file(&real) && overlay.accounts.differs()) {
                let (words, path) = (command.argv.join(" "), path.display());
                return Err(HostError::Unknown {
                    why: format!("what `{words}` says by then: earlier tasks would change {path}"),
                });
            }
        }
        // It sees the live host: a directory that earlier tasks would have made is not there for it.
        if let Some(directory) = &command.directory
            && !directory.is_dir()
            && ShadowFiles(self.0.clone()).stat(directory, true)?.is_some()
        {
            return Err(HostError::Unknown {
                why: format!(
                    "what `{}` says in {}, which does not exist yet",
                    command.argv.join(" "),
                    directory.display()
                ),
            });
        }
        self.0.live.processes.run(command)
    }

    fn perform(
        &self,
        _command: &Command,
        foresee: &dyn Fn(&dyn Foresight) -> HostResult<Finished>,
    ) -> HostResult<Finished> {
        foresee(self)
    }

    fn which(&self, program: &str) -> HostResult<Option<PathBuf>> {
        if let Some(path) = self.0.live.processes.which(program)? {
            // Unless an earlier task would have taken it away.
            return Ok(ShadowFiles(self.0.clone()).access(&path, false, false, true)?.then_some(path));
        }
        let files = ShadowFiles(self.0.clone());
        let path = self.0.live.processes.variable("PATH").unwrap_or_else(|| "/usr/sbin:/usr/bin:/sbin:/bin".to_owned());
        for directory in path.split(':').filter(|directory| directory.starts_with('/')) {
            let there = PathBuf::from(directory).join(program);
            if files.stat(&there, true)?.is_some() && files.access(&there, false, false, true)? {
                return Ok(Some(there));
            }
        }
        let new = self.0.overlay().packages.unlisted_ones().join(", ");
        if new.is_empty() {
            return Ok(None);
        }
        Err(HostError::Unknown {
            why: format!("whether there is a program {program} by then: earlier tasks would install {new}"),
        })
    }

    fn variable(&self, name: &str) -> Option<String> {
        self.0.live.processes.variable(name)
    }

    fn environment(&self) -> Vec<(String, String)> {
        self.0.live.processes.environment()
    }

    fn list(&self) -> HostResult<Vec<(u32, Vec<String>)>> {
        self.0.live.processes.list()
    }
}

impl Foresight for ShadowProcesses {
    fn must_be_root(&self, what: &str) -> HostResult<()> {
        self.0.must_be_root(|| format!("{what} would be refused: only root may (use `become`)"))
    }

    fn kernel_says(&self, path: &Path, content: &[u8]) -> HostResult<()> {
        let files = ShadowFiles(self.0.clone());
        let path = files.real(path, true)?;
        let Some(stat) = files.stat(&path, true)? else {
            return Err(HostError::other(format!("the kernel has no {}", path.display())));
        };
        let content = Bytes::from(content);
        let (mode, uid, gid) = (stat.mode, stat.uid, stat.gid);
        self.0.foresee(Effect::WriteFile { path, content, mode, uid, gid, at: files.now() })
    }

    fn hide(&self, path: &Path, entirely: bool, why: &str) -> HostResult<()> {
        let path = ShadowFiles(self.0.clone()).real(path, true)?;
        self.0.foresee(Effect::Hide { path, entirely, why: why.to_owned() })
    }

    fn program_says(&self, argv: &[&str], finished: Finished) -> HostResult<()> {
        let argv = argv.iter().map(|word| (*word).to_owned()).collect();
        let Finished { status, stdout, stderr } = finished;
        let (stdout, stderr) = (Bytes::from(&stdout[..]), Bytes::from(&stderr[..]));
        self.0.foresee(Effect::ProgramSays { argv, status, stdout, stderr })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::shadow::Shadow;
    use crate::host::{Context, WriteOptions};

    fn foresee(shadow: &Shadow, foresee: impl Fn(&dyn Foresight) -> HostResult<()>) -> HostResult<Finished> {
        let command = Command::changing(["false"], "nothing");
        shadow.host().processes.perform(&command, &|foresight| foresee(foresight).map(|()| Finished::saying("done")))
    }

    #[test]
    fn what_a_command_would_do_is_foreseen_and_it_is_not_run() {
        let shadow = Shadow::new(Context::default(), Arc::default());
        let host = shadow.host();
        let done = foresee(&shadow, |foresight| {
            foresight.program_says(&["uname", "-s"], Finished::saying("Hurd\n"))?;
            foresight.kernel_says(Path::new("/proc/self/mounts"), b"none / none rw 0 0\n")
        });
        assert_eq!(done.unwrap().stdout, b"done");
        let says = |argv: [&str; 2]| host.processes.run(&Command::reading(argv)).unwrap().stdout_text();
        assert_eq!(says(["uname", "-s"]), "Hurd\n");
        assert_ne!(says(["uname", "-r"]), "Hurd\n");
        // Each agent is itself in /proc; what one foresaw is for the others, too.
        let other = Shadow::new(Context::default(), Arc::default());
        other.learn(&shadow.take_effects()).unwrap();
        for path in ["/proc/mounts", "/proc/self/mounts"] {
            assert_eq!(other.host().files.read(Path::new(path)).unwrap(), b"none / none rw 0 0\n", "{path}");
        }
        let grep = Command::reading(["true"]).looking_at(["/proc/mounts"]);
        assert!(matches!(host.processes.run(&grep), Err(HostError::Unknown { why }) if why.contains("/proc/mounts")));
        assert!(foresee(&shadow, |foresight| foresight.kernel_says(Path::new("/proc/sys/no/such"), b"1")).is_err());
    }

    #[test]
    fn what_is_hidden_is_unknown_until_it_is_written() {
        let directory = tempfile::tempdir().unwrap();
        std::fs::create_dir(directory.path().join("tree")).unwrap();
        std::fs::write(directory.path().join("tree/old"), "old").unwrap();
        let shadow = Shadow::new(Context::default(), Arc::default());
        let host = shadow.host();
        let (tree, file) = (directory.path().join("tree"), directory.path().join("file"));
        host.files.write(&file, b"", &WriteOptions::default()).unwrap();
        foresee(&shadow, |foresight| {
            foresight.hide(&tree, false, "what git brings")?;
            foresight.hide(&file, false, "what is drawn")
        })
        .unwrap();
        let unknown = |result: HostResult<String>, part: &str| match result {
            Err(HostError::Unknown { why }) => assert!(why.contains(part), "{why}"),
            other => panic!("{other:?}"),
        };
        assert!(host.files.stat(&tree, true).unwrap().is_some() && host.files.stat(&file, true).unwrap().is_some());
        unknown(host.files.stat(&tree.join("old"), true).map(|stat| format!("{stat:?}")), "what git brings");
        unknown(host.files.list(&tree).map(|names| format!("{names:?}")), "what git brings");
        unknown(host.files.read(&file).map(|content| format!("{content:?}")), "what is drawn");
        host.files.write(&file, b"new", &WriteOptions::default()).unwrap();
        assert_eq!(host.files.read(&file).unwrap(), b"new");
        foresee(&shadow, |foresight| foresight.hide(&file, true, "what is mounted there")).unwrap();
        unknown(host.files.stat(&file, true).map(|stat| format!("{stat:?}")), "what is mounted there");
        host.files.remove_tree(&tree).unwrap();
        host.files.create_dir(&tree, None).unwrap();
        assert!(host.files.list(&tree).unwrap().is_empty());
    }
}
