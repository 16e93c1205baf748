//! Commands in a dry run: those that only look are run on the live host, others are not.

use super::Core;
use super::files::ShadowFiles;
use crate::host::{Command, Does, Files, Finished, HostError, HostResult, Processes};
use std::path::PathBuf;
use std::sync::Arc;

/// Commands of one request.
pub(super) struct ShadowProcesses(pub(super) Arc<Core>);

impl Processes for ShadowProcesses {
    fn run(&self, command: &Command) -> HostResult<Finished> {
        if let Does::Changes(what) = &command.does {
            return Err(HostError::Unknown { why: what.clone() });
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

    fn which(&self, program: &str) -> HostResult<Option<PathBuf>> {
        if let Some(path) = self.0.live.processes.which(program)? {
            // Unless an earlier task would have taken it away.
            return Ok(ShadowFiles(self.0.clone()).access(&path, false, false, true)?.then_some(path));
        }
        let new = self.0.overlay().packages.new_ones().join(", ");
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
