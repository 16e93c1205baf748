//! `git`: a working copy or a bare repository, by the host's `git`.

use super::file_content::make_directories;
use super::git_run::{Git, Revision};
use super::{Call, Module, Rule, host_path};
use crate::args;
use crate::args::Args as _;
use crate::host::{Command, Finished, Host};
use crate::outcome::{Diff, ModuleResult, Outcome, Stop};
use serde_json::Value;
use std::path::{Path, PathBuf};

args! {
    /// What `git` takes.
    pub struct Args {
        /// The address of the repository.
        [aliases = ["name"]]
        repo: String,
        /// Where the working copy is to be.
        dest: Option<PathBuf>,
        /// A branch, a tag, a commit, or `HEAD` for what the repository has.
        version: String = "HEAD".to_owned(),
        /// The name of the remote.
        remote: String = "origin".to_owned(),
        /// What to fetch besides.
        refspec: Option<String>,
        /// A repository on the host to borrow objects from.
        reference: Option<String>,
        /// Throw changes in the working copy away.
        force: bool = false,
        /// How many commits to fetch.
        depth: Option<u64>,
        /// Clone where there is nothing.
        clone: bool = true,
        /// Fetch where there is something.
        update: bool = true,
        /// A repository without a working copy.
        bare: bool = false,
        /// The umask for what is written, in octal.
        umask: Option<Value>,
        /// Fetch submodules too.
        recursive: bool = true,
        /// Fetch only the history of the version.
        single_branch: bool = false,
        /// Take the newest commits of submodules' branches.
        track_submodules: bool = false,
        /// Check the signature of the commit or tag.
        verify_commit: bool = false,
        /// The fingerprints of keys whose signature counts.
        [aliases = ["gpg_whitelist"]]
        gpg_allowlist: Vec<String> = Vec::new(),
        /// The repository's own directory, apart from the working copy.
        separate_git_dir: Option<PathBuf>,
        /// A file of the version: `.zip`, `.tar.gz`, `.tar` or `.tgz`.
        archive: Option<PathBuf>,
        /// What the names in `archive` begin with.
        archive_prefix: Option<String>,
        /// The git program.
        executable: Option<PathBuf>,
        /// Take any host key of the server.
        accept_hostkey: bool = false,
        /// Take a host key of a server of which none is known.
        accept_newhostkey: bool = false,
        /// The private key to log in with.
        key_file: Option<PathBuf>,
        /// Options for `ssh`.
        ssh_opts: Option<String>,
    }
}

/// The declaration.
pub static MODULE: Module = Module {
    name: "git",
    aliases: &[],
    summary: "Have a working copy of a git repository",
    args: Args::specs,
    rules: &[
        Rule::MutuallyExclusive(&["separate_git_dir", "bare"]),
        Rule::MutuallyExclusive(&["accept_hostkey", "accept_newhostkey"]),
        Rule::RequiredBy("archive_prefix", &["archive"]),
    ],
    free_form: None,
    run: Some(run),
};

fn run(call: &Call<'_>) -> ModuleResult {
    let args: Args = call.args()?;
    let host = call.host;
    if args.archive_prefix.is_some() && args.archive.is_none() {
        return Err(Stop::failed("`archive_prefix` needs `archive`"));
    }
    let Some(dest) = &args.dest else {
        if args.clone {
            return Err(Stop::failed("the destination directory must be specified unless clone=no"));
        }
        let git = Git::new(host, &args, None)?;
        let head = git.remote_revision(&args.version)?;
        return Ok(Outcome::ok().with("before", Value::Null).with("after", head.known()));
    };
    let dest = host_path::without_slash(&host_path::absolute(host, dest)?);
    let git = Git::new(host, &args, Some(&dest))?;
    let mut outcome = Outcome::ok().with("before", Value::Null).with("remote_url_changed", false);
    if !git.is_repository()? {
        if !args.clone {
            let head = git.remote_revision(&args.version)?;
            return Ok(changed(outcome, call, None, head.known()));
        }
        git.clone_it(&args)?;
        let after = git.revision()?;
        outcome = changed(outcome, call, None, after.known());
        unknown(&mut outcome, &after);
        return finish(call, &args, &git, outcome);
    }
    let before = git.revision()?;
    if !args.update {
        outcome = outcome.with("before", before.known()).with("after", before.known());
        return finish(call, &args, &git, outcome);
    }
    let modified = !args.bare && git.is_modified()?;
    if modified {
        if !args.force {
            return Err(Stop::failed(format!(
                "Local modifications exist in the destination: {} (force=no).",
                dest.display()
            )));
        }
        git.reset()?;
        outcome = outcome.with("msg", format!("Local modifications exist in the destination: {}", dest.display()));
    }
    let other_url = git.set_url(&args.repo)?;
    let wanted = git.remote_revision(&args.version)?;
    let up_to_date = match (&wanted, &before) {
        (Revision::Known(wanted), Revision::Known(before)) => wanted == before,
        _ => false,
    };
    // Without a look at the branch it would stay on another branch of the same commit.
    if !up_to_date || other_url || modified || !git.is_on(&args.version)? {
        git.update(&args, &wanted)?;
    }
    let submodules = match args.recursive && !args.bare {
        true => git.update_submodules(&args)?,
        false => false,
    };
    let after = git.revision()?;
    let moved = before != after;
    if moved || modified || other_url || submodules {
        outcome = changed(outcome, call, before.known(), after.known());
    } else {
        outcome = outcome.with("before", before.known()).with("after", after.known());
    }
    unknown(&mut outcome, &after);
    outcome = outcome.with("remote_url_changed", other_url);
    finish(call, &args, &git, outcome)
}

fn changed(outcome: Outcome, call: &Call<'_>, before: Option<String>, after: Option<String>) -> Outcome {
    let mut outcome = outcome.with("before", before.clone()).with("after", after.clone());
    outcome.changed = true;
    if call.diff {
        let line = |revision: Option<String>| revision.map(|revision| format!("{revision}\n")).unwrap_or_default();
        outcome = outcome.with_diff(Diff::text("revision", &line(before), &line(after)));
    }
    outcome
}

fn unknown(outcome: &mut Outcome, after: &Revision) {
    if let Revision::Unknown(_) = after {
        outcome.unknown.push("after".to_owned());
    }
}

fn finish(call: &Call<'_>, args: &Args, git: &Git<'_>, mut outcome: Outcome) -> ModuleResult {
    let Some(archive) = &args.archive else { return Ok(outcome) };
    let path = host_path::absolute(call.host, archive)?;
    let name = path.to_string_lossy();
    let format = [(".tar.gz", "tar.gz"), (".tgz", "tgz"), (".tar", "tar"), (".zip", "zip")]
        .into_iter()
        .find_map(|(end, format)| name.ends_with(end).then_some(format))
        .ok_or_else(|| {
            Stop::failed(format!(
                "Unable to get file extension from archive file {name}: it must end with .zip, .tar, .tar.gz or .tgz"
            ))
        })?;
    if let Some(directory) = path.parent() {
        make_directories(call.host, directory, None)?;
    }
    let existed = call.host.files.stat(&path, true)?.is_some();
    let made = make_archive(call.host, git, args, format, &path)?;
    if made || !existed {
        outcome.changed = true;
    }
    Ok(outcome)
}

/// Writes the archive where its content is another one.
fn make_archive(host: &Host<'_>, git: &Git<'_>, args: &Args, format: &str, path: &Path) -> Result<bool, Stop> {
    let mut words = vec!["archive".to_owned(), format!("--format={format}")];
    words.extend(args.archive_prefix.as_ref().map(|prefix| format!("--prefix={prefix}")));
    words.push(args.version.clone());
    let Revision::Known(_) = git.revision()? else {
        return Err(Stop::Unknown { why: "what the archive of a repository has that is yet to be cloned".to_owned() });
    };
    let command: Command = git.command(&words);
    let made: Finished = host.processes.run(&command)?;
    if made.status != 0 {
        return Err(Stop::failed(format!("Failed to archive: {}", made.stderr_text().trim())));
    }
    let before = match host.files.stat(path, true)? {
        Some(_) => Some(host.files.read(path)?),
        None => None,
    };
    if before.as_deref() == Some(made.stdout.as_slice()) {
        return Ok(false);
    }
    host.files.write(path, &made.stdout, &crate::host::WriteOptions::default())?;
    Ok(true)
}
