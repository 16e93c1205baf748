//! `cron`: jobs and variables of crontabs.

use super::crontab::Crontab;
use super::file_content::content_diff;
use super::lineinfile::State;
use super::text_edit;
use super::{Call, Module, Rule};
use crate::args::Args as _;
use crate::host::{Command, Finished, Foresight, Host, HostResult, WriteOptions};
use crate::outcome::{ModuleResult, Outcome, Stop};
use crate::{args, choices};
use std::path::{Path, PathBuf};

choices! {
    /// A time by its name.
    pub enum SpecialTime {
        /// Once a year.
        Annually = "annually",
        /// Once a day.
        Daily = "daily",
        /// Once an hour.
        Hourly = "hourly",
        /// Once a month.
        Monthly = "monthly",
        /// At each boot.
        Reboot = "reboot",
        /// Once a week.
        Weekly = "weekly",
        /// Once a year.
        Yearly = "yearly",
    }
}

args! {
    /// What `cron` takes.
    pub struct Args {
        /// The job's description, by which it is found again; or with `env` the variable's name.
        name: String,
        /// The user whose crontab it is; with `cron_file`, the user as whom the job runs.
        user: Option<String>,
        /// The command, or with `env` the variable's value.
        [aliases = ["value"]]
        job: Option<String>,
        /// A file of its own, in `/etc/cron.d` where the path is relative, instead of the user's crontab.
        cron_file: Option<PathBuf>,
        /// Keep the old crontab in a file of the directory for temporary files.
        backup: bool = false,
        /// Whether it is to be there.
        state: State = State::Present,
        /// The minute: 0 to 59, `*`, `*/2`.
        minute: String = "*".to_owned(),
        /// The hour.
        hour: String = "*".to_owned(),
        /// The day of the month.
        [aliases = ["dom"]]
        day: String = "*".to_owned(),
        /// The month.
        month: String = "*".to_owned(),
        /// The day of the week: 0 (Sunday) to 6.
        [aliases = ["dow"]]
        weekday: String = "*".to_owned(),
        /// The time by its name.
        special_time: Option<SpecialTime>,
        /// Have the job commented out.
        disabled: bool = false,
        /// It is a variable, not a job.
        env: bool = false,
        /// Put a new variable after this one.
        insertafter: Option<String>,
        /// Put a new variable before this one.
        insertbefore: Option<String>,
    }
}

/// The declaration.
pub static MODULE: Module = Module {
    name: "cron",
    aliases: &[],
    summary: "Manage jobs and variables of crontabs",
    args: Args::specs,
    rules: &[Rule::MutuallyExclusive(&["insertafter", "insertbefore"]), Rule::RequiredIf("state", "present", &["job"])],
    free_form: None,
    run: Some(run),
};

/// Where cron keeps users' crontabs.
const SPOOLS: [&str; 2] = ["/var/spool/cron/crontabs", "/var/spool/cron"];

fn run(call: &Call<'_>) -> ModuleResult {
    let args: Args = call.args()?;
    args.check()?;
    let place = Place::new(call.host, &args)?;
    let before = place.read()?;
    let text = before.clone().unwrap_or_default();
    let present = args.state == State::Present;
    let mut tab = Crontab::parse(&text);
    let mut outcome = Outcome::ok();
    if let Place::File { shown, .. } = &place {
        let name = shown.file_name().unwrap_or_default().to_string_lossy();
        if !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-') {
            outcome = outcome.warn(format!(
                "Filename portion of cron_file (\"{name}\") should consist solely of upper- and lower-case letters, digits, \
                 underscores, and hyphens"
            ));
        }
    }
    let backup = match args.backup {
        true => Some(keep(call.host, &tab.text())?),
        false => None,
    };
    match (args.env, present) {
        (true, true) => {
            tab.set_variable(&args.name, &args.variable(), args.insertafter.as_deref(), args.insertbefore.as_deref())
                .map_err(Stop::failed)?;
        }
        (true, false) => tab.remove_variable(&args.name),
        (false, true) => tab.set_job(&args.name, &args.line()),
        (false, false) => tab.remove_job(&args.name),
    }
    let after = tab.text();
    // A table without an end of its last line is completed even where nothing else is to be done.
    outcome.changed = tab.edited || (!text.is_empty() && !text.ends_with(['\n', '\r']));
    // A file of its own goes with its last job.
    let gone = !present && !args.env && tab.edited && after.trim().is_empty();
    if let (Place::File { path, .. }, true) = (&place, gone) {
        call.host.files.remove_file(path)?;
        outcome = outcome.with("state", args.state.word());
    } else if outcome.changed {
        place.write(&after)?;
    }
    if outcome.changed && call.diff {
        let (before, after) = (before.as_deref().map(str::as_bytes), (!gone).then_some(after.as_bytes()));
        outcome.diff.push(content_diff(&place.header(), &place.header(), before, after));
    }
    outcome = outcome.with("jobs", tab.jobs()).with("envs", tab.variables());
    if let Some(backup) = backup {
        outcome = outcome.with("backup_file", backup.to_string_lossy());
    }
    if let Some(file) = args.cron_file {
        outcome = outcome.with("cron_file", file.to_string_lossy());
    }
    Ok(outcome)
}

fn keep(host: &Host<'_>, text: &str) -> HostResult<PathBuf> {
    let path = host.files.create_temporary(&host.files.temporary_dir(), "crontab", "", false)?;
    host.files.write(&path, text.as_bytes(), &WriteOptions::default())?;
    Ok(path)
}

impl Args {
    fn check(&self) -> Result<(), Stop> {
        let present = self.state == State::Present;
        let times = [&self.minute, &self.hour, &self.day, &self.month, &self.weekday];
        let wrong = if self.special_time.is_some() && times.iter().any(|time| *time != "*") {
            "You must specify time and date fields or special time."
        } else if self.cron_file.is_some() && present && self.user.is_none() {
            "To use cron_file=... parameter you must specify user=... as well"
        } else if present && self.job.is_none() {
            "You must specify 'job' to install a new cron job or variable"
        } else if !self.env && (self.insertafter.is_some() || self.insertbefore.is_some()) {
            "Insertafter and insertbefore parameters are valid only with env=yes"
        } else if self.job.as_deref().is_some_and(|job| job.trim_matches(['\n', '\r']).contains(['\n', '\r'])) {
            "`job` must not contain line breaks: a crontab has a line for each job"
        } else {
            return Ok(());
        };
        Err(Stop::failed(wrong))
    }

    fn variable(&self) -> String {
        format!("{}=\"{}\"", self.name, self.job.as_deref().unwrap_or_default())
    }

    fn line(&self) -> String {
        let mut words = match self.special_time {
            Some(time) => vec![format!("@{}", time.word())],
            None => [&self.minute, &self.hour, &self.day, &self.month, &self.weekday].map(Clone::clone).to_vec(),
        };
        words.extend(self.user.clone().filter(|_| self.cron_file.is_some()));
        words.push(self.job.as_deref().unwrap_or_default().trim_matches(['\r', '\n']).to_owned());
        format!("{}{}", if self.disabled { "#" } else { "" }, words.join(" "))
    }
}

/// Where a crontab is.
enum Place<'a> {
    /// In a file of its own.
    File { host: &'a Host<'a>, shown: PathBuf, path: PathBuf },
    /// In cron's spool, to be had by `crontab`.
    User { host: &'a Host<'a>, user: Option<String> },
}

impl<'a> Place<'a> {
    fn new(host: &'a Host<'a>, args: &Args) -> Result<Place<'a>, Stop> {
        match &args.cron_file {
            Some(file) => {
                let shown = Path::new("/etc/cron.d").join(file);
                let path = text_edit::read(host, &shown)?.path;
                Ok(Place::File { host, shown, path })
            }
            None => {
                if let Some(user) = &args.user {
                    host.accounts.known_user(user)?;
                }
                Ok(Place::User { host, user: args.user.clone() })
            }
        }
    }

    fn header(&self) -> String {
        match self {
            Place::File { shown, .. } => shown.to_string_lossy().into_owned(),
            Place::User { user: Some(user), .. } => format!("crontab of {user}"),
            Place::User { user: None, .. } => "crontab".to_owned(),
        }
    }

    fn argv(&self, action: &str) -> Vec<String> {
        let mut argv = vec!["crontab".to_owned()];
        if let Place::User { user: Some(user), .. } = self {
            argv.extend(["-u".to_owned(), user.clone()]);
        }
        argv.push(action.to_owned());
        argv
    }

    fn read(&self) -> Result<Option<String>, Stop> {
        match self {
            Place::File { host, path, .. } => match host.files.stat(path, true)? {
                None => Ok(None),
                Some(_) => Ok(Some(String::from_utf8_lossy(&host.files.read(path)?).into_owned())),
            },
            Place::User { host, .. } => {
                if host.processes.which("crontab")?.is_none() {
                    return Err(Stop::failed("there is no program `crontab` on this host; install the package cron"));
                }
                let finished = host.processes.run(&Command::reading(self.argv("-l")))?;
                match finished.status {
                    0 => Ok(Some(finished.stdout_text())),
                    1 => Ok(None),
                    _ => Err(Stop::failed(format!("Unable to read crontab: {}", finished.stderr_text().trim()))),
                }
            }
        }
    }

    fn write(&self, text: &str) -> Result<(), Stop> {
        match self {
            Place::File { host, path, .. } => {
                if let Some(directory) = path.parent() {
                    super::file_content::make_directories(host, directory, None)?;
                }
                let new = host.files.stat(path, true)?.is_none();
                let options = WriteOptions { mode: new.then_some(0o644), ..WriteOptions::default() };
                Ok(host.files.write(path, text.as_bytes(), &options)?)
            }
            Place::User { host, .. } => {
                let mut command = Command::changing(self.argv("-"), "what crontab makes of the table");
                command.stdin = text.as_bytes().to_vec();
                let finished = host.processes.perform(&command, &|foresight| self.foresee(foresight, text))?;
                match finished.status {
                    0 => Ok(()),
                    _ => Err(Stop::failed(format!("crontab refused the table: {}", finished.stderr_text().trim()))),
                }
            }
        }
    }

    /// `crontab -l` says so from then on, and the file in the spool, to which crontab adds lines of its own, is there.
    fn foresee(&self, foresight: &dyn Foresight, text: &str) -> HostResult<Finished> {
        let Place::User { host, user } = self else { return Ok(Finished::saying("")) };
        let me = host.accounts.whoami()?;
        let owner = match user {
            Some(name) if *name != me.name => {
                foresight.must_be_root("changing another user's crontab")?;
                host.accounts.known_user(name)?
            }
            _ => me.clone(),
        };
        let argv = self.argv("-l");
        foresight.program_says(&argv.iter().map(String::as_str).collect::<Vec<_>>(), Finished::saying(text))?;
        let spool = SPOOLS.map(Path::new).into_iter().find(|path| matches!(host.files.stat(path, true), Ok(Some(_))));
        if let Some(spool) = spool.filter(|_| me.uid == 0) {
            let file = spool.join(&owner.name);
            let gid = host.accounts.group("crontab")?.map(|group| group.gid);
            let options = WriteOptions { mode: Some(0o600), uid: Some(owner.uid), gid, ..WriteOptions::default() };
            host.files.write(&file, text.as_bytes(), &options)?;
            foresight.hide(&file, false, "the lines that crontab puts before the table")?;
        }
        Ok(Finished::saying(""))
    }
}
